"""CMX 3600 edit decision lists, as loosely as hosts write them.

Fields of an event: number, reel, track, kind (C cut, D dissolve, Wnnn wipe, K key), duration of the transition, then
source in and out, record in and out. An EDL names no rate: it is given, or guessed and said so.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

from v2m_bridge.edits.draft import Edit, assemble, clean
from v2m_bridge.edits.edl.marker_edl import MARKER_LINE, marker_of
from v2m_bridge.edits.edl.place_events import place_events
from v2m_bridge.edits.find_media import MediaFinder
from v2m_bridge.errors import InputError
from v2m_bridge.timeline.model import Marker, Timeline
from v2m_bridge.timeline.sweep import Piece
from v2m_bridge.timing.rates import exact_rate
from v2m_bridge.timing.timecode import can_drop_frames, nominal_fps, parse_timecode

MAX_BYTES = 32 * 1024 * 1024
GUESSES = (24, 25, 30, 50, 60, 100, 120)
"""Rates tried when none is given, smallest first."""

_TC = r"(\d{1,2}[:;.,]\d{2}[:;.,]\d{2}[:;.,]\d{2,3})"
_EVENT = re.compile(
    rf"\s*(\d+)[*]?\s+(\S.*?)\s+(\S+)\s+(C|D|W\d{{0,3}}|K|KB|KO)(?:\s+([BO]))?(?:\s+\(?F?\)?\s*(\d{{1,6}}))?"
    rf"\s+{_TC}\s+{_TC}\s+{_TC}\s+{_TC}\s*\S{{0,40}}\s*",
    re.I,
)
_SPEED = re.compile(
    r"\s*M2\s+(\S.*?)\s+([-+]?\d{1,6}(?:\.\d{1,6})?)\s+(\d{1,2}[:;.,]\d{2}[:;.,]\d{2}[:;.,]\d{2,3})\s*", re.I
)
_SPEED_BARE = re.compile(r"\s*M2\s+(\S.*?)\s+([-+]?\d{1,6}(?:\.\d{1,6})?)\s*", re.I)
_COMMENT = re.compile(
    r"\s*\**\s*(FROM CLIP NAME|TO CLIP NAME|FROM CLIP|TO CLIP|FROM FILE|SOURCE FILE|CLIP NAME|LOC)\s*:\s*(.*?)\s*", re.I
)
_LOCATOR = re.compile(rf"{_TC}\s*(\S*)\s*(.*)")


@dataclass
class Event:
    """One event line with the comment lines below it; timecodes still as text."""

    line: int
    number: str
    reel: str
    track: str
    kind: str
    transition_frames: int
    source_in: str
    source_out: str
    record_in: str
    record_out: str
    speed_fps: Fraction | None = None
    notes: dict[str, str] = field(default_factory=dict)

    @property
    def is_picture(self) -> bool:
        """V, V2, AA/V, B (both): anything but pure sound."""
        track = self.track.upper()
        return track == "B" or "V" in track

    @property
    def layer(self) -> int:
        """Number of the video track, 1 where there is none."""
        match = re.search(r"V(\d{1,2})", self.track.upper())
        return int(match[1]) if match else 1

    def timecodes(self) -> tuple[str, str, str, str]:
        return self.source_in, self.source_out, self.record_in, self.record_out


@dataclass
class _Lines:
    """What the lines of a list hold, before any timecode is counted."""

    title: str = ""
    drop_frame: bool = False
    events: list[Event] = field(default_factory=list)
    locators: list[tuple[int, str, str, str]] = field(default_factory=list)
    markers: list[tuple[Event, str]] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def read_edl(path: Path, *, rate: Fraction | None = None, media_roots: Sequence[Path] = ()) -> Timeline:
    """Read an EDL.

    Args:
        rate: frames per second; None guesses it from the timecodes and says so in the warnings.

    Raises:
        InputError: no events, or timecodes that the rate does not have; the message names the line.
    """
    if path.stat().st_size > MAX_BYTES:
        raise InputError(f"{path.name} is larger than {MAX_BYTES // 2**20} MiB")
    lines = _parse(_decode(path.read_bytes()), path.name)
    if not lines.events:
        raise InputError(f"{path.name} has no events", "is it a CMX 3600 edit decision list?")
    edit = Edit(name=clean(lines.title or path.stem), rate=rate or _guess_rate(lines), warnings=lines.warnings)
    edit.drop_frame = lines.drop_frame and can_drop_frames(edit.rate)
    if rate is None:
        edit.warn(
            f"an EDL names no frame rate; {float(edit.rate):g} is guessed from its timecodes (set it with --rate)"
        )
    count = Counter(edit, lines.drop_frame, path.name)
    marked = {id(event) for event, _ in lines.markers}
    shots = [e for e in lines.events if not (id(e) in marked and _is_marker_event(e, count))]
    everything = shots or lines.events
    pictures = [e for e in everything if e.is_picture]
    if not pictures:
        raise InputError(f"{path.name} has no picture: all its {len(everything)} events are sound")
    edit.start_frame = min(count.record(e)[0] for e in pictures)
    if shots:
        place_events(edit, shots, count, MediaFinder(path.parent, media_roots))
    else:
        _markers_only(edit, lines, count)
    edit.markers.extend(_locators(lines, edit, count))
    edit.markers.extend(_resolve_markers(lines, edit, count))
    return assemble(edit)


class Counter:
    """Counts timecodes of one list in frames; the messages name the line."""

    def __init__(self, edit: Edit, drop_frame: bool, name: str) -> None:
        self._edit = edit
        self._drop = drop_frame and can_drop_frames(edit.rate)
        self._name = name

    def frames(self, text: str, line: int) -> int:
        """Absolute frames of one timecode; a number that drop frame skips is read as the one after it."""
        plain = re.sub(r"[;.,]", ":", text)
        hours_to_seconds, _, frame = plain.rpartition(":")
        drop = self._drop or ";" in text
        try:
            return parse_timecode(f"{hours_to_seconds}{';' if drop else ':'}{frame}", self._edit.rate)
        except InputError as error:
            if "does not exist" in error.message:
                self._edit.warn(f"line {line}: timecode {text} does not exist in drop frame")
                return parse_timecode(f"{hours_to_seconds};{nominal_fps(self._edit.rate) // 15:02d}", self._edit.rate)
            raise InputError(f"{self._name}, line {line}: {error.message}", "is the rate right?") from error

    def source(self, event: Event) -> tuple[int, int]:
        """Source in and out."""
        return self._ordered(event.source_in, event.source_out, event.line)

    def record(self, event: Event) -> tuple[int, int]:
        """Record in and out."""
        return self._ordered(event.record_in, event.record_out, event.line)

    def _ordered(self, start: str, end: str, line: int) -> tuple[int, int]:
        first, last = self.frames(start, line), self.frames(end, line)
        day = round(24 * 3600 * nominal_fps(self._edit.rate) if not self._drop else 24 * 3600 * self._edit.rate)
        if last < first:
            last += day  # past midnight
        if last - first > day // 2:
            raise InputError(f"{self._name}, line {line}: out {end} lies before in {start}")
        return first, last


def _decode(data: bytes) -> str:
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data.decode("utf-16", errors="replace")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def _parse(text: str, name: str) -> _Lines:
    found = _Lines()
    for index, line in enumerate(re.split(r"\r\n|\r|\n", text), start=1):
        stripped = line.strip()
        upper = stripped.upper()
        if not stripped:
            continue
        if upper.startswith("TITLE:"):
            found.title = stripped[6:].strip()
        elif upper.startswith("FCM:"):
            if not found.events:
                found.drop_frame = "NON" not in upper
        elif match := _EVENT.fullmatch(line[:400]):
            found.events.append(_event(match, index))
        elif found.events:
            _detail(found, line[:2000], index, name)
        elif stripped[0].isdigit() and len(stripped) > 20:
            found.warnings.append(f"{name}, line {index}: not understood as an event, left out: {clean(stripped)[:60]}")
    if any(";" in e.record_in for e in found.events):
        found.drop_frame = True
    return found


def _event(match: re.Match[str], line: int) -> Event:
    number, reel, track, kind, key, length, *timecodes = match.groups()
    first, last, record_in, record_out = timecodes
    kind = (kind + (key or "")).upper()
    return Event(line, number, reel, track, kind, int(length or 0), first, last, record_in, record_out)


def _detail(found: _Lines, line: str, index: int, name: str) -> None:
    """A line that says more about the last event."""
    event = found.events[-1]
    if match := _SPEED.fullmatch(line) or _SPEED_BARE.fullmatch(line):
        _speed_target(found.events, match[1]).speed_fps = Fraction(match[2])
    elif MARKER_LINE.search(line):
        found.markers.append((event, line))
    elif match := _COMMENT.fullmatch(line):
        key, value = match[1].upper(), match[2]
        if key == "LOC":
            if locator := _LOCATOR.fullmatch(value):
                found.locators.append((index, locator[1], locator[2], locator[3]))
        else:
            event.notes.setdefault(key, value)
    elif re.match(r"\s*\d+\s+\S", line) and len(re.findall(_TC, line)) >= 2:
        found.warnings.append(f"{name}, line {index}: not understood as an event, left out: {clean(line)[:60]}")


def _speed_target(events: Sequence[Event], reel: str) -> Event:
    """The event that a speed line means: of the last ones (a dissolve has two) that with this reel."""
    for event in reversed(events[-2:]):
        if event.reel.upper() == reel.upper():
            return event
    return events[-1]


def _guess_rate(lines: _Lines) -> Fraction:
    """The smallest rate that has all frame numbers and makes most source lengths equal the record lengths."""
    tops = [int(re.split(r"[:;.,]", tc)[-1]) for e in lines.events for tc in e.timecodes()]
    drop = lines.drop_frame
    candidates = [n for n in GUESSES if n > max(tops) and (not drop or n % 30 == 0)]
    if not candidates:
        raise InputError(f"no frame rate has frame {max(tops)} in its timecode", "set it with --rate")
    best = min(candidates, key=lambda n: (_unequal(lines.events, n), n))
    return exact_rate(Fraction(best * 1000, 1001) if drop else best)


def _unequal(events: Iterable[Event], fps: int) -> int:
    """Events without a speed change whose source and record lengths differ at ``fps``."""

    def length(start: str, end: str) -> int:
        parts = [[int(x) for x in re.split(r"[:;.,]", t)] for t in (end, start)]
        last, first = (((h * 60 + m) * 60 + s) * fps + f for h, m, s, f in parts)
        return last - first

    plain = [e for e in events if e.speed_fps is None]
    return sum(length(e.source_in, e.source_out) != length(e.record_in, e.record_out) for e in plain)


def _is_marker_event(event: Event, count: Counter) -> bool:
    """Resolve's marker lists carry each marker on an event of one frame; real shots are longer."""
    start, end = count.record(event)
    return end - start <= 1


def _markers_only(edit: Edit, lines: _Lines, count: Counter) -> None:
    """A list of markers: black picture from the full hour to the last marker's end."""
    records = [count.record(e) for e in lines.events]
    hour = parse_timecode("01:00:00" + (";00" if edit.drop_frame else ":00"), edit.rate)
    edit.start_frame = min(start for start, _ in records) // hour * hour
    ends = [end for _, end in records]
    ends += [m.frame + edit.start_frame + max(1, m.duration_frames) for m in _resolve_markers(lines, edit, count)]
    edit.add(Piece(0, max(ends) - edit.start_frame, layer=0))
    edit.warn("the list holds markers only, no shots; the picture is taken as black")


def _locators(lines: _Lines, edit: Edit, count: Counter) -> Iterator[Marker]:
    """Avid's ``* LOC:`` lines: record timecode, colour, text."""
    for line, timecode, color, text in lines.locators:
        yield Marker(count.frames(timecode, line) - edit.start_frame, clean(text), clean(color))


def _resolve_markers(lines: _Lines, edit: Edit, count: Counter) -> Iterator[Marker]:
    for event, line in lines.markers:
        yield marker_of(line, count.record(event)[0] - edit.start_frame)
