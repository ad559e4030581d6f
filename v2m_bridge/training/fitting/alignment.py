"""Contrastive training of the alignment network: each song's music against the films of all songs of the batch."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from v2m_bridge.amt.alignment import WINDOW_S, AlignmentNetwork, AlignmentShape, Music, join_embeddings
from v2m_bridge.amt.checkpoints import save_weights
from v2m_bridge.amt.film import Film, VideoEncoder
from v2m_bridge.amt.ranking import ALIGNMENT_FORMAT, DEFAULT_ALIGNMENT
from v2m_bridge.training.fitting.augmentation import hide_film, hide_music
from v2m_bridge.training.fitting.loop import Epoch, Objective, Recipe, TrainingRun, train
from v2m_bridge.training.judging.alignment_metrics import alignment_figures
from v2m_bridge.training.songs.dataset import Song
from v2m_bridge.training.songs.windows import Windows, on_device

ALIGNMENT_RECIPE = Recipe(epochs=34, batch=200, learning_rate=3e-3, weight_decay=0.3, average=0.97, warm_up=20)
"""About a hundred steps: from there on the training loss falls, but held-out songs gain nothing."""

CURVE_OFFSETS_S = (40,)
"""The curve is drawn from one window a song; the figures of ``evaluate`` use four."""

PRINCIPAL_SECONDS = 4
"""The principal components are computed from every fourth second of the training films."""


def train_alignment(
    songs: Sequence[Song], validation: Sequence[Song], shape: AlignmentShape, run: TrainingRun
) -> tuple[AlignmentNetwork, list[Epoch]]:
    """Train a network on ``songs``; ``validation`` gives the curve, nothing is chosen by it.

    Raises:
        CheckpointError: the state to resume from cannot be used.
    """
    torch.manual_seed(run.recipe.seed)
    network = AlignmentNetwork(shape)
    start_from_components(network.video.encoder, songs)
    network.to(run.device.name)
    windows = Windows(songs)

    def loss(module: nn.Module, rows: Tensor) -> Tensor:
        assert isinstance(module, AlignmentNetwork)
        return window_loss(module, *windows.random(rows, run.device.name))

    def validate(module: nn.Module) -> dict[str, float]:
        assert isinstance(module, AlignmentNetwork)
        return alignment_figures(module, validation, offsets_s=CURVE_OFFSETS_S).as_curve()

    # Lengths of 0: songs of any length may share a batch, because all windows are of one length.
    best, curves = train(network, Objective(torch.zeros(len(songs)), loss, validate), run)
    assert isinstance(best, AlignmentNetwork)
    remember_films(best, songs)
    return best, curves


def train_alignment_phase(songs: Sequence[Song], watched: Sequence[Song], out: Path, run: TrainingRun) -> list[Epoch]:
    """Run :func:`train_alignment`, write ``alignment.safetensors`` into ``out`` and return the curve."""
    aligner, curve = train_alignment(songs, watched, AlignmentShape(), run)
    recipe = dataclasses.asdict(run.recipe)
    record = json.dumps({"seed": run.recipe.seed, "train_songs": len(songs), "recipe": recipe})
    save_weights(out / DEFAULT_ALIGNMENT, ALIGNMENT_FORMAT, aligner.shape, aligner.state_dict(), record)
    return curve


@torch.inference_mode()
def remember_films(network: AlignmentNetwork, songs: Sequence[Song]) -> None:
    """Store the middle windows of some training films, spread over all of them, as the network's references."""
    windows = Windows(songs)
    references = []
    for index in range(network.shape.references):
        row = index * len(windows) // network.shape.references
        seconds = min(WINDOW_S, int(windows.seconds[row]))
        film, _ = windows.cut([row], [(int(windows.seconds[row]) - seconds) // 2], seconds)
        references.append(network.embed_film(on_device(film, str(network.log_scale.device))))
    network.remember(join_embeddings(references))


def window_loss(network: AlignmentNetwork, film: Film, music: Music) -> Tensor:
    """Contrastive loss of one batch of windows, after modalities are hidden at random."""
    films = network.embed_film(hide_film(film))
    pieces = network.embed_music(hide_music(music))
    return contrastive_loss(network.member_scores(films, pieces))


def contrastive_loss(scores: Tensor) -> Tensor:
    """Symmetric InfoNCE (van den Oord et al. 2018) of scores [M, B, B], mean over members.

    Row b is a film and column b its own music; the music of every other song of the batch is a wrong answer.
    """
    own = torch.arange(scores.shape[-1], device=scores.device).expand(scores.shape[0], -1).flatten()
    by_film = F.cross_entropy(scores.flatten(0, 1), own)
    by_music = F.cross_entropy(scores.transpose(1, 2).flatten(0, 1), own)
    return (by_film + by_music) / 2


@torch.no_grad()
def start_from_components(encoder: VideoEncoder, songs: Sequence[Song]) -> None:
    """Initialise the encoder's semantic input with the whitened principal components of the training films.

    A hundred steps from random weights would not find the directions in which films differ most.
    """
    rows = np.concatenate([song.film.semantic[::PRINCIPAL_SECONDS] for song in songs]).astype(np.float32)
    values = torch.from_numpy(rows)
    mean, deviation = values.mean(dim=0), values.std(dim=0).clamp(min=1e-6)
    encoder.semantic_mean.copy_(mean)
    encoder.semantic_scale.copy_(1 / deviation)
    values = (values - mean) / deviation
    power, directions = torch.linalg.eigh(values.T @ values / len(values))
    width = encoder.semantic.weight.shape[0]
    best = (directions[:, -width:] / power[-width:].clamp(min=1e-6).sqrt()).T.flip(0)
    # A library may return an eigenvector with either sign; here its largest entry is made positive.
    signs = torch.sign(best.gather(1, best.abs().argmax(dim=1, keepdim=True)))
    encoder.semantic.weight.copy_(best * signs)
    assert encoder.semantic.bias is not None
    encoder.semantic.bias.zero_()
