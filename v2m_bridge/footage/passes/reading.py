"""Which pictures of which files an edit needs, so that every file is decoded once, in its own order.

Timeline frame ``f`` of a shot shows the file at ``source_start_s + (f - start_frame) / rate * speed``. The first frame
at or after ``t`` seconds stands for whole second ``t`` of the edit.
"""

from __future__ import annotations

import bisect
import math
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction

from v2m_bridge.timeline.model import Shot, Timeline

CONTIGUOUS_S = 1e-4
"""Two neighbouring shots of one file are one take if the file jumps by less than this between them."""


@dataclass(frozen=True)
class SourceTake:
    """Neighbouring shots that show one file without a jump: ``[start_frame, end_frame)`` of the timeline.

    ``source_start_s`` is the media time of ``start_frame``; ``speed`` is media seconds per timeline second.
    """

    start_frame: int
    end_frame: int
    media: str
    source_start_s: float
    speed: float

    def source_s(self, frame: int, rate: Fraction) -> float:
        """Media time that timeline frame ``frame`` shows, in seconds, never before the file's first picture."""
        return max(0.0, self.source_start_s + float((frame - self.start_frame) / rate) * self.speed)

    def source_range_s(self, rate: Fraction) -> tuple[float, float]:
        """Media times of the earliest and the latest picture shown, both inclusive."""
        ends = (self.source_s(self.start_frame, rate), self.source_s(self.end_frame - 1, rate))
        return min(ends), max(ends)


@dataclass(frozen=True)
class Second:
    """Whole second ``second``: its frame, and the frame right before it (None at second 0)."""

    second: int
    frame: int
    before: int | None


@dataclass(frozen=True)
class TakePlan:
    """What is wanted of one take.

    Attributes:
        seconds: seconds whose frame lies in the take.
        inside: those of them whose motion is measured between two pictures of this take.
        edges: frames whose picture is compared with a picture of another take.
    """

    take: SourceTake
    seconds: tuple[Second, ...]
    inside: frozenset[int]
    edges: tuple[int, ...]

    @property
    def rows(self) -> list[int]:
        """The seconds as indices of rows of the whole edit."""
        return [second.second for second in self.seconds]


def takes_of(timeline: Timeline) -> tuple[SourceTake, ...]:
    """The takes of the online shots, in order; a through edit (the file runs on across the cut) does not end a take."""
    takes: list[SourceTake] = []
    for shot in sorted(timeline.shots, key=lambda shot: shot.start_frame):
        if shot.media is None or not shot.media_online or shot.length_frames <= 0:
            continue
        last = takes[-1] if takes else None
        if last is not None and _continues(last, shot, timeline.rate):
            takes[-1] = SourceTake(last.start_frame, shot.end_frame, last.media, last.source_start_s, last.speed)
        else:
            takes.append(SourceTake(shot.start_frame, shot.end_frame, shot.media, shot.source_start_s, shot.speed))
    return tuple(takes)


def _continues(take: SourceTake, shot: Shot, rate: Fraction) -> bool:
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

    def __init__(self, takes: Iterable[SourceTake]) -> None:
        self._takes = tuple(takes)
        self._starts = [take.start_frame for take in self._takes]

    def at(self, frame: int | None) -> SourceTake | None:
        """The take on screen at ``frame``; None before the start and where nothing readable is on screen."""
        if frame is None:
            return None
        position = bisect.bisect_right(self._starts, frame) - 1
        take = self._takes[position] if position >= 0 else None
        return take if take is not None and frame < take.end_frame else None


def plan(timeline: Timeline) -> tuple[TakePlan, ...]:
    """What is wanted of every take, in the order of the timeline.

    The picture of a second that begins with a shot is compared with the last picture of the shot before, as on screen.
    If that one cannot be read, the motion is measured within the shot.
    """
    takes = takes_of(timeline)
    index = TakeIndex(takes)
    seconds: dict[SourceTake, list[Second]] = {take: [] for take in takes}
    inside: dict[SourceTake, set[int]] = {take: set() for take in takes}
    edges: dict[SourceTake, list[int]] = {take: [] for take in takes}
    for second in seconds_of(timeline):
        here, before = index.at(second.frame), index.at(second.before)
        if here is None:
            continue
        seconds[here].append(second)
        if second.before is not None and before is not None and before is not here:
            edges[here].append(second.frame)
            edges[before].append(second.before)
        elif second.before is not None:
            inside[here].add(second.second)
    return tuple(TakePlan(take, tuple(seconds[take]), frozenset(inside[take]), tuple(edges[take])) for take in takes)
