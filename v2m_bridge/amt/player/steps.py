"""The player's alphabet: what a note and a beat are made of, as small whole numbers.

A piece is a sequence of steps. Every quarter beat is one step that carries conditions only; one step for every note
of that beat follows, in the order of onset, role and pitch.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]

TICKS = 24
"""Ticks a quarter beat: onsets lie on this grid."""

ROLES = 3
MELODY, UPPER, LOWER = range(ROLES)
"""What a note does in the data: the tune, the accompaniment's upper part, its lower part with the bass."""

PLACES = TICKS * ROLES
"""A place is ``tick in the beat * ROLES + role``: the first thing drawn of a note."""

BEAT_OVER = PLACES
"""Drawn instead of a place where the beat has no more notes."""

NO_PLACE = PLACES + 1
"""Stands where a beat step has no note."""

DURATIONS: Ints = np.array(
    [1, 2, 3, 4, 6, 8, 9, 12, 16, 18, 24, 30, 36, 42, 48, 60, 72, 84, 96, 120, 144, 192, 240, 384]
)
"""Lengths in ticks that a note can have; in the data each is rounded to the nearest in ratio."""

VELOCITIES = 9
"""0 unknown, 1..8 eighths of MIDI's range."""

PITCHES = 128

DENSITY_EDGES = (0, 1, 2, 3, 4, 6, 9)
"""Notes that start in a beat -> class 1..7; class 0 is unknown."""


@dataclass(frozen=True)
class Field:
    """One condition of a beat: its name and how many values it has; 0 means unknown or not asked for."""

    name: str
    values: int


HARMONY_FIELDS = (
    Field("place_in_bar", 8),
    Field("bar_length", 9),
    Field("root", 13),
    Field("quality", 14),
    Field("bass", 13),
    Field("next_root", 13),
    Field("next_quality", 14),
    Field("minor", 2),
    Field("source", 4),
    Field("melody_density", 9),
    Field("texture_density", 9),
    Field("velocity", 9),
)
"""What the network knew from its first training on. Root and bass 12 and quality 13 mean none."""

FILM_FIELDS = (
    Field("letter", 12),
    Field("bar_of_phrase", 10),
    Field("bars_left", 10),
    Field("occurrence", 3),
    Field("to_hit", 10),
    Field("energy", 7),
    Field("register", 8),
    Field("speech", 3),
    Field("cast", 4),
)
"""What was taught later: form, the next hit, energy, register, speech, and who plays."""

FIELDS = HARMONY_FIELDS + FILM_FIELDS
COLUMN = {field.name: index for index, field in enumerate(FIELDS)}

NO_ROOT, NO_QUALITY = 12, 13

SOURCES = ("pop", "lied", "quartet")
"""Styles of writing, in the order of the column ``source``."""

CAST_ALL, CAST_MELODY, CAST_DUO = 1, 2, 3
"""Values of the column ``cast``: everybody, the melody alone, the melody and one other line."""

LETTERS = {**{letter: index + 1 for index, letter in enumerate("ABCDEFGH")}, "i": 9, "o": 10, "x": 11}
"""Values of the column ``letter``."""

HIT_EDGES = (0, 1, 2, 3, 4, 6, 8, 16)
"""Beats to the next hit -> value 2..9 of ``to_hit``; 1 means that none is near."""


def duration_class(ticks: Ints) -> Ints:
    """The nearest of ``DURATIONS`` in ratio, for lengths in ticks of any shape."""
    logs = np.log(np.maximum(ticks, 1))[..., None] - np.log(DURATIONS)
    return np.asarray(np.abs(logs).argmin(-1))


def density_class(notes: Ints) -> Ints:
    """Class 1..7 of a count of notes that start in a beat."""
    return np.searchsorted(np.array(DENSITY_EDGES), notes, side="right")


def hit_class(beats: Ints) -> Ints:
    """Value of ``to_hit`` for whole beats to the next hit; negative means that no hit comes."""
    classes = 2 + np.searchsorted(np.array(HIT_EDGES), beats, side="left")
    return np.where((beats < 0) | (beats > HIT_EDGES[-1]), 1, classes)


def register_class(pitch: float) -> int:
    """Value 1..7 of ``register`` for a mean pitch of the melody: steps of five semitones from 53 up."""
    return int(np.clip((pitch - 48) // 5, 1, 7))
