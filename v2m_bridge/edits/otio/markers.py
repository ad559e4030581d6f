"""Markers of an OTIO edit: writers disagree on where a marker's frames count from."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from v2m_bridge.edits.draft import EditDraft
from v2m_bridge.edits.otio.values import Json, TimeRange, dict_of, list_of, schema, text_of, time_range
from v2m_bridge.edits.window import Window
from v2m_bridge.errors import InputError

MAX_MARKERS = 100_000


@dataclass(frozen=True)
class OtioMarker:
    """A marker as the file has it; ``start_s`` counts on a clock that depends on the writer."""

    start_s: Fraction
    duration_s: Fraction
    name: str
    color: str
    note: str

    def place(self, draft: EditDraft, start_s: Fraction) -> None:
        """Add the marker at seconds of the timeline."""
        draft.add_marker(start_s, self.duration_s, self.name, self.color, self.note)


@dataclass(frozen=True)
class MarkedItem:
    """A clip, gap or nested edit that carries markers.

    Attributes:
        place: names it in messages.
        source: the range of its media that it uses.
        at_s: where it starts, on the clock of what holds it.
        length_s: how long it lasts there.
        window: of what holds it.
        speed: media seconds per second.
    """

    place: str
    source: TimeRange
    at_s: Fraction
    length_s: Fraction
    window: Window
    speed: Fraction


class TimelineMarkers:
    """Markers of the timeline and its tracks.

    Resolve counts them from midnight (86400 at hour one), others from the start of the timeline. All markers of an
    edit come from one writer, so one decision is made for all of them.
    """

    def __init__(self) -> None:
        self._found: list[OtioMarker] = []
        self._damaged: list[str] = []

    def collect(self, holder: Json) -> None:
        """Take up the markers of a stack or track."""
        _read_all(holder, self._found, self._damaged)

    def place_all(self, draft: EditDraft) -> None:
        """Place all of them on the timeline, whose start and length ``draft`` knows by now."""
        for text in self._damaged:
            draft.warn(text)
        origin_s = draft.start_frame / draft.rate
        end_s = draft.end_frame / draft.rate
        starts = [marker.start_s for marker in self._found]
        if end_s == 0:  # an edit of markers alone has no length to measure them by
            end_s = max(starts, default=Fraction(0))
        absolute = all(origin_s <= s <= origin_s + end_s for s in starts)
        relative = not absolute and all(0 <= s <= end_s for s in starts)
        for marker in self._found:
            from_midnight = absolute or (not relative and marker.start_s >= origin_s)
            marker.place(draft, marker.start_s - (origin_s if from_midnight else 0))


def place_item_markers(holder: Json, item: MarkedItem, draft: EditDraft) -> None:
    """Add the markers of ``holder``, which count in media time or (some writers) from the start of the item.

    Those on footage that the item does not show are left out with a warning.
    """
    found: list[OtioMarker] = []
    damaged: list[str] = []
    _read_all(holder, found, damaged)
    for text in damaged:
        draft.warn(f"{item.place}: {text}")
    at_s, length_s, speed, first_s = item.at_s, item.length_s, item.speed, item.source.start_s
    reach_s = length_s * abs(speed) if speed else length_s
    in_media = all(first_s <= m.start_s <= first_s + reach_s for m in found)
    from_item = not in_media and all(0 <= m.start_s <= reach_s for m in found)
    outside = 0
    for marker in found:
        into_s = marker.start_s - (0 if from_item else first_s)
        local_s = at_s + (into_s / speed if speed > 0 else (reach_s - into_s) / -speed if speed < 0 else 0)
        root_s = item.window.root(local_s)
        if at_s <= local_s < at_s + length_s and item.window.shows(root_s):
            marker.place(draft, root_s)
        else:
            outside += 1
    draft.warn_unused_markers(item.place, outside)


def _read_all(holder: Json, found: list[OtioMarker], damaged: list[str]) -> None:
    """Append the markers of ``holder`` to ``found``, and what is wrong with the others to ``damaged``."""
    for index, value in enumerate(list_of(holder.get("markers"))):
        if len(found) >= MAX_MARKERS:
            raise InputError(f"the edit has more than {MAX_MARKERS} markers")
        if schema(value) != "Marker":
            damaged.append(f"marker {index + 1} is not a marker and is left out")
            continue
        try:
            # Marker.1 of old files has "range"
            span = time_range(value.get("marked_range", value.get("range")), f"marker {index + 1}")
        except InputError as error:
            damaged.append(f"{error.message}; it is left out")
            continue
        if span is None:
            damaged.append(f"marker {index + 1} has no place and is left out")
            continue
        name = text_of(value.get("name"))
        found.append(OtioMarker(span.start_s, span.duration_s, name, _color(value), _note(value)))


def _color(marker: Json) -> str:
    """The host's own name of the colour: Marker.2 has a name, Marker.3 an object with one."""
    color = marker.get("color")
    return text_of(color) or text_of(dict_of(color).get("name"))


def _note(marker: Json) -> str:
    """Resolve keeps the text in its own metadata, Premiere's adapter in another block, others in ``comment``."""
    metadata = dict_of(marker.get("metadata"))
    blocks = (dict_of(metadata.get("Resolve_OTIO")).get("Note"), marker.get("comment"))
    others = (dict_of(metadata.get("fcp_xml")).get("comment"), metadata.get("note"))
    return next((text_of(t) for t in (*blocks, *others) if text_of(t)), "")
