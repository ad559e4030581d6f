"""The source of one OTIO clip: its media, where in the media it starts, and its speed."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction

from v2m_bridge.edits.draft import EditDraft
from v2m_bridge.edits.find_media import FoundMedia, MediaFinder
from v2m_bridge.edits.limits import MAX_SPEED
from v2m_bridge.edits.names import looks_like_media
from v2m_bridge.edits.otio.values import Json, TimeRange, dict_of, list_of, number, schema, short, text_of, time_range
from v2m_bridge.errors import InputError

OPAQUE = Fraction(1)
_RESOLVE_SOLIDS = ("solid color", "solid colour", "color bar", "colour bar", "four color gradient", "grey scale")
_RESOLVE_SOLIDS_ALONE = ("10 step", "100mv steps", "window", "ycbcr ramp", "black", "white")
"""How Resolve names its generators, which its OTIO shows as clips without media."""

_SOLID = ("solid", "bars", "fill", "black video", "color matte", "colour matte", "white", "noise")


@dataclass(frozen=True)
class Retime:
    """``speed``: media seconds per second; ``shift_s``: media seconds from the clip's start to its ramp's start."""

    speed: Fraction = Fraction(1)
    shift_s: Fraction = Fraction(0)


NORMAL = Retime()


@dataclass(frozen=True)
class ClipSource:
    """What a clip shows.

    Attributes:
        kind: ``file``, ``sequence`` (of images), ``generator`` or ``missing``.
        reference: its active media reference.
        used: the clip's source range, in media timecode.
        available: range of the media, at the media's own rate.
        opacity: 0..1.
    """

    name: str
    kind: str
    reference: Json = field(repr=False)
    used: TimeRange | None
    available: TimeRange | None
    opacity: Fraction

    @property
    def rate(self) -> Fraction | None:
        """Rate of the source range; None without one."""
        return self.used.rate if self.used else None

    @property
    def invisible(self) -> bool:
        """Whether the clip is fully transparent."""
        return self.opacity <= 0

    @property
    def is_resolve_solid(self) -> bool:
        """Whether it is one of Resolve's generators that fill the picture."""
        name = self.take.lower().strip()
        named = name in _RESOLVE_SOLIDS_ALONE or any(word in name for word in _RESOLVE_SOLIDS)
        return self.kind == "missing" and self.available is None and named

    @property
    def maybe_title(self) -> bool:
        """No media and no sign of any: a title, or an offline clip of a host that does not say."""
        return (
            not self.is_resolve_solid
            and self.kind == "missing"
            and self.available is None
            and not looks_like_media(self.take)
        )

    @property
    def take(self) -> str:
        """Identity of the footage where its path is not known."""
        return text_of(self.reference.get("name")) or self.name

    def opaque(self, media: FoundMedia) -> bool:
        """Whether the clip, whose media is ``media``, hides what lies below it."""
        if self.opacity is not OPAQUE and self.opacity < 1:
            return False
        if self.kind == "generator":
            label = f"{text_of(self.reference.get('generator_kind'))} {self.take}".lower()
            return any(word in label for word in _SOLID)
        return not media.has_alpha

    def first_s(self, length_s: Fraction, retime: Retime) -> Fraction:
        """Seconds into the media file at the clip's start; the clip lasts ``length_s``.

        The used range counts in media timecode, the available one at the media's own rate: both are made seconds first.
        A reversed clip starts at the end of its used range.
        """
        into_s = self._start_in_media_s() + retime.shift_s
        return into_s + length_s * -retime.speed if retime.speed < 0 else into_s

    def _start_in_media_s(self) -> Fraction:
        """Seconds from the start of the media to the start of the used range.

        Where one range has a rounded rate (23.976) and the other has not, the writer made one number of the other with
        the rates as they are written: two frames of difference late in the day.
        """
        used, available = self.used, self.available
        if used is None or available is None:
            return used.start_s if used else Fraction(0)
        if used.written_rate != available.written_rate and (used.is_rounded or available.is_rounded):
            return used.start_as_written_s - available.start_as_written_s
        return used.start_s - available.start_s

    def locate(self, media: MediaFinder) -> FoundMedia:
        """The clip's media on this machine."""
        if self.kind == "sequence":
            ref = self.reference
            numbers = [ref.get("start_frame"), ref.get("frame_zero_padding")]
            first, padding = (n if isinstance(n, int) and 0 <= n < 10**9 else 0 for n in numbers)
            prefix, suffix = text_of(ref.get("name_prefix")), text_of(ref.get("name_suffix"))
            return media.find_sequence(text_of(ref.get("target_url_base")), prefix, first, min(padding, 20), suffix)
        return media.find(_url(self.reference) if self.kind == "file" else "")


def clip_source(item: Json, place: str) -> ClipSource:
    """What a clip shows, by its active media reference (Clip.1 has one reference, Clip.2 a table of them).

    ``place`` names the clip in messages.

    Raises:
        InputError: a damaged source range.
    """
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
        used=time_range(item.get("source_range"), place),
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
    """The path of the media; Resolve keeps that of offline media in its own metadata."""
    block = dict_of(dict_of(reference.get("metadata")).get("Resolve_OTIO"))
    return text_of(reference.get("target_url")) or text_of(block.get("Media Url"))


def retime_of(item: Json, place: str, draft: EditDraft, rate: Fraction) -> Retime:
    """Product of all speed effects of an item; ramps are taken at their mean speed, with a warning to ``draft``.

    A damaged speed is taken as the normal one, with a warning.

    Args:
        rate: frames per second in which a ramp counts.
    """
    if not item.get("effects"):
        return NORMAL
    speed, shift_s = Fraction(1), Fraction(0)
    for effect in list_of(item.get("effects")):
        kind = schema(effect)
        if kind not in ("LinearTimeWarp", "FreezeFrame", "TimeEffect") or effect.get("enabled") is False:
            continue
        try:
            more = _retime(effect, kind, place, rate)
            if abs(speed * more.speed) > MAX_SPEED:
                raise InputError(
                    f"{place}: speed {short(speed * more.speed)} is not between -{MAX_SPEED} and {MAX_SPEED}"
                )
        except InputError as error:
            draft.warn_damage(error, "it is taken at normal speed")
            continue
        if kind == "TimeEffect" and "time_scalar" not in effect and more is not NORMAL:
            draft.warn_speed_ramp(place, short(speed * more.speed))
        speed, shift_s = speed * more.speed, shift_s + more.shift_s
    return Retime(speed, shift_s)


def _retime(effect: Json, kind: str, place: str, rate: Fraction) -> Retime:
    """What one effect does."""
    if kind == "FreezeFrame":
        return Retime(Fraction(0))
    if "time_scalar" in effect:
        return Retime(number(effect["time_scalar"], f"{place}, speed"))
    if kind != "TimeEffect":
        return NORMAL
    lookup = [number(v, f"{place}, speed ramp") for v in list_of(dict_of(effect.get("metadata")).get("lookup"))]
    if len(lookup) < 2:
        raise InputError(f"{place}: its speed ramp cannot be read")
    if not any(lookup):
        return NORMAL
    return Retime(1 + (lookup[-1] - lookup[0]) / (len(lookup) - 1), lookup[0] / rate)


def _opacity(item: Json) -> Fraction:
    """Opacity 0..1 that Resolve's Composite effect sets for the whole clip; a keyed one is a fade and counts as 1."""
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
