"""How easily a melody is sung and remembered, as a number: the more the better."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, fields

from v2m_bridge.music.themes.theme import Theme


@dataclass(frozen=True)
class Bounds:
    """What people's melodies do: no cost inside ``low``..``high``, one point of cost per ``unit`` outside."""

    low: float
    high: float
    unit: float

    def cost(self, value: float) -> float:
        return min(2.0, max(self.low - value, value - self.high, 0.0) / self.unit)


PEOPLE: dict[str, Bounds] = {
    "range": Bounds(7, 14, 3),
    "steps": Bounds(0.35, 0.65, 0.15),
    "leaps": Bounds(0.04, 0.13, 0.06),
    "repeats": Bounds(0.05, 0.32, 0.12),
    "notes_a_bar": Bounds(2.0, 5.5, 1.5),
    "rhythm_bits": Bounds(1.0, 2.4, 0.6),
    "unrecovered": Bounds(0.0, 0.34, 0.3),
    "final_beats": Bounds(1.0, 4.0, 1.0),
    "foreign": Bounds(0.18, 0.4, 0.12),
    "head_returns": Bounds(0.2, 0.8, 0.2),
    "apex_share": Bounds(0.0, 0.2, 0.1),
}
"""Middle halves over windows of the songs in ``docs/music.md``, rounded."""


@dataclass(frozen=True)
class Melodiousness:
    """Figures of a melody.

    Attributes:
        range: semitones from the lowest to the highest note.
        steps, leaps, repeats: shares of intervals of 1-2, more than 5 and 0 semitones.
        notes_a_bar: as it says; rhythm_bits: entropy of the lengths between onsets.
        unrecovered: share of leaps that do not turn back by step.
        final_beats: length of the last note.
        foreign: share of notes that are no chord tones, as told.
        head_returns: likeness of the second half's rhythm to the first's.
        apex_share: share of the notes that are the highest one.
    """

    range: float
    steps: float
    leaps: float
    repeats: float
    notes_a_bar: float
    rhythm_bits: float
    unrecovered: float
    final_beats: float
    foreign: float
    head_returns: float
    apex_share: float

    @property
    def singability(self) -> float:
        """0 when everything is as people have it, negative otherwise."""
        return -sum(PEOPLE[item.name].cost(getattr(self, item.name)) for item in fields(self))


def melodiousness(theme: Theme, foreign: float = 0.25) -> Melodiousness | None:
    """Figures of a theme; None with fewer than four notes."""
    if len(theme.notes) < 4:
        return None
    pitches = [note.pitch for note in theme.notes]
    moves = [b - a for a, b in itertools.pairwise(pitches)]
    starts = theme.starts()
    gaps = [round(b - a, 3) for a, b in itertools.pairwise(starts)]
    leaps = [i for i, move in enumerate(moves) if abs(move) > 5]
    recovered = [i for i in leaps if i + 1 < len(moves) and 0 < -moves[i + 1] * (1 if moves[i] > 0 else -1) <= 4]
    return Melodiousness(
        range=max(pitches) - min(pitches),
        steps=sum(1 <= abs(move) <= 2 for move in moves) / len(moves),
        leaps=len(leaps) / len(moves),
        repeats=sum(move == 0 for move in moves) / len(moves),
        notes_a_bar=len(pitches) / theme.bars,
        rhythm_bits=_bits(gaps),
        unrecovered=1 - len(recovered) / len(leaps) if leaps else 0.0,
        final_beats=theme.notes[-1].length_beats,
        foreign=foreign,
        head_returns=_head_returns(theme),
        apex_share=pitches.count(max(pitches)) / len(pitches),
    )


def _bits(values: Sequence[float]) -> float:
    counts = Counter(values)
    return -sum(c / len(values) * math.log2(c / len(values)) for c in counts.values())


def _head_returns(theme: Theme) -> float:
    """Jaccard index of the onsets in the bars of the first half and those of the second."""
    half = max(1, theme.bars // 2)
    first = {(note.bar, round(note.start_beats * 4)) for note in theme.notes if note.bar < half}
    second = {(note.bar - half, round(note.start_beats * 4)) for note in theme.notes if note.bar >= half}
    return len(first & second) / max(1, len(first | second))
