"""What the daemon does, whoever asks: HTTP, OSC and the inbox all come through here."""

from __future__ import annotations

import contextlib
import json
import logging
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from v2m_bridge.daemon.config import DaemonConfig
from v2m_bridge.daemon.events import Broker, News
from v2m_bridge.daemon.housekeeping import folder_bytes, surplus
from v2m_bridge.daemon.jobs.job import (
    FINISHED,
    Advance,
    Job,
    NewJob,
    NoSuchArtifact,
    NoSuchJob,
    Origin,
    Push,
    QueueFull,
    State,
    WrongState,
    new_id,
)
from v2m_bridge.daemon.jobs.store import JobStore
from v2m_bridge.daemon.metrics import Metrics
from v2m_bridge.daemon.paths import JobFolder, adopt, allowed_edit, is_below, job_folder, safe_name
from v2m_bridge.daemon.schemas import ScoreStatus, status_of
from v2m_bridge.daemon.tokens import tighten
from v2m_bridge.daemon.worker.dispatch import Dispatcher, clear_leftovers
from v2m_bridge.edits.menu_request import display_name
from v2m_bridge.edits.names import NAMELESS_FILE
from v2m_bridge.errors import InputError, V2MError
from v2m_bridge.files.rename import rename
from v2m_bridge.options import ScoreOptions
from v2m_bridge.resolve.install import exchange, protect
from v2m_bridge.settings import make_folder

Pusher = Callable[[Job, JobFolder], str]
"""Brings a finished score into a host; returns a sentence on what happened, raises ``V2MError``."""

UPLOAD_LIFE_S = 3600.0

log = logging.getLogger("v2m_bridge.daemon")


@dataclass(frozen=True)
class Submission:
    """How a score is asked for, whatever its source is.

    Attributes:
        push: also bring the score into REAPER when it is done.
        key: a repeated request with the same key gives the same job.
    """

    options: ScoreOptions
    origin: Origin
    push: bool = False
    key: str | None = None


class Service:
    """The queue with everything around it. Methods may be called from any thread."""

    def __init__(self, config: DaemonConfig, pusher: Pusher) -> None:
        """Open the queue.

        Raises:
            SetupError: the state folder or the database cannot be used.
        """
        _make_folders(config)
        self.config = config
        self.store = JobStore(config.home / "jobs.sqlite")
        self.broker = Broker()
        self.metrics = Metrics()
        self._pusher = pusher
        self.dispatcher = Dispatcher(config, self.store, self._changed, self._advanced, self._done)
        self.listeners: list[Callable[[ScoreStatus], None]] = []
        self.watchers: list[Callable[[str, Advance], None]] = []
        self._being_made: set[str] = set()
        self._received: dict[str, float] = {}
        self.osc_open = False
        self.inbox_open = False
        self.edit_roots = config.may_read

    def start(self) -> None:
        """Tidy up after the last run and begin to work."""
        clear_leftovers(self.config.scores)
        shutil.rmtree(self.uploads, ignore_errors=True)
        self.dispatcher.start()
        try:
            self.tidy()
        except V2MError as error:  # a full disk: the dispatcher says so in health and goes on when there is room
            log.error("%s", error)

    def stop(self) -> None:
        """End the worker and close the queue; interrupted jobs wait for the next start."""
        self.dispatcher.stop()
        self.store.close()

    # -- new scores

    def check(self, options: ScoreOptions) -> None:
        """Refuse what the pipeline would refuse at once, not after a while in the queue.

        Raises:
            InputError: an unknown key, mood, part, preset, chord symbol or rate.
        """
        options.check()

    def submit_path(self, text: str, submission: Submission) -> Job:
        """Score an edit or video where it lies.

        Raises:
            PathNotAllowed, InputError, QueueFull: see their texts.
        """
        path = allowed_edit(text, self.edit_roots)
        _known_kind(path.name)
        return self._queue(new_id(), path, path.stem, submission)

    def submit_document(self, document: dict[str, Any], name: str | None, submission: Submission) -> Job:
        """Score an OTIO document; it is kept in the job's own folder."""
        job_id = new_id()
        title = name or str(document.get("name") or "") or "timeline"
        with self._fresh_source(job_id) as folder:
            path = folder.source / f"{NAMELESS_FILE}.otio"
            path.write_text(
                json.dumps(document, ensure_ascii=False), encoding="utf-8", errors="backslashreplace", newline="\n"
            )
            return self._queue(job_id, path, title, submission)

    def submit_upload(self, upload: str, submission: Submission) -> Job:
        """Score a file that was uploaded before.

        Raises:
            InputError: there is no such upload, or it expired.
        """
        waiting = self.uploads / upload
        files = [p for p in waiting.iterdir() if not p.name.startswith(".")] if upload in self._received else []
        if len(files) != 1:
            raise InputError("the upload does not exist any more", "send the file again")
        job_id = new_id()
        with self._fresh_source(job_id) as folder:
            path = folder.source / files[0].name
            rename(files[0], path)
            job = self._queue(job_id, path, path.stem, submission)
        self.drop_upload(upload)
        return job

    def submit_kept(self, path: Path, submission: Submission) -> Job:
        """Score a file where it lies and keep a copy: the file will be moved away afterwards (the inbox)."""
        _known_kind(path.name)
        job_id = new_id()
        with self._fresh_source(job_id) as folder:
            adopt(path, folder.source)
            return self._queue(job_id, path, display_name(path.name), submission)

    def submit_again(self, job_id: str, submission: Submission) -> Job:
        """Score the source of an earlier job once more.

        Raises:
            NoSuchJob, InputError: the job or its source is gone.
            PathNotAllowed: its source lies outside the folders that the daemon may read today.
        """
        earlier = self.store.get(job_id)
        source = Path(earlier.source)
        kept_copy = self.folder(job_id).source / source.name
        if is_below(source, self.edit_roots) and source.exists():
            source = allowed_edit(str(source), self.edit_roots)
        elif kept_copy.exists():
            source = kept_copy
        else:
            allowed_edit(str(source), self.edit_roots)  # says so when the folders of today do not hold it
            raise InputError(f"{source.name} is not there any more", "choose the edit again")
        if source.is_relative_to(self.folder(job_id).source):
            fresh = new_id()
            with self._fresh_source(fresh) as folder:
                kept = adopt(source, folder.source)
                return self._queue(fresh, kept, earlier.name, submission)
        return self._queue(new_id(), source, earlier.name, submission)

    def _queue(self, job_id: str, source: Path, name: str, submission: Submission) -> Job:
        new = NewJob(
            id=job_id,
            name=name[:200],
            source=str(source),
            origin=submission.origin,
            options=submission.options,
            push=Push() if submission.push else None,
            key=submission.key,
        )
        most = self.config.limits.queue
        if submission.origin == "osc":  # anybody on the machine can send OSC: room is kept for those who are known
            most = max(1, most * 3 // 4)
        job = self.store.add(new, most)
        if job.id == job_id:
            self.metrics.count("v2m_scores_submitted_total", origin=submission.origin)
            self._changed(job.id)
            self.dispatcher.notify()
        else:
            shutil.rmtree(self.folder(job_id).path, ignore_errors=True)
        return job

    @contextlib.contextmanager
    def _fresh_source(self, job_id: str) -> Iterator[JobFolder]:
        folder = self.folder(job_id)
        self._being_made.add(job_id)
        try:
            folder.source.mkdir(parents=True)
            yield folder
        except BaseException:
            shutil.rmtree(folder.path, ignore_errors=True)
            raise
        finally:
            self._being_made.discard(job_id)

    # -- uploads

    @property
    def uploads(self) -> Path:
        """Where received files wait until a request names them."""
        return self.config.scores / ".uploads"

    def new_upload(self, name: str) -> tuple[str, Path]:
        """Id and path to write an upload to.

        Raises:
            InputError: neither an edit nor a video by its name.
            QueueFull: what was sent and waits takes all the room that ``--keep-gb`` gives.
        """
        clean = safe_name(name)
        _known_kind(clean)
        self._forget_uploads()
        if folder_bytes(self.uploads) >= self.config.limits.keep_bytes:
            raise QueueFull("the files that were sent and wait take all the room there is", "score them first")
        upload = new_id()
        folder = self.uploads / upload
        folder.mkdir(parents=True)
        return upload, folder / clean

    def upload_received(self, upload: str) -> None:
        """The upload is complete: from now on it waits for its request."""
        self._received[upload] = time.monotonic()
        self.tidy()

    def drop_upload(self, upload: str) -> None:
        """The upload was broken off."""
        self._received.pop(upload, None)
        shutil.rmtree(self.uploads / upload, ignore_errors=True)

    def _forget_uploads(self) -> None:
        """Remove uploads that nobody has named for an hour; one that is still being received is not touched."""
        for upload, at in list(self._received.items()):
            if time.monotonic() - at > UPLOAD_LIFE_S:
                self.drop_upload(upload)

    # -- existing scores

    def folder(self, job_id: str) -> JobFolder:
        """Where a job keeps its files."""
        return job_folder(self.config.scores, job_id)

    def status(self, job_id: str) -> ScoreStatus:
        """The public view of a job.

        Raises:
            NoSuchJob: unknown.
        """
        return self.view(self.store.get(job_id))

    def news_of(self, job_id: str) -> News:
        """The state of a job as an event, with the number of its latest event.

        Raises:
            NoSuchJob: unknown.
        """
        return self._state_news(self.status(job_id))

    def _state_news(self, status: ScoreStatus) -> News:
        events = self.store.events(status.id)
        if not events:
            raise NoSuchJob(f"there is no score {status.id!r}")
        return News("state", _json(status.model_dump(mode="json")), events[-1].number, status.state in FINISHED)

    def view(self, job: Job) -> ScoreStatus:
        """The public view of a job that was read before."""
        ahead = self.store.ahead_of(job) if job.state is State.QUEUED else 0
        return status_of(job, self.dispatcher.advance(job.id), ahead)

    def artifact(self, job_id: str, name: str) -> Path:
        """Path of a file of a finished score.

        Raises:
            NoSuchJob: unknown job.
            NoSuchArtifact: the job has no file of this name.
        """
        job = self.store.get(job_id)
        path = self.folder(job_id).out / name
        if all(artifact.name != name for artifact in job.artifacts) or not path.is_file():
            raise NoSuchArtifact(f"this score has no file {name[:80]!r}", _where_it_would_be(job, name))
        return path

    def cancel(self, job_id: str) -> Job:
        """Stop a job that waits or runs; a finished one stays as it is."""
        self.store.get(job_id)
        if self.store.cancel(job_id):
            self.dispatcher.cancelled(job_id)
            self._changed(job_id)
        return self.store.get(job_id)

    def remove(self, job_id: str) -> None:
        """Forget a finished job and delete its files.

        Raises:
            WrongState: it has not finished.
        """
        job = self.store.get(job_id)
        if not self.store.remove(job_id):
            raise WrongState(f"the score is {job.state}", "cancel it first")
        shutil.rmtree(self.folder(job_id).path, ignore_errors=True)
        self.broker.publish(job_id, News("removed", _json({"id": job_id}), last=True))

    def push(self, job_id: str) -> Push:
        """Bring a finished score into its host, now.

        Raises:
            WrongState: it is not done.
            V2MError: the host refused or did not answer.
        """
        job = self.store.get(job_id)
        if job.state is not State.DONE:
            raise WrongState(f"the score is {job.state}", "wait until it is done")
        try:
            push = Push(state="sent", message=self._pusher(job, self.folder(job_id)))
        except V2MError as error:
            self._note_push(job_id, Push(state="failed", message=str(error)))
            raise
        self._note_push(job_id, push)
        return push

    def _note_push(self, job_id: str, push: Push) -> None:
        self.metrics.count("v2m_pushes_total", outcome=push.state)
        self.store.set_push(job_id, push)
        self._changed(job_id)

    def tidy(self) -> None:
        """Remove the oldest finished scores beyond what is kept, and folders that no score of the queue owns."""
        limits = self.config.limits
        beyond = surplus(self.config.scores, self.store, limits.keep_jobs, limits.keep_bytes, self._being_made)
        for folder in beyond.orphans:
            shutil.rmtree(folder, ignore_errors=True)
        for job_id in beyond.jobs:
            with contextlib.suppress(NoSuchJob, WrongState):
                self.remove(job_id)
                log.info("score %s was removed, it was the oldest beyond the limit", job_id)

    # -- news

    def _changed(self, job_id: str) -> None:
        try:
            status = self.status(job_id)
            news = self._state_news(status)
        except NoSuchJob:
            return
        if status.state in FINISHED:
            self.metrics.finished(status)
        self.broker.publish(job_id, news)
        for listener in self.listeners:
            listener(status)

    def _advanced(self, job_id: str, advance: Advance) -> None:
        body = {
            "id": job_id,
            "state": "running",
            "stage": advance.stage,
            "stage_progress": round(advance.fraction, 4),
            "progress": round(advance.progress, 4),
        }
        self.broker.publish(job_id, News("progress", _json(body)))
        for watcher in self.watchers:
            watcher(job_id, advance)

    def _done(self, job: Job) -> None:
        threading.Thread(target=self._after, args=(job,), name="after-score", daemon=True).start()

    def _after(self, job: Job) -> None:
        if job.push is not None and job.push.state == "wanted":
            try:
                self.push(job.id)
            except V2MError as error:
                log.warning("score %s was not brought into %s: %s", job.id, job.push.host, error)
            except Exception:
                log.exception("bringing score %s into %s failed", job.id, job.push.host)
        try:
            self.tidy()
        except Exception:
            log.exception("tidying up failed")


def _make_folders(config: DaemonConfig) -> None:
    """Make every folder that the daemon writes to.

    Raises:
        SetupError: one of them is a file, or cannot be written to.
    """
    exchanged = exchange(config.home)
    for folder in (config.home, config.scores, exchanged.inbox, exchanged.outbox, config.home / "cache"):
        make_folder(folder)
    tighten(config.home)
    for warning in protect(config.home, exchanged):
        log.warning("%s", warning)


def _where_it_would_be(job: Job, name: str) -> str:
    if job.state is not State.DONE:
        return f"it is {job.state}; files are there once it is done"
    if name == "preview.wav":
        return 'it was made without one: score it again ("again") with "options": {"preview": true}'
    return "it has " + ", ".join(artifact.name for artifact in job.artifacts)


def _known_kind(name: str) -> None:
    from v2m_bridge.edits.read_edit import EDIT_SUFFIXES, VIDEO_SUFFIXES

    known = EDIT_SUFFIXES | VIDEO_SUFFIXES
    if Path(name).suffix.lower() not in known:
        raise InputError(f"{safe_name(name)} is neither an edit nor a video", "known: " + " ".join(sorted(known)))


def _json(body: dict[str, Any]) -> str:
    return json.dumps(body, separators=(",", ":"))
