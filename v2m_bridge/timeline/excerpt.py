"""A part of an edit as an edit of its own, from the in point to the out point."""

from __future__ import annotations

import re
from dataclasses import replace
from fractions import Fraction

from v2m_bridge.errors import InputError
from v2m_bridge.timeline.model import Cut, Marker, Shot, Timeline
from v2m_bridge.timing.timecode import check_timecode, parse_timecode

_LASTING = re.compile(r"\s*mood\b", re.IGNORECASE)
"""A mood marker holds until the next one, so the one in force at the in point belongs to the excerpt."""


def excerpt(timeline: Timeline, first_frame: int | None, end_frame: int | None) -> Timeline:
    """Frames ``[first_frame, end_frame)`` of ``timeline``; None means its own start or end.

    The start timecode moves with the first frame, so that hosts place the result correctly.

    Raises:
        InputError: nothing of the timeline lies in between.
    """
    first = max(0, first_frame or 0)
    end = timeline.duration_frames if end_frame is None else min(end_frame, timeline.duration_frames)
    if (first, end) == (0, timeline.duration_frames):
        return timeline
    if end <= first:
        raise InputError(
            f"nothing lies between frame {first_frame or 0} and frame {end_frame} of {timeline.name!r}, "
            f"which has {timeline.duration_frames} frames",
            "move or clear the in and out points",
        )
    return replace(
        timeline,
        start_frame=timeline.start_frame + first,
        duration_frames=end - first,
        shots=tuple(
            _shot(s, first, end, timeline.rate) for s in timeline.shots if s.start_frame < end and s.end_frame > first
        ),
        cuts=tuple(_cut(c, first, end) for c in timeline.cuts if first < c.frame < end),
        markers=_markers(timeline.markers, first, end),
    )


def between(timeline: Timeline, in_point: str | None, out_point: str | None) -> Timeline:
    """The excerpt from one timecode of ``timeline`` to another; None means its own start or end.

    The edit says whether frames are dropped, whatever stands before the frames of the timecode.

    Raises:
        InputError: no timecode, one that does not lie in the edit, or an out point that is not after the in point.
    """
    return excerpt(timeline, _frame_at(timeline, "in", in_point), _frame_at(timeline, "out", out_point))


def _frame_at(timeline: Timeline, point: str, text: str | None) -> int | None:
    if text is None:
        return None
    check_timecode(text)
    written = re.sub(r"[:;.,](?=\d+\s*$)", ";" if timeline.drop_frame else ":", text)
    frame = parse_timecode(written, timeline.rate) - timeline.start_frame
    if not 0 <= frame <= timeline.duration_frames:
        raise InputError(
            f"the {point} point {text.strip()} does not lie in {timeline.name!r}, "
            f"which goes from {timeline.timecode(0)} to {timeline.timecode(timeline.duration_frames)}"
        )
    return frame


def _shot(shot: Shot, first: int, end: int, rate: Fraction) -> Shot:
    skipped_s = float(max(0, first - shot.start_frame) / rate)
    return replace(
        shot,
        start_frame=max(shot.start_frame, first) - first,
        end_frame=min(shot.end_frame, end) - first,
        source_start_s=max(0.0, shot.source_start_s + skipped_s * shot.speed),
    )


def _cut(cut: Cut, first: int, end: int) -> Cut:
    begin, finish = (
        None if frame is None else min(max(frame, first), end) - first
        for frame in (cut.span_start_frame, cut.span_end_frame)
    )
    return replace(cut, frame=cut.frame - first, span_start_frame=begin, span_end_frame=finish)


def _markers(markers: tuple[Marker, ...], first: int, end: int) -> tuple[Marker, ...]:
    before = [m for m in markers if m.frame < first and _LASTING.match(m.name)]
    inside = [replace(m, frame=m.frame - first) for m in markers if first <= m.frame < end]
    return (*(replace(m, frame=0) for m in before[-1:]), *inside)
