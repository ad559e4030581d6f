"""Film and music second by second, as the alignment network takes them, whatever the music comes from."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from v2m_bridge.amt.conditioning import Conditioning, IntArray
from v2m_bridge.errors import InputError
from v2m_bridge.footage.model import FloatArray, FootageFeatures
from v2m_bridge.music.arrangement import DynamicsPoint, Part
from v2m_bridge.music.chords import ChordEvent
from v2m_bridge.music.dynamics import VELOCITY_LOUDEST, VELOCITY_SOFTEST, loudness_of_share
from v2m_bridge.music.keys import Key
from v2m_bridge.timing.tempo import TempoMap


@dataclass(frozen=True)
class MusicBySecond:
    """N seconds of music; row n describes the second ``[n, n + 1)``.

    Attributes:
        chords: [N] id of the chord sounding in the middle of the second, in C major or A minor.
        note_density: [N] notes that sound in the second, over all parts.
        loudness: [N] linear RMS, 0..1.
        minor: True for A minor, False for C major.
    """

    chords: IntArray
    note_density: FloatArray
    loudness: FloatArray
    minor: bool

    @property
    def length(self) -> int:
        """N, the number of seconds."""
        return len(self.chords)

    def window(self, start: int, stop: int) -> MusicBySecond:
        """Seconds ``[start, stop)``."""
        part = slice(start, stop)
        return MusicBySecond(self.chords[part], self.note_density[part], self.loudness[part], self.minor)


def seconds_of_slots(
    ids: Sequence[int] | IntArray,
    starts_s: Sequence[float],
    note_density: Sequence[float] | FloatArray,
    loudness: Sequence[float] | FloatArray,
    minor: bool,
    seconds: int,
) -> MusicBySecond:
    """Chords and predicted dynamics of harmonic slots, resampled to seconds.

    Args:
        ids: [S] chord id of each slot, in C major or A minor.
        starts_s: [S] start of each slot in seconds, ascending.
        note_density: [S] notes a second.
        loudness: [S] linear RMS, 0..1.
        minor: the mode.
        seconds: length of the result; each second takes the slot in its middle.

    Raises:
        InputError: there are no slots.
    """
    if not len(starts_s):
        raise InputError("there is no music to hear: it has no slots")
    places = np.maximum(np.searchsorted(np.asarray(starts_s), np.arange(seconds) + 0.5, side="right") - 1, 0)
    return MusicBySecond(
        chords=np.asarray(ids, dtype=np.int64)[places],
        note_density=np.asarray(note_density, dtype=np.float32)[places],
        loudness=np.asarray(loudness, dtype=np.float32)[places],
        minor=minor,
    )


def seconds_of_arrangement(
    chords: Sequence[ChordEvent],
    parts: Sequence[Part],
    key: Key,
    tempo: TempoMap,
    seconds: int,
    dynamics: Sequence[DynamicsPoint] = (),
) -> MusicBySecond:
    """A finished arrangement; note density is every note of every part that sounds in a second, as in MuVi-Sync.

    Args:
        chords: contiguous, in the arrangement's key.
        parts: their velocities give the loudness.
        key: of the arrangement; the result is in C major or A minor.
        tempo: converts beats to seconds.
        seconds: N, length of the result.
        dynamics: loudness of the seconds without a note; those are silent if it is empty.

    Raises:
        InputError: there are no chords.
    """
    if not chords:
        raise InputError("there is no music to hear: it has no chords")
    starts_s = [tempo.seconds_at(event.start_beat) for event in chords]
    down = -key.semitones_from_network
    ids = [event.chord.transposed(down).id for event in chords]
    counts, velocities = _sounding(parts, tempo, seconds)
    shares = (velocities / np.maximum(counts, 1) - VELOCITY_SOFTEST) / (VELOCITY_LOUDEST - VELOCITY_SOFTEST)
    loudness = np.array([loudness_of_share(min(1.0, max(0.0, float(share)))) for share in shares], np.float32)
    silent = _levels(dynamics, tempo, seconds)
    return seconds_of_slots(
        [ids[max(0, bisect_right(starts_s, second + 0.5) - 1)] for second in range(seconds)],
        list(range(seconds)),
        counts.astype(np.float32),
        np.where(counts > 0, loudness, silent).astype(np.float32),
        key.minor,
        seconds,
    )


def _sounding(
    parts: Sequence[Part], tempo: TempoMap, seconds: int
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """[N] notes that sound in each second, and [N] the sum of their velocities; the cost is linear in notes."""
    steps = np.zeros((seconds + 1, 2))
    for part in parts:
        for note in part.notes:
            first = int(tempo.seconds_at(note.start_beat) + 1e-6)
            last = int(np.ceil(tempo.seconds_at(note.end_beat) - 1e-6))
            if first >= seconds:
                continue
            weight = np.array([1.0, note.velocity])
            steps[first] += weight
            steps[max(first + 1, min(last, seconds))] -= weight
    running = np.cumsum(steps, axis=0)[:seconds]
    return running[:, 0], running[:, 1]


def _levels(dynamics: Sequence[DynamicsPoint], tempo: TempoMap, seconds: int) -> FloatArray:
    if not dynamics:
        return np.zeros(seconds, np.float32)
    starts_s = [tempo.seconds_at(point.beat) for point in dynamics]
    places = [max(0, bisect_right(starts_s, second + 0.5) - 1) for second in range(seconds)]
    return np.array([dynamics[place].loudness for place in places], np.float32)


def seconds_of_film(features: FootageFeatures) -> Conditioning:
    """The film with one row a second, as in MuVi-Sync; moods and mode, which belong to the music, are left open."""
    length = features.length
    return Conditioning(
        semantic=features.semantic,
        emotion=features.emotion,
        motion=features.motion,
        scene_offset=features.scene_offset,
        semantic_present=features.semantic_present,
        emotion_present=features.emotion_present,
        motion_present=features.motion_present,
        slots_left=np.arange(length - 1, -1, -1, dtype=np.int64),
        on_cut=features.scene_offset < 1.0,
        moods=(None,) * length,
    )
