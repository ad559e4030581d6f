"""What the arranger writes: parts of notes and controllers on beats."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, order=True)
class Note:
    """Beats are quarter notes from the start of the timeline; pitch and velocity are MIDI's 0..127, 1..127."""

    start_beat: float
    length_beats: float
    pitch: int
    velocity: int

    @property
    def end_beat(self) -> float:
        return self.start_beat + self.length_beats


@dataclass(frozen=True, order=True)
class Control:
    """A controller change: ``number`` 1 is modulation, 11 expression; value 0..127."""

    beat: float
    number: int
    value: int


@dataclass(frozen=True)
class Part:
    """One track: ``channel`` 0..15, General MIDI ``program`` 0..127, ``role`` chords, bass, figure, ..."""

    name: str
    role: str
    channel: int
    program: int
    notes: tuple[Note, ...]
    controls: tuple[Control, ...] = ()


@dataclass(frozen=True)
class Arrangement:
    """All parts of a score, and what the arranger could not do."""

    parts: tuple[Part, ...]
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class DynamicsPoint:
    """From ``beat`` on: ``note_density`` in notes a second (0..41 in the data), ``loudness`` as linear RMS 0..1."""

    beat: float
    note_density: float
    loudness: float


@dataclass(frozen=True)
class Accent:
    """A moment the arrangement should weigh: a landed hit. ``strong`` for must-hits and markers.

    ``moving``: a movement of the picture, which only the moving figure answers.
    """

    beat: float
    strong: bool
    moving: bool = False
