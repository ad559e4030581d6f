"""The constant tempo that lands most hits, for comparison; composers search for it by hand."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]

MAX_INTERVALS = 600_000
"""With more intervals than this, a grid of tempi replaces the exact sweep; this many hits land by chance anyway."""
GRID_TEMPI = 1500
"""Number of tempi in that grid."""


def landed_at(bpm: float, times_s: Sequence[float], tolerance_s: float, unit_beats: float = 0.5) -> int:
    """How many times lie within ``tolerance_s`` of a multiple of ``unit_beats`` at a constant tempo from 0."""
    unit_s = unit_beats * 60 / bpm
    return _near_grid(np.asarray(times_s, dtype=np.float64) / unit_s, np.asarray(tolerance_s / unit_s))


def best_constant(
    times_s: Sequence[float],
    tolerance_s: float,
    low_bpm: float,
    high_bpm: float,
    unit_beats: float | Sequence[float] = 0.5,
) -> tuple[float, int]:
    """The constant tempo from beat 0 at 0 seconds that lands most of the times.

    Every pair of a time and a number of units gives an interval of tempi that land it. The result is the tempo that
    lies in most intervals, and of several the nearest to the middle of the range. Very long pieces use a fine grid.

    Args:
        times_s: hit times, seconds.
        tolerance_s: how far a hit may lie from the grid.
        low_bpm, high_bpm: the range searched, both included.
        unit_beats: spacing of the grid in quarter notes (0.5 for eighths); one for all times or one for each.

    Returns:
        The tempo in quarter notes a minute, and how many times land.
    """
    later = np.asarray(times_s, dtype=np.float64) > tolerance_s
    times = np.asarray(times_s, dtype=np.float64)[later]
    per_bpm = 60 * np.broadcast_to(np.asarray(unit_beats, dtype=np.float64), later.shape)[later]
    at_start = len(times_s) - len(times)
    middle = (low_bpm + high_bpm) / 2
    if not len(times):
        return middle, at_start
    first = np.maximum(1, np.ceil((times - tolerance_s) * low_bpm / per_bpm)).astype(np.int64)
    last = np.floor((times + tolerance_s) * high_bpm / per_bpm).astype(np.int64)
    counts = np.maximum(0, last - first + 1)
    if counts.sum() > MAX_INTERVALS:
        units = times / per_bpm  # units at 1 bpm
        tempi = np.linspace(low_bpm, high_bpm, GRID_TEMPI)
        landed = [_near_grid(units * bpm, tolerance_s * bpm / per_bpm) for bpm in tempi]
        best = int(np.argmax(landed))
        return float(tempi[best]), landed[best] + at_start
    which = np.repeat(np.arange(len(times)), counts)
    number = np.arange(len(which)) - np.repeat(np.cumsum(counts) - counts, counts) + first[which]
    opens = np.maximum(number * per_bpm[which] / (times[which] + tolerance_s), low_bpm)
    closes = np.minimum(number * per_bpm[which] / (times[which] - tolerance_s), high_bpm)
    bpm, landed_later = _deepest(opens, closes, middle)
    return bpm, landed_later + at_start


def _near_grid(units: FloatArray, tolerance: FloatArray) -> int:
    """How many values lie within ``tolerance`` of a whole number."""
    return int((np.abs(units - np.rint(units)) <= tolerance).sum())


def _deepest(opens: FloatArray, closes: FloatArray, middle: float) -> tuple[float, int]:
    """The point that lies in most of the closed intervals (the nearest to ``middle``), and their number."""
    if not len(opens):
        return middle, 0
    edges = np.concatenate((opens, closes))
    order = np.lexsort((np.arange(len(edges)) >= len(opens), edges))
    depth = np.cumsum(np.where(order < len(opens), 1, -1))
    deepest = np.flatnonzero(depth == depth.max())
    starts = edges[order[deepest]]
    ends = edges[order[np.minimum(deepest + 1, len(order) - 1)]]
    inset = np.minimum(ends - starts, 1e-9) / 2
    nearest = np.clip(middle, starts + inset, ends - inset)
    return float(nearest[np.argmin(np.abs(nearest - middle))]), int(depth.max())
