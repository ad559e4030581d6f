"""Whether a melody contains a theme: by its intervals and its rhythm, wherever and however high it stands."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

FOUND = 0.62
"""Likeness from which on a theme counts as heard again."""

_FEWEST = 5


@dataclass(frozen=True)
class Match:
    """Where a theme was found: ``start_beat``, how like it is (0..1), and whether it is the very same notes."""

    start_beat: float
    likeness: float
    literal: bool


def find_theme(theme: Sequence[tuple[float, int]], line: Sequence[tuple[float, int]]) -> list[Match]:
    """Places of ``line`` that are like the beginning of ``theme``; both are ``(start_beat, pitch)`` in order.

    The theme's first eight notes are compared with every window of as many notes: half by their intervals (a step
    more or less counts half), half by the ratios between their onsets, so that a sequence, another mode and an
    augmentation are found.
    """
    head = list(theme[:8])
    if len(head) < _FEWEST:
        return []
    found: list[Match] = []
    for first in range(len(line) - len(head) + 1):
        window = list(line[first : first + len(head)])
        likeness = (_intervals_alike(head, window) + _rhythm_alike(head, window)) / 2
        if likeness >= FOUND:
            literal = [p for _, p in head] == [p for _, p in window] and _rhythm_alike(head, window) > 0.99
            found.append(Match(window[0][0], likeness, literal))
    return _apart(found, head[-1][0] - head[0][0])


def _intervals_alike(one: Sequence[tuple[float, int]], other: Sequence[tuple[float, int]]) -> float:
    first = [b[1] - a[1] for a, b in itertools.pairwise(one)]
    second = [b[1] - a[1] for a, b in itertools.pairwise(other)]
    marks = {0: 1.0, 1: 0.75, 2: 0.5}
    return sum(marks.get(abs(a - b), 0.0) for a, b in zip(first, second, strict=True)) / len(first)


def _rhythm_alike(one: Sequence[tuple[float, int]], other: Sequence[tuple[float, int]]) -> float:
    first = [b[0] - a[0] for a, b in itertools.pairwise(one)]
    second = [b[0] - a[0] for a, b in itertools.pairwise(other)]
    scale = sum(second) / max(sum(first), 1e-9)
    if not 0.2 <= scale <= 4:
        return 0.0
    near = [abs(b / max(scale, 1e-9) - a) <= 0.2 * max(a, 0.25) for a, b in zip(first, second, strict=True)]
    return sum(near) / len(near)


def _apart(found: Sequence[Match], beats: float) -> list[Match]:
    """The likeliest of matches that lie within one another."""
    kept: list[Match] = []
    for match in sorted(found, key=lambda m: -m.likeness):
        if all(abs(match.start_beat - other.start_beat) >= max(1.0, beats) for other in kept):
            kept.append(match)
    return sorted(kept, key=lambda m: m.start_beat)
