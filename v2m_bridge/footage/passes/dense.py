"""Features eight times a second, from the traces of the decode pass: motion, novelty, brightness, colourfulness."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from v2m_bridge.footage.model import DENSE_RATE, DENSE_SIZE, BoolArray, FloatArray
from v2m_bridge.footage.passes.reading import SourceTake
from v2m_bridge.footage.passes.take_meter import change_on_timeline, shown_pictures
from v2m_bridge.footage.video.trace import PictureTrace, UInt8Array
from v2m_bridge.timeline.model import Timeline

NOVELTY_SLOTS = DENSE_RATE
"""Novelty compares a picture with the mean of the second before it."""
FULL_COLOUR = 109.0
"""Colourfulness that people call extreme (Hasler and Süsstrunk 2003, table 1)."""
CHUNK = 4096
"""Pictures computed together, to limit the memory."""


class DenseMeter:
    """Collects the series of the timeline, take by take."""

    def __init__(self, timeline: Timeline) -> None:
        self._timeline = timeline
        self._slots = DENSE_RATE * math.ceil(timeline.duration_s)
        frames = timeline.duration_frames
        self._change = np.full(frames, np.nan, np.float32)
        self._bright, self._colour = np.zeros(frames, np.float32), np.zeros(frames, np.float32)
        self._thumbs: UInt8Array = np.zeros((self._slots, 9 * 16 * 3), np.uint8)
        self._has_thumb = np.zeros(self._slots, np.bool_)

    def add(self, take: SourceTake, trace: PictureTrace) -> None:
        """Add one take, from the trace of its file."""
        if not trace.length:
            return
        here = slice(take.start_frame, take.end_frame)
        index = shown_pictures(take, trace, self._timeline.rate)
        change = change_on_timeline(take, trace, self._timeline.rate)
        change[0] = change[1] if len(change) > 1 else 0.0  # the picture before belongs to another shot
        self._change[here] = change
        self._bright[here] = trace.brightness[index]
        self._colour[here] = colourfulness(trace.thumbs)[index]
        starts = self._first_frames()
        slots = np.flatnonzero((starts >= take.start_frame) & (starts < take.end_frame))
        thumbs = trace.thumbs[index[starts[slots] - take.start_frame]]
        self._thumbs[slots], self._has_thumb[slots] = thumbs.reshape(len(slots), -1), True

    def finish(self) -> tuple[FloatArray, BoolArray]:
        """The features ``[8 * ceil(duration_s), 4]`` and which rows were measured."""
        for cut in self._timeline.cuts:
            if 0 < cut.frame < len(self._change) - 1:
                self._change[cut.frame] = self._change[cut.frame + 1]
        edges = np.minimum(np.arange(self._slots + 1) / DENSE_RATE * float(self._timeline.rate), len(self._change))
        known = ~np.isnan(self._change)
        lengths = np.diff(edges)
        covered = _between(known.astype(np.float64), edges)
        present = (lengths > 0) & (covered >= lengths - 1e-6) & self._has_thumb
        rows = np.zeros((self._slots, DENSE_SIZE), np.float32)
        spans = np.maximum(lengths, 1e-9)
        whole = float(self._timeline.rate) / DENSE_RATE
        rows[:, 0] = _between(np.nan_to_num(self._change.astype(np.float64)), edges) / 255 * whole / spans
        rows[:, 1] = novelty(self._thumbs, self._has_thumb)
        rows[:, 2] = _between(self._bright.astype(np.float64), edges) / spans / 255
        rows[:, 3] = _between(self._colour.astype(np.float64), edges) / spans
        rows[~present] = 0
        return rows, np.asarray(present, np.bool_)

    def _first_frames(self) -> npt.NDArray[np.int64]:
        """The frame that is on screen when each slot begins."""
        at = np.floor(np.arange(self._slots) / DENSE_RATE * float(self._timeline.rate) + 1e-6)
        return at.astype(np.int64)


def novelty(thumbs: UInt8Array, present: BoolArray) -> FloatArray:
    """[N] mean difference of each thumbnail from the mean of those of the second before it, 0..1.

    Args:
        thumbs: [N, size] flat thumbnails, eight a second.
        present: [N] whether the thumbnail is there.
    """
    result = np.zeros(len(thumbs), np.float32)
    for slot in np.flatnonzero(present).tolist():
        past = np.flatnonzero(present[max(0, slot - NOVELTY_SLOTS) : slot]) + max(0, slot - NOVELTY_SLOTS)
        if len(past):
            usual = thumbs[past].mean(axis=0, dtype=np.float32)
            result[slot] = np.abs(thumbs[slot] - usual).mean() / 255
    return result


def colourfulness(thumbs: UInt8Array) -> FloatArray:
    """[N] colourfulness of pictures ``[N, h, w, 3]``: 0 grey, 1 extreme (Hasler and Süsstrunk 2003, M3)."""
    result = np.zeros(len(thumbs), np.float32)
    for start in range(0, len(thumbs), CHUNK):
        red, green, blue = np.moveaxis(thumbs[start : start + CHUNK].astype(np.float32), -1, 0)
        across, along = red - green, (red + green) / 2 - blue
        axes = (1, 2)
        spread = np.sqrt(across.var(axis=axes) + along.var(axis=axes))
        middle = np.sqrt(across.mean(axis=axes) ** 2 + along.mean(axis=axes) ** 2)
        result[start : start + CHUNK] = (spread + 0.3 * middle) / FULL_COLOUR
    return result


def _between(values: npt.NDArray[np.float64], edges: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Sums of a series between neighbouring edges, given in samples; a sample cut by an edge counts in proportion."""
    total = np.concatenate([[0.0], np.cumsum(values)])
    return np.diff(np.interp(edges, np.arange(len(total)), total))
