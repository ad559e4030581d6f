"""The fit of music to picture: hits in, a tempo map with metres out (``fit_tempo``).

The steps: find which hits land and how many eighths lie between them; smooth the tempo by moving beats within half a
frame; place the bar lines; spread tempo steps that are still audible over the bar lines; explain what does not land.
"""

from __future__ import annotations

import itertools
import math
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from v2m_bridge.errors import InputError
from v2m_bridge.sync.auto import choose_tempo
from v2m_bridge.sync.constant import best_constant
from v2m_bridge.sync.landing import constant_for, land_hits, summarise
from v2m_bridge.sync.metre import choose_bars, metres_of
from v2m_bridge.sync.model import Fit, FitOptions, Lands
from v2m_bridge.sync.reasons import explain
from v2m_bridge.sync.solver.anchors import START, Anchor, Grid, tempo_points
from v2m_bridge.sync.solver.lead import origin_of, with_lead_in
from v2m_bridge.sync.solver.limits import TempoLimits, check_options, limits_of
from v2m_bridge.sync.solver.search import search_landed_hits
from v2m_bridge.sync.solver.smooth import add_bar_lines, smooth, turns_to_bar_lines
from v2m_bridge.timeline.hits import Hit
from v2m_bridge.timing.rates import frame_to_seconds
from v2m_bridge.timing.tempo import TempoMap

STEADY_HITS, STEADY_RANGE = 8, 0.03
"""A constant tempo that lands every hit is taken before a map with steps; so few hits land at some tempo by chance, so
with at most this many it has to lie within this share of the request."""
SHORTEST_BAR_BEATS = 2
"""Shortest bar, in quarter notes."""
MUST_PULL, HIT_PULL = 20.0, 0.3
"""Cost of a must-hit and of another hit at half a frame from its beat; a tempo step of 1 % costs 1."""
FIRST_BEAT = 4
"""Beat of the first hit after a lead-in, until the lead-in is put before it."""
FIRST_SLACKS = (0.0, -0.5, 0.5, -0.99, 0.99)
"""Offsets of that hit from its beat, as shares of the tolerance, that are tried with a constant tempo."""
FIRST_SWEEPS = 60
"""Sweeps of the first smoothing, which only has to show which tempo steps stay audible."""


@dataclass(frozen=True)
class _FitTask:
    """The checked input of a fit: hits in order of time, and options with a tempo."""

    hits: Sequence[Hit]
    duration_s: Fraction
    rate: Fraction
    options: FitOptions
    limits: TempoLimits


def fit_tempo(hits: Sequence[Hit], duration_frames: int, rate: Fraction, options: FitOptions = FitOptions()) -> Fit:
    """The tempo map that puts the largest weight of hits on the grid.

    Args:
        hits: moments to land on, at most one a frame, in any order.
        duration_frames: length of the timeline.
        rate: exact frames per second.
        options: limits and preferences.

    Returns:
        The map with metres, where each hit lands, figures, and what could not be done (``warnings``).

    Raises:
        InputError: an option outside its range, a duration or a weight that is not positive, a hit before the start.
    """
    check_options(options)
    if duration_frames <= 0:
        raise InputError(f"a timeline of {duration_frames} frames cannot be scored")
    for hit in hits:
        if hit.frame < 0 or not hit.weight > 0:
            raise InputError(f"hit at frame {hit.frame} with weight {hit.weight!r}: both must be positive")
    ordered = sorted(hits, key=lambda hit: hit.frame)
    bpm = options.bpm if options.bpm is not None else choose_tempo(ordered, rate, options)
    used = replace(options, bpm=bpm)
    task = _FitTask(ordered, frame_to_seconds(duration_frames, rate), rate, used, limits_of(bpm, rate, used))
    anchors, bars = _planned(task)
    tempo_map = TempoMap(tempo_points(anchors, bpm), metres_of(bars))
    return _described(task, tempo_map, bars)


def _planned(task: _FitTask) -> tuple[list[Anchor], list[int]]:
    """Anchors and bar lines; beat 0 is at 0 seconds."""
    hits, limits = task.hits, task.limits
    origin = origin_of([hit for hit in hits if hit.seconds > limits.tolerance_s], limits)
    lead_in = origin > 0
    if lead_in:
        hits = [replace(hit, seconds=hit.seconds - origin) for hit in hits if hit.seconds >= origin]
    anchors = _with_chance_hits(_anchors(hits, limits, lead_in), hits, limits)
    fixed = (0 if lead_in else 1, 0)
    anchors = smooth(anchors, limits, FIRST_SWEEPS, fixed)
    bars = _bars(anchors, hits, task.rate, float(task.duration_s - origin), task.options, lead_in)
    anchors = smooth(add_bar_lines(turns_to_bar_lines(anchors, bars, limits), bars), limits, fixed=fixed)
    return with_lead_in(anchors, bars, origin, limits) if lead_in else (anchors, bars)


def _anchors(hits: Sequence[Hit], limits: TempoLimits, lead_in: bool) -> list[Anchor]:
    """The start (or, after a lead-in, the first hit) and every landed hit, at the times that the search gave them."""
    later = [hit for hit in hits if lead_in or hit.seconds > limits.tolerance_s]
    if not later:
        return [START]
    steady = _steady(later, limits, 1.0 if limits.constant else STEADY_RANGE, lead_in)
    if steady:
        return steady
    times = [float(hit.seconds) for hit in later]
    weights, musts = [hit.weight for hit in later], [hit.must for hit in later]
    anchors = [] if lead_in else [START]
    for landed_hit in search_landed_hits(times, weights, musts, limits, lead_in=lead_in):
        target = times[landed_hit.hit]
        seconds, beat = target + landed_hit.slack_s, landed_hit.eighths / 2
        if anchors:
            start = anchors[-1]
            beat += start.beat
            if landed_hit.turn_eighths:
                share = (
                    landed_hit.turn_eighths
                    * landed_hit.turn_ratio
                    / (landed_hit.turn_eighths * (landed_hit.turn_ratio - 1) + landed_hit.eighths)
                )
                turn_s = start.seconds + share * (seconds - start.seconds)
                anchors.append(Anchor(start.beat + landed_hit.turn_eighths / 2, turn_s, turn_s, math.inf))
        anchors.append(Anchor(beat, seconds, target, limits.tolerance_s, _pull(later[landed_hit.hit])))
    return anchors


def _pull(hit: Hit) -> float:
    """How strongly smoothing draws the beat to the hit."""
    return MUST_PULL if hit.must else HIT_PULL


def _steady(hits: Sequence[Hit], limits: TempoLimits, spread: float, lead_in: bool) -> list[Anchor]:
    """Two anchors of a constant tempo that lands all hits; [] if there is none.

    Where only a constant tempo is allowed, it is the one that lands most hits, however many there are.
    """
    if not limits.constant and len(hits) > STEADY_HITS:
        spread = 1.0
    bpm = 30 / limits.eighth_s
    low, high = max(30 / limits.high_s, bpm * (1 - spread)), min(30 / limits.low_s, bpm * (1 + spread))
    units = [0.5 if limits.eighths and not hit.must else 1.0 for hit in hits]
    for slack in FIRST_SLACKS if lead_in else FIRST_SLACKS[:1]:
        slack_s = slack * limits.tolerance_s
        times_s = [float(hit.seconds) - slack_s for hit in hits]
        found, landed = best_constant(times_s, limits.tolerance_s, low, high, units)
        musts = [round(time_s * found / 60) for time_s, hit in zip(times_s, hits, strict=True) if hit.must]
        musts = musts if lead_in else [0, *musts]
        apart = all(after - before >= SHORTEST_BAR_BEATS for before, after in itertools.pairwise(musts))
        if limits.constant or (landed == len(hits) and apart):
            first = Anchor(float(FIRST_BEAT), slack_s, slack_s, 0.0) if lead_in else START
            seconds = first.seconds + 60 / found
            return [first, Anchor(first.beat + 1.0, seconds, seconds, 0.0)]
    return []


def _with_chance_hits(anchors: Sequence[Anchor], hits: Sequence[Hit], limits: TempoLimits) -> list[Anchor]:
    """The anchors, and one for every further hit that falls on the grid by chance, so that smoothing keeps it there."""
    grid = Grid(anchors, 30 / limits.eighth_s)
    beats = [anchor.beat for anchor in anchors]
    found = list(anchors)
    unit = 0.5 if limits.eighths else 1.0
    for hit in hits:
        target = float(hit.seconds)
        beat = round(grid.beat_at(target) / unit) * unit
        at = bisect_left(beats, beat)
        seconds = grid.seconds_at(beat)
        if beats[0] < beat < beats[-1] and beats[at] != beat and abs(seconds - target) <= limits.tolerance_s:
            beats.insert(at, beat)
            found.append(Anchor(beat, seconds, target, limits.tolerance_s, _pull(hit)))
    return sorted(found, key=lambda anchor: anchor.beat)


def _bars(
    anchors: Sequence[Anchor], hits: Sequence[Hit], rate: Fraction, end_s: float, options: FitOptions, lead_in: bool
) -> list[int]:
    """Bar lines, on every must-hit that allows it, and on other hits where the gain is worth an odd bar."""
    grid = Grid(anchors, options.bpm or 0.0)
    landings = land_hits(hits, grid, (), rate, options.tolerance_frames, options.eighths)
    rewards: dict[int, float] = {}
    forced = [-SHORTEST_BAR_BEATS if lead_in else 0]
    for landing in landings:
        if landing.lands is Lands.BEAT:
            beat = round(landing.beat)
            rewards[beat] = rewards.get(beat, 0.0) + landing.hit.weight
            if landing.hit.must and beat - forced[-1] >= SHORTEST_BAR_BEATS:
                forced.append(beat)
    starts = range(1, FIRST_BEAT + 1) if lead_in else (0,)
    return choose_bars(rewards, frozenset(forced[1:]), grid.beat_at(end_s), options.odd_bar_cost, starts)


def _described(task: _FitTask, tempo_map: TempoMap, bars: Sequence[int]) -> Fit:
    """The fit with landings, their reasons, figures and warnings."""
    hits, rate, options, limits = task.hits, task.rate, task.options, task.limits
    end_beat = tempo_map.beat_at(float(task.duration_s))
    plain = land_hits(hits, tempo_map, [float(b) for b in bars], rate, options.tolerance_frames, options.eighths)
    landings, warnings = explain(plain, limits, rate)
    summary = summarise(landings, tempo_map, end_beat, constant_for(hits, rate, options, limits))
    return Fit(options.bpm or 0.0, tempo_map, landings, summary, end_beat, options, warnings)
