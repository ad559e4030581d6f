"""Hands queued jobs to the worker process, restarts it when it dies, and stores what it answers."""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO, Literal

from pydantic import BaseModel, ValidationError

from v2m_bridge.compose.stages import overall
from v2m_bridge.daemon.config import DaemonConfig
from v2m_bridge.daemon.jobs.job import Advance, Job, JobError, NoSuchJob, State
from v2m_bridge.daemon.jobs.store import JobStore
from v2m_bridge.daemon.paths import job_folder
from v2m_bridge.daemon.worker.process import read_outcome
from v2m_bridge.daemon.worker.protocol import (
    CancelOrder,
    Finished,
    FromWorker,
    Order,
    Progressed,
    Ready,
    SetUp,
    Stopped,
    line,
)

WorkerState = Literal["starting", "ready", "restarting", "stopped"]
FIRST_BACKOFF_S = 0.2
LONGEST_BACKOFF_S = 30.0

log = logging.getLogger("v2m_bridge.daemon")


class _Process:
    """The worker process from its start to its exit."""

    def __init__(self, config: DaemonConfig) -> None:
        environment = dict(os.environ)
        extra = [*config.runner_path, *([environment["PYTHONPATH"]] if environment.get("PYTHONPATH") else [])]
        if extra:
            environment["PYTHONPATH"] = os.pathsep.join(extra)
        self.popen = subprocess.Popen(
            [sys.executable, "-m", "v2m_bridge.daemon.worker.process"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment,
        )
        self.ready = False
        self.ended_by_us = False
        self._write_lock = threading.Lock()
        lock = config.scores / ".worker.lock"
        self.send(SetUp(runner=config.runner, lanes=config.lanes, lock=str(lock), engine=config.engine))

    @property
    def output(self) -> IO[bytes]:
        assert self.popen.stdout is not None
        return self.popen.stdout

    def send(self, message: BaseModel) -> None:
        assert self.popen.stdin is not None
        with self._write_lock, contextlib.suppress(OSError, ValueError):  # the reading thread notices that it died
            self.popen.stdin.write(line(message))  # type: ignore[arg-type]
            self.popen.stdin.flush()

    def kill(self) -> None:
        self.ended_by_us = True
        self.popen.kill()

    def close(self) -> int:
        """Close the pipes, wait for the exit and give its code; for when its output has ended."""
        assert self.popen.stdin is not None
        with contextlib.suppress(OSError):
            self.popen.stdin.close()
        self.output.close()
        return self.popen.wait()


class Dispatcher:
    """One worker process, ``config.lanes`` jobs in flight, restarts, cancellation within ``cancel_grace_s``.

    Args:
        changed: called with a job's id after each change of its state.
        advanced: called with a job's id whenever it reports where it is.
        done: called with the job after it is done.
    """

    def __init__(
        self,
        config: DaemonConfig,
        store: JobStore,
        changed: Callable[[str], None],
        advanced: Callable[[str, Advance], None],
        done: Callable[[Job], None],
    ) -> None:
        self._config = config
        self._store = store
        self._changed = changed
        self._advanced = advanced
        self._done = done
        self._wake = threading.Condition()
        self._process: _Process | None = None
        self.in_flight: dict[str, Job] = {}
        self._deadlines: dict[str, float] = {}
        self._advances: dict[str, Advance] = {}
        self._stopping = False
        self._backoff_s = 0.0
        self._start_at = 0.0
        self._thread = threading.Thread(target=self._loop, name="dispatcher", daemon=True)
        self.restarts = 0
        self.warning = ""
        self.worker_bytes = 0

    # -- from the service

    def start(self) -> None:
        """Settle the jobs that ran when the daemon last stopped, then begin."""
        self._recover()
        self._thread.start()

    def notify(self) -> None:
        """Something was queued: look at the queue now."""
        with self._wake:
            self._wake.notify_all()

    def cancelled(self, job_id: str) -> None:
        """The store says that the job is cancelled: make the worker stop."""
        with self._wake:
            if job_id in self.in_flight and self._process is not None:
                self._process.send(CancelOrder(id=job_id))
                self._deadlines[job_id] = time.monotonic() + self._config.limits.cancel_grace_s
            self._wake.notify_all()

    def stop(self) -> None:
        """End the worker; the jobs it was running go back into the queue."""
        with self._wake:
            self._stopping = True
            self._wake.notify_all()
        self._thread.join()

    def advance(self, job_id: str) -> Advance | None:
        """Where a running job is at this moment."""
        return self._advances.get(job_id)

    @property
    def worker_state(self) -> WorkerState:
        """What ``GET /v1/health`` says of the worker process."""
        if self._stopping:
            return "stopped"
        process = self._process
        if process is None:
            return "restarting" if self.restarts else "starting"
        return "ready" if process.ready else "starting"

    # -- the loop

    def _recover(self) -> None:
        for job_id in self._store.ids(State.RUNNING):
            outcome = read_outcome(job_folder(self._config.scores, job_id).out)
            if outcome is not None:  # finished, but the daemon died before it could say so
                self._store.done(job_id, outcome)
                log.info("score %s was finished before the last stop", job_id)
            else:
                self._store.requeue(job_id, "interruption")
                log.info("score %s was interrupted, it starts again", job_id)

    def _loop(self) -> None:
        with self._wake:
            while not self._stopping:
                try:
                    self._tick()
                except Exception:  # a full disk or a locked database must not end this thread
                    log.exception("the dispatcher failed and tries again")
                    self._wake.wait(1.0)
                    continue
                self._wake.wait(self._until_next_tick_s())
        self._shut_down()

    def _tick(self) -> None:
        now = time.monotonic()
        if any(deadline <= now for deadline in self._deadlines.values()) and self._process is not None:
            log.info("a cancelled score did not stop by itself, its process is ended")
            self._deadlines.clear()
            self._process.kill()
        if self._process is None and now >= self._start_at:
            self._launch()
        if self._process is not None and self._process.ready and not self._process.ended_by_us:
            self._fill_lanes(self._process)

    def _until_next_tick_s(self) -> float | None:
        moments = list(self._deadlines.values())
        if self._process is None:
            moments.append(self._start_at)
        return max(0.0, min(moments) - time.monotonic()) if moments else None

    def _launch(self) -> None:
        self._process = _Process(self._config)
        threading.Thread(target=self._listen, args=(self._process,), name="worker-output", daemon=True).start()

    def _fill_lanes(self, process: _Process) -> None:
        while len(self.in_flight) < self._config.lanes:
            job = self._store.next_queued()
            if job is None or (self.in_flight and (job.crashes or self._in_flight_has_crashed())):
                return  # a job that crashed the process once runs alone, so that no other job is lost with it
            if not self._store.start(job.id):
                continue
            folder = job_folder(self._config.scores, job.id)
            self.in_flight[job.id] = job
            work = folder.work(job.attempt)
            self._advances[job.id] = Advance("", 0.0, 0.0)
            process.send(Order(id=job.id, source=job.source, work=str(work), out=str(folder.out), options=job.options))
            self._changed(job.id)

    def _in_flight_has_crashed(self) -> bool:
        return any(job.crashes for job in self.in_flight.values())

    # -- from the worker (reader thread)

    def _listen(self, process: _Process) -> None:
        for text in process.output:
            try:
                message = FromWorker.validate_json(text)
            except ValidationError:
                log.error("the worker sent a line that is no message: %r", text[:200])
                continue
            with self._wake:
                self._on_message(process, message)
                self._wake.notify_all()
        code = process.close()
        with self._wake:
            self._on_exit(process, code)
            self._wake.notify_all()

    def _on_message(self, process: _Process, message: Ready | Progressed | Finished | Stopped) -> None:
        if isinstance(message, Ready):
            process.ready = True
            self.warning = message.warning
            return
        if isinstance(message, Progressed):
            self._advance(message)
            return
        self.worker_bytes = message.resident_bytes
        self._backoff_s = 0.0
        self._forget(message.id)
        if isinstance(message, Finished):
            self._finish(message)
        elif message.error is not None:
            self._store.fail(message.id, message.error)
            self._changed(message.id)

    def _advance(self, message: Progressed) -> None:
        before = self._advances.get(message.id)
        if before is None or message.id in self._deadlines:
            return
        now = Advance(message.stage, message.fraction, overall(message.stage, message.fraction, before.progress))
        self._advances[message.id] = now
        if before.stage != now.stage:
            self._store.reach(message.id, now.stage, now.progress)
        self._advanced(message.id, now)

    def _forget(self, job_id: str) -> None:
        self.in_flight.pop(job_id, None)
        self._advances.pop(job_id, None)
        self._deadlines.pop(job_id, None)

    def _finish(self, message: Finished) -> None:
        if self._store.done(message.id, message.outcome):
            self._changed(message.id)
            self._done(self._store.get(message.id))
        else:  # it was cancelled just before: its files go
            shutil.rmtree(job_folder(self._config.scores, message.id).out, ignore_errors=True)

    def _on_exit(self, process: _Process, code: int) -> None:
        if self._process is process:
            self._process = None
        if self._stopping:
            return
        self.restarts += 1
        if not process.ended_by_us:
            log.warning("the worker process ended by itself (exit code %d)", code)
            self._backoff_s = min(LONGEST_BACKOFF_S, max(FIRST_BACKOFF_S, self._backoff_s * 2))
        self._start_at = time.monotonic() + (0.0 if process.ended_by_us else self._backoff_s)
        for job_id in list(self.in_flight):
            self._forget(job_id)
            self._settle(job_id, "" if process.ended_by_us else "crash")

    def _settle(self, job_id: str, blame: str) -> None:
        """Decide what becomes of a job whose process has ended: done, failed or queued again."""
        folder = job_folder(self._config.scores, job_id)
        with contextlib.suppress(NoSuchJob):
            job = self._store.get(job_id)
            shutil.rmtree(folder.work(job.attempt), ignore_errors=True)
            outcome = read_outcome(folder.out)
            if outcome is not None and self._store.done(job_id, outcome):
                self._done(self._store.get(job_id))
            elif blame == "crash" and job.crashes + 1 >= self._config.limits.crashes:
                self._store.fail(job_id, _CRASHED)
            else:
                self._store.requeue(job_id, blame)
            self._changed(job_id)

    def _shut_down(self) -> None:
        process = self._process
        if process is not None:
            process.kill()
            process.popen.wait()
        with self._wake:
            for job_id in list(self.in_flight):
                self._forget(job_id)
                self._settle(job_id, "")


_CRASHED = JobError(
    code="crashed",
    message="scoring this edit ended its process more than once",
    hint="look at the daemon's log; damaged media is the usual cause",
)


def clear_leftovers(scores: Path) -> None:
    """Remove half-done work of earlier runs; finished scores are not touched."""
    for work in scores.glob("*/.*work-*"):
        shutil.rmtree(work, ignore_errors=True)
