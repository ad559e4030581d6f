"""The walk through an FCPXML story: storylines, connected clips on lanes, compounds, auditions, multicams."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace
from fractions import Fraction
from xml.etree.ElementTree import Element

from v2m_bridge.edits.draft import EditDraft, to_frame
from v2m_bridge.edits.fcpxml.values import (
    Resources,
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
from v2m_bridge.edits.names import clean, transition_kind
from v2m_bridge.edits.window import Window, whole_timeline
from v2m_bridge.errors import InputError
from v2m_bridge.timeline.sweep import Blend, Piece

MAX_DEPTH = 40
MAX_VISITS = 1_000_000
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
            if child.tag == "transition":
                following = children[index + 1] if index + 1 < len(children) else None
                self._transition(child, window, key, previous_end_s, following)
                continue
            at_s = time_s(child, "offset", at_s)
            at_s = previous_end_s = at_s + self._element(child, window, key, at_s, depth)

    def _element(self, element: Element, window: Window, key: LayerKey, at_s: Fraction, depth: int) -> Fraction:
        """One element at ``at_s`` of its container's clock; returns its length."""
        self._visits += 1
        if depth > MAX_DEPTH:
            raise InputError(f"{title(element)}: nested more than {MAX_DEPTH} deep")
        if self._visits > MAX_VISITS:
            raise InputError(f"the edit has more than {MAX_VISITS} elements")
        if element.tag == "audition":
            active = next((c for c in element if c.tag in _CLIPS), None)
            return Fraction(0) if active is None else self._element(active, window, key, at_s, depth + 1)
        if element.tag == "spine":
            self._spine(element, replace(window, root_s=window.root(at_s), own_s=Fraction(0)), key, depth + 1)
            return Fraction(0)
        length_s = duration_s(element, self._resources.default_length_s(element))
        own_s = time_s(element, "start", self._resources.default_start_s(element))
        begin_s, end_s = window.span(at_s, at_s + length_s)
        if depth == 1:  # the main storyline; gaps and disabled clips take their time too
            self._draft.reach_s(end_s)
        around = replace(window, root_s=window.root(at_s), own_s=own_s)
        inner = replace(around, begin_s=begin_s, end_s=end_s)
        if element.get("enabled") == "0":
            self._draft.disabled_clips += element.tag not in _INVISIBLE
        elif begin_s < end_s and element.tag not in _INVISIBLE:
            self._content(StoryItem(element, inner, length_s, key, depth))
        self._markers(element, inner)
        for child in element:
            if child.tag in _STORY and child.get("lane"):
                self._element(child, around, (*key, lane_of(child)), time_s(child, "offset", own_s), depth + 1)
        return length_s

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
        window = self._retimed(item)
        for child in nested:
            at_s = time_s(child, "offset", Fraction(0) if child.tag == "spine" else item.start_s)
            self._element(child, window, (*item.key, 0), at_s, item.depth + 1)
        if len(self._pieces) == before and any(c.tag in ("video", "asset-clip") for c in nested):
            self._draft.warn(f"{title(element)}: its content lies elsewhere; it is taken as one shot without media")
            self._leaf(item)

    def _retimed(self, item: StoryItem) -> Window:
        """The window of a container's content, at the container's mean speed."""
        element, inner = item.element, item.window
        retime = time_map(element, None, self._draft.rate)
        if not retime.points:
            return inner
        speed = retime.speed(item.start_s, item.end_s)
        if speed <= 0:
            self._draft.warn(f"{title(element)}: reversed or frozen; its content is taken at normal speed")
            return inner
        if not retime.is_straight(item.start_s, item.end_s):
            self._draft.warn_speed_ramp(title(element), f"{float(speed):.3g}")
        return replace(inner, own_s=retime.media_s(item.start_s), scale=inner.scale * speed)

    def _compound(self, item: StoryItem) -> None:
        """A compound clip shows the sequence of its media, a multicam clip one angle."""
        media = self._resources.of(item.element)
        window = self._retimed(item)
        sequence = media.find("sequence") if media is not None else None
        angle = _active_angle(item.element, media)
        if sequence is not None:
            spines, start_s = sequence.findall("spine"), time_s(sequence, "tcStart")
        elif angle is not None:
            spines, start_s = [angle], time_s(angle, "offset")
        else:
            self._draft.warn(
                f"{title(item.element)}: its content is not in the file; it is taken as one shot without media"
            )
            self._leaf(item)
            return
        content = replace(window, root_s=window.root(start_s), own_s=start_s)
        for spine in spines:
            self._spine(spine, content, (*item.key, 0), item.depth + 1)

    def _leaf(self, item: StoryItem) -> None:
        """An element that shows footage, a title or a generator."""
        element, inner = item.element, item.window
        asset = self._resources.asset_of(element)
        if element.get("srcEnable") == "audio" or (asset is not None and is_sound(asset)):
            return
        media_rate = self._resources.rate_of(asset) if asset is not None else None
        retime = time_map(element, media_rate, self._draft.rate)
        speed = retime.speed(item.start_s, item.end_s)
        if not retime.is_straight(item.start_s, item.end_s):
            self._draft.warn_speed_ramp(title(element), f"{float(speed):.3g}")
        media = self._media.find(media_url(asset) if asset is not None else "")
        shown_s = inner.own(inner.begin_s)
        origin_s = time_s(asset, "start") if asset is not None else shown_s
        media_s = retime.media_s(item.start_s) + (shown_s - item.start_s) * speed
        if speed < 0:
            media_s -= 1 / self._draft.rate
        piece = Piece(
            start_frame=to_frame(inner.begin_s, self._draft.rate),
            end_frame=to_frame(inner.end_s, self._draft.rate),
            layer=0,
            opaque=element.tag != "title" and not is_faded(element) and not media.has_alpha,
            media=media.path,
            media_online=media.online,
            source_start_s=max(Fraction(0), media_s - origin_s),
            speed=speed * inner.scale,
            name=clean(element.get("name") or (asset.get("name") if asset is not None else "") or ""),
            take="",
        )
        self._pieces.append((item.key, piece))

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
        names = [element.get("name") or "", *(f.get("name") or "" for f in element.findall("filter-video"))]
        self._blends.append((key, self._draft.blend(window.root(edge_s), span_s, 0, transition_kind(*names))))

    def _markers(self, element: Element, inner: Window) -> None:
        """Markers count on the element's own clock; those outside its visible part are left out."""
        outside = 0
        for marker in itertools.chain(element.findall("marker"), element.findall("chapter-marker")):
            root_s = inner.root(time_s(marker, "start"))
            if not inner.shows(root_s):
                outside += 1
                continue
            length_s = duration_s(marker, Fraction(0))
            name, note = marker.get("value") or "", marker.get("note") or ""
            self._draft.add_marker(root_s, length_s, name, marker_color(marker), note)
        self._draft.warn_unused_markers(title(element), outside)


def _active_angle(element: Element, media: Element | None) -> Element | None:
    """The picture angle of a multicam clip."""
    multicam = media.find("multicam") if media is not None else None
    if multicam is None:
        return None
    wanted = [s.get("angleID") for s in element.findall("mc-source") if s.get("srcEnable", "all") in ("all", "video")]
    angles = multicam.findall("mc-angle")
    return next((a for a in angles if a.get("angleID") in wanted), angles[0] if angles else None)
