"""The comparison: the one constant tempo that lands most hits, as composers search for it by hand."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]

MAX_INTERVALS = 600_000
"""Above this the exact sweep gives way to a grid of tempi; that many hits land by chance alone."""
GRID_TEMPI = 1500


def landed_at(bpm: float, times_s: Sequence[float], tolerance_s: float, unit_beats: float = 0.5) -> int:
    """How many times lie within ``tolerance_s`` of a multiple of ``unit_beats`` at a constant tempo from 0."""
    times = np.asarray(times_s, dtype=np.float64)
    unit_s = unit_beats * 60 / bpm
    return int((np.abs(times - np.round(times / unit_s) * unit_s) <= tolerance_s).sum())


def best_constant(
    times_s: Sequence[float], tolerance_s: float, low_bpm: float, high_bpm: float, unit_beats: float = 0.5
) -> tuple[float, int]:
    """The constant tempo from beat 0 at 0 seconds that lands most of the times.

    Exact: every (time, number of units) pair gives an interval of tempi that land it; the tempo in most intervals
    wins (the middle of the widest such stretch near the middle of the range). Very long pieces use a fine grid.

    Args:
        times_s: hit times, seconds.
        tolerance_s: how far a hit may lie from the grid.
        low_bpm, high_bpm: the range searched, both included.
        unit_beats: the grid: 0.5 eighths, 1 beats.

    Returns:
        The tempo and how many land.
    """
    times = np.asarray([t for t in times_s if t > tolerance_s], dtype=np.float64)
    at_start = len(times_s) - len(times)
    middle = (low_bpm + high_bpm) / 2
    if not len(times):
        return middle, at_start
    per_bpm = unit_beats * 60
    first = np.maximum(1, np.ceil((times - tolerance_s) * low_bpm / per_bpm)).astype(np.int64)
    last = np.floor((times + tolerance_s) * high_bpm / per_bpm).astype(np.int64)
    counts = np.maximum(0, last - first + 1)
    if counts.sum() > MAX_INTERVALS:
        tempi = np.linspace(low_bpm, high_bpm, GRID_TEMPI)
        landed = [landed_at(float(bpm), times.tolist(), tolerance_s, unit_beats) for bpm in tempi]
        best = int(np.argmax(landed))
        return float(tempi[best]), landed[best] + at_start
    which = np.repeat(np.arange(len(times)), counts)
    number = np.arange(len(which)) - np.repeat(np.cumsum(counts) - counts, counts) + first[which]
    opens = np.maximum(number * per_bpm / (times[which] + tolerance_s), low_bpm)
    closes = np.minimum(number * per_bpm / (times[which] - tolerance_s), high_bpm)
    return _deepest(opens, closes, middle, at_start)


def _deepest(opens: FloatArray, closes: FloatArray, middle: float, at_start: int) -> tuple[float, int]:
    if not len(opens):
        return middle, at_start
    edges = np.concatenate((opens, closes))
    order = np.lexsort((np.concatenate((np.zeros(len(opens)), np.ones(len(closes)))), edges))
    depth = np.cumsum(np.where(order < len(opens), 1, -1))
    deepest = np.flatnonzero(depth == depth.max())
    starts = edges[order[deepest]]
    ends = edges[order[np.minimum(deepest + 1, len(order) - 1)]]
    centres = (starts + ends) / 2
    return float(centres[np.argmin(np.abs(centres - middle))]), int(depth.max()) + at_start
