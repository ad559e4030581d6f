"""The walk through an FCPXML story: storylines, connected clips on lanes, compounds, auditions, multicams."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction
from xml.etree.ElementTree import Element

from v2m_bridge.edits.draft import EditDraft, to_frame
from v2m_bridge.edits.fcpxml.values import (
    Resources,
    conform_scale,
    duration_s,
    is_faded,
    is_sound,
    lane_of,
    marker_color,
    media_url,
    time_map,
    time_s,
    title,
)
from v2m_bridge.edits.find_media import MediaFinder
from v2m_bridge.edits.limits import TooLargeError
from v2m_bridge.edits.names import clean, transition_kind
from v2m_bridge.edits.window import TimeMap, Window, join_at_knees, ramp_windows, whole_timeline
from v2m_bridge.errors import InputError
from v2m_bridge.timeline.sweep import Blend, Piece

MAX_DEPTH = 40
MAX_VISITS = 1_000_000
TRANSITION_START_S = Fraction(3600)
"""A transition's own clock starts there, as Final Cut's markers on transitions count."""

_INVISIBLE = ("gap", "audio", "caption")
_CLIPS = frozenset({"asset-clip", "clip", "video", "title", "ref-clip", "sync-clip", "mc-clip", *_INVISIBLE})
_STORY = _CLIPS | {"spine", "audition"}

LayerKey = tuple[int, ...]
"""Lanes from the main storyline down to an element; in the order of these keys, later ones cover earlier ones."""


@dataclass(frozen=True)
class StoryItem:
    """An element that shows.

    Attributes:
        window: maps its own clock, which reads ``window.own_s`` at its start.
        length_s: on its own clock.
        key: its layer.
        depth: levels of nesting, 1 on the main storyline.
    """

    element: Element
    window: Window
    length_s: Fraction
    key: LayerKey
    depth: int

    @property
    def start_s(self) -> Fraction:
        """Its own clock at its start."""
        return self.window.own_s

    @property
    def end_s(self) -> Fraction:
        """Its own clock at its end."""
        return self.window.own_s + self.length_s


class FcpxmlWalk:
    """Collects the pieces of one sequence into ``draft``."""

    def __init__(self, draft: EditDraft, resources: Resources, media: MediaFinder) -> None:
        self._draft = draft
        self._resources = resources
        self._media = media
        self._pieces: list[tuple[LayerKey, Piece]] = []
        self._blends: list[tuple[LayerKey, Blend]] = []
        self._visits = 0
        self._rate = draft.rate  # of the sequence that is being walked
        self._angle = ""  # of the multicam that is being walked
        self._seen_before = False  # a ramp shows the same content again: its notes are made already

    def timeline(self, sequence: Element, start_s: Fraction) -> None:
        """Walk the sequence of the edit itself, whose clock starts at ``start_s``; then number the layers."""
        for spine in sequence.findall("spine"):
            self._spine(spine, whole_timeline(start_s), (0,), 1)
        keys = [key for key, _ in (*self._pieces, *self._blends)]
        longest = max((len(key) for key in keys), default=0)
        padded = {key: key + (0,) * (longest - len(key)) for key in keys}
        layer_of = {key: layer for layer, key in enumerate(sorted(set(padded.values())))}
        for key, piece in self._pieces:
            self._draft.add(replace(piece, layer=layer_of[padded[key]]))
        for key, blend in self._blends:
            self._draft.blends.append(replace(blend, layer=layer_of[padded[key]]))

    def _spine(self, spine: Element, window: Window, key: LayerKey, depth: int) -> None:
        """A storyline: elements one after the other; transitions lie over the edit points."""
        at_s = window.own_s
        previous_end_s: Fraction | None = None
        children = [c for c in spine if c.tag in _STORY or c.tag == "transition"]
        for index, child in enumerate(children):
            try:
                if child.tag == "transition":
                    following = children[index + 1] if index + 1 < len(children) else None
                    self._transition(child, window, key, previous_end_s, following)
                    continue
                at_s = time_s(child, "offset", at_s)
                at_s = previous_end_s = at_s + self._element(child, window, key, at_s, depth)
            except InputError as error:
                self._draft.warn_damage(error)

    def _connected(self, element: Element, base: Window, window: Window, key: LayerKey, depth: int) -> None:
        """An element that hangs on a clip: placed by the clip's clock, it runs on the clock of their sequence."""
        try:
            root_s = base.root(time_s(element, "offset", base.own_s))
            at_s = window.own(root_s)
            window = window if window.scale else replace(window, root_s=root_s)
            self._element(element, window, key, at_s, depth)
        except InputError as error:
            self._draft.warn_damage(error)

    def _inside(self, element: Element, window: Window, key: LayerKey, at_s: Fraction, depth: int) -> None:
        """An element that lies in a clip, at ``at_s`` where it does not say."""
        try:
            self._element(element, window, key, time_s(element, "offset", at_s), depth)
        except InputError as error:
            self._draft.warn_damage(error)

    def _element(self, element: Element, window: Window, key: LayerKey, at_s: Fraction, depth: int) -> Fraction:
        """One element at ``at_s`` of its container's clock; returns its length."""
        self._visits += 1
        if depth > MAX_DEPTH:
            raise TooLargeError(f"{title(element)}: nested more than {MAX_DEPTH} deep")
        if self._visits > MAX_VISITS:
            raise TooLargeError(f"the edit has more than {MAX_VISITS} elements")
        if element.tag == "audition":
            active = next((c for c in element if c.tag in _CLIPS), None)
            return Fraction(0) if active is None else self._element(active, window, key, at_s, depth + 1)
        if element.tag == "spine":
            self._spine(element, replace(window, root_s=window.root(at_s), own_s=Fraction(0)), key, depth + 1)
            return Fraction(0)
        conform = self._conform(element)
        length_s = duration_s(element, self._resources.default_length_s(element) / conform)
        own_s = time_s(element, "start", self._resources.default_start_s(element))
        begin_s, end_s = window.span(at_s, at_s + length_s)
        if depth == 1:  # the main storyline; gaps and disabled clips take their time too
            self._draft.reach_s(end_s)
        around = replace(window, root_s=window.root(at_s), own_s=own_s, scale=window.scale * conform)
        if window.scale == 0:  # frozen at a moment that lies inside the element
            around = replace(around, own_s=own_s + (window.own_s - at_s) * conform)
        inner = replace(around, begin_s=begin_s, end_s=end_s)
        if element.get("enabled") == "0":
            self._draft.disabled_clips += element.tag not in _INVISIBLE and not self._seen_before
        elif begin_s < end_s and element.tag not in _INVISIBLE and element.get("srcEnable") != "audio":
            self._content(StoryItem(element, inner, length_s * conform, key, depth))
        self._markers(element, inner)
        for child in element:
            if child.tag in _STORY and child.get("lane"):
                self._connected(child, around, window, (*key, lane_of(child)), depth + 1)
        return length_s

    def _conform(self, element: Element) -> Fraction:
        """Seconds of the element's own clock per second of what holds it: its content counts at the media's rate."""
        try:
            return conform_scale(element, self._resources.content_rate(element), self._rate)
        except InputError as error:
            self._draft.warn_damage(error, f"{title(element)} is taken at the sequence's rate")
            return Fraction(1)

    def _retime(self, element: Element) -> TimeMap:
        try:
            return time_map(element)
        except InputError as error:
            self._draft.warn_damage(error, "it is taken at normal speed")
            return TimeMap()

    def _content(self, item: StoryItem) -> None:
        """What an element itself shows."""
        element = item.element
        if element.tag in ("ref-clip", "mc-clip"):
            self._compound(item)
            return
        nested = [c for c in element if c.tag in _STORY and not c.get("lane")]
        if element.tag not in ("clip", "sync-clip") or not nested:
            self._leaf(item)
            return
        before = len(self._pieces)

        def walk(window: Window) -> None:
            for child in nested:
                at_s = Fraction(0) if child.tag == "spine" else item.start_s
                self._inside(child, window, (*item.key, 0), at_s, item.depth + 1)

        self._through_retime(item, walk)
        silent = all(c.get("srcEnable") == "audio" or c.get("enabled") == "0" for c in nested)
        if len(self._pieces) == before and not silent and any(c.tag in ("video", "asset-clip") for c in nested):
            self._draft.warn(f"{title(element)}: its content lies elsewhere; it is taken as one shot without media")
            self._leaf(item)

    def _through_retime(self, item: StoryItem, walk: Callable[[Window], None]) -> None:
        """Walk a container's content at the container's speed; under a ramp once for each straight part of it."""
        retime = self._retime(item.element)
        if len(retime.points) < 2:
            walk(replace(item.window, own_s=retime.media_s(item.start_s)))
            return
        first, seen_before = len(self._pieces), self._seen_before
        windows = ramp_windows(item.window, retime.points)
        for window in windows:
            walk(window)
            self._seen_before = True
        self._seen_before = seen_before
        if len(windows) < 2:
            return
        shown = self._pieces[first:]
        keys: dict[LayerKey, int] = {}
        for key, _ in shown:
            keys.setdefault(key, len(keys))
        numbered = join_at_knees([replace(piece, layer=keys[key]) for key, piece in shown], self._draft.rate)
        by_number = list(keys)
        self._pieces[first:] = [(by_number[piece.layer], piece) for piece in numbered]

    def _compound(self, item: StoryItem) -> None:
        """A compound clip shows the sequence of its media, a multicam clip one angle."""
        media = self._resources.of(item.element)
        sequence = media.find("sequence") if media is not None else None
        multicam = media.find("multicam") if media is not None else None
        content = sequence if sequence is not None else multicam
        if content is None:
            self._draft.warn(
                f"{title(item.element)}: its content is not in the file; it is taken as one shot without media"
            )
            self._leaf(item)
            return
        outer_rate, outer_angle = self._rate, self._angle
        angle = None if sequence is not None else _active_angle(item.element, content)
        spines = content.findall("spine") if sequence is not None else [angle] if angle is not None else []
        self._rate = self._content_rate(content)
        self._angle = f"{outer_angle}/{angle.get('angleID')}" if angle is not None else outer_angle

        def walk(window: Window) -> None:
            start_s = time_s(content, "tcStart")
            for spine in spines:
                at = replace(window, root_s=window.root(start_s), own_s=start_s)
                if window.scale == 0:  # frozen: the clock stands where the window says
                    at = replace(window, root_s=window.begin_s)
                self._spine(spine, at, (*item.key, 0), item.depth + 1)

        self._through_retime(item, walk)
        self._rate, self._angle = outer_rate, outer_angle

    def _content_rate(self, content: Element) -> Fraction:
        try:
            return self._resources.rate_of(content) or self._rate
        except InputError as error:
            self._draft.warn_damage(error, "the outer sequence's rate is taken")
            return self._rate

    def _leaf(self, item: StoryItem) -> None:
        """An element that shows footage, a title or a generator."""
        element, inner = item.element, item.window
        asset = self._resources.asset_of(element)
        if asset is not None and is_sound(asset):
            return
        if not self._resources.has_media(element):
            self._draft.warn(
                f"{title(element)}: its source {element.get('ref')!r} is not in the file; taken as offline"
            )
        retime = self._retime(element)
        edges_s = inner.own(inner.begin_s), inner.own(inner.end_s)
        slope = retime.speed(*edges_s)
        if not retime.is_straight(min(edges_s), max(edges_s)) and not self._seen_before:
            self._draft.warn_speed_ramp(title(element), f"{float(slope):.3g}")
        media = self._media.find(media_url(asset) if asset is not None else "")
        media_s = retime.media_s(inner.first_shown(1 / self._rate))
        if slope < 0:
            media_s -= 1 / self._draft.rate
        piece = Piece(
            start_frame=to_frame(inner.begin_s, self._draft.rate),
            end_frame=to_frame(inner.end_s, self._draft.rate),
            layer=0,
            opaque=element.tag != "title" and not is_faded(element) and not media.has_alpha,
            media=media.path,
            media_online=media.online,
            source_start_s=max(Fraction(0), media_s - self._origin_s(asset, edges_s[0])),
            speed=slope * inner.scale,
            name=clean(element.get("name") or (asset.get("name") if asset is not None else "") or ""),
            take="",
            part=self._angle,
        )
        self._pieces.append((item.key, piece))

    def _origin_s(self, asset: Element | None, shown_s: Fraction) -> Fraction:
        """The media's clock at its first frame."""
        if asset is None:
            return shown_s
        try:
            return time_s(asset, "start")
        except InputError as error:
            self._draft.warn_damage(error, "its footage is taken to start at 0")
            return Fraction(0)

    def _transition(
        self, element: Element, window: Window, key: LayerKey, before_s: Fraction | None, after: Element | None
    ) -> None:
        """The edit point is where the neighbours meet, else the end of the one that there is, else the middle."""
        start_s = time_s(element, "offset")
        end_s = start_s + duration_s(element, Fraction(0))
        middle_s = (start_s + end_s) / 2
        meeting_s = time_s(after, "offset", before_s) if after is not None else before_s
        edge_s = meeting_s if meeting_s is not None and start_s <= meeting_s <= end_s else middle_s
        span_s = window.span(start_s, end_s)
        if span_s[0] > span_s[1]:
            return
        clock = Window(window.root(start_s), time_s(element, "start", TRANSITION_START_S), window.scale, *span_s)
        self._markers(element, clock)
        names = [element.get("name") or "", *(f.get("name") or "" for f in element.findall("filter-video"))]
        self._blends.append((key, self._draft.blend(window.root(edge_s), span_s, 0, transition_kind(*names))))

    def _markers(self, element: Element, inner: Window) -> None:
        """Markers count on the element's own clock; those outside its visible part are left out."""
        outside = 0
        for marker in itertools.chain(element.findall("marker"), element.findall("chapter-marker")):
            try:
                root_s = inner.root(time_s(marker, "start"))
                length_s = duration_s(marker, Fraction(0))
            except InputError as error:
                self._draft.warn_damage(error)
                continue
            if not inner.shows(root_s):
                outside += 1
                continue
            name, note = marker.get("value") or "", marker.get("note") or ""
            self._draft.add_marker(root_s, length_s, name, marker_color(marker), note)
        if not self._seen_before:
            self._draft.warn_unused_markers(title(element), outside)


def _active_angle(element: Element, multicam: Element) -> Element | None:
    """The angle of a multicam clip that is enabled for picture; None: it shows none."""
    sources = element.findall("mc-source")
    angles = multicam.findall("mc-angle")
    if not sources:
        return angles[0] if angles else None
    wanted = [s.get("angleID") for s in sources if s.get("srcEnable", "all") in ("all", "video")]
    return next((a for a in angles if a.get("angleID") in wanted), None)
