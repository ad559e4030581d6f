"""The events of an edit decision list, and its timecodes counted in frames."""

from __future__ import annotations

import re
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
        """V, V2, AA/V, B (both): anything but pure sound."""
        track = self.track.upper()
        return track == "B" or "V" in track

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
    """Counts the timecodes of one list in frames; errors and warnings name the line."""

    def __init__(self, draft: EditDraft, drop_frame: bool, file_name: str) -> None:
        self._draft = draft
        self._drop = drop_frame and can_drop_frames(draft.rate)
        self._name = file_name

    def frames(self, text: str, line: int) -> int:
        """Absolute frames of one timecode; a number that drop frame skips is read as the one after it.

        Raises:
            InputError: the rate has no such frame.
        """
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
        """Source in and out in absolute frames, out not before in."""
        return self._ordered(event.source_in, event.source_out, event.line)

    def record(self, event: EdlEvent) -> tuple[int, int]:
        """Record in and out in absolute frames, out not before in."""
        return self._ordered(event.record_in, event.record_out, event.line)

    def _ordered(self, start: str, end: str, line: int) -> tuple[int, int]:
        first, last = self.frames(start, line), self.frames(end, line)
        rate = self._draft.rate
        day = round(24 * 3600 * (rate if self._drop else nominal_fps(rate)))
        if last < first:
            last += day  # past midnight
        if last - first > day // 2:
            raise InputError(f"{self._name}, line {line}: out {end} lies before in {start}")
        return first, last
