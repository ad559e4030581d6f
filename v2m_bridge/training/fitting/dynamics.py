"""Training of the dynamics network: per-song root mean square error, masked by the known length."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn

from v2m_bridge.amt.dynamics import DynamicsNetwork, DynamicsShape
from v2m_bridge.progress import Progress, silent
from v2m_bridge.training.fitting.chords import ABSENT_SHARE, Machine, with_dropped
from v2m_bridge.training.fitting.loop import Epoch, Recipe, train
from v2m_bridge.training.judging.metrics import song_rmse
from v2m_bridge.training.songs.batches import Batch, SongTensors
from v2m_bridge.training.songs.dataset import STEPS
from v2m_bridge.training.songs.variation import varied_songs

DYNAMICS_RECIPE = Recipe(epochs=16, batch=8, learning_rate=2e-3, weight_decay=0.3, average=0.99, warm_up=40)


def train_dynamics(
    songs: SongTensors,
    validation: SongTensors,
    shape: DynamicsShape,
    recipe: Recipe,
    machine: Machine,
    state_path: Path | None = None,
    progress: Progress = silent,
    report: Callable[[Epoch], None] = lambda epoch: None,
) -> tuple[DynamicsNetwork, list[Epoch]]:
    """A network trained on ``songs``; ``validation`` only draws the curve."""
    torch.manual_seed(recipe.seed)
    network = DynamicsNetwork(shape)
    mean, deviation = songs.semantic_statistics()
    network.standardise_semantics(mean, deviation)
    everything = songs.batch(torch.arange(len(songs)))
    sounding = everything.dynamics[everything.sounding]
    network.mean.copy_(sounding.mean(dim=0))
    network.scale.copy_(sounding.std(dim=0).clamp(min=1e-6))
    network.to(machine.device)

    varied = songs

    def prepare(seed: int) -> Tensor:
        nonlocal varied
        varied = SongTensors(varied_songs(songs.songs, seed), traced=False)
        return varied.lengths

    def loss(module: nn.Module, rows: Tensor) -> Tensor:
        assert isinstance(module, DynamicsNetwork)
        batch = varied.batch(rows).to(machine.device)
        film = with_dropped(batch.film, ABSENT_SHARE)
        found = module.members(film, slots_from_start(batch), batch.slots_left)
        errors = ((found - batch.dynamics) / module.scale).square() * batch.sounding[..., None]
        return (errors.mean(dim=2) + 1e-4).sqrt().mean()

    def validate(module: nn.Module) -> dict[str, float]:
        assert isinstance(module, DynamicsNetwork)
        density, loudness = dynamics_rmse(module, validation, machine).tolist()
        return {"rmse_note_density": density, "rmse_loudness": loudness}

    best, curves = train(network, songs.lengths, loss, validate, recipe, state_path, progress, report, prepare)
    assert isinstance(best, DynamicsNetwork)
    return best, curves


def predict(network: DynamicsNetwork, batch: Batch) -> Tensor:
    """[B, L, 2] note density and loudness."""
    found: Tensor = network(batch.film, slots_from_start(batch), batch.slots_left)
    return found


def slots_from_start(batch: Batch) -> Tensor:
    """[B, L] how many slots of film lie before each."""
    return torch.arange(batch.slots_left.shape[1], device=batch.slots_left.device).expand_as(batch.slots_left)


def predict_padded(network: DynamicsNetwork, songs: SongTensors, machine: Machine) -> Tensor:
    """[S, 300, 2], never negative and 0 where the film is over."""
    parts = []
    for rows in torch.split(torch.arange(len(songs)), 25):
        batch = songs.batch(rows, STEPS).to(machine.device)
        found = predict(network, batch).clamp(min=0.0) * (batch.slots_left >= 0)[..., None]
        parts.append(found.cpu())
    return torch.cat(parts)


def dynamics_rmse(network: DynamicsNetwork, songs: SongTensors, machine: Machine) -> Tensor:
    """[2] per-song error of note density and loudness, averaged over songs."""
    found = predict_padded(network, songs, machine)
    truth = songs.batch(torch.arange(len(songs)), STEPS).dynamics
    return torch.stack([song_rmse(one, other) for one, other in zip(found, truth, strict=True)]).mean(dim=0)
