"""Note density and loudness per slot from the film: a bidirectional GRU over the encoded modalities.

Each slot also gets its distance from the start and the end of the film, because music swells in and dies away. Absent
modalities are replaced by learned vectors as in the chord network. Several such networks, trained side by side from
different initial weights, are averaged, because their errors differ.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
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
from v2m_bridge.amt.film import Film, VideoEncoder, as_film
from v2m_bridge.amt.original import OriginalRegression, RegressionShape, video_rows
from v2m_bridge.footage.model import FloatArray

POSITION_FEATURES = 8
"""Columns of :func:`position_features`."""

DENSITY_RANGE = (0.0, 41.0)
"""Notes a second in MuVi-Sync."""

LOUDNESS_RANGE = (0.0, 0.6)
"""Linear RMS in MuVi-Sync (largest 0.573)."""

VARIATION = 0.3
"""Default size of a variation, as a share of the spread that songs have about the prediction."""

VARIATION_DENSITY = 5.0
"""That spread of the note density, in notes a second."""

VARIATION_LOG_LOUDNESS = 0.5
"""That spread of the natural log of the loudness."""

VARIATION_S = 15.0
"""Seconds in which the correlation of a variation with itself falls to 1/e: a phrase or two."""

CUE_MARGIN = 30
"""Mirrored slots to put before and after a cue: songs swell in and die away over half a minute, cues do not."""

WINDOW = 600
"""Slots that are read at once; longer films are read in windows that overlap by a third."""


@dataclass(frozen=True)
class DynamicsShape:
    """Sizes of the network; they are stored with its weights.

    Attributes:
        video_width: of a member's video encoder.
        hidden: of its GRU, in each direction.
        members: networks whose predictions are averaged.
        dropout: share that is dropped in training.
    """

    video_width: int = 48
    hidden: int = 48
    members: int = 4
    dropout: float = 0.4


@dataclass(frozen=True)
class Dynamics:
    """Per slot: ``note_density`` [N] in notes a second (0..41), ``loudness`` [N] as linear RMS (0..0.6).

    ``checkpoint`` is the identity of the network.
    """

    note_density: FloatArray
    loudness: FloatArray
    checkpoint: str = ""


class _Member(nn.Module):
    """One of the networks that are averaged: film to standardised density and loudness."""

    def __init__(self, shape: DynamicsShape) -> None:
        super().__init__()
        self.encoder = VideoEncoder(shape.video_width, shape.dropout)
        self.position = nn.Linear(POSITION_FEATURES, shape.video_width)
        self.mode = nn.Parameter(torch.zeros(2, shape.video_width))
        self.dropout = nn.Dropout(shape.dropout)
        self.gru = nn.GRU(shape.video_width, shape.hidden, batch_first=True, bidirectional=True)
        self.out = nn.Linear(2 * shape.hidden + shape.video_width, 2)

    def forward(self, film: Film, places: Tensor, over: Tensor, lengths: Tensor) -> Tensor:
        """[B, N, 2] standardised density and loudness.

        Args:
            film: B films padded to N slots.
            places: [B, N, 8] position features.
            over: [B, N] True beyond the film's end.
            lengths: [B] slots before the end, on the CPU.
        """
        rows = self.encoder(film, over) + self.position(places)
        rows = self.dropout(rows + self.mode[film.minor][:, None])
        packed = nn.utils.rnn.pack_padded_sequence(rows, lengths, batch_first=True, enforce_sorted=False)
        states, _ = nn.utils.rnn.pad_packed_sequence(self.gru(packed)[0], batch_first=True, total_length=rows.shape[1])
        result: Tensor = self.out(torch.cat((self.dropout(states), rows), dim=-1))
        return result


class DynamicsNetwork(nn.Module):
    """Film to note density and loudness; the mean of several members.

    The weights are stored under the name ``readers``, so that attribute stays.
    """

    mean: Tensor
    scale: Tensor

    def __init__(self, shape: DynamicsShape | None = None) -> None:
        super().__init__()
        self.shape = shape = shape or DynamicsShape()
        self.readers = nn.ModuleList(_Member(shape) for _ in range(shape.members))
        self.register_buffer("mean", torch.tensor([10.34, 0.175]))
        self.register_buffer("scale", torch.tensor([5.68, 0.099]))

    def standardise_semantics(self, mean: Tensor, deviation: Tensor) -> None:
        """Store the mean and the standard deviation [768] of the semantics in every member."""
        for member in self.readers:
            assert isinstance(member, _Member)
            member.encoder.semantic_mean.copy_(mean)
            member.encoder.semantic_scale.copy_(1 / deviation.clamp(min=1e-6))

    def members(self, film: Film, slots_from_start: Tensor, slots_left: Tensor) -> Tensor:
        """[M, B, N, 2] every member's prediction, in the units of the data.

        Slots beyond a film's end (slots left below 0) have no influence on those before.
        """
        over = slots_left < 0
        places = position_features(slots_from_start, slots_left)
        lengths = (~over).sum(dim=1).clamp(min=1).cpu()
        return torch.stack([member(film, places, over, lengths) for member in self.readers]) * self.scale + self.mean

    def forward(self, film: Film, slots_from_start: Tensor, slots_left: Tensor) -> Tensor:
        """[B, N, 2] note density in notes a second and loudness as linear RMS, mean over members."""
        return self.members(film, slots_from_start, slots_left).mean(dim=0)


def position_features(slots_from_start: Tensor, slots_left: Tensor) -> Tensor:
    """[B, N, 8] how near each slot is to the start and to the end, 0..1, at four scales each; arguments are [B, N]."""
    parts = [
        torch.exp(-distance.clamp(min=0).float() / scale)
        for distance in (slots_from_start, slots_left)
        for scale in (2.0, 8.0, 30.0, 120.0)
    ]
    return torch.stack(parts, dim=-1)


def load_dynamics_network(path: Path | None = None) -> tuple[DynamicsNetwork | OriginalRegression, str]:
    """The network and its identity.

    Args:
        path: a file or folder of ours or of an imported published network; None for the shipped one.

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
def predict_dynamics(conditioning: Conditioning, path: Path | None = None, margin: int = 0) -> Dynamics:
    """Note density and loudness of every slot of a film; the cost is linear in its length.

    Args:
        conditioning: the film.
        path: a checkpoint; None for the shipped one.
        margin: slots that are added at both ends before the prediction and cut off after it. With ``CUE_MARGIN`` the
            music neither swells in nor dies away as whole songs do; 0 for a film as long as its song.

    Raises:
        CheckpointError: the checkpoint at ``path`` cannot be used.
    """
    if margin:
        wide = predict_dynamics(conditioning.surrounded(margin), path)
        inner = slice(margin, margin + conditioning.length)
        return replace(wide, note_density=wide.note_density[inner], loudness=wide.loudness[inner])
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


def vary_dynamics(dynamics: Dynamics, starts_s: Sequence[float], seed: int, strength: float = VARIATION) -> Dynamics:
    """Another possible course of the dynamics: slow swells about the prediction, mostly louder where denser.

    Args:
        dynamics: of N slots.
        starts_s: [N] start of each slot in seconds, ascending.
        seed: the same seed gives the same variation.
        strength: 0 changes nothing.
    """
    random = np.random.default_rng(seed)
    kept = np.exp(-np.diff(np.asarray(starts_s, np.float64)) / VARIATION_S)
    swells = random.standard_normal((len(starts_s), 2))
    for index, share in enumerate(kept, start=1):
        swells[index] = share * swells[index - 1] + np.sqrt(1 - share**2) * swells[index]
    loud = 0.5 * swells[:, 0] + np.sqrt(0.75) * swells[:, 1]
    density = dynamics.note_density + strength * VARIATION_DENSITY * swells[:, 0]
    loudness = dynamics.loudness * np.exp(strength * VARIATION_LOG_LOUDNESS * loud)
    return replace(
        dynamics,
        note_density=np.clip(density, *DENSITY_RANGE).astype(np.float32),
        loudness=np.clip(loudness, *LOUDNESS_RANGE).astype(np.float32),
    )


def _read(network: DynamicsNetwork | OriginalRegression, part: Conditioning, start: int) -> Tensor:
    """[N, 2] density and loudness of one window that begins at slot ``start``."""
    if isinstance(network, OriginalRegression):
        published: Tensor = network(torch.from_numpy(video_rows(part, part.length))[None])[0]
        return published
    from_start = torch.arange(start, start + part.length)[None]
    found: Tensor = network(as_film([part]), from_start, torch.as_tensor(part.slots_left)[None])[0]
    return found
