"""OpenTimelineIO as Resolve writes it, so that readers are tested on its peculiarities.

Bare absolute paths, source ranges at the timeline's rate but positioned in the media's timecode, available ranges at
the media's rate, nested timelines counted in their own timecode, gaps to the end of every track, clips that transitions
do not shorten, speed as a linear time warp and ramps as keyframes, offline media as a missing reference, timeline
markers on the stack with the text in Resolve's own metadata.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction
from typing import Any

from v2m_bridge.testing.resolve.edit import Clip, EditMarker, EditTrack, Media, ResolveEdit, Transition


def otio_text(edit: ResolveEdit, markers: Mapping[float, Mapping[str, Any]], rounded: bool = False) -> str:
    """The file that ``Timeline.Export`` with ``EXPORT_OTIO`` writes; ``markers`` as ``GetMarkers`` gives them.

    ``rounded``: 24000/1001 is written as 23.976, and source positions are computed with that number.
    """
    if rounded:
        edit = _with_rounded_rates(edit)
    stack = _stack(edit, edit.length)
    stack["markers"] = [
        _marker(edit.start_frame + frame, m["duration"], m["name"], m["note"], m["color"], edit.rate)
        for frame, m in sorted(markers.items())
    ]
    document = {
        "OTIO_SCHEMA": "Timeline.1",
        "metadata": {"Resolve_OTIO": {"Resolve OTIO Meta Version": "1.0"}},
        "name": edit.name,
        "global_start_time": _time(edit.start_frame, edit.rate),
        "tracks": stack,
    }
    return json.dumps(document, indent=4)


def _stack(edit: ResolveEdit, length: int) -> dict[str, Any]:
    video = [_track(t, f"Video {i + 1}", "Video", edit, length) for i, t in enumerate(edit.video)]
    audio = [_track(t, f"Audio {i + 1}", "Audio", edit, length) for i, t in enumerate(edit.audio)]
    subtitles = [_track(t, f"Subtitle {i + 1}", "Subtitle", edit, length) for i, t in enumerate(edit.subtitles)]
    return {
        "OTIO_SCHEMA": "Stack.1",
        "metadata": {},
        "name": "",
        "source_range": None,
        "effects": [],
        "markers": [],
        "enabled": True,
        "children": [*video, *audio, *subtitles],
    }


def _time(value: Fraction | float, rate: Fraction) -> dict[str, Any]:
    return {"OTIO_SCHEMA": "RationalTime.1", "rate": float(rate), "value": float(value)}


def _range(start: Fraction | float, length: Fraction | float, rate: Fraction) -> dict[str, Any]:
    return {
        "OTIO_SCHEMA": "TimeRange.1",
        "duration": _time(length, rate),
        "start_time": _time(start, rate),
    }


def _track(track: EditTrack, name: str, kind: str, edit: ResolveEdit, length: int) -> dict[str, Any]:
    children: list[dict[str, Any]] = []
    position = 0
    blends = {t.cut: t for t in track.items if isinstance(t, Transition)}
    for clip in track.clips:
        if clip.start > position:
            children.append(_gap(clip.start - position, edit.rate))
        if clip.start in blends:
            children.append(_transition(blends.pop(clip.start), edit.rate))
        children.append(_clip(clip, edit))
        position = clip.start + clip.length
        if position in blends and not any(c.start == position for c in track.clips):
            children.append(_transition(blends.pop(position), edit.rate))
    if position < length:
        children.append(_gap(length - position, edit.rate))
    metadata = {"Locked": False} | ({"Audio Type": "Stereo", "SoloOn": False} if kind == "Audio" else {})
    return {
        "OTIO_SCHEMA": "Track.1",
        "metadata": {"Resolve_OTIO": metadata},
        "name": track.name or name,
        "source_range": None,
        "effects": [],
        "markers": [],
        "enabled": track.enabled,
        "children": children,
        "kind": kind,
    }


def _gap(length: int, rate: Fraction) -> dict[str, Any]:
    return {
        "OTIO_SCHEMA": "Gap.1",
        "metadata": {},
        "name": "",
        "source_range": _range(0, length, rate),
        "effects": [],
        "markers": [],
        "enabled": True,
    }


def _transition(blend: Transition, rate: Fraction) -> dict[str, Any]:
    """The style's name is kept in Resolve's block; the type says dissolve for every style."""
    return {
        "OTIO_SCHEMA": "Transition.1",
        "metadata": {"Resolve_OTIO": {"Effects": {"Effect Name": blend.style}, "Transition Type": blend.style}},
        "name": blend.style,
        "in_offset": _time(blend.before, rate),
        "out_offset": _time(blend.after, rate),
        "transition_type": "SMPTE_Dissolve",
    }


def _clip(clip: Clip, edit: ResolveEdit) -> dict[str, Any]:
    if clip.media and clip.media.nested:
        return _nested(clip, clip.media.nested, edit)
    start = _source_start(clip, edit.rate)
    return {
        "OTIO_SCHEMA": "Clip.2",
        "metadata": {"Resolve_OTIO": {"Link Group ID": 1} if clip.media else {}},
        "name": clip.title,
        "source_range": _range(start, clip.length, edit.rate),
        "effects": _effects(clip),
        "markers": [_clip_marker(m, clip.media, edit.rate) for m in clip.markers if clip.media],
        "enabled": clip.enabled,
        "media_references": {"DEFAULT_MEDIA": _reference(clip)},
        "active_media_reference_key": "DEFAULT_MEDIA",
    }


def _source_start(clip: Clip, rate: Fraction) -> Fraction:
    """Position in media timecode, at the timeline's rate; a reversed clip names its window in forward order."""
    if clip.media is None:
        return Fraction(0)
    first = Fraction(clip.source_frame).limit_denominator(10**6)
    position = (clip.media.start_tc_frame + first) / clip.media.rate * rate
    return position if clip.speed >= 0 else position - clip.length * abs(clip.speed) + 1


def _effects(clip: Clip) -> list[dict[str, Any]]:
    transform = {"Effect Name": "Transform", "Enabled": True, "Name": "Transform", "Parameters": [], "Type": 2}
    effects: list[dict[str, Any]] = [
        {
            "OTIO_SCHEMA": "Effect.1",
            "metadata": {"Resolve_OTIO": transform},
            "name": "",
            "effect_name": "Resolve Effect",
        }
    ]
    if clip.opacity != 100.0:
        effects.append(_opacity(clip.opacity))
    if clip.ramp:
        keys = {str(n): float(speed) for n, speed in enumerate(clip.ramp)}
        effects.append(
            {
                "OTIO_SCHEMA": "TimeEffect.1",
                "metadata": {"Resolve_OTIO": {"Key Frames": keys}},
                "name": "",
                "effect_name": "",
            }
        )
    elif clip.speed != 1:
        effects.append(
            {
                "OTIO_SCHEMA": "LinearTimeWarp.1",
                "metadata": {},
                "name": "",
                "effect_name": "LinearTimeWarp",
                "time_scalar": float(clip.speed),
            }
        )
    return effects


def _opacity(value: float) -> dict[str, Any]:
    parameter = {
        "Default Parameter Value": 100.0,
        "Key Frames": {},
        "Parameter ID": "opacity",
        "Parameter Value": value,
        "Variant Type": "Double",
        "maxValue": 100.0,
        "minValue": 0.0,
    }
    block = {"Effect Name": "Composite", "Enabled": True, "Name": "Composite", "Parameters": [parameter], "Type": 1}
    return {
        "OTIO_SCHEMA": "Effect.1",
        "metadata": {"Resolve_OTIO": block},
        "name": "",
        "effect_name": "Resolve Effect",
    }


def _reference(clip: Clip) -> dict[str, Any]:
    media = clip.media
    if media is None:
        return {"OTIO_SCHEMA": "MissingReference.1", "metadata": {}, "name": "", "available_range": None}
    frames = 1 if media.kind == "still" else media.frames
    if media.kind == "multicam":
        known = _range(media.start_tc_frame, frames, media.rate)
        return {"OTIO_SCHEMA": "MissingReference.1", "metadata": {}, "name": media.name, "available_range": known}
    common = {
        "name": media.name,
        "available_range": _range(media.start_tc_frame, frames, media.rate),
        "available_image_bounds": None,
    }
    if not media.online:
        return {
            "OTIO_SCHEMA": "MissingReference.1",
            "metadata": {"Resolve_OTIO": {"Media Url": media.path}},
            **common,
        }
    if media.kind == "sequence":
        return {**_sequence(media), **common}
    return {"OTIO_SCHEMA": "ExternalReference.1", "metadata": {}, "target_url": media.path, **common}


def _sequence(media: Media) -> dict[str, Any]:
    """``/folder/name.[0001-0100].dpx`` as a reference to numbered images."""
    folder, _, name = media.path.rpartition("/")
    prefix, numbers, suffix = re.split(r"\[(.*)\]", name)
    first = numbers.partition("-")[0]
    return {
        "OTIO_SCHEMA": "ImageSequenceReference.1",
        "metadata": {},
        "target_url_base": folder + "/",
        "name_prefix": prefix,
        "name_suffix": suffix,
        "start_frame": int(first),
        "frame_step": 1,
        "rate": float(media.rate),
        "frame_zero_padding": len(first),
        "missing_frame_policy": "error",
    }


def _with_rounded_rates(edit: ResolveEdit) -> ResolveEdit:
    """The same edit with every rate as three decimals say it."""

    def rounded_clip(item: Clip | Transition) -> Clip | Transition:
        if isinstance(item, Transition) or item.media is None:
            return item
        media, nested = item.media, item.media.nested
        inner = _with_rounded_rates(nested) if nested else None
        return replace(item, media=replace(media, rate=_three_decimals(media.rate), nested=inner))

    def tracks(of: tuple[EditTrack, ...]) -> tuple[EditTrack, ...]:
        return tuple(replace(track, items=tuple(rounded_clip(item) for item in track.items)) for track in of)

    return replace(edit, rate=_three_decimals(edit.rate), video=tracks(edit.video), audio=tracks(edit.audio))


def _three_decimals(rate: Fraction) -> Fraction:
    return Fraction(round(rate * 1000), 1000)


def _nested(clip: Clip, inner: ResolveEdit, edit: ResolveEdit) -> dict[str, Any]:
    stack = _stack(inner, inner.length)
    stack["name"] = clip.title
    stack["enabled"] = clip.enabled
    stack["source_range"] = _range(inner.start_frame + clip.source_frame, clip.length, edit.rate)
    return stack


def _clip_marker(marker: EditMarker, media: Media | None, rate: Fraction) -> dict[str, Any]:
    assert media is not None
    frame = Fraction(media.start_tc_frame + marker.frame) / media.rate * rate
    return _marker(frame, marker.duration, marker.name, marker.note, marker.color, rate)


def _marker(frame: Fraction | float, length: float, name: str, note: str, color: str, rate: Fraction) -> dict[str, Any]:
    return {
        "OTIO_SCHEMA": "Marker.2",
        "metadata": {"Resolve_OTIO": {"Keywords": [], "Note": note}},
        "name": name,
        "color": color.upper(),
        "marked_range": _range(frame, length, rate),
        "comment": "",
    }
