"""Bar lines: 4/4, except where a bar of another length brings strong hits to a downbeat."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence

from v2m_bridge.timing.tempo import Metre

COMMON_BAR = 4
CHANGE_COST = {2: 1.0, 3: 1.0, 4: 0.0, 5: 1.2}
"""Beats of a bar -> its cost, as a multiple of ``odd_bar_cost``."""


def choose_bars(
    rewards: Mapping[int, float],
    forced: frozenset[int],
    end_beat: float,
    odd_bar_cost: float,
    starts: Sequence[int] = (0,),
) -> list[int]:
    """Beats on which bars start, from one of ``starts`` to a beat at or after ``end_beat``.

    Dynamic programming over beats maximises the weight of hits on downbeats minus the cost of odd bars.

    Args:
        rewards: whole beat -> weight of the hits that land there.
        forced: beats that must be downbeats: at least 2 apart, none before the last of ``starts``.
        end_beat: length of the piece in quarter notes.
        odd_bar_cost: hit weight that one bar of 2, 3 or 5 beats must gain.
        starts: beats where the first bar may start, ascending.

    Returns:
        The bar lines, ascending.
    """
    last_forced = max(forced, default=0)
    size = max(math.ceil(end_beat - 1e-9), last_forced, starts[-1], 1) + COMMON_BAR
    best = [0.0 if beat in starts else -math.inf for beat in range(size + 1)]
    came = [-1] * (size + 1)
    since_forced = 0
    for beat in range(1, size + 1):
        for bar, price in CHANGE_COST.items():
            start = beat - bar
            if start < since_forced or best[start] == -math.inf:
                continue
            score = best[start] - price * odd_bar_cost
            if score > best[beat]:
                best[beat], came[beat] = score, start
        best[beat] += rewards.get(beat, 0.0)
        if beat in forced:
            since_forced = beat
    ends = range(max(size - COMMON_BAR, last_forced), size + 1)
    beat = max(ends, key=lambda b: (best[b], -b))
    bars = [beat]
    while came[bars[-1]] >= 0:
        bars.append(came[bars[-1]])
    return bars[::-1]


def metres_of(bars: list[int]) -> tuple[Metre, ...]:
    """The time signatures that give these bar lines; after the last bar 4/4 follows."""
    metres: list[Metre] = []
    for start, end in itertools.pairwise(bars):
        if not metres or metres[-1].numerator != end - start:
            metres.append(Metre(float(start), end - start, 4))
    if not metres:
        return (Metre(0.0, COMMON_BAR, 4),)
    if metres[-1].numerator != COMMON_BAR:
        metres.append(Metre(float(bars[-1]), COMMON_BAR, 4))
    return tuple(metres)
