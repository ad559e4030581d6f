"""Where in the picture something moves: one row for every picture, cheap enough for every picture of a film.

While the camera is steady, a film has a background: what most of its pictures show at each place. What differs from it
is the moving thing, whole and sharp at any speed, even at rest. The centres of the thing are its path.
"""

from __future__ import annotations

import functools
import itertools
from typing import Any

import numpy as np
import numpy.typing as npt

UInt8Array = npt.NDArray[np.uint8]
Float32Array = npt.NDArray[np.float32]

ROW_SIZE = 6
"""Change, centre x, centre y, radius, area, jump."""
CHANGE, CENTRE, RADIUS, AREA, JUMP = 0, slice(1, 3), 3, 4, 5

ROWS = 80
"""Pictures are reduced to about this many rows, because that averages out the noise of single pixels."""
BOX = 3
"""Differences are averaged over this many pixels on a side."""
NOISE_SPREADS, LEAST_DIFFERENCE = 6.0, 6.0
"""A difference counts above median + first number * (median - lower quartile) + second number, in grey levels."""
PEAK_SHARE = 0.25
"""It must also be this share of the largest difference: compression leaves traces around a thing."""
JUMP_LEVELS, JUMP_RATIO = 12.0, 3.0
"""A new stretch begins where a picture changes by this many grey levels and this many times more than before."""
STRETCH, SEEN_AGAIN = 300, 150
"""A stretch is measured in parts of this many pictures; this many of one part are used again in the next."""
SAMPLES = 31
"""The background is the median of this many pictures."""
SPREAD_NOISE = 4.0
"""Noise makes max - min over the window this many times the two-frame difference."""
MOST_MOVING = 0.9
"""If more than this share of the picture moves at some time, the camera moves and there is no background."""
RIM = 3
"""Width in pixels of the rim of the moving area, where the colour of the thing is taken: it passes there seldom."""
NEIGHBOURHOOD, STRANGE = 15, 0.5
"""The colour beside a place is the mean over this many pixels on a side. Where the rest of the pictures is nearer to it
than most pictures are by this factor, most pictures show the thing."""
FREE = 2
"""This many pictures, those that look least like the thing, are taken to show the background if any do."""
LEAST_SHARE, BESIDE = 0.15, 0.5
"""Most pictures show the thing at a place if its share of their colour, on the line from background to thing, is at
least the first number, and the residual off the line from thing to background is below the second times that share."""
OTHER_COLOUR, NEXT_SHARE = 50.0, 0.12
"""A thing has a further colour (three at most) if this share of its rim is further than this many levels from the known
ones."""
LEAST_STRETCH = 6
"""Fewer pictures than this are not measured."""


class MovementMeter:
    """Takes the pictures of a film in order and measures them stretch by stretch."""

    def __init__(self) -> None:
        self._cv2 = opencv()
        self._pictures: list[UInt8Array] = []
        self._changes: list[float] = []
        self._measured = 0
        self._rows: list[Float32Array] = []

    def add(self, small: UInt8Array) -> None:
        """Take the next picture ``[height, width, 3]``."""
        if self._cv2 is None:
            return
        picture = self._reduced(small)
        change = 0.0
        if self._pictures and self._pictures[-1].shape == picture.shape:
            change = float(self._cv2.norm(picture, self._pictures[-1], self._cv2.NORM_L1)) / picture.size
            if change > max(JUMP_LEVELS, JUMP_RATIO * max(self._changes[-3:])):
                self.pause()
        elif self._pictures:
            self.pause()
        self._pictures.append(picture)
        self._changes.append(change)
        if len(self._pictures) == STRETCH:
            self._measure(STRETCH - SEEN_AGAIN // 2)
            self._measured -= STRETCH - SEEN_AGAIN
            del self._pictures[:-SEEN_AGAIN], self._changes[:-SEEN_AGAIN]

    def pause(self) -> None:
        """End the stretch: the next picture begins another one."""
        self._measure(len(self._pictures))
        self._pictures.clear()
        self._changes.clear()
        self._measured = 0

    def finish(self) -> Float32Array:
        """[N, 6] for the N pictures taken; [0, 6] where OpenCV does not load.

        The columns are:
            change: share of the picture that differs from the picture before, per cent.
            centre x, centre y: middle of the thing that moves, in picture heights from the top left.
            radius: root mean square distance of its parts from the centre, in picture heights.
            area: share of the picture that it covers, per cent; 0 where nothing differs from the background.
            jump: how far the largest difference from the picture before exceeds the noise, 0..255.

        Under a moving camera the area is 100 and the rest 0.
        """
        self.pause()
        return np.concatenate(self._rows) if self._rows else np.zeros((0, ROW_SIZE), np.float32)

    def _reduced(self, small: UInt8Array) -> UInt8Array:
        step = max(1, round(len(small) / ROWS))
        if step == 1:
            return small
        height, width = len(small) // step, small.shape[1] // step
        whole = small[: height * step, : width * step]
        return np.asarray(self._cv2.resize(whole, (width, height), interpolation=self._cv2.INTER_AREA))

    def _measure(self, end: int) -> None:
        """Measure the pictures of this stretch up to ``end`` that were not measured before."""
        first = self._measured
        if end <= first:
            return
        rows = np.zeros((end - first, ROW_SIZE), np.float32)
        self._rows.append(rows)
        self._measured = end
        if len(self._pictures) < LEAST_STRETCH:
            return
        samples = np.array(self._samples())
        background = self._background(samples)
        if background is None:
            rows[:, AREA] = 100.0
            return
        differences = [self._difference(picture, background) for picture in self._pictures]
        most = np.max(differences, axis=0)
        floor = max(LEAST_DIFFERENCE, PEAK_SHARE * float(np.median([d.max() for d in differences])))
        scale = 255 / np.maximum(self._cv2.dilate(most, np.ones((BOX, BOX), np.uint8)), floor).astype(np.float32)
        for row, k in zip(rows, range(first, end), strict=True):
            if k:
                row[CHANGE], row[JUMP] = self._changed(self._pictures[k], self._pictures[k - 1])
            row[1:5] = self._thing(differences[k], floor, scale)

    def _background(self, samples: UInt8Array) -> UInt8Array | None:
        """The background, or None where most of the picture moves.

        Where a thing rests or passes often, most pictures show the thing. There the background is what looks less like
        the thing; the colour of the thing is known from places where it passes seldom.
        """
        spread = self._difference(samples.max(axis=0), samples.min(axis=0))
        steps = [self._difference(a, b) for a, b in itertools.pairwise(self._pictures[:: len(self._pictures) // 4])]
        moving = spread > SPREAD_NOISE * float(np.median(steps)) + LEAST_DIFFERENCE
        if np.count_nonzero(moving) > MOST_MOVING * moving.size:
            return None
        background: UInt8Array = samples[len(samples) // 2].copy()
        if not moving.any():
            return background
        there = samples[:, moving].astype(np.int16)
        usual = np.partition(there, len(there) // 2, axis=0)[len(there) // 2]
        away = np.abs(there - usual).max(axis=2)
        most = away.max(axis=0)
        shows = away > np.maximum(most / 2, LEAST_DIFFERENCE)
        count = shows.sum(axis=0)
        other = (there * shows[..., None]).sum(axis=0) / np.maximum(count, 1)[:, None]
        rim = (self._rim(moving)[moving] > 0) & (most >= np.quantile(most, 0.9) / 2) & (count > 0)
        beside = self._beside(background, moving)[moving][rim]
        strange = np.abs(other[rim] - beside).max(axis=1) >= STRANGE * np.abs(usual[rim] - beside).max(axis=1)
        colours = _colours(np.where(strange[:, None], other[rim], usual[rim]))
        background[moving] = usual
        backgrounds = [background]
        for count_of in range(1, len(colours) + 1):
            backgrounds.append(background.copy())
            backgrounds[-1][moving] = _uncovered(there, usual, colours[:count_of])
        return min(backgrounds, key=lambda background: self._unsteadiness(samples, background))

    def _unsteadiness(self, samples: UInt8Array, background: UInt8Array) -> float:
        """Relative spread of the size of what differs from a background; least for the right one."""
        differences = [self._difference(sample, background) for sample in samples]
        enough = max(LEAST_DIFFERENCE, float(np.median([d.max() for d in differences])) / 2)
        sizes = np.array([np.count_nonzero(difference > enough) for difference in differences])
        return float(sizes.std() / max(1.0, sizes.mean()))

    def _rim(self, moving: npt.NDArray[np.bool_]) -> UInt8Array:
        """1 just inside the outline of the moving area, 0 elsewhere; a thing is there only for a moment."""
        cv2, box = self._cv2, np.ones((3, 3), np.uint8)
        outlines, _ = cv2.findContours(moving.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
        filled = cv2.drawContours(np.zeros(moving.shape, np.uint8), outlines, -1, 1, cv2.FILLED)
        return np.asarray(cv2.erode(filled, box) - cv2.erode(filled, box, iterations=1 + RIM))

    def _beside(self, picture: UInt8Array, moving: npt.NDArray[np.bool_]) -> Float32Array:
        """[h, w, 3] mean colour of the still part of the picture around every place."""
        still = (~moving).astype(np.float32)
        shown = self._cv2.blur(picture * still[..., None], (NEIGHBOURHOOD, NEIGHBOURHOOD))
        return np.asarray(shown / np.maximum(self._cv2.blur(still, (NEIGHBOURHOOD, NEIGHBOURHOOD)), 1e-3)[..., None])

    def _samples(self) -> list[UInt8Array]:
        """Pictures of the stretch, sampled by motion, so that a resting object is not taken for background."""
        moved = np.array(self._changes) - np.median(self._changes) / 2
        total = np.cumsum(np.maximum(moved, 1e-3))
        wanted = (np.arange(SAMPLES) + 0.5) / SAMPLES * total[-1]
        return [self._pictures[k] for k in np.unique(np.searchsorted(total, wanted)).tolist()]

    def _difference(self, a: UInt8Array, b: UInt8Array) -> UInt8Array:
        """Largest difference of the three colours, averaged over a box around every pixel."""
        cv2 = self._cv2
        red, green, blue = cv2.split(cv2.absdiff(a, b))
        return np.asarray(cv2.blur(cv2.max(cv2.max(red, green), blue), (BOX, BOX)))

    def _changed(self, picture: UInt8Array, before: UInt8Array) -> tuple[float, float]:
        """Change (per cent) and jump (grey levels) of a picture against the one before."""
        difference = self._difference(picture, before)
        floor = _noise(difference)
        return 100 * float(np.count_nonzero(difference > floor)) / difference.size, float(difference.max()) - floor

    def _thing(self, difference: UInt8Array, floor: float, scale: Float32Array) -> tuple[float, float, float, float]:
        """Centre x and y, radius, area of what differs from the background, weighted by how much a place is covered."""
        cv2 = self._cv2
        level = max(floor, _noise(difference))
        _, clear = cv2.threshold(difference, round(level), 0, cv2.THRESH_TOZERO)
        above = cv2.multiply(clear, scale, dtype=cv2.CV_32F)
        sums = cv2.moments(above)
        total = sums["m00"]
        if total <= 0:
            return 0.0, 0.0, 0.0, 0.0
        x, y, high = sums["m10"] / total, sums["m01"] / total, len(difference)
        square = max(0.0, (sums["mu20"] + sums["mu02"]) / total)
        return (x + 0.5) / high, (y + 0.5) / high, square**0.5 / high, 100 * total / 255 / above.size


def _noise(difference: UInt8Array) -> float:
    """The difference, in grey levels, that noise does not reach."""
    sample = np.sort(difference[::3, ::3], axis=None)
    level = float(sample[len(sample) // 2])
    return level + NOISE_SPREADS * (level - float(sample[len(sample) // 4])) + LEAST_DIFFERENCE


def _colours(rim: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """The most frequent colours [k, 3] among [n, 3], three at most; [0, 3] for none."""
    found: list[npt.NDArray[np.float64]] = []
    left = rim
    while len(left) > NEXT_SHARE * len(rim) and len(found) < 3:
        found.append(np.median(left, axis=0))
        left = left[np.abs(left - found[-1]).max(axis=1) > OTHER_COLOUR]
    return np.array(found).reshape(-1, 3)


def _uncovered(
    there: npt.NDArray[np.int16], usual: npt.NDArray[np.int16], colours: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """[n, 3] the background at n places that a thing of these colours [c, 3] may cover.

    It is ``usual``, unless that is a mixture of the thing and of the pictures that look least like it.

    Args:
        there: [k, n, 3] what k pictures show.
        usual: [n, 3] what most of them show.
        colours: of the thing.
    """
    count = min(FREE, len(there) - 1)
    away = np.min([np.abs(there - colour).max(axis=2) for colour in colours], axis=0)
    least = np.argpartition(-away, count, axis=0)[:count, :, None]
    free = np.take_along_axis(there, least, axis=0).mean(axis=0)
    nearest = np.abs(usual[:, None] - colours[None]).max(axis=2).argmin(axis=1)
    way, gone = colours[nearest] - free, usual - free
    square = np.maximum((way**2).sum(axis=1), 1.0)
    share = (way * gone).sum(axis=1) / square
    beside = ((gone - share[:, None] * way) ** 2).sum(axis=1)
    hidden = (share > LEAST_SHARE) & (beside < (BESIDE * share) ** 2 * square)
    return np.where(hidden[:, None], free, usual)


@functools.cache
def opencv() -> Any:
    """OpenCV, or None where it does not load; movement is then not measured."""
    try:
        import cv2
    except ImportError:
        return None
    return cv2
