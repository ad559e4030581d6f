"""Harmonic slots: groups of whole beats, about one second long, with one chord each; hits start slots."""

from __future__ import annotations

import math

from v2m_bridge.errors import InputError
from v2m_bridge.sync.model import Fit, Lands, Slot
from v2m_bridge.timeline.hits import HitKind

LONGEST = 2.5
"""A slot is at most this many times as long as asked for, or one beat."""
HIT_REWARD = 1.6
DOWNBEAT_REWARD = 0.6
"""Reward of a slot that starts on a hit or on a downbeat; a slot half or twice as long as asked for costs 1."""


def harmonic_slots(fit: Fit, seconds: float = 1.0) -> tuple[Slot, ...]:
    """Divide the piece into slots of whole beats, about ``seconds`` long, starting on landed hits where possible.

    Dynamic programming over beats weighs the squared log ratio of each slot's length to ``seconds`` against the reward
    of starting on a hit or a downbeat. Hits on an eighth cannot start a slot; movements of the picture do not.

    Args:
        fit: gives the grid and the hits.
        seconds: wanted length of a slot (the harmonic rhythm), above 0.

    Returns:
        Slots from beat 0 to the end without gaps; only the last may end inside a beat.

    Raises:
        InputError: ``seconds`` is not positive and finite.
    """
    if not (math.isfinite(seconds) and seconds > 0):
        raise InputError(f"a harmonic rhythm of {seconds!r} s is not above 0")
    last = max(1, math.ceil(fit.end_beat - 1e-6))
    beat_s = [fit.tempo_map.seconds_at(min(beat, fit.end_beat)) for beat in range(last)]
    beat_s.append(fit.tempo_map.seconds_at(fit.end_beat))
    on_hit = {
        round(x.beat)
        for x in fit.landings
        if x.lands in (Lands.DOWNBEAT, Lands.BEAT) and x.hit.kind is not HitKind.MOTION
    }
    on_bar = {round(bar.start_beat) for bar in fit.tempo_map.bars(fit.end_beat)}
    starts = _best_starts(beat_s, _rewards(on_bar, on_hit), seconds)
    ends = [*starts[1:], last]
    return tuple(
        Slot(float(a), fit.end_beat if b == last else float(b), beat_s[a], beat_s[b], a in on_hit, a in on_bar)
        for a, b in zip(starts, ends, strict=True)
    )


def _rewards(on_bar: set[int], on_hit: set[int]) -> dict[int, float]:
    rewards = dict.fromkeys(on_bar, DOWNBEAT_REWARD)
    for beat in on_hit:
        rewards[beat] = rewards.get(beat, 0.0) + HIT_REWARD
    return rewards


def _best_starts(beat_s: list[float], rewards: dict[int, float], seconds: float) -> list[int]:
    last = len(beat_s) - 1
    best = [0.0] + [-math.inf] * last
    came = [0] * (last + 1)
    for end in range(1, last + 1):
        for start in range(end - 1, -1, -1):
            length_s = beat_s[end] - beat_s[start]
            if length_s > LONGEST * seconds and start < end - 1:
                break
            score = best[start] - math.log2(max(length_s, 1e-9) / seconds) ** 2 + rewards.get(end, 0.0) * (end < last)
            if score > best[end]:
                best[end], came[end] = score, start
    starts = []
    at = last
    while at > 0:
        at = came[at]
        starts.append(at)
    return starts[::-1]
