"""The pictures of a cue, one a frame of the timeline: of the locked picture, or a proxy cut from the edit's sources."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from v2m_bridge.errors import MediaError
from v2m_bridge.footage.video.source import MediaInfo, Picture, VideoSource
from v2m_bridge.timeline.model import Shot, Timeline
from v2m_bridge.timing.timecode import parse_timecode

if TYPE_CHECKING:
    import av

LARGEST = (1280, 720)
NOTHING_AT_HAND = (960, 540)
"""Size of a film of which no picture is at hand."""

Yuv = npt.NDArray[np.uint8]
"""[height * 3 / 2, width]: a picture in planar YUV 4:2:0."""

_REVERSED_TOGETHER = 48
"""Pictures of a reversed clip that are decoded at once."""


class FilmPictures:
    """Every frame of a timeline as a picture of one size; what could not be read is black and named in ``warnings``."""

    def __init__(self, timeline: Timeline, locked: Path | None = None) -> None:
        """Look at the sources for their size.

        Args:
            locked: a film of the edit, which is shown instead of the sources.

        Raises:
            MediaError: ``locked`` cannot be read.
        """
        self._timeline = timeline
        self.warnings: list[str] = []
        self._shots = list(timeline.shots)
        self.locked_start_s = 0.0
        if locked:
            self.locked_start_s, info = _place_in(locked, timeline)
            whole = replace(self._shots[0], start_frame=0, end_frame=timeline.duration_frames, speed=1.0)
            self._shots = [replace(whole, media=str(locked), media_online=True, source_start_s=self.locked_start_s)]
            self.size = _fitted(info)
        else:
            self.size = self._first_size()

    def __iter__(self) -> Iterator[Yuv]:
        for shot in self._shots:
            left = shot.end_frame - shot.start_frame
            if shot.media and shot.media_online:
                try:
                    for picture in self._of_shot(shot):
                        yield picture
                        left -= 1
                except MediaError as error:
                    self._warn(error.message)
            else:
                self._warn(f"{shot.name or 'a shot'} is not at hand; it is black" if shot.media else "")
            for _ in range(left):
                yield _black(self.size)

    def _first_size(self) -> tuple[int, int]:
        for shot in self._shots:
            if shot.media and shot.media_online:
                try:
                    with VideoSource(shot.media) as source:
                        return _fitted(source.info)
                except MediaError as error:
                    self._warn(error.message)
        return NOTHING_AT_HAND

    def _warn(self, text: str) -> None:
        if text and text not in self.warnings:
            self.warnings.append(text)

    def _of_shot(self, shot: Shot) -> Iterator[Yuv]:
        rate = self._timeline.rate
        moments = [
            max(0.0, shot.source_start_s + float(frame / rate) * shot.speed)
            for frame in range(shot.end_frame - shot.start_frame)
        ]
        with VideoSource(str(shot.media)) as source:
            if source.info.is_still or not shot.speed:
                yield from self._held(source, moments)
            elif shot.speed > 0:
                yield from self._forwards(source, moments)
            else:
                for at in range(0, len(moments), _REVERSED_TOGETHER):
                    part = moments[at : at + _REVERSED_TOGETHER][::-1]
                    yield from reversed(list(self._forwards(source, part)))

    def _held(self, source: VideoSource, moments: list[float]) -> Iterator[Yuv]:
        picture = next(iter(source.pictures(moments[0])), None)
        if picture is not None:
            shown = self._fit(picture, source.info)
            for _ in moments:
                yield shown

    def _forwards(self, source: VideoSource, moments: list[float]) -> Iterator[Yuv]:
        """The picture on screen at each of ``moments``, which rise; the last one stays when the file ends."""
        tolerance = 0.5 * float(1 / max(source.info.rate, Fraction(1)))
        pictures = source.pictures(moments[0])
        current = next(pictures, None)
        following = next(pictures, None)
        if current is None:
            raise MediaError(f"{source.path.name} has no picture at {moments[0]:.2f} s")
        shown: Yuv | None = None
        for moment in moments:
            while following is not None and following.seconds <= moment + min(tolerance, source.on_time_s):
                current, following, shown = following, next(pictures, None), None
            if shown is None:
                shown = self._fit(current, source.info)
            yield shown

    def _fit(self, picture: Picture, info: MediaInfo) -> Yuv:
        """The picture, upright and scaled into the film's size, with black around it."""
        return _placed(_upright(picture.frame, info), self.size)


def _place_in(locked: Path, timeline: Timeline) -> tuple[float, MediaInfo]:
    """Where the timeline starts in the locked picture, by timecode where the picture has one, else at its start."""
    with VideoSource(locked) as source:
        info = source.info
    if info.start_timecode is None:
        return 0.0, info
    try:
        first = parse_timecode(info.start_timecode, timeline.rate)
    except ValueError:
        return 0.0, info
    later = float((timeline.start_frame - first) / timeline.rate)
    inside = later >= 0 and (info.duration_s is None or later < info.duration_s)
    return (later if inside else 0.0), info


def _fitted(info: MediaInfo) -> tuple[int, int]:
    """Width and height of the film, even, no larger than 720p."""
    width, height = (info.width, info.height) if info.rotation_deg % 180 == 0 else (info.height, info.width)
    scale = min(1.0, LARGEST[0] / width, LARGEST[1] / height)
    return max(2, round(width * scale / 2) * 2), max(2, round(height * scale / 2) * 2)


def _upright(frame: av.VideoFrame, info: MediaInfo) -> av.VideoFrame:
    if info.rotation_deg % 360 == 0:
        return frame
    import av as av_module

    turned = np.rot90(frame.to_ndarray(format="rgb24"), info.rotation_deg // 90)
    return av_module.VideoFrame.from_ndarray(np.ascontiguousarray(turned, np.uint8), format="rgb24")


def _placed(frame: av.VideoFrame, size: tuple[int, int]) -> Yuv:
    scale = min(size[0] / frame.width, size[1] / frame.height)
    width, height = (
        max(2, min(full, round(part * scale / 2) * 2))
        for full, part in zip(size, (frame.width, frame.height), strict=True)
    )
    scaled = np.asarray(frame.reformat(width, height, "yuv420p").to_ndarray(), np.uint8)
    if (width, height) == size:
        return scaled
    left, top = (size[0] - width) // 4 * 2, (size[1] - height) // 4 * 2
    canvas = _black(size)
    canvas[top : top + height, left : left + width] = scaled[:height]
    for number in (0, 1):
        part = _chroma(scaled, (width, height), number)
        _chroma(canvas, size, number)[top // 2 : top // 2 + height // 2, left // 2 : left // 2 + width // 2] = part
    return canvas


def _chroma(picture: Yuv, size: tuple[int, int], number: int) -> Yuv:
    """One of the two colour planes, as a view."""
    width, height = size
    flat = picture.reshape(-1)
    start = width * height + number * (width * height // 4)
    return flat[start : start + width * height // 4].reshape(height // 2, width // 2)


def _black(size: tuple[int, int]) -> Yuv:
    width, height = size
    picture = np.full((height * 3 // 2, width), 16, np.uint8)
    picture[height:] = 128
    return picture
