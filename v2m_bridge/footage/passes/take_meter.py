"""Measures takes: a file is decoded once, and each take picks the pictures that the timeline shows of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from v2m_bridge.footage.cache import Arrays
from v2m_bridge.footage.model import BoolArray, FloatArray
from v2m_bridge.footage.passes.reading import SourceTake, TakePlan
from v2m_bridge.footage.passes.stills import still_of
from v2m_bridge.footage.video.motion import RgbReader
from v2m_bridge.footage.video.source import Picture, VideoSource
from v2m_bridge.footage.video.trace import (
    Float32Array,
    PictureTrace,
    Reducer,
    TraceRecorder,
    UInt8Array,
    mean_difference,
)

if TYPE_CHECKING:
    import av

EDGE_SIZE = (640, 360)
"""Pictures of two takes are compared at this size, by nearest pixel (which keeps the mean difference)."""

BEYOND_END_FRAMES = 2
"""An edit may reach this far beyond the last picture of a file, because hosts round."""

HELD_S = 1.0
"""A picture that the file shows for at least this long, in seconds, is held: the seconds in it have no motion."""

TakeStillSink = Callable[[int, UInt8Array], None]
"""Called with a second of the timeline and its still."""


@dataclass(frozen=True)
class TakeResult:
    """What was measured of one take.

    Attributes:
        motion: [n] one value for each second of the plan; 0 for a second that begins the take.
        present: [n] whether the second could be measured.
        edges: [m, 360, 640, 3] the edge pictures of the plan.
        edge_present: [m] whether the file has them.
        trace: series of the file's pictures in the range of the take.
        warnings: what is wrong with the file, as far as it was read.
    """

    motion: FloatArray
    present: BoolArray
    edges: UInt8Array
    edge_present: BoolArray
    trace: PictureTrace
    warnings: tuple[str, ...] = ()

    def arrays(self) -> Arrays:
        """As plain arrays, for a cache."""
        return {
            "motion": self.motion,
            "present": self.present,
            "edges": self.edges,
            "edge_present": self.edge_present,
            "seconds": self.trace.seconds,
            "change": self.trace.change,
            "thumbs": self.trace.thumbs,
            "movement": self.trace.movement,
            "warnings": np.array(self.warnings, np.str_),
        }

    @staticmethod
    def from_arrays(arrays: Arrays) -> TakeResult:
        """Inverse of :meth:`arrays`."""
        trace = PictureTrace(arrays["seconds"], arrays["change"], arrays["thumbs"], arrays["movement"])
        warnings = tuple(str(warning) for warning in arrays["warnings"])
        return TakeResult(arrays["motion"], arrays["present"], arrays["edges"], arrays["edge_present"], trace, warnings)


@dataclass(frozen=True)
class _FrameRequest:
    """The pictures that one frame of the timeline needs.

    Attributes:
        low_s, high_s: media times of the two pictures; equal where one picture is enough.
        row: position among the plan's seconds or, for an edge, among its edges.
        is_edge: whether the picture itself is kept, to be compared with another take.
    """

    low_s: float
    high_s: float
    row: int
    is_edge: bool


class TakeMeter:
    """Measures one take; it is given the pictures of the file in order."""

    def __init__(self, plan: TakePlan, rate: Fraction, on_time_s: float, readers: Readers) -> None:
        self._plan, self._rate, self._on_time_s, self._readers = plan, rate, on_time_s, readers
        self.first_s, self.last_s = plan.take.source_range_s(rate)
        self._open = sorted(self._requests(), key=lambda request: (-request.low_s, -request.high_s))
        self._pending: list[tuple[_FrameRequest, Picture]] = []
        self._shown: Picture | None = None
        self._before: Picture | None = None
        self._recorder = TraceRecorder()
        rows = len(plan.seconds)
        self._motion, self._present = np.zeros(rows, np.float32), np.zeros(rows, np.bool_)
        width, height = EDGE_SIZE
        self._edges = np.zeros((len(plan.edges), height, width, 3), np.uint8)
        self._edge_present = np.zeros(len(plan.edges), np.bool_)
        self.still_sink: TakeStillSink | None = None
        self.rotation_deg = 0

    def _requests(self) -> Iterable[_FrameRequest]:
        take = self._plan.take
        for row, second in enumerate(self._plan.seconds):
            here_s = take.source_s(second.frame, self._rate)
            there_s = here_s
            if second.second in self._plan.inside and second.frame > take.start_frame:
                there_s = take.source_s(second.frame - 1, self._rate)
            yield _FrameRequest(min(here_s, there_s), max(here_s, there_s), row, False)
        for row, frame in enumerate(self._plan.edges):
            at_s = take.source_s(frame, self._rate)
            yield _FrameRequest(at_s, at_s, row, True)

    @property
    def needs(self) -> tuple[float, float]:
        """Media range to read, in seconds: the take's, and a picture more on either side to compare with."""
        margin_s = 2.5 * float(1 / self._rate)
        return max(0.0, self.first_s - margin_s), self.last_s + margin_s

    def add(self, picture: Picture, small: UInt8Array, thumb: UInt8Array) -> None:
        """Take the next picture of the file; a picture outside the take only serves as a neighbour."""
        self._show_until(picture)
        self._before, self._shown = self._shown, picture
        if picture.seconds <= self.last_s + self._on_time_s:
            self._recorder.add(picture.seconds, small, thumb)
        else:
            self._recorder.pause()

    def finish(self, media_end_s: float | None) -> TakeResult:
        """The result; ``media_end_s`` is where the file ends, None for a still or where that is unknown."""
        limit_s = np.inf if media_end_s is None else media_end_s + BEYOND_END_FRAMES / float(self._rate)
        self._open = [request for request in self._open if request.high_s <= limit_s]
        self._show_until(None)
        return TakeResult(self._motion, self._present, self._edges, self._edge_present, self._recorder.finish())

    def _show_until(self, following: Picture | None) -> None:
        """Fulfil the requests whose pictures are known once ``following`` has come (None: the file is over)."""
        shown = self._shown
        if shown is None:
            return
        for request, low in [item for item in self._pending if self._is_over(item[0].high_s, following)]:
            self._pending.remove((request, low))
            self._fulfil(request, low, shown, None, following)
        while self._open and self._is_over(self._open[-1].low_s, following):
            request = self._open.pop()
            if self._is_over(request.high_s, following):
                self._fulfil(request, shown, shown, self._before, following)
            else:
                self._pending.append((request, shown))

    def _is_over(self, at_s: float, following: Picture | None) -> bool:
        """Whether the picture shown at media time ``at_s`` is known, given the one that comes next."""
        return following is None or at_s + self._on_time_s < following.seconds

    def _fulfil(
        self, request: _FrameRequest, low: Picture, high: Picture, before: Picture | None, following: Picture | None
    ) -> None:
        """Measure what was requested.

        Args:
            low, high: the pictures that the file shows at the request's two times.
            before, following: the pictures before and after ``high`` in the file, None where unknown.
        """
        backwards = self._plan.take.speed < 0
        if request.is_edge:
            self._edges[request.row] = self._readers.edge.rgb(high.frame)
            self._edge_present[request.row] = True
            return
        second = self._plan.seconds[request.row]
        rgb: UInt8Array | None = None
        if second.second in self._plan.inside and self._plan.take.speed != 0:
            if low is high and self._is_held(high, following):
                low, high = self._while_held(request, high, following)
            elif low is high:  # both frames show one picture: compare it with its neighbour in the file
                low, high = (low, following or low) if backwards else (before or high, high)
            pair = self._readers.full.rgb(low.frame), self._readers.full.rgb(high.frame)
            rgb = pair[0] if backwards else pair[1]
            if low is not high and pair[0].shape == pair[1].shape:
                self._motion[request.row] = mean_difference(*pair)
        self._present[request.row] = True
        if self.still_sink is not None:
            here = low if backwards else high
            self.still_sink(second.second, still_of(self._rgb(rgb, here.frame), self.rotation_deg))

    def _is_held(self, shown: Picture, following: Picture | None) -> bool:
        """Whether the file shows a picture for a second or longer, as a variable rate does with a still."""
        read_s = max(shown.seconds + shown.length_s, self.needs[1]) if following is None else following.seconds
        return read_s - shown.seconds >= HELD_S

    def _while_held(self, request: _FrameRequest, shown: Picture, following: Picture | None) -> tuple[Picture, Picture]:
        """What a second is measured between that begins on a held picture: the next one only if it begins in it."""
        speed = self._plan.take.speed
        begins = following is not None and following.seconds < request.high_s + speed - self._on_time_s
        return (shown, following) if speed > 0 and following is not None and begins else (shown, shown)

    def _rgb(self, known: UInt8Array | None, frame: av.VideoFrame) -> UInt8Array:
        return self._readers.full.rgb(frame) if known is None else known


class Readers:
    """The picture converters that all takes of one file share."""

    def __init__(self) -> None:
        self.full, self.edge, self.reducer = RgbReader(), RgbReader(EDGE_SIZE), Reducer()


def measure_takes(
    media: Path,
    plans: Sequence[TakePlan],
    rate: Fraction,
    *,
    threads: int = 0,
    still_sink: TakeStillSink | None = None,
    report: Callable[[float], None] = lambda share: None,
) -> list[TakeResult]:
    """Read the ranges of one file that the edit uses, in the file's order, and measure its takes.

    Args:
        plans: what is wanted of each take.
        rate: frames per second of the timeline.
        threads: decoding threads, 0 for as many as there are cores.
        still_sink: called with every second's still for CLIP.
        report: called with the share of the used ranges that was read, 0..1.

    Raises:
        MediaError: the file cannot be read.
    """
    readers = Readers()
    with VideoSource(media, threads) as source:
        meters = [TakeMeter(plan, rate, source.on_time_s, readers) for plan in plans]
        for meter in meters:
            meter.still_sink, meter.rotation_deg = still_sink, source.info.rotation_deg
        ranges = _merged(meter.needs for meter in meters)
        total_s = sum(end - start for start, end in ranges)
        done_s, seen_end_s, notes = 0.0, 0.0, list[str]()
        for start_s, end_s in ranges:
            open_meters = [meter for meter in meters if meter.needs[0] < end_s and meter.needs[1] > start_s]
            for picture in source.pictures(start_s, end_s):
                _offer(picture, open_meters, readers.reducer)
                report((done_s + min(end_s, picture.seconds) - start_s) / total_s)
            done_s += end_s - start_s
            seen_end_s, notes = max(seen_end_s, source.seen_end_s), [*notes, *source.notes()]
        stated_s = None if source.info.is_still else source.info.duration_s
        media_end_s = None if stated_s is None else max(stated_s, seen_end_s)
        return [replace(meter.finish(media_end_s), warnings=tuple(dict.fromkeys(notes))) for meter in meters]


def _offer(picture: Picture, meters: Iterable[TakeMeter], reducer: Reducer) -> None:
    reduced: tuple[UInt8Array, UInt8Array] | None = None
    for meter in meters:
        first_s, last_s = meter.needs
        if first_s - picture.length_s <= picture.seconds < last_s:
            reduced = reduced or reducer.reduce(picture.frame)
            meter.add(picture, *reduced)


def _merged(ranges: Iterable[tuple[float, float]]) -> list[tuple[float, float]]:
    """Ranges in order, overlapping ones joined."""
    joined: list[tuple[float, float]] = []
    for start, end in sorted(ranges):
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((start, end))
    return joined


def shown_pictures(
    take: SourceTake, trace: PictureTrace, rate: Fraction, on_time_s: float = 0.002
) -> npt.NDArray[np.int64]:
    """[length of the take in frames] index of the picture that each frame shows; the trace must not be empty."""
    frames = np.arange(take.end_frame - take.start_frame)
    shown_s = np.maximum(0.0, take.source_start_s + frames / float(rate) * take.speed)
    return np.clip(np.searchsorted(trace.seconds, shown_s + on_time_s, side="right") - 1, 0, trace.length - 1)


def change_on_timeline(take: SourceTake, trace: PictureTrace, rate: Fraction, on_time_s: float = 0.002) -> Float32Array:
    """[length of the take in frames] change of the picture from frame to frame at the take's speed.

    The first value is 0; all are NaN where the trace is empty.
    """
    frames = np.arange(take.end_frame - take.start_frame)
    if not trace.length:
        return np.full(len(frames), np.nan, np.float32)
    total = np.cumsum(trace.change, dtype=np.float64)[shown_pictures(take, trace, rate, on_time_s)]
    return np.abs(np.diff(total, prepend=total[:1])).astype(np.float32)
