"""The player's network and its decoder: cached steps, constraints, seeds."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

from v2m_bridge.amt.checkpoints import save_weights
from v2m_bridge.amt.player.cached import CachedPlayer
from v2m_bridge.amt.player.decoding import PlayOptions, play
from v2m_bridge.amt.player.network import PlayerNetwork, PlayerShape, Steps
from v2m_bridge.amt.player.passages import SHUT, Passage, PlayedNote, no_bias
from v2m_bridge.amt.player.steps import (
    BEAT_OVER,
    CAST_ALL,
    COLUMN,
    DURATIONS,
    FIELDS,
    LOWER,
    MELODY,
    NO_PLACE,
    PLACES,
    ROLES,
    TICKS,
    UPPER,
    hit_class,
)
from v2m_bridge.amt.player.weights import load_player, save_player
from v2m_bridge.errors import CheckpointError

SMALL = PlayerShape(width=32, layers=4, heads=2, context=96, film_layer=2, dropout=0.0)


@pytest.fixture(scope="module")
def network() -> PlayerNetwork:
    torch.manual_seed(0)
    made = PlayerNetwork(SMALL)
    for parameter in made.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    return made.eval()


def random_steps(rows: int, length: int) -> Steps:
    rng = np.random.default_rng(1)
    notes = np.zeros((rows, length, 5), dtype=np.int64)
    notes[..., 0] = rng.integers(0, 2, (rows, length))
    notes[..., 1] = np.where(notes[..., 0] == 1, rng.integers(0, PLACES, (rows, length)), NO_PLACE)
    for part, size in ((2, 128), (3, len(DURATIONS)), (4, 9)):
        notes[..., part] = rng.integers(0, size, (rows, length)) * notes[..., 0]
    beats = np.stack([rng.integers(0, field.values, (rows, length)) for field in FIELDS], -1)
    hints = rng.integers(40, 80, (rows, length, PLACES)) * (rng.random((rows, length, PLACES)) < 0.1)
    return Steps(torch.from_numpy(notes), torch.from_numpy(beats), torch.from_numpy(hints))


def test_cached_steps_give_what_the_whole_sequence_gives(network: PlayerNetwork) -> None:
    steps = random_steps(3, 20)
    with torch.inference_mode():
        whole = network(steps)
        cache = CachedPlayer(network, 3, 32)
        bottom, middle, quality = cache.tables.beats(steps.beats, steps.hints)
        for at in range(20):
            parts = steps.notes[:, at].unbind(-1)
            x = bottom[:, at] + sum(table[part] for table, part in zip(cache.tables.note, parts, strict=True))
            x = x + cache.tables.above_root(parts[0], parts[2], steps.beats[:, at, COLUMN["root"]], quality[:, at])
            hidden = cache.step(x, middle[:, at])
            torch.testing.assert_close(hidden, whole[:, at], atol=1e-4, rtol=1e-4)
        scores = network.score(whole[:, -1:], steps.notes[:, -1:], steps.hints[:, -1:])
        places, gates = cache.place(hidden, steps.hints[:, -1])
        torch.testing.assert_close(places, scores.place[:, 0], atol=1e-4, rtol=1e-4)
        pitches, joined = cache.pitch(hidden, steps.notes[:, -1, 1], gates, steps.hints[:, -1])
        torch.testing.assert_close(pitches, scores.pitch[:, 0], atol=1e-4, rtol=1e-4)
        durations, joined = cache.duration(joined, steps.notes[:, -1, 2])
        torch.testing.assert_close(durations, scores.duration[:, 0], atol=1e-4, rtol=1e-4)
        velocities = cache.velocity(joined, steps.notes[:, -1, 3])
        torch.testing.assert_close(velocities, scores.velocity[:, 0], atol=1e-4, rtol=1e-4)


def test_film_adds_nothing_when_it_is_forgotten() -> None:
    torch.manual_seed(0)
    fresh, steps = PlayerNetwork(SMALL).eval(), random_steps(2, 12)
    blind = Steps(steps.notes, steps.beats.clone(), torch.zeros_like(steps.hints))
    blind.beats[..., COLUMN["letter"] :] = 0
    with torch.inference_mode():
        assert torch.equal(fresh(steps), fresh(blind))


def passage(beats: int = 8, seed: int = 0, **changes: object) -> Passage:
    table = np.zeros((beats, len(FIELDS)), dtype=np.int64)
    table[:, COLUMN["place_in_bar"]] = np.arange(beats) % 5  # a bar of five
    table[:, COLUMN["bar_length"]], table[:, COLUMN["cast"]] = 5, CAST_ALL
    places, pitches = no_bias(beats)
    values: dict[str, object] = {
        "beats": table,
        "hints": np.zeros((beats, PLACES), dtype=np.int64),
        "given": (),
        "roles": frozenset(range(ROLES)),
        "place_bias": places,
        "pitch_bias": pitches,
        "room": np.full(beats * TICKS, 1000),
        "seed": (seed,),
    }
    return Passage(**{**values, **changes})  # type: ignore[arg-type]


def test_a_passage_depends_on_its_own_seed_alone(network: PlayerNetwork) -> None:
    alone = play(network, [passage(seed=3)], PlayOptions())[0].notes
    among = play(network, [passage(seed=1), passage(seed=3), passage(5, seed=2)], PlayOptions())
    assert alone == among[1].notes
    assert among[0].notes != alone


def test_threads_change_nothing(network: PlayerNetwork) -> None:
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        two = play(network, [passage(seed=3)], PlayOptions())
        assert torch.get_num_threads() == 2
        torch.set_num_threads(1)
        assert play(network, [passage(seed=3)], PlayOptions()) == two
    finally:
        torch.set_num_threads(before)


def test_what_is_forbidden_is_never_played(network: PlayerNetwork) -> None:
    places, pitches = no_bias(8)
    places[3, :PLACES] = SHUT
    pitches[:, :, :60] = pitches[:, :, 72:] = SHUT
    barrier = 5 * TICKS
    room = np.where(np.arange(8 * TICKS) < barrier, barrier - np.arange(8 * TICKS), 1000)
    for seed in range(6):
        played = play(network, [passage(seed=seed, place_bias=places, pitch_bias=pitches, room=room)], PlayOptions())[0]
        assert played.notes
        for note in played.notes:
            assert note.onset // TICKS != 3
            assert 60 <= note.pitch < 72
            assert note.onset >= barrier or note.onset + note.length <= barrier


def test_given_notes_stand_and_are_not_drawn_again(network: PlayerNetwork) -> None:
    places, _ = no_bias(8)
    places[:, MELODY:PLACES:ROLES] = SHUT
    given = (PlayedNote(0, MELODY, 72, 24, 5), PlayedNote(36, MELODY, 74, 12, 5), PlayedNote(190, MELODY, 71, 2, 5))
    played = play(network, [passage(given=given, place_bias=places)], PlayOptions())[0].notes
    assert [(n.onset, n.pitch) for n in played if n.role == MELODY] == [(0, 72), (36, 74), (190, 71)]
    assert any(n.role in (UPPER, LOWER) for n in played)
    assert list(played) == sorted(played)


def test_single_lines_never_overlap(network: PlayerNetwork) -> None:
    for seed in range(4):
        notes = [n for n in play(network, [passage(seed=seed)], PlayOptions())[0].notes if n.role == MELODY]
        assert all(a.onset + a.length <= b.onset for a, b in itertools.pairwise(notes))


def test_a_passage_longer_than_the_context_is_played_to_its_end(network: PlayerNetwork) -> None:
    places, _ = no_bias(40)
    places[:, BEAT_OVER] = -3.0
    played = play(network, [passage(40, place_bias=places)], PlayOptions())[0].notes
    assert len(played) + 40 > SMALL.context
    assert max(n.onset for n in played) // TICKS >= 38


def test_beats_to_a_hit_fall_into_classes() -> None:
    assert hit_class(np.array([-1, 0, 1, 2, 4, 5, 16, 17])).tolist() == [1, 2, 3, 4, 6, 7, 9, 1]


def test_weights_come_back_and_others_are_refused(network: PlayerNetwork, tmp_path) -> None:
    save_player(tmp_path / "player.safetensors", network, "{}")
    read = load_player(tmp_path)
    assert read.identity.startswith("player-")
    torch.testing.assert_close(read.to_pitch.weight, network.to_pitch.weight, atol=1e-2, rtol=1e-2)
    save_weights(tmp_path / "other.safetensors", "v2m.chords/1", SMALL, network.state_dict())
    with pytest.raises(CheckpointError, match=r"v2m\.chords/1"):
        load_player(tmp_path / "other.safetensors")
