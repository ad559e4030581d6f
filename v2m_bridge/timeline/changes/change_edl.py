"""Change EDL: source in and out are the old record time, record in and out the new one (CMX 3600 layout).

Conform tools of sound editors read and write it: an event of reel ``OLD`` says where old picture went, ``BL`` is
picture that was not there. A retimed segment has source and record ranges of different lengths and an ``M2`` line.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from v2m_bridge.errors import InputError
from v2m_bridge.timeline.changes.model import Change, ChangeKind, CutChanges, KeptSegment
from v2m_bridge.timeline.model import Timeline
from v2m_bridge.timing.rates import exact_rate
from v2m_bridge.timing.timecode import format_timecode, parse_timecode

NEW_REEL, OLD_REEL = "BL", "OLD"
_TC = r"(\d{2}:\d{2}:\d{2}[:;.,]\d{2,3})"
_EVENT = re.compile(rf"^\s*(\d+)\s+(\S+)\s+\S+\s+C\s+{_TC}\s+{_TC}\s+{_TC}\s+{_TC}\s*$")
_NOTE = re.compile(r"^\*\s*(OLD START|NEW START|OLD FRAMES|NEW FRAMES|RATE):\s*(\S+)\s*$")


@dataclass(frozen=True)
class _Event:
    reel: str
    old: tuple[int, int]
    new: tuple[int, int]


def change_edl(changes: CutChanges, old: Timeline, new: Timeline) -> str:
    """The text of a change EDL, in order of the new cut; times as the hosts show them."""
    drop = new.drop_frame or old.drop_frame
    lines = [
        f"TITLE: {_one_line(old.name)} TO {_one_line(new.name)}",
        f"FCM: {'DROP FRAME' if drop else 'NON-DROP FRAME'}",
        f"* RATE: {new.rate}",
        f"* OLD START: {old.timecode(0)}",
        f"* OLD FRAMES: {old.duration_frames}",
        f"* NEW START: {new.timecode(0)}",
        f"* NEW FRAMES: {new.duration_frames}",
        "",
    ]
    for number, event in enumerate(_events(changes), start=1):
        old_in, old_out = (_time(old, f) if event.reel == OLD_REEL else _zero(f, old) for f in event.old)
        new_in, new_out = (_time(new, f) for f in event.new)
        lines.append(f"{number:03d}  {event.reel:<8} V     C        {old_in} {old_out} {new_in} {new_out}")
        lengths = [b - a for a, b in (event.old, event.new)]
        if event.reel == OLD_REEL and lengths[0] != lengths[1]:
            speed = float(new.rate) * lengths[0] / lengths[1]
            lines.append(f"M2   {event.reel:<8} {speed:07.3f}                {old_in}")
    for change in changes.changes:
        if change.kind is ChangeKind.GONE and change.old:
            a, b = (_time(old, f) for f in change.old)
            lines.append(f"* GONE: {a} {b} {_one_line(change.name)}".rstrip())
    return "\n".join(lines) + "\n"


def write_change_edl(changes: CutChanges, old: Timeline, new: Timeline, path: Path) -> None:
    """Write a change EDL as UTF-8; see :func:`change_edl`."""
    path.write_text(change_edl(changes, old, new), encoding="utf-8", newline="\n")


def read_change_edl(path: Path, rate: Fraction | None = None) -> CutChanges:
    """Read a change EDL, ours or another tool's.

    Args:
        rate: frames per second, for files that do not say.

    Returns:
        Frames from each cut's start; without a start in the file, the earliest time on each side is taken for it.

    Raises:
        InputError: not there, no events, a time that the rate does not have, or no rate.
    """
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from error
    notes = {m[1]: m[2] for line in text.splitlines() if (m := _NOTE.match(line))}
    if "RATE" in notes:
        rate = exact_rate(notes["RATE"])
    if rate is None:
        raise InputError(f"{path.name} does not say its frame rate", "give it with --rate")
    events = [e for line in text.splitlines() if (e := _read_event(line, rate))]
    if not events:
        raise InputError(f"{path.name} holds no events of a change EDL")
    kept = [e for e in events if e.reel.upper() not in (NEW_REEL, "BLACK")]
    old_start = _start(notes.get("OLD START"), rate, [e.old[0] for e in kept])
    new_start = _start(notes.get("NEW START"), rate, [e.new[0] for e in events])
    return _changes_of(events, kept, notes, rate, old_start, new_start)


def _changes_of(
    events: list[_Event], kept: list[_Event], notes: dict[str, str], rate: Fraction, old_start: int, new_start: int
) -> CutChanges:
    segments = tuple(
        KeptSegment(e.old[0] - old_start, e.old[1] - old_start, e.new[0] - new_start, e.new[1] - new_start)
        for e in sorted(kept, key=lambda e: e.new)
    )
    new = tuple(
        Change(ChangeKind.NEW, None, (e.new[0] - new_start, e.new[1] - new_start)) for e in events if e not in kept
    )
    moved = tuple(
        Change(
            ChangeKind.RETIMED if s.retimed else ChangeKind.MOVED, (s.old_start, s.old_end), (s.new_start, s.new_end)
        )
        for s in segments
        if s.shift_frames or s.retimed
    )
    old_frames = notes.get("OLD FRAMES", "")
    new_frames = notes.get("NEW FRAMES", "")
    return CutChanges(
        int(old_frames) if old_frames.isdigit() else max((s.old_end for s in segments), default=0),
        int(new_frames) if new_frames.isdigit() else max(e.new[1] for e in events) - new_start,
        rate,
        segments,
        tuple(sorted((*new, *moved), key=lambda c: c.new or (0, 0))),
    )


def _events(changes: CutChanges) -> list[_Event]:
    """Segments, and what is new between them, without a hole."""
    events: list[_Event] = []
    frame = 0
    for s in changes.segments:
        if s.new_start > frame:
            events.append(_Event(NEW_REEL, (0, s.new_start - frame), (frame, s.new_start)))
        events.append(_Event(OLD_REEL, (s.old_start, s.old_end), (s.new_start, s.new_end)))
        frame = s.new_end
    if frame < changes.new_frames:
        events.append(_Event(NEW_REEL, (0, changes.new_frames - frame), (frame, changes.new_frames)))
    return events


def _time(timeline: Timeline, frame: int) -> str:
    return timeline.timecode(frame)


def _zero(frame: int, timeline: Timeline) -> str:
    return format_timecode(frame, timeline.rate, timeline.drop_frame)


def _start(text: str | None, rate: Fraction, firsts: list[int]) -> int:
    return parse_timecode(text, rate) if text else min(firsts, default=0)


def _read_event(line: str, rate: Fraction) -> _Event | None:
    match = _EVENT.match(line)
    if not match:
        return None
    times = [parse_timecode(t, rate) for t in match.groups()[2:]]
    if times[3] <= times[2]:
        raise InputError(f"event {match[1]} of the change EDL ends before it begins")
    return _Event(match[2], (times[0], times[1]), (times[2], times[3]))


def _one_line(text: str) -> str:
    return " ".join(text.split())
