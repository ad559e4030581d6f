"""The timeline and its items behind :mod:`v2m_bridge.testing.resolve.model`. Names and behaviour are Resolve's."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

from v2m_bridge.testing.resolve.edit import Clip, EditTrack, Media, ResolveEdit, Transition
from v2m_bridge.testing.resolve.otio import otio_text
from v2m_bridge.testing.resolve.state import ResolveState
from v2m_bridge.timing.timecode import format_timecode

MARKER_COLORS = frozenset(
    {"Blue", "Cyan", "Green", "Yellow", "Red", "Pink", "Purple", "Fuchsia"}
    | {"Rose", "Lavender", "Sky", "Mint", "Lemon", "Sand", "Cocoa", "Cream"}
)

_PROPERTY_NAMES = """
    Pan Tilt ZoomX ZoomY ZoomGang RotationAngle AnchorPointX AnchorPointY Pitch Yaw FlipX FlipY CropLeft CropRight
    CropTop CropBottom CropSoftness CropRetain DynamicZoomEase CompositeMode Opacity Distortion RetimeProcess
    MotionEstimation Scaling ResizeFilter
"""
_CLIP_PROPERTIES = dict.fromkeys(_PROPERTY_NAMES.split(), 0.0)

_ids = itertools.count(1)


class _Markers:
    """Markers by the number that they were given, unchecked, as Resolve keeps them."""

    def __init__(self, edit: Any) -> None:
        self.markers: dict[float, dict[str, Any]] = {}
        for m in edit:
            self.AddMarker(m.frame, m.color, m.name, m.note, m.duration, m.custom_data)

    def AddMarker(self, frame: float, color: str, name: str, note: str, duration: float, custom_data: str = "") -> bool:
        texts = isinstance(name, str) and isinstance(note, str) and isinstance(custom_data, str)
        if not isinstance(frame, int | float) or not texts or color not in MARKER_COLORS or duration < 1:
            return False
        if float(frame) in self.markers:
            return False
        self.markers[float(frame)] = {
            "color": color,
            "duration": float(duration),
            "note": note,
            "name": name,
            "customData": custom_data,
        }
        return True

    def GetMarkers(self) -> dict[float, dict[str, Any]]:
        return {frame: dict(marker) for frame, marker in sorted(self.markers.items())}

    def GetMarkerCustomData(self, frame: float) -> str:
        return str(self.markers.get(float(frame), {}).get("customData", ""))

    def GetMarkerByCustomData(self, data: str) -> dict[float, dict[str, Any]]:
        return {f: m for f, m in self.markers.items() if m["customData"] == data}

    def UpdateMarkerCustomData(self, frame: float, data: str) -> bool:
        if float(frame) not in self.markers:
            return False
        self.markers[float(frame)]["customData"] = data
        return True

    def DeleteMarkerAtFrame(self, frame: float) -> bool:
        return self.markers.pop(float(frame), None) is not None

    def DeleteMarkerByCustomData(self, data: str) -> bool:
        """The first one that matches."""
        for frame, marker in sorted(self.markers.items()):
            if marker["customData"] == data:
                del self.markers[frame]
                return True
        return False

    def DeleteMarkersByColor(self, color: str) -> bool:
        gone = [f for f, m in self.markers.items() if color in ("All", m["color"])]
        for frame in gone:
            del self.markers[frame]
        return bool(gone)


class TimelineObject(_Markers):
    KIND = "Timeline"

    def __init__(self, state: ResolveState, edit: ResolveEdit, media: Media | None = None) -> None:
        super().__init__(edit.markers)
        self._state = state
        self.edit = edit
        self._media = media
        self.marks = {"in": edit.mark_in, "out": edit.mark_out}
        self.tracks: dict[str, list[list[ItemObject]]] = {
            kind: [self._items(kind, i, track) for i, track in enumerate(tracks)]
            for kind, tracks in (("video", edit.video), ("audio", edit.audio))
        }
        self.names = {
            kind: [track.name or f"{state.word(kind.title())} {i + 1}" for i, track in enumerate(tracks)]
            for kind, tracks in (("video", edit.video), ("audio", edit.audio))
        }

    def _items(self, kind: str, index: int, track: EditTrack) -> list[ItemObject]:
        items = [ItemObject(self._state, self, kind, index + 1, item) for item in track.items]
        return sorted(items, key=lambda item: item.start)

    def GetName(self) -> str:
        return self.edit.name

    def GetUniqueId(self) -> str:
        return self.edit.unique_id

    def GetMediaPoolItem(self) -> Any:
        """A timeline lies in the media pool too, also before it is used as a clip."""
        media = self._media or Media(
            self.edit.name, self.edit.rate, self.edit.length, kind="timeline", nested=self.edit
        )
        return self._state.project.pool.item(media)

    def GetStartFrame(self) -> int:
        return self.edit.start_frame

    def GetEndFrame(self) -> int:
        return self.edit.start_frame + self.edit.length

    def GetStartTimecode(self) -> str:
        return format_timecode(self.edit.start_frame, self.edit.rate, self.edit.drop_frame)

    def GetTrackCount(self, kind: str) -> int:
        return len(self.tracks.get(kind, ()))

    def GetTrackName(self, kind: str, index: int) -> str:
        return self.names[kind][int(index) - 1] if self._has(kind, index) else ""

    def SetTrackName(self, kind: str, index: int, name: str) -> bool:
        if self._has(kind, index):
            self.names[kind][int(index) - 1] = name
        return self._has(kind, index)

    def GetTrackSubType(self, kind: str, index: int) -> str:
        return "stereo" if kind == "audio" and self._has(kind, index) else ""

    def GetIsTrackEnabled(self, kind: str, index: int) -> bool:
        tracks = self.edit.video if kind == "video" else self.edit.audio
        return self._has(kind, index) and (index > len(tracks) or tracks[int(index) - 1].enabled)

    def GetIsTrackLocked(self, kind: str, index: int) -> bool:
        return False

    def _has(self, kind: str, index: float) -> bool:
        return 1 <= index <= len(self.tracks.get(kind, ()))

    def AddTrack(self, kind: str, options: Any = None) -> bool:
        subtype = options.get("audioType") if isinstance(options, dict) else options
        if kind not in self.tracks or (kind == "audio" and subtype not in ("mono", "stereo", "5.1", "7.1", None)):
            return False
        self.tracks[kind].append([])
        self.names[kind].append(f"{self._state.word(kind.title())} {len(self.tracks[kind])}")
        return True

    def GetItemListInTrack(self, kind: str, index: int) -> list[ItemObject]:
        return list(self.tracks[kind][int(index) - 1]) if self._has(kind, index) else []

    def DeleteClips(self, items: list[ItemObject], ripple: bool = False) -> bool:
        if self._state.page != "edit":
            return False
        if self._state.refuse_delete > 0:
            self._state.refuse_delete -= 1
            return False
        for tracks in self.tracks.values():
            for track in tracks:
                track[:] = [item for item in track if item not in items]
        return True

    def GetMarkInOut(self) -> dict[str, dict[str, int]]:
        marks = {key: frame for key, frame in self.marks.items() if frame is not None}
        return {"video": marks, "audio": dict(marks)} if marks else {}

    def SetMarkInOut(self, first: int, last: int, kind: str = "all") -> bool:
        self.marks = {"in": int(first), "out": int(last)}
        return True

    def ClearMarkInOut(self, kind: str = "all") -> bool:
        self.marks = {"in": None, "out": None}
        return True

    def GetSettings(self) -> dict[str, Any]:
        rate = f"{float(self.edit.rate):.3f}".rstrip("0").rstrip(".")
        number: Any = rate + (" DF" if self.edit.drop_frame else "")
        if self._state.edition.release >= (21, 1):
            number = round(float(self.edit.rate), 3)
        found = {"timelineFrameRate": number, "timelineDropFrameTimecode": "1" if self.edit.drop_frame else "0"}
        if self._state.edition is not None and not (self._state.edition.lua_is_sandboxed):
            found["useCustomSettings"] = "0"
        return found

    def GetSetting(self, key: str | None = None) -> Any:
        settings = self.GetSettings()
        return settings if key is None else settings.get(key, "")

    def Export(self, path: str, kind: Any, subtype: Any = None) -> bool:
        constants = self._state.app.constants
        if isinstance(kind, str) or isinstance(subtype, str):
            self._state.violations.append("Timeline.Export wants constants of the resolve object, not text")
            return False
        if kind != constants["EXPORT_OTIO"] or self._state.refuse_export or not Path(path).parent.is_dir():
            return False
        Path(path).write_text(otio_text(self.edit, self.GetMarkers()), encoding="utf-8")
        return True


class ItemObject(_Markers):
    """A clip or a transition on a track."""

    KIND = "TimelineItem"

    def __init__(
        self, state: ResolveState, timeline: TimelineObject, kind: str, track: int, spec: Clip | Transition
    ) -> None:
        super().__init__(spec.markers if isinstance(spec, Clip) else ())
        self._state = state
        self._timeline = timeline
        self._kind = kind
        self._track = track
        self.spec = spec
        self.unique_id = f"item-{next(_ids)}"

    @property
    def start(self) -> int:
        spec = self.spec
        return spec.cut - spec.before if isinstance(spec, Transition) else spec.start

    @property
    def length(self) -> int:
        spec = self.spec
        return spec.before + spec.after if isinstance(spec, Transition) else spec.length

    def GetName(self) -> str:
        return self._state.word(self.spec.style) if isinstance(self.spec, Transition) else self.spec.title

    def GetUniqueId(self) -> str:
        return self.unique_id

    def GetStart(self, precise: bool = False) -> float:
        return self._number(self._timeline.edit.start_frame + self.start, precise)

    def GetDuration(self, precise: bool = False) -> float:
        return self._number(self.length, precise)

    def GetEnd(self, precise: bool = False) -> float:
        return self._number(self._timeline.edit.start_frame + self.start + self.length, precise)

    @staticmethod
    def _number(value: Fraction | float, precise: bool) -> float:
        return float(value) if precise else math.floor(value)

    def GetTrackTypeAndIndex(self) -> list[Any]:
        return [self._kind, self._track]

    def GetMediaPoolItem(self) -> Any:
        media = self.spec.media if isinstance(self.spec, Clip) else None
        return self._state.project.pool.item(media) if media else None

    def GetProperty(self, key: str | None = None) -> Any:
        properties: dict[str, Any] = {}
        if isinstance(self.spec, Clip) and self._kind == "video":
            properties = {**_CLIP_PROPERTIES, "Opacity": self.spec.opacity}
        return properties if key is None else properties.get(key)

    def GetClipEnabled(self) -> bool:
        return not isinstance(self.spec, Clip) or self.spec.enabled

    def GetType(self) -> str:
        if isinstance(self.spec, Transition):
            return "transition"
        return self._kind if self.spec.media else "generator"

    def GetSpeed(self) -> dict[str, Any]:
        percentage = 100.0 * float(self.spec.speed) if isinstance(self.spec, Clip) else 0.0
        return {"Percentage": percentage, "PitchCorrection": False, "StretchKeyframesToFit": False}

    def GetLeftOffset(self, precise: bool = False) -> float:
        """Counted in the retimed domain: position in the media divided by the speed."""
        spec = self.spec
        if isinstance(spec, Transition) or not spec.media or not spec.speed:
            return 0
        offset = Fraction(spec.source_frame).limit_denominator(10**6) / abs(spec.speed)
        if self._kind == "audio":
            offset *= self._timeline.edit.rate / spec.media.rate
        return self._number(offset, precise)

    def GetSourceStartFrame(self) -> int:
        if isinstance(self.spec, Transition) or not self.spec.media:
            return 0
        return math.floor(self.spec.source_frame) + self._state.source_start_off_by

    def GetSourceEndFrame(self) -> int:
        """Exclusive when media and timeline have the same rate, else inclusive."""
        spec = self.spec
        if isinstance(spec, Transition) or not spec.media:
            return 0
        rate = self._timeline.edit.rate
        consumed = spec.consumed_frames(rate) - (0 if spec.media.rate == rate else 1)
        return math.floor(spec.source_frame + (consumed if spec.speed >= 0 else -consumed))

    def GetSourceStartTime(self) -> float:
        return self._time_in_timecode(self.GetSourceStartFrame())

    def GetSourceEndTime(self) -> float:
        spec = self.spec
        if isinstance(spec, Transition) or not spec.media:
            return 0.0
        consumed = float(spec.consumed_frames(self._timeline.edit.rate))
        return self._time_in_timecode(spec.source_frame + (consumed if spec.speed >= 0 else -consumed))

    def _time_in_timecode(self, frame: float) -> float:
        media = self.spec.media if isinstance(self.spec, Clip) else None
        return (media.start_tc_frame + frame) / float(media.rate) if media else 0.0


def place_clips(state: ResolveState, timeline: TimelineObject, wanted: list[Any]) -> list[ItemObject]:
    """``AppendToTimeline``: absolute record frames; what would overlap vanishes and leaves a phantom behind."""
    placed = []
    for info in wanted:
        media = info["mediaPoolItem"].media
        kind = {1: "video", 2: "audio"}.get(info.get("mediaType", 1), "video")
        track = int(info.get("trackIndex", 1))
        if not 1 <= track <= timeline.GetTrackCount(kind):
            return []
        first, last = info.get("startFrame", 0), info.get("endFrame", media.frames)
        length = math.floor(Fraction(last - first) / media.rate * timeline.edit.rate)
        start = (
            int(info.get("recordFrame", timeline.edit.start_frame + timeline.edit.length)) - timeline.edit.start_frame
        )
        item = ItemObject(state, timeline, kind, track, Clip(start, length, media, first))
        others = timeline.tracks[kind][track - 1]
        if length <= 0 or any(o.start < start + length and start < o.start + o.length for o in others):
            item.spec = replace(item.spec, length=0) if isinstance(item.spec, Clip) else item.spec
            item.unique_id = ""
        else:
            others.append(item)
            others.sort(key=lambda o: o.start)
        placed.append(item)
    return placed
