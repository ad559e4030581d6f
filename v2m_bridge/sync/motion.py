"""The fit with motion hits: movements of the picture land where no cut and no marker is lost for them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction

from v2m_bridge.sync.fit import fit_tempo
from v2m_bridge.sync.landing import constant_for, land_hits, summarise
from v2m_bridge.sync.model import Fit, FitOptions, Lands
from v2m_bridge.sync.reasons import explain
from v2m_bridge.sync.solver.limits import limits_of
from v2m_bridge.timeline.hits import Hit, HitKind

TOGETHER = 0.4
"""All motion hits together weigh at most this share of the lightest cut or marker, so that none is lost for them."""
KEPT = (1.0, 0.5, 0.25)
"""Shares of the motion hits, the strongest first, that are tried in turn until no cut is lost."""


def fit_with_motion(
    hits: Sequence[Hit], duration_frames: int, rate: Fraction, options: FitOptions = FitOptions()
) -> Fit:
    """As :func:`v2m_bridge.sync.fit.fit_tempo`, for hits some of which may be movements of the picture.

    Every cut and marker that lands without the motion hits also lands with them, and every must-hit on a downbeat
    stays there. Where the search loses one, it is repeated with fewer motion hits, in the end with none. Cuts and
    markers that do not land without the motion hits are left out of the search, so that the same ones land.

    Returns:
        The fit with all hits among its landings, including motion hits that the search left out.

    Raises:
        InputError: for the reasons of ``fit_tempo``.
    """
    firm = [hit for hit in hits if hit.kind is not HitKind.MOTION]
    soft = [hit for hit in hits if hit.kind is HitKind.MOTION]
    if not soft:
        return fit_tempo(hits, duration_frames, rate, options)
    if not firm:
        return _with_motion(fit_tempo(soft, duration_frames, rate, options), hits, rate)
    plain = fit_tempo(firm, duration_frames, rate, options)
    fixed = replace(options, bpm=plain.requested_bpm)
    landing = {x.hit.frame for x in plain.landings if x.lands is not Lands.MISS}
    held = [hit for hit in firm if hit.frame in landing]
    by_weight = sorted(soft, key=lambda hit: (-hit.weight, hit.frame))
    for share in KEPT:
        wanted = by_weight[: max(1, round(share * len(soft)))]
        fit = fit_tempo([*held, *_light(wanted, firm)], duration_frames, rate, fixed)
        if _landed(plain) <= _landed(fit):
            return replace(_with_motion(fit, hits, rate), options=plain.options)
    return _with_motion(plain, hits, rate)


def _light(soft: Sequence[Hit], firm: Sequence[Hit]) -> list[Hit]:
    """Motion hits with weights so small that all of them together weigh less than any cut or marker."""
    scale = min(1.0, TOGETHER * min(hit.weight for hit in firm) / sum(max(1.0, hit.weight) for hit in soft))
    return [replace(hit, weight=hit.weight * scale) for hit in soft]


def _landed(fit: Fit) -> set[tuple[int, bool]]:
    """Frames of the cuts and markers that land, and whether each is a must-hit on its downbeat."""
    return {
        (x.hit.frame, x.hit.must and x.lands is Lands.DOWNBEAT)
        for x in fit.landings
        if x.hit.kind is not HitKind.MOTION and x.lands is not Lands.MISS
    }


def _with_motion(fit: Fit, hits: Sequence[Hit], rate: Fraction) -> Fit:
    """The same tempo map with all hits, at their own weights, among the landings; missed movements give no warning."""
    options = fit.options
    limits = limits_of(fit.requested_bpm, rate, options)
    downbeats = [bar.start_beat for bar in fit.tempo_map.bars(fit.end_beat)]
    ordered = sorted(hits, key=lambda hit: hit.frame)
    plain = land_hits(ordered, fit.tempo_map, downbeats, rate, options.tolerance_frames, options.eighths)
    landings, _ = explain(plain, limits, rate)
    _, warnings = explain([x for x in plain if x.hit.kind is not HitKind.MOTION], limits, rate)
    motion = [x for x in landings if x.hit.kind is HitKind.MOTION]
    summary = replace(
        summarise(landings, fit.tempo_map, fit.end_beat, constant_for(ordered, rate, options, limits)),
        motion_hits=len(motion),
        motion_landed=sum(x.lands is not Lands.MISS for x in motion),
    )
    return replace(fit, landings=landings, summary=summary, warnings=warnings)
