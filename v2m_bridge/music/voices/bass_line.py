"""The bass line: roots, and thirds or fifths where they give smaller steps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from v2m_bridge.errors import InputError
from v2m_bridge.music.chords import QUALITIES, Chord

_INVERSION_COST = {3: 2.2, 4: 2.2, 6: 4.0, 7: 3.4, 8: 4.0, 10: 4.0, 11: 6.0}
"""Semitones above the root -> cost of that tone in the bass; the root costs nothing, tones not listed are not used."""

_LEAP_COST = (0.3, 0.2, 0.3, 1.0, 1.0, 0.9, 3.5, 1.0, 2.6, 2.6, 4.0, 4.5, 1.6)
"""Cost of a move by 0..12 semitones: steps are cheapest, fourths and fifths usual in a bass, tritones not."""

_HELD_BEATS = 4.0
"""The cost of an inversion doubles when it lasts this many beats beyond two, because a long one sounds wrong."""


@dataclass(frozen=True)
class BassMoment:
    """One chord for the bass; ``firm`` where the bass must have the root (start, end, strong hits)."""

    chord: Chord
    length_beats: float
    firm: bool


def bass_line(moments: Sequence[BassMoment], lowest: int, highest: int) -> tuple[int | None, ...]:
    """The line with the least cost: one pitch in ``lowest..highest`` for each chord, None for N.

    Raises:
        InputError: the register is narrower than an octave.
    """
    if highest - lowest < 11:
        raise InputError(f"a bass needs an octave, {lowest}..{highest} is less")
    centre = lowest + 0.45 * (highest - lowest)
    line: list[int | None] = [None] * len(moments)
    run: list[int] = []
    for index in range(len(moments) + 1):
        if index < len(moments) and moments[index].chord.root is not None:
            run.append(index)
        elif run:
            for at, pitch in zip(run, _run([moments[i] for i in run], lowest, highest, centre), strict=True):
                line[at] = pitch
            run = []
    return tuple(line)


def _run(moments: Sequence[BassMoment], lowest: int, highest: int, centre: float) -> list[int]:
    """The line over neighbouring chords without an N, by dynamic programming."""
    table: list[dict[int, tuple[float, int | None]]] = []
    for moment in moments:
        row: dict[int, tuple[float, int | None]] = {}
        for pitch, own in _choices(moment, lowest, highest).items():
            own += 0.12 * abs(pitch - centre)
            if not table:
                row[pitch] = (own, None)
                continue
            before = min(table[-1], key=lambda p: (table[-1][p][0] + _leap(p, pitch), p))
            row[pitch] = (table[-1][before][0] + _leap(before, pitch) + own, before)
        table.append(row)
    at: int | None = min(table[-1], key=lambda p: (table[-1][p][0], p))
    line: list[int] = []
    for row in reversed(table):
        assert at is not None
        line.append(at)
        at = row[at][1]
    return line[::-1]


def _choices(moment: BassMoment, lowest: int, highest: int) -> dict[int, float]:
    """Pitches allowed under the chord, with their costs."""
    chord = moment.chord
    assert chord.root is not None and chord.quality is not None
    costs = {chord.root: 0.0}
    if not moment.firm:
        held = 1.0 + max(0.0, moment.length_beats - 2.0) / _HELD_BEATS
        for interval in QUALITIES[chord.quality].intervals[1:]:
            if interval in _INVERSION_COST:
                costs[(chord.root + interval) % 12] = _INVERSION_COST[interval] * held
    return {p: costs[p % 12] for p in range(lowest, highest + 1) if p % 12 in costs}


def _leap(before: int, after: int) -> float:
    """Cost of the move from one pitch to the next."""
    distance = abs(after - before)
    return _LEAP_COST[distance] if distance <= 12 else 5.0 + 0.3 * (distance - 12)
