"""Which hits to land, and how many eighths apart: dynamic programming over hits, tempi and half-frame slack.

A node is the start of the film or a hit that lands. A state of a node is its slack (how far the beat lies from the
picture, a few levels inside the tolerance), its place in a 4/4 bar, and the tempo of the segment that led to it (bins
of log tempo). From node to node runs one tempo, or where a hit would be lost two: a transition is a number of eighths
and a turn. Work is linear in the number of hits: each looks back at a bounded number of earlier ones.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from v2m_bridge.sync.limits import STEP_LINEAR, STEP_SQUARE, Limits

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

MAX_BINS = 240
PHASES = 8
"""Places in a 4/4 bar, in eighths; 0 is the downbeat, even ones are beats."""
SHORTEST_BAR = 4
"""Eighths in the shortest bar."""
CONTESTED = 16
"""Must-hits closer than so many of the longest eighths may exclude each other."""
LOOK_BACK = (0, 1, 2, 3, 4, 5, 7, 10, 15, 23)
"""Predecessors tried, counted back from the latest hit that is at least one eighth earlier."""
ALWAYS_REACHED = 20
"""So many of the longest eighths after a hit, every time can be reached within +-6 %: the way out of a dead end."""
MAX_COUNTS = 14
"""Numbers of eighths tried for one pair of hits; only gaps above ten seconds or so have more."""

MUST_VALUE = 1e9
"""Weight of must-hits on downbeats above all other hits together."""
DEVIATION = 1.0
"""Cost of four bars at the edge of the allowed tempo range."""
OFF_BEAT, OFF_DOWNBEAT = 1.5, 0.5
"""Cost per hit on an eighth, and on a beat that is not the first of a 4/4 bar."""
TURN = 12.0
"""A tempo change between two hits costs more than a full step: only if a hit is lost else."""
ODD_BAR = 2.0
"""Cost of a must-hit that only a bar of another length can bring to a downbeat."""


@dataclass(frozen=True)
class Knot:
    """A landed hit.

    Attributes:
        hit: its index in the searched hits.
        eighths: since the knot before.
        slack_s: how late its beat is against the picture.
        turn_eighths: the tempo changes once more so many eighths after the knot before; 0: it does not.
        turn_ratio: length of an eighth before that change over its length after it.
    """

    hit: int
    eighths: int
    slack_s: float
    turn_eighths: int = 0
    turn_ratio: float = 1.0


@dataclass(frozen=True)
class Effort:
    """How hard to search.

    Attributes:
        slack_levels: odd number of levels inside the tolerance.
        step_bins: tempo bins to the largest step allowed; the smoother removes what they round.
        beam_weight: a state this much hit weight behind the best of its node is given up.
        turn_from: eighths between two hits that allow a tempo change between them.
        turn_slack: whether a turn is tried with every pair of slacks, or only with equal ones.
    """

    slack_levels: int = 5
    step_bins: int = 14
    beam_weight: float = 2.5
    turn_from: int = 8
    turn_slack: bool = False


NORMAL = Effort()
FOR_MUSTS = Effort(beam_weight=6.0, turn_from=4, turn_slack=True)
"""Where must-hits are wanted, more is tried to reach them."""


@dataclass(frozen=True)
class _Value:
    """[PHASES] what landing one hit on each place of the bar is worth, and where that makes it a bar line."""

    worth: FloatArray
    bar_line: npt.NDArray[np.bool_]


@dataclass(frozen=True)
class _Sight:
    """How later nodes see a node.

    Attributes:
        reach: [slack, phase, bin] best score of any state whose tempo may step into this bin.
        top: [slack, bin] the best of ``reach`` over the phases.
        origin: [slack, phase, bin] key of that state.
    """

    reach: FloatArray
    top: FloatArray
    origin: IntArray


@dataclass
class _Node:
    """What was kept of one node.

    Attributes:
        sight: None if it cannot be reached, and again once it is out of sight.
        best: the best score of any state.
        best_key: its key.
        keys: [K] keys of the states, ascending.
        previous: [K, 4] node before, eighths from there, key of the state there, turn.
    """

    sight: _Sight | None = None
    best: float = -math.inf
    best_key: int = -1
    keys: IntArray = field(default_factory=lambda: np.zeros(0, np.int64))
    previous: IntArray = field(default_factory=lambda: np.zeros((0, 4), np.int64))


class _Lattice:
    """Bins of log eighth length, levels of slack, places in the bar; a state's key numbers all three."""

    def __init__(self, limits: Limits, effort: Effort) -> None:
        self.limits, self.effort = limits, effort
        slack_levels = effort.slack_levels
        self.low = math.log(limits.low_s / limits.eighth_s)
        span = math.log(limits.high_s / limits.low_s)
        step = math.log(limits.max_ratio)
        self.width = max(step / effort.step_bins, span / MAX_BINS)
        self.bins = max(1, math.ceil(span / self.width))
        # two tempi in bins k apart differ by less than (k + 1) bins, so this never breaks the limit
        self.reach = min(max(0, int(step / self.width + 1e-9) - 1), self.bins - 1)
        self.slack = np.linspace(-1.0, 1.0, slack_levels) * limits.tolerance_s
        share = np.abs(np.arange(-self.reach, self.reach + 1)) * self.width / max(step, 1e-12)
        self.step_cost = STEP_LINEAR * share + STEP_SQUARE * share**2
        self.turns = np.array([1.0, limits.max_ratio, 1 / limits.max_ratio])
        self.turn_cost = np.array([0.0, TURN, TURN])
        self.shape = (slack_levels, PHASES, self.bins)
        self.size = math.prod(self.shape)
        self.key_of_row = np.arange(slack_levels * PHASES).reshape(slack_levels, PHASES, 1) * self.bins

    def spread(self, scores: FloatArray) -> tuple[FloatArray, IntArray]:
        """Best score with which each bin can be entered, and the key of the state it is entered from."""
        padded = np.full((*self.shape[:2], self.bins + 2 * self.reach), -np.inf)
        padded[..., self.reach : self.reach + self.bins] = scores
        windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * self.reach + 1, axis=-1) - self.step_cost
        best = windows.argmax(axis=-1)
        reach = np.take_along_axis(windows, best[..., None], axis=-1)[..., 0]
        return reach, best + np.arange(self.bins) - self.reach + self.key_of_row

    def bin_of(self, eighth_s: FloatArray) -> IntArray:
        """Tempo bin of a length of an eighth."""
        bins = (np.log(eighth_s / self.limits.eighth_s) - self.low) / self.width
        return np.clip(bins.astype(np.int64), 0, self.bins - 1)

    def turned(self, eighth_s: FloatArray, count: IntArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Lengths of an eighth before and after each kind of turn, [turn, *eighth_s.shape], and each turn's cost.

        Turn 0 is none. What is not tried has an infinite length after the turn.
        """
        share = (turn_after(count) / count)[:, None, None]
        second = eighth_s / (share * (self.turns[:, None, None, None] - 1) + 1)
        first = second * self.turns[:, None, None, None]
        second[1:, count < self.effort.turn_from] = np.inf
        if not self.effort.turn_slack:
            second[1:, :, ~np.eye(len(self.slack), dtype=bool)] = np.inf
        return first, second, self.turn_cost

    def deviation_cost(self, eighth_s: FloatArray, count: IntArray) -> FloatArray:
        """What being away from the requested tempo for so many eighths costs."""
        edge = max(abs(self.low), 1e-9)
        cost: FloatArray = (np.log(eighth_s / self.limits.eighth_s) / edge) ** 2
        return DEVIATION * np.minimum(count, 64) / 32 * cost

    def counts(self, gap_s: float) -> list[int]:
        """Numbers of eighths that can fill ``gap_s``, thinned for long gaps but always around the request."""
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


def search_knots(
    times_s: Sequence[float],
    weights: Sequence[float],
    musts: Sequence[bool],
    limits: Limits,
    effort: Effort | None = None,
) -> list[Knot]:
    """The hits to land: the largest weight first (musts above all), then the smoothest way.

    Args:
        times_s: ascending times of the hits, all above 0; beat 0 is at 0 seconds.
        weights: positive weight of each.
        musts: whether the hit has to fall on a beat that can be a downbeat; where two of them leave less than the
            shortest bar between them, the weightier way lands one.
        limits: the hard constraints.
        effort: how hard to search; None: normally, harder where there are must-hits.

    Returns:
        Knots in order; between neighbours (and from 0 to the first) runs one constant tempo.
    """
    lattice = _Lattice(limits, effort or (FOR_MUSTS if any(musts) else NORMAL))
    nodes = [_start_node(lattice)]
    at_s = [0.0, *times_s]
    nearest_s = limits.low_s - 2 * limits.tolerance_s
    last, forgotten = 0, 0
    bar_line_s = 0.0
    contested = _contested(at_s, musts, limits)
    for index in range(1, len(at_s)):
        latest = bisect_right(at_s, at_s[index] - nearest_s, 0, index) - 1
        before = [latest - k for k in LOOK_BACK if latest >= k]
        far = bisect_right(at_s, at_s[index] - ALWAYS_REACHED * limits.high_s, 0, index) - 1
        crowded = at_s[index] - bar_line_s < SHORTEST_BAR * limits.low_s - 2 * limits.tolerance_s
        value = _landing_value(weights[index - 1], musts[index - 1], crowded, limits)
        beam = math.inf if contested[index] else lattice.effort.beam_weight * limits.hit_value
        if musts[index - 1]:
            bar_line_s = at_s[index]
        node = _extend(lattice, nodes, at_s, before, index, value, beam)
        if node.best == -math.inf and far >= 0:
            node = _extend(lattice, nodes, at_s, [far], index, value, beam)
        nodes.append(node)
        if node.best > max(0.0, nodes[last].best):
            last = index
        while forgotten < min(latest - LOOK_BACK[-1], far):
            nodes[forgotten].sight = None
            forgotten += 1
    return _trace(lattice, nodes, last)


def turn_after(count: IntArray) -> IntArray:
    """Eighths before a turn: about half of them, whole beats."""
    half: IntArray = count // 4 * 2
    return half


def _contested(at_s: Sequence[float], musts: Sequence[bool], limits: Limits) -> list[bool]:
    """For each node whether it lies between two close must-hits: no beam there, for the later one may win."""
    near_s = CONTESTED * limits.high_s
    contested = [False] * len(at_s)
    last = 0
    for index, must in enumerate(musts, start=1):
        if must:
            if at_s[index] - at_s[last] < near_s:
                contested[last : index + 1] = [True] * (index + 1 - last)
            last = index
    return contested


def _start_node(lattice: _Lattice) -> _Node:
    reach = np.full(lattice.shape, -np.inf)
    reach[lattice.shape[0] // 2, 0, :] = 0.0
    return _Node(_Sight(reach, reach.max(axis=1), np.zeros(lattice.shape, np.int64)), best=0.0)


def _extend(
    lattice: _Lattice,
    nodes: list[_Node],
    at_s: Sequence[float],
    before: list[int],
    index: int,
    value: _Value,
    beam: float,
) -> _Node:
    """All ways to land hit ``index`` from the earlier nodes ``before``; the best per state is kept."""
    hope = max((nodes[i].best for i in before), default=-math.inf) - beam
    seen = [(i, sight) for i in before if nodes[i].best > hope and (sight := nodes[i].sight)]
    pairs = [(row, i, n) for row, (i, _) in enumerate(seen) for n in lattice.counts(at_s[index] - at_s[i])]
    if not pairs:
        return _Node()
    row, source, count = np.array(pairs).T
    slack = lattice.slack
    length = (at_s[index] - np.array([at_s[i] for i in source]))[:, None, None] + (slack - slack[:, None])
    eighth = length / count[:, None, None]  # [pair, slack there, slack here]
    first, second, turn_cost = lattice.turned(eighth, count)
    allowed = (np.minimum(first, second) >= lattice.limits.low_s) & (np.maximum(first, second) <= lattice.limits.high_s)
    turn, pair, there, here = np.nonzero(allowed)
    entered = lattice.bin_of(first[allowed])
    alive = np.stack([sight.top for _, sight in seen])[row[pair], there, entered] > hope
    turn, pair, there, here, entered = turn[alive], pair[alive], there[alive], here[alive], entered[alive]
    if not len(pair):
        return _Node()
    left = lattice.bin_of(second[allowed][alive])
    reach = np.stack([sight.reach for _, sight in seen])
    score = reach[row[pair], there, :, entered]  # [way, phase there]
    score -= (turn_cost[turn] + lattice.deviation_cost(eighth[pair, there, here], count[pair]))[:, None]
    phase = (np.arange(PHASES) + count[pair, None]) % PHASES  # phase here
    score += value.worth[phase]
    phase = np.where(value.bar_line[phase], 0, phase)  # an odd bar brings a must-hit to the downbeat
    keys = (here[:, None] * PHASES + phase) * lattice.bins + left[:, None]
    node, ways, phase_there = _keep_best(lattice, score, keys, beam)
    if len(ways):
        origin = np.stack([sight.origin for _, sight in seen])
        chosen = pair[ways]
        from_key = origin[row[chosen], there[ways], phase_there, entered[ways]]
        node.previous = np.stack([source[chosen], count[chosen], from_key, turn[ways]], axis=1)
    return node


def _landing_value(weight: float, must: bool, crowded: bool, limits: Limits) -> _Value:
    """What landing is worth; a ``crowded`` must-hit may not be a bar line one beat after another one."""
    worth = np.full(PHASES, weight * limits.hit_value)
    worth[1::2] -= weight * OFF_BEAT
    worth[2::2] -= ODD_BAR if must else weight * OFF_DOWNBEAT
    bar_line = np.zeros(PHASES, dtype=bool)
    if must:
        bar_line[0::2] = True
        bar_line[2] = not crowded
        worth[bar_line] += MUST_VALUE * weight
    return _Value(worth, bar_line)


def _keep_best(lattice: _Lattice, score: FloatArray, keys: IntArray, beam: float) -> tuple[_Node, IntArray, IntArray]:
    """The best way into each state within the beam: the node, and way and phase before of each of its states."""
    flat = score.ravel()
    none = np.zeros(0, np.int64)
    ceiling = float(flat.max())
    if ceiling == -math.inf:
        return _Node(), none, none
    alive = np.flatnonzero(flat > ceiling - beam)
    values, where = flat[alive], keys.ravel()[alive]
    top = np.full(lattice.size, -np.inf)
    np.maximum.at(top, where, values)
    is_top = values == top[where]
    winner = np.full(lattice.size, -1, np.int64)
    winner[where[is_top]] = alive[is_top]
    kept = np.flatnonzero(winner >= 0)
    reach, origin = lattice.spread(top.reshape(lattice.shape))
    node = _Node(_Sight(reach, reach.max(axis=1), origin), ceiling, int(top.argmax()), kept)
    ways, phase_there = np.divmod(winner[kept], PHASES)
    return node, ways, phase_there


def _trace(lattice: _Lattice, nodes: list[_Node], index: int) -> list[Knot]:
    knots: list[Knot] = []
    key = nodes[index].best_key
    while index > 0:
        node = nodes[index]
        level = key // (PHASES * lattice.bins)
        before, count, from_key, turn = node.previous[np.searchsorted(node.keys, key)]
        turn_eighths = int(turn_after(count)) if turn else 0
        knots.append(Knot(index - 1, int(count), float(lattice.slack[level]), turn_eighths, float(lattice.turns[turn])))
        index, key = int(before), int(from_key)
    return knots[::-1]
