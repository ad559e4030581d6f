"""Human music at note level from ``.npz`` files, as the player reads it; the layout is in ``docs/music.md``."""

from __future__ import annotations

import csv
import re
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from v2m_bridge.amt.player.steps import (
    LETTERS,
    LOWER,
    MELODY,
    NO_PLACE,
    NO_QUALITY,
    NO_ROOT,
    PLACES,
    ROLES,
    SOURCES,
    TICKS,
    UPPER,
    Ints,
    density_class,
    duration_class,
    hit_class,
    register_class,
)
from v2m_bridge.errors import InputError

SOURCE_OF_FILE = {"pop909": 0, "lieder": 1, "quartets": 2}
"""Stem of a file -> its style; other files are taken for the first whose word their name holds, else for pop."""

SHORTEST_BEATS = 16
SAME_PHRASE = 0.42
"""Two phrases of four bars share a letter above this similarity (mean of Jaccard indices of rhythm and of pitch)."""

_FIELDS = (
    "piece_id", "split", "key_tonic", "key_minor", "note_start", "beat_start", "onset", "duration", "pitch",
    "velocity", "role", "track", "dynamic", "beat_in_bar", "bar_length", "chord_root", "chord_quality", "chord_bass",
)  # fmt: skip


@dataclass(frozen=True)
class NotePiece:
    """One piece in C major or A minor.

    Attributes:
        beat: [N] beat that each note starts in; notes are ordered by onset, role, pitch.
        place, pitch, duration, velocity: [N] as in ``steps``; ``ticks`` is the duration as written.
        counter: [N] whether the note belongs to the second line that goes with the melody.
        harmony: [beats, 8] place in the bar to mode, the first eight columns of ``steps.FIELDS``.
        film: [beats, 8] letter to speech, as far as music without a film tells them.
        prior: [beats] the same beat of the letter's last occurrence, -1 where there is none.
    """

    name: str
    split: str
    source: int
    beat: Ints
    place: Ints
    pitch: Ints
    duration: Ints
    ticks: Ints
    velocity: Ints
    counter: np.ndarray
    harmony: Ints
    film: Ints
    prior: Ints

    @property
    def beats(self) -> int:
        return len(self.harmony)

    @property
    def role(self) -> Ints:
        return self.place % ROLES

    @property
    def onset(self) -> Ints:
        """[N] ticks from the start."""
        return self.beat * TICKS + self.place // ROLES


def load_pieces(path: Path, splits: Sequence[str] | None = None, form: Path | None = None) -> list[NotePiece]:
    """Every piece of a file that is long enough.

    Args:
        path: an ``.npz`` in the layout of ``docs/music.md``.
        splits: keep only pieces of these splits; None keeps all.
        form: a table of human phrase labels (``pop909_form.tsv``); None takes the one beside ``path``, if any.

    Raises:
        InputError: missing, damaged, or not in this layout.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in _FIELDS}
    except (OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise InputError(f"{path} does not hold pieces: {error}", "docs/music.md says what has to be in it") from error
    table = form or path.with_name(f"{path.stem}_form.tsv")
    labels = _labels(table) if table.is_file() else {}
    source = next((code for word, code in SOURCE_OF_FILE.items() if word in path.stem), 0)
    pieces = []
    for index in range(len(arrays["piece_id"])):
        if splits is not None and str(arrays["split"][index]) not in splits:
            continue
        piece = _piece(arrays, index, source, labels)
        if piece is not None:
            pieces.append(piece)
    if not pieces:
        raise InputError(f"{path} holds no piece of {SHORTEST_BEATS} beats" + (f" in {splits}" if splits else ""))
    return pieces


def _labels(path: Path) -> dict[str, str]:
    with path.open(encoding="utf-8", newline="") as handle:
        return {row["song"]: row["label1"] for row in csv.DictReader(handle, delimiter="\t")}


def _piece(arrays: Mapping[str, np.ndarray], index: int, source: int, labels: Mapping[str, str]) -> NotePiece | None:
    notes = slice(*arrays["note_start"][index : index + 2])
    span = slice(*arrays["beat_start"][index : index + 2])
    n_beats = span.stop - span.start
    minor = bool(arrays["key_minor"][index])
    shift = (6 - int(arrays["key_tonic"][index]) + (9 if minor else 0)) % 12 - 6
    columns = {name: arrays[name][notes].astype(np.int64) for name in ("onset", "duration", "velocity", "role")}
    pitch = arrays["pitch"][notes].astype(np.int64) + shift
    keep = (columns["onset"] < n_beats * TICKS) & (pitch >= 12) & (pitch < 116)
    order = np.lexsort((pitch, columns["role"], columns["onset"]))
    order = order[keep[order]]
    if n_beats < SHORTEST_BEATS or len(order) < SHORTEST_BEATS:
        return None
    onset, ticks, velocity, role = (columns[name][order] for name in ("onset", "duration", "velocity", "role"))
    pitch, track = pitch[order], arrays["track"][notes][order]
    beat = onset // TICKS
    place = (onset - beat * TICKS) * ROLES + role
    harmony = _harmony(arrays, span, shift, minor, source)
    name = str(arrays["piece_id"][index])
    phrases, prior = _form(harmony, onset, pitch, role, labels.get(name))
    loud = arrays["dynamic"][notes][order].astype(np.int64)
    return NotePiece(
        name=name,
        split=str(arrays["split"][index]),
        source=source,
        beat=beat,
        place=place,
        pitch=pitch,
        duration=duration_class(ticks),
        ticks=ticks,
        velocity=np.where(velocity > 0, np.clip(velocity // 16, 0, 7) + 1, 0),
        counter=_counter(source, onset, role, track, pitch),
        harmony=harmony,
        film=np.column_stack([phrases, _film(harmony, onset, ticks, pitch, role, loud)]),
        prior=prior,
    )


def _harmony(arrays: Mapping[str, np.ndarray], span: slice, shift: int, minor: bool, source: int) -> Ints:
    def moved(name: str) -> Ints:
        values = arrays[name][span].astype(np.int64)
        return np.where(values >= 0, (values + shift) % 12, NO_ROOT)

    root, bass = moved("chord_root"), moved("chord_bass")
    quality = arrays["chord_quality"][span].astype(np.int64)
    quality = np.where(quality >= 0, quality, NO_QUALITY)
    place, length = (arrays[name][span].astype(np.int64) for name in ("beat_in_bar", "bar_length"))
    following = np.append(root[1:], NO_ROOT), np.append(quality[1:], NO_QUALITY)
    same = np.ones_like(root)
    return np.column_stack(
        [np.minimum(place, 7), np.minimum(length, 8), root, quality, bass, *following, same * minor, same * source]
    )


def _counter(source: int, onset: Ints, role: Ints, track: np.ndarray, pitch: Ints) -> np.ndarray:
    """The second line: pop's bridge track, the quartets' second violin, the top of the lieder's right hand."""
    upper = role == UPPER
    if SOURCES[source] != "lied" and upper.any():
        upper = upper & (track == track[upper].min())
    chosen = np.zeros(len(onset), dtype=bool)
    indices = np.flatnonzero(upper)
    if len(indices):
        last_at_onset = np.append(onset[indices][1:] != onset[indices][:-1], True)
        chosen[indices[last_at_onset]] = True
    return chosen


def _form(harmony: Ints, onset: Ints, pitch: Ints, role: Ints, labels: str | None) -> tuple[Ints, Ints]:
    """[beats, 4] letter, bar of the phrase, bars left, occurrence; and [beats] the beat a return goes back to."""
    n_beats = len(harmony)
    bars = np.flatnonzero(harmony[:, 0] == 0)
    ends = np.append(bars[1:], n_beats)
    table, prior = np.zeros((n_beats, 4), dtype=np.int64), np.full(n_beats, -1, dtype=np.int64)
    phrases = _labelled(labels, len(bars)) if labels else _similar(bars, ends, onset, pitch, role)
    last: dict[str, int] = {}
    for name, first, count in phrases:
        if first + count > len(bars):
            break
        start, stop = bars[first], ends[first + count - 1]
        letter = LETTERS.get(name.upper() if name.upper() in LETTERS else name.lower(), 0)
        for bar in range(count):
            row = slice(bars[first + bar], ends[first + bar])
            table[row] = (letter, min(bar, 8) + 1, min(count - 1 - bar, 8) + 1, 2 if name in last else 1)
        if name in last:
            back = np.arange(last[name], last[name] + stop - start)
            prior[start:stop] = np.where(back < start, back, -1)
        last[name] = int(start)
    return table, prior


def _labelled(labels: str, n_bars: int) -> list[tuple[str, int, int]]:
    phrases: list[tuple[str, int, int]] = []
    at = 0
    for name, count in re.findall(r"([A-Za-z])(\d+)", labels):
        if at < n_bars:
            phrases.append((name, at, int(count)))
        at += int(count)
    return phrases


def _similar(bars: Ints, ends: Ints, onset: Ints, pitch: Ints, role: Ints) -> list[tuple[str, int, int]]:
    """Phrases of four bars; one that is like an earlier one takes its letter."""
    seen: list[tuple[set[int], set[int]]] = []
    names: list[str] = []
    phrases: list[tuple[str, int, int]] = []
    fresh = 0
    tune = role == MELODY
    onset, pitch = onset[tune], pitch[tune]
    for first in range(0, len(bars) - 3, 4):
        start, stop = bars[first] * TICKS, ends[first + 3] * TICKS
        low, high = np.searchsorted(onset, (start, stop))
        at = (onset[low:high] - start) // 6
        rhythm, tones = set(at.tolist()), set((at * 12 + pitch[low:high] % 12).tolist())
        alike = [(_jaccard(rhythm, r) + _jaccard(tones, t)) / 2 for r, t in seen]
        best = int(np.argmax(alike)) if alike else -1
        if len(rhythm) >= 4 and alike and alike[best] > SAME_PHRASE:
            name = names[best]
        else:
            name, fresh = chr(ord("A") + fresh % 8) + "'" * (fresh // 8), fresh + 1
        seen.append((rhythm, tones))
        names.append(name)
        phrases.append((name, first, 4))
    return [(name[:1] if len(name) == 1 else f"x{name}", first, count) for name, first, count in phrases]


def _jaccard(one: set[int], other: set[int]) -> float:
    return len(one & other) / max(1, len(one | other))


def _film(harmony: Ints, onset: Ints, ticks: Ints, pitch: Ints, role: Ints, loud: Ints) -> Ints:
    """[beats, 4] to_hit, energy, register, speech: what stands in the music where a film would ask for it."""
    n_beats = len(harmony)
    beat = onset // TICKS
    every = np.bincount(beat, minlength=n_beats)[:n_beats]
    tune = role == MELODY
    melody = np.bincount(beat[tune], minlength=n_beats)[:n_beats]
    marks = np.bincount(beat, weights=loud, minlength=n_beats)[:n_beats] / np.maximum(every, 1)
    energy = _smoothed(every + 0.05 * marks, 16)
    ranks = np.searchsorted(np.quantile(energy, (0.2, 0.4, 0.6, 0.8)), energy) + 1
    sums = _smoothed(np.bincount(beat[tune], weights=pitch[tune], minlength=n_beats)[:n_beats], 16)
    counts = _smoothed(melody.astype(float), 16)
    register = [register_class(s / c) if c > 1e-6 else 0 for s, c in zip(sums, counts, strict=True)]
    quiet = (_smoothed(melody.astype(float), 4) < 1e-6) & (every <= np.median(every))
    return np.column_stack(
        [hit_class(_to_next(_hits(harmony, onset, ticks, role))), ranks, register, np.where(quiet, 2, 1)]
    )


def _smoothed(values: np.ndarray, width: int) -> np.ndarray:
    total = np.cumsum(np.concatenate(([0.0], values)))
    low = np.maximum(np.arange(len(values)) - width // 2, 0)
    high = np.minimum(np.arange(len(values)) + width // 2, len(values))
    return np.asarray((total[high] - total[low]) / np.maximum(high - low, 1))


def _hits(harmony: Ints, onset: Ints, ticks: Ints, role: Ints) -> np.ndarray:
    """[beats] downbeats that music lands on as on a hit: a long melody note begins and nothing sounds across."""
    n_beats = len(harmony)
    begins = np.zeros(n_beats, dtype=bool)
    long = (role == MELODY) & (onset % TICKS == 0) & (ticks >= 36)
    begins[onset[long] // TICKS] = True
    first, last = onset // TICKS + 1, (onset + ticks - 1) // TICKS
    inside = last >= first
    edges = np.zeros(n_beats + 1, dtype=np.int64)
    np.add.at(edges, np.minimum(first[inside], n_beats), 1)
    np.add.at(edges, np.minimum(last[inside] + 1, n_beats), -1)
    return np.asarray((harmony[:, 0] == 0) & begins & (np.cumsum(edges)[:n_beats] == 0))


def _to_next(hits: np.ndarray) -> Ints:
    distance = np.full(len(hits), -1, dtype=np.int64)
    ahead = -1
    for index in range(len(hits) - 1, -1, -1):
        ahead = 0 if hits[index] else (ahead + 1 if ahead >= 0 else -1)
        distance[index] = ahead
    return distance


def step_notes(piece: NotePiece, chosen: np.ndarray) -> tuple[Ints, Ints, Ints]:
    """The piece as steps, with the notes of ``chosen`` [N] alone.

    Returns:
        [L, 5] steps, [L] the beat of each, and [beats] the step of each beat.
    """
    beat = piece.beat[chosen]
    length = piece.beats + len(beat)
    starts = np.arange(piece.beats) + np.searchsorted(beat, np.arange(piece.beats))
    rows = np.arange(len(beat)) + beat + 1
    steps = np.zeros((length, 5), dtype=np.int64)
    steps[:, 1] = NO_PLACE
    parts = (piece.place, piece.pitch, piece.duration, piece.velocity)
    steps[rows] = np.column_stack([np.ones(len(beat), dtype=np.int64), *(part[chosen] for part in parts)])
    of_beat = np.zeros(length, dtype=np.int64)
    of_beat[starts], of_beat[rows] = np.arange(piece.beats), beat
    return steps, of_beat, starts


def counts(piece: NotePiece, chosen: np.ndarray) -> Ints:
    """[beats, 3] density classes of melody and of the rest, and the mean velocity class, of the chosen notes."""
    beat, role = piece.beat[chosen], piece.role[chosen]
    velocity = piece.velocity[chosen]

    def per_beat(mask: np.ndarray) -> Ints:
        return np.bincount(beat[mask], minlength=piece.beats)

    known = velocity > 0
    total = np.bincount(beat[known], weights=velocity[known], minlength=piece.beats)
    mean = np.rint(total / np.maximum(per_beat(known), 1)).astype(np.int64)
    return np.column_stack([density_class(per_beat(role == MELODY)), density_class(per_beat(role != MELODY)), mean])


def pitch_table(piece: NotePiece, chosen: np.ndarray) -> np.ndarray:
    """[beats, 72] the pitch at each place, 0 where none: the highest of a chord, of the lowest role the lowest."""
    table = np.zeros((piece.beats, PLACES), dtype=np.uint8)
    high = chosen & (piece.role != LOWER)
    low = np.flatnonzero(chosen & (piece.role == LOWER))[::-1]
    table[piece.beat[high], piece.place[high]] = piece.pitch[high]
    table[piece.beat[low], piece.place[low]] = piece.pitch[low]
    return table
