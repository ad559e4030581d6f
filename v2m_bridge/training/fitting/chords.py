"""Training of the chord network: likelihood with modalities dropped, then steering by mood with all else frozen."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from v2m_bridge.amt.filters import emotion_leans
from v2m_bridge.amt.network import BridgeNetwork, NetworkShape
from v2m_bridge.amt.vocabulary import PAD_ID
from v2m_bridge.training.fitting.augmentation import with_dropped, with_random_mood, with_transposed
from v2m_bridge.training.fitting.loop import Epoch, Objective, Recipe, TrainingDevice, TrainingRun, train
from v2m_bridge.training.judging.metrics import ranks_of, song_hits
from v2m_bridge.training.songs.batches import Batch, SongTensors
from v2m_bridge.training.songs.variation import varied_songs

CHORDS_RECIPE = Recipe(epochs=20, batch=4, learning_rate=1.5e-3, weight_decay=0.05, average=0.998)

STEERING_RECIPE = Recipe(epochs=1, batch=5, learning_rate=3e-3, weight_decay=0.0, average=0.98, warm_up=10)

AFFECTIVE_WEIGHT = 0.6
"""Weight of the affective loss beside the likelihood's 0.4, as published (Kang et al. 2023)."""


def train_chords(
    songs: SongTensors, validation: SongTensors, shape: NetworkShape, run: TrainingRun
) -> tuple[BridgeNetwork, list[Epoch]]:
    """Train a network on ``songs``; ``validation`` gives the curve, nothing is chosen by it.

    Raises:
        CheckpointError: the state to resume from cannot be used.
    """
    torch.manual_seed(run.recipe.seed)
    network = BridgeNetwork(shape)
    mean, deviation = songs.semantic_statistics()
    network.encoder.semantic_mean.copy_(mean)
    network.encoder.semantic_scale.copy_(1 / deviation.clamp(min=1e-6))
    network.to(run.device.name)
    network.mood.requires_grad_(False)

    varied = songs

    def prepare(seed: int) -> Tensor:
        nonlocal varied
        varied = SongTensors(varied_songs(songs.songs, seed))
        return varied.lengths

    def loss(module: nn.Module, rows: Tensor) -> Tensor:
        assert isinstance(module, BridgeNetwork)
        batch, moved = with_transposed(varied.batch(rows))
        batch, moved = batch.to(run.device.name), moved.to(run.device.name)
        with run.device.autocast():
            scores = predict(module, dataclasses.replace(batch, film=with_dropped(batch.film)), moved)
        return likelihood_loss(scores, batch.targets)

    def validate(module: nn.Module) -> dict[str, float]:
        assert isinstance(module, BridgeNetwork)
        return chord_figures(module, validation, run.device)

    best, curves = train(network, Objective(songs.lengths, loss, validate, prepare), run)
    assert isinstance(best, BridgeNetwork)
    return best, curves


def train_steering(network: BridgeNetwork, songs: SongTensors, run: TrainingRun) -> BridgeNetwork:
    """Train what each mood adds inside the network, by the affective loss; every other weight stays as it is.

    Without a mood the network gives exactly what it gave before. This takes one short epoch, so no state is kept and
    no epoch is reported.
    """
    for parameter in network.parameters():
        parameter.requires_grad_(False)
    network.mood.requires_grad_(True)
    leans = emotion_leans().to(run.device.name)

    def loss(module: nn.Module, rows: Tensor) -> Tensor:
        assert isinstance(module, BridgeNetwork)
        batch = songs.batch(rows).to(run.device.name)
        film = with_random_mood(with_dropped(batch.film))
        with run.device.autocast():
            scores = predict(module, dataclasses.replace(batch, film=film))
        affective = affective_loss(scores, leans[film.mood], batch.targets)
        return (1 - AFFECTIVE_WEIGHT) * likelihood_loss(scores, batch.targets) + AFFECTIVE_WEIGHT * affective

    steered, _ = train(network, Objective(songs.lengths, loss, lambda module: {}), run.in_passing())
    assert isinstance(steered, BridgeNetwork)
    return steered


def predict(network: BridgeNetwork, batch: Batch, transposed: Tensor | None = None) -> Tensor:
    """[B, L, 159] log-probabilities at each slot, given the true chords before it; ``transposed`` marks songs by 1."""
    film = network.film_vectors(batch.film, transposed)
    return network.decode(batch.inputs, batch.history, film, network.mood_vectors(batch.film))[0].float()


def likelihood_loss(scores: Tensor, targets: Tensor) -> Tensor:
    """Mean negative log-likelihood of targets [B, L] under scores [B, L, 159], PAD left out."""
    return F.nll_loss(scores.flatten(0, 1), targets.flatten(), ignore_index=PAD_ID)


def affective_loss(scores: Tensor, wanted: Tensor, targets: Tensor) -> Tensor:
    """Mean of -log of the expected share of chords that suit the mood.

    Args:
        scores: [B, L, 159] log-probabilities.
        wanted: [B, L, 159] how well each chord suits the mood, 0..1 (``emotion_leans``).
        targets: [B, L]; seconds of PAD, and those whose mood no chord suits, do not count.
    """
    inside = torch.logsumexp(scores + torch.log(wanted + 1e-9), dim=-1)
    counted = (targets != PAD_ID) & (wanted.sum(dim=-1) > 0)
    return -(inside * counted).sum() / counted.sum().clamp(min=1)


def chord_figures(network: BridgeNetwork, songs: SongTensors, device: TrainingDevice) -> dict[str, float]:
    """Hits@1, 3 and 5 and negative log-likelihood, mean over songs, for the curves."""
    hits: list[Tensor] = []
    nll: list[Tensor] = []
    for rows in torch.split(torch.arange(len(songs)), 25):
        batch = songs.batch(rows).to(device.name)
        with device.autocast():
            scores = predict(network, batch).cpu()
        targets = batch.targets.cpu()
        ranks = ranks_of(scores, targets)
        for row in range(len(rows)):
            scored = targets[row] != PAD_ID
            scored[0] = False
            hits.append(song_hits(ranks[row][scored]))
            nll.append(-scores[row][scored].gather(1, targets[row][scored][:, None]).mean())
    h1, h3, h5 = torch.stack(hits).mean(dim=0).tolist()
    return {"hits@1": h1, "hits@3": h3, "hits@5": h5, "chord_nll": float(torch.stack(nll).mean())}


def parameter_count(modules: Sequence[nn.Module]) -> int:
    """Number of trained parameters, over all modules."""
    return sum(parameter.numel() for module in modules for parameter in module.parameters())
