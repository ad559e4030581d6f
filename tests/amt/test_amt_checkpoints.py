"""Weights on disk: what is refused, what is imported, and what is shipped."""

from __future__ import annotations

import os
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from amt_fixtures import SMALL, decode_one, film, small_network, small_original
from safetensors.torch import load_file, save_file

from v2m_bridge.amt.checkpoints import (
    CHORDS_FORMAT,
    load_chord_network,
    read_weights,
    save_weights,
    shipped_models,
)
from v2m_bridge.amt.conditioning import empty_conditioning
from v2m_bridge.amt.decode_options import DecodeOptions
from v2m_bridge.amt.dynamics import predict_dynamics
from v2m_bridge.amt.network import BridgeNetwork
from v2m_bridge.amt.original import OriginalRegression, RegressionShape
from v2m_bridge.amt.published import import_published
from v2m_bridge.errors import CheckpointError, InputError
from v2m_bridge.settings import models_folder


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    path = tmp_path / "own.safetensors"
    network = small_network()
    save_weights(path, CHORDS_FORMAT, network.shape, network.state_dict())
    return path


def rewritten(path: Path, target: str, **changes: torch.Tensor | None) -> Path:
    """A copy with tensors replaced (dots as double underscores) or removed (None)."""
    weights = read_weights(path)
    tensors = dict(weights.tensors)
    for name, tensor in changes.items():
        name = name.replace("__", ".")
        if tensor is None:
            del tensors[name]
        else:
            tensors[name] = tensor
    other = path.with_name(target)
    save_file(tensors, other, metadata=weights.metadata)
    return other


def test_what_is_saved_is_read_back_to_half_precision(saved: Path) -> None:
    network, original = load_chord_network(saved), small_network()
    assert isinstance(network, BridgeNetwork)
    assert network.shape == SMALL
    for name, tensor in original.state_dict().items():
        assert torch.equal(network.state_dict()[name], tensor.half().float() if tensor.is_floating_point() else tensor)
    digest = network.identity.removeprefix("own-")
    assert len(digest) == 12
    assert load_chord_network(saved.parent / "own.safetensors").identity == network.identity


def test_the_identity_follows_the_weights(saved: Path) -> None:
    changed = rewritten(saved, "x.safetensors", norm__weight=torch.zeros(24).half())
    assert load_chord_network(changed).identity[-12:] != load_chord_network(saved).identity[-12:]


@pytest.mark.parametrize("kept", [0.0, 0.3, 0.999])
def test_a_truncated_file_is_refused_by_name(saved: Path, kept: float) -> None:
    content = saved.read_bytes()
    saved.write_bytes(content[: int(len(content) * kept)])
    with pytest.raises(CheckpointError, match=r"own\.safetensors"):
        load_chord_network(saved)


def test_a_missing_file_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="nowhere"):
        load_chord_network(tmp_path / "nowhere.safetensors")
    with pytest.raises(CheckpointError, match=r"chords\.safetensors"):
        load_chord_network(tmp_path)


def test_missing_renamed_and_misshapen_tensors_are_named(saved: Path) -> None:
    with pytest.raises(CheckpointError, match=r"lacks norm\.weight"):
        load_chord_network(rewritten(saved, "a.safetensors", norm__weight=None))
    with pytest.raises(CheckpointError, match=r"has norm\.heavy"):
        load_chord_network(rewritten(saved, "b.safetensors", norm__heavy=torch.zeros(2)))
    with pytest.raises(CheckpointError, match=r"norm\.weight is \[3\], expected \[24\]"):
        load_chord_network(rewritten(saved, "c.safetensors", norm__weight=torch.zeros(3)))
    with pytest.raises(CheckpointError, match=r"not finite in norm\.weight"):
        load_chord_network(rewritten(saved, "d.safetensors", norm__weight=torch.full((24,), torch.nan)))


@pytest.mark.parametrize(
    ("metadata", "message"),
    [
        (None, "format None"),
        ({"format": "v2m.dynamics/1"}, "v2m.dynamics/1"),
        ({"format": CHORDS_FORMAT}, "sizes"),
        ({"format": CHORDS_FORMAT, "shape": '{"width": 24}'}, "sizes"),
        ({"format": CHORDS_FORMAT, "shape": "[1, 2"}, "sizes"),
    ],
)
def test_a_file_that_does_not_say_what_it_is_is_refused(
    saved: Path, metadata: dict[str, str] | None, message: str
) -> None:
    other = saved.with_name("other.safetensors")
    save_file(load_file(saved), other, metadata=metadata)
    with pytest.raises(CheckpointError, match=message):
        load_chord_network(other)


def test_sizes_out_of_all_proportion_are_refused_before_anything_is_built(saved: Path) -> None:
    weights = read_weights(saved)
    shape = weights.metadata["shape"].replace('"width": 24', '"width": 99999999')
    assert "99999999" in shape
    other = saved.with_name("huge.safetensors")
    save_file(weights.tensors, other, metadata=weights.metadata | {"shape": shape})
    with pytest.raises(CheckpointError, match="width is 99999999"):
        load_chord_network(other)


# published checkpoints


def test_a_published_chord_network_is_imported_and_used(tmp_path: Path) -> None:
    original = small_original()
    torch.save(original.state_dict(), tmp_path / "best_acc.pickle")
    imported = import_published(tmp_path / "best_acc.pickle")
    assert imported.path == models_folder() / "best_acc.safetensors"
    assert imported.kind == "chord network"
    network = load_chord_network(imported.path)
    assert network.identity.startswith("best_acc-")
    options = DecodeOptions(seed=4)
    assert decode_one(network, film(30), options).ids.tolist() == decode_one(original, film(30), options).ids.tolist()


def test_a_published_dynamics_network_is_imported_and_used(tmp_path: Path) -> None:
    torch.manual_seed(0)
    original = OriginalRegression(RegressionShape(hidden=8))
    torch.save({f"module.{name}": tensor for name, tensor in original.state_dict().items()}, tmp_path / "reg.pt")
    imported = import_published(tmp_path / "reg.pt", name="density", folder=tmp_path)
    assert (imported.path.name, imported.kind) == ("density.safetensors", "dynamics network")
    found = predict_dynamics(film(700), imported.path)
    assert found.note_density.shape == found.loudness.shape == (700,)
    assert found.checkpoint.startswith("density-")


class Dangerous:
    """Would make a folder when unpickled."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (self.path,)


@pytest.mark.parametrize("how", ["torch", "pickle"])
def test_a_malicious_pickle_is_refused_and_not_run(tmp_path: Path, how: str) -> None:
    trap, path = tmp_path / "trap", tmp_path / "evil.pickle"
    content = {"Wout.weight": torch.zeros(2), "x": Dangerous(str(trap))}
    if how == "torch":
        torch.save(content, path)
    else:
        path.write_bytes(pickle.dumps(content))
    with pytest.raises(CheckpointError, match=r"evil\.pickle"):
        import_published(path)
    assert not trap.exists()
    path.rename(tmp_path / "evil.safetensors")
    with pytest.raises(CheckpointError, match=r"evil\.safetensors"):
        load_chord_network(tmp_path / "evil.safetensors")
    assert not trap.exists()


def test_pickles_of_other_things_are_refused(tmp_path: Path) -> None:
    state = small_original().state_dict()
    cases = {
        "list.pt": [1, 2],
        "numbers.pt": {"epoch": 3},
        "stranger.pt": {"fc.weight": torch.zeros(2, 2)},
        "renamed.pt": {name.replace("Wout.", "Out."): tensor for name, tensor in state.items()},
        "misshapen.pt": state | {"Wout.weight": torch.zeros(3, 16)},
        "nan.pt": state | {"Wout.weight": torch.full((159, 16), torch.inf)},
    }
    for name, content in cases.items():
        torch.save(content, tmp_path / name)
        with pytest.raises(CheckpointError):
            import_published(tmp_path / name)
    (tmp_path / "text.pt").write_text("hello")
    (tmp_path / "empty.pt").write_bytes(b"")
    whole = tmp_path / "list.pt"
    (tmp_path / "half.pt").write_bytes(whole.read_bytes()[:100])
    for name in ("text.pt", "empty.pt", "half.pt", "nowhere.pt"):
        with pytest.raises(CheckpointError, match=name.replace(".", r"\.")):
            import_published(tmp_path / name)
    with pytest.raises(InputError, match="no name"):
        torch.save(state, tmp_path / "good.pt")
        import_published(tmp_path / "good.pt", name="../elsewhere")
    assert not list(models_folder().glob("*"))


# what is shipped


def test_the_shipped_networks_are_small_and_say_how_they_were_made() -> None:
    import json

    for name in ("chords", "dynamics"):
        weights = read_weights(shipped_models() / f"{name}.safetensors")
        assert weights.path.stat().st_size <= 20_000_000
        assert sum(tensor.numel() for tensor in weights.tensors.values()) <= 10_000_000
        recipe = json.loads(weights.metadata["recipe"])
        assert {"seed", "device", "recipes", "data"} <= recipe.keys()
    card = (shipped_models() / "README.md").read_text(encoding="utf-8")
    for word in ("MuVi-Sync", "licence", "seed", "Hits@1", "limits"):
        assert word.lower() in card.lower()


def test_the_shipped_network_writes_music() -> None:
    """Mostly in key, changing and coming back; and with its weights at zero it does not."""
    network = load_chord_network()
    assert isinstance(network, BridgeNetwork)
    plain = DecodeOptions(
        key_strength=0.0, affect=0.0, change_at_cut=0.0, end=False, longest_run=None, longest_alternation=None
    )
    from v2m_bridge.music.chords import Chord

    def in_key(ids: np.ndarray) -> float:
        white = {0, 2, 4, 5, 7, 9, 11}
        return float(np.mean([set(Chord.from_id(int(index)).pitch_classes) <= white for index in ids]))

    alive = decode_one(network, film(120), plain)
    for parameter in network.parameters():
        parameter.data.zero_()
    dead = decode_one(network, film(120), plain)
    assert in_key(alive.ids) > 0.8
    assert in_key(dead.ids) < 0.5
    assert float(np.median(alive.probabilities)) > 0.2
    changes = np.mean(alive.ids[1:] != alive.ids[:-1])
    assert 0.05 < changes < 0.9


def test_the_shipped_dynamics_follow_the_film() -> None:
    """Within the data's range; softer at both ends; another film, other dynamics; the length is met."""
    found, other = predict_dynamics(empty_conditioning(900)), predict_dynamics(film(900))
    assert found.note_density.shape == (900,)
    assert 0 <= found.note_density.min() <= found.note_density.max() <= 41
    assert 0 <= found.loudness.min() <= found.loudness.max() <= 0.6
    assert found.loudness[0] < found.loudness[400:500].mean()
    assert found.loudness[-1] < found.loudness[400:500].mean()
    assert float(np.abs(found.note_density - other.note_density).max()) > 0.1


def test_a_cue_neither_swells_in_nor_dies_away_as_songs_do() -> None:
    from v2m_bridge.amt.dynamics import CUE_MARGIN

    short = film(50)
    song, cue = predict_dynamics(short), predict_dynamics(short, margin=CUE_MARGIN)
    assert cue.loudness.shape == cue.note_density.shape == (50,)
    middle = float(cue.loudness[15:35].mean())
    assert float(song.loudness[-3:].mean()) < 0.3 * float(song.loudness[15:35].mean())
    assert float(cue.loudness[-3:].mean()) > 0.7 * middle
    assert float(cue.loudness[:3].mean()) > 0.7 * middle


def test_a_film_in_the_middle_of_a_longer_one() -> None:
    short = film(12, 3)
    wide = short.surrounded(30)  # more than it is long: mirrored over and over
    assert wide.length == 72
    assert np.array_equal(wide.motion[30:42], short.motion)
    assert np.array_equal(wide.motion[18:30], short.motion[::-1])
    assert np.array_equal(wide.motion[42:54], short.motion[::-1])
    assert wide.slots_left.tolist() == list(range(71, -1, -1))
