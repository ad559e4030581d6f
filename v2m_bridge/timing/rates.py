"""Frame rates as exact fractions: what hosts print as 23.976 is 24000/1001."""

from __future__ import annotations

import math
import re
from fractions import Fraction

from v2m_bridge.errors import InputError

MAX_RATE = 1000
"""Highest frame rate read, in frames a second."""
NTSC_TOLERANCE = 0.006
"""What hosts print (23.976, 23.98, 29.97, 59.94, 119.88) lies within this of n*1000/1001."""


def exact_rate(value: float | int | str | Fraction) -> Fraction:
    """The exact rate that a printed or rounded rate stands for.

    Args:
        value: frames per second: ``24``, ``23.976``, ``"24000/1001"``, ``"29.97 DF"``.

    Returns:
        The exact rate; values near n*1000/1001 for whole n become exactly that.

    Raises:
        InputError: not a number, not finite, not positive, or above 1000.
    """
    if isinstance(value, str):
        match = re.fullmatch(r"\s*(\d{1,9}(?:\.\d{1,12})?)(?:\s*/\s*(\d{1,9}))?\s*(?:fps|DF|NDF)?\s*", value, re.I)
        if not match or (match[2] is not None and int(match[2]) == 0):
            raise InputError(f"frame rate {value!r} is not a number", "write it like 24, 23.976 or 24000/1001")
        value = Fraction(match[1]) / int(match[2] or 1)
    elif isinstance(value, float) and not math.isfinite(value):
        raise InputError(f"frame rate {value!r} is not finite")
    rate = Fraction(value)
    if not 0 < rate <= MAX_RATE:
        raise InputError(f"frame rate {str(value)[:20]} is outside 0..{MAX_RATE}")
    return _snapped(rate)


def _snapped(rate: Fraction) -> Fraction:
    """The nearest whole or NTSC rate if it is close, else the rate itself."""
    if rate.denominator in (1, 1001):
        return rate
    if round(rate) and abs(rate - round(rate)) < Fraction(1, 2000):
        return Fraction(round(rate))
    ntsc = Fraction(round(rate * Fraction(1001, 1000)) * 1000, 1001)
    if ntsc > 0 and abs(float(rate - ntsc)) < NTSC_TOLERANCE:
        return ntsc
    return rate.limit_denominator(100_000) or rate


def frame_to_seconds(frame: int | Fraction, rate: Fraction) -> Fraction:
    """Exact seconds at the start of ``frame`` (frames counted from 0)."""
    return Fraction(frame) / rate


def seconds_to_frame(seconds: float | Fraction, rate: Fraction) -> int:
    """The frame whose start lies nearest to ``seconds``."""
    return round(Fraction(seconds) * rate)


def rate_text(rate: Fraction) -> str:
    """``"24000/1001"`` or ``"25"``; :func:`exact_rate` reads it back."""
    return str(rate)
