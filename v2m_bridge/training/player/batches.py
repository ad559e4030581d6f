"""Windows of pieces as batches: who plays, what is hidden, and in which key, drawn at random for training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from v2m_bridge.amt.player.network import Steps
from v2m_bridge.amt.player.steps import (
    CAST_ALL,
    CAST_DUO,
    CAST_MELODY,
    COLUMN,
    FIELDS,
    MELODY,
    NO_PLACE,
    NO_ROOT,
    PLACES,
    Ints,
)
from v2m_bridge.training.player.pieces import NotePiece, counts, pitch_table, step_notes

HIDDEN_SHARE = 0.4
"""How often each of the densities and the velocity is hidden, as in the first training."""

FILM_HIDDEN_SHARE = 0.3
"""How often each group of the film's conditions is hidden."""

CAST_SHARES = {CAST_ALL: 0.5, CAST_MELODY: 0.25, CAST_DUO: 0.25}
FILM_GROUPS = (
    ("letter", "bar_of_phrase", "bars_left", "occurrence"),
    ("to_hit",),
    ("energy",),
    ("register",),
    ("speech",),
)


@dataclass(frozen=True)
class PieceWindow:
    """A piece from ``start_beat`` on, played by ``cast``, moved by ``shift`` semitones.

    ``hidden`` names conditions to hide; ``hints`` shows the last occurrence; ``film`` shows anything of the film.
    """

    piece: NotePiece
    start_beat: int
    cast: int = CAST_ALL
    shift: int = 0
    hidden: frozenset[str] = frozenset()
    hints: bool = True
    film: bool = True


@dataclass(frozen=True)
class PlayerBatch:
    """``steps`` [B, L + 1]; ``counted`` [B, L] tells which of the next steps exist."""

    steps: Steps
    counted: torch.Tensor


def chosen_notes(piece: NotePiece, cast: int) -> np.ndarray:
    """[N] which notes a cast plays."""
    if cast == CAST_MELODY:
        return np.asarray(piece.role == MELODY)
    if cast == CAST_DUO:
        return np.asarray((piece.role == MELODY) | piece.counter)
    return np.ones(len(piece.pitch), dtype=bool)


def random_window(pieces: Sequence[NotePiece], rng: np.random.Generator) -> PieceWindow:
    """A window for training."""
    piece = pieces[int(rng.integers(len(pieces)))]
    cast = int(rng.choice(list(CAST_SHARES), p=list(CAST_SHARES.values())))
    bars = np.flatnonzero(piece.harmony[:, 0] == 0)
    starts = bars[bars < max(1, piece.beats - 16)]
    start = int(rng.choice(starts)) if len(starts) else 0
    hidden = [name for name in ("melody_density", "texture_density", "velocity") if rng.random() < HIDDEN_SHARE]
    film = rng.random() >= 0.1
    for group in FILM_GROUPS:
        hidden += group if rng.random() < FILM_HIDDEN_SHARE else ()
    hints = bool(rng.random() >= FILM_HIDDEN_SHARE)
    return PieceWindow(piece, start, cast, int(rng.integers(-5, 7)), frozenset(hidden), hints, bool(film))


def make_batch(windows: Sequence[PieceWindow], length: int) -> PlayerBatch:
    """The windows' first ``length`` + 1 steps."""
    n_rows = len(windows)
    notes = np.zeros((n_rows, length + 1, 5), dtype=np.int64)
    beats = np.zeros((n_rows, length + 1, len(FIELDS)), dtype=np.int64)
    hints = np.zeros((n_rows, length + 1, PLACES), dtype=np.int64)
    counted = np.zeros((n_rows, length), dtype=np.float32)
    notes[:, :, 1] = NO_PLACE
    for row, window in enumerate(windows):
        steps, of_beat, starts = step_notes(window.piece, chosen_notes(window.piece, window.cast))
        first = starts[window.start_beat]
        last = min(first + length + 1, len(steps))
        span, count = slice(first, last), last - first
        notes[row, :count] = _moved_steps(steps[span], window.shift)
        table = beat_conditions(window)
        beats[row, :count] = table[of_beat[span]]
        if window.film and window.hints:
            hints[row, :count] = beat_hints(window)[of_beat[span]]
        counted[row, : count - 1] = 1.0
    steps_ = Steps(torch.from_numpy(notes), torch.from_numpy(beats), torch.from_numpy(hints))
    return PlayerBatch(steps_, torch.from_numpy(counted))


def _moved_steps(steps: Ints, shift: int) -> Ints:
    moved = steps.copy()
    moved[:, 2] = np.where(moved[:, 0] == 1, np.clip(moved[:, 2] + shift, 0, 127), 0)
    return moved


def beat_conditions(window: PieceWindow) -> Ints:
    """[beats, 21] conditions of the piece's beats as the window shows them."""
    piece = window.piece
    harmony = piece.harmony.copy()
    for name in ("root", "bass", "next_root"):
        values = harmony[:, COLUMN[name]]
        harmony[:, COLUMN[name]] = np.where(values < NO_ROOT, (values + window.shift) % 12, values)
    cast = np.full((piece.beats, 1), window.cast)
    density = counts(piece, chosen_notes(piece, window.cast))
    table = np.hstack([harmony, density, piece.film, cast])
    for name in window.hidden:
        table[:, COLUMN[name]] = 0
    if window.cast == CAST_MELODY:
        table[:, COLUMN["texture_density"]] = 0
    if not window.film:
        table[:, COLUMN["letter"] :] = 0
    return table


def beat_hints(window: PieceWindow) -> Ints:
    """[beats, 72] pitches at the same beat of the letter's last occurrence, moved with the window."""
    piece = window.piece
    table = pitch_table(piece, chosen_notes(piece, window.cast)).astype(np.int64)
    table = np.where(table > 0, np.clip(table + window.shift, 1, 127), 0)
    return np.where(piece.prior[:, None] >= 0, table[np.maximum(piece.prior, 0)], 0)
