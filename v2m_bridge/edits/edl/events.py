"""The events of an edit decision list, and its timecodes counted in frames."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction

from v2m_bridge.edits.draft import EditDraft
from v2m_bridge.errors import InputError
from v2m_bridge.timing.timecode import can_drop_frames, nominal_fps, parse_timecode


@dataclass
class EdlEvent:
    """One event line with the comment lines below it; timecodes are still text.

    Attributes:
        line: number of the line in the file, from 1.
        kind: C cut, D dissolve, W and a number wipe, K key; in upper case.
        transition_frames: length of the dissolve or wipe.
        speed_fps: source frames per second of a speed line; None without one.
        notes: comments by key (``FROM CLIP NAME``); the first of each key.
    """

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
        """V, V2, AA/V, B (both), ASMBL (assemble): anything but pure sound."""
        track = self.track.upper()
        return track in ("B", "BOTH", "ASMBL") or "V" in track

    @property
    def layer(self) -> int:
        """Number of the video track; 1 where the event names none."""
        match = re.search(r"V(\d{1,2})", self.track.upper())
        return int(match[1]) if match else 1

    def timecodes(self) -> tuple[str, str, str, str]:
        """Source in and out, record in and out."""
        return self.source_in, self.source_out, self.record_in, self.record_out


@dataclass(frozen=True)
class EdlLocator:
    """One of Avid's ``* LOC:`` comments: record timecode, colour and text."""

    line: int
    timecode: str
    color: str
    text: str


@dataclass
class EdlList:
    """What the lines of a list hold, before any timecode is counted.

    Attributes:
        markers: events that Resolve wrote for a marker, each with its ``|C: |M: |D:`` line.
    """

    title: str = ""
    drop_frame: bool = False
    events: list[EdlEvent] = field(default_factory=list)
    locators: list[EdlLocator] = field(default_factory=list)
    markers: list[tuple[EdlEvent, str]] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


class TimecodeCounter:
    """Counts the timecodes of one list in frames; errors and warnings name the line.

    The record clock may pass midnight: then what is recorded after it counts on from there (:meth:`wrap_midnight`).
    Some lists name the last frame of an event instead of the first one after it (:meth:`count_inclusive`).
    """

    def __init__(self, draft: EditDraft, drop_frame: bool, file_name: str) -> None:
        self._draft = draft
        self._drop = drop_frame and can_drop_frames(draft.rate)
        self._name = file_name
        self._after_midnight_before = 0
        self._last = 0
        self._known: dict[str, int] = {}

    @property
    def day(self) -> int:
        """Frames of a whole day of timecode."""
        rate = self._draft.rate
        per_ten_minutes = 600 * nominal_fps(rate) - (9 * (nominal_fps(rate) // 15) if self._drop else 0)
        return 144 * per_ten_minutes

    def frames(self, text: str, line: int) -> int:
        """Absolute frames of one timecode or frame count; a number that drop frame skips is read as the one after it.

        Raises:
            InputError: the rate has no such frame.
        """
        if text not in self._known:
            self._known[text] = int(text) if text.isdigit() else self._counted(text, line)
        return self._known[text]

    def _counted(self, text: str, line: int) -> int:
        plain = re.sub(r"[;.,]", ":", text)
        hours_to_seconds, _, frame = plain.rpartition(":")
        drop = self._drop or ";" in text
        rate = self._draft.rate
        try:
            return parse_timecode(f"{hours_to_seconds}{';' if drop else ':'}{frame}", rate)
        except InputError as error:
            if "does not exist" in error.message:
                self._draft.warn(f"line {line}: timecode {text} does not exist in drop frame")
                return parse_timecode(f"{hours_to_seconds};{nominal_fps(rate) // 15:02d}", rate)
            raise InputError(f"{self._name}, line {line}: {error.message}", "is the rate right?") from error

    def source(self, event: EdlEvent) -> tuple[int, int]:
        """Source in and out in absolute frames; out lies before in where the footage runs backwards."""
        first, last = (self.frames(text, event.line) for text in (event.source_in, event.source_out))
        if last < first and first - last > self.day // 2:
            last += self.day  # past midnight
        if last < first:
            return first + self._last, last
        return first, last + self._last

    def record(self, event: EdlEvent) -> tuple[int, int]:
        """Record in and out in absolute frames, out not before in.

        Raises:
            InputError: out lies before in, and not because of midnight.
        """
        first, last = (self.frames(text, event.line) for text in (event.record_in, event.record_out))
        if first < self._after_midnight_before:
            first, last = first + self.day, last + self.day
        if last < first:
            last += self.day  # past midnight
        if last - first > self.day // 2:
            raise InputError(
                f"{self._name}, line {event.line}: out {event.record_out} lies before in {event.record_in}"
            )
        return first, last + self._last

    def wrap_midnight(self, events: Sequence[EdlEvent]) -> None:
        """Find out whether the record clock passes midnight between these events, in the order of the list."""
        if any(e.record_in.isdigit() for e in events):
            return
        spans = [self.record(e) for e in events]
        starts = [first for first, _ in spans]
        half = self.day // 2
        if not starts or max(starts) - min(starts) <= half:
            return
        falls = any(before - after > half for before, after in itertools.pairwise(starts))
        rises = any(after - before > half for before, after in itertools.pairwise(starts))
        late_end = max(last for first, last in spans if first >= half)
        meets = late_end % self.day == min(starts) and late_end >= self.day
        if (falls and not rises) or meets:
            self._after_midnight_before = half
            self._draft.warn("the record timecode passes midnight; what follows it counts on from there")

    def count_inclusive(self, events: Sequence[EdlEvent]) -> None:
        """Find out whether outs name the last frame: every event then starts one frame after the out before it."""
        spans = [self.record(e) for e in events if e.kind == "C" and e.record_in != e.record_out]
        gaps = [after[0] - before[1] for before, after in itertools.pairwise(spans)]
        if len(gaps) >= 2 and all(gap == 1 for gap in gaps):
            self._last = 1
            self._draft.warn("the list's outs name the last frame of each event; each is read as one frame longer")
