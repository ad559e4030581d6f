"""Figures of note-level music over a window of bars, the same for people's music and ours."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import astuple, dataclass, fields

import numpy as np

from v2m_bridge.amt.player.passages import PlayedNote
from v2m_bridge.amt.player.steps import MELODY, TICKS
from v2m_bridge.music.chords import QUALITIES


@dataclass(frozen=True)
class Excerpt:
    """Some beats: ``notes`` on ticks from the first; ``chords`` [beats, 2] root and quality; where bars begin."""

    notes: tuple[PlayedNote, ...]
    chords: np.ndarray
    bar_beats: tuple[int, ...]

    @property
    def beats(self) -> int:
        return len(self.chords)

    def tones(self, beat: int) -> frozenset[int]:
        """Pitch classes of the chord at a beat; empty without one."""
        root, quality = (int(x) for x in self.chords[min(beat, self.beats - 1)])
        if quality >= len(QUALITIES):
            return frozenset()
        return frozenset((root + step) % 12 for step in QUALITIES[quality].intervals)


@dataclass(frozen=True)
class NoteFigures:
    """Figures of an excerpt.

    Attributes:
        foreign, steps, leaps, repeats: shares of the melody: tones foreign to the chord, intervals of 1-2, of
            more than 5 and of 0 semitones.
        range: semitones between the melody's fifth and ninety-fifth percentile.
        rests: share of sixteenths without a melody note sounding.
        rhythm_bits: entropy of the lengths between the melody's onsets.
        melody_notes: a bar.
        polyphony: mean number of sounding notes where any sounds.
        duration: median length of a note in beats.
        onsets: notes that begin, a beat.
        inversions: share of beats whose lowest note is not the chord's root.
        all_foreign: share of all notes foreign to the chord.
        off_eighths: share of onsets that lie on no eighth.
        after_4, after_8: likeness of melody bars 4 and 8 apart, less that of neighbours.
    """

    foreign: float
    steps: float
    leaps: float
    repeats: float
    range: float
    rests: float
    rhythm_bits: float
    melody_notes: float
    polyphony: float
    duration: float
    onsets: float
    inversions: float
    all_foreign: float
    off_eighths: float
    after_4: float
    after_8: float


NAMES = tuple(item.name for item in fields(NoteFigures))


def note_figures(excerpt: Excerpt) -> NoteFigures | None:
    """Figures of an excerpt; None with fewer than eight melody notes or none below."""
    melody = top_line([n for n in excerpt.notes if n.role == MELODY])
    others = [n for n in excerpt.notes if n.role != MELODY]
    if len(melody) < 8 or len(others) < 8:
        return None
    moves = [b.pitch - a.pitch for a, b in itertools.pairwise(melody)]
    gaps = [b.onset - a.onset for a, b in itertools.pairwise(melody)]
    sounding, tune = _sounding(excerpt)
    pitches = np.array([n.pitch for n in melody])
    return NoteFigures(
        foreign=_foreign(excerpt, melody),
        steps=sum(1 <= abs(m) <= 2 for m in moves) / len(moves),
        leaps=sum(abs(m) > 5 for m in moves) / len(moves),
        repeats=sum(m == 0 for m in moves) / len(moves),
        range=float(np.percentile(pitches, 95) - np.percentile(pitches, 5)),
        rests=float(np.mean(tune == 0)),
        rhythm_bits=_bits(gaps),
        melody_notes=len(melody) / max(1, len(excerpt.bar_beats)),
        polyphony=float(sounding[sounding > 0].mean()) if (sounding > 0).any() else 0.0,
        duration=float(np.median([n.length for n in excerpt.notes])) / TICKS,
        onsets=len(excerpt.notes) / excerpt.beats,
        inversions=_inversions(excerpt),
        all_foreign=_foreign(excerpt, excerpt.notes),
        off_eighths=sum(n.onset % 12 != 0 for n in excerpt.notes) / len(excerpt.notes),
        after_4=_bars_alike(excerpt, melody, 4) - _bars_alike(excerpt, melody, 1),
        after_8=_bars_alike(excerpt, melody, 8) - _bars_alike(excerpt, melody, 1),
    )


def vector(figures: NoteFigures) -> np.ndarray:
    """[16] the figures in the order of ``NAMES``."""
    return np.array(astuple(figures), dtype=float)


def top_line(notes: Sequence[PlayedNote]) -> list[PlayedNote]:
    """The highest note of each moment."""
    best: dict[int, PlayedNote] = {}
    for note in notes:
        if note.onset not in best or note.pitch > best[note.onset].pitch:
            best[note.onset] = note
    return [best[onset] for onset in sorted(best)]


def _foreign(excerpt: Excerpt, notes: Sequence[PlayedNote]) -> float:
    known = [(n, tones) for n in notes if (tones := excerpt.tones(n.onset // TICKS))]
    return sum(n.pitch % 12 not in tones for n, tones in known) / max(1, len(known))


def _sounding(excerpt: Excerpt) -> tuple[np.ndarray, np.ndarray]:
    """[sixteenths] how many notes sound, and how many of the melody."""
    steps = excerpt.beats * 4
    every, tune = np.zeros(steps), np.zeros(steps)
    for note in excerpt.notes:
        span = slice(note.onset // 6, max(note.onset // 6 + 1, math.ceil((note.onset + note.length) / 6)))
        every[span] += 1
        if note.role == MELODY:
            tune[span] += 1
    return every, tune


def _bits(values: Sequence[int]) -> float:
    counts = Counter(values)
    return -sum(c / len(values) * math.log2(c / len(values)) for c in counts.values())


def _inversions(excerpt: Excerpt) -> float:
    lowest: dict[int, int] = {}
    for note in excerpt.notes:
        for beat in range(note.onset // TICKS, min(excerpt.beats, (note.onset + note.length - 1) // TICKS + 1)):
            lowest[beat] = min(lowest.get(beat, 127), note.pitch)
    known = [(beat, pitch) for beat, pitch in lowest.items() if excerpt.tones(beat)]
    return sum(pitch % 12 != int(excerpt.chords[beat][0]) for beat, pitch in known) / max(1, len(known))


def _bars_alike(excerpt: Excerpt, melody: Sequence[PlayedNote], apart: int) -> float:
    """Mean Jaccard index of onset and pitch class between melody bars so far apart; empty bars do not count."""
    bars: list[set[tuple[int, int]]] = []
    edges = [*excerpt.bar_beats, excerpt.beats]
    for start, stop in itertools.pairwise(edges):
        inside = [n for n in melody if start * TICKS <= n.onset < stop * TICKS]
        bars.append({((n.onset - start * TICKS) // 6, n.pitch % 12) for n in inside})
    pairs = [(a, b) for a, b in zip(bars, bars[apart:], strict=False) if a and b]
    return sum(len(a & b) / len(a | b) for a, b in pairs) / len(pairs) if pairs else 0.0
