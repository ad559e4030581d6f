"""A full disk, a store that fails, damaged rows, a job that hangs: nothing is lost, and health says what is wrong."""

from __future__ import annotations

import errno
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from daemon_world import World, config, otio, running_daemon

from v2m_bridge.cli import main as cli
from v2m_bridge.compose.stages import STAGES
from v2m_bridge.daemon import housekeeping
from v2m_bridge.daemon.config import RequestLimits
from v2m_bridge.daemon.jobs.job import NewJob, Outcome, State, Summary, new_id
from v2m_bridge.daemon.jobs.store import JobStore
from v2m_bridge.daemon.service import Service
from v2m_bridge.daemon.worker.patience import STAGE_PATIENCE_S, Pause, Watchdog
from v2m_bridge.errors import DiskFull, InputError, SetupError
from v2m_bridge.files.staging import staged
from v2m_bridge.files.whole import whole_file
from v2m_bridge.options import ScoreOptions


def until(fact: Callable[[], object], within_s: float = 60.0) -> None:
    """Wait for a fact to become true."""
    end = time.monotonic() + within_s
    while not fact():
        assert time.monotonic() < end, "it did not come about"
        time.sleep(0.02)


def health(world: World) -> dict[str, object]:
    answer = world.http.get("/v1/health")
    assert answer.status_code == 200
    found: dict[str, object] = answer.json()
    return found


@contextmanager
def failing_store(world: World) -> Iterator[None]:
    """While it lasts, the daemon's own connection to the queue refuses every write."""
    db = world.daemon.service.store._db
    db.execute("PRAGMA query_only = ON")
    try:
        yield
    finally:
        db.execute("PRAGMA query_only = OFF")


def test_a_store_that_fails_while_scoring_loses_nothing(tmp_path: Path) -> None:
    with running_daemon(config(tmp_path)) as world:
        jobs = [world.submit(f"cue {n}", step_s=0.05) for n in range(4)]
        world.wait(jobs[0], "running")
        with failing_store(world):
            until(lambda: health(world)["status"] == "degraded")
            assert "readonly" in str(health(world)["warning"])
            refused = world.http.post("/v1/scores", json={"timeline": otio("refused")})
            assert refused.status_code == 503 and refused.json()["error"]["code"] == "store_unavailable"
            assert refused.headers["retry-after"] == "5"
        assert [world.wait(job)["state"] for job in jobs] == ["done"] * 4
        until(lambda: health(world)["status"] == "ok")
        names = [job.name for job in world.daemon.service.store.newest(100)]
        assert sorted(names) == [f"cue {n}" for n in range(4)]
        for job in jobs:
            assert [event.kind for event in world.daemon.service.store.events(job)].count("done") == 1


def test_a_full_disk_is_answered_with_507(tmp_path: Path) -> None:
    with running_daemon(config(tmp_path)) as world:
        hanging = [world.submit("first", step_s=1.0), world.submit("second", step_s=1.0)]
        db = world.daemon.service.store._db
        db.execute(f"PRAGMA max_page_count = {db.execute('PRAGMA page_count').fetchone()[0]}")
        statuses = [world.http.post("/v1/scores", json={"timeline": otio(f"n {n}")}).status_code for n in range(40)]
        assert set(statuses) == {202, 507}
        refused = world.http.post("/v1/scores", json={"timeline": otio("more")}).json()["error"]
        assert refused["code"] == "disk_full" and "the disk is full" in refused["message"]
        until(lambda: health(world)["status"] == "degraded")
        db.execute("PRAGMA max_page_count = 1000000")
        accepted = [job.id for job in world.daemon.service.store.newest(100)]
        assert len(accepted) == 2 + statuses.count(202)
        assert {world.wait(job)["state"] for job in (*hanging, *accepted)} == {"done"}
        folders = {path.name for path in world.daemon.config.scores.iterdir() if not path.name.startswith(".")}
        assert folders == set(accepted), "what was refused left nothing behind"


def test_a_score_that_meets_a_full_disk_is_made_later(tmp_path: Path) -> None:
    with running_daemon(config(tmp_path)) as world:
        unlucky = world.submit("unlucky", do="disk full once")
        status = world.wait(unlucky)
        assert (status["state"], status["attempt"]) == ("done", 1)
        until(lambda: health(world)["status"] == "ok")


def test_a_score_that_fills_the_disk_each_time_fails_and_the_others_go_on(tmp_path: Path) -> None:
    with running_daemon(config(tmp_path)) as world:
        greedy = world.submit("greedy", do="disk full")
        other = world.submit("other")
        status = world.wait(greedy)
        assert (status["state"], status["error"]["code"]) == ("failed", "disk_full")
        assert "the disk is full" in status["error"]["message"]
        assert world.wait(other)["state"] == "done"


POISON = {
    "options": "{not json",
    "options of another version": '{"direction": {"mood": 5, "colour": 1}}',
    "state": "resting",
    "error": "[1]",
    "artifacts": "{}",
    "summary": "7",
    "push": '{"state": "gone"}',
}


def test_an_unreadable_row_fails_alone(tmp_path: Path) -> None:
    with running_daemon(config(tmp_path)) as world:
        busy = [world.submit(f"busy {n}", step_s=0.1) for n in range(2)]
        poisoned = {kind: world.submit(f"poisoned {kind}") for kind in POISON}
        good = [world.submit(f"good {n}") for n in range(3)]
        with sqlite3.connect(tmp_path / "jobs.sqlite") as database:
            for kind, job in poisoned.items():
                sql = f"UPDATE jobs SET {kind.split()[0]} = ? WHERE id = ? AND state = 'queued'"
                assert database.execute(sql, (POISON[kind], job)).rowcount == 1
            bytes_as_text = "UPDATE jobs SET name = CAST(x'ff41' AS TEXT) WHERE id = ?"
            assert database.execute(bytes_as_text, (good[0],)).rowcount == 1
        database.close()
        assert [world.wait(job)["state"] for job in (*busy, *good)] == ["done"] * 5
        for job in poisoned.values():
            status = world.status(job)
            assert (status["state"], status["error"]["code"]) == ("failed", "unreadable")
        assert len(world.http.get("/v1/scores").json()["scores"]) == 5 + len(POISON)
        assert health(world)["status"] == "ok"
    with running_daemon(config(tmp_path)) as world:
        counts = world.http.get("/v1/health").json()["jobs"]
        assert counts["failed"] == len(POISON) and counts["done"] == 5
        world.http.delete(f"/v1/scores/{poisoned['state']}", params={"purge": True})
        assert world.http.get(f"/v1/scores/{poisoned['state']}").status_code == 404


def test_the_oldest_score_is_the_first_asked_for_whatever_the_clock_said(tmp_path: Path) -> None:
    store = JobStore(tmp_path / "jobs.sqlite")
    summary = Summary(
        name="n", key="A minor", seed=1, checkpoint="c", duration_s=1, cuts=0, hits=0, landed=0, landed_share=1,
        min_bpm=90, max_bpm=90, chords=1,
    )  # fmt: skip
    ids = []
    for _ in range(4):
        job = store.add(NewJob(new_id(), "n", "/n", "http", ScoreOptions()), 10)
        store.start(job.id)
        store.done(job.id, Outcome(artifacts=(), summary=summary))
        ids.append(job.id)
    with sqlite3.connect(tmp_path / "jobs.sqlite") as database:
        for day, job_id in zip((0, -10, 10, -5), ids, strict=True):
            database.execute("UPDATE jobs SET finished_s = finished_s + ? WHERE id = ?", (day * 86400, job_id))
    database.close()
    assert store.surplus(keep_jobs=2, keep_bytes=1) == [ids[1], ids[0]]
    store.close()


@pytest.mark.parametrize("name", ["scores", "inbox", "outbox", "cache"])
def test_a_file_in_place_of_a_folder_is_said_at_the_start(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("in the way", encoding="utf-8")
    with pytest.raises(SetupError, match=f"{name} is a file and has to be a folder"):
        Service(config(tmp_path), lambda job, folder: "")


def test_a_job_that_hangs_fails_with_its_stage_and_the_queue_goes_on(tmp_path: Path) -> None:
    with running_daemon(config(tmp_path, lanes=1, limits=RequestLimits(patience=0.001))) as world:
        hanging = world.submit("hanging", do="hang")
        later = world.submit("later")
        status = world.wait(hanging)
        assert (status["state"], status["error"]["code"]) == ("failed", "stuck")
        assert "'footage'" in status["error"]["message"]
        assert world.wait(later)["state"] == "done"


def test_of_two_silent_jobs_the_one_that_was_silent_first_is_blamed() -> None:
    now = 0.0
    watchdog = Watchdog(clock=lambda: now)
    watchdog.saw("first", "chords")
    now = 5.0
    watchdog.saw("waits for it", "chords")
    assert watchdog.stuck() is None and watchdog.next_deadline() == STAGE_PATIENCE_S["chords"]
    now = 10 * STAGE_PATIENCE_S["chords"]
    assert watchdog.stuck() == "first"
    watchdog.saw("first", "parts")
    assert watchdog.stuck() == "waits for it"
    watchdog.forget("waits for it")
    assert watchdog.stuck() is None
    assert {stage.name for stage in STAGES} | {""} == set(STAGE_PATIENCE_S)


def test_a_pause_grows_to_its_limit_and_starts_anew() -> None:
    now = 0.0
    pause = Pause(clock=lambda: now)
    lengths = []
    for _ in range(8):
        pause.begin("full")
        lengths.append(pause.left_s)
    assert lengths == [0.5, 1, 2, 4, 8, 10, 10, 10]
    pause.over()
    assert pause.left_s == 0 and not pause.reason
    pause.begin("full")
    assert pause.left_s == 0.5


def no_room(*_: object, **__: object) -> None:
    raise OSError(errno.ENOSPC, "No space left on device", "score.mid")


def test_every_writer_says_that_the_disk_is_full(tmp_path: Path) -> None:
    with pytest.raises(DiskFull, match="the disk is full"), whole_file(tmp_path / "a.json"):
        no_room()
    with pytest.raises(DiskFull, match="nothing was written"), staged(tmp_path / "out"):
        no_room()
    with pytest.raises(InputError, match="Permission denied") as other, whole_file(tmp_path / "a.json"):
        raise PermissionError(errno.EACCES, "Permission denied")
    assert not isinstance(other.value, DiskFull)
    assert list(tmp_path.iterdir()) == []


def test_the_command_line_calls_a_full_disk_by_its_name(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "x.otio").touch()
    monkeypatch.setattr("v2m_bridge.edits.otio.read_otio.read_otio", no_room)
    monkeypatch.setattr("v2m_bridge.edits.read_edit.read_edit", no_room)
    with pytest.raises(SystemExit) as ended:
        cli.main(["timeline", str(tmp_path / "x.otio")])
    said = capsys.readouterr().err
    assert ended.value.code == 2 and "the disk is full" in said and "internal error" not in said


@pytest.mark.parametrize(("name", "value"), [("V2M_PORT", "abc"), ("V2M_OSC_PORT", "70000"), ("V2M_MEDIA_ROOTS", "[a")])
def test_a_variable_that_cannot_be_used_is_named(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setenv("V2M_HOME", str(tmp_path))
    monkeypatch.setenv(name, value)
    with pytest.raises(SystemExit) as ended:
        cli.main(["serve"])
    said = capsys.readouterr().err
    assert ended.value.code == 2 and said.count("\n") == 1 and name in said


def test_an_upload_in_progress_outlives_the_sweep(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("v2m_bridge.daemon.service.UPLOAD_LIFE_S", -1.0)
    service = Service(config(tmp_path), lambda job, folder: "")
    try:
        slow, path = service.new_upload("slow.mp4")
        received, _ = service.new_upload("sent.mp4")
        service.upload_received(received)
        service.new_upload("next.mp4")
        assert path.parent.is_dir() and not (service.uploads / received).exists()
        service.upload_received(slow)
        service.new_upload("one more.mp4")
        assert not path.parent.exists()
    finally:
        service.store.close()


def test_again_and_the_queue_obey_the_folders_of_today(tmp_path: Path) -> None:
    edits = tmp_path / "edits"
    edits.mkdir()
    edit = edits / "reel.otio"
    edit.write_text('{"OTIO_SCHEMA": "Timeline.1", "name": "reel", "step_s": 0.2}', encoding="utf-8")
    home = tmp_path / "home"
    with running_daemon(config(home, lanes=1, edit_roots=(edits,))) as world:
        ids = [world.http.post("/v1/scores", json={"timeline_path": str(edit)}).json()["id"] for _ in range(3)]
        world.wait(ids[0])
    with running_daemon(config(home, lanes=1)) as world:
        answer = world.http.post("/v1/scores", json={"again": ids[0]})
        assert answer.status_code == 403 and answer.json()["error"]["code"] == "path_not_allowed"
        status = world.wait(ids[2])
        assert (status["state"], status["error"]["code"]) == ("failed", "path_not_allowed")
        assert world.status(ids[0])["state"] == State.DONE


def test_the_limit_of_room_counts_uploads_and_finds_orphans(tmp_path: Path) -> None:
    limits = RequestLimits(keep_bytes=300_000)
    with running_daemon(config(tmp_path, limits=limits)) as world:
        jobs = [world.submit(f"n{n}", ballast="x" * 600) for n in range(3)]  # about 40 kB each
        for job in jobs:
            world.wait(job)
        scores = world.daemon.config.scores
        half, whole = scores / "0123456789ab", scores / "ba9876543210"
        for folder, inside in ((half, "source"), (whole, "out")):
            (folder / inside).mkdir(parents=True)
            (folder / inside / "film.mp4").write_bytes(bytes(20_000))
        world.daemon.service.tidy()
        assert not half.exists() and whole.exists(), "a finished score stays while there is room"
        assert world.daemon.service.store.ids() == jobs
        sent = world.http.post("/v1/uploads", params={"name": "a.mp4"}, content=bytes(230_000))
        assert sent.status_code == 201
        assert not whole.exists()
        left = world.daemon.service.store.ids()
        assert left == jobs[-len(left) :] and len(left) < 3
        full = world.http.post("/v1/uploads", params={"name": "b.mp4"}, content=bytes(100_000))
        assert full.status_code == 201 and world.daemon.service.store.ids() == []
        refused = world.http.post("/v1/uploads", params={"name": "c.mp4"}, content=b"x")
        assert refused.status_code == 429 and refused.json()["error"]["code"] == "queue_full"
        assert {path.name for path in scores.iterdir() if not path.name.startswith(".")} == set()


def test_a_score_that_is_just_being_taken_in_is_no_orphan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The folder appears after the tidying has begun, and its row after that."""
    service = Service(config(tmp_path), lambda job, folder: "")
    real = housekeeping.folder_bytes
    kept: list[bool] = []
    try:
        (service.config.scores / "0123456789ab" / "source").mkdir(parents=True)

        def begin(folder: Path) -> int:
            service._being_made.add("0123456789ab")
            return real(folder)

        monkeypatch.setattr(housekeeping, "folder_bytes", begin)
        service.tidy()
        kept.append((service.config.scores / "0123456789ab").exists())
        service._being_made.clear()
        monkeypatch.setattr(housekeeping, "folder_bytes", real)
        service.tidy()
        kept.append((service.config.scores / "0123456789ab").exists())
    finally:
        service.store.close()
    assert kept == [True, False]
