"""Values of FCPXML (Apple's "FCPXML Reference"): times, resources, retimes, lanes. Times are rational seconds such as
``1001/30000s``."""

from __future__ import annotations

import re
from collections.abc import Sequence
from fractions import Fraction
from xml.etree.ElementTree import Element

from v2m_bridge.edits.limits import MAX_DURATION_S, MAX_SPEED, MAX_TIME_S
from v2m_bridge.edits.window import TimeMap
from v2m_bridge.errors import InputError
from v2m_bridge.timing.rates import MAX_RATE, exact_rate

_TIME = re.compile(r"\s*(-?\d{1,18})(?:\.(\d{1,9})\d*)?(?:/(\d{1,18}))?s?\s*")
_NAMED_RATES = {"2398": "24000/1001", "2997": "30000/1001", "5994": "60000/1001", "11988": "120000/1001"}
CONFORM_LIMIT = Fraction(12, 100)
"""Footage whose rate is closer than this to the sequence's is conformed frame by frame (25 in 24); frames of other
footage are left out or doubled."""

MAX_RAMP_POINTS = 1000


def time_s(element: Element, name: str, default: Fraction | None = None) -> Fraction:
    """Exact seconds of one attribute; ``default`` (0) where it is missing.

    Raises:
        InputError: no time, or beyond :data:`~v2m_bridge.edits.limits.MAX_TIME_S`.
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
    """Exact seconds of the ``duration`` attribute.

    Raises:
        InputError: no time, negative, or more than 100 hours.
    """
    seconds = time_s(element, "duration", default)
    if not 0 <= seconds <= MAX_DURATION_S:
        raise InputError(f"{title(element)}: a duration of {float(seconds):g} s is not possible")
    return seconds


def title(element: Element) -> str:
    """How a message names an element."""
    name = element.get("name") or element.get("value") or element.get("ref") or element.get("id") or ""
    return f"<{element.tag[:60]}> {name[:60]!r}"


def format_rate(element: Element | None) -> Fraction | None:
    """Frames per second of a ``<format>``, by its frame duration or its name; None where it has neither.

    Raises:
        InputError: a frame duration that no rate has.
    """
    if element is None:
        return None
    if element.get("frameDuration"):
        frame_s = time_s(element, "frameDuration")
        if not Fraction(1, MAX_RATE) <= frame_s:
            raise InputError(f"{title(element)}: a frame of {float(frame_s):g} s is not possible")
        return exact_rate(1 / frame_s)
    match = re.search(r"(?:p|i|\d)(2398|24|25|2997|30|50|5994|60|90|100|11988|120)$", element.get("name") or "")
    return exact_rate(_NAMED_RATES.get(match[1], match[1])) if match else None


class Resources:
    """Formats, assets, effects and compound media of a document by their id."""

    def __init__(self, root: Element) -> None:
        self._by_id: dict[str, Element] = {}
        for holder in root.findall("resources"):
            for element in holder:
                key = element.get("id")
                if key:
                    self._by_id.setdefault(key, element)

    def of(self, element: Element, attribute: str = "ref") -> Element | None:
        """The resource that an attribute of ``element`` names."""
        return self._by_id.get(element.get(attribute) or "")

    def asset_of(self, element: Element) -> Element | None:
        """The media file that an element shows; None where it refers to none, or to something else."""
        target = self.of(element)
        return target if target is not None and target.tag == "asset" else None

    def rate_of(self, element: Element) -> Fraction | None:
        """Frames per second of the element's format.

        Raises:
            InputError: a rate that nothing has.
        """
        return format_rate(self.of(element, "format"))

    def content_rate(self, element: Element) -> Fraction | None:
        """Frames per second of what a clip shows: of its file, its compound's sequence or its multicam.

        Raises:
            InputError: a rate that nothing has.
        """
        target = self.of(element)
        if target is not None and target.tag == "media":
            target = target.find("sequence") if target.find("sequence") is not None else target.find("multicam")
        own = self.rate_of(target) if target is not None else None
        return own or self.rate_of(element)

    def has_media(self, element: Element) -> bool:
        """Whether what the element refers to is in the file; an element that refers to nothing has all it needs."""
        return not element.get("ref") or self.of(element) is not None

    def default_length_s(self, element: Element) -> Fraction:
        """Length of an element without a duration: all of what it refers to."""
        target = self.of(element)
        if target is not None and target.tag == "media":
            target = target.find("sequence") if target.find("sequence") is not None else target.find("multicam")
        return duration_s(target, Fraction(0)) if target is not None else Fraction(0)

    def default_start_s(self, element: Element) -> Fraction:
        """Start of an element without one: that of what it refers to."""
        target = self.of(element)
        if target is not None and target.tag == "asset":
            return time_s(target, "start")
        if target is None or target.tag != "media":
            return Fraction(0)
        content = target.find("sequence") if target.find("sequence") is not None else target.find("multicam")
        return time_s(content, "tcStart") if content is not None else Fraction(0)


def time_map(element: Element) -> TimeMap:
    """The retime of a clip by its ``<timeMap>``.

    Raises:
        InputError: a damaged time, or a speed that no clip has.
    """
    table = element.find("timeMap")
    if table is None:
        return TimeMap()
    points: list[tuple[Fraction, Fraction]] = []
    for point in table.findall("timept")[:MAX_RAMP_POINTS]:
        own_s, media_s = time_s(point, "time"), time_s(point, "value")
        if points and own_s <= points[-1][0]:
            continue
        if points and abs(media_s - points[-1][1]) > MAX_SPEED * (own_s - points[-1][0]):
            raise InputError(f"{title(element)}: its speed is more than {MAX_SPEED} times the normal one")
        points.append((own_s, media_s))
    return TimeMap(tuple(points))


def conform_scale(element: Element, media_rate: Fraction | None, sequence_rate: Fraction) -> Fraction:
    """Seconds of the media's clock per second of the sequence, where ``<conform-rate>`` fits footage of another rate.

    Frames are played one for one (25 in 24), or every second or fourth (50 in 24), where that changes the speed by
    less than :data:`CONFORM_LIMIT`. Other rates (24 in 29.97) change the speed only by the 1000/1001 between the
    families of rates; frames of the footage are then repeated or left out.

    Args:
        media_rate: frames per second of the footage, if known; the element's own word comes first.
        sequence_rate: frames per second of the sequence that holds the clip.

    Raises:
        InputError: a rate that no footage has.
    """
    conform = element.find("conform-rate")
    if conform is None or conform.get("scaleEnabled") == "0":
        return Fraction(1)
    text = conform.get("srcFrameRate")
    source = exact_rate(text) if text else media_rate
    if source is None:
        return Fraction(1)
    for multiple in (Fraction(1), Fraction(2), Fraction(1, 2), Fraction(4), Fraction(1, 4)):
        scale = sequence_rate * multiple / source
        if abs(scale - 1) <= CONFORM_LIMIT:
            return scale
    return Fraction(1001, 1000) ** ((source.denominator == 1001) - (sequence_rate.denominator == 1001))


def lane_of(element: Element) -> int:
    """Number of the lane of a connected element: above the storyline from 1, below it from -1."""
    try:
        return max(-1000, min(1000, int(element.get("lane") or 0)))
    except ValueError:
        return 1


def is_faded(element: Element) -> bool:
    """Whether a clip is half transparent for its whole length."""
    blend = element.find("adjust-blend")
    amount = (blend.get("amount") if blend is not None else None) or "1"
    return amount.replace(".", "", 1).isdigit() and float(amount) < 1


def is_sound(asset: Element) -> bool:
    """Whether an asset has sound and no picture."""
    return asset.get("hasVideo") != "1" and asset.get("hasAudio") == "1"


def media_url(asset: Element) -> str:
    """Where an asset's file lies: its original (or only) media representation, else the ``src`` of old versions."""
    reps: Sequence[Element] = asset.findall("media-rep")
    best = next((r for r in reps if r.get("kind") == "original-media"), reps[0] if reps else None)
    return (best.get("src") if best is not None else "") or asset.get("src") or ""


def marker_color(marker: Element) -> str:
    """Final Cut has kinds of markers instead of colours; these are the colours in which it draws them."""
    if marker.tag == "chapter-marker":
        return "Orange"
    return {"0": "Red", "1": "Green"}.get(marker.get("completed") or "", "Blue")
