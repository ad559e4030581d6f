"""Training and evaluation on songs made up here, and their commands."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from amt_fixtures import SMALL, write_songs

from v2m_bridge.amt.checkpoints import load_chord_network
from v2m_bridge.amt.vocabulary import END_ID, N_TOKENS, PAD_ID
from v2m_bridge.errors import CheckpointError, InputError, SetupError, V2MError
from v2m_bridge.music.emotions import EMOTIONS
from v2m_bridge.training.evaluate import evaluate
from v2m_bridge.training.fitting.augmentation import transposition_tables
from v2m_bridge.training.fitting.chords import predict, train_chords, train_steering
from v2m_bridge.training.fitting.loop import Epoch, Recipe, TrainingRun
from v2m_bridge.training.judging.baselines import AdaptiveNgram, bigram_scores, gather_statistics
from v2m_bridge.training.judging.metrics import (
    affective_bce,
    correspondence,
    emotion_targets,
    ranks_of,
    song_hits,
    song_rmse,
)
from v2m_bridge.training.songs.batches import SongTensors
from v2m_bridge.training.songs.dataset import load_dataset, padded_film
from v2m_bridge.training.songs.variation import paced, varied_songs
from v2m_bridge.training.train import TrainOptions, choose_device, train_all

RECIPE = Recipe(epochs=2, batch=4, learning_rate=5e-3, weight_decay=0.01, average=0.8, warm_up=2)
RUN = TrainingRun(RECIPE)


@pytest.fixture(scope="module")
def songs_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("songs") / "songs.npz"
    write_songs(path, {"train": 10, "val": 4})
    return path


@pytest.fixture(scope="module")
def trained(songs_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("trained")
    train_all(TrainOptions(songs_file, out, seed=3, epochs=2, device="cpu", bfloat16=False), shape=SMALL)
    return out


def tensors(path: Path, split: str = "train") -> SongTensors:
    return SongTensors(load_dataset(path).split(split))


# the figures


def test_hits_are_those_of_the_definition() -> None:
    """Against sorting by hand; a tie goes to the lower id."""
    torch.manual_seed(0)
    scores, targets = torch.randn(50, N_TOKENS), torch.randint(N_TOKENS, (50,))
    order = scores.argsort(dim=-1, descending=True, stable=True)
    for k, share in zip((1, 3, 5), song_hits(ranks_of(scores, targets)).tolist(), strict=True):
        by_hand = np.mean([int(targets[row]) in order[row, :k].tolist() for row in range(50)])
        assert share == pytest.approx(by_hand)
    tied = torch.zeros(1, N_TOKENS)
    assert ranks_of(tied, torch.tensor([7])).tolist() == [7]


def test_the_affective_target_is_the_published_one() -> None:
    """Strongest emotion -> its qualities on twelve roots; END and PAD mark themselves; neutral marks nothing."""
    emotion = torch.zeros(4, 6)
    emotion[0, EMOTIONS.index("exciting")] = 0.6
    emotion[1, EMOTIONS.index("neutral")] = 0.9
    rows = emotion_targets(emotion, torch.tensor([1, 1, END_ID, PAD_ID]))
    assert int(rows[0].sum()) == 3 * 12
    assert rows[0, 1] == rows[0, 1 + 2] == rows[0, 1 + 10] == 1  # C, C:sus4, C:7
    assert not rows[1].any()
    assert rows[2].nonzero().tolist() == [[END_ID]]
    assert rows[3].nonzero().tolist() == [[PAD_ID]]
    assert affective_bce(torch.zeros(4, N_TOKENS), rows) == pytest.approx(0.693147, abs=1e-5)


def test_the_correspondence_counts_only_clear_emotions() -> None:
    emotion = torch.tensor(
        [[0.85, 0, 0, 0, 0, 0.15], [0.79, 0, 0, 0, 0.21, 0], [0, 0, 0, 0, 0, 1.0], [0.9, 0, 0, 0, 0, 0]]
    )
    best = torch.tensor([1, 1, 1, 5])  # C, C, C, C:min
    assert correspondence(best, emotion, torch.tensor([1, 1, 1, 1])) == (1, 2)
    assert correspondence(best, emotion, torch.tensor([PAD_ID, 1, 1, 1])) == (0, 1)


def test_errors_are_per_song_over_all_its_seconds() -> None:
    truth = torch.zeros(300, 2)
    guess = truth.clone()
    guess[:75, 0] = 2.0
    assert song_rmse(guess, truth).tolist() == [1.0, 0.0]


# the data


def test_targets_end_and_inputs_lag_by_one(songs_file: Path) -> None:
    song = load_dataset(songs_file).songs[0]
    n = len(song.chords)
    targets, inputs = song.targets(), song.inputs()
    assert targets[:n].tolist() == song.chords.tolist()
    assert targets[n] == END_ID
    assert set(targets[n + 1 :].tolist()) == {PAD_ID}
    assert inputs[0] == PAD_ID
    assert inputs[1:].tolist() == targets[:-1].tolist()


def test_the_film_is_continued_as_over(songs_file: Path) -> None:
    song = load_dataset(songs_file).songs[1]
    film = padded_film(song)
    n = song.film.length
    assert film.length == 300
    assert film.slots_left[n - 1 : n + 2].tolist() == [0, -1, -2]
    assert film.semantic_present.sum() == n


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        ("missing", "lacks motion"),
        ("short", "rows, expected"),
        ("labels", "chord_labels"),
        ("ids", "chord ids reach"),
        ("emotion", "emotion has 5 a row, expected 6"),
        ("semantic", "semantic_q has 700 a row, expected 768"),
        ("scale", "semantic_scale has 5 numbers"),
        ("words", "motion does not hold numbers"),
        ("nan", "loudness holds numbers that are not finite"),
        ("mode", "key_mode holds 'x'"),
        ("text", "it is no .npz"),
        ("nowhere", "is not a file"),
        ("truncated", "cannot be read"),
    ],
)
def test_a_file_of_another_layout_is_refused(songs_file: Path, tmp_path: Path, damage: str, says: str) -> None:
    arrays = dict(np.load(songs_file))
    path = tmp_path / "bad.npz"
    spoilt = {
        "short": ("chord", lambda x: x[:-1]),
        "labels": ("chord_labels", lambda x: x[::-1]),
        "ids": ("chord", lambda x: x + 150),
        "emotion": ("emotion", lambda x: x[:, :5]),
        "semantic": ("semantic_q", lambda x: x[:, :700]),
        "scale": ("semantic_scale", lambda x: x[:5]),
        "words": ("motion", lambda x: x.astype(str)),
        "nan": ("loudness", lambda x: np.where(np.arange(len(x)) == 7, np.nan, x)),
        "mode": ("key_mode", lambda x: np.where(np.arange(len(x)) == 1, "x", x)),
    }
    if damage == "missing":
        del arrays["motion"]
    elif damage in spoilt:
        name, spoil = spoilt[damage]
        arrays[name] = spoil(arrays[name])
    if damage == "text":
        path.write_text("no archive")
    elif damage == "truncated":
        path.write_bytes(songs_file.read_bytes()[:5000])
    elif damage != "nowhere":
        np.savez(path, **arrays)
    with pytest.raises(InputError, match=r"bad\.npz") as refusal:
        load_dataset(path)
    assert says in str(refusal.value)


# the baselines


def test_repeating_songs_are_learned_by_the_adaptive_ngram(songs_file: Path) -> None:
    data = load_dataset(songs_file)
    train, song = data.split("train"), data.split("val")[0]
    statistics = gather_statistics(train, [np.zeros((300, N_TOKENS))] * len(train))
    ngram = AdaptiveNgram(statistics, train)
    rows = ngram.scores(song)
    n = len(song.chords)
    assert np.allclose(rows[: n + 1].sum(axis=1), 1.0)
    late = range(24, n)
    own = np.mean([rows[place].argmax() == song.chords[place] for place in late])
    bigram = bigram_scores(song, statistics)
    pairs = np.mean([bigram[place].argmax() == song.chords[place] for place in late])
    assert own > 0.9
    assert own > pairs
    assert AdaptiveNgram(statistics).global_order == 2


# what training does to songs


def test_a_song_at_another_pace_keeps_its_chords_in_order_and_its_film_beside_them(songs_file: Path) -> None:
    song = load_dataset(songs_file).songs[2]
    n = len(song.chords)
    slower, faster = paced(song, 0.8), paced(song, 1.25, start=10)
    assert len(slower.chords) == int(n / 0.8)
    assert len(faster.chords) == int((n - 10) / 1.25)
    assert faster.chords[0] == song.chords[10]
    assert set(slower.chords.tolist()) == set(song.chords.tolist())

    def order(chords: np.ndarray) -> list[int]:
        return [int(chord) for index, chord in enumerate(chords) if index == 0 or chords[index - 1] != chord]

    assert order(slower.chords) == order(song.chords)
    assert slower.film.slots_left[[0, -1]].tolist() == [slower.film.length - 1, 0]
    assert slower.film.motion[0] == song.film.motion[0]
    assert slower.film.motion[-1] == song.film.motion[-1]
    assert paced(song, 1.0) is song


def test_variations_repeat_for_a_seed_and_differ_between_seeds(songs_file: Path) -> None:
    songs = load_dataset(songs_file).split("train")
    first, again, other = (varied_songs(songs, seed) for seed in (1, 1, 2))
    assert [song.chords.tolist() for song in first] == [song.chords.tolist() for song in again]
    assert [song.chords.tolist() for song in first] != [song.chords.tolist() for song in other]


def test_transposed_songs_move_as_a_whole() -> None:
    from v2m_bridge.music.chords import parse_label

    table = transposition_tables()[3]
    for before, after in (("C", "D#"), ("A:min7", "C:min7"), ("B:7", "D:7"), ("N", "N")):
        assert int(table[parse_label(before).id]) == parse_label(after).id
    assert table[END_ID] == END_ID
    assert sorted(table.tolist()) == list(range(N_TOKENS))


# training


def test_training_lowers_the_loss_and_repeats_itself(songs_file: Path) -> None:
    songs = tensors(songs_file)
    runs = [train_chords(songs, tensors(songs_file, "val"), SMALL, RUN) for _ in range(2)]
    curves = [curve for _, curve in runs]
    assert [epoch.loss for epoch in curves[0]] == [epoch.loss for epoch in curves[1]]
    assert curves[0][-1].loss < curves[0][0].loss
    states = [network.state_dict() for network, _ in runs]
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])


def test_a_resumed_training_ends_where_an_unbroken_one_does(songs_file: Path, tmp_path: Path) -> None:
    songs, watched = tensors(songs_file), tensors(songs_file, "val")
    whole, _ = train_chords(songs, watched, SMALL, RUN)

    class Broken(Exception):
        pass

    def break_off(epoch: Epoch) -> None:
        if epoch.number == 2:
            raise Broken

    state = tmp_path / "chords.state"
    kept = dataclasses.replace(RUN, state_path=state)
    with pytest.raises(Broken):
        train_chords(songs, watched, SMALL, dataclasses.replace(kept, report=break_off))
    resumed, curve = train_chords(songs, watched, SMALL, kept)
    assert [epoch.number for epoch in curve] == [1, 2]
    for name, tensor in whole.state_dict().items():
        assert torch.equal(tensor, resumed.state_dict()[name])
    other = dataclasses.replace(RECIPE, learning_rate=1.0)
    with pytest.raises(CheckpointError, match="another recipe"):
        train_chords(songs, watched, SMALL, dataclasses.replace(kept, recipe=other))
    state.write_bytes(b"rubbish")
    with pytest.raises(CheckpointError, match=r"chords\.state"):
        train_chords(songs, watched, SMALL, kept)


def test_steering_leaves_the_plain_network_as_it_was_and_turns_it_with_a_mood(songs_file: Path) -> None:
    songs = tensors(songs_file)
    network, _ = train_chords(songs, tensors(songs_file, "val"), SMALL, RUN)
    rows = torch.arange(4)
    batch = songs.batch(rows)
    with torch.no_grad():
        before = predict(network, batch)
    steered = train_steering(
        network, songs, TrainingRun(dataclasses.replace(RECIPE, epochs=20, learning_rate=0.1))
    ).eval()
    with torch.no_grad():
        after = predict(steered, batch)
        sad = torch.full_like(batch.film.mood, EMOTIONS.index("sad"))
        film = dataclasses.replace(batch.film, mood=sad, mood_strength=torch.ones_like(batch.film.mood_strength))
        moody = predict(steered, dataclasses.replace(batch, film=film))
    from v2m_bridge.amt.filters import emotion_sets

    inside = emotion_sets()[EMOTIONS.index("sad")] > 0
    assert torch.allclose(before, after, atol=1e-5)
    own, other = network.state_dict(), steered.state_dict()
    assert {name for name in own if not torch.equal(own[name], other[name])} <= {"mood"}
    assert steered.mood.abs().max() > 0
    sounding = batch.sounding[:, 1:]
    plain_share, sad_share = (part[:, 1:, inside].exp().sum(-1)[sounding].mean() for part in (after, moody))
    assert float(sad_share) > 1.2 * float(plain_share)


def test_the_whole_training_leaves_everything_that_evaluation_needs(trained: Path, songs_file: Path) -> None:
    assert {path.name for path in trained.iterdir()} == {
        "chords.safetensors",
        "dynamics.safetensors",
        "alignment.safetensors",
        "baselines.safetensors",
        "training.json",
        "curves.svg",
    }
    record = json.loads((trained / "training.json").read_text())
    assert record["recipe"]["seed"] == 3
    assert record["recipe"]["device"] == "cpu"
    assert len(record["chords"]) == 2
    assert "hits@1" in (trained / "curves.svg").read_text()
    assert load_chord_network(trained).identity.startswith("chords-")


def test_no_val_song_is_learned_from(songs_file: Path, tmp_path: Path) -> None:
    """Other val songs, the same weights."""
    arrays = dict(np.load(songs_file))
    first_val = int(arrays["n_chords"][:10].sum())
    arrays["chord"][first_val:] = 5
    np.savez(tmp_path / "other.npz", **arrays)
    states = []
    for path in (songs_file, tmp_path / "other.npz"):
        network, _ = train_chords(tensors(path), tensors(path, "val"), SMALL, RUN)
        states.append(network.state_dict())
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])


def test_evaluation_gives_every_figure(trained: Path, songs_file: Path) -> None:
    found = evaluate(songs_file, trained, seeds=2)
    assert (found.split, found.songs) == ("val", 4)
    figures = found.figures
    assert figures.hits is not None
    assert 0 <= figures.hits[0] <= figures.hits[1] <= figures.hits[2] <= 1
    assert {"shuffled", "absent"} == set(found.video)
    assert {"repeat", "bigram", "constant", "length-aware mean"} <= set(found.baselines)
    assert found.affect is not None
    assert set(found.affect.shares) == set(EMOTIONS)
    assert found.affect.cost["neutral"] == 0.0


def test_any_split_and_any_file_can_be_judged(trained: Path, tmp_path: Path) -> None:
    path = tmp_path / "test.npz"
    write_songs(path, {"test": 3}, seed=9, seconds=(20, 330))
    found = evaluate(path, trained, seeds=0)
    assert (found.split, found.songs, found.affect) == ("test", 3, None)
    assert any("global order 2" in name for name in found.baselines)
    with pytest.raises(InputError, match="it has test"):
        evaluate(path, trained, split="val", seeds=0)


def test_the_command_prints_the_pinned_keys(trained: Path, songs_file: Path, tmp_path: Path) -> None:
    from v2m_bridge.cli.evaluate import as_document

    found = as_document(evaluate(songs_file, trained, seeds=1))
    assert {"hits", "hits_on_change", "chord_nll", "affect", "rmse", "baselines", "songs"} <= found.keys()
    assert set(found["hits"]) == set(found["hits_on_change"]) == {"1", "3", "5"}
    assert set(found["rmse"]) == {"note_density", "loudness"}
    json.dumps(found, allow_nan=False)
    run = subprocess.run(
        [sys.executable, "-m", "v2m_bridge", "evaluate", "--data", str(tmp_path / "none.npz"), "--json"],
        capture_output=True,
        text=True,
    )
    assert run.returncode == 2
    assert json.loads(run.stdout)["error"]["code"] == "bad_input"
    assert "none.npz" in run.stderr
    assert len(run.stderr.strip().splitlines()) == 1


def test_wrong_options_are_refused(songs_file: Path, tmp_path: Path) -> None:
    options = TrainOptions(songs_file, tmp_path / "out")
    wrong: list[tuple[dict[str, object], type[V2MError]]] = [({"device": "tpu"}, InputError)]
    if not torch.cuda.is_available():
        wrong.append(({"device": "cuda"}, SetupError))
    for change, kind in wrong:
        with pytest.raises(kind):
            choose_device(dataclasses.replace(options, **change))
    with pytest.raises(InputError, match="nothing to resume"):
        train_all(dataclasses.replace(options, resume=True), shape=SMALL)
