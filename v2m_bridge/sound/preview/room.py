"""The room around the instruments of a preview: a mid-sized stage."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from v2m_bridge.sound.preview.loudness import SAMPLE_RATE, Audio

_ROOM_S = 1.8


class RoomReverb:
    """The echo of a stream of blocks, fed in order."""

    def __init__(self) -> None:
        self._tail = np.zeros((0, 2), np.float32)

    def next(self, block: Audio) -> Audio:
        """The room's answer over ``block`` [n, 2], with what earlier blocks left sounding."""
        echo = _convolved(block)
        rest = min(len(self._tail), len(echo))
        echo[:rest] += self._tail[:rest]
        self._tail = echo[len(block) :]
        return echo[: len(block)]


@lru_cache(maxsize=1)
def _response() -> Audio:
    """Impulse response [samples, 2]: decaying, low-passed noise."""
    count = int(_ROOM_S * SAMPLE_RATE)
    noise = np.random.default_rng(5).standard_normal((count, 2))
    smooth = np.apply_along_axis(lambda x: np.convolve(x, np.hanning(9) / 4, "same"), 0, noise)
    seconds = np.arange(count)[:, None] / SAMPLE_RATE
    response = smooth * np.exp(-seconds * 6.9 / _ROOM_S) * np.minimum(1.0, seconds / 0.012)
    scaled: Audio = (response / np.sqrt((response**2).sum(axis=0))).astype(np.float32)
    return scaled


@lru_cache(maxsize=2)
def _spectrum(size: int) -> npt.NDArray[np.complex64]:
    return np.asarray(np.fft.rfft(_response(), size, axis=0), np.complex64)


def _convolved(signal: Audio) -> Audio:
    length = len(signal) + len(_response()) - 1
    size = 1 << (length - 1).bit_length()
    spectrum = np.fft.rfft(signal, size, axis=0) * _spectrum(size)
    whole: Audio = np.fft.irfft(spectrum, size, axis=0)[:length].astype(np.float32)
    return whole
