"""How the clock of a nested item maps to the timeline, and which part of the item shows."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from v2m_bridge.timeline.sweep import Piece

FAR_S = Fraction(10**9)
"""An end that no edit reaches, for a window without one."""


@dataclass(frozen=True)
class Window:
    """The part of the timeline in which the content of a container (sequence, nested edit, clip) shows.

    Times inside the container count on its own clock: ``root = root_s + (own - own_s) / scale``, where ``root`` is
    a time on the timeline. All values are exact seconds.

    Attributes:
        root_s, own_s: one moment, on the timeline and on the container's clock.
        scale: seconds of the container's clock per second of timeline; negative: it plays backwards;
            0: it is frozen at ``own_s``.
        begin_s, end_s: nothing outside ``[begin_s, end_s)`` of the timeline shows.
    """

    root_s: Fraction
    own_s: Fraction
    scale: Fraction
    begin_s: Fraction
    end_s: Fraction

    def root(self, own_s: Fraction) -> Fraction:
        """Timeline seconds at a time of the container's clock."""
        return self.root_s + (own_s - self.own_s) / self.scale if self.scale else self.root_s

    def own(self, root_s: Fraction) -> Fraction:
        """The container's clock at a time of the timeline."""
        return self.own_s + (root_s - self.root_s) * self.scale

    def first_shown(self, frame_s: Fraction) -> Fraction:
        """The container's clock at the first moment that shows.

        Backwards that is the frame before the moment where the window begins; ``frame_s`` is its length.
        """
        first_s = self.own(self.begin_s)
        return first_s - frame_s if self.scale < 0 else first_s

    def span(self, start_s: Fraction, end_s: Fraction) -> tuple[Fraction, Fraction]:
        """Timeline seconds of ``[start_s, end_s)`` of the container's clock, clipped to the window.

        Where nothing of it shows, the end does not lie after the start.
        """
        if self.scale == 0:
            shown = start_s <= self.own_s < end_s
            return (self.begin_s, self.end_s) if shown else (self.begin_s, self.begin_s)
        a, b = sorted((self.root(start_s), self.root(end_s)))
        return max(a, self.begin_s), min(b, self.end_s)

    def shows(self, root_s: Fraction) -> bool:
        """Whether a time of the timeline lies in the window."""
        return self.begin_s <= root_s < self.end_s

    def inside(self, at_s: Fraction, length_s: Fraction, source_s: Fraction, speed: Fraction) -> Window:
        """The window of a nested container that lies at ``[at_s, at_s + length_s)`` of this one's clock.

        Args:
            source_s: the nested clock at the start of the range that is used; a reversed item ends there.
            speed: seconds of the nested clock per second of this one's.
        """
        begin_s, end_s = self.span(at_s, at_s + length_s)
        first_s = source_s if speed >= 0 else source_s + length_s * -speed
        if self.scale == 0:
            return Window(begin_s, first_s + (self.own_s - at_s) * speed, Fraction(0), begin_s, end_s)
        return Window(self.root(at_s), first_s, self.scale * speed, begin_s, end_s)


@dataclass(frozen=True)
class TimeMap:
    """The speed graph of a clip: (seconds of the clip's own clock, seconds in the media), linear between them.

    Without points both clocks are one.
    """

    points: tuple[tuple[Fraction, Fraction], ...] = ()

    def media_s(self, own_s: Fraction) -> Fraction:
        """Media seconds at a time of the clip's own clock; the first and last slope go on beyond the points."""
        if len(self.points) < 2:
            shift_s = self.points[0][1] - self.points[0][0] if self.points else Fraction(0)
            return own_s + shift_s
        index = 0
        while index + 2 < len(self.points) and own_s >= self.points[index + 1][0]:
            index += 1
        (t0, v0), (t1, v1) = self.points[index], self.points[index + 1]
        return v0 + (own_s - t0) * (v1 - v0) / (t1 - t0)

    def speed(self, start_s: Fraction, end_s: Fraction) -> Fraction:
        """Mean speed between two times of the clip's own clock."""
        if end_s == start_s:
            return Fraction(1)
        return (self.media_s(end_s) - self.media_s(start_s)) / (end_s - start_s)

    def is_straight(self, start_s: Fraction, end_s: Fraction) -> bool:
        """Whether one speed holds over the whole range."""
        speeds = {
            (v1 - v0) / (t1 - t0)
            for (t0, v0), (t1, v1) in itertools.pairwise(self.points)
            if t1 > start_s and t0 < end_s
        }
        return len(speeds) < 2 or max(speeds) - min(speeds) < Fraction(1, 1000)


def ramp_windows(window: Window, points: Sequence[tuple[Fraction, Fraction]]) -> list[Window]:
    """The windows of a container's content under a speed ramp, one for each straight part of it.

    Args:
        window: of the container, on its clock before the retime.
        points: (seconds before the retime, seconds of the content), sorted; the first and last slope go on beyond.
    """
    knees = [window.root(own_s) for own_s, _ in points[1:-1]] if window.scale else []
    edges = sorted({window.begin_s, window.end_s, *(k for k in knees if window.shows(k))})
    windows = []
    for begin_s, end_s in itertools.pairwise(edges):
        middle_s = window.own((begin_s + end_s) / 2)
        index = 0
        while index + 2 < len(points) and middle_s >= points[index + 1][0]:
            index += 1
        (t0, v0), (t1, v1) = points[index], points[index + 1]
        slope = (v1 - v0) / (t1 - t0)
        content_s = v0 + (window.own(begin_s) - t0) * slope
        windows.append(Window(begin_s, content_s, window.scale * slope, begin_s, end_s))
    return windows


def join_at_knees(pieces: Sequence[Piece], rate: Fraction) -> list[Piece]:
    """Join what :func:`ramp_windows` cut up: pieces that meet in time and source are one, at their mean speed.

    A knee of the ramp is no cut. Pieces keep their order.
    """
    joined: list[Piece] = []
    open_at: dict[tuple[int, int], int] = {}
    for piece in pieces:
        index = open_at.pop((piece.layer, piece.start_frame), None)
        before = joined[index] if index is not None else None
        if index is not None and before is not None and _continues(before, piece, rate):
            frames = piece.end_frame - before.start_frame
            end_s = piece.source_start_s + (piece.end_frame - piece.start_frame) / rate * piece.speed
            mean = (end_s - before.source_start_s) * rate / frames
            joined[index] = replace(before, end_frame=piece.end_frame, speed=mean)
        else:
            index = len(joined)
            joined.append(piece)
        open_at[(piece.layer, piece.end_frame)] = index
    return joined


def _continues(before: Piece, after: Piece, rate: Fraction) -> bool:
    if (before.media, before.take, before.name, before.part) != (after.media, after.take, after.name, after.part):
        return False
    end_s = before.source_start_s + (before.end_frame - before.start_frame) / rate * before.speed
    # half a frame for each side's rounding, and one where the direction turns
    return abs(after.source_start_s - end_s) * rate < 2 * max(Fraction(1), abs(before.speed), abs(after.speed))


def whole_timeline(own_s: Fraction = Fraction(0), length_s: Fraction = FAR_S) -> Window:
    """The window of the timeline itself, whose clock reads ``own_s`` at its first frame."""
    return Window(Fraction(0), own_s, Fraction(1), Fraction(0), length_s)
