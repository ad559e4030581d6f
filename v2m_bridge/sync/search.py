"""Which hits to land, and how many eighths apart: dynamic programming over hits, tempi and half-frame slack.

A node is the start of the film or a hit that lands. A state of a node is its slack (how far the beat lies from the
picture, a few levels inside the tolerance), whether it falls on a beat or on an eighth, and the tempo of the segment
that led to it (bins of log tempo). From node to node runs one constant tempo, so a transition is a number of eighths.
Work is linear in the number of hits: each looks back at a bounded number of earlier ones.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

SLACK_LEVELS = 7
BIN_WIDTH = 0.003
"""Finest tempo bin, in log tempo; the smoother removes what this rounds."""
MAX_BINS = 240
LOOK_BACK = (0, 1, 2, 3, 4, 5, 7, 10, 15, 23)
"""Predecessors tried, counted back from the latest hit that is at least one eighth earlier."""
MAX_COUNTS = 14
"""Numbers of eighths tried for one pair of hits; only gaps above ten seconds or so have more."""

HIT_VALUE = 1e5
"""Landing weight 1 outweighs every cost of shape below: hits first, then smoothness (lexicographic)."""
MUST_VALUE = 1e9
STEP_LINEAR, STEP_SQUARE = 1.0, 8.0
"""Cost of a tempo step as large as allowed; the square makes two small steps cheaper than a large one."""
DEVIATION = 1.0
"""Cost of four bars at the edge of the allowed tempo range."""
OFF_BEAT = 0.7
OFF_BAR = 0.15
"""Cost per hit on an eighth, and of a distance that is not whole 4/4 bars."""


@dataclass(frozen=True)
class SearchLimits:
    """The hard constraints, in seconds and ratios.

    Attributes:
        eighth_s: length of an eighth at the requested tempo.
        low_s, high_s: shortest and longest eighth allowed.
        max_ratio: largest ratio of neighbouring tempi, above 1.
        tolerance_s: how far from its hit a beat may lie.
        eighths: whether hits may land on eighths.
        hit_value: what landing a hit of weight 1 is worth against the costs of shape.
    """

    eighth_s: float
    low_s: float
    high_s: float
    max_ratio: float
    tolerance_s: float
    eighths: bool
    hit_value: float = HIT_VALUE


@dataclass(frozen=True)
class Knot:
    """A landed hit: its index in the searched hits, eighths since the knot before, and the slack in seconds."""

    hit: int
    eighths: int
    slack_s: float


@dataclass
class _Node:
    """What was kept of one node: best scores after one more tempo step, and where each state came from."""

    time_s: float
    reach: FloatArray | None  # [slack, parity, bin] best score of any state whose tempo may step into this bin
    origin: npt.NDArray[np.int16] | None  # the bin that this best came from
    keys: IntArray = field(default_factory=lambda: np.zeros(0, np.int64))
    previous: IntArray = field(default_factory=lambda: np.zeros((0, 4), np.int64))  # node, eighths, slack, bin


class _Lattice:
    """Bins of log eighth length and levels of slack."""

    def __init__(self, limits: SearchLimits, slack_levels: int, bin_width: float) -> None:
        self.limits = limits
        self.low = math.log(limits.low_s / limits.eighth_s)
        span = math.log(limits.high_s / limits.low_s)
        step = math.log(limits.max_ratio)
        width = max(min(bin_width, step / 6), span / MAX_BINS)
        self.bins = max(1, math.ceil(span / width))
        self.width = max(span / self.bins, 1e-12)
        # two tempi in bins k apart differ by less than (k + 1) bins, so this never breaks the limit
        self.reach = max(0, int(step / self.width + 1e-9) - 1)
        self.slack = np.linspace(-1.0, 1.0, slack_levels) * limits.tolerance_s
        share = np.abs(np.arange(-self.reach, self.reach + 1)) * self.width / max(step, 1e-12)
        self.step_cost = STEP_LINEAR * share + STEP_SQUARE * share**2
        self.shape = (slack_levels, 2, self.bins)

    def spread(self, scores: FloatArray) -> tuple[FloatArray, npt.NDArray[np.int16]]:
        """Best score with which each bin can be entered, and the bin it is entered from."""
        padded = np.full((*self.shape[:2], self.bins + 2 * self.reach), -np.inf)
        padded[..., self.reach : self.reach + self.bins] = scores
        windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * self.reach + 1, axis=-1) - self.step_cost
        best = windows.argmax(axis=-1)
        reach = np.take_along_axis(windows, best[..., None], axis=-1)[..., 0]
        return reach, (best + np.arange(self.bins) - self.reach).astype(np.int16)

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
        near = {middle + k * stride for k in (-2, -1, 0, 1, 2)}
        far = {first + round(k * (last - first) / 10) for k in range(11)}
        both = {f + k for f in far for k in ((0, 1) if stride == 1 else (0,))}
        return sorted(n for n in near | both if first <= n <= last and n % stride == 0)


def search_knots(
    times_s: Sequence[float],
    weights: Sequence[float],
    musts: Sequence[bool],
    limits: SearchLimits,
    slack_levels: int = SLACK_LEVELS,
    bin_width: float = BIN_WIDTH,
) -> list[Knot]:
    """The hits to land: the largest weight first (musts above all), then the smoothest way.

    Args:
        times_s: ascending times of the hits, all above 0; beat 0 is at 0 seconds.
        weights: positive weight of each.
        musts: whether the hit has to fall on a beat that can be a downbeat.
        limits: the hard constraints.
        slack_levels: odd number of levels inside the tolerance.
        bin_width: width of a tempo bin in log tempo.

    Returns:
        Knots in order; between neighbours (and from 0 to the first) runs one constant tempo.
    """
    lattice = _Lattice(limits, slack_levels, bin_width)
    nodes = [_start_node(lattice)]
    node_times = [0.0, *times_s]
    best_score, best_node, best_key = 0.0, 0, -1
    dropped = 0
    for index in range(1, len(node_times)):
        latest = bisect_right(node_times, node_times[index] - limits.low_s + 2 * limits.tolerance_s, 0, index) - 1
        before = [latest - k for k in LOOK_BACK if latest >= k]
        node, scores = _extend(lattice, nodes, node_times, before, index, weights[index - 1], musts[index - 1])
        nodes.append(node)
        if len(scores) and scores.max() > best_score:
            best_score, best_node, best_key = float(scores.max()), index, int(node.keys[scores.argmax()])
        while dropped < latest - LOOK_BACK[-1]:
            nodes[dropped].reach = None
            dropped += 1
    return _trace(lattice, nodes, best_node, best_key)


def _start_node(lattice: _Lattice) -> _Node:
    reach = np.full(lattice.shape, -np.inf)
    reach[lattice.shape[0] // 2, 0, :] = 0.0
    return _Node(0.0, reach, np.zeros(lattice.shape, np.int16))


def _extend(
    lattice: _Lattice,
    nodes: list[_Node],
    node_times: Sequence[float],
    before: list[int],
    index: int,
    weight: float,
    must: bool,
) -> tuple[_Node, FloatArray]:
    """All ways to land hit ``index`` from the earlier nodes ``before``; the best per state is kept."""
    time_s = node_times[index]
    pairs = [(i, n) for i in before if nodes[i].reach is not None for n in lattice.counts(time_s - node_times[i])]
    empty = _Node(time_s, None, None)
    if not pairs:
        return empty, np.zeros(0)
    sources = sorted({i for i, _ in pairs})
    rows = {i: k for k, i in enumerate(sources)}
    reach = np.stack([nodes[i].reach for i in sources])  # type: ignore[misc]
    row = np.array([rows[i] for i, _ in pairs])
    count = np.array([n for _, n in pairs])
    start_s = np.array([node_times[i] for i, _ in pairs])
    slack = lattice.slack
    length = (time_s - start_s)[:, None, None] - slack[None, :, None] + slack[None, None, :]
    eighth = length / count[:, None, None]
    allowed = (eighth >= lattice.limits.low_s) & (eighth <= lattice.limits.high_s)
    log_eighth = np.log(np.where(allowed, eighth, lattice.limits.eighth_s) / lattice.limits.eighth_s)
    bins = np.clip(((log_eighth - lattice.low) / lattice.width).astype(np.int64), 0, lattice.bins - 1)
    levels = np.arange(len(slack))
    score = reach[row[:, None, None], levels[None, :, None], :, bins]  # [pair, from slack, to slack, from parity]
    score = np.where(allowed[..., None], score, -np.inf) - _shape_cost(log_eighth, count, lattice)[..., None]
    parity = (np.arange(2)[None, :] + count[:, None]) % 2  # [pair, from parity] -> parity of the hit
    score += _landing_value(parity, weight, must, lattice.limits)[:, None, None, :]
    keys = (levels[None, None, :, None] * 2 + parity[:, None, None, :]) * lattice.bins + bins[..., None]
    return _keep_best(lattice, empty, score, keys, pairs)


def _shape_cost(log_eighth: FloatArray, count: IntArray, lattice: _Lattice) -> FloatArray:
    edge = max(abs(lattice.low), 1e-9)
    duration = np.minimum(count, 64)[:, None, None] / 32
    off_bar = OFF_BAR * (count % 8 != 0)
    cost: FloatArray = DEVIATION * duration * (log_eighth / edge) ** 2 + off_bar[:, None, None]
    return cost


def _landing_value(parity: IntArray, weight: float, must: bool, limits: SearchLimits) -> FloatArray:
    value = np.where(parity == 0, weight * limits.hit_value, weight * (limits.hit_value - OFF_BEAT))
    return np.where(parity == 0, value + MUST_VALUE, value) if must else value


def _keep_best(
    lattice: _Lattice, node: _Node, score: FloatArray, keys: IntArray, pairs: list[tuple[int, int]]
) -> tuple[_Node, FloatArray]:
    flat = score.ravel()
    order = np.argsort(flat, kind="stable")
    order = order[np.searchsorted(flat[order], -1e300) :]
    if not len(order):
        return node, np.zeros(0)
    winner = np.full(math.prod(lattice.shape), -1, np.int64)
    winner[np.broadcast_to(keys, score.shape).ravel()[order]] = order  # the last write, the best score, stays
    node.keys = np.flatnonzero(winner >= 0)
    chosen = winner[node.keys]
    pair, from_slack, _, _ = np.unravel_index(chosen, score.shape)
    table = np.array(pairs)
    node.previous = np.stack([table[pair, 0], table[pair, 1], from_slack, node.keys % lattice.bins], axis=1)
    scores = np.full(math.prod(lattice.shape), -np.inf)
    scores[node.keys] = flat[chosen]
    node.reach, node.origin = lattice.spread(scores.reshape(lattice.shape))
    return node, flat[chosen]


def _trace(lattice: _Lattice, nodes: list[_Node], index: int, key: int) -> list[Knot]:
    knots: list[Knot] = []
    while index > 0:
        node = nodes[index]
        level, parity = divmod(key // lattice.bins, 2)
        before, count, from_slack, entered = node.previous[np.searchsorted(node.keys, key)]
        knots.append(Knot(index - 1, int(count), float(lattice.slack[level])))
        if before == 0:
            break
        from_parity = (parity - count) % 2
        origin = nodes[before].origin
        assert origin is not None
        key = int((from_slack * 2 + from_parity) * lattice.bins + origin[from_slack, from_parity, entered])
        index = int(before)
    return knots[::-1]
