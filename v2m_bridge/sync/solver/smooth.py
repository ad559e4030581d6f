"""Smoothing: beats move within their tolerance so that the tempo changes as little as possible."""

from __future__ import annotations

import itertools
import math
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from v2m_bridge.sync.solver.anchors import Anchor, bpm_between
from v2m_bridge.sync.solver.limits import TempoLimits

FloatArray = npt.NDArray[np.float64]

SWEEPS = 200
"""The descent ends after this many sweeps, ..."""
ENOUGH_S = 1e-6
"""... or after a sweep that moves no beat further than this, in seconds."""
OVERSHOOT = 1.6
"""Each beat moves this many times the way to its best place (over-relaxation), so that the descent ends sooner."""
PULL_STEP = 0.01
"""A beat at the limit of its tolerance costs its pull times as much as a tempo step of this share."""
AUDIBLE_STEP = 0.015
"""Larger tempo steps are spread over the bar lines around them (trained listeners notice about 2-4 %)."""
RELAYS = 2
"""Number of bar lines on each side that take part."""
ROOM_BEATS = 2
"""A bar line closer than this to a hit takes no part."""


@dataclass(frozen=True)
class _Bounds:
    """For every anchor: earliest and latest time, time of the hit, and weight of the distance from it."""

    earliest: FloatArray
    latest: FloatArray
    target: FloatArray
    pull: FloatArray


def smooth(
    anchors: Sequence[Anchor], limits: TempoLimits, sweeps: int = SWEEPS, fixed: tuple[int, int] = (1, 0)
) -> list[Anchor]:
    """Move each anchor inside its tolerance to minimise the squared tempo steps and the weighted distances from hits.

    Coordinate descent: each beat moves to its best place between its limits, every third beat at once because these
    share no tempo step. Limits that hold at the start hold at the end, and no step grows beyond the largest allowed.

    Args:
        anchors: in order.
        limits: range of the tempo and largest ratio of neighbours.
        sweeps: most sweeps over all beats.
        fixed: number of anchors at the beginning and at the end that do not move.
    """
    if len(anchors) < 3 or len(anchors) <= sum(fixed):
        return list(anchors)
    eighths = 2 * np.diff([anchor.beat for anchor in anchors])
    beats_s = np.array([anchor.seconds for anchor in anchors])
    target = np.array([anchor.target_s for anchor in anchors])
    tolerance = np.array([anchor.tolerance_s for anchor in anchors])
    unit = PULL_STEP * limits.eighth_s / np.maximum(tolerance, 1e-9)
    pull = np.array([anchor.pull for anchor in anchors]) * unit**2
    bounds = _Bounds(target - tolerance, target + tolerance, target, pull)
    free = np.arange(fixed[0], len(anchors) - fixed[1])
    colours = [free[colour::3] for colour in range(min(3, len(free)))]
    for _ in range(sweeps):
        largest = 0.0
        for at in colours:
            move = _best_moves(at, beats_s, eighths, bounds, limits)
            beats_s[at] += move
            largest = max(largest, float(np.abs(move).max()))
        if largest < ENOUGH_S:
            break
    return [replace(anchor, seconds=float(s)) for anchor, s in zip(anchors, beats_s, strict=True)]


def _best_moves(
    at: npt.NDArray[np.int64], beats_s: FloatArray, eighths: FloatArray, bounds: _Bounds, limits: TempoLimits
) -> FloatArray:
    """[len(at)] seconds by which the beats ``at`` should move, all else fixed."""
    ratio = limits.max_ratio
    # lengths of an eighth in the two segments before each beat and the two after; NaN beyond the ends
    beyond = np.array([np.nan, np.nan])
    padded = np.concatenate((beyond, np.diff(beats_s) / eighths, beyond))
    before2, before, after, after2 = padded[at], padded[at + 1], padded[at + 2], padded[at + 3]
    per_eighth = np.concatenate(([np.nan], 1 / eighths, [np.nan]))
    a, b = per_eighth[at], per_eighth[at + 1]
    slope = bounds.pull[at] * (beats_s[at] - bounds.target[at])
    curve = bounds.pull[at].copy()
    for step, pull in ((before - before2, a), (after - before, -(a + b)), (after2 - after, b)):
        there = ~np.isnan(step)
        slope[there] += (pull * step)[there]
        curve[there] += (pull * pull)[there]
    floor, ceiling = bounds.earliest[at] - beats_s[at], bounds.latest[at] - beats_s[at]
    for bound in (
        (limits.low_s - before) / a,
        (before2 / ratio - before) / a,
        (after - limits.high_s) / b,
        (after - ratio * before) / (ratio * a + b),
        (after - ratio * after2) / b,
    ):
        floor = np.fmax(floor, bound)
    for bound in (
        (limits.high_s - before) / a,
        (before2 * ratio - before) / a,
        (after - limits.low_s) / b,
        (ratio * after - before) / (a + ratio * b),
        (after - after2 / ratio) / b,
    ):
        ceiling = np.fmin(ceiling, bound)
    move = np.minimum(np.maximum(-OVERSHOOT * slope / np.maximum(curve, 1e-30), floor), ceiling)
    return np.where((floor <= 0) & (ceiling >= 0), move, 0.0)


def add_bar_lines(anchors: Sequence[Anchor], bars: Sequence[int]) -> list[Anchor]:
    """Add anchors that move freely at the bar lines around every audible tempo step, so that it can be spread."""
    tempi = [bpm_between(here, after) for here, after in itertools.pairwise(anchors)]
    wanted: set[int] = set()
    for index in range(1, len(tempi)):
        if abs(math.log(tempi[index] / tempi[index - 1])) > AUDIBLE_STEP:
            before, here, after = anchors[index - 1 : index + 2]
            wanted.update(_bars_between(bars, before.beat, here.beat)[-RELAYS:])
            wanted.update(_bars_between(bars, here.beat, after.beat)[:RELAYS])
    beats = [anchor.beat for anchor in anchors]
    relays = []
    for bar in wanted:
        index = bisect_right(beats, bar) - 1
        seconds = anchors[index].seconds + (bar - beats[index]) * 60 / tempi[index]
        relays.append(Anchor(float(bar), seconds, seconds, math.inf))
    return sorted([*anchors, *relays], key=lambda anchor: anchor.beat)


def turns_to_bar_lines(anchors: Sequence[Anchor], bars: Sequence[int], limits: TempoLimits) -> list[Anchor]:
    """Move tempo changes between hits to the nearest bar line that the limits allow, else to the nearest whole beat."""
    moved = list(anchors)
    for index in range(1, len(moved) - 1):
        turn = moved[index]
        if math.isfinite(turn.tolerance_s):
            continue
        low, high = moved[index - 1].beat + 1, moved[index + 1].beat - 1
        lines = bars[bisect_left(bars, low) : bisect_right(bars, high)]
        beats = range(math.ceil(low), math.floor(high) + 1)
        wanted = sorted(lines, key=lambda b: abs(b - turn.beat)) + sorted(beats, key=lambda b: abs(b - turn.beat))
        for beat in wanted:
            seconds = _time_for_turn(moved[max(0, index - 2) : index + 3], index - max(0, index - 2), beat, limits)
            if seconds is not None:
                moved[index] = Anchor(float(beat), seconds, seconds, math.inf)
                break
    return moved


def _time_for_turn(around: Sequence[Anchor], index: int, beat: int, limits: TempoLimits) -> float | None:
    """Time of the tempo change ``around[index]`` if it were on ``beat``; None where the limits forbid that."""
    here, after = around[index - 1], around[index + 1]
    first, second, ratio = 2 * (beat - here.beat), 2 * (after.beat - beat), limits.max_ratio
    before_s = 30 / bpm_between(around[index - 2], here) if index >= 2 else None
    after_s = 30 / bpm_between(after, around[index + 2]) if index + 2 < len(around) else None
    low1, high1 = _eighth_range(before_s, limits)
    low2, high2 = _eighth_range(after_s, limits)
    earliest = max(
        here.seconds + first * low1,
        after.seconds - second * high2,
        (here.seconds * second * ratio + after.seconds * first) / (second * ratio + first),
    )
    latest = min(
        here.seconds + first * high1,
        after.seconds - second * low2,
        (here.seconds * second + after.seconds * first * ratio) / (second + first * ratio),
    )
    straight = here.seconds + first / (first + second) * (after.seconds - here.seconds)
    return min(max(straight, earliest), latest) if earliest <= latest else None


def _eighth_range(neighbour_s: float | None, limits: TempoLimits) -> tuple[float, float]:
    """Shortest and longest eighth allowed beside one of ``neighbour_s`` seconds."""
    if neighbour_s is None:
        return limits.low_s, limits.high_s
    return max(limits.low_s, neighbour_s / limits.max_ratio), min(limits.high_s, neighbour_s * limits.max_ratio)


def _bars_between(bars: Sequence[int], low_beat: float, high_beat: float) -> Sequence[int]:
    return bars[bisect_left(bars, low_beat + ROOM_BEATS) : bisect_right(bars, high_beat - ROOM_BEATS)]
