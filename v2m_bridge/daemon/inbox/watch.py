"""Ties the inbox to the queue: files that appear there become jobs, and their senders are answered."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import logging
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from v2m_bridge.daemon.inbox.answer import InboxAnswer, answer_of
from v2m_bridge.daemon.inbox.folder import Inbox
from v2m_bridge.daemon.inbox.results import results_of
from v2m_bridge.daemon.jobs.job import Job, NoSuchJob
from v2m_bridge.daemon.service import Service, Submission
from v2m_bridge.daemon.whereabouts import running
from v2m_bridge.errors import InputError, V2MError, cannot_write, is_disk_full, is_held
from v2m_bridge.files.names import as_bytes
from v2m_bridge.options import ScoreOptions
from v2m_bridge.resolve.install import exchange

log = logging.getLogger("v2m_bridge.inbox")


def _key(path: Path) -> str:
    """The same for the same file, so that a kill between queueing it and noting so does not score it twice."""
    stat = path.stat()
    return hashlib.sha256(as_bytes(f"inbox\0{path}\0{stat.st_size}\0{stat.st_mtime_ns}")).hexdigest()


def _submit(service: Service, path: Path, options: ScoreOptions) -> str:
    try:
        service.check(options)
        return service.submit_kept(path, Submission(options, "inbox", key=_key(path))).id
    except V2MError:
        raise
    except OSError as error:
        if is_disk_full(error) or is_held(error):
            raise cannot_write(f"a copy of {path.name}", error) from error
        raise InputError(f"{path.name} cannot be read: {error.strerror}") from error
    except Exception as error:  # one strange file must not hold up the others
        log.exception("%s was not taken up", path.name)
        raise InputError(f"{path.name} cannot be taken up ({type(error).__name__})") from error


def _find(service: Service, job_id: str) -> Job | None:
    try:
        return service.store.get(job_id)
    except NoSuchJob:
        return None


def editor_answer(service: Service, job_id: str, job: Job | None) -> InboxAnswer:
    """What the editor's side is told of a job, the same by every route."""
    if job is None:
        return answer_of(job_id, job)
    running_at = running(service.config.home)
    previews = exchange(service.config.home).previews
    results = results_of(job, service.folder(job_id).out, previews, running_at.url if running_at else None)
    return answer_of(job_id, job, service.dispatcher.advance(job_id), results)


def _cancel(service: Service, job_id: str) -> None:
    with contextlib.suppress(NoSuchJob):
        service.cancel(job_id)


@asynccontextmanager
async def watching_inbox(service: Service) -> AsyncIterator[None]:
    """Watch ``inbox/`` while the daemon runs."""
    folders = exchange(service.config.home)
    inbox = Inbox(
        folders.inbox,
        folders.outbox,
        lambda path, options: _submit(service, path, options),
        lambda job_id: _find(service, job_id),
        answer=lambda job_id, job: editor_answer(service, job_id, job),
        cancel=lambda job_id: _cancel(service, job_id),
    )
    stop = threading.Event()
    watcher = threading.Thread(target=_watch, args=(inbox, stop), name="inbox", daemon=True)
    watcher.start()
    service.inbox_open = True
    try:
        yield
    finally:
        stop.set()
        await asyncio.to_thread(watcher.join, 5.0)
        service.inbox_open = False


def _watch(inbox: Inbox, stop: threading.Event) -> None:
    while not stop.is_set():
        try:
            inbox.watch(stop)
        except Exception:  # one strange file must not end the inbox
            log.exception("the inbox failed and tries again")
            stop.wait(2.0)
