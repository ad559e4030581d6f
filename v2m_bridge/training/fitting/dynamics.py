"""Training of the dynamics network, by the root mean square error per song over the seconds that sound."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from v2m_bridge.amt.dynamics import DynamicsNetwork, DynamicsShape
from v2m_bridge.training.fitting.augmentation import ABSENT_SHARE, with_dropped
from v2m_bridge.training.fitting.loop import Epoch, Objective, Recipe, TrainingDevice, TrainingRun, train
from v2m_bridge.training.judging.metrics import song_rmse
from v2m_bridge.training.songs.batches import Batch, SongTensors
from v2m_bridge.training.songs.dataset import STEPS
from v2m_bridge.training.songs.variation import varied_songs

DYNAMICS_RECIPE = Recipe(epochs=16, batch=8, learning_rate=2e-3, weight_decay=0.3, average=0.99, warm_up=40)


def train_dynamics(
    songs: SongTensors, validation: SongTensors, shape: DynamicsShape, run: TrainingRun
) -> tuple[DynamicsNetwork, list[Epoch]]:
    """Train a network on ``songs``; ``validation`` gives the curve, nothing is chosen by it.

    Raises:
        CheckpointError: the state to resume from cannot be used.
    """
    torch.manual_seed(run.recipe.seed)
    network = DynamicsNetwork(shape)
    mean, deviation = songs.semantic_statistics()
    network.standardise_semantics(mean, deviation)
    everything = songs.batch(torch.arange(len(songs)))
    sounding = everything.dynamics[everything.sounding]
    network.mean.copy_(sounding.mean(dim=0))
    network.scale.copy_(sounding.std(dim=0).clamp(min=1e-6))
    network.to(run.device.name)

    varied = songs

    def prepare(seed: int) -> Tensor:
        nonlocal varied
        varied = SongTensors(varied_songs(songs.songs, seed), with_history=False)
        return varied.lengths

    def loss(module: nn.Module, rows: Tensor) -> Tensor:
        assert isinstance(module, DynamicsNetwork)
        batch = varied.batch(rows).to(run.device.name)
        film = with_dropped(batch.film, ABSENT_SHARE)
        found = module.members(film, slots_from_start(batch), batch.slots_left)
        errors = ((found - batch.dynamics) / module.scale).square() * batch.sounding[..., None]
        return (errors.mean(dim=2) + 1e-4).sqrt().mean()

    def validate(module: nn.Module) -> dict[str, float]:
        assert isinstance(module, DynamicsNetwork)
        density, loudness = dynamics_rmse(module, validation, run.device).tolist()
        return {"rmse_note_density": density, "rmse_loudness": loudness}

    best, curves = train(network, Objective(songs.lengths, loss, validate, prepare), run)
    assert isinstance(best, DynamicsNetwork)
    return best, curves


def predict(network: DynamicsNetwork, batch: Batch) -> Tensor:
    """[B, L, 2] predicted note density and loudness."""
    found: Tensor = network(batch.film, slots_from_start(batch), batch.slots_left)
    return found


def slots_from_start(batch: Batch) -> Tensor:
    """[B, L] number of slots of film before each slot."""
    return torch.arange(batch.slots_left.shape[1], device=batch.slots_left.device).expand_as(batch.slots_left)


def predict_padded(network: DynamicsNetwork, songs: SongTensors, device: TrainingDevice) -> Tensor:
    """[S, 300, 2] predicted note density and loudness, never negative, and 0 after the end of the film."""
    parts = []
    for rows in torch.split(torch.arange(len(songs)), 25):
        batch = songs.batch(rows, STEPS).to(device.name)
        found = predict(network, batch).clamp(min=0.0) * (batch.slots_left >= 0)[..., None]
        parts.append(found.cpu())
    return torch.cat(parts)


def dynamics_rmse(network: DynamicsNetwork, songs: SongTensors, device: TrainingDevice) -> Tensor:
    """[2] root mean square error of note density and of loudness per song, averaged over songs."""
    found = predict_padded(network, songs, device)
    truth = songs.batch(torch.arange(len(songs)), STEPS).dynamics
    return torch.stack([song_rmse(one, other) for one, other in zip(found, truth, strict=True)]).mean(dim=0)
