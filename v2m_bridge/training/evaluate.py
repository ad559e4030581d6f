"""The figures of a checkpoint on a split, beside baselines and published numbers; ``judging.metrics`` defines them."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from v2m_bridge.amt.checkpoints import load_chord_network
from v2m_bridge.amt.chord_network import ChordNetwork
from v2m_bridge.amt.dynamics import predict_dynamics
from v2m_bridge.amt.filters import affect_tilt
from v2m_bridge.amt.vocabulary import END_ID, N_TOKENS, PAD_ID
from v2m_bridge.music.chords import Chord
from v2m_bridge.progress import Progress, silent
from v2m_bridge.training.judging.affect import AffectTable, affect_table
from v2m_bridge.training.judging.baselines import (
    AdaptiveNgram,
    Counts,
    Statistics,
    bigram_scores,
    gather_statistics,
    repeat_scores,
)
from v2m_bridge.training.judging.metrics import affective_bce, correspondence, song_rmse
from v2m_bridge.training.judging.scored_songs import ScoredSong, song_emotion_targets, teacher_forced
from v2m_bridge.training.judging.statistics import load_statistics
from v2m_bridge.training.songs.batches import padded_dynamics
from v2m_bridge.training.songs.dataset import STEPS, MuviSync, Song, chosen_songs, load_dataset, padded_film


@dataclass(frozen=True)
class Figures:
    """Mean over songs; None where a predictor has no such figure.

    Attributes:
        hits: at 1, 3, 5 over all positions that are not padding, END included (upstream).
        hits_on_change: the same, only where the target differs from the chord before it.
        hits_without_end: the same without the END position, which a network that knows the film's length gets right.
        chord_nll: negative log-likelihood per position.
        affective_loss: upstream's binary cross-entropy against the chord qualities of the film's emotion.
        correspondence: share of counted seconds whose chord is in the set of the film's emotion.
        rmse: root mean square errors of note density and loudness.
    """

    hits: tuple[float, ...] | None = None
    hits_on_change: tuple[float, ...] | None = None
    hits_without_end: tuple[float, ...] | None = None
    chord_nll: float | None = None
    affective_loss: float | None = None
    correspondence: float | None = None
    rmse: tuple[float, float] | None = None


@dataclass(frozen=True)
class Evaluation:
    """Everything that ``v2m-bridge evaluate`` prints.

    Attributes:
        checkpoint: identity of the chord network.
        split: name of the songs.
        songs: how many there are.
        figures: of the networks.
        steered_affective_loss: affective loss after the affect filter at strength 1.
        video: figures of the chord network with another song's video, and without video.
        baselines: figures by name of the predictor.
        affect: effect of each mood; None if it was not asked for.
        ground_truth_correspondence: of the true chords; None if no second counts.
    """

    checkpoint: str
    split: str
    songs: int
    figures: Figures
    steered_affective_loss: float
    video: dict[str, Figures]
    baselines: dict[str, Figures]
    affect: AffectTable | None
    ground_truth_correspondence: float | None


PUBLISHED: dict[str, dict[str, object]] = {
    "AMT, paper (test split)": {"hits": {"1": 0.5139, "3": 0.7722, "5": 0.8672}, "affective_loss": 0.4662},
    "AMT, reproduction (test split)": {"hits": {"1": 0.5995, "3": 0.8545, "5": 0.9166}, "affective_loss": 0.4527},
    "best public fork (test split)": {"hits": {"1": 0.6700, "3": 0.8845, "5": 0.9352}, "affective_loss": 0.4095},
    "biGRU, paper (test split)": {"rmse": {"note_density": 4.5030, "loudness": 0.0876}},
}
"""Kang et al. 2023, table 4, and the figures of Hwang-Tae-Gum/Video2Music-EmotionRNN (second-hand)."""


def evaluate(
    data_path: Path,
    checkpoint: Path | None = None,
    split: str | None = None,
    seeds: int = 20,
    progress: Progress = silent,
) -> Evaluation:
    """Score a checkpoint on one split of a MuVi-Sync file.

    Args:
        data_path: the ``.npz``.
        checkpoint: a file or folder, None for the shipped one.
        split: None takes ``val`` where the file has train and val, else all songs of the file.
        seeds: decodings per mood in the affect table; 0 leaves the table out.
        progress: told the stages.

    Raises:
        InputError, CheckpointError: the data or weights cannot be used.
    """
    data = load_dataset(data_path)
    name, songs = chosen_songs(data, split)
    network = load_chord_network(checkpoint)
    progress("likelihood", 0.0)
    scored = [ScoredSong(song, scores) for song, scores in zip(songs, teacher_forced(network, songs), strict=True)]
    statistics, training = _background(data, name)
    calibration = statistics.calibration
    return Evaluation(
        checkpoint=network.identity,
        split=name,
        songs=len(songs),
        figures=dataclasses.replace(_figures(scored, calibration[0]), rmse=_network_rmse(songs, checkpoint)),
        steered_affective_loss=_steered_loss(scored, calibration[1]),
        video=_video_ablations(network, songs, calibration[0], progress),
        baselines=_baselines(songs, statistics, training, progress),
        affect=affect_table(network, [song.film for song in songs], seeds, progress) if seeds else None,
        ground_truth_correspondence=_ground_truth(songs),
    )


def _background(data: MuviSync, split: str) -> tuple[Statistics, tuple[Song, ...]]:
    """Statistics and songs for the baselines.

    They are the file's training songs if it has any and they are not judged, else the shipped statistics and no songs.
    """
    shipped = load_statistics()
    training = () if "train" in split.split("+") else tuple(song for song in data.songs if song.split == "train")
    if not training:
        return shipped, ()
    wanted = [song_emotion_targets(song).numpy().astype(np.float64) for song in training]
    return dataclasses.replace(gather_statistics(training, wanted), calibration=shipped.calibration), training


def _figures(scored: Sequence[ScoredSong], calibration: tuple[float, float]) -> Figures:
    everywhere, on_change, inner = (
        torch.stack(parts).mean(dim=0).tolist() for parts in zip(*(item.hits() for item in scored), strict=True)
    )
    slope, offset = calibration
    losses = []
    for item in scored:
        logits = item.scores.clamp(min=-25.0) * slope + offset
        losses.append(affective_bce(logits[1:], song_emotion_targets(item.song)[1:]))
    return Figures(
        hits=tuple(everywhere),
        hits_on_change=tuple(on_change),
        hits_without_end=tuple(inner),
        chord_nll=float(np.mean([item.nll() for item in scored])),
        affective_loss=float(np.mean(losses)),
        correspondence=_corresponding([item.scores.argmax(dim=-1) for item in scored], [i.song for i in scored]),
    )


def _steered_loss(scored: Sequence[ScoredSong], calibration: tuple[float, float]) -> float:
    """Upstream's affective loss after the affect filter at strength 1, with the film's measured emotions."""
    slope, offset = calibration
    losses = []
    for item in scored:
        tilted = item.scores + affect_tilt([padded_film(item.song)], 1.0)[0]
        logits = torch.log_softmax(tilted, dim=-1).clamp(min=-25.0) * slope + offset
        losses.append(affective_bce(logits[1:], song_emotion_targets(item.song)[1:]))
    return float(np.mean(losses))


def _corresponding(best: Sequence[Tensor], songs: Sequence[Song]) -> float | None:
    """Mean over the songs that have counted seconds; None if none has."""
    shares = []
    for chords, song in zip(best, songs, strict=True):
        emotion = torch.from_numpy(padded_film(song).emotion)
        inside, counted = correspondence(chords[1:], emotion[1:], torch.from_numpy(song.targets())[1:])
        if counted:
            shares.append(inside / counted)
    return float(np.mean(shares)) if shares else None


def _ground_truth(songs: Sequence[Song]) -> float | None:
    return _corresponding([torch.from_numpy(song.targets()) for song in songs], songs)


def _network_rmse(songs: Sequence[Song], checkpoint: Path | None) -> tuple[float, float]:
    """Errors of the dynamics network in the checkpoint's folder, or of the shipped one."""
    path = checkpoint if checkpoint is not None and (checkpoint / "dynamics.safetensors").is_file() else None
    errors = []
    for song in songs:
        film = song.film.window(0, min(STEPS, song.film.length))
        found = predict_dynamics(dataclasses.replace(film, semantic=film.semantic.astype(np.float32)), path)
        rows = np.zeros((STEPS, 2), np.float32)
        rows[: film.length, 0], rows[: film.length, 1] = found.note_density, found.loudness
        errors.append(song_rmse(torch.from_numpy(rows), torch.from_numpy(padded_dynamics(song))))
    density, loudness = torch.stack(errors).mean(dim=0).tolist()
    return density, loudness


def _video_ablations(
    network: ChordNetwork, songs: Sequence[Song], calibration: tuple[float, float], progress: Progress
) -> dict[str, Figures]:
    """The figures with each song given the next song's video (its own length kept), and with no video at all."""
    progress("video ablations", 0.0)
    films = [padded_film(song) for song in songs]
    others = films[1:] + films[:1]
    shuffled = [
        dataclasses.replace(other, slots_left=own.slots_left, minor=own.minor)
        for own, other in zip(films, others, strict=True)
    ]
    absent = [
        dataclasses.replace(
            film,
            semantic_present=np.zeros_like(film.semantic_present),
            emotion_present=np.zeros_like(film.emotion_present),
            motion_present=np.zeros_like(film.motion_present),
            scene_offset=np.zeros_like(film.scene_offset),
        )
        for film in films
    ]
    found = {}
    for name, given in (("shuffled", shuffled), ("absent", absent)):
        scores = teacher_forced(network, songs, given)
        found[name] = _figures([ScoredSong(song, item) for song, item in zip(songs, scores, strict=True)], calibration)
    return found


def _baselines(
    songs: Sequence[Song], statistics: Statistics, training: Sequence[Song], progress: Progress
) -> dict[str, Figures]:
    progress("baselines", 0.0)
    ngram = AdaptiveNgram(statistics, training)
    found = {"repeat": _only_first(_scored_by(songs, repeat_scores))}
    found["bigram"] = _probabilistic(songs, lambda song: bigram_scores(song, statistics))
    found[f"adaptive n-gram (global order {ngram.global_order})"] = _probabilistic(songs, ngram.scores)
    found["constant"] = Figures(
        affective_loss=_constant_bce(songs, statistics),
        correspondence=_corresponding([torch.full((STEPS,), Chord(9, 3).id)] * len(songs), songs),
        rmse=_constant_rmse(songs, np.tile(statistics.dynamics_mean, (STEPS, 1)), masked=False),
    )
    found["length-aware mean"] = Figures(
        rmse=_constant_rmse(songs, np.tile(statistics.dynamics_mean, (STEPS, 1)), masked=True)
    )
    found["length-aware mean per second"] = Figures(
        rmse=_constant_rmse(songs, statistics.dynamics_by_second, masked=True)
    )
    return found


def _scored_by(songs: Sequence[Song], predictor: Callable[[Song], Counts]) -> list[ScoredSong]:
    return [ScoredSong(song, torch.from_numpy(np.log(predictor(song) + 1e-12)).float()) for song in songs]


def _probabilistic(songs: Sequence[Song], predictor: Callable[[Song], Counts]) -> Figures:
    """Figures of a predictor that gives probabilities; it is not calibrated, so it has no affective loss."""
    plain = _figures(_scored_by(songs, predictor), (1.0, 0.0))
    return dataclasses.replace(plain, affective_loss=None)


def _only_first(scored: Sequence[ScoredSong]) -> Figures:
    """Hits@1 and correspondence: a predictor that does not rank the chords has no other figure."""
    figures = _figures(scored, (1.0, 0.0))
    assert figures.hits and figures.hits_on_change and figures.hits_without_end
    return Figures(
        hits=figures.hits[:1],
        hits_on_change=figures.hits_on_change[:1],
        hits_without_end=figures.hits_without_end[:1],
        correspondence=figures.correspondence,
    )


def _constant_bce(songs: Sequence[Song], statistics: Statistics) -> float:
    """Affective loss if every sounding second gets the training rate of each chord; END and padding count as known."""
    rates = torch.from_numpy(statistics.emotion_rates).float().clamp(1e-6, 1 - 1e-6)
    losses = []
    for song in songs:
        wanted = song_emotion_targets(song)
        targets = torch.from_numpy(song.targets())
        special = (targets == END_ID) | (targets == PAD_ID)
        known = F.one_hot(targets, N_TOKENS).float().clamp(1e-6, 1 - 1e-6)
        guess = torch.where(special[:, None], known, rates[None])
        losses.append(float(F.binary_cross_entropy(guess[1:], wanted[1:])))
    return float(np.mean(losses))


def _constant_rmse(songs: Sequence[Song], rows: np.ndarray, masked: bool) -> tuple[float, float]:
    errors = []
    for song in songs:
        guess = torch.from_numpy(rows).float()
        if masked:
            guess = guess * (torch.arange(STEPS) < len(song.chords))[:, None]
        errors.append(song_rmse(guess, torch.from_numpy(padded_dynamics(song))))
    density, loudness = torch.stack(errors).mean(dim=0).tolist()
    return density, loudness
