"""Markers of an OTIO edit: writers disagree on where a marker's frames count from."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

from v2m_bridge.edits.draft import Edit, clean, to_frame
from v2m_bridge.edits.otio.values import Json, TimeRange, dict_of, list_of, schema, text_of, time_range
from v2m_bridge.errors import InputError
from v2m_bridge.timeline.model import Marker

if TYPE_CHECKING:
    from v2m_bridge.edits.otio.walk import Window

MAX_MARKERS = 100_000


@dataclass(frozen=True)
class _Raw:
    start_s: Fraction
    duration_s: Fraction
    name: str
    color: str
    note: str

    def at(self, start_s: Fraction, edit: Edit) -> Marker:
        frame = to_frame(start_s, edit.rate)
        length = max(0, to_frame(start_s + self.duration_s, edit.rate) - frame)
        return Marker(frame, self.name, self.color, self.note, length)


class TimelineMarkers:
    """Markers of the timeline and its tracks.

    Resolve counts them from midnight (86400 at hour one), others from the start of the timeline. All markers of an
    edit come from one writer, so they are told apart together.
    """

    def __init__(self) -> None:
        self._raw: list[_Raw] = []
        self._bad: list[str] = []

    def collect(self, holder: Json) -> None:
        """Take up the markers of a stack or track."""
        _read_all(holder, self._raw, self._bad)

    def settle(self, edit: Edit) -> None:
        """Place all of them on the timeline."""
        for text in self._bad:
            edit.warn(text)
        origin_s = edit.start_frame / edit.rate
        end_s = edit.end_frame / edit.rate
        starts = [raw.start_s for raw in self._raw]
        absolute = all(origin_s <= s <= origin_s + end_s for s in starts)
        relative = not absolute and all(0 <= s <= end_s for s in starts)
        for raw in self._raw:
            from_midnight = absolute or (not relative and raw.start_s >= origin_s)
            edit.markers.append(raw.at(raw.start_s - (origin_s if from_midnight else 0), edit))


class ItemMarkers:
    """Markers of one clip, gap or nested edit: in media time, or (some writers) from the clip's start."""

    def __init__(self, edit: Edit, place: str) -> None:
        self._edit = edit
        self._place = place

    def collect(
        self, item: Json, source: TimeRange, at_s: Fraction, length_s: Fraction, window: Window, speed: Fraction
    ) -> None:
        """Place the markers of ``item``, which lies ``[at_s, at_s + length_s)`` in ``window``."""
        raw: list[_Raw] = []
        bad: list[str] = []
        _read_all(item, raw, bad)
        for text in bad:
            self._edit.warn(f"{self._place}: {text}")
        reach_s = length_s * abs(speed) if speed else length_s
        in_media = all(source.start_s <= r.start_s <= source.start_s + reach_s for r in raw)
        from_clip = not in_media and all(0 <= r.start_s <= reach_s for r in raw)
        outside = 0
        for marker in raw:
            into_s = marker.start_s - (0 if from_clip else source.start_s)
            local_s = at_s + (into_s / speed if speed > 0 else (reach_s - into_s) / -speed if speed < 0 else 0)
            root_s = window.root(local_s)
            if at_s <= local_s < at_s + length_s and window.begin_s <= root_s < window.end_s:
                self._edit.markers.append(marker.at(root_s, self._edit))
            else:
                outside += 1
        if outside:
            self._edit.warn(f"{self._place}: {outside} markers lie on footage that is not used and are left out")


def _read_all(holder: Json, raw: list[_Raw], bad: list[str]) -> None:
    for index, value in enumerate(list_of(holder.get("markers"))):
        if len(raw) >= MAX_MARKERS:
            raise InputError(f"the edit has more than {MAX_MARKERS} markers")
        if schema(value) != "Marker":
            bad.append(f"marker {index + 1} is not a marker and is left out")
            continue
        try:
            span = time_range(value.get("marked_range"), f"marker {index + 1}")
        except InputError as error:
            bad.append(f"{error.message}; it is left out")
            continue
        if span is None:
            bad.append(f"marker {index + 1} has no place and is left out")
            continue
        raw.append(_Raw(span.start_s, span.duration_s, clean(text_of(value.get("name"))), _color(value), _note(value)))


def _color(marker: Json) -> str:
    """Marker.2 has a name, Marker.3 an object with one; the host's own name stays as it is."""
    color = marker.get("color")
    return clean(text_of(color) or text_of(dict_of(color).get("name")))


def _note(marker: Json) -> str:
    """Resolve keeps the text in its own block, Premiere's adapter in another, others in ``comment``."""
    metadata = dict_of(marker.get("metadata"))
    blocks = (dict_of(metadata.get("Resolve_OTIO")).get("Note"), marker.get("comment"))
    others = (dict_of(metadata.get("fcp_xml")).get("comment"), metadata.get("note"))
    return clean(next((text_of(t) for t in (*blocks, *others) if text_of(t)), ""))
