"""Sections, and the direction that follows them: films described by numbers, without a picture file."""

from __future__ import annotations

import itertools
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from v2m_bridge.compose.direction import ENSEMBLES, Direction, direct
from v2m_bridge.compose.measured_energy import energy_of_arousal, features_for_chords, neutral_arc
from v2m_bridge.compose.sections import find_sections
from v2m_bridge.footage.affect.look import look_of, palette_of
from v2m_bridge.footage.affect.measures import FilmMeasures, measure_affect
from v2m_bridge.footage.model import DENSE_RATE, FootageFeatures
from v2m_bridge.music.emotions import EMOTIONS
from v2m_bridge.music.keys import parse_key
from v2m_bridge.options import ScoreOptions
from v2m_bridge.timeline.model import Cut, Marker, Shot, Timeline

RATE = Fraction(24)
Colour = tuple[int, int, int]

SEA, ROOM, FIRE = (40, 110, 190), (150, 120, 80), (220, 90, 20)


def timeline_of(cuts_s: list[float], seconds: float, markers: tuple[Marker, ...] = ()) -> Timeline:
    edges = [0, *(round(24 * cut) for cut in cuts_s), round(24 * seconds)]
    shots = tuple(Shot(a, b, name=f"shot {n}") for n, (a, b) in enumerate(itertools.pairwise(edges)))
    return Timeline("film", RATE, 0, edges[-1], shots, tuple(Cut(edge) for edge in edges[1:-1]), markers)


def features_of(timeline: Timeline, colours: list[Colour], change: float = 0.3, gain: float = 1.0) -> FootageFeatures:
    """A film of one colour a second (with some grain), in which so much changes a second."""
    rows = len(colours)
    grain = np.random.default_rng(7).integers(-12, 13, (rows, 9, 16, 3))
    pictures = np.clip(gain * (np.array(colours)[:, None, None] + grain), 0, 255).astype(np.uint8)
    look, there = look_of(pictures), np.ones(rows, np.bool_)
    dense = np.zeros((DENSE_RATE * rows, 4), np.float32)
    dense[:, 0] = change / DENSE_RATE
    moved = np.ones(len(dense), np.bool_)
    cuts_s = [timeline.seconds(cut.frame) for cut in timeline.cuts]
    affect = measure_affect(FilmMeasures(look, there, dense, moved, cuts_s, timeline.duration_s))
    nothing = np.zeros(rows, np.bool_)
    return FootageFeatures(
        timeline.duration_s,
        np.full(rows, 4, np.float32),
        np.zeros(rows, np.float32),
        np.zeros((rows, 768), np.float32),
        np.zeros((rows, 6), np.float32),
        there,
        nothing,
        nothing.copy(),
        dense=dense,
        dense_present=moved,
        look=look,
        palette=palette_of(pictures),
        look_present=there,
        affect=affect,
    )


def unseen(timeline: Timeline) -> FootageFeatures:
    rows = round(timeline.duration_s + 0.4999)
    absent = np.zeros(rows, np.bool_)
    cuts_s = [timeline.seconds(cut.frame) for cut in timeline.cuts]
    measures = FilmMeasures(np.zeros((rows, 4), np.float32), absent, np.zeros((0, 4), np.float32), absent[:0], cuts_s,
                            timeline.duration_s)  # fmt: skip
    return FootageFeatures(
        timeline.duration_s,
        np.zeros(rows, np.float32),
        np.zeros(rows, np.float32),
        np.zeros((rows, 768), np.float32),
        np.zeros((rows, 6), np.float32),
        absent,
        absent,
        absent,
        look=measures.look,
        look_present=absent,
        palette=np.zeros((rows, 20), np.float32),
        affect=measure_affect(measures),
    )


def direction(colours: list[Colour], cuts_s: list[float], gain: float = 1.0, change: float = 0.3, **wish: object):  # type: ignore[no-untyped-def]
    timeline = timeline_of(cuts_s, len(colours))
    return direct(timeline, features_of(timeline, colours, change, gain), ScoreOptions(**wish))


def test_a_place_that_returns_has_its_label_again() -> None:
    timeline = timeline_of([4, 12, 20, 26, 32, 44, 50], 56)
    colours = [SEA] * 12 + [ROOM] * 20 + [FIRE] * 12 + [SEA] * 12
    sections = find_sections(timeline, features_of(timeline, colours))
    assert [(s.start_s, s.end_s, s.label) for s in sections] == [
        (0, 12, "A"), (12, 32, "B"), (32, 44, "C"), (44, 56, "A"),
    ]  # fmt: skip
    assert all(0 <= s.energy <= 1 and s.reason for s in sections)


def test_shot_and_reverse_shot_are_one_section() -> None:
    timeline = timeline_of([2.0 * n for n in range(1, 20)], 40)
    colours = [SEA if (second // 2) % 2 else ROOM for second in range(40)]
    assert len(find_sections(timeline, features_of(timeline, colours))) == 1


def test_no_section_is_shorter_than_a_phrase_unless_a_mood_asks_for_it() -> None:
    timeline = timeline_of([3, 6, 9, 12, 15], 18)
    colours = [colour for colour in (SEA, FIRE, ROOM, FIRE, SEA, ROOM) for _ in range(3)]
    features = features_of(timeline, colours)
    assert all(s.length_s >= 8 for s in find_sections(timeline, features))
    asked = find_sections(timeline, features, [(3.0, "tense")])
    assert 3.0 in [s.start_s for s in asked]
    assert next(s for s in asked if s.start_s == 3.0).mood == "tense"


def test_a_long_take_that_changes_is_divided_without_a_cut() -> None:
    timeline = timeline_of([], 60)
    sections = find_sections(timeline, features_of(timeline, [SEA] * 30 + [FIRE] * 30))
    assert len(sections) == 2
    assert sections[0].end_s == pytest.approx(30, abs=1)


def test_an_offline_edit_has_sections_without_moods_and_knows_its_pace() -> None:
    timeline = timeline_of([10, 20, *(30 + 0.5 * n for n in range(60))], 60)
    sections = find_sections(timeline, unseen(timeline))
    assert len(sections) >= 2
    assert all(section.mood is None for section in sections)
    assert sections[-1].energy > sections[0].energy + 0.3


def test_a_dark_copy_goes_to_minor_and_the_flat_side_and_says_why() -> None:
    cuts = [4.0, 9.0, 14.0, 20.0]
    dark = direction([ROOM] * 24, cuts, gain=0.35)
    bright = direction([(240, 190, 120)] * 24, cuts)
    assert dark.key.minor and not bright.key.minor
    assert dark.mood in ("sad", "fearful", "tense") and bright.mood in ("relaxing", "exciting", "neutral")
    assert dark.preset != bright.preset
    assert "dark" in next(choice.reason for choice in dark.choices if choice.what == "mood")
    assert [choice.what for choice in dark.choices] == ["mood", "key", "ensemble", "tempo"]
    assert all(choice.reason for choice in dark.choices)


def test_fast_cutting_and_motion_go_to_a_livelier_ensemble_and_tempo() -> None:
    slow = direction([ROOM] * 30, [15.0], change=0.1)
    fast = direction([ROOM] * 30, [0.8 * n for n in range(1, 37)], change=1.5)
    assert slow.arousal is not None and fast.arousal is not None and slow.arousal + 0.5 < fast.arousal
    assert slow.preset != fast.preset


def test_seeds_choose_among_keys_that_fit_and_the_first_take_is_the_nearest() -> None:
    found: list[Direction] = [direction([ROOM] * 24, [8.0, 16.0], seed=seed) for seed in range(20)]
    keys = [d.key.name for d in found]
    assert 2 <= len(set(keys)) <= 3
    assert keys.count(keys[0]) >= 10
    assert len({d.key.minor for d in found}) == 1
    home = 7 * found[0].key.tonic % 12
    assert all(min((7 * d.key.tonic - home) % 12, (home - 7 * d.key.tonic) % 12) <= 1 for d in found)
    assert found[0].mood is not None
    assert {d.preset for d in found} == set(ENSEMBLES[found[0].mood])


def test_what_is_asked_for_overrules_the_picture() -> None:
    chosen = direction([ROOM] * 24, [8.0], key="Eb major", mood="exciting", preset="piano")
    assert chosen.key == parse_key("Eb major") and chosen.mood == "exciting" and chosen.preset == "piano"
    assert [c.reason for c in chosen.choices if c.what in ("key", "ensemble")] == ["asked for"] * 2
    assert chosen.arousal is None
    assert {section.mood for section in chosen.sections} == {"exciting"}


def test_chords_get_the_measured_mood_in_tenths_and_clip_overrules_it() -> None:
    timeline = timeline_of([8.0], 24)
    features = features_of(timeline, [ROOM] * 24, gain=0.4)
    sections = find_sections(timeline, features)
    given = features_for_chords(features, sections)
    assert given.emotion_present.all() and given.emotion.sum(axis=1) == pytest.approx(1)
    louder = features_for_chords(replace(features, motion=features.motion * 1.05), sections)
    assert (louder.motion == given.motion).all() and len(set(given.motion.tolist())) == len(sections)
    strongest = given.emotion.max(axis=1)
    assert strongest * 10 == pytest.approx(np.rint(strongest * 10), abs=1e-4)
    features.emotion[:, EMOTIONS.index("exciting")], features.emotion_present[:] = 1.0, True
    assert {s.mood for s in find_sections(timeline, features)} == {"exciting"}
    assert features_for_chords(features, sections) is features


def test_energy_follows_arousal_and_an_unseen_film_has_an_arc_but_no_crescendo() -> None:
    from v2m_bridge.amt.dynamics import Dynamics

    assert energy_of_arousal(0.5, 1) > 1 > energy_of_arousal(-0.5, 1)
    assert energy_of_arousal(0.9, 0) == 1
    rising = np.linspace(0.1, 0.3, 60, dtype=np.float32)
    arc = neutral_arc(Dynamics(40 * rising, rising), list(range(60)))
    assert abs(np.corrcoef(arc.loudness, np.arange(60))[0, 1]) < 0.5
    assert arc.loudness.max() > 1.2 * arc.loudness[0]
    assert arc.loudness.mean() == pytest.approx(rising.mean(), rel=0.15)
