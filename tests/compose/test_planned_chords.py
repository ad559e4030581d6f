"""Cadences, the ending, and what phrases repeat: planned from the form, and kept out of what the user has chosen."""

from __future__ import annotations

from dataclasses import replace

import pytest

from v2m_bridge.compose.planned_chords import MAJOR, MINOR, FormPlace, planned_cadences, planned_repeats
from v2m_bridge.compose.playing.simple_form import simple_form
from v2m_bridge.music.form import Form, Phrase
from v2m_bridge.sync.model import Slot


def place(bars: int, slot_beats: int = 2, bpm: float = 120.0, **more: object) -> FormPlace:
    """A film of 4/4 bars at a constant tempo."""
    second = 60 / bpm
    slots = [
        Slot(float(b), float(b + slot_beats), b * second, (b + slot_beats) * second, False)
        for b in range(0, 4 * bars, slot_beats)
    ]
    found = FormPlace(simple_form(bars), slots, [4.0 * n for n in range(bars)])
    return replace(found, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize("minor", [False, True])
@pytest.mark.parametrize("bars", range(20, 26))
def test_the_end_is_a_long_tonic_after_a_dominant_or_the_fourth_degree(minor: bool, bars: int) -> None:
    film = place(bars)
    degrees = MINOR if minor else MAJOR
    planned = planned_cadences(film, minor, ())
    last = [n for n in range(len(film.slots)) if planned.get(n) == degrees.tonic and n >= len(film.slots) - 4]
    assert last[-1] == len(film.slots) - 1 and film.slots[-1].end_s - film.slots[last[0]].start_s >= 2.5
    assert planned[last[0] - 1] in (*degrees.dominants, degrees.subdominant)


def test_most_endings_are_authentic() -> None:
    dominants = 0
    for bars in range(20, 220):
        planned = planned_cadences(place(bars), False, ())
        start = next(n for n in sorted(planned, reverse=True) if planned[n] != MAJOR.tonic)
        dominants += planned[start] in MAJOR.dominants
    assert 140 <= dominants <= 180


def test_a_must_hit_near_the_end_begins_the_last_chord() -> None:
    film = place(24)
    hit = film.slots[-1].start_beat
    planned = planned_cadences(replace(film, strong_beats=(hit,)), False, ())
    assert planned[len(film.slots) - 1] == MAJOR.tonic
    assert planned[len(film.slots) - 2] in (*MAJOR.dominants, MAJOR.subdominant)


@pytest.mark.parametrize("bars", [1, 2, 3, 5])
def test_short_films_keep_room_for_more_than_their_end(bars: int) -> None:
    film = place(bars)
    planned = planned_cadences(film, False, ())
    tonic = [n for n, chord in planned.items() if chord == MAJOR.tonic]
    assert 1 <= len(tonic) <= max(1, len(film.slots) // 2)


def test_first_times_end_open_and_later_ones_close() -> None:
    film = place(24)
    planned = planned_cadences(film, False, ())
    ends = {}
    for phrase in film.form.phrases[:-2]:
        if phrase.main and phrase.bars >= 4:
            ends[phrase.letter, phrase.occurrence] = planned.get(film.slot_at(film.end_of(phrase) - 0.01))
    assert ends["A", 0] in MAJOR.dominants and ends["A", 1] == MAJOR.tonic
    assert ends["B", 0] in (MAJOR.tonic, MAJOR.sixth)


def test_what_the_user_has_chosen_stays_free() -> None:
    film = place(24)
    taken = range(len(film.slots))
    assert planned_cadences(film, False, taken) == {}
    assert planned_repeats(film, [5] * len(film.slots), [None] * len(film.slots), taken) == {}
    end = planned_cadences(film, False, [len(film.slots) - 1])
    assert not [n for n in end if n >= len(film.slots) - 3], "no dominant that leads nowhere"


def test_a_letter_that_returns_has_its_chords_again() -> None:
    form = Form((Phrase(1, 4, "A", 0), Phrase(5, 4, "B", 0), Phrase(9, 4, "A", 1)))
    film = place(12, form=form)
    ids = list(range(len(film.slots)))
    repeats = planned_repeats(film, ids, [None] * len(ids), ())
    assert repeats == {16 + n: n for n in range(8)}
    moods = ["sad"] * 16 + ["tense"] * 8
    assert planned_repeats(film, ids, moods, ()) == {}


def test_a_cut_is_never_hidden_in_a_repeated_chord() -> None:
    form = Form((Phrase(1, 4, "A", 0), Phrase(5, 4, "A", 1)))
    film = place(8, form=form)
    slots = [replace(slot, on_hit=index == 9) for index, slot in enumerate(film.slots)]
    ids = [7, 7, 2, 3, 4, 5, 6, 8, 20, 21, 22, 23, 24, 25, 26, 27]
    repeats = planned_repeats(replace(film, slots=slots), ids, [None] * 16, ())
    assert repeats[8] == 7 and 9 not in repeats and repeats[10] == 2


def test_long_phrases_begin_their_second_half_as_their_first() -> None:
    film = place(8, form=Form((Phrase(1, 8, "A", 0),)))
    ids = list(range(16))
    assert planned_repeats(film, ids, [None] * 16, ()) == {8: 0, 9: 1, 10: 2, 11: 3, 12: 4, 13: 5}
