"""``AppendToTimeline`` of the model."""

from __future__ import annotations

import math
from dataclasses import replace
from fractions import Fraction
from typing import Any

from v2m_bridge.testing.resolve.edit import Clip
from v2m_bridge.testing.resolve.items import ItemObject
from v2m_bridge.testing.resolve.state import ResolveState
from v2m_bridge.testing.resolve.timeline import TimelineObject


def place_clips(state: ResolveState, timeline: TimelineObject, wanted: list[Any]) -> list[ItemObject]:
    """``AppendToTimeline``: absolute record frames; what would overlap vanishes and leaves a phantom behind.

    A locked or missing track takes nothing, and the answer is an empty list.
    """
    placed = []
    for info in wanted:
        media = info["mediaPoolItem"].media
        kind = {1: "video", 2: "audio"}.get(info.get("mediaType", 1), "video")
        track = int(info.get("trackIndex", 1))
        if not 1 <= track <= timeline.GetTrackCount(kind) or timeline.GetIsTrackLocked(kind, track):
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
