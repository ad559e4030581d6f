"""Makes the passages that the player plays: a stretch of the film, who plays, and what is forbidden there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from v2m_bridge.amt.player.passages import SHUT, Passage, PlayedNote, no_bias
from v2m_bridge.amt.player.steps import (
    CAST_ALL,
    CAST_DUO,
    CAST_MELODY,
    COLUMN,
    LOWER,
    MELODY,
    PLACES,
    ROLES,
    TICKS,
    UPPER,
    Ints,
    register_class,
)
from v2m_bridge.compose.playing.film_beats import FilmBeats
from v2m_bridge.music.chords import QUALITIES
from v2m_bridge.music.themes.development import scale_of

_OFF_GRID, _TRIPLET = -3.0, -1.0
"""Biases of onsets off the sixteenths: the written page stays readable, triplets are not forbidden."""

FOREIGN_IN_TEXTURE = -0.9
"""Bias of tones foreign to the chord in the accompaniment, so that the chord is heard."""

FOREIGN_ON_DOWNBEAT, OFF_SCALE = -0.7, -2.0
"""Biases of melody tones foreign to the chord at the bar's first beat, and foreign to chord and scale anywhere."""

INTO_HIT, ON_HIT = -4.0, 5.0
"""Biases of melody notes that begin in the beat before a breath (a long note leads into the hit), and on the hit."""


@dataclass(frozen=True)
class Stretch:
    """Beats ``start``..``stop`` of the film; ``context`` beats before them are shown to the player."""

    start: int
    stop: int
    context: int = 0

    @property
    def first(self) -> int:
        return self.start - self.context


def stretch_ticks(notes: Sequence[PlayedNote], first_beat: int, stop_beat: int) -> tuple[PlayedNote, ...]:
    """Notes of the film that begin in ``first_beat``..``stop_beat``, counted from there, marked as given."""
    base = first_beat * TICKS
    return tuple(
        PlayedNote(n.onset - base, n.role, n.pitch, n.length, n.velocity, True)
        for n in notes
        if base <= n.onset < stop_beat * TICKS
    )


def film_ticks(notes: Sequence[PlayedNote], first_beat: int) -> list[PlayedNote]:
    """Notes of a passage on the film's own ticks."""
    base = first_beat * TICKS
    return [PlayedNote(n.onset + base, n.role, n.pitch, n.length, n.velocity, n.given) for n in notes]


def note_table(notes: Sequence[PlayedNote], beats: int) -> Ints:
    """[beats, 72] pitch at each place, 0 where none; the highest of a chord, of the lowest role the lowest."""
    table = np.zeros((beats, PLACES), dtype=np.int64)
    for note in sorted(notes):
        beat, place = note.onset // TICKS, note.onset % TICKS * ROLES + note.role
        if 0 <= beat < beats and not (note.role == LOWER and table[beat, place]):
            table[beat, place] = note.pitch
    return table


def no_hints(stretch: Stretch) -> Ints:
    """[stretch, 72] hints of a place that has not been heard before."""
    return np.zeros((stretch.stop - stretch.first, PLACES), dtype=np.int64)


def melody_passage(
    film: FilmBeats,
    stretch: Stretch,
    register: tuple[int, int],
    given: Sequence[PlayedNote],
    hints: Ints,
    seed: tuple[int, ...],
    shut: np.ndarray,
) -> Passage:
    """The melody alone.

    Args:
        register: lowest and highest pitch.
        given: melody notes that stand, on the film's ticks.
        hints: [stretch, 72] of the last occurrence.
        shut: [film beats] where no melody note is drawn.
    """
    table = film.table[stretch.first : stretch.stop].copy()
    for name in ("texture_density", "melody_density", "velocity"):
        table[:, COLUMN[name]] = 0
    table[:, COLUMN["cast"]] = CAST_MELODY
    table[:, COLUMN["register"]] = register_class((register[0] + register[1]) / 2)
    places, pitches = _common_bias(film, stretch, {MELODY: register})
    _shut_roles(places, (UPPER, LOWER))
    places[shut[stretch.first : stretch.stop], :PLACES] = SHUT
    _lead_into_hits(film, stretch, places)
    _melody_tones(film, stretch, pitches)
    return Passage(
        beats=table,
        hints=hints,
        given=stretch_ticks(given, stretch.first, stretch.stop),
        roles=frozenset((MELODY,)),
        place_bias=places,
        pitch_bias=pitches,
        room=_room(film, stretch),
        first_beat=stretch.context,
        most=6,
        seed=seed,
    )


def counter_passage(
    film: FilmBeats,
    stretch: Stretch,
    register: tuple[int, int],
    melody: Sequence[PlayedNote],
    hints: Ints,
    seed: tuple[int, ...],
) -> Passage:
    """A second line under a melody that stands: it moves where the melody rests, and waits where it moves."""
    table = film.table[stretch.first : stretch.stop].copy()
    table[:, COLUMN["melody_density"]] = table[:, COLUMN["velocity"]] = 0
    table[:, COLUMN["cast"]] = CAST_DUO
    places, pitches = _common_bias(film, stretch, {UPPER: register})
    _shut_roles(places, (MELODY, LOWER))
    _melody_tones(film, stretch, pitches, UPPER)
    given = stretch_ticks(melody, stretch.first, stretch.stop)
    for beat in range(stretch.stop - stretch.first):
        begins = [n for n in given if n.onset // TICKS == beat]
        sounding = [n for n in given if n.onset < (beat + 1) * TICKS and n.onset + n.length > beat * TICKS]
        busy = len(begins) >= 2
        table[beat, COLUMN["texture_density"]] = 1 if busy else 3 if not begins else 2
        downbeat = table[beat, COLUMN["place_in_bar"]] == 0
        places[beat, :PLACES] += -3.0 if busy and not downbeat else 1.0 if not begins else 0.0
        for note in sounding:
            pitches[beat, UPPER, note.pitch :] = SHUT
            for interval in (1, 2, 6, 10, 11, 13, 14):
                pitches[beat, UPPER, max(0, note.pitch - interval)] += -4.0
    return Passage(
        beats=table,
        hints=hints,
        given=given,
        roles=frozenset((UPPER,)),
        place_bias=places,
        pitch_bias=pitches,
        room=_room(film, stretch),
        first_beat=stretch.context,
        together={MELODY: 1, UPPER: 1, LOWER: 1},
        most=6,
        seed=seed,
    )


def texture_passage(
    film: FilmBeats,
    stretch: Stretch,
    registers: dict[int, tuple[int, int]],
    given: Sequence[PlayedNote],
    hints: Ints,
    seed: tuple[int, ...],
) -> Passage:
    """The accompaniment under lines that stand; ``registers`` of the roles UPPER and LOWER."""
    table = film.table[stretch.first : stretch.stop].copy()
    table[:, COLUMN["cast"]] = CAST_ALL
    notes = stretch_ticks(given, stretch.first, stretch.stop)
    melody = np.bincount([n.onset // TICKS for n in notes if n.role == MELODY], minlength=len(table))[: len(table)]
    table[:, COLUMN["melody_density"]] = np.searchsorted((0, 1, 2, 3, 4, 6, 9), melody, side="right")
    spoken = film.spoken[stretch.first : stretch.stop]
    density = table[:, COLUMN["texture_density"]]
    table[:, COLUMN["texture_density"]] = np.where(spoken, np.minimum(density, 2), density)
    places, pitches = _common_bias(film, stretch, registers)
    _shut_roles(places, (MELODY,))
    places[:, :PLACES] += np.where(spoken, -1.5, 0.0)[:, None]
    for row in range(len(table)):
        foreign = _foreign(table[row])
        pitches[row, UPPER, foreign] += FOREIGN_IN_TEXTURE
        pitches[row, LOWER, foreign] += FOREIGN_IN_TEXTURE
    return Passage(
        beats=table,
        hints=hints,
        given=notes,
        roles=frozenset((UPPER, LOWER)),
        place_bias=places,
        pitch_bias=pitches,
        room=_room(film, stretch),
        first_beat=stretch.context,
        together={MELODY: 1, UPPER: 3, LOWER: 2},
        most=14,
        seed=seed,
    )


def _common_bias(
    film: FilmBeats, stretch: Stretch, registers: dict[int, tuple[int, int]]
) -> tuple[np.ndarray, np.ndarray]:
    """Nothing begins in silences or far off the grid, nothing lies outside a register."""
    places, pitches = no_bias(stretch.stop - stretch.first)
    tick = np.arange(PLACES) // ROLES
    places[:, :PLACES] += np.where(tick % 6 == 0, 0.0, np.where(tick % 8 == 0, _TRIPLET, _OFF_GRID))
    silent = film.silent[stretch.first * TICKS : stretch.stop * TICKS].reshape(-1, TICKS)
    places[:, :PLACES] += np.where(np.repeat(silent, ROLES, axis=1), SHUT, 0.0)
    for role, (low, high) in registers.items():
        pitches[:, role, :low] = SHUT
        pitches[:, role, high + 1 :] = SHUT
    return places, pitches


def _shut_roles(places: np.ndarray, roles: Sequence[int]) -> None:
    for role in roles:
        places[:, role:PLACES:ROLES] = SHUT


def _room(film: FilmBeats, stretch: Stretch) -> Ints:
    return film.room[stretch.first * TICKS : stretch.stop * TICKS]


def _lead_into_hits(film: FilmBeats, stretch: Stretch, places: np.ndarray) -> None:
    """No new melody note in the beat before a breath; one on the hit."""
    base, stop = stretch.first * TICKS, stretch.stop * TICKS
    for hit in film.hits:
        breath = hit - 1
        while breath > 0 and breath < len(film.silent) and film.silent[breath]:
            breath -= 1
        for tick in range(max(base, breath + 1 - TICKS), min(stop, breath + 1)):
            places[(tick - base) // TICKS, tick % TICKS * ROLES + MELODY] += INTO_HIT
        if base <= hit < stop and not film.silent[hit]:
            places[(hit - base) // TICKS, hit % TICKS * ROLES + MELODY] += ON_HIT


def _foreign(row: Ints) -> np.ndarray:
    """[128] pitches that are no tones of the row's chord; none without a chord."""
    root, quality = int(row[COLUMN["root"]]), int(row[COLUMN["quality"]])
    if quality >= len(QUALITIES):
        return np.zeros(128, dtype=bool)
    tones = {(root + step) % 12 for step in QUALITIES[quality].intervals}
    return np.array([pitch % 12 not in tones for pitch in range(128)])


def _melody_tones(film: FilmBeats, stretch: Stretch, pitches: np.ndarray, role: int = MELODY) -> None:
    scale = set(scale_of(film.key)) | ({(film.key.tonic + 11) % 12} if film.key.minor else set())
    outside = np.array([pitch % 12 not in scale for pitch in range(128)])
    for row in range(stretch.stop - stretch.first):
        conditions = film.table[stretch.first + row]
        foreign = _foreign(conditions)
        pitches[row, role, outside & foreign] += OFF_SCALE
        if conditions[COLUMN["place_in_bar"]] == 0:
            pitches[row, role, foreign] += FOREIGN_ON_DOWNBEAT
