"""The fit of music to picture: hits in, a tempo map with metres out (``fit_tempo``)."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np

from v2m_bridge.errors import InputError
from v2m_bridge.sync.constant import best_constant
from v2m_bridge.sync.landing import land_hits, summarise
from v2m_bridge.sync.metre import choose_bars, metres_of
from v2m_bridge.sync.model import Fit, FitOptions, Lands
from v2m_bridge.sync.search import HIT_VALUE, STEP_LINEAR, STEP_SQUARE, Knot, SearchLimits, search_knots
from v2m_bridge.sync.smooth import smooth_beats
from v2m_bridge.timeline.hits import Hit
from v2m_bridge.timing.rates import frame_to_seconds
from v2m_bridge.timing.tempo import TempoMap, TempoPoint

INSIDE = 0.99
"""The search and the smoother use this share of the tolerance, so that no rounding later pushes a hit out."""
SAME_TEMPO = 1e-7
"""Neighbouring tempi closer than this ratio are written as one."""
SMALLEST_STEP = 1e-3
"""A ``max_step`` below this asks for one constant tempo."""


@dataclass(frozen=True)
class Beat:
    """A beat whose time is fixed: seconds on the timeline and quarter notes from its start."""

    seconds: float
    beat: float


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
        InputError: an option outside its range, or a duration that is not positive.
    """
    _check(options, duration_frames)
    ordered = sorted(hits, key=lambda hit: hit.frame)
    bpm = options.bpm if options.bpm is not None else (options.min_bpm + options.max_bpm) / 2
    limits = _limits(bpm, rate, options)
    grid = _grid(ordered, limits, options)
    points = _points(grid, bpm)
    duration_s = float(frame_to_seconds(duration_frames, rate))
    end_beat = TempoMap(points).beat_at(duration_s)
    positions = land_hits(ordered, TempoMap(points), (), rate, options.tolerance_frames, options.eighths)
    on_beat = [x for x in positions if x.lands is Lands.BEAT]
    rewards: dict[int, float] = {}
    for landing in on_beat:
        rewards[round(landing.beat)] = rewards.get(round(landing.beat), 0.0) + landing.hit.weight
    forced = frozenset(round(x.beat) for x in on_beat if x.hit.must)
    bars = choose_bars(rewards, forced, end_beat, options.odd_bar_cost) or choose_bars({}, frozenset(), end_beat, 1.0)
    assert bars is not None
    tempo_map = TempoMap(points, metres_of(bars))
    landings = land_hits(ordered, tempo_map, [float(b) for b in bars], rate, options.tolerance_frames, options.eighths)
    constant = best_constant(
        [float(hit.seconds) for hit in ordered],
        float(options.tolerance_frames / rate),
        bpm * (1 - options.tempo_range),
        bpm * (1 + options.tempo_range),
        0.5 if options.eighths else 1.0,
    )
    warnings = tuple(
        f"must-hit at frame {x.hit.frame} is not on a downbeat"
        for x in landings
        if x.hit.must and x.lands is not Lands.DOWNBEAT
    )
    summary = summarise(landings, tempo_map, end_beat, constant)
    return Fit(bpm, tempo_map, landings, summary, end_beat, replace(options, bpm=bpm), warnings)


def _check(options: FitOptions, duration_frames: int) -> None:
    if duration_frames <= 0:
        raise InputError(f"a timeline of {duration_frames} frames cannot be scored")
    if options.bpm is not None and not (math.isfinite(options.bpm) and 10 <= options.bpm <= 400):
        raise InputError(f"a tempo of {options.bpm!r} bpm is outside 10..400")
    if not 10 <= options.min_bpm <= options.max_bpm <= 400:
        raise InputError(f"tempo search range {options.min_bpm!r}..{options.max_bpm!r} is not within 10..400")
    if not 0 <= options.tempo_range <= 0.3:
        raise InputError(f"tempo range {options.tempo_range!r} is outside 0..0.3")
    if not 0 <= options.max_step <= 1:
        raise InputError(f"largest tempo step {options.max_step!r} is outside 0..1")
    if not 0 < options.tolerance_frames <= 10:
        raise InputError(f"tolerance of {options.tolerance_frames!r} frames is outside 0..10")
    if not (options.odd_bar_cost >= 0 and options.steadiness >= 0):
        raise InputError("odd_bar_cost and steadiness cannot be negative")


def _limits(bpm: float, rate: Fraction, options: FitOptions) -> SearchLimits:
    eighth_s = 30 / bpm
    full_step = STEP_LINEAR + STEP_SQUARE
    return SearchLimits(
        eighth_s=eighth_s,
        low_s=eighth_s / (1 + options.tempo_range),
        high_s=eighth_s / (1 - options.tempo_range),
        max_ratio=1 + options.max_step,
        tolerance_s=INSIDE * float(options.tolerance_frames / rate),
        eighths=options.eighths,
        hit_value=full_step / options.steadiness if options.steadiness > full_step / HIT_VALUE else HIT_VALUE,
    )


def _grid(hits: Sequence[Hit], limits: SearchLimits, options: FitOptions) -> list[Beat]:
    """Beats with their times: the start, then every landed hit."""
    later = [hit for hit in hits if float(hit.seconds) > limits.tolerance_s]
    times = [float(hit.seconds) for hit in later]
    if not later or options.max_step < SMALLEST_STEP or options.tempo_range < SMALLEST_STEP:
        return [Beat(0.0, 0.0)]
    knots = search_knots(times, [hit.weight for hit in later], [hit.must for hit in later], limits)
    return _smoothed(knots, times, limits)


def _smoothed(knots: Sequence[Knot], times: Sequence[float], limits: SearchLimits) -> list[Beat]:
    at_s = np.array([0.0, *(times[knot.hit] for knot in knots)])
    slack = np.array([0.0, *(knot.slack_s for knot in knots)])
    eighths = np.array([float(knot.eighths) for knot in knots])
    tolerance = np.full(len(at_s), limits.tolerance_s)
    slack = smooth_beats(at_s, slack, eighths, tolerance, limits.low_s, limits.high_s, limits.max_ratio)
    beats = np.concatenate(([0.0], np.cumsum(eighths))) / 2
    return [Beat(float(s), float(b)) for s, b in zip(at_s + slack, beats, strict=True)]


def _points(grid: Sequence[Beat], bpm: float) -> list[TempoPoint]:
    """A tempo point wherever the tempo really changes; the last tempo goes on to the end."""
    points: list[TempoPoint] = []
    for here, after in itertools.pairwise(grid):
        tempo = (after.beat - here.beat) * 60 / (after.seconds - here.seconds)
        if not points or abs(points[-1].bpm / tempo - 1) > SAME_TEMPO:
            points.append(TempoPoint(here.seconds, here.beat, tempo))
    return points or [TempoPoint(0.0, 0.0, bpm)]
