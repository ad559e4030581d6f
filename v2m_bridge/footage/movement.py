"""Where in the picture something moves: one row for every picture, cheap enough for every picture of a film.

The picture before is shifted by the camera's own movement and taken from the picture; what differs by more than the
noise is movement. The centre of that difference lies half way between where a thing was and where it is, at any speed
and without knowing the thing; so the centres of a film's pictures are the path of what moves in it.
"""

from __future__ import annotations

import functools

import numpy as np
import numpy.typing as npt

UInt8Array = npt.NDArray[np.uint8]
Float32Array = npt.NDArray[np.float32]
Spectrum = npt.NDArray[np.complexfloating]

ROW_SIZE = 6
"""Energy, centre x, centre y, radius, camera x, camera y."""
ENERGY, CENTRE, RADIUS, CAMERA = 0, slice(1, 3), 3, slice(4, 6)

ROWS = 90
"""Luma pictures have about so many rows; noise of finer pixels averages out."""
BOX = 5
"""Differences are averaged over so many pixels on a side."""
NOISE_SPREADS, LEAST_DIFFERENCE = 6.0, 0.5
"""Movement differs by so many distances of median and lower quartile, and grey levels, more than the median."""
CAMERA_GRID = 32, 64
"""Rows and columns of the picture in which the camera's movement is looked for."""
CAMERA_CELLS, CAMERA_SHARE = (4, 6), 0.75
"""The shift has to explain the difference in this share of the parts of the picture,"""
CAMERA_PEAK = 0.12
"""A shift of the whole picture correlates at least this well (phase correlation: 1 is a pure shift)."""
CAMERA_GAIN = 0.8
"""and leaves at most this share of it."""


class MovementMeter:
    """Takes the pictures of a film in order and measures each against the one before."""

    def __init__(self) -> None:
        self._before: Float32Array | None = None
        self._spectrum: Spectrum | None = None

    def add(self, small: UInt8Array) -> Float32Array:
        """[6] of the next picture ``[height, width, 3]``.

        Energy: share of the picture that moves, per cent. Centre: where, in picture heights from the top left.
        Radius: root of the mean square distance from the centre, in heights.
        Camera: shift of the whole picture since the one before, in heights; 0 where there is none to be sure of.
        """
        luma, before = luma_of(small), self._before
        spectrum, spectrum_before = _spectrum(luma), self._spectrum
        self._before, self._spectrum = luma, spectrum
        row = np.zeros(ROW_SIZE, np.float32)
        if before is None or spectrum_before is None or before.shape != luma.shape:
            return row
        difference = np.abs(luma - before)
        for down, right in _camera_shifts(spectrum_before, spectrum, luma.shape):
            steadied = np.abs(luma - _shifted(before, down, right))
            if _is_steadier(difference, steadied):
                difference = steadied
                row[CAMERA] = right / len(luma), down / len(luma)
                break
        row[:4] = _blob(_moving(_averaged(difference)))
        return row


def luma_of(small: UInt8Array) -> Float32Array:
    """About 90 rows of grey, 0..255, of an RGB or BGR picture."""
    step = max(1, len(small) // ROWS)
    height, width = len(small) // step * step, small.shape[1] // step * step
    whole = small[:height, :width]
    grey = whole[..., 0].astype(np.uint16)
    grey += whole[..., 2]
    grey += whole[..., 1]
    grey += whole[..., 1]
    rows = grey[::step].astype(np.float32)
    for k in range(1, step):
        rows += grey[k::step]
    columns = rows[:, ::step].copy()
    for k in range(1, step):
        columns += rows[:, k::step]
    columns *= np.float32(1 / (4 * step * step))
    return columns


def _averaged(difference: Float32Array) -> Float32Array:
    """Mean over a box around every pixel; the outermost pixels are dropped."""
    half = min(BOX, *difference.shape)
    rows = difference[: len(difference) - half + 1].copy()
    for k in range(1, half):
        rows += difference[k : len(difference) - half + 1 + k]
    width = rows.shape[1] - half + 1
    box = rows[:, :width].copy()
    for k in range(1, half):
        box += rows[:, k : width + k]
    box *= np.float32(1 / half**2)
    return box


def _moving(box: Float32Array) -> Float32Array:
    """How much each pixel moves, 0..1."""
    sample = np.sort(box[::3, ::3], axis=None)
    level = float(sample[len(sample) // 2])
    spread = level - float(sample[len(sample) // 4])
    floor = np.float32(level + NOISE_SPREADS * spread + LEAST_DIFFERENCE)
    moving: Float32Array = np.maximum(box - floor, 0)
    moving /= moving + floor  # a thing weighs by its size, not by how it stands out from what is behind it
    return moving


def _is_steadier(difference: Float32Array, steadied: Float32Array) -> bool:
    """Whether the shift explains the difference all over the picture, and not that of one thing in it."""
    before, after = _cells(difference), _cells(steadied)
    return int((after <= CAMERA_GAIN * before).sum()) >= CAMERA_SHARE * before.size


def _cells(picture: Float32Array, grid: tuple[int, int] = CAMERA_CELLS) -> Float32Array:
    """Sums over a grid of parts of the picture."""
    rows = np.arange(grid[0]) * len(picture) // grid[0]
    columns = np.arange(grid[1]) * picture.shape[1] // grid[1]
    return np.add.reduceat(np.add.reduceat(picture, rows, axis=0), columns, axis=1)


def _blob(moving: Float32Array) -> tuple[float, float, float, float]:
    """Energy, centre and radius of what moves."""
    columns, rows = moving.sum(axis=0), moving.sum(axis=1)
    total = float(rows.sum())
    if total <= 0:
        return 0.0, 0.0, 0.0, 0.0
    height, width = moving.shape
    across, down = np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32)
    x, y = float(columns @ across) / total, float(rows @ down) / total
    square = float(columns @ (across - x) ** 2 + rows @ (down - y) ** 2) / total
    whole, edge = height + BOX - 1, BOX / 2
    return 100 * total / moving.size, (x + edge) / whole, (y + edge) / whole, square**0.5 / whole


def _spectrum(luma: Float32Array) -> Spectrum | None:
    """Fourier transform of the picture on the camera's grid, its edges faded out; None of a tiny picture."""
    if len(luma) < CAMERA_GRID[0] or luma.shape[1] < CAMERA_GRID[1]:
        return None
    grid = _cells(luma, CAMERA_GRID)
    grid /= _cell_sizes(luma.shape)
    return np.asarray(np.fft.rfft2((grid - grid.mean()) * _fade()))


@functools.lru_cache(8)
def _cell_sizes(shape: tuple[int, ...]) -> Float32Array:
    return _cells(np.ones(shape, np.float32), CAMERA_GRID)


@functools.cache
def _fade() -> Float32Array:
    return np.outer(*(np.hanning(size) for size in CAMERA_GRID)).astype(np.float32)


def _camera_shifts(before: Spectrum, now: Spectrum | None, shape: tuple[int, ...]) -> list[tuple[float, float]]:
    """Rows and columns by which the whole picture may have moved, in its pixels, by phase correlation.

    Two at most: the best may be that of a large thing. None where the picture as a whole stays.
    """
    if now is None:
        return []
    cross = now * before.conj()
    rows, columns = CAMERA_GRID
    surface = np.fft.irfft2(cross / (np.abs(cross) + 1e-6), CAMERA_GRID)
    found: list[tuple[float, float]] = []
    for _ in range(2):
        row, column = divmod(int(surface.argmax()), columns)
        if (row, column) == (0, 0) or surface[row, column] < CAMERA_PEAK:
            break
        down, right = _peak(surface[:, column], row), _peak(surface[row], column)
        down, right = (down + rows / 2) % rows - rows / 2, (right + columns / 2) % columns - columns / 2
        found.append((down * shape[0] / rows, right * shape[1] / columns))
        near_rows, near_columns = np.arange(row - 2, row + 3) % rows, np.arange(column - 2, column + 3) % columns
        surface[np.ix_(near_rows, near_columns)] = 0.0
    return found


def _peak(line: npt.NDArray[np.float64], at: int) -> float:
    """The position of a peak between the samples."""
    left, here, right = line[at - 1], line[at], line[(at + 1) % len(line)]
    neighbour, sign = (right, 1) if right > left else (left, -1)
    beside = max(0.0, float(neighbour))
    return at + sign * beside / (float(here) + beside)


def _shifted(picture: Float32Array, down: float, right: float) -> Float32Array:
    """The picture moved by whole pixels; what comes in from outside repeats the edge."""
    rows = np.clip(np.arange(len(picture)) - round(down), 0, len(picture) - 1)
    columns = np.clip(np.arange(picture.shape[1]) - round(right), 0, picture.shape[1] - 1)
    return picture[rows][:, columns]
