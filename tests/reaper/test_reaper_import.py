"""The real import script against the model of REAPER: exact, repeatable, and harmless."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from lupa.lua54 import LuaRuntime
from reaper_runs import (
    IMPORT,
    NO,
    SCRIPTS,
    VERSIONS,
    WATCH,
    YES,
    answer_of,
    assert_holds,
    import_score,
    picture_of,
    reaper_at,
    track_named,
)
from reaper_scores import make_score

from v2m_bridge.errors import InputError
from v2m_bridge.reaper.read_job import parse_job
from v2m_bridge.reaper.session import plan_session
from v2m_bridge.reaper.write_job import post_job, write_job
from v2m_bridge.testing.reaper.host import ReaperError
from v2m_bridge.testing.reaper.lua import Reaper
from v2m_bridge.testing.reaper.project import BEATS, TIME, Project, Source
from v2m_bridge.testing.reaper.tempo import Point

FILMS = [
    ("24", 86400, False),
    ("24000/1001", 86400, False),
    ("30000/1001", 107892, True),
    ("25", 0, False),
]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(("rate", "start_frame", "drop_frame"), FILMS)
def test_an_empty_project_holds_the_score_after_import(
    tmp_path: Path, version: str, rate: str, start_frame: int, drop_frame: bool
) -> None:
    score = make_score(24, rate, start_frame=start_frame, drop_frame=drop_frame)
    reaper = reaper_at(tmp_path, version=version)
    answer = import_score(reaper, tmp_path, score)
    assert answer["status"] == [["ok"]]
    assert_holds(reaper.project, score)
    assert float(answer["tempo"][0][1]) < 1e-6
    assert [name for name, _ in reaper.project.undo_stack] == [f"v2m: Import score {score.timeline.name}"]
    assert reaper.errors == []


PICTURE_S = 1.0
"""Where the session's picture starts, and with it the cue: the project has no start time."""


def session_with_video(timebase: int = BEATS, tempo_timebase: int = TIME) -> Project:
    """A composer's session in the dangerous timebase: picture, music, automation of tempo, markers, regions."""
    project = Project(timebase=timebase, tempo_timebase=tempo_timebase)
    project.add_tempo_point(Point(0.0, 100.0, 4, 4))
    project.add_tempo_point(Point(12.0, 133.0))
    picture = project.add_track("Video")
    clip = project.add_item(picture, PICTURE_S, 40.0, Source("VIDEO", "/films/reel.mov", 40.0))
    clip.take.name = "reel"
    music = project.add_track("My melody")
    music.effects.append("ReaSynth")
    project.add_item(music, 4.0, 8.0, Source("WAVE", "/music/take.wav", 8.0))
    explicit = project.add_item(music, 14.0, 3.0, Source("WAVE", "/music/take 2.wav", 3.0))
    explicit.values["C_BEATATTACHMODE"] = 1.0
    project.add_item(project.add_track("Late"), 500.0, 10.0, Source("WAVE", "/music/late.wav", 10.0))
    for n, second in enumerate((3.0, 7.5, 9.25, 200.0)):
        project.add_marker(second, f"my marker {n}")
    project.add_marker(2.0, "my region", end=30.0)
    return project


def foreign(project: Project) -> object:
    """Where everything of the user's own is."""
    items = [
        (t.name, i.position, i.length, i.take.values["D_PLAYRATE"], i.take.values["D_STARTOFFS"])
        for t in project.state.tracks
        for i in t.items
        if "v2m" not in i.ext
    ]
    markers = [(m.name, m.position, m.end, m.number) for m in project.state.markers if m.name.startswith("my")]
    tracks = [(t.name, dict(t.values), list(t.effects)) for t in project.state.tracks if "v2m" not in t.ext]
    return items, sorted(markers), tracks


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("timebase", [0, 1, 2])
@pytest.mark.parametrize("tempo_timebase", [0, 1])
def test_a_session_of_the_users_own_is_unharmed(
    tmp_path: Path, version: str, timebase: int, tempo_timebase: int
) -> None:
    project = session_with_video(timebase, tempo_timebase)
    before = foreign(project)
    reaper = reaper_at(tmp_path, project, version, answers=[YES] if timebase else [])
    score = make_score(24, media="/nowhere/else.mov")
    answer = import_score(reaper, tmp_path, score)
    assert answer["status"] == [["ok"]]
    assert foreign(project) == before
    assert_holds(project, score, PICTURE_S)
    assert answer["picture"] == [["yours"]]
    import_score(reaper, tmp_path, make_score(20, seed=5))  # asks no second time
    assert foreign(project) == before


def test_without_protection_the_model_would_harm_that_session() -> None:
    project = session_with_video()
    before = foreign(project)
    project.add_tempo_point(Point(2.0, 61.0))
    assert foreign(project) != before


def test_the_user_may_say_no(tmp_path: Path) -> None:
    project = session_with_video()
    before = picture_of(project)
    reaper = reaper_at(tmp_path, project, answers=[NO])
    answer = import_score(reaper, tmp_path, make_score())
    assert answer["message"] == [["declined by the user"]]
    assert picture_of(project) == before


def test_video_stays_with_the_picture_when_the_tempo_is_edited_later(tmp_path: Path) -> None:
    project = session_with_video()
    reaper = reaper_at(tmp_path, project, answers=[YES])
    import_score(reaper, tmp_path, make_score(24))
    clip = track_named(project, "Video").items[0]
    cuts = [(m.name, m.position) for m in project.state.markers if m.name.startswith("cut ")]
    project.add_tempo_point(Point(0.5, 50.0))
    assert (clip.position, clip.length, clip.take.values["D_PLAYRATE"]) == (1.0, 40.0, 1.0)
    assert [(m.name, m.position) for m in project.state.markers if m.name.startswith("cut ")] == cuts


def test_tempo_behind_the_cue_comes_back_to_its_seconds(tmp_path: Path) -> None:
    score = make_score(12)
    end_s = plan_session(score).duration_s
    project = Project(tempo_timebase=BEATS)
    for second, bpm, metre in ((0.0, 100.0, (3, 4)), (end_s + 7.3, 77.0, (0, 0)), (end_s + 30.1, 140.0, (5, 4))):
        project.add_tempo_point(Point(second, bpm, *metre))
    later = [(p.time, p.bpm) for p in project.state.tempo.points if p.time > end_s]
    reaper = reaper_at(tmp_path, project)
    for _ in range(2):
        import_score(reaper, tmp_path, score)
        assert_holds(project, score)
        tempo = project.state.tempo
        got = [(p.time, p.bpm) for p in tempo.points]
        for second, bpm in later:
            assert any(abs(t - second) < 1e-9 and abs(b - bpm) < 1e-9 for t, b in got)
        assert tempo.signature_at(tempo.qn(later[0][0]) + 0.1) == (3, 4)
        assert tempo.signature_at(tempo.qn(later[1][0]) + 0.1) == (5, 4)
        count = len(got)
        import_score(reaper, tmp_path, score)
        assert len(tempo.points) == count


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(
    ("offset_s", "points"),
    [(3590.0, []), (3592.589, []), (3591.3, [(0.0, 97.0, 3, 4), (4.0, 50.0, 0, 0)]), (3599.2, [(0.0, 90.0, 4, 4)])],
)
def test_the_cue_stands_where_its_timecode_is(
    tmp_path: Path, version: str, offset_s: float, points: list[tuple[float, float, int, int]]
) -> None:
    project = Project(offset_s=offset_s, frame_rate=25.0)
    for second, bpm, numerator, denominator in points:
        project.add_tempo_point(Point(second, bpm, numerator, denominator))
    score = make_score(16, "25", start_frame=90000)
    reaper = reaper_at(tmp_path, project, version)
    answer = import_score(reaper, tmp_path, score)
    assert answer["status"] == [["ok"]], answer
    assert_holds(project, score, 3600.0 - offset_s)
    assert "warning" not in answer
    once = picture_of(project)
    import_score(reaper, tmp_path, score)
    assert picture_of(project) == once
    for second, bpm, _, _ in points:
        assert any(p.time == second and p.bpm == bpm for p in project.state.tempo.points)


def test_a_project_of_another_rate_or_start_is_said_so(tmp_path: Path) -> None:
    reaper = reaper_at(tmp_path, Project(frame_rate=25.0))
    answer = import_score(reaper, tmp_path, make_score(rate="24000/1001"))
    texts = [fields[0] for fields in answer["warning"]]
    assert any("23.976" in t and "25.000" in t for t in texts)
    assert any("01:00:00:00" in t for t in texts)


def calls_of_an_import(home: Path, version: str) -> int:
    reaper = reaper_at(home, session_with_video(), version, answers=[YES])
    import_score(reaper, home, make_score(4, notes=12))
    return reaper.host.calls


@pytest.mark.parametrize("how", ["kill_after", "fail_at"])
@pytest.mark.parametrize("version", [VERSIONS[0], VERSIONS[2]])
@pytest.mark.parametrize("again", [False, True])
def test_an_import_that_is_stopped_anywhere_leaves_the_project_as_it_was(
    tmp_path: Path, version: str, how: str, again: bool
) -> None:
    total = calls_of_an_import(tmp_path / "count", version)
    stopped = 0
    for call in range(8, total + 1, max(1, total // 18)):
        project = session_with_video(timebase=TIME)
        reaper = reaper_at(tmp_path, project, version)
        if again:
            import_score(reaper, tmp_path, make_score(6, seed=9, notes=9))
        before, stored = picture_of(project), dict(project.ext)
        undo_points = [name for name, _ in project.undo_stack]
        setattr(reaper.host, how, reaper.host.calls + call)
        answer = import_or_die(reaper, tmp_path)
        if [name for name, _ in project.undo_stack] != undo_points:
            assert_holds(project, make_score(4, notes=12), PICTURE_S)  # it came through before the stop
            continue
        stopped += 1
        assert picture_of(project) == before, f"stopped after call {call} of {total}"
        assert {k: v for k, v in project.ext.items() if k[1] != "answer.beats"} == stored
        assert reaper.errors == []
        assert reaper.host.refresh_depth == 0
        if answer:
            assert answer["status"] == [["error"]]
    assert stopped > 10


def import_or_die(reaper: Reaper, home: Path) -> dict[str, list[list[str]]] | None:
    job = post_job(make_score(4, notes=12), home / "outbox")
    try:
        reaper.run(IMPORT)
    except ReaperError:
        return None  # stopped before or after the import itself
    return answer_of(job) if job.with_suffix(".answer").exists() else None


def test_a_failure_is_told_in_the_answer_and_on_the_console(tmp_path: Path) -> None:
    project = Project()
    reaper = reaper_at(tmp_path, project)
    project.add_tempo_point(Point(9.9999, 100.0))
    project.offset_s = 3590.0
    reaper.host.fail_at = 60
    answer = import_score(reaper, tmp_path, make_score(4))
    assert answer["status"] == [["error"]]
    assert "this call failed" in answer["message"][0][0]
    assert any("this call failed" in text for text in reaper.host.console)
    assert len(project.state.tempo.points) == 1


def test_nothing_is_imported_while_recording(tmp_path: Path) -> None:
    reaper = reaper_at(tmp_path)
    reaper.project.play_state = 5
    answer = import_score(reaper, tmp_path, make_score())
    assert answer["message"] == [["REAPER is recording"]]
    assert reaper.project.state.tracks == []
    assert reaper.project.undo_stack == []


def test_a_reaper_that_is_too_old_is_told_so(tmp_path: Path) -> None:
    reaper = reaper_at(tmp_path, version="6.29/win64")
    answer = import_score(reaper, tmp_path, make_score())
    assert answer["message"] == [["this needs REAPER 6.37 or newer"]]
    assert reaper.project.changes == 0


@pytest.mark.parametrize("damage", ["cut", "newer", "field", "count", "order", "empty"])
def test_a_damaged_job_touches_nothing(tmp_path: Path, damage: str) -> None:
    reaper = reaper_at(tmp_path)
    job = post_job(make_score(), tmp_path / "outbox")
    text = job.read_text(encoding="utf-8")
    lines = text.splitlines()
    broken = {
        "cut": text[: len(text) * 2 // 3],
        "newer": text.replace("v2m-job\t1", "v2m-job\t2", 1),
        "field": text.replace("note\t", "note\tx", 1),
        "count": "\n".join([*lines[:-2], lines[-1]]) + "\n",
        "order": "\n".join([lines[0], lines[2], lines[1], *lines[3:]]) + "\n",
        "empty": "",
    }[damage]
    job.write_text(broken, encoding="utf-8")
    reaper.run(IMPORT)
    assert answer_of(job)["status"] == [["error"]]
    assert reaper.project.changes == 0


def test_lua_and_python_refuse_the_same_jobs(tmp_path: Path) -> None:
    job = post_job(make_score(4, notes=9), tmp_path / "outbox")
    text = job.read_text(encoding="utf-8")
    for at in range(len("v2m-job\t"), len(text), len(text) // 60):
        for mark in "\t\n\\x9-.":
            broken = text[:at] + mark + text[at + 1 :]
            job.write_text(broken, encoding="utf-8", newline="\n")
            try:
                parse_job(broken)
                wanted = "ok"
            except InputError:
                wanted = "error"
            assert lua_verdict(job) == wanted, (at, mark, broken[max(0, at - 40) : at + 40])


def lua_verdict(job: Path) -> str:
    lua = LuaRuntime(unpack_returned_tuples=True)
    reader = lua.execute((SCRIPTS / "lib" / "v2m_job.lua").read_text(encoding="utf-8"))
    result = reader["read"](str(job))
    return "error" if isinstance(result, tuple) else "ok"


@pytest.mark.parametrize("version", VERSIONS)
def test_the_picture_comes_along_if_this_machine_has_it(tmp_path: Path, version: str) -> None:
    film = tmp_path / "réel 1.mov"
    film.write_bytes(b"film")
    score = make_score(rate="24000/1001", media=str(film))
    reaper = reaper_at(tmp_path, Project(timebase=BEATS), version)
    import_score(reaper, tmp_path, score)
    (clip,) = track_named(reaper.project, "PICTURE").items
    assert clip.take.source.path == str(film)
    assert (clip.position, clip.take.values["D_STARTOFFS"], clip.take.values["D_PLAYRATE"]) == (0.0, 0.0, 1.0)
    assert clip.length == pytest.approx(plan_session(score).duration_s, abs=1e-9)
    reaper.project.add_tempo_point(Point(0.7, 50.0))
    assert clip.values["D_LENGTH"] == pytest.approx(plan_session(score).duration_s, abs=1e-9)


def test_a_picture_on_another_machine_is_said_not_invented(tmp_path: Path) -> None:
    reaper = reaper_at(tmp_path)
    answer = import_score(reaper, tmp_path, make_score(media="/elsewhere/film.mov"))
    assert any("/elsewhere/film.mov" in fields[0] for fields in answer["warning"])
    assert "PICTURE" not in [t.name for t in reaper.project.state.tracks]


def test_chord_names_and_chord_midi_are_one_group(tmp_path: Path) -> None:
    reaper = reaper_at(tmp_path)
    reaper.project.add_item(reaper.project.add_track("Mine"), 0, 1).values["I_GROUPID"] = 7.0
    import_score(reaper, tmp_path, make_score())
    names = {i.values["I_GROUPID"] for i in track_named(reaper.project, "CHORDS").items}
    midi, bass = (track_named(reaper.project, name).items for name in ("Chords", "Bass"))
    assert names == {8.0} == {item.values["I_GROUPID"] for item in midi}
    assert {item.values["I_GROUPID"] for item in bass} == {0}


@pytest.mark.parametrize(("version", "lane"), [(VERSIONS[0], None), (VERSIONS[1], None), (VERSIONS[2], "v2m")])
def test_markers_stand_in_a_time_lane_where_there_are_lanes(tmp_path: Path, version: str, lane: str | None) -> None:
    reaper = reaper_at(tmp_path, version=version)
    answer = import_score(reaper, tmp_path, make_score())
    state = reaper.project.state
    assert answer["markers"][0][2] == ("lane" if lane else "ruler")
    if lane:
        assert [(x.name, x.timebase) for x in state.lanes if x.name] == [("v2m", 0.0)]
        assert {state.lanes[m.lane].name for m in state.markers} == {"v2m"}
    import_score(reaper, tmp_path, make_score(seed=2))
    assert len(state.lanes) == len(reaper.project.state.lanes) == (2 if lane else 1)


def test_lanes_that_cannot_be_made_are_done_without(tmp_path: Path) -> None:
    reaper = reaper_at(tmp_path, lanes_can_be_made=False)
    score = make_score()
    assert import_score(reaper, tmp_path, score)["markers"][0][2] == "ruler"
    assert_holds(reaper.project, score)


def test_an_hour_with_twenty_thousand_notes(tmp_path: Path) -> None:
    score = make_score(1650, notes=20001)
    assert plan_session(score).duration_s > 3000
    reaper = reaper_at(tmp_path)
    started = time.process_time()
    answer = import_score(reaper, tmp_path, score)
    assert answer["status"] == [["ok"]]
    assert sum(int(fields[1]) for fields in answer["part"]) == 20001
    assert time.process_time() - started < 120
    assert_holds(reaper.project, score)


def test_the_handshake_names_the_action(tmp_path: Path) -> None:
    reaper = reaper_at(tmp_path)
    import_score(reaper, tmp_path, make_score())
    text = (tmp_path / "outbox" / "reaper-import.txt").read_text()
    assert text.startswith("v2m-handshake\t1\ncommand\t_RS0123456789abcdef")


def test_without_a_posted_job_the_user_is_asked_for_a_file(tmp_path: Path) -> None:
    job = write_job(make_score(), tmp_path / "by hand.v2m")
    reaper = reaper_at(tmp_path, answers=[job])
    reaper.run(IMPORT)
    assert_holds(reaper.project, make_score())
    assert answer_of(job)["status"] == [["ok"]]
    other = reaper_at(tmp_path, answers=[None])
    other.run(IMPORT)
    assert other.project.changes == 0


def test_the_watcher_imports_what_is_posted_and_waits_while_recording(tmp_path: Path) -> None:
    post_job(make_score(seed=5), tmp_path / "outbox")
    reaper = reaper_at(tmp_path)
    reaper.run(WATCH)
    assert reaper.host.toggles == {50001: 1}
    for _ in range(40):
        reaper.tick()
    assert reaper.project.changes == 0  # what was there before is not imported unasked
    score = make_score(10)
    post_job(score, tmp_path / "outbox")
    reaper.project.play_state = 5
    for _ in range(40):
        reaper.tick()
    assert reaper.project.state.tracks == []
    reaper.project.play_state = 0
    for _ in range(40):
        reaper.tick()
    assert_holds(reaper.project, score)
    assert len(reaper.project.undo_stack) == 1
    post_job(score, tmp_path / "outbox")
    for _ in range(40):
        reaper.tick()
    assert len(reaper.project.undo_stack) == 2
    reaper.close()
    assert reaper.host.toggles == {50001: 0}
