"""The walk through an OTIO tree: every clip at its exact place on the timeline, whatever the nesting."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction

from v2m_bridge.edits.draft import Edit, clean, to_frame, total, transition_kind
from v2m_bridge.edits.find_media import MediaFinder
from v2m_bridge.edits.media_timecode import origin_s
from v2m_bridge.edits.otio.clip import ClipSource, Retime, clip_source, retime_of
from v2m_bridge.edits.otio.markers import ItemMarkers, TimelineMarkers
from v2m_bridge.edits.otio.values import Json, TimeRange, dict_of, list_of, schema, text_of, time_range, time_s
from v2m_bridge.errors import InputError
from v2m_bridge.timeline.sweep import Blend, Piece

MAX_DEPTH = 48
MAX_VISITS = 2_000_000
"""A small file can name the same nest only once, but a hostile one can be wide as well as deep."""

MAX_SCALE = 1_000_000


@dataclass(frozen=True)
class Window:
    """How the time inside an item maps to the timeline: ``root = root_s + (own - own_s) / scale``.

    Nothing outside ``[begin_s, end_s)`` of the timeline shows. ``scale`` 0: frozen at ``own_s``.
    """

    root_s: Fraction
    own_s: Fraction
    scale: Fraction
    begin_s: Fraction
    end_s: Fraction

    def span(self, start_s: Fraction, end_s: Fraction) -> tuple[Fraction, Fraction]:
        """Timeline seconds of the item's own ``[start_s, end_s)``, clipped to the window; may be empty."""
        if self.scale == 0:
            shown = start_s <= self.own_s < end_s
            return (self.begin_s, self.end_s) if shown else (self.begin_s, self.begin_s)
        a, b = sorted((self.root(start_s), self.root(end_s)))
        return max(a, self.begin_s), min(b, self.end_s)

    def root(self, own_s: Fraction) -> Fraction:
        """Timeline seconds of the item's own time."""
        return self.root_s + (own_s - self.own_s) / self.scale if self.scale else self.root_s

    def own(self, root_s: Fraction) -> Fraction:
        """The item's own time at a time of the timeline."""
        return self.own_s + (root_s - self.root_s) * self.scale

    def inside(self, at_s: Fraction, length_s: Fraction, source: TimeRange, speed: Fraction) -> Window:
        """The window of a nested item that lies ``[at_s, at_s + length_s)`` in this one's time."""
        begin_s, end_s = self.span(at_s, at_s + length_s)
        first_s = source.start_s if speed >= 0 else source.start_s + length_s * -speed
        if self.scale == 0:
            return Window(begin_s, first_s + (self.own_s - at_s) * speed, Fraction(0), begin_s, end_s)
        return Window(self.root(at_s), first_s, self.scale * speed, begin_s, end_s)


def is_video(track: Json) -> bool:
    """Tracks without a kind are video."""
    return (text_of(track.get("kind")) or "Video").lower() == "video"


class Walk:
    """Collects into ``edit``; ``place`` names the file in messages."""

    def __init__(self, edit: Edit, media: MediaFinder, place: str) -> None:
        self._edit = edit
        self._media = media
        self._place = place
        self._layer = 0
        self._visits = 0
        self._timeline_markers = TimelineMarkers()

    def timeline(self, stack: Json) -> None:
        """Walk the tracks of a timeline, picture first (the picture's errors are fatal, the sound's are not)."""
        outer = time_range(stack.get("source_range"), f"{self._place}: tracks")
        end_s = outer.duration_s if outer else None
        self._timeline_markers.collect(stack)
        for index, track in enumerate(list_of(stack.get("children"))):
            place = f"{self._place}: {_title('track', index, track)}"
            if schema(track) == "Track" and not is_video(track):
                self._sound(track, place, end_s)
                continue
            self._item(dict_of(track), place, Fraction(0), _everything(outer), 1, self._next_layer(), top=True)
        if end_s is not None:
            self._edit.end_frame = min(self._edit.end_frame, to_frame(end_s, self._edit.rate))
        self._timeline_markers.settle(self._edit)

    def _next_layer(self) -> int:
        self._layer += 1
        return self._layer

    def _sound(self, track: Json, place: str, end_s: Fraction | None) -> None:
        """Sound tracks give length and markers only."""
        try:
            self._timeline_markers.collect(track)
            at_s = Fraction(0)
            for index, child in enumerate(list_of(track.get("children"))):
                if schema(child) == "Transition":
                    continue
                spot = f"{place}, {_title('item', index, child)}"
                length_s = self._length(dict_of(child), spot, 1)
                self._item_markers(dict_of(child), spot, at_s, length_s, _everything(None), Fraction(1))
                at_s += length_s
            if end_s is not None:
                at_s = min(at_s, end_s)
            self._edit.end_frame = max(self._edit.end_frame, to_frame(at_s, self._edit.rate))
        except InputError as error:
            self._edit.warn(f"sound is not read any further: {error.message}")

    def _item(
        self, item: Json, place: str, at_s: Fraction, window: Window, depth: int, layer: int, top: bool = False
    ) -> Fraction:
        """Walk any child that lies at ``at_s`` of the window; returns its length in the window's seconds."""
        self._visits += 1
        if depth > MAX_DEPTH:
            raise InputError(f"{place}: nested more than {MAX_DEPTH} deep")
        if self._visits > MAX_VISITS:
            raise InputError(f"{place}: the edit has more than {MAX_VISITS} items")
        kind = schema(item)
        length_s = self._length(item, place, depth)
        if item.get("enabled") is False:
            self._edit.disabled += _count_clips(item)
            self._item_markers(item, place, at_s, length_s, window, Fraction(1))
        elif kind == "Gap":
            self._item_markers(item, place, at_s, length_s, window, Fraction(1))
        elif kind in ("Stack", "Track", "Timeline"):
            self._nest(item, place, at_s, length_s, window, depth, layer, top)
        else:
            self._clip(item, place, at_s, length_s, window, layer)
        if top:
            self._edit.end_frame = max(
                self._edit.end_frame, to_frame(window.span(at_s, at_s + length_s)[1], self._edit.rate)
            )
        return length_s

    def _nest(
        self,
        item: Json,
        place: str,
        at_s: Fraction,
        length_s: Fraction,
        window: Window,
        depth: int,
        layer: int,
        top: bool,
    ) -> None:
        """A composition inside another shows only what its own window lets through."""
        body = dict_of(item.get("tracks")) if schema(item) == "Timeline" else item
        children = list_of(body.get("children"))
        if not children and not top:
            self._empty_nest(item, place, at_s, length_s, window, layer)
            return
        own = time_range(item.get("source_range"), place) or time_range(body.get("source_range"), place)
        rate = self._edit.rate
        retime = retime_of(item, place, self._edit, rate)
        source = own or TimeRange(Fraction(0), length_s, rate)
        if retime.speed > 0 and retime.speed != 1:
            retime = self._without_sliver(item, place, source, retime, depth)
        inner = window.inside(at_s, length_s, source, retime.speed)
        if abs(inner.scale) > MAX_SCALE:
            raise InputError(f"{place}: nested speeds multiply to more than {MAX_SCALE}")
        if top:
            self._timeline_markers.collect(body)
        else:
            self._item_markers(item, place, at_s, length_s, window, retime.speed)
        if schema(body) == "Track":
            self._track(body, place, inner, depth, layer)
            return
        for index, child in enumerate(children):
            if schema(child) != "Track" or is_video(child):
                spot = f"{place}, {_title('layer', index, child)}"
                self._item(dict_of(child), spot, Fraction(0), inner, depth + 1, self._next_layer())

    def _without_sliver(self, item: Json, place: str, source: TimeRange, retime: Retime, depth: int) -> Retime:
        """Rounded speeds leave a nested edit up to a frame short at its end; that is no flash of black."""
        whole = {key: value for key, value in item.items() if key != "source_range"}
        content_s = self._length(whole, place, depth) - source.start_s
        missing_s = source.duration_s * retime.speed - content_s
        if content_s > 0 and 0 < missing_s < Fraction(3, 2) / self._edit.rate:
            return replace(retime, speed=content_s / source.duration_s)
        return retime

    def _empty_nest(
        self, item: Json, place: str, at_s: Fraction, length_s: Fraction, window: Window, layer: int
    ) -> None:
        """Some hosts write a nested edit without its content; its place in the picture is kept."""
        if length_s > 0:
            self._edit.warn(f"{place}: the nested edit is empty in the file; it is taken as one shot without media")
            self._clip(item, place, at_s, length_s, window, layer)

    def _track(self, track: Json, place: str, window: Window, depth: int, layer: int) -> None:
        """The items of one track follow each other; transitions lie over their edit points."""
        at_s = Fraction(0)
        for index, child in enumerate(list_of(track.get("children"))):
            spot = f"{place}, {_title('item', index, child)}"
            if schema(child) == "Transition":
                self._transition(child, spot, at_s, window, layer)
                continue
            if not isinstance(child, dict):
                self._edit.warn(f"{spot}: not an OTIO object, left out")
                continue
            at_s += self._item(child, spot, at_s, window, depth + 1, layer)

    def _length(self, item: Json, place: str, depth: int) -> Fraction:
        """Length of an item in its parent's seconds; what has no length at all counts as nothing, with a warning."""
        if depth > MAX_DEPTH:
            raise InputError(f"{place}: nested more than {MAX_DEPTH} deep")
        own = time_range(item.get("source_range"), place)
        if own:
            return own.duration_s
        kind = schema(item)
        if kind == "Timeline":
            return self._length(dict_of(item.get("tracks")), place, depth + 1)
        if kind in ("Track", "Stack"):
            children = [dict_of(c) for c in list_of(item.get("children")) if schema(c) != "Transition"]
            lengths = [self._length(c, f"{place}, {_title('item', i, c)}", depth + 1) for i, c in enumerate(children)]
            return total(lengths) if kind == "Track" else max(lengths, default=Fraction(0))
        available = clip_source(item, place).available
        if available is None:
            self._edit.warn(f"{place}: has no length and is left out")
            return Fraction(0)
        return available.duration_s

    def _clip(self, item: Json, place: str, at_s: Fraction, length_s: Fraction, window: Window, layer: int) -> None:
        if schema(item) not in ("Clip", "Stack", "Track", "Timeline"):
            self._edit.warn(f"{place}: unknown kind {clean(schema(item))[:60]!r}, taken as a clip without media")
        begin_s, end_s = window.span(at_s, at_s + length_s)
        source = clip_source(item, place)
        retime = retime_of(item, place, self._edit, source.rate or self._edit.rate)
        self._item_markers(item, place, at_s, length_s, window, retime.speed)
        if length_s <= 0 or end_s <= begin_s or source.invisible:
            return
        first_s = source.first_s(length_s, retime) + (window.own(begin_s) - at_s) * retime.speed
        speed = retime.speed * window.scale
        self._edit.add(self._piece(source, begin_s, end_s, first_s, speed, layer), source.unsure)

    def _piece(
        self, source: ClipSource, begin_s: Fraction, end_s: Fraction, first_s: Fraction, speed: Fraction, layer: int
    ) -> Piece:
        media, online = source.locate(self._media)
        if online and media and source.available is None and source.kind == "file":
            first_s -= origin_s(media, first_s, counts_timecode=False)
        return Piece(
            start_frame=to_frame(begin_s, self._edit.rate),
            end_frame=to_frame(end_s, self._edit.rate),
            layer=layer,
            opaque=source.opaque(media if online else None),
            media=media,
            media_online=online,
            source_start_s=first_s,
            speed=speed,
            name=clean(source.name),
            take=source.take,
        )

    def _transition(self, item: Json, place: str, at_s: Fraction, window: Window, layer: int) -> None:
        before_s, _ = time_s(item.get("in_offset"), f"{place}, in offset")
        after_s, _ = time_s(item.get("out_offset"), f"{place}, out offset")
        if before_s < 0 or after_s < 0:
            raise InputError(f"{place}: a transition cannot have a negative offset")
        if item.get("enabled") is False or not window.scale:
            return
        edge_s = window.root(at_s)
        if not window.begin_s <= edge_s <= window.end_s:
            return
        start_s, end_s = window.span(at_s - before_s, at_s + after_s)
        rate = self._edit.rate
        kind = transition_kind(text_of(item.get("transition_type")), text_of(item.get("name")))
        self._edit.blends.append(
            Blend(to_frame(edge_s, rate), to_frame(start_s, rate), to_frame(end_s, rate), layer, kind)
        )

    def _item_markers(
        self, item: Json, place: str, at_s: Fraction, length_s: Fraction, window: Window, speed: Fraction
    ) -> None:
        if list_of(item.get("markers")):
            source = time_range(item.get("source_range"), place)
            if source is None and schema(item) == "Clip":
                source = clip_source(item, place).available
            own = source or TimeRange(Fraction(0), length_s, self._edit.rate)
            ItemMarkers(self._edit, place).collect(item, own, at_s, length_s, window, speed)


def _everything(outer: TimeRange | None) -> Window:
    """The window of the timeline itself."""
    far_s = Fraction(10**9)
    start_s = outer.start_s if outer else Fraction(0)
    return Window(Fraction(0), start_s, Fraction(1), Fraction(0), outer.duration_s if outer else far_s)


def _title(word: str, index: int, item: object) -> str:
    """How a message names an item: number from 1, as a user counts, and name."""
    name = clean(text_of(dict_of(item).get("name")))[:60]
    return f"{word} {index + 1} {name!r}" if name else f"{word} {index + 1}"


def _count_clips(item: object, depth: int = 0) -> int:
    if depth > MAX_DEPTH:
        return 0
    if schema(item) == "Clip":
        return 1
    body = dict_of(item)
    body = dict_of(body.get("tracks")) if schema(item) == "Timeline" else body
    return sum(_count_clips(child, depth + 1) for child in list_of(body.get("children")))
