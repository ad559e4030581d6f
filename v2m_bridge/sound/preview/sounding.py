"""The notes of a score in seconds, as an instrument has to play them."""

from __future__ import annotations

from dataclasses import dataclass

from v2m_bridge.music.arrangement import Part
from v2m_bridge.score.model import Score
from v2m_bridge.score.performance import played_parts
from v2m_bridge.sync.document import tempo_map_from_document
from v2m_bridge.timing.tempo import TempoMap

_PAN = {"chords": -0.25, "bass": 0.0, "figure": 0.3, "swell": 0.1, "hits": 0.0, "melody": 0.05, "counter": -0.15}
_DRUM_CHANNEL = 9
_MODULATION, _EXPRESSION = 1, 11


@dataclass(frozen=True)
class SoundingNote:
    """A note in seconds.

    Attributes:
        pitch, velocity, program: MIDI's, 0..127.
        pan: -1 left to 1 right.
        expression, modulation: what CC11 and CC1 of its part do over the whole film, as (seconds, 0..1) pairs.
        drums: it is of the drum channel, where pitches are instruments.
    """

    start_s: float
    length_s: float
    pitch: int
    velocity: int
    program: int
    pan: float
    expression: tuple[tuple[float, float], ...] = ()
    modulation: tuple[tuple[float, float], ...] = ()
    drums: bool = False


def sounding_notes(score: Score, part: Part | None = None) -> list[SoundingNote]:
    """The notes of all parts as they are played (see :mod:`v2m_bridge.score.performance`), or of one of those parts."""
    tempo = tempo_map_from_document(score.fit)
    return [note for each in ((part,) if part else played_parts(score)) for note in _of_part(each, tempo)]


def _of_part(part: Part, tempo: TempoMap) -> list[SoundingNote]:
    curves = {
        number: tuple((tempo.seconds_at(beat), value / 127) for beat, cc, value in part.controls if cc == number)
        for number in (_EXPRESSION, _MODULATION)
    }
    found = []
    for start, length, pitch, velocity in part.notes:
        begin = tempo.seconds_at(start)
        end = tempo.seconds_at(start + length)
        found.append(
            SoundingNote(
                begin,
                end - begin,
                pitch,
                velocity,
                part.program,
                _PAN.get(part.role, 0.0),
                curves[_EXPRESSION],
                curves[_MODULATION],
                part.channel == _DRUM_CHANNEL,
            )
        )
    return found
