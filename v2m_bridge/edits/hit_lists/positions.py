"""Positions in a list of markers: timecode, frames, or time, on the clock of an edit."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from v2m_bridge.errors import InputError
from v2m_bridge.timeline.model import Timeline
from v2m_bridge.timing.timecode import parse_timecode

_TIMECODE = re.compile(r"(\d{1,2}):(\d{1,2}):(\d{1,2})[:;.,](\d{1,3})")
_TIME = re.compile(r"(?:(?:(\d{1,4}):)?(\d{1,4}):)?(\d{1,7}(?:[.,]\d{1,9})?)\s*s?")
_MEASURES = re.compile(r"\d+[.|]\s*\d+[.|]\s*\d+")


@dataclass(frozen=True)
class ListedMarker:
    """A marker of a list.

    Attributes:
        place: names it in messages (``line 7``).
        start, length: as the list has them, in frames of the edit; ``start`` counts on the list's clock.
        timecode: whether the list gave timecode, which counts from midnight, and not time.
    """

    place: str
    start: Fraction
    length: Fraction
    timecode: bool
    name: str
    color: str = ""
    note: str = ""


@dataclass(frozen=True)
class Position:
    """``frames`` of the edit's rate; ``timecode``: whether it was given as timecode."""

    frames: Fraction
    timecode: bool


def position(text: str, timeline: Timeline) -> Position:
    """A position at the edit's own rate.

    Args:
        text: ``01:00:10:00`` (``;`` drop frame), ``0:10.500``, ``1:00:10.500``, ``10.5`` (seconds) or ``240`` (frames).

    Raises:
        InputError: none of these, a frame that the rate has not, or bars and beats.
    """
    plain = text.strip()
    match = _TIMECODE.fullmatch(plain)
    if match and not _is_time_of_day(plain, match):
        return Position(Fraction(_frames(plain, match, timeline)), timecode=True)
    if plain.isdigit():
        return Position(Fraction(int(plain)), timecode=False)
    if match := _TIME.fullmatch(plain):
        hours, minutes, seconds = match[1] or "0", match[2] or "0", match[3].replace(",", ".")
        total_s = Fraction(int(hours) * 3600 + int(minutes) * 60) + Fraction(seconds)
        return Position(total_s * timeline.rate, timecode=False)
    if _MEASURES.fullmatch(plain):
        raise InputError(f"{plain!r} counts in bars and beats", "export the list with time or timecode instead")
    raise InputError(f"{plain[:40]!r} is neither a timecode nor a time")


def _is_time_of_day(text: str, match: re.Match[str]) -> bool:
    """Whether a text is hours, minutes and seconds with decimals: ``0:00:10.500``, not ``00:00:10.12``."""
    return text[match.start(4) - 1] in ".," and (len(match[4]) == 3 or len(match[1]) == 1)


def _frames(text: str, match: re.Match[str], timeline: Timeline) -> int:
    drop = timeline.drop_frame or ";" in text
    return parse_timecode(f"{match[1]}:{match[2]}:{match[3]}{';' if drop else ':'}{match[4]}", timeline.rate)


def starts_on_timeline(markers: Sequence[ListedMarker], timeline: Timeline) -> list[Fraction]:
    """Frames of the markers from the start of the timeline.

    Timecode counts from midnight as the edit's does, and time from the start of the edit; but writers differ, so if
    all of a list lies inside the edit only when it is counted the other way, it is.
    """
    end, origin = timeline.duration_frames, timeline.start_frame
    starts = [m.start for m in markers]
    from_midnight = all(m.timecode for m in markers)
    inside = {absolute: sum(0 <= s - (origin if absolute else 0) < end for s in starts) for absolute in (True, False)}
    if inside[not from_midnight] > inside[from_midnight] == 0:
        from_midnight = not from_midnight
    return [s - (origin if from_midnight else 0) for s in starts]
