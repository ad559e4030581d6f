"""The joint objective: the likelihood of chords and the contrastive loss train one video encoder together.

The chord network is trained first, by likelihood. Then its decoder stands still while its video encoder goes on
learning by both losses and the alignment's own parts by the contrastive one: what the encoder learns about whole
passages must leave the decoder able to use it.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from v2m_bridge.amt.alignment import AlignmentNetwork, AlignmentShape
from v2m_bridge.amt.checkpoints import save_weights
from v2m_bridge.amt.network import BridgeNetwork
from v2m_bridge.amt.ranking import ALIGNMENT_FORMAT, DEFAULT_ALIGNMENT
from v2m_bridge.progress import Progress, silent
from v2m_bridge.training.fitting.alignment import CURVE_OFFSETS_S, Windows, remember_films, window_loss
from v2m_bridge.training.fitting.chords import Machine, likelihood_loss, predict, with_dropped
from v2m_bridge.training.fitting.loop import Epoch, Recipe, train
from v2m_bridge.training.judging.alignment_metrics import alignment_figures
from v2m_bridge.training.songs.batches import SongTensors
from v2m_bridge.training.songs.dataset import Song

JOINT_RECIPE = Recipe(epochs=34, batch=200, learning_rate=3e-3, weight_decay=0.3, average=0.97, warm_up=20)
"""About a hundred steps: held-out songs gain nothing more from there on, the songs learned from do."""

LIKELIHOOD_SONGS = 4
"""Songs of each batch of windows whose chords are predicted as well."""

CONTRASTIVE_WEIGHT = 1.0
JOINT_STATE = "joint.state"


class JointNetwork(nn.Module):
    """A chord network and an alignment network that see with the same video encoder."""

    def __init__(self, chords: BridgeNetwork, shape: AlignmentShape) -> None:
        super().__init__()
        self.chords = chords
        self.alignment = AlignmentNetwork(dataclasses.replace(shape, video_width=chords.shape.video_width))
        self.alignment.video.encoder = chords.encoder


def train_joint(
    chords: BridgeNetwork,
    songs: Sequence[Song],
    tensors: SongTensors,
    validation: Sequence[Song],
    shape: AlignmentShape,
    recipe: Recipe,
    machine: Machine,
    state_path: Path | None = None,
    progress: Progress = silent,
    report: Callable[[Epoch], None] = lambda epoch: None,
) -> tuple[BridgeNetwork, AlignmentNetwork, list[Epoch]]:
    """Both networks after the joint phase; ``validation`` only draws the curve, nothing is chosen by it.

    Args:
        chords: trained by likelihood; changed in place.
        songs: to learn from, in the order of ``tensors``.
    """
    torch.manual_seed(recipe.seed)
    network = JointNetwork(chords, shape).to(machine.device)
    for parameter in chords.parameters():
        parameter.requires_grad_(False)
    for part in (chords.encoder, chords.video_out):
        part.requires_grad_(True)
    windows = Windows(songs)

    def loss(module: nn.Module, rows: Tensor) -> Tensor:
        assert isinstance(module, JointNetwork)
        contrastive = window_loss(module.alignment, *windows.random(rows, machine.device))
        batch = tensors.batch(rows[torch.randperm(len(rows))[:LIKELIHOOD_SONGS]]).to(machine.device)
        with machine.autocast():
            scores = predict(module.chords, dataclasses.replace(batch, film=with_dropped(batch.film)))
        return likelihood_loss(scores, batch.targets) + CONTRASTIVE_WEIGHT * contrastive

    def validate(module: nn.Module) -> dict[str, float]:
        assert isinstance(module, JointNetwork)
        return alignment_figures(module.alignment, validation, offsets_s=CURVE_OFFSETS_S).as_curve()

    best, curves = train(network, torch.zeros(len(songs)), loss, validate, recipe, state_path, progress, report)
    assert isinstance(best, JointNetwork)
    remember_films(best.alignment, songs)
    return best.chords, best.alignment, curves


def train_joint_phase(
    chords: BridgeNetwork,
    songs: Sequence[Song],
    tensors: SongTensors,
    watched: Sequence[Song],
    recipe: Recipe,
    machine: Machine,
    out: Path,
    progress: Progress = silent,
    report: Callable[[Epoch], None] = lambda epoch: None,
) -> tuple[BridgeNetwork, list[Epoch]]:
    """Run :func:`train_joint`, write ``alignment.safetensors`` into ``out`` and hand back the chord network."""
    shape = AlignmentShape(video_width=chords.shape.video_width)
    chords, aligner, curve = train_joint(
        chords, songs, tensors, watched, shape, recipe, machine, out / JOINT_STATE, progress, report
    )
    record = json.dumps({"seed": recipe.seed, "train_songs": len(songs), "joint": dataclasses.asdict(recipe)})
    save_weights(out / DEFAULT_ALIGNMENT, ALIGNMENT_FORMAT, aligner.shape, aligner.state_dict(), record)
    return chords, curve
