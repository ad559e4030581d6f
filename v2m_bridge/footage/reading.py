"""Which pictures of which files an edit needs, so that every file is read once, in its own order.

The picture of timeline frame ``f`` in a shot is the one that the file shows at
``source_start_s + (f - start_frame) / rate * speed``; whole second ``t`` of the edit is its first frame at or after ``t``.
"""

from __future__ import annotations

import bisect
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction

from v2m_bridge.timeline.model import Shot, Timeline

CONTIGUOUS_S = 1e-4


@dataclass(frozen=True)
class Take:
    """Neighbouring shots that show one file without a jump: ``[start_frame, end_frame)`` of the timeline.

    ``source_start_s`` is the media time of ``start_frame``; ``speed`` is media seconds per timeline second.
    """

    start_frame: int
    end_frame: int
    media: str
    source_start_s: float
    speed: float

    def source_s(self, frame: int, rate: Fraction) -> float:
        """Media time that timeline frame ``frame`` shows, in seconds."""
        return self.source_start_s + float((frame - self.start_frame) / rate) * self.speed

    def source_range_s(self, rate: Fraction) -> tuple[float, float]:
        """Media times of the earliest and the latest picture shown, both inclusive."""
        ends = (self.source_start_s, self.source_s(self.end_frame - 1, rate))
        return max(0.0, min(ends)), max(0.0, *ends)


@dataclass(frozen=True)
class Second:
    """Whole second ``second``: its frame, and the frame right before it (None at second 0)."""

    second: int
    frame: int
    before: int | None


@dataclass(frozen=True)
class Wanted:
    """The picture of timeline frame ``frame``: what ``media`` shows at ``source_s``."""

    source_s: float
    frame: int


@dataclass
class MediaReading:
    """Everything that the edit needs from one file."""

    media: str
    takes: list[Take] = field(default_factory=list)
    wanted: list[Wanted] = field(default_factory=list)

    def ranges_s(self, rate: Fraction) -> list[tuple[float, float]]:
        """Media ranges to decode, ``[first, last]`` picture times, merged and in order."""
        merged: list[tuple[float, float]] = []
        for start_s, end_s in sorted(take.source_range_s(rate) for take in self.takes):
            if merged and start_s <= merged[-1][1] + float(1 / rate):
                merged[-1] = (merged[-1][0], max(end_s, merged[-1][1]))
            else:
                merged.append((start_s, end_s))
        return merged


def takes_of(timeline: Timeline) -> tuple[Take, ...]:
    """Online shots in order; a cut inside one take of one file (a through edit) does not separate."""
    takes: list[Take] = []
    for shot in sorted(timeline.shots, key=lambda shot: shot.start_frame):
        if shot.media is None or not shot.media_online or shot.length_frames <= 0:
            continue
        last = takes[-1] if takes else None
        if last is not None and _continues(last, shot, timeline.rate):
            takes[-1] = Take(last.start_frame, shot.end_frame, last.media, last.source_start_s, last.speed)
        else:
            takes.append(Take(shot.start_frame, shot.end_frame, shot.media, shot.source_start_s, shot.speed))
    return tuple(takes)


def _continues(take: Take, shot: Shot, rate: Fraction) -> bool:
    return (
        take.media == shot.media
        and take.end_frame == shot.start_frame
        and take.speed == shot.speed
        and abs(take.source_s(shot.start_frame, rate) - shot.source_start_s) < CONTIGUOUS_S
    )


def seconds_of(timeline: Timeline) -> tuple[Second, ...]:
    """The frames that stand for each of the T = ceil(duration) seconds."""
    last = timeline.duration_frames - 1
    rows = []
    for second in range(math.ceil(timeline.duration_frames / timeline.rate)):
        frame = min(math.ceil(second * timeline.rate), last)
        rows.append(Second(second, frame, frame - 1 if second and frame else None))
    return tuple(rows)


class TakeIndex:
    """Finds the take that is on screen at a frame."""

    def __init__(self, takes: Iterable[Take]) -> None:
        self._takes = tuple(takes)
        self._starts = [take.start_frame for take in self._takes]

    def at(self, frame: int | None) -> Take | None:
        """The take, or None where nothing readable is on screen."""
        if frame is None:
            return None
        position = bisect.bisect_right(self._starts, frame) - 1
        take = self._takes[position] if position >= 0 else None
        return take if take is not None and frame < take.end_frame else None


def plan(timeline: Timeline) -> tuple[MediaReading, ...]:
    """One reading for each file of the edit, its wanted pictures in the order of the file."""
    takes = takes_of(timeline)
    index = TakeIndex(takes)
    readings: dict[str, MediaReading] = {}
    for take in takes:
        readings.setdefault(take.media, MediaReading(take.media)).takes.append(take)
    for frame in _frames_needed(seconds_of(timeline)):
        take_there = index.at(frame)
        if take_there is not None:
            wanted = Wanted(take_there.source_s(frame, timeline.rate), frame)
            readings[take_there.media].wanted.append(wanted)
    for reading in readings.values():
        reading.wanted.sort(key=lambda wanted: (wanted.source_s, wanted.frame))
    return tuple(readings.values())


def _frames_needed(seconds: Iterable[Second]) -> Iterator[int]:
    frames = {frame for second in seconds for frame in (second.frame, second.before) if frame is not None}
    return iter(sorted(frames))
