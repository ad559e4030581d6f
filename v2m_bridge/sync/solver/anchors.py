"""Anchors: the beats whose time is set; the tempo is constant between two of them."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

from v2m_bridge.timing.tempo import TempoMap, TempoPoint

SAME_TEMPO = 1e-7
"""Neighbouring tempi that differ by less than this share are written as one."""


@dataclass(frozen=True)
class Anchor:
    """A beat with its time; the tempo changes only at anchors.

    Attributes:
        beat: quarter notes from the start.
        seconds: when the beat falls.
        target_s: time of the hit in the picture.
        tolerance_s: how far ``seconds`` may lie from ``target_s``; infinite for a bar line without a hit.
        pull: how strongly smoothing draws ``seconds`` to ``target_s``.
    """

    beat: float
    seconds: float
    target_s: float
    tolerance_s: float
    pull: float = 0.0


START = Anchor(0.0, 0.0, 0.0, 0.0)


def bpm_between(here: Anchor, after: Anchor) -> float:
    """The constant tempo from one anchor to another, in quarter notes a minute."""
    return (after.beat - here.beat) * 60 / (after.seconds - here.seconds)


def tempo_points(anchors: Sequence[Anchor], bpm: float) -> list[TempoPoint]:
    """A tempo point wherever the tempo changes; the last tempo holds to the end. A single anchor has tempo ``bpm``."""
    if len(anchors) < 2:
        return [TempoPoint(anchors[0].seconds, anchors[0].beat, bpm)]
    tempi = [bpm_between(here, after) for here, after in itertools.pairwise(anchors)]
    kept = [0]
    for index in range(1, len(tempi)):
        if abs(tempi[kept[-1]] / tempi[index] - 1) > SAME_TEMPO:
            kept.append(index)
    ends = [*kept[1:], len(anchors) - 1]
    return [
        TempoPoint(anchors[k].seconds, anchors[k].beat, bpm_between(anchors[k], anchors[end]))
        for k, end in zip(kept, ends, strict=True)
    ]


class Grid:
    """Converts between beats and seconds by anchors; outside them, the first and the last tempo hold."""

    def __init__(self, anchors: Sequence[Anchor], bpm: float) -> None:
        self._zero = anchors[0]
        self._map = TempoMap(
            [
                TempoPoint(point.seconds - self._zero.seconds, point.beat - self._zero.beat, point.bpm)
                for point in tempo_points(anchors, bpm)
            ]
        )

    def beat_at(self, seconds: float) -> float:
        """Quarter notes at ``seconds``."""
        return self._zero.beat + self._map.beat_at(seconds - self._zero.seconds)

    def seconds_at(self, beat: float) -> float:
        """Seconds at ``beat`` quarter notes."""
        return self._zero.seconds + self._map.seconds_at(beat - self._zero.beat)
