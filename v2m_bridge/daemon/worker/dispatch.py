"""Hands queued jobs to the worker process, restarts it when it dies, and stores what it answers."""

from __future__ import annotations

import contextlib
import logging
import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from pydantic import ValidationError

from v2m_bridge.compose.stages import overall
from v2m_bridge.daemon.config import DaemonConfig
from v2m_bridge.daemon.jobs.job import Advance, Job, JobError, NoSuchJob, State
from v2m_bridge.daemon.jobs.rows import UNREADABLE
from v2m_bridge.daemon.jobs.store import JobStore
from v2m_bridge.daemon.paths import JOB_ID, PathNotAllowed, allowed_edit, job_folder
from v2m_bridge.daemon.worker.child import WorkerChild
from v2m_bridge.daemon.worker.patience import START_PATIENCE_S, Pause, Watchdog
from v2m_bridge.daemon.worker.process import read_outcome
from v2m_bridge.daemon.worker.protocol import (
    CancelOrder,
    Finished,
    FromWorker,
    Order,
    Progressed,
    Ready,
    Stopped,
)
from v2m_bridge.errors import DiskFull, V2MError

WorkerState = Literal["starting", "ready", "restarting", "stopped"]
FIRST_BACKOFF_S = 0.2
LONGEST_BACKOFF_S = 30.0
SPARE_BYTES = 64 * 1024 * 1024
"""With less room than this the disk counts as full: no score is begun."""

MOST_FULL = 3
"""A job that fills the disk so often, while there was room before it, needs more room than there is: it has failed."""

log = logging.getLogger("v2m_bridge.daemon")


class Dispatcher:
    """One worker process, ``config.lanes`` jobs in flight, restarts, cancellation within ``cancel_grace_s``.

    Whatever cannot be stored ends the worker: its jobs are settled (done, failed or queued again) once the store takes
    it, and no other job is begun before. Health is ``degraded`` for as long.

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
        self._process: WorkerChild | None = None
        self.in_flight: dict[str, Job] = {}
        self._deadlines: dict[str, float] = {}
        self._unsettled: dict[str, str | JobError] = {}
        self._filled: dict[str, int] = {}
        self._pause = Pause()
        self._watchdog = Watchdog(config.limits.patience)
        self._launched_at = 0.0
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
        """Settle the jobs that ran when the daemon last stopped, then begin.

        Raises:
            DiskFull, StoreError: the queue cannot be read.
        """
        self._unsettled = dict.fromkeys(self._store.ids(State.RUNNING), "interruption")
        try:
            self._settle_all()
        except Exception as error:
            self._in_trouble(error)
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

    def _loop(self) -> None:
        with self._wake:
            while not self._stopping:
                try:
                    self._tick()
                except Exception as error:  # a full disk or a locked database must not end this thread
                    self._in_trouble(error)
                self._wake.wait(self._until_next_tick_s())
        self._shut_down()

    def _tick(self) -> None:
        now = time.monotonic()
        self._end_what_hangs(now)
        if self._pause.left_s:
            return
        self._settle_all()
        if self._pause.reason:
            self._check_room()
            self._pause.over()
            log.info("the disk takes scores again")
        if self._process is None and now >= self._start_at:
            self._launch()
        if self._process is not None and self._process.ready and not self._process.ended_by_us:
            self._fill_lanes(self._process)

    def _end_what_hangs(self, now: float) -> None:
        process = self._process
        if process is None or process.ended_by_us:
            return
        if any(deadline <= now for deadline in self._deadlines.values()):
            log.info("a cancelled score did not stop by itself, its process is ended")
            self._deadlines.clear()
            process.kill()
        elif (job_id := self._watchdog.stuck()) is not None:
            verdict = self._watchdog.verdict(job_id)
            log.error("score %s: %s; its process is ended", job_id, verdict.message)
            self._forget(job_id)
            self._unsettled[job_id] = verdict
            process.kill()
        elif not process.ready and now >= self._launched_at + START_PATIENCE_S:
            log.error("the worker process did not become ready, it is started again")
            process.kill()

    def _check_room(self) -> None:
        self._store.check_writable()
        if self._full():
            raise _NO_ROOM

    def _in_trouble(self, error: Exception) -> None:
        if isinstance(error, V2MError):
            log.error("%s", error)
            self._pause.begin(str(error))
        else:
            log.exception("the dispatcher failed and tries again", exc_info=error)
            self._pause.begin(f"an internal error ({type(error).__name__}); the log has the details")

    @property
    def trouble(self) -> str:
        """What keeps scores from being made at the moment, in words; empty while all is well."""
        if self._pause.reason:
            return self._pause.reason
        if self._thread.ident is not None and not self._thread.is_alive() and not self._stopping:
            return "the queue stands still; start the daemon again"
        return str(_NO_ROOM) if self._full() else ""

    def _full(self) -> bool:
        return shutil.disk_usage(self._config.scores).free < SPARE_BYTES

    def _until_next_tick_s(self) -> float | None:
        moments = list(self._deadlines.values())
        if (silent := self._watchdog.next_deadline()) is not None:
            moments.append(silent)
        if self._process is None:
            moments.append(self._start_at)
        elif not self._process.ready:
            moments.append(self._launched_at + START_PATIENCE_S)
        waits = [max(0.0, moment - time.monotonic()) for moment in moments]
        if self._pause.reason:
            waits = [max(wait, self._pause.left_s) for wait in waits] + [self._pause.left_s]
        return min(waits, default=None)

    def _launch(self) -> None:
        self._process = WorkerChild(self._config)
        self._launched_at = time.monotonic()
        threading.Thread(target=self._listen, args=(self._process,), name="worker-output", daemon=True).start()

    def _fill_lanes(self, process: WorkerChild) -> None:
        while len(self.in_flight) < self._config.lanes:
            job = self._store.next_queued()
            if job is None or (self.in_flight and (job.crashes or self._in_flight_has_crashed())):
                return  # a job that crashed the process once runs alone, so that no other job is lost with it
            if (obstacle := self._obstacle(job)) is not None:
                self._store.set_aside(job.id, obstacle)
                self._changed(job.id)
                continue
            if self._full():
                raise _NO_ROOM
            if not self._store.start(job.id):
                continue
            folder = job_folder(self._config.scores, job.id)
            self.in_flight[job.id] = job
            self._watchdog.saw(job.id, "")
            work = folder.work(job.attempt)
            self._advances[job.id] = Advance("", 0.0, 0.0)
            process.send(Order(id=job.id, source=job.source, work=str(work), out=str(folder.out), options=job.options))
            self._changed(job.id)

    def _obstacle(self, job: Job) -> JobError | None:
        """Why the job cannot be started: its row cannot be read, or its edit lies outside of today's folders."""
        if job.state is State.FAILED:
            return job.error
        try:
            allowed_edit(job.source, self._config.may_read)
        except PathNotAllowed as error:
            return JobError.of(error)
        except V2MError:
            return None  # it is missing: the pipeline says so in its own words
        return None

    def _in_flight_has_crashed(self) -> bool:
        return any(job.crashes for job in self.in_flight.values())

    # -- from the worker (reader thread)

    def _listen(self, process: WorkerChild) -> None:
        for text in process.output:
            try:
                message = FromWorker.validate_json(text)
            except ValidationError:
                log.error("the worker sent a line that is no message: %r", text[:200])
                continue
            with self._wake:
                self._take_up(process, message)
                self._wake.notify_all()
        code = process.close()
        with self._wake:
            self._on_exit(process, code)
            self._wake.notify_all()

    def _take_up(self, process: WorkerChild, message: Ready | Progressed | Finished | Stopped) -> None:
        """Store what the worker says. When that fails, the worker is ended and its jobs are settled later."""
        try:
            self._on_message(process, message)
        except Exception as error:
            self._in_trouble(error)
            process.kill()

    def _on_message(self, process: WorkerChild, message: Ready | Progressed | Finished | Stopped) -> None:
        if isinstance(message, Ready):
            process.ready = True
            self.warning = message.warning
            return
        if message.id not in self.in_flight:  # it was given up before
            return
        if isinstance(message, Progressed):
            self._advance(message)
            return
        self.worker_bytes = message.resident_bytes
        self._backoff_s = 0.0
        if isinstance(message, Finished):
            self._finish(message)
        elif message.error is not None:
            self._fail(message.id, message.error)
        self._forget(message.id)

    def _fail(self, job_id: str, error: JobError) -> None:
        if error.code == DiskFull.code:
            self._pause.begin(error.message)
            self._filled[job_id] = self._filled.get(job_id, 0) + 1
            if self._filled[job_id] < MOST_FULL:
                self._store.requeue(job_id, "")
                self._changed(job_id)
                return
        self._store.fail(job_id, error)
        self._changed(job_id)

    def _advance(self, message: Progressed) -> None:
        before = self._advances.get(message.id)
        self._watchdog.saw(message.id, message.stage)
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
        self._watchdog.forget(job_id)

    def _finish(self, message: Finished) -> None:
        self._filled.pop(message.id, None)
        if self._store.done(message.id, message.outcome):
            self._changed(message.id)
            self._done(self._store.get(message.id))
        else:  # it was cancelled just before: its files go
            shutil.rmtree(job_folder(self._config.scores, message.id).out, ignore_errors=True)

    def _on_exit(self, process: WorkerChild, code: int) -> None:
        if self._process is process:
            self._process = None
        if self._stopping:
            return
        self.restarts += 1
        if not process.ended_by_us:
            log.warning("the worker process ended by itself (exit code %d)", code)
            self._backoff_s = min(LONGEST_BACKOFF_S, max(FIRST_BACKOFF_S, self._backoff_s * 2))
        self._start_at = time.monotonic() + (0.0 if process.ended_by_us else self._backoff_s)
        self._let_go("" if process.ended_by_us else "crash")
        try:
            self._settle_all()
        except Exception as error:
            self._in_trouble(error)

    def _let_go(self, blame: str) -> None:
        for job_id in list(self.in_flight):
            self._forget(job_id)
            self._unsettled.setdefault(job_id, blame)

    def _settle_all(self) -> None:
        for job_id, blame in list(self._unsettled.items()):
            self._settle(job_id, blame)
            del self._unsettled[job_id]

    def _settle(self, job_id: str, blame: str | JobError) -> None:
        """Decide what becomes of a job whose process has ended: done, failed or queued again.

        Args:
            blame: see :meth:`v2m_bridge.daemon.jobs.store.JobStore.requeue`; or the error that it failed with.
        """
        with contextlib.suppress(NoSuchJob):
            job = self._store.get(job_id)
            if not JOB_ID.match(job_id):
                self._store.set_aside(job_id, UNREADABLE)
                return
            folder = job_folder(self._config.scores, job_id)
            shutil.rmtree(folder.work(job.attempt), ignore_errors=True)
            outcome = read_outcome(folder.out)
            if outcome is not None and self._store.done(job_id, outcome):
                self._done(self._store.get(job_id))
            elif isinstance(blame, JobError):
                self._store.fail(job_id, blame)
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
            self._let_go("")
            try:
                self._settle_all()
            except V2MError as error:  # the next start settles them
                log.error("%s", error)


_NO_ROOM = DiskFull("the disk is full: no score can be written", "make room; it goes on by itself")

_CRASHED = JobError(
    code="crashed",
    message="scoring this edit ended its process more than once",
    hint="look at the daemon's log; damaged media is the usual cause",
)


def clear_leftovers(scores: Path) -> None:
    """Remove half-done work of earlier runs; finished scores are not touched."""
    for work in scores.glob("*/.*work-*"):
        shutil.rmtree(work, ignore_errors=True)
