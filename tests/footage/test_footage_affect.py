"""Arousal and valence: graded, recut, letterboxed and re-encoded copies of one film."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest

from v2m_bridge.footage.affect.look import _without_bars, look_of, palette_of
from v2m_bridge.footage.affect.measures import FilmMeasures, impression, measure_affect
from v2m_bridge.footage.affect.moods import emotions_of, in_words
from v2m_bridge.footage.bare_video import read_video
from v2m_bridge.footage.document import features_document
from v2m_bridge.footage.measure import MeasureOptions, measure
from v2m_bridge.footage.model import FootageFeatures
from v2m_bridge.music.emotions import EMOTIONS
from v2m_bridge.timeline.model import Timeline

NO_CACHE = MeasureOptions(cache=False, clip=False)

Grade = Callable[[np.ndarray], np.ndarray]


def scenery(number: int, seed: int = 0) -> np.ndarray:
    """A coloured picture that drifts slowly."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(40, 200, (10, 16, 3)).astype(np.float32)
    large = np.kron(coarse, np.ones((18, 20, 1), np.float32))
    return np.roll(large, number, axis=1)


def film(path: Path, grade: Grade, *, frames: int = 100, rate: int = 25, size: tuple[int, int] = (320, 180)) -> Path:
    with av.open(str(path), "w") as out:
        stream = out.add_stream("mpeg4", rate=rate)
        stream.width, stream.height, stream.pix_fmt, stream.bit_rate = *size, "yuv420p", 4_000_000
        for number in range(frames):
            picture = np.clip(grade(scenery(number * 25 // rate)), 0, 255).astype(np.uint8)
            frame = av.VideoFrame.from_ndarray(picture, "rgb24").reformat(*size)
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return path


def dark_and_muted(picture: np.ndarray) -> np.ndarray:
    grey = picture.mean(axis=2, keepdims=True)
    return (grey + (picture - grey) * 0.3) * 0.4


def bright_and_vivid(picture: np.ndarray) -> np.ndarray:
    grey = picture.mean(axis=2, keepdims=True)
    return (grey + (picture - grey) * 1.8) * 1.3 + 20


def measured(path: Path) -> tuple[Timeline, FootageFeatures]:
    timeline = read_video(path)
    return timeline, measure(timeline, NO_CACHE)


def test_a_dark_copy_is_less_pleasant_and_a_muted_one_less_aroused(tmp_path: Path) -> None:
    _, low = measured(film(tmp_path / "low.mp4", dark_and_muted))
    timeline, plain = measured(film(tmp_path / "plain.mp4", lambda picture: picture))
    _, high = measured(film(tmp_path / "high.mp4", bright_and_vivid))
    valence = [features.affect[:, 1].mean() for features in (low, plain, high)]
    assert valence[0] + 0.2 < valence[1] < valence[2] - 0.1
    document = features_document(timeline, plain)
    assert len(document.affect) == plain.length == 4
    assert document.modalities.affect
    assert all(-1 <= value <= 1 for row in document.affect for value in row)


def test_a_copy_of_another_size_and_frame_rate_feels_the_same(tmp_path: Path) -> None:
    _, one = measured(film(tmp_path / "one.mp4", lambda picture: picture))
    _, other = measured(film(tmp_path / "two.mp4", lambda p: p, frames=200, rate=50, size=(640, 360)))
    assert np.abs(one.affect.mean(axis=0) - other.affect.mean(axis=0)).max() < 0.12
    assert np.abs(one.palette - other.palette).max() < 0.1


def lone(cuts_s: list[float], seconds: int = 20) -> FilmMeasures:
    nothing = np.zeros((0, 4), np.float32), np.zeros(0, np.bool_)
    return FilmMeasures(np.zeros((seconds, 4), np.float32), np.zeros(seconds, np.bool_), *nothing, cuts_s, seconds)


def test_fast_cutting_arouses_even_where_no_picture_is_there() -> None:
    fast = measure_affect(lone([0.7 * n for n in range(1, 28)]))
    slow = measure_affect(lone([10.0]))
    assert fast[:, 0].min() > 0.3
    assert slow[:, 0].max() < 0
    assert not fast[:, 1].any()


def test_bars_are_not_darkness_but_a_dark_corner_is() -> None:
    picture = np.full((3, 9, 16, 3), 90, np.uint8)
    boxed = picture.copy()
    boxed[:, :2] = boxed[:, -2:] = 5
    assert look_of(_without_bars(boxed))[0, 0] == pytest.approx(90 / 255, abs=0.01)
    shaded = picture.copy()
    shaded[:, :, :4] = 5
    assert _without_bars(shaded).shape == picture.shape
    assert _without_bars(np.zeros((2, 9, 16, 3), np.uint8)).shape == (2, 9, 16, 3)


def test_palettes_tell_colours_apart_and_each_histogram_is_whole() -> None:
    red = np.zeros((1, 9, 16, 3), np.uint8)
    red[..., 0] = 200
    one, other = palette_of(red), palette_of(red[..., ::-1])
    assert one[0, 8:14].sum() == pytest.approx(1)
    assert np.abs(one - other).sum() > 2


def test_emotions_are_probabilities_that_stay_humble() -> None:
    affect = np.array([[0.6, 0.5], [-0.45, -0.6], [0.0, 0.1]], np.float32)
    found = emotions_of(affect, np.array([True, True, True]))
    assert found.sum(axis=1) == pytest.approx([1, 1, 1])
    assert [EMOTIONS[i] for i in found.argmax(axis=1)] == ["exciting", "sad", "neutral"]
    assert found.max() < 0.8
    unseen = emotions_of(affect, np.zeros(3, np.bool_))
    assert unseen.max() < found.max(axis=1).min()


def test_what_stands_out_is_said_in_words() -> None:
    cuts_only = impression(lone([0.7 * n for n in range(1, 28)]))
    assert in_words(cuts_only) == "quick cuts"
