"""The states of the search (bins of log tempo, levels of slack, places in the bar) and the transitions between them."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from v2m_bridge.sync.solver.limits import STEP_LINEAR, STEP_SQUARE, TempoLimits

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

MAX_BINS = 240
"""Most bins of tempo."""
PHASES = 8
"""Places in a 4/4 bar, in eighths; 0 is the downbeat, even ones are beats."""
MAX_COUNTS = 14
"""Most numbers of eighths tried between two hits; only gaps above about ten seconds allow more."""
DEVIATION = 1.0
"""Cost of four bars at the limit of the tempo range."""
TURN = 12.0
"""Cost of a tempo change between two hits; above that of the largest step, so that it only serves to land a hit."""
TURN_UP_TO = 24
"""Hits further apart than this many eighths need no such change: one tempo reaches every time."""
LEAD_COUNT = 8
"""The tempo of a lead-in costs as much as that of this many eighths."""


@dataclass(frozen=True)
class Effort:
    """How fine the search is.

    Attributes:
        slack_levels: number of levels inside the tolerance, odd.
        step_bins: tempo bins in the largest step allowed; smoothing removes the rounding.
        beam_weight: a state is dropped when it is this much hit weight behind the best of its node.
        turn_from: least number of eighths between two hits that allows a tempo change between them.
    """

    slack_levels: int = 5
    step_bins: int = 10
    beam_weight: float = 4.0
    turn_from: int = 4


@dataclass(frozen=True)
class Transitions:
    """[W] transitions from an earlier hit to a later one that keep the tempo in its range.

    Attributes:
        pair: index of the pair of hits and number of eighths.
        turn: index of the tempo change in between; 0: none.
        there, here: slack level at the earlier and at the later hit.
        entered, left: tempo bins at the beginning and at the end.
        cost: cost of the tempo change and of the distance from the requested tempo.
    """

    pair: IntArray
    turn: IntArray
    there: IntArray
    here: IntArray
    entered: IntArray
    left: IntArray
    cost: FloatArray

    def only(self, wanted: npt.NDArray[np.bool_]) -> Transitions:
        """The transitions where ``wanted`` [W] is True."""
        return Transitions(
            self.pair[wanted],
            self.turn[wanted],
            self.there[wanted],
            self.here[wanted],
            self.entered[wanted],
            self.left[wanted],
            self.cost[wanted],
        )


class Lattice:
    """Bins of log eighth length, levels of slack, places in the bar; the key of a state combines all three."""

    def __init__(self, limits: TempoLimits, effort: Effort) -> None:
        self.limits, self.effort = limits, effort
        levels = effort.slack_levels
        self.low = math.log(limits.low_s / limits.eighth_s)
        span = math.log(limits.high_s / limits.low_s)
        step = math.log(limits.max_ratio)
        self.width = max(step / effort.step_bins, span / MAX_BINS)
        self.bins = max(1, math.ceil(span / self.width))
        self.edge = max(abs(self.low), 1e-9)
        # tempi whose bins are k apart differ by less than k + 1 bins, so this never exceeds the limit
        self.reach = min(max(0, int(step / self.width + 1e-9) - 1), self.bins - 1)
        self.slack = np.linspace(-1.0, 1.0, levels) * limits.tolerance_s
        self.shape = (self.bins, levels, PHASES)
        self.size = math.prod(self.shape)
        share = np.arange(self.reach + 1) * self.width / max(step, 1e-12)
        self.step_cost = STEP_LINEAR * share + STEP_SQUARE * share**2
        self.turns = np.array([1.0, limits.max_ratio, 1 / limits.max_ratio])
        self.turn, self.there, self.here = (x.ravel() for x in np.indices((3, levels, levels)))
        self.ratio, self.log_ratio = self.turns[self.turn], np.log(self.turns[self.turn])
        self.shift_s = self.slack[self.here] - self.slack[self.there]

    def entering(self, scores: FloatArray) -> FloatArray:
        """[bin, slack, phase] best score of a segment that starts in each bin, after the states with these scores."""
        best = scores.copy()
        for offset in range(1, self.reach + 1):
            source = scores - self.step_cost[offset]
            np.maximum(best[offset:], source[:-offset], out=best[offset:])
            np.maximum(best[:-offset], source[offset:], out=best[:-offset])
        return best

    def entered_from(self, scores: FloatArray, entered: int) -> int:
        """The bin, of [bin] ``scores``, that gives the best score when bin ``entered`` follows."""
        first = max(0, entered - self.reach)
        bins = np.arange(first, min(self.bins, entered + self.reach + 1))
        return first + int(np.argmax(scores[bins] - self.step_cost[np.abs(bins - entered)]))

    def transitions(self, gap_s: FloatArray, count: IntArray) -> Transitions:
        """All transitions that fill gaps of [pairs] seconds with [pairs] eighths."""
        limits = self.limits
        mean_s = (gap_s[:, None] + self.shift_s) / count[:, None]
        share = (turn_after(count) / count)[:, None]
        second = mean_s / (share * (self.ratio - 1) + 1)
        first = second * self.ratio
        allowed = (np.minimum(first, second) >= limits.low_s) & (np.maximum(first, second) <= limits.high_s)
        may_turn = (count >= self.effort.turn_from) & (count <= TURN_UP_TO)
        allowed &= may_turn[:, None] | (self.turn == 0)
        pair, kind = np.nonzero(allowed)
        turn, log_ratio = self.turn[kind], self.log_ratio[kind]
        entered = np.log(first[allowed] / limits.eighth_s)
        cost = self._deviation_cost(entered - log_ratio / 2, count[pair]) + TURN * (turn > 0)
        bins = self._bin_of(entered), self._bin_of(entered - log_ratio)
        return Transitions(pair, turn, self.there[kind], self.here[kind], *bins, cost)

    def _bin_of(self, tempo: FloatArray) -> IntArray:
        """Bin of a tempo, given as the log of its eighth's length over that of the requested tempo."""
        bins = ((tempo - self.low) / self.width).astype(np.int64)
        return np.minimum(np.maximum(bins, 0), self.bins - 1)

    def _deviation_cost(self, tempo: FloatArray, count: IntArray | int) -> FloatArray:
        """Cost of this many eighths at a distance from the requested tempo."""
        cost: FloatArray = DEVIATION / 32 * np.minimum(count, 64) * (tempo / self.edge) ** 2
        return cost

    def lead_cost(self) -> FloatArray:
        """[bin] cost of a lead-in that ends with this tempo."""
        middles = self.low + (np.arange(self.bins, dtype=np.float64) + 0.5) * self.width
        return self._deviation_cost(middles.astype(np.float64), LEAD_COUNT)

    def counts(self, gap_s: float) -> list[int]:
        """Numbers of eighths that can fill ``gap_s``; in long gaps all near the requested tempo and a few others."""
        slack = 2 * self.limits.tolerance_s
        first = max(1, math.ceil((gap_s - slack) / self.limits.high_s - 1e-9))
        last = math.floor((gap_s + slack) / self.limits.low_s + 1e-9)
        stride = 1 if self.limits.eighths else 2
        first += (-first) % stride
        if (last - first) // stride < MAX_COUNTS:
            return list(range(first, last + 1, stride))
        middle = round(gap_s / self.limits.eighth_s / stride) * stride
        near = {middle + k * stride for k in range(-4, 5)}
        far = {first + round(k * (last - first) / 10) for k in range(11)}
        both = {f + k for f in far for k in ((0, 1) if stride == 1 else (0,))}
        return sorted(n for n in near | both if first <= n <= last and n % stride == 0)


def turn_after(count: IntArray) -> IntArray:
    """Eighths before a tempo change inside a transition: about half of them, in whole beats."""
    half: IntArray = count // 4 * 2
    return half
