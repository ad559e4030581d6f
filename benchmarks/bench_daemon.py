"""How much time the daemon saves, and how it behaves under load; prints ratios.

    python benchmarks/bench_daemon.py [warm] [batch] [listeners] [memory] [queue] [--jobs 2000]

* warm: a score of a one-minute edit from the running daemon, against the command started anew
* batch: 16 scores at once, against 16 one after the other
* listeners: a score while 200 event streams are open, against a score without them
* memory: memory of both processes over 2,000 small scores
* queue: 1,000 small scores at once

Without a part, all but memory and queue are run.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from v2m_bridge.daemon.client import DaemonClient
from v2m_bridge.daemon.tokens import read_token
from v2m_bridge.daemon.whereabouts import running
from v2m_bridge.demo.edit import EDIT, RATE, make_demo, write_edit
from v2m_bridge.options import ScoreOptions

LISTENERS = 200


@contextmanager
def daemon(folder: Path, *options: str) -> Iterator[DaemonClient]:
    """A daemon in a process of its own, on a fresh state folder."""
    home = folder / "home"
    environment = {**os.environ, "V2M_HOME": str(home)}
    command = [sys.executable, "-m", "v2m_bridge", "serve", "--port", "0", "--osc-port", "0", "--no-inbox"]
    log = (folder / "daemon.log").open("wb")
    process = subprocess.Popen(
        [*command, "--media-root", str(folder), *options], env=environment, stdout=log, stderr=log
    )
    try:
        while (about := running(home)) is None or (token := read_token(home / "token")) is None:
            time.sleep(0.05)
        client = DaemonClient(about.url, token)
        while not _ready(client):
            time.sleep(0.1)
        yield client
    finally:
        process.terminate()
        process.wait(20)
        log.close()


def _ready(client: DaemonClient) -> bool:
    """Whether the worker has loaded its models."""
    try:
        return bool(client.health()["worker"] == "ready")
    except Exception:
        return False


def one_minute_edit(folder: Path) -> Path:
    """The demo's footage under an edit of about a minute: the demo's shots, several times over."""
    demo = make_demo(folder)
    frames = sum(clip.frames for clip in EDIT)
    document = json.loads(demo.edit.read_text(encoding="utf-8"))
    [track] = document["tracks"]["children"]
    track["children"] = track["children"] * round(60 * RATE / frames)
    path = folder / "one_minute.otio"
    path.write_text(json.dumps(document), encoding="utf-8")
    return path


def timed(client: DaemonClient, edit: Path, seed: int) -> float:
    """Seconds from the request of a score until it is done."""
    started = time.perf_counter()
    client.wait(client.submit_file(edit, ScoreOptions(seed=seed)))
    return time.perf_counter() - started


def bench_warm(folder: Path) -> None:
    """The running daemon against the command started anew, with the footage new and with it measured before."""
    edit = one_minute_edit(folder)

    def cold(home: Path) -> float:
        started = time.perf_counter()
        command = [sys.executable, "-m", "v2m_bridge", "score", str(edit), "--out", str(folder / "out"), "--json"]
        environment = {**os.environ, "V2M_HOME": str(home)}
        subprocess.run(command, env=environment, stdout=subprocess.DEVNULL, check=True)
        return time.perf_counter() - started

    first = cold(folder / "cold")
    again = statistics.median(cold(folder / "cold") for _ in range(3))
    with daemon(folder) as client:
        new = timed(client, edit, 0)
        warm = statistics.median(timed(client, edit, seed) for seed in range(1, 6))
    print(f"one-minute edit, footage new:      command {first:6.2f} s, daemon {new:6.2f} s, ratio {first / new:.1f}")
    print(f"one-minute edit, footage measured: command {again:6.2f} s, daemon {warm:6.2f} s, ratio {again / warm:.1f}")


def bench_batch(folder: Path, count: int = 16) -> None:
    """Scores one after the other, and as many all at once, with the daemon's default number of workers."""
    edit = one_minute_edit(folder)
    with daemon(folder) as client:
        timed(client, edit, 0)
        started = time.perf_counter()
        for seed in range(count):
            timed(client, edit, 100 + seed)
        row = time.perf_counter() - started
        started = time.perf_counter()
        jobs = [client.submit_file(edit, ScoreOptions(seed=200 + seed)) for seed in range(count)]
        for job in jobs:
            client.wait(job)
        once = time.perf_counter() - started
    print(f"{count} scores: in a row {row:.2f} s, at once {once:.2f} s, ratio {row / once:.2f}")


async def _listen(url: str, token: str, ready: asyncio.Semaphore) -> int:
    """Read the event stream until it ends, and release ``ready`` at its first bytes; returns the number of bytes."""
    host, port = url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(f"GET /v1/events HTTP/1.1\r\nHost: {host}:{port}\r\nAuthorization: Bearer {token}\r\n\r\n".encode())
    received = 0
    try:
        while data := await reader.read(65536):
            if received == 0:
                ready.release()
            received += len(data)
    finally:
        writer.close()
    return received


LISTEN = """
import asyncio, sys
sys.path.insert(0, sys.argv[1])
from bench_daemon import _listen
async def main():
    ready = asyncio.Semaphore(0)
    tasks = [asyncio.create_task(_listen(sys.argv[2], sys.argv[3], ready)) for _ in range(int(sys.argv[4]))]
    for _ in tasks:
        await ready.acquire()
    print("listening", flush=True)
    await asyncio.gather(*tasks)
asyncio.run(main())
"""


def _cpu_s(pid: int) -> float:
    """Processor time that a process has used so far (Linux; elsewhere 0)."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    except OSError:
        return 0.0


def bench_listeners(folder: Path, rounds: int = 15) -> None:
    """A score alone and with 200 event streams open, alternating so that other load on the machine affects both."""
    edit = one_minute_edit(folder)
    with daemon(folder) as client:
        timed(client, edit, 0)
        token = read_token(folder / "home" / "token") or ""
        about = running(folder / "home")
        assert about is not None
        alone, beside, cpu_alone, cpu_beside = [], [], 0.0, 0.0
        for turn in range(rounds):
            before = _cpu_s(about.pid)
            alone.append(timed(client, edit, 300 + turn))
            cpu_alone += _cpu_s(about.pid) - before
            command = [sys.executable, "-c", LISTEN, str(Path(__file__).parent), about.url, token, str(LISTENERS)]
            crowd = subprocess.Popen(command, stdout=subprocess.PIPE)
            assert crowd.stdout is not None and crowd.stdout.readline() == b"listening\n"
            before = _cpu_s(about.pid)
            beside.append(timed(client, edit, 400 + turn))
            cpu_beside += _cpu_s(about.pid) - before
            crowd.kill()
            crowd.wait()
    a, b = statistics.median(alone), statistics.median(beside)
    print(f"{LISTENERS} listeners: alone {a:.2f} s, beside them {b:.2f} s, ratio {b / a:.2f}")
    least = min(beside) / min(alone)
    print(f"  quickest of {rounds}: ratio {least:.2f}; the daemon's own processor time for a score:", end=" ")
    print(f"{cpu_alone / rounds * 1000:.0f} ms alone, {cpu_beside / rounds * 1000:.0f} ms with them")


def bench_memory(folder: Path, count: int) -> None:
    """Memory of daemon and worker over many small scores, after every tenth of them."""
    make_demo(folder)
    edit = folder / "small.otio"
    write_edit(edit, [0] * 8, 1)
    edit.write_text(edit.read_text(encoding="utf-8").replace("demo_footage", "offline"), encoding="utf-8")
    with daemon(folder, "--keep", "100") as client:
        samples = []
        started = time.perf_counter()
        pending: list[str] = []
        for number in range(1, count + 1):
            pending.append(client.submit_file(edit, ScoreOptions(seed=number)))
            if len(pending) >= 8:
                assert client.wait(pending.pop(0)).state == "done"
            if number % max(1, count // 10) == 0:
                for job in pending:
                    client.wait(job)
                pending.clear()
                samples.append(_memory(client))
                minutes = (time.perf_counter() - started) / 60
                of_daemon, of_worker = samples[-1]
                print(f"{number:5d} scores, {minutes:4.1f} min: {of_daemon:.0f} and {of_worker:.0f} MiB")
    (first_d, first_w), (last_d, last_w) = samples[0], samples[-1]
    print(f"from the first tenth to the last: daemon x{last_d / first_d:.3f}, worker x{last_w / first_w:.3f}")


def bench_queue(folder: Path, count: int = 1000) -> None:
    """How a long queue costs: submitting, asking for health and for the list, and the daemon's memory."""
    make_demo(folder)
    edit = folder / "small.otio"
    write_edit(edit, [0] * 8, 1)
    edit.write_text(edit.read_text(encoding="utf-8").replace("demo_footage", "offline"), encoding="utf-8")
    with daemon(folder, "--keep", str(2 * count), "--queue", str(count)) as client:
        timed(client, edit, 0)
        empty, _ = _memory(client)
        asked = min(_seconds(client.health) for _ in range(20))
        spent: list[float] = []
        jobs: list[str] = []
        for seed in range(1, count + 1):
            started = time.perf_counter()
            jobs.append(client.submit_file(edit, ScoreOptions(seed=seed, texture="figures", themes=False)))
            spent.append(time.perf_counter() - started)
        full, _ = _memory(client)
        ratio = min(_seconds(client.health) for _ in range(20)) / asked
        waiting = _jobs_in(client, "queued")
        for job in jobs:
            client.wait(job)
        done = _jobs_in(client, "done") - 1
    tenth = count // 10
    slower = statistics.median(spent[-tenth:]) / statistics.median(spent[:tenth])
    print(f"{count} submitted, {waiting} of them waiting at the end of it; done: {done}")
    print(
        f"  the last tenth to submit against the first: x{slower:.2f}; health x{ratio:.2f}; memory x{full / empty:.3f}"
    )


def _jobs_in(client: DaemonClient, state: str) -> int:
    """Scores in ``state``, as the metrics have them."""
    [line] = [line for line in client.metrics().splitlines() if line.startswith(f'v2m_jobs{{state="{state}"}}')]
    return int(float(line.split()[-1]))


def _seconds(call: Callable[[], object]) -> float:
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


def _memory(client: DaemonClient) -> tuple[float, float]:
    """Resident memory of the daemon and of its worker, in MiB."""
    text = client.metrics()
    names = ("process_resident_memory_bytes", "v2m_worker_resident_bytes")
    found = dict(line.split() for line in text.splitlines() if line.startswith(names))
    return float(found[names[0]]) / 2**20, float(found[names[1]]) / 2**20


def main() -> None:
    """Run the parts that were asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", nargs="*", choices=["warm", "batch", "listeners", "memory", "queue"])
    parser.add_argument("--jobs", type=int, default=2000, help="scores of the memory part")
    chosen = parser.parse_args()
    for part in chosen.part or ["warm", "batch", "listeners"]:
        with tempfile.TemporaryDirectory() as folder:
            if part == "memory":
                bench_memory(Path(folder), chosen.jobs)
            else:
                {"warm": bench_warm, "batch": bench_batch, "listeners": bench_listeners, "queue": bench_queue}[part](
                    Path(folder)
                )


if __name__ == "__main__":
    main()
