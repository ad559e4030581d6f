"""Everything that goes wrong, at once: a full disk, a clock that jumps, kills, damaged rows, silent connections.

Nothing that was accepted is lost or made twice, and health is true at every moment. ``V2M_LONG=1`` takes 200 scores.
The disk is a small one of its own where the tests may mount one (root on Linux); else it is not filled.
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from daemon_world import HERE, TOKEN, free_port, otio

from v2m_bridge.daemon.jobs.job import State
from v2m_bridge.daemon.jobs.store import JobStore
from v2m_bridge.daemon.worker.process import OUTCOME_FILE

SCORES = 200 if os.environ.get("V2M_LONG") else 16
DISK_MB = 96

SERVE = """
import sys, time
from pathlib import Path
real, shift = time.time, Path(sys.argv[3])
time.time = lambda: real() + float(shift.read_text() or 0)
from daemon_world import config
from v2m_bridge.daemon import logs
from v2m_bridge.daemon.server import run
logs.set_up("error")
run(config(Path(sys.argv[1]), port=int(sys.argv[2])))
"""

pytestmark = [pytest.mark.slow, pytest.mark.skipif(os.name != "posix", reason="kill -9")]


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[tuple[Path, bool]]:
    """A folder, and whether it is a small disk of its own that may be filled."""
    place = tmp_path / "disk"
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={DISK_MB}m", "none", str(place)]
    mounted = False
    with contextlib.suppress(OSError):
        mounted = subprocess.run(command, capture_output=True, check=False).returncode == 0
    try:
        yield place, mounted
    finally:
        if mounted:
            subprocess.run(["umount", "-l", str(place)], check=False)


class Storm:
    """A daemon in a process of its own, and what happens to it."""

    def __init__(self, home: Path, port: int, shift: Path, seed: int) -> None:
        self.home, self.port, self.shift = home, port, shift
        self.rng = random.Random(seed)
        self.daemon: subprocess.Popen[bytes] | None = None
        self.accepted: dict[str, str] = {}
        self.poisoned: set[str] = set()
        self.kills = 0
        self.lies: list[str] = []
        self.headers = {"authorization": f"Bearer {TOKEN}"}

    def start(self) -> None:
        path = os.pathsep.join([HERE, str(Path(HERE).parent), *os.environ.get("PYTHONPATH", "").split(os.pathsep)])
        command = [sys.executable, "-c", SERVE, str(self.home), str(self.port), str(self.shift)]
        self.daemon = subprocess.Popen(command, env={**os.environ, "PYTHONPATH": path}, stderr=subprocess.DEVNULL)

    def ask(self, method: str, path: str, **more: object) -> httpx.Response | None:
        try:
            url = f"http://127.0.0.1:{self.port}{path}"
            return httpx.request(method, url, headers={**self.headers, **more.pop("headers", {})}, timeout=20, **more)  # type: ignore[arg-type, dict-item]
        except httpx.TransportError:
            return None

    def submit(self, number: int) -> None:
        """Ask for one score until the daemon has taken it."""
        name = f"cue {number}"
        body = {"timeline": otio(name, step_s=0.01)}
        until = time.monotonic() + 120
        while time.monotonic() < until:
            answer = self.ask("POST", "/v1/scores", json=body, headers={"idempotency-key": name})
            if answer is not None and answer.status_code == 202:
                self.accepted[name] = answer.json()["id"]
                return
            assert answer is None or answer.status_code in (429, 503, 507), answer.text
            time.sleep(0.05)
        raise AssertionError(f"{name} was not taken")

    def kill(self, whom: str) -> None:
        assert self.daemon is not None
        self.kills += 1
        if whom == "worker":
            children = Path(f"/proc/{self.daemon.pid}/task/{self.daemon.pid}/children")
            for child in children.read_text().split() if children.is_file() else ():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(int(child), signal.SIGKILL)
            return
        self.daemon.send_signal(signal.SIGKILL)
        self.daemon.wait()
        self.start()

    def poison(self) -> None:
        """Damage the row of a score that waits."""
        with contextlib.suppress(sqlite3.Error), sqlite3.connect(self.home / "jobs.sqlite", timeout=5) as database:
            waiting = database.execute(
                "SELECT id FROM jobs WHERE state = 'queued' ORDER BY seq DESC LIMIT 1"
            ).fetchone()
            sql = "UPDATE jobs SET options = '{damaged' WHERE id = ? AND state = 'queued'"
            if waiting and database.execute(sql, waiting).rowcount:
                self.poisoned.add(waiting[0])

    def watch(self, stop: threading.Event, full: threading.Event) -> None:
        """Health is never ``ok`` while the disk has been full for a while, and is answered in words all the time."""
        while not stop.wait(0.1):
            since_full = full.is_set()
            answer = self.ask("GET", "/v1/health")
            if answer is None:
                continue
            if answer.status_code != 200:
                self.lies.append(answer.text)
            elif since_full and full.is_set() and answer.json()["status"] == "ok":
                self.lies.append(f"ok on a full disk: {answer.text}")


def fill(disk: Path) -> Path:
    """Take all the room there is."""
    ballast = disk / "ballast"
    with contextlib.suppress(OSError), ballast.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(1 << 16))
    return ballast


def test_the_storm_takes_no_score(disk: tuple[Path, bool], tmp_path: Path) -> None:
    place, mounted = disk
    shift = tmp_path / "shift"
    shift.write_text("0", encoding="utf-8")
    storm = Storm(place / "home", free_port(), shift, seed=11)
    storm.start()
    stop, full = threading.Event(), threading.Event()
    watcher = threading.Thread(target=storm.watch, args=(stop, full))
    watcher.start()
    fills = 0
    try:
        with contextlib.ExitStack() as silent:
            for number in range(SCORES):
                storm.submit(number)
                if number % 40 == 5:
                    for _ in range(300):
                        with contextlib.suppress(OSError):
                            silent.enter_context(socket.create_connection(("127.0.0.1", storm.port), timeout=5))
                if number % 7 == 3:
                    shift.write_text(str(storm.rng.choice((-10, 10)) * 86400), encoding="utf-8")
                if number % 11 == 6:
                    storm.kill("worker")
                if number % 23 == 8:
                    storm.poison()
                if number % 29 == 13:
                    storm.kill("daemon")
                if mounted and number % 50 == 12:
                    ballast = fill(place)
                    fills += 1
                    time.sleep(2.0)  # what was begun before may end well; from then on health has to know
                    full.set()
                    time.sleep(2.0)
                    full.clear()
                    ballast.unlink()
        finish(storm)
    finally:
        stop.set()
        watcher.join()
        assert storm.daemon is not None
        storm.daemon.send_signal(signal.SIGTERM)
        assert storm.daemon.wait(15) == 0, "a signal ends it within the time of the service file"
    assert storm.lies == []
    report(storm, fills)


def finish(storm: Storm) -> None:
    until = time.monotonic() + 240
    while time.monotonic() < until:
        answer = storm.ask("GET", "/v1/health")
        if answer is not None and answer.json()["status"] == "ok":
            jobs = answer.json()["jobs"]
            if jobs["queued"] == jobs["running"] == 0:
                return
        time.sleep(0.2)
    raise AssertionError("the queue did not come to its end")


def report(storm: Storm, fills: int) -> None:
    store = JobStore(storm.home / "jobs.sqlite")
    jobs = {job.id: job for job in store.newest(100_000)}
    assert len(storm.accepted) == SCORES and set(storm.accepted.values()) == set(jobs), "lost, or one request made two"
    states = Counter(job.state for job in jobs.values())
    failed = {job.id: job.error for job in jobs.values() if job.state is not State.DONE}
    assert {job_id for job_id, error in failed.items() if error and error.code == "unreadable"} <= storm.poisoned
    crashed = [job_id for job_id, error in failed.items() if error and error.code == "crashed"]
    assert set(failed) - storm.poisoned == set(crashed), failed
    for job in jobs.values():
        if job.state is State.DONE:
            assert [event.kind for event in store.events(job.id)].count("done") == 1
            assert (storm.home / "scores" / job.id / "out" / OUTCOME_FILE).is_file()
    store.close()
    print(
        f"{SCORES} scores, {storm.kills} kills, {fills} full disks, {len(storm.poisoned)} damaged rows: {dict(states)}"
    )
    assert not crashed, "a score that met two kills of its worker was given up"
