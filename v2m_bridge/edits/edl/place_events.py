"""EDL events become pieces and transitions.

A dissolve or wipe is one event number with two lines: the outgoing shot (often of no length) and the incoming one,
at whose record in the transition starts. An EDL's edit point is that record in (the OpenTimelineIO adapter reads it
so too); how long the transition takes from there is in the cut's span.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import PurePosixPath, PureWindowsPath
from typing import TYPE_CHECKING

from v2m_bridge.edits.draft import Edit, clean, looks_like_media
from v2m_bridge.edits.find_media import MediaFinder
from v2m_bridge.edits.media_timecode import origin_s
from v2m_bridge.errors import InputError
from v2m_bridge.timeline.model import CutKind
from v2m_bridge.timeline.sweep import Blend, Piece
from v2m_bridge.timing.timecode import nominal_fps

if TYPE_CHECKING:
    from v2m_bridge.edits.edl.read_edl import Counter, Event

BLACK_REELS = frozenset({"BL", "BLK", "BLACK", "BLANK"})
MAX_SPEED = 1000
SLACK_FRAMES = 2
"""Source and record lengths may differ by so much without meaning a speed change."""

_FILE_KEYS = ("FROM FILE", "FROM CLIP", "SOURCE FILE", "FROM CLIP NAME", "CLIP NAME")
_INCOMING_KEYS = ("TO CLIP", "TO CLIP NAME", "SOURCE FILE", "FROM FILE", "FROM CLIP", "FROM CLIP NAME", "CLIP NAME")


def place_events(edit: Edit, events: Sequence[Event], count: Counter, media: MediaFinder) -> None:
    """Add all events to ``edit``; its start frame is already known."""
    for event in events:
        start, end = (frame - edit.start_frame for frame in count.record(event))
        if not event.is_picture:
            edit.end_frame = max(edit.end_frame, end)
            continue
        if end <= start and event.kind == "C":
            continue  # the outgoing half of a transition; the shot itself is the event before
        piece = _piece(edit, event, count, media, start, end)
        if piece is not None:
            edit.add(piece)
        edit.end_frame = max(edit.end_frame, end)
        if event.kind[0] in "DW" and event.transition_frames > 0:
            _transition(edit, event, start, end)


def _piece(edit: Edit, event: Event, count: Counter, media: MediaFinder, start: int, end: int) -> Piece | None:
    """The piece of an event, or None for black."""
    if event.reel.upper() in BLACK_REELS:
        return None
    source_in, source_out = count.source(event)
    speed = _speed(edit, event, source_out - source_in, end - start)
    first = source_out - 1 if speed < 0 and source_out > source_in else source_in
    name, path, online = _media(event, media)
    source_s = max(Fraction(0), first / edit.rate)
    if online and path:
        source_s -= origin_s(path, source_s, counts_timecode=True)
    return Piece(
        start_frame=start,
        end_frame=end,
        layer=event.layer,
        opaque=event.kind not in ("K", "KO"),
        media=path,
        media_online=online,
        source_start_s=source_s,
        speed=speed,
        name=clean(name),
        take=f"{event.reel}/{name}",
    )


def _speed(edit: Edit, event: Event, source_frames: int, record_frames: int) -> Fraction:
    if event.speed_fps is not None:
        speed = event.speed_fps / nominal_fps(edit.rate)
        if abs(speed) > MAX_SPEED:
            raise InputError(f"line {event.line}: a speed of {float(speed):g} is not possible")
        return speed
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


def _transition(edit: Edit, event: Event, start: int, end: int) -> None:
    """The transition of an event takes its first frames."""
    kind = CutKind.WIPE if event.kind.startswith("W") else CutKind.DISSOLVE
    last = max(start, min(end, start + event.transition_frames))
    edit.blends.append(Blend(start, start, last, event.layer, kind))
