"""Sudden movements: where the picture begins to change much faster than a moment ago, and is not cut."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from v2m_bridge.footage.model import Onset

BEFORE_S = 0.3
"""How far back "a moment ago" reaches."""

APART_S = 0.25
"""Two onsets are at least this far apart; of nearer ones the stronger counts."""

FLOOR = 1.0
"""Change per frame (0..255) that counts as stillness: film grain and compression stay below."""

LEAST_RISE = 0.7
"""Natural logarithm of the rise: the change doubles."""

FULL_RISE = 2.5
"""A rise of this (twelvefold) has strength 1."""

CUT_FRAMES = 2
"""Frames around a cut, on either side, whose change is the cut's own; every shot is judged by itself."""


def find_onsets(change: npt.NDArray[np.float32], cuts: Iterable[tuple[int, int]], rate: Fraction) -> tuple[Onset, ...]:
    """Onsets at frame accuracy.

    Args:
        change: [N] mean absolute difference of each frame to the one before, 0..255; NaN where unknown.
        cuts: ``[start, end)`` of every change of shot, in frames; the two are equal at a hard cut.
        rate: frames per second.

    Returns:
        Onsets in order; ``seconds`` is the start of the first frame that moves.
    """
    onsets: list[Onset] = []
    first = 1  # the first frame has no change of its own
    for start, end in [*sorted(cuts), (len(change) + CUT_FRAMES, len(change))]:
        shot = change[first : max(first, start - CUT_FRAMES + 1)]
        onsets += (Onset(float((first + frame) / rate), strength) for frame, strength in _of_shot(shot, rate))
        first = end + CUT_FRAMES
    return tuple(onsets)


def _of_shot(change: npt.NDArray[np.float32], rate: Fraction) -> list[tuple[int, float]]:
    """Frame within the shot and strength of each onset."""
    back, apart = max(2, round(BEFORE_S * float(rate))), max(1, round(APART_S * float(rate)))
    if len(change) <= back or np.isnan(change).any():
        return []
    level = np.log(np.maximum(change, FLOOR))
    calm = np.lib.stride_tricks.sliding_window_view(level, back)[:-1].max(axis=1)
    found: list[tuple[int, float]] = []
    for frame in (np.flatnonzero(level[back:] - calm >= LEAST_RISE) + back).tolist():
        if not found or frame - found[-1][0] >= apart:
            peak = float(level[frame : frame + apart].max()) - float(calm[frame - back])
            found.append((frame, min(1.0, peak / FULL_RISE)))
    return found
