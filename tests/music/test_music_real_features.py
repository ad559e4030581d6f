"""The arrangement follows real songs: figure against note density, velocities against loudness (MuVi-Sync, val)."""

from __future__ import annotations

import random
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from v2m_bridge.music.arrange import ArrangeOptions, arrange
from v2m_bridge.music.arrangement import Accent, Arrangement, ArrangeRequest, DynamicsPoint
from v2m_bridge.music.chords import Chord, ChordEvent
from v2m_bridge.music.keys import Key
from v2m_bridge.timing.tempo import TempoMap

Floats = npt.NDArray[np.float64]
SONGS = 12
BEATS_PER_SLOT = 2


@dataclass(frozen=True)
class Song:
    chord: npt.NDArray[np.uint8]
    note_density: Floats
    loudness: Floats


@pytest.fixture(scope="module")
def songs(shared_data: Path) -> list[Song]:
    data = np.load(shared_data / "muvi_sync" / "train_val.npz")
    ends = np.cumsum(data["n_chords"])
    chosen = np.flatnonzero(data["split"] == "val")[::6][:SONGS]
    chord, density, loudness = data["chord"], data["note_density"].astype(float), data["loudness"].astype(float)
    rows = [slice(ends[i] - data["n_chords"][i], ends[i]) for i in chosen]
    return [Song(chord[r], density[r], loudness[r]) for r in rows]


@pytest.fixture(scope="module")
def predicted(shared_data: Path, songs: list[Song]) -> list[Song]:
    """The same songs, with the density and loudness that the shipped network hears in their pictures."""
    pytest.importorskip("torch")
    from v2m_bridge.amt.conditioning import Conditioning
    from v2m_bridge.amt.dynamics import predict_dynamics

    data = np.load(shared_data / "muvi_sync" / "train_val.npz")
    ends = np.cumsum(data["n_frames"])
    scale, offset, names = data["semantic_scale"], data["semantic_offset"], ("emotion", "motion", "scene_offset")
    semantic, arrays = data["semantic_q"], {name: data[name] for name in names}
    found = []
    for song, index in zip(songs, np.flatnonzero(data["split"] == "val")[::6][:SONGS], strict=True):
        count = min(int(data["n_frames"][index]), len(song.chord))
        rows = slice(ends[index] - data["n_frames"][index], ends[index] - data["n_frames"][index] + count)
        there = np.ones(count, dtype=bool)
        columns = {name: array[rows].astype(np.float32) for name, array in arrays.items()}
        film = Conditioning(
            semantic=(semantic[rows] * scale + offset).astype(np.float32),
            **columns,
            semantic_present=there,
            emotion_present=there,
            motion_present=there,
            slots_left=np.arange(count)[::-1].astype(np.int64),
            on_cut=columns["scene_offset"] == 0,
            moods=(None,) * count,
        )
        heard = predict_dynamics(film)
        found.append(Song(song.chord[:count], heard.note_density.astype(float), heard.loudness.astype(float)))
    return found


def played(song: Song, seed: int, bpm: float = 120.0, strong: float = 1 / 7) -> Arrangement:
    """One slot of two beats for every second of the song, hits at random, a share of them ``strong``."""
    end = float(BEATS_PER_SLOT * len(song.chord))
    slots = range(len(song.chord))
    chords = [ChordEvent(Chord.from_id(int(song.chord[i])), 2.0 * i, 2.0 * i + 2) for i in slots]
    dynamics = [DynamicsPoint(2.0 * i, float(song.note_density[i]), float(song.loudness[i])) for i in slots]
    rng = random.Random(seed)
    accents = [Accent(rng.randrange(int(end) * 2) / 2, rng.random() < strong) for _ in range(len(song.chord) // 4)]
    tempo = TempoMap.constant(bpm)
    bars = list(tempo.bars(end))
    request = ArrangeRequest(chords, bars, dynamics, accents, Key(0, False), end, tempo)
    return arrange(request, ArrangeOptions(seed=seed))


def spearman(a: Floats, b: Floats) -> float:
    def ranks(values: Floats) -> Floats:
        _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
        return (np.cumsum(counts) - (counts - 1) / 2)[inverse]

    return float(np.corrcoef(ranks(a), ranks(b))[0, 1])


def slot_of(beat: float) -> int:
    return int((beat + 1e-6) // BEATS_PER_SLOT)


@pytest.mark.parametrize("source", ["songs", "predicted"])
def test_notes_per_second_of_the_figure_follow_the_density(source: str, request: pytest.FixtureRequest) -> None:
    own, played_all, wanted_all = [], [], []
    for seed, song in enumerate(request.getfixturevalue(source)):
        figure = next(p for p in played(song, seed).parts if p.role == "figure")
        counts = np.zeros(len(song.chord))
        np.add.at(counts, [slot_of(n.start_beat) for n in figure.notes], 1)
        sounding = song.chord > 0
        own.append(spearman(counts[sounding], song.note_density[sounding]))
        played_all.append(counts[sounding])
        wanted_all.append(song.note_density[sounding])
    pooled = spearman(np.concatenate(played_all), np.concatenate(wanted_all))
    print(source, "figure/density Spearman by song", np.round(own, 3), "pooled", round(pooled, 3))
    assert np.mean(own) >= 0.85
    assert min(own) >= 0.7  # a song whose density hardly moves is the hardest
    assert pooled >= 0.8


@pytest.mark.parametrize("source", ["songs", "predicted"])
def test_velocities_follow_the_loudness(source: str, request: pytest.FixtureRequest) -> None:
    """Without must-hits: into those, builds have a loudness of their own."""
    found = request.getfixturevalue(source)
    for role in ("chords", "bass", "figure", "swell"):
        velocities, loudness = [], []
        for seed, song in enumerate(found):
            for note in next(p for p in played(song, seed, strong=0).parts if p.role == role).notes:
                velocities.append(note.velocity)
                loudness.append(song.loudness[slot_of(note.start_beat)])
        rho = spearman(np.array(velocities, dtype=float), np.array(loudness))
        print(source, role, "velocity/loudness Spearman", round(rho, 3))
        assert rho >= 0.8
