"""Why a hit does not land, in words that a composer can act on."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction

from v2m_bridge.sync.model import Landing, Lands
from v2m_bridge.sync.solver.limits import TempoLimits
from v2m_bridge.sync.solver.search import SHORTEST_BAR

TOO_CLOSE = "too close"


def explain(
    landings: Sequence[Landing], limits: TempoLimits, rate: Fraction
) -> tuple[tuple[Landing, ...], tuple[str, ...]]:
    """The landings with a reason for every miss and every must-hit off the downbeat, and warnings that say so."""
    landed = [index for index, x in enumerate(landings) if x.lands is not Lands.MISS]
    downbeat_musts = [index for index, x in enumerate(landings) if x.hit.must and x.lands is Lands.DOWNBEAT]
    explained: list[Landing] = []
    warnings: list[str] = []
    for index, landing in enumerate(landings):
        reason = ""
        if landing.hit.must and landing.lands is not Lands.DOWNBEAT:
            reason = _must_reason(landings, index, downbeat_musts, limits, rate)
            warnings.append(_must_warning(landing, reason))
        elif landing.lands is Lands.MISS:
            reason = _miss_reason(landings, index, landed, limits, rate)
        explained.append(replace(landing, reason=reason))
    return tuple(explained), (*warnings, *_miss_warning(explained))


def _must_warning(landing: Landing, reason: str) -> str:
    name = f" {landing.hit.label!r}" if landing.hit.label else ""
    instead = "is missed" if landing.lands is Lands.MISS else f"is on {_article(landing.lands)} instead"
    return f"must-hit{name} at frame {landing.hit.frame} is not on a downbeat ({instead}): {reason}"


def _article(lands: Lands) -> str:
    return {Lands.BEAT: "a beat", Lands.EIGHTH: "an eighth"}.get(lands, lands.value)


def _must_reason(
    landings: Sequence[Landing], index: int, downbeats: Sequence[int], limits: TempoLimits, rate: Fraction
) -> str:
    hit = landings[index].hit
    shortest = SHORTEST_BAR * limits.low_s - 2 * limits.tolerance_s
    for where, other in _neighbours(index, downbeats):
        other_s = float(landings[other].hit.seconds) if other >= 0 else 0.0
        gap_s = abs(float(hit.seconds) - other_s)
        if gap_s < shortest:
            name = f"the must-hit at frame {landings[other].hit.frame}" if other >= 0 else "the start"
            return (
                f"{_frames(gap_s, rate)} {where} {name}, but the shortest bar (2 beats) lasts at least "
                f"{_frames(SHORTEST_BAR * limits.low_s, rate)} at {30 / limits.low_s:.1f} bpm"
            )
    before = _neighbours(index, downbeats)[0][1]
    gap_s = float(hit.seconds) - (float(landings[before].hit.seconds) if before >= 0 else 0.0)
    name = f"the must-hit at frame {landings[before].hit.frame}" if before >= 0 else "the start"
    fewer = max(2, math.floor(gap_s / limits.eighth_s / 2))
    if any(_within_limits(2 * count, gap_s, limits) for count in (fewer, fewer + 1)):
        return (
            f"{fewer} beats at {60 * fewer / gap_s:.1f} bpm or {fewer + 1} at {60 * (fewer + 1) / gap_s:.1f} "
            f"from {name}, but not {_pace(limits)} together with the hits around it"
        )
    return (
        f"no whole number of beats from {name} fits the tempo limits around it "
        f"({fewer} beats: {60 * fewer / gap_s:.1f} bpm, {fewer + 1} beats: {60 * (fewer + 1) / gap_s:.1f} bpm, "
        f"allowed {30 / limits.high_s:.1f} to {30 / limits.low_s:.1f})"
    )


def _miss_reason(
    landings: Sequence[Landing], index: int, landed: Sequence[int], limits: TempoLimits, rate: Fraction
) -> str:
    hit = landings[index].hit
    unit_s = limits.low_s if limits.eighths else 2 * limits.low_s
    unit = "an eighth" if limits.eighths else "a beat"
    for where, other in _neighbours(index, landed):
        gap_s = abs(float(hit.seconds) - (float(landings[other].hit.seconds) if other >= 0 else 0.0))
        if gap_s < unit_s - 2 * limits.tolerance_s:
            name = f"the hit at frame {landings[other].hit.frame}" if other >= 0 else "the start"
            least = _frames(unit_s, rate)
            return f"{TOO_CLOSE}: {_frames(gap_s, rate)} {where} {name}, but {unit} lasts at least {least}"
    before = _neighbours(index, landed)[0][1]
    gap_s = float(hit.seconds) - (float(landings[before].hit.seconds) if before >= 0 else 0.0)
    name = f"the hit at frame {landings[before].hit.frame}" if before >= 0 else "the start"
    fewer = max(1, math.floor(gap_s / limits.eighth_s))
    tempi = {count: 30 * count / gap_s for count in (fewer, fewer + 1)}
    ways = " or ".join(f"{count} eighth{'s' if count > 1 else ''} at {bpm:.1f} bpm" for count, bpm in tempi.items())
    if any(_within_limits(count, gap_s, limits) for count in tempi):
        return f"out of reach: {ways} from {name}, but not {_pace(limits)} together with the hits around it"
    return f"out of reach: {ways} from {name} (allowed {30 / limits.high_s:.1f} to {30 / limits.low_s:.1f})"


def _pace(limits: TempoLimits) -> str:
    """How the tempo may change, in words."""
    step = limits.max_ratio - 1
    return f"in steps of {step:.0%}" if step > 0.0005 else "at one tempo"


def _within_limits(eighths: int, gap_s: float, limits: TempoLimits) -> bool:
    """Whether this many eighths can fill the gap at an allowed tempo when both ends move within their tolerance."""
    slack_s = 2 * limits.tolerance_s
    return (gap_s - slack_s) / eighths <= limits.high_s and (gap_s + slack_s) / eighths >= limits.low_s


def _neighbours(index: int, candidates: Sequence[int]) -> list[tuple[str, int]]:
    """The nearest candidates on both sides of ``index``, each with the word for where ``index`` lies from it.

    -1 stands for the start of the piece.
    """
    at = bisect_left(candidates, index)
    after = bisect_right(candidates, index)
    return [
        ("after", candidates[at - 1] if at else -1),
        *([("before", candidates[after])] if after < len(candidates) else []),
    ]


def _frames(seconds: float, rate: Fraction) -> str:
    """``"12 frames"``, ``"1.5 frames"``."""
    frames = seconds * float(rate)
    text = f"{frames:.0f}" if abs(frames - round(frames)) < 0.05 else f"{frames:.1f}"
    return f"{text} frame{'' if text == '1' else 's'}"


def _miss_warning(landings: Sequence[Landing]) -> list[str]:
    missed = [x for x in landings if x.lands is Lands.MISS]
    if not missed:
        return []
    close = sum(x.reason.startswith(TOO_CLOSE) for x in missed)
    why = {"too close to a neighbour": close, "out of reach of the tempo limits": len(missed) - close}
    parts = [f"{count} {text}" if count < len(missed) else text for text, count in why.items() if count]
    verb = "is" if len(missed) == 1 else "are"
    return [f"{len(missed)} of {len(landings)} hits {verb} not on the grid: {', '.join(parts)}"]
