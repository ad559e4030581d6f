"""The walk through an xmeml sequence: clips, transitions, nested sequences and markers of its tracks."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from xml.etree.ElementTree import Element

from v2m_bridge.edits.draft import EditDraft, to_frame
from v2m_bridge.edits.find_media import MediaFinder
from v2m_bridge.edits.limits import MAX_DURATION_S, TooLargeError
from v2m_bridge.edits.names import clean, transition_kind
from v2m_bridge.edits.window import TimeMap, Window, join_at_knees, ramp_windows, whole_timeline
from v2m_bridge.edits.xmeml.values import (
    NORMAL,
    Remap,
    active_angle,
    edit_point,
    frames,
    is_off,
    is_opaque,
    label,
    marker_color,
    rate_of,
    rate_of_points,
    remap_of,
    writes_on_sequence_grid,
)
from v2m_bridge.edits.xml_text import text_at
from v2m_bridge.errors import InputError
from v2m_bridge.timeline.sweep import Piece

MAX_DEPTH = 40
MAX_VISITS = 1_000_000
MOST_NEIGHBOURS = 20
"""So many clips before one without a start are asked where they end."""
_REFERRED = ("file", "sequence", "clipitem", "multiclip", "clip")
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
class XmemlSource:
    """What a clip shows.

    Attributes:
        holder: the element with the file, nested sequence or name: the clip itself, or the clip of a camera angle.
        file, nested: its media file, or its nested sequence with content.
        offset_s: source seconds at frame 0 of the clip's own count (a subclip starts later in its file).
        part: names the angle and the subclip.
    """

    holder: Element
    file: Element | None
    nested: Element | None
    offset_s: Fraction
    part: str


@dataclass(frozen=True)
class XmemlPlace:
    """A clip on its track: ``[start_s, end_s)`` of the sequence.

    Attributes:
        source_s: seconds into its source at the start.
        first_s: seconds on the clip's own clock at the start, on which its ramp and its markers count.
        rate: frames per second in which the clip counts.
    """

    start_s: Fraction
    end_s: Fraction
    source_s: Fraction
    first_s: Fraction
    rate: Fraction
    remap: Remap


class XmemlWalk:
    """Collects one sequence, and what is nested in it, into ``draft``; ``root`` is the whole document."""

    def __init__(self, draft: EditDraft, media: MediaFinder, root: Element) -> None:
        self._draft = draft
        self._media = media
        self._layer = 0
        self._visits = 0
        self._on_sequence_grid = writes_on_sequence_grid(root)
        self._seen_before = False  # a ramp shows the same content again: its notes are made already
        self._by_id: dict[tuple[str, str], Element] = {}
        for element in root.iter():
            if element.tag in _REFERRED and element.get("id") and len(element):
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
        rate = self._rate(sequence, self._draft.rate)
        self._markers(sequence, rate, window)
        for track in sequence.iterfind("media/video/track"):
            self._layer += 1
            if is_off(track):
                self._draft.disabled_clips += 0 if self._seen_before else len(track.findall("clipitem"))
                continue
            items = (self._resolve(child) for child in track if child.tag in _ITEMS)
            walked = XmemlTrack(tuple(i for i in items if i is not None), rate, window, self._layer, depth)
            for index in range(len(walked.items)):
                try:
                    self._item(walked, index)
                except InputError as error:
                    self._draft.warn_damage(error)

    def _rate(self, element: Element | None, default: Fraction) -> Fraction:
        """Rate of an element; a damaged one is replaced by ``default`` with a warning."""
        try:
            return rate_of(element, default) or default
        except InputError as error:
            where = "" if element is None else f"{label(element)}: "
            self._draft.warn_damage(InputError(f"{where}{error.message}"), f"{float(default):g} is taken")
            return default

    def _item(self, track: XmemlTrack, index: int) -> None:
        """The clip or transition with this index on its track."""
        item = track.items[index]
        self._visits += 1
        if self._visits > MAX_VISITS or track.depth > MAX_DEPTH:
            raise TooLargeError(f"{label(item)}: sequences nested more than {MAX_DEPTH} deep or endlessly")
        if item.tag == "transitionitem":
            self._transition(item, track)
            return
        source = self._source(item, track)
        place = self._placed(track, index, source)
        if place.end_s < place.start_s:
            raise InputError(f"{label(item)}: ends before it starts")
        self._item_markers(item, place, track)
        if is_off(item):
            self._draft.disabled_clips += not self._seen_before
            return
        begin_s, end_s = track.window.span(place.start_s, place.end_s)
        if place.end_s == place.start_s:
            self._draft.warn(f"{label(item)}: has no length and is left out")
        elif begin_s < end_s and source.nested is not None:
            self._nest(source.nested, place, track)
        elif begin_s < end_s:
            if item.find("sequence") is not None:
                self._draft.warn(
                    f"{label(item)}: its nested sequence cannot be opened; taken as one shot without media"
                )
            self._draft.add(self._piece(item, source, place, track))

    def _nest(self, sequence: Element, place: XmemlPlace, track: XmemlTrack) -> None:
        """A nested sequence at any speed; under a ramp it is walked once for each straight part."""
        length_s = place.end_s - place.start_s
        if not place.remap.graph:
            inner = track.window.inside(place.start_s, length_s, place.source_s, place.remap.speed)
            self._sequence(sequence, inner, track.depth + 1)
            return
        begin_s, end_s = track.window.span(place.start_s, place.end_s)
        root_s = track.window.root(place.start_s)
        own = Window(root_s, place.first_s, track.window.scale, begin_s, end_s)
        first, layer, seen_before = len(self._draft.pieces), self._layer, self._seen_before
        for window in ramp_windows(own, self._graph_s(place)):
            self._layer = layer
            self._sequence(sequence, window, track.depth + 1)
            self._seen_before = True
        self._seen_before = seen_before
        self._draft.pieces[first:] = join_at_knees(self._draft.pieces[first:], self._draft.rate)

    def _graph_s(self, place: XmemlPlace) -> list[tuple[Fraction, Fraction]]:
        """The speed graph in seconds."""
        return [(when / place.rate, value / place.rate) for when, value in place.remap.graph]

    def _source(self, item: Element, track: XmemlTrack) -> XmemlSource:
        """What a clip shows: its file, its nested sequence, or the active angle of its multiclip."""
        holder, part, offset_s = item, "", Fraction(0)
        multiclip = self._resolve(item.find("multiclip"))
        angle = active_angle(multiclip) if multiclip is not None else None
        if angle is not None:
            inside = self._resolve(angle.find("clip"))
            shown = inside.find("media/video/track/clipitem") if inside is not None else angle.find("clipitem")
            found = next((e for e in (self._resolve(shown), inside) if e is not None), None)
            if found is not None:
                holder, rate = found, self._rate(found, track.rate)
                offset_s = (
                    self._frames(found, "in", item) - max(Fraction(0), self._frames(found, "start", item))
                ) / rate
            part = f"angle {(inside.get('id') or text_at(inside, 'name')) if inside is not None else ''}"
        subclip = item.find("subclipinfo")
        if subclip is not None:
            start = self._frames(subclip, "startoffset", item)
            offset_s += start / self._rate(item, track.rate)
            part += f" subclip {start} to {text_at(subclip, 'endoffset')}"
        file = self._resolve(holder.find("file"))
        if file is not None and not len(file) and not self._seen_before:
            self._draft.warn(f"{label(item)}: its file {file.get('id')!r} is not in the edit; taken as offline")
        nested = self._resolve(holder.find("sequence"))
        has_content = nested is not None and nested.find("media") is not None
        return XmemlSource(holder, file, nested if has_content else None, offset_s, part)

    def _frames(self, element: Element, path: str, item: Element) -> Fraction:
        """A frame count that may be missing; a damaged one counts as 0 with a warning that names ``item``."""
        try:
            return frames(element, path, 0)
        except InputError as error:
            self._draft.warn_damage(InputError(f"{label(item)}: {error.message}"), "it is taken as 0")
            return Fraction(0)

    def _remap(self, item: Element, source: XmemlSource) -> Remap:
        try:
            return remap_of(item, source.file if source.nested is None else source.nested)
        except InputError as error:
            self._draft.warn_damage(error, "it is taken at normal speed")
            return NORMAL

    def _placed(self, track: XmemlTrack, index: int, source: XmemlSource) -> XmemlPlace:
        """Where a clip lies; a start or end of -1 means that the transition on that side has the edit point."""
        item, rate = track.items[index], track.rate
        remap = self._remap(item, source)
        start, end = frames(item, "start"), frames(item, "end")
        clip_rate = self._rate(item, rate)
        clip_rate, known = rate_of_points(item, clip_rate, rate, self._on_sequence_grid)
        if not known and not self._seen_before:
            self._draft.warn(
                f"{label(item)}: the file does not tell whether its in point counts frames of the clip or of the "
                f"sequence; {float(clip_rate):g} a second are taken, so its place in the media may be another"
            )
        first_s = self._frames(item, "in", item) / clip_rate
        lead_s = Fraction(0)
        if start == -1:
            start, lead = self._start_by_neighbour(track, index)
            lead_s = lead / rate
        if end == -1:
            end = self._end_by_neighbour(track, index, start)
        if start < 0:
            raise InputError(f"{label(item)}: starts at frame {start}, before the sequence")
        if end / rate > MAX_DURATION_S:
            raise InputError(f"{label(item)}: ends at frame {end}, more than 100 hours in")
        source_s = first_s * (abs(remap.speed) if remap.warped else 1) + lead_s * remap.speed + source.offset_s
        first_s += lead_s * (1 if remap.warped or remap.graph else remap.speed)
        place = XmemlPlace(start / rate, end / rate, source_s, first_s, clip_rate, remap)
        return self._under_ramp(item, place, source) if remap.graph and end > start else place

    def _under_ramp(self, item: Element, place: XmemlPlace, source: XmemlSource) -> XmemlPlace:
        """The same place with the source's start and the mean speed that the graph gives for the part that is used."""
        graph = TimeMap(tuple(self._graph_s(place)))
        last_s = place.first_s + place.end_s - place.start_s
        speed = graph.speed(place.first_s, last_s)
        if source.nested is None and not self._seen_before:
            self._draft.warn_speed_ramp(label(item), f"{float(speed):.3g}")
        lowest_s = graph.media_s(place.first_s if speed >= 0 else last_s)
        return replace(
            place, source_s=lowest_s + source.offset_s, remap=replace(place.remap, speed=speed, warped=False)
        )

    def _start_by_neighbour(self, track: XmemlTrack, index: int) -> tuple[Fraction, Fraction]:
        """Start of a clip whose own is -1, and how many frames of it a transition covers before that."""
        item = track.items[index]
        before = track.items[index - 1] if index else None
        if before is not None and before.tag == "transitionitem":
            start = edit_point(before)
            return start, start - frames(before, "start")
        nearby = track.items[max(0, index - MOST_NEIGHBOURS) : index]
        start = max((self._frames(i, "end", i) for i in nearby), default=Fraction(0))
        start = max(Fraction(0), start)
        self._draft.warn(f"{label(item)}: start is -1 without a transition before it; it is taken to start at {start}")
        return start, Fraction(0)

    def _end_by_neighbour(self, track: XmemlTrack, index: int, start: Fraction) -> Fraction:
        """End of a clip whose own is -1."""
        item = track.items[index]
        after = track.items[index + 1] if index + 1 < len(track.items) else None
        if after is not None and after.tag == "transitionitem":
            return edit_point(after)
        end = self._frames(after, "start", after) if after is not None else Fraction(-1)
        if end <= start:
            length = self._frames(item, "out", item) - self._frames(item, "in", item)
            end = start + max(Fraction(0), length)
        self._draft.warn(f"{label(item)}: end is -1 without a transition after it; it is taken to end at {end}")
        return end

    def _piece(self, item: Element, source: XmemlSource, place: XmemlPlace, track: XmemlTrack) -> Piece:
        window, speed, file = track.window, place.remap.speed, source.file
        begin_s, end_s = window.span(place.start_s, place.end_s)
        media = self._media.find(text_at(file, "pathurl"))
        into_s = replace(window, begin_s=begin_s).first_shown(1 / track.rate) - place.start_s
        if speed < 0:
            into_s -= place.end_s - place.start_s
        first_s = place.source_s + into_s * speed
        if speed < 0:
            first_s -= 1 / self._rate(file, self._draft.rate)
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
            part=source.part,
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
        if not item.findall("marker"):
            return
        remap, window = place.remap, track.window
        begin_s, end_s = window.span(place.start_s, place.end_s)
        first_s, slow = place.first_s, Fraction(1)
        if remap.speed and not remap.warped and not remap.graph:
            slow = abs(remap.speed)
        inner = Window(window.root(place.start_s), first_s, slow * window.scale, begin_s, max(begin_s, end_s))
        self._markers(item, place.rate, inner)

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
        if not self._seen_before:
            self._draft.warn_unused_markers(label(holder), outside)
