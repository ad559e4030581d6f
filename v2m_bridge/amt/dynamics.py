"""Note density and loudness per slot from the film: a bidirectional GRU over the encoded modalities.

It knows where in the film a slot lies, for music swells in and dies away; what is absent is replaced by learned
vectors as in the chord network.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from v2m_bridge.amt.checkpoints import (
    DEFAULT_DYNAMICS,
    DYNAMICS_FORMAT,
    ORIGINAL_DYNAMICS_FORMAT,
    checked_weights,
    fill,
    shape_of,
)
from v2m_bridge.amt.conditioning import Conditioning
from v2m_bridge.amt.network import Film, VideoEncoder, as_film
from v2m_bridge.amt.original import OriginalRegression, RegressionShape, video_rows
from v2m_bridge.footage.model import FloatArray

POSITION_FEATURES = 8

DENSITY_RANGE = (0.0, 41.0)
"""Notes a second in MuVi-Sync."""

LOUDNESS_RANGE = (0.0, 0.6)
"""Linear RMS in MuVi-Sync (largest 0.573)."""

WINDOW = 600
"""Slots that are read at once; longer films are read in windows that overlap by a third."""


@dataclass(frozen=True)
class DynamicsShape:
    """Sizes of the network; they are stored with its weights."""

    video_width: int = 48
    hidden: int = 48
    dropout: float = 0.4


@dataclass(frozen=True)
class Dynamics:
    """Per slot: ``note_density`` [N] in notes a second (0..41), ``loudness`` [N] as linear RMS (0..0.6)."""

    note_density: FloatArray
    loudness: FloatArray
    checkpoint: str = ""


class DynamicsNetwork(nn.Module):
    """Film to [B, N, 2] note density and loudness."""

    mean: Tensor
    scale: Tensor

    def __init__(self, shape: DynamicsShape | None = None) -> None:
        super().__init__()
        self.shape = shape = shape or DynamicsShape()
        self.encoder = VideoEncoder(shape.video_width, shape.dropout)
        self.position = nn.Linear(POSITION_FEATURES, shape.video_width)
        self.mode = nn.Parameter(torch.zeros(2, shape.video_width))
        self.dropout = nn.Dropout(shape.dropout)
        self.gru = nn.GRU(shape.video_width, shape.hidden, batch_first=True, bidirectional=True)
        self.out = nn.Linear(2 * shape.hidden + shape.video_width, 2)
        self.register_buffer("mean", torch.tensor([10.34, 0.175]))
        self.register_buffer("scale", torch.tensor([5.68, 0.099]))

    def forward(self, film: Film, slots_from_start: Tensor, slots_left: Tensor) -> Tensor:
        """[B, N, 2] in the units of the data; what lies beyond a film's end (slots left below 0) is not read."""
        over = slots_left < 0
        rows = self.encoder(film, over) + self.position(position_features(slots_from_start, slots_left))
        rows = self.dropout(rows + self.mode[film.minor][:, None])
        lengths = (~over).sum(dim=1).clamp(min=1).cpu()
        packed = nn.utils.rnn.pack_padded_sequence(rows, lengths, batch_first=True, enforce_sorted=False)
        heard, _ = nn.utils.rnn.pad_packed_sequence(self.gru(packed)[0], batch_first=True, total_length=rows.shape[1])
        result: Tensor = self.out(torch.cat((self.dropout(heard), rows), dim=-1)) * self.scale + self.mean
        return result


def position_features(slots_from_start: Tensor, slots_left: Tensor) -> Tensor:
    """[B, N, 8] how near the start and the end are, at four scales each."""
    parts = [
        torch.exp(-distance.clamp(min=0).float() / scale)
        for distance in (slots_from_start, slots_left)
        for scale in (2.0, 8.0, 30.0, 120.0)
    ]
    return torch.stack(parts, dim=-1)


def load_dynamics_network(path: Path | None = None) -> tuple[DynamicsNetwork | OriginalRegression, str]:
    """The network and its identity; None for the shipped one. An imported published one will do too.

    Raises:
        CheckpointError: missing, damaged or of another kind.
    """
    weights = checked_weights(path, DEFAULT_DYNAMICS, DYNAMICS_FORMAT, ORIGINAL_DYNAMICS_FORMAT)
    network: DynamicsNetwork | OriginalRegression
    if weights.metadata["format"] == ORIGINAL_DYNAMICS_FORMAT:
        network = OriginalRegression(shape_of(weights, RegressionShape))
    else:
        network = DynamicsNetwork(shape_of(weights, DynamicsShape))
    fill(network, weights)
    return network.eval(), weights.identity


@torch.inference_mode()
def predict_dynamics(conditioning: Conditioning, path: Path | None = None) -> Dynamics:
    """Note density and loudness of every slot of a film; cost linear in its length.

    Raises:
        CheckpointError: the checkpoint at ``path`` cannot be used.
    """
    network, identity = load_dynamics_network(path)
    n_slots = conditioning.length
    rows = torch.zeros(n_slots, 2)
    start = done = 0
    while done < n_slots:
        stop = min(start + WINDOW, n_slots)
        rows[done:stop] = _read(network, conditioning.window(start, stop), start)[done - start :]
        done, start = stop, stop - WINDOW // 3
    density = rows[:, 0].clamp(*DENSITY_RANGE).numpy().astype("float32")
    loudness = rows[:, 1].clamp(*LOUDNESS_RANGE).numpy().astype("float32")
    return Dynamics(density, loudness, identity)


def _read(network: DynamicsNetwork | OriginalRegression, part: Conditioning, start: int) -> Tensor:
    """[N, 2] for one window that begins at slot ``start``."""
    if isinstance(network, OriginalRegression):
        published: Tensor = network(torch.from_numpy(video_rows(part, part.length))[None])[0]
        return published
    from_start = torch.arange(start, start + part.length)[None]
    found: Tensor = network(as_film([part]), from_start, torch.as_tensor(part.slots_left)[None])[0]
    return found
