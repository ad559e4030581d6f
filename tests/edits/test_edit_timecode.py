"""Rates and timecode: what hosts print, and drop frame both ways."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from v2m_bridge.errors import InputError
from v2m_bridge.timing.rates import exact_rate, frame_to_seconds, rate_text, seconds_to_frame
from v2m_bridge.timing.timecode import can_drop_frames, format_timecode, parse_timecode

NTSC = {"23.976": 24, "29.97": 30, "47.952": 48, "59.94": 60, "119.88": 120}
ALL_RATES = [Fraction(n) for n in (12, 15, 24, 25, 30, 48, 50, 60, 100, 120)]
ALL_RATES += [Fraction(n * 1000, 1001) for n in NTSC.values()]


@pytest.mark.parametrize("text", [*NTSC, "23.98", "59.94 fps", "29.97 DF"])
def test_printed_ntsc_rates_are_exact(text: str) -> None:
    nominal = NTSC.get(text[:6].strip(), NTSC.get(text[:5], 24))
    assert exact_rate(text) == Fraction(nominal * 1000, 1001)


@pytest.mark.parametrize("value", [23.976, 23.98, 23.976024627685547, 23.976023976023978, "24000/1001"])
def test_every_spelling_of_23_976_is_the_same_rate(value: float | str) -> None:
    assert exact_rate(value) == Fraction(24000, 1001)


@pytest.mark.parametrize("value", [24, 25.0, "25", "30", 50, 60, 100, 120, Fraction(25, 2), 12.5, 15])
def test_whole_and_odd_rates_stay_what_they_are(value: float | str | Fraction) -> None:
    assert exact_rate(value) == Fraction(value)


@pytest.mark.parametrize(
    "value", [0, -24, 1001, "abc", "24/0", "", float("nan"), float("inf"), 10**400, "-25", "24000/1001/2"]
)
def test_impossible_rates_are_refused(value: float | str) -> None:
    with pytest.raises(InputError):
        exact_rate(value)


@given(st.fractions(min_value=Fraction(1, 10**9), max_value=1000))
def test_a_rate_is_positive_and_reads_back_from_its_text(value: Fraction) -> None:
    rate = exact_rate(value)
    assert rate > 0
    if rate.denominator <= 999_999_999 and rate.numerator <= 999_999_999 and rate > Fraction(1, 100_000):
        assert exact_rate(rate_text(rate)) == exact_rate(rate)


@pytest.mark.parametrize(
    ("frame", "rate", "drop", "text"),
    [
        (86_400, Fraction(24), False, "01:00:00:00"),
        (86_400, Fraction(24000, 1001), False, "01:00:00:00"),
        (107_892, Fraction(30000, 1001), True, "01:00:00;00"),
        (107_892, Fraction(30000, 1001), False, "00:59:56:12"),
        (108_000, Fraction(30000, 1001), False, "01:00:00:00"),
        (1_799, Fraction(30000, 1001), True, "00:00:59;29"),
        (1_800, Fraction(30000, 1001), True, "00:01:00;02"),
        (17_982, Fraction(30000, 1001), True, "00:10:00;00"),
        (3_600, Fraction(60000, 1001), True, "00:01:00;04"),
        (7_200, Fraction(120000, 1001), True, "00:01:00;008"),
        (90_000, Fraction(25), False, "01:00:00:00"),
        (-1, Fraction(25), False, "-00:00:00:01"),
    ],
)
def test_known_timecodes(frame: int, rate: Fraction, drop: bool, text: str) -> None:
    assert format_timecode(frame, rate, drop) == text
    assert parse_timecode(text, rate) == frame


@given(st.integers(0, 24 * 3600 * 119), st.sampled_from(ALL_RATES), st.booleans())
def test_timecode_reads_back(frame: int, rate: Fraction, drop: bool) -> None:
    assert parse_timecode(format_timecode(frame, rate, drop), rate) == frame


@given(st.integers(0, 10**6), st.sampled_from([r for r in ALL_RATES if can_drop_frames(r)]))
def test_drop_frame_numbers_go_up_and_skip_only_the_first_of_a_minute(frame: int, rate: Fraction) -> None:
    here, there = format_timecode(frame, rate, True), format_timecode(frame + 1, rate, True)
    assert here < there
    if not there.endswith(("00", "000")) and here[:8] != there[:8]:
        assert there[6:8] == "00" and there[4] != "0"


@pytest.mark.parametrize(
    "text", ["", "1:2", "aa:00:00:00", "00:00:00:24", "00:60:00:00", "00:01:00;99", "1e9:00:00:00"]
)
def test_wrong_timecodes_are_refused(text: str) -> None:
    with pytest.raises(InputError):
        parse_timecode(text, Fraction(24))


def test_a_dropped_number_is_refused() -> None:
    with pytest.raises(InputError, match="does not exist"):
        parse_timecode("00:01:00;00", Fraction(30000, 1001))
    assert parse_timecode("00:10:00;00", Fraction(30000, 1001)) == 17_982


@given(st.integers(0, 10**7), st.sampled_from(ALL_RATES))
def test_frames_and_seconds_are_inverse(frame: int, rate: Fraction) -> None:
    assert seconds_to_frame(frame_to_seconds(frame, rate), rate) == frame
    assert seconds_to_frame(float(frame_to_seconds(frame, rate)), rate) == frame
