"""Training of the chord network: likelihood with modalities dropped, then steering by mood with all else frozen."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from v2m_bridge.amt.filters import emotion_leans
from v2m_bridge.amt.network import UNKNOWN_LEFT, BridgeNetwork, Film, NetworkShape
from v2m_bridge.amt.vocabulary import N_TOKENS, PAD_ID
from v2m_bridge.music.chords import N_CHORDS, Chord
from v2m_bridge.music.emotions import EMOTIONS
from v2m_bridge.progress import Progress, silent
from v2m_bridge.training.fitting.loop import Epoch, Recipe, train
from v2m_bridge.training.judging.metrics import ranks_of, song_hits
from v2m_bridge.training.songs.batches import Batch, SongTensors
from v2m_bridge.training.songs.variation import varied_songs

CHORDS_RECIPE = Recipe(epochs=20, batch=4, learning_rate=1.5e-3, weight_decay=0.05, average=0.998)

STEERING_RECIPE = Recipe(epochs=1, batch=5, learning_rate=3e-3, weight_decay=0.0, average=0.98, warm_up=10)

AFFECTIVE_WEIGHT = 0.6
"""Weight of the affective loss beside the likelihood's 0.4, as published (Kang et al. 2023)."""

SEMANTIC_ABSENT_SHARE = 0.75
"""High, because a network that sees the semantics of a song's video learns to recognise the song instead of music."""

ABSENT_SHARE = 0.25
ALL_ABSENT_SHARE = 0.1
UNKNOWN_LENGTH_SHARE = 0.2
TRANSPOSED_SHARE = 0.4


@dataclasses.dataclass(frozen=True)
class Machine:
    """Where training runs."""

    device: str = "cpu"
    bfloat16: bool = False

    def autocast(self) -> contextlib.AbstractContextManager[object]:
        """Matrix products in bfloat16 where asked for."""
        return torch.autocast(self.device, torch.bfloat16, enabled=self.bfloat16)


def train_chords(
    songs: SongTensors,
    validation: SongTensors,
    shape: NetworkShape,
    recipe: Recipe,
    machine: Machine,
    state_path: Path | None = None,
    progress: Progress = silent,
    report: Callable[[Epoch], None] = lambda epoch: None,
) -> tuple[BridgeNetwork, list[Epoch]]:
    """A network trained on ``songs``; ``validation`` only draws the curve, nothing is chosen by it."""
    torch.manual_seed(recipe.seed)
    network = BridgeNetwork(shape)
    mean, deviation = songs.semantic_statistics()
    network.encoder.semantic_mean.copy_(mean)
    network.encoder.semantic_scale.copy_(1 / deviation.clamp(min=1e-6))
    network.to(machine.device)
    network.mood.requires_grad_(False)

    varied = songs

    def prepare(seed: int) -> Tensor:
        nonlocal varied
        varied = SongTensors(varied_songs(songs.songs, seed))
        return varied.lengths

    def loss(module: nn.Module, rows: Tensor) -> Tensor:
        assert isinstance(module, BridgeNetwork)
        batch, moved = with_transposed(varied.batch(rows))
        batch, moved = batch.to(machine.device), moved.to(machine.device)
        with machine.autocast():
            scores = predict(module, dataclasses.replace(batch, film=with_dropped(batch.film)), moved)
        return likelihood_loss(scores, batch.targets)

    def validate(module: nn.Module) -> dict[str, float]:
        assert isinstance(module, BridgeNetwork)
        return chord_figures(module, validation, machine)

    best, curves = train(network, songs.lengths, loss, validate, recipe, state_path, progress, report, prepare)
    assert isinstance(best, BridgeNetwork)
    return best, curves


def train_steering(
    network: BridgeNetwork, songs: SongTensors, recipe: Recipe, machine: Machine, progress: Progress = silent
) -> BridgeNetwork:
    """Learn what each mood adds inside the network, by the affective loss; every other weight stays as it is.

    Without a mood the network gives exactly what it gave before.
    """
    for parameter in network.parameters():
        parameter.requires_grad_(False)
    network.mood.requires_grad_(True)
    leans = emotion_leans().to(machine.device)

    def loss(module: nn.Module, rows: Tensor) -> Tensor:
        assert isinstance(module, BridgeNetwork)
        batch = songs.batch(rows).to(machine.device)
        film = with_random_mood(with_dropped(batch.film))
        with machine.autocast():
            scores = predict(module, dataclasses.replace(batch, film=film))
        affective = affective_loss(scores, leans[film.mood], batch.targets)
        return (1 - AFFECTIVE_WEIGHT) * likelihood_loss(scores, batch.targets) + AFFECTIVE_WEIGHT * affective

    steered, _ = train(network, songs.lengths, loss, lambda module: {}, recipe, None, progress)
    assert isinstance(steered, BridgeNetwork)
    return steered


def predict(network: BridgeNetwork, batch: Batch, transposed: Tensor | None = None) -> Tensor:
    """[B, L, 159] log-probabilities of the targets, teacher-forced; ``transposed`` as in ``film_vectors``."""
    film = network.film_vectors(batch.film, transposed)
    return network.decode(batch.inputs, batch.trace, film, network.mood_vectors(batch.film))[0].float()


def likelihood_loss(scores: Tensor, targets: Tensor) -> Tensor:
    """Mean negative log-likelihood over all targets that are not PAD."""
    return F.nll_loss(scores.flatten(0, 1), targets.flatten(), ignore_index=PAD_ID)


def affective_loss(scores: Tensor, wanted: Tensor, targets: Tensor) -> Tensor:
    """Mean of -log of the expected lean to the mood, over sounding seconds whose mood has a set.

    ``wanted`` [B, L, 159] is how far each chord leans to the mood, 0..1.
    """
    inside = torch.logsumexp(scores + torch.log(wanted + 1e-9), dim=-1)
    counted = (targets != PAD_ID) & (wanted.sum(dim=-1) > 0)
    return -(inside * counted).sum() / counted.sum().clamp(min=1)


def with_dropped(film: Film, semantic_share: float = SEMANTIC_ABSENT_SHARE) -> Film:
    """Hide modalities and the length of the film at random, so that the network works without them."""
    n_films = film.minor.shape[0]
    device = film.minor.device

    def share(probability: float) -> Tensor:
        return torch.rand(n_films, 1, device=device) < probability

    everything = share(ALL_ABSENT_SHARE)
    return dataclasses.replace(
        film,
        semantic_present=film.semantic_present & ~(share(semantic_share) | everything),
        emotion_present=film.emotion_present & ~(share(ABSENT_SHARE) | everything),
        motion_present=film.motion_present & ~(share(ABSENT_SHARE) | everything),
        left_kind=torch.where(
            share(UNKNOWN_LENGTH_SHARE), torch.full_like(film.left_kind, UNKNOWN_LEFT), film.left_kind
        ),
    )


def with_transposed(batch: Batch) -> tuple[Batch, Tensor]:
    """Move some songs to another key, and say which [B]: what songs do with intervals is the same in every key."""
    moved = torch.rand(len(batch.inputs)) < TRANSPOSED_SHARE
    semitones = torch.randint(1, 12, moved.shape) * moved
    tables = transposition_tables()[semitones]

    def move(ids: Tensor) -> Tensor:
        return tables.gather(1, ids.flatten(1)).view(ids.shape)

    trace = dataclasses.replace(batch.trace, recent=move(batch.trace.recent), chords=move(batch.trace.chords))
    return dataclasses.replace(
        batch, inputs=move(batch.inputs), targets=move(batch.targets), trace=trace
    ), moved.float()


@functools.cache
def transposition_tables() -> Tensor:
    """[12, 159] token -> the same chord so many semitones higher; N, END and PAD stay."""
    rows = [
        [Chord.from_id(token).transposed(semitones).id if token < N_CHORDS else token for token in range(N_TOKENS)]
        for semitones in range(12)
    ]
    return torch.tensor(rows)


def with_random_mood(film: Film) -> Film:
    """Ask each film for a mood of its own from a random second on."""
    n_films, length = film.mood.shape
    device = film.mood.device
    mood = torch.randint(len(EMOTIONS), (n_films, 1), device=device).expand(n_films, length)
    since = (torch.rand(n_films, 1, device=device) * length * 0.5).long()
    strength = (torch.arange(length, device=device)[None] >= since).float()
    return dataclasses.replace(film, mood=mood, mood_strength=strength)


def chord_figures(network: BridgeNetwork, songs: SongTensors, machine: Machine) -> dict[str, float]:
    """Hits@k and likelihood for the curves."""
    hits: list[Tensor] = []
    nll: list[Tensor] = []
    for rows in torch.split(torch.arange(len(songs)), 25):
        batch = songs.batch(rows).to(machine.device)
        with machine.autocast():
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
    """Numbers that are learned, over all modules."""
    return sum(parameter.numel() for module in modules for parameter in module.parameters())
