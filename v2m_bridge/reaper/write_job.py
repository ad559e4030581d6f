"""Write the ``.v2m`` job: one record a line, in the order REAPER's script applies them (``docs/job-format.md``)."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator
from pathlib import Path

from v2m_bridge.errors import HostError
from v2m_bridge.files.whole import write_whole
from v2m_bridge.reaper.session import (
    CUE_COLOR,
    EVERYTHING,
    ImportWish,
    MidiItem,
    Session,
    SessionTrack,
    Thing,
    plan_session,
)
from v2m_bridge.score.model import Score

JOB_VERSION = 1
JOB_SUFFIX = ".v2m"
NEWEST = "newest"
"""File in the outbox that names the job posted last: ``counter<TAB>file name``."""

_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})


def write_job(score: Score, path: Path) -> Path:
    """Write ``score`` as a job file at ``path``, complete or not at all.

    Returns:
        ``path``.

    Raises:
        HostError: the score's tempo map contradicts itself.
        InputError: the file cannot be written.
    """
    write_whole(path, job_text(plan_session(score)))
    return path


def post_job(score: Score, outbox: Path, wish: ImportWish = EVERYTHING) -> Path:
    """Write ``score`` into ``outbox`` under its identity, where REAPER's script looks for the newest job."""
    session = dataclasses.replace(plan_session(score), wish=wish)
    outbox.mkdir(parents=True, exist_ok=True)
    path = outbox / f"{session.identity}{JOB_SUFFIX}"
    # an answer to an earlier push of the same score would be taken for the new one
    path.with_suffix(".answer").unlink(missing_ok=True)
    write_whole(path, job_text(session))
    _note_newest(outbox, path.name)
    return path


def _note_newest(outbox: Path, name: str) -> None:
    """Point the script to the job; the counter tells a watching script that the same one was posted again."""
    note = outbox / NEWEST
    before = note.read_text(encoding="utf-8").split("\t")[0] if note.is_file() else ""
    count = int(before) + 1 if before.isdecimal() else 1
    write_whole(note, f"{count}\t{name}\n")


def job_text(session: Session) -> str:
    """The whole job; its last record counts the records before it."""
    lines = ["\t".join(_field(value) for value in record) for record in _records(session)]
    return "\n".join([*lines, f"end\t{len(lines)}"]) + "\n"


def _field(value: object) -> str:
    if isinstance(value, bool):
        return str(int(value))
    if isinstance(value, float):
        if not math.isfinite(value):
            raise HostError(f"the score holds {value!r} where a time or tempo belongs", "score the timeline again")
        return repr(value)
    return str(value).translate(_ESCAPES)


def _records(session: Session) -> Iterator[tuple[object, ...]]:
    rate = session.rate
    yield "v2m-job", JOB_VERSION
    yield "score", session.identity, session.title, session.writer
    yield "rate", rate.numerator, rate.denominator, session.drop_frame
    yield "start", session.start_frame, session.start_timecode, session.offset_s
    yield "length", session.duration_s, session.end_beat
    if session.wish != EVERYTHING:
        only = session.wish.only or tuple(Thing)
        yield "import", " ".join(thing.value for thing in only), session.wish.take_new
    for tempo in session.tempo:
        yield "tempo", tempo.seconds, tempo.beat, tempo.bpm, tempo.numerator, tempo.denominator, tempo.linear
    for marker in session.markers:
        yield "marker", marker.seconds, marker.kind, f"{marker.color:06X}", marker.name
    yield "region", 0.0, session.duration_s, f"{CUE_COLOR:06X}", session.title
    for track in session.tracks:
        yield from _track(track)
    for warning in session.warnings:
        yield "warning", warning


def _track(track: SessionTrack) -> Iterator[tuple[object, ...]]:
    yield "track", track.key, track.kind.value, f"{track.color:06X}", track.name
    for video in track.videos:
        yield "video", video.start_s, video.length_s, video.source_start_s, video.speed, video.path, video.name
    for chord in track.chords:
        yield "chord", chord.start_beat, chord.end_beat, chord.symbol
    for item in track.midi:
        yield from _midi(item)


def _midi(item: MidiItem) -> Iterator[tuple[object, ...]]:
    yield "item", item.start_beat, item.end_beat, item.channel, item.program, item.name
    for beat, text in item.texts:
        yield "text", beat, text
    for beat, number, value in item.controls:
        yield "cc", beat, number, value
    for start, length, pitch, velocity in item.notes:
        yield "note", start, length, pitch, velocity
