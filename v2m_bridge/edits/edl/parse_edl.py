"""The text of a CMX 3600 list becomes events, locators and markers, as loosely as hosts write them.

Fields of an event: number, reel, track, kind (C cut, D dissolve, Wnnn wipe, K key), length of the transition, then
source in and out, record in and out.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from fractions import Fraction

from v2m_bridge.edits.edl.events import EdlEvent, EdlList, EdlLocator
from v2m_bridge.edits.edl.marker_edl import MARKER_LINE
from v2m_bridge.edits.names import clean

MAX_EVENT_LINE = 400
MAX_COMMENT_LINE = 2000
"""Longer lines are cut to this many characters before they are looked at."""

_TC = r"(\d{1,2}[:;.,]\d{2}[:;.,]\d{2}[:;.,]\d{2,3})"
_EVENT = re.compile(
    rf"\s*(\d+)[*]?\s+(\S.*?)\s+(\S+)\s+(C|D|W\d{{0,3}}|K|KB|KO)(?:\s+([BO]))?(?:\s+\(?F?\)?\s*(\d{{1,6}}))?"
    rf"\s+{_TC}\s+{_TC}\s+{_TC}\s+{_TC}\s*\S{{0,40}}\s*",
    re.I,
)
_SPEED = re.compile(rf"\s*M2\s+(\S.*?)\s+([-+]?\d{{1,6}}(?:\.\d{{1,6}})?)\s+{_TC}\s*", re.I)
_SPEED_WITHOUT_TIMECODE = re.compile(r"\s*M2\s+(\S.*?)\s+([-+]?\d{1,6}(?:\.\d{1,6})?)\s*", re.I)
_COMMENT = re.compile(
    r"\s*\**\s*(FROM CLIP NAME|TO CLIP NAME|FROM CLIP|TO CLIP|FROM FILE|SOURCE FILE|CLIP NAME|LOC)\s*:\s*(.*?)\s*", re.I
)
_LOCATOR = re.compile(rf"{_TC}\s*(\S*)\s*(.*)")


def decode_edl(data: bytes) -> str:
    """The text of a list: UTF-16 with a byte order mark, else UTF-8, else Latin-1."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data.decode("utf-16", errors="replace")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def parse_edl(text: str, file_name: str) -> EdlList:
    """Everything that the lines hold; a line that looks like an event but is none becomes a warning."""
    found = EdlList()
    for index, line in enumerate(re.split(r"\r\n|\r|\n", text), start=1):
        stripped = line.strip()
        upper = stripped.upper()
        if not stripped:
            continue
        if upper.startswith("TITLE:"):
            found.title = stripped[6:].strip()
        elif upper.startswith("FCM:"):
            if not found.events:
                found.drop_frame = "NON" not in upper
        elif match := _EVENT.fullmatch(line[:MAX_EVENT_LINE]):
            found.events.append(_event(match, index))
        elif found.events:
            _detail(found, line[:MAX_COMMENT_LINE], index, file_name)
        elif stripped[0].isdigit() and len(stripped) > 20:
            found.warnings.append(_not_understood(file_name, index, stripped))
    if any(";" in e.record_in for e in found.events):
        found.drop_frame = True
    return found


def _event(match: re.Match[str], line: int) -> EdlEvent:
    number, reel, track, kind, key, length, *timecodes = match.groups()
    first, last, record_in, record_out = timecodes
    kind = (kind + (key or "")).upper()
    return EdlEvent(line, number, reel, track, kind, int(length or 0), first, last, record_in, record_out)


def _detail(found: EdlList, line: str, index: int, file_name: str) -> None:
    """A line that says more about the last event."""
    event = found.events[-1]
    if match := _SPEED.fullmatch(line) or _SPEED_WITHOUT_TIMECODE.fullmatch(line):
        _event_of_speed_line(found.events, match[1]).speed_fps = Fraction(match[2])
    elif MARKER_LINE.search(line):
        found.markers.append((event, line))
    elif match := _COMMENT.fullmatch(line):
        key, value = match[1].upper(), match[2]
        if key != "LOC":
            event.notes.setdefault(key, value)
        elif locator := _LOCATOR.fullmatch(value):
            found.locators.append(EdlLocator(index, locator[1], locator[2], locator[3]))
    elif re.match(r"\s*\d+\s+\S", line) and len(re.findall(_TC, line)) >= 2:
        found.warnings.append(_not_understood(file_name, index, line))


def _not_understood(file_name: str, index: int, line: str) -> str:
    return f"{file_name}, line {index}: not understood as an event, left out: {clean(line)[:60]}"


def _event_of_speed_line(events: Sequence[EdlEvent], reel: str) -> EdlEvent:
    """The one with this reel among the last two events (a dissolve has two), else the last."""
    for event in reversed(events[-2:]):
        if event.reel.upper() == reel.upper():
            return event
    return events[-1]
