"""Writers that put an edit of :mod:`edit_model` into every format that is read, in the words of a host."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any
from xml.sax.saxutils import quoteattr

import edit_makers as make
from edit_model import (
    Feature,
    ModelClip,
    ModelDissolve,
    ModelEdit,
    ModelGap,
    ModelItem,
    ModelMarker,
    ModelNest,
    ModelTrack,
    features_of,
)

from v2m_bridge.timing.timecode import format_timecode, nominal_fps


@dataclass(frozen=True)
class EditWriter:
    """One way to hand over an edit.

    Attributes:
        suffix: of the file, by which its reader is chosen.
        carries: what the format can hold.
        write: puts the edit into the file or folder at the path.
        needs_rate: the format names no frame rate, so the reader is given it.
        slow: writing and reading a file takes about a second.
    """

    name: str
    suffix: str
    carries: frozenset[Feature]
    write: Callable[[Path, ModelEdit], None]
    needs_rate: bool = False
    slow: bool = False

    def __call__(self, folder: Path, edit: ModelEdit) -> Path:
        """Write ``edit`` into ``folder``; returns the path to read."""
        missing = features_of(edit) - self.carries
        assert not missing, f"{self.name} cannot carry {sorted(missing)}"
        path = folder / f"model{self.suffix}"
        self.write(path, edit)
        return path

    def rate_for(self, edit: ModelEdit) -> Fraction | None:
        """What the user has to say about the rate."""
        return edit.rate if self.needs_rate else None


# ---------------------------------------------------------------- OTIO


def otio_document(edit: ModelEdit) -> make.Json:
    """The edit as OTIO JSON."""
    rate = float(edit.rate)
    tracks = [_otio_track(t, rate) for t in edit.tracks]
    markers = tuple(_otio_marker(m, edit.start_frame, rate) for m in edit.markers)
    document = make.timeline(*tracks, start=edit.start_frame, rate=rate, markers=markers)
    return {**document, "name": edit.name}


def _otio_track(layer: ModelTrack, rate: float) -> make.Json:
    return make.track(*(_otio_item(item, rate) for item in layer.items), enabled=layer.enabled)


def _otio_item(item: ModelItem, rate: float) -> make.Json:
    if isinstance(item, ModelGap):
        return make.gap(item.length, rate)
    if isinstance(item, ModelDissolve):
        return make.dissolve(item.before, item.after, rate)
    more: dict[str, Any] = {"enabled": item.enabled, "name": item.name}
    more["effects"] = [make.speed(float(item.speed))] if item.speed != 1 else []
    if isinstance(item, ModelNest):
        tracks = (_otio_track(t, rate) for t in item.tracks)
        return make.stack(*tracks, source_range=make.span(item.start, item.length, rate), **more)
    del more["name"]
    first = item.media_start + item.start
    media_rate = float(item.media_rate or rate)
    if item.media_rate:  # a host that plays frame for frame writes that as a speed
        more["effects"] = [make.speed(float(item.speed) * rate / media_rate)]
    reference = make.media(item.url, item.media_start, item.media_length, media_rate)
    markers = [_otio_marker(m, first, media_rate) for m in item.markers]
    clip = make.clip(item.name, first, item.length, rate, reference=reference, markers=markers, **more)
    clip["source_range"]["start_time"] = make.rt(first, media_rate)
    return clip


def _otio_marker(marker: ModelMarker, origin: int, rate: float) -> make.Json:
    return make.marker(marker.name, origin + marker.frame, marker.length, rate, comment=marker.note)


def _write_otio(path: Path, edit: ModelEdit) -> None:
    make.write_otio(path, otio_document(edit))


def _write_otioz(path: Path, edit: ModelEdit) -> None:
    make.write_otioz(path, otio_document(edit))


def _write_otiod(path: Path, edit: ModelEdit) -> None:
    path.mkdir()
    make.write_otio(path / "content.otio", otio_document(edit))


def _write_aaf(path: Path, edit: ModelEdit) -> None:
    """By OpenTimelineIO's adapter, which writes compositions of clips, gaps and dissolves."""
    import opentimelineio as otio

    timeline = otio.adapters.read_from_string(json.dumps(otio_document(edit)), "otio_json")
    otio.adapters.write_to_file(timeline, str(path), adapter_name="AAF", use_empty_mob_ids=True)


# ---------------------------------------------------------------- EDL


def edl_text(edit: ModelEdit) -> str:
    """The edit as a CMX 3600 list; what is disabled, and empty space on the bottom track, is black."""
    lines = [f"TITLE: {edit.name}", f"FCM: {'DROP FRAME' if edit.drop_frame else 'NON-DROP FRAME'}", ""]
    number = 0
    for index, layer in enumerate(edit.tracks):
        channel = f"V{index + 1}" if index else "V"
        items = [(at, item, layer.enabled) for at, item in layer.placed()]
        if index == 0 and layer.length < edit.length:
            items.append((layer.length, ModelGap(edit.length - layer.length), True))
        for position, (at, item, enabled) in enumerate(items):
            if isinstance(item, ModelDissolve):
                continue
            previous = items[position - 1][1] if position else None
            shown = isinstance(item, ModelClip) and item.enabled and enabled
            if not shown and index:
                continue
            number += 1
            lines += _edl_event(
                f"{number:03d}", channel, edit, (at, item if shown else ModelGap(item.length)), previous
            )
    for marker in edit.markers:
        timecode = format_timecode(edit.start_frame + marker.frame, edit.rate, edit.drop_frame)
        lines.append(f"* LOC: {timecode} RED     {marker.name}")
    return "\n".join(lines) + "\n"


def _edl_event(
    number: str, channel: str, edit: ModelEdit, placed: tuple[int, ModelItem], previous: ModelItem | None
) -> list[str]:
    at, item = placed
    clip = item if isinstance(item, ModelClip) else None
    start = clip.start if clip else 0
    length = -(-item.length * abs(clip.speed) // 1) if clip else item.length
    frames = (start, start + int(length), edit.start_frame + at, edit.start_frame + at + item.length)
    source_in, source_out, record_in, record_out = (format_timecode(f, edit.rate, edit.drop_frame) for f in frames)
    reel, kind, lines = "AX" if clip else "BL", "C        ", []
    if isinstance(previous, ModelDissolve):
        kind = f"D    {previous.after:03d} "
        lines.append(f"{number}  AX       {channel:5} C         {source_in} {source_in} {record_in} {record_in}")
    lines.append(f"{number}  {reel:8} {channel:5} {kind} {source_in} {source_out} {record_in} {record_out}")
    if clip and clip.speed != 1:
        lines.append(f"M2   AX       {float(clip.speed * nominal_fps(edit.rate)):.4f}       {source_in}")
    if clip:
        side = "TO" if isinstance(previous, ModelDissolve) else "FROM"
        lines += [f"* {side} CLIP NAME: {clip.name}", f"* SOURCE FILE: {clip.url}"]
    return lines


def _write_edl(path: Path, edit: ModelEdit) -> None:
    path.write_text(edl_text(edit), encoding="utf-8")


# ---------------------------------------------------------------- xmeml


def xmeml_text(edit: ModelEdit) -> str:
    """The edit as Final Cut Pro 7 XML."""
    rate = _xmeml_rate(edit.rate)
    form = "DF" if edit.drop_frame else "NDF"
    timecode = f"<timecode>{rate}<frame>{edit.start_frame}</frame><displayformat>{form}</displayformat></timecode>"
    markers = "".join(_xmeml_marker(m, 0) for m in edit.markers)
    body = _xmeml_media(edit.tracks, edit.rate, _xmeml_sound(edit.length))
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<!DOCTYPE xmeml>\n<xmeml version="5"><sequence id="main">'
        f"<name>{edit.name}</name><duration>{edit.length}</duration>{rate}{timecode}{markers}{body}</sequence></xmeml>"
    )


def _xmeml_sound(length: int) -> str:
    """Sound over the whole length, because gaps at the end of the picture are not in the file."""
    return f"<audio><track><clipitem><start>0</start><end>{length}</end></clipitem></track></audio>"


def _xmeml_rate(rate: Fraction) -> str:
    ntsc = "TRUE" if rate.denominator == 1001 else "FALSE"
    return f"<rate><timebase>{nominal_fps(rate)}</timebase><ntsc>{ntsc}</ntsc></rate>"


def _xmeml_media(tracks: tuple[ModelTrack, ...], rate: Fraction, sound: str = "") -> str:
    found = []
    for layer in tracks:
        placed = list(layer.placed())
        items = [
            _xmeml_item(at, item, [_neighbour(placed, i - 1), _neighbour(placed, i + 1)], rate)
            for i, (at, item) in enumerate(placed)
        ]
        found.append(f"<track>{''.join(items)}<enabled>{str(layer.enabled).upper()}</enabled></track>")
    return f"<media><video>{''.join(found)}</video>{sound}</media>"


def _neighbour(placed: list[tuple[int, ModelItem]], index: int) -> ModelDissolve | None:
    item = placed[index][1] if 0 <= index < len(placed) else None
    return item if isinstance(item, ModelDissolve) else None


def _media_rate(item: ModelItem) -> Fraction | None:
    return item.media_rate if isinstance(item, ModelClip) else None


def _xmeml_item(at: int, item: ModelItem, sides: list[ModelDissolve | None], edit_rate: Fraction) -> str:
    rate = _xmeml_rate(edit_rate)
    if isinstance(item, ModelGap):
        return ""
    if isinstance(item, ModelDissolve):
        alignment = "center" if item.before == item.after else "start" if not item.before else "end"
        return (
            f"<transitionitem>{rate}<start>{at - item.before}</start><end>{at + item.after}</end>"
            f"<alignment>{alignment}</alignment><effect><name>Cross Dissolve</name></effect></transitionitem>"
        )
    before, after = sides
    first = _number(Fraction(item.start) - (before.before * item.speed if before else 0))
    start, end = -1 if before else at, -1 if after else at + item.length
    media_rate = _media_rate(item)
    factor = Fraction(1) if media_rate is None else edit_rate / media_rate
    retime = _xmeml_retime(item.speed * factor) if item.speed * factor != 1 else ""
    state = str(item.enabled).upper()
    head = f"<name>{item.name}</name><enabled>{state}</enabled>{rate}<start>{start}</start><end>{end}</end>"
    if isinstance(item, ModelNest):
        content = _xmeml_media(item.tracks, edit_rate)
        inner = f'<sequence id="nest {item.name}"><name>{item.name}</name>{rate}{content}</sequence>'
        return f"<clipitem>{head}<in>{first}</in>{inner}{retime}</clipitem>"
    if media_rate is not None:
        head = head.replace(rate, _xmeml_rate(media_rate))
        rate = _xmeml_rate(media_rate)
    file = (
        f'<file id="file {item.name}"><name>{item.name}.mov</name><pathurl>file://localhost{item.url}</pathurl>{rate}'
        f"<duration>{item.media_length}</duration><timecode>{rate}<frame>{item.media_start}</frame></timecode></file>"
    )
    markers = "".join(_xmeml_marker(m, item.start) for m in item.markers)
    return (
        f'<clipitem id="clip {item.name} {at}">{head}<duration>{item.media_length}</duration><in>{first}</in>'
        f"{file}{markers}{retime}</clipitem>"
    )


def _number(value: Fraction) -> str:
    return str(value.numerator) if value.denominator == 1 else f"{float(value):.3f}"


def _xmeml_retime(speed: Fraction) -> str:
    values = {"speed": f"{float(100 * abs(speed)):.10f}", "reverse": "TRUE" if speed < 0 else "FALSE"}
    parameters = "".join(
        f"<parameter><parameterid>{key}</parameterid><value>{value}</value></parameter>"
        for key, value in values.items()
    )
    return f"<filter><effect><name>Time Remap</name><effectid>timeremap</effectid>{parameters}</effect></filter>"


def _xmeml_marker(marker: ModelMarker, origin: int) -> str:
    first = origin + marker.frame
    return (
        f"<marker><name>{marker.name}</name><comment>{marker.note}</comment>"
        f"<in>{first}</in><out>{first + marker.length}</out></marker>"
    )


def _write_xmeml(path: Path, edit: ModelEdit) -> None:
    path.write_text(xmeml_text(edit), encoding="utf-8")


# ---------------------------------------------------------------- FCPXML


def fcpxml_text(edit: ModelEdit) -> str:
    """The edit as FCPXML: the bottom track is the storyline, what lies above is connected to it."""
    return _FcpxmlWriter(edit).document()


class _FcpxmlWriter:
    def __init__(self, edit: ModelEdit) -> None:
        self._edit = edit
        self._resources: dict[str, str] = {}

    def document(self) -> str:
        edit = self._edit
        spine = self._spine(edit.tracks, edit.length, edit.start_frame, edit.markers)
        attributes = f'format="format" tcStart="{self._s(edit.start_frame)}" duration="{self._s(edit.length)}"'
        form = "DF" if edit.drop_frame else "NDF"
        frame_s = f"{edit.rate.denominator}/{edit.rate.numerator}s"
        return (
            f'<?xml version="1.0" encoding="UTF-8"?>\n<!DOCTYPE fcpxml>\n<fcpxml version="1.10"><resources>'
            f'<format id="format" frameDuration="{frame_s}"/>{"".join(self._resources.values())}</resources>'
            f"<library><event><project name={quoteattr(edit.name)}>"
            f'<sequence {attributes} tcFormat="{form}">{spine}</sequence></project></event></library></fcpxml>'
        )

    def _s(self, frames: int | Fraction, rate: Fraction | None = None) -> str:
        seconds = frames / (rate or self._edit.rate)
        return f"{seconds.numerator}/{seconds.denominator}s"

    def _spine(
        self, tracks: tuple[ModelTrack, ...], length: int, origin: int, markers: tuple[ModelMarker, ...] = ()
    ) -> str:
        """The tracks as one storyline whose clock starts at ``origin``."""
        bottom = list(tracks[0].placed())
        if tracks[0].length < length:
            bottom.append((tracks[0].length, ModelGap(length - tracks[0].length)))
        found = []
        for at, item in bottom:
            if isinstance(item, ModelDissolve):
                where = f'offset="{self._s(origin + at - item.before)}" duration="{self._s(item.before + item.after)}"'
                found.append(f'<transition name="Cross Dissolve" {where}/>')
                continue
            hung = [
                (lane, above_at, above)
                for lane, layer in enumerate(tracks[1:], start=1)
                for above_at, above in layer.placed()
                if at <= above_at < at + item.length and not isinstance(above, ModelGap)
            ]
            clock = self._clock(item)
            rate = _media_rate(item) or self._edit.rate
            children = "".join(
                self._element(above, self._s(clock + above_at - at, rate), tracks[lane].enabled, f'lane="{lane}"')
                for lane, above_at, above in hung
            )
            mine = [m for m in markers if at <= m.frame < at + item.length]
            children += "".join(self._marker(m, clock - at, rate) for m in mine)
            found.append(self._element(item, self._s(origin + at), tracks[0].enabled, "", children))
        return f"<spine>{''.join(found)}</spine>"

    def _clock(self, item: ModelItem) -> int:
        """What the element's own clock reads at its start, in frames of what it shows."""
        if isinstance(item, ModelClip):
            return item.media_start + item.start
        return item.start if isinstance(item, ModelNest) else 0

    def _element(self, item: ModelItem, offset: str, enabled: bool, lane: str, children: str = "") -> str:
        assert not isinstance(item, ModelDissolve)
        clock = self._clock(item)
        media_rate = _media_rate(item)
        start = self._s(clock, media_rate)
        times = f'{lane} offset="{offset}" start="{start}" duration="{self._s(item.length)}"'
        if isinstance(item, ModelGap):
            return f"<gap {times}>{children}</gap>"
        state = "" if item.enabled and enabled else ' enabled="0"'
        retime = self._time_map(item, clock) if item.speed != 1 else ""
        if isinstance(item, ModelNest):
            kind, key = "ref-clip", f"nest {item.name}"
            content = self._spine(item.tracks, max(t.length for t in item.tracks), 0)
            self._resources[key] = f'<media id="{key}"><sequence format="format">{content}</sequence></media>'
        else:
            kind, key = "asset-clip", f"asset {item.name}"
            start, length = (self._s(frames, media_rate) for frames in (item.media_start, item.media_length))
            form = "format"
            if media_rate is not None:
                form = f"format {media_rate}"
                frame_s = self._s(1, media_rate)
                self._resources[form] = f'<format id="{form}" frameDuration="{frame_s}"/>'
                printed = f"{float(media_rate):.2f}".removesuffix(".00")
                retime = f'<conform-rate srcFrameRate="{printed}"/>{retime}'
            self._resources[key] = (
                f'<asset id="{key}" name="{item.name}" start="{start}" duration="{length}" hasVideo="1"'
                f' format="{form}"><media-rep kind="original-media" src="file://{item.url}"/></asset>'
            )
            children += "".join(self._marker(m, clock, media_rate) for m in item.markers)
        return f'<{kind} ref="{key}" name="{item.name}" {times}{state}>{retime}{children}</{kind}>'

    def _time_map(self, item: ModelClip | ModelNest, clock: int) -> str:
        low = clock
        high = low + item.length * abs(item.speed)
        first, last = (low, high) if item.speed >= 0 else (high, low)
        points = ((clock, first), (clock + item.length, last))
        table = "".join(f'<timept time="{self._s(t)}" value="{self._s(v)}"/>' for t, v in points)
        return f"<timeMap>{table}</timeMap>"

    def _marker(self, marker: ModelMarker, origin: int, rate: Fraction | None = None) -> str:
        times = f'start="{self._s(origin + marker.frame, rate)}" duration="{self._s(marker.length, rate)}"'
        return f"<marker {times} value={quoteattr(marker.name)} note={quoteattr(marker.note)}/>"


def _write_fcpxml(path: Path, edit: ModelEdit) -> None:
    path.write_text(fcpxml_text(edit), encoding="utf-8")


def _write_fcpxmld(path: Path, edit: ModelEdit) -> None:
    path.mkdir()
    _write_fcpxml(path / "Info.fcpxml", edit)


# ---------------------------------------------------------------- all of them

_EVERYTHING = frozenset(Feature)
_EDL = frozenset(
    {Feature.UPPER_TRACKS, Feature.DISABLED, Feature.RETIME, Feature.DISSOLVE, Feature.MARKER, Feature.DROP_FRAME}
)
_AAF = frozenset({Feature.UPPER_TRACKS, Feature.MEDIA_START})

WRITERS = (
    EditWriter("otio", ".otio", _EVERYTHING, _write_otio),
    EditWriter("otioz", ".otioz", _EVERYTHING, _write_otioz),
    EditWriter("otiod", ".otiod", _EVERYTHING, _write_otiod),
    EditWriter("edl", ".edl", _EDL, _write_edl, needs_rate=True),
    EditWriter("xmeml", ".xml", _EVERYTHING, _write_xmeml),
    EditWriter("fcpxml", ".fcpxml", _EVERYTHING, _write_fcpxml),
    EditWriter("fcpxml under .xml", ".xml", _EVERYTHING, _write_fcpxml),
    EditWriter("fcpxmld", ".fcpxmld", _EVERYTHING, _write_fcpxmld),
    EditWriter("aaf", ".aaf", _AAF, _write_aaf, slow=True),
)
QUICK_WRITERS = tuple(writer for writer in WRITERS if writer.name in ("otio", "edl", "xmeml", "fcpxml"))
"""One for each walk that runs in this process; the others wrap one of these."""
