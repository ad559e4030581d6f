"""``--tempo auto``: the tempo that lands most hits, weighed against the pace of the cutting and the mood."""

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
from v2m_bridge.sync.solver.search import LandedHit, search_landed_hits
from v2m_bridge.timeline.hits import Hit

CANDIDATE_RATIO = 1.06
"""Ratio of neighbouring candidates; each may vary its tempo by 10 %, so that together they cover every tempo."""
EXCERPT_HITS, EXCERPTS = 50, 3
"""A longer piece is judged by three excerpts of 50 hits, spread from its start to its end."""
COARSE = Effort(slack_levels=3, step_bins=8)
"""The candidates are compared with a coarse search."""
PACE_BPM, PACE_SHOT_S, PACE_EXPONENT = 112.0, 2.0, -0.2
"""Shots of 2 s suggest 112 bpm, of 0.5 s 148 and of 8 s 85 (our own rule of thumb)."""
PACE_COST = 0.10
"""Share of hits worth giving up for a tempo half an octave closer to the pace."""
STEP_COST = 1.5
"""Share of hits worth giving up for each unit of mean tempo step: 0.015 for 1 %."""
EIGHTH_COST = 0.10
"""Share of hits worth giving up to have all hits on beats instead of eighths."""
MOOD_FACTOR = {"exciting": 1.2, "fearful": 1.0, "tense": 1.08, "sad": 0.75, "relaxing": 0.78, "neutral": 1.0}
"""Mood -> factor of the tempo that the pace suggests; arousal raises it, calm and sadness lower it (our own table)."""

AROUSAL_FACTOR = 1.3
"""Factor of that tempo at arousal 1, and divisor at -1: about the range of the moods."""


def choose_tempo(hits: Sequence[Hit], rate: Fraction, options: FitOptions) -> float:
    """The tempo to request, in whole quarter notes a minute.

    Args:
        hits: in order of time.
        rate: frames per second.
        options: limits of the search, the hard constraints, and the mood if known.
    """
    return ranked_tempi(hits, rate, options)[0]


def ranked_tempi(hits: Sequence[Hit], rate: Fraction, options: FitOptions) -> list[float]:
    """All tempi that :func:`choose_tempo` weighs, the best first; without hits only the one that suits the mood."""
    low, high = request_range(options)
    wanted = min(max(round(pace_bpm(hits, options)), low), high)
    excerpts = _excerpts(hits)
    if not excerpts:
        return [float(wanted)]
    steps = max(1, math.ceil(math.log(high / low) / math.log(CANDIDATE_RATIO)))
    ladder = {round(low * (high / low) ** (k / steps)) for k in range(steps + 1)}
    merit = {bpm: _merit(bpm, wanted, excerpts, rate, options) for bpm in sorted({*ladder, wanted})}
    return [float(bpm) for bpm in sorted(merit, key=lambda bpm: -merit[bpm])]


def request_range(options: FitOptions) -> tuple[int, int]:
    """Lowest and highest whole tempo to request, so that the map stays between ``min_bpm`` and ``max_bpm``.

    If the tempo range fits around no request, both are the tempo in the middle.
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
    elif options.arousal is not None:
        bpm *= AROUSAL_FACTOR**options.arousal
    return float(min(max(bpm, options.min_bpm), options.max_bpm))


def _excerpts(hits: Sequence[Hit]) -> list[tuple[Hit, ...]]:
    """Runs of neighbouring hits; the times of each count from the hit before it."""
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
    """Share of weight landed, minus the costs of tempo steps, of eighths and of the distance from the pace."""
    limits = limits_of(bpm, rate, options)
    total = landed = eighths = 0.0
    steps: list[float] = []
    for hits in excerpts:
        origin = origin_of(hits, limits)
        times = [float(hit.seconds - origin) for hit in hits]
        weights, musts = [hit.weight for hit in hits], [hit.must for hit in hits]
        landed_hits = search_landed_hits(times, weights, musts, limits, COARSE, lead_in=origin > 0)
        total += sum(weights)
        landed += sum(weights[landed_hit.hit] for landed_hit in landed_hits)
        places = itertools.accumulate(landed_hit.eighths for landed_hit in landed_hits)
        eighths += sum(
            weights[landed_hit.hit] for landed_hit, place in zip(landed_hits, places, strict=True) if place % 2
        )
        tempi = _tempi_of(landed_hits, times, lead_in=origin > 0)
        steps += [abs(after / before - 1) for before, after in itertools.pairwise(tempi)]
    octaves = math.log2(bpm / wanted)
    jolt = STEP_COST * statistics.fmean(steps) if steps else 0.0
    return (landed - EIGHTH_COST * eighths) / total - jolt - PACE_COST * (octaves / 0.5) ** 2


def _tempi_of(landed_hits: Sequence[LandedHit], times: Sequence[float], lead_in: bool) -> list[float]:
    beats_s = [0.0, *(times[landed_hit.hit] + landed_hit.slack_s for landed_hit in landed_hits)][lead_in:]
    lengths = (after - before for before, after in itertools.pairwise(beats_s))
    return [30 * landed_hit.eighths / length for landed_hit, length in zip(landed_hits[lead_in:], lengths, strict=True)]
