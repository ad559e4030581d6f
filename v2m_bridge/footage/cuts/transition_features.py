"""What the transition network looks at: every thumbnail compared with those some pictures before and after it.

In a dissolve the picture lies between its neighbours in colour: ``|x - a| + |b - x| = |b - a|``. In a wipe every place
is either ``a`` or ``b``. Under motion it is neither, and the two distances add up to much more.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from v2m_bridge.footage.video.trace import THUMB_SHAPE, Float32Array, UInt8Array

REACHES = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32)
"""Distances, in pictures, at which the pictures before and after are taken."""
MAP_REACHES = (3, 10)
"""Distances of which the network also sees where in the picture the change is."""
LAGS = (1, 2, 4, 8)
"""Distances, in pictures, at which a change is compared with earlier changes."""

PLACES = THUMB_SHAPE[0] * THUMB_SHAPE[1]
_BINS = 8
_BY_REACH, _ALONE = 14, 6
FEATURES = _BY_REACH * len(REACHES) + _ALONE + len(LAGS) + PLACES * len(MAP_REACHES)
"""Numbers a picture."""
HALO = max(REACHES) + 1
"""Pictures beyond a piece on which its features depend."""


def transition_features(thumbs: UInt8Array) -> Float32Array:
    """[N, FEATURES] about 0 to 1, from thumbnails ``[N, 9, 16, 3]``; pictures beyond the ends repeat the end."""
    pictures = thumbs.reshape(len(thumbs), PLACES, 3).astype(np.float32)
    histogram, contrast = _histogram(thumbs), pictures.std(axis=1).mean(axis=1)
    columns: list[Float32Array] = []
    for reach in REACHES:
        columns += _compared(_neighbours(pictures, reach), _neighbours(histogram, reach), _neighbours(contrast, reach))
    columns += _by_itself(pictures, contrast)
    features = [np.stack(columns, axis=1)]
    features += [_sides(_neighbours(pictures, reach))[1] for reach in MAP_REACHES]
    return np.clip(np.concatenate(features, axis=1), -4, 4).astype(np.float32)


class _Neighbours(NamedTuple):
    """A series at a picture, and ``reach`` pictures before and after."""

    before: Float32Array
    here: Float32Array
    after: Float32Array


def _neighbours(series: Float32Array, reach: int) -> _Neighbours:
    index = np.arange(len(series))
    return _Neighbours(series[np.maximum(index - reach, 0)], series, series[np.minimum(index + reach, len(series) - 1)])


def _histogram(thumbs: UInt8Array) -> Float32Array:
    """[N, 24] shares of the picture in eight bins of each channel."""
    bins = (thumbs.reshape(len(thumbs), PLACES, 3) >> 5).astype(np.int64) + np.arange(3) * _BINS
    flat = bins + (np.arange(len(thumbs)) * 3 * _BINS)[:, None, None]
    counts = np.bincount(flat.ravel(), minlength=len(thumbs) * 3 * _BINS)
    return (counts.reshape(len(thumbs), 3 * _BINS) / PLACES).astype(np.float32)


def _sides(pictures: _Neighbours) -> tuple[tuple[Float32Array, Float32Array, Float32Array], Float32Array]:
    """Distances [N, PLACES] to before, to after and between the two; and on which side each place is, -1..1."""
    to_before = np.abs(pictures.here - pictures.before).sum(axis=2)
    to_after = np.abs(pictures.after - pictures.here).sum(axis=2)
    between = np.abs(pictures.after - pictures.before).sum(axis=2)
    side = (to_before - to_after) / (to_before + to_after + 20)
    return (to_before, to_after, between), side


def _compared(pictures: _Neighbours, histogram: _Neighbours, contrast: _Neighbours) -> list[Float32Array]:
    """Columns [N] for one reach."""
    (to_before, to_after, between), side = _sides(pictures)
    whole = between.mean(axis=1)
    scale = whole + 6
    mixed = np.abs(pictures.here - (pictures.before + pictures.after) / 2).sum(axis=2).mean(axis=1)
    grid = side.reshape(-1, *THUMB_SHAPE[:2])
    middle = (histogram.before + histogram.after) / 2
    return [
        np.log1p(whole) / 6,
        mixed / scale,
        (to_before + to_after).mean(axis=1) / scale / 2,
        (to_before.mean(axis=1) - to_after.mean(axis=1)) / scale,
        np.minimum(to_before, to_after).mean(axis=1) / scale,
        np.minimum(np.minimum(to_before, to_after), between).mean(axis=1) / scale,
        _correlation(pictures.before, pictures.after),
        side.std(axis=1),
        grid.mean(axis=1).std(axis=1),
        grid.mean(axis=2).std(axis=1),
        (between > 0.5 * whole[:, None]).mean(axis=1, dtype=np.float32),
        np.abs(histogram.after - histogram.before).mean(axis=1) * _BINS,
        np.abs(histogram.here - middle).mean(axis=1) * _BINS,
        (contrast.here - np.minimum(contrast.before, contrast.after)) / (contrast.here + 10),
    ]


def _correlation(a: Float32Array, b: Float32Array) -> Float32Array:
    """[N] correlation of pictures, or of changes, ``[N, PLACES, 3]``."""
    x, y = a - a.mean(axis=(1, 2), keepdims=True), b - b.mean(axis=(1, 2), keepdims=True)
    norm = np.sqrt(np.square(x).sum(axis=(1, 2)) * np.square(y).sum(axis=(1, 2)))
    return np.asarray(np.einsum("npc,npc->n", x, y) / (norm + 1e3), np.float32)


def _by_itself(pictures: Float32Array, contrast: Float32Array) -> list[Float32Array]:
    """Columns [N] of a picture and of its change from the one before."""
    change = np.diff(pictures, axis=0, prepend=pictures[:1])
    amount = np.abs(change).mean(axis=(1, 2))
    rows = pictures.reshape(-1, *THUMB_SHAPE)
    columns = [
        np.log1p(amount) / 4,
        np.square(change).mean(axis=(1, 2)) / (amount + 1) ** 2 / 4,
        np.abs(change.mean(axis=1)).mean(axis=1) / (amount + 1),
        pictures.mean(axis=(1, 2)) / 255,
        contrast / 64,
        np.abs(np.diff(rows, axis=2)).mean(axis=(1, 2, 3)) / 32,
    ]
    for lag in LAGS:
        earlier = change[np.maximum(np.arange(len(change)) - lag, 0)]
        columns.append(_correlation(change, earlier))
    return columns
