"""Cuts found in the picture: real clips, and films whose cuts are known because they were drawn."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from footage_makers import random_plan

from v2m_bridge.demo.synthesis import Scene, ShotPlan, cuts_of, draw_film, synthesise_film
from v2m_bridge.errors import SetupError
from v2m_bridge.footage.bare_video import read_video
from v2m_bridge.footage.cuts.hard import CutFinder, hard_cuts
from v2m_bridge.footage.cuts.transitions import soft_cuts
from v2m_bridge.footage.video.trace import PictureTrace, Reducer, TraceRecorder
from v2m_bridge.timeline.model import Cut, CutKind

RATE = Fraction(24)


def find_cuts(plan: list[ShotPlan], seed: int, size: tuple[int, int] = (320, 180)) -> list[Cut]:
    """The cuts of a film that is drawn but not encoded."""
    trace, proposals = trace_of(draw_film(plan, size, seed))
    hard = hard_cuts(proposals, trace, RATE)
    return sorted([Cut(index) for index in hard] + soft_cuts(trace, hard, RATE), key=lambda cut: cut.frame)


def trace_of(pictures) -> tuple[PictureTrace, list[int]]:  # type: ignore[no-untyped-def]
    recorder, finder, reducer = TraceRecorder(), CutFinder(RATE), Reducer()
    for number, picture in enumerate(pictures):
        small, thumb = reducer.reduce(av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), "rgb24"))
        recorder.add(number / float(RATE), small, thumb)
        finder.add(small)
    return recorder.finish(), finder.proposals


def frames_of(cuts: list[Cut] | tuple[Cut, ...], kind: CutKind = CutKind.CUT) -> list[int]:
    return [cut.frame for cut in cuts if cut.kind is kind]


def matched(truth: list[int], found: list[int], tolerance: int) -> int:
    left = list(truth)
    for frame in found:
        near = [t for t in left if abs(t - frame) <= tolerance]
        if near:
            left.remove(near[0])
    return len(truth) - len(left)


def test_the_cuts_of_a_real_clip(shared_data: Path) -> None:
    timeline = read_video(shared_data / "footage" / "bikes.mp4")
    assert [(cut.frame, cut.kind) for cut in timeline.cuts] == [(f, CutKind.CUT) for f in (30, 76, 137, 187, 242)]
    assert [shot.start_frame for shot in timeline.shots] == [0, 30, 76, 137, 187, 242]
    assert timeline.duration_frames == 250


@pytest.mark.parametrize("name", ["chaplin.mp4", "flipping_a_pancake.mkv", "car-detection.mp4"])
def test_a_real_clip_of_one_shot_has_no_cut(shared_data: Path, name: str) -> None:
    assert read_video(shared_data / "footage" / name).cuts == ()


def test_a_fade_from_black_and_a_moving_camera_are_no_cuts(shared_data: Path) -> None:
    assert [cut.frame for cut in read_video(shared_data / "footage" / "big_buck_bunny_0_30.webm").cuts] == [
        283,
        376,
        551,
    ]


@pytest.mark.slow
def test_hard_cuts_among_dissolves_fades_flashes_and_fast_pans() -> None:
    true = found = hits = 0
    for seed in range(6):
        plan = random_plan(seed, shots=24)
        truth, got = frames_of(cuts_of(plan)), frames_of(find_cuts(plan, seed, (256, 144)))
        true, found, hits = true + len(truth), found + len(got), hits + matched(truth, got, 1)
    assert true > 90
    assert hits / true >= 0.98, f"recall {hits} of {true}"
    assert hits / found >= 0.98, f"precision {hits} of {found}"


def test_cuts_survive_encoding(tmp_path: Path) -> None:
    film = synthesise_film(tmp_path / "film.mp4")
    timeline = read_video(film.path)
    assert len(film.cuts) >= 6
    assert timeline.duration_frames == film.duration_frames
    assert frames_of(timeline.cuts) == frames_of(film.cuts)
    soft = [cut for cut in timeline.cuts if cut.kind is not CutKind.CUT]
    spans = [(c.span_start_frame, c.span_end_frame) for c in film.cuts if c.kind is CutKind.DISSOLVE]
    assert all(cut.kind is CutKind.DISSOLVE and spans[0][0] <= cut.frame <= spans[0][1] for cut in soft)  # type: ignore[operator]


@pytest.mark.parametrize("flash", [(30,), (30, 31), (30, 31, 32)])
def test_a_flash_is_no_cut(flash: tuple[int, ...]) -> None:
    assert find_cuts([ShotPlan(Scene.SKYLINE, 40, flashes=flash), ShotPlan(Scene.WAVES, 40)], 3)[0].frame == 40
    assert find_cuts([ShotPlan(Scene.SHAPES, 80, flashes=flash)], 4) == []


def test_a_fast_pan_is_no_cut() -> None:
    for speed in (6, 10, 14):
        assert find_cuts([ShotPlan(Scene.LANDSCAPE, 60, speed)], 5) == []


def test_something_that_pops_up_is_no_cut() -> None:
    pictures = list(draw_film([ShotPlan(Scene.WAVES, 60, 0.3)], (320, 180), 6))
    for picture in pictures[30:]:
        picture[60:120, 60:180] = (250, 240, 60)
    trace, proposals = trace_of(pictures)
    assert hard_cuts(proposals, trace, RATE) == []


def test_shots_of_a_quarter_second_are_found() -> None:
    scenes = [Scene.WAVES, Scene.SKYLINE, Scene.TUNNEL, Scene.LANDSCAPE, Scene.SPARKS, Scene.SHAPES] * 2
    plan = [ShotPlan(scene, 6) for scene in scenes]
    assert frames_of(find_cuts(plan, 8)) == frames_of(cuts_of(plan))


def test_cuts_between_two_dark_shots_are_found() -> None:
    plan = [ShotPlan(Scene.SPARKS, 30), ShotPlan(Scene.SHAPES, 30), ShotPlan(Scene.SPARKS, 30)]
    dark = [(picture * 0.3).astype(np.uint8) for picture in draw_film(plan, (320, 180), 2)]
    trace, proposals = trace_of(dark)
    assert hard_cuts(proposals, trace, RATE) == [30, 60]


@pytest.mark.parametrize("length", [12, 24, 40])
def test_a_fade_through_black_is_one_fade(length: int) -> None:
    plan = [
        ShotPlan(Scene.LANDSCAPE, 60),
        ShotPlan(Scene.SKYLINE, 60, transition=CutKind.FADE, transition_frames=length),
    ]
    cuts = find_cuts(plan, 9)
    assert [cut.kind for cut in cuts] == [CutKind.FADE]
    assert abs(cuts[0].frame - 60) <= 2
    assert abs((cuts[0].span_start_frame or 0) - (60 - length // 2)) <= 4
    assert abs((cuts[0].span_end_frame or 0) - (60 + length // 2)) <= 4


def test_black_held_between_two_fades_belongs_to_the_fade() -> None:
    pictures = list(draw_film([ShotPlan(Scene.LANDSCAPE, 50), ShotPlan(Scene.SKYLINE, 50)], (320, 180), 1))
    for step in range(12):
        pictures[38 + step] = (pictures[38 + step] * ((11 - step) / 12)).astype(np.uint8)
        pictures[50 + step] = (pictures[50 + step] * (step / 12)).astype(np.uint8)
    held = pictures[:50] + [np.zeros_like(pictures[0])] * 20 + pictures[50:]
    trace, proposals = trace_of(held)
    cuts = soft_cuts(trace, hard_cuts(proposals, trace, RATE), RATE)
    assert [cut.kind for cut in cuts] == [CutKind.FADE]
    assert 70 <= cuts[0].frame <= 74  # where the picture comes back


def test_a_calm_dissolve_is_one_dissolve() -> None:
    plan = [ShotPlan(Scene.WAVES, 60, 0.2), ShotPlan(Scene.SKYLINE, 60, 0.2, (), CutKind.DISSOLVE, 16)]
    cuts = find_cuts(plan, 12)
    assert [cut.kind for cut in cuts] == [CutKind.DISSOLVE]
    assert abs(cuts[0].frame - 60) <= 3


def test_films_of_one_or_two_pictures() -> None:
    for count in (1, 2, 5):
        trace, proposals = trace_of([np.full((180, 320, 3), 40 * n, np.uint8) for n in range(count)])
        assert all(0 < index < count for index in hard_cuts(proposals, trace, RATE))
        assert soft_cuts(trace, [], RATE) == []


def test_the_faster_frame_score_is_the_detectors_own() -> None:
    import scenedetect

    from v2m_bridge.footage.cuts.hard import _fast_detector

    fast, plain = _fast_detector(scenedetect), scenedetect.AdaptiveDetector(min_scene_len=2)
    for number, picture in enumerate(
        draw_film([ShotPlan(Scene.SKYLINE, 20, 3), ShotPlan(Scene.SHAPES, 20)], (320, 180))
    ):
        time = scenedetect.FrameTimecode(number, fps=24.0)
        assert fast.process_frame(time, picture) == plain.process_frame(time, picture)
        assert fast._frame_score == pytest.approx(plain._frame_score, abs=1e-9)
    assert plain._frame_score > 0


def test_without_opencv_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "scenedetect", None)
    with pytest.raises(SetupError, match="opencv-python-headless"):
        CutFinder(RATE)


def test_the_same_seed_draws_the_same_film() -> None:
    """The pictures; an encoder that works in threads may spread its bits otherwise."""
    plan = random_plan(3, shots=6)
    first, second, other = (np.stack(list(draw_film(plan, (160, 90), seed))) for seed in (7, 7, 8))
    assert np.array_equal(first, second)
    assert not np.array_equal(first, other)
