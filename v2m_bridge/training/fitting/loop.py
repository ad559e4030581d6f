"""The training loop: AdamW with a cosine, averaged weights, resumable, the same numbers for the same seed."""

from __future__ import annotations

import copy
import ctypes
import math
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from v2m_bridge.errors import CheckpointError, InputError
from v2m_bridge.files.whole import whole_file
from v2m_bridge.progress import Progress, silent


@dataclass(frozen=True)
class Recipe:
    """How a network is trained; it is recorded with the weights.

    Attributes:
        epochs: passes over the songs.
        batch: songs per step.
        learning_rate: the highest; warmed up over ``warm_up`` steps, then a cosine down to 3 %.
        weight_decay: of matrices only.
        average: share of the averaged weights kept per step; these are what is shipped.
        seed: of initial weights, order, dropout.
    """

    epochs: int
    batch: int
    learning_rate: float
    weight_decay: float
    average: float
    warm_up: int = 100
    seed: int = 0


@dataclass(frozen=True)
class Epoch:
    """One line of the curves: mean training loss and what validation gave (higher is better for none in particular)."""

    number: int
    seconds: float
    loss: float
    validation: dict[str, float]


Loss = Callable[[nn.Module, Tensor], Tensor]
"""``loss(network, rows)``: mean loss over the songs ``rows``."""

Validate = Callable[[nn.Module], dict[str, float]]


def train(
    network: nn.Module,
    lengths: Tensor,
    loss: Loss,
    validate: Validate,
    recipe: Recipe,
    state_path: Path | None = None,
    progress: Progress = silent,
    report: Callable[[Epoch], None] = lambda epoch: None,
    prepare: Callable[[int], Tensor] | None = None,
) -> tuple[nn.Module, list[Epoch]]:
    """Train in place and return the averaged network with its curves.

    Args:
        lengths: [S] seconds per song; batches hold songs of like length.
        state_path: written after every epoch; if it is there already, training goes on from it.
        report: called after every epoch.
        prepare: called with the epoch's seed before it; returns the lengths of the songs it has made ready.

    Raises:
        CheckpointError: the state belongs to another recipe or network, or is damaged.
    """
    if recipe.epochs < 1 or recipe.batch < 1:
        raise InputError(f"{recipe.epochs} epochs of batches of {recipe.batch} songs is no training")
    run = _Run(network, lengths, recipe)
    if state_path is not None and state_path.is_file():
        run.load(state_path)
    while run.epoch < recipe.epochs:
        started = time.monotonic()
        if prepare is not None:
            run.lengths = prepare(recipe.seed * 1_000_003 + run.epoch)
        mean = run.one_epoch(loss, progress)
        run.average.eval()
        with torch.inference_mode():
            figures = validate(run.average)
        run.curves.append(Epoch(run.epoch, time.monotonic() - started, mean, figures))
        report(run.curves[-1])
        if state_path is not None:
            run.save(state_path)
    return run.average.eval(), run.curves


class _Run:
    """Everything that changes while training."""

    def __init__(self, network: nn.Module, lengths: Tensor, recipe: Recipe) -> None:
        self.network, self.lengths, self.recipe = network, lengths, recipe
        self.average = copy.deepcopy(network)
        matrices = [p for p in network.parameters() if p.requires_grad and p.ndim > 1]
        others = [p for p in network.parameters() if p.requires_grad and p.ndim <= 1]
        groups = [{"params": matrices, "weight_decay": recipe.weight_decay}, {"params": others, "weight_decay": 0.0}]
        self.optimizer = torch.optim.AdamW(groups, lr=recipe.learning_rate, betas=(0.9, 0.98))
        self.steps_per_epoch = math.ceil(len(lengths) / recipe.batch)
        self.epoch = self.step = 0
        self.curves: list[Epoch] = []

    def one_epoch(self, loss: Loss, progress: Progress) -> float:
        """Mean loss over one pass."""
        self.network.train()
        torch.manual_seed(self.recipe.seed * 1_000_003 + self.epoch)
        total = 0.0
        for done, rows in enumerate(self._batches()):
            self._set_rate()
            value = loss(self.network, rows)
            self.optimizer.zero_grad()
            torch.autograd.backward(value)
            nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
            self.optimizer.step()
            self.step += 1
            self._update_average()
            total += float(value.detach())
            progress(f"epoch {self.epoch + 1} of {self.recipe.epochs}", (done + 1) / self.steps_per_epoch)
        self.epoch += 1
        return total / self.steps_per_epoch

    def _batches(self) -> list[Tensor]:
        """Songs of like length together, in random order."""
        order = (self.lengths + torch.rand(len(self.lengths)) * 40).argsort()
        groups = list(torch.split(order, self.recipe.batch))
        return [groups[index] for index in torch.randperm(len(groups)).tolist()]

    def _set_rate(self) -> None:
        share = self.step / (self.steps_per_epoch * self.recipe.epochs)
        cosine = 0.5 * (1 + math.cos(math.pi * share)) * 0.97 + 0.03
        rate = self.recipe.learning_rate * cosine * min(1.0, (self.step + 1) / self.recipe.warm_up)
        for group in self.optimizer.param_groups:
            group["lr"] = rate

    @torch.no_grad()
    def _update_average(self) -> None:
        kept = min(self.recipe.average, (self.step + 1) / (self.step + 10))
        for average, current in zip(self.average.parameters(), self.network.parameters(), strict=True):
            if current.requires_grad:
                average.lerp_(current, 1 - kept)

    def save(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        state = {
            "recipe": asdict(self.recipe),
            "network": self.network.state_dict(),
            "average": self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "epoch": self.epoch,
            "step": self.step,
            "curves": [asdict(epoch) for epoch in self.curves],
        }
        with whole_file(path) as file:
            torch.save(state, file)

    def load(self, path: Path) -> None:
        try:
            state = torch.load(path, weights_only=True, map_location="cpu")
            if state["recipe"] != asdict(self.recipe):
                raise CheckpointError(f"{path.name} belongs to another recipe", "delete it or use another --out")
            self.network.load_state_dict(state["network"])
            self.average.load_state_dict(state["average"])
            self.optimizer.load_state_dict(state["optimizer"])
            self.epoch, self.step = int(state["epoch"]), int(state["step"])
            self.curves = [Epoch(**epoch) for epoch in state["curves"]]
        except CheckpointError:
            raise
        except Exception as error:  # torch raises many kinds for a damaged file
            raise CheckpointError(f"{path.name} is no state of this training: {error}", "delete it") from error


def keep_freed_memory() -> None:
    """Ask glibc not to hand large blocks back after every tensor; halves the time of a step on Linux, else nothing."""
    if not sys.platform.startswith("linux"):
        return
    try:
        mallopt = ctypes.CDLL("libc.so.6").mallopt
    except (OSError, AttributeError):
        return
    trim_threshold, top_pad, mmap_threshold = -1, -2, -3  # <malloc.h>
    mallopt(mmap_threshold, 1 << 30)
    mallopt(trim_threshold, (1 << 31) - 1)
    mallopt(top_pad, 1 << 26)
