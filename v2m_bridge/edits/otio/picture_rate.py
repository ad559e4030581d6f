"""The frame rate of an OTIO edit: of its start or its clips, or found from times that count in a timescale."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from fractions import Fraction

from v2m_bridge.edits.draft import EditDraft
from v2m_bridge.edits.otio.clip import clip_source
from v2m_bridge.edits.otio.values import Json, dict_of, list_of, schema, time_range, time_s
from v2m_bridge.edits.otio.walk import HIGHEST_FRAME_RATE as HIGHEST_RATE
from v2m_bridge.edits.otio.walk import MAX_DEPTH, is_video
from v2m_bridge.errors import InputError

_NTSC = tuple(Fraction(n * 1000, 1001) for n in (24, 30, 48, 60, 120))
KNOWN_RATES = tuple(sorted((*_NTSC, *map(Fraction, (12, 15, 24, 25, 30, 48, 50, 60, 100, 120)))))
TICK_ERROR = Fraction(1, 2)
"""Times in ticks may be rounded by this much."""


def picture_rate(timeline: Json, stack: Json, given: Fraction | None, file_name: str, draft: EditDraft) -> Fraction:
    """Frames per second: of the start timecode, else the commonest of the picture's clips, gaps or markers.

    Sound tracks count samples and say nothing. Where the picture counts in a timescale, the rate is found from the
    times, unless it is given.

    Args:
        given: the user's rate, for files without one; a file's own rate comes first.
        draft: gets a warning where a rate is guessed or the given one is not used.

    Raises:
        InputError: the file has no rate, or only a timescale that fits none; the hint names ``--rate``.
    """
    times = list(_times(stack, 0))
    start_rate = _rate_of_start(timeline)
    if start_rate is not None and start_rate <= HIGHEST_RATE:
        own: Fraction | None = start_rate
    else:
        counts = Counter(rate for rate, _ in times if rate <= HIGHEST_RATE)
        own = max(counts, key=lambda rate: counts[rate]) if counts else None
    if own is not None:
        draft.rate = own
        draft.warn_given_rate(given)
        return own
    if given is not None:
        return given
    scales = Counter(rate for rate, _ in times)
    if not scales and start_rate is None:
        raise InputError(f"{file_name} has no picture: no clip on any video track")
    scale = max(scales, key=lambda rate: scales[rate]) if scales else start_rate
    assert scale is not None
    found = _rate_of_ticks([value for rate, value in times if rate == scale], scale)
    if found is None:
        raise InputError(
            f"{file_name} counts in {float(scale):g} ticks a second, which name no frame rate", "give it with --rate"
        )
    draft.warn(
        f"the file counts in {float(scale):g} ticks a second; {float(found):g} frames a second is found from its times "
        "(set it with --rate)"
    )
    return found


def _rate_of_start(timeline: Json) -> Fraction | None:
    """Rate of the start timecode; one of 1 is a placeholder."""
    start = timeline.get("global_start_time")
    try:
        rate = time_s(start, "start")[1] if start is not None else None
    except InputError:
        return None  # the reader warns about it
    return None if rate == 1 else rate


def _rate_of_ticks(seconds: list[Fraction], scale: Fraction) -> Fraction | None:
    """The lowest known rate at whose frames all times lie; None where there is none or nothing to see it by."""
    ticks = [abs(s * scale) for s in seconds if s]
    if not ticks:
        return None
    for rate in KNOWN_RATES:
        frame = scale / rate
        if frame.denominator == 1 or frame > 100:  # a frame of few, odd ticks says nothing
            off = TICK_ERROR if frame.denominator != 1 else Fraction(0)
            if all(abs(t - round(t / frame) * frame) <= off for t in ticks):
                return rate
    return None


def _times(item: Json, depth: int) -> Iterator[tuple[Fraction, Fraction]]:
    """Rate and seconds of every start and length on video tracks below ``item``; of the markers, if there are none."""
    found = list(_clip_times(item, depth))
    yield from found or _marker_times(item)


def _clip_times(item: Json, depth: int) -> Iterator[tuple[Fraction, Fraction]]:
    if depth > MAX_DEPTH:
        return
    for child in list_of(item.get("children")):
        kind = schema(child)
        if kind == "Clip":
            try:
                span = time_range(child.get("source_range"), "clip") or clip_source(child, "clip").available
            except InputError:
                continue  # the walk names the place
            if span:
                yield from ((span.rate, s) for s in (span.start_s, span.duration_s))
        elif kind == "Stack" or (kind == "Track" and is_video(child)):
            yield from _clip_times(child, depth + 1)
        elif kind == "Timeline":
            yield from _clip_times(dict_of(child.get("tracks")), depth + 1)


def _marker_times(stack: Json) -> Iterator[tuple[Fraction, Fraction]]:
    """Of the markers of the timeline, its tracks and their items."""
    tracks = [dict_of(track) for track in list_of(stack.get("children"))]
    items = [dict_of(item) for track in tracks for item in list_of(track.get("children"))]
    for holder in (stack, *tracks, *items):
        for marker in list_of(holder.get("markers")):
            body = dict_of(marker)
            try:
                span = time_range(body.get("marked_range", body.get("range")), "marker")
            except InputError:
                continue
            if span:
                yield from ((span.rate, s) for s in (span.start_s, span.duration_s))
