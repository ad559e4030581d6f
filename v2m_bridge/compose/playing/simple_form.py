"""A plain form for when nobody has planned one: an intro, phrases in the order A A B A, an ending."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from v2m_bridge.music.form import Form, Phrase

ORDER = "AABAACAABA"
"""Letters in turn; after the last they begin again."""

LEAST_BARS = 4
"""Between the phrases that sections begin."""

LONG_PHRASES_FROM = 48
"""Bars from which phrases have eight bars instead of four."""


def simple_form(n_bars: int, strong_bars: Sequence[int] = (), section_bars: Sequence[int] = ()) -> Form:
    """Phrases over bars 1..``n_bars``.

    Args:
        n_bars: bars of the piece, at least 1.
        strong_bars: numbers of bars that begin on a must-hit: a phrase begins there.
        section_bars: bars where another section of the film begins: so does a phrase, if it leaves four bars on both
            sides.
    """
    unit = 8 if n_bars >= LONG_PHRASES_FROM else 4
    intro = 2 if n_bars >= 14 else 0
    ending = 2 if n_bars >= 10 else 0
    edges = sorted({1 + intro, n_bars + 1 - ending, *(b for b in strong_bars if 1 + intro < b < n_bars + 1 - ending)})
    for bar in sorted(section_bars):
        if edges[0] < bar < edges[-1] and all(abs(bar - edge) >= LEAST_BARS for edge in edges):
            edges = sorted([*edges, bar])
    spans = [(1, intro, "i")] if intro else []
    turn = 0
    for start, stop in itertools.pairwise(edges):
        at = start
        while at < stop:
            count = _length(stop - at, unit)
            letter = ORDER[turn % len(ORDER)] if count >= 3 else "x"
            turn += count >= 3
            spans.append((at, count, letter))
            at += count
    if ending:
        spans.append((n_bars + 1 - ending, ending, "o"))
    return _numbered(spans or [(1, n_bars, "A")])


def _length(left: int, unit: int) -> int:
    """The next phrase's bars: the unit, four, or all of a rest that would be too short on its own."""
    if left <= unit + 1 and left != unit:
        return left if left <= 5 else 4
    return unit if left - unit == 0 or left - unit >= 3 else 4 if left >= 7 else left


def _numbered(spans: Sequence[tuple[int, int, str]]) -> Form:
    times: dict[str, int] = {}
    phrases = []
    for start, count, letter in spans:
        phrases.append(Phrase(start, count, letter, times.get(letter, 0)))
        times[letter] = times.get(letter, 0) + 1
    return Form(tuple(phrases))
