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
from v2m_bridge.amt.by_second import MusicBySecond, seconds_of_film
from v2m_bridge.amt.checkpoints import checked_weights, fill, shape_of
from v2m_bridge.amt.film import as_film
from v2m_bridge.errors import InputError
from v2m_bridge.footage.model import FloatArray, FootageFeatures

ALIGNMENT_FORMAT = "v2m.alignment/1"
DEFAULT_ALIGNMENT = "alignment.safetensors"

LIKELIHOOD_WEIGHT = 0.25
"""Weight of the standardised likelihood against 1 for the standardised alignment.

It decides between scores that follow the film alike, and keeps out unlikely harmony.
"""


@dataclass(frozen=True)
class Candidate:
    """One of the scores compared.

    Attributes:
        seed: it was drawn with.
        alignment: with the film, mean over its windows, in standard deviations over other films: at 0 the music
            follows this film as well as the average film, at 1 better than five sixths of them.
        log_likelihood: natural log of the probability per chord.
        total: the figure that decides: alignment, plus weighted likelihood, each standardised over the candidates.
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
    """Read an alignment network.

    Args:
        path: a file, or a folder that holds ``alignment.safetensors``; None for the shipped one.

    Raises:
        CheckpointError: it cannot be used.
    """
    weights = checked_weights(path, DEFAULT_ALIGNMENT, ALIGNMENT_FORMAT)
    network = AlignmentNetwork(shape_of(weights, AlignmentShape), weights.identity)
    fill(network, weights)
    return network.eval()


def candidate_seeds(seed: int, count: int) -> list[int]:
    """The seeds of ``count`` candidates: the first is ``seed``; the others differ from those of neighbouring seeds."""
    return [seed, *(int(np.random.SeedSequence((seed, k)).generate_state(1)[0]) for k in range(1, count))]


def rank(
    aligner: AlignmentNetwork,
    film: FootageFeatures,
    pieces: Sequence[MusicBySecond],
    log_likelihoods: Sequence[float],
    seeds: Sequence[int],
) -> Ranking:
    """Choose among scores of one film.

    Args:
        aligner: the network that judges.
        film: the measured footage.
        pieces: the music of each candidate, as long as the film.
        log_likelihoods: of each candidate, per chord.
        seeds: of each candidate.

    Raises:
        InputError: a piece is not as long as the film, or there is nothing to compare.
    """
    alignments = film_alignment(aligner, film, pieces)
    totals = standardised(alignments.astype(np.float64)) + LIKELIHOOD_WEIGHT * standardised(
        np.asarray(log_likelihoods, np.float64)
    )
    rows = zip(seeds, alignments.tolist(), log_likelihoods, totals.tolist(), strict=True)
    candidates = tuple(Candidate(seed, alignment, float(own), total) for seed, alignment, own, total in rows)
    return Ranking(candidates, int(np.argmax(totals)), aligner.identity)


def standardised(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """[C] values as standard deviations from their mean; zeros where all are equal."""
    spread = float(values.std())
    return (values - values.mean()) / spread if spread > 1e-9 else np.zeros_like(values)


@torch.inference_mode()
def film_alignment(aligner: AlignmentNetwork, film: FootageFeatures, pieces: Sequence[MusicBySecond]) -> FloatArray:
    """[C] alignment of each piece with the film, relative to other films (:class:`Candidate`).

    It is the mean over windows of about 96 s; the cost is linear in seconds.

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
        rows = None if dense is None else _dense_window(dense, start, stop)
        shown = aligner.embed_film(as_film([conditioning.window(start, stop)]), rows)
        music = aligner.embed_music(as_music([piece.window(start, stop) for piece in pieces]))
        total += aligner.relative_scores(shown, music)[0] * (stop - start)
    result: FloatArray = (total / film.length).numpy().astype(np.float32)
    return result


def as_music(pieces: Sequence[MusicBySecond]) -> Music:
    """Stack pieces of one length as tensors, with chords and dynamics marked as present."""
    chords = torch.from_numpy(np.stack([item.chords for item in pieces]))
    dynamics = np.stack([np.stack((item.note_density, item.loudness), axis=-1) for item in pieces])
    known = torch.ones_like(chords, dtype=torch.bool)
    minor = torch.tensor([int(item.minor) for item in pieces])
    return Music(chords, torch.from_numpy(dynamics.astype(np.float32)), known, known, minor)


def dense_of(film: FootageFeatures) -> Dense | None:
    """The film's dense rows, cut or padded with absent ones to whole seconds; None if it has none."""
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
