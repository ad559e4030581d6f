"""A theme: notes over a few bars, short enough to hum."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace


@dataclass(frozen=True, order=True)
class ThemeNote:
    """``start_beats`` from the beginning of bar number ``bar`` (0 is the theme's first); pitch is MIDI's."""

    bar: int
    start_beats: float
    length_beats: float
    pitch: int


@dataclass(frozen=True)
class Theme:
    """Notes of a single line in order; ``bar_beats`` holds the length of each bar in quarter notes."""

    notes: tuple[ThemeNote, ...]
    bar_beats: tuple[float, ...]

    @property
    def bars(self) -> int:
        return len(self.bar_beats)

    @property
    def bar_starts(self) -> tuple[float, ...]:
        """Beats from the theme's beginning."""
        return tuple(itertools.accumulate(self.bar_beats[:-1], initial=0.0))

    def starts(self) -> list[float]:
        """Beats of all notes from the theme's beginning."""
        offsets = self.bar_starts
        return [offsets[note.bar] + note.start_beats for note in self.notes]

    def moved(self, semitones: int) -> Theme:
        """The same theme higher or lower."""
        return replace(self, notes=tuple(replace(note, pitch=note.pitch + semitones) for note in self.notes))


def theme_from_beats(notes: Sequence[tuple[float, float, int]], bar_beats: Sequence[float]) -> Theme:
    """A theme from ``(start_beats, length_beats, pitch)`` from its first bar on; later notes are left out."""
    starts = list(itertools.accumulate(bar_beats, initial=0.0))
    placed = []
    for start, length, pitch in sorted(notes):
        bar = max((index for index, begin in enumerate(starts) if begin <= start + 1e-6), default=0)
        if bar < len(bar_beats):
            placed.append(ThemeNote(bar, start - starts[bar], length, pitch))
    return Theme(tuple(placed), tuple(bar_beats))
