"""How well the player foretells human music: nats a note by field, beside baselines, on the same notes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from v2m_bridge.amt.player.network import PlayerNetwork
from v2m_bridge.amt.player.steps import CAST_ALL, CAST_DUO, CAST_MELODY
from v2m_bridge.progress import Progress, silent
from v2m_bridge.training.player.batches import PieceWindow, make_batch
from v2m_bridge.training.player.fitting import losses
from v2m_bridge.training.player.pieces import NotePiece

DENSITIES = frozenset(("melody_density", "texture_density", "velocity"))


@dataclass(frozen=True)
class Nats:
    """Mean negative log-likelihood of a note in nats, by field; ``notes`` is over how many."""

    place: float
    pitch: float
    duration: float
    velocity: float
    notes: int

    @property
    def total(self) -> float:
        return self.place + self.pitch + self.duration + self.velocity


@dataclass(frozen=True)
class View:
    """What a judged network is shown: who plays, and which conditions are hidden."""

    name: str
    cast: int = CAST_ALL
    hidden: frozenset[str] = frozenset()
    film: bool = True


VIEWS = (
    View("all, first training's conditions", film=False),
    View("all, densities hidden, no film", hidden=DENSITIES, film=False),
    View("all, with film"),
    View("all, densities hidden, with film", hidden=DENSITIES),
    View("melody, densities hidden, no film", CAST_MELODY, DENSITIES, False),
    View("melody, densities hidden, with film", CAST_MELODY, DENSITIES),
    View("duo, densities hidden, with film", CAST_DUO, DENSITIES),
)


def judged_windows(pieces: Sequence[NotePiece], count: int, seed: int = 1) -> list[PieceWindow]:
    """Windows that begin on bars, the same for every network and view; pieces in turn, a window of each."""
    rng = np.random.default_rng(seed)
    windows = []
    order = rng.permutation(len(pieces))
    for index in range(count):
        piece = pieces[int(order[index % len(pieces)])]
        bars = np.flatnonzero(piece.harmony[:, 0] == 0)
        starts = bars[bars < max(1, piece.beats - 16)]
        windows.append(PieceWindow(piece, int(rng.choice(starts)) if len(starts) else 0))
    return windows


def judge(
    network: PlayerNetwork,
    windows: Sequence[PieceWindow],
    view: View,
    length: int = 512,
    rows: int = 8,
    device: str = "cpu",
    progress: Progress = silent,
) -> Nats:
    """Nats of the windows' first ``length`` steps under a view."""
    network = network.to(device).eval()
    sums = np.zeros(5)
    with torch.inference_mode():
        for first in range(0, len(windows), rows):
            shown = [
                replace(window, cast=view.cast, hidden=view.hidden, film=view.film)
                for window in windows[first : first + rows]
            ]
            batch = make_batch(shown, length)
            batch = replace(batch, steps=batch.steps.to(device), counted=batch.counted.to(device))
            found = losses(network, batch)
            values = (found.place, found.pitch, found.duration, found.velocity, found.notes)
            sums += np.array([float(value) for value in values])
            progress("judging", (first + len(shown)) / len(windows))
    return mean_nats(sums)


def mean_nats(sums: np.ndarray) -> Nats:
    """Means from [5] sums of nats by field and how many notes they are over."""
    place, pitch, duration, velocity = (float(value) / max(float(sums[4]), 1.0) for value in sums[:4])
    return Nats(place, pitch, duration, velocity, int(sums[4]))
