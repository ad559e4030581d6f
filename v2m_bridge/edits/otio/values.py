"""Times and schemas of OpenTimelineIO JSON, read exactly and with limits.

We read the JSON ourselves: the library refuses a whole file for one unknown child or a newer marker, and damaged
input should not reach its C++ parser. Times become exact seconds (``Fraction``).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import Any

from v2m_bridge.edits.limits import MAX_DURATION_S, MAX_TIME_S
from v2m_bridge.errors import InputError
from v2m_bridge.timing.rates import MAX_RATE, exact_rate

Json = dict[str, Any]

_OLD_NAMES = {"Sequence": "Track", "Filler": "Gap", "SerializeableCollection": "SerializableCollection"}
MAX_SAMPLE_RATE = 1_000_000
ROUNDED = Fraction(1, 10**6)
"""A rate that is written so far from its exact value was rounded; a float is nearer."""


@dataclass(frozen=True)
class TimeRange:
    """``[start_s, start_s + duration_s)`` in exact seconds; ``rate`` is that of the start.

    ``written_rate`` is the rate as the file has it, which may be rounded (23.976 for 24000/1001).
    """

    start_s: Fraction
    duration_s: Fraction
    rate: Fraction
    written_rate: Fraction | None = None

    @property
    def is_rounded(self) -> bool:
        """Whether the written rate is not the exact one."""
        return self.written_rate is not None and abs(self.written_rate - self.rate) > ROUNDED

    @property
    def start_as_written_s(self) -> Fraction:
        """Seconds of the start by the rate as it is written."""
        return self.start_s * self.rate / self.written_rate if self.written_rate else self.start_s


def schema(value: object) -> str:
    """Schema name without its version, old names as today's; empty for what is no OTIO object."""
    text = value.get("OTIO_SCHEMA") if isinstance(value, dict) else None
    name = text.split(".")[0] if isinstance(text, str) else ""
    return _OLD_NAMES.get(name, name)


def text_of(value: object) -> str:
    """A JSON string, or an empty one for anything else."""
    return value if isinstance(value, str) else ""


def list_of(value: object) -> list[Any]:
    """A JSON array, or an empty one for anything else."""
    return value if isinstance(value, list) else []


def dict_of(value: object) -> Json:
    """A JSON object, or an empty one for anything else."""
    return value if isinstance(value, dict) else {}


def number(value: object, place: str) -> Fraction:
    """A finite JSON number as an exact fraction; floats are rounded to a billionth (20.000000000000004 is 20).

    Raises:
        InputError: no number, or not finite; the message begins with ``place``.
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InputError(f"{place}: {str(value)[:40]!r} is not a number")
    if isinstance(value, float):
        if not math.isfinite(value):
            raise InputError(f"{place}: {value} is not a finite number")
        return Fraction(int(value)) if value.is_integer() else Fraction(round(Fraction(value) * 10**9), 10**9)
    return Fraction(value)


@lru_cache(maxsize=256)
def _time_rate(value: float) -> Fraction:
    """The rate of one time value: a frame rate snapped to its exact value, or an audio sample rate."""
    rate = number(value, "rate")
    if 0 < rate <= MAX_RATE:
        return exact_rate(rate)
    if not 0 < rate <= MAX_SAMPLE_RATE:
        raise InputError(f"rate {short(rate)} is not a positive frame rate")
    return rate


@lru_cache(maxsize=4096)
def _seconds(value: float, raw_rate: float) -> Fraction:
    count, rate = number(value, "value"), _time_rate(raw_rate)
    seconds = count / rate
    if abs(seconds.numerator) > MAX_TIME_S * seconds.denominator:
        raise InputError(f"{short(count)} frames at {float(rate):g} is beyond any footage")
    return seconds


def time_s(value: object, place: str) -> tuple[Fraction, Fraction]:
    """Exact seconds and rate of a RationalTime.

    Raises:
        InputError: not a time, or beyond :data:`~v2m_bridge.edits.limits.MAX_TIME_S`.
    """
    raw = dict_of(value)
    count: Any = raw.get("value")
    rate: Any = raw.get("rate")
    if type(count) not in (int, float) or type(rate) not in (int, float):  # a bool is neither
        raise InputError(f"{place}: not a time with value and rate")
    try:
        return _seconds(count, rate), _time_rate(rate)
    except InputError as error:
        raise InputError(f"{place}: {error.message}") from error


def time_range(value: object, place: str) -> TimeRange | None:
    """A TimeRange, or None where the file has null.

    Raises:
        InputError: negative or absurd length, or a damaged time.
    """
    if value is None:
        return None
    raw = dict_of(value)
    start_s, rate = time_s(raw.get("start_time"), place)
    duration_s, _ = time_s(raw.get("duration"), place)
    if duration_s.numerator < 0:
        raise InputError(f"{place}: duration is {short(duration_s * rate)} frames, less than nothing")
    if duration_s.numerator > MAX_DURATION_S * duration_s.denominator:
        raise InputError(f"{place}: duration of {short(duration_s * rate)} frames is more than 100 hours")
    return TimeRange(start_s, duration_s, rate, _written(raw["start_time"]["rate"]))


@lru_cache(maxsize=256)
def _written(rate: float) -> Fraction:
    return number(rate, "rate")


def short(value: Fraction) -> str:
    """A number of any size for a message."""
    if abs(value) >= 10**15:
        return f"about 10^{len(str(abs(int(value)))) - 1}" if abs(value) < 10**4000 else "far too many"
    return f"{float(value):g}"
