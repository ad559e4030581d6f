"""Where each hit lands on a tempo map, and the figures of a whole fit."""

from __future__ import annotations

import itertools
from bisect import bisect_left
from collections.abc import Sequence
from fractions import Fraction

from v2m_bridge.sync.constant import best_constant
from v2m_bridge.sync.model import FitOptions, FitSummary, Landing, Lands
from v2m_bridge.sync.solver.anchors import Grid
from v2m_bridge.sync.solver.limits import TempoLimits
from v2m_bridge.timeline.hits import Hit
from v2m_bridge.timing.tempo import TempoMap

SAME = 1e-6
"""Beats closer than this are the same position."""


def land_hits(
    hits: Sequence[Hit],
    tempo_map: TempoMap | Grid,
    downbeats: Sequence[float],
    rate: Fraction,
    tolerance_frames: float,
    eighths: bool,
) -> tuple[Landing, ...]:
    """The nearest grid position of each hit, its distance in frames, and what that position is.

    Args:
        hits: in order.
        tempo_map: converts between seconds and beats.
        downbeats: beats on which bars start, ascending.
        rate: frames per second.
        tolerance_frames: the largest distance that still counts as landed.
        eighths: whether the grid has eighths, or beats only.
    """
    landings = []
    for hit in hits:
        unit = 0.5 if eighths else 1.0
        beat = max(0.0, round(tempo_map.beat_at(float(hit.seconds)) / unit) * unit)
        error_frames = (tempo_map.seconds_at(beat) - float(hit.seconds)) * float(rate)
        lands = _kind_of(beat, downbeats) if abs(error_frames) <= tolerance_frames else Lands.MISS
        landings.append(Landing(hit, beat, error_frames, lands))
    return tuple(landings)


def _kind_of(beat: float, downbeats: Sequence[float]) -> Lands:
    """What a grid position is."""
    if abs(beat - round(beat)) > SAME:
        return Lands.EIGHTH
    at = bisect_left(downbeats, beat - SAME)
    return Lands.DOWNBEAT if at < len(downbeats) and abs(downbeats[at] - beat) < SAME else Lands.BEAT


def summarise(
    landings: Sequence[Landing], tempo_map: TempoMap, end_beat: float, constant: tuple[float, int]
) -> FitSummary:
    """The figures of a fit; without any hit, ``landed_share`` and ``constant_landed_share`` are 1, other shares 0.

    Args:
        constant: the best constant tempo and how many hits it lands.
    """
    count = len(landings)
    landed = sum(x.lands is not Lands.MISS for x in landings)
    tempi = [p.bpm for p in tempo_map.points]
    steps = [abs(after / before - 1) for before, after in itertools.pairwise(tempi)]

    def share(lands: Lands) -> float:
        return sum(x.lands is lands for x in landings) / count if count else 0.0

    return FitSummary(
        hits=count,
        landed=landed,
        landed_share=landed / count if count else 1.0,
        min_bpm=min(tempi),
        max_bpm=max(tempi),
        max_step=max(steps, default=0.0),
        constant_bpm=constant[0],
        constant_landed_share=constant[1] / count if count else 1.0,
        mean_step=sum(steps) / len(steps) if steps else 0.0,
        downbeat_share=share(Lands.DOWNBEAT),
        beat_share=share(Lands.BEAT),
        eighth_share=share(Lands.EIGHTH),
        odd_bars=sum(bar.length_beats != 4 for bar in tempo_map.bars(end_beat)),
    )


def constant_for(hits: Sequence[Hit], rate: Fraction, options: FitOptions, limits: TempoLimits) -> tuple[float, int]:
    """The best constant tempo for these hits inside the tempo range of ``limits``, and how many it lands.

    It may use the whole tolerance, unlike the fit.
    """
    return best_constant(
        [float(hit.seconds) for hit in hits],
        float(Fraction(options.tolerance_frames) / rate),
        30 / limits.high_s,
        30 / limits.low_s,
        0.5 if options.eighths else 1.0,
    )
