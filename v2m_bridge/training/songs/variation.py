"""Variations of songs, new in every epoch of training: at another pace, or without their first seconds."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from v2m_bridge.amt.conditioning import Conditioning
from v2m_bridge.training.songs.dataset import Song

PACED_SHARE = 0.6
"""Share of songs that are stretched or squeezed in an epoch."""

SLOWEST, FASTEST = 0.75, 1.33
"""Seconds of the original per second of the variation."""

LATE_SHARE = 0.3
"""Share of songs that begin later in an epoch: by at most ``LATEST_START_S``, if ``SHORTEST_S`` remain."""

LATEST_START_S = 60
SHORTEST_S = 60


def varied_songs(songs: Sequence[Song], seed: int) -> list[Song]:
    """One variation of every song; the same for the same seed."""
    random = np.random.default_rng(seed)
    return [_varied(song, random) for song in songs]


def _varied(song: Song, random: np.random.Generator) -> Song:
    pace = float(np.exp(random.uniform(np.log(SLOWEST), np.log(FASTEST)))) if random.random() < PACED_SHARE else 1.0
    late = random.random() < LATE_SHARE
    start = int(random.integers(1, LATEST_START_S)) if late else 0
    if len(song.chords) - start < SHORTEST_S:
        start = 0
    return paced(song, pace, start)


def paced(song: Song, pace: float, start: int = 0) -> Song:
    """The song from second ``start`` on, ``pace`` times as fast; seconds are repeated or skipped, never mixed.

    Chord changes fall where they would have been found, second by second, in the song played at that tempo.
    """
    if pace == 1.0 and start == 0:
        return song
    music = _places(len(song.chords), pace, start)
    frames = _places(song.film.length, pace, min(start, song.film.length - 1))
    return dataclasses.replace(
        song,
        chords=song.chords[music],
        note_density=song.note_density[music],
        loudness=song.loudness[music],
        film=_picked(song.film, frames),
    )


def _places(length: int, pace: float, start: int) -> npt.NDArray[np.int64]:
    """[M] which second of the original each second of the variation is."""
    count = max(1, int((length - start) / pace))
    places = start + np.floor((np.arange(count) + 0.5) * pace).astype(np.int64)
    inside: npt.NDArray[np.int64] = np.minimum(places, length - 1)
    return inside


def _picked(film: Conditioning, frames: npt.NDArray[np.int64]) -> Conditioning:
    return Conditioning(
        semantic=film.semantic[frames],
        emotion=film.emotion[frames],
        motion=film.motion[frames],
        scene_offset=film.scene_offset[frames],
        semantic_present=film.semantic_present[frames],
        emotion_present=film.emotion_present[frames],
        motion_present=film.motion_present[frames],
        slots_left=np.arange(len(frames) - 1, -1, -1, dtype=np.int64),
        on_cut=film.on_cut[frames],
        moods=(None,) * len(frames),
        minor=film.minor,
    )
