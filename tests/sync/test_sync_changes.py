"""What a changed edit does to the tempo map: a hit more, another start timecode, black before the picture."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from sync_films import RATES, film, fitted, landed_weight, make_hits, random_cuts

from v2m_bridge.sync.fit import fit_tempo
from v2m_bridge.sync.model import Fit, FitOptions, Lands
from v2m_bridge.timeline.hits import Hit, HitKind, find_hits
from v2m_bridge.timeline.model import Cut, Timeline

SETTINGS = settings(deadline=None, max_examples=30)


def on_downbeats(fit: Fit) -> float:
    return sum(x.hit.weight for x in fit.landings if x.hit.must and x.lands is Lands.DOWNBEAT)


added_hit = st.tuples(
    st.floats(0.0, 1.05), st.sampled_from([0.05, 0.4, 1.0, 2.0]), st.sampled_from([False, False, True])
)


@settings(deadline=None, max_examples=120, derandomize=True)
@given(film, added_hit, st.integers(0, 4), st.sampled_from([72.0, 96.0, 120.0]))
def test_one_more_hit_never_lowers_the_weight_landed(shots: Any, added: Any, musts: int, bpm: float) -> None:
    """The old map is still there to be had: neither must-hits on downbeats nor all that lands become less."""
    (seed, rate, median_s, count), (share, weight, must) = shots, added
    frames = random_cuts(seed, rate, median_s, count)
    wanted = np.random.default_rng(seed).choice(frames, min(musts, len(frames)), replace=False)
    hits = make_hits(frames, rate, wanted)
    frame = 1 + round(share * frames[-1])
    if frame in frames:
        return
    more = [*hits, Hit(frame, Fraction(frame) / rate, HitKind.MARKER, weight, must and musts > 0)]
    end = frames[-1] + round(2 * rate)
    before, after = (fit_tempo(some, end, rate, FitOptions(bpm=bpm)) for some in (hits, more))
    assert on_downbeats(after) >= on_downbeats(before)
    if on_downbeats(after) == on_downbeats(before):
        assert landed_weight(after) >= landed_weight(before) - 1e-9


def test_a_burst_of_hits_one_by_one_never_lowers_the_weight_landed() -> None:
    """Ten more cuts within a second: what was reached across them is still reached."""
    for seed, rate in enumerate(RATES):
        frames = random_cuts(70 + seed, rate, 2.0, 25)
        rng = np.random.default_rng(seed)
        landed = -1.0
        for frame in [0, *rng.integers(frames[8] - 10, frames[8] + 11, 10)]:
            frames = [*frames, int(frame)] if frame else frames
            now = landed_weight(fitted(make_hits(frames, rate), rate))
            assert now >= landed
            landed = now


def test_the_start_timecode_of_the_edit_changes_nothing() -> None:
    rate = Fraction(24000, 1001)
    cuts = tuple(Cut(frame) for frame in random_cuts(4, rate, 3.0, 30))
    edits = [Timeline("film", rate, start, cuts[-1].frame + 100, cuts=cuts) for start in (0, 86400, 107_892)]
    fits = [fit_tempo(find_hits(edit), edit.duration_frames, rate, FitOptions(bpm=110.0)) for edit in edits]
    assert fits[0] == replace(fits[1], tempo_map=fits[0].tempo_map)
    assert fits[0].tempo_map.points == fits[1].tempo_map.points == fits[2].tempo_map.points


def behind_black(hits: list[Hit], rate: Fraction, frames: int) -> list[Hit]:
    return [replace(hit, frame=hit.frame + frames, seconds=hit.seconds + frames / rate) for hit in hits]


@SETTINGS
@given(film, st.integers(0, 5000), st.integers(1, 5000), st.integers(0, 4), st.sampled_from([72.0, 100.0, 131.0]))
def test_black_before_the_picture_moves_the_map_and_nothing_else(
    shots: Any, black: int, more: int, musts: int, bpm: float
) -> None:
    """From the first hit on, behind any length of black from 40 eighths on: the same beats, bars and landings."""
    seed, rate, median_s, count = shots
    frames = random_cuts(seed, rate, median_s, count + 1)
    wanted = np.random.default_rng(seed).choice(frames, min(musts, len(frames)), replace=False)
    black += 1 + int(rate * 40 * 30 / (0.9 * bpm))
    hits = behind_black(make_hits(frames, rate, wanted), rate, black)
    here, moved = fitted(hits, rate, bpm), fitted(behind_black(hits, rate, more), rate, bpm)
    first = next(k for k, x in enumerate(here.landings) if x.lands is not Lands.MISS)
    beats = moved.landings[first].beat - here.landings[first].beat
    assert beats == round(beats)
    assert sum(x.lands is not Lands.MISS for x in here.landings[first:]) < 2 or all(
        (before.lands, before.beat + beats) == (after.lands, after.beat)
        for before, after in zip(here.landings[first:], moved.landings[first:], strict=True)
    )
    if sum(x.lands is not Lands.MISS for x in here.landings) > 1:
        at = here.landings[first].beat
        for beat in np.arange(at, here.end_beat, 0.5):
            late_s = moved.tempo_map.seconds_at(beat + beats) - here.tempo_map.seconds_at(beat)
            assert abs(late_s - float(more / rate)) < 1e-8
        lines = [[bar.start_beat for bar in fit.tempo_map.bars(fit.end_beat)] for fit in (here, moved)]
        assert [b + beats for b in lines[0] if b >= at] == [b for b in lines[1] if b >= at + beats]


def test_the_lead_in_is_steady_and_close_to_what_follows() -> None:
    for seed, rate in enumerate(RATES):
        frames = random_cuts(30 + seed, rate, 3.0, 30)
        for black_s in (12, 20, 45, 200):
            fit = fitted(behind_black(make_hits(frames, rate), rate, round(black_s * rate)), rate)
            lead_in = [p.bpm for p in fit.tempo_map.points if p.seconds < float(fit.landings[0].hit.seconds) - 0.1]
            assert max(lead_in) / min(lead_in) < 1.04
            assert (
                abs(np.log(lead_in[-1] / fit.tempo_map.bpm_at_seconds(float(fit.landings[0].hit.seconds) + 0.1))) < 0.02
            )


def test_black_too_short_for_a_lead_in_costs_hardly_any_hit() -> None:
    """Beat 0 stays on the first frame, so right at the joint one hit more or less may land."""
    rate = Fraction(25)
    frames = random_cuts(8, rate, 3.0, 40)
    before = landed_weight(fitted(make_hits(frames, rate), rate))
    for shift in (1, 13, 50, 100):
        assert landed_weight(fitted(behind_black(make_hits(frames, rate), rate, shift), rate)) >= before - 1
