"""Which hits to land, and how many eighths apart: dynamic programming over hits, tempi and half-frame slack.

A node is the start of the film or a hit that lands. A state of a node has three parts: the slack (how far the beat
lies from the picture, in a few levels inside the tolerance), the place in a 4/4 bar, and the tempo of the segment that
led to the node (in bins of log tempo). A transition from node to node has a number of eighths and one tempo, or two
tempi where a hit would be lost otherwise.

Which earlier hits are tried as predecessors depends on their distance in time, not on the number of hits in between.
So a path stays possible when hits are added, and more hits never reduce the weight landed. Work is linear in the number
of hits.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from v2m_bridge.sync.solver.lattice import PHASES, Effort, FloatArray, IntArray, Lattice, Transitions, turn_after
from v2m_bridge.sync.solver.limits import TempoLimits

SHORTEST_BAR = 4
"""Shortest bar, in eighths."""
CONTESTED = 16
"""Must-hits closer than this many longest eighths may exclude each other."""
LOOK_BACK = 12
"""Predecessors of a hit: all within this many longest eighths, ..."""
FAR_BACK = 12
"""... the nearest one before these, and all within this many longest eighths before that one."""
ALWAYS_REACHED = 20
"""If none of these works, a predecessor at least this many longest eighths away: from it, every time is reached."""

MUST_VALUE = 1e9
"""Extra value of a must-hit on a downbeat, above that of all other hits together."""
OFF_BEAT, OFF_DOWNBEAT = 1.5, 0.5
"""Cost per hit on an eighth, and on a beat that is not the first of a 4/4 bar."""
ODD_BAR = 2.0
"""Cost of a must-hit that needs an odd bar to fall on a downbeat."""


@dataclass(frozen=True)
class LandedHit:
    """A landed hit.

    Attributes:
        hit: its index in the searched hits.
        eighths: number of eighths since the landed hit before it.
        slack_s: how late its beat is against the picture, in seconds.
        turn_eighths: number of eighths from the landed hit before it to a tempo change in between; 0: no change.
        turn_ratio: length of an eighth before that change over its length after it.
    """

    hit: int
    eighths: int
    slack_s: float
    turn_eighths: int = 0
    turn_ratio: float = 1.0


ROTATED = (np.arange(PHASES) + np.arange(PHASES)[:, None]) % PHASES
"""[eighths % PHASES, place in the bar there] place in the bar here."""


@dataclass(frozen=True)
class _LandingValue:
    """[PHASES] value of landing one hit on each place of the bar, and the place from which the bar is counted on.

    That place is another one where an odd bar brings a must-hit to the downbeat.
    """

    worth: FloatArray
    phase: IntArray


@dataclass(frozen=True)
class _Arrivals:
    """Transitions that land one hit: [W, P] scores and keys of the states they lead to, [W, 5] their origins."""

    score: FloatArray
    keys: IntArray
    previous: IntArray


@dataclass
class _Node:
    """The states of one node that were kept.

    Attributes:
        reach: [bin, slack, phase] best score of a segment that starts in each bin; None if the node cannot be reached,
            and once no later node looks back at it.
        top: [bin, slack] the best of ``reach`` over the phases.
        best: the best score of any state.
        best_key: key of that state.
        keys: [K] keys of the states, ascending.
        scores: [K] of the states.
        previous: [K, 6] node before, eighths from there (0: a lead-in), turn, slack there, bin entered, phase there.
    """

    reach: FloatArray | None = None
    top: FloatArray | None = None
    best: float = -math.inf
    best_key: int = -1
    keys: IntArray = field(default_factory=lambda: np.zeros(0, np.int64))
    scores: FloatArray = field(default_factory=lambda: np.zeros(0))
    previous: IntArray = field(default_factory=lambda: np.zeros((0, 6), np.int64))


def search_landed_hits(
    times_s: Sequence[float],
    weights: Sequence[float],
    musts: Sequence[bool],
    limits: TempoLimits,
    effort: Effort = Effort(),
    lead_in: bool = False,
) -> list[LandedHit]:
    """The hits to land: the largest weight (must-hits first), and of equal weights the smoothest tempo.

    Args:
        times_s: ascending times of the hits, all above 0; beat 0 is at 0 seconds.
        weights: positive weight of each.
        musts: whether each hit must fall on a beat that can be a downbeat; of two that are closer than the shortest
            bar, one is given up.
        limits: the hard constraints.
        effort: how fine the search is.
        lead_in: whether the first landed hit may fall on any beat at any tempo, because a lead-in will precede it.

    Returns:
        The landed hits in order. Without a turn, the tempo between two of them (and from 0 to the first) is constant.
        After a lead-in, the first counts its eighths from a bar line one bar or more before it.
    """
    if not len(times_s):
        return []
    search = _Search(Lattice(limits, effort), times_s, musts, lead_in)
    for hit, (weight, must) in enumerate(zip(weights, musts, strict=True)):
        search.add(hit + 1, weight, must)
    return search.best_way()


class _Search:
    """The nodes so far: node 0 is the start, node k is hit k - 1."""

    def __init__(self, lattice: Lattice, times_s: Sequence[float], musts: Sequence[bool], lead_in: bool) -> None:
        self.lattice, self.limits = lattice, lattice.limits
        start_s = -math.inf if lead_in else 0.0
        self.at_s = [start_s, *times_s]
        self.contested = _contested(self.at_s, musts, self.limits)
        self.lead_until_s = times_s[0] + LOOK_BACK * self.limits.high_s if lead_in else -math.inf
        self.bar_line_s = start_s
        self.nodes = [_Node() if lead_in else _start_node(lattice)]
        self.last = 0
        self.forgotten = 0

    def add(self, index: int, weight: float, must: bool) -> None:
        """Add node ``index`` with all ways to land it."""
        limits, here_s = self.limits, self.at_s[index]
        crowded = here_s - self.bar_line_s < SHORTEST_BAR * limits.low_s - 2 * limits.tolerance_s
        value = _landing_value(weight, must, crowded, limits)
        if must:
            self.bar_line_s = here_s
        node, far = self._reached(index, value)
        self.nodes.append(node)
        if node.best > max(0.0, self.nodes[self.last].best):
            self.last = index
        for old in range(self.forgotten, far):
            self.nodes[old].reach = self.nodes[old].top = None
        self.forgotten = max(self.forgotten, far)

    def _reached(self, index: int, value: _LandingValue) -> tuple[_Node, int]:
        """Node ``index``, and the earliest node that may still be a predecessor."""
        limits, here_s = self.limits, self.at_s[index]
        latest = bisect_right(self.at_s, here_s - limits.low_s + 2 * limits.tolerance_s, 0, index) - 1
        near = bisect_left(self.at_s, here_s - LOOK_BACK * limits.high_s, 0, index)
        far = bisect_left(self.at_s, self.at_s[near - 1] - FAR_BACK * limits.high_s, 0, near) if near else 0
        node = self._extend(list(range(far, latest + 1)), index, value)
        out = bisect_right(self.at_s, here_s - ALWAYS_REACHED * limits.high_s, 0, index) - 1
        while node.best == -math.inf and out >= self.forgotten:
            node = self._extend([out], index, value)
            out -= 1
        return node, min(far, out)

    def _extend(self, before: list[int], index: int, value: _LandingValue) -> _Node:
        """Node ``index`` reached from the earlier nodes ``before``; the best way into each state is kept."""
        lattice, nodes = self.lattice, self.nodes
        beam = math.inf if self.contested[index] else lattice.effort.beam_weight * self.limits.hit_value
        hope = max((nodes[i].best for i in before), default=-math.inf) - beam
        seen = [i for i in before if nodes[i].best > hope and nodes[i].reach is not None]
        pairs = [(row, n) for row, i in enumerate(seen) for n in lattice.counts(self.at_s[index] - self.at_s[i])]
        found = [self._lead(value)] if self.at_s[index] <= self.lead_until_s else []
        if pairs:
            row, count = np.array(pairs).T
            ways = lattice.transitions(self.at_s[index] - np.array([self.at_s[i] for i in seen])[row], count)
            row, count = row[ways.pair], count[ways.pair]
            alive = np.stack([nodes[i].top for i in seen])[row, ways.entered, ways.there] > hope  # type: ignore[misc]
            found.append(self._landed(seen, row[alive], count[alive], ways.only(alive), value))
        return _best_of(lattice, found, beam)

    def _landed(
        self, seen: list[int], row: IntArray, count: IntArray, ways: Transitions, value: _LandingValue
    ) -> _Arrivals:
        """Scores and keys of these transitions for every place in the bar at the earlier hit."""
        turn_of_bar = count % PHASES
        score = np.stack([self.nodes[i].reach for i in seen])[row, ways.entered, ways.there]  # type: ignore[misc]
        score += value.worth[ROTATED][turn_of_bar] - ways.cost[:, None]
        phase = value.phase[ROTATED][turn_of_bar]
        keys = phase + PHASES * (ways.left * len(self.lattice.slack) + ways.here)[:, None]
        return _Arrivals(
            score, keys, np.stack([np.array(seen)[row], count, ways.turn, ways.there, ways.entered], axis=1)
        )

    def _lead(self, value: _LandingValue) -> _Arrivals:
        """Arrivals of the first hit after a lead-in: on any beat, with any slack, at any tempo."""
        lattice = self.lattice
        score = (value.worth - lattice.lead_cost()[:, None]).repeat(len(lattice.slack), axis=0)
        keys = value.phase + PHASES * np.arange(len(score))[:, None]
        return _Arrivals(score, keys, np.zeros((len(score), 5), np.int64))

    def best_way(self) -> list[LandedHit]:
        """The landed hits on the path to the best state of all."""
        lattice, landed_hits = self.lattice, []
        index, key = self.last, self.nodes[self.last].best_key
        while index > 0:
            node = self.nodes[index]
            level, phase_here = divmod(key % (PHASES * len(lattice.slack)), PHASES)
            before, count, turn, there, entered, phase = node.previous[np.searchsorted(node.keys, key)].tolist()
            turned = int(turn_after(np.array(count))) if turn else 0
            eighths = count or PHASES + phase_here
            landed_hits.append(
                LandedHit(index - 1, eighths, float(lattice.slack[level]), turned, float(lattice.turns[turn]))
            )
            index, key = before, self._left(before, there, phase, entered) if before else -1
        return landed_hits[::-1]

    def _left(self, index: int, level: int, phase: int, entered: int) -> int:
        """Key of the state of node ``index`` from which tempo bin ``entered`` is entered best."""
        node, lattice = self.nodes[index], self.lattice
        scores = np.full(lattice.size, -np.inf)
        scores[node.keys] = node.scores
        best = lattice.entered_from(scores.reshape(lattice.shape)[:, level, phase], entered)
        return (best * len(lattice.slack) + level) * PHASES + phase


def _contested(at_s: Sequence[float], musts: Sequence[bool], limits: TempoLimits) -> list[bool]:
    """For each node whether it lies between two close must-hits; no beam there, because the later one may win."""
    near_s = CONTESTED * limits.high_s
    contested = [False] * len(at_s)
    last = 0
    for index, must in enumerate(musts, start=1):
        if must:
            if at_s[index] - at_s[last] < near_s:
                contested[last : index + 1] = [True] * (index + 1 - last)
            last = index
    return contested


def _start_node(lattice: Lattice) -> _Node:
    reach = np.full(lattice.shape, -np.inf)
    reach[:, len(lattice.slack) // 2, 0] = 0.0
    return _Node(reach, reach.max(axis=2), best=0.0)


def _landing_value(weight: float, must: bool, crowded: bool, limits: TempoLimits) -> _LandingValue:
    """Value of landing a hit; a ``crowded`` must-hit is less than the shortest bar after the last must-hit."""
    worth = np.full(PHASES, weight * limits.hit_value)
    worth[1::2] -= weight * OFF_BEAT
    worth[2::2] -= ODD_BAR if must else weight * OFF_DOWNBEAT
    bar_line = np.zeros(PHASES, dtype=bool)
    if must:
        bar_line[0::2] = True
        bar_line[2] = not crowded
        worth[bar_line] += MUST_VALUE * weight
    return _LandingValue(worth, np.where(bar_line, 0, np.arange(PHASES)))


def _best_of(lattice: Lattice, found: list[_Arrivals], beam: float) -> _Node:
    """A node with the best arrival in each state within the beam."""
    score = np.concatenate([x.score.ravel() for x in found]) if found else np.zeros(0)
    ceiling = float(score.max(initial=-math.inf))
    if ceiling == -math.inf:
        return _Node()
    alive = np.flatnonzero(score > ceiling - beam)
    score, keys = score[alive], np.concatenate([x.keys.ravel() for x in found])[alive]
    top = np.full(lattice.size, -np.inf)
    np.maximum.at(top, keys, score)
    winner = np.full(lattice.size, -1, np.int64)
    best = score == top[keys]
    winner[keys[best]] = alive[best]
    kept = np.flatnonzero(winner >= 0)
    way, phase = np.divmod(winner[kept], PHASES)
    previous = np.concatenate([x.previous for x in found])[way]
    reach = lattice.entering(top.reshape(lattice.shape))
    return _Node(
        reach, reach.max(axis=2), ceiling, int(top.argmax()), kept, top[kept], np.column_stack((previous, phase))
    )
