"""The look of every second: brightness, saturation, contrast, warmth and the palette, from the pass's thumbnails."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from v2m_bridge.footage.model import LOOK_SIZE, PALETTE_SIZE, BoolArray, FloatArray
from v2m_bridge.footage.passes.reading import SourceTake
from v2m_bridge.footage.passes.take_meter import shown_pictures
from v2m_bridge.footage.video.trace import PictureTrace, UInt8Array
from v2m_bridge.timeline.model import Timeline

SAMPLES_A_SECOND = 4
"""Pictures of a second that are looked at; colours change more slowly than things move."""

LUMA = np.array([0.2126, 0.7152, 0.0722], np.float32)
"""Rec. 709 weights of RGB."""

DARK_FLOOR = 25.0
"""Added to the largest of R, G, B in the saturation, so that noise in near-black does not count as colour."""

BAR_LEVEL = 20
"""A row or column at the edge that never exceeds this (of 255) in a whole take is a black bar, not picture."""
MOST_BAR = 0.35
"""Largest share of the height or width that the bars on one side may take."""

LUMA_BINS, ACROSS_BINS, ALONG_BINS = 8, 6, 6
"""Bins of the palette: luma, red against green, yellow against blue."""


class LookMeter:
    """Collects the look of the timeline's seconds, take by take."""

    def __init__(self, timeline: Timeline) -> None:
        self._rate = timeline.rate
        rows = math.ceil(timeline.duration_s)
        moments = np.arange(rows * SAMPLES_A_SECOND) / SAMPLES_A_SECOND
        self._frames = np.floor(moments * float(timeline.rate) + 1e-6).astype(np.int64)
        self._look = np.zeros((rows, LOOK_SIZE), np.float64)
        self._palette = np.zeros((rows, PALETTE_SIZE), np.float64)
        self._count = np.zeros(rows, np.int64)

    def add(self, take: SourceTake, trace: PictureTrace) -> None:
        """Add one take, from the trace of its file."""
        inside = np.flatnonzero((self._frames >= take.start_frame) & (self._frames < take.end_frame))
        if not trace.length or not len(inside):
            return
        shown = shown_pictures(take, trace, self._rate)
        pictures = _without_bars(trace.thumbs)[shown[self._frames[inside] - take.start_frame]]
        rows = inside // SAMPLES_A_SECOND
        np.add.at(self._look, rows, look_of(pictures))
        np.add.at(self._palette, rows, palette_of(pictures))
        np.add.at(self._count, rows, 1)

    def finish(self) -> tuple[FloatArray, FloatArray, BoolArray]:
        """The look ``[T, 4]``, the palette ``[T, 20]`` and which seconds were measured."""
        counts = np.maximum(self._count, 1)[:, None]
        look, palette = self._look / counts, self._palette / counts
        return look.astype(np.float32), palette.astype(np.float32), np.asarray(self._count > 0, np.bool_)


def look_of(pictures: UInt8Array) -> FloatArray:
    """[N, 4] brightness, saturation, contrast (0..1) and warmth (-1 blue .. 1 red) of pictures ``[N, h, w, 3]``."""
    rgb = pictures.astype(np.float32)
    luma = rgb @ LUMA
    high, low = rgb.max(axis=3), rgb.min(axis=3)
    axes = (1, 2)
    columns = (
        luma.mean(axis=axes) / 255,
        ((high - low) / (high + DARK_FLOOR)).mean(axis=axes),
        np.minimum(1.0, luma.std(axis=axes) / 127.5),
        (rgb[..., 0] - rgb[..., 2]).mean(axis=axes) / 255,
    )
    return np.stack(columns, axis=1).astype(np.float32)


def palette_of(pictures: UInt8Array) -> FloatArray:
    """[N, 20] how much of each luma, red-green and yellow-blue there is in pictures ``[N, h, w, 3]``.

    Each of the three histograms adds up to 1; a value between two bins counts in both, so that a copy in another codec
    has nearly the same palette.
    """
    rgb = pictures.reshape(len(pictures), -1, 3).astype(np.float32)
    red, green, blue = rgb[..., 0], rgb[..., 1], rgb[..., 2]
    across, along = (red - green) / 120 + 0.5, ((red + green) / 2 - blue) / 160 + 0.5
    parts = ((rgb @ LUMA) / 255, LUMA_BINS), (across, ACROSS_BINS), (along, ALONG_BINS)
    return np.concatenate([_histogram(values, bins) for values, bins in parts], axis=1).astype(np.float32)


def _histogram(values: npt.NDArray[np.floating], bins: int) -> npt.NDArray[np.float64]:
    """[N, bins] shares of values ``[N, pixels]`` in 0..1; what lies beyond counts at the edge."""
    place = np.clip(values, 0, 1) * (bins - 1)
    low = np.minimum(place.astype(np.int64), bins - 2)
    part = place - low
    result: npt.NDArray[np.float64] = np.zeros((len(values), bins))
    rows = np.broadcast_to(np.arange(len(values))[:, None], low.shape)
    np.add.at(result, (rows, low), 1 - part)
    np.add.at(result, (rows, low + 1), part)
    result /= values.shape[1]
    return result


def _without_bars(thumbs: UInt8Array) -> UInt8Array:
    """The thumbnails without black bars at the edges, so that a letterboxed copy looks like the film."""
    brightest = thumbs.max(axis=(0, 3))
    top, bottom = _bars(brightest.max(axis=1))
    left, right = _bars(brightest.max(axis=0))
    return thumbs[:, top:bottom, left:right]


def _bars(lines: UInt8Array) -> tuple[int, int]:
    """First line of the picture and the line after its last; all of it where the bars would take too much."""
    lit = np.flatnonzero(lines > BAR_LEVEL)
    if not len(lit):
        return 0, len(lines)
    first, end = int(lit[0]), int(lit[-1]) + 1
    most = int(len(lines) * MOST_BAR)
    if first > most or len(lines) - end > most or not (first and len(lines) - end):
        return 0, len(lines)  # bars come in pairs; darkness on one side is picture
    # the line beside a bar is partly bar
    return (first + 1, end - 1) if end - first > 4 else (first, end)
