"""Songs as padded tensors, with their history features computed once."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from v2m_bridge.amt.film import Film, as_film
from v2m_bridge.amt.history import History, HistoryFeatures
from v2m_bridge.amt.vocabulary import PAD_ID
from v2m_bridge.training.songs.dataset import STEPS, Song, padded_film

_SQUARE = ("exact", "loose", "same_run", "alike")
_PER_SONG = ("minor",)
_SONGS_AT_ONCE = 64


@dataclass(frozen=True)
class Batch:
    """B songs of at most L seconds.

    Attributes:
        inputs, targets: [B, L] tokens; the targets are PAD beyond the song.
        history: history features of the inputs.
        film: conditioning of the L slots.
        slots_left: [B, L] seconds of film after each slot, negative beyond its end.
        dynamics: [B, L, 2] note density and loudness, 0 beyond the song.
        sounding: [B, L] False beyond the song's end.
    """

    inputs: Tensor
    targets: Tensor
    history: HistoryFeatures
    film: Film
    slots_left: Tensor
    dynamics: Tensor
    sounding: Tensor

    def to(self, device: torch.device | str) -> Batch:
        """The same on another device."""

        def moved(part: object) -> object:
            if isinstance(part, Tensor):
                return part.to(device)
            values = {item.name: moved(getattr(part, item.name)) for item in dataclasses.fields(part)}  # type: ignore[arg-type]
            return dataclasses.replace(part, **values)  # type: ignore[type-var]

        result = moved(self)
        assert isinstance(result, Batch)
        return result


class SongTensors:
    """All songs of a split as tensors; :meth:`batch` gives some of them, cut to the longest.

    Args:
        songs: the songs.
        with_history: False leaves the history features out; learning dynamics does not need them.
    """

    def __init__(self, songs: Sequence[Song], with_history: bool = True) -> None:
        self.songs = tuple(songs)
        self.inputs = torch.from_numpy(np.stack([song.inputs() for song in songs]))
        self.targets = torch.from_numpy(np.stack([song.targets() for song in songs]))
        films = [padded_film(song) for song in songs]
        parts: dict[str, list[Tensor]] = {item.name: [] for item in dataclasses.fields(Film)}
        for film in films:
            one = as_film([film])
            for name, rows in parts.items():
                part = getattr(one, name)
                rows.append(part.half() if name == "semantic" else part)
        self._films = {name: torch.cat(rows) for name, rows in parts.items()}
        self._slots_left = torch.from_numpy(np.stack([film.slots_left for film in films]))
        self._dynamics = torch.from_numpy(np.stack([padded_dynamics(song) for song in songs]))
        self._history = _history_of(self.inputs if with_history else self.inputs[:, :1])

    def __len__(self) -> int:
        return len(self.songs)

    @property
    def lengths(self) -> Tensor:
        """[S] how many targets each song has, END included."""
        return (self.targets != PAD_ID).sum(dim=1)

    def batch(self, rows: Tensor, longest: int | None = None) -> Batch:
        """The songs ``rows`` [B], cut to the longest of them or to ``longest`` seconds."""
        n = longest or int(self.lengths[rows].max())
        film = {name: part[rows] if name in _PER_SONG else part[rows, :n] for name, part in self._films.items()}
        film["semantic"] = film["semantic"].float()
        history = {
            name: part[rows, :n, :n] if name in _SQUARE else part[rows, :n] for name, part in self._history.items()
        }
        seconds = torch.tensor([len(self.songs[row].chords) for row in rows.tolist()])
        return Batch(
            inputs=self.inputs[rows, :n],
            targets=self.targets[rows, :n],
            history=HistoryFeatures(**history),
            film=Film(**film),
            slots_left=self._slots_left[rows, :n],
            dynamics=self._dynamics[rows, :n],
            sounding=torch.arange(n)[None] < seconds[:, None],
        )

    def semantic_statistics(self) -> tuple[Tensor, Tensor]:
        """Mean and standard deviation [768] of the semantics over all measured seconds."""
        rows = self._films["semantic"][self._films["semantic_present"]].double()
        return rows.mean(dim=0).float(), rows.std(dim=0).float()


def padded_dynamics(song: Song) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    """[300, 2] note density and loudness, 0 beyond the song, as upstream scores them."""
    rows = np.zeros((STEPS, 2), np.float32)
    length = min(STEPS, len(song.chords))
    rows[:length, 0] = song.note_density[:length]
    rows[:length, 1] = song.loudness[:length]
    return rows


def _history_of(inputs: Tensor) -> dict[str, Tensor]:
    """The fields of :class:`HistoryFeatures` of inputs [S, 300], in portions that fit into memory."""
    parts = []
    for start in range(0, len(inputs), _SONGS_AT_ONCE):
        some = inputs[start : start + _SONGS_AT_ONCE]
        parts.append(History(len(some), STEPS).push(some))
    names = [item.name for item in dataclasses.fields(HistoryFeatures)]
    return {name: torch.cat([getattr(part, name) for part in parts]) for name in names}
