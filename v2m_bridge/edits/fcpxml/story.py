"""The walk through an FCPXML story: storylines, connected clips on lanes, compounds, auditions, multicams."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from xml.etree.ElementTree import Element

from v2m_bridge.edits.draft import Edit, clean, to_frame, transition_kind
from v2m_bridge.edits.fcpxml.values import TimeMap, duration_s, format_rate, time_map, time_s, title
from v2m_bridge.edits.find_media import MediaFinder, png_has_alpha
from v2m_bridge.errors import InputError
from v2m_bridge.timeline.model import Marker
from v2m_bridge.timeline.sweep import Blend, Piece

MAX_DEPTH = 40
MAX_VISITS = 1_000_000
_CLIPS = frozenset(
    {"asset-clip", "clip", "video", "title", "ref-clip", "sync-clip", "mc-clip", "gap", "audio", "caption"}
)
_STORY = _CLIPS | {"spine", "audition"}

LayerKey = tuple[int, ...]


@dataclass(frozen=True)
class Frame:
    """Where the own clock of a container lies on the timeline, and what of it shows.

    ``timeline = root_s + (own - own_s) / speed``, visible in ``[begin_s, end_s)`` of the timeline.
    """

    root_s: Fraction
    own_s: Fraction
    speed: Fraction
    begin_s: Fraction
    end_s: Fraction

    def root(self, own_s: Fraction) -> Fraction:
        return self.root_s + (own_s - self.own_s) / self.speed

    def clip(self, start_s: Fraction, end_s: Fraction) -> tuple[Fraction, Fraction]:
        """Visible part of an own range, on the timeline; may be empty."""
        return max(self.begin_s, self.root(start_s)), min(self.end_s, self.root(end_s))


class Resources:
    """Formats, assets, effects and compound media by id."""

    def __init__(self, root: Element) -> None:
        self._by_id: dict[str, Element] = {}
        for holder in root.findall("resources"):
            for element in holder:
                key = element.get("id")
                if key:
                    self._by_id.setdefault(key, element)

    def of(self, element: Element, attribute: str = "ref") -> Element | None:
        return self._by_id.get(element.get(attribute) or "")

    def rate_of(self, element: Element) -> Fraction | None:
        return format_rate(self.of(element, "format"))


class Story:
    """Collects the pieces of one sequence into ``edit``."""

    def __init__(self, edit: Edit, resources: Resources, media: MediaFinder) -> None:
        self._edit = edit
        self._resources = resources
        self._media = media
        self._found: list[tuple[LayerKey, Piece]] = []
        self._blends: list[tuple[LayerKey, Blend]] = []
        self._visits = 0

    def sequence(self, sequence: Element, start_s: Fraction) -> None:
        """Walk a whole sequence whose clock starts at ``start_s``."""
        frame = Frame(Fraction(0), start_s, Fraction(1), Fraction(0), Fraction(10**9))
        for spine in sequence.findall("spine"):
            self._spine(spine, frame, (0,), 1)
        depth = max((len(key) for key, _ in (*self._found, *self._blends)), default=0)
        padded = sorted({key + (0,) * (depth - len(key)) for key, _ in (*self._found, *self._blends)})
        rank = {key: index for index, key in enumerate(padded)}
        for key, piece in self._found:
            self._edit.add(replace(piece, layer=rank[key + (0,) * (depth - len(key))]))
        for key, blend in self._blends:
            self._edit.blends.append(replace(blend, layer=rank[key + (0,) * (depth - len(key))]))

    def _spine(self, spine: Element, frame: Frame, key: LayerKey, depth: int) -> None:
        """A storyline: elements one after the other; transitions lie over the edit points."""
        at_s = frame.own_s
        previous_end_s: Fraction | None = None
        children = [c for c in spine if c.tag in _STORY or c.tag == "transition"]
        for index, child in enumerate(children):
            if child.tag == "transition":
                following = children[index + 1] if index + 1 < len(children) else None
                self._transition(child, frame, key, previous_end_s, following)
                continue
            at_s = time_s(child, "offset", at_s)
            at_s = previous_end_s = at_s + self._element(child, frame, key, at_s, depth)

    def _element(self, element: Element, frame: Frame, key: LayerKey, at_s: Fraction, depth: int) -> Fraction:
        """One element at ``at_s`` of its container's clock; returns its length."""
        self._visits += 1
        if depth > MAX_DEPTH:
            raise InputError(f"{title(element)}: nested more than {MAX_DEPTH} deep")
        if self._visits > MAX_VISITS:
            raise InputError(f"the edit has more than {MAX_VISITS} elements")
        if element.tag == "audition":
            active = next((c for c in element if c.tag in _CLIPS), None)
            return Fraction(0) if active is None else self._element(active, frame, key, at_s, depth + 1)
        if element.tag == "spine":
            inner = replace(frame, root_s=frame.root(at_s), own_s=Fraction(0))
            self._spine(element, inner, key, depth + 1)
            return Fraction(0)
        length_s = duration_s(element, self._default_length(element))
        own_s = time_s(element, "start", self._default_start(element))
        begin_s, end_s = frame.clip(at_s, at_s + length_s)
        if depth == 1:  # the main storyline; gaps and disabled clips take their time too
            self._edit.end_frame = max(self._edit.end_frame, to_frame(end_s, self._edit.rate))
        inner = Frame(frame.root(at_s), own_s, frame.speed, begin_s, end_s)
        if element.get("enabled") == "0":
            self._edit.disabled += element.tag not in ("gap", "audio", "caption")
        elif begin_s < end_s:
            self._content(element, inner, key, own_s, length_s, depth)
        self._markers(element, inner)
        for child in element:
            if child.tag in _STORY and child.get("lane"):
                around = Frame(frame.root(at_s), own_s, frame.speed, frame.begin_s, frame.end_s)
                self._element(child, around, (*key, _lane(child)), time_s(child, "offset", own_s), depth + 1)
        return length_s

    def _content(
        self, element: Element, inner: Frame, key: LayerKey, own_s: Fraction, length_s: Fraction, depth: int
    ) -> None:
        """What an element itself shows."""
        tag = element.tag
        if tag in ("gap", "audio", "caption"):
            return
        if tag in ("ref-clip", "mc-clip"):
            self._compound(element, inner, key, own_s, length_s, depth)
            return
        nested = [c for c in element if c.tag in _STORY and not c.get("lane")]
        if tag not in ("clip", "sync-clip") or not nested:
            self._leaf(element, inner, key, own_s, length_s)
            return
        before = len(self._found)
        frame = self._warped(element, inner, own_s, length_s)
        for child in nested:
            at_s = time_s(child, "offset", Fraction(0) if child.tag == "spine" else own_s)
            self._element(child, frame, (*key, 0), at_s, depth + 1)
        if len(self._found) == before and any(c.tag in ("video", "asset-clip") for c in nested):
            self._edit.warn(f"{title(element)}: its content lies elsewhere; it is taken as one shot without media")
            self._leaf(element, inner, key, own_s, length_s)

    def _warped(self, element: Element, inner: Frame, own_s: Fraction, length_s: Fraction) -> Frame:
        """The frame of a retimed container's content, at the container's mean speed."""
        warp = time_map(element, None, self._edit.rate)
        if not warp.points:
            return inner
        speed = warp.speed(own_s, own_s + length_s)
        if speed <= 0:
            self._edit.warn(f"{title(element)}: reversed or frozen; its content is taken at normal speed")
            return inner
        if not warp.is_straight(own_s, own_s + length_s):
            self._edit.warn(f"{title(element)}: its speed ramp is taken at the mean speed of {float(speed):.3g}")
        return replace(inner, own_s=warp.media_s(own_s), speed=inner.speed * speed)

    def _compound(
        self, element: Element, inner: Frame, key: LayerKey, own_s: Fraction, length_s: Fraction, depth: int
    ) -> None:
        media = self._resources.of(element)
        frame = self._warped(element, inner, own_s, length_s)
        sequence = media.find("sequence") if media is not None else None
        if sequence is not None:
            for spine in sequence.findall("spine"):
                start_s = time_s(sequence, "tcStart")
                self._spine(spine, replace(frame, root_s=frame.root(start_s), own_s=start_s), (*key, 0), depth + 1)
            return
        angle = _active_angle(element, media)
        if angle is not None:
            start_s = time_s(angle, "offset")
            self._spine(angle, replace(frame, root_s=frame.root(start_s), own_s=start_s), (*key, 0), depth + 1)
            return
        self._edit.warn(f"{title(element)}: its content is not in the file; it is taken as one shot without media")
        self._leaf(element, inner, key, own_s, length_s)

    def _leaf(self, element: Element, inner: Frame, key: LayerKey, own_s: Fraction, length_s: Fraction) -> None:
        asset = self._resources.of(element)
        is_asset = asset is not None and asset.tag == "asset"
        if element.get("srcEnable") == "audio" or (is_asset and asset is not None and _is_sound(asset)):
            return
        media_rate = self._resources.rate_of(asset) if is_asset and asset is not None else None
        warp = time_map(element, media_rate, self._edit.rate)
        if not warp.is_straight(own_s, own_s + length_s):
            mean = float(warp.speed(own_s, own_s + length_s))
            self._edit.warn(f"{title(element)}: its speed ramp is taken at the mean speed of {mean:.3g}")
        self._found.append((key, self._piece(element, asset if is_asset else None, inner, own_s, length_s, warp)))

    def _piece(
        self, element: Element, asset: Element | None, inner: Frame, own_s: Fraction, length_s: Fraction, warp: TimeMap
    ) -> Piece:
        url = _url(asset) if asset is not None else ""
        path, online = self._media.find(url) if url else (None, False)
        shown_s = inner.own_s + (inner.begin_s - inner.root_s) * inner.speed
        origin_s = time_s(asset, "start") if asset is not None else shown_s
        speed = warp.speed(own_s, own_s + length_s)
        media_s = warp.media_s(own_s) + (shown_s - own_s) * speed
        if speed < 0 and (rate := self._edit.rate):
            media_s -= 1 / rate
        return Piece(
            start_frame=to_frame(inner.begin_s, self._edit.rate),
            end_frame=to_frame(inner.end_s, self._edit.rate),
            layer=0,
            opaque=element.tag != "title" and not _is_see_through(element, path if online else None),
            media=path,
            media_online=online,
            source_start_s=max(Fraction(0), media_s - origin_s),
            speed=speed * inner.speed,
            name=clean(element.get("name") or (asset.get("name") if asset is not None else "") or ""),
            take="",
        )

    def _default_length(self, element: Element) -> Fraction:
        target = self._resources.of(element)
        if target is None:
            return Fraction(0)
        holder = target.find("sequence") if target.tag == "media" else target
        return duration_s(holder, Fraction(0)) if holder is not None else Fraction(0)

    def _default_start(self, element: Element) -> Fraction:
        target = self._resources.of(element)
        if target is None:
            return Fraction(0)
        if target.tag == "asset":
            return time_s(target, "start")
        sequence = target.find("sequence") if target.tag == "media" else None
        return time_s(sequence, "tcStart") if sequence is not None else Fraction(0)

    def _transition(
        self, element: Element, frame: Frame, key: LayerKey, before_s: Fraction | None, after: Element | None
    ) -> None:
        """The edit point is where the neighbours meet, else the end that has no neighbour."""
        start_s = time_s(element, "offset")
        end_s = start_s + duration_s(element, Fraction(0))
        middle_s = (start_s + end_s) / 2
        meeting_s = time_s(after, "offset", before_s) if after is not None else before_s
        edge_s = meeting_s if meeting_s is not None and start_s <= meeting_s <= end_s else middle_s
        begin_s, finish_s = frame.clip(start_s, end_s)
        if begin_s > finish_s:
            return
        rate = self._edit.rate
        names = [element.get("name") or "", *(f.get("name") or "" for f in element.findall("filter-video"))]
        span = to_frame(begin_s, rate), to_frame(finish_s, rate)
        self._blends.append((key, Blend(to_frame(frame.root(edge_s), rate), *span, 0, transition_kind(*names))))

    def _markers(self, element: Element, inner: Frame) -> None:
        """Markers count in the clip's own time; those outside its visible part are left out."""
        outside = 0
        for marker in itertools.chain(element.findall("marker"), element.findall("chapter-marker")):
            root_s = inner.root(time_s(marker, "start"))
            if not inner.begin_s <= root_s < inner.end_s:
                outside += 1
                continue
            first = to_frame(root_s, self._edit.rate)
            length = to_frame(root_s + duration_s(marker, Fraction(0)), self._edit.rate) - first
            name, note = clean(marker.get("value") or ""), clean(marker.get("note") or "")
            self._edit.markers.append(Marker(first, name, _marker_color(marker), note, max(0, length)))
        if outside:
            self._edit.warn(f"{title(element)}: {outside} markers lie on footage that is not used and are left out")


def _lane(element: Element) -> int:
    try:
        return max(-1000, min(1000, int(element.get("lane") or 0)))
    except ValueError:
        return 1


def _is_see_through(element: Element, online_path: str | None) -> bool:
    """Whether a clip is faded for its whole length, or a picture with an alpha channel."""
    blend = element.find("adjust-blend")
    amount = (blend.get("amount") if blend is not None else None) or "1"
    if amount.replace(".", "", 1).isdigit() and float(amount) < 1:
        return True
    return bool(online_path and online_path.lower().endswith(".png") and png_has_alpha(Path(online_path)))


def _is_sound(asset: Element) -> bool:
    return asset.get("hasVideo") != "1" and asset.get("hasAudio") == "1"


def _url(asset: Element) -> str:
    """``src`` of old versions, else of the original (or only) media representation."""
    reps: Sequence[Element] = asset.findall("media-rep")
    best = next((r for r in reps if r.get("kind") == "original-media"), reps[0] if reps else None)
    return (best.get("src") if best is not None else "") or asset.get("src") or ""


def _active_angle(element: Element, media: Element | None) -> Element | None:
    """The picture angle of a multicam clip."""
    multicam = media.find("multicam") if media is not None else None
    if multicam is None:
        return None
    wanted = [s.get("angleID") for s in element.findall("mc-source") if s.get("srcEnable", "all") in ("all", "video")]
    angles = multicam.findall("mc-angle")
    return next((a for a in angles if a.get("angleID") in wanted), angles[0] if angles else None)


def _marker_color(marker: Element) -> str:
    """Final Cut has kinds instead of colours; these are the colours in which it draws them."""
    if marker.tag == "chapter-marker":
        return "Orange"
    completed = marker.get("completed")
    return {"0": "Red", "1": "Green"}.get(completed or "", "Blue")
