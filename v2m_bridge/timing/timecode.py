"""SMPTE timecode, drop frame and non-drop, for any rate up to 1000 (SMPTE ST 12-1)."""

from __future__ import annotations

import re
from fractions import Fraction

from v2m_bridge.errors import InputError

_PATTERN = re.compile(r"\s*(-?)(\d{1,4}):([0-5]?\d):([0-5]?\d)([:;.,])(\d{1,3})\s*")


def nominal_fps(rate: Fraction) -> int:
    """Frames that one second of timecode counts: 24 for 24000/1001."""
    return max(1, round(rate))


def can_drop_frames(rate: Fraction) -> bool:
    """Drop frame exists only for the NTSC multiples of 30 (29.97, 59.94, 119.88)."""
    return rate.denominator == 1001 and nominal_fps(rate) % 30 == 0


def hours_of_timecode(rate: Fraction) -> tuple[Fraction, ...]:
    """Seconds that an hour of timecode lasts at a rate: with every number, and with drop frame where that exists.

    >>> [float(s) for s in hours_of_timecode(Fraction(24000, 1001))]
    [3603.6]
    """
    whole = Fraction(3600 * nominal_fps(rate)) / rate
    return (whole, parse_timecode("01:00:00;00", rate) / rate) if can_drop_frames(rate) else (whole,)


def format_timecode(frame: int, rate: Fraction, drop_frame: bool = False) -> str:
    """``HH:MM:SS:FF`` (``;`` before the frames when drop frame) of an absolute frame count."""
    fps = nominal_fps(rate)
    sign, count = ("-", -frame) if frame < 0 else ("", frame)
    if drop_frame and can_drop_frames(rate):
        count = _with_dropped_numbers(count, fps)
    separator = ";" if drop_frame and can_drop_frames(rate) else ":"
    seconds, frames = divmod(count, fps)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    digits = max(2, len(str(fps - 1)))
    return f"{sign}{hours:02d}:{minutes:02d}:{seconds:02d}{separator}{frames:0{digits}d}"


def check_timecode(text: str) -> None:
    """Refuse what is no timecode at any rate.

    Raises:
        InputError: as for :func:`parse_timecode`.
    """
    if not _PATTERN.fullmatch(text):
        raise InputError(f"{text!r} is not a timecode", "write it as HH:MM:SS:FF")


def parse_timecode(text: str, rate: Fraction) -> int:
    """Absolute frame count of a timecode; ``;`` or ``,`` before the frames means drop frame.

    Raises:
        InputError: not a timecode, or a frame number that this rate does not have.
    """
    match = _PATTERN.fullmatch(text)
    if not match:
        raise InputError(f"{text!r} is not a timecode", "write it as HH:MM:SS:FF")
    sign, hours, minutes, seconds, separator, frames = match.groups()
    fps = nominal_fps(rate)
    if int(frames) >= fps:
        raise InputError(f"timecode {text!r} has frame {frames}, but the rate is {fps} frames a second")
    total_minutes = int(hours) * 60 + int(minutes)
    count = (total_minutes * 60 + int(seconds)) * fps + int(frames)
    if separator in ";," and can_drop_frames(rate):
        dropped = fps // 15
        if int(frames) < dropped and int(seconds) == 0 and total_minutes % 10:
            raise InputError(f"timecode {text!r} does not exist in drop frame")
        count -= dropped * (total_minutes - total_minutes // 10)
    return -count if sign else count


def _with_dropped_numbers(count: int, fps: int) -> int:
    """The frame count plus the frame numbers that drop frame skips before it."""
    dropped = fps // 15
    per_minute = fps * 60 - dropped
    per_ten = per_minute * 10 + dropped
    tens, rest = divmod(count, per_ten)
    extra = dropped * 9 * tens
    if rest >= fps * 60:
        extra += dropped * (1 + (rest - fps * 60) // per_minute)
    return count + extra
