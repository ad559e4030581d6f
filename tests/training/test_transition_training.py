"""Films made to learn transitions from: their truth, their repeatability, and a training from start to file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from v2m_bridge.demo.synthesis import Scene, ShotPlan, synthesise_film
from v2m_bridge.errors import InputError
from v2m_bridge.footage.cuts.transition_network import KINDS, TransitionNetwork
from v2m_bridge.training.transitions.joins import _KIND_SHARES, _mixed, draw_film
from v2m_bridge.training.transitions.shots import HEIGHT, WIDTH, Material, read_material
from v2m_bridge.training.transitions.train import main


def material() -> Material:
    rng = np.random.default_rng(0)
    return Material(
        (rng.integers(0, 256, (30, 54, 96, 3), np.uint8),), (rng.integers(0, 256, (135, 240, 3), np.uint8),)
    )


def test_a_film_says_of_every_picture_whether_two_shots_are_in_it() -> None:
    film = draw_film(material(), 400, np.random.default_rng(1))
    assert film.thumbs.shape == (400, 9, 16, 3)
    assert film.kind.shape == (400,)
    assert set(np.unique(film.kind)) <= {-1, *range(len(KINDS))}
    assert 0.02 < (film.kind >= 0).mean() < 0.9


def test_the_same_seed_makes_the_same_film() -> None:
    one, two, other = (draw_film(material(), 80, np.random.default_rng(seed)) for seed in (3, 3, 4))
    assert np.array_equal(one.thumbs, two.thumbs)
    assert np.array_equal(one.kind, two.kind)
    assert not np.array_equal(one.thumbs, other.thumbs)


@pytest.mark.parametrize("name", sorted(_KIND_SHARES))
@pytest.mark.parametrize("seed", range(6))
def test_every_transition_leads_from_one_shot_to_the_other(name: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    a = np.full((20, HEIGHT, WIDTH, 3), 40, np.float32)
    b = np.full((20, HEIGHT, WIDTH, 3), 200, np.float32)
    means = _mixed(name, a, b, rng).mean(axis=(1, 2, 3))
    assert means.shape == (20,)
    assert abs(means[0] - 40) < 45
    assert abs(means[-1] - 200) < 45


def test_material_needs_clips_and_photographs(tmp_path: Path) -> None:
    Image.new("RGB", (64, 48)).save(tmp_path / "photo.png")
    with pytest.raises(InputError, match="at least one clip"):
        read_material([tmp_path / "photo.png"])
    (tmp_path / "text.jpg").write_text("no photograph", encoding="utf-8")
    with pytest.raises(InputError, match="photograph"):
        read_material([tmp_path / "text.jpg"])


def test_a_training_ends_in_weights_that_can_be_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    film = synthesise_film(tmp_path / "clip.mp4", shots=[ShotPlan(Scene.WAVES, 20), ShotPlan(Scene.SHAPES, 20)])
    Image.new("RGB", (320, 180), (90, 120, 30)).save(tmp_path / "photo.png")
    sources = [str(film.path), str(tmp_path / "photo.png")]
    options = ["--check", *sources, "--films", "12", "--epochs", "2", "--out", str(tmp_path / "out")]
    main([*sources, *options])
    network = TransitionNetwork.load(tmp_path / "out" / "transitions.safetensors")
    seen = network.look(np.zeros((50, 9, 16, 3), np.uint8))
    assert np.isfinite(seen.probability).all()
    assert "precision" in capsys.readouterr().out
