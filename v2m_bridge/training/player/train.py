"""``train --notes``: the player's checkpoint comes from this."""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import torch

from v2m_bridge.amt.checkpoints import fill, read_weights
from v2m_bridge.amt.player.network import PlayerNetwork, PlayerShape, from_first_training
from v2m_bridge.amt.player.weights import DEFAULT_PLAYER, load_player, save_player
from v2m_bridge.errors import InputError
from v2m_bridge.progress import Progress, silent
from v2m_bridge.training.player.fitting import STATE_FILE, PlayerFit, PlayerRecipe
from v2m_bridge.training.player.pieces import load_pieces

FIRST_FORMAT = "trial"
"""``format`` of weights that know nothing of films."""

WHOLE_RECIPE = PlayerRecipe(steps=6500, batch=64, length=767, rate=1e-3, film_rate=1e-3, whole=True, average=0.999)
"""From nothing, on a GPU: what the first training did, with the film's conditions from the start."""


@dataclass(frozen=True)
class PlayerTrainOptions:
    """What to train.

    Attributes:
        notes: a folder of ``.npz`` files, or one; only their train pieces are learnt.
        out: folder for the checkpoint, its state and log.
        start: a player or weights of the first training to begin with; None begins from nothing.
        steps: of the optimiser; None takes the recipe's.
        resume: go on from the state in ``out``.
    """

    notes: Path
    out: Path
    start: Path | None = None
    steps: int | None = None
    seed: int = 0
    device: str = "auto"
    resume: bool = False


def train_player(options: PlayerTrainOptions, progress: Progress = silent) -> Path:
    """Train, and write ``player.safetensors``; the same seed gives the same weights on the same machine.

    Raises:
        InputError: no pieces there, or a state in ``out`` without ``resume``.
        CheckpointError: ``start`` or the state cannot be read.
    """
    files = sorted(options.notes.glob("*.npz")) if options.notes.is_dir() else [options.notes]
    if not files:
        raise InputError(f"{options.notes} holds no .npz file")
    state = options.out / STATE_FILE
    if state.exists() and not options.resume:
        raise InputError(f"{options.out} holds an unfinished training", "add --resume or use another --out")
    device = options.device
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    started = time.monotonic()
    pieces = [piece for file in files for piece in load_pieces(file, ("train",))]
    torch.manual_seed(options.seed)
    network = start_from(options.start) if options.start else PlayerNetwork(PlayerShape())
    recipe = replace(PlayerRecipe() if options.start else WHOLE_RECIPE, seed=options.seed)
    recipe = replace(recipe, steps=options.steps or recipe.steps)
    trained = PlayerFit(network, recipe, device).run(pieces, options.out, progress)
    told = {
        "recipe": asdict(recipe),
        "start": options.start.name if options.start else None,
        "files": [file.name for file in files],
        "pieces": len(pieces),
        "device": device,
        "seconds": round(time.monotonic() - started),
    }
    path = options.out / DEFAULT_PLAYER
    save_player(path, trained, json.dumps(told))
    return path


def start_from(path: Path) -> PlayerNetwork:
    """A player to go on from: one of ours, or the first training's weights, to which the film adds nothing yet.

    Raises:
        CheckpointError: neither, or damaged.
    """
    weights = read_weights(path)
    if weights.metadata.get("format") != FIRST_FORMAT:
        return load_player(path)
    network = PlayerNetwork(PlayerShape(), weights.identity)
    empty = {name: tensor for name, tensor in network.state_dict().items() if name.startswith(_FILM_NAMES)}
    renamed = from_first_training(weights.tensors)
    fill(network, replace(weights, tensors={**renamed, **empty}))
    return network


_FILM_NAMES = ("film.", "hint.", "follow.", "answer.")
