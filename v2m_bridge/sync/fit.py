"""The fit of music to picture: hits in, a tempo map with metres out (``fit_tempo``).

Search which hits land and how many eighths lie between them, smooth the tempo inside the half-frame slack, draw the
bar lines, spread what is still audible over the bar lines, and say what could not be done.
"""

from __future__ import annotations

import itertools
import math
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction

from v2m_bridge.errors import InputError
from v2m_bridge.sync.auto import choose_tempo
from v2m_bridge.sync.constant import best_constant
from v2m_bridge.sync.landing import land_hits, summarise
from v2m_bridge.sync.metre import choose_bars, metres_of
from v2m_bridge.sync.model import Fit, FitOptions, Lands
from v2m_bridge.sync.reasons import explain
from v2m_bridge.sync.solver.anchors import START, Anchor, Grid, tempo_points
from v2m_bridge.sync.solver.lead import origin_of, with_lead_in
from v2m_bridge.sync.solver.limits import TempoLimits, check_options, limits_of
from v2m_bridge.sync.solver.search import search_knots
from v2m_bridge.sync.solver.smooth import add_bar_lines, smooth, turns_to_bar_lines
from v2m_bridge.timeline.hits import Hit
from v2m_bridge.timing.rates import frame_to_seconds
from v2m_bridge.timing.tempo import TempoMap

STEADY_HITS, STEADY_RANGE = 8, 0.03
"""So few hits are first tried with one constant tempo this close to the request."""
SHORTEST_BAR_BEATS = 2
MUST_PULL, HIT_PULL = 20.0, 0.3
"""A must-hit half a frame off costs twenty times as much as a tempo step of 1 %, another hit a third of it."""
FIRST_BEAT = 4
"""The earliest beat of a first hit after a lead-in, before the lead-in is drawn."""
FIRST_SLACKS = (0.0, -0.5, 0.5, -0.99, 0.99)
"""Places of that hit inside its tolerance that a constant tempo is tried from."""
FIRST_SWEEPS = 60
"""Enough to see which tempo steps stay audible; the last smoothing runs to its end."""


def fit_tempo(hits: Sequence[Hit], duration_frames: int, rate: Fraction, options: FitOptions = FitOptions()) -> Fit:
    """The tempo map under which as much weight of hits as possible falls on the grid.

    Args:
        hits: moments to land on, at most one a frame, in any order.
        duration_frames: length of the timeline.
        rate: exact frames per second.
        options: limits and wishes.

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
    limits = limits_of(bpm, rate, used)
    duration_s = frame_to_seconds(duration_frames, rate)
    anchors, bars = _planned(ordered, duration_s, rate, used, limits)
    tempo_map = TempoMap(tempo_points(anchors, bpm), metres_of(bars))
    return _described(ordered, tempo_map, bars, rate, tempo_map.beat_at(float(duration_s)), used, limits)


def _planned(
    hits: Sequence[Hit], duration_s: Fraction, rate: Fraction, options: FitOptions, limits: TempoLimits
) -> tuple[list[Anchor], list[int]]:
    """Anchors and bar lines from beat 0 at 0 seconds."""
    origin = origin_of([hit for hit in hits if hit.seconds > limits.tolerance_s], limits)
    lead_in = origin > 0
    if lead_in:
        hits = [replace(hit, seconds=hit.seconds - origin) for hit in hits if hit.seconds >= origin]
    anchors = _with_chance_hits(_anchors(hits, limits, lead_in), hits, limits)
    fixed = (0 if lead_in else 1, 0)
    anchors = smooth(anchors, limits, FIRST_SWEEPS, fixed)
    bars = _bars(anchors, hits, rate, float(duration_s - origin), options, lead_in)
    anchors = smooth(add_bar_lines(turns_to_bar_lines(anchors, bars, limits), bars), limits, fixed=fixed)
    return with_lead_in(anchors, bars, origin, limits) if lead_in else (anchors, bars)


def _anchors(hits: Sequence[Hit], limits: TempoLimits, lead_in: bool) -> list[Anchor]:
    """The start, or after a lead-in the first hit, and every landed hit, with the search's times."""
    later = [hit for hit in hits if lead_in or hit.seconds > limits.tolerance_s]
    if not later:
        return [START]
    steady = _steady(later, limits, 1.0 if limits.constant else STEADY_RANGE, lead_in)
    if steady:
        return steady
    times = [float(hit.seconds) for hit in later]
    weights, musts = [hit.weight for hit in later], [hit.must for hit in later]
    anchors = [] if lead_in else [START]
    for knot in search_knots(times, weights, musts, limits, lead_in=lead_in):
        target = times[knot.hit]
        seconds, beat = target + knot.slack_s, knot.eighths / 2
        if anchors:
            start = anchors[-1]
            beat += start.beat
            if knot.turn_eighths:
                share = knot.turn_eighths * knot.turn_ratio / (knot.turn_eighths * (knot.turn_ratio - 1) + knot.eighths)
                turn_s = start.seconds + share * (seconds - start.seconds)
                anchors.append(Anchor(start.beat + knot.turn_eighths / 2, turn_s, turn_s, math.inf))
        anchors.append(Anchor(beat, seconds, target, limits.tolerance_s, _pull(later[knot.hit])))
    return anchors


def _pull(hit: Hit) -> float:
    return MUST_PULL if hit.must else HIT_PULL


def _steady(hits: Sequence[Hit], limits: TempoLimits, spread: float, lead_in: bool) -> list[Anchor]:
    """One constant tempo that lands all of few hits (the best one if only a constant tempo is allowed), or nothing."""
    if not limits.constant and len(hits) > STEADY_HITS:
        return []
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
    """Hits that nobody planned but that fall on the grid are held there from now on."""
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
    """Bar lines: every must-hit that can be on one is, other hits where an odd bar is worth it."""
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


def _described(
    hits: Sequence[Hit],
    tempo_map: TempoMap,
    bars: Sequence[int],
    rate: Fraction,
    end_beat: float,
    options: FitOptions,
    limits: TempoLimits,
) -> Fit:
    """The finished fit: landings with reasons, figures, warnings."""
    plain = land_hits(hits, tempo_map, [float(b) for b in bars], rate, options.tolerance_frames, options.eighths)
    landings, warnings = explain(plain, limits, rate)
    constant = best_constant(
        [float(hit.seconds) for hit in hits],
        float(Fraction(options.tolerance_frames) / rate),
        30 / limits.high_s,
        30 / limits.low_s,
        0.5 if options.eighths else 1.0,
    )
    summary = summarise(landings, tempo_map, end_beat, constant)
    return Fit(options.bpm or 0.0, tempo_map, landings, summary, end_beat, options, warnings)
