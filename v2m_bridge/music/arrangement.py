"""What the arranger is asked for, and what it writes: parts of notes and controllers on beats."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from v2m_bridge.music.chords import ChordEvent
from v2m_bridge.music.keys import Key
from v2m_bridge.timing.tempo import Bar, TempoMap


class Note(NamedTuple):
    """A note; beats are quarter notes from the start of the timeline, pitch is 0..127, velocity 1..127 (as in MIDI)."""

    start_beat: float
    length_beats: float
    pitch: int
    velocity: int

    @property
    def end_beat(self) -> float:
        """Where the note ends."""
        return self.start_beat + self.length_beats


class Control(NamedTuple):
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
    """Dynamics from ``beat`` on: notes a second (0..41 in the data) and loudness as linear RMS, 0..1."""

    beat: float
    note_density: float
    loudness: float


@dataclass(frozen=True)
class Accent:
    """A landed hit, which the arrangement stresses.

    Attributes:
        beat: where it lands, in quarter notes.
        strong: whether it is a must-hit or a marker.
        moving: whether it is a movement of the picture; only the moving figure stresses these.
    """

    beat: float
    strong: bool
    moving: bool = False


@dataclass(frozen=True)
class FilmSection:
    """A part of the film, ``[start_beat, end_beat)``; ``label`` returns when a place returns, ``energy`` is 0..1."""

    start_beat: float
    end_beat: float
    label: str
    energy: float
    mood: str | None = None


@dataclass(frozen=True)
class ArrangeRequest:
    """What is to be arranged.

    Attributes:
        chords: in order, without overlap, in ``key``; gaps and N are silent.
        bars: of the tempo map, up to ``end_beat``.
        dynamics: predicted density and loudness, each from its beat on.
        accents: landed hits; strong ones get weight and a breath before.
        key: named in warnings; chords are not changed.
        end_beat: where the picture ends; without a tail no note sounds after it.
        tempo: converts beats to seconds, for densities in notes a second, breaths and the tail; 120 BPM if not given.
        sections: of the film, in order; empty where nobody has looked.
        speech: ``(start_s, end_s)`` of dialogue, in order.
        under_dialogue: how far the music gives way under it, 0..1.
    """

    chords: Sequence[ChordEvent]
    bars: Sequence[Bar]
    dynamics: Sequence[DynamicsPoint]
    accents: Sequence[Accent]
    key: Key
    end_beat: float
    tempo: TempoMap = field(default_factory=lambda: TempoMap.constant(120.0))
    sections: Sequence[FilmSection] = ()
    speech: Sequence[tuple[float, float]] = ()
    under_dialogue: float = 0.0
