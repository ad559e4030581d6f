"""What is to be played: beats with conditions, notes that stand already, and what is not allowed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from v2m_bridge.amt.player.steps import BEAT_OVER, FIELDS, PITCHES, PLACES, ROLES, TICKS, Ints

SHUT = -1e4
"""Bias of what must not be drawn."""


@dataclass(frozen=True, order=True)
class PlayedNote:
    """A note on the player's grid: ``onset`` and ``length`` in ticks from the passage's first beat.

    ``velocity`` is a class 0 (unknown) to 8; ``given`` notes stood before the player began.
    """

    onset: int
    role: int
    pitch: int
    length: int
    velocity: int
    given: bool = False


def no_bias(beats: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Biases of places [beats, 73] and pitches [beats, 3, 128] that forbid nothing."""
    return np.zeros((beats, PLACES + 1)), np.zeros((beats, ROLES, PITCHES))


@dataclass(frozen=True)
class Passage:
    """One row of a batch.

    Attributes:
        beats: [n, 21] conditions (``steps.FIELDS``).
        hints: [n, 72] pitches at the same beat of the letter's last occurrence, 0 where none.
        given: notes that stand; a role may be given in some beats and drawn in others.
        first_beat: beats before it are context only: nothing is drawn in them.
        roles: which roles are drawn.
        place_bias, pitch_bias: added to the logits, [n, 73] and [n, 3, 128]; ``SHUT`` forbids.
        room: [n * 24] ticks from each tick to the next moment that nothing may sound through.
        together: most notes of a role that start together; 1 makes a single line.
        most: notes that may start in one beat.
        seed: of this row alone.
    """

    beats: Ints
    hints: Ints
    given: tuple[PlayedNote, ...]
    roles: frozenset[int]
    place_bias: NDArray[np.float64]
    pitch_bias: NDArray[np.float64]
    room: Ints
    first_beat: int = 0
    together: Mapping[int, int] = field(default_factory=lambda: {0: 1, 1: 4, 2: 4})
    most: int = 20
    seed: tuple[int, ...] = (0,)

    def __post_init__(self) -> None:
        count = len(self.beats)
        assert self.beats.shape == (count, len(FIELDS)) and self.hints.shape == (count, PLACES)
        assert self.place_bias.shape == (count, BEAT_OVER + 1) and self.pitch_bias.shape == (count, ROLES, PITCHES)
        assert len(self.room) == count * TICKS

    @property
    def length(self) -> int:
        """Beats."""
        return len(self.beats)
