"""Contacts in films whose truth is known; seeds and scenes that nothing was tuned on."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from contact_films import (
    RATES,
    ContactFilm,
    ball_film,
    hammer_film,
    hits_and_misses,
    metronome_film,
    noise_film,
    pan_film,
)

from v2m_bridge.demo.synthesis import Scene, ShotPlan, synthesise_film
from v2m_bridge.footage.bare_video import read_video
from v2m_bridge.footage.measure import MeasureOptions, measure
from v2m_bridge.footage.model import FootageFeatures
from v2m_bridge.footage.movement.contacts import find_contacts
from v2m_bridge.footage.video.movement import AREA, CENTRE, MovementMeter
from v2m_bridge.sync.fit import fit_tempo
from v2m_bridge.sync.model import Fit, FitOptions, Lands
from v2m_bridge.sync.motion import fit_with_motion
from v2m_bridge.timeline.hits import Hit, HitKind, HitOptions, find_hits
from v2m_bridge.timeline.model import Timeline

Maker = Callable[..., ContactFilm]


def damped(seed: int, rate: Fraction, *, seconds: float) -> ContactFilm:
    return ball_film(seed, rate, seconds=seconds, damped=True)


def sharp(seed: int, rate: Fraction, *, seconds: float) -> ContactFilm:
    return metronome_film(seed, rate, seconds=seconds, sharp=True)


def contacts_of(film: ContactFilm) -> list[float]:
    meter = MovementMeter()
    for picture in film.pictures():
        meter.add(picture)
    rows = meter.finish()
    assert len(rows) == film.frames
    return [contact.index / float(film.rate) for contact in find_contacts(rows, float(film.rate))]


@pytest.mark.parametrize("maker", [ball_film, damped, metronome_film, sharp, hammer_film])
def test_contacts_are_found_within_a_frame(maker: Maker) -> None:
    films = [maker(500 + 10 * k, rate, seconds=4.0) for k, rate in enumerate(RATES)]
    films.append(maker(600, RATES[0], seconds=6.0))
    found = spare = total = 0
    for film in films:
        hits, false = hits_and_misses(film, contacts_of(film))
        found, spare, total = found + hits, spare + false, total + len(film.known)
    assert total >= 10
    assert found >= 0.95 * total, f"{found} of {total}"
    assert spare <= 0.05 * total, f"{spare} false of {total}"


def test_noise_has_no_contacts() -> None:
    for seed, rate in enumerate(RATES):
        assert contacts_of(noise_film(700 + seed, rate, seconds=2.0)) == []


def test_a_moving_camera_has_no_contacts() -> None:
    for seed, rate in enumerate(RATES):
        assert contacts_of(pan_film(720 + seed, rate, seconds=2.0)) == []


def test_the_path_of_a_thing_that_rests_and_moves() -> None:
    rng = np.random.default_rng(5)
    ground = rng.integers(40, 90, (45, 80)).repeat(4, axis=0).repeat(4, axis=1).astype(np.uint8)
    across = np.concatenate([np.full(30, 40), np.arange(40, 240, 10), np.full(20, 240), np.arange(240, 40, -20)])
    meter = MovementMeter()
    for left in across.tolist():
        picture = ground[..., None].repeat(3, axis=2)
        picture[60:90, left : left + 30] = 220
        meter.add(picture)
    rows = meter.finish()
    middle = np.stack([across + 15, np.full(len(across), 75)], axis=1) / 180
    assert np.abs(rows[:, CENTRE] - middle).max() < 0.01
    assert np.abs(rows[:, AREA] - 100 * 30 * 30 / (180 * 320)).max() < 0.6


# ------------------------------------------------------------------------------------------- through the whole flow


@pytest.fixture(scope="module")
def bounced(tmp_path_factory: pytest.TempPathFactory) -> tuple[ContactFilm, Timeline, FootageFeatures]:
    """A ball film that was encoded, read and measured like any other."""
    film = ball_film(801, RATES[1], seconds=10.0)
    folder = tmp_path_factory.mktemp("bounced")
    timeline = read_video(film.write(folder / "ball.mp4"))
    return film, timeline, measure(timeline, MeasureOptions(clip=False, cache_folder=folder / "cache"))


def test_onsets_of_an_encoded_film_are_its_contacts(
    bounced: tuple[ContactFilm, Timeline, FootageFeatures],
) -> None:
    film, timeline, features = bounced
    assert timeline.cuts == ()
    found, spare = hits_and_misses(film, [onset.seconds for onset in features.onsets])
    assert (found, spare) == (len(film.known), 0)
    assert all(0 < onset.strength <= 1 for onset in features.onsets)


def test_dense_features_of_a_film(tmp_path: Path) -> None:
    shots = [ShotPlan(Scene.LANDSCAPE, 48), ShotPlan(Scene.SHAPES, 50, 2.0)]
    film = synthesise_film(tmp_path / "two.mp4", shots=shots, size=(160, 90))
    timeline, cached = read_video(film.path), MeasureOptions(clip=False, cache_folder=tmp_path / "cache")
    features = measure(timeline, cached)
    assert features.dense.shape == (8 * features.length, 4)
    assert features.dense.dtype == np.float32
    assert features.dense_present.tolist() == [True] * 33 + [False] * 7  # 98 frames are 4.08 s
    assert not features.dense[33:].any()
    motion, novelty, brightness, colour = features.dense[:32].T
    assert int(novelty.argmax()) == 16  # the cut, at 2 s
    assert motion[16] < 4 * np.median(motion)  # is no motion
    for values in (brightness, colour):
        assert 0 < values.min() <= values.max() < 1.2
        assert abs(values[:16].mean() - values[16:].mean()) > 3 * values[:16].std()
    again = measure(timeline, cached)
    assert np.array_equal(again.dense, features.dense)
    assert again.onsets == features.onsets


# --------------------------------------------------------------------------------------------------- on the grid


def landed_cuts(fit: Fit) -> set[int]:
    return {x.hit.frame for x in fit.landings if x.hit.kind is not HitKind.MOTION and x.lands is not Lands.MISS}


def on_grid(fit: Fit, contacts: list[float], rate: Fraction) -> tuple[float, float]:
    """Share of moments within half a frame of an eighth, and the share of all time that is."""
    beats = np.arange(0, fit.end_beat + 0.5, 0.5)
    grid = np.array([fit.tempo_map.seconds_at(beat) for beat in beats])
    near = [np.abs(grid - contact).min() * float(rate) <= 0.5 + 1e-6 for contact in contacts]
    chance = len(grid) / (grid[-1] * float(rate))
    return float(np.mean(near)), chance


def test_contacts_come_to_lie_on_the_grid(bounced: tuple[ContactFilm, Timeline, FootageFeatures]) -> None:
    film, timeline, features = bounced
    hits = find_hits(timeline, HitOptions(motion_hits=1.0), features.onsets)
    fit = fit_with_motion(hits, timeline.duration_frames, timeline.rate)
    frames = [float(round(contact * film.rate) / film.rate) for contact in film.known]
    share, chance = on_grid(fit, frames, film.rate)
    assert share >= 2 * chance
    assert fit.summary.motion_hits == len(hits)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("bpm", [None, 112.0])
def test_no_cut_is_lost_to_movements(seed: int, bpm: float | None) -> None:
    rng, rate = np.random.default_rng([31, seed]), RATES[seed]
    length = round(60 * rate)
    cuts = np.unique(rng.integers(20, length, 24))
    moves = np.setdiff1d(np.unique(rng.integers(20, length, 70)), cuts)
    firm = [Hit(int(f), f / rate, HitKind.CUT, must=bool(k % 9 == 4)) for k, f in enumerate(cuts.tolist())]
    soft = [Hit(f, f / rate, HitKind.MOTION, float(rng.uniform(0.2, 1))) for f in moves.tolist()]
    options = FitOptions(bpm=bpm)
    plain = fit_tempo(firm, length, rate, options)
    fit = fit_with_motion([*firm, *soft], length, rate, options)
    assert landed_cuts(plain) <= landed_cuts(fit)
    assert fit.requested_bpm == plain.requested_bpm
    assert [x.hit.weight for x in fit.landings if x.hit.kind is HitKind.MOTION] == [hit.weight for hit in soft]
    assert fit.summary.motion_hits == len(soft)


def test_without_movements_nothing_changes() -> None:
    hits = [Hit(f, Fraction(f, 24), HitKind.CUT) for f in (31, 77, 160, 240)]
    with_motion, plain = fit_with_motion(hits, 300, Fraction(24)), fit_tempo(hits, 300, Fraction(24))
    assert with_motion.landings == plain.landings
    assert with_motion.tempo_map.points == plain.tempo_map.points
    assert with_motion.tempo_map.metres == plain.tempo_map.metres
