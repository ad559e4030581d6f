"""Parallels and doubled leading tones: the checker on cases by hand, and our own chords, bass and swell under it."""

from __future__ import annotations

import pytest
from random_music import random_case

from v2m_bridge.music.arrangement import Note
from v2m_bridge.music.keys import parse_key
from v2m_bridge.music.locks import parse_primer
from v2m_bridge.music.voices.part_writing import PartWriting, check_parts, check_voices, paired, parallels

C_MAJOR = parse_key("C major")


@pytest.mark.parametrize(
    ("before", "after", "found"),
    [
        ((48, 55), (50, 57), 1),  # fifths, up together
        ((48, 60), (50, 62), 1),  # octaves
        ((48, 67), (50, 69), 1),  # a fifth and an octave apart
        ((48, 55), (48, 57), 0),  # one voice stays
        ((48, 55), (50, 55), 0),
        ((48, 55), (50, 53), 0),  # contrary, into a third
        ((48, 55), (46, 58), 0),  # against each other
        ((55, 62), (53, 60), 1),  # down together
        ((48, 52, 55, 60), (50, 53, 57, 62), 2),  # C to D minor in one block: the fifth and the octave
        ((48, None), (50, 57), 0),
    ],
)
def test_parallels_are_those_of_the_harmony_book(
    before: tuple[int | None, ...], after: tuple[int | None, ...], found: int
) -> None:
    assert parallels(before, after) == found


def test_moments_without_movement_are_no_changes() -> None:
    found = check_voices([(48, 55), (48, 55), (50, 57), (50, 57)])
    assert (found.changes, found.parallels, found.parallels_per_change) == (1, 1, 1.0)


def test_unnamed_voices_are_paired_with_least_movement() -> None:
    assert paired([48, 52, 55], [47, 50, 55]) == [(48, 47), (52, 50), (55, 55)]
    assert paired([48, 52, 55], [50, 55]) in ([(48, 50), (55, 55)], [(52, 50), (55, 55)])


def test_a_doubled_leading_tone_is_found() -> None:
    changes = [(0.0, parse_primer("G")[0])]
    alone = [[Note(0.0, 4.0, 71, 80)], [Note(0.0, 4.0, 43, 80)]]
    twice = [[Note(0.0, 4.0, 71, 80)], [Note(0.0, 4.0, 59, 80)]]
    assert check_parts(alone, changes, C_MAJOR, 4.0) == PartWriting(0, 0, 1, 0)
    assert check_parts(twice, changes, C_MAJOR, 4.0).doubled_share == 1.0


def test_our_own_parts_move_as_they_should() -> None:
    """Chords and swell over the bass, in fifty random pieces."""
    chords, swell = PartWriting(), PartWriting()
    for seed in range(50):
        case = random_case(seed)
        notes = {part.role: part.notes for part in case.music.parts}
        changes = [(event.start_beat, event.chord) for event in case.chords]
        for role, upper in (("chords", True), ("swell", False)):
            if role in notes and "bass" in notes:
                found = check_parts([notes[role], notes["bass"]], changes, C_MAJOR, case.end_beat)
                chords, swell = (chords + found, swell) if upper else (chords, swell + found)
    assert chords.changes > 500 and swell.changes > 500
    assert chords.parallels_per_change <= 0.05 and swell.parallels_per_change <= 0.10
