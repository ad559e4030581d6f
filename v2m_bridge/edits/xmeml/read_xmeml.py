"""Final Cut Pro 7 XML (xmeml 4 and 5), which Premiere, Resolve and Hiero write.

Read by ourselves: the adapter takes disabled clips for visible ones, drops speed changes, and leaves a nested
sequence empty where it is used a second time.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from xml.etree.ElementTree import Element

from v2m_bridge.edits.draft import MAX_DURATION_S, Edit, assemble, clean, to_frame, transition_kind
from v2m_bridge.edits.find_media import MediaFinder
from v2m_bridge.edits.xmeml.values import Remap, edit_point, frames, is_off, label, rate_of, remap_of
from v2m_bridge.edits.xml_text import parse_xml, text_at
from v2m_bridge.errors import InputError
from v2m_bridge.timeline.model import Marker, Timeline
from v2m_bridge.timeline.sweep import Blend, Piece

MAX_DEPTH = 40
MAX_VISITS = 1_000_000
_ITEMS = ("clipitem", "generatoritem", "transitionitem")
_SOLID = ("slug", "color", "colour", "bars", "matte")


def read_xml(path: Path, *, rate: Fraction | None = None, media_roots: Sequence[Path] = ()) -> Timeline:
    """Read an ``.xml`` edit: xmeml, or FCPXML under the wrong suffix.

    Args:
        rate: used only where the sequence has no rate.

    Raises:
        InputError: neither of the two, no sequence, no picture, or damaged; the message names the element.
    """
    root = parse_xml(path)
    if root.tag == "fcpxml":
        from v2m_bridge.edits.fcpxml.read_fcpxml import read_fcpxml_tree

        return read_fcpxml_tree(root, path, rate, media_roots)
    if root.tag != "xmeml":
        raise InputError(f"{path.name} is XML with root <{root.tag[:60]}>, neither xmeml nor FCPXML")
    sequences = list(_sequences(root))
    if not sequences:
        raise InputError(f"{path.name} has no sequence")
    sequence = sequences[0]
    own_rate = rate_of(sequence) or rate
    if own_rate is None:
        raise InputError(f"the sequence of {path.name} has no frame rate", "give it with --rate")
    edit = Edit(name=clean(text_at(sequence, "name") or path.stem), rate=own_rate)
    if rate is not None and rate != own_rate:
        edit.warn(f"the edit has its own rate of {own_rate} frames a second; the given {rate} is not used")
    if len(sequences) > 1:
        edit.warn(f"the file holds {len(sequences)} sequences; only {edit.name!r} is read")
    timecode = sequence.find("timecode")
    if timecode is not None:
        edit.start_frame = int(frames(timecode, "frame", 0))
        edit.drop_frame = text_at(timecode, "displayformat").upper() == "DF"
    _Walk(edit, MediaFinder(path.parent, media_roots), root).top(sequence)
    length = frames(sequence, "duration", 0)
    if 0 < length <= MAX_DURATION_S * own_rate:
        edit.end_frame = max(edit.end_frame, int(length)) if _has_sound(sequence) else edit.end_frame
    return assemble(edit)


def _sequences(element: Element) -> Iterator[Element]:
    """Sequences that are not used inside another one, in the order of the file."""
    for child in element:
        if child.tag == "sequence":
            if child.find("media") is not None:
                yield child
        elif child.tag not in ("media", "clipitem"):
            yield from _sequences(child)


def _has_sound(sequence: Element) -> bool:
    return sequence.find("media/audio/track/clipitem") is not None


@dataclass(frozen=True)
class _Frame:
    """Where a sequence's own clock lies on the timeline: ``timeline = root_s + (own - own_s) / speed``."""

    root_s: Fraction
    own_s: Fraction
    speed: Fraction
    begin_s: Fraction
    end_s: Fraction

    def root(self, own_s: Fraction) -> Fraction:
        return self.root_s + (own_s - self.own_s) / self.speed

    def clip(self, start_s: Fraction, end_s: Fraction) -> tuple[Fraction, Fraction]:
        return max(self.begin_s, self.root(start_s)), min(self.end_s, self.root(end_s))


@dataclass(frozen=True)
class _Place:
    """An item on its track: visible seconds of the sequence, and how far into its source it starts."""

    start_s: Fraction
    end_s: Fraction
    source_s: Fraction


class _Walk:
    """Collects one sequence, and what is nested in it, into ``edit``."""

    def __init__(self, edit: Edit, media: MediaFinder, root: Element) -> None:
        self._edit = edit
        self._media = media
        self._layer = 0
        self._visits = 0
        self._by_id: dict[tuple[str, str], Element] = {}
        for element in root.iter():
            if element.tag in ("file", "sequence", "clipitem") and element.get("id") and len(element):
                self._by_id.setdefault((element.tag, element.get("id", "")), element)

    def top(self, sequence: Element) -> None:
        """Walk the sequence of the edit itself."""
        far_s = Fraction(10**9)
        self._sequence(sequence, _Frame(Fraction(0), Fraction(0), Fraction(1), Fraction(0), far_s), 1)
        rate = self._edit.rate
        for item in sequence.iterfind("media/audio/track/clipitem"):
            try:
                end_s = frames(item, "end", 0) / rate
            except InputError as error:
                self._edit.warn(f"sound is not read: {error.message}")
                continue
            if end_s <= MAX_DURATION_S:
                self._edit.end_frame = max(self._edit.end_frame, to_frame(end_s, rate))

    def _resolve(self, element: Element | None) -> Element | None:
        """The full element that an empty one with an id stands for."""
        if element is None or len(element) or not element.get("id"):
            return element
        return self._by_id.get((element.tag, element.get("id", "")), element)

    def _sequence(self, sequence: Element, frame: _Frame, depth: int) -> None:
        rate = rate_of(sequence, self._edit.rate) or self._edit.rate
        self._markers(sequence, rate, frame)
        for track in sequence.iterfind("media/video/track"):
            self._layer += 1
            if is_off(track):
                self._edit.disabled += len(track.findall("clipitem"))
                continue
            items = [i for i in (self._resolve(c) for c in track if c.tag in _ITEMS) if i is not None]
            layer = self._layer
            for index, item in enumerate(items):
                before = items[index - 1] if index else None
                after = items[index + 1] if index + 1 < len(items) else None
                self._item(item, before, after, rate, frame, layer, depth)

    def _item(
        self,
        item: Element,
        before: Element | None,
        after: Element | None,
        rate: Fraction,
        frame: _Frame,
        layer: int,
        depth: int,
    ) -> None:
        self._visits += 1
        if self._visits > MAX_VISITS or depth > MAX_DEPTH:
            raise InputError(f"{label(item)}: sequences nested more than {MAX_DEPTH} deep or endlessly")
        if item.tag == "transitionitem":
            self._transition(item, rate, frame, layer)
            return
        remap = remap_of(item, self._resolve(item.find("file")), self._edit)
        place = self._placed(item, before, after, rate, remap)
        if place.end_s < place.start_s:
            raise InputError(f"{label(item)}: ends before it starts")
        begin_s, end_s = frame.clip(place.start_s, place.end_s)
        clip_rate = rate_of(item, rate) or rate
        self._item_markers(item, clip_rate, place, frame, remap)
        if is_off(item):
            self._edit.disabled += 1
            return
        nested = self._resolve(item.find("sequence"))
        if nested is not None and nested.find("media") is not None and remap.speed > 0:
            inner = _Frame(frame.root(place.start_s), place.source_s, frame.speed * remap.speed, begin_s, end_s)
            self._sequence(nested, inner, depth + 1)
            return
        if nested is not None:
            self._edit.warn(f"{label(item)}: its nested sequence cannot be opened; taken as one shot without media")
        if begin_s < end_s:
            self._edit.add(self._piece(item, place, remap, frame, begin_s, end_s, layer))
        elif place.end_s == place.start_s:
            self._edit.warn(f"{label(item)}: has no length and is left out")

    def _placed(
        self, item: Element, before: Element | None, after: Element | None, rate: Fraction, remap: Remap
    ) -> _Place:
        """Start and end; -1 means that the transition on that side has the edit point."""
        start, end = frames(item, "start"), frames(item, "end")
        clip_rate = rate_of(item, rate) or rate
        source_s = frames(item, "in", 0) / clip_rate * (abs(remap.speed) if remap.warped else 1)
        if start == -1:
            if before is None or before.tag != "transitionitem":
                raise InputError(f"{label(item)}: start is -1 without a transition before it")
            start = edit_point(before)
            source_s += (start - frames(before, "start")) / rate * remap.speed
        if end == -1:
            if after is None or after.tag != "transitionitem":
                raise InputError(f"{label(item)}: end is -1 without a transition after it")
            end = edit_point(after)
        if start < 0:
            raise InputError(f"{label(item)}: starts at frame {start}, before the sequence")
        if end / rate > MAX_DURATION_S:
            raise InputError(f"{label(item)}: ends at frame {end}, more than 100 hours in")
        return _Place(start / rate, end / rate, source_s)

    def _piece(
        self, item: Element, place: _Place, remap: Remap, frame: _Frame, begin_s: Fraction, end_s: Fraction, layer: int
    ) -> Piece:
        file = self._resolve(item.find("file"))
        url = text_at(file, "pathurl")
        path, online = self._media.find(url) if url else (None, False)
        into_s = (begin_s - frame.root(place.start_s)) * frame.speed * remap.speed
        first_s = place.source_s
        if remap.speed < 0:
            length_s = (place.end_s - place.start_s) * -remap.speed
            first_s += length_s - 1 / (rate_of(file, self._edit.rate) or self._edit.rate)
        name = text_at(item, "name") or text_at(file, "name")
        return Piece(
            start_frame=to_frame(begin_s, self._edit.rate),
            end_frame=to_frame(end_s, self._edit.rate),
            layer=layer,
            opaque=self._is_opaque(item, file),
            media=path,
            media_online=online,
            source_start_s=max(Fraction(0), first_s + into_s),
            speed=remap.speed * frame.speed,
            name=clean(name),
            take=f"{text_at(file, 'name') or name}/{(file.get('id') if file is not None else '') or ''}",
        )

    @staticmethod
    def _is_opaque(item: Element, file: Element | None) -> bool:
        """Generators and titles do not hide what lies below, but for plain colours; nor do half transparent clips."""
        for effect in item.iterfind("filter/effect"):
            if text_at(effect, "effectid").lower() == "opacity":
                value = text_at(effect, "parameter/value")
                keyed = effect.find("parameter/keyframe") is not None
                if not keyed and value.replace(".", "", 1).isdigit() and float(value) < 100:
                    return False
        if item.tag == "generatoritem":
            words = f"{text_at(item, 'effect/effectid')} {text_at(item, 'effect/name')}".lower()
            return any(word in words for word in _SOLID)
        return text_at(file, "pathurl") != "" or text_at(file, "mediaSource") == ""

    def _transition(self, item: Element, rate: Fraction, frame: _Frame, layer: int) -> None:
        start_s, end_s = frames(item, "start") / rate, frames(item, "end") / rate
        edge_s = frame.root(edit_point(item) / rate)
        begin_s, finish_s = frame.clip(start_s, end_s)
        if begin_s > finish_s:
            return
        own = self._edit.rate
        kind = transition_kind(text_at(item, "effect/name"), text_at(item, "effect/effectid"))
        self._edit.blends.append(
            Blend(to_frame(edge_s, own), to_frame(begin_s, own), to_frame(finish_s, own), layer, kind)
        )

    def _item_markers(self, item: Element, clip_rate: Fraction, place: _Place, frame: _Frame, remap: Remap) -> None:
        """Clip markers count frames of the clip's own time, as its in point does."""
        begin_s, end_s = frame.clip(place.start_s, place.end_s)
        speed = (abs(remap.speed) or Fraction(1)) * frame.speed
        inner = _Frame(frame.root(place.start_s), place.source_s, speed, begin_s, max(begin_s, end_s))
        factor = abs(remap.speed) if remap.warped and remap.speed else Fraction(1)
        self._markers(item, clip_rate / factor, inner)

    def _markers(self, holder: Element, rate: Fraction, frame: _Frame) -> None:
        outside = 0
        for marker in holder.findall("marker"):
            try:
                start, end = frames(marker, "in"), frames(marker, "out", -1)
            except InputError as error:
                self._edit.warn(f"{error.message}; the marker is left out")
                continue
            root_s = frame.root(start / rate)
            if not frame.begin_s <= root_s < frame.end_s:
                outside += 1
                continue
            first = to_frame(root_s, self._edit.rate)
            length = to_frame(frame.root(end / rate), self._edit.rate) - first if end > start else 0
            name, note = clean(text_at(marker, "name")), clean(text_at(marker, "comment"))
            self._edit.markers.append(Marker(first, name, _marker_color(marker), note, length))
        if outside:
            self._edit.warn(f"{label(holder)}: {outside} markers lie on footage that is not used and are left out")


def _marker_color(marker: Element) -> str:
    """Final Cut 7 writes red, green, blue; Premiere a number that we cannot name."""
    parts = [text_at(marker, f"color/{c}") for c in ("red", "green", "blue")]
    if not all(p.isdigit() for p in parts):
        return ""
    red, green, blue = (int(p) > 127 for p in parts)
    names = {(1, 0, 0): "Red", (0, 1, 0): "Green", (0, 0, 1): "Blue", (1, 1, 0): "Yellow", (0, 1, 1): "Cyan"}
    return names.get((red, green, blue), "Pink" if red and blue and not green else "")
