"""Fitting and judging the player on small made-up pieces, and on people's where they are at hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from v2m_bridge.amt.player.network import PlayerNetwork, PlayerShape
from v2m_bridge.amt.player.steps import CAST_MELODY, COLUMN, MELODY
from v2m_bridge.errors import CheckpointError, InputError
from v2m_bridge.training.player.batches import PieceWindow, beat_hints, make_batch
from v2m_bridge.training.player.fitting import PlayerFit, PlayerRecipe
from v2m_bridge.training.player.judging import View, judge, judged_windows
from v2m_bridge.training.player.note_baselines import NoteStatistics
from v2m_bridge.training.player.pieces import NotePiece, load_pieces

SMALL = PlayerShape(width=16, layers=2, heads=2, context=64, film_layer=1, dropout=0.0)
RECIPE = PlayerRecipe(steps=4, batch=2, length=32, save_every=2, warm_up=1)


def write_notes(path: Path) -> Path:
    """Two pieces of 32 beats whose second half repeats the first: a scale over a held bass."""
    beats, tune = 32, [60, 62, 64, 65, 67, 65, 64, 62, 60, 64, 67, 72, 71, 67, 65, 62]
    onset = np.concatenate([np.arange(beats) * 24, np.arange(0, beats, 4) * 24])
    pitch = np.concatenate([tune * 2, [36] * (beats // 4)])
    role = np.concatenate([np.zeros(beats), np.full(beats // 4, 2)])
    order = np.lexsort((pitch, role, onset))
    one = {
        "onset": onset[order], "duration": np.where(role == 0, 24, 96)[order], "pitch": pitch[order],
        "velocity": np.full(len(onset), 80), "role": role[order], "track": role[order], "dynamic": np.zeros(len(onset)),
    }  # fmt: skip
    each = {
        "beat_in_bar": np.arange(beats) % 4, "bar_length": np.full(beats, 4), "chord_root": np.zeros(beats),
        "chord_quality": np.zeros(beats), "chord_bass": np.zeros(beats),
    }  # fmt: skip
    arrays = {name: np.tile(values, 2).astype(np.int32) for name, values in {**one, **each}.items()}
    np.savez(
        path, **arrays, piece_id=np.array(["a", "b"]), split=np.array(["train", "val"]), key_tonic=np.zeros(2, int),
        key_minor=np.zeros(2, bool), note_start=np.array([0, len(onset), 2 * len(onset)]),
        beat_start=np.array([0, beats, 2 * beats]),
    )  # fmt: skip
    return path


@pytest.fixture
def pieces(tmp_path: Path) -> list[NotePiece]:
    return load_pieces(write_notes(tmp_path / "made_up.npz"), ("train",))


def network() -> PlayerNetwork:
    torch.manual_seed(0)
    return PlayerNetwork(SMALL)


def test_a_return_looks_back_on_its_first_time(pieces: list[NotePiece]) -> None:
    piece = pieces[0]
    assert piece.prior[:16].tolist() == [-1] * 16
    assert piece.prior[16:].tolist() == list(range(16))
    hints = beat_hints(PieceWindow(piece, 0, shift=2))
    assert hints[17, MELODY] == 62 + 2
    assert not hints[:16].any()


def test_what_is_hidden_is_not_shown(pieces: list[NotePiece]) -> None:
    window = PieceWindow(pieces[0], 16, CAST_MELODY, hidden=frozenset(("letter",)), hints=False)
    batch = make_batch([window], 20)
    assert (batch.steps.notes[0, 1:21:2, 1] % 3 == MELODY).all()
    assert not batch.steps.beats[..., COLUMN["letter"]].any()
    assert not batch.steps.hints.any()


def test_training_goes_on_where_it_stopped(pieces: list[NotePiece], tmp_path: Path) -> None:
    whole = PlayerFit(network(), RECIPE).run(pieces, tmp_path / "whole")
    halted = PlayerFit(network(), RECIPE)
    halted.one_step(pieces)
    halted.one_step(pieces)
    (tmp_path / "half").mkdir()
    halted.save(tmp_path / "half" / "player.state.pt")
    resumed = PlayerFit(network(), RECIPE).run(pieces, tmp_path / "half")
    for one, other in zip(whole.parameters(), resumed.parameters(), strict=True):
        assert torch.equal(one, other)
    with pytest.raises(CheckpointError, match="another recipe"):
        PlayerFit(network(), PlayerRecipe(steps=9)).run(pieces, tmp_path / "half")


def test_below_the_film_nothing_moves_unless_all_is_trained(pieces: list[NotePiece]) -> None:
    before = network()
    fit = PlayerFit(network(), RECIPE)
    fit.one_step(pieces)
    assert torch.equal(fit.network.pitch.weight, before.pitch.weight)
    assert not torch.equal(fit.network.to_pitch.weight, before.to_pitch.weight)


def test_a_copy_foretells_returns_better_than_n_grams(pieces: list[NotePiece]) -> None:
    windows = [PieceWindow(pieces[0], 16)]
    statistics = NoteStatistics(pieces)
    plain, copied = (statistics.judge(windows, 64, copy=copy) for copy in (False, True))
    assert plain.notes == copied.notes > 15
    assert copied.pitch < plain.pitch
    found = judge(network(), judged_windows(pieces, 2), View("all"), 32)
    assert found.total == pytest.approx(found.place + found.pitch + found.duration + found.velocity)


def test_a_file_of_another_layout_is_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "other.npz", onset=np.zeros(3))
    with pytest.raises(InputError, match="does not hold pieces"):
        load_pieces(tmp_path / "other.npz")


def test_people_are_read_whole(shared_data: Path) -> None:
    found = load_pieces(shared_data / "notes" / "quartets.npz", ("val",))
    assert len(found) == 28
    assert all((np.diff(piece.onset) >= 0).all() and piece.counter.any() for piece in found)
