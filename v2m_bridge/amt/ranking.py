"""Which of several scores follows the film best: alignment of the whole film, and likelihood beside it."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from v2m_bridge.amt.alignment import (
    DENSE_COLUMNS,
    DENSE_RATE,
    WINDOW_S,
    AlignmentNetwork,
    AlignmentShape,
    Dense,
    Music,
)
from v2m_bridge.amt.checkpoints import checked_weights, fill, shape_of
from v2m_bridge.amt.heard import MusicHeard, seconds_of_film
from v2m_bridge.amt.network import as_film
from v2m_bridge.errors import InputError
from v2m_bridge.footage.model import FloatArray, FootageFeatures

ALIGNMENT_FORMAT = "v2m.alignment/1"
DEFAULT_ALIGNMENT = "alignment.safetensors"

LIKELIHOOD_WEIGHT = 0.25
"""Of the standardised likelihood beside the standardised alignment: it breaks ties and keeps out odd harmony."""


@dataclass(frozen=True)
class Candidate:
    """One of the scores compared.

    Attributes:
        seed: it was drawn with.
        alignment: with the film, mean over its windows, in standard deviations over other films: at 0 the music
            follows this film as well as any other, at 1 better than five sixths of them.
        log_likelihood: natural log of the probability per chord.
        total: what the choice is made by: alignment and likelihood in standard deviations of the candidates.
    """

    seed: int
    alignment: float
    log_likelihood: float
    total: float


@dataclass(frozen=True)
class Ranking:
    """All candidates in the order they were drawn, and which was kept."""

    candidates: tuple[Candidate, ...]
    chosen: int
    aligner: str

    @property
    def alignment_rank(self) -> int:
        """Place of the chosen one by alignment alone, 1 the best."""
        own = self.candidates[self.chosen].alignment
        return 1 + sum(other.alignment > own for other in self.candidates)

    @property
    def likelihood_rank(self) -> int:
        """Place of the chosen one by likelihood alone, 1 the best."""
        own = self.candidates[self.chosen].log_likelihood
        return 1 + sum(other.log_likelihood > own for other in self.candidates)


def load_aligner(path: Path | None = None) -> AlignmentNetwork:
    """Read an alignment network: a file, a folder that holds ``alignment.safetensors``, None for the shipped one.

    Raises:
        CheckpointError: it cannot be used.
    """
    weights = checked_weights(path, DEFAULT_ALIGNMENT, ALIGNMENT_FORMAT)
    network = AlignmentNetwork(shape_of(weights, AlignmentShape), weights.identity)
    fill(network, weights)
    return network.eval()


def candidate_seeds(seed: int, count: int) -> list[int]:
    """The seeds of ``count`` candidates: the first is ``seed`` itself, no neighbouring seed shares the others."""
    return [seed, *(int(np.random.SeedSequence((seed, k)).generate_state(1)[0]) for k in range(1, count))]


def rank(
    aligner: AlignmentNetwork,
    film: FootageFeatures,
    pieces: Sequence[MusicHeard],
    log_likelihoods: Sequence[float],
    seeds: Sequence[int],
) -> Ranking:
    """Choose among scores of one film.

    Args:
        pieces: what each candidate sounds like, all of the film's length.
        log_likelihoods: of each candidate, per chord.
    """
    alignments = film_alignment(aligner, film, pieces)
    totals = standardised(alignments.astype(np.float64)) + LIKELIHOOD_WEIGHT * standardised(
        np.asarray(log_likelihoods, np.float64)
    )
    rows = zip(seeds, alignments.tolist(), log_likelihoods, totals.tolist(), strict=True)
    candidates = tuple(Candidate(seed, alignment, float(own), total) for seed, alignment, own, total in rows)
    return Ranking(candidates, int(np.argmax(totals)), aligner.identity)


def standardised(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """In standard deviations about the mean; zeros where all are alike."""
    spread = float(values.std())
    return (values - values.mean()) / spread if spread > 1e-9 else np.zeros_like(values)


@torch.inference_mode()
def film_alignment(aligner: AlignmentNetwork, film: FootageFeatures, pieces: Sequence[MusicHeard]) -> FloatArray:
    """[C] alignment of each piece with the film, beyond that with other films (:class:`Candidate`).

    The mean over windows of about 96 s; cost linear in seconds.

    Raises:
        InputError: a piece is not as long as the film, or there is nothing to compare.
    """
    if not pieces or film.length == 0 or any(piece.length != film.length for piece in pieces):
        lengths = sorted({piece.length for piece in pieces})
        raise InputError(f"a film of {film.length} s cannot be compared with music of {lengths} s")
    conditioning, dense = seconds_of_film(film), dense_of(film)
    edges = np.linspace(0, film.length, 1 + max(1, round(film.length / WINDOW_S))).round().astype(int).tolist()
    total = torch.zeros(len(pieces))
    for start, stop in itertools.pairwise(edges):
        heard = None if dense is None else _dense_window(dense, start, stop)
        track = aligner.film_track(as_film([conditioning.window(start, stop)]), heard)
        music = aligner.music_track(as_music([piece.window(start, stop) for piece in pieces]))
        total += aligner.peculiar_scores(track, music)[0] * (stop - start)
    result: FloatArray = (total / film.length).numpy().astype(np.float32)
    return result


def as_music(heard: Sequence[MusicHeard]) -> Music:
    """Stack pieces of one length, everything known."""
    chords = torch.from_numpy(np.stack([item.chords for item in heard]))
    dynamics = np.stack([np.stack((item.note_density, item.loudness), axis=-1) for item in heard])
    known = torch.ones_like(chords, dtype=torch.bool)
    minor = torch.tensor([int(item.minor) for item in heard])
    return Music(chords, torch.from_numpy(dynamics.astype(np.float32)), known, known, minor)


def dense_of(film: FootageFeatures) -> Dense | None:
    """The film's dense rows in whole seconds, absent ones added or left over ones cut; None if it has none."""
    if not len(film.dense):
        return None
    wanted = film.length * DENSE_RATE
    rows, present = np.zeros((wanted, DENSE_COLUMNS), np.float32), np.zeros(wanted, np.bool_)
    have = min(wanted, len(film.dense))
    rows[:have] = film.dense[:have]
    present[:have] = film.dense_present[:have]
    return Dense(torch.from_numpy(rows)[None], torch.from_numpy(present)[None])


def _dense_window(dense: Dense, start: int, stop: int) -> Dense:
    part = slice(start * DENSE_RATE, stop * DENSE_RATE)
    return dataclasses.replace(dense, rows=dense.rows[:, part], present=dense.present[:, part])
