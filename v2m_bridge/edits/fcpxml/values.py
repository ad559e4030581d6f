"""Times, formats and retimes of FCPXML (Apple's "FCPXML Reference"): rational seconds such as ``1001/30000s``."""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass, field
from fractions import Fraction
from xml.etree.ElementTree import Element

from v2m_bridge.edits.draft import MAX_DURATION_S, MAX_TIME_S
from v2m_bridge.errors import InputError
from v2m_bridge.timing.rates import MAX_RATE, exact_rate

_TIME = re.compile(r"\s*(-?\d{1,18})(?:\.(\d{1,9})\d*)?(?:/(\d{1,18}))?s?\s*")
_NAMED_RATES = {"2398": "24000/1001", "2997": "30000/1001", "5994": "60000/1001", "11988": "120000/1001"}
CONFORM_LIMIT = Fraction(12, 100)
"""Rates closer than this are conformed frame by frame (25 in 24), others by leaving out or doubling frames."""


def time_s(element: Element, name: str, default: Fraction | None = None) -> Fraction:
    """Seconds of one attribute.

    Raises:
        InputError: no time, or beyond any footage.
    """
    text = element.get(name)
    if text is None:
        return Fraction(0) if default is None else default
    match = _TIME.fullmatch(text)
    if not match or (match[3] and int(match[3]) == 0):
        raise InputError(f"{title(element)}: {name}={text[:40]!r} is not a time such as 1001/30000s")
    seconds = (int(match[1]) + Fraction(int(match[2] or 0), 10 ** len(match[2] or ""))) / int(match[3] or 1)
    if abs(seconds) > MAX_TIME_S:
        raise InputError(f"{title(element)}: {name}={text[:40]!r} is beyond any footage")
    return seconds


def duration_s(element: Element, default: Fraction) -> Fraction:
    """The ``duration`` attribute, refused when negative or absurd."""
    seconds = time_s(element, "duration", default)
    if not 0 <= seconds <= MAX_DURATION_S:
        raise InputError(f"{title(element)}: a duration of {float(seconds):g} s is not possible")
    return seconds


def title(element: Element) -> str:
    """How a message names an element."""
    name = element.get("name") or element.get("value") or element.get("ref") or element.get("id") or ""
    return f"<{element.tag[:60]}> {name[:60]!r}"


def format_rate(element: Element | None) -> Fraction | None:
    """Frames per second of a ``<format>``, by its frame duration or its name; None where it has none."""
    if element is None:
        return None
    if element.get("frameDuration"):
        frame_s = time_s(element, "frameDuration")
        if not Fraction(1, MAX_RATE) <= frame_s:
            raise InputError(f"{title(element)}: a frame of {float(frame_s):g} s is not possible")
        return exact_rate(1 / frame_s)
    match = re.search(r"(?:p|i|\d)(2398|24|25|2997|30|50|5994|60|90|100|11988|120)$", element.get("name") or "")
    return exact_rate(_NAMED_RATES.get(match[1], match[1])) if match else None


@dataclass(frozen=True)
class TimeMap:
    """``<timeMap>``: (time in the edit, time in the media) points, linear between them; empty is normal speed."""

    points: tuple[tuple[Fraction, Fraction], ...] = ()
    scale: Fraction = Fraction(1)
    ramped: bool = field(default=False)

    def media_s(self, own_s: Fraction) -> Fraction:
        """Media seconds at the clip's own time; beyond the points the outer slopes go on."""
        if len(self.points) < 2:
            shift_s = self.points[0][1] - self.points[0][0] if self.points else Fraction(0)
            return own_s * self.scale + shift_s
        index = 0
        while index + 2 < len(self.points) and own_s >= self.points[index + 1][0]:
            index += 1
        (t0, v0), (t1, v1) = self.points[index], self.points[index + 1]
        return v0 + (own_s - t0) * (v1 - v0) / (t1 - t0)

    def speed(self, start_s: Fraction, end_s: Fraction) -> Fraction:
        """Mean speed over ``[start_s, end_s]`` of the clip's own time."""
        if end_s <= start_s:
            return self.scale
        return (self.media_s(end_s) - self.media_s(start_s)) / (end_s - start_s)

    def is_straight(self, start_s: Fraction, end_s: Fraction) -> bool:
        """Whether one speed holds over the whole range."""
        speeds = {
            (v1 - v0) / (t1 - t0)
            for (t0, v0), (t1, v1) in itertools.pairwise(self.points)
            if t1 > start_s and t0 < end_s
        }
        return len(speeds) < 2 or max(speeds) - min(speeds) < Fraction(1, 1000)


def time_map(element: Element, media_rate: Fraction | None, edit_rate: Fraction) -> TimeMap:
    """The retime of a clip: its ``<timeMap>``, else what ``<conform-rate>`` does to footage of another rate."""
    table = element.find("timeMap")
    if table is not None:
        points: list[tuple[Fraction, Fraction]] = []
        for point in table.findall("timept"):
            own_s, media_s = time_s(point, "time"), time_s(point, "value")
            if not points or own_s > points[-1][0]:
                points.append((own_s, media_s))
        return TimeMap(tuple(points))
    conform = element.find("conform-rate")
    if conform is None or conform.get("scaleEnabled") == "0":
        return TimeMap()
    text = conform.get("srcFrameRate")
    source = exact_rate(text) if text else media_rate
    if source is None or source == edit_rate or abs(edit_rate / source - 1) > CONFORM_LIMIT:
        return TimeMap()
    return TimeMap(scale=edit_rate / source)
