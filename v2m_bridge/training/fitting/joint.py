"""The joint objective: the likelihood of chords and the contrastive loss train one video encoder together.

The chord network is trained first, by likelihood. Then its decoder is frozen: its video encoder is trained on by both
losses, and the alignment network's own parts by the contrastive loss. The likelihood makes sure that the frozen decoder
can still use the encoder.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from v2m_bridge.amt.alignment import AlignmentNetwork, AlignmentShape
from v2m_bridge.amt.checkpoints import save_weights
from v2m_bridge.amt.network import BridgeNetwork
from v2m_bridge.amt.ranking import ALIGNMENT_FORMAT, DEFAULT_ALIGNMENT
from v2m_bridge.training.fitting.alignment import CURVE_OFFSETS_S, remember_films, window_loss
from v2m_bridge.training.fitting.augmentation import with_dropped
from v2m_bridge.training.fitting.chords import likelihood_loss, predict
from v2m_bridge.training.fitting.loop import Epoch, Objective, Recipe, TrainingRun, train
from v2m_bridge.training.judging.alignment_metrics import alignment_figures
from v2m_bridge.training.songs.batches import SongTensors
from v2m_bridge.training.songs.dataset import Song
from v2m_bridge.training.songs.windows import Windows

JOINT_RECIPE = Recipe(epochs=34, batch=200, learning_rate=3e-3, weight_decay=0.3, average=0.97, warm_up=20)
"""About a hundred steps: from there on the training loss falls, but held-out songs gain nothing."""

LIKELIHOOD_SONGS = 4
"""Songs of each batch of windows whose chords are predicted as well."""

CONTRASTIVE_WEIGHT = 1.0
"""Weight of the contrastive loss; the likelihood has 1."""


class JointNetwork(nn.Module):
    """A chord network and an alignment network that share one video encoder."""

    def __init__(self, chords: BridgeNetwork, shape: AlignmentShape) -> None:
        super().__init__()
        self.chords = chords
        self.alignment = AlignmentNetwork(dataclasses.replace(shape, video_width=chords.shape.video_width))
        self.alignment.video.encoder = chords.encoder


def train_joint(
    chords: BridgeNetwork, songs: SongTensors, validation: Sequence[Song], shape: AlignmentShape, run: TrainingRun
) -> tuple[BridgeNetwork, AlignmentNetwork, list[Epoch]]:
    """Train both networks together.

    Args:
        chords: trained by likelihood; changed in place.
        songs: to learn from.
        validation: gives the curve; nothing is chosen by it.
        shape: of the alignment network; its video encoder takes the width of the chord network's.
        run: how.

    Raises:
        CheckpointError: the state to resume from cannot be used.
    """
    torch.manual_seed(run.recipe.seed)
    network = JointNetwork(chords, shape).to(run.device.name)
    for parameter in chords.parameters():
        parameter.requires_grad_(False)
    for part in (chords.encoder, chords.video_out):
        part.requires_grad_(True)
    windows = Windows(songs.songs)

    def loss(module: nn.Module, rows: Tensor) -> Tensor:
        assert isinstance(module, JointNetwork)
        contrastive = window_loss(module.alignment, *windows.random(rows, run.device.name))
        batch = songs.batch(rows[torch.randperm(len(rows))[:LIKELIHOOD_SONGS]]).to(run.device.name)
        with run.device.autocast():
            scores = predict(module.chords, dataclasses.replace(batch, film=with_dropped(batch.film)))
        return likelihood_loss(scores, batch.targets) + CONTRASTIVE_WEIGHT * contrastive

    def validate(module: nn.Module) -> dict[str, float]:
        assert isinstance(module, JointNetwork)
        return alignment_figures(module.alignment, validation, offsets_s=CURVE_OFFSETS_S).as_curve()

    best, curves = train(network, Objective(torch.zeros(len(songs)), loss, validate), run)
    assert isinstance(best, JointNetwork)
    remember_films(best.alignment, songs.songs)
    return best.chords, best.alignment, curves


def train_joint_phase(
    chords: BridgeNetwork, songs: SongTensors, watched: Sequence[Song], out: Path, run: TrainingRun
) -> tuple[BridgeNetwork, list[Epoch]]:
    """Run :func:`train_joint`, write ``alignment.safetensors`` into ``out``, return the chord network and curve."""
    shape = AlignmentShape(video_width=chords.shape.video_width)
    chords, aligner, curve = train_joint(chords, songs, watched, shape, run)
    recipe = dataclasses.asdict(run.recipe)
    record = json.dumps({"seed": run.recipe.seed, "train_songs": len(songs), "joint": recipe})
    save_weights(out / DEFAULT_ALIGNMENT, ALIGNMENT_FORMAT, aligner.shape, aligner.state_dict(), record)
    return chords, curve
