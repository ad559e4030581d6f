"""Pro Tools' "Session Info as Text": its listing of markers."""

from __future__ import annotations

import re
from fractions import Fraction

from v2m_bridge.edits.hit_lists.positions import ListedMarker
from v2m_bridge.edits.names import clean
from v2m_bridge.errors import InputError
from v2m_bridge.timeline.model import Timeline
from v2m_bridge.timing.rates import exact_rate
from v2m_bridge.timing.timecode import parse_timecode

_HEAD = re.compile(r"^([A-Z][A-Z &/']+?):\s*(.*?)\s*$")
_TIMECODE = re.compile(r"\d{1,2}:\d{2}:\d{2}[:;]\d{2}(?:\.\d{1,2})?")


def is_pro_tools(text: str) -> bool:
    """Whether a text is one of these listings."""
    return text.lstrip().upper().startswith("SESSION NAME:")


def read_pro_tools(text: str, timeline: Timeline, warnings: list[str]) -> list[ListedMarker]:
    """The markers of a listing, counted from midnight.

    Locations in timecode count at the session's rate; a session at another rate than the edit's is converted, with a
    warning. Other locations (minutes, samples, bars) are read from the column in samples.

    Raises:
        InputError: the session names a rate or a start that cannot be.
    """
    lines = text.splitlines()
    heads = {m[1]: m[2] for m in map(_HEAD.match, lines[:20]) if m}
    rate = _session_rate(heads, timeline)
    if rate != timeline.rate:
        warnings.append(f"the session runs at {float(rate):g} frames a second, the edit at {float(timeline.rate):g}")
    begin = next((i for i, line in enumerate(lines) if _squeezed(line).startswith("MARKERSLISTING")), None)
    if begin is None:
        return []
    found = []
    for number, line in enumerate(lines[begin + 1 :], start=begin + 2):
        cells = [cell.strip() for cell in line.split("\t")]
        if not cells[0].isdigit() or len(cells) < 5:
            continue
        try:
            start = _start(cells, heads, rate, timeline)
        except InputError as error:
            warnings.append(f"line {number}: {error.message}; the marker is left out")
            continue
        note = cells[-1] if len(cells) > 5 else ""
        found.append(ListedMarker(f"line {number}", start, Fraction(0), True, clean(cells[4]), "", clean(note)))
    return found


def _squeezed(line: str) -> str:
    return "".join(line.upper().split())


def _session_rate(heads: dict[str, str], timeline: Timeline) -> Fraction:
    match = re.match(r"\d+(?:\.\d+)?", heads.get("TIMECODE FORMAT", ""))
    return exact_rate(match[0]) if match else timeline.rate


def _timecode_s(text: str, rate: Fraction, drop: bool) -> Fraction:
    whole, _, hundredths = text.partition(".")
    if drop:
        whole = f"{whole[:-3]};{whole[-2:]}"
    return (parse_timecode(whole, rate) + Fraction(int(hundredths or 0), 100)) / rate


def _start(cells: list[str], heads: dict[str, str], rate: Fraction, timeline: Timeline) -> Fraction:
    """Frames of the edit from midnight."""
    drop = "DROP" in heads.get("TIMECODE FORMAT", "").upper() and "NON" not in heads["TIMECODE FORMAT"].upper()
    if _TIMECODE.fullmatch(cells[1]):
        at_s = _timecode_s(cells[1], rate, drop or ";" in cells[1])
    else:
        samples, sample_rate = cells[2], heads.get("SAMPLE RATE", "")
        if not samples.isdigit() or cells[3].lower() != "samples" or not re.match(r"\d", sample_rate):
            raise InputError(f"{cells[1]!r} is no timecode, and there is no position in samples")
        begin_s = _timecode_s(heads.get("SESSION START TIMECODE", "00:00:00:00"), rate, drop)
        at_s = begin_s + int(samples) / Fraction(re.match(r"\d+(?:\.\d+)?", sample_rate)[0])  # type: ignore[index]
    if rate == timeline.rate:
        return at_s * rate
    # another rate: the same distance in time from the edit's start, as the session's clock shows that start
    start_s = _timecode_s(timeline.timecode(0)[:8] + ":00", rate, drop)
    return (at_s - start_s) * timeline.rate + timeline.start_frame
