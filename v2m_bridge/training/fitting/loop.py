"""The training loop: AdamW with a cosine schedule and averaged weights; resumable, and the same numbers for a seed."""

from __future__ import annotations

import contextlib
import copy
import ctypes
import math
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
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
        learning_rate: the highest; it falls along a cosine to 3 % of it.
        weight_decay: of matrices only.
        average: share of the averaged weights kept per step; the averaged weights are the result.
        warm_up: steps in which the learning rate rises to its course.
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
    """One point of the curves.

    Attributes:
        number: 1 is the first.
        seconds: it took.
        loss: mean training loss.
        validation: figures by name; whether higher is better depends on the metric.
    """

    number: int
    seconds: float
    loss: float
    validation: dict[str, float]


Loss = Callable[[nn.Module, Tensor], Tensor]
"""``loss(network, rows)``: mean loss over the songs ``rows``."""

Validate = Callable[[nn.Module], dict[str, float]]
"""``validate(network)``: figures by name for the curves."""


@dataclass(frozen=True)
class Objective:
    """What a network learns.

    Attributes:
        lengths: [S] seconds per song; batches hold songs of similar length.
        loss: mean loss over some songs.
        validate: figures for the curves; nothing is chosen by them.
        prepare: called with a seed before every epoch; it prepares new songs and returns their lengths.
    """

    lengths: Tensor
    loss: Loss
    validate: Validate
    prepare: Callable[[int], Tensor] | None = None


@dataclass(frozen=True)
class TrainingDevice:
    """Where training runs: a device of torch by name, and whether matrix products are in bfloat16."""

    name: str = "cpu"
    bfloat16: bool = False

    def autocast(self) -> contextlib.AbstractContextManager[object]:
        """Matrix products in bfloat16 where asked for."""
        return torch.autocast(self.name, torch.bfloat16, enabled=self.bfloat16)


def _unreported(epoch: Epoch) -> None:
    """Tell nobody."""


@dataclass(frozen=True)
class TrainingRun:
    """How one network is trained, and who is told.

    Attributes:
        recipe: epochs, batches, rates, seed.
        device: where it runs.
        state_path: written after every epoch; if it exists at the start, training resumes from it. None keeps no state.
        progress: called after every step.
        report: called after every epoch.
    """

    recipe: Recipe
    device: TrainingDevice = TrainingDevice()
    state_path: Path | None = None
    progress: Progress = silent
    report: Callable[[Epoch], None] = _unreported

    def in_passing(self) -> TrainingRun:
        """The same run for a short phase: it keeps no state and reports no epoch."""
        return replace(self, state_path=None, report=_unreported)


def train(network: nn.Module, objective: Objective, run: TrainingRun) -> tuple[nn.Module, list[Epoch]]:
    """Train in place and return the averaged network with its curves.

    Raises:
        InputError: no epochs or no songs in a batch.
        CheckpointError: the state belongs to another recipe or network, or is damaged.
    """
    recipe = run.recipe
    if recipe.epochs < 1 or recipe.batch < 1:
        raise InputError(f"{recipe.epochs} epochs of batches of {recipe.batch} songs is no training")
    state = _State(network, objective.lengths, recipe)
    if run.state_path is not None and run.state_path.is_file():
        state.load(run.state_path)
    while state.epoch < recipe.epochs:
        started = time.monotonic()
        if objective.prepare is not None:
            state.lengths = objective.prepare(recipe.seed * 1_000_003 + state.epoch)
        mean = state.one_epoch(objective.loss, run.progress)
        state.average.eval()
        with torch.inference_mode():
            figures = objective.validate(state.average)
        state.curves.append(Epoch(state.epoch, time.monotonic() - started, mean, figures))
        run.report(state.curves[-1])
        if run.state_path is not None:
            state.save(run.state_path)
    return state.average.eval(), state.curves


class _State:
    """Everything that changes in training: weights, averaged weights, optimiser, counters and curves."""

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
        """Pass over all songs once; returns the mean loss."""
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
        """Batches of songs of similar length, in random order."""
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
        """Write everything that :meth:`load` needs, whole or not at all."""
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
        """Go back to a saved state.

        Raises:
            CheckpointError: it belongs to another recipe or network, or is damaged.
        """
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
    """Ask glibc to keep freed blocks for reuse, which halves the time of a step on Linux; elsewhere do nothing."""
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
