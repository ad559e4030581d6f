"""How often the right music is found among all songs for a film: the pinned retrieval figures, and their ablations."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from v2m_bridge.amt.alignment import WINDOW_S, AlignmentNetwork, Music, join_embeddings
from v2m_bridge.amt.film import Film
from v2m_bridge.amt.ranking import DEFAULT_ALIGNMENT, load_aligner
from v2m_bridge.training.songs.dataset import Song, chosen_songs, load_dataset
from v2m_bridge.training.songs.windows import Windows, on_device

OFFSETS_S = (0, 40, 80, 120)
"""Where the judged windows start, in seconds; a window that would reach beyond the song ends with it."""

RECALL_AT = (1, 5, 10)


@dataclass(frozen=True)
class Retrieval:
    """Every film window ranked against the music windows of all songs at the same offset.

    Attributes:
        recall: share of windows whose own music is within the first 1, 5 and 10.
        median_rank: 1 is the best; half of ``songs`` is chance.
        songs: how many songs each film was ranked against.
        window_s: seconds of a window.
    """

    recall: tuple[float, ...]
    median_rank: float
    songs: int
    window_s: int = WINDOW_S

    def as_curve(self) -> dict[str, float]:
        """The figures of the training curves, by name."""
        return {"R@5": self.recall[1], "R@10": self.recall[2], "median_rank": self.median_rank}


Hide = Callable[[Film, Music], tuple[Film, Music]]


def _nothing(film: Film, music: Music) -> tuple[Film, Music]:
    return film, music


def alignment_figures(
    network: AlignmentNetwork, songs: Sequence[Song], hide: Hide = _nothing, offsets_s: Sequence[int] = OFFSETS_S
) -> Retrieval:
    """Retrieval figures of a network on songs.

    Args:
        network: the network.
        songs: all of them are ranked for every film.
        hide: takes information away from film or music (``ABLATIONS``).
        offsets_s: where the windows start.
    """
    ranks = torch.cat([_ranks(window_scores(network, songs, offset, hide)) for offset in offsets_s])
    recall = tuple(float((ranks <= k).float().mean()) for k in RECALL_AT)
    return Retrieval(recall, float(ranks.float().quantile(0.5)), len(songs))


@torch.inference_mode()
def window_scores(network: AlignmentNetwork, songs: Sequence[Song], offset_s: int, hide: Hide = _nothing) -> Tensor:
    """[S, S] alignment of every film (rows) with every song's music (columns), windows from ``offset_s`` on."""
    device = str(network.log_scale.device)
    windows = Windows(songs)
    lengths = windows.seconds.clip(max=WINDOW_S)
    films, pieces = [], []
    order: list[int] = []
    for seconds in sorted(set(lengths.tolist())):
        rows = [row for row, length in enumerate(lengths.tolist()) if length == seconds]
        starts = [min(offset_s, int(windows.seconds[row]) - seconds) for row in rows]
        film, music = windows.cut(rows, starts, seconds)
        film, music = hide(on_device(film, device), on_device(music, device))
        films.append(network.embed_film(film))
        pieces.append(network.embed_music(music))
        order += rows
    scores = network.scores(join_embeddings(films), join_embeddings(pieces))
    back = torch.tensor(order).argsort()
    return scores.cpu()[back][:, back]


def _ranks(scores: Tensor) -> Tensor:
    """[S] rank of each film's own music, 1 the best; music with the same score counts as better."""
    own = scores.diag()[:, None]
    return (scores >= own).sum(dim=1).clamp(min=1)


def only_dynamics(film: Film, music: Music) -> tuple[Film, Music]:
    """Music without its chords and mode: density and loudness alone."""
    return film, dataclasses.replace(music, chords_present=torch.zeros_like(music.chords_present))


def only_chords(film: Film, music: Music) -> tuple[Film, Music]:
    """Music without its density and loudness."""
    return film, dataclasses.replace(music, dynamics_present=torch.zeros_like(music.dynamics_present))


def only_motion(film: Film, music: Music) -> tuple[Film, Music]:
    """Film by motion and cuts alone, as without CLIP weights."""
    absent = torch.zeros_like(film.semantic_present)
    return dataclasses.replace(film, semantic_present=absent, emotion_present=absent), music


def without_film(film: Film, music: Music) -> tuple[Film, Music]:
    """No information about the film: the figures are then those of chance."""
    film, _ = only_motion(film, music)
    still = torch.zeros_like(film.scene_offset)
    return dataclasses.replace(film, motion_present=torch.zeros_like(film.motion_present), scene_offset=still), music


ABLATIONS: dict[str, Hide] = {
    "music: density and loudness only": only_dynamics,
    "music: chords only": only_chords,
    "film: motion and cuts only": only_motion,
    "film: nothing": without_film,
}
"""Inputs that are taken away from a trained network, by name; learned vectors for absent inputs replace them."""


@dataclass(frozen=True)
class AlignmentEvaluation:
    """Retrieval figures of an alignment network on a split, with all inputs and with some taken away."""

    aligner: str
    split: str
    figures: Retrieval
    ablations: dict[str, Retrieval]

    def as_document(self) -> dict[str, object]:
        """The ``alignment`` object of ``evaluate --json``; keys are pinned in docs/alignment.md."""
        songs = self.figures.songs
        chance = {f"R@{k}": min(1.0, k / songs) for k in RECALL_AT} | {"median_rank": (songs + 1) / 2}
        return {
            **_document(self.figures),
            "songs": songs,
            "window_s": self.figures.window_s,
            "chance": chance,
            "ablations": {name: _document(figures) for name, figures in self.ablations.items()},
            "split": self.split,
            "checkpoint": self.aligner,
        }


def _document(figures: Retrieval) -> dict[str, float]:
    recall = {f"R@{k}": share for k, share in zip(RECALL_AT, figures.recall, strict=True)}
    return {**recall, "median_rank": figures.median_rank}


def evaluate_alignment(
    data_path: Path, checkpoint: Path | None = None, split: str | None = None
) -> AlignmentEvaluation:
    """Judge an alignment network on one split of a MuVi-Sync file.

    Args:
        checkpoint: a file or folder; None, or a folder without one, for the shipped one.
        split: None takes ``val`` where the file has train and val, else all songs of the file.

    Raises:
        InputError, CheckpointError: the data or weights cannot be used.
    """
    name, songs = chosen_songs(load_dataset(data_path), split)
    if checkpoint is not None and checkpoint.is_dir() and not (checkpoint / DEFAULT_ALIGNMENT).is_file():
        checkpoint = None
    aligner = load_aligner(checkpoint)
    return AlignmentEvaluation(
        aligner=aligner.identity,
        split=name,
        figures=alignment_figures(aligner, songs),
        ablations={what: alignment_figures(aligner, songs, hide) for what, hide in ABLATIONS.items()},
    )
