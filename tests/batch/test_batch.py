"""Many edits: the same files as one by one, done once, failures that stop nothing, and kills that lose nothing."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from v2m_bridge.batch.local import LocalDistributor
from v2m_bridge.batch.plan import BatchItem, plan_batch
from v2m_bridge.batch.record import BatchRecord, read_record
from v2m_bridge.batch.run import run_batch
from v2m_bridge.batch.work import work
from v2m_bridge.cli.main import app
from v2m_bridge.compose.engine import Engine
from v2m_bridge.demo.edit import write_edit
from v2m_bridge.errors import InputError, SetupError

QUICK = {"texture": "figures", "themes": False, "candidates": 1}
"""Options of a score that takes no player."""


def edit(folder: Path, name: str, start: int = 0) -> Path:
    """A small edit without media, whose clips begin at frame ``start`` of theirs."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.otio"
    write_edit(path, [start] * 8, 1)
    path.write_text(path.read_text(encoding="utf-8").replace("demo_footage", "offline"), encoding="utf-8")
    return path


class InThisProcess:
    """Scores in the tests' own process; remembers what it was given."""

    def __init__(self) -> None:
        self.given: list[str] = []

    def run(self, items: Sequence[BatchItem], out: Path) -> Iterator[BatchRecord]:
        for item in items:
            self.given.append(item.name)
            yield work(item, out, Engine())

    def close(self) -> None: ...


def deadly_work(item: BatchItem, out: Path) -> BatchRecord:
    """Like ``work_in_process``, but film2 takes its process with it, and the others write nothing."""
    if item.name == "film2":
        os.kill(os.getpid(), signal.SIGKILL)
    return BatchRecord(name=item.name, edit=str(item.edit), fingerprint=item.fingerprint, state="done")


def batch(out: Path, items: Sequence[BatchItem], **more: Any) -> list[str]:
    """Run it here; the names that were scored."""
    here = InThisProcess()
    run_batch(items, out, here, **more)
    return here.given


# ---------------------------------------------------------------- what is to be done


def test_inputs_are_files_folders_patterns_and_manifests(tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        edit(tmp_path / "films", name)
    edit(tmp_path / "films" / "more", "a", 8)
    (tmp_path / "films" / "notes.txt").write_text("no edit")
    films = tmp_path / "films"
    assert [i.name for i in plan_batch([str(films)])] == ["films_a", "b", "c", "more_a"]
    assert [i.name for i in plan_batch([str(films / "[bc].otio"), str(films / "b.otio")])] == ["b", "c"]
    (tmp_path / "list.csv").write_text(
        'edit,name,tempo,mood,options\nfilms/a.otio,1m1,96,sad,\nfilms/b.otio,1m2,,,"{""seed"": 7}"\n', encoding="utf-8"
    )
    first, second = plan_batch([str(tmp_path / "list.csv")], {"seed": 3})
    assert (first.name, first.options.fit.bpm, first.options.direction.mood, first.options.direction.seed) == (
        "1m1", 96, "sad", 3,
    )  # fmt: skip
    assert (second.name, second.options.direction.seed) == ("1m2", 7)
    (tmp_path / "list.jsonl").write_text('{"edit": "films/c.otio", "options": {"key": "A minor"}}\n', encoding="utf-8")
    assert plan_batch([str(tmp_path / "list.jsonl")])[0].options.direction.key == "A minor"


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("l.csv", "film\nx.otio\n", "names no edit"),
        ("l.csv", "edit,temp\nx.otio,96\n", "'temp'"),
        ("l.csv", "edit,options\nx.otio,{]\n", "no JSON"),
        ("l.csv", "edit,tempo\nx.otio,9999\n", "tempo"),
        ("l.jsonl", "[1]\n", "no JSON object"),
        ("l.jsonl", "{\n", "line 1"),
    ],
)
def test_a_manifest_that_cannot_be_read_names_the_line(tmp_path: Path, name: str, text: str, said: str) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=said):
        plan_batch([str(tmp_path / name)])


def test_names_are_plain_and_each_another_one(tmp_path: Path) -> None:
    (tmp_path / "l.jsonl").write_text(
        "".join(json.dumps({"edit": "x.otio", "name": n, "options": {"seed": i}}) + "\n" for i, n in enumerate(
            ["../up", "a/b", "CON", "same", "Same", ""]
        )),
        encoding="utf-8",
    )  # fmt: skip
    names = [item.name for item in plan_batch([str(tmp_path / "l.jsonl")])]
    assert names == ["_up", "a_b", "_CON", "same", "Same-2", "x"]


def test_nothing_to_do_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for inputs in ([str(tmp_path / "empty")], [str(tmp_path / "*.otio")], [str(tmp_path / "gone.otio")]):
        with pytest.raises(InputError):
            plan_batch(inputs)


# ---------------------------------------------------------------- what is done


def test_each_folder_has_the_bytes_of_score(tmp_path: Path) -> None:
    film = edit(tmp_path, "film")
    (tmp_path / "o.json").write_text(json.dumps(QUICK), encoding="utf-8")
    runner = CliRunner()
    arguments = ["batch", str(film), "--out", str(tmp_path / "all"), "--options", str(tmp_path / "o.json"), "--json"]
    told = json.loads(runner.invoke(app, arguments).stdout)
    assert told["schema"] == "v2m.batch/1" and told["summary"]["done"] == 1
    alone = ["--texture", "figures", "--no-theme", "--candidates", "1", "--json"]
    assert runner.invoke(app, ["score", str(film), "--out", str(tmp_path / "one"), *alone]).exit_code == 0
    names = {p.name for p in (tmp_path / "one").iterdir() if not p.name.startswith(".")}
    assert {"score.json", "score.mid", "score.rpp", "cuesheet.html"} <= names
    for name in names:
        assert (tmp_path / "all" / "film" / name).read_bytes() == (tmp_path / "one" / name).read_bytes(), name


def test_what_is_done_is_done_once_and_a_change_is_done_again(tmp_path: Path) -> None:
    films = [edit(tmp_path, name) for name in ("a", "b")]
    texts, out = [str(film) for film in films], tmp_path / "out"
    assert batch(out, plan_batch(texts, QUICK)) == ["a", "b"]
    assert batch(out, plan_batch(texts, QUICK)) == []
    edit(tmp_path, "b", 9)
    assert batch(out, plan_batch(texts, QUICK)) == ["b"]
    assert batch(out, plan_batch(texts, {**QUICK, "seed": 2})) == ["a", "b"]
    (out / "a" / "score.json").unlink()
    assert batch(out, plan_batch(texts, {**QUICK, "seed": 2})) == ["a"]
    assert batch(out, plan_batch(texts, {**QUICK, "seed": 2}), resume=False) == ["a", "b"]


def test_a_failure_stops_nothing_and_is_repeated_when_asked(tmp_path: Path) -> None:
    good, bad = edit(tmp_path, "good"), tmp_path / "=bad.otio"
    bad.write_text("{}", encoding="utf-8")
    items, out = plan_batch([str(bad), str(good)], QUICK), tmp_path / "out"
    assert batch(out, items) == ["=bad", "good"]
    record = read_record(out / "=bad")
    assert record and record.state == "failed" and "bad.otio" in record.error
    assert not (out / "=bad" / "score.json").exists()
    assert batch(out, items) == []
    assert batch(out, items, retry_failed=True) == ["=bad"]
    document = json.loads((out / "batch.json").read_text(encoding="utf-8"))
    assert {k: document["summary"][k] for k in ("items", "done", "failed")} == {"items": 2, "done": 1, "failed": 1}
    rows = list(csv.DictReader((out / "batch.csv").read_text(encoding="utf-8").splitlines()))
    assert rows[0]["name"] == "'=bad" and rows[1]["state"] == "done"
    page = (out / "index.html").read_text(encoding="utf-8")
    assert 'href="good/cuesheet.html"' in page and "1 of 2 edits scored" in page


def test_the_command_ends_with_two_and_one_line_when_an_edit_failed(tmp_path: Path) -> None:
    (tmp_path / "bad.otio").write_text("{}", encoding="utf-8")
    done = CliRunner().invoke(app, ["batch", str(tmp_path / "bad.otio"), "--out", str(tmp_path / "out")])
    assert done.exit_code == 2 and "1 edit could not be scored" in done.stderr


def test_a_full_disk_costs_the_edit_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import v2m_bridge.batch.work as at_work

    write = at_work.write_score_files

    def full(score: Any, folder: Path) -> Any:
        if folder.name == "a":
            raise OSError(28, "No space left on device")
        return write(score, folder)

    monkeypatch.setattr(at_work, "write_score_files", full)
    batch(tmp_path / "out", plan_batch([str(edit(tmp_path, n)) for n in ("a", "b")], QUICK))
    first, second = (read_record(tmp_path / "out" / name) for name in ("a", "b"))
    assert first and "the disk is full" in first.error and second and second.state == "done"


def test_two_batches_never_work_in_one_folder(tmp_path: Path) -> None:
    items = plan_batch([str(edit(tmp_path, "a"))], QUICK)

    class Nosy(InThisProcess):
        def run(self, items: Sequence[BatchItem], out: Path) -> Iterator[BatchRecord]:
            with pytest.raises(InputError, match="another batch"):
                run_batch(items, out, InThisProcess())
            yield from super().run(items, out)

    run_batch(items, tmp_path / "out", Nosy())


def test_ray_is_refused_in_words(tmp_path: Path) -> None:
    refused = CliRunner().invoke(app, ["batch", str(edit(tmp_path, "a")), "--out", str(tmp_path), "--engine", "ray"])
    assert isinstance(refused.exception, SetupError) or "this version" in refused.output


# ---------------------------------------------------------------- kills


@pytest.mark.skipif(os.name != "posix", reason="kill -9")
def test_a_killed_worker_costs_nothing_but_time(tmp_path: Path) -> None:
    items = plan_batch([str(edit(tmp_path, f"film{n}", 4 + n)) for n in range(6)], QUICK)
    distributor = LocalDistributor(2, Engine())
    killed: list[int] = []

    def kill_one(record: BatchRecord, done: int, total: int) -> None:
        pool = distributor._pool
        if not killed and pool is not None:
            victim = next(iter(pool._processes.values()))
            killed.append(victim.pid or 0)
            os.kill(killed[0], signal.SIGKILL)

    told: list[str] = []

    def tell(record: BatchRecord, done: int, total: int) -> None:
        told.append(record.name)
        kill_one(record, done, total)

    report = run_batch(items, tmp_path / "out", distributor, told=tell)
    assert killed and [record.state for record in report.records] == ["done"] * 6
    assert sorted(told) == sorted(item.name for item in items), "each is told of once"
    alone = tmp_path / "alone"
    batch(alone, items)
    for item in items:
        name = f"{item.name}/score.json"
        assert (tmp_path / "out" / name).read_bytes() == (alone / name).read_bytes()


@pytest.mark.skipif(os.name != "posix", reason="kill -9")
def test_an_edit_that_kills_its_process_fails_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    items = plan_batch([str(edit(tmp_path, f"film{n}", n)) for n in range(4)], QUICK)
    monkeypatch.setattr("v2m_bridge.batch.local.work_in_process", deadly_work)
    report = run_batch(items, tmp_path / "out", LocalDistributor(2, Engine()))
    assert [record.state for record in report.records] == ["done", "done", "failed", "done"]
    assert "again and again" in report.records[2].error


@pytest.mark.skipif(os.name != "posix", reason="kill -9")
def test_a_killed_driver_goes_on_where_it_was(tmp_path: Path) -> None:
    films = [str(edit(tmp_path, f"film{n}", 4 + n)) for n in range(5)]
    (tmp_path / "o.json").write_text(json.dumps(QUICK), encoding="utf-8")
    out = tmp_path / "out"
    command = [sys.executable, "-m", "v2m_bridge", "batch", *films, "--out", str(out), "--jobs", "1"]
    command += ["--options", str(tmp_path / "o.json")]
    driver = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    until = time.monotonic() + 200
    while not read_record(out / "film1") and time.monotonic() < until:
        time.sleep(0.05)
    os.killpg(driver.pid, signal.SIGKILL)
    driver.wait()
    first = {name: read_record(out / name) for name in ("film0", "film1")}
    assert all(record and record.state == "done" for record in first.values())
    subprocess.run(command, check=True, capture_output=True)
    assert all((out / f"film{n}" / "score.json").is_file() for n in range(5))
    assert {name: read_record(out / name) for name in first} == first, "what was done is not done again"
