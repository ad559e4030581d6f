"""Integrated loudness of 48 kHz audio by ITU-R BS.1770-4, fed block by block."""

from __future__ import annotations

import math
from functools import cache

import numpy as np
import numpy.typing as npt

SAMPLE_RATE = 48_000
Audio = npt.NDArray[np.float32]
"""[samples, channels], 1.0 is full scale."""

_SHELF = ((1.53512485958697, -2.69169618940638, 1.19839281085285), (-1.69065929318241, 0.73248077421585))
_HIGHPASS = ((1.0, -2.0, 1.0), (-1.99004745483398, 0.99007225036621))
"""K-weighting at 48 kHz: numerator and denominator of both second-order filters (BS.1770-4, tables 1 and 2)."""

_HOP = SAMPLE_RATE // 10
_HOPS_PER_BLOCK = 4
_ABSOLUTE_GATE, _RELATIVE_GATE = -70.0, -10.0
_RESPONSE_SAMPLES = 16_384
"""After a third of a second the weighting's own ringing is below -100 dB."""


class LoudnessMeter:
    """Feed :meth:`add`, then ask :meth:`integrated` and :attr:`peak`."""

    def __init__(self, channels: int = 2) -> None:
        self.peak = 0.0
        self._tail = np.zeros((_RESPONSE_SAMPLES - 1, channels))
        self._energies: list[float] = []
        self._rest = np.zeros((0, channels))

    def add(self, block: Audio) -> None:
        """Measure ``block`` [samples, channels], the continuation of the one before."""
        if not len(block):
            return
        self.peak = max(self.peak, float(np.abs(block).max()))
        weighted = np.concatenate([self._rest, self._weigh(block)])
        hops = len(weighted) // _HOP
        power = (weighted[: hops * _HOP] ** 2).reshape(hops, _HOP, weighted.shape[1]).mean(axis=1).sum(axis=1)
        self._energies += power.tolist()
        self._rest = weighted[hops * _HOP :]

    def integrated(self) -> float | None:
        """Gated loudness in LUFS, or None for silence and for less than 0.4 s."""
        hops = np.array(self._energies)
        if len(hops) < _HOPS_PER_BLOCK:
            return None
        blocks = np.convolve(hops, np.full(_HOPS_PER_BLOCK, 1 / _HOPS_PER_BLOCK), "valid")
        loud = blocks[_lufs(blocks) > _ABSOLUTE_GATE]
        if not len(loud):
            return None
        gate = 10 * math.log10(loud.mean()) - 0.691 + _RELATIVE_GATE
        kept = loud[_lufs(loud) > gate]
        return float(10 * math.log10(kept.mean()) - 0.691)

    def _weigh(self, block: Audio) -> npt.NDArray[np.float64]:
        """K-weighted ``block``; convolution with the filters' impulse response, overlapping into the next call."""
        size = 1 << (len(block) + _RESPONSE_SAMPLES - 2).bit_length()
        spectrum = np.fft.rfft(block, size, axis=0) * np.fft.rfft(_response(), size)[:, None]
        whole = np.fft.irfft(spectrum, size, axis=0)[: len(block) + _RESPONSE_SAMPLES - 1]
        whole[: len(self._tail)] += self._tail
        self._tail = whole[len(block) :].copy()
        return whole[: len(block)]


def _lufs(power: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return 10 * np.log10(np.maximum(power, 1e-20)) - 0.691


@cache
def _response() -> npt.NDArray[np.float64]:
    """Impulse response of both filters in a row."""
    signal = [1.0] + [0.0] * (_RESPONSE_SAMPLES - 1)
    for (b0, b1, b2), (a1, a2) in (_SHELF, _HIGHPASS):
        x1 = x2 = y1 = y2 = 0.0
        out = []
        for x in signal:
            y = b0 * x + b1 * x1 + b2 * x2 - a1 * y1 - a2 * y2
            x2, x1, y2, y1 = x1, x, y1, y
            out.append(y)
        signal = out
    return np.array(signal)
