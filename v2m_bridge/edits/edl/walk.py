"""The walk through the events of a list: each becomes a piece, dissolves and wipes become transitions too.

A dissolve or wipe is one event number with two lines: the outgoing shot (often of no length) and the incoming one,
at whose record in the transition starts. An EDL's edit point is that record in (the OpenTimelineIO adapter reads it
so too); how long the transition takes from there is in the cut's span.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import PurePosixPath, PureWindowsPath

from v2m_bridge.edits.draft import EditDraft
from v2m_bridge.edits.edl.events import EdlEvent, TimecodeCounter
from v2m_bridge.edits.find_media import FoundMedia, MediaFinder
from v2m_bridge.edits.limits import MAX_SPEED
from v2m_bridge.edits.media_timecode import origin_s
from v2m_bridge.edits.names import clean, looks_like_media
from v2m_bridge.errors import InputError
from v2m_bridge.timeline.model import CutKind
from v2m_bridge.timeline.sweep import Blend, Piece
from v2m_bridge.timing.timecode import nominal_fps

BLACK_REELS = frozenset({"BL", "BLK", "BLACK", "BLANK"})
SLACK_FRAMES = 2
"""Source and record lengths may differ by this much without meaning a speed change."""

_FILE_KEYS = ("FROM FILE", "FROM CLIP", "SOURCE FILE", "FROM CLIP NAME", "CLIP NAME")
_INCOMING_KEYS = ("TO CLIP", "TO CLIP NAME", "SOURCE FILE", "FROM FILE", "FROM CLIP", "FROM CLIP NAME", "CLIP NAME")
"""Comments that may name the media of a cut and of the incoming shot of a transition, the best first."""


class EdlWalk:
    """Collects the events of a list into ``draft``, whose start frame is already known."""

    def __init__(self, draft: EditDraft, media: MediaFinder, counter: TimecodeCounter) -> None:
        self._draft = draft
        self._media = media
        self._counter = counter

    def events(self, events: Sequence[EdlEvent]) -> None:
        """Walk all events; those of sound give length only."""
        for event in events:
            start, end = (frame - self._draft.start_frame for frame in self._counter.record(event))
            if not event.is_picture:
                self._draft.reach(end)
                continue
            if end <= start and event.kind == "C":
                continue  # the outgoing half of a transition; the shot itself is the event before
            if event.reel.upper() not in BLACK_REELS:
                self._draft.add(self._piece(event, start, end))
            self._draft.reach(end)
            if event.kind[0] in "DW" and event.transition_frames > 0:
                self._transition(event, start, end)

    def _piece(self, event: EdlEvent, start: int, end: int) -> Piece:
        source_in, source_out = self._counter.source(event)
        speed = self._speed(event, source_out - source_in, end - start)
        first = source_out - 1 if speed < 0 and source_out > source_in else source_in
        name, found = self._name_and_media(event)
        source_s = max(Fraction(0), first / self._draft.rate)
        if found.online and found.path:
            source_s -= origin_s(found.path, source_s, counts_timecode=True)
        return Piece(
            start_frame=start,
            end_frame=end,
            layer=event.layer,
            opaque=event.kind not in ("K", "KO"),
            media=found.path,
            media_online=found.online,
            source_start_s=source_s,
            speed=speed,
            name=clean(name),
            take=f"{event.reel}/{name}",
        )

    def _speed(self, event: EdlEvent, source_frames: int, record_frames: int) -> Fraction:
        """The speed line of an event, else what its source and record lengths say."""
        if event.speed_fps is not None:
            speed = event.speed_fps / nominal_fps(self._draft.rate)
            if abs(speed) > MAX_SPEED:
                raise InputError(f"line {event.line}: a speed of {float(speed):g} is not possible")
            return speed
        if record_frames <= 0 or abs(source_frames - record_frames) <= SLACK_FRAMES or source_frames <= 0:
            return Fraction(1)
        speed = Fraction(source_frames, record_frames)
        self._draft.warn(
            f"line {event.line}: {source_frames} source frames for {record_frames} of record, without a speed line; "
            f"taken at speed {float(speed):.3g}"
        )
        return speed

    def _name_and_media(self, event: EdlEvent) -> tuple[str, FoundMedia]:
        """Name and media of an event, from whatever its comments say; the reel is the last resort."""
        keys = _INCOMING_KEYS if event.kind[0] in "DW" else _FILE_KEYS
        texts = [event.notes[key] for key in keys if event.notes.get(key)]
        named = next((event.notes[k] for k in keys if "NAME" in k and event.notes.get(k)), "")
        name = named or (_last_part(texts[0]) if texts else event.reel)
        for text in sorted(texts, key=lambda t: "/" not in t and "\\" not in t):
            if looks_like_media(_last_part(text)):
                return name, self._media.find(text)
        by_stem = (self._media.find_stem(_last_part(text)) for text in (*texts, event.reel))
        return name, next((found for found in by_stem if found.path), FoundMedia())

    def _transition(self, event: EdlEvent, start: int, end: int) -> None:
        """A transition takes the first frames of its event."""
        kind = CutKind.WIPE if event.kind.startswith("W") else CutKind.DISSOLVE
        last = max(start, min(end, start + event.transition_frames))
        self._draft.blends.append(Blend(start, start, last, event.layer, kind))


def _last_part(text: str) -> str:
    return PureWindowsPath(text).name if "\\" in text else PurePosixPath(text).name
