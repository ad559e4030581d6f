"""Read a ``.v2m`` job strictly: what the Lua script refuses is refused here, with the same rules."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

from v2m_bridge.errors import InputError
from v2m_bridge.reaper.session import (
    EVERYTHING,
    ChordItem,
    ImportWish,
    MidiItem,
    Session,
    SessionMarker,
    SessionTempo,
    SessionTrack,
    Thing,
    TrackKind,
    VideoItem,
)
from v2m_bridge.reaper.write_job import JOB_VERSION

FIELDS = {
    "v2m-job": "i",
    "score": "sss",
    "rate": "iib",
    "start": "isf",
    "length": "ff",
    "import": "sb",
    "tempo": "fffiib",
    "marker": "fscs",
    "region": "ffcs",
    "track": "sscs",
    "video": "ffffss",
    "chord": "ffs",
    "item": "ffiis",
    "text": "fs",
    "cc": "fii",
    "note": "ffii",
    "warning": "s",
    "end": "i",
}
"""Fields after the record's name: integer, float, string, boolean 0/1, colour RRGGBB."""

ORDER = (
    "v2m-job",
    "score",
    "rate",
    "start",
    "length",
    "import",
    "tempo",
    "marker",
    "region",
    "track",
    "warning",
    "end",
)
"""Records at the top level come in this order; the others belong to the track before them."""

INSIDE = {"video": "track", "chord": "track", "item": "track", "text": "item", "cc": "item", "note": "item"}
ONCE = {"v2m-job", "score", "rate", "start", "length", "import", "region", "end"}
REQUIRED = ("v2m-job", "score", "rate", "start", "length", "tempo", "region")
_UNESCAPED = {"\\\\": "\\", "\\t": "\t", "\\n": "\n", "\\r": "\r"}

Record = tuple[str, list[Any]]


def read_job(path: Path) -> Session:
    """The session that a job file describes.

    Raises:
        InputError: not a job, truncated, damaged, or written by a newer version.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"cannot read the job {path}: {error}") from error
    return parse_job(text, path.name)


def parse_job(text: str, name: str = "job") -> Session:
    """Like :func:`read_job`, from the text."""
    lines = text.split("\n")
    header = lines[0].split("\t")
    if header[0] != "v2m-job" or len(header) < 2 or not re.fullmatch(r"\d{1,9}", header[1]):
        raise InputError(f"{name} is not a v2m job")
    if int(header[1]) != JOB_VERSION:
        raise InputError(
            f"{name} is a job of version {header[1]}, this program reads {JOB_VERSION}", "update v2m-bridge"
        )
    if lines[-1] != "" or not lines[-2].startswith("end\t"):
        raise InputError(f"{name} is cut short", "write the job again")
    records = [_record(line, number, name) for number, line in enumerate(lines[:-1], 1)]
    if records[-1][1] != [len(records) - 1]:
        raise InputError(f"{name} ends with a count of {records[-1][1][0]} records, but has {len(records) - 1}")
    _check_order(records, name)
    return _session(records)


def parse_records(text: str, header: str, name: str) -> list[tuple[str, list[str]]]:
    """Records of the script's own small files: ``header<TAB>1``, then ``name<TAB>text...``, closed by their count.

    Raises:
        InputError: another kind of file, another version, or cut short.
    """
    lines = text.split("\n")
    if lines[0] != f"{header}\t1":
        raise InputError(f"{name} is not a {header} file of version 1")
    if lines[-1] != "" or lines[-2] != f"end\t{len(lines) - 2}":
        raise InputError(f"{name} is cut short")
    rows = [line.split("\t") for line in lines[1:-2]]
    return [(kind, [_text(field) for field in fields]) for kind, *fields in rows]


def _record(line: str, number: int, name: str) -> Record:
    kind, *fields = line.split("\t")
    types = FIELDS.get(kind)
    if types is None:
        raise InputError(f"{name} line {number}: unknown record {kind[:40]!r}")
    if len(fields) != len(types):
        raise InputError(f"{name} line {number}: {kind} has {len(fields)} fields instead of {len(types)}")
    try:
        return kind, [_PARSERS[t](f) for t, f in zip(types, fields, strict=True)]
    except ValueError as error:
        raise InputError(f"{name} line {number}: {kind}: {error}") from None


def _integer(text: str) -> int:
    if not re.fullmatch(r"-?\d{1,15}", text):
        raise ValueError(f"{text[:40]!r} is not a whole number")
    return int(text)


def _number(text: str) -> float:
    if not re.fullmatch(r"-?\d+(\.\d+)?(e[+-]?\d+)?", text) or not math.isfinite(float(text)):
        raise ValueError(f"{text[:40]!r} is not a number")
    return float(text)


def _flag(text: str) -> bool:
    if text not in ("0", "1"):
        raise ValueError(f"{text[:40]!r} is neither 0 nor 1")
    return text == "1"


def _color(text: str) -> int:
    if not re.fullmatch(r"[0-9A-F]{6}", text):
        raise ValueError(f"{text[:40]!r} is not a colour")
    return int(text, 16)


def _text(text: str) -> str:
    if re.search(r"(?<!\\)(?:\\\\)*\\(?![\\tnr])", text):
        raise ValueError(f"unknown escape in {text[:40]!r}")
    return re.sub(r"\\.", lambda m: _UNESCAPED[m[0]], text)


_PARSERS: dict[str, Callable[[str], object]] = {"i": _integer, "f": _number, "s": _text, "b": _flag, "c": _color}


def _check_order(records: Sequence[Record], name: str) -> None:
    seen: set[str] = set()
    last = -1
    track_kind = ""
    for number, (kind, values) in enumerate(records, 1):
        parent = INSIDE.get(kind)
        where = f"{name} line {number}: {kind}"
        if parent is None:
            place = ORDER.index(kind)
            if place < last or (kind in ONCE and kind in seen):
                raise InputError(f"{where} stands in the wrong place")
            last = place
            seen.discard("item")
            if kind == "track":
                track_kind = str(values[1])
                if track_kind not in {k.value for k in TrackKind}:
                    raise InputError(f"{where} is of unknown kind {track_kind!r}")
        elif ORDER[last] != "track" or (parent == "item" and "item" not in seen) or not _fits(kind, track_kind):
            raise InputError(f"{where} stands outside its {parent}")
        seen.add(kind)
    missing = [kind for kind in REQUIRED if kind not in seen]
    if missing:
        raise InputError(f"{name} has no {missing[0]} record")


def _fits(kind: str, track_kind: str) -> bool:
    return {"video": "video", "chord": "chords"}.get(kind, "part") == track_kind


def _session(records: Sequence[Record]) -> Session:
    rows: dict[str, list[list[Any]]] = {kind: [] for kind in FIELDS}
    for kind, values in records:
        rows[kind].append(values)
    identity, title, writer = rows["score"][0]
    numerator, denominator, drop_frame = rows["rate"][0]
    if numerator <= 0 or denominator <= 0:
        raise InputError(f"the job's rate {numerator}/{denominator} is not positive")
    start_frame, start_timecode, offset_s = rows["start"][0]
    duration_s, end_beat = rows["length"][0]
    return Session(
        identity=identity,
        title=title,
        writer=writer,
        rate=Fraction(numerator, denominator),
        drop_frame=drop_frame,
        start_frame=start_frame,
        start_timecode=start_timecode,
        offset_s=offset_s,
        duration_s=duration_s,
        end_beat=end_beat,
        tempo=tuple(SessionTempo(*row) for row in rows["tempo"]),
        markers=tuple(SessionMarker(*row) for row in rows["marker"]),
        tracks=tuple(_track(group) for group in _groups(records)),
        warnings=tuple(row[0] for row in rows["warning"]),
        wish=_wish(*rows["import"][0]) if rows["import"] else EVERYTHING,
    )


def _wish(words: str, take_new: bool) -> ImportWish:
    try:
        only = tuple(Thing(word) for word in words.split(" "))
    except ValueError as error:
        raise InputError(f"the job is to import {words[:40]!r}, which is unknown") from error
    return ImportWish(() if set(only) == set(Thing) else only, take_new)


def _groups(records: Sequence[Record]) -> list[list[Record]]:
    """The records of each track, its own first."""
    groups: list[list[Record]] = []
    for record in records:
        if record[0] == "track":
            groups.append([record])
        elif record[0] in INSIDE:
            groups[-1].append(record)
    return groups


def _track(group: Sequence[Record]) -> SessionTrack:
    key, kind, color, name = group[0][1]
    rows: dict[str, list[list[Any]]] = {inside: [] for inside in INSIDE}
    items: list[dict[str, list[Any]]] = []
    for record, values in group[1:]:
        if record == "item":
            items.append({"item": values, "note": [], "cc": [], "text": []})
        elif INSIDE[record] == "item":
            items[-1][record].append(tuple(values))
        else:
            rows[record].append(values)
    return SessionTrack(
        key=key,
        kind=TrackKind(kind),
        name=name,
        color=color,
        videos=tuple(VideoItem(*row) for row in rows["video"]),
        chords=tuple(ChordItem(*row) for row in rows["chord"]),
        midi=tuple(_midi_item(item) for item in items),
    )


def _midi_item(rows: dict[str, list[Any]]) -> MidiItem:
    start_beat, end_beat, channel, program, name = rows["item"]
    notes, controls, texts = (tuple(rows[kind]) for kind in ("note", "cc", "text"))
    return MidiItem(start_beat, end_beat, name, channel, program, notes, controls, texts)
