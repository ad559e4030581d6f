"""Arousal and valence of every second, by published measures of colour, motion and pace.

Colour: Valdez and Mehrabian 1994 (pleasure = .69 brightness + .22 saturation, arousal = -.31 brightness + .60
saturation, in standard scores). Arousal of film: Hanjalic and Xu 2005 (motion activity and density of cuts, smoothed).
Both speak of tendencies over many viewers; what a scene is about they cannot see.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from v2m_bridge.footage.model import DENSE_RATE, BoolArray, FloatArray

Series = npt.NDArray[np.float64]

BRIGHTNESS_NORM, SATURATION_NORM = (0.38, 0.16), (0.30, 0.15)
"""Mean and deviation over films 0..1, in round figures (brightness: Cutting, Brunick and DeLong 2011)."""
MOTION_NORM = (math.log(0.467), 1.175)
"""Mean and deviation of the log of the change a second, from 672 music videos (MuVi-Sync) at 25 pictures a second."""
SHOT_NORM = (math.log(4.5), 0.9)
"""Mean and deviation of the log of the shot length in seconds (Cutting and others 2010: 3 to 6 s in recent films)."""

MOTION_SHARE, PACE_SHARE, COLOUR_SHARE = 0.45, 0.45, 0.35
"""Shares of motion, pace and colour in the arousal. The film's pace leads, as in Hanjalic and Xu."""
FIRMNESS = 0.8
"""Standard scores times this go through tanh into -1..1."""
FURTHEST = 2.5
"""Standard scores beyond this count as this."""
SMOOTHING_S = 2.0
"""Deviation of the window, in seconds: feelings do not follow single pictures."""


@dataclass(frozen=True)
class Impression:
    """Standard scores of T seconds; 0 is an average film, and where nothing was measured.

    Attributes:
        brightness, saturation, motion: [T] of the picture.
        pace: [T] of the cutting, positive for short shots.
    """

    brightness: Series
    saturation: Series
    motion: Series
    pace: Series

    @property
    def arousal(self) -> Series:
        """[T] -1 calm .. 1 aroused."""
        colour = -0.31 * self.brightness + 0.60 * self.saturation
        return np.tanh(FIRMNESS * (MOTION_SHARE * self.motion + PACE_SHARE * self.pace + COLOUR_SHARE * colour))

    @property
    def valence(self) -> Series:
        """[T] -1 unpleasant .. 1 pleasant."""
        return np.tanh(FIRMNESS * (0.69 * self.brightness + 0.22 * self.saturation))


@dataclass(frozen=True)
class FilmMeasures:
    """What was measured of a film of T seconds, for :func:`measure_affect`.

    Attributes:
        look: [T, 4] as :func:`.look.look_of` gives it, ``look_present`` [T].
        dense: [8 T, 4] with the change in the first column, ``dense_present`` [8 T]; empty where nothing was decoded.
        cuts_s: times of the cuts.
    """

    look: FloatArray
    look_present: BoolArray
    dense: FloatArray
    dense_present: BoolArray
    cuts_s: Sequence[float]
    duration_s: float


def impression(film: FilmMeasures) -> Impression:
    """Standard scores of every second of the film, smoothed."""
    present = film.look_present
    change, moved = _change(film)
    log_change = np.log(np.maximum(change, 1e-3))
    pace = np.array([_standard(math.log(length), SHOT_NORM) for length in shot_lengths(film)])
    return Impression(
        brightness=_smoothed(_scores(film.look[:, 0], BRIGHTNESS_NORM), present),
        saturation=_smoothed(_scores(film.look[:, 1], SATURATION_NORM), present),
        motion=_smoothed(_scores(log_change, MOTION_NORM), moved),
        pace=_smoothed(-pace, np.ones(len(pace), np.bool_)),
    )


def measure_affect(film: FilmMeasures) -> FloatArray:
    """[T, 2] arousal and valence, -1..1; 0 where nothing is known. The cuts count even where no picture is there."""
    found = impression(film)
    return np.stack((found.arousal, found.valence), axis=1).astype(np.float32)


def shot_lengths(film: FilmMeasures) -> list[float]:
    """[T] length in seconds of the shot on screen in the middle of each second."""
    edges = np.array(sorted({0.0, *(cut for cut in film.cuts_s if 0 < cut < film.duration_s), film.duration_s}))
    middles = np.minimum(np.arange(len(film.look)) + 0.5, film.duration_s - 1e-6)
    index = np.clip(np.searchsorted(edges, middles, side="right") - 1, 0, max(0, len(edges) - 2))
    lengths = np.diff(edges) if len(edges) > 1 else np.array([1.0])
    return [max(0.1, float(lengths[i])) for i in index]


def _change(film: FilmMeasures) -> tuple[Series, BoolArray]:
    """[T] change of the picture a second, whatever its frame rate, and where it is known."""
    rows = len(film.look)
    if len(film.dense) < DENSE_RATE * rows:
        return np.zeros(rows), np.zeros(rows, np.bool_)
    there = film.dense_present[: DENSE_RATE * rows].reshape(rows, DENSE_RATE)
    values = np.where(there, film.dense[: DENSE_RATE * rows, 0].reshape(rows, DENSE_RATE), 0.0)
    counts = there.sum(axis=1)
    return values.sum(axis=1) / np.maximum(counts, 1) * DENSE_RATE, np.asarray(counts > 0, np.bool_)


def _scores(values: npt.NDArray[np.floating], norm: tuple[float, float]) -> Series:
    return np.clip((values.astype(np.float64) - norm[0]) / norm[1], -FURTHEST, FURTHEST)


def _standard(value: float, norm: tuple[float, float]) -> float:
    return min(FURTHEST, max(-FURTHEST, (value - norm[0]) / norm[1]))


def _smoothed(values: Series, present: BoolArray) -> Series:
    """Weighted mean of the measured seconds around each one; 0 where there are none nearby."""
    reach = math.ceil(3 * SMOOTHING_S)
    window = np.exp(-0.5 * (np.arange(-reach, reach + 1) / SMOOTHING_S) ** 2)
    weight = np.convolve(present.astype(np.float64), window, mode="full")[reach : reach + len(values)]
    total = np.convolve(np.where(present, values, 0.0), window, mode="full")[reach : reach + len(values)]
    return np.where(present, total / np.maximum(weight, 1e-9), 0.0)
