"""Values of xmeml: rates, frame counts, edit points, time remaps, opacity, colours (Apple's "Final Cut Pro XML")."""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass
from fractions import Fraction
from xml.etree.ElementTree import Element

from v2m_bridge.edits.draft import EditDraft
from v2m_bridge.edits.limits import MAX_SPEED, MAX_TIME_S
from v2m_bridge.edits.xml_text import text_at
from v2m_bridge.errors import InputError
from v2m_bridge.timing.rates import MAX_RATE, exact_rate

_NUMBER = re.compile(r"[-+]?\d{1,18}(?:\.\d{1,12})?")
_SOLID = ("slug", "color", "colour", "bars", "matte")
"""Words in the names of generators that fill the picture."""

_RAMP_SLOPE = Fraction(1, 50)
"""A speed graph whose slopes differ by more than this is a ramp; smaller differences are rounding."""

_MARKER_COLORS = {(1, 0, 0): "Red", (0, 1, 0): "Green", (0, 0, 1): "Blue", (1, 1, 0): "Yellow", (0, 1, 1): "Cyan"}


def label(element: Element) -> str:
    """How a message names an element."""
    return f"<{element.tag[:40]}> {(text_at(element, 'name') or element.get('id') or '')[:60]!r}"


def rate_of(element: Element | None, default: Fraction | None = None) -> Fraction | None:
    """Exact rate of the ``<rate>`` child: a whole timebase, slowed by 1000/1001 where ``<ntsc>`` is true.

    Raises:
        InputError: a timebase that no rate can have.
    """
    holder = element.find("rate") if element is not None else None
    if holder is None:
        return default
    text = text_at(holder, "timebase")
    if not _NUMBER.fullmatch(text):
        return default
    base = Fraction(text)
    if not 0 < base <= MAX_RATE:
        raise InputError(f"a timebase of {text[:20]} frames a second is not possible")
    ntsc = text_at(holder, "ntsc").upper() == "TRUE"
    return exact_rate(base * Fraction(1000, 1001) if ntsc and base.denominator == 1 else base)


def frames(element: Element, path: str, default: int | None = None) -> Fraction:
    """The frame count of the child at ``path``; hosts write fractions too.

    Raises:
        InputError: missing without a default, no number, or beyond any footage.
    """
    text = text_at(element, path)
    if not text and default is not None:
        return Fraction(default)
    if not _NUMBER.fullmatch(text):
        raise InputError(f"{label(element)}: {path} {text[:40]!r} is not a frame number")
    value = Fraction(text)
    if abs(value) > MAX_TIME_S * 240:
        raise InputError(f"{label(element)}: {path} {text[:40]} is beyond any footage")
    return value


def is_off(element: Element) -> bool:
    """Whether a clip or track is disabled."""
    return text_at(element, "enabled").upper() == "FALSE"


def edit_point(transition: Element) -> Fraction:
    """Frame of the edit point that a transition covers, by its alignment."""
    start, end = frames(transition, "start"), frames(transition, "end")
    alignment = text_at(transition, "alignment").lower()
    if alignment.startswith("end"):
        return end
    return start if alignment.startswith("start") else Fraction(int((start + end) / 2))


@dataclass(frozen=True)
class Remap:
    """``speed``: media seconds per second; ``warped``: in and out points count frames of the retimed clip."""

    speed: Fraction
    warped: bool


def remap_of(item: Element, file: Element | None, draft: EditDraft) -> Remap:
    """The time remap of a clip on ``file``; a variable speed is taken at its mean, with a warning to ``draft``.

    Raises:
        InputError: a speed that no clip can have.
    """
    for holder in item.findall("filter"):
        effect = holder.find("effect")
        if effect is None or is_off(holder) or text_at(effect, "effectid").lower() != "timeremap":
            continue
        values = {text_at(p, "parameterid"): p for p in effect.findall("parameter")}
        text = text_at(values.get("speed"), "value")
        if not _NUMBER.fullmatch(text):
            continue
        percent = Fraction(text)
        if abs(percent) > MAX_SPEED * 100:
            raise InputError(f"{label(item)}: speed {text[:20]} % is not possible")
        speed = percent / 100
        if text_at(values.get("reverse"), "value").upper() == "TRUE":
            speed = -abs(speed)
        if text_at(values.get("variablespeed"), "value").upper() in ("1", "TRUE") and _is_ramp(values.get("graphdict")):
            draft.warn_speed_ramp(label(item), f"{float(speed):.3g}")
        return Remap(speed, _counts_warped(item, file, speed))
    return Remap(Fraction(1), False)


def _is_ramp(graph: Element | None) -> bool:
    """Whether the keyframes of a speed graph lie on more than one straight line."""
    if graph is None:
        return False
    points = []
    for key in graph.iter("keyframe"):
        when, value = text_at(key, "when"), text_at(key, "value")
        if _NUMBER.fullmatch(when) and _NUMBER.fullmatch(value):
            points.append((Fraction(when), Fraction(value)))
    slopes = [(v1 - v0) / (t1 - t0) for (t0, v0), (t1, v1) in itertools.pairwise(points) if t1 > t0]
    return bool(slopes) and max(slopes) - min(slopes) > _RAMP_SLOPE


def _counts_warped(item: Element, file: Element | None, speed: Fraction) -> bool:
    """A clip whose own duration is the file's divided by the speed counts its in point in retimed frames."""
    own, media = text_at(item, "duration"), text_at(file, "duration")
    if not speed or not (_NUMBER.fullmatch(own) and _NUMBER.fullmatch(media)) or abs(speed) == 1:
        return False
    length, expected = Fraction(own), Fraction(media) / abs(speed)
    return abs(length - expected) < abs(length - Fraction(media))


def is_opaque(item: Element, file: Element | None) -> bool:
    """Whether a clip on ``file`` hides what lies below: titles and half transparent clips do not, plain colours do."""
    for effect in item.iterfind("filter/effect"):
        if text_at(effect, "effectid").lower() == "opacity":
            value = text_at(effect, "parameter/value")
            keyed = effect.find("parameter/keyframe") is not None
            if not keyed and value.replace(".", "", 1).isdigit() and float(value) < 100:
                return False
    if item.tag == "generatoritem":
        words = f"{text_at(item, 'effect/effectid')} {text_at(item, 'effect/name')}".lower()
        return any(word in words for word in _SOLID)
    return text_at(file, "pathurl") != "" or text_at(file, "mediaSource") == ""


def marker_color(marker: Element) -> str:
    """Name of the colour: Final Cut 7 writes red, green, blue; Premiere a number for which we know no name."""
    parts = [text_at(marker, f"color/{c}") for c in ("red", "green", "blue")]
    if not all(p.isdigit() for p in parts):
        return ""
    red, green, blue = (int(p) > 127 for p in parts)
    return _MARKER_COLORS.get((red, green, blue), "Pink" if red and blue and not green else "")
