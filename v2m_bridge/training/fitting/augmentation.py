"""Random changes of a batch: what is hidden, transposed or added, so that a network works in more cases than it saw."""

from __future__ import annotations

import dataclasses
import functools

import torch
from torch import Tensor

from v2m_bridge.amt.alignment import Music
from v2m_bridge.amt.film import UNKNOWN_LEFT, Film
from v2m_bridge.amt.vocabulary import N_TOKENS
from v2m_bridge.music.chords import N_CHORDS, Chord
from v2m_bridge.music.emotions import EMOTIONS
from v2m_bridge.training.songs.batches import Batch

SEMANTIC_ABSENT_SHARE = 0.75
"""High, because a network that gets the semantics of a song's video learns to recognise the song instead of music."""

ABSENT_SHARE = 0.25
"""Share of films whose emotion, and whose motion, is hidden."""

ALL_ABSENT_SHARE = 0.1
"""Share of films of which every modality is hidden."""

UNKNOWN_LENGTH_SHARE = 0.2
"""Share of films whose length is hidden."""

TRANSPOSED_SHARE = 0.4
"""Share of songs that are transposed."""

WINDOW_ABSENT_SHARE = 0.1
"""Share of windows, for the alignment network, in which one modality of the film or one part of the music is hidden."""


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
    """Transpose some songs, and mark them with 1 in [B]; intervals, which the network is to learn, are the same."""
    moved = torch.rand(len(batch.inputs)) < TRANSPOSED_SHARE
    semitones = torch.randint(1, 12, moved.shape) * moved
    tables = transposition_tables()[semitones]

    def move(ids: Tensor) -> Tensor:
        return tables.gather(1, ids.flatten(1)).view(ids.shape)

    history = dataclasses.replace(batch.history, recent=move(batch.history.recent), chords=move(batch.history.chords))
    return dataclasses.replace(
        batch, inputs=move(batch.inputs), targets=move(batch.targets), history=history
    ), moved.float()


@functools.cache
def transposition_tables() -> Tensor:
    """[12, 159] id of each token that many semitones higher; N, END and PAD stay."""
    rows = [
        [Chord.from_id(token).transposed(semitones).id if token < N_CHORDS else token for token in range(N_TOKENS)]
        for semitones in range(12)
    ]
    return torch.tensor(rows)


def with_random_mood(film: Film) -> Film:
    """Ask for a random mood in each film, from a random second of its first half on."""
    n_films, length = film.mood.shape
    device = film.mood.device
    mood = torch.randint(len(EMOTIONS), (n_films, 1), device=device).expand(n_films, length)
    since = (torch.rand(n_films, 1, device=device) * length * 0.5).long()
    strength = (torch.arange(length, device=device)[None] >= since).float()
    return dataclasses.replace(film, mood=mood, mood_strength=strength)


def hide_film(film: Film) -> Film:
    """Hide modalities of some windows of film, so that the alignment network works without them."""
    n_films = film.minor.shape[0]

    def kept() -> Tensor:
        return torch.rand(n_films, 1, device=film.minor.device) >= WINDOW_ABSENT_SHARE

    return dataclasses.replace(
        film,
        semantic_present=film.semantic_present & kept(),
        emotion_present=film.emotion_present & kept(),
        motion_present=film.motion_present & kept(),
    )


def hide_music(music: Music) -> Music:
    """Hide the chords or the dynamics of some windows of music, never both."""
    draw = torch.rand(len(music.minor), 1, device=music.minor.device)
    return dataclasses.replace(
        music,
        chords_present=music.chords_present & (draw >= WINDOW_ABSENT_SHARE),
        dynamics_present=music.dynamics_present & (draw < 1 - WINDOW_ABSENT_SHARE),
    )
