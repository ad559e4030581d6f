"""The source of one OTIO clip: its media, where in the media it starts, and its speed."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

from v2m_bridge.edits.draft import Edit, looks_like_media
from v2m_bridge.edits.find_media import MediaFinder, png_has_alpha
from v2m_bridge.edits.otio.values import Json, TimeRange, dict_of, list_of, number, schema, short, text_of, time_range
from v2m_bridge.errors import InputError

MAX_SPEED = 1000
OPAQUE = Fraction(1)
_SOLID = ("solid", "bars", "fill", "black video", "color matte", "colour matte", "white", "noise")


@dataclass(frozen=True)
class Retime:
    """``speed``: media seconds per second; ``shift_s``: where a ramp starts, away from the clip's start."""

    speed: Fraction = Fraction(1)
    shift_s: Fraction = Fraction(0)


NORMAL = Retime()


@dataclass(frozen=True)
class ClipSource:
    """What a clip shows; ``window`` is its source range, ``available`` that of the media."""

    name: str
    kind: str
    reference: Json = field(repr=False)
    window: TimeRange | None
    available: TimeRange | None
    opacity: Fraction

    @property
    def rate(self) -> Fraction | None:
        return self.window.rate if self.window else None

    @property
    def invisible(self) -> bool:
        """Fully transparent."""
        return self.opacity <= 0

    @property
    def unsure(self) -> bool:
        """No media and nothing that tells of any: a title, or an offline clip of a host that does not say."""
        return self.kind == "missing" and self.available is None and not looks_like_media(self.take)

    @property
    def take(self) -> str:
        return text_of(self.reference.get("name")) or self.name

    def opaque(self, online_path: str | None) -> bool:
        """Whether the clip hides what lies below it."""
        if self.opacity is not OPAQUE and self.opacity < 1:
            return False
        if self.kind == "generator":
            label = f"{text_of(self.reference.get('generator_kind'))} {self.take}".lower()
            return any(word in label for word in _SOLID)
        return not (online_path and online_path.lower().endswith(".png") and png_has_alpha(Path(online_path)))

    def first_s(self, length_s: Fraction, retime: Retime) -> Fraction:
        """Seconds into the media file of the clip's first frame.

        The window counts in media timecode, the available range in the media's own rate: both in seconds first.
        A reversed clip starts at the last frame of its window.
        """
        start_s = self.window.start_s if self.window else Fraction(0)
        if self.window is None and self.available:
            start_s = self.available.start_s
        origin_s = self.available.start_s if self.available else Fraction(0)
        into_s = start_s - origin_s + retime.shift_s
        if retime.speed < 0:
            frame_s = 1 / self.window.rate if self.window else Fraction(0)
            into_s += length_s * -retime.speed - frame_s
        return max(Fraction(0), into_s)

    def locate(self, media: MediaFinder) -> tuple[str | None, bool]:
        """Path of the media and whether it is there; None without media."""
        if self.kind == "sequence":
            ref = self.reference
            numbers = [ref.get("start_frame"), ref.get("frame_zero_padding")]
            first, padding = (n if isinstance(n, int) and 0 <= n < 10**9 else 0 for n in numbers)
            prefix, suffix = text_of(ref.get("name_prefix")), text_of(ref.get("name_suffix"))
            return media.find_sequence(text_of(ref.get("target_url_base")), prefix, first, min(padding, 20), suffix)
        url = _url(self.reference)
        return media.find(url) if self.kind == "file" and url else (None, False)


def clip_source(item: Json, place: str) -> ClipSource:
    """Read the active media reference of a clip (Clip.1 has one, Clip.2 a table of them)."""
    table = dict_of(item.get("media_references"))
    if table:
        key = text_of(item.get("active_media_reference_key")) or "DEFAULT_MEDIA"
        reference = dict_of(table.get(key) or next(iter(table.values())))
    else:
        reference = dict_of(item.get("media_reference"))
    try:
        available = time_range(reference.get("available_range"), place)
    except InputError:
        available = None
    return ClipSource(
        name=text_of(item.get("name")),
        kind=_reference_kind(reference),
        reference=reference,
        window=time_range(item.get("source_range"), place),
        available=available if available and available.duration_s > 0 else None,
        opacity=_opacity(item),
    )


def _reference_kind(reference: Json) -> str:
    name = schema(reference)
    if name == "GeneratorReference":
        return "generator"
    if name == "ImageSequenceReference":
        return "sequence"
    return "file" if _url(reference) else "missing"


def _url(reference: Json) -> str:
    """Resolve keeps the path of offline media in its own block."""
    block = dict_of(dict_of(reference.get("metadata")).get("Resolve_OTIO"))
    return text_of(reference.get("target_url")) or text_of(block.get("Media Url"))


def retime_of(item: Json, place: str, edit: Edit, rate: Fraction) -> Retime:
    """Product of all speed effects of an item; ramps are taken at their mean speed, with a warning."""
    if not item.get("effects"):
        return NORMAL
    speed, shift_s = Fraction(1), Fraction(0)
    for effect in list_of(item.get("effects")):
        kind = schema(effect)
        if kind not in ("LinearTimeWarp", "FreezeFrame", "TimeEffect") or effect.get("enabled") is False:
            continue
        if kind == "FreezeFrame":
            speed = Fraction(0)
        elif "time_scalar" in effect:
            speed *= number(effect["time_scalar"], f"{place}, speed")
        elif kind == "TimeEffect":
            lookup = [number(v, f"{place}, speed ramp") for v in list_of(dict_of(effect.get("metadata")).get("lookup"))]
            if len(lookup) < 2:
                edit.warn(f"{place}: its speed ramp cannot be read; the footage is taken at normal speed")
            elif any(lookup):
                speed *= 1 + (lookup[-1] - lookup[0]) / (len(lookup) - 1)
                shift_s += lookup[0] / rate
                edit.warn(f"{place}: its speed ramp is taken at the mean speed of {short(speed)}")
        if abs(speed) > MAX_SPEED:
            raise InputError(f"{place}: speed {short(speed)} is not between -{MAX_SPEED} and {MAX_SPEED}")
    return Retime(speed, shift_s)


def _opacity(item: Json) -> Fraction:
    """Opacity 0..1 that Resolve's Composite effect sets for the whole clip (a keyed opacity is a fade: opaque)."""
    if not item.get("effects"):
        return OPAQUE
    for effect in list_of(item.get("effects")):
        block = dict_of(dict_of(dict_of(effect).get("metadata")).get("Resolve_OTIO"))
        if block.get("Effect Name") != "Composite" or block.get("Enabled") is False:
            continue
        for parameter in list_of(block.get("Parameters")):
            setting = dict_of(parameter)
            if "opacity" not in text_of(setting.get("Parameter ID")).lower() or setting.get("Key Frames"):
                continue
            value = setting.get("Parameter Value")
            full = setting.get("maxValue") or 100.0
            if all(isinstance(v, int | float) and not isinstance(v, bool) and 0 <= v <= 1e6 for v in (value, full)):
                return min(Fraction(1), Fraction(float(value)) / Fraction(float(full)))  # type: ignore[arg-type]
    return OPAQUE
