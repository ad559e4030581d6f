"""CMX 3600 edit decision lists. A list names no frame rate: the user gives it, or it is guessed with a warning."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path

from v2m_bridge.edits.draft import EditDraft, assemble
from v2m_bridge.edits.edl.events import EdlEvent, EdlList, TimecodeCounter
from v2m_bridge.edits.edl.marker_edl import marker_of
from v2m_bridge.edits.edl.parse_edl import decode_edl, parse_edl
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
GUESSES = (24, 25, 30, 50, 60, 100, 120)
"""Rates tried when none is given, smallest first."""


def read_edl(path: Path, *, rate: Fraction | None = None, media_roots: Sequence[Path] = ()) -> Timeline:
    """Read an EDL.

    Args:
        rate: frames per second; None guesses it from the timecodes and says so in the warnings.

    Raises:
        InputError: no events, or timecodes that the rate does not have; the message names the line.
    """
    refuse_larger(path, MAX_BYTES)
    found = parse_edl(decode_edl(path.read_bytes()), path.name)
    if not found.events:
        raise InputError(f"{path.name} has no events", "is it a CMX 3600 edit decision list?")
    draft = EditDraft(name=clean(found.title or path.stem), rate=rate or _guess_rate(found), warnings=found.warnings)
    draft.drop_frame = found.drop_frame and can_drop_frames(draft.rate)
    if rate is None:
        draft.warn(
            f"an EDL names no frame rate; {float(draft.rate):g} is guessed from its timecodes (set it with --rate)"
        )
    counter = TimecodeCounter(draft, found.drop_frame, path.name)
    marked = {id(event) for event, _ in found.markers}
    shots = [e for e in found.events if not (id(e) in marked and _is_marker_event(e, counter))]
    everything = shots or found.events
    pictures = [e for e in everything if e.is_picture]
    if not pictures:
        raise InputError(f"{path.name} has no picture: all its {len(everything)} events are sound")
    draft.start_frame = min(counter.record(e)[0] for e in pictures)
    if shots:
        EdlWalk(draft, MediaFinder(path.parent, media_roots), counter).events(shots)
    else:
        _place_markers_only(draft, found, counter)
    draft.markers.extend(_locators(found, draft, counter))
    draft.markers.extend(_resolve_markers(found, draft, counter))
    return assemble(draft)


def _guess_rate(found: EdlList) -> Fraction:
    """The smallest rate that has all frame numbers and makes most source lengths equal the record lengths."""
    highest = max(int(re.split(r"[:;.,]", tc)[-1]) for e in found.events for tc in e.timecodes())
    candidates = [n for n in GUESSES if n > highest and (not found.drop_frame or n % 30 == 0)]
    if not candidates:
        raise InputError(f"no frame rate has frame {highest} in its timecode", "set it with --rate")
    best = min(candidates, key=lambda n: (_unequal_lengths(found.events, n), n))
    return exact_rate(Fraction(best * 1000, 1001) if found.drop_frame else best)


def _unequal_lengths(events: Iterable[EdlEvent], fps: int) -> int:
    """How many events without a speed line have different source and record lengths at ``fps``."""

    def length(start: str, end: str) -> int:
        parts = [[int(x) for x in re.split(r"[:;.,]", t)] for t in (end, start)]
        last, first = (((h * 60 + m) * 60 + s) * fps + f for h, m, s, f in parts)
        return last - first

    plain = [e for e in events if e.speed_fps is None]
    return sum(length(e.source_in, e.source_out) != length(e.record_in, e.record_out) for e in plain)


def _is_marker_event(event: EdlEvent, counter: TimecodeCounter) -> bool:
    """Resolve's marker lists carry each marker on an event of one frame; real shots are longer."""
    start, end = counter.record(event)
    return end - start <= 1


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
        frame = counter.frames(locator.timecode, locator.line) - draft.start_frame
        yield Marker(frame, clean(locator.text), clean(locator.color))


def _resolve_markers(found: EdlList, draft: EditDraft, counter: TimecodeCounter) -> Iterator[Marker]:
    """Resolve's markers, each at the record in of its event."""
    for event, line in found.markers:
        yield marker_of(line, counter.record(event)[0] - draft.start_frame)
