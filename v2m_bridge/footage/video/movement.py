"""Where in the picture something moves: one row for every picture, cheap enough for every picture of a film.

A stretch of a film under a steady camera has a ground: what most of its pictures show at each place. What differs from
it is the thing that moves, whole and sharp, at rest as at any speed; its centres are its path.
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
"""The pictures that are followed have about so many rows; noise of finer pixels averages out."""
BOX = 3
"""Differences are averaged over so many pixels on a side."""
NOISE_SPREADS, LEAST_DIFFERENCE = 6.0, 6.0
"""What counts differs by so many distances of median and lower quartile more than the median, and by so many levels."""
PEAK_SHARE = 0.25
"""And by this share of what differs most: around a thing the compression leaves traces that are no part of it."""
JUMP_LEVELS, JUMP_RATIO = 12.0, 3.0
"""A new stretch begins where the picture changes by so many levels, and so many times more than just before."""
STRETCH, SEEN_AGAIN = 300, 150
"""Pictures that are looked at together, and how many of them the next stretch sees again."""
SAMPLES = 31
"""Pictures that the ground is the median of."""
SPREAD_NOISE = 4.0
"""Extremes of many pictures differ by so many times more than two pictures, from noise alone."""
MOST_MOVING = 0.9
"""If more than this share of the picture moves at some time, the camera does: there is no ground."""
RIM = 3
"""Pixels from the outline of where it moves at which a thing shows its own colour."""
NEIGHBOURHOOD, STRANGE = 15, 0.5
"""Pixels across in which the colour beside a place is taken; what most pictures show there is the thing itself only if
the rest is nearer to that colour by this factor."""
FREE = 2
"""So many of the pictures, those that look least like the thing, show what is behind it, if any do."""
LEAST_SHARE, BESIDE = 0.15, 0.5
"""Most pictures show the thing at a place if they show so much of it, and so little that is not on the way to it."""
OTHER_COLOUR, NEXT_SHARE = 50.0, 0.12
"""A thing has another colour, three at most, if so much of its rim is so far from those before."""
LEAST_STRETCH = 6


class MovementMeter:
    """Takes the pictures of a film in order, and measures them a stretch at a time."""

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
        """What follows is another stretch."""
        self._measure(len(self._pictures))
        self._pictures.clear()
        self._changes.clear()
        self._measured = 0

    def finish(self) -> Float32Array:
        """[N, 6] for the N pictures taken; [0, 6] where OpenCV does not load.

        Change: share of the picture that differs from the picture before, per cent. Centre of what moves, in picture
        heights from the top left, and radius: the root of the mean square distance from it. Area: share of the picture
        that it covers, per cent; 0 where nothing stands out from the ground. Jump: how much of ``change`` is in one
        place, 0..255. Under a moving camera the area is 100 and the rest 0.
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
        """Rows of the pictures up to ``end`` of this stretch that have none yet."""
        first = self._measured
        if end <= first:
            return
        rows = np.zeros((end - first, ROW_SIZE), np.float32)
        self._rows.append(rows)
        self._measured = end
        if len(self._pictures) < LEAST_STRETCH:
            return
        samples = np.array(self._samples())
        ground = self._ground(samples)
        if ground is None:
            rows[:, AREA] = 100.0
            return
        differences = [self._difference(picture, ground) for picture in self._pictures]
        most = np.max(differences, axis=0)
        floor = max(LEAST_DIFFERENCE, PEAK_SHARE * float(np.median([d.max() for d in differences])))
        scale = 255 / np.maximum(self._cv2.dilate(most, np.ones((BOX, BOX), np.uint8)), floor).astype(np.float32)
        for row, k in zip(rows, range(first, end), strict=True):
            if k:
                row[CHANGE], row[JUMP] = self._changed(self._pictures[k], self._pictures[k - 1])
            row[1:5] = self._thing(differences[k], floor, scale)

    def _ground(self, samples: UInt8Array) -> UInt8Array | None:
        """What is behind everything, or None where most of the picture moves.

        Where a thing passes often, or rests, most pictures may show it, not the ground: there the ground is whichever
        looks less like the thing, whose colour is known from where it passes seldom.
        """
        spread = self._difference(samples.max(axis=0), samples.min(axis=0))
        steps = [self._difference(a, b) for a, b in itertools.pairwise(self._pictures[:: len(self._pictures) // 4])]
        moving = spread > SPREAD_NOISE * float(np.median(steps)) + LEAST_DIFFERENCE
        if np.count_nonzero(moving) > MOST_MOVING * moving.size:
            return None
        ground: UInt8Array = samples[len(samples) // 2].copy()
        if not moving.any():
            return ground
        there = samples[:, moving].astype(np.int16)
        usual = np.partition(there, len(there) // 2, axis=0)[len(there) // 2]
        away = np.abs(there - usual).max(axis=2)
        most = away.max(axis=0)
        shows = away > np.maximum(most / 2, LEAST_DIFFERENCE)
        count = shows.sum(axis=0)
        other = (there * shows[..., None]).sum(axis=0) / np.maximum(count, 1)[:, None]
        rim = (self._rim(moving)[moving] > 0) & (most >= np.quantile(most, 0.9) / 2) & (count > 0)
        beside = self._beside(ground, moving)[moving][rim]
        strange = np.abs(other[rim] - beside).max(axis=1) >= STRANGE * np.abs(usual[rim] - beside).max(axis=1)
        colours = _colours(np.where(strange[:, None], other[rim], usual[rim]))
        ground[moving] = usual
        grounds = [ground]
        for count_of in range(1, len(colours) + 1):
            grounds.append(ground.copy())
            grounds[-1][moving] = _uncovered(there, usual, colours[:count_of])
        return min(grounds, key=lambda ground: self._unsteadiness(samples, ground))

    def _unsteadiness(self, samples: UInt8Array, ground: UInt8Array) -> float:
        """How much the size of what stands out from a ground changes: a thing keeps its size."""
        differences = [self._difference(sample, ground) for sample in samples]
        enough = max(LEAST_DIFFERENCE, float(np.median([d.max() for d in differences])) / 2)
        sizes = np.array([np.count_nonzero(difference > enough) for difference in differences])
        return float(sizes.std() / max(1.0, sizes.mean()))

    def _rim(self, moving: npt.NDArray[np.bool_]) -> UInt8Array:
        """1 just inside the outline of where something moves, where a thing is only for a moment."""
        cv2, box = self._cv2, np.ones((3, 3), np.uint8)
        outlines, _ = cv2.findContours(moving.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
        filled = cv2.drawContours(np.zeros(moving.shape, np.uint8), outlines, -1, 1, cv2.FILLED)
        return np.asarray(cv2.erode(filled, box) - cv2.erode(filled, box, iterations=1 + RIM))

    def _beside(self, picture: UInt8Array, moving: npt.NDArray[np.bool_]) -> Float32Array:
        """[h, w, 3] mean colour around every place of what does not move."""
        still = (~moving).astype(np.float32)
        shown = self._cv2.blur(picture * still[..., None], (NEIGHBOURHOOD, NEIGHBOURHOOD))
        return np.asarray(shown / np.maximum(self._cv2.blur(still, (NEIGHBOURHOOD, NEIGHBOURHOOD)), 1e-3)[..., None])

    def _samples(self) -> list[UInt8Array]:
        """Pictures of the stretch, as many of each part of it as moves there: a thing at rest is no ground."""
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
        difference = self._difference(picture, before)
        floor = _noise(difference)
        return 100 * float(np.count_nonzero(difference > floor)) / difference.size, float(difference.max()) - floor

    def _thing(self, difference: UInt8Array, floor: float, scale: Float32Array) -> tuple[float, float, float, float]:
        """Centre, radius and area of what stands out; each place counts by how much of it is covered."""
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
    """The difference that noise does not reach."""
    sample = np.sort(difference[::3, ::3], axis=None)
    level = float(sample[len(sample) // 2])
    return level + NOISE_SPREADS * (level - float(sample[len(sample) // 4])) + LEAST_DIFFERENCE


def _colours(rim: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """The colours [k, 3], three at most, that most of [n, 3] have; none where there are none."""
    found: list[npt.NDArray[np.float64]] = []
    left = rim
    while len(left) > NEXT_SHARE * len(rim) and len(found) < 3:
        found.append(np.median(left, axis=0))
        left = left[np.abs(left - found[-1]).max(axis=1) > OTHER_COLOUR]
    return np.array(found).reshape(-1, 3)


def _uncovered(
    there: npt.NDArray[np.int16], usual: npt.NDArray[np.int16], colours: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """[n, 3] what is behind a thing of these colours at n places, of which pictures show ``there`` [k, n, 3].

    What most of them show, unless that is a mixture of the thing and of the pictures that look least like it.
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
    """OpenCV, or None where it does not load: then no movement is followed."""
    try:
        import cv2
    except ImportError:
        return None
    return cv2
