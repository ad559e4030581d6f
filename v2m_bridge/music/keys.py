"""Keys: parsing, naming, spelling, and transposition from the network's C major / A minor."""

from __future__ import annotations

import re
from dataclasses import dataclass

from v2m_bridge.errors import InputError
from v2m_bridge.music.chords import QUALITIES, Chord

SHARP_NAMES = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")
FLAT_NAMES = ("C", "Db", "D", "Eb", "E", "F", "Gb", "G", "Ab", "A", "Bb", "B")
_FLAT_MAJOR_TONICS = frozenset({1, 3, 5, 8, 10})
"""Major keys written with flats: Db, Eb, F, Ab, Bb (F# is preferred to Gb)."""

_LETTERS = "CDEFGAB"
_NATURAL = (0, 2, 4, 5, 7, 9, 11)

# Scale step (0 = tonic) that names each semitone above the tonic, so that F minor's major VI is Db and
# the chord a tritone above C is F#. Diminished chords lead upwards and take the sharp name.
_STEPS = (0, 1, 1, 2, 2, 3, 3, 4, 5, 5, 6, 6)
_LEADING_STEPS = {1: 0, 3: 1, 6: 3, 8: 4, 10: 5}
_LEADING_QUALITIES = frozenset({"dim", "dim7", "hdim7"})
_MINOR_CHORD_STEPS = {1: 0, 8: 4}
"""Minor chords outside a major key are C#m and G#m in C, not Dbm and Abm."""


@dataclass(frozen=True)
class Key:
    """A major or minor key; ``tonic`` is a pitch class 0..11."""

    tonic: int
    minor: bool

    @property
    def uses_flats(self) -> bool:
        """Whether the key signature has flats."""
        return (self.tonic + (3 if self.minor else 0)) % 12 in _FLAT_MAJOR_TONICS

    @property
    def name(self) -> str:
        """``"Bb major"``, ``"F# minor"``."""
        return f"{self._plain_name(self.tonic)} {'minor' if self.minor else 'major'}"

    def spell(self, pitch_class: int, quality: str = "maj") -> str:
        """Name of a pitch class in this key, as the root of a chord of Harte ``quality``.

        Chromatic roots keep the letter of the scale step they alter (Ab and Bb in C major, C#dim7 before Dm).
        Names with a double accidental, and E#, B#, Cb, Fb, are replaced by the plain one.
        """
        above = (pitch_class - self.tonic) % 12
        step = self._step(above, quality)
        tonic_letter = _LETTERS.index(self._plain_name(self.tonic)[0])
        letter = (tonic_letter + step) % 7
        accidental = (pitch_class - _NATURAL[letter] + 6) % 12 - 6
        name = _LETTERS[letter] + ("#" if accidental > 0 else "b") * abs(accidental)
        return name if name in SHARP_NAMES or name in FLAT_NAMES else self._plain_name(pitch_class)

    def _step(self, above: int, quality: str) -> int:
        if not self.minor and quality in ("min", "min7", "min6") and above in _MINOR_CHORD_STEPS:
            return _MINOR_CHORD_STEPS[above]
        in_scale = self.minor and above in (3, 8, 10)
        if quality in _LEADING_QUALITIES and above in _LEADING_STEPS and not in_scale:
            return _LEADING_STEPS[above]
        return _STEPS[above]

    def _plain_name(self, pitch_class: int) -> str:
        return (FLAT_NAMES if self.uses_flats else SHARP_NAMES)[pitch_class % 12]

    def symbol(self, chord: Chord) -> str:
        """The symbol a musician writes: ``"Am7"``, ``"Bbmaj7"``, ``"N.C."``."""
        if chord.root is None or chord.quality is None:
            return "N.C."
        quality = QUALITIES[chord.quality]
        return self.spell(chord.root, quality.harte) + quality.suffix

    @property
    def semitones_from_network(self) -> int:
        """Semitones from the network's C major (or A minor) to this key, -5..6."""
        shift = (self.tonic - (9 if self.minor else 0)) % 12
        return shift - 12 if shift > 6 else shift

    @property
    def midi_name(self) -> str:
        """Key signature as mido writes it: ``"Am"``, ``"Bb"``."""
        return self._plain_name(self.tonic) + ("m" if self.minor else "")


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
