"""The door to lists of markers: Resolve (EDL, CSV), Premiere (CSV), Pro Tools (text), REAPER (CSV)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

from v2m_bridge.edits.decode_text import decode_text
from v2m_bridge.edits.draft import OWN_MARKER, EditDraft
from v2m_bridge.edits.edl.events import TimecodeCounter
from v2m_bridge.edits.edl.marker_edl import marker_of
from v2m_bridge.edits.edl.parse_edl import parse_edl
from v2m_bridge.edits.hit_lists.positions import ListedMarker, starts_on_timeline
from v2m_bridge.edits.hit_lists.pro_tools import is_pro_tools, read_pro_tools
from v2m_bridge.edits.hit_lists.tables import header_of, read_table
from v2m_bridge.edits.limits import refuse_larger
from v2m_bridge.edits.names import clean
from v2m_bridge.errors import InputError
from v2m_bridge.timeline.model import Marker, Timeline

MAX_BYTES = 32 * 1024 * 1024
KNOWN = "a Resolve marker EDL or CSV, a Premiere marker CSV, a Pro Tools session text or a REAPER region/marker CSV"


def add_hit_lists(timeline: Timeline, paths: Sequence[Path]) -> Timeline:
    """The timeline with the markers of these lists, counted at its own rate and start timecode.

    A row that cannot be read costs that row and a warning.

    Raises:
        InputError: a file that is missing, too large, no list of markers, or holds none inside the edit.
    """
    for path in paths:
        timeline = _added(timeline, path)
    return timeline


def _added(timeline: Timeline, path: Path) -> Timeline:
    if not path.is_file():
        raise InputError(f"--markers: {path} is not a file")
    refuse_larger(path, MAX_BYTES)
    warnings: list[str] = []
    try:
        listed = read_hit_list(decode_text(path.read_bytes()), timeline, warnings)
    except InputError as error:
        raise InputError(f"{path.name}: {error.message}", error.hint) from error
    if not listed:
        reason = f" ({warnings[0]})" if warnings else ""
        raise InputError(f"{path.name} holds no markers{reason}", f"known: {KNOWN}")
    markers = [
        Marker(_nearest(start), m.name, m.color, m.note, max(0, _nearest(m.length)))
        for m, start in zip(listed, starts_on_timeline(listed, timeline), strict=True)
        if not m.name.startswith(OWN_MARKER)
    ]
    inside = [m for m in markers if 0 <= m.frame < timeline.duration_frames]
    if not inside:
        first = timeline.timecode(0), timeline.timecode(timeline.duration_frames)
        raise InputError(
            f"all {len(markers)} markers of {path.name} lie outside the edit, which runs from {first[0]} to {first[1]}",
            "has the list the edit's start timecode and rate?",
        )
    if len(inside) < len(markers):
        warnings.append(f"{len(markers) - len(inside)} markers lie outside the edit and are left out")
    known = {(m.frame, m.name) for m in timeline.markers}
    added = [m for m in inside if (m.frame, m.name) not in known]
    return replace(
        timeline,
        markers=tuple(sorted((*timeline.markers, *added), key=lambda m: (m.frame, m.name))),
        warnings=(*timeline.warnings, *(clean(f"{path.name}: {text}") for text in warnings)),
    )


def _nearest(frames: Fraction) -> int:
    """The nearest frame, halves up."""
    return int((frames + Fraction(1, 2)) // 1)


def read_hit_list(text: str, timeline: Timeline, warnings: list[str]) -> list[ListedMarker]:
    """The markers of a list of any known kind, told apart by what it says; notes go into ``warnings``.

    Raises:
        InputError: no list of markers.
    """
    if is_pro_tools(text):
        return read_pro_tools(text, timeline, warnings)
    header = header_of(text)
    if header is not None:
        return read_table(text, header, timeline, warnings)
    markers = _of_edl(text, timeline, warnings)
    if not markers:
        raise InputError("it is no list of markers that is known", f"known: {KNOWN}")
    return markers


def _of_edl(text: str, timeline: Timeline, warnings: list[str]) -> list[ListedMarker]:
    """Resolve's marker events and Avid's locators."""
    found = parse_edl(text, "the list")
    draft = EditDraft("", timeline.rate, warnings=warnings)
    counter = TimecodeCounter(draft, found.drop_frame or timeline.drop_frame, "the list")
    listed = []
    for event, line in found.markers:
        try:
            start = counter.record(event)[0]
        except InputError as error:
            warnings.append(f"{error.message}; the marker is left out")
            continue
        marker = marker_of(line, start)
        length = Fraction(marker.duration_frames)
        place = f"line {event.line}"
        listed.append(ListedMarker(place, Fraction(start), length, True, marker.name, marker.color, marker.note))
    for locator in found.locators:
        try:
            start = counter.frames(locator.timecode, locator.line)
        except InputError as error:
            warnings.append(f"{error.message}; the marker is left out")
            continue
        place, name = f"line {locator.line}", clean(locator.text)
        listed.append(ListedMarker(place, Fraction(start), Fraction(0), True, name, clean(locator.color)))
    return listed
