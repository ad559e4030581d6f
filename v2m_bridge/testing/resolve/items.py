"""The items of tracks behind :mod:`v2m_bridge.testing.resolve.model`. Names are Resolve's."""

from __future__ import annotations

import itertools
import math
from fractions import Fraction
from typing import Any, Protocol

from v2m_bridge.testing.resolve.edit import Clip, ResolveEdit, Transition
from v2m_bridge.testing.resolve.markers import MarkerHolder
from v2m_bridge.testing.resolve.state import ResolveState

_PROPERTY_NAMES = """
    Pan Tilt ZoomX ZoomY ZoomGang RotationAngle AnchorPointX AnchorPointY Pitch Yaw FlipX FlipY CropLeft CropRight
    CropTop CropBottom CropSoftness CropRetain DynamicZoomEase CompositeMode Opacity Distortion RetimeProcess
    MotionEstimation Scaling ResizeFilter
"""
_CLIP_PROPERTIES = dict.fromkeys(_PROPERTY_NAMES.split(), 0.0)

_ids = itertools.count(1)


class OnTimeline(Protocol):
    """What an item asks of the timeline that it lies on."""

    edit: ResolveEdit


class ItemObject(MarkerHolder):
    """A clip or a transition on a track."""

    KIND = "TimelineItem"

    def __init__(
        self, state: ResolveState, timeline: OnTimeline, kind: str, track: int, spec: Clip | Transition
    ) -> None:
        super().__init__(spec.markers if isinstance(spec, Clip) else ())
        self._state = state
        self._timeline = timeline
        self._kind = kind
        self._track = track
        self.spec = spec
        self.unique_id = f"item-{next(_ids)}"
        self.enabled = not isinstance(spec, Clip) or spec.enabled
        self.linked: list[ItemObject] = []
        self.selected = False

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
        return self.enabled

    def SetClipEnabled(self, on: bool) -> bool:
        self.enabled = bool(on)
        return True

    def GetLinkedItems(self) -> list[ItemObject]:
        return list(self.linked)

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
