"""Alignment of music with the picture: its input, its network, training, figures, and the choice by it."""

from __future__ import annotations

import dataclasses
import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from amt_fixtures import SMALL, film, write_songs
from torch import Tensor

from v2m_bridge.amt.alignment import (
    DENSE_COLUMNS,
    DENSE_RATE,
    WINDOW_S,
    AlignmentNetwork,
    AlignmentShape,
    Dense,
    WindowEmbedding,
)
from v2m_bridge.amt.by_second import MusicBySecond, seconds_of_arrangement, seconds_of_slots
from v2m_bridge.amt.checkpoints import load_chord_network, save_weights, shipped_models
from v2m_bridge.amt.film import Film, as_film
from v2m_bridge.amt.ranking import (
    ALIGNMENT_FORMAT,
    as_music,
    candidate_seeds,
    dense_of,
    film_alignment,
    load_aligner,
    rank,
)
from v2m_bridge.errors import CheckpointError, InputError
from v2m_bridge.footage.model import FootageFeatures
from v2m_bridge.music.arrangement import DynamicsPoint, Note, Part
from v2m_bridge.music.chords import ChordEvent, parse_label
from v2m_bridge.music.dynamics import velocity
from v2m_bridge.music.keys import parse_key
from v2m_bridge.timing.tempo import TempoMap
from v2m_bridge.training.fitting.alignment import contrastive_loss, train_alignment, window_loss
from v2m_bridge.training.fitting.loop import Recipe, TrainingRun
from v2m_bridge.training.judging.alignment_metrics import (
    OFFSETS_S,
    alignment_figures,
    evaluate_alignment,
    window_scores,
)
from v2m_bridge.training.songs.dataset import MuviSync, Song, load_dataset
from v2m_bridge.training.songs.windows import Windows, seconds_of_song
from v2m_bridge.training.train import TrainOptions, train_all

TINY = AlignmentShape(video_width=16, music_width=16, members=2, size=12, local_size=6, cells=24, dropout=0.1)
RECIPE = Recipe(epochs=12, batch=40, learning_rate=1e-2, weight_decay=0.05, average=0.8, warm_up=3)


@pytest.fixture(scope="module")
def songs_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("songs") / "songs.npz"
    write_songs(path, {"train": 40, "val": 20}, seconds=(130, 170))
    return path


@pytest.fixture(scope="module")
def songs(songs_file: Path) -> MuviSync:
    return load_dataset(songs_file)


@pytest.fixture(scope="module")
def aligner(songs: MuviSync) -> AlignmentNetwork:
    return train_alignment(songs.split("train"), songs.split("val"), TINY, TrainingRun(RECIPE))[0]


def tiny(seed: int = 0) -> AlignmentNetwork:
    torch.manual_seed(seed)
    return AlignmentNetwork(TINY).eval()


def music_of(seconds: int, seed: int = 0) -> MusicBySecond:
    random = np.random.default_rng(seed)
    return MusicBySecond(
        chords=np.repeat(random.integers(0, 157, seconds), 2)[:seconds],
        note_density=random.gamma(4.0, 2.5, seconds).astype(np.float32),
        loudness=random.uniform(0.05, 0.4, seconds).astype(np.float32),
        minor=bool(seed % 2),
    )


def footage(seconds: int, seed: int = 0) -> FootageFeatures:
    rows = film(seconds, seed)
    return FootageFeatures(
        duration_s=seconds - 0.4,
        motion=rows.motion,
        scene_offset=rows.scene_offset,
        semantic=rows.semantic,
        emotion=rows.emotion,
        motion_present=rows.motion_present,
        semantic_present=rows.semantic_present,
        emotion_present=rows.emotion_present,
    )


def films(*seeds: int, seconds: int = WINDOW_S) -> Film:
    return as_film([film(seconds, seed) for seed in seeds])


# what the network is given


def test_an_arrangement_is_counted_as_the_data_set_counts() -> None:
    """120 bpm: two beats a second. Notes count in every second they touch; loudness is that of their velocities."""
    chords = [ChordEvent(parse_label("D:maj"), 0, 4), ChordEvent(parse_label("B:min"), 4, 8)]
    held = Part("Strings", "chords", 0, 48, tuple(Note(0, 4, pitch, velocity(0.2)) for pitch in (62, 66, 69)))
    bass = Part("Bass", "bass", 1, 32, (Note(0, 1, 38, velocity(0.2)), Note(2, 3, 38, velocity(0.2))))
    music = seconds_of_arrangement(
        chords, [held, bass], parse_key("D major"), TempoMap.constant(120), 4, [DynamicsPoint(0, 10, 0.05)]
    )
    assert music.note_density.tolist() == [4, 4, 1, 0]
    assert music.loudness.tolist() == pytest.approx([0.2, 0.2, 0.2, 0.05], rel=0.05)
    assert music.chords.tolist() == [parse_label(label).id for label in ("C:maj", "C:maj", "A:min", "A:min")]
    assert not music.minor


def test_slots_and_songs_give_the_same_seconds(songs: MuviSync) -> None:
    song = songs.songs[0]
    seconds = len(song.chords)
    slots = seconds_of_slots(song.chords, list(range(seconds)), song.note_density, song.loudness, song.minor, seconds)
    whole = seconds_of_song(song)
    for name in ("chords", "note_density", "loudness"):
        assert np.array_equal(getattr(slots, name), getattr(whole, name))
    assert slots.minor == whole.minor


def test_a_second_takes_the_slot_in_its_middle() -> None:
    music = seconds_of_slots([1, 2, 3], [0.0, 0.4, 2.6], [1, 2, 3], [0.1, 0.2, 0.3], False, 4)
    assert music.chords.tolist() == [2, 2, 2, 3]
    with pytest.raises(InputError, match="no slots"):
        seconds_of_slots([], [], [], [], False, 4)


def test_the_film_does_not_tell_the_mode_of_its_music(songs: MuviSync) -> None:
    """It would be half an answer: a third of the songs is in minor, and the mode is known of every film in the data."""
    minor = [row for row, song in enumerate(songs.songs) if song.minor][:3]
    shown, music = Windows(songs.songs).cut(minor, [0] * 3)
    assert shown.minor.tolist() == [0, 0, 0]
    assert music.minor.tolist() == [1, 1, 1]


# the encoders


def test_each_second_of_film_is_encoded_from_its_neighbourhood_alone() -> None:
    """Why four times the film costs four times as much: nothing looks at all of it until it is pooled."""
    network = tiny()
    long, short = films(1, seconds=200), films(1, seconds=200)
    short = dataclasses.replace(short, **{name: getattr(short, name)[:, :100] for name in _PER_SECOND})
    with torch.inference_mode():
        assert torch.allclose(network.video(long)[:, :85], network.video(short)[:, :85], atol=1e-5)


_PER_SECOND = (
    "semantic",
    "emotion",
    "motion",
    "scene_offset",
    "semantic_present",
    "emotion_present",
    "motion_present",
    "left_kind",
    "mood",
    "mood_strength",
)


def dense_rows(count: int, present: bool, seed: int = 0) -> Dense:
    torch.manual_seed(seed)
    rows = torch.rand(count, WINDOW_S * DENSE_RATE, DENSE_COLUMNS)
    return Dense(rows, torch.full(rows.shape[:2], present))


def test_dense_rows_that_were_not_measured_change_nothing() -> None:
    network = tiny()
    torch.nn.init.normal_(network.video.seconds.weight)
    shown = films(1, 2)
    with torch.inference_mode():
        plain = network.video(shown)
        assert torch.allclose(network.video(shown, dense_rows(2, False)), plain, atol=1e-6)
        assert not torch.allclose(network.video(shown, dense_rows(2, True)), plain, atol=1e-2)


def test_unlearned_dense_input_is_silent() -> None:
    """The data to learn from has no dense rows: shipped weights must not make noise of those that films have."""
    network, shown = tiny(), films(1, 2)
    with torch.inference_mode():
        assert torch.equal(network.video(shown, dense_rows(2, True)), network.video(shown))


def test_a_long_film_is_encoded_in_blocks_and_nothing_shows(monkeypatch: pytest.MonkeyPatch) -> None:
    from v2m_bridge.amt import alignment

    network = tiny()
    torch.nn.init.normal_(network.video.seconds.weight, std=0.3)
    rows = as_film([film(301, 3), film(301, 4)])
    dense = Dense(torch.rand(2, 301 * DENSE_RATE, DENSE_COLUMNS), torch.rand(2, 301 * DENSE_RATE) < 0.9)
    with torch.inference_mode():
        in_blocks, without = network.video(rows, dense), network.video(rows)
        monkeypatch.setattr(alignment, "BLOCK_S", 1000)
        at_once = network.video(rows, dense)
        assert torch.allclose(in_blocks, at_once, atol=1e-5)
        assert torch.allclose(without, network.video(rows), atol=1e-5)
    assert in_blocks.shape == (2, 301, TINY.video_width)
    assert not torch.allclose(in_blocks, without, atol=1e-2)


def test_dense_input_can_be_learned() -> None:
    """Films alike but for their dense rows, music that is as loud as those: only the dense branch can tell them."""
    torch.manual_seed(0)
    network = AlignmentNetwork(dataclasses.replace(TINY, dropout=0.0))
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-2)
    loss = torch.zeros(())
    for _ in range(60):
        level = torch.rand(8, WINDOW_S // 8).repeat_interleave(8, dim=1)
        rows = torch.stack((level * 20, level, level, level), dim=-1).repeat_interleave(DENSE_RATE, dim=1)
        dense = Dense(rows, torch.ones(rows.shape[:2], dtype=torch.bool))
        music = as_music(
            [
                dataclasses.replace(music_of(WINDOW_S), loudness=(0.05 + 0.4 * row.numpy()).astype(np.float32))
                for row in level
            ]
        )
        shown = films(*[3] * 8)
        loss = contrastive_loss(network.member_scores(network.embed_film(shown, dense), network.embed_music(music)))
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        optimizer.step()
    assert float(loss.detach()) < 0.5 * math.log(8)


def test_short_and_long_films_have_embeddings_of_one_size() -> None:
    network = tiny()
    with torch.inference_mode():
        sizes = {network.embed_film(films(1, seconds=n)).local.shape for n in (1, 7, 96, 131)}
    assert sizes == {torch.Size([1, 2, 24 * 6])}


# the objective and the figures


def test_the_contrastive_loss_is_chance_without_knowledge_and_nothing_with_all() -> None:
    assert float(contrastive_loss(torch.zeros(2, 10, 10))) == pytest.approx(math.log(10))
    assert float(contrastive_loss(torch.eye(10).expand(2, 10, 10) * 50)) < 1e-6


def test_an_aligner_that_knows_nothing_is_no_better_than_chance(songs: MuviSync) -> None:
    """Scores that are all alike must not count as found."""
    network = tiny()
    with torch.no_grad():
        network.log_scale.fill_(-1e9)
    figures = alignment_figures(network, songs.split("val"))
    assert figures.recall == (0, 0, 0)
    assert figures.median_rank == figures.songs == 20


def test_judged_windows_end_with_the_song(songs: MuviSync) -> None:
    """At 120 s a song of less than 216 s is judged by its last 96 s, film and music together."""
    network, some = tiny(), songs.split("val")[:6]
    ends = [min(len(song.chords), song.film.length) for song in some]
    assert max(ends) < OFFSETS_S[-1] + WINDOW_S
    shown, music = Windows(some).cut(range(6), [end - WINDOW_S for end in ends])
    with torch.inference_mode():
        by_hand = network.scores(network.embed_film(shown), network.embed_music(music))
    assert torch.allclose(window_scores(network, some, OFFSETS_S[-1]), by_hand, atol=1e-4)


def test_songs_shorter_than_a_window_are_judged_whole(songs: MuviSync) -> None:
    network, some = tiny(), [*songs.split("val")[:3], _cut(songs.split("val")[3], 50), _cut(songs.split("val")[4], 9)]
    scores = window_scores(network, some, 40)
    assert scores.shape == (5, 5)
    shown, music = Windows(some).cut([3], [0], 50)
    with torch.inference_mode():
        own = network.scores(network.embed_film(shown), network.embed_music(music))
    assert float(scores[3, 3]) == pytest.approx(float(own), abs=1e-4)


def _cut(song: Song, seconds: int) -> Song:
    return dataclasses.replace(
        song,
        chords=song.chords[:seconds],
        note_density=song.note_density[:seconds],
        loudness=song.loudness[:seconds],
        film=song.film.window(0, seconds),
    )


def test_training_finds_what_songs_have_in_common_with_their_films(aligner: AlignmentNetwork, songs: MuviSync) -> None:
    """The songs made up here are louder where the picture moves; songs never seen are told apart by it."""
    figures = alignment_figures(aligner, songs.split("val"))
    assert figures.recall[1] > 0.6  # chance 0.25
    assert figures.median_rank <= 4  # chance 10.5


def test_training_is_reproducible_and_drops_modalities(songs: MuviSync) -> None:
    recipe = dataclasses.replace(RECIPE, epochs=1, seed=7)
    first, second = (
        train_alignment(songs.songs[:20], songs.songs[20:30], TINY, TrainingRun(recipe))[0] for _ in range(2)
    )
    for name, tensor in first.state_dict().items():
        assert torch.equal(tensor, second.state_dict()[name]), name
    torch.manual_seed(0)
    network = AlignmentNetwork(TINY)
    loss = window_loss(network, *Windows(songs.songs).random(torch.arange(60)))
    torch.autograd.backward(loss)
    for absent in (network.video.encoder.absent, network.music[0].absent):  # type: ignore[union-attr]
        assert isinstance(absent, Tensor) and absent.grad is not None
        assert (absent.grad.abs().sum(dim=1) > 0).all()


def test_joint_training_shares_the_encoder_and_keeps_the_decoder(songs_file: Path, tmp_path: Path) -> None:
    plain, joint = tmp_path / "plain", tmp_path / "joint"
    train_all(TrainOptions(songs_file, plain, epochs=1, device="cpu", bfloat16=False), shape=SMALL)
    train_all(TrainOptions(songs_file, joint, device="cpu", bfloat16=False, joint=True, start=plain, epochs=4))
    before, after = (load_chord_network(folder).state_dict() for folder in (plain, joint))  # type: ignore[attr-defined]
    seen = load_aligner(joint).video.encoder.state_dict()
    for name, tensor in after.items():
        if name.startswith("encoder."):
            assert torch.equal(tensor, seen[name.removeprefix("encoder.")]), name
        elif not name.startswith("video_out."):
            assert torch.equal(tensor, before[name]), name
    assert not torch.equal(after["encoder.semantic.weight"], before["encoder.semantic.weight"])
    record = json.loads((joint / "training.json").read_text(encoding="utf-8"))
    assert record["joint"][-1]["loss"] < record["joint"][0]["loss"]
    assert (joint / "curves.svg").read_text(encoding="utf-8").count("joint") >= 4
    with pytest.raises(InputError, match="give --joint"):
        train_all(TrainOptions(songs_file, joint, start=plain))


# choosing


def test_the_whole_film_counts_and_its_length_must_agree(aligner: AlignmentNetwork) -> None:
    shown = footage(250)
    pieces = [music_of(250, seed) for seed in range(3)]
    once = film_alignment(aligner, shown, pieces)
    assert np.allclose(once, film_alignment(aligner, shown, pieces[::-1])[::-1], atol=1e-5)
    changed = dataclasses.replace(
        pieces[0], loudness=np.append(pieces[0].loudness[:200], [0.5] * 50).astype(np.float32)
    )
    assert film_alignment(aligner, shown, [changed])[0] != pytest.approx(once[0], abs=1e-4)
    with pytest.raises(InputError, match=r"250 s cannot be compared with music of \[249\] s"):
        film_alignment(aligner, shown, [music_of(249)])


def test_music_that_moves_with_the_picture_is_chosen(aligner: AlignmentNetwork) -> None:
    """Of nine pieces alike in all but when they are loud, the one that is loud when the picture moves."""
    shown = footage(180, seed=5)
    like = 0.1 + shown.motion / 100
    random = np.random.default_rng(0)
    orders = [np.arange(180), *(random.permutation(180) for _ in range(8))]
    pieces = [
        dataclasses.replace(music_of(180, 2), loudness=like[order], note_density=5 + shown.motion[order] / 4)
        for order in orders
    ]
    found = rank(aligner, shown, pieces, [-1.0] * 9, list(range(9)))
    assert found.chosen == 0
    assert found.alignment_rank == 1


def test_likelihood_decides_between_pieces_that_follow_alike(aligner: AlignmentNetwork) -> None:
    found = rank(aligner, footage(60), [music_of(60)] * 4, [-1.5, -1.2, -1.9, -1.3], [10, 11, 12, 13])
    assert found.chosen == 1
    assert found.likelihood_rank == 1
    assert [item.seed for item in found.candidates] == [10, 11, 12, 13]


def test_music_that_agrees_with_every_film_is_no_films_own(aligner: AlignmentNetwork) -> None:
    """The score is what is left when the agreement with the remembered films is taken off, in their spread."""
    pieces = as_music([music_of(WINDOW_S, seed) for seed in range(5)])
    with torch.inference_mode():
        shown, music = aligner.embed_film(films(1, 2)), aligner.embed_music(pieces)
        found = aligner.relative_scores(shown, music)
        plain = aligner.scores(shown, music)
        others = aligner.scores(WindowEmbedding(aligner.reference_whole, aligner.reference_local), music)
    assert others.shape == (aligner.shape.references, 5)
    assert float(others.std(dim=0).min()) > 0
    for piece in range(5):
        values = np.array(others[:, piece].tolist())
        wanted = (plain[:, piece].numpy() - values.mean()) / values.std()
        assert found[:, piece].numpy() == pytest.approx(wanted, abs=1e-3)


def test_without_remembered_films_the_plain_score_counts() -> None:
    network = tiny()
    pieces = as_music([music_of(WINDOW_S, seed) for seed in range(3)])
    with torch.inference_mode():
        shown, music = network.embed_film(films(1)), network.embed_music(pieces)
        assert torch.equal(network.relative_scores(shown, music), network.scores(shown, music))


def test_neighbouring_seeds_share_no_candidates() -> None:
    """Another seed is another score: seed 1 must not draw what seed 0 drew second."""
    assert candidate_seeds(5, 1) == [5]
    drawn = [seed for first in range(50) for seed in candidate_seeds(first, 16)]
    assert len(set(drawn)) == len(drawn)
    assert candidate_seeds(3, 8) == candidate_seeds(3, 16)[:8]


def test_dense_rows_of_a_film_are_cut_and_padded_to_its_seconds() -> None:
    shown = footage(10)
    assert dense_of(shown) is None
    rows = np.ones((77, DENSE_COLUMNS), np.float32)
    dense = dense_of(dataclasses.replace(shown, dense=rows, dense_present=np.arange(77) >= 8))
    assert dense is not None
    assert dense.rows.shape == (1, 80, DENSE_COLUMNS)
    assert dense.present[0].tolist() == [False] * 8 + [True] * 69 + [False] * 3


def test_another_kind_of_checkpoint_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"has format 'v2m.chords/1', expected v2m.alignment/1"):
        load_aligner(shipped_models() / "chords.safetensors")
    network = tiny()
    path = tmp_path / "alignment.safetensors"
    save_weights(path, ALIGNMENT_FORMAT, dataclasses.replace(TINY, size=13), network.state_dict())
    with pytest.raises(CheckpointError, match="expected"):
        load_aligner(path)


# the shipped one


def test_the_shipped_aligner_finds_the_music_of_unseen_films(shared_data: Path) -> None:
    path = shared_data / "muvi_sync" / "train_val.npz"
    if not path.is_file():
        pytest.skip("no MuVi-Sync file")
    found = evaluate_alignment(path)
    document = found.as_document()
    assert document["songs"] == 75 and document["window_s"] == 96 and document["split"] == "val"
    assert found.figures.recall[2] >= 0.45
    assert found.figures.recall[1] >= 0.28
    assert found.figures.median_rank <= 12
    assert found.ablations["film: nothing"].recall[2] < 0.2
    assert found.ablations["music: density and loudness only"].recall[2] > 0.3
