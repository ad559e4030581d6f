"""Gradual transitions on moving pictures, and cuts over one picture that shows both shots."""

from __future__ import annotations

import itertools
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from v2m_bridge.demo.synthesis import encode_film
from v2m_bridge.errors import CheckpointError
from v2m_bridge.footage.bare_video import read_video
from v2m_bridge.footage.cuts import transition_network
from v2m_bridge.footage.cuts.gradual import find_all_cuts, seen_transitions
from v2m_bridge.footage.cuts.hard import hard_cuts
from v2m_bridge.footage.cuts.transition_features import FEATURES, transition_features
from v2m_bridge.footage.cuts.transition_network import Inside, TransitionNetwork, shipped_network
from v2m_bridge.footage.passes.film import scan_film
from v2m_bridge.footage.video.source import VideoSource
from v2m_bridge.footage.video.trace import PictureTrace
from v2m_bridge.timeline.model import CutKind

RATE = Fraction(25)
SIZE = (320, 180)

Pictures = npt.NDArray[np.uint8]


def clip(path: Path, first: int, count: int) -> Pictures:
    """Pictures of a clip."""
    with VideoSource(path) as source:
        taken = itertools.islice(source.pictures(), first, first + count)
        return np.stack([p.frame.reformat(*SIZE, "rgb24").to_ndarray() for p in taken])


def joined(a: Pictures, b: Pictures, kind: str, length: int) -> Pictures:
    """The last ``length`` pictures of ``a`` give way to the first of ``b``."""
    tail, head, mixed = a[-length:], b[:length], np.empty_like(a[-length:])
    for n in range(length):
        share = (n + 1) / (length + 1)
        column = round(share * SIZE[0])
        if kind == "dissolve":
            mixed[n] = (tail[n] * (1 - share) + head[n] * share).astype(np.uint8)
        elif kind == "wipe":
            mixed[n] = np.concatenate([head[n][:, :column], tail[n][:, column:]], axis=1)
        else:
            mixed[n] = np.concatenate([tail[n][:, column:], head[n][:, :column]], axis=1)
    return np.concatenate([a[:-length], mixed, b[length:]])


@pytest.mark.parametrize("length", [12, 30])
@pytest.mark.parametrize("kind", ["dissolve", "wipe", "slide"])
def test_a_transition_between_two_moving_shots(shared_data: Path, tmp_path: Path, kind: str, length: int) -> None:
    footage = shared_data / "footage"
    a, b = clip(footage / "chaplin.mp4", 20, 120), clip(footage / "flipping_a_pancake.mkv", 60, 120)
    path = tmp_path / "film.mp4"
    encode_film(path, iter(joined(a, b, kind, length)), size=SIZE, rate=RATE)
    cuts = scan_film(path).cuts
    assert [cut.kind for cut in cuts] == [CutKind.DISSOLVE if kind == "dissolve" else CutKind.WIPE]
    assert abs(cuts[0].frame - (120 - length / 2)) <= max(3, length / 4)
    assert cuts[0].span_start_frame is not None
    assert cuts[0].span_end_frame is not None
    assert cuts[0].span_start_frame < cuts[0].frame < cuts[0].span_end_frame


# ------------------------------------------------------------------------------------------------------- the network


def random_weights(seed: int) -> dict[str, npt.NDArray[np.float32]]:
    rng = np.random.default_rng(seed)
    shipped = shipped_network()._weights
    return {name: rng.normal(0, 0.1, value.shape).astype(np.float32) for name, value in shipped.items()} | {
        "spread": np.ones(FEATURES, np.float32)
    }


def test_the_network_without_torch_is_the_one_that_was_trained() -> None:
    import torch

    from v2m_bridge.training.transitions.train import TrainedNetwork

    weights = random_weights(1)
    trained = TrainedNetwork(torch.from_numpy(weights["mean"]), torch.from_numpy(weights["spread"])).eval()
    trained.load_state_dict({name: torch.from_numpy(value) for name, value in weights.items()})
    features = np.random.default_rng(2).random((150, FEATURES), np.float32)
    with torch.no_grad():
        expected = trained(torch.from_numpy(features)[None])[0].numpy()
    assert np.abs(TransitionNetwork(weights).forward(features) - expected).max() < 1e-4


def test_a_film_in_pieces_is_the_film_as_a_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    thumbs = np.random.default_rng(3).integers(0, 256, (500, 9, 16, 3), np.uint8)
    network = TransitionNetwork(random_weights(3))
    whole = network.look(thumbs)
    monkeypatch.setattr(transition_network, "_PIECE", 130)
    pieces = network.look(thumbs)
    assert np.allclose(whole.probability, pieces.probability, atol=1e-5)
    assert np.allclose(whole.kinds, pieces.kinds, atol=1e-5)
    assert np.ptp(whole.probability) > 0.01


@pytest.mark.parametrize("count", [0, 1, 2, 40])
def test_films_of_few_or_equal_pictures_have_no_transition(count: int) -> None:
    thumbs = np.full((count, 9, 16, 3), 90, np.uint8)
    assert np.isfinite(transition_features(thumbs)).all()
    assert seen_transitions(shipped_network().look(thumbs)) == []


def test_a_damaged_network_is_named(tmp_path: Path) -> None:
    path = tmp_path / "transitions.safetensors"
    path.write_bytes(b"no weights")
    with pytest.raises(CheckpointError, match="transitions"):
        TransitionNetwork.load(path)
    with pytest.raises(CheckpointError, match="another shape"):
        TransitionNetwork({**random_weights(1), "enter.weight": np.zeros((3, 3), np.float32)})
    with pytest.raises(CheckpointError, match="lacks"):
        TransitionNetwork({})


# -------------------------------------------------------------------------------------------------------- the rules


def inside(probability: list[float], kind: int = 0) -> Inside:
    kinds = np.zeros((len(probability), 3), np.float32)
    kinds[:, kind] = 1
    return Inside(np.array(probability, np.float32), kinds)


def test_a_transition_reaches_a_sure_moment_and_lasts_three_pictures() -> None:
    found = seen_transitions(inside([0, 0, 0.5, 0.99, 0.5, 0, 0, 0.5, 0.7, 0.5, 0, 0.99, 0.99, 0], kind=2))
    assert [(cut.kind, cut.frame, cut.span_start_frame, cut.span_end_frame) for cut in found] == [
        (CutKind.WIPE, 3, 2, 5)
    ]


def test_a_film_does_not_begin_or_end_with_a_transition() -> None:
    assert seen_transitions(inside([0.99, 0.99, 0.99, 0, 0, 0.99, 0.99, 0.99])) == []


class Told:
    """A network that says what it is told."""

    def __init__(self, start: int, end: int) -> None:
        self._span = slice(start, end)

    def look(self, thumbs: Pictures) -> Inside:
        probability = np.zeros(len(thumbs), np.float32)
        probability[self._span] = 0.99
        return inside(list(probability))


def two_shots(rng: np.random.Generator, cut: int = 40, count: int = 80) -> PictureTrace:
    thumbs = np.repeat(rng.integers(0, 256, (2, 9, 16, 3), np.uint8), [cut, count - cut], axis=0)
    return PictureTrace(np.arange(count) / 25, np.zeros(count, np.float32), thumbs)


def test_a_long_transition_takes_the_hard_cut_in_it_and_a_short_one_gives_way() -> None:
    trace = two_shots(np.random.default_rng(4))
    assert [cut.kind for cut in find_all_cuts(trace, [40], RATE, Told(0, 0))] == [CutKind.CUT]  # type: ignore[arg-type]
    assert [cut.kind for cut in find_all_cuts(trace, [40], RATE, Told(38, 42))] == [CutKind.CUT]  # type: ignore[arg-type]
    assert [cut.kind for cut in find_all_cuts(trace, [40], RATE, Told(35, 45))] == [CutKind.DISSOLVE]  # type: ignore[arg-type]


# ------------------------------------------------------------------------------------------------ one mixed picture


@pytest.mark.parametrize(("share", "frame"), [(0.3, 41), (0.6, 40), (0.8, 40)])
def test_one_mixed_picture_does_not_hide_a_cut(share: float, frame: int) -> None:
    trace = two_shots(np.random.default_rng(5))
    thumbs = trace.thumbs.copy()
    thumbs[40] = (thumbs[39] * (1 - share) + thumbs[41] * share).astype(np.uint8)
    assert hard_cuts([], replace(trace, thumbs=thumbs), RATE) == [frame]


def test_one_strange_picture_is_no_cut() -> None:
    trace = two_shots(np.random.default_rng(6), cut=80)
    thumbs = trace.thumbs.copy()
    thumbs[40] = (thumbs[40] * 0.5 + 100).astype(np.uint8)
    assert hard_cuts([], replace(trace, thumbs=thumbs), RATE) == []


def test_the_cuts_of_a_real_clip_stay_where_fields_or_frames_are_mixed(shared_data: Path, tmp_path: Path) -> None:
    pictures = clip(shared_data / "footage" / "bikes.mp4", 0, 250)
    for cut in (30, 137, 187):
        pictures[cut] = (pictures[cut - 1] * 0.5 + pictures[cut] * 0.5).astype(np.uint8)
    path = tmp_path / "mixed.mp4"
    encode_film(path, iter(pictures), size=SIZE, rate=RATE)
    frames = [cut.frame for cut in read_video(path).cuts]
    assert all(any(abs(frame - cut) <= 1 for frame in frames) for cut in (30, 76, 137, 187, 242))


def test_a_film_in_fields_is_named(tmp_path: Path) -> None:
    rng = np.random.default_rng(7)
    pictures = np.repeat(rng.integers(0, 256, (2, SIZE[1], SIZE[0], 3), np.uint8), 20, axis=0)
    path = tmp_path / "fields.mov"
    options = {"flags": "+ildct+ilme", "field_order": "tt", "top": "1", "b": "8M"}
    encode_film(path, iter(pictures), size=SIZE, rate=RATE, codec="mpeg2video", options=options)
    assert any("interlaced" in warning for warning in read_video(path).warnings)
    encode_film(tmp_path / "plain.mov", iter(pictures), size=SIZE, rate=RATE)
    assert not any("interlaced" in warning for warning in read_video(tmp_path / "plain.mov").warnings)
