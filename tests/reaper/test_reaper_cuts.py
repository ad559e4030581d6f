"""A REAPER project as an edit: what the script writes, our own reader reads to the frame."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import opentimelineio
import pytest
from reaper_runs import CUTS, VERSIONS, import_score, reaper_at
from reaper_scores import make_score

from v2m_bridge.edits.read_edit import read_edit
from v2m_bridge.testing.reaper.project import Project, Source
from v2m_bridge.timeline.model import Timeline

RATE = Fraction(24000, 1001)


def sent(home: Path, project: Project, version: str = VERSIONS[-1]) -> Timeline:
    reaper = reaper_at(home, project, version)
    reaper.run(CUTS)
    (path,) = (home / "inbox").iterdir()
    assert any(str(path) in text for text in reaper.host.console)
    assert opentimelineio.adapters.read_from_file(str(path)).tracks  # the library reads it as well
    return read_edit(path)


def film_project(**settings: float) -> Project:
    project = Project(frame_rate=23.976, offset_s=3603.6, **settings)
    project.path = "/cues/Reel 1.RPP"
    track = project.add_track("Picture")
    for first, last, name in ((0, 48, "a"), (48, 120, 'b "two" ü'), (144, 240, "c")):
        source = Source("VIDEO", f"/films/{name}.mov", 600.0)
        item = project.add_item(track, first / float(RATE), (last - first) / float(RATE), source)
        item.take.name = name
        item.take.values["D_STARTOFFS"] = 2.0
    project.add_item(project.add_track("Music"), 0, 60, Source("WAVE", "/music.wav", 60.0))
    return project


@pytest.mark.parametrize("version", VERSIONS)
def test_video_items_become_shots_and_markers_markers(tmp_path: Path, version: str) -> None:
    project = film_project()
    project.add_marker(200 / float(RATE), "HIT")
    project.add_marker(60 / float(RATE), "mood: tense")
    timeline = sent(tmp_path, project, version)
    assert (timeline.name, timeline.rate, timeline.start_frame) == ("Reel 1", RATE, 86400)
    assert timeline.duration_frames == 240
    with_media = [(s.start_frame, s.end_frame, s.name) for s in timeline.shots if s.media]
    assert with_media == [(0, 48, "a"), (48, 120, 'b "two" ü'), (144, 240, "c")]
    assert timeline.shots[0].source_start_s == pytest.approx(48 / float(RATE))
    assert {48, 120, 144} <= {c.frame for c in timeline.cuts}
    assert [(m.frame, m.name) for m in timeline.markers] == [(60, "mood: tense"), (200, "HIT")]


def test_a_time_selection_is_the_edit(tmp_path: Path) -> None:
    project = film_project()
    project.add_marker(200 / float(RATE), "HIT")
    project.state.selection = (100 / float(RATE), 220 / float(RATE))
    timeline = sent(tmp_path, project)
    assert (timeline.start_frame, timeline.duration_frames) == (86500, 120)
    assert [m.frame for m in timeline.markers] == [100]
    assert (timeline.shots[0].start_frame, timeline.shots[0].end_frame) == (0, 20)
    assert timeline.shots[0].source_start_s == pytest.approx((48 + 52) / float(RATE))


def film_with_cut_markers(frames: tuple[int, ...]) -> Project:
    project = Project(frame_rate=25.0)
    project.add_item(project.add_track(), 0.0, 20.0, Source("VIDEO", "/films/reel.mp4", 20.0))
    for number, frame in enumerate(frames, 1):
        project.add_marker(frame / 25, f"cut {number}")
    return project


def test_cut_markers_split_a_single_film(tmp_path: Path) -> None:
    frames = (100, 150, 250, 333, 400, 444)
    timeline = sent(tmp_path, film_with_cut_markers(frames))
    assert tuple(c.frame for c in timeline.cuts) == frames
    assert [s.source_start_s for s in timeline.shots] == pytest.approx([f / 25 for f in (0, *frames)])
    assert timeline.markers == ()


def test_few_cut_markers_are_markers_as_well(tmp_path: Path) -> None:
    timeline = sent(tmp_path, film_with_cut_markers((100, 250)))
    assert [(m.frame, m.name) for m in timeline.markers] == [(100, "cut"), (250, "cut")]


@pytest.mark.parametrize("drop_frame", [False, True])
def test_drop_frame_is_told(tmp_path: Path, drop_frame: bool) -> None:
    project = Project(frame_rate=29.97, drop_frame=drop_frame, offset_s=3600.0)
    project.add_item(project.add_track(), 0.0, 20.0, Source("VIDEO", "/films/reel.mp4", 20.0))
    timeline = sent(tmp_path, project)
    assert (timeline.rate, timeline.drop_frame) == (Fraction(30000, 1001), drop_frame)


def test_a_slow_clip_keeps_its_speed(tmp_path: Path) -> None:
    project = Project(frame_rate=24.0)
    item = project.add_item(project.add_track(), 0.0, 4.0, Source("VIDEO", "/films/slow.mov", 20.0))
    item.take.values["D_PLAYRATE"] = 0.5
    (shot,) = sent(tmp_path, project).shots
    assert (shot.speed, shot.end_frame) == (0.5, 96)


def test_upper_tracks_cover_lower_ones(tmp_path: Path) -> None:
    project = Project(frame_rate=24.0)
    upper, lower = project.add_track("upper"), project.add_track("lower")
    project.add_item(lower, 0.0, 10.0, Source("VIDEO", "/films/below.mov", 20.0)).take.name = "below"
    project.add_item(upper, 4.0, 2.0, Source("VIDEO", "/films/above.mov", 20.0)).take.name = "above"
    shots = [(s.start_frame, s.name) for s in sent(tmp_path, project).shots]
    assert shots == [(0, "below"), (96, "above"), (144, "below")]


def test_what_was_imported_comes_back_with_the_same_cuts(tmp_path: Path) -> None:
    score = make_score(24, "25", start_frame=90000)
    project = Project(frame_rate=25.0, offset_s=3600.0)
    import_score(reaper_at(tmp_path, project), tmp_path, score)
    project.state.selection = (0.0, score.timeline.duration_frames / 25)
    timeline = sent(tmp_path, project)
    assert [c.frame for c in timeline.cuts] == [c.frame for c in score.timeline.cuts]
    assert timeline.start_frame == 90000


def test_an_empty_project_says_so(tmp_path: Path) -> None:
    reaper = reaper_at(tmp_path)
    reaper.run(CUTS)
    assert not (tmp_path / "inbox").exists()
    assert any("nothing to send" in text for text in reaper.host.console)


def test_only_a_transition_alone_or_with_a_number_is_a_cut(tmp_path: Path) -> None:
    project = film_with_cut_markers((50, 100, 150))
    names = ["Dissolve", "WIPE 3", "fade", "Fade out strings here", "cut the drums", "cut to: door", "cutaway", "fade2"]
    for number, name in enumerate(names):
        project.add_marker(8.0 + number, name)
    timeline = sent(tmp_path, project)
    assert [c.frame for c in timeline.cuts] == [50, 100, 150, 200, 225, 250]
    assert [m.name for m in timeline.markers] == names[3:]


def test_an_edit_is_sent_from_a_computer_with_decimal_commas(tmp_path: Path) -> None:
    project = film_project()
    reaper = reaper_at(tmp_path, project, decimal_comma=True)
    reaper.run(CUTS)
    (path,) = (tmp_path / "inbox").iterdir()
    assert read_edit(path).rate == RATE
