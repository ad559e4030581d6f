"""Cuts whose names say nothing: the pictures themselves tell which shot is which."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from v2m_bridge.compose.compare import compare
from v2m_bridge.demo.synthesis import encode_film
from v2m_bridge.footage.fingerprints import SIDE, shot_fingerprints
from v2m_bridge.timeline.model import Shot, Timeline

RATE = Fraction(24)
SIZE = (96, 96)
LENGTH = 24
SCENES = 6


def pictures(scenes: Sequence[int], lead: int) -> Iterator[np.ndarray]:
    """Scenes of LENGTH pictures: a fixed pattern each, with a bright bar that crosses it; ``lead`` pictures before."""
    for n in range(lead):
        yield np.full((SIZE[1], SIZE[0], 3), 40 + n, np.uint8)
    for scene in scenes:
        pattern = np.random.default_rng(scene).integers(30, 200, (8, 8)).astype(np.uint8)
        for frame in range(LENGTH):
            grey = np.kron(pattern, np.ones((12, 12), np.uint8))
            grey[:, 4 * frame : 4 * frame + 4] = 255
            yield np.repeat(grey[:, :, None], 3, axis=2)


def film(path: Path, scenes: Sequence[int], lead: int = 0) -> Path:
    encode_film(path, pictures(scenes, lead), size=SIZE, rate=RATE, codec="ffv1", pixel_format="bgr0", options={})
    return path


def cut(files: Sequence[Path], lead: int = 0) -> Timeline:
    """One shot a file, all of one length."""
    shots = tuple(
        Shot(n * LENGTH, (n + 1) * LENGTH, str(f), True, float(lead / RATE), 1.0, f.stem) for n, f in enumerate(files)
    )
    return Timeline("film", RATE, 0, LENGTH * len(files), shots)


ORDER = (3, 0, 5, 1, 4, 2)


@pytest.fixture(scope="module")
def cuts(tmp_path_factory: pytest.TempPathFactory) -> tuple[Timeline, Timeline]:
    """Old, and new in another order under other names with other handles."""
    folder = tmp_path_factory.mktemp("films")
    old = cut([film(folder / f"take{n}.mkv", (n,)) for n in range(SCENES)])
    names = ("quiet", "amber", "north", "velvet", "ladder", "comet")
    new = cut([film(folder / f"{name}.mkv", (scene,), lead=7) for name, scene in zip(names, ORDER, strict=True)], 7)
    return old, new


def test_renamed_and_reordered_shots_are_found_by_their_pictures(cuts: tuple[Timeline, Timeline]) -> None:
    changes = compare(*cuts)
    found = [s.to_old(frame) for frame in range(SCENES * LENGTH) if (s := changes.segment_at_new(frame))]
    assert found == [scene * LENGTH + frame for scene in ORDER for frame in range(LENGTH)]


def test_without_the_pictures_they_could_not_be(cuts: tuple[Timeline, Timeline]) -> None:
    changes = compare(*cuts, pictures=False)
    found = [s.to_old(f) for f in range(SCENES * LENGTH) if (s := changes.segment_at_new(f))]
    assert found != [scene * LENGTH + frame for scene in ORDER for frame in range(LENGTH)]


def test_fingerprints_are_rows_of_length_one_one_a_frame(cuts: tuple[Timeline, Timeline]) -> None:
    rows, warnings = shot_fingerprints(cuts[0], [2])
    assert warnings == ()
    assert rows[2].shape == (LENGTH, SIDE * SIDE)
    assert np.allclose(np.linalg.norm(rows[2], axis=1), 1, atol=1e-5)


def test_media_that_cannot_be_read_is_told(tmp_path: Path, cuts: tuple[Timeline, Timeline]) -> None:
    broken = tmp_path / "broken.mkv"
    broken.write_bytes(b"no film")
    changes = compare(cuts[0], cut([broken]))
    assert any("broken.mkv" in w for w in changes.warnings)
