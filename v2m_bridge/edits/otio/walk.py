"""The walk through an OTIO tree: every clip at its exact place on the timeline, whatever the nesting."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, replace
from fractions import Fraction

from v2m_bridge.edits.draft import EditDraft, to_frame
from v2m_bridge.edits.find_media import MediaFinder
from v2m_bridge.edits.limits import MAX_DURATION_S, TooLargeError
from v2m_bridge.edits.media_timecode import origin_s
from v2m_bridge.edits.names import clean, transition_kind
from v2m_bridge.edits.otio.clip import Retime, clip_source, retime_of
from v2m_bridge.edits.otio.markers import MarkedItem, TimelineMarkers, place_item_markers
from v2m_bridge.edits.otio.values import Json, TimeRange, dict_of, list_of, schema, text_of, time_range, time_s
from v2m_bridge.edits.window import Window, whole_timeline
from v2m_bridge.errors import InputError
from v2m_bridge.timeline.sweep import Piece
from v2m_bridge.timing.timecode import hours_of_timecode

MAX_DEPTH = 48
MAX_VISITS = 2_000_000
"""Items that are looked at. Depth alone is no limit: a hostile file can be wide as well as deep."""

HIGHEST_FRAME_RATE = 240
"""A higher rate is a timescale: ticks per second, not frames."""

MAX_SCALE = 1_000_000
"""Product of the speeds of nested items."""


@dataclass(frozen=True)
class OtioPlace:
    """Where an item of the tree stands.

    Attributes:
        name: what messages call the place.
        at_s: seconds on the clock of what holds the item.
        window: of what holds the item.
        layer: the layer of its pieces.
        depth: levels of nesting above it.
        is_track: whether it is a track of the timeline itself.
    """

    name: str
    at_s: Fraction
    window: Window
    layer: int
    depth: int
    is_track: bool = False


def is_video(track: Json) -> bool:
    """Whether a track is picture; tracks without a kind are."""
    return (text_of(track.get("kind")) or "Video").lower() == "video"


class OtioWalk:
    """Collects a timeline into ``draft``; ``file_name`` names the file in messages."""

    def __init__(self, draft: EditDraft, media: MediaFinder, file_name: str) -> None:
        self._draft = draft
        self._media = media
        self._file_name = file_name
        self._layer = 0
        self._visits = 0
        self._timeline_markers = TimelineMarkers()

    def timeline(self, stack: Json) -> None:
        """Walk the tracks of a timeline. Errors in the picture are fatal; errors in the sound become warnings."""
        outer = self._range(stack, f"{self._file_name}: tracks")
        end_s = outer.duration_s if outer else None
        window = whole_timeline(outer.start_s, outer.duration_s) if outer else whole_timeline()
        self._timeline_markers.collect(stack)
        for index, track in enumerate(list_of(stack.get("children"))):
            name = f"{self._file_name}: {_title('track', index, track)}"
            if schema(track) == "Track" and not is_video(track):
                self._sound(track, name, end_s, lengthens=text_of(track.get("kind")).lower() == "audio")
                continue
            if not isinstance(track, dict):
                self._draft.warn_damage(InputError(f"{name}: not an OTIO object"))
                continue
            self._safely(track, OtioPlace(name, Fraction(0), window, self._next_layer(), 1, is_track=True))
        if end_s is not None:
            self._draft.end_frame = min(self._draft.end_frame, to_frame(end_s, self._draft.rate))
        self._timeline_markers.place_all(self._draft)

    def _next_layer(self) -> int:
        self._layer += 1
        return self._layer

    def _sound(self, track: Json, name: str, end_s: Fraction | None, lengthens: bool = True) -> None:
        """Sound tracks give length and markers only, subtitles (no ``lengthens``) markers alone."""
        try:
            self._timeline_markers.collect(track)
            at_s = Fraction(0)
            for index, child in enumerate(list_of(track.get("children"))):
                if schema(child) == "Transition":
                    continue
                place = OtioPlace(f"{name}, {_title('item', index, child)}", at_s, whole_timeline(), 0, 1)
                length_s = self._length(dict_of(child), place.name, 1)
                self._item_markers(dict_of(child), place, length_s)
                at_s += length_s
            if lengthens:
                self._draft.reach_s(at_s if end_s is None else min(at_s, end_s))
        except InputError as error:
            self._draft.warn(f"sound is not read any further: {error.message}")

    def _safely(self, item: Json, place: OtioPlace) -> Fraction:
        """As :meth:`_item`; a damaged item is left out with a warning, but keeps the length that it says."""
        try:
            return self._item(item, place)
        except InputError as error:
            self._draft.warn_damage(error)
            return self._salvaged_length(item, place.name, place.depth)

    def _salvaged_length(self, item: Json, name: str, depth: int) -> Fraction:
        """Length of an item that may be damaged: what its range says, as far as that can be read, else 0."""
        try:
            return self._length(item, name, depth)
        except TooLargeError:
            raise
        except InputError:
            span = dict_of(item.get("source_range"))
        try:
            length_s, _ = time_s(span.get("duration"), name)
        except InputError:
            return Fraction(0)
        return length_s if 0 <= length_s <= MAX_DURATION_S else Fraction(0)

    def _range(self, item: Json, name: str) -> TimeRange | None:
        """The source range of an item; a damaged one counts as none, with a warning."""
        try:
            return time_range(item.get("source_range"), name)
        except InputError as error:
            self._draft.warn_damage(error, "all of it is taken")
            return None

    def _item(self, item: Json, place: OtioPlace) -> Fraction:
        """Walk any kind of item; returns its length on the clock of what holds it."""
        self._visits += 1
        if place.depth > MAX_DEPTH:
            raise TooLargeError(f"{place.name}: nested more than {MAX_DEPTH} deep")
        if self._visits > MAX_VISITS:
            raise TooLargeError(f"{place.name}: the edit has more than {MAX_VISITS} items")
        kind = schema(item)
        length_s = self._length(item, place.name, place.depth)
        if item.get("enabled") is False:
            self._draft.disabled_clips += _count_clips(item)
            self._item_markers(item, place, length_s)
        elif kind == "Gap":
            self._item_markers(item, place, length_s)
        elif kind in ("Stack", "Track", "Timeline"):
            self._nest(item, place, length_s)
        else:
            self._clip(item, place, length_s)
        if place.is_track:
            self._draft.reach_s(place.window.span(place.at_s, place.at_s + length_s)[1])
        return length_s

    def _nest(self, item: Json, place: OtioPlace, length_s: Fraction) -> None:
        """A composition inside another shows only what its own source range lets through."""
        body = dict_of(item.get("tracks")) if schema(item) == "Timeline" else item
        children = list_of(body.get("children"))
        if not children and not place.is_track:
            self._empty_nest(item, place, length_s)
            return
        own = time_range(item.get("source_range"), place.name) or time_range(body.get("source_range"), place.name)
        rate = self._draft.rate
        retime = retime_of(item, place.name, self._draft, rate)
        source = own or TimeRange(Fraction(0), length_s, rate)
        if schema(body) == "Track" and source.start_s < 0:  # a converted EDL: its content starts at 0 all the same
            source = replace(source, start_s=Fraction(0))
        if not place.is_track:
            source = self._from_its_own_start(item, place, source)
        if retime.speed > 0 and retime.speed != 1:
            retime = self._without_black_at_end(item, place, source, retime)
        inner = place.window.inside(place.at_s, length_s, source.start_s, retime.speed)
        if abs(inner.scale) > MAX_SCALE:
            raise InputError(f"{place.name}: nested speeds multiply to more than {MAX_SCALE}")
        if place.is_track:
            self._timeline_markers.collect(body)
        else:
            self._item_markers(item, place, length_s, retime.speed)
        if schema(body) == "Track":
            self._track(body, replace(place, window=inner))
            return
        for index, child in enumerate(children):
            if schema(child) != "Track" or is_video(child):
                name = f"{place.name}, {_title('layer', index, child)}"
                self._safely(dict_of(child), OtioPlace(name, Fraction(0), inner, self._next_layer(), place.depth + 1))

    def _from_its_own_start(self, item: Json, place: OtioPlace, source: TimeRange) -> TimeRange:
        """The used range of a nested edit on the clock of its content, which begins at 0.

        Some hosts count it in the nested timeline's own timecode, which begins at a full hour as a rule. Then all of
        the range lies behind the end of the content.
        """
        if source.start_s <= 0:
            return source
        content_s = self._content_s(item, place)
        if content_s <= 0 or source.start_s < content_s:
            return source
        for base_s in self._starts_before(item, source):
            if source.start_s - base_s < content_s:
                return replace(source, start_s=source.start_s - base_s)
        self._draft.warn(
            f"{place.name}: the part that is used begins behind the end of the nested edit; nothing of it shows"
        )
        return source

    def _content_s(self, item: Json, place: OtioPlace) -> Fraction:
        """Length of all that a nested edit holds, whatever part of it is used."""
        whole = {key: value for key, value in item.items() if key != "source_range"}
        return self._length(whole, place.name, place.depth)

    def _starts_before(self, item: Json, source: TimeRange) -> list[Fraction]:
        """Start times that the nested timeline may have: the one it names, then the last full hour of timecode."""
        found = []
        if schema(item) == "Timeline" and isinstance(item.get("global_start_time"), dict):
            with contextlib.suppress(InputError):
                found.append(time_s(item["global_start_time"], "start")[0])
        for hour_s in hours_of_timecode(source.rate):
            hours = int((source.start_s + 1 / source.rate / 2) / hour_s)
            if hours:
                found.append(min(source.start_s, hours * hour_s))
        return [base_s for base_s in found if base_s <= source.start_s]

    def _without_black_at_end(self, item: Json, place: OtioPlace, source: TimeRange, retime: Retime) -> Retime:
        """Hosts round speeds, so that a nested edit ends up to a frame early: then it is stretched over that frame."""
        content_s = self._content_s(item, place) - source.start_s
        missing_s = source.duration_s * retime.speed - content_s
        if content_s > 0 and 0 < missing_s < Fraction(3, 2) / self._draft.rate:
            return replace(retime, speed=content_s / source.duration_s)
        return retime

    def _empty_nest(self, item: Json, place: OtioPlace, length_s: Fraction) -> None:
        """Some hosts write a nested edit without its content; its place in the picture is kept."""
        if length_s > 0:
            self._draft.warn(
                f"{place.name}: the nested edit is empty in the file; it is taken as one shot without media"
            )
            self._clip(item, place, length_s)

    def _track(self, track: Json, place: OtioPlace) -> None:
        """The items of one track follow each other; transitions lie over their edit points.

        ``place.window`` is that of the track itself.
        """
        at_s = Fraction(0)
        for index, child in enumerate(list_of(track.get("children"))):
            name = f"{place.name}, {_title('item', index, child)}"
            spot = OtioPlace(name, at_s, place.window, place.layer, place.depth + 1)
            if schema(child) == "Transition":
                try:
                    self._transition(child, spot)
                except InputError as error:
                    self._draft.warn_damage(error)
            elif isinstance(child, dict):
                at_s += self._safely(child, spot)
            else:
                self._draft.warn(f"{name}: not an OTIO object, left out")

    def _length(self, item: Json, name: str, depth: int) -> Fraction:
        """Length of an item on its parent's clock; an item without any length counts as 0, with a warning."""
        if depth > MAX_DEPTH:
            raise TooLargeError(f"{name}: nested more than {MAX_DEPTH} deep")
        own = time_range(item.get("source_range"), name)
        if own:
            return own.duration_s
        kind = schema(item)
        if kind == "Timeline":
            return self._length(dict_of(item.get("tracks")), name, depth + 1)
        if kind in ("Track", "Stack"):
            children = [dict_of(c) for c in list_of(item.get("children")) if schema(c) != "Transition"]
            names = (f"{name}, {_title('item', i, c)}" for i, c in enumerate(children))
            lengths = [self._salvaged_length(c, n, depth + 1) for n, c in zip(names, children, strict=True)]
            return sum(lengths, Fraction(0)) if kind == "Track" else max(lengths, default=Fraction(0))
        available = clip_source(item, name).available
        if available is None:
            self._draft.warn(f"{name}: has no length and is left out")
            return Fraction(0)
        return available.duration_s

    def _clip(self, item: Json, place: OtioPlace, length_s: Fraction) -> None:
        if schema(item) not in ("Clip", "Stack", "Track", "Timeline"):
            self._draft.warn(f"{place.name}: unknown kind {clean(schema(item))[:60]!r}, taken as a clip without media")
        begin_s, end_s = place.window.span(place.at_s, place.at_s + length_s)
        source = clip_source(item, place.name)
        counted = source.rate or self._draft.rate
        rate = counted if counted <= HIGHEST_FRAME_RATE else self._draft.rate
        retime = retime_of(item, place.name, self._draft, rate)
        self._item_markers(item, place, length_s, retime.speed)
        if length_s <= 0 or end_s <= begin_s or source.invisible:
            return
        shown_s = replace(place.window, begin_s=begin_s).first_shown(1 / self._draft.rate)
        first_s = source.first_s(length_s, retime) + (shown_s - place.at_s) * retime.speed
        if retime.speed < 0:  # backwards: the first frame lies before that moment
            first_s -= 1 / rate
        first_s = max(Fraction(0), first_s)
        media = source.locate(self._media)
        if media.online and media.path and source.available is None and source.kind == "file":
            first_s -= origin_s(media.path, first_s, counts_timecode=False)
        piece = Piece(
            start_frame=to_frame(begin_s, self._draft.rate),
            end_frame=to_frame(end_s, self._draft.rate),
            layer=place.layer,
            opaque=source.opaque(media),
            media=media.path,
            media_online=media.online,
            source_start_s=first_s,
            speed=retime.speed * place.window.scale,
            name=clean(source.name),
            take=source.take,
        )
        self._draft.add(piece, source.maybe_title)

    def _transition(self, item: Json, place: OtioPlace) -> None:
        """A transition lies over the edit point at ``place``."""
        before_s, _ = time_s(item.get("in_offset"), f"{place.name}, in offset")
        after_s, _ = time_s(item.get("out_offset"), f"{place.name}, out offset")
        if before_s < 0 or after_s < 0:
            raise InputError(f"{place.name}: a transition cannot have a negative offset")
        window = place.window
        if item.get("enabled") is False or not window.scale:
            return
        edge_s = window.root(place.at_s)
        if not window.begin_s <= edge_s <= window.end_s:
            return
        span_s = window.span(place.at_s - before_s, place.at_s + after_s)
        kind = transition_kind(text_of(item.get("transition_type")), text_of(item.get("name")))
        self._draft.blends.append(self._draft.blend(edge_s, span_s, place.layer, kind))

    def _item_markers(self, item: Json, place: OtioPlace, length_s: Fraction, speed: Fraction = Fraction(1)) -> None:
        if list_of(item.get("markers")):
            source = time_range(item.get("source_range"), place.name)
            if source is None and schema(item) == "Clip":
                source = clip_source(item, place.name).available
            own = source or TimeRange(Fraction(0), length_s, self._draft.rate)
            marked = MarkedItem(place.name, own, place.at_s, length_s, place.window, speed)
            place_item_markers(item, marked, self._draft)


def _title(word: str, index: int, item: object) -> str:
    """How a message names an item: number from 1, as a user counts, and name."""
    name = clean(text_of(dict_of(item).get("name")))[:60]
    return f"{word} {index + 1} {name!r}" if name else f"{word} {index + 1}"


def _count_clips(item: object, depth: int = 0) -> int:
    """How many clips an item holds, itself included."""
    if depth > MAX_DEPTH:
        return 0
    if schema(item) == "Clip":
        return 1
    body = dict_of(item)
    body = dict_of(body.get("tracks")) if schema(item) == "Timeline" else body
    return sum(_count_clips(child, depth + 1) for child in list_of(body.get("children")))
