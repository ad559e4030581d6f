"""The form of a piece: phrases with letters that return."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from v2m_bridge.music.chords import Chord, ChordEvent
from v2m_bridge.music.keys import Key


@dataclass(frozen=True)
class Phrase:
    """Some bars that belong together.

    Attributes:
        start_bar: number of its first bar, from 1, as ``TempoMap.bars`` numbers them.
        bars: how many.
        letter: ``"A"``, ``"B"``, ...; ``"i"`` intro, ``"x"`` bridge, ``"o"`` ending.
        occurrence: 0 the first time that the letter comes, then 1, 2, ...
    """

    start_bar: int
    bars: int
    letter: str
    occurrence: int

    @property
    def main(self) -> bool:
        """Whether the phrase can carry a theme: it is neither intro, bridge nor ending."""
        return self.letter.isupper()


@dataclass(frozen=True)
class Form:
    """All phrases of a piece, in order, without gaps."""

    phrases: tuple[Phrase, ...]


def heard_cadence(chords: Sequence[ChordEvent], end_beat: float, key: Key) -> str | None:
    """The cadence that a phrase ends on, as its chords have it.

    Args:
        chords: of the piece, in order.
        end_beat: end of the phrase, in quarter notes.

    Returns:
        ``"half"`` on a dominant, ``"full"`` on the tonic after one, ``"deceptive"`` on the sixth degree after one, else
        None. A dominant stands on the fifth degree and has the leading tone.
    """
    sounding = [event.chord for event in chords if event.start_beat < end_beat - 1e-6]
    if not sounding:
        return None
    last, before = sounding[-1], sounding[-2] if len(sounding) > 1 else None
    if _is_dominant(last, key):
        return "half"
    if before is None or not _is_dominant(before, key) or last.root is None:
        return None
    sixth = (key.tonic + (8 if key.minor else 9)) % 12
    return {key.tonic: "full", sixth: "deceptive"}.get(last.root)


def _is_dominant(chord: Chord, key: Key) -> bool:
    return chord.root == (key.tonic + 7) % 12 and (key.tonic + 11) % 12 in chord.pitch_classes
