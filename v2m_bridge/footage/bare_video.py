"""A bare video file as an edit: its cuts are found in the picture."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np

from v2m_bridge.errors import V2MError
from v2m_bridge.footage.cuts import CutFinder, decide_cuts
from v2m_bridge.footage.motion import RgbReader, SecondSampler, pair_motion
from v2m_bridge.footage.source import MediaInfo, VideoSource
from v2m_bridge.footage.trace import Float32Array, Reducer, Trace, TraceRecorder
from v2m_bridge.progress import Progress, silent
from v2m_bridge.timeline.model import Cut, Shot, Timeline
from v2m_bridge.timing.rates import seconds_to_frame
from v2m_bridge.timing.timecode import parse_timecode


@dataclass(frozen=True)
class FilmScan:
    """What one decode pass over a whole film found.

    Attributes:
        trace: series of every picture.
        motion: [T] published motion, T = ceil(duration).
        cuts: in frames of ``rate``, from the first picture.
    """

    rate: Fraction
    duration_frames: int
    start_timecode: str | None
    trace: Trace
    motion: Float32Array
    cuts: tuple[Cut, ...]
    warnings: tuple[str, ...] = ()


def read_video(path: Path, progress: Progress = silent) -> Timeline:
    """The edit inside a video file: one shot for each cut found in its pictures.

    Raises:
        MediaError: the file cannot be read as video.
        SetupError: the cut detector cannot be loaded.
    """
    scan = scan_film(path, progress)
    start_frame, drop_frame, notes = _start(scan)
    edges = [0, *(cut.frame for cut in scan.cuts), scan.duration_frames]
    shots = tuple(
        Shot(start, end, str(path), True, float(start / scan.rate), 1.0, f"{path.stem} {number}")
        for number, (start, end) in enumerate(zip(edges, edges[1:], strict=False), 1)
    )
    return Timeline(
        name=path.stem,
        rate=scan.rate,
        start_frame=start_frame,
        duration_frames=scan.duration_frames,
        shots=shots,
        cuts=scan.cuts,
        drop_frame=drop_frame,
        warnings=scan.warnings + notes,
    )


def scan_film(path: Path, progress: Progress = silent) -> FilmScan:
    """Decode a film once and take everything from it.

    Raises:
        MediaError: the file cannot be read as video.
        SetupError: the cut detector cannot be loaded.
    """
    with VideoSource(path) as source:
        info = source.info
        recorder, finder, reducer = TraceRecorder(), CutFinder(info.rate), Reducer()
        sampler, reader = SecondSampler(), RgbReader()
        motion: list[float] = []
        end_s = 0.0
        for picture in source.pictures():
            small, thumb = reducer.reduce(picture.frame)
            recorder.add(picture.seconds, small, thumb)
            finder.add(small)
            for pair in sampler.add(picture):
                motion.append(pair_motion(reader, pair))
                progress("footage", min(1.0, picture.seconds / (info.duration_s or math.inf)))
            end_s = picture.seconds + (picture.length_s or float(1 / info.rate))
        trace = recorder.finish()
    progress("footage", 1.0)
    frames = _frames_of(trace, info)
    cuts = _on_frames(decide_cuts(finder.proposals, trace), frames)
    duration_frames = max(int(frames[-1]) + 1, seconds_to_frame(end_s, info.rate))
    seconds = math.ceil(duration_frames / info.rate)
    warnings = (f"{path.name}: {source.damaged_packets} damaged packets were skipped",) * bool(source.damaged_packets)
    return FilmScan(
        info.rate,
        duration_frames,
        info.start_timecode,
        trace,
        np.resize(np.array(motion + motion[-1:] * max(0, seconds - len(motion)), np.float32), seconds),
        cuts,
        warnings,
    )


def _frames_of(trace: Trace, info: MediaInfo) -> np.ndarray:  # type: ignore[type-arg]
    """[N] the timeline frame at which each picture begins."""
    return np.rint(trace.seconds * float(info.rate)).astype(np.int64)


def _on_frames(cuts: tuple[Cut, ...], frames: np.ndarray) -> tuple[Cut, ...]:  # type: ignore[type-arg]
    return tuple(Cut(int(frames[cut.frame]), cut.kind) for cut in cuts)


def _start(scan: FilmScan) -> tuple[int, bool, tuple[str, ...]]:
    """Absolute first frame, drop frame, and what to say about a start timecode that makes no sense."""
    if scan.start_timecode is None:
        return 0, False, ()
    try:
        return parse_timecode(scan.start_timecode, scan.rate), ";" in scan.start_timecode, ()
    except V2MError as error:
        return 0, False, (f"the start timecode was ignored: {error.message}",)
