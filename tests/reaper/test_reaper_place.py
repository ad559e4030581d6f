"""Where the cue stands: every rate, project start, session and version ends in its place, or names what to set."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import pytest
from reaper_runs import YES, assert_holds, import_score, picture_of, reaper_at
from reaper_scores import make_score

from v2m_bridge.score.model import Score
from v2m_bridge.testing.reaper.project import BEATS, Project, Source
from v2m_bridge.testing.reaper.tempo import Point

VERSIONS = ["6.80/win64", "7.0/macOS-arm64", "7.19/win64", "7.79/linux-x86_64"]
RATES = [
    ("24000/1001", 86400, False),
    ("24", 86400, False),
    ("25", 90000, False),
    ("30000/1001", 108000, False),
    ("30000/1001", 107892, True),
    ("30", 108000, False),
    ("48", 172800, False),
    ("60", 216000, False),
]
MOVED = 1e-6


def empty(project: Project) -> None:
    pass


def own_tempo(project: Project) -> None:
    for second, bpm, upper, lower in ((0.0, 95.0, 3, 4), (0.47, 133.0, 0, 0), (9.4, 71.0, 0, 0), (200.0, 88.0, 5, 4)):
        project.add_tempo_point(Point(second, bpm, upper, lower))


def own_picture(project: Project) -> None:
    project.add_item(project.add_track("Video"), 0.0, 90.0, Source("VIDEO", "/mine/reel.mov", 90.0))


def beats_timebase(project: Project) -> None:
    project.timebase = BEATS
    project.add_item(project.add_track("Take"), 2.0, 5.0, Source("WAVE", "/mine/take.wav", 5.0))


SESSIONS: list[Callable[[Project], None]] = [empty, own_tempo, own_picture, beats_timebase]
STARTS: dict[str, Callable[[Fraction, Fraction], float]] = {
    "none": lambda start, frame: 0.0,
    "exact": lambda start, frame: float(start),
    "a frame early": lambda start, frame: float(start - frame),
    "a frame late": lambda start, frame: float(start + frame),
    "milliseconds": lambda start, frame: round(float(start), 3),
    "0.3": lambda start, frame: float(start) - 0.3,
    "0.6": lambda start, frame: float(start) - 0.6,
    "0.7": lambda start, frame: float(start) - 0.7,
    "1": lambda start, frame: float(start) - 1.0,
    "10": lambda start, frame: float(start) - 10.0,
    "whole": lambda start, frame: 3600.0,
}


def cases(rate_index: int) -> list[tuple[str, int, int]]:
    """Start, session and version: all pairs of each, the third rotating with the rate.

    ``V2M_LONG=1`` takes all 1,408 cells.
    """
    if os.environ.get("V2M_LONG"):
        return list(itertools.product(STARTS, range(len(SESSIONS)), range(len(VERSIONS))))
    found = []
    for n, (start, session) in enumerate(itertools.product(STARTS, range(4))):
        found.append((start, session, (n + rate_index + n // 4) % 4))
    return found


def small_score(index: int) -> Score:
    rate, start_frame, drop = RATES[index]
    return make_score(4, rate, start_frame=start_frame, drop_frame=drop, notes=6, parts=("Chords",))


def expected_place(score: Score, offset_s: float) -> tuple[float, bool]:
    """Second of the cue in the project, and whether the answer must name the start time to set."""
    rate = Fraction(score.timeline.rate)
    start, at = score.timeline.start_frame / rate, float(score.timeline.start_frame / rate) - offset_s
    if abs(at) < 0.5 / float(rate):
        return 0.0, False
    whole = rate.denominator > 1 and not score.timeline.drop_frame and offset_s == float(start * 1000 / 1001)
    return (0.0, True) if at < 0 or offset_s == 0 or whole else (at, False)


@pytest.mark.parametrize("rate_index", range(len(RATES)))
def test_every_start_and_session_ends_in_its_place(tmp_path: Path, rate_index: int) -> None:
    score = small_score(rate_index)
    rate = Fraction(score.timeline.rate)
    for start, session, version in cases(rate_index):
        offset_s = STARTS[start](score.timeline.start_frame / rate, 1 / rate)
        project = Project(offset_s=offset_s, frame_rate=float(rate), drop_frame=score.timeline.drop_frame)
        SESSIONS[session](project)
        reaper = reaper_at(tmp_path, project, VERSIONS[version], answers=[YES])
        before = picture_of(project)
        users = [(p.time, p.bpm) for p in project.state.tempo.points]
        items = [(i.position, i.length) for i in project.items()]
        case = (start, SESSIONS[session].__name__, VERSIONS[version])
        answer = import_score(reaper, tmp_path, score)
        assert answer["status"] == [["ok"]], (case, answer)
        base_s, told = expected_place(score, offset_s)
        assert float(answer["base"][0][0]) == pytest.approx(base_s, abs=MOVED), case
        named = [w[0] for w in answer.get("warning", []) if "Project start time to" in w[0]]
        assert bool(named) == told, (case, answer.get("warning"))
        assert all(f"{float(score.timeline.start_frame / rate):.3f}" in text for text in named)
        assert_holds(project, score, base_s)
        assert [(i.position, i.length) for i in project.items()][: len(items)] == items, case
        outside = [p for p in users if p[0] < base_s - MOVED or p[0] > base_s + 60]
        points = [(p.time, p.bpm) for p in project.state.tempo.points]
        for second, bpm in outside:
            assert any(abs(t - second) < MOVED and b == bpm for t, b in points), (case, second)
        once = picture_of(project)
        import_score(reaper, tmp_path, score)
        assert picture_of(project) == once, case
        project.undo()
        project.undo()
        assert picture_of(project) == before, case


def test_the_answer_says_where_the_cue_stands_in_timecode(tmp_path: Path) -> None:
    for index, shown in ((0, "01:00:00:00"), (4, "01:00:00;00"), (7, "01:00:00:00")):
        score = small_score(index)
        start_s = float(score.timeline.start_frame / Fraction(score.timeline.rate))
        project = Project(offset_s=round(start_s - 7.5, 3), frame_rate=60.0)
        answer = import_score(reaper_at(tmp_path, project), tmp_path, score)
        assert answer["timecode"] == [[shown]]
    answer = import_score(reaper_at(tmp_path, Project()), tmp_path, small_score(1))
    assert answer["timecode"] == [["00:00:00:00"]]


@pytest.mark.parametrize("path", ["/films/reel.mov", r"D:\films\REEL.mov", "/films/other.mov"])
def test_without_a_start_time_the_cue_stands_on_the_users_picture(tmp_path: Path, path: str) -> None:
    project = Project(frame_rate=24.0)
    clip = project.add_item(project.add_track("Video"), 7.25, 60.0, Source("VIDEO", path, 90.0))
    same_film = "other" not in path
    clip.take.values["D_STARTOFFS"] = 2.0
    score = make_score(6, "24", media="/films/reel.mov", notes=9)
    answer = import_score(reaper_at(tmp_path, project), tmp_path, score)
    base_s = 5.25 if same_film else 7.25  # the same film begins two seconds before the item shows it
    assert float(answer["base"][0][0]) == pytest.approx(base_s)
    assert_holds(project, score, base_s)
    assert any("on your picture" in text[0] and "01:00:00:00" in text[0] for text in answer["warning"])


def test_a_picture_that_contradicts_the_timecode_is_said(tmp_path: Path) -> None:
    project = Project(frame_rate=24.0, offset_s=3590.0)
    project.add_item(project.add_track("Video"), 12.0, 60.0, Source("VIDEO", "/films/reel.mov", 90.0))
    answer = import_score(reaper_at(tmp_path, project), tmp_path, make_score(6, media="/films/reel.mov", notes=9))
    assert float(answer["base"][0][0]) == pytest.approx(10.0)
    assert any("3588.000 s" in text[0] for text in answer["warning"])


@pytest.mark.parametrize("version", VERSIONS)
def test_a_tempo_point_of_the_user_right_before_the_cue_is_kept(tmp_path: Path, version: str) -> None:
    for second, metre in ((9.9999, (0, 0)), (9.97, (0, 0)), (9.5, (0, 0)), (9.9999, (5, 4)), (9.3, (7, 8))):
        project = Project(frame_rate=24.0, offset_s=3590.0)
        project.add_tempo_point(Point(0.0, 60.0, 4, 4))
        project.add_tempo_point(Point(4.0, 90.0, linear=True))
        project.add_tempo_point(Point(second, 100.0))
        if metre[0]:
            project.state.tempo.points[-1].partial = True
            tempo = project.state.tempo
            tempo.set_point(2, Point(second, 100.0, *metre), keep_beats=False)
        users = [(p.time, p.bpm, p.linear) for p in project.state.tempo.points]
        score = make_score(6, notes=9)
        reaper = reaper_at(tmp_path, project, version)
        answer = import_score(reaper, tmp_path, score)
        assert answer["status"] == [["ok"]], (second, metre, answer)
        assert_holds(project, score, 10.0)
        points = [(p.time, p.bpm, p.linear) for p in project.state.tempo.points]
        assert [p for p in points if p in users] == users
        once = picture_of(project)
        import_score(reaper, tmp_path, score)
        assert picture_of(project) == once


@pytest.mark.parametrize("version", VERSIONS)
def test_pre_roll_keeps_its_speed_and_takes_none_from_the_cue_of_before(tmp_path: Path, version: str) -> None:
    project = Project(frame_rate=24.0, offset_s=3600.0)
    reaper = reaper_at(tmp_path, project, version)
    score = make_score(6, notes=9)
    import_score(reaper, tmp_path, score)
    for pre_roll_s in (0.6, 1 / 24, 10.0):
        project.offset_s = 3600.0 - pre_roll_s
        import_score(reaper, tmp_path, score)
        assert_holds(project, score, pre_roll_s)
        before = [p for p in project.state.tempo.points if p.time < pre_roll_s - MOVED]
        first = score.fit.tempo[0].bpm
        assert all(p.bpm == 120.0 or abs(p.bpm / first - 1) < 0.5 for p in before), before
        assert max(p.bpm for p in before) < 200
    project.offset_s = 3600.0
    import_score(reaper, tmp_path, score)
    assert_holds(project, score)


def test_a_signature_that_old_versions_must_change_comes_back(tmp_path: Path) -> None:
    project = Project(frame_rate=24.0, offset_s=3599.2)
    project.add_tempo_point(Point(0.0, 90.0, 3, 4))
    reaper = reaper_at(tmp_path, project, VERSIONS[0])
    score = make_score(6, notes=9)
    import_score(reaper, tmp_path, score)
    first = project.state.tempo.points[0]
    assert (first.bpm, first.numerator, first.denominator) != (90.0, 3, 4)
    project.offset_s = 3598.0  # one bar of the user's: nothing has to change any more
    import_score(reaper, tmp_path, score)
    first = project.state.tempo.points[0]
    assert (first.bpm, first.numerator, first.denominator) == (90.0, 3, 4)
    assert_holds(project, score, 2.0)


def test_a_computer_with_decimal_commas_imports_the_same(tmp_path: Path) -> None:
    project = Project(frame_rate=24.0, offset_s=3599.3)
    reaper = reaper_at(tmp_path, project, decimal_comma=True)
    score = make_score(6, notes=9)
    import_score(reaper, tmp_path, score)
    once = picture_of(project)
    answer = import_score(reaper, tmp_path, score)
    assert float(answer["base"][0][0]) == pytest.approx(0.7)
    assert picture_of(project) == once


@pytest.mark.parametrize(
    ("rate", "drop_frame", "project_rate", "told"),
    [
        ("60000/1001", False, 30.0, "set Project settings > Frame rate to 29.97"),
        ("60000/1001", True, 24.0, "set Project settings > Frame rate to 29.97 DF"),
        ("60000/1001", False, 30000 / 1001, None),
        ("24000/1001", False, 24.0, "set Project settings > Frame rate"),
        ("60", False, 60.0, None),
    ],
)
def test_a_rate_that_reaper_lacks_is_told_with_the_one_to_set(
    tmp_path: Path, rate: str, drop_frame: bool, project_rate: float, told: str | None
) -> None:
    reaper = reaper_at(tmp_path, Project(frame_rate=project_rate), decimal_comma=True)
    score = make_score(4, rate, start_frame=0, drop_frame=drop_frame)
    answer = import_score(reaper, tmp_path, score)
    found = [w[0] for w in answer.get("warning", []) if "Frame rate" in w[0]]
    assert [text.endswith(told or "") for text in found] == ([True] if told else [])
    assert all("," not in text.replace(", which", "").replace(", the project", "") for text in found)
    assert_holds(reaper.project, score)
