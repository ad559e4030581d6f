"""The inbox: edits that appear in a folder become jobs, and whoever dropped them gets an answer.

Files come from Resolve's menu script (their name tells the request, see :mod:`v2m_bridge.edits.menu_request`), from
File > Export, or from anything that can save a file. A file is taken up when it has stopped growing; it stays where it
is while its job runs, so that relative media paths keep their meaning, and moves to ``done/`` or ``failed/`` after it.
What was taken up is kept in ``.taken.json``: after a restart nothing is scored twice and every answer is still given.

A file ``NAME.json`` beside ``NAME.otio``, written before it, may hold ``{"options": {...}, "request": "..."}``.

Every kind of edit that has a reader is taken up, bundles included. Projects of other programs, which have none, move to
``failed/`` with a text that says what to export instead. Media, texts and unfinished downloads are left alone.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from pydantic import BaseModel, ConfigDict, TypeAdapter

from v2m_bridge.daemon.inbox.answer import CANCELLED, REPLACED, InboxAnswer, answer_of, refusal_of
from v2m_bridge.daemon.inbox.sidecar import options_for, read_sidecar
from v2m_bridge.daemon.jobs.job import FINISHED, Job, State
from v2m_bridge.edits.menu_request import PREFIX, display_name, request_of
from v2m_bridge.edits.other_programs import EXPORTS, refuse_other_program
from v2m_bridge.edits.read_edit import BUNDLE_SUFFIXES, EDIT_SUFFIXES
from v2m_bridge.errors import V2MError
from v2m_bridge.files.rename import remove, rename
from v2m_bridge.files.whole import write_whole
from v2m_bridge.options import ScoreOptions

__all__ = ["Inbox", "display_name"]

log = logging.getLogger("v2m_bridge.inbox")

FOREIGN_SUFFIXES = frozenset(EXPORTS) - {".txt", ".csv"}
"""Projects of other programs. A text or table may be a list of markers that lies beside an edit."""

JSON_SUFFIX = ".otio"
SETTLE_S = 0.7
"""A file that has not changed for so many seconds is complete."""

UNFINISHED_S = 15.0
"""JSON without its last brace is waited for so long; then it is taken up, and the reader says what is wrong with it."""

LOOKS = 3
"""A file that another program holds is tried so often at one look; the next look comes soon enough."""

ANSWER_LIFE_S = 24 * 3600.0
RETRY_CODES = frozenset({"queue_full", "disk_full", "store_unavailable", "file_held"})
"""Refusals that pass by themselves: the edit stays where it is and is tried again."""

Submit = Callable[[Path, ScoreOptions], str]
Find = Callable[[str], Job | None]
Answer = Callable[[str, Job | None], InboxAnswer]
Cancel = Callable[[str], None]


class Taken(BaseModel):
    """A file that became a job; ``size`` and ``changed_ns`` tell it from a later export of the same name."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    name: str
    size: int
    changed_ns: int
    job_id: str
    request_id: str | None


_RECORD = TypeAdapter(list[Taken])
"""Content of ``.taken.json``."""


class Inbox:
    """Watches one folder.

    Args:
        inbox: folder that edits appear in; created when missing.
        outbox: folder for answers (``<request>.lua`` and ``<request>.json``); created when missing.
        submit: ``submit(path, options) -> job id``; called once a file, with the absolute path and the options of the
            sidecar, plus ``first_frame`` and ``end_frame`` where the timeline had marks. (:func:`display_name` of the
            path is what to call the job.) May raise ``V2MError``; the file then counts as failed, except for
            those of :data:`RETRY_CODES`.
        find: the job of an id, or None for one that is gone.
        answer: what to tell of a job.
        cancel: stops the job of an id.
        clock: monotonic seconds.

    ``poll`` is one look and is what tests call; ``watch`` polls until told to stop. Both belong to one thread.
    """

    def __init__(
        self,
        inbox: Path,
        outbox: Path,
        submit: Submit,
        find: Find,
        clock: Callable[[], float] = time.monotonic,
        answer: Answer = answer_of,
        cancel: Cancel = lambda job_id: None,
    ) -> None:
        self._inbox = inbox
        self._outbox = outbox
        self._submit = submit
        self._find = find
        self._clock = clock
        self._answer_of = answer
        self._cancel = cancel
        self._seen: dict[str, tuple[int, int, float]] = {}
        self._answered: dict[str, InboxAnswer] = {}
        self._taken = self._load()
        self._last_sweep_s = float("-inf")
        self._troubles: dict[str, str] = {}
        self._answers_since: dict[str, float] = {}

    def watch(self, stop: threading.Event, every_s: float = 0.5) -> None:
        """Poll until ``stop`` is set; an error of the disk is logged and tried again."""
        while not stop.is_set():
            try:
                self.poll()
            except (OSError, V2MError) as error:
                log.warning("inbox %s: %s", self._inbox, error)
            stop.wait(every_s)

    def poll(self) -> int:
        """One look: take up complete files, answer for running jobs, move finished ones aside.

        Returns:
            How many jobs were started.
        """
        self._inbox.mkdir(parents=True, exist_ok=True)
        self._outbox.mkdir(parents=True, exist_ok=True)
        self._heed_cancellations()
        started = 0
        for path in self._newest(self._candidates()):
            with self._alone(path.name):
                started += self._look_at(path)
        for taken in list(self._taken.values()):
            with self._alone(taken.name):
                self._follow(taken)
        self._sweep_answers()
        return started

    @contextmanager
    def _alone(self, name: str) -> Iterator[None]:
        """What goes wrong with one file is tried again at the next look, and holds up no other file.

        It is logged when it is new: a file that a program holds open for an hour is one line.
        """
        try:
            yield
        except (OSError, V2MError) as error:
            told = str(error)
            if self._troubles.get(name) != told:
                log.warning("inbox: %s waits: %s", name, told)
            self._troubles[name] = told
        else:
            self._troubles.pop(name, None)

    def _candidates(self) -> list[Path]:
        found = [path for path in self._inbox.iterdir() if _is_edit(path)]
        names = {path.name for path in found}
        self._seen = {name: seen for name, seen in self._seen.items() if name in names}
        return sorted(found)

    def _heed_cancellations(self) -> None:
        """Stop what is not wanted any more, whether it is being scored or still waits."""
        for path in self._inbox.glob(f"{PREFIX}*_x1*"):
            request = request_of(path.name)
            if request is None or not request.cancels:
                continue
            with self._alone(path.name):
                self._cancel_request(request.request_id)
                remove(path, LOOKS)

    def _cancel_request(self, request_id: str) -> None:
        for taken in self._taken.values():
            if taken.request_id == request_id:
                self._cancel(taken.job_id)
        for waiting in self._candidates():
            sent = request_of(waiting.name)
            wanted = sent.request_id if sent else read_sidecar(waiting).request
            if wanted == request_id and waiting.name not in self._taken:
                self._answer(wanted, CANCELLED)
                self._move(waiting, "failed", CANCELLED.text)

    def _newest(self, paths: list[Path]) -> list[Path]:
        """Of several presses on one timeline that wait (the daemon was down), only the last is scored."""
        last: dict[str, Path] = {}
        kept = []
        for path in sorted(paths, key=_changed_ns):
            request = request_of(path.name)
            if path.name in self._taken or request is None or not request.timeline_id:
                kept.append(path)
                continue
            older = last.get(request.timeline_id)
            last[request.timeline_id] = path
            if older is not None:
                replaced = request_of(older.name)
                with self._alone(older.name):
                    self._answer(replaced.request_id if replaced else None, REPLACED)
                    self._move(older, "failed", REPLACED.text)
        return [*kept, *last.values()]

    def _look_at(self, path: Path) -> bool:
        """Take ``path`` up if it is complete and new."""
        mark = _size_and_date(path)
        if mark is None:
            return False
        taken = self._taken.get(path.name)
        if taken and (taken.size, taken.changed_ns) == mark:
            return False
        if taken:
            return False  # exported again over a running job: taken up when that one has moved aside
        now_s = self._clock()
        seen = self._seen.get(path.name)
        if seen is None or seen[:2] != mark:
            self._seen[path.name] = (*mark, now_s)
            return False
        quiet_s = now_s - seen[2]
        if quiet_s < SETTLE_S or (quiet_s < UNFINISHED_S and not _looks_complete(path)):
            return False
        return self._take(path, mark)

    def _take(self, path: Path, mark: tuple[int, int]) -> bool:
        request = request_of(path.name)
        sidecar = read_sidecar(path)
        request_id = request.request_id if request else sidecar.request
        try:
            refuse_other_program(path)
            job_id = self._submit(path.absolute(), options_for(sidecar, request))
        except V2MError as error:
            if error.code in RETRY_CODES:
                return False
            log.warning("inbox: %s: %s", path.name, error)
            answer = refusal_of(None, error.message, error.hint)
            self._answer(request_id, answer)
            self._move(path, "failed", answer.text)
            return False
        log.info("inbox: %s became job %s", path.name, job_id)
        size, changed_ns = mark
        self._taken[path.name] = Taken(
            name=path.name, size=size, changed_ns=changed_ns, job_id=job_id, request_id=request_id
        )
        self._save()
        self._seen.pop(path.name, None)
        return True

    def _follow(self, taken: Taken) -> None:
        job = self._find(taken.job_id)
        state = job.state if job else State.CANCELLED
        answer = self._answer_of(taken.job_id, job)
        if taken.request_id and self._answered.get(taken.request_id) != answer:
            self._answer(taken.request_id, answer)
            self._answered[taken.request_id] = answer
        if state not in FINISHED:
            return
        path = self._inbox / taken.name
        if _size_and_date(path) == (taken.size, taken.changed_ns):
            self._move(path, "done" if state is State.DONE else "failed", answer.text)
        del self._taken[taken.name]
        self._answered.pop(taken.request_id or "", None)
        self._save()

    def _answer(self, request_id: str | None, answer: InboxAnswer) -> None:
        """Write both forms, each at once: a reader sees the old answer or the new one, never half of one."""
        if request_id is None:
            return
        for suffix, text in answer.texts().items():
            write_whole(self._outbox / f"{request_id}.{suffix}", text)

    def _move(self, path: Path, folder: str, outcome: str) -> None:
        """Move a file and its sidecar aside, beside what lies there already; a failure leaves its reason as text."""
        target_folder = self._inbox / folder
        target_folder.mkdir(exist_ok=True)
        for source in (path, path.with_suffix(".json")):
            if not source.exists():
                continue
            target = target_folder / source.name
            number = 2
            while target.exists():
                target = target_folder / f"{source.stem} {number}{source.suffix}"
                number += 1
            rename(source, target, LOOKS)
            if folder == "failed" and source is path:
                target.with_suffix(".txt").write_text(outcome + "\n", encoding="utf-8", newline="\n")

    def _sweep_answers(self) -> None:
        """Answers that nobody waits for any more go after a day."""
        if self._clock() - self._last_sweep_s < 600:
            return
        self._last_sweep_s = now = self._clock()
        answers = {path.name: path for path in self._outbox.iterdir() if path.suffix in (".lua", ".json")}
        # Counted from when this process first saw the file: the date of a file and the clock may be days apart.
        self._answers_since = {name: self._answers_since.get(name, now) for name in answers}
        for name, since in self._answers_since.items():
            if now - since > ANSWER_LIFE_S and answers[name].is_file():
                with self._alone(name):
                    remove(answers[name], LOOKS)

    @property
    def _record(self) -> Path:
        return self._inbox / ".taken.json"

    def _load(self) -> dict[str, Taken]:
        try:
            rows = _RECORD.validate_json(self._record.read_bytes())
        except (OSError, ValueError):  # missing or damaged
            return {}
        return {taken.name: taken for taken in rows}

    def _save(self) -> None:
        write_whole(self._record, _RECORD.dump_json(list(self._taken.values())))


def _is_edit(path: Path) -> bool:
    """Whether a file or bundle of the inbox is to be taken up or refused."""
    suffix = path.suffix.lower()
    if path.name.startswith((".", "~")):
        return False
    request = request_of(path.name)
    if request is not None and request.cancels:
        return False
    if path.is_dir():
        return suffix in BUNDLE_SUFFIXES
    return path.is_file() and suffix in EDIT_SUFFIXES | FOREIGN_SUFFIXES


def _size_and_date(path: Path) -> tuple[int, int] | None:
    """Size and time of the last change of a file or of all that a bundle holds; None where it is gone."""
    try:
        stats = [path.stat(), *(inside.stat() for inside in path.rglob("*") if path.is_dir())]
    except OSError:
        return None
    return sum(stat.st_size for stat in stats), max(stat.st_mtime_ns for stat in stats)


def _changed_ns(path: Path) -> int:
    mark = _size_and_date(path)
    return mark[1] if mark else 0


def _looks_complete(path: Path) -> bool:
    """Whether the file can be opened and, if it is JSON, ends with its closing brace."""
    if path.is_dir():
        return True
    try:
        with path.open("rb") as file:
            if path.suffix.lower() != JSON_SUFFIX:
                return path.stat().st_size > 0
            file.seek(0, os.SEEK_END)
            file.seek(max(0, file.tell() - 64))
            return file.read().rstrip().endswith(b"}")
    except OSError:
        return False
