"""Measures an edit: every source file is decoded once, only where the edit uses it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from v2m_bridge.errors import MediaError
from v2m_bridge.footage.model import SEMANTIC_SIZE, FloatArray, FootageFeatures
from v2m_bridge.footage.motion import RgbReader
from v2m_bridge.footage.reading import MediaReading, Second, Take, TakeIndex, plan, seconds_of, takes_of
from v2m_bridge.footage.source import Picture, VideoSource
from v2m_bridge.footage.trace import UInt8Array, mean_difference
from v2m_bridge.music.emotions import EMOTIONS
from v2m_bridge.progress import Progress, silent
from v2m_bridge.timeline.model import Timeline

if TYPE_CHECKING:
    import av

COMMON_SIZE = (640, 360)
"""Pictures of two different takes are compared at this size, by nearest pixel (which keeps the mean difference)."""


@dataclass(frozen=True)
class MeasureOptions:
    """How to measure.

    Attributes:
        threads: decoding threads, 0 for as many as there are cores.
    """

    threads: int = 0


def measure(
    timeline: Timeline, options: MeasureOptions = MeasureOptions(), progress: Progress = silent
) -> FootageFeatures:
    """Features of every second of an edit; what cannot be read is absent, with a warning.

    Raises:
        Cancelled: when the listener of ``progress`` says so.
    """
    meter = _MotionMeter(timeline)
    warnings = list(_offline_warnings(timeline))
    readings = plan(timeline)
    for number, reading in enumerate(readings):
        try:
            for frame, picture in _wanted_pictures(reading, timeline, options):
                meter.add(frame, picture.frame)
        except MediaError as error:
            warnings.append(f"{error.message}; its seconds are absent")
        progress("footage", (number + 1) / len(readings))
    motion, present = meter.finish()
    rows = len(motion)
    return FootageFeatures(
        duration_s=timeline.duration_s,
        motion=motion,
        scene_offset=scene_offset(timeline),
        semantic=np.zeros((rows, SEMANTIC_SIZE), np.float32),
        emotion=np.zeros((rows, len(EMOTIONS)), np.float32),
        motion_present=present,
        semantic_present=np.zeros(rows, np.bool_),
        emotion_present=np.zeros(rows, np.bool_),
        warnings=tuple(warnings),
    )


def scene_offset(timeline: Timeline) -> FloatArray:
    """[T] whole seconds since the last cut, where a cut belongs to the next whole second (as published)."""
    rows = math.ceil(timeline.duration_frames / timeline.rate)
    starts = sorted({0, *(math.ceil(cut.frame / timeline.rate) for cut in timeline.cuts)})
    last = np.searchsorted(np.array(starts), np.arange(rows), side="right") - 1
    return (np.arange(rows) - np.array(starts)[last]).astype(np.float32)


def _offline_warnings(timeline: Timeline) -> Iterator[str]:
    offline = sorted({shot.media or shot.name for shot in timeline.shots if shot.media and not shot.media_online})
    for media in offline:
        yield f"{Path(media).name} is offline; its seconds are absent"


def _wanted_pictures(
    reading: MediaReading, timeline: Timeline, options: MeasureOptions
) -> Iterator[tuple[int, Picture]]:
    """The wanted pictures with their timeline frames, in the order of the file."""
    queue = list(reversed(reading.wanted))
    with VideoSource(reading.media, options.threads) as source:
        on_time_s = source.on_time_s
        for first_s, last_s in reading.ranges_s(timeline.rate):
            shown: Picture | None = None
            for picture in source.pictures(first_s, last_s + 2 * on_time_s):
                while shown is not None and queue and queue[-1].source_s + on_time_s < picture.seconds:
                    yield queue.pop().frame, shown
                shown = picture
            while shown is not None and queue and queue[-1].source_s <= last_s + on_time_s:
                yield queue.pop().frame, shown


class _MotionMeter:
    """Pairs the pictures of each second as they come, whatever the order, and drops them once measured."""

    def __init__(self, timeline: Timeline) -> None:
        self._seconds = seconds_of(timeline)
        self._takes = TakeIndex(takes_of(timeline))
        self._of_frame: dict[int, list[Second]] = {}
        for second in self._seconds:
            for frame in (second.frame, second.before):
                if frame is not None:
                    self._of_frame.setdefault(frame, []).append(second)
        self._waiting: dict[tuple[int, int], UInt8Array] = {}
        self._full, self._common = RgbReader(), RgbReader(COMMON_SIZE)
        self._motion = np.zeros(len(self._seconds), np.float32)
        self._present = np.zeros(len(self._seconds), np.bool_)

    def add(self, frame: int, picture: av.VideoFrame) -> None:
        """Take the picture of one timeline frame."""
        for second in self._of_frame.get(frame, ()):
            if second.before is None:
                self._present[second.second] = True
                continue
            same = self._same_take(second)
            rgb = (self._full if same else self._common).rgb(picture)
            other = second.before if frame == second.frame else second.frame
            waiting = self._waiting.pop((second.second, other), None)
            if waiting is None:
                self._waiting[second.second, frame] = rgb
            elif waiting.shape == rgb.shape:
                self._motion[second.second] = mean_difference(waiting, rgb)
                self._present[second.second] = True

    def finish(self) -> tuple[FloatArray, np.ndarray]:  # type: ignore[type-arg]
        """[T] motion and [T] whether it was measured."""
        return self._motion, self._present

    def _same_take(self, second: Second) -> Take | None:
        now, before = self._takes.at(second.frame), self._takes.at(second.before)
        return now if now is before else None
