"""Windows of film and of the music that belongs to it, cut from songs as they are asked for."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor

from v2m_bridge.amt.alignment import WINDOW_S, Music
from v2m_bridge.amt.by_second import MusicBySecond
from v2m_bridge.amt.film import Film, as_film
from v2m_bridge.amt.ranking import as_music
from v2m_bridge.training.songs.dataset import Song

_Tensors = TypeVar("_Tensors", Film, Music)


class Windows:
    """Windows of songs; ``seconds`` [S] is how much of each song has both film and music."""

    def __init__(self, songs: Sequence[Song]) -> None:
        self.songs = tuple(songs)
        self.seconds = np.array([min(len(song.chords), song.film.length) for song in songs])

    def __len__(self) -> int:
        return len(self.songs)

    def cut(self, rows: Sequence[int], starts: Sequence[int], seconds: int = WINDOW_S) -> tuple[Film, Music]:
        """Film and music of ``seconds`` seconds of the songs ``rows``, each from its second in ``starts`` on."""
        films = [self.songs[row].film.window(start, start + seconds) for row, start in zip(rows, starts, strict=True)]
        pieces = [
            seconds_of_song(self.songs[row]).window(start, start + seconds)
            for row, start in zip(rows, starts, strict=True)
        ]
        # The mode belongs to the music; the film must not tell it.
        film = as_film([dataclasses.replace(item, minor=False) for item in films])
        return dataclasses.replace(film, semantic=film.semantic.float()), as_music(pieces)

    def random(self, rows: Tensor, device: str = "cpu") -> tuple[Film, Music]:
        """A window of each of the songs ``rows``, anywhere in it; short songs shorten all windows."""
        chosen = rows.tolist()
        seconds = min(WINDOW_S, int(self.seconds[chosen].min()))
        places = torch.rand(len(chosen)).tolist()
        starts = [int(place * (self.seconds[row] - seconds + 1)) for row, place in zip(chosen, places, strict=True)]
        film, music = self.cut(chosen, starts, seconds)
        return on_device(film, device), on_device(music, device)


def on_device(part: _Tensors, device: str) -> _Tensors:
    """The same film or music with its tensors on another device."""
    return dataclasses.replace(
        part, **{item.name: getattr(part, item.name).to(device) for item in dataclasses.fields(part)}
    )


def seconds_of_song(song: Song) -> MusicBySecond:
    """The music of a song as the alignment network takes it."""
    return MusicBySecond(song.chords, song.note_density, song.loudness, song.minor)
