"""The process that owns the networks. It takes orders over its pipes and ends when the daemon ends.

A process of its own, because a decoder or a network can hang or crash in native code: then the process is ended and
started again, and the daemon goes on. Orders of several jobs may overlap in threads ("lanes"): decoding and networks
leave Python's lock, so one job's pictures are read while another's chords are written.
"""

from __future__ import annotations

import contextlib
import importlib
import logging
import os
import shutil
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import BinaryIO, Protocol

from pydantic import BaseModel

from v2m_bridge.daemon.config import EngineSetup
from v2m_bridge.daemon.jobs.job import Artifact, JobError, Outcome, Summary
from v2m_bridge.daemon.memory import resident_bytes
from v2m_bridge.daemon.worker.protocol import (
    CancelOrder,
    Finished,
    Order,
    Progressed,
    Ready,
    SetUp,
    Stopped,
    ToWorker,
    line,
)
from v2m_bridge.errors import Cancelled, V2MError, cannot_write, is_disk_full, is_held
from v2m_bridge.files.lock import hold
from v2m_bridge.files.rename import rename
from v2m_bridge.options import ScoreOptions
from v2m_bridge.progress import Progress

OUTCOME_FILE = ".outcome.json"
REPORT_EVERY_S = 0.25

log = logging.getLogger("v2m_bridge.worker")


class Runner(Protocol):
    """What the worker runs; the real one is :class:`v2m_bridge.daemon.worker.runner.PipelineRunner`."""

    def warm(self) -> None:
        """Load what stays loaded."""

    def run(self, source: Path, options: ScoreOptions, work: Path, progress: Progress) -> Summary:
        """Write the files of a score into ``work`` (which does not exist yet)."""


RunnerFactory = Callable[[EngineSetup], Runner]


def load_runner(name: str) -> RunnerFactory:
    """The factory that ``module:attribute`` names."""
    module, _, attribute = name.partition(":")
    factory: RunnerFactory = getattr(importlib.import_module(module), attribute)
    return factory


def read_outcome(out: Path) -> Outcome | None:
    """What a finished score says of itself, or None when ``out`` is no finished score."""
    try:
        return Outcome.model_validate_json((out / OUTCOME_FILE).read_bytes())
    except (OSError, ValueError):
        return None


def commit(work: Path, out: Path, summary: Summary) -> Outcome:
    """Make ``work`` the finished score ``out`` in one step; afterwards it is there whole, before it is not there.

    A score that is there already stays (a worker that outlived its daemon may have finished it).
    """
    earlier = read_outcome(out)
    if earlier is not None:
        return earlier
    files = sorted(path for path in work.iterdir() if path.is_file() and not path.name.startswith("."))
    outcome = Outcome(artifacts=tuple(Artifact(name=f.name, bytes=f.stat().st_size) for f in files), summary=summary)
    (work / OUTCOME_FILE).write_text(outcome.model_dump_json(), encoding="utf-8", newline="\n")
    for file in (*files, work / OUTCOME_FILE):
        with file.open("rb+") as handle:
            os.fsync(handle.fileno())
    rename(work, out)
    return outcome


class Worker:
    """Runs orders and reports on them."""

    def __init__(self, runner: Runner, send: Callable[[BaseModel], None], lanes: int) -> None:
        self._runner = runner
        self._send = send
        self._pool = ThreadPoolExecutor(lanes, thread_name_prefix="lane")
        self._cancelled: dict[str, threading.Event] = {}

    def take(self, order: Order) -> None:
        """Begin an order as soon as a lane is free."""
        self._cancelled[order.id] = threading.Event()
        self._pool.submit(self._run, order)

    def cancel(self, job_id: str) -> None:
        """Stop an order at its next report."""
        if (event := self._cancelled.get(job_id)) is not None:
            event.set()

    def _run(self, order: Order) -> None:
        try:
            outcome = self._score(order)
        except Cancelled:
            self._send(Stopped(id=order.id, error=None, resident_bytes=resident_bytes()))
        except V2MError as error:
            self._send(Stopped(id=order.id, error=JobError.of(error), resident_bytes=resident_bytes()))
        except OSError as error:
            if is_disk_full(error) or is_held(error):
                refused = JobError.of(cannot_write("the score", error))
                self._send(Stopped(id=order.id, error=refused, resident_bytes=resident_bytes()))
            else:
                self._bug(order, error)
        except Exception as error:  # the border of the process: the trace goes to the log, a sentence to the user
            self._bug(order, error)
        else:
            self._send(Finished(id=order.id, outcome=outcome, resident_bytes=resident_bytes()))
        finally:
            self._cancelled.pop(order.id, None)

    def _bug(self, order: Order, error: Exception) -> None:
        log.exception("score %s failed", order.id, exc_info=error)
        message = f"internal error while scoring ({type(error).__name__}); the daemon's log has the details"
        failure = JobError(code="internal_error", message=message)
        self._send(Stopped(id=order.id, error=failure, resident_bytes=resident_bytes()))

    def _score(self, order: Order) -> Outcome:
        work, out = Path(order.work), Path(order.out)
        earlier = read_outcome(out)
        if earlier is not None:
            return earlier
        try:
            work.parent.mkdir(parents=True, exist_ok=True)
            listener = self._listener(order.id)
            summary = self._runner.run(Path(order.source), order.options, work, listener)
            listener("files", 1.0)
            return commit(work, out, summary)
        finally:
            shutil.rmtree(work, ignore_errors=True)

    def _listener(self, job_id: str) -> Progress:
        cancelled = self._cancelled[job_id]
        last_stage, last_at = "", 0.0

        def listen(stage: str, fraction: float) -> None:
            nonlocal last_stage, last_at
            if cancelled.is_set():
                raise Cancelled("the score was cancelled")
            now = time.monotonic()
            if stage != last_stage or now - last_at >= REPORT_EVERY_S:
                last_stage, last_at = stage, now
                self._send(Progressed(id=job_id, stage=stage, fraction=min(max(fraction, 0.0), 1.0)))

        return listen


def _sender(stream: BinaryIO) -> Callable[[BaseModel], None]:
    lock = threading.Lock()

    def send(message: BaseModel) -> None:
        with lock, contextlib.suppress(BrokenPipeError):
            stream.write(line(message))  # type: ignore[arg-type]
            stream.flush()

    return send


def serve(source: BinaryIO, sink: BinaryIO) -> None:
    """Follow the orders that come in until the pipe closes; that is how the daemon's death is noticed."""
    setup = ToWorker.validate_json(source.readline())
    assert isinstance(setup, SetUp)
    send = _sender(sink)
    with hold(Path(setup.lock)):  # a worker of a killed daemon may still be finishing
        runner = load_runner(setup.runner)(setup.engine)
        worker = Worker(runner, send, setup.lanes)
        reader = threading.Thread(target=_follow, args=(source, worker), name="orders")
        warning = _warm(runner)
        send(Ready(warning=warning))
        reader.start()
        reader.join()


def _warm(runner: Runner) -> str:
    try:
        runner.warm()
    except V2MError as error:
        log.warning("the networks could not be loaded: %s", error)
        return str(error)
    return ""


def _follow(source: BinaryIO, worker: Worker) -> None:
    for text in source:
        message = ToWorker.validate_json(text)
        if isinstance(message, Order):
            worker.take(message)
        elif isinstance(message, CancelOrder):
            worker.cancel(message.id)
    os._exit(0)  # the lanes may be deep in native code; what they have not renamed into place does not count


def main() -> None:
    """Entry point of the process: the protocol takes stdout away from everything that prints."""
    import signal

    protocol = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole terminal; the daemon decides
    logging.basicConfig(level=logging.WARNING, format="worker: %(message)s")
    serve(sys.stdin.buffer, protocol)


if __name__ == "__main__":
    main()
