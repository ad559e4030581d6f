"""The walk through an xmeml sequence: clips, transitions, nested sequences and markers of its tracks."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from xml.etree.ElementTree import Element

from v2m_bridge.edits.draft import EditDraft, to_frame
from v2m_bridge.edits.find_media import MediaFinder
from v2m_bridge.edits.limits import MAX_DURATION_S
from v2m_bridge.edits.names import clean, transition_kind
from v2m_bridge.edits.window import Window, whole_timeline
from v2m_bridge.edits.xmeml.values import (
    Remap,
    edit_point,
    frames,
    is_off,
    is_opaque,
    label,
    marker_color,
    rate_of,
    remap_of,
)
from v2m_bridge.edits.xml_text import text_at
from v2m_bridge.errors import InputError
from v2m_bridge.timeline.sweep import Piece

MAX_DEPTH = 40
MAX_VISITS = 1_000_000
_ITEMS = ("clipitem", "generatoritem", "transitionitem")


@dataclass(frozen=True)
class XmemlTrack:
    """A track while it is walked.

    Attributes:
        items: clips and transitions in their order.
        rate: frames per second of its sequence.
        window: of its sequence.
        layer: of its clips.
        depth: levels of nesting, 1 for the edit's own sequence.
    """

    items: tuple[Element, ...]
    rate: Fraction
    window: Window
    layer: int
    depth: int


@dataclass(frozen=True)
class XmemlPlace:
    """A clip on its track: ``[start_s, end_s)`` of the sequence, ``source_s`` into its source at the start."""

    start_s: Fraction
    end_s: Fraction
    source_s: Fraction
    remap: Remap


class XmemlWalk:
    """Collects one sequence, and what is nested in it, into ``draft``; ``root`` is the whole document."""

    def __init__(self, draft: EditDraft, media: MediaFinder, root: Element) -> None:
        self._draft = draft
        self._media = media
        self._layer = 0
        self._visits = 0
        self._by_id: dict[tuple[str, str], Element] = {}
        for element in root.iter():
            if element.tag in ("file", "sequence", "clipitem") and element.get("id") and len(element):
                self._by_id.setdefault((element.tag, element.get("id", "")), element)

    def timeline(self, sequence: Element) -> None:
        """Walk the sequence of the edit itself; its sound gives length only."""
        self._sequence(sequence, whole_timeline(), 1)
        for item in sequence.iterfind("media/audio/track/clipitem"):
            try:
                end_s = frames(item, "end", 0) / self._draft.rate
            except InputError as error:
                self._draft.warn(f"sound is not read: {error.message}")
                continue
            if end_s <= MAX_DURATION_S:
                self._draft.reach_s(end_s)

    def _resolve(self, element: Element | None) -> Element | None:
        """The full element that an empty one with an id stands for."""
        if element is None or len(element) or not element.get("id"):
            return element
        return self._by_id.get((element.tag, element.get("id", "")), element)

    def _sequence(self, sequence: Element, window: Window, depth: int) -> None:
        rate = rate_of(sequence, self._draft.rate) or self._draft.rate
        self._markers(sequence, rate, window)
        for track in sequence.iterfind("media/video/track"):
            self._layer += 1
            if is_off(track):
                self._draft.disabled_clips += len(track.findall("clipitem"))
                continue
            items = (self._resolve(child) for child in track if child.tag in _ITEMS)
            walked = XmemlTrack(tuple(i for i in items if i is not None), rate, window, self._layer, depth)
            for index in range(len(walked.items)):
                self._item(walked, index)

    def _item(self, track: XmemlTrack, index: int) -> None:
        """The clip or transition with this index on its track."""
        item = track.items[index]
        self._visits += 1
        if self._visits > MAX_VISITS or track.depth > MAX_DEPTH:
            raise InputError(f"{label(item)}: sequences nested more than {MAX_DEPTH} deep or endlessly")
        if item.tag == "transitionitem":
            self._transition(item, track)
            return
        place = self._placed(track, index)
        if place.end_s < place.start_s:
            raise InputError(f"{label(item)}: ends before it starts")
        self._item_markers(item, place, track)
        if is_off(item):
            self._draft.disabled_clips += 1
            return
        nested = self._resolve(item.find("sequence"))
        if nested is not None and nested.find("media") is not None and place.remap.speed > 0:
            length_s = place.end_s - place.start_s
            inner = track.window.inside(place.start_s, length_s, place.source_s, place.remap.speed)
            self._sequence(nested, inner, track.depth + 1)
            return
        if nested is not None:
            self._draft.warn(f"{label(item)}: its nested sequence cannot be opened; taken as one shot without media")
        begin_s, end_s = track.window.span(place.start_s, place.end_s)
        if begin_s < end_s:
            self._draft.add(self._piece(item, place, track))
        elif place.end_s == place.start_s:
            self._draft.warn(f"{label(item)}: has no length and is left out")

    def _placed(self, track: XmemlTrack, index: int) -> XmemlPlace:
        """Where a clip lies; a start or end of -1 means that the transition on that side has the edit point."""
        item, rate = track.items[index], track.rate
        remap = remap_of(item, self._resolve(item.find("file")), self._draft)
        start, end = frames(item, "start"), frames(item, "end")
        clip_rate = rate_of(item, rate) or rate
        source_s = frames(item, "in", 0) / clip_rate * (abs(remap.speed) if remap.warped else 1)
        if start == -1:
            before = track.items[index - 1] if index else None
            if before is None or before.tag != "transitionitem":
                raise InputError(f"{label(item)}: start is -1 without a transition before it")
            start = edit_point(before)
            source_s += (start - frames(before, "start")) / rate * remap.speed
        if end == -1:
            after = track.items[index + 1] if index + 1 < len(track.items) else None
            if after is None or after.tag != "transitionitem":
                raise InputError(f"{label(item)}: end is -1 without a transition after it")
            end = edit_point(after)
        if start < 0:
            raise InputError(f"{label(item)}: starts at frame {start}, before the sequence")
        if end / rate > MAX_DURATION_S:
            raise InputError(f"{label(item)}: ends at frame {end}, more than 100 hours in")
        return XmemlPlace(start / rate, end / rate, source_s, remap)

    def _piece(self, item: Element, place: XmemlPlace, track: XmemlTrack) -> Piece:
        window, speed = track.window, place.remap.speed
        begin_s, end_s = window.span(place.start_s, place.end_s)
        file = self._resolve(item.find("file"))
        media = self._media.find(text_at(file, "pathurl"))
        first_s = place.source_s + (window.own(begin_s) - place.start_s) * speed
        if speed < 0:
            length_s = (place.end_s - place.start_s) * -speed
            first_s += length_s - 1 / (rate_of(file, self._draft.rate) or self._draft.rate)
        name = text_at(item, "name") or text_at(file, "name")
        return Piece(
            start_frame=to_frame(begin_s, self._draft.rate),
            end_frame=to_frame(end_s, self._draft.rate),
            layer=track.layer,
            opaque=is_opaque(item, file),
            media=media.path,
            media_online=media.online,
            source_start_s=max(Fraction(0), first_s),
            speed=speed * window.scale,
            name=clean(name),
            take=f"{text_at(file, 'name') or name}/{(file.get('id') if file is not None else '') or ''}",
        )

    def _transition(self, item: Element, track: XmemlTrack) -> None:
        start, end = frames(item, "start"), frames(item, "end")
        edge_s = track.window.root(edit_point(item) / track.rate)
        begin_s, end_s = track.window.span(start / track.rate, end / track.rate)
        if begin_s > end_s or start > end:
            return
        kind = transition_kind(text_at(item, "effect/name"), text_at(item, "effect/effectid"))
        self._draft.blends.append(self._draft.blend(edge_s, (begin_s, end_s), track.layer, kind))

    def _item_markers(self, item: Element, place: XmemlPlace, track: XmemlTrack) -> None:
        """Clip markers count frames of the clip's own time, as its in point does."""
        speed, window = abs(place.remap.speed), track.window
        begin_s, end_s = window.span(place.start_s, place.end_s)
        scale = (speed or Fraction(1)) * window.scale
        inner = Window(window.root(place.start_s), place.source_s, scale, begin_s, max(begin_s, end_s))
        factor = speed if place.remap.warped and speed else Fraction(1)
        self._markers(item, (rate_of(item, track.rate) or track.rate) / factor, inner)

    def _markers(self, holder: Element, rate: Fraction, window: Window) -> None:
        """Markers of an item or sequence, in frames at ``rate`` of the clock that ``window`` maps."""
        outside = 0
        for marker in holder.findall("marker"):
            try:
                start, end = frames(marker, "in"), frames(marker, "out", -1)
            except InputError as error:
                self._draft.warn(f"{error.message}; the marker is left out")
                continue
            root_s = window.root(start / rate)
            if not window.shows(root_s):
                outside += 1
                continue
            duration_s = window.root(end / rate) - root_s if end > start else Fraction(0)
            name, note = text_at(marker, "name"), text_at(marker, "comment")
            self._draft.add_marker(root_s, duration_s, name, marker_color(marker), note)
        self._draft.warn_unused_markers(label(holder), outside)
