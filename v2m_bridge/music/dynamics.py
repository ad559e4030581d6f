"""From predicted loudness and note density to velocities, expression and the density of the figure.

Loudness is linear RMS (median 0.16, 5 % .. 95 % 0.02 .. 0.34 in MuVi-Sync). Hearing and velocities are closer to
decibels, so the mapping is linear in dB: the arranger writes its softest notes at -36 dB and its loudest at -6 dB.
"""

from __future__ import annotations

import math
import statistics
from bisect import bisect_right
from collections.abc import Sequence

from v2m_bridge.errors import InputError
from v2m_bridge.music.arrangement import DynamicsPoint

SOFTEST_DB, LOUDEST_DB = -36.0, -6.0
VELOCITY_SOFTEST, VELOCITY_LOUDEST = 26, 112
EXPRESSION_SOFTEST, EXPRESSION_LOUDEST = 64, 122
MODULATION_SOFTEST, MODULATION_LOUDEST = 16, 118

STRONG_EXTRA = 12.0
"""Velocity added on a must-hit, beside the jump that its build leads to."""

DENSITY_PER_FIGURE_NOTE = 2.5
"""The figure plays the predicted density divided by this. The density counts every note sounding in a second over all
instruments (mean 10), most of them of held chords and bass; the figure gets two fifths: 4 notes a second at 10 (eighths
at 120 BPM), and 8 at 20, which one second in twenty exceeds."""


def loudness_share(loudness: float) -> float:
    """Position of a linear RMS loudness between softest and loudest, 0..1, linear in decibels."""
    if loudness <= 0:
        return 0.0
    return min(1.0, max(0.0, (20 * math.log10(loudness) - SOFTEST_DB) / (LOUDEST_DB - SOFTEST_DB)))


def velocity(loudness: float, extra: float = 0.0) -> int:
    """MIDI velocity 1..127: 26 at -36 dB to 112 at -6 dB, plus ``extra`` for accents and moods."""
    base = VELOCITY_SOFTEST + (VELOCITY_LOUDEST - VELOCITY_SOFTEST) * loudness_share(loudness)
    return min(124, max(12, round(base + extra)))


def expression(share: float) -> int:
    """CC11 of a loudness share 0..1 (64..122)."""
    return round(EXPRESSION_SOFTEST + (EXPRESSION_LOUDEST - EXPRESSION_SOFTEST) * min(1.0, max(0.0, share)))


def modulation(share: float) -> int:
    """CC1 of a loudness share 0..1 (16..118); it selects the dynamic layer of a sampled orchestra."""
    return round(MODULATION_SOFTEST + (MODULATION_LOUDEST - MODULATION_SOFTEST) * min(1.0, max(0.0, share)))


def loudness_of_share(share: float) -> float:
    """Linear RMS at a position 0..1 between softest and loudest; inverse of :func:`loudness_share`."""
    return float(10 ** ((SOFTEST_DB + (LOUDEST_DB - SOFTEST_DB) * share) / 20))


SONG_DENSITY_SPREAD, SONG_SHARE_SPREAD = 3.7, 0.084
"""Spread inside a song of four-second means, median over the 672 songs of MuVi-Sync at hand (interquartile range
over 1.349, so that it compares with a standard deviation)."""

WIDEST = 6.0
"""Largest factor by which predictions are spread."""
_FEWEST_POINTS = 8


def widened(points: Sequence[DynamicsPoint]) -> tuple[DynamicsPoint, ...]:
    """The predictions, spread about their median as far as real songs are, by a factor of at most six.

    A regression predicts conditional means, whose spread is a fifth of that of songs. The order of the values is kept,
    no spread is reduced, and no value falls below 0 or exceeds the loudest.
    """
    if len(points) < _FEWEST_POINTS:
        return tuple(points)
    densities = _spread([p.note_density for p in points], SONG_DENSITY_SPREAD, math.inf)
    shares = [loudness_share(p.loudness) for p in points]
    wide = _spread(shares, SONG_SHARE_SPREAD, 1.0)
    loudness = [p.loudness if w == s else loudness_of_share(w) for p, w, s in zip(points, wide, shares, strict=True)]
    return tuple(DynamicsPoint(p.beat, d, v) for p, d, v in zip(points, densities, loudness, strict=True))


def _spread(values: Sequence[float], target: float, ceiling: float) -> list[float]:
    low, middle, high = statistics.quantiles(values, n=4, method="inclusive")
    deviation = (high - low) / 1.349
    if deviation <= 1e-9 * max(1.0, middle) or deviation >= target:
        return list(values)
    factor = min(WIDEST, target / deviation)
    return [_moved(value, factor, middle, ceiling) if value != middle else value for value in values]


def _moved(value: float, factor: float, middle: float, ceiling: float) -> float:
    """``value`` moved away from ``middle``: ``factor`` times as far nearby, less towards 0 and the ceiling."""
    if value < middle:
        return float(middle * (value / middle) ** factor)
    if math.isinf(ceiling):
        return middle + factor * (value - middle)
    return float(ceiling - (ceiling - middle) * ((ceiling - value) / (ceiling - middle)) ** factor)


class DynamicsCurve:
    """Density and loudness over beats: constant from point to point, and loudness also as a smooth curve.

    The points are spread by :func:`widened` first.

    Raises:
        InputError: a value that is negative or not finite.
    """

    def __init__(self, points: Sequence[DynamicsPoint], end_beat: float) -> None:
        self.points = tuple(sorted(points, key=lambda p: p.beat)) or (DynamicsPoint(0.0, 10.0, 0.16),)
        for p in self.points:
            if not all(math.isfinite(v) and v >= 0 for v in (p.note_density, p.loudness)):
                raise InputError(f"dynamics at beat {p.beat:g} are not finite, positive numbers")
        self.points = widened(self.points)
        self._beats = [p.beat for p in self.points]
        ends = [*self._beats[1:], max(end_beat, self._beats[-1] + 1e-3)]
        self._middles = [(a + b) / 2 for a, b in zip(self._beats, ends, strict=True)]
        self._shares = [loudness_share(p.loudness) for p in self.points]

    def at(self, beat: float) -> DynamicsPoint:
        """The point in force at ``beat``."""
        return self.points[max(0, bisect_right(self._beats, beat + 1e-6) - 1)]

    def loudness_at(self, beat: float) -> float:
        """Linear RMS in force at ``beat``."""
        return self.at(beat).loudness

    def mean_density(self, start_beat: float, end_beat: float) -> float:
        """Mean predicted density over ``[start_beat, end_beat)``, notes a second."""
        first = max(0, bisect_right(self._beats, start_beat + 1e-6) - 1)
        total = 0.0
        for index in range(first, len(self.points)):
            begin = start_beat if index == first else self._beats[index]
            if begin >= end_beat:
                break
            stop = self._beats[index + 1] if index + 1 < len(self.points) else end_beat
            total += self.points[index].note_density * (min(stop, end_beat) - begin)
        return total / max(end_beat - start_beat, 1e-9)

    def smooth_share(self, beat: float) -> float:
        """Loudness share 0..1, interpolated linearly between the middles of the points' spans."""
        index = bisect_right(self._middles, beat)
        if index == 0:
            return self._shares[0]
        if index == len(self._middles):
            return self._shares[-1]
        before, after = self._middles[index - 1], self._middles[index]
        part = (beat - before) / (after - before)
        return self._shares[index - 1] * (1 - part) + self._shares[index] * part
