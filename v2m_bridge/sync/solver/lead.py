"""The lead-in: the music from the first frame to a first hit that comes late.

After a long black leader the music should be the same as without the leader, only later. So where there is time to
come in on any beat at any tempo, the map is made from the first hit on, and the lead-in is put before it: whole bars at
one tempo close to the one that follows. The first bar may be odd.
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
"""Least time before the first hit for a lead-in, in longest eighths: 11 s at 120 bpm."""
BAR_BEATS = 4
"""Beats of a bar of the lead-in."""
RELAY_BARS = 4
"""An audible tempo step into the first hit is spread over this many bar lines before it."""
ODD_BAR_STEP = 0.01
"""An odd first bar costs as much as a tempo step of this share."""
REQUEST_PULL = 0.5
"""Weight of the distance from the requested tempo; the tempo step into the first hit has weight 1."""


def lead_in_s(limits: TempoLimits) -> float:
    """A first hit at or after this time has a lead-in; infinite where the tempo may not change.

    The time is long enough for a whole number of beats at a tempo that may precede any other.
    """
    if limits.constant:
        return math.inf
    ratio = min(limits.max_ratio, limits.high_s / limits.low_s)
    return max(SHORTEST_LEAD, 2.2 / (1 - 1 / ratio)) * limits.high_s + limits.tolerance_s


def origin_of(hits: Sequence[Hit], limits: TempoLimits) -> Fraction:
    """Time from which the map is made: that of the first hit if it has a lead-in, else 0."""
    return hits[0].seconds if hits and float(hits[0].seconds) >= lead_in_s(limits) else Fraction(0)


def with_lead_in(
    anchors: Sequence[Anchor], bars: Sequence[int], origin: Fraction, limits: TempoLimits
) -> tuple[list[Anchor], list[int]]:
    """Put a lead-in before a map that starts at its first hit.

    Args:
        anchors: from the first landed hit on, in seconds from ``origin``.
        bars: bar lines in the beats of ``anchors``; the first is at most a bar away from the first anchor.
        origin: seconds from the start of the timeline.
        limits: the hard constraints.

    Returns:
        Anchors and bar lines from beat 0 at 0 seconds; those from the first landed hit on are shifted, not changed.
    """
    first_s = float(origin) + anchors[0].seconds
    after_bpm = bpm_between(anchors[0], anchors[1]) if len(anchors) > 1 else None
    lead_beats = _lead_beats(first_s, anchors[0].beat - bars[0], after_bpm, limits)
    later = lead_beats - bars[0]
    moved = [
        replace(a, beat=a.beat + later, seconds=a.seconds + float(origin), target_s=a.target_s + float(origin))
        for a in anchors
    ]
    # a remainder of one beat is no bar of its own: the first bar then has five beats
    lead_bars = [0, *sorted(range(lead_beats - BAR_BEATS, 1, -BAR_BEATS))]
    return _relayed(moved, lead_bars, limits), [*lead_bars, *(bar + later for bar in bars)]


def _lead_beats(first_s: float, beats_after: float, after_bpm: float | None, limits: TempoLimits) -> int:
    """Number of beats before the first bar line that gives the lead-in nearly the tempo that follows.

    Args:
        first_s: when the first anchor falls.
        beats_after: beats from that bar line to the first anchor.
        after_bpm: the tempo that follows, None if there is none.
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
    """The start and ``anchors``; an audible step into the first of them is spread over bar lines in between."""
    first = anchors[0]
    lead_bpm = bpm_between(START, first)
    if len(anchors) < 2 or abs(math.log(lead_bpm / bpm_between(first, anchors[1]))) <= AUDIBLE_STEP:
        return [START, *anchors]
    lines = [bar for bar in lead_bars[1:] if bar < first.beat - BAR_BEATS / 2][-RELAY_BARS:]
    relays = [Anchor(float(bar), bar * 60 / lead_bpm, bar * 60 / lead_bpm, math.inf) for bar in lines]
    return [*smooth([START, *relays, *anchors[:2]], limits, fixed=(1, 2))[:-2], *anchors]
