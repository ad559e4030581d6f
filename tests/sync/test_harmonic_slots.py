"""Harmonic slots: no gaps, whole beats, about the length asked for, starting on hits."""

from __future__ import annotations

import itertools
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from v2m_bridge.errors import InputError
from v2m_bridge.sync.fit import fit_tempo
from v2m_bridge.sync.model import Fit, FitOptions, Lands
from v2m_bridge.sync.slots import harmonic_slots
from v2m_bridge.timeline.hits import Hit, HitKind


def film(seed: int, count: int, bpm: float = 110.0, tail_frames: int = 37) -> Fit:
    rate = Fraction(25)
    lengths = np.maximum(1, np.random.default_rng(seed).lognormal(np.log(70), 0.8, count)).astype(int)
    frames = np.unique(np.cumsum(lengths))
    hits = [Hit(int(f), Fraction(int(f)) / rate, HitKind.CUT) for f in frames]
    return fit_tempo(hits, int(frames.sum() and frames[-1]) + tail_frames, rate, FitOptions(bpm=bpm))


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 1000), st.integers(1, 30), st.floats(0.2, 8.0))
def test_slots_cover_the_piece_without_gaps(seed: int, count: int, seconds: float) -> None:
    fit = film(seed, count)
    slots = harmonic_slots(fit, seconds)
    assert slots[0].start_beat == 0
    assert slots[-1].end_beat == fit.end_beat
    assert all(a.end_beat == b.start_beat and a.end_s == b.start_s for a, b in itertools.pairwise(slots))
    assert all(slot.start_beat % 1 == 0 and slot.end_beat > slot.start_beat for slot in slots)
    assert all(abs(fit.tempo_map.seconds_at(slot.start_beat) - slot.start_s) < 1e-9 for slot in slots)
    landed = {x.beat for x in fit.landings if x.lands in (Lands.DOWNBEAT, Lands.BEAT)}
    assert all(slot.on_hit == (slot.start_beat in landed) for slot in slots)


@pytest.mark.parametrize("seconds", [0.5, 1.0, 2.0, 4.0])
def test_slots_are_about_as_long_as_asked_for(seconds: float) -> None:
    lengths = [slot.end_s - slot.start_s for slot in harmonic_slots(film(3, 40), seconds)]
    assert 0.7 * seconds < np.median(lengths) < 1.4 * seconds
    assert max(lengths) <= max(2.5 * seconds, 1.2)


def test_most_hits_on_beats_start_a_slot() -> None:
    fit = film(5, 60)
    slots = harmonic_slots(fit)
    on_beats = sum(x.lands in (Lands.DOWNBEAT, Lands.BEAT) for x in fit.landings)
    assert on_beats > 20
    assert sum(slot.on_hit for slot in slots) >= 0.95 * on_beats


def test_without_hits_slots_are_half_bars_at_120() -> None:
    fit = fit_tempo([], 24 * 60, Fraction(24), FitOptions(bpm=120.0))
    slots = harmonic_slots(fit)
    assert {slot.end_beat - slot.start_beat for slot in slots} == {2.0}
    assert len(slots) == 60


def test_an_edit_of_one_frame_has_one_slot() -> None:
    (slot,) = harmonic_slots(fit_tempo([], 1, Fraction(24), FitOptions(bpm=120.0)))
    assert (slot.start_beat, slot.end_s) == (0.0, pytest.approx(1 / 24))


@pytest.mark.parametrize("seconds", [0.0, -1.0, float("nan"), float("inf")])
def test_a_senseless_rhythm_is_refused(seconds: float) -> None:
    with pytest.raises(InputError):
        harmonic_slots(fit_tempo([], 100, Fraction(24), FitOptions(bpm=120.0)), seconds)
