"""The bars between two kept runs: whole beats that fill exactly the time that the new cut leaves there."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from v2m_bridge.compose.conform.blocks import SAME_S, KeptBlock, OldMusic
from v2m_bridge.errors import InputError
from v2m_bridge.sync.fit import fit_tempo
from v2m_bridge.sync.model import Fit, FitOptions
from v2m_bridge.timeline.hits import Hit, HitKind
from v2m_bridge.timing.tempo import TempoMap, TempoPoint

MOST_BARS = 6
"""Bars that a kept run may lose beside a change so that the tempo has room."""
SOLVED = ((0, 0), (1, 1), (2, 2), (1, 0), (0, 1), (3, 3), (4, 4), (6, 6), (2, 4), (4, 2), (0, 4), (4, 0))
"""Bars given up before and after a change for which the tempo is searched hit by hit, besides constant tempi."""
LEAST_BEATS = 2
BAR_COST, ODD_BAR_COST = 0.12, 0.6
"""Hit weight that a bar given up, and a bar of 2, 3 or 5 beats, must gain."""
STEP_COST, FAR_COST = 0.5, 40.0
"""Hit weight of one tempo step as large as allowed, and of each further one beyond what is allowed."""
MUST_COST = 60.0
TOLERANCES = (0.8, 1.0)
"""Shares of the tolerance that the search may use; the rest is left for stretching the bridge to its room."""


@dataclass(frozen=True)
class Bridge:
    """Newly solved bars from ``start_s`` on; ``points`` and ``bars`` count from its start.

    ``beats`` is its length, or infinite when it runs to the end of the film; ``end_s`` is None then.
    """

    start_s: float
    end_s: float | None
    beats: float
    points: tuple[TempoPoint, ...]
    bars: tuple[int, ...]


@dataclass(frozen=True)
class Gap:
    """What a bridge has to join; None: the film begins or ends there. ``end_s``: end of the new film."""

    left: KeptBlock | None
    right: KeptBlock | None
    end_s: float


@dataclass(frozen=True)
class Joined:
    """A gap with the bridge that was chosen, and what is left of the runs beside it."""

    left: KeptBlock | None
    right: KeptBlock | None
    bridge: Bridge | None
    cost: float


class BridgeBuilder:
    """Chooses bridges.

    Args:
        hits: of the new cut.
        options: of the fit, with the tempo that the old score asked for.
    """

    def __init__(self, music: OldMusic, hits: Sequence[Hit], rate: Fraction, options: FitOptions) -> None:
        self._music = music
        self._hits = hits
        self._rate = rate
        self._options = options
        self._tolerance_s = options.tolerance_frames / float(rate)

    def join(self, gap: Gap) -> Joined:
        """The bridge that lands most weight of hits for the least bending, and takes the fewest bars."""
        best: Joined | None = None
        region = self._region(gap)
        for lost_left in range(self._most(gap.left) + 1):
            for lost_right in range(self._most(gap.right) + 1):
                left = gap.left.without(self._music, last=lost_left) if gap.left else None
                right = gap.right.without(self._music, first=lost_right) if gap.right else None
                for bridge in self._bridges(left, right, gap.end_s, (lost_left, lost_right)):
                    cost = self._cost(left, right, bridge, region) + BAR_COST * (lost_left + lost_right)
                    if best is None or cost < best.cost - 1e-9:
                        best = Joined(left, right, bridge, cost)
        if best is None:
            raise InputError("the new cut leaves too little room between two kept stretches")
        return best

    def _most(self, block: KeptBlock | None) -> int:
        return min(MOST_BARS, len(block.bars) - 1) if block else 0

    def _region(self, gap: Gap) -> list[Hit]:
        """Hits whose landing depends on the choice."""
        start = gap.left.without(self._music, last=self._most(gap.left)).new_end_s if gap.left else 0.0
        end = gap.right.without(self._music, first=self._most(gap.right)).new_start_s if gap.right else gap.end_s
        return [h for h in self._hits if start - self._tolerance_s <= float(h.seconds) <= end + self._tolerance_s]

    def _bridges(
        self, left: KeptBlock | None, right: KeptBlock | None, film_end_s: float, lost: tuple[int, int]
    ) -> Iterator[Bridge | None]:
        start_s = left.new_end_s if left else 0.0
        end_s = right.new_start_s if right else None
        room_s = (end_s if end_s is not None else film_end_s) - start_s
        if abs(room_s) < SAME_S:
            yield None
            return
        if room_s < 0 and right is not None:
            return
        yield from self._unchanged(left, right, start_s)
        if end_s is None:
            yield Bridge(start_s, None, math.inf, (TempoPoint(0.0, 0.0, self._bpm(left, right)),), ())
        else:
            yield from self._constant(start_s, end_s, self._bpm(left, right))
        if lost in SOLVED:
            yield from self._solved(start_s, end_s, room_s)

    def _bpm(self, left: KeptBlock | None, right: KeptBlock | None) -> float:
        """Tempo of what lies beside the bridge."""
        around = []
        if left:
            around.append(self._music.bpm_before(left.end_beat) / left.stretch)
        if right:
            around.append(self._music.bpm_at_beat(right.start_beat) / right.stretch)
        return math.prod(around) ** (1 / len(around)) if around else float(self._options.bpm or 120.0)

    def _unchanged(self, left: KeptBlock | None, right: KeptBlock | None, start_s: float) -> Iterator[Bridge]:
        """The old bars as they were, where both sides moved together: only picture was replaced."""
        old_start = left.end_beat if left else 0.0
        together = right is not None and right.start_beat > old_start and right.stretch == 1.0
        if not right or not together or (left and left.stretch != 1.0):
            return
        old_s = self._music.tempo.seconds_at(old_start)
        if abs((right.old_start_s - old_s) - (right.new_start_s - start_s)) > SAME_S:
            return
        points = [TempoPoint(0.0, 0.0, self._music.bpm_at_beat(old_start))]
        for p in self._music.tempo.points:
            if old_start + 1e-9 < p.beat < right.start_beat - 1e-9:
                points.append(TempoPoint(p.seconds - old_s, p.beat - old_start, p.bpm))
        bars = [b for b in self._music.tempo.bars(right.start_beat) if b.start_beat >= old_start - 1e-9]
        lengths = tuple(round(b.length_beats) for b in bars)
        yield Bridge(start_s, right.new_start_s, right.start_beat - old_start, tuple(points), lengths)

    def _constant(self, start_s: float, end_s: float, bpm: float) -> Iterator[Bridge]:
        room_s = end_s - start_s
        beats = room_s * bpm / 60
        for count in {max(LEAST_BEATS, math.floor(beats)), max(LEAST_BEATS, math.ceil(beats))}:
            yield Bridge(start_s, end_s, float(count), (TempoPoint(0.0, 0.0, count * 60 / room_s),), bars_of(count))

    def _solved(self, start_s: float, end_s: float | None, room_s: float) -> Iterator[Bridge]:
        """By the same search as a whole film, with the end as a hit that must land on a bar line."""
        inside = [
            replace(
                h, seconds=h.seconds - Fraction(start_s), frame=max(0, round((float(h.seconds) - start_s) * self._rate))
            )
            for h in self._hits
            if start_s + self._tolerance_s < float(h.seconds) < start_s + room_s - (self._tolerance_s if end_s else 0)
        ]
        if not inside:
            return
        frames = max(1, math.ceil(room_s * self._rate))
        if end_s is not None:
            inside.append(Hit(frames, Fraction(room_s), HitKind.MARKER, 100.0, must=True))
        for share in TOLERANCES:
            options = replace(self._options, tolerance_frames=share * self._options.tolerance_frames)
            fit = fit_tempo(inside, frames + 1, self._rate, options)
            yield from self._stretched(fit, start_s, end_s, room_s)

    def _stretched(self, fit: Fit, start_s: float, end_s: float | None, room_s: float) -> Iterator[Bridge]:
        """The fit as a bridge, by less than the tolerance longer or shorter, so that it ends where it has to."""
        bars = list(fit.tempo_map.bars(fit.end_beat + 8))
        if end_s is None:
            points = fit.tempo_map.points
            yield Bridge(start_s, None, math.inf, points, tuple(round(b.length_beats) for b in bars))
            return
        beats = round(fit.tempo_map.beat_at(room_s))
        scale = room_s / fit.tempo_map.seconds_at(beats) if beats >= LEAST_BEATS else 0.0
        lengths: list[int] = []
        for bar in bars:
            if bar.start_beat < beats - 1e-9:
                lengths.append(round(min(bar.length_beats, beats - bar.start_beat)))
        if abs(scale - 1) * room_s > self._tolerance_s or sum(lengths) != beats or min(lengths) < LEAST_BEATS:
            return
        points = tuple(
            TempoPoint(p.seconds * scale, p.beat, p.bpm / scale) for p in fit.tempo_map.points if p.beat < beats - 1e-9
        )
        yield Bridge(start_s, end_s, float(beats), points, tuple(lengths))

    def _cost(
        self, left: KeptBlock | None, right: KeptBlock | None, bridge: Bridge | None, region: Sequence[Hit]
    ) -> float:
        cost = self._steps(left, right, bridge)
        if bridge:
            cost += ODD_BAR_COST * sum(1 for length in bridge.bars if length != 4)
        return cost + sum(self._missed(hit, left, right, bridge) for hit in region)

    def _steps(self, left: KeptBlock | None, right: KeptBlock | None, bridge: Bridge | None) -> float:
        tempi = [self._music.bpm_before(left.end_beat) / left.stretch] if left else []
        tempi += [p.bpm for p in bridge.points] if bridge else []
        tempi += [self._music.bpm_at_beat(right.start_beat) / right.stretch] if right else []
        cost = 0.0
        allowed = max(1e-3, self._options.max_step)
        for before, after in itertools.pairwise(tempi):
            step = max(before, after) / min(before, after) - 1
            cost += STEP_COST * (step / allowed) ** 2 + FAR_COST * max(0.0, step / allowed - 1)
        wanted, spread = self._options.bpm or tempi[0], self._options.tempo_range
        for bpm in (p.bpm for p in (bridge.points if bridge else ())):
            cost += FAR_COST * max(0.0, abs(bpm / wanted - 1) - spread - 1e-6) * 10
        return cost

    def _missed(self, hit: Hit, left: KeptBlock | None, right: KeptBlock | None, bridge: Bridge | None) -> float:
        """Weight of the hit if it does not land; more for a must-hit that is on no bar line."""
        seconds = float(hit.seconds)
        if bridge and seconds >= bridge.start_s - SAME_S and (bridge.end_s is None or seconds < bridge.end_s - SAME_S):
            grid, lines = _grid_of(bridge, self._options.eighths)
            near_s = abs(grid(seconds) - seconds)
            line_s = min((abs(line - seconds) for line in lines), default=math.inf)
        else:
            block = left if left and (seconds < left.new_end_s - SAME_S or not right) else right
            if block is None:
                return 0.0
            near_s, line_s = self._in_block(block, seconds)
        if hit.must:
            return 0.0 if line_s <= self._tolerance_s else MUST_COST
        return 0.0 if near_s <= self._tolerance_s else hit.weight

    def _in_block(self, block: KeptBlock, new_s: float) -> tuple[float, float]:
        """Distance to the nearest grid position and bar line."""
        beat = self._music.tempo.beat_at(block.old_s(new_s))
        unit = 0.5 if self._options.eighths else 1.0
        grid_s = block.new_s(self._music.tempo.seconds_at(round(beat / unit) * unit))
        lines = [block.new_s(self._music.tempo.seconds_at(b.start_beat)) for b in block.bars] + [block.new_end_s]
        return abs(grid_s - new_s), min(abs(line - new_s) for line in lines)


def bars_of(beats: int) -> tuple[int, ...]:
    """Bars of four, and one odd bar at the end where the beats do not divide: 5 rather than 4 and 1."""
    fours, rest = divmod(beats, 4)
    if rest == 0:
        return (4,) * fours
    if rest == 1 and fours:
        return (4,) * (fours - 1) + (5,)
    return (4,) * fours + (rest,)


def _grid_of(bridge: Bridge, eighths: bool) -> tuple[Callable[[float], float], list[float]]:

    tempo = TempoMap(bridge.points)
    unit = 0.5 if eighths else 1.0

    def nearest(seconds: float) -> float:
        beat = tempo.beat_at(seconds - bridge.start_s)
        return bridge.start_s + tempo.seconds_at(round(beat / unit) * unit)

    lines, beat = [bridge.start_s], 0
    for length in bridge.bars:
        beat += length
        lines.append(bridge.start_s + tempo.seconds_at(beat))
    return nearest, lines
