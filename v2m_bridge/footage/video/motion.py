"""Motion as published: the mean absolute RGB difference of two adjacent pictures, once a second.

Source: Kang, Poria, Herremans 2023 (Video2Music), section on motion features, and the released extraction script: the
first picture that begins at or after each whole second is compared with the picture right before it; second 0 is 0.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from v2m_bridge.footage.video.source import Picture
from v2m_bridge.footage.video.trace import UInt8Array, mean_difference, pixels

if TYPE_CHECKING:
    import av

ON_TIME_S = 0.0015
"""A picture that begins this much before a second counts as its first, because containers round to milliseconds."""


@dataclass(frozen=True)
class SecondPicture:
    """The picture that stands for whole second ``second``, and the one right before it.

    ``before`` is None at the start, and in a second that only shows a picture held from before.
    """

    second: int
    picture: av.VideoFrame
    before: av.VideoFrame | None


class SecondSampler:
    """Picks the pair of pictures for each whole second; it is given every picture of a film in order."""

    def __init__(self) -> None:
        self._before: av.VideoFrame | None = None
        self._next_second = 0

    def add(self, picture: Picture) -> Iterator[SecondPicture]:
        """Take the next picture; gives one pair for each second that it is the first picture of."""
        if self._before is not None:
            yield from self._held(self._before, picture.seconds)
        while picture.seconds >= self._next_second - ON_TIME_S:
            yield SecondPicture(self._next_second, picture.frame, self._before)
            self._next_second += 1
        self._before = picture.frame

    def finish(self, end_s: float) -> Iterator[SecondPicture]:
        """The seconds that the last picture is still shown for, up to the end of the film at ``end_s``."""
        while self._before is not None and self._next_second < end_s - ON_TIME_S:
            yield SecondPicture(self._next_second, self._before, None)
            self._next_second += 1

    def _held(self, shown: av.VideoFrame, until_s: float) -> Iterator[SecondPicture]:
        """The seconds before ``until_s`` in which no picture begins, as a variable rate holds one for seconds."""
        while until_s >= self._next_second + 1 - ON_TIME_S:
            yield SecondPicture(self._next_second, shown, None)
            self._next_second += 1


class RgbReader:
    """Converts decoded pictures to RGB, at full size or by nearest pixel at a fixed ``(width, height)``."""

    def __init__(self, size: tuple[int, int] | None = None) -> None:
        from av.video.reformatter import Interpolation, VideoReformatter

        self._reformatter = VideoReformatter()
        self._width: int | None = size[0] if size else None
        self._height: int | None = size[1] if size else None
        self._how = Interpolation.POINT if size else Interpolation.BICUBIC

    def rgb(self, frame: av.VideoFrame) -> UInt8Array:
        """``[height, width, 3]`` as stored, not rotated."""
        shaped = self._reformatter.reformat(frame, self._width, self._height, "rgb24", interpolation=self._how)
        return pixels(shaped)


def pair_motion(reader: RgbReader, pair: SecondPicture, *, always: bool = False) -> tuple[UInt8Array | None, float]:
    """RGB of the second's picture and its published motion, 0..255.

    The RGB is None where the motion does not need it (second 0), unless ``always``.
    """
    if pair.before is None or pair.second == 0:
        return (reader.rgb(pair.picture) if always else None), 0.0
    now, before = reader.rgb(pair.picture), reader.rgb(pair.before)
    return now, mean_difference(now, before) if now.shape == before.shape else 0.0
