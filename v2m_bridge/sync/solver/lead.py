"""The lead-in: what runs from the first frame to a first hit that comes late.

Behind a long black leader the music should be the same as without it, only later. So where there is time enough to
come in on any beat at any tempo, the map is made from the first hit on, and the lead-in is drawn before it: whole bars
at one tempo close to the one that follows, the first bar odd if need be.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction

from v2m_bridge.sync.solver.anchors import START, Anchor, bpm_between
from v2m_bridge.sync.solver.limits import TempoLimits
from v2m_bridge.sync.solver.smooth import AUDIBLE_STEP, smooth
from v2m_bridge.timeline.hits import Hit

SHORTEST_LEAD = 40
"""So many of the longest eighths before the first hit make a lead-in: 11 s at 120 bpm."""
BAR_BEATS = 4
RELAY_BARS = 4
"""An audible step into the first hit is spread over the last so many bar lines before it."""
ODD_BAR_STEP = 0.01
"""An odd first bar is worth a tempo step smaller by this ratio."""
REQUEST_PULL = 0.5
"""How much the distance from the requested tempo counts against the step into the first hit."""


def lead_in_s(limits: TempoLimits) -> float:
    """From this time on a first hit has a lead-in; infinite where the tempo may not change.

    Long enough that between the tempi that may come before any tempo there is a whole number of beats.
    """
    if limits.constant:
        return math.inf
    ratio = min(limits.max_ratio, limits.high_s / limits.low_s)
    return max(SHORTEST_LEAD, 2.2 / (1 - 1 / ratio)) * limits.high_s + limits.tolerance_s


def origin_of(hits: Sequence[Hit], limits: TempoLimits) -> Fraction:
    """The time from which the map is made: that of the first of ``hits`` after a lead-in, else 0."""
    return hits[0].seconds if hits and float(hits[0].seconds) >= lead_in_s(limits) else Fraction(0)


def with_lead_in(
    anchors: Sequence[Anchor], bars: Sequence[int], origin: Fraction, limits: TempoLimits
) -> tuple[list[Anchor], list[int]]:
    """Put the lead-in before a map that was made from its first hit on.

    Args:
        anchors: from the first landed hit on, in seconds from ``origin``.
        bars: bar lines in the beats of ``anchors``; the first lies at most a bar before or after the first anchor.
        origin: seconds from the start of the timeline.
        limits: the hard constraints.

    Returns:
        Anchors and bar lines from beat 0 at 0 seconds; from the first landed hit on, they have only been moved.
    """
    first_s = float(origin) + anchors[0].seconds
    after_bpm = bpm_between(anchors[0], anchors[1]) if len(anchors) > 1 else None
    lead_beats = _lead_beats(first_s, anchors[0].beat - bars[0], after_bpm, limits)
    later = lead_beats - bars[0]
    moved = [
        replace(a, beat=a.beat + later, seconds=a.seconds + float(origin), target_s=a.target_s + float(origin))
        for a in anchors
    ]
    # no bar of one beat: the first has five
    lead_bars = [0, *sorted(range(lead_beats - BAR_BEATS, 1, -BAR_BEATS))]
    return _relayed(moved, lead_bars, limits), [*lead_bars, *(bar + later for bar in bars)]


def _lead_beats(first_s: float, beats_after: float, after_bpm: float | None, limits: TempoLimits) -> int:
    """Beats before the first bar line: so many that the lead-in has nearly the tempo that follows.

    Args:
        first_s: when the first anchor falls.
        beats_after: from that bar line to the first anchor.
        after_bpm: the tempo that follows; None: any.
        limits: the hard constraints.
    """
    low_bpm, high_bpm, wanted_bpm = 30 / limits.high_s, 30 / limits.low_s, 30 / limits.eighth_s
    aim = after_bpm or wanted_bpm
    if after_bpm:
        low_bpm, high_bpm = max(low_bpm, aim / limits.max_ratio), min(high_bpm, aim * limits.max_ratio)
    fewest = math.ceil(low_bpm * first_s / 60 - beats_after - 1e-9)
    most = math.floor(high_bpm * first_s / 60 - beats_after + 1e-9)

    def cost(beats: int) -> float:
        bpm = (beats + beats_after) * 60 / first_s
        step = abs(math.log(bpm / aim)) + REQUEST_PULL * abs(math.log(bpm / wanted_bpm))
        return step + (ODD_BAR_STEP if beats % BAR_BEATS else 0.0)

    return min(range(fewest, most + 1), key=cost)


def _relayed(anchors: list[Anchor], lead_bars: Sequence[int], limits: TempoLimits) -> list[Anchor]:
    """The start before ``anchors``, and where the step into the first of them is audible, bar lines that spread it."""
    first = anchors[0]
    lead_bpm = bpm_between(START, first)
    if len(anchors) < 2 or abs(math.log(lead_bpm / bpm_between(first, anchors[1]))) <= AUDIBLE_STEP:
        return [START, *anchors]
    lines = [bar for bar in lead_bars[1:] if bar < first.beat - BAR_BEATS / 2][-RELAY_BARS:]
    relays = [Anchor(float(bar), bar * 60 / lead_bpm, bar * 60 / lead_bpm, math.inf) for bar in lines]
    return [*smooth([START, *relays, *anchors[:2]], limits, fixed=(1, 2))[:-2], *anchors]
