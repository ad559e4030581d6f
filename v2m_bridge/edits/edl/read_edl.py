"""CMX 3600 edit decision lists. A list names no frame rate: the user gives it, or it is guessed with a warning."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from functools import cache
from pathlib import Path

from v2m_bridge.edits.decode_text import decode_text
from v2m_bridge.edits.draft import EditDraft, assemble
from v2m_bridge.edits.edl.events import EdlEvent, EdlList, TimecodeCounter
from v2m_bridge.edits.edl.marker_edl import marker_of
from v2m_bridge.edits.edl.parse_edl import parse_edl
from v2m_bridge.edits.edl.walk import EdlWalk
from v2m_bridge.edits.find_media import MediaFinder
from v2m_bridge.edits.limits import refuse_larger
from v2m_bridge.edits.names import clean
from v2m_bridge.errors import InputError
from v2m_bridge.timeline.model import Marker, Timeline
from v2m_bridge.timeline.sweep import Piece
from v2m_bridge.timing.rates import exact_rate
from v2m_bridge.timing.timecode import can_drop_frames, parse_timecode

MAX_BYTES = 32 * 1024 * 1024
GUESSES = (24, 25, 30, 48, 50, 60, 100, 120)
"""Rates tried when none is given, smallest first."""

ODD_FRAME = 60
"""Frame numbers from here on are so rare that a single one is damage."""


def read_edl(path: Path, *, rate: Fraction | None = None, media_roots: Sequence[Path] = ()) -> Timeline:
    """Read an EDL.

    Args:
        rate: frames per second; None guesses it from the timecodes and says so in the warnings.

    Raises:
        InputError: no events, or timecodes that the rate does not have; the message names the line.
    """
    refuse_larger(path, MAX_BYTES)
    found = parse_edl(decode_text(path.read_bytes()), path.name)
    if not found.events:
        raise InputError(f"{path.name} has no events", "is it a CMX 3600 edit decision list?")
    draft = EditDraft(name=clean(found.title or path.stem), rate=rate or _guess_rate(found), warnings=found.warnings)
    draft.drop_frame = found.drop_frame and can_drop_frames(draft.rate)
    if rate is None:
        draft.warn(
            f"an EDL names no frame rate; {float(draft.rate):g} is guessed from its timecodes (set it with --rate)"
        )
    counter = TimecodeCounter(draft, found.drop_frame, path.name)
    _drop_damaged(found, draft, counter)
    counter.wrap_midnight(found.events)
    shots = _shots(found, counter)
    everything = shots or found.events
    pictures = [e for e in everything if e.is_picture]
    if not pictures:
        raise InputError(f"{path.name} has no picture: all its {len(everything)} events are sound")
    if shots:
        lowest = min(e.layer for e in pictures)
        counter.count_inclusive([e for e in pictures if e.layer == lowest])
    draft.start_frame = min(counter.record(e)[0] for e in pictures)
    if shots:
        EdlWalk(draft, MediaFinder(path.parent, media_roots), counter).events(shots)
    else:
        _place_markers_only(draft, found, counter)
    draft.markers.extend(_locators(found, draft, counter))
    draft.markers.extend(_resolve_markers(found, draft, counter))
    return assemble(draft)


def _drop_damaged(found: EdlList, draft: EditDraft, counter: TimecodeCounter) -> None:
    """Leave out events whose record timecodes cannot be: a few are damage, many mean a wrong rate.

    Raises:
        InputError: a third of the events or more are damaged; it names the first.
    """
    damaged: list[tuple[EdlEvent, InputError]] = []
    for event in found.events:
        try:
            counter.record(event)
        except InputError as error:
            damaged.append((event, error))
    if damaged and 3 * len(damaged) >= len(found.events):
        raise damaged[0][1]
    for _, damage in damaged:
        draft.warn_damage(damage)
    gone = {id(event) for event, _ in damaged}
    found.events = [event for event in found.events if id(event) not in gone]
    found.markers = [(event, line) for event, line in found.markers if id(event) not in gone]


def _guess_rate(found: EdlList) -> Fraction:
    """The smallest rate that has all frame numbers and makes most source lengths equal the record lengths."""
    numbers = sorted(_parts(text)[3] for e in found.events for text in e.timecodes() if not text.isdigit())
    highest = numbers[-1] if numbers else 0
    if len(found.events) > 3 and len(numbers) > 4 and highest >= ODD_FRAME > numbers[-2]:
        highest = numbers[-2]  # a single frame number that no other comes near is damage
    candidates = [n for n in GUESSES if n > highest and (not found.drop_frame or n % 30 == 0)]
    if not candidates:
        raise InputError(f"no frame rate has frame {highest} in its timecode", "set it with --rate")
    best = min(candidates, key=lambda n: (_unequal_lengths(found.events, n, found.drop_frame), n))
    return exact_rate(Fraction(best * 1000, 1001) if found.drop_frame else best)


def _parts(timecode: str) -> list[int]:
    return [int(x) for x in re.split(r"[:;.,]", timecode)]


def _unequal_lengths(events: Iterable[EdlEvent], fps: int, drop: bool) -> int:
    """How many events without a speed line have different source and record lengths at ``fps``."""

    @cache
    def count(text: str) -> int:
        if text.isdigit():
            return int(text)
        hours, minutes, seconds, frames = _parts(text)
        minutes += 60 * hours
        dropped = fps // 15 * (minutes - minutes // 10) if drop else 0
        return (minutes * 60 + seconds) * fps + frames - dropped

    plain = [e for e in events if e.speed_fps is None]
    return sum(count(e.source_out) - count(e.source_in) != count(e.record_out) - count(e.record_in) for e in plain)


def _shots(found: EdlList, counter: TimecodeCounter) -> list[EdlEvent]:
    """The events that are shots. Those with Resolve's marker line are markers if all have one, or if the event is
    as long as its marker; a shot on which a marker lies is longer."""
    lines = {id(event): line for event, line in found.markers}
    if len(lines) == len(found.events):
        return []
    return [e for e in found.events if not (id(e) in lines and _is_marker_event(e, lines[id(e)], counter))]


def _is_marker_event(event: EdlEvent, line: str, counter: TimecodeCounter) -> bool:
    start, end = counter.record(event)
    return end - start <= 1 or end - start == marker_of(line, start).duration_frames


def _place_markers_only(draft: EditDraft, found: EdlList, counter: TimecodeCounter) -> None:
    """A list of markers alone: black picture from the full hour to the end of the last marker."""
    records = [counter.record(e) for e in found.events]
    hour = parse_timecode("01:00:00" + (";00" if draft.drop_frame else ":00"), draft.rate)
    draft.start_frame = min(start for start, _ in records) // hour * hour
    ends = [end - draft.start_frame for _, end in records]
    ends += [m.frame + max(1, m.duration_frames) for m in _resolve_markers(found, draft, counter)]
    draft.add(Piece(0, max(ends), layer=0))
    draft.warn("the list holds markers only, no shots; the picture is taken as black")


def _locators(found: EdlList, draft: EditDraft, counter: TimecodeCounter) -> Iterator[Marker]:
    """Avid's locators as markers."""
    for locator in found.locators:
        try:
            frame = counter.frames(locator.timecode, locator.line) - draft.start_frame
        except InputError as error:
            draft.warn_damage(error)
            continue
        yield Marker(frame, clean(locator.text), clean(locator.color))


def _resolve_markers(found: EdlList, draft: EditDraft, counter: TimecodeCounter) -> Iterator[Marker]:
    """Resolve's markers, each at the record in of its event."""
    for event, line in found.markers:
        yield marker_of(line, counter.record(event)[0] - draft.start_frame)
