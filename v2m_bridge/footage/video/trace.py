"""Series with one value for every picture of a decode pass, small enough to hold a feature film in memory.

A two-hour film at 25 frames a second takes about 80 MB.
"""

from __future__ import annotations

import array
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from v2m_bridge.footage.video.movement import ROW_SIZE, MovementMeter, opencv

if TYPE_CHECKING:
    import av

SMALL_WIDTH = 256
"""Analysis pictures are at least this wide; they are reduced by a whole number, as PySceneDetect does."""

THUMB_SHAPE = (9, 16, 3)
"""Rows, columns and RGB of the thumbnail that is kept of every picture."""

_CACHE_BYTES = 65536

UInt8Array = npt.NDArray[np.uint8]
Float32Array = npt.NDArray[np.float32]
Float64Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class PictureTrace:
    """Series of the N pictures of one range of a file, in order of presentation.

    Attributes:
        seconds: [N] when each picture begins, from the first picture of the file.
        change: [N] mean absolute difference to the picture before, of RGB 0..255 on the reduced picture; 0 first.
        thumbs: [N, 9, 16, 3] RGB thumbnails.
        movement: [N, 6] rows of :class:`v2m_bridge.footage.video.movement.MovementMeter`, or [0, 6] if not measured.
    """

    seconds: Float64Array
    change: Float32Array
    thumbs: UInt8Array
    movement: Float32Array = field(default_factory=lambda: np.zeros((0, ROW_SIZE), np.float32))

    @property
    def length(self) -> int:
        """N, the number of pictures."""
        return len(self.seconds)

    @property
    def brightness(self) -> Float32Array:
        """[N] mean luma 0..255 (Rec. 709 weights)."""
        weights = np.array([0.2126, 0.7152, 0.0722], np.float32)
        return np.asarray(self.thumbs.mean(axis=(1, 2), dtype=np.float32) @ weights, np.float32)


class Reducer:
    """Shrinks decoded pictures to the analysis size; keeps its conversion tables from picture to picture."""

    def __init__(self) -> None:
        from av.video.reformatter import Interpolation, VideoReformatter

        self._shrink, self._how = VideoReformatter(), Interpolation.FAST_BILINEAR

    def reduce(self, frame: av.VideoFrame) -> tuple[UInt8Array, UInt8Array]:
        """The picture as BGR ``[h, w, 3]`` at about 256 columns, and its RGB thumbnail."""
        step = max(1, frame.width // SMALL_WIDTH)
        rows, columns, _ = THUMB_SHAPE
        width, height = max(columns, frame.width // step), max(rows, frame.height // step)
        small = pixels(self._shrink.reformat(frame, width, height, "bgr24", interpolation=self._how, threads=1))
        return small, _thumbnail(small)


def _thumbnail(small_bgr: UInt8Array) -> UInt8Array:
    """RGB means of 9 by 16 equal parts; what remains at the right and lower edge is left out."""
    rows, columns, _ = THUMB_SHAPE
    high, wide = small_bgr.shape[0] // rows, small_bgr.shape[1] // columns
    part = small_bgr[: high * rows, : wide * columns].reshape(rows, high, columns * wide * 3)
    lines = part.sum(axis=1, dtype=np.uint16 if high <= 256 else np.uint32)
    sums = lines.reshape(rows, columns, wide, 3).sum(axis=2, dtype=np.uint32)
    return np.asarray(sums[..., ::-1] // (high * wide), np.uint8)


def pixels(frame: av.VideoFrame) -> UInt8Array:
    """``[height, width, 3]`` of a frame in an 8-bit RGB or BGR format."""
    return np.asarray(frame.to_ndarray(), np.uint8)


class TraceRecorder:
    """Collects a :class:`PictureTrace` picture by picture."""

    def __init__(self) -> None:
        self._seconds = array.array("d")
        self._change = array.array("f")
        self._thumbs = bytearray()
        self._meter = MovementMeter()
        self._before: UInt8Array | None = None

    def add(self, seconds: float, small: UInt8Array, thumb: UInt8Array) -> None:
        """Take the next picture, as :meth:`Reducer.reduce` gives it."""
        self._seconds.append(seconds)
        self._change.append(0.0 if self._before is None else mean_difference(small, self._before))
        self._thumbs += thumb.tobytes()
        self._meter.add(small)
        self._before = small

    def pause(self) -> None:
        """Free the pictures that are held to measure movement; the next picture may lie elsewhere in the file."""
        self._meter.pause()

    def finish(self) -> PictureTrace:
        """The trace of all pictures taken."""
        return PictureTrace(
            np.array(self._seconds, np.float64),
            np.array(self._change, np.float32),
            np.frombuffer(bytes(self._thumbs), np.uint8).reshape(-1, *THUMB_SHAPE),
            self._meter.finish(),
        )


def mean_difference(a: UInt8Array, b: UInt8Array) -> float:
    """Mean absolute difference of two pictures ``[height, width, 3]`` of the same shape, 0..255."""
    cv2 = opencv()
    if cv2 is not None:
        return float(cv2.norm(a, b, cv2.NORM_L1)) / max(1, a.size)
    rows = max(1, _CACHE_BYTES // max(1, a.shape[1] * a.shape[2]))
    total = 0
    for top in range(0, len(a), rows):  # strips that fit the processor's cache: five times faster
        x, y = a[top : top + rows], b[top : top + rows]
        total += int((np.maximum(x, y) - np.minimum(x, y)).sum(dtype=np.uint32))
    return total / max(1, a.size)
