"""The network that finds gradual transitions: dilated convolutions over the features of the pictures, in numpy.

Its weights are ``models/transitions.safetensors``; :mod:`v2m_bridge.training.transitions` makes them. It is so
small that loading torch would take longer than its work.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from v2m_bridge.errors import CheckpointError
from v2m_bridge.footage.cuts.transition_features import FEATURES, HALO, transition_features
from v2m_bridge.footage.video.trace import Float32Array, UInt8Array
from v2m_bridge.settings import shipped_models

NAME = "transitions"
DILATIONS = (1, 2, 4, 8, 16, 32)
"""Distances of the three pictures that each layer sees."""
WIDTH = 64
KINDS = ("dissolve", "fade", "wipe")
OUTPUTS = 1 + len(KINDS)
"""Of a picture: the log odds that it is inside a transition, then scores of the kinds."""

_PIECE = 4096
_EDGE = HALO + sum(DILATIONS)


@dataclass(frozen=True)
class Inside:
    """What the network says of N pictures.

    Attributes:
        probability: [N] that a picture is inside a transition.
        kinds: [N, 3] probabilities of :data:`KINDS`, if it is.
    """

    probability: Float32Array
    kinds: Float32Array


class TransitionNetwork:
    """Thumbnails to probabilities; thousands of pictures a second on one core."""

    def __init__(self, weights: dict[str, Float32Array]) -> None:
        try:
            self._weights = {name: np.asarray(value, np.float32) for name, value in weights.items()}
            right = self._weights["enter.weight"].shape == (WIDTH, FEATURES)
            right = right and self._weights["leave.weight"].shape == (OUTPUTS, WIDTH)
        except KeyError as error:
            raise CheckpointError(f"the transition network lacks {error}") from error
        if not right:
            raise CheckpointError("the transition network has another shape than this version reads")

    @staticmethod
    def load(path: Path) -> TransitionNetwork:
        """Read a file of weights.

        Raises:
            CheckpointError: it is missing or damaged.
        """
        from safetensors import SafetensorError
        from safetensors.numpy import load_file

        try:
            return TransitionNetwork(load_file(path))
        except (OSError, SafetensorError) as error:
            raise CheckpointError(f"{path} cannot be read: {error}", "install v2m-bridge again") from error

    def look(self, thumbs: UInt8Array) -> Inside:
        """Look at thumbnails ``[N, 9, 16, 3]`` in pieces, so that a feature film needs little memory."""
        pieces = [np.zeros((0, OUTPUTS), np.float32)]
        for start in range(0, len(thumbs), _PIECE):
            first = max(0, start - _EDGE)
            rows = self.forward(transition_features(thumbs[first : start + _PIECE + _EDGE]))
            pieces.append(rows[start - first : start - first + _PIECE])
        rows = np.concatenate(pieces)
        scores = np.exp(rows[:, 1:] - rows[:, 1:].max(axis=1, keepdims=True, initial=-np.inf))
        return Inside(
            np.asarray(1 / (1 + np.exp(-np.clip(rows[:, 0], -30, 30))), np.float32),
            np.asarray(scores / scores.sum(axis=1, keepdims=True), np.float32),
        )

    def forward(self, features: Float32Array) -> Float32Array:
        """[N, OUTPUTS] from features ``[N, FEATURES]``."""
        w = self._weights
        rows = (features - w["mean"]) / w["spread"]
        rows = np.maximum(rows @ w["enter.weight"].T + w["enter.bias"], 0)
        for number, dilation in enumerate(DILATIONS):
            padded = np.pad(rows, ((dilation, dilation), (0, 0)))
            weight, size = w[f"layers.{number}.weight"], len(rows)
            seen = sum(padded[k * dilation : k * dilation + size] @ weight[:, :, k].T for k in range(3))
            seen = np.maximum(seen + w[f"layers.{number}.bias"], 0)
            rows = rows + seen @ w[f"joins.{number}.weight"].T + w[f"joins.{number}.bias"]
        return np.asarray(rows @ w["leave.weight"].T + w["leave.bias"], np.float32)


@functools.lru_cache(maxsize=1)
def shipped_network() -> TransitionNetwork:
    """The network that comes with the package.

    Raises:
        CheckpointError: its file is missing or damaged.
    """
    return TransitionNetwork.load(shipped_models() / f"{NAME}.safetensors")
