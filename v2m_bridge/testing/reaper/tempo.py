"""REAPER's tempo track: points in seconds, quarter notes by integration, measures by signatures.

A gliding point is linear in BPM over time; BPM counts quarter notes whatever the metre (both as REAPER's own
exported tables show, ``docs/reaper.md``).
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

SAME_TIME_S = 1e-10
ON_BAR_LINE_QN = 1e-6


@dataclass
class Point:
    """One tempo point; ``numerator`` 0 sets no signature, ``partial`` lets one cut the bar before it short."""

    time: float
    bpm: float
    numerator: int = 0
    denominator: int = 0
    linear: bool = False
    partial: bool = False


@dataclass(frozen=True)
class _Signature:
    qn: float
    measure: int
    numerator: int
    denominator: int

    @property
    def measure_qn(self) -> float:
        return self.numerator * 4 / self.denominator


class TempoTrack:
    """The points and every conversion on them; ``base`` is the project's own tempo, before and without points."""

    def __init__(self, base: tuple[float, int, int] = (120.0, 4, 4)) -> None:
        self.base = base
        self.points: list[Point] = []
        self.changed()

    def changed(self) -> None:
        """Sort the points and forget what was computed from them."""
        self.points.sort(key=lambda p: p.time)
        self._segments: list[tuple[float, float, float, float]] | None = None
        self._signatures: list[_Signature] = []

    def _built(self) -> list[tuple[float, float, float, float]]:
        """Segments ``(start second, start qn, bpm, bpm per second)`` by time."""
        if self._segments is None:
            self._segments = self._integrate()
            self._signatures = self._count_measures()
            self._times = [s[0] for s in self._segments]
            self._qns = [s[1] for s in self._segments]
        return self._segments

    def _integrate(self) -> list[tuple[float, float, float, float]]:
        bpm, numerator, denominator = self.base
        points = list(self.points)
        if not points or points[0].time > SAME_TIME_S:
            points.insert(0, Point(0.0, points[0].bpm if points else bpm, numerator, denominator))
        segments = []
        qn = 0.0
        for index, point in enumerate(points):
            slope = 0.0
            if index + 1 < len(points):
                span = points[index + 1].time - point.time
                if point.linear and span > 0:
                    slope = (points[index + 1].bpm - point.bpm) / span
            segments.append((point.time, qn, point.bpm, slope))
            if index + 1 < len(points):
                qn += (point.bpm + slope * span / 2) * span / 60
        return segments

    def _count_measures(self) -> list[_Signature]:
        _, numerator, denominator = self.base
        found = [_Signature(0.0, 0, numerator, denominator)]
        assert self._segments is not None
        qn_at = {time: qn for time, qn, _, _ in self._segments}
        for point in self.points:
            if not point.numerator:
                continue
            qn = qn_at[point.time]
            signature = self._next_signature(found[-1], qn, point)
            if qn <= found[-1].qn + ON_BAR_LINE_QN:
                found.pop()
            found.append(signature)
        return found

    def _next_signature(self, last: _Signature, qn: float, point: Point) -> _Signature:
        """A signature begins a measure; one off the bar line cuts the measure before it short."""
        measures = (qn - last.qn) / last.measure_qn
        count = round(measures) if abs(measures - round(measures)) < ON_BAR_LINE_QN else math.ceil(measures)
        return _Signature(qn, last.measure + count, point.numerator, point.denominator)

    def qn(self, time: float) -> float:
        """Quarter notes at ``time`` seconds."""
        segments = self._built()
        start, qn, bpm, slope = segments[max(0, bisect_right(self._times, time) - 1)]
        elapsed = time - start
        return qn + (bpm + (slope if elapsed > 0 else 0.0) * elapsed / 2) * elapsed / 60

    def time(self, qn: float) -> float:
        """Seconds at ``qn`` quarter notes."""
        segments = self._built()
        start, start_qn, bpm, slope = segments[max(0, bisect_right(self._qns, qn) - 1)]
        beats = qn - start_qn
        if beats <= 0 or not slope:
            return start + beats * 60 / bpm
        return start + 120 * beats / (bpm + math.sqrt(max(0.0, bpm * bpm + 120 * slope * beats)))

    def bpm(self, time: float) -> float:
        """Tempo in force at ``time``."""
        segments = self._built()
        start, _, bpm, slope = segments[max(0, bisect_right(self._times, time) - 1)]
        return bpm + slope * max(0.0, time - start)

    def signature_at(self, qn: float) -> tuple[int, int]:
        """Metre in force at ``qn``."""
        found = self._signature(qn)
        return found.numerator, found.denominator

    def _signature(self, qn: float) -> _Signature:
        self._built()
        index = bisect_right([s.qn for s in self._signatures], qn + ON_BAR_LINE_QN / 1000) - 1
        return self._signatures[max(0, index)]

    def measure_at(self, qn: float) -> tuple[int, float]:
        """Measure (from 0) at ``qn`` and quarter notes since it began."""
        found = self._signature(qn)
        # a hair before a bar line counts as before it, as in REAPER's own tables
        count = math.floor((qn - found.qn) / found.measure_qn + 1e-12)
        return found.measure + count, qn - found.qn - count * found.measure_qn

    def measure_span(self, measure: int) -> tuple[float, float, int, int]:
        """Start and end of a measure in quarter notes, and its metre; a cut-off measure ends at the next signature."""
        self._built()
        index = bisect_right([s.measure for s in self._signatures], measure) - 1
        found = self._signatures[max(0, index)]
        start = found.qn + (measure - found.measure) * found.measure_qn
        end = start + found.measure_qn
        if index + 1 < len(self._signatures):
            end = min(end, self._signatures[index + 1].qn)
        return start, end, found.numerator, found.denominator

    def nearest_bar_line(self, time: float) -> float:
        """Seconds of the bar line nearest to ``time``."""
        qn = self.qn(time)
        start, end, _, _ = self.measure_span(self.measure_at(qn)[0])
        return self.time(start if qn - start <= end - qn else end)

    def set_point(self, index: int, point: Point, keep_beats: bool) -> None:
        """Put ``point`` at ``index`` (-1: a new one, or in place of one at the same time).

        A signature off the bar line is moved to the nearest one, unless the point at ``index`` may cut the bar before
        it short. With ``keep_beats`` (tempo timebase "beats") the
        later points keep their quarter note, so their seconds move.
        """
        beat_of = {id(p): self.qn(p.time) for p in self.points} if keep_beats else {}
        if index >= 0:
            point.partial = self.points[index].partial
        if point.numerator and self.points and not point.partial:
            # on the map as it is: the point itself may end a glide that leads there
            line = self.nearest_bar_line(point.time)
            if abs(self.qn(line) - self.qn(point.time)) > ON_BAR_LINE_QN:
                point.time = line
        if index >= 0:
            del self.points[index]
            self.changed()
        kept = [p for p in self.points if abs(p.time - point.time) > SAME_TIME_S]
        if len(kept) != len(self.points):
            self.points = kept
            self.changed()
        later = [p for p in self.points if p.time > point.time]
        if not later and self._append(point):
            return
        self.changed()
        self.points.append(point)
        self.changed()
        if keep_beats:
            self._move_to_beats(later, [beat_of[id(p)] for p in later])

    def _append(self, point: Point) -> bool:
        """Add a last point without integrating everything again; False where that is not enough."""
        segments = self._built()
        if not self.points or self.points[-1].linear or point.time <= segments[-1][0]:
            return False
        qn = self.qn(point.time)
        segments.append((point.time, qn, point.bpm, 0.0))
        self._times.append(point.time)
        self._qns.append(qn)
        self.points.append(point)
        if point.numerator:
            self._signatures.append(self._next_signature(self._signatures[-1], qn, point))
        return True

    def delete_point(self, index: int, keep_beats: bool) -> None:
        """Remove point ``index``; the last one leaves the project its tempo, the first of several stays."""
        if index == 0 and len(self.points) > 1:
            return
        if len(self.points) == 1:
            point = self.points[0]
            metre = (point.numerator, point.denominator) if point.numerator else self.base[1:]
            self.base = (point.bpm, *metre)
        later = self.points[index + 1 :]
        beats = [self.qn(p.time) for p in later]
        del self.points[index]
        self.changed()
        if keep_beats:
            self._move_to_beats(later, beats)

    def _move_to_beats(self, points: Sequence[Point], beats: Sequence[float]) -> None:
        kept = [p for p in self.points if p not in points]
        self.points = kept
        for point, qn in zip(points, beats, strict=True):
            self.changed()
            point.time = self.time(qn)
            self.points.append(point)
        self.changed()
