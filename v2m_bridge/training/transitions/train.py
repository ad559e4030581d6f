"""Trains the network that finds gradual transitions and writes ``transitions.safetensors``.

    python -m v2m_bridge.training.transitions.train CLIP... PHOTO... --out FOLDER [--check CLIP... PHOTO...]
        [--start transitions.safetensors]

The films are made once (their features take 0.8 kB a picture), then read in random order. The clips and photographs
after ``--check`` are not trained on; the films made from them give the figures that are printed.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from v2m_bridge.footage.cuts.transition_features import FEATURES, transition_features
from v2m_bridge.footage.cuts.transition_network import DILATIONS, KINDS, NAME, OUTPUTS, WIDTH
from v2m_bridge.training.transitions.joins import draw_film
from v2m_bridge.training.transitions.shots import Material, read_material

FILM_LENGTH = 320
_CHECK_SEED = 1_000_000


@dataclass(frozen=True)
class TransitionTraining:
    """How to train.

    Attributes:
        films: films to make, of 320 pictures each.
        epochs: times that each film is read.
        batch: films a step.
        rate: learning rate at its highest; it rises over the first tenth and falls to nothing.
        seed: of the films, the first weights and the order.
        start: weights to begin with; None: random ones.
    """

    films: int = 1600
    epochs: int = 8
    batch: int = 12
    rate: float = 2e-3
    seed: int = 0
    start: Path | None = None


class TrainedNetwork(nn.Module):
    """The network of :mod:`v2m_bridge.footage.cuts.transition_network`, with the same names, to be trained."""

    mean: Tensor
    spread: Tensor

    def __init__(self, mean: Tensor, spread: Tensor) -> None:
        super().__init__()
        self.register_buffer("mean", mean)
        self.register_buffer("spread", spread)
        self.enter = nn.Linear(FEATURES, WIDTH)
        self.layers = nn.ModuleList([nn.Conv1d(WIDTH, WIDTH, 3, padding=d, dilation=d) for d in DILATIONS])
        self.joins = nn.ModuleList([nn.Linear(WIDTH, WIDTH) for _ in DILATIONS])
        self.leave = nn.Linear(WIDTH, OUTPUTS)
        self._drop = nn.Dropout(0.1)

    def forward(self, features: Tensor) -> Tensor:
        """[B, N, OUTPUTS] from features ``[B, N, FEATURES]``."""
        rows = torch.relu(self.enter((features - self.mean) / self.spread))
        for layer, join in zip(self.layers, self.joins, strict=True):
            rows = rows + join(self._drop(torch.relu(layer(rows.transpose(1, 2)).transpose(1, 2))))
        found: Tensor = self.leave(rows)
        return found


@dataclass(frozen=True)
class FilmSet:
    """Features ``[films, N, FEATURES]`` (float16) and kinds ``[films, N]`` (-1 outside transitions)."""

    features: npt.NDArray[np.float16]
    kind: npt.NDArray[np.int8]


def make_films(material: Material, count: int, seed: int) -> FilmSet:
    """Make ``count`` films; film n depends on ``seed + n`` alone."""
    features = np.empty((count, FILM_LENGTH, FEATURES), np.float16)
    kind = np.empty((count, FILM_LENGTH), np.int8)
    for number in range(count):
        film = draw_film(material, FILM_LENGTH, np.random.default_rng(seed + number))
        features[number], kind[number] = transition_features(film.thumbs), film.kind
        if number % 200 == 0:
            print(f"film {number} of {count}", flush=True)
    return FilmSet(features, kind)


def loss_of(rows: Tensor, kind: Tensor) -> Tensor:
    """Cross entropy of being inside a transition, and of its kind where it is."""
    inside = kind >= 0
    loss = nn.functional.binary_cross_entropy_with_logits(rows[..., 0], inside.to(rows.dtype))
    if bool(inside.any()):
        loss = loss + 0.2 * nn.functional.cross_entropy(rows[..., 1:][inside], kind[inside].long())
    return loss


def train(films: FilmSet, options: TransitionTraining) -> TrainedNetwork:
    """Train on the films; the exponential mean of the weights over about a hundred steps is returned."""
    from safetensors.torch import load_file

    torch.manual_seed(options.seed)
    sample = torch.from_numpy(films.features[:100].reshape(-1, FEATURES).astype(np.float32))
    network = TrainedNetwork(sample.mean(0), sample.std(0) + 0.02)
    if options.start is not None:
        network.load_state_dict({name: value.float() for name, value in load_file(options.start).items()})
    average = torch.optim.swa_utils.get_ema_multi_avg_fn(0.99)  # type: ignore[no-untyped-call]
    mean = torch.optim.swa_utils.AveragedModel(network, multi_avg_fn=average)
    optimiser = torch.optim.AdamW(network.parameters(), lr=options.rate, weight_decay=0.02)
    steps = options.epochs * (len(films.kind) // options.batch)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, options.rate, total_steps=steps, pct_start=0.1)
    for step, rows in enumerate(_batches(len(films.kind), options)):
        features = torch.from_numpy(films.features[rows].astype(np.float32))
        loss = loss_of(network(features), torch.from_numpy(films.kind[rows]))
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        mean.update_parameters(network)
        if step % 100 == 0:
            print(f"step {step} of {steps}, loss {loss.item():.4f}", flush=True)
    network.load_state_dict(mean.module.state_dict())
    return network.eval()


def _batches(count: int, options: TransitionTraining) -> Iterator[npt.NDArray[np.int64]]:
    rng = np.random.default_rng(options.seed)
    for _ in range(options.epochs):
        order = rng.permutation(count)
        for start in range(0, count - options.batch + 1, options.batch):
            yield np.sort(order[start : start + options.batch])


def print_figures(network: TrainedNetwork, films: FilmSet) -> None:
    """Precision and recall, by picture, of being inside a transition, at several thresholds."""
    with torch.no_grad():
        rows = network(torch.from_numpy(films.features.astype(np.float32))).numpy()
    inside, odds = films.kind >= 0, rows[..., 0]
    right_kind = _share(rows[..., 1:].argmax(-1) == films.kind, inside)
    for threshold in (0.3, 0.4, 0.5, 0.6, 0.7, 0.8):
        found = odds > np.log(threshold / (1 - threshold))
        shares = ", ".join(f"{name} {_share(found, films.kind == n):.3f}" for n, name in enumerate(KINDS))
        print(f"over {threshold}: precision {_share(inside, found):.3f}, recall {_share(found, inside):.3f} ({shares})")
    print(f"kind right in {right_kind:.3f} of the pictures of transitions")


def _share(true: npt.NDArray[np.bool_], among: npt.NDArray[np.bool_]) -> float:
    """Share of ``among`` that is ``true``; 0 of nothing."""
    return float((true & among).sum() / max(1, among.sum()))


def save(network: TrainedNetwork, path: Path, options: TransitionTraining) -> None:
    """Write the weights as float16, with the recipe in the file's metadata."""
    from safetensors.numpy import save_file

    tensors = {name: value.numpy().astype(np.float16) for name, value in network.state_dict().items()}
    recipe = str(replace(options, start=options.start and Path(options.start.name)))
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(tensors, path, metadata={"format": f"v2m.{NAME}/1", "recipe": recipe})


def main(arguments: Sequence[str] | None = None) -> None:
    """The command line of this module."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sources", nargs="+", type=Path, help="clips and photographs to train on")
    parser.add_argument("--check", nargs="*", type=Path, default=[], help="clips and photographs to check with")
    parser.add_argument("--out", type=Path, required=True, help="folder of transitions.safetensors")
    parser.add_argument("--films", type=int, default=TransitionTraining.films)
    parser.add_argument("--epochs", type=int, default=TransitionTraining.epochs)
    parser.add_argument("--seed", type=int, default=TransitionTraining.seed)
    parser.add_argument("--rate", type=float, default=TransitionTraining.rate, help="highest learning rate")
    parser.add_argument("--start", type=Path, help="go on from these weights")
    given = parser.parse_args(arguments)
    options = TransitionTraining(given.films, given.epochs, rate=given.rate, seed=given.seed, start=given.start)
    network = train(make_films(read_material(given.sources), options.films, options.seed), options)
    if given.check:
        print_figures(network, make_films(read_material(given.check), max(1, options.films // 16), _CHECK_SEED))
    save(network, given.out / f"{NAME}.safetensors", options)


if __name__ == "__main__":
    main()
