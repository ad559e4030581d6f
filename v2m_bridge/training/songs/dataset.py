"""MuVi-Sync features as the networks take them (Kang et al. 2023), from one ``.npz``; layout in ``docs/models.md``."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from v2m_bridge.amt.conditioning import Conditioning
from v2m_bridge.amt.vocabulary import END_ID, PAD_ID
from v2m_bridge.errors import InputError
from v2m_bridge.footage.model import SEMANTIC_SIZE, FloatArray
from v2m_bridge.music.chords import N_CHORDS, Chord, parse_label
from v2m_bridge.music.emotions import EMOTIONS

STEPS = 300
"""Length of every sequence in the published system, in seconds: songs are cut or padded to it."""

_Scalar = TypeVar("_Scalar", bound=np.generic)

_PER_SONG = ("song_id", "split", "key_mode", "n_chords", "n_frames")
_PER_CHORD = ("chord", "note_density", "loudness")
_PER_FRAME = ("scene_offset", "motion", "emotion", "semantic_q")


@dataclass(frozen=True)
class Song:
    """One song of n seconds and its film of N seconds; n and N differ by at most 1.

    Attributes:
        song_id: as in the file.
        split: ``train``, ``val`` or another name.
        minor: the mode.
        chords: [n] chord ids, in C major or A minor.
        note_density: [n] notes a second.
        loudness: [n] linear RMS.
        film: [N] conditioning, one row a second.
    """

    song_id: str
    split: str
    minor: bool
    chords: npt.NDArray[np.int64]
    note_density: FloatArray
    loudness: FloatArray
    film: Conditioning

    def targets(self) -> npt.NDArray[np.int64]:
        """[300] chord per second, END after the last one, then PAD."""
        row = np.full(STEPS, PAD_ID, dtype=np.int64)
        with_end = np.append(self.chords, END_ID)[:STEPS]
        row[: len(with_end)] = with_end
        return row

    def inputs(self) -> npt.NDArray[np.int64]:
        """[300] the start token (PAD), then the targets delayed by one."""
        return np.concatenate(([PAD_ID], self.targets()[:-1]))


@dataclass(frozen=True)
class MuviSync:
    """All songs of one file."""

    path: Path
    songs: tuple[Song, ...]

    def split(self, name: str) -> tuple[Song, ...]:
        """Songs of one split.

        Raises:
            InputError: there are none.
        """
        found = tuple(song for song in self.songs if song.split == name)
        if not found:
            have = ", ".join(sorted({song.split for song in self.songs}))
            raise InputError(f"{self.path.name} has no songs in split {name!r}", f"it has {have}")
        return found


def load_dataset(path: Path) -> MuviSync:
    """Read and check a MuVi-Sync ``.npz``.

    Raises:
        InputError: missing, damaged, or not of this layout.
    """
    arrays = _read_arrays(path)
    _check(path, arrays)
    semantics = (arrays["semantic_scale"], arrays["semantic_offset"])
    chord_starts = np.concatenate(([0], np.cumsum(arrays["n_chords"])))
    frame_starts = np.concatenate(([0], np.cumsum(arrays["n_frames"])))
    songs = []
    for index in range(len(arrays["song_id"])):
        music = slice(chord_starts[index], chord_starts[index + 1])
        frames = slice(frame_starts[index], frame_starts[index + 1])
        minor = str(arrays["key_mode"][index]) == "minor"
        songs.append(
            Song(
                song_id=str(arrays["song_id"][index]),
                split=str(arrays["split"][index]),
                minor=minor,
                chords=arrays["chord"][music].astype(np.int64),
                note_density=arrays["note_density"][music].astype(np.float32),
                loudness=arrays["loudness"][music].astype(np.float32),
                film=_film(arrays, frames, semantics, minor),
            )
        )
    return MuviSync(path, tuple(songs))


def _read_arrays(path: Path) -> dict[str, npt.NDArray[np.generic]]:
    if not path.is_file():
        raise InputError(f"{path} is not a file", "give the .npz of MuVi-Sync features with --data")
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, KeyError) as error:
        reason = "it is no .npz, or was not copied completely" if "pickle" in str(error) else str(error)
        raise InputError(f"{path.name} cannot be read as .npz: {reason}") from error


def _check(path: Path, arrays: dict[str, npt.NDArray[np.generic]]) -> None:
    wanted = (*_PER_SONG, *_PER_CHORD, *_PER_FRAME, "chord_labels", "semantic_scale", "semantic_offset")
    missing = [name for name in wanted if name not in arrays]
    if missing:
        raise InputError(f"{path.name} lacks {', '.join(missing)}", "see docs/models.md for the layout")
    n_songs = len(arrays["song_id"])
    if n_songs == 0:
        raise InputError(f"{path.name} has no songs")
    lengths = dict.fromkeys(_PER_SONG, n_songs)
    lengths |= dict.fromkeys(_PER_CHORD, int(arrays["n_chords"].astype(np.int64).sum()))
    lengths |= dict.fromkeys(_PER_FRAME, int(arrays["n_frames"].astype(np.int64).sum()))
    for name, length in lengths.items():
        if len(arrays[name]) != length:
            raise InputError(f"{path.name}: {name} has {len(arrays[name])} rows, expected {length}")
    _check_values(path, arrays)
    labels = [parse_label(str(label)).id for label in arrays["chord_labels"]]
    if labels != [Chord.from_id(index).id for index in range(N_CHORDS)]:
        raise InputError(f"{path.name}: chord_labels are not in the order of this version's vocabulary")
    if lengths["chord"] and int(arrays["chord"].astype(np.int64).max()) >= N_CHORDS:
        raise InputError(f"{path.name}: chord ids reach {arrays['chord'].max()}, the vocabulary has {N_CHORDS}")


def _check_values(path: Path, arrays: dict[str, npt.NDArray[np.generic]]) -> None:
    """Check widths, finite numbers and modes: whatever would fail or silently falsify a figure later."""
    widths: dict[str, tuple[int, ...]] = {name: () for name in (*_PER_CHORD, "scene_offset", "motion", *_PER_SONG)}
    widths |= {"emotion": (len(EMOTIONS),), "semantic_q": (SEMANTIC_SIZE,)}
    for name, width in widths.items():
        if arrays[name].shape[1:] != width:
            has = "x".join(map(str, arrays[name].shape[1:])) or "one number"
            wanted = "x".join(map(str, width)) or "one number"
            raise InputError(f"{path.name}: {name} has {has} a row, expected {wanted}")
    for name in ("semantic_scale", "semantic_offset"):
        if arrays[name].shape != (SEMANTIC_SIZE,):
            raise InputError(f"{path.name}: {name} has {arrays[name].size} numbers, expected {SEMANTIC_SIZE}")
    for name in (*_PER_CHORD, *_PER_FRAME, "semantic_scale", "semantic_offset"):
        if arrays[name].dtype.kind not in "fiub":
            raise InputError(f"{path.name}: {name} does not hold numbers")
        if arrays[name].dtype.kind == "f" and not bool(np.isfinite(arrays[name]).all()):
            raise InputError(f"{path.name}: {name} holds numbers that are not finite")
    modes = sorted({str(mode) for mode in arrays["key_mode"]} - {"major", "minor"})
    if modes:
        raise InputError(f"{path.name}: key_mode holds {modes[0]!r}, expected major or minor")


def _film(
    arrays: dict[str, npt.NDArray[np.generic]],
    frames: slice,
    semantics: tuple[npt.NDArray[np.generic], npt.NDArray[np.generic]],
    minor: bool,
) -> Conditioning:
    scale, offset = (part.astype(np.float32) for part in semantics)
    length = frames.stop - frames.start
    present = np.ones(length, dtype=np.bool_)
    scene_offset = arrays["scene_offset"][frames].astype(np.float32)
    return Conditioning(
        semantic=(arrays["semantic_q"][frames].astype(np.float32) * scale + offset).astype(np.float16),
        emotion=arrays["emotion"][frames].astype(np.float32),
        motion=arrays["motion"][frames].astype(np.float32),
        scene_offset=scene_offset,
        semantic_present=present,
        emotion_present=present,
        motion_present=present,
        slots_left=np.arange(length - 1, -1, -1, dtype=np.int64),
        on_cut=scene_offset == 0,
        moods=(None,) * length,
        minor=minor,
    )


def padded_film(song: Song, steps: int = STEPS) -> Conditioning:
    """The film in exactly ``steps`` slots: cut, or padded with slots without features, marked as after the end."""
    film = song.film
    missing = max(0, steps - film.length)

    def rows(values: npt.NDArray[_Scalar]) -> npt.NDArray[_Scalar]:
        widths = [(0, missing)] + [(0, 0)] * (values.ndim - 1)
        return np.pad(values[:steps], widths)

    return Conditioning(
        semantic=rows(film.semantic).astype(np.float32),
        emotion=rows(film.emotion),
        motion=rows(film.motion),
        scene_offset=rows(film.scene_offset),
        semantic_present=rows(film.semantic_present),
        emotion_present=rows(film.emotion_present),
        motion_present=rows(film.motion_present),
        slots_left=np.arange(film.length - 1, film.length - 1 - steps, -1, dtype=np.int64),
        on_cut=rows(film.on_cut),
        moods=(None,) * steps,
        minor=film.minor,
    )


def splits(data: MuviSync) -> Sequence[str]:
    """Names of the splits, in the file's order."""
    return tuple(dict.fromkeys(song.split for song in data.songs))


def chosen_songs(data: MuviSync, split: str | None) -> tuple[str, tuple[Song, ...]]:
    """Name of the split to judge and its songs.

    Args:
        data: the file.
        split: None takes ``val`` where the file has other splits too, else all songs.

    Raises:
        InputError: the split has no songs.
    """
    if split is None:
        present = splits(data)
        split = "val" if "val" in present and len(present) > 1 else None
    if split is None:
        return "+".join(splits(data)), data.songs
    return split, data.split(split)
