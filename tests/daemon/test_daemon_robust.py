"""Kills at random moments, strange files in the inbox, strange requests. ``V2M_LONG=1`` takes the full counts."""

from __future__ import annotations

import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import httpx
import pytest
import schemathesis
from daemon_world import HERE, TOKEN, World, config, free_port, otio, running_daemon
from hypothesis import HealthCheck, given, seed, settings

from v2m_bridge.daemon.config import DaemonConfig
from v2m_bridge.daemon.inbox import folder as inbox
from v2m_bridge.daemon.jobs.job import State
from v2m_bridge.daemon.jobs.store import JobStore
from v2m_bridge.daemon.worker.process import OUTCOME_FILE
from v2m_bridge.errors import SetupError
from v2m_bridge.files.lock import hold

LONG = bool(os.environ.get("V2M_LONG"))
KILLS = 50 if LONG else 4
STRANGE_FILES = 200 if LONG else 16
EXAMPLES = 300 if LONG else 10

SERVE = """
import sys
from pathlib import Path
from daemon_world import config
from v2m_bridge.daemon import logs
from v2m_bridge.daemon.server import run
logs.set_up("info")
run(config(Path(sys.argv[1]), port=int(sys.argv[2])))
"""


# -- kills


@dataclass
class Customer:
    """Keeps asking for scores through every outage, each with a key of its own, as the small client does."""

    port: int
    accepted: dict[str, str] = field(default_factory=dict)
    stop: threading.Event = field(default_factory=threading.Event)

    def served_until(self, count: int, within_s: float = 90.0) -> None:
        until = time.monotonic() + within_s
        while len(self.accepted) < count and time.monotonic() < until:
            time.sleep(0.02)

    def run(self) -> None:
        number = 0
        while not self.stop.is_set():
            name = f"cue {number}"
            body = {"timeline": otio(name, step_s=0.02)}
            headers = {"authorization": f"Bearer {TOKEN}", "idempotency-key": name}
            try:
                url = f"http://127.0.0.1:{self.port}/v1/scores"
                answer = httpx.post(url, json=body, headers=headers, timeout=20)
            except httpx.TransportError:
                time.sleep(0.02)
                continue
            if answer.status_code == 202:
                self.accepted[name] = answer.json()["id"]
                number += 1
            time.sleep(0.01)


def start(home: Path, port: int, stderr: IO[bytes] | None = None) -> subprocess.Popen[bytes]:
    path = os.pathsep.join([HERE, *os.environ.get("PYTHONPATH", "").split(os.pathsep), str(Path(HERE).parent)])
    command = [sys.executable, "-c", SERVE, str(home), str(port)]
    return subprocess.Popen(command, env={**os.environ, "PYTHONPATH": path}, stderr=stderr)


def wait_until_up(port: int, within_s: float = 90.0) -> None:
    until = time.monotonic() + within_s
    while time.monotonic() < until:
        try:
            httpx.get(f"http://127.0.0.1:{port}/v1/health", timeout=2)
            return
        except httpx.TransportError:
            time.sleep(0.02)
    raise AssertionError("the daemon did not come up")


def assert_scores_are_whole(home: Path) -> int:
    """Every finished score has all its files at their full size; returns how many there are."""
    outs = list((home / "scores").glob("*/out"))
    for out in outs:
        outcome = json.loads((out / OUTCOME_FILE).read_text(encoding="utf-8"))
        sizes = {path.name: path.stat().st_size for path in out.iterdir() if path.name != OUTCOME_FILE}
        assert sizes == {artifact["name"]: artifact["bytes"] for artifact in outcome["artifacts"]}
    return len(outs)


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="kill -9")
def test_kills_lose_nothing_and_do_nothing_twice(tmp_path: Path) -> None:
    rng = random.Random(9)
    port = free_port()
    customer = Customer(port)
    thread = threading.Thread(target=customer.run)
    thread.start()
    try:
        for turn in range(KILLS):
            daemon = start(tmp_path, port)
            wait_until_up(port)
            if turn % 2:  # every other life is long enough for at least one request, however busy the machine is
                customer.served_until(len(customer.accepted) + 1)
            time.sleep(rng.uniform(0.0, 1.5))
            daemon.send_signal(signal.SIGKILL)
            daemon.wait()
            assert_scores_are_whole(tmp_path)
            with sqlite3.connect(f"file:{tmp_path}/jobs.sqlite?mode=ro", uri=True) as database:
                assert database.execute("PRAGMA quick_check").fetchone() == ("ok",)
            database.close()
    finally:
        customer.stop.set()
        thread.join()
    daemon = start(tmp_path, port)
    wait_until_up(port)
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", headers={"authorization": f"Bearer {TOKEN}"}) as http:
        until = time.monotonic() + 60
        while time.monotonic() < until:
            jobs = http.get("/v1/health").json()["jobs"]
            if jobs["queued"] == jobs["running"] == 0:
                break
            time.sleep(0.1)
    daemon.send_signal(signal.SIGTERM)
    assert daemon.wait(60) == 0
    assert not (tmp_path / "daemon.json").exists()
    report(tmp_path, customer)


@pytest.mark.skipif(os.name != "posix", reason="POSIX signals")
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_the_log_says_why_it_stopped(tmp_path: Path, name: str) -> None:
    port = free_port()
    inherited = signal.signal(signal.SIGHUP, signal.SIG_DFL)  # the tests themselves may run under nohup
    try:
        with (tmp_path / "log").open("wb") as log:
            daemon = start(tmp_path / "home", port, stderr=log)
    finally:
        signal.signal(signal.SIGHUP, inherited)
    wait_until_up(port)
    try:
        daemon.send_signal(getattr(signal, name))
        assert daemon.wait(60) == 0
    finally:
        daemon.kill()
        daemon.wait()
    lines = [json.loads(line) for line in (tmp_path / "log").read_text(encoding="utf-8").splitlines()]
    assert lines[-1]["message"].startswith("stopped because of") and name in lines[-1]["message"]
    assert not (tmp_path / "home" / "daemon.json").exists()


def report(home: Path, customer: Customer) -> None:
    """What must be true after all the kills."""
    store = JobStore(home / "jobs.sqlite")
    jobs = {job.id: job for job in store.newest(100_000)}
    known = Counter(job.name for job in jobs.values())
    assert max(known.values()) == 1, "one request made two scores"
    assert set(customer.accepted) <= set(known) and len(customer.accepted) >= KILLS // 2
    assert {job.state for job in jobs.values()} == {State.DONE}
    for job in jobs.values():
        kinds = Counter(event.kind for event in store.events(job.id))
        assert kinds["done"] == 1 and kinds["queued"] == 1
    interrupted = sum(job.interruptions > 0 for job in jobs.values())
    store.close()
    assert assert_scores_are_whole(home) == len(jobs)
    folders = {path.name for path in (home / "scores").iterdir() if not path.name.startswith(".")}
    assert folders == set(jobs)
    ends = Counter((home / "cache" / "runs.log").read_text(encoding="utf-8").splitlines())
    again = sum(count > 1 for line, count in ends.items() if line.startswith("end "))
    print(f"{KILLS} kills, {len(jobs)} scores, {interrupted} interrupted, {again} killed between end and commit")


def test_a_finished_score_is_recognised_after_a_kill(tmp_path: Path) -> None:
    """Killed after the files were in place and before the queue knew: the score is not made again."""
    with running_daemon(config(tmp_path)) as world:
        job = world.submit("almost")
        world.wait(job)
    with sqlite3.connect(tmp_path / "jobs.sqlite") as database:
        database.execute("UPDATE jobs SET state = 'running', artifacts = '[]', summary = NULL WHERE id = ?", (job,))
    database.close()
    runs = (tmp_path / "cache" / "runs.log").read_text(encoding="utf-8")
    with running_daemon(config(tmp_path)) as world:
        status = world.status(job)
        assert status["state"] == "done" and "score.mid" in status["artifacts"]
    assert (tmp_path / "cache" / "runs.log").read_text(encoding="utf-8") == runs


def test_a_graceful_stop_keeps_the_queue(tmp_path: Path) -> None:
    with running_daemon(config(tmp_path)) as world:
        jobs = [world.submit(f"kept {n}", step_s=0.1) for n in range(4)]
        world.wait(jobs[0], "running")
    with running_daemon(config(tmp_path)) as world:
        assert [world.wait(job)["state"] for job in jobs] == ["done"] * 4
        assert {world.status(job)["attempt"] for job in jobs} == {1}


def test_a_damaged_or_newer_database_is_refused_in_words(tmp_path: Path) -> None:
    path = tmp_path / "jobs.sqlite"
    path.write_bytes(b"this is no database at all" * 100)
    with pytest.raises(SetupError, match="move it away"):
        JobStore(path)
    path.unlink()
    JobStore(path).close()
    with sqlite3.connect(path) as database:
        database.execute("PRAGMA user_version = 99")
    database.close()
    with pytest.raises(SetupError, match="newer"):
        JobStore(path)


def test_one_daemon_a_state_folder(tmp_path: Path) -> None:
    from v2m_bridge.daemon.server import run

    with hold(tmp_path / "daemon.lock"), pytest.raises(SetupError, match="already runs"):
        run(config(tmp_path))


# -- strange files in the inbox, with the real pipeline


def strange_file(rng: random.Random) -> bytes:
    """The bytes of something that is called ``.otio`` and is none, or one that makes no sense."""
    clip = {"OTIO_SCHEMA": "Clip.2", "name": "x", "source_range": None, "media_references": {}}
    whole = json.dumps(
        {
            "OTIO_SCHEMA": "Timeline.1",
            "name": rng.choice(["a", "é\u202e\0", "x" * 5000]),
            "tracks": {"OTIO_SCHEMA": "Stack.1", "children": [clip] * rng.randrange(4)},
        }
    ).encode()
    return rng.choice(
        [
            b"",
            rng.randbytes(rng.randrange(1, 4000)),
            b"[" * rng.randrange(10, 50_000),
            b"{" + rng.randbytes(50) + b"}",
            b"null",
            b"[]",
            b"{}",
            b'{"OTIO_SCHEMA": "Timeline.1", "tracks": 7}',
            b'{"OTIO_SCHEMA": "Timeline.999"}',
            b'{"a": ' * 3000 + b"1" + b"}" * 3000,
            whole,
            whole[: rng.randrange(1, len(whole))],
            whole.replace(b'"Stack.1"', b'"Nonsense.1"'),
            b"\xff\xfe" + whole.decode().encode("utf-16-le"),
            b'{"OTIO_SCHEMA": "Timeline.1", "tracks": {"OTIO_SCHEMA": "Stack.1", "children": ['
            + b"1e999," * 20
            + b"1]}}",
        ]
    )


@pytest.mark.slow
def test_strange_files_in_the_inbox_leave_it_serving(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inbox, "UNFINISHED_S", 0.5)
    rng = random.Random(3)
    box = tmp_path / "inbox"
    box.mkdir(parents=True)
    for n in range(STRANGE_FILES):
        name = rng.choice(["f{}", "ä ö {}", "v2m-{}-x", "{}.x"]).format(n)
        (box / f"{name}.otio").write_bytes(strange_file(rng))
        if n % 3 == 0:
            sidecar = rng.choice(
                [b"", b"[]", b'{"options": {"tempo": 1}}', b'{"options": 3}', b'{"options": {"q": 1}}']
            )
            (box / f"{name}.json").write_bytes(sidecar)
    real = DaemonConfig.__dataclass_fields__["runner"].default
    with running_daemon(config(tmp_path, runner=real, watch_inbox=True)) as world:
        until = time.monotonic() + 150 + 2 * STRANGE_FILES
        while (left := list(box.glob("*.otio"))) and time.monotonic() < until:
            time.sleep(0.2)
        assert not left
        moved = [path for folder in ("done", "failed") for path in (box / folder).glob("*.otio")]
        assert len(moved) == STRANGE_FILES
        reasons = list((box / "failed").glob("*.txt"))
        assert len(reasons) >= STRANGE_FILES / 2
        codes = Counter(job.error.code for job in world.daemon.service.store.newest(1000) if job.error)
        assert set(codes) <= {"bad_input"}, codes
        assert world.http.get("/v1/health").json()["status"] == "ok"
        assert world.daemon.service.dispatcher.restarts == 0


def test_an_edit_in_the_inbox_becomes_a_score_once(tmp_path: Path) -> None:
    with running_daemon(config(tmp_path, watch_inbox=True)) as world:
        (tmp_path / "inbox" / "reel 1.json").write_text('{"options": {"seed": 5}}', encoding="utf-8")
        (tmp_path / "inbox" / "reel 1.otio").write_text(json.dumps(otio("reel 1")), encoding="utf-8")
        until = time.monotonic() + 60
        while not (tmp_path / "inbox" / "done" / "reel 1.otio").exists() and time.monotonic() < until:
            time.sleep(0.05)
        job = world.daemon.service.store.newest(5)
        assert [(j.origin, j.state, j.options.direction.seed) for j in job] == [("inbox", State.DONE, 5)]
        again = world.http.post("/v1/scores", json={"again": job[0].id, "options": {}}).json()["id"]
        assert world.wait(again)["state"] == "done", "the edit was moved aside, its copy is scored"


# -- strange requests


@pytest.fixture(scope="module")
def fuzzed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with running_daemon(config(tmp_path_factory.mktemp("home"))) as world:
        yield world


def test_no_request_makes_a_server_error(fuzzed: World) -> None:
    description = fuzzed.http.get("/openapi.json").json()
    del description["paths"]["/v1/events"]  # by design it never ends
    api = schemathesis.openapi.from_dict(description)
    tried: Counter[str] = Counter()
    statuses: Counter[int] = Counter()
    for found in api.get_all_operations():
        operation = found.ok()
        examples = EXAMPLES * (4 if operation.label == "POST /v1/scores" else 1)

        @given(case=operation.as_strategy())
        @settings(max_examples=examples, deadline=None, suppress_health_check=list(HealthCheck), database=None)
        @seed(4)
        def attack(case: schemathesis.Case) -> None:
            answer = case.call(base_url=fuzzed.url, headers={"authorization": f"Bearer {TOKEN}"}, timeout=60)
            tried[case.operation.label] += 1
            statuses[answer.status_code] += 1
            assert answer.status_code < 500, answer.text
            if answer.status_code >= 400:
                assert set(answer.json()["error"]) == {"code", "message", "hint"}
                assert "Traceback" not in answer.text and ".py" not in answer.text

        attack()
    assert len(tried) == sum(len(methods) for methods in description["paths"].values())
    assert statuses[202] and statuses[404] and statuses[422]
    print(f"{sum(tried.values())} requests, answers {dict(sorted(statuses.items()))}")
