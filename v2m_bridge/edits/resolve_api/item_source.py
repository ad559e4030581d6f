"""What an item of Resolve's timeline shows: its media, where in it the item starts, and how fast it runs.

Before 21.1 nothing tells the speed; it follows from the span of source frames, whose end is exclusive when media and
timeline have the same rate and inclusive when they differ (measured, see ``docs/resolve.md``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from v2m_bridge.edits.draft import EditDraft
from v2m_bridge.edits.names import looks_like_media
from v2m_bridge.edits.resolve_api.values import ask
from v2m_bridge.errors import InputError
from v2m_bridge.timing.rates import exact_rate

PERCENT_GRIDS = (Fraction(100), Fraction(25), Fraction(5), Fraction(1), Fraction(1, 10), Fraction(1, 100))
"""Speeds that editors type, roundest first; Resolve keeps two decimals."""

SLACK_FRAMES = Fraction(3, 2)
"""Source frames are whole, and the first one can be off by one."""


@dataclass(frozen=True)
class ItemSource:
    """The source of an item.

    Attributes:
        path: file of the media as Resolve has it, or None for titles, generators and nested timelines.
        rate: frames per second of the media.
        start_s: seconds from the first frame of the media to the item's first frame.
        speed: media seconds per second.
        nested: the timeline that is used as a clip.
        known: whether the media pool knows the item, so that it is an (offline) clip rather than a title.
    """

    name: str
    path: str | None
    rate: Fraction
    start_s: Fraction = Fraction(0)
    speed: Fraction = Fraction(1)
    nested: Any = None
    known: bool = True


@dataclass(frozen=True)
class _ItemLength:
    """Frames per second of the media and of the timeline, and how long the item lasts on the timeline."""

    media_rate: Fraction
    rate: Fraction
    length_s: Fraction


class ItemSourceReader:
    """Reads the sources of items; doubts become warnings of ``draft``.

    ``timelines`` are those of the project, each after its media pool item.
    """

    def __init__(self, draft: EditDraft, timelines: Sequence[tuple[Any, Any]] = ()) -> None:
        self._draft = draft
        self._timelines = timelines

    def of(self, item: Any, name: str, rate: Fraction, length_s: Fraction) -> ItemSource:
        """The source of the item ``name``, which lasts ``length_s`` on a timeline of ``rate``."""
        media = ask(item, "GetMediaPoolItem")
        if media is None:
            return ItemSource(name, None, rate, known=looks_like_media(name))
        path = str(ask(media, "GetClipProperty", "File Path") or "") or None
        label = str(ask(media, "GetName") or name)
        media_rate = _media_rate(media, rate)
        frames = str(ask(media, "GetClipProperty", "Frames") or "")
        if path and frames.isdigit() and int(frames) <= 1:
            return ItemSource(label, path, media_rate)  # a still has no length of its own
        speed = self._speed(item, label, _ItemLength(media_rate, rate, length_s))
        start_s = _start_frame(item, speed) / media_rate
        nested = None
        if path is None:
            nested = ask(media, "GetTimeline") or next((t for own, t in self._timelines if own == media), None)
        if path is None and nested is None:
            self._draft.warn(f"{label}: this version of Resolve does not show what is inside; it is taken as one shot")
        return ItemSource(label, path, media_rate, start_s, speed, nested)

    def _speed(self, item: Any, label: str, lasts: _ItemLength) -> Fraction:
        settings = ask(item, "GetSpeed")
        if isinstance(settings, dict) and isinstance(settings.get("Percentage"), int | float):
            return Fraction(settings["Percentage"]).limit_denominator(10**4) / 100
        first, last = (ask(item, method) for method in ("GetSourceStartFrame", "GetSourceEndFrame"))
        if first is None or last is None or (first == 0 and last == 0):
            self._draft.warn(f"{label}: Resolve does not tell its source frames; it is taken at normal speed")
            return Fraction(1)
        span, length_s = Fraction(last) - Fraction(first), lasts.length_s
        if length_s <= 0 or (span == 0 and length_s * lasts.rate > 2):
            return Fraction(1 if length_s <= 0 else 0)
        if lasts.media_rate != lasts.rate:
            span += 1 if span >= 0 else -1
        return _roundest(span / lasts.media_rate / length_s, SLACK_FRAMES / lasts.media_rate / length_s)


def _media_rate(media: Any, rate: Fraction) -> Fraction:
    try:
        return exact_rate(str(ask(media, "GetClipProperty", "FPS") or ""))
    except InputError:
        return rate


def _start_frame(item: Any, speed: Fraction) -> Fraction:
    """First frame of the media that shows, with fractions.

    ``GetSourceStartFrame`` can be off by one and is 0 where Resolve does not know; ``GetLeftOffset`` is exact but
    counts frames of the retimed clip. Where the two agree the exact one is taken, else the first one.
    """
    first = Fraction(ask(item, "GetSourceStartFrame") or 0)
    offset = ask(item, "GetLeftOffset", True)
    if not isinstance(offset, int | float) or speed == 0:
        return first
    exact = Fraction(offset).limit_denominator(10**6) * abs(speed)
    unknown = first == 0 and not ask(item, "GetSourceEndFrame")
    return exact if unknown or abs(exact - first) <= 1 + abs(speed) else first


def _roundest(speed: Fraction, slack: Fraction) -> Fraction:
    """The roundest percentage within ``slack`` of ``speed``; normal speed if that is within it."""
    low, high = (speed - slack) * 100, (speed + slack) * 100
    if low <= 100 <= high:
        return Fraction(1)
    for grid in PERCENT_GRIDS:
        nearest = round(speed * 100 / grid) * grid
        if nearest and low <= nearest <= high:
            return nearest / 100
    return speed.limit_denominator(10**6)
