"""``--tempo auto``: the tempo that lands best, weighed against the pace of the cutting and the mood."""

from __future__ import annotations

import itertools
import math
import statistics
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction

from v2m_bridge.music.emotions import parse_emotion
from v2m_bridge.sync.model import FitOptions
from v2m_bridge.sync.solver.lattice import Effort
from v2m_bridge.sync.solver.lead import origin_of
from v2m_bridge.sync.solver.limits import limits_of
from v2m_bridge.sync.solver.search import Knot, search_knots
from v2m_bridge.timeline.hits import Hit

CANDIDATE_RATIO = 1.06
"""Candidates lie this far apart; each may use tempi 10 % around it, so nothing between them is lost."""
EXCERPT_HITS, EXCERPTS = 50, 3
"""Longer pieces are judged by excerpts at the beginning, in the middle and at the end."""
COARSE = Effort(slack_levels=3, step_bins=8)
"""The candidates are compared with a coarse search."""
PACE_BPM, PACE_SHOT_S, PACE_EXPONENT = 112.0, 2.0, -0.2
"""Shots of two seconds feel like 112 bpm, of half a second like 148, of eight like 85: our own rule of thumb."""
PACE_COST = 0.10
"""Share of hits that may be lost to stay half an octave closer to the pace."""
STEP_COST = 1.5
"""Share of hits that may be lost for a mean tempo step smaller by 1 (1 % of step: 0.015)."""
EIGHTH_COST = 0.10
"""Share of hits that may be lost to have all hits on beats instead of eighths."""
MOOD_FACTOR = {"exciting": 1.2, "fearful": 1.0, "tense": 1.08, "sad": 0.75, "relaxing": 0.78, "neutral": 1.0}
"""Tempo of a mood against the pace of the cutting: arousal raises it, calm and sadness lower it (our own table)."""


def choose_tempo(hits: Sequence[Hit], rate: Fraction, options: FitOptions) -> float:
    """The tempo to request, in whole quarter notes a minute.

    Args:
        hits: in order of time.
        rate: frames per second.
        options: limits of the search, the hard constraints, and the mood if known.
    """
    low, high = request_range(options)
    wanted = min(max(round(pace_bpm(hits, options)), low), high)
    excerpts = _excerpts(hits)
    if not excerpts:
        return float(wanted)
    steps = max(1, math.ceil(math.log(high / low) / math.log(CANDIDATE_RATIO)))
    ladder = {round(low * (high / low) ** (k / steps)) for k in range(steps + 1)}
    return float(max(sorted({*ladder, wanted}), key=lambda bpm: _merit(bpm, wanted, excerpts, rate, options)))


def request_range(options: FitOptions) -> tuple[int, int]:
    """Lowest and highest whole tempo to request, so that the map stays between ``min_bpm`` and ``max_bpm``.

    Where these leave no room for the tempo range around any request, both are the tempo in the middle.
    """
    low = math.ceil(options.min_bpm / (1 - options.tempo_range) - 1e-9)
    high = math.floor(options.max_bpm / (1 + options.tempo_range) + 1e-9)
    middle = round((options.min_bpm + options.max_bpm) / 2)
    return (low, high) if low <= high else (middle, middle)


def pace_bpm(hits: Sequence[Hit], options: FitOptions) -> float:
    """The tempo that suits the pace of the cutting and the mood, inside the search range."""
    gaps = [float(after.seconds - before.seconds) for before, after in itertools.pairwise(hits)]
    shot_s = statistics.median(gaps) if gaps else PACE_SHOT_S
    bpm = PACE_BPM * (max(shot_s, 0.1) / PACE_SHOT_S) ** PACE_EXPONENT
    if options.mood is not None:
        bpm *= MOOD_FACTOR[parse_emotion(options.mood)]
    return float(min(max(bpm, options.min_bpm), options.max_bpm))


def _excerpts(hits: Sequence[Hit]) -> list[tuple[Hit, ...]]:
    """Runs of neighbouring hits, each moved so that the hit before it is at 0."""
    count = len(hits)
    if count <= EXCERPT_HITS * EXCERPTS:
        starts, length = [0], count
    else:
        starts, length = [k * (count - EXCERPT_HITS) // (EXCERPTS - 1) for k in range(EXCERPTS)], EXCERPT_HITS
    excerpts = []
    for start in starts:
        zero = hits[start - 1] if start else None
        moved = (
            hit if zero is None else replace(hit, seconds=hit.seconds - zero.seconds)
            for hit in hits[start : start + length]
        )
        excerpts.append(tuple(hit for hit in moved if hit.seconds > 0))
    return [excerpt for excerpt in excerpts if excerpt]


def _merit(bpm: float, wanted: float, excerpts: Sequence[Sequence[Hit]], rate: Fraction, options: FitOptions) -> float:
    """Share of weight landed, less what jolts, eighths and the distance from the pace cost."""
    limits = limits_of(bpm, rate, options)
    total = landed = eighths = 0.0
    steps: list[float] = []
    for hits in excerpts:
        origin = origin_of(hits, limits)
        times = [float(hit.seconds - origin) for hit in hits]
        weights, musts = [hit.weight for hit in hits], [hit.must for hit in hits]
        knots = search_knots(times, weights, musts, limits, COARSE, lead_in=origin > 0)
        total += sum(weights)
        landed += sum(weights[knot.hit] for knot in knots)
        places = itertools.accumulate(knot.eighths for knot in knots)
        eighths += sum(weights[knot.hit] for knot, place in zip(knots, places, strict=True) if place % 2)
        tempi = _tempi(knots, times, lead_in=origin > 0)
        steps += [abs(after / before - 1) for before, after in itertools.pairwise(tempi)]
    octaves = math.log2(bpm / wanted)
    jolt = STEP_COST * statistics.fmean(steps) if steps else 0.0
    return (landed - EIGHTH_COST * eighths) / total - jolt - PACE_COST * (octaves / 0.5) ** 2


def _tempi(knots: Sequence[Knot], times: Sequence[float], lead_in: bool) -> list[float]:
    beats_s = [0.0, *(times[knot.hit] + knot.slack_s for knot in knots)][lead_in:]
    lengths = (after - before for before, after in itertools.pairwise(beats_s))
    return [30 * knot.eighths / length for knot, length in zip(knots[lead_in:], lengths, strict=True)]
