"""The walk through the events of a list: each becomes a piece, dissolves and wipes become transitions too.

A dissolve or wipe is one event number with two lines: the outgoing shot (often of no length) and the incoming one,
at whose record in the transition starts. An EDL's edit point is that record in (the OpenTimelineIO adapter reads it
so too); how long the transition takes from there is in the cut's span.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import replace
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
KEYS = ("K", "KO")
"""Kinds of events whose picture is keyed over another one; ``K B`` is that other one, the background."""

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
        """Walk all events; those of sound give length only. What is recorded later covers what was there before."""
        covered: dict[int, _Covered] = {}
        pieces: list[Piece] = []
        for event in reversed(events):
            start, end = (frame - self._draft.start_frame for frame in self._counter.record(event))
            if not event.is_picture:
                self._draft.reach(end)
                continue
            if end <= start and event.kind == "C":
                continue  # the outgoing half of a transition; the shot itself is the event before
            free = [(start, end)]
            if event.kind not in KEYS:
                free = covered.setdefault(event.layer, _Covered()).take(start, end)
            if event.reel.upper() not in BLACK_REELS:
                piece = self._piece(event, start, end)
                pieces.extend(_part(piece, *span, self._draft.rate) for span in reversed(free))
            self._draft.reach(end)
            if event.kind[0] in "DW" and event.transition_frames > 0:
                self._transition(event, start, end)
        for piece in reversed(pieces):
            self._draft.add(piece)

    def _piece(self, event: EdlEvent, start: int, end: int) -> Piece:
        source_in, source_out = self._source(event)
        speed = self._speed(event, source_out - source_in, end - start)
        first = max(source_in, source_out) - 1 if speed < 0 and source_out != source_in else source_in
        name, found = self._name_and_media(event)
        source_s = max(Fraction(0), first / self._draft.rate)
        if found.online and found.path:
            source_s -= origin_s(found.path, source_s, counts_timecode=True)
        return Piece(
            start_frame=start,
            end_frame=end,
            layer=event.layer,
            opaque=event.kind not in KEYS,
            media=found.path,
            media_online=found.online,
            source_start_s=source_s,
            speed=speed,
            name=clean(name),
            take=f"{event.reel}/{name}",
        )

    def _source(self, event: EdlEvent) -> tuple[int, int]:
        """Source in and out; damaged ones count from 0 with a warning, because the cut is still right."""
        try:
            return self._counter.source(event)
        except InputError as error:
            self._draft.warn_damage(error, "its footage is taken from the first frame")
            return 0, 0

    def _speed(self, event: EdlEvent, source_frames: int, record_frames: int) -> Fraction:
        """The speed line of an event, else what its source and record lengths say; backwards if out is before in."""
        if event.speed_fps is not None:
            speed = event.speed_fps / nominal_fps(self._draft.rate)
            if abs(speed) <= MAX_SPEED:
                return speed
            error = InputError(f"line {event.line}: a speed of {float(speed):g} is not possible")
            self._draft.warn_damage(error, "it is taken at normal speed")
            return Fraction(1)
        direction = -1 if source_frames < 0 else 1
        source_frames = abs(source_frames)
        if record_frames <= 0 or abs(source_frames - record_frames) <= SLACK_FRAMES or source_frames == 0:
            return Fraction(direction)
        speed = direction * Fraction(source_frames, record_frames)
        if abs(speed) > MAX_SPEED:
            self._draft.warn(f"line {event.line}: its source is far longer than its record; taken at normal speed")
            return Fraction(direction)
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


class _Covered:
    """Which frames of one track later events have taken, as sorted spans that do not touch."""

    def __init__(self) -> None:
        self._spans: list[tuple[int, int]] = []

    def take(self, start: int, end: int) -> list[tuple[int, int]]:
        """Take ``[start, end)``; returns the parts of it that were free."""
        first = bisect_left(self._spans, (start, start))
        if first and self._spans[first - 1][1] >= start:
            first -= 1
        last = first
        free, at = [], start
        while last < len(self._spans) and self._spans[last][0] <= end:
            low, high = self._spans[last]
            if at < low:
                free.append((at, min(low, end)))
            at = max(at, high)
            last += 1
        if at < end:
            free.append((at, end))
        whole = [*self._spans[first:last], (start, end)]
        self._spans[first:last] = [(min(low for low, _ in whole), max(high for _, high in whole))]
        return free


def _part(piece: Piece, start: int, end: int, rate: Fraction) -> Piece:
    """The piece between two frames of the timeline."""
    source_s = piece.source_start_s + (start - piece.start_frame) / rate * piece.speed
    return replace(piece, start_frame=start, end_frame=end, source_start_s=source_s)


def _last_part(text: str) -> str:
    return PureWindowsPath(text).name if "\\" in text else PurePosixPath(text).name
