"""The walk through a timeline of Resolve's scripting objects.

Items count frames absolutely, markers relatively; transitions are items of the track.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from v2m_bridge.edits.draft import EditDraft, to_frame
from v2m_bridge.edits.find_media import FoundMedia, MediaFinder
from v2m_bridge.edits.names import clean, transition_kind
from v2m_bridge.edits.resolve_api.item_source import ItemSource, ItemSourceReader
from v2m_bridge.edits.resolve_api.values import ask, frame_rate, is_half_transparent, is_off, is_transition, marker_of
from v2m_bridge.edits.window import Window, whole_timeline
from v2m_bridge.timeline.sweep import Piece

OWN_DATA = "v2m:"
"""Our markers carry this in their invisible data; they are no part of the edit."""

MAX_DEPTH = 16
_SEQUENCE = re.compile(r"(.*?)([^/\\]*?)\[(\d+)-(\d+)\]([^/\\]*)$")
"""How Resolve writes an image sequence: folder, ``name[first-last]``, suffix."""


@dataclass(frozen=True)
class ResolveTrack:
    """A video track while it is walked.

    Attributes:
        origin: absolute frame at which its timeline starts.
        rate: frames per second of its timeline.
        window: of its timeline.
        layer: of its items.
        depth: levels of nesting, 0 for the edit's own timeline.
        enabled: whether the track is on.
    """

    origin: int
    rate: Fraction
    window: Window
    layer: int
    depth: int
    enabled: bool

    def frames(self, item: Any) -> tuple[int, int]:
        """Start and end of an item in frames from the start of its timeline."""
        start = round(ask(item, "GetStart") or 0) - self.origin
        return start, start + round(ask(item, "GetDuration") or 0)


@dataclass(frozen=True)
class ResolvePlace:
    """An item on its track, in seconds from the start of the timeline that it lies on."""

    at_s: Fraction
    length_s: Fraction
    window: Window

    @property
    def span(self) -> tuple[Fraction, Fraction]:
        """On the edit's own timeline, clipped to what shows; may be empty."""
        return self.window.span(self.at_s, self.at_s + self.length_s)


class ResolveWalk:
    """Collects the items of all tracks, nested timelines included, into ``draft``.

    ``timelines`` are those of the project, each after its media pool item.
    """

    def __init__(self, draft: EditDraft, media: MediaFinder, timelines: Sequence[tuple[Any, Any]]) -> None:
        self._draft = draft
        self._media = media
        self._sources = ItemSourceReader(draft, timelines)
        self._layer = 0

    def timeline(self, timeline: Any) -> None:
        """Walk the edit's own timeline: picture, length of the sound, markers."""
        self._tracks(timeline, whole_timeline(), 0)
        origin = int(ask(timeline, "GetStartFrame") or 0)
        for index in range(1, int(ask(timeline, "GetTrackCount", "audio") or 0) + 1):
            for item in ask(timeline, "GetItemListInTrack", "audio", index) or []:
                self._reach(item, origin)
        for frame, marker in sorted((ask(timeline, "GetMarkers") or {}).items()):  # relative, whatever the timecode
            if not str(marker.get("customData") or "").startswith(OWN_DATA):
                self._draft.markers.append(marker_of(round(frame), marker))

    def _tracks(self, timeline: Any, window: Window, depth: int) -> None:
        """Picture tracks, bottom to top."""
        origin = int(ask(timeline, "GetStartFrame") or 0)
        rate = self._draft.rate if depth == 0 else frame_rate(timeline)[0]
        for index in range(1, int(ask(timeline, "GetTrackCount", "video") or 0) + 1):
            self._layer += 1
            items = ask(timeline, "GetItemListInTrack", "video", index) or []
            enabled = not is_off(timeline, "GetIsTrackEnabled", "video", index)
            self._track(items, ResolveTrack(origin, rate, window, self._layer, depth, enabled))

    def _reach(self, item: Any, origin: int) -> None:
        self._draft.reach(round(ask(item, "GetEnd") or 0) - origin)

    def _track(self, items: Sequence[Any], track: ResolveTrack) -> None:
        edges: set[int] = set()
        for item in items:
            if is_transition(item):
                continue
            start, end = track.frames(item)
            edges |= {start, end}
            if track.depth == 0:
                self._reach(item, track.origin)
            if not track.enabled or is_off(item, "GetClipEnabled"):
                self._draft.disabled_clips += 1
                continue
            self._item(item, ResolvePlace(start / track.rate, (end - start) / track.rate, track.window), track)
        for item in items:
            if track.enabled and is_transition(item):
                self._transition(item, track, edges)

    def _item(self, item: Any, place: ResolvePlace, track: ResolveTrack) -> None:
        name = clean(str(ask(item, "GetName") or ""))
        begin_s, end_s = place.span
        opacity = ask(item, "GetProperty", "Opacity")
        if end_s <= begin_s or opacity == 0:
            return
        source = self._sources.of(item, name, track.rate, place.length_s)
        self._item_markers(item, place, source)
        if source.nested is not None and track.depth < MAX_DEPTH:
            inner = place.window.inside(place.at_s, place.length_s, source.start_s, source.speed)
            self._tracks(source.nested, inner, track.depth + 1)
            return
        media = self._locate(source.path)
        piece = Piece(
            start_frame=to_frame(begin_s, self._draft.rate),
            end_frame=to_frame(end_s, self._draft.rate),
            layer=track.layer,
            opaque=not is_half_transparent(opacity) and not media.has_alpha,
            media=media.path,
            media_online=media.online,
            source_start_s=max(Fraction(0), source.start_s) + (place.window.own(begin_s) - place.at_s) * source.speed,
            speed=source.speed * place.window.scale,
            name=name,
            take=source.name or name,
        )
        self._draft.add(piece, maybe_title=source.path is None and not source.known)

    def _locate(self, path: str | None) -> FoundMedia:
        match = _SEQUENCE.fullmatch(path or "")
        if match:
            folder, prefix, first, _, suffix = match.groups()
            return self._media.find_sequence(folder, prefix, int(first), len(first), suffix)
        return self._media.find(path or "")

    def _transition(self, item: Any, track: ResolveTrack, edges: set[int]) -> None:
        """A transition is an item that lies over its edit point: the one of ``edges`` nearest to its middle."""
        window = track.window
        start, end = track.frames(item)
        inside = [edge for edge in edges if start <= edge <= end]
        if not inside or not window.scale:
            return
        edge = min(inside, key=lambda edge: (abs(2 * edge - start - end), edge))
        edge_s = window.root(edge / track.rate)
        if not window.begin_s <= edge_s <= window.end_s:
            return
        span_s = window.span(start / track.rate, end / track.rate)
        kind = transition_kind(str(ask(item, "GetName") or ""))
        self._draft.blends.append(self._draft.blend(edge_s, span_s, track.layer, kind))

    def _item_markers(self, item: Any, place: ResolvePlace, source: ItemSource) -> None:
        """Markers of a clip count frames of its media; those on footage that is not used are left out."""
        outside = 0
        for frame, marker in sorted((ask(item, "GetMarkers") or {}).items()):
            into_s = Fraction(frame) / source.rate - source.start_s
            local_s = place.at_s + (into_s / source.speed if source.speed else 0)
            root_s = place.window.root(local_s)
            if place.at_s <= local_s < place.at_s + place.length_s and place.window.shows(root_s):
                self._draft.markers.append(marker_of(to_frame(root_s, self._draft.rate), marker))
            else:
                outside += 1
        self._draft.warn_unused_markers(source.name, outside)
