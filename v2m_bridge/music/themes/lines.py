"""Lines that a player has written, on beats, before they are given to instruments."""

from __future__ import annotations

from dataclasses import dataclass

from v2m_bridge.music.form import Phrase


@dataclass(frozen=True, order=True)
class LineNote:
    """Beats are quarter notes from the start; ``touch`` is added to the velocity, -20..20."""

    start_beat: float
    length_beats: float
    pitch: int
    touch: float = 0.0

    @property
    def end_beat(self) -> float:
        return self.start_beat + self.length_beats


@dataclass(frozen=True)
class ThemeAppearance:
    """Where a theme sounds: ``letter`` of the form, ``how`` it is developed, first and last bar (from 1, inclusive)."""

    letter: str
    how: str
    first_bar: int
    last_bar: int
    part: str


@dataclass(frozen=True)
class Lines:
    """What the player has written.

    Attributes:
        melody, counter: single lines.
        upper, lower: the texture; ``lower`` holds the bass.
        appearances: where themes sound.
        texture: whether ``upper`` and ``lower`` are written; else the table of figures stands instead.
        phrases: the form that was followed; it is what the players are cast by.
    """

    melody: tuple[LineNote, ...] = ()
    counter: tuple[LineNote, ...] = ()
    upper: tuple[LineNote, ...] = ()
    lower: tuple[LineNote, ...] = ()
    appearances: tuple[ThemeAppearance, ...] = ()
    texture: bool = True
    phrases: tuple[Phrase, ...] = ()
