"""The documented curves: loudness to velocity and controllers, density to motion, and how predictions are widened."""

from __future__ import annotations

import itertools
import statistics

import pytest

from v2m_bridge.errors import InputError
from v2m_bridge.music.arrangement import DynamicsPoint
from v2m_bridge.music.dynamics import (
    SONG_DENSITY_SPREAD,
    DynamicsCurve,
    expression,
    loudness_of_share,
    loudness_share,
    modulation,
    velocity,
    widened,
)


@pytest.mark.parametrize(
    ("loudness", "share", "played"),
    [(0.0, 0.0, 26), (10 ** (-36 / 20), 0.0, 26), (10 ** (-21 / 20), 0.5, 69), (0.5012, 1.0, 112), (0.9, 1.0, 112)],
)
def test_velocity_is_linear_in_decibels(loudness: float, share: float, played: int) -> None:
    assert loudness_share(loudness) == pytest.approx(share, abs=1e-4)
    assert velocity(loudness) == played
    assert velocity(loudness, 8) == played + 8
    assert loudness_of_share(loudness_share(0.1)) == pytest.approx(0.1)


def test_controllers_span_their_range_and_never_leave_it() -> None:
    assert (expression(-1), expression(0), expression(1), expression(2)) == (64, 64, 122, 122)
    assert (modulation(-1), modulation(0), modulation(1), modulation(2)) == (16, 16, 118, 118)


def test_predictions_are_widened_about_their_median_in_their_order() -> None:
    points = [DynamicsPoint(4.0 * n, 6 + 0.3 * ((n * 7) % 5 - 2), 0.08 + 0.003 * (n % 5)) for n in range(30)]
    wide = widened(points)
    before, after = [p.note_density for p in points], [p.note_density for p in wide]
    assert statistics.median(after) == pytest.approx(6.0)
    assert max(after) - 6 == pytest.approx(6 * (max(before) - 6))
    assert 0 < min(after) < 6 - 4 * (6 - min(before))
    for field in ("note_density", "loudness"):
        order = sorted(range(30), key=lambda n: (getattr(points[n], field), n))
        values = [getattr(wide[n], field) for n in order]
        assert all(b >= a - 1e-9 for a, b in itertools.pairwise(values))
        assert values[-1] - values[0] > 2 * (getattr(points[order[-1]], field) - getattr(points[order[0]], field))


def test_what_moves_like_a_song_is_left_alone() -> None:
    points = [DynamicsPoint(float(n), 10 + SONG_DENSITY_SPREAD * (n % 3), 0.05 * 2 ** (n % 3)) for n in range(12)]
    assert list(widened(points)) == points
    few = [DynamicsPoint(0.0, 5.0, 0.1), DynamicsPoint(4.0, 6.0, 0.11)]
    assert list(widened(few)) == few
    flat = [DynamicsPoint(float(n), 7.0, 0.1) for n in range(12)]
    assert list(widened(flat)) == flat


def test_silence_stays_silence_and_nothing_passes_the_limits() -> None:
    points = [
        DynamicsPoint(float(n), 0.0 if n == 11 else 2 + n / 50, 0.0 if n == 11 else 0.4 + n / 200) for n in range(12)
    ]
    wide = widened(points)
    assert (wide[11].note_density, wide[11].loudness) == (0.0, 0.0)
    assert all(p.note_density > 0 and 0.3 < p.loudness < 0.5012 for p in wide[:11])
    assert wide[10].note_density - wide[0].note_density > 3 * 0.2


def test_the_smooth_curve_passes_through_the_middle_of_every_slot() -> None:
    curve = DynamicsCurve([DynamicsPoint(0, 5, 0.05), DynamicsPoint(4, 5, 0.2), DynamicsPoint(8, 5, 0.1)], 12.0)
    assert [curve.smooth_share(b) for b in (2, 6, 10)] == pytest.approx([loudness_share(v) for v in (0.05, 0.2, 0.1)])
    assert curve.smooth_share(4) == pytest.approx((curve.smooth_share(2) + curve.smooth_share(6)) / 2)
    assert (curve.loudness_at(3.99), curve.loudness_at(4.0)) == (0.05, 0.2)


def test_mean_density_is_weighted_by_time() -> None:
    curve = DynamicsCurve([DynamicsPoint(0, 4, 0.1), DynamicsPoint(2, 10, 0.1)], 8.0)
    assert curve.mean_density(1.0, 4.0) == pytest.approx((4 + 2 * 10) / 3)
    assert curve.mean_density(5.0, 6.0) == 10


def test_impossible_values_are_refused() -> None:
    for point in (DynamicsPoint(0, -1, 0.1), DynamicsPoint(0, 5, float("nan"))):
        with pytest.raises(InputError, match="beat 0"):
            DynamicsCurve([point], 4.0)
