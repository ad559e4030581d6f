"""EDL events become pieces and transitions.

A dissolve or wipe is one event number with two lines: the outgoing shot (often of no length) and the incoming one,
whose record in is where the transition *starts*. The edit point is taken in its middle, as hosts show it; from black
at its start, to black at its end.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import PurePosixPath, PureWindowsPath
from typing import TYPE_CHECKING

from v2m_bridge.hosts.edit_assembly import Edit, clean, looks_like_media
from v2m_bridge.hosts.find_media import MediaFinder
from v2m_bridge.timeline.model import CutKind
from v2m_bridge.timeline.sweep import Blend, Piece

if TYPE_CHECKING:
    from v2m_bridge.hosts.read_edl import Counter, Event

BLACK_REELS = frozenset({"BL", "BLK", "BLACK", "BLANK"})
SLACK_FRAMES = 2
"""Source and record lengths may differ by so much without meaning a speed change."""

_FILE_KEYS = ("FROM FILE", "FROM CLIP", "SOURCE FILE", "FROM CLIP NAME", "CLIP NAME")
_INCOMING_KEYS = ("TO CLIP", "TO CLIP NAME", "SOURCE FILE", "FROM FILE", "FROM CLIP", "FROM CLIP NAME", "CLIP NAME")


def place_events(edit: Edit, events: Sequence[Event], count: Counter, media: MediaFinder) -> None:
    """Add all events to ``edit``; its start frame is already known."""
    last: dict[int, int] = {}
    for index, event in enumerate(events):
        start, end = (frame - edit.start_frame for frame in count.record(event))
        if not event.is_picture:
            edit.end_frame = max(edit.end_frame, end)
            continue
        if end <= start and event.kind == "C":
            continue  # the outgoing half of a transition; the shot itself is the event before
        incoming = _piece(edit, event, count, media, start, end)
        if event.kind[0] in "DW" and event.transition_frames > 0:
            outgoing = _outgoing(edit, events, index, count, media, last.get(event.layer))
            _transition(edit, event, incoming, outgoing, start, last)
        elif incoming is not None:
            last[event.layer] = len(edit.pieces)
            edit.add(incoming)
        else:
            last.pop(event.layer, None)
            edit.end_frame = max(edit.end_frame, end)


def _piece(edit: Edit, event: Event, count: Counter, media: MediaFinder, start: int, end: int) -> Piece | None:
    """The piece of an event, or None for black."""
    if event.reel.upper() in BLACK_REELS:
        return None
    source_in, source_out = count.source(event)
    speed = _speed(edit, event, source_out - source_in, end - start)
    first = source_out - 1 if speed < 0 and source_out > source_in else source_in
    name, path, online = _media(event, media)
    return Piece(
        start_frame=start,
        end_frame=end,
        layer=event.layer,
        opaque=event.kind not in ("K", "KO"),
        media=path,
        media_online=online,
        source_start_s=max(Fraction(0), first / edit.rate),
        speed=speed,
        name=clean(name),
        take=f"{event.reel}/{name}",
    )


def _speed(edit: Edit, event: Event, source_frames: int, record_frames: int) -> Fraction:
    if event.speed_fps is not None:
        return event.speed_fps / round(edit.rate)
    if record_frames <= 0 or abs(source_frames - record_frames) <= SLACK_FRAMES or source_frames <= 0:
        return Fraction(1)
    speed = Fraction(source_frames, record_frames)
    edit.warn(
        f"line {event.line}: {source_frames} source frames for {record_frames} of record, without a speed line; "
        f"taken at speed {float(speed):.3g}"
    )
    return speed


def _media(event: Event, media: MediaFinder) -> tuple[str, str | None, bool]:
    """Name, path and whether it is there, from whatever the comments say."""
    keys = _INCOMING_KEYS if event.kind[0] in "DW" else _FILE_KEYS
    texts = [event.notes[key] for key in keys if event.notes.get(key)]
    named = next((event.notes[k] for k in keys if "NAME" in k and event.notes.get(k)), "")
    name = named or (_last_part(texts[0]) if texts else event.reel)
    for text in sorted(texts, key=lambda t: "/" not in t and "\\" not in t):
        if looks_like_media(_last_part(text)):
            return name, *media.find(text)
    for text in (*texts, event.reel):
        path = media.find_stem(_last_part(text))
        if path:
            return name, path, True
    return name, None, False


def _last_part(text: str) -> str:
    return PureWindowsPath(text).name if "\\" in text else PurePosixPath(text).name


def _outgoing(
    edit: Edit, events: Sequence[Event], index: int, count: Counter, media: MediaFinder, last: int | None
) -> int | None:
    """Index in ``edit.pieces`` of the shot that the transition leaves; None for black."""
    event = events[index]
    start = count.record(event)[0] - edit.start_frame
    before = events[index - 1] if index else None
    if before and before.number == event.number and before.reel.upper() in BLACK_REELS:
        return None
    if last is not None and edit.pieces[last].end_frame == start:
        return last
    if before and before.number == event.number and before.layer == event.layer:
        opening = _piece(edit, before, count, media, start, start + 1)
        if opening is not None:
            edit.add(opening)
            return len(edit.pieces) - 1
    return None


def _transition(
    edit: Edit, event: Event, incoming: Piece | None, outgoing: int | None, start: int, last: dict[int, int]
) -> None:
    """Place both shots of a transition around its edit point."""
    length = event.transition_frames
    end = incoming.end_frame if incoming else start + length
    length = min(length, max(0, end - start)) if incoming else length
    point = start if outgoing is None else start + length if incoming is None else start + length // 2
    if outgoing is not None:
        edit.pieces[outgoing] = replace(edit.pieces[outgoing], end_frame=max(point, edit.pieces[outgoing].start_frame))
    edit.end_frame = max(edit.end_frame, end, start + length)
    if incoming is not None:
        shift_s = (point - start) / edit.rate * incoming.speed
        last[event.layer] = len(edit.pieces)
        edit.add(
            replace(incoming, start_frame=point, source_start_s=max(Fraction(0), incoming.source_start_s + shift_s))
        )
    else:
        last.pop(event.layer, None)
    kind = CutKind.WIPE if event.kind.startswith("W") else CutKind.DISSOLVE
    edit.blends.append(Blend(point, start, start + length, event.layer, kind))
