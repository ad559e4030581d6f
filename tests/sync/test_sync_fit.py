"""The tempo fit: hard constraints by an independent check, and what a composer expects of the map."""

from __future__ import annotations

import itertools
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sync_films import RATES, film, fitted, make_hits, random_cuts

from v2m_bridge.errors import InputError
from v2m_bridge.sync.fit import fit_tempo
from v2m_bridge.sync.model import FitOptions, Lands
from v2m_bridge.timeline.hits import Hit, HitKind

SETTINGS = settings(deadline=None, max_examples=30)


@SETTINGS
@given(film, st.floats(50, 180), st.integers(0, 8))
def test_hard_constraints_hold_on_any_film(shots: Any, bpm: float, musts: int) -> None:
    seed, rate, median_s, count = shots
    frames = random_cuts(seed, rate, median_s, count)
    wanted = np.random.default_rng(seed).choice(frames, min(musts, len(frames)), replace=False)
    fit = fitted(make_hits(frames, rate, wanted), rate, bpm)
    lost = [x for x in fit.landings if x.hit.must and x.lands is not Lands.DOWNBEAT]
    assert all(x.reason for x in lost)
    assert sum("must-hit" in warning for warning in fit.warnings if warning.startswith("must-hit")) == len(lost)


@SETTINGS
@given(film, st.floats(0.02, 0.2), st.floats(0.005, 0.1), st.booleans())
def test_every_limit_can_be_changed(shots: Any, tempo_range: float, max_step: float, eighths: bool) -> None:
    seed, rate, median_s, count = shots
    hits = make_hits(random_cuts(seed, rate, median_s, count), rate)
    fitted(hits, rate, 110.0, tempo_range=tempo_range, max_step=max_step, eighths=eighths)


@pytest.mark.parametrize("bpm", [96.0, 120.0])
def test_nearly_all_cuts_of_films_nobody_tuned_on(bpm: float) -> None:
    """Cuts of 2-6 s medians: at least nine in ten land, where the best constant tempo gets under half."""
    shares, constants = [], []
    for seed, (rate, median_s) in enumerate(itertools.product(RATES, (2.5, 4.0, 6.0))):
        summary = fitted(make_hits(random_cuts(900 + seed, rate, median_s, 50), rate), rate, bpm).summary
        shares.append(summary.landed_share)
        constants.append(summary.constant_landed_share)
    assert min(shares) >= 0.86
    assert np.mean(shares) >= 0.95
    assert np.mean(constants) < 0.45


def test_must_hits_of_a_film_are_all_on_downbeats() -> None:
    for seed, rate in enumerate(RATES):
        frames = random_cuts(50 + seed, rate, 3.0, 60)
        musts: list[int] = []
        for frame in frames:
            if frame - (musts[-1] if musts else 0) >= 5 * rate:
                musts.append(frame)
        fit = fitted(make_hits(frames, rate, musts), rate)
        assert [x.hit.frame for x in fit.landings if x.hit.must and x.lands is Lands.DOWNBEAT] == musts
        assert len(musts) > 15


def test_two_must_hits_five_frames_apart() -> None:
    rate = Fraction(24)
    fit = fitted(make_hits([100, 240, 245, 400], rate, [240, 245]), rate)
    kept = [x for x in fit.landings if x.hit.must and x.lands is Lands.DOWNBEAT]
    assert len(kept) == 1
    (warning,) = [w for w in fit.warnings if w.startswith("must-hit")]
    assert "5 frames" in warning
    assert "shortest bar (2 beats)" in warning
    assert str({240, 245}.difference({kept[0].hit.frame}).pop()) in warning


def test_the_weightier_of_two_must_hits_wins() -> None:
    rate = Fraction(25)
    for heavy in (300, 306):
        hits = [
            replace(hit, weight=5.0 if hit.frame == heavy else 1.0) for hit in make_hits([300, 306], rate, [300, 306])
        ]
        fit = fitted(hits, rate)
        assert {x.hit.frame for x in fit.landings if x.lands is Lands.DOWNBEAT} == {heavy}
        between = [*hits[:1], Hit(303, Fraction(303, 25), HitKind.CUT), *hits[1:], *make_hits([400, 450], rate)]
        assert heavy in {x.hit.frame for x in fitted(between, rate).landings if x.lands is Lands.DOWNBEAT}


def test_a_must_hit_right_after_the_start_is_reported() -> None:
    fit = fitted(make_hits([7], Fraction(24), [7]), Fraction(24))
    assert "the start" in fit.warnings[0]


def test_a_hit_on_the_first_frame_is_the_first_downbeat() -> None:
    fit = fitted(make_hits([0, 100], Fraction(24), [0]), Fraction(24))
    assert (fit.landings[0].beat, fit.landings[0].lands, fit.landings[0].error_frames) == (0.0, Lands.DOWNBEAT, 0.0)


def test_an_empty_edit_is_one_steady_tempo_in_four() -> None:
    fit = fitted([], Fraction(24), 93.0)
    assert [p.bpm for p in fit.tempo_map.points] == [93.0]
    assert [(m.numerator, m.denominator) for m in fit.tempo_map.metres] == [(4, 4)]
    assert fit.summary.landed_share == 1.0
    assert fit.warnings == ()


@pytest.mark.parametrize("count", [1, 2, 3])
def test_few_hits_do_not_make_the_tempo_wander(count: int) -> None:
    for seed in range(12):
        rng = np.random.default_rng(seed)
        rate = RATES[seed % len(RATES)]
        frames = np.sort(rng.choice(int(180 * rate), count, replace=False)) + int(5 * rate)
        summary = fitted(make_hits(frames, rate), rate).summary
        assert summary.landed == count
        assert summary.max_step < 0.02
        assert summary.max_bpm / summary.min_bpm < 1.03
        assert abs(summary.max_bpm / 120 - 1) < 0.05


def test_cuts_already_on_a_grid_keep_it() -> None:
    """An edit cut to music at 120: the map is that tempo and nothing else."""
    rate = Fraction(24)
    frames = [12 * beat for beat in (4, 8, 9, 10, 16, 20, 24, 26, 32, 40, 44, 48, 64, 66, 68, 72)]
    fit = fitted(make_hits(frames, rate), rate)
    assert fit.summary.landed_share == 1.0
    assert fit.summary.max_step < 1e-4
    assert abs(fit.summary.min_bpm - 120) < 0.05


def test_never_worse_than_the_best_constant_tempo() -> None:
    for seed in range(30):
        rate = RATES[seed % len(RATES)]
        hits = make_hits(random_cuts(seed, rate, (0.5, 2.0, 5.0)[seed % 3], 5 + 2 * seed), rate)
        summary = fitted(hits, rate, 100.0).summary
        assert summary.landed_share >= summary.constant_landed_share


def test_must_hits_lie_close_to_their_frame() -> None:
    """The slack smooths the tempo, but a must-hit takes little of it; nothing is lost for that."""
    musts, cuts = [], []
    for seed, rate in enumerate(RATES):
        frames = random_cuts(40 + seed, rate, 3.0, 60)
        for x in fitted(make_hits(frames, rate, frames[5::6]), rate).landings:
            if x.lands is not Lands.MISS:
                (musts if x.hit.must else cuts).append(abs(x.error_frames))
    assert len(musts) > 40
    assert np.mean(musts) < 0.25
    assert np.mean(musts) < 0.7 * np.mean(cuts)


@pytest.mark.parametrize(
    "frames",
    [
        pytest.param(range(1, 400), id="consecutive"),
        pytest.param(range(3, 4000, 3), id="every third"),
        pytest.param([*range(100, 130), 5000, *range(5001, 5040)], id="two bursts"),
        pytest.param([1, 2, 258_000, 259_199], id="three hours, four hits"),
        pytest.param([40, 1_000_000], id="eleven hours"),
    ],
)
def test_hard_inputs(frames: Any) -> None:
    fit = fitted(make_hits(frames, Fraction(24)), Fraction(24))
    assert fit.summary.landed >= 2


def test_two_thousand_hits_of_three_hours() -> None:
    frames = np.unique(np.random.default_rng(1).integers(1, 3 * 3600 * 24, 2000))
    fit = fitted(make_hits(frames, Fraction(24)), Fraction(24))
    assert fit.summary.landed_share > 0.92


def test_smoothing_loses_no_hit_and_makes_the_steps_smaller() -> None:
    """Against the same beats without slack: every beat exactly on its picture."""
    for seed in range(4):
        rate = RATES[seed]
        fit = fitted(make_hits(random_cuts(60 + seed, rate, 4.0, 40), rate), rate)
        landed = [x for x in fit.landings if x.lands is not Lands.MISS]
        beats = np.array([0.0, *(x.beat for x in landed)])
        times = np.array([0.0, *(float(x.hit.seconds) for x in landed)])
        keep = np.concatenate(([True], np.diff(beats) > 0))
        exact = np.diff(beats[keep]) / np.diff(times[keep])
        smoothed = np.diff(beats[keep]) / np.diff([fit.tempo_map.seconds_at(b) for b in beats[keep]])
        assert np.square(np.diff(np.log(smoothed))).sum() < 0.9 * np.square(np.diff(np.log(exact))).sum()


def test_odd_bars_only_where_they_pay() -> None:
    rate = Fraction(24)
    frames = random_cuts(5, rate, 2.5, 60)
    free = fitted(make_hits(frames, rate), rate, odd_bar_cost=0.3)
    dear = fitted(make_hits(frames, rate), rate, odd_bar_cost=1e6)
    assert dear.summary.odd_bars == 0
    assert free.summary.odd_bars > 3
    assert free.summary.downbeat_share > dear.summary.downbeat_share


def test_steadiness_gives_up_hits_for_smaller_steps() -> None:
    rate = Fraction(24)
    hits = make_hits(random_cuts(6, rate, 1.5, 60), rate)
    eager, calm = fitted(hits, rate), fitted(hits, rate, steadiness=5.0)
    assert calm.summary.landed < eager.summary.landed
    steps = [np.abs(np.diff(np.log([p.bpm for p in fit.tempo_map.points]))) for fit in (eager, calm)]
    assert steps[1].sum() < steps[0].sum()


def test_no_step_allowed_is_the_best_constant_tempo() -> None:
    rate = Fraction(24)
    fit = fitted(make_hits(random_cuts(7, rate, 3.0, 40), rate), rate, max_step=0.0)
    assert len(fit.tempo_map.points) == 1
    assert fit.summary.landed_share >= fit.summary.constant_landed_share - 0.03


def test_auto_stays_in_its_range_and_follows_the_pace() -> None:
    rate = Fraction(24)
    tempi = {}
    for median_s in (0.7, 8.0):
        fit = fitted(make_hits(random_cuts(3, rate, median_s, 60), rate), rate, None)
        assert fit.requested_bpm == round(fit.requested_bpm)
        assert 60 <= fit.requested_bpm <= 160
        tempi[median_s] = fit.requested_bpm
    assert tempi[0.7] > tempi[8.0] + 20
    sad = fitted(make_hits(random_cuts(3, rate, 4.0, 60), rate), rate, None, mood="sad").requested_bpm
    exciting = fitted(make_hits(random_cuts(3, rate, 4.0, 60), rate), rate, None, mood="exciting").requested_bpm
    assert sad < exciting


@pytest.mark.parametrize(
    "frames",
    [[], [100], [5], [100, 187], [5, 12], [20, 259_199], [*range(19, 200, 19)], [10, 21, 32, 48]],
)
def test_the_map_of_auto_stays_in_the_range_of_auto(frames: list[int]) -> None:
    summary = fitted(make_hits(frames, Fraction(24)), Fraction(24), None).summary
    assert 60 <= summary.min_bpm <= summary.max_bpm <= 160
    assert summary.landed >= min(len(frames), 1)


def test_auto_of_a_range_without_room_is_its_middle() -> None:
    fit = fit_tempo(make_hits([100, 187], Fraction(24)), 300, Fraction(24), FitOptions(min_bpm=118.0, max_bpm=122.0))
    assert fit.requested_bpm == 120


def test_three_must_hits_close_together_each_have_their_reason() -> None:
    fit = fitted(make_hits([240, 249, 258, 413], Fraction(24), [240, 249, 258]), Fraction(24))
    kept = {x.hit.frame for x in fit.landings if x.lands is Lands.DOWNBEAT and x.hit.must}
    assert len(kept) == 1
    reasons = {x.hit.frame: x.reason for x in fit.landings if x.hit.must and x.hit.frame not in kept}
    assert all("shortest bar (2 beats)" in reason and f"frame {min(kept)}" in reason for reason in reasons.values())
    assert len(reasons) == 2


def test_a_must_hit_one_frame_after_a_cut_wins() -> None:
    fit = fitted(make_hits([100, 240, 241, 395], Fraction(24), [241]), Fraction(24))
    cut, must = fit.landings[1:3]
    assert must.lands is Lands.DOWNBEAT
    assert cut.lands is Lands.MISS
    assert "too close: 1 frame before the hit at frame 241" in cut.reason
    assert fit.warnings == ("1 of 4 hits is not on the grid: too close to a neighbour",)


@pytest.mark.parametrize(
    "options",
    [
        {"bpm": 0.0},
        {"bpm": float("nan")},
        {"bpm": 100.0, "tempo_range": 0.5},
        {"bpm": 100.0, "max_step": -0.1},
        {"bpm": 100.0, "tolerance_frames": 0.0},
        {"min_bpm": 200.0, "max_bpm": 100.0},
        {"bpm": 100.0, "steadiness": -1.0},
        {"bpm": 100.0, "odd_bar_cost": float("nan")},
    ],
)
def test_options_out_of_range_are_refused(options: Any) -> None:
    with pytest.raises(InputError):
        fit_tempo([], 100, Fraction(24), FitOptions(**options))


def test_an_edit_without_length_is_refused() -> None:
    with pytest.raises(InputError, match="0 frames"):
        fit_tempo([], 0, Fraction(24))
