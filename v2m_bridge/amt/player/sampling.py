"""Draws from many rows of logits at once, every row with a source of chance of its own."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Drawn:
    """``index`` [rows] what was drawn, ``log_probability`` [rows] under the masked distribution, before the nucleus."""

    index: NDArray[np.int64]
    log_probability: Floats


def draw(logits: Floats, chance: Floats, top_p: float, temperature: float) -> Drawn:
    """Nucleus sampling (Holtzman et al. 2020) of every row.

    Args:
        logits: [rows, classes].
        chance: [rows] uniform numbers 0..1.
        top_p: only the likeliest classes that together have this probability are drawn.
        temperature: logits are divided by it.
    """
    scaled = logits / temperature
    scaled = scaled - scaled.max(axis=1, keepdims=True)
    probabilities = np.exp(scaled)
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    order = np.argsort(-probabilities, axis=1, kind="stable")
    ranked = np.take_along_axis(probabilities, order, axis=1)
    before = np.cumsum(ranked, axis=1) - ranked
    cumulated = np.cumsum(np.where(before < top_p, ranked, 0.0), axis=1)
    position = (cumulated < chance[:, None] * cumulated[:, -1:]).sum(axis=1)
    rows = np.arange(len(logits))
    index = order[rows, np.minimum(position, logits.shape[1] - 1)]
    return Drawn(index, np.log(np.maximum(probabilities[rows, index], 1e-12)))
