"""The tempo map: seconds <-> beats (quarter notes) <-> bars, for steps and glides of the tempo.

A glide is linear in BPM over *time*, as REAPER evaluates it.
"""

from __future__ import annotations

import itertools
import math
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from v2m_bridge.errors import InputError

PPQ = 960
"""Ticks per quarter note in all that we write."""


@dataclass(frozen=True)
class TempoPoint:
    """The tempo is ``bpm`` quarter notes a minute from ``seconds`` (the time of beat ``beat``) on.

    With ``linear`` it glides to that of the next point, linear in time.
    """

    seconds: float
    beat: float
    bpm: float
    linear: bool = False


@dataclass(frozen=True)
class Metre:
    """A time signature in force from ``beat`` on, which is a bar line."""

    beat: float
    numerator: int
    denominator: int

    @property
    def bar_beats(self) -> float:
        """Length of one bar in quarter notes."""
        return self.numerator * 4 / self.denominator


@dataclass(frozen=True)
class Bar:
    """One bar: ``number`` counts from 1; beats are quarter notes."""

    number: int
    start_beat: float
    length_beats: float
    numerator: int
    denominator: int


@dataclass(frozen=True, order=True)
class MusicalPosition:
    """``bar`` and ``beat`` count from 1, ``tick`` from 0; a beat is the metre's own (an eighth in 7/8)."""

    bar: int
    beat: int
    tick: int

    def __str__(self) -> str:
        return f"{self.bar}|{self.beat}|{self.tick:03d}"


class TempoMap:
    """Converts between seconds and beats; both start at 0, and the last tempo holds without end.

    Raises:
        InputError: no point at 0, points out of order, a tempo that is not positive and finite,
            or a metre that does not start on a bar line.
    """

    def __init__(self, points: Sequence[TempoPoint], metres: Sequence[Metre] = ()) -> None:
        self.points = tuple(points)
        self.metres = tuple(metres) or (Metre(0.0, 4, 4),)
        _check_points(self.points)
        _check_metres(self.metres)
        self._seconds = [p.seconds for p in self.points]
        self._beats = [p.beat for p in self.points]
        self._metre_beats = [m.beat for m in self.metres]
        self._metre_bars = _first_bars(self.metres)

    @classmethod
    def constant(cls, bpm: float) -> TempoMap:
        """A map of one tempo in 4/4."""
        return cls([TempoPoint(0.0, 0.0, bpm)])

    @classmethod
    def from_seconds(cls, points: Sequence[tuple[float, float, bool]], metres: Sequence[Metre] = ()) -> TempoMap:
        """Build from ``(seconds, bpm, linear)`` triples, as REAPER stores them."""
        built: list[TempoPoint] = []
        beat = 0.0
        for index, (seconds, bpm, linear) in enumerate(points):
            if index:
                before_s, before_bpm, before_linear = points[index - 1]
                mean_bpm = (before_bpm + bpm) / 2 if before_linear else before_bpm
                beat += (seconds - before_s) * mean_bpm / 60
            built.append(TempoPoint(seconds, beat, bpm, linear))
        return cls(built, metres)

    def beat_at(self, seconds: float) -> float:
        """Quarter notes at ``seconds``; before 0 at the first tempo."""
        index = max(0, bisect_right(self._seconds, seconds) - 1)
        point = self.points[index]
        elapsed = seconds - point.seconds
        if elapsed < 0:
            return point.beat + elapsed * point.bpm / 60
        return point.beat + (point.bpm + self._slope(index) * elapsed / 2) * elapsed / 60

    def seconds_at(self, beat: float) -> float:
        """Seconds at ``beat`` quarter notes; exact inverse of :meth:`beat_at`."""
        index = max(0, bisect_right(self._beats, beat) - 1)
        point = self.points[index]
        beats = beat - point.beat
        if beats <= 0:
            return point.seconds + beats * 60 / point.bpm
        slope = self._slope(index)
        # bpm*t + slope*t*t/2 = 60*beats, solved in the form that does not cancel
        root = math.sqrt(max(0.0, point.bpm * point.bpm + 2 * slope * 60 * beats))
        return point.seconds + 120 * beats / (point.bpm + root)

    def bpm_at_seconds(self, seconds: float) -> float:
        """Tempo at ``seconds``, in quarter notes a minute."""
        index = max(0, bisect_right(self._seconds, seconds) - 1)
        elapsed = max(0.0, seconds - self.points[index].seconds)
        return self.points[index].bpm + self._slope(index) * elapsed

    def position_at(self, beat: float, ppq: int = PPQ) -> MusicalPosition:
        """Bar, beat and tick of ``beat`` quarter notes, to the nearest tick; before 0 bars count down from 0.

        Args:
            beat: quarter notes from the start.
            ppq: ticks per quarter note; a beat of an n-th note has ``4 * ppq / n`` of them.
        """
        ticks = round(beat * ppq)
        index = max(0, bisect_right(self._metre_beats, ticks / ppq + 1e-9) - 1)
        metre = self.metres[index]
        beat_ticks = 4 * ppq / metre.denominator
        into = ticks - metre.beat * ppq
        # half a tick of tolerance: 4 * ppq need not be a multiple of the denominator
        bars = math.floor((into + 0.5) / (beat_ticks * metre.numerator))
        into -= bars * beat_ticks * metre.numerator
        beats = min(max(0, math.floor((into + 0.5) / beat_ticks)), metre.numerator - 1)
        return MusicalPosition(self._metre_bars[index] + bars, beats + 1, max(0, round(into - beats * beat_ticks)))

    def beat_of(self, position: MusicalPosition, ppq: int = PPQ) -> float:
        """Quarter notes at a position; inverse of :meth:`position_at` to the tick.

        Raises:
            InputError: a beat or tick that its bar does not have.
        """
        index = max(0, bisect_right(self._metre_bars, position.bar) - 1)
        metre = self.metres[index]
        beat_ticks = 4 * ppq / metre.denominator
        if not (1 <= position.beat <= metre.numerator and 0 <= position.tick < math.ceil(beat_ticks)):
            raise InputError(f"bar {position.bar} in {metre.numerator}/{metre.denominator} has no position {position}")
        bars = position.bar - self._metre_bars[index]
        return metre.beat + bars * metre.bar_beats + (position.beat - 1) * 4 / metre.denominator + position.tick / ppq

    def _slope(self, index: int) -> float:
        """BPM per second inside segment ``index``."""
        if not self.points[index].linear or index + 1 >= len(self.points):
            return 0.0
        here, after = self.points[index], self.points[index + 1]
        span = after.seconds - here.seconds
        return (after.bpm - here.bpm) / span if span > 0 else 0.0

    def bars(self, end_beat: float) -> Iterator[Bar]:
        """Every bar that starts before ``end_beat``."""
        number, beat = 1, self.metres[0].beat
        for index, metre in enumerate(self.metres):
            last = index + 1 == len(self.metres)
            stop = end_beat if last else self.metres[index + 1].beat
            count = math.ceil((stop - beat) / metre.bar_beats - 1e-9)
            for k in range(max(0, count)):
                start = beat + k * metre.bar_beats
                if start >= end_beat - 1e-9:
                    return
                yield Bar(number, start, metre.bar_beats, metre.numerator, metre.denominator)
                number += 1
            beat = stop


def _first_bars(metres: Sequence[Metre]) -> list[int]:
    """Number of the first bar of each metre; bars count from 1."""
    numbers = [1]
    for before, after in itertools.pairwise(metres):
        numbers.append(numbers[-1] + round((after.beat - before.beat) / before.bar_beats))
    return numbers


def _check_points(points: Sequence[TempoPoint]) -> None:
    if not points or points[0].seconds != 0 or points[0].beat != 0:
        raise InputError("a tempo map must have its first point at 0 seconds, beat 0")
    for point in points:
        if not (math.isfinite(point.bpm) and point.bpm > 0):
            raise InputError(f"tempo {point.bpm!r} at {point.seconds:g} s is not a positive number")
    for before, after in itertools.pairwise(points):
        if after.seconds <= before.seconds or after.beat <= before.beat:
            raise InputError(f"tempo points out of order at {after.seconds:g} s")


def _check_metres(metres: Sequence[Metre]) -> None:
    if metres[0].beat != 0:
        raise InputError("the first time signature must start at beat 0")
    for before, after in itertools.pairwise(metres):
        bars = (after.beat - before.beat) / before.bar_beats
        if bars < 0.5 or abs(bars - round(bars)) > 1e-6:
            raise InputError(f"time signature at beat {after.beat:g} does not start on a bar line")
