"""Resolve's marker EDL: each marker is an event of one frame and a line ``|C:ResolveColorBlue |M:name |D:1``.

Resolve imports and exports it under Timelines > Import/Export > Timeline Markers to/from EDL.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

from v2m_bridge.errors import InputError
from v2m_bridge.timeline.model import Marker, Timeline
from v2m_bridge.timing.timecode import format_timecode

_COLORS = "Blue Cyan Green Yellow Red Pink Purple Fuchsia Rose Lavender Sky Mint Lemon Sand Cocoa Cream"
RESOLVE_COLORS = tuple(_COLORS.split())
DEFAULT_COLOR = "Blue"
_NEAREST = {"ORANGE": "Sand", "MAGENTA": "Fuchsia", "BLACK": "Cocoa", "WHITE": "Cream"}
"""Colours of other hosts that Resolve does not have -> the nearest of its own."""

MARKER_LINE = re.compile(r"\|\s*(C|M|D)\s*:", re.I)
_FIELD = re.compile(r"\|\s*([CMD])\s*:\s*(.*?)\s*(?=\|\s*[CMD]\s*:|$)", re.I)
_EVENT_FIELDS = "V     C       "
MAX_EVENTS = 999_999


def marker_of(line: str, frame: int) -> Marker:
    """The marker of one ``|C: |M: |D:`` line at ``frame`` of the timeline; text before the bar is its note."""
    values = {key.upper(): value for key, value in _FIELD.findall(line)}
    note = " ".join(line.partition("|")[0].strip().lstrip("*").split())
    digits = re.match(r"\d{1,9}", values.get("D", ""))
    color = re.sub(r"^ResolveColor", "", values.get("C", ""), flags=re.I)
    return Marker(frame, " ".join(values.get("M", "").split()), color, note, int(digits[0]) if digits else 1)


def write_marker_edl(
    path: Path,
    markers: Sequence[Marker],
    rate: Fraction,
    *,
    start_frame: int,
    drop_frame: bool = False,
    title: str = "",
) -> None:
    """Write markers for Resolve's "import timeline markers from EDL".

    Args:
        markers: frames count from the start of the timeline.
        start_frame: absolute frame of that start (86400 = 01:00:00:00 at 24).

    Raises:
        InputError: a marker before midnight, or more markers than an EDL numbers.
    """
    if len(markers) > MAX_EVENTS:
        raise InputError(f"{len(markers)} markers are more than an EDL can number ({MAX_EVENTS})")
    lines = [f"TITLE: {_plain(title) or 'Markers'}", f"FCM: {'DROP FRAME' if drop_frame else 'NON-DROP FRAME'}", ""]
    for number, marker in enumerate(sorted(markers, key=lambda m: m.frame), start=1):
        first = start_frame + marker.frame
        if first < 0:
            raise InputError(f"marker {marker.name!r} lies before timecode 00:00:00:00")
        start, end = (format_timecode(f, rate, drop_frame) for f in (first, first + 1))
        lines.append(f"{number:03d}  001      {_EVENT_FIELDS} {start} {end} {start} {end}  ")
        name, note = _plain(marker.name), _plain(marker.note)
        length = max(1, marker.duration_frames)
        lines.append(f"{note} |C:ResolveColor{resolve_color(marker.color)} |M:{name} |D:{length}")
        lines.append("")
    path.write_text("\r\n".join(lines) + "\r\n", encoding="utf-8", newline="")


def write_timeline_markers(path: Path, timeline: Timeline, markers: Sequence[Marker] | None = None) -> None:
    """:func:`write_marker_edl` with the timeline's own start, rate and (unless given) markers."""
    chosen = timeline.markers if markers is None else markers
    write_marker_edl(
        path,
        chosen,
        timeline.rate,
        start_frame=timeline.start_frame,
        drop_frame=timeline.drop_frame,
        title=timeline.name,
    )


def resolve_color(name: str) -> str:
    """The one of Resolve's sixteen colours that a host's name means; blue where none fits."""
    known = {color.upper(): color for color in RESOLVE_COLORS}
    return known.get(name.upper()) or _NEAREST.get(name.upper(), DEFAULT_COLOR)


def _plain(text: str) -> str:
    """One line without the character that separates fields."""
    return " ".join(text.replace("|", "/").split())
