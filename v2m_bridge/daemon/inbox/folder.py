"""The inbox: edits that appear in a folder become jobs, and whoever dropped them gets an answer.

Files come from Resolve's menu script (their name tells the request, see :mod:`v2m_bridge.edits.menu_request`), from
File > Export, or from anything that can save a file. A file is taken up when it has stopped growing; it stays where it
is while its job runs, so that relative media paths keep their meaning, and moves to ``done/`` or ``failed/`` after it.
What was taken up is kept in ``.taken.json``: after a restart nothing is scored twice and every answer is still given.

A file ``NAME.json`` beside ``NAME.otio``, written before it, may hold ``{"options": {...}, "request": "..."}``.
"""

from __future__ import annotations

import json
import logging
import os
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from v2m_bridge.edits.menu_request import Request, display_name, lua_answer, request_of
from v2m_bridge.errors import V2MError

__all__ = ["Inbox", "display_name"]

log = logging.getLogger("v2m_bridge.inbox")

SUFFIXES = frozenset({".otio", ".otioz"})
SETTLE_S = 0.7
"""A file that has not changed for so long is complete."""

UNFINISHED_S = 15.0
"""JSON without its last brace is waited for so long; then the reader shall say what is wrong with it."""

ANSWER_LIFE_S = 24 * 3600.0
SIDECAR_BYTES = 64 * 1024
RETRY_CODES = frozenset({"queue_full"})
FINISHED = frozenset({"done", "failed", "cancelled"})

Submit = Callable[[Path, dict[str, Any]], str]
Status = Callable[[str], Mapping[str, Any] | None]


@dataclass(frozen=True)
class Taken:
    """A file that became a job; ``size`` and ``changed_ns`` tell it from a later export of the same name."""

    name: str
    size: int
    changed_ns: int
    job_id: str
    request_id: str | None


class Inbox:
    """Watches one folder.

    Args:
        inbox: folder that edits appear in; created when missing.
        outbox: folder for answers (``<request>.lua`` and ``<request>.json``); created when missing.
        submit: ``submit(path, options) -> job id``; called once a file, with the absolute path and the options of the
            sidecar, plus ``first_frame`` and ``end_frame`` where the timeline had marks. (:func:`display_name` of the
            path is what to call the job.) May raise ``V2MError``; the file then counts as failed, except for the code
            ``queue_full``, which is tried again.
        status: ``status(job id)`` -> what ``GET /v1/scores/{id}`` gives, or None for a job that is gone.
        clock: monotonic seconds.

    ``poll`` is one look and is what tests call; ``watch`` polls until told to stop. Both belong to one thread.
    """

    def __init__(
        self,
        inbox: Path,
        outbox: Path,
        submit: Submit,
        status: Status,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._inbox = inbox
        self._outbox = outbox
        self._submit = submit
        self._status = status
        self._clock = clock
        self._seen: dict[str, tuple[int, int, float]] = {}
        self._answered: dict[str, str] = {}
        self._taken = self._load()
        self._last_sweep_s = float("-inf")

    def watch(self, stop: threading.Event, every_s: float = 0.5) -> None:
        """Poll until ``stop`` is set; an error of the disk is logged and tried again."""
        while not stop.is_set():
            try:
                self.poll()
            except OSError as error:
                log.warning("inbox %s: %s", self._inbox, error)
            stop.wait(every_s)

    def poll(self) -> int:
        """One look: take up complete files, answer for running jobs, move finished ones aside.

        Returns:
            How many jobs were started.
        """
        self._inbox.mkdir(parents=True, exist_ok=True)
        self._outbox.mkdir(parents=True, exist_ok=True)
        started = sum(self._look_at(path) for path in self._newest(self._candidates()))
        for taken in list(self._taken.values()):
            self._follow(taken)
        self._sweep_answers()
        return started

    def _candidates(self) -> list[Path]:
        found = [
            path
            for path in self._inbox.iterdir()
            if path.suffix.lower() in SUFFIXES and not path.name.startswith((".", "~")) and path.is_file()
        ]
        names = {path.name for path in found}
        self._seen = {name: seen for name, seen in self._seen.items() if name in names}
        return sorted(found)

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
                outcome = _answer_fields("", {"state": "cancelled"}) | {"text": "Replaced by a later one."}
                replaced = request_of(older.name)
                self._answer(replaced.request_id if replaced else None, outcome)
                self._move(older, "failed", outcome["text"])
        return [*kept, *last.values()]

    def _look_at(self, path: Path) -> bool:
        """Take ``path`` up if it is complete and new."""
        try:
            stat = path.stat()
        except OSError:
            return False
        mark = (stat.st_size, stat.st_mtime_ns)
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
        options, request_id = _sidecar(path)
        request_id = request.request_id if request else request_id
        if request:
            options |= _marked_range(request)
        try:
            job_id = self._submit(path.absolute(), options)
        except V2MError as error:
            if error.code in RETRY_CODES:
                return False
            log.warning("inbox: %s: %s", path.name, error)
            answer = _failure(None, error.message, error.hint)
            self._answer(request_id, answer)
            self._move(path, "failed", answer["text"])
            return False
        log.info("inbox: %s became job %s", path.name, job_id)
        self._taken[path.name] = Taken(path.name, *mark, job_id, request_id)
        self._save()
        self._seen.pop(path.name, None)
        return True

    def _follow(self, taken: Taken) -> None:
        status = self._status(taken.job_id)
        state = str(status.get("state")) if status else "cancelled"
        answer = _answer_fields(taken.job_id, status)
        if taken.request_id and self._answered.get(taken.request_id) != state:
            self._answer(taken.request_id, answer)
            self._answered[taken.request_id] = state
        if state not in FINISHED:
            return
        path = self._inbox / taken.name
        unchanged = path.is_file() and (path.stat().st_size, path.stat().st_mtime_ns) == (taken.size, taken.changed_ns)
        if unchanged:
            self._move(path, "done" if state == "done" else "failed", answer["text"])
        del self._taken[taken.name]
        self._answered.pop(taken.request_id or "", None)
        self._save()

    def _answer(self, request_id: str | None, fields: dict[str, Any]) -> None:
        """Write both forms, each at once: a reader sees the old answer or the new one, never half of one."""
        if request_id is None:
            return
        texts = {"lua": lua_answer(fields), "json": json.dumps(fields)}
        for suffix, text in texts.items():
            target = self._outbox / f"{request_id}.{suffix}"
            _replace(target, text)

    def _move(self, path: Path, folder: str, outcome: str) -> None:
        """Move a file and its sidecar aside, beside what lies there already; a failure leaves its reason as text."""
        target_folder = self._inbox / folder
        target_folder.mkdir(exist_ok=True)
        for source in (path, path.with_suffix(".json")):
            if not source.is_file():
                continue
            target = target_folder / source.name
            number = 2
            while target.exists():
                target = target_folder / f"{source.stem} {number}{source.suffix}"
                number += 1
            source.replace(target)
            if folder == "failed" and source is path:
                target.with_suffix(".txt").write_text(outcome + "\n", encoding="utf-8")

    def _sweep_answers(self) -> None:
        """Answers that nobody waits for any more go after a day."""
        if self._clock() - self._last_sweep_s < 600:
            return
        self._last_sweep_s = self._clock()
        oldest = time.time() - ANSWER_LIFE_S
        for path in self._outbox.iterdir():
            if path.suffix in (".lua", ".json") and path.is_file() and path.stat().st_mtime < oldest:
                path.unlink(missing_ok=True)

    @property
    def _record(self) -> Path:
        return self._inbox / ".taken.json"

    def _load(self) -> dict[str, Taken]:
        try:
            rows = json.loads(self._record.read_text(encoding="utf-8"))
            return {row["name"]: Taken(**row) for row in rows}
        except (OSError, ValueError, TypeError, KeyError):
            return {}

    def _save(self) -> None:
        _replace(self._record, json.dumps([asdict(taken) for taken in self._taken.values()]))


def _replace(target: Path, text: str) -> None:
    draft = target.with_name(f"{target.name}.{os.getpid()}.tmp")
    draft.write_text(text, encoding="utf-8", newline="\n")
    draft.replace(target)


def _changed_ns(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0


def _looks_complete(path: Path) -> bool:
    """Whether the file can be opened and, if it is JSON, ends with its closing brace."""
    try:
        with path.open("rb") as file:
            if path.suffix.lower() != ".otio":
                return path.stat().st_size > 0
            file.seek(0, os.SEEK_END)
            file.seek(max(0, file.tell() - 64))
            return file.read().rstrip().endswith(b"}")
    except OSError:
        return False


def _sidecar(path: Path) -> tuple[dict[str, Any], str | None]:
    """Options and request of ``NAME.json``; a damaged one counts as absent, with a note in the log."""
    sidecar = path.with_suffix(".json")
    try:
        if not sidecar.is_file() or sidecar.stat().st_size > SIDECAR_BYTES:
            return {}, None
        content = json.loads(sidecar.read_text(encoding="utf-8"))
        options, request_id = content.get("options", {}), content.get("request")
    except (OSError, ValueError, AttributeError) as error:
        log.warning("inbox: %s cannot be read and is ignored: %s", sidecar.name, error)
        return {}, None
    valid_id = isinstance(request_id, str) and request_id.isalnum() and request_id.isascii() and len(request_id) <= 40
    return (dict(options) if isinstance(options, dict) else {}), (request_id if valid_id else None)


def _marked_range(request: Request) -> dict[str, int]:
    """In and out points as half-open frames; a mark that is not set leaves its side open."""
    found = {}
    if request.mark_in is not None and request.mark_in > 0:
        found["first_frame"] = request.mark_in
    if request.mark_out is not None and request.mark_out >= (request.mark_in or 0):
        found["end_frame"] = request.mark_out + 1
    return found


def _answer_fields(job_id: str, status: Mapping[str, Any] | None) -> dict[str, Any]:
    """What the scripts show: state, a title for a marker and a sentence."""
    if status is None:
        return _failure(job_id, "the score was removed before it was ready", None)
    state = str(status.get("state"))
    fields: dict[str, Any] = {"state": state, "job": job_id}
    if state == "queued":
        return fields | {"title": "v2m: queued", "text": "Waiting for its turn."}
    if state == "running":
        return fields | {"title": "v2m: scoring", "text": "v2m-bridge is at work on this timeline."}
    if state == "done":
        return fields | _success(status.get("summary") or {})
    if state == "cancelled":
        return fields | {"title": "v2m: cancelled", "text": "The score was cancelled."}
    error = status.get("error") or {}
    return _failure(job_id, str(error.get("message") or "something went wrong"), error.get("hint"))


def _success(summary: Mapping[str, Any]) -> dict[str, Any]:
    key = str(summary.get("key") or "scored")
    low, high = summary.get("min_bpm"), summary.get("max_bpm")
    tempo = ""
    if isinstance(low, int | float) and isinstance(high, int | float):
        tempo = f"{low:.0f} BPM" if round(low) == round(high) else f"{low:.0f}-{high:.0f} BPM"
    title = f"v2m: {key}" + (f", {tempo}" if tempo else "")
    text = "The score is ready."
    if isinstance(summary.get("landed"), int) and isinstance(summary.get("hits"), int):
        text = f"The score is ready: {summary['landed']} of {summary['hits']} hits are on the beat."
    warnings = [str(w).rstrip(".") + "." for w in summary.get("warnings") or ()]
    return {"title": title, "text": " ".join([text, *warnings[:2]]), "key": key, "tempo": tempo}


def _failure(job_id: str | None, message: str, hint: object) -> dict[str, Any]:
    text = message[:1].upper() + message[1:] + "."
    if hint:
        text += f" {str(hint)[:1].upper()}{str(hint)[1:]}."
    return {"state": "failed", "job": job_id, "title": "v2m: not scored", "text": text}
