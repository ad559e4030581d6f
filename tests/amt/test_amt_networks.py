"""Both chord networks: parity with the published numbers, causality, caching, absence."""

from __future__ import annotations

import dataclasses
import functools
from pathlib import Path

import numpy as np
import pytest
import torch
from amt_fixtures import film, small_network, small_original
from safetensors.torch import load_file

from v2m_bridge.amt.chord_network import ChordNetwork
from v2m_bridge.amt.film import left_kinds
from v2m_bridge.amt.history import ALIKE_KEPT, DRIFT_KEPT, DRIFT_PRICE, RHYTHM_KEPT, History
from v2m_bridge.amt.network import BridgeNetwork, NetworkShape, lag_kinds
from v2m_bridge.amt.original import (
    OriginalNetwork,
    OriginalRegression,
    OriginalShape,
    shape_from_names,
    video_rows,
)
from v2m_bridge.amt.vocabulary import PAD_ID, token_roots

DEVICES = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]


def songs(batch: int, length: int, seed: int = 0, kinds: int = 6) -> torch.Tensor:
    """Random chords with runs and repeats."""
    random = np.random.default_rng(seed)
    rows = [
        np.repeat(random.integers(0, kinds, length) * 13 + 1, random.integers(1, 4, length))[:length]
        for _ in range(batch)
    ]
    return torch.from_numpy(np.stack(rows))


@pytest.fixture(scope="module")
def golden(tmp_path_factory: pytest.TempPathFactory) -> Path:
    import conftest

    folder = conftest.SHARED / "golden"
    if not folder.is_dir():
        pytest.skip(f"no golden numbers of the published code at {folder}")
    return folder


def test_the_published_network_gives_the_published_logits(golden: Path) -> None:
    weights, truth = load_file(golden / "amt_small_weights.safetensors"), load_file(golden / "amt_small_io.safetensors")
    network = OriginalNetwork(shape_from_names(weights)).eval()
    network.load_state_dict(weights)
    parts = (truth["semantic"], truth["scene_offset"][..., None], truth["motion"][..., None], truth["emotion"])
    with torch.inference_mode():
        cache = network.begin(torch.cat(parts, dim=-1), truth["key"])
        logits = network.advance(cache, truth["root"], truth["quality"])
    assert torch.equal(network.roots[truth["chord"]], truth["root"])
    assert torch.equal(network.qualities[truth["chord"]], truth["quality"])
    assert float((logits - truth["logits"]).abs().max()) < 1e-5


def test_our_slots_become_the_published_input(golden: Path) -> None:
    """Through ``start`` and ``extend``: the scene offset from 1, key as a number, the film of 300 s."""
    weights, truth = load_file(golden / "amt_small_weights.safetensors"), load_file(golden / "amt_small_io.safetensors")
    network = OriginalNetwork(shape_from_names(weights)).eval()
    network.load_state_dict(weights)
    given = dataclasses.replace(
        film(300, minor=bool(truth["key"][0])),
        semantic=truth["semantic"][0].numpy(),
        emotion=truth["emotion"][0].numpy(),
        motion=truth["motion"][0].numpy(),
        scene_offset=truth["scene_offset"][0].numpy() - 1,
    )
    cache, _ = network.start([given])
    assert float((network.extend(cache, truth["chord"]) - truth["logits"]).abs().max()) < 1e-5


def test_the_published_regression_gives_the_published_numbers(golden: Path) -> None:
    truth = load_file(golden / "amt_small_io.safetensors")
    network = OriginalRegression()
    network.load_state_dict(load_file(golden / "regression_weights.safetensors"))
    parts = (truth["semantic"], truth["scene_offset"][..., None], truth["motion"][..., None], truth["emotion"])
    with torch.inference_mode():
        assert float((network(torch.cat(parts, dim=-1)) - truth["regression"]).abs().max()) < 1e-5


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("make", [small_network, small_original])
def test_cached_and_uncached_scores_agree_at_every_length(make: type, device: str) -> None:
    network: ChordNetwork = make().to(device)
    chords = songs(2, 299).to(device)
    films = [film(300, seed) for seed in (0, 1)]
    cache, _ = network.start(films)
    whole = network.extend(cache, chords)
    cache, _ = network.start(films)
    stepped = torch.cat([network.extend(cache, chords[:, index : index + 1]) for index in range(299)], dim=1)
    assert float((whole - stepped).abs().max()) < 2e-4
    cache, _ = network.start(films)
    uneven = torch.cat([network.extend(cache, part) for part in chords.split([1, 40, 7, 251], dim=1)], dim=1)
    assert float((whole - uneven).abs().max()) < 2e-4


@pytest.mark.parametrize("make", [small_network, small_original])
def test_scores_depend_on_the_past_alone(make: type) -> None:
    network: ChordNetwork = make()
    chords = songs(1, 30)
    changed = chords.clone()
    changed[:, 20:] = 3
    cache, first = network.start([film(40)])
    before = network.extend(cache, chords)
    cache, again = network.start([film(40)])
    after = network.extend(cache, changed)
    assert torch.equal(first, again)
    assert float((before[:, :20] - after[:, :20]).abs().max()) < 1e-6
    assert float((before[:, 20:] - after[:, 20:]).abs().max()) > 1e-3


def test_what_is_absent_is_not_heard() -> None:
    network = small_network()
    known = film(20)
    off = np.zeros(20, dtype=np.bool_)
    absent = dataclasses.replace(known, semantic_present=off, emotion_present=off, motion_present=off)
    other = dataclasses.replace(absent, semantic=known.semantic * 9, emotion=known.emotion[:, ::-1].copy())
    scores = [network.start([item])[1] for item in (known, absent, other)]
    assert torch.equal(scores[1], scores[2])
    assert float((scores[0] - scores[1]).abs().max()) > 1e-4


def test_a_mood_changes_the_scores_only_from_where_it_is_set() -> None:
    network = small_network()
    plain = film(12)
    moody = dataclasses.replace(plain, moods=(None,) * 6 + ("sad",) * 6)
    chords = songs(1, 11)
    found = []
    for item in (plain, moody):
        cache, first = network.start([item])
        found.append(torch.cat((first[:, None], network.extend(cache, chords)), dim=1))
    different = (found[0] - found[1]).abs().amax(dim=(0, 2))
    assert float(different[:6].max()) < 1e-6
    assert float(different[6:].min()) > 1e-5


def naive_history(tokens: list[int]) -> tuple[list[list[int]], list[list[int]]]:
    """Match lengths by the definition, quadratic and slow."""

    def suffix(first: list[int], second: list[int]) -> int:
        count = 0
        while count < min(len(first), len(second)) and first[-1 - count] == second[-1 - count]:
            count += 1
        return count

    def collapsed(part: list[int]) -> list[int]:
        return [token for index, token in enumerate(part) if index == 0 or part[index - 1] != token]

    exact, loose = [], []
    for now in range(len(tokens)):
        exact.append([0] + [suffix(tokens[: now + 1], tokens[:key]) for key in range(1, now + 1)])
        run_start = now
        while run_start and tokens[run_start - 1] == tokens[now]:
            run_start -= 1
        row = [0] * (now + 1)
        for key in range(1, run_start + 1):
            row[key] = suffix(collapsed(tokens[: now + 1]), collapsed(tokens[:key]))
        loose.append(row)
    return exact, loose


def test_match_lengths_are_those_of_the_definition() -> None:
    tokens = [PAD_ID, *songs(1, 60, seed=4, kinds=3)[0].tolist()]
    features = History(1, len(tokens)).push(torch.tensor([tokens]))
    exact, loose = naive_history(tokens)
    for now in range(len(tokens)):
        assert features.exact[0, now, : now + 1].tolist() == exact[now]
        assert features.loose[0, now, : now + 1].tolist() == loose[now]
        assert not features.exact[0, now, now + 1 :].any()


def agreement(tokens: list[int], here: int, there: int) -> float:
    """How far two slots agree, by the definition; nothing after ``here`` may be looked at."""

    def same(other: int) -> float:
        if other < 0 or other > here:
            return 0.0
        if tokens[other] == tokens[here]:
            return 1.0
        return 0.5 * (token_roots()[tokens[other]] == token_roots()[tokens[here]])

    return max(same(there), 0.5 * same(there - 1), 0.5 * same(there + 1))


def naive_likeness(tokens: list[int], now: int, key: int) -> list[float]:
    """The fading sums by the definition: every pair of slots at the same distance, the latest counting most."""
    starts = [index == 0 or tokens[index] != tokens[index - 1] for index in range(len(tokens))]
    agreed = [agreement(tokens, now - back, key - 1 - back) for back in range(key)]
    rhythm = [float(starts[now - back] == starts[key - 1 - back]) for back in range(key)]
    sums = [(1 - kept) * sum(kept**back * one for back, one in enumerate(agreed)) for kept in ALIKE_KEPT]
    sums.append((1 - DRIFT_KEPT) * drifting(tuple(tokens), now, key))
    sums.append((1 - RHYTHM_KEPT) * sum(RHYTHM_KEPT**back * one for back, one in enumerate(rhythm)))
    return sums


@functools.cache
def drifting(tokens: tuple[int, ...], now: int, key: int) -> float:
    """The best sum over ways whose distance may change by a slot at each step, at a price."""
    if key < 1 or key > now:
        return 0.0
    straight = drifting(tokens, now - 1, key - 1)
    aside = max(drifting(tokens, now - 1, key), drifting(tokens, now - 1, key - 2))
    return agreement(list(tokens), now, key - 1) + DRIFT_KEPT * max(straight, DRIFT_PRICE * aside)


def test_likeness_forgives_single_differences() -> None:
    tokens = [PAD_ID, *songs(1, 50, seed=5, kinds=4)[0].tolist()]
    features = History(1, len(tokens)).push(torch.tensor([tokens]))
    assert features.alike.shape[-1] == len(ALIKE_KEPT) + 2
    for now in range(len(tokens)):
        wanted = [[0.0] * features.alike.shape[-1]] + [naive_likeness(tokens, now, key) for key in range(1, now + 1)]
        found = features.alike[0, now, : now + 1].float() / 255
        assert torch.allclose(found, torch.tensor(wanted), atol=0.51 / 255), now
        assert not features.alike[0, now, now + 1 :].any()


def test_the_pulse_points_at_the_next_change() -> None:
    """Changes every four slots: the phasor of that frequency is near 1 before a change and near -1 half-way."""
    from v2m_bridge.amt.history import PULSE_FREQUENCIES

    tokens = torch.arange(80)[None] // 4 % 7 + 1
    features = History(1, 80).push(tokens)
    every_fourth = PULSE_FREQUENCIES.index(min(PULSE_FREQUENCIES, key=lambda f: abs(f - 0.25)))
    assert float(features.pulse[0, 75, every_fourth]) > 0.9
    assert float(features.pulse[0, 73, every_fourth]) < -0.9
    assert features.runs[0, 73].tolist()[:2] == [2, 4]


def test_classes_of_lags_and_of_slots_left_are_ordered_and_in_range() -> None:
    lags, left = lag_kinds(torch.arange(3000)), left_kinds(torch.arange(-5, 3000))
    assert (lags.diff() >= 0).all()
    assert int(lags.max()) == 47
    assert left[:5].tolist() == [0] * 5
    assert left[5:21].tolist() == list(range(1, 17))
    assert (left.diff() >= 0).all()
    assert int(left.max()) < 27


def test_the_default_network_is_small_enough() -> None:
    assert sum(p.numel() for p in BridgeNetwork(NetworkShape()).parameters()) < 10_000_000


def test_the_published_sizes_have_the_published_names() -> None:
    """6 + 6 layers of width 512: the sizes are read off the tensors of such a checkpoint."""
    with torch.device("meta"):
        tensors = OriginalNetwork(OriginalShape()).state_dict()
    assert tensors["Linear_vis.weight"].shape == (512, 776)
    assert tensors["transformer.decoder.layers.5.self_attn.Er"].shape == (300, 64)
    assert shape_from_names(tensors) == OriginalShape()


def test_rows_of_the_published_input_follow_its_order() -> None:
    given = film(5)
    rows = video_rows(given, 8)
    assert rows.shape == (8, 776)
    assert np.array_equal(rows[:5, 768], given.scene_offset + 1)
    assert np.array_equal(rows[:5, 769], given.motion)
    assert not rows[5:].any()
