"""Where in the picture something moves: one row for every picture, cheap enough for every picture of a film.

The picture before is shifted by the camera's own movement and taken from the picture; what differs by more than the
noise is movement. The centre of that difference lies half way between where a thing was and where it is, at any speed
and without knowing the thing; so the centres of a film's pictures are the path of what moves in it.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

UInt8Array = npt.NDArray[np.uint8]
Float32Array = npt.NDArray[np.float32]

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
"""The camera moves only if something moves in so many parts of the picture."""
CAMERA_PEAK = 0.12
"""A shift of the whole picture correlates at least this well (phase correlation: 1 is a pure shift)."""
CAMERA_GAIN = 0.8
"""And leaves at most this share of the difference."""


class MovementMeter:
    """Takes the pictures of a film in order and measures each against the one before."""

    def __init__(self) -> None:
        self._before: Float32Array | None = None

    def add(self, small: UInt8Array) -> Float32Array:
        """[6] of the next picture ``[height, width, 3]``.

        Energy: share of the picture that moves, per cent. Centre: where, in picture heights from the top left.
        Radius: root of the mean square distance from the centre, in heights.
        Camera: shift of the whole picture since the one before, in heights; 0 where there is none to be sure of.
        """
        luma, before = luma_of(small), self._before
        self._before = luma
        row = np.zeros(ROW_SIZE, np.float32)
        if before is None or before.shape != luma.shape:
            return row
        difference = np.abs(luma - before)
        moving = _moving(_averaged(difference))
        shift = _camera_shift(_spectrum(before), _spectrum(luma), luma.shape) if _everywhere(moving) else None
        if shift is not None:
            steadied = np.abs(luma - _shifted(before, *shift))
            if steadied.mean() < CAMERA_GAIN * difference.mean():
                moving = _moving(_averaged(steadied))
                row[CAMERA] = shift[1] / len(luma), shift[0] / len(luma)
        row[:4] = _blob(moving)
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


def _everywhere(moving: Float32Array) -> bool:
    """Whether all parts of the picture move, as they do when the camera does."""
    rows, columns = CAMERA_CELLS
    height, width = len(moving) // rows, moving.shape[1] // columns
    if not height or not width:
        return False
    cells = moving[: rows * height, : columns * width].reshape(rows, height, columns, width).max(axis=(1, 3))
    return int((cells > 0).sum()) >= CAMERA_SHARE * rows * columns


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


def _spectrum(luma: Float32Array) -> npt.NDArray[np.complex128]:
    """Fourier transform of the picture on the camera's grid, its edges faded out."""
    rows, columns = CAMERA_GRID
    y = np.arange(rows) * len(luma) // rows
    x = np.arange(columns) * luma.shape[1] // columns
    grid = luma[np.ix_(y, x)]
    return np.fft.rfft2((grid - grid.mean()) * np.outer(np.hanning(rows), np.hanning(columns)))


def _camera_shift(
    before: npt.NDArray[np.complex128], now: npt.NDArray[np.complex128], shape: tuple[int, ...]
) -> tuple[float, float] | None:
    """Rows and columns that the whole picture moved, in pixels of the luma picture, by phase correlation."""
    cross = now * before.conj()
    rows, columns = CAMERA_GRID
    surface = np.fft.irfft2(cross / (np.abs(cross) + 1e-6), CAMERA_GRID)
    row, column = divmod(int(surface.argmax()), columns)
    if (row, column) == (0, 0) or surface[row, column] < CAMERA_PEAK:
        return None
    down = _peak(surface[:, column], row)
    right = _peak(surface[row], column)
    return (
        ((down + rows / 2) % rows - rows / 2) * shape[0] / rows,
        ((right + columns / 2) % columns - columns / 2) * shape[1] / columns,
    )


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
