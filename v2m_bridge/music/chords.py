"""The chord vocabulary of MuVi-Sync and its names.

Ids follow the published data set (Kang et al. 2023): 0 is N (no chord), ``1 + 13 * root + quality`` otherwise.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from v2m_bridge.errors import InputError

ROOTS = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")


@dataclass(frozen=True)
class Quality:
    """One chord quality: its Harte name, the suffix musicians write, and semitones above the root."""

    harte: str
    suffix: str
    intervals: tuple[int, ...]


QUALITIES = (
    Quality("maj", "", (0, 4, 7)),
    Quality("dim", "dim", (0, 3, 6)),
    Quality("sus4", "sus4", (0, 5, 7)),
    Quality("min7", "m7", (0, 3, 7, 10)),
    Quality("min", "m", (0, 3, 7)),
    Quality("sus2", "sus2", (0, 2, 7)),
    Quality("aug", "aug", (0, 4, 8)),
    Quality("dim7", "dim7", (0, 3, 6, 9)),
    Quality("maj6", "6", (0, 4, 7, 9)),
    Quality("hdim7", "m7b5", (0, 3, 6, 10)),
    Quality("7", "7", (0, 4, 7, 10)),
    Quality("min6", "m6", (0, 3, 7, 9)),
    Quality("maj7", "maj7", (0, 4, 7, 11)),
)
"""In the order of the published vocabulary; the position is the quality's index."""

N_CHORDS = 1 + len(ROOTS) * len(QUALITIES)
"""157: N and 12 roots of 13 qualities."""

_QUALITY_INDEX = {quality.harte: index for index, quality in enumerate(QUALITIES)}
_ROOT_STEPS = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}


@dataclass(frozen=True)
class Chord:
    """A chord of the vocabulary; ``root`` 0..11 from C, or both None for N (no chord)."""

    root: int | None
    quality: int | None

    @property
    def id(self) -> int:
        """Position in the vocabulary of 157 chords."""
        if self.root is None or self.quality is None:
            return 0
        return 1 + len(QUALITIES) * self.root + self.quality

    @classmethod
    def from_id(cls, chord_id: int) -> Chord:
        """Inverse of :attr:`id`.

        Raises:
            InputError: outside 0..156.
        """
        if not 0 <= chord_id < N_CHORDS:
            raise InputError(f"chord id {chord_id} is outside 0..{N_CHORDS - 1}")
        if chord_id == 0:
            return NO_CHORD
        root, quality = divmod(chord_id - 1, len(QUALITIES))
        return cls(root, quality)

    @property
    def label(self) -> str:
        """Harte label, ``"A:min7"``; ``"N"`` for no chord (Harte et al. 2005)."""
        if self.root is None or self.quality is None:
            return "N"
        return f"{ROOTS[self.root]}:{QUALITIES[self.quality].harte}"

    @property
    def pitch_classes(self) -> tuple[int, ...]:
        """Pitch classes from the root up; empty for N."""
        if self.root is None or self.quality is None:
            return ()
        return tuple((self.root + i) % 12 for i in QUALITIES[self.quality].intervals)

    def transposed(self, semitones: int) -> Chord:
        """The same quality on a root ``semitones`` higher."""
        if self.root is None:
            return self
        return Chord((self.root + semitones) % 12, self.quality)


NO_CHORD = Chord(None, None)


def parse_label(label: str) -> Chord:
    """Read a Harte label or a MuVi-Sync one (``"A:min7"``, ``"C"``, ``"Bb:maj"``, ``"N"``).

    Raises:
        InputError: not a chord of the vocabulary.
    """
    if label == "N":
        return NO_CHORD
    match = re.fullmatch(r"([A-G])([#b]{0,2})(?::([a-z0-9]+))?", label)
    quality = _QUALITY_INDEX.get(match[3] or "maj") if match else None
    if not match or quality is None:
        raise InputError(f"{label!r} is not a chord label", "write it like A:min7, C:maj or N")
    root = (_ROOT_STEPS[match[1]] + match[2].count("#") - match[2].count("b")) % 12
    return Chord(root, quality)


@dataclass(frozen=True)
class ChordEvent:
    """A chord held over ``[start_beat, end_beat)`` quarter notes.

    ``probability`` is what the network gave it (0..1), None for a chord the user locked.
    """

    chord: Chord
    start_beat: float
    end_beat: float
    probability: float | None = None
