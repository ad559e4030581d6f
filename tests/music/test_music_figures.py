"""The table of figures: every row is playable, keeps to its level, and bars of any metre are filled."""

from __future__ import annotations

import itertools

import pytest

from v2m_bridge.errors import InputError
from v2m_bridge.music.figures import (
    FIGURES,
    LEVEL_NOTES_PER_BEAT,
    FigureRow,
    PatternStep,
    cells_of_bar,
    choose_level,
    pattern,
    read_pattern,
)
from v2m_bridge.music.instruments import PRESETS, Role


@pytest.mark.parametrize("row", FIGURES, ids=lambda r: f"{r.family} {r.level} {r.beats}")
def test_rows_fill_their_cell_and_keep_to_their_level(row: FigureRow) -> None:
    for steps in (row.steps, row.answer_steps):
        assert all(s.position >= 0 and s.position + s.length <= row.beats + 1e-9 for s in steps)
        assert all(a.position + a.length <= b.position + 1e-9 for a, b in itertools.pairwise(steps))
        if not row.family.startswith("bass"):
            rate = len(steps) / row.beats / LEVEL_NOTES_PER_BEAT[row.level]
            assert 0.66 <= rate <= 1.34, (row.tones, rate)


def test_every_family_has_every_level_in_both_cells() -> None:
    for family in {r.family for r in FIGURES if not r.family.startswith("bass")}:
        rows = {(r.level, r.beats) for r in FIGURES if r.family == family}
        assert rows == {(level, beats) for level in LEVEL_NOTES_PER_BEAT for beats in (2, 3)}, family
    assert len(FIGURES) == len({(r.family, r.level, r.beats) for r in FIGURES})


def test_presets_name_families_that_exist() -> None:
    known = {r.family for r in FIGURES} | {"bass held"}
    for preset in PRESETS.values():
        assert preset[Role.FIGURE].families
        assert {f for preset_part in preset.values() for f in preset_part.families} <= known


def test_notation() -> None:
    assert read_pattern("0! _ . 2", 0.5, 2) == (PatternStep(0.0, 0, 1.0, True), PatternStep(1.5, 2, 0.5, False))
    for bad in ("0 1", "0 x 1 2", "_ 0 1 2", "0! . _ 1"):
        with pytest.raises(InputError):
            read_pattern(bad, 0.5, 2)


def test_a_bass_family_plays_its_nearest_lower_level() -> None:
    assert pattern("bass drive", 6, 2, False) == pattern("bass drive", 5, 2, False) != ()
    assert pattern("bass pulse", 3, 2, False) == ()


@pytest.mark.parametrize(
    ("length", "landmarks", "beats"),
    [
        (2.0, [], [2]),
        (3.0, [], [3]),
        (4.0, [], [2, 2]),
        (5.0, [], [2, 3]),
        (5.0, [13.0], [3, 2]),
        (5.0, [12.0, 13.0, 12.0], [2, 3]),
        (7.0, [13.0, 15.0], [3, 2, 2]),
        (3.5, [], [3, 2]),
        (1.0, [], [2]),
    ],
)
def test_bars_are_grouped_where_hits_and_chords_fall(length: float, landmarks: list[float], beats: list[int]) -> None:
    cells = cells_of_bar(10.0, length, landmarks, 100.0)
    assert [c.beats for c in cells] == beats
    assert cells[-1].start_beat + cells[-1].length == 10.0 + length
    assert all(a.start_beat + a.length == b.start_beat for a, b in itertools.pairwise(cells))


def test_a_bar_cut_short_by_the_end_has_no_cell_after_it() -> None:
    cells = cells_of_bar(8.0, 4.0, [], 10.3)
    assert [(c.start_beat, round(c.length, 6)) for c in cells] == [(8.0, 2.0), (10.0, 0.3)]


def test_levels_rise_with_the_density_and_do_not_flicker() -> None:
    levels = [choose_level(n / 10, 2.0) for n in range(100)]
    assert levels == sorted(levels) and set(levels) == set(range(7))
    border = next(n / 10 for n in range(99) if levels[n] == 3 and levels[n + 1] == 4)
    assert choose_level(border + 0.1, 2.0, before=3) == 3
    assert choose_level(border + 1.0, 2.0, before=3) == 4
