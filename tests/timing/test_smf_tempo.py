"""Tempo events of a MIDI file: a file of whole microseconds keeps real time."""

from __future__ import annotations

import itertools
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from v2m_bridge.errors import InputError
from v2m_bridge.timing.smf import SmfTempo, smf_tempo
from v2m_bridge.timing.tempo import TempoMap, TempoPoint

QUARTER_FRAME_S = 0.25 / 59.94


def file_seconds(events: tuple[SmfTempo, ...], tick: int, ppq: int) -> Fraction:
    """When a player that only knows the file reaches ``tick``."""
    total = Fraction(0)
    for event, after in itertools.zip_longest(events, events[1:]):
        stop = min(tick, after.tick) if after else tick
        if stop > event.tick:
            total += Fraction(stop - event.tick, ppq) * event.microseconds_per_quarter / 1_000_000
    return total


def worst_error_s(tempo_map: TempoMap, end_beat: float, ppq: int = 960) -> float:
    events = smf_tempo(tempo_map, end_beat, ppq)
    assert events[0].tick == 0
    assert all(a.tick < b.tick for a, b in itertools.pairwise(events))
    assert all(a.microseconds_per_quarter != b.microseconds_per_quarter for a, b in itertools.pairwise(events))
    beats = np.linspace(0, end_beat, 211)
    return max(
        abs(float(file_seconds(events, round(b * ppq), ppq)) - tempo_map.seconds_at(round(b * ppq) / ppq))
        for b in beats
    )


def many_tempi(minutes: float, seed: int) -> tuple[TempoMap, float]:
    """A step every few beats, as a fit makes them."""
    rng = np.random.default_rng(seed)
    points, seconds, beat = [], 0.0, 0.0
    while seconds < minutes * 60:
        bpm = float(rng.uniform(70, 140))
        points.append(TempoPoint(seconds, beat, bpm))
        length = float(rng.integers(1, 40)) / 2
        seconds, beat = seconds + length * 60 / bpm, beat + length
    return TempoMap(points), beat


@pytest.mark.parametrize("bpm", [120.0, 119.7731, 97.3, 71.9999, 143.21])
def test_one_tempo_does_not_drift_in_three_hours(bpm: float) -> None:
    assert worst_error_s(TempoMap.constant(bpm), bpm * 180) < 3e-4


def test_a_tempo_of_whole_microseconds_is_one_event() -> None:
    assert smf_tempo(TempoMap.constant(120.0), 20_000) == (SmfTempo(0, 500_000),)


@pytest.mark.parametrize("ppq", [96, 480, 960])
def test_a_thousand_tempi_stay_under_a_quarter_frame(ppq: int) -> None:
    tempo_map, end_beat = many_tempi(60, seed=4)
    assert len(tempo_map.points) > 500
    error_s = worst_error_s(tempo_map, end_beat, ppq)
    assert error_s < 3e-4 < QUARTER_FRAME_S


def test_rounding_alone_would_have_drifted() -> None:
    """The naive file (each tempo rounded by itself) is off by more, or this test would show nothing."""
    bpm, quarters = 119.7731, 7200
    naive_s = quarters * round(60e6 / bpm) / 1e6
    assert abs(naive_s - quarters * 60 / bpm) > 1e-3


def test_a_ramp_becomes_steps_that_end_on_time() -> None:
    ramp = TempoMap.from_seconds([(0.0, 80.0, False), (10.0, 80.0, True), (30.0, 140.0, False)])
    end_beat = ramp.beat_at(40.0)
    events = smf_tempo(ramp, end_beat)
    assert abs(float(file_seconds(events, round(ramp.beat_at(30.0) * 960), 960)) - 30.0) < 1e-3
    assert worst_error_s(ramp, end_beat) < QUARTER_FRAME_S
    assert len(events) > 100


@settings(deadline=None, max_examples=40)
@given(st.floats(20, 300), st.integers(1, 5000), st.sampled_from([24, 96, 480, 960, 32767]))
def test_any_constant_tempo_ends_on_time(bpm: float, beats: int, ppq: int) -> None:
    events = smf_tempo(TempoMap.constant(bpm), float(beats), ppq)
    assert abs(float(file_seconds(events, beats * ppq, ppq)) - beats * 60 / bpm) < 3e-4


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(InputError, match="does not fit"):
        smf_tempo(TempoMap.constant(3.0), 100)
    with pytest.raises(InputError, match="ticks"):
        smf_tempo(TempoMap.constant(120.0), 100, ppq=0)
