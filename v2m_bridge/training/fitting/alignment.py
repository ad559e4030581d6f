"""Contrastive training of the alignment network on MuVi-Sync: the film of a song against the films of all others."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from v2m_bridge.amt.alignment import WINDOW_S, AlignmentNetwork, AlignmentShape, Music, join_tracks
from v2m_bridge.amt.checkpoints import save_weights
from v2m_bridge.amt.heard import MusicHeard
from v2m_bridge.amt.network import Film, VideoEncoder, as_film
from v2m_bridge.amt.ranking import ALIGNMENT_FORMAT, DEFAULT_ALIGNMENT, as_music
from v2m_bridge.progress import Progress, silent
from v2m_bridge.training.fitting.chords import Machine
from v2m_bridge.training.fitting.loop import Epoch, Recipe, train
from v2m_bridge.training.judging.alignment_metrics import alignment_figures
from v2m_bridge.training.songs.dataset import Song

ALIGNMENT_RECIPE = Recipe(epochs=34, batch=200, learning_rate=3e-3, weight_decay=0.3, average=0.97, warm_up=20)
"""About a hundred steps: the curves of held-out songs are flat from there on and the training loss is not."""

ALIGNMENT_STATE = "alignment.state"

_Tensors = TypeVar("_Tensors", Film, Music)

FILM_ABSENT_SHARE = 0.1
MUSIC_ABSENT_SHARE = 0.1
CURVE_OFFSETS_S = (40,)
"""The curve looks at one window a song; the figures at the end look at all."""

PRINCIPAL_SECONDS = 4
"""Every so many seconds of the training films count for the principal components."""


class Windows:
    """Windows of film and of the music that belongs to it, cut from songs as they are asked for."""

    def __init__(self, songs: Sequence[Song]) -> None:
        self.songs = tuple(songs)
        self.seconds = np.array([min(len(song.chords), song.film.length) for song in songs])

    def __len__(self) -> int:
        return len(self.songs)

    def cut(self, rows: Sequence[int], starts: Sequence[int], seconds: int = WINDOW_S) -> tuple[Film, Music]:
        """Film and music of ``seconds`` seconds of the songs ``rows`` from ``starts`` on."""
        films = [self.songs[row].film.window(start, start + seconds) for row, start in zip(rows, starts, strict=True)]
        heard = [
            heard_in_song(self.songs[row]).window(start, start + seconds)
            for row, start in zip(rows, starts, strict=True)
        ]
        # The mode belongs to the music; the film must not tell it.
        film = as_film([dataclasses.replace(item, minor=False) for item in films])
        return dataclasses.replace(film, semantic=film.semantic.float()), as_music(heard)

    def random(self, rows: Tensor, device: str = "cpu") -> tuple[Film, Music]:
        """A window of each of the songs ``rows``, anywhere in it; short songs shorten all windows."""
        chosen = rows.tolist()
        seconds = min(WINDOW_S, int(self.seconds[chosen].min()))
        places = torch.rand(len(chosen)).tolist()
        starts = [int(place * (self.seconds[row] - seconds + 1)) for row, place in zip(chosen, places, strict=True)]
        film, music = self.cut(chosen, starts, seconds)
        return on_device(film, device), on_device(music, device)


def on_device(part: _Tensors, device: str) -> _Tensors:
    """A record of tensors on another device."""
    return dataclasses.replace(
        part, **{item.name: getattr(part, item.name).to(device) for item in dataclasses.fields(part)}
    )


def heard_in_song(song: Song) -> MusicHeard:
    """The music of a song as the music encoder hears it."""
    return MusicHeard(song.chords, song.note_density, song.loudness, song.minor)


def train_alignment(
    songs: Sequence[Song],
    validation: Sequence[Song],
    shape: AlignmentShape,
    recipe: Recipe,
    device: str = "cpu",
    state_path: Path | None = None,
    progress: Progress = silent,
    report: Callable[[Epoch], None] = lambda epoch: None,
) -> tuple[AlignmentNetwork, list[Epoch]]:
    """A network trained on ``songs``; ``validation`` only draws the curve, nothing is chosen by it."""
    torch.manual_seed(recipe.seed)
    network = AlignmentNetwork(shape)
    start_from_components(network.video.encoder, songs)
    network.to(device)
    windows = Windows(songs)

    def loss(module: nn.Module, rows: Tensor) -> Tensor:
        assert isinstance(module, AlignmentNetwork)
        return window_loss(module, *windows.random(rows, device))

    def validate(module: nn.Module) -> dict[str, float]:
        assert isinstance(module, AlignmentNetwork)
        return alignment_figures(module, validation, offsets_s=CURVE_OFFSETS_S).as_curve()

    # Songs of any length may meet in a batch: windows are of one length anyway.
    best, curves = train(network, torch.zeros(len(songs)), loss, validate, recipe, state_path, progress, report)
    assert isinstance(best, AlignmentNetwork)
    remember_films(best, songs)
    return best, curves


def train_alignment_phase(
    songs: Sequence[Song],
    watched: Sequence[Song],
    recipe: Recipe,
    machine: Machine,
    out: Path,
    progress: Progress = silent,
    report: Callable[[Epoch], None] = lambda epoch: None,
) -> list[Epoch]:
    """Run :func:`train_alignment`, write ``alignment.safetensors`` into ``out`` and hand back the curve."""
    aligner, curve = train_alignment(
        songs, watched, AlignmentShape(), recipe, machine.device, out / ALIGNMENT_STATE, progress, report
    )
    record = json.dumps({"seed": recipe.seed, "train_songs": len(songs), "recipe": dataclasses.asdict(recipe)})
    save_weights(out / DEFAULT_ALIGNMENT, ALIGNMENT_FORMAT, aligner.shape, aligner.state_dict(), record)
    return curve


@torch.inference_mode()
def remember_films(network: AlignmentNetwork, songs: Sequence[Song]) -> None:
    """Give the network windows of the films it learned from, spread over them, as references."""
    windows = Windows(songs)
    tracks = []
    for index in range(network.shape.references):
        row = index * len(windows) // network.shape.references
        seconds = min(WINDOW_S, int(windows.seconds[row]))
        film, _ = windows.cut([row], [(int(windows.seconds[row]) - seconds) // 2], seconds)
        tracks.append(network.film_track(on_device(film, str(network.log_scale.device))))
    network.remember(join_tracks(tracks))


def window_loss(network: AlignmentNetwork, film: Film, music: Music) -> Tensor:
    """Contrastive loss of one batch of windows with modalities dropped."""
    films = network.film_track(hide_film(film))
    pieces = network.music_track(hide_music(music))
    return contrastive_loss(network.member_scores(films, pieces))


def contrastive_loss(scores: Tensor) -> Tensor:
    """Symmetric InfoNCE (van den Oord et al. 2018) of scores [M, B, B], mean over members.

    Row b of each is a film, column b its own music; every other song of the batch is a wrong answer.
    """
    own = torch.arange(scores.shape[-1], device=scores.device).expand(scores.shape[0], -1).flatten()
    by_film = F.cross_entropy(scores.flatten(0, 1), own)
    by_music = F.cross_entropy(scores.transpose(1, 2).flatten(0, 1), own)
    return (by_film + by_music) / 2


def hide_film(film: Film) -> Film:
    """Hide modalities of some films, so that the encoder works without them."""
    n_films = film.minor.shape[0]

    def kept() -> Tensor:
        return torch.rand(n_films, 1, device=film.minor.device) >= FILM_ABSENT_SHARE

    return dataclasses.replace(
        film,
        semantic_present=film.semantic_present & kept(),
        emotion_present=film.emotion_present & kept(),
        motion_present=film.motion_present & kept(),
    )


def hide_music(music: Music) -> Music:
    """Hide the chords or the dynamics of some pieces, never both."""
    draw = torch.rand(len(music.minor), 1, device=music.minor.device)
    return dataclasses.replace(
        music,
        chords_present=music.chords_present & (draw >= MUSIC_ABSENT_SHARE),
        dynamics_present=music.dynamics_present & (draw < 1 - MUSIC_ABSENT_SHARE),
    )


@torch.no_grad()
def start_from_components(encoder: VideoEncoder, songs: Sequence[Song]) -> None:
    """Standardise the semantics, and begin with their whitened principal components: what films differ in most.

    From random projections a hundred steps would not find them.
    """
    rows = np.concatenate([song.film.semantic[::PRINCIPAL_SECONDS] for song in songs]).astype(np.float32)
    values = torch.from_numpy(rows)
    mean, deviation = values.mean(dim=0), values.std(dim=0).clamp(min=1e-6)
    encoder.semantic_mean.copy_(mean)
    encoder.semantic_scale.copy_(1 / deviation)
    values = (values - mean) / deviation
    power, directions = torch.linalg.eigh(values.T @ values / len(values))
    width = encoder.semantic.weight.shape[0]
    best = (directions[:, -width:] / power[-width:].clamp(min=1e-6).sqrt()).T.flip(0)
    # The sign of an eigenvector is the library's choice; the largest entry decides it.
    signs = torch.sign(best.gather(1, best.abs().argmax(dim=1, keepdim=True)))
    encoder.semantic.weight.copy_(best * signs)
    assert encoder.semantic.bias is not None
    encoder.semantic.bias.zero_()
