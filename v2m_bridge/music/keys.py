"""Keys: parsing, naming, spelling, and the way to and from the network's C major / A minor."""

from __future__ import annotations

import re
from dataclasses import dataclass

from v2m_bridge.errors import InputError
from v2m_bridge.music.chords import QUALITIES, Chord

SHARP_NAMES = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")
FLAT_NAMES = ("C", "Db", "D", "Eb", "E", "F", "Gb", "G", "Ab", "A", "Bb", "B")
_FLAT_MAJOR_TONICS = frozenset({1, 3, 5, 8, 10})
"""Major keys written with flats: Db, Eb, F, Ab, Bb (F# is preferred to Gb)."""


@dataclass(frozen=True)
class Key:
    """A major or minor key; ``tonic`` is a pitch class 0..11."""

    tonic: int
    minor: bool

    @property
    def uses_flats(self) -> bool:
        return (self.tonic + (3 if self.minor else 0)) % 12 in _FLAT_MAJOR_TONICS

    @property
    def name(self) -> str:
        """``"Bb major"``, ``"F# minor"``."""
        return f"{self.spell(self.tonic)} {'minor' if self.minor else 'major'}"

    def spell(self, pitch_class: int) -> str:
        """Name of a pitch class with this key's accidentals."""
        return (FLAT_NAMES if self.uses_flats else SHARP_NAMES)[pitch_class % 12]

    def symbol(self, chord: Chord) -> str:
        """The symbol a musician writes: ``"Am7"``, ``"Bbmaj7"``, ``"N.C."``."""
        if chord.root is None or chord.quality is None:
            return "N.C."
        return self.spell(chord.root) + QUALITIES[chord.quality].suffix

    @property
    def semitones_from_network(self) -> int:
        """Add this to a chord of the network (C major or A minor) to be in this key, -5..6."""
        shift = (self.tonic - (9 if self.minor else 0)) % 12
        return shift - 12 if shift > 6 else shift

    @property
    def midi_name(self) -> str:
        """Key signature as mido writes it: ``"Am"``, ``"Bb"``."""
        return self.spell(self.tonic) + ("m" if self.minor else "")


def parse_key(text: str) -> Key:
    """Read ``"A minor"``, ``"Bb"``, ``"F#m"``, ``"C major"``, case of the mode ignored.

    Raises:
        InputError: not a key.
    """
    match = re.fullmatch(r"\s*([A-Ga-g])([#b♯♭]?)\s*(m|min|minor|maj|major)?\s*", text, re.I)
    if not match:
        raise InputError(f"key {text!r} is unknown", 'write it like "A minor" or "Bb major"')
    steps = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
    accidental = {"": 0, "#": 1, "♯": 1, "b": -1, "♭": -1, "B": -1}[match[2]]
    mode = (match[3] or "").lower()
    minor = match[3] == "m" or mode in ("min", "minor")
    return Key((steps[match[1].upper()] + accidental) % 12, minor)
