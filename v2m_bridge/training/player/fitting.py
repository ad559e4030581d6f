"""Fits the player to human music: next note given everything before it, by likelihood; resumable."""

from __future__ import annotations

import copy
import json
import math
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from v2m_bridge.amt.player.network import PlayerNetwork, Scores, Steps, silent_roles
from v2m_bridge.amt.player.steps import BEAT_OVER, COLUMN, NO_PLACE
from v2m_bridge.errors import CheckpointError
from v2m_bridge.files.rename import rename
from v2m_bridge.progress import Progress, silent
from v2m_bridge.training.player.batches import PlayerBatch, make_batch, random_window
from v2m_bridge.training.player.pieces import NotePiece

STATE_FILE, LOG_FILE = "player.state.pt", "player.log.jsonl"


@dataclass(frozen=True)
class PlayerRecipe:
    """How the player is fitted.

    Attributes:
        steps: of the optimiser; batch: sequences a step; length: steps of a sequence.
        rate: learning rate of the blocks that are trained; film_rate: of the film's conditions.
        whole: train every weight; else what lies below the film's conditions stays as it is.
        average: how much of the running average of weights is kept at every step.
        save_every: optimiser steps between two saved states.
    """

    steps: int = 800
    batch: int = 4
    length: int = 320
    rate: float = 1.5e-4
    film_rate: float = 3e-3
    whole: bool = False
    average: float = 0.99
    warm_up: int = 20
    save_every: int = 40
    seed: int = 0


@dataclass(frozen=True)
class Losses:
    """Sums of nats over a batch by field, and how many notes they belong to."""

    place: Tensor
    pitch: Tensor
    duration: Tensor
    velocity: Tensor
    notes: Tensor

    @property
    def total(self) -> Tensor:
        return self.place + self.pitch + self.duration + self.velocity


def losses(network: PlayerNetwork, batch: PlayerBatch, whole: bool = True) -> Losses:
    """Nats of a batch; without ``whole`` nothing below the film's conditions gets a gradient."""
    steps, following = batch.steps, batch.steps.notes[:, 1:]
    shown = Steps(steps.notes[:, :-1], steps.beats[:, :-1], steps.hints[:, :-1])
    with torch.set_grad_enabled(whole and torch.is_grad_enabled()):
        x = network.lower(shown)
    hidden = network.upper(x, shown)
    is_note = following[..., 0] == 1
    told = following.clone()
    told[..., 1] = torch.where(is_note, following[..., 1], torch.full_like(following[..., 1], NO_PLACE))
    scores = network.score(hidden, told, shown.hints)
    scores = replace(scores, place=scores.place + silent_roles(shown.beats[..., COLUMN["cast"]]))
    return summed(scores, following, is_note, batch.counted)


def summed(scores: Scores, following: Tensor, is_note: Tensor, counted: Tensor) -> Losses:
    """Cross entropies of the four fields; a velocity that the data does not know is not counted."""
    place = torch.where(is_note, following[..., 1], torch.full_like(following[..., 1], BEAT_OVER))
    of_notes = counted * is_note

    def nats(logits: Tensor, target: Tensor, weight: Tensor) -> Tensor:
        return (F.cross_entropy(logits.float().transpose(1, 2), target, reduction="none") * weight).sum()

    return Losses(
        place=nats(scores.place, place, counted),
        pitch=nats(scores.pitch, following[..., 2], of_notes),
        duration=nats(scores.duration, following[..., 3], of_notes),
        velocity=nats(scores.velocity, following[..., 4], of_notes * (following[..., 4] > 0)),
        notes=of_notes.sum(),
    )


class PlayerFit:
    """One training, from its first step or from where it was saved."""

    def __init__(self, network: PlayerNetwork, recipe: PlayerRecipe, device: str = "cpu") -> None:
        self.network, self.recipe, self.device = network.to(device), recipe, device
        self.average = copy.deepcopy(self.network).eval()
        film = {id(parameter) for parameter in network.film_parameters()}
        lower = [network.kind, network.place, network.pitch, network.duration, network.velocity, network.position,
                 network.harmony, network.above_root, *network.blocks[: network.shape.film_layer]]  # fmt: skip
        if not recipe.whole:
            for module in lower:
                module.requires_grad_(False)
        upper = [p for p in network.parameters() if id(p) not in film and p.requires_grad]
        groups = [
            {"params": upper, "rate": recipe.rate, "weight_decay": 0.02},
            {"params": network.film_parameters(), "rate": recipe.film_rate, "weight_decay": 0.0},
        ]
        self.optimizer = torch.optim.AdamW(groups, lr=recipe.rate, betas=(0.9, 0.98))
        self.step = 0

    def run(self, pieces: Sequence[NotePiece], folder: Path, progress: Progress = silent) -> PlayerNetwork:
        """Train to the recipe's last step; a state in ``folder`` is taken up, and kept up to date.

        Returns:
            The running average of the weights, ready for use.

        Raises:
            CheckpointError: the state belongs to another recipe, or is damaged.
        """
        folder.mkdir(parents=True, exist_ok=True)
        state = folder / STATE_FILE
        if state.is_file():
            self.load(state)
        gathered, started = 0.0, time.monotonic()
        while self.step < self.recipe.steps:
            gathered += self.one_step(pieces)
            progress("player", self.step / self.recipe.steps)
            if self.step % self.recipe.save_every == 0 or self.step == self.recipe.steps:
                self.save(state)
                row = {"step": self.step, "nats": gathered / self.recipe.save_every, "s": time.monotonic() - started}
                with (folder / LOG_FILE).open("a", encoding="utf-8", newline="\n") as handle:
                    handle.write(json.dumps(row) + "\n")
                gathered = 0.0
        return self.average.eval()

    def one_step(self, pieces: Sequence[NotePiece]) -> float:
        """One batch that follows from the seed and the step's number alone; nats a note."""
        recipe = self.recipe
        rng = np.random.default_rng((recipe.seed, self.step))
        torch.manual_seed(recipe.seed * 1_000_003 + self.step)
        batch = make_batch([random_window(pieces, rng) for _ in range(recipe.batch)], recipe.length)
        batch = PlayerBatch(batch.steps.to(self.device), batch.counted.to(self.device))
        self.network.train()
        found = losses(self.network, batch, recipe.whole)
        loss = found.total / found.notes.clamp(min=1)
        share = self.step / recipe.steps
        cosine = (0.5 * (1 + math.cos(math.pi * share)) * 0.97 + 0.03) * min(1.0, (self.step + 1) / recipe.warm_up)
        for group in self.optimizer.param_groups:
            group["lr"] = group["rate"] * cosine
        self.optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        self.optimizer.step()
        self.step += 1
        kept = min(recipe.average, self.step / (self.step + 5))
        with torch.no_grad():
            for average, current in zip(self.average.parameters(), self.network.parameters(), strict=True):
                if current.requires_grad:
                    average.lerp_(current, 1 - kept)
        return float(loss.detach())

    def save(self, path: Path) -> None:
        partial = path.with_name(path.name + ".part")
        content = {
            "recipe": asdict(self.recipe),
            "network": self.network.state_dict(),
            "average": self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "step": self.step,
        }
        torch.save(content, partial)
        rename(partial, path)

    def load(self, path: Path) -> None:
        try:
            state = torch.load(path, weights_only=True, map_location=self.device)
            if state["recipe"] != asdict(self.recipe):
                raise CheckpointError(f"{path.name} belongs to another recipe", "delete it or use another folder")
            self.network.load_state_dict(state["network"])
            self.average.load_state_dict(state["average"])
            self.optimizer.load_state_dict(state["optimizer"])
            self.step = int(state["step"])
        except CheckpointError:
            raise
        except Exception as error:  # torch raises many kinds for a damaged file
            raise CheckpointError(f"{path.name} is no state of this training: {error}", "delete it") from error
