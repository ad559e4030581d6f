"""A timeline as Resolve's scripting objects show it, read like the OTIO export of the same edit.

For Studio and external scripting. Facts: items count frames absolutely, markers relatively; transitions are items of
the track; most getters exist in every version, but any may be missing, so each is asked for rather than called. No
English word is relied on: the interface's language is in names and types.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from v2m_bridge.edits.draft import Edit, assemble, clean, to_frame, transition_kind
from v2m_bridge.edits.find_media import MediaFinder, png_has_alpha
from v2m_bridge.edits.otio.values import TimeRange
from v2m_bridge.edits.otio.walk import Window
from v2m_bridge.edits.resolve_api.retime import Take, take_of
from v2m_bridge.errors import HostError, InputError, SetupError
from v2m_bridge.timeline.model import Marker, Timeline
from v2m_bridge.timeline.sweep import Blend, Piece
from v2m_bridge.timing.rates import exact_rate

OWN_DATA = "v2m:"
"""Our markers carry this in their invisible data; they are no part of the edit."""

MAX_DEPTH = 16
_SEQUENCE = re.compile(r"(.*?)([^/\\]*?)\[(\d+)-(\d+)\]([^/\\]*)$")


def ask(target: Any, method: str, *arguments: Any) -> Any:
    """``target.method(...)``; None when there is no such method or Resolve refused."""
    call = getattr(target, method, None) if target is not None else None
    if not callable(call):
        return None
    result = call(*arguments)
    return None if result is False else result


def connect() -> Any:
    """The ``resolve`` object of a running Studio on this machine, from outside.

    Raises:
        SetupError: Blackmagic's module is not on the import path.
        HostError: Resolve does not run, is the free edition, or does not allow scripts from outside.
    """
    try:
        import DaVinciResolveScript  # type: ignore[import-not-found]
    except ImportError as error:
        raise SetupError(
            "DaVinciResolveScript cannot be imported", "set RESOLVE_SCRIPT_API and PYTHONPATH as Resolve's README says"
        ) from error
    resolve = DaVinciResolveScript.scriptapp("Resolve")
    if resolve is None:
        raise HostError(
            "Resolve does not answer",
            "start DaVinci Resolve Studio and set Preferences > System > General > External scripting to Local",
        )
    return resolve


def current_timeline(resolve: Any) -> Any:
    """The timeline that is open.

    Raises:
        HostError: no project or no timeline is open, or a dialog is.
    """
    project = ask(ask(resolve, "GetProjectManager"), "GetCurrentProject")
    if project is None:
        raise HostError("no project is open in Resolve", "open one, and close any dialog")
    timeline = ask(project, "GetCurrentTimeline")
    if timeline is None:
        raise HostError("no timeline is open in Resolve", "open the timeline you want scored")
    return timeline


def read_timeline(timeline: Any, *, project: Any = None, media_roots: Sequence[Path] = ()) -> Timeline:
    """Read a ``Timeline`` object of Resolve's.

    Args:
        timeline: the object, as ``current_timeline`` gives it.
        project: the project that it lies in; before 21 the only way into a timeline that is used as a clip.
        media_roots: folders to search by name for media that is not where Resolve has it.

    Raises:
        InputError: no picture, or values that no timeline can have.
    """
    rate, drop_frame = frame_rate(timeline)
    edit = Edit(
        name=clean(str(ask(timeline, "GetName") or "timeline")),
        rate=rate,
        start_frame=int(ask(timeline, "GetStartFrame") or 0),
        drop_frame=drop_frame,
    )
    walk = _Walk(edit, MediaFinder(Path.cwd(), media_roots), _timelines(project))
    walk.tracks(timeline, _everything(), 0)
    walk.markers(timeline)
    return assemble(edit)


def _timelines(project: Any) -> list[tuple[Any, Any]]:
    """Every timeline of a project with its place in the media pool."""
    count = int(ask(project, "GetTimelineCount") or 0)
    found = [ask(project, "GetTimelineByIndex", index) for index in range(1, count + 1)]
    return [(ask(timeline, "GetMediaPoolItem"), timeline) for timeline in found if timeline is not None]


def frame_rate(timeline: Any) -> tuple[Fraction, bool]:
    """Exact rate of a timeline and whether its timecode drops frames.

    The setting is text or a number, with or without ``DF``; drop frame is also a setting of its own and shows in the
    start timecode.
    """
    rate = _setting(timeline, "timelineFrameRate")
    if rate in (None, ""):
        raise InputError("Resolve does not tell the timeline's frame rate", "export it as OTIO instead")
    text = str(rate)
    drop = text.upper().rstrip().endswith("DF") and not text.upper().rstrip().endswith("NDF")
    drop = drop or str(_setting(timeline, "timelineDropFrameTimecode")) == "1"
    drop = drop or ";" in str(ask(timeline, "GetStartTimecode") or "")
    return exact_rate(text), drop


def _setting(timeline: Any, key: str) -> Any:
    value = ask(timeline, "GetSetting", key)
    if value in (None, ""):
        value = (ask(timeline, "GetSettings") or {}).get(key)
    return value


def _everything() -> Window:
    far_s = Fraction(10**9)
    return Window(Fraction(0), Fraction(0), Fraction(1), Fraction(0), far_s)


@dataclass(frozen=True)
class _Place:
    """An item on its track, in seconds from the start of the timeline that it lies on."""

    at_s: Fraction
    length_s: Fraction
    window: Window

    @property
    def span(self) -> tuple[Fraction, Fraction]:
        """On the outer timeline, clipped to what shows; may be empty."""
        return self.window.span(self.at_s, self.at_s + self.length_s)


class _Walk:
    """Collects the items of all tracks, nested timelines included, into ``edit``."""

    def __init__(self, edit: Edit, media: MediaFinder, timelines: Sequence[tuple[Any, Any]]) -> None:
        self._edit = edit
        self._media = media
        self._timelines = timelines
        self._layer = 0

    def tracks(self, timeline: Any, window: Window, depth: int) -> None:
        """Picture tracks bottom to top, then the length of the sound."""
        origin = int(ask(timeline, "GetStartFrame") or 0)
        rate = self._edit.rate if depth == 0 else frame_rate(timeline)[0]
        for index in range(1, int(ask(timeline, "GetTrackCount", "video") or 0) + 1):
            self._layer += 1
            items = ask(timeline, "GetItemListInTrack", "video", index) or []
            self._track(
                items, origin, rate, window, depth, enabled=not _is_off(timeline, "GetIsTrackEnabled", "video", index)
            )
        if depth == 0:
            for index in range(1, int(ask(timeline, "GetTrackCount", "audio") or 0) + 1):
                for item in ask(timeline, "GetItemListInTrack", "audio", index) or []:
                    self._reach(item, origin)

    def _reach(self, item: Any, origin: int) -> None:
        self._edit.end_frame = max(self._edit.end_frame, round(ask(item, "GetEnd") or 0) - origin)

    def _track(
        self, items: Sequence[Any], origin: int, rate: Fraction, window: Window, depth: int, enabled: bool
    ) -> None:
        layer = self._layer
        clips = [item for item in items if not _is_transition(item)]
        edges = set()
        for item in clips:
            start, length = round(ask(item, "GetStart") or 0) - origin, round(ask(item, "GetDuration") or 0)
            edges |= {start, start + length}
            if depth == 0:
                self._reach(item, origin)
            if not enabled or _is_off(item, "GetClipEnabled"):
                self._edit.disabled += 1
                continue
            self._item(item, _Place(start / rate, length / rate, window), rate, layer, depth)
        for item in items:
            if enabled and _is_transition(item):
                self._transition(item, origin, rate, edges, window, layer)

    def _item(self, item: Any, place: _Place, rate: Fraction, layer: int, depth: int) -> None:
        name = clean(str(ask(item, "GetName") or ""))
        begin_s, end_s = place.span
        opacity = ask(item, "GetProperty", "Opacity")
        if end_s <= begin_s or opacity == 0:
            return
        take = take_of(item, name, rate, place.length_s, self._edit, self._timelines)
        if take.nested is not None and depth < MAX_DEPTH:
            source = TimeRange(take.start_s, place.length_s * abs(take.speed), rate)
            self._item_markers(item, place, take)
            self.tracks(take.nested, place.window.inside(place.at_s, place.length_s, source, take.speed), depth + 1)
            return
        self._item_markers(item, place, take)
        media, online = self._locate(take.path)
        piece = Piece(
            start_frame=to_frame(begin_s, self._edit.rate),
            end_frame=to_frame(end_s, self._edit.rate),
            layer=layer,
            opaque=not _see_through(opacity) and not _is_transparent_png(media, online),
            media=media,
            media_online=online,
            source_start_s=max(Fraction(0), take.start_s) + (place.window.own(begin_s) - place.at_s) * take.speed,
            speed=take.speed * place.window.scale,
            name=name,
            take=take.name or name,
        )
        self._edit.add(piece, unsure=take.path is None and not take.known)

    def _locate(self, path: str | None) -> tuple[str | None, bool]:
        if not path:
            return None, False
        match = _SEQUENCE.fullmatch(path)
        if match:
            folder, prefix, first, _, suffix = match.groups()
            return self._media.find_sequence(folder, prefix, int(first), len(first), suffix)
        return self._media.find(path)

    def _transition(self, item: Any, origin: int, rate: Fraction, edges: set[int], window: Window, layer: int) -> None:
        """A transition is an item that lies over its edit point; the point is the edge nearest its middle."""
        start = round(ask(item, "GetStart") or 0) - origin
        end = start + round(ask(item, "GetDuration") or 0)
        inside = [edge for edge in edges if start <= edge <= end]
        if not inside or not window.scale:
            return
        edge_s = min(inside, key=lambda edge: (abs(2 * edge - start - end), edge)) / rate
        if not window.begin_s <= window.root(edge_s) <= window.end_s:
            return
        start_s, end_s = window.span(start / rate, end / rate)
        kind = transition_kind(str(ask(item, "GetName") or ""))
        frame, first, last = (to_frame(t, self._edit.rate) for t in (window.root(edge_s), start_s, end_s))
        self._edit.blends.append(Blend(frame, first, last, layer, kind))

    def markers(self, timeline: Any) -> None:
        """Markers of the timeline, in frames from its start whatever the timecode."""
        for frame, marker in sorted((ask(timeline, "GetMarkers") or {}).items()):
            if not str(marker.get("customData") or "").startswith(OWN_DATA):
                self._edit.markers.append(_marker(round(frame), marker))

    def _item_markers(self, item: Any, place: _Place, take: Take) -> None:
        """Markers of a clip count frames of its media; those on footage that is not used are left out."""
        outside = 0
        for frame, marker in sorted((ask(item, "GetMarkers") or {}).items()):
            into_s = Fraction(frame) / take.rate - take.start_s
            local_s = place.at_s + (into_s / take.speed if take.speed else 0)
            root_s = place.window.root(local_s)
            shown = place.at_s <= local_s < place.at_s + place.length_s
            if shown and place.window.begin_s <= root_s < place.window.end_s:
                self._edit.markers.append(_marker(to_frame(root_s, self._edit.rate), marker))
            else:
                outside += 1
        if outside:
            self._edit.warn(f"{take.name}: {outside} markers lie on footage that is not used and are left out")


def _is_off(target: Any, method: str, *arguments: Any) -> bool:
    """Whether a switch says False; without the method everything is on."""
    call = getattr(target, method, None)
    return callable(call) and call(*arguments) is False


def _is_transition(item: Any) -> bool:
    """21.1 says so; before, only a transition has neither media nor properties."""
    kind = ask(item, "GetType")
    if isinstance(kind, str) and kind:
        return kind.lower() == "transition"
    return ask(item, "GetMediaPoolItem") is None and not ask(item, "GetProperty")


def _see_through(opacity: Any) -> bool:
    """The model of opacity is per cent; 0 and whatever is no number (no such property) count as full."""
    return isinstance(opacity, int | float) and 0 < opacity < 100


def _is_transparent_png(media: str | None, online: bool) -> bool:
    return bool(media) and online and str(media).lower().endswith(".png") and png_has_alpha(Path(str(media)))


def _marker(frame: int, marker: Any) -> Marker:
    name, color, note = (clean(str(marker.get(key) or "")) for key in ("name", "color", "note"))
    return Marker(frame, name, color, note, duration_frames=max(0, round(marker.get("duration") or 0)))
