"""Values of xmeml: rates, frame counts, edit points, time remaps, opacity, colours (Apple's "Final Cut Pro XML")."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from xml.etree.ElementTree import Element

from v2m_bridge.edits.limits import MAX_SPEED, MAX_TIME_S
from v2m_bridge.edits.xml_text import text_at
from v2m_bridge.errors import InputError
from v2m_bridge.timing.rates import MAX_RATE, exact_rate
from v2m_bridge.timing.timecode import nominal_fps

_NUMBER = re.compile(r"[-+]?\d{1,18}(?:\.\d{1,12})?")
_SOLID = ("slug", "color", "colour", "bars", "matte")
"""Words in the names of generators that fill the picture."""

_RAMP_SLOPE = Fraction(1, 50)
"""A speed graph whose slopes differ by more than this is a ramp; smaller differences are rounding."""

MAX_GRAPH_POINTS = 1000
TICKS_PER_S = 254_016_000_000
"""Premiere's clock."""

_MARKER_COLORS = {(1, 0, 0): "Red", (0, 1, 0): "Green", (0, 0, 1): "Blue", (1, 1, 0): "Yellow", (0, 1, 1): "Cyan"}


def label(element: Element) -> str:
    """How a message names an element."""
    return f"<{element.tag[:40]}> {(text_at(element, 'name') or element.get('id') or '')[:60]!r}"


def rate_of(element: Element | None, default: Fraction | None = None) -> Fraction | None:
    """Exact rate of the ``<rate>`` child: a whole timebase, slowed by 1000/1001 where ``<ntsc>`` is true.

    Placeholders have a timebase of 0: they have no rate of their own, so the default counts.

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
    if base == 0:
        return default
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
    """A time remap.

    Attributes:
        speed: media seconds per second.
        warped: in and out points count frames of the retimed clip.
        graph: of a variable speed: (frames of the retimed clip, frames of the media), sorted; else empty.
    """

    speed: Fraction
    warped: bool
    graph: tuple[tuple[Fraction, Fraction], ...] = ()


NORMAL = Remap(Fraction(1), warped=False)


def remap_of(item: Element, source: Element | None) -> Remap:
    """The time remap of a clip on ``source``, a file or a nested sequence.

    Raises:
        InputError: a speed that no clip can have.
    """
    for holder in item.findall("filter"):
        effect = holder.find("effect")
        if effect is None or is_off(holder) or text_at(effect, "effectid").lower() != "timeremap":
            continue
        values = {text_at(p, "parameterid"): p for p in effect.findall("parameter")}
        text = text_at(values.get("speed"), "value")
        graph = _graph(values.get("graphdict"))
        variable = text_at(values.get("variablespeed"), "value").upper() in ("1", "TRUE")
        ramp = graph if variable and _is_ramp(graph) else ()
        if not _NUMBER.fullmatch(text):
            if text and not ramp:
                raise InputError(f"{label(item)}: speed {text[:20]!r} is not a number")
            text = "100"
            if not ramp:
                continue
        percent = Fraction(text)
        if abs(percent) > MAX_SPEED * 100:
            raise InputError(f"{label(item)}: speed {text[:20]} % is not possible")
        speed = percent / 100
        if text_at(values.get("reverse"), "value").upper() == "TRUE":
            speed = -abs(speed)
        return Remap(speed, _counts_warped(item, source, speed), ramp)
    return NORMAL


def _graph(graph: Element | None) -> tuple[tuple[Fraction, Fraction], ...]:
    """The keyframes of a speed graph: (frames of the clip, frames of the media), each frame once, sorted."""
    points: dict[Fraction, Fraction] = {}
    for key in graph.iter("keyframe") if graph is not None else ():
        when, value = text_at(key, "when"), text_at(key, "value")
        if _NUMBER.fullmatch(when) and _NUMBER.fullmatch(value):
            points.setdefault(Fraction(when), Fraction(value))
    return tuple(sorted(points.items()))[:MAX_GRAPH_POINTS]


def _is_ramp(graph: Sequence[tuple[Fraction, Fraction]]) -> bool:
    """Whether the keyframes of a speed graph lie on more than one straight line."""
    slopes = [(v1 - v0) / (t1 - t0) for (t0, v0), (t1, v1) in itertools.pairwise(graph)]
    return bool(slopes) and max(slopes) - min(slopes) > _RAMP_SLOPE and max(map(abs, slopes)) <= MAX_SPEED


def _counts_warped(item: Element, source: Element | None, speed: Fraction) -> bool:
    """A clip whose own duration is its source's divided by the speed counts its in point in retimed frames."""
    own, media = text_at(item, "duration"), text_at(source, "duration")
    if not speed or not (_NUMBER.fullmatch(own) and _NUMBER.fullmatch(media)) or abs(speed) == 1:
        return False
    length, expected = Fraction(own), Fraction(media) / abs(speed)
    return abs(length - expected) < abs(length - Fraction(media))


def writes_on_sequence_grid(root: Element) -> bool:
    """Whether Premiere or Resolve wrote the file: both count in and out points on the sequence's frames, whatever the
    rates of clip and media say (seen in both programs, barefootford/buttercut#133).

    Premiere puts its own attributes on sequences. Resolve names no master clips, as Final Cut does, and gives every
    clip a composite mode.
    """
    sequences = list(root.iter("sequence"))
    if any(name.startswith(("MZ.", "TL.")) for sequence in sequences for name in sequence.keys()):  # noqa: SIM118
        return True
    items = [item for sequence in sequences for item in sequence.iterfind("media/video/track/clipitem")]
    full = [item for item in items if len(item)]
    named = any(item.find("masterclipid") is not None or item.find("ismasterclip") is not None for item in full)
    return bool(full) and not named and all(item.find("compositemode") is not None for item in full)


def rate_of_points(
    item: Element, clip_rate: Fraction, sequence_rate: Fraction, on_sequence_grid: bool
) -> tuple[Fraction, bool]:
    """The rate at which the in and out points of a clip count, and whether that is known.

    Writers disagree: some count the clip's own frames, some the sequence's. Premiere adds the in point in ticks, which
    decides. Else a writer of the second kind has as many frames between in and out as between start and end, one of
    the first as many as the rates say. What nothing decides is taken as Apple describes it, in the clip's own frames.
    """
    if nominal_fps(clip_rate) == nominal_fps(sequence_rate):
        return clip_rate, True
    first_text, ticks = text_at(item, "in"), text_at(item, "pproTicksIn")
    if _NUMBER.fullmatch(first_text) and _NUMBER.fullmatch(ticks) and Fraction(ticks) > 0:
        in_s = Fraction(ticks) / TICKS_PER_S
        return min((clip_rate, sequence_rate), key=lambda rate: abs(Fraction(first_text) / rate - in_s)), True
    if on_sequence_grid:
        return sequence_rate, True
    ends = [text_at(item, name) for name in ("start", "end", "in", "out")]
    if not all(_NUMBER.fullmatch(text) for text in ends):
        return clip_rate, False
    start, end, first, last = map(Fraction, ends)
    if start < 0 or end <= start:
        return clip_rate, not first
    if last - first == end - start:
        return sequence_rate, True
    as_rates_say = abs((last - first) - (end - start) * clip_rate / sequence_rate) < 2
    return clip_rate, as_rates_say or not first


def active_angle(multiclip: Element) -> Element | None:
    """The camera angle of a multiclip that is on for picture; the first where none says so."""
    angles = multiclip.findall("angle")
    on = (a for a in angles if text_at(a, "activevideoangle").upper() == "TRUE")
    return next(on, angles[0] if angles else None)


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
