"""Tables of markers with a header line: Premiere (tabs), Resolve's edit index, REAPER's regions and markers."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction

from v2m_bridge.edits.hit_lists.positions import ListedMarker, position
from v2m_bridge.edits.names import clean
from v2m_bridge.errors import InputError
from v2m_bridge.timeline.model import Timeline

COLUMNS: dict[str, tuple[str, ...]] = {
    "start": ("in", "start", "record in", "timecode in", "start time", "timecode", "time", "location", "position"),
    "end": ("out", "end", "record out", "timecode out", "end time"),
    "length": ("duration", "length", "dur"),
    "name": ("marker name", "name", "label", "title", "marker"),
    "note": ("description", "notes", "note", "comments", "comment"),
    "color": ("color", "colour", "marker color", "marker colour"),
    "number": ("#",),
}
"""Meaning of a column -> the heads that hosts write above it, the best first."""

MAX_ROWS = 100_000


def header_of(text: str) -> tuple[int, str] | None:
    """Index of the header line, and what separates the columns; None if the text is no table of markers."""
    for index, line in enumerate(text.splitlines()[:30]):
        for separator in "\t,;":
            heads = [h.strip().strip('"').lower() for h in line.split(separator)]
            if len(heads) > 1 and _column(heads, "start") is not None and _column(heads, "name") is not None:
                return index, separator
    return None


def _column(heads: Sequence[str], meaning: str) -> int | None:
    return next((heads.index(name) for name in COLUMNS[meaning] if name in heads), None)


def read_table(text: str, header: tuple[int, str], timeline: Timeline, warnings: list[str]) -> list[ListedMarker]:
    """The markers of a table; a row that cannot be read is left out and named in ``warnings``."""
    first, separator = header
    lines = text.splitlines()[first:]
    rows = [row for row in _rows(lines, separator) if any(row.values())]
    colored = any(row["color"] for row in rows) and not any(
        row["number"][:1] in "MRmr" and row["number"] for row in rows
    )
    found = []
    for number, row in enumerate(rows, start=first + 2):
        if colored and not row["color"] and not row["note"]:
            continue  # Resolve's index lists clips beside the markers, which have a colour
        try:
            found.append(_marker(row, f"line {number}", timeline))
        except InputError as error:
            warnings.append(f"line {number}: {error.message}; the marker is left out")
    return found


def _rows(lines: Sequence[str], separator: str) -> Iterator[Mapping[str, str]]:
    reader = csv.reader(lines, delimiter=separator)
    try:
        heads = [h.strip().lower() for h in next(reader)]
        columns = {meaning: _column(heads, meaning) for meaning in COLUMNS}
        for count, cells in enumerate(reader):
            if count >= MAX_ROWS:
                raise InputError(f"the list has more than {MAX_ROWS} rows")
            yield {m: cells[c].strip() if c is not None and c < len(cells) else "" for m, c in columns.items()}
    except csv.Error as error:
        raise InputError(f"the list cannot be read as a table: {error}") from error


def _marker(row: Mapping[str, str], place: str, timeline: Timeline) -> ListedMarker:
    start = position(row["start"], timeline)
    length = Fraction(0)
    if row["end"]:
        length = max(length, position(row["end"], timeline).frames - start.frames)
    elif row["length"]:
        length = position(row["length"], timeline).frames
    name, note = clean(row["name"]), clean(row["note"])
    return ListedMarker(place, start.frames, length, start.timecode, name or note, clean(row["color"]), note)
