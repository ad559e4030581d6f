"""The baselines' sums over training songs as a file beside the checkpoints, so that any file of songs can be judged."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from v2m_bridge.amt.checkpoints import checked_weights, save_weights
from v2m_bridge.errors import CheckpointError
from v2m_bridge.training.judging.baselines import Statistics

STATISTICS_FORMAT = "v2m.baselines/1"
STATISTICS_FILE = "baselines.safetensors"


@dataclass(frozen=True)
class _NoShape:
    """Statistics have no sizes to store."""


def save_statistics(path: Path, statistics: Statistics) -> None:
    """Write counts as integers and means as float16."""
    tensors = {
        "bigrams": torch.from_numpy(statistics.bigrams).to(torch.int32),
        "emotion_rates": torch.from_numpy(statistics.emotion_rates),
        "dynamics_mean": torch.from_numpy(statistics.dynamics_mean),
        "dynamics_by_second": torch.from_numpy(statistics.dynamics_by_second),
        "calibration": torch.tensor(statistics.calibration),
    }
    save_weights(path, STATISTICS_FORMAT, _NoShape(), tensors)


def load_statistics(path: Path | None = None) -> Statistics:
    """Read what :func:`save_statistics` wrote; None for the shipped one.

    Raises:
        CheckpointError: missing, damaged or of another kind.
    """
    weights = checked_weights(path, STATISTICS_FILE, STATISTICS_FORMAT)
    try:
        arrays = {name: tensor.double().numpy() for name, tensor in weights.tensors.items()}
        (plain_slope, plain_offset), (steered_slope, steered_offset) = arrays.pop("calibration")
        return Statistics(
            unigrams=np.asarray(arrays["bigrams"].sum(axis=0)),
            calibration=(
                (float(plain_slope), float(plain_offset)),
                (float(steered_slope), float(steered_offset)),
            ),
            **arrays,
        )
    except (KeyError, TypeError, ValueError) as error:
        raise CheckpointError(f"{weights.path.name} does not hold the baselines' statistics: {error}") from error
