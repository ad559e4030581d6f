"""Smoothing inside the slack: the beats move by less than the tolerance so that the tempo moves as little as it can."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]

SWEEPS = 300
ENOUGH_S = 1e-9
"""A sweep that moves no beat further than this ends the descent."""


def smooth_beats(
    times_s: FloatArray,
    slack_s: FloatArray,
    eighths: FloatArray,
    tolerance_s: FloatArray,
    low_s: float,
    high_s: float,
    max_ratio: float,
) -> FloatArray:
    """Move each beat inside its tolerance to make the squared tempo steps as small as possible.

    Descent over one beat at a time (every third at once: they share no step), each to the best place between its
    limits, so the limits that hold at the start hold at the end and no step grows beyond ``max_ratio``.

    Args:
        times_s: [K] times of the beats without slack, ascending; the first is the fixed start.
        slack_s: [K] how far each beat lies from its time at the start; 0 for the first.
        eighths: [K - 1] eighths between neighbours.
        tolerance_s: [K] how far each may lie from its time.
        low_s, high_s: limits of the length of an eighth.
        max_ratio: limit of the ratio of neighbouring eighths.

    Returns:
        [K] the new slack.
    """
    slack = slack_s.copy()
    count = len(eighths)
    if count < 2:
        return slack
    for _ in range(SWEEPS):
        largest = 0.0
        for colour in range(3):
            at = np.arange(1 + colour, count + 1, 3)
            if len(at):
                move = _best_moves(at, times_s + slack, slack, eighths, tolerance_s, (low_s, high_s, max_ratio))
                slack[at] += move
                largest = max(largest, float(np.abs(move).max()))
        if largest < ENOUGH_S:
            break
    return slack


def _best_moves(
    at: npt.NDArray[np.int64],
    beats_s: FloatArray,
    slack: FloatArray,
    eighths: FloatArray,
    tolerance_s: FloatArray,
    limits: tuple[float, float, float],
) -> FloatArray:
    """[len(at)] seconds by which the beats ``at`` should move, all else fixed."""
    low, high, ratio = limits
    last = len(eighths)
    # lengths of an eighth: two segments before each beat and two after; beyond the ends nothing pulls
    padded = np.concatenate(([np.nan, np.nan], np.diff(beats_s) / eighths, [np.nan, np.nan]))
    before2, before, after, after2 = padded[at], padded[at + 1], padded[at + 2], padded[at + 3]
    per = np.concatenate((1 / eighths, [np.nan]))
    a, b = per[at - 1], np.where(at < last, per[np.minimum(at, last)], 0.0)
    steps = (before - before2, after - before, after2 - after)
    pulls = (a, -(a + b), b)
    with np.errstate(invalid="ignore"):
        slope = sum(np.nan_to_num(p * s) for p, s in zip(pulls, steps, strict=True))
        curve = sum(np.where(np.isnan(s), 0.0, p * p) for p, s in zip(pulls, steps, strict=True))
        move = -slope / np.maximum(curve, 1e-30)
        floor = np.maximum(-tolerance_s[at] - slack[at], (low - before) / a)
        ceiling = np.minimum(tolerance_s[at] - slack[at], (high - before) / a)
        b_safe = np.where(at < last, b, 1.0)
        rises = (  # lower bounds of the move
            (before2 / ratio - before) / a,
            (after - high) / b_safe,
            (after - ratio * before) / (ratio * a + b),
            (after - ratio * after2) / b_safe,
        )
        falls = (  # upper bounds
            (before2 * ratio - before) / a,
            (after - low) / b_safe,
            (ratio * after - before) / (a + ratio * b),
            (after - after2 / ratio) / b_safe,
        )
    for bound in rises:
        floor = np.fmax(floor, bound)
    for bound in falls:
        ceiling = np.fmin(ceiling, bound)
    clipped = np.minimum(np.maximum(move, floor), ceiling)
    return np.where((floor <= 0) & (ceiling >= 0), clipped, 0.0)
