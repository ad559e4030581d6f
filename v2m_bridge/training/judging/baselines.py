"""Predictors without a network, whose figures any result has to be compared with."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from v2m_bridge.amt.vocabulary import N_TOKENS, PAD_ID
from v2m_bridge.training.songs.dataset import STEPS, Song

Counts = npt.NDArray[np.float64]

GLOBAL_ORDER = 6
SONG_ORDER = 10
SONG_WEIGHT = 3.0
"""Weight of the shorter context, in observations of the longer one, for the song's own n-grams."""


@dataclass(frozen=True)
class Statistics:
    """Sums over training songs that the baselines need; they are shipped, so that any file of songs can be judged.

    Attributes:
        bigrams: [159, 159] how often each token followed each.
        unigrams: [159] how often each token was a target.
        emotion_rates: [159] mean of upstream's affective target over sounding seconds.
        dynamics_mean: [2] note density and loudness over sounding seconds.
        dynamics_by_second: [300, 2] the same per second of the song.
        calibration: (slope, offset) that turn the network's log-probabilities into the logits of upstream's affective
            loss, and the same after the affect filter; fitted on training songs.
    """

    bigrams: Counts
    unigrams: Counts
    emotion_rates: Counts
    dynamics_mean: Counts
    dynamics_by_second: Counts
    calibration: tuple[tuple[float, float], tuple[float, float]] = ((1.0, 0.0), (1.0, 0.0))


def repeat_scores(song: Song) -> Counts:
    """[300, 159]: 1 for the previous chord, 0 for all others; order is irrelevant among those."""
    scores = np.zeros((STEPS, N_TOKENS))
    scores[np.arange(STEPS), song.inputs()] = 1.0
    return scores


def bigram_scores(song: Song, statistics: Statistics) -> Counts:
    """[300, 159] probabilities given the previous chord alone, smoothed by the unigram."""
    unigram = (statistics.unigrams + 0.01) / (statistics.unigrams + 0.01).sum()
    rows = statistics.bigrams[song.inputs()] + unigram
    probabilities: Counts = rows / rows.sum(axis=1, keepdims=True)
    return probabilities


class AdaptiveNgram:
    """An n-gram of the training songs (Witten-Bell), refined by the n-grams of the song itself up to each position.

    The order of the first is 6 with training songs, and 2 (bigram) with the shipped statistics alone.
    """

    def __init__(self, statistics: Statistics, songs: Sequence[Song] = ()) -> None:
        self._statistics = statistics
        self.global_order = GLOBAL_ORDER if songs else 2
        self._counts: dict[tuple[int, ...], dict[int, int]] = defaultdict(lambda: defaultdict(int))
        for song in songs:
            tokens = _tokens(song)
            for place in range(1, len(tokens)):
                for size in range(1, min(GLOBAL_ORDER, place + 1)):
                    self._counts[tuple(tokens[place - size : place])][tokens[place]] += 1

    def scores(self, song: Song) -> Counts:
        """[300, 159] probabilities of every target given all tokens before it."""
        tokens = _tokens(song)
        rows = np.full((STEPS, N_TOKENS), 1.0 / N_TOKENS)
        bigram = bigram_scores(song, self._statistics)
        heard: dict[tuple[int, ...], dict[int, int]] = defaultdict(lambda: defaultdict(int))
        for place in range(1, len(tokens)):
            row = self._global(tokens, place, bigram[place])
            for size in range(min(SONG_ORDER, place) + 1):
                row = _refined(row, heard.get(tuple(tokens[place - size : place])), SONG_WEIGHT)
            rows[place] = row
            for size in range(min(SONG_ORDER, place) + 1):
                heard[tuple(tokens[place - size : place])][tokens[place]] += 1
        return rows

    def _global(self, tokens: list[int], place: int, row: Counts) -> Counts:
        for size in range(1, min(GLOBAL_ORDER, place + 1)):
            followers = self._counts.get(tuple(tokens[place - size : place]))
            row = _refined(row, followers, float(len(followers)) if followers else 1.0)
        return row


def _tokens(song: Song) -> list[int]:
    targets = song.targets()
    return [int(token) for token in targets[targets != PAD_ID]]


def _refined(row: Counts, followers: dict[int, int] | None, weight: float) -> Counts:
    """Interpolate the counts after a longer context with ``row``, the estimate from the shorter one."""
    if not followers:
        return row
    total = sum(followers.values())
    row = row * (weight / (total + weight))
    for token, count in followers.items():
        row[token] += count / (total + weight)
    return row


def gather_statistics(songs: Sequence[Song], emotion_targets: Sequence[Counts]) -> Statistics:
    """Sums over training songs; ``emotion_targets`` holds upstream's affective target [300, 159] of each song."""
    bigrams = np.zeros((N_TOKENS, N_TOKENS))
    dynamics = np.zeros((STEPS, 2))
    seconds = np.zeros(STEPS)
    rates = np.zeros(N_TOKENS)
    for song, wanted in zip(songs, emotion_targets, strict=True):
        tokens = _tokens(song)
        np.add.at(bigrams, (tokens[:-1], tokens[1:]), 1.0)
        length = min(STEPS, len(song.chords))
        dynamics[:length, 0] += song.note_density[:length]
        dynamics[:length, 1] += song.loudness[:length]
        seconds[:length] += 1
        rates += wanted[:length].sum(axis=0)
    return Statistics(
        bigrams=bigrams,
        unigrams=bigrams.sum(axis=0),
        emotion_rates=rates / max(seconds.sum(), 1.0),
        dynamics_mean=dynamics.sum(axis=0) / max(seconds.sum(), 1.0),
        dynamics_by_second=dynamics / np.maximum(seconds, 1.0)[:, None],
    )
