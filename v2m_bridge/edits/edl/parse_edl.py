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
_COUNT = r"(\d{1,9})"
_HEAD = r"\s*(\d+)[*]?(?:\s+(\S.*?))?"
_EVENT = re.compile(rf"{_HEAD}\s+{_TC}\s+{_TC}\s+{_TC}\s+{_TC}(?:\s.*)?")
_FRAME_EVENT = re.compile(rf"{_HEAD}\s+{_COUNT}\s+{_COUNT}\s+{_COUNT}\s+{_COUNT}(?:\s+[^\d\s].*)?\s*")
"""An event line; some programs write frame counts instead of timecodes."""

_KIND = re.compile(r"C|D|W\d{0,3}|K|KB|KO", re.I)
_LENGTH = re.compile(r"\(?F?\)?(\d{1,6})\(?F?\)?", re.I)
_CHANNELS = re.compile(
    r"(?:A{1,2}\d{0,2}|V{1,2}\d{0,2}|B|S)(?:[/,+&-]?(?:A{1,2}\d{0,2}|V{1,2}\d{0,2})|[/,+&-]\d{1,2})*|NONE|ASMBL|BOTH|VIDEO|AUDIO",
    re.I,
)
"""What the channel column holds: V, A2/V, AA/V, B (both), VA12; ASMBL is assemble mode, all of picture and sound."""

_SPEED = re.compile(rf"\s*M2\s+(\S.*?)\s+([-+]?\d{{1,6}}(?:\.\d{{1,6}})?)\s+{_TC}\s*", re.I)
_SPEED_WITHOUT_TIMECODE = re.compile(r"\s*M2\s+(\S.*?)\s+([-+]?\d{1,6}(?:\.\d{1,6})?)\s*", re.I)
_STILL = re.compile(rf"\s*\d+\s+SPEED\s+REEL\s+(\S.*?)\s+0{{1,6}}(?:\.0{{1,6}})?\s+{_TC}\s*", re.I)
"""A still in the lists of Panasonic's editing controllers."""

_COMMENT = re.compile(
    r"\s*\**\s*(FROM CLIP NAME|TO CLIP NAME|FROM CLIP|TO CLIP|FROM FILE|SOURCE FILE|CLIP NAME|LOC)\s*:\s*(.*?)\s*", re.I
)
_LOCATOR = re.compile(rf"{_TC}\s*(\S*)\s*(.*)")


def parse_edl(text: str, file_name: str) -> EdlList:
    """Everything that the lines hold; a line that looks like an event but is none becomes a warning."""
    found = EdlList()
    told = ""
    for index, line in enumerate(re.split(r"\r\n|\r|\n", text), start=1):
        stripped = line.strip()
        upper = stripped.upper()
        if not stripped:
            continue
        if upper.startswith("TITLE:"):
            found.title = stripped[6:].strip()
        elif upper.startswith("FCM:"):
            told = told or upper
        elif event := _event(line[:MAX_EVENT_LINE], index):
            found.events.append(event)
        elif found.events:
            _detail(found, line[:MAX_COMMENT_LINE], index, file_name)
        elif stripped[0].isdigit() and len(stripped) > 20:
            found.warnings.append(_not_understood(file_name, index, stripped))
    found.drop_frame = _drops_frames(found, told)
    return found


def _drops_frames(found: EdlList, told: str) -> bool:
    """Drop frame, if the list says so, or by its separators: a semicolon, or a comma where the list does not say."""
    if "DROP" in told and "NON" not in told:
        return True
    separators = {text[-3:-2] if len(text) > 2 else "" for e in found.events for text in (e.record_in, e.record_out)}
    return ";" in separators or ("," in separators and not told)


def _event(line: str, index: int) -> EdlEvent | None:
    """The event on a line. The reel may be empty or hold spaces, the channels may be missing, words may follow."""
    match = _EVENT.fullmatch(line) or _FRAME_EVENT.fullmatch(line)
    if match is None:
        return None
    number, middle, *timecodes = match.groups()
    words = (middle or "").split()
    length = key = ""
    while words and words[-1].upper() in ("F", "(F)"):
        words.pop()
    if len(words) > 1 and _LENGTH.fullmatch(words[-1]) and not _KIND.fullmatch(words[-1]):
        length = _LENGTH.fullmatch(words.pop())[1]  # type: ignore[index]
        while words and words[-1].upper() in ("F", "(F)"):
            words.pop()
    if len(words) > 1 and words[-1].upper() in ("B", "O") and words[-2].upper() == "K":
        key = words.pop().upper()
    if not words or not _KIND.fullmatch(words[-1]):
        return None
    kind = words.pop().upper() + key
    track = words.pop() if words and (_CHANNELS.fullmatch(words[-1]) or len(words) == 2) else "V"
    first, last, record_in, record_out = timecodes
    return EdlEvent(index, number, " ".join(words), track, kind, int(length or 0), first, last, record_in, record_out)


def _detail(found: EdlList, line: str, index: int, file_name: str) -> None:
    """A line that says more about the last event."""
    event = found.events[-1]
    if match := _STILL.fullmatch(line):
        _event_of_speed_line(found.events, match[1]).speed_fps = Fraction(0)
    elif match := _SPEED.fullmatch(line) or _SPEED_WITHOUT_TIMECODE.fullmatch(line):
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
