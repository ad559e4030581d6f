"""What surrounds an import: peculiarities of REAPER in which scripts hang, harm or leave half of their work."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest
from reaper_runs import IMPORT, VERSIONS, WATCH, YES, assert_holds, import_score, picture_of, reaper_at, track_named
from reaper_scores import make_score

from v2m_bridge.reaper.write_job import post_job
from v2m_bridge.score.model import Score
from v2m_bridge.testing.reaper.host import FUNCTIONS, ReaperError
from v2m_bridge.testing.reaper.project import BEATS, FLAG_MIDI, FLAG_STRETCH, TIME, MediaTake, Project, Source
from v2m_bridge.testing.reaper.tempo import Point


def session_in_beats(flags: int) -> Project:
    """A session whose items and markers go with the beats: sound, stretched sound, MIDI, markers."""
    project = Project(timebase=BEATS, timebase_flags=flags)
    project.add_tempo_point(Point(0.0, 100.0, 4, 4))
    project.add_tempo_point(Point(12.0, 133.0))
    track = project.add_track("Mine")
    project.add_item(track, 4.0, 8.0, Source("WAVE", "/music/take.wav", 8.0))
    stretched = project.add_item(track, 14.0, 3.0, Source("WAVE", "/music/take 2.wav", 3.0))
    stretched.values["C_BEATATTACHMODE"], stretched.values["C_AUTOSTRETCH"] = 1.0, 1.0
    midi = project.add_item(track, 20.0, 4.0, Source("MIDI"))
    assert midi.take
    midi.take.events = [(0, 0, b"\x90\x3c\x40"), (480, 0, b"\x80\x3c\x00"), (1920, 0, b"\xb0\x7b\x00")]
    for n, second in enumerate((3.0, 7.5, 9.25, 200.0)):
        project.add_marker(second, f"my marker {n}")
    return project


def mine(project: Project) -> object:
    track = track_named(project, "Mine")
    markers = sorted((m.name, m.position) for m in project.state.markers if m.name.startswith("my"))
    items = [
        (i.position, i.length, i.values["C_AUTOSTRETCH"], i.values["C_BEATATTACHMODE"], i.stretch_markers, rate(i.take))
        for i in track.items
    ]
    return items, markers


def rate(take: MediaTake | None) -> float:
    assert take
    return take.values["D_PLAYRATE"]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("flags", [0, FLAG_MIDI, FLAG_STRETCH, FLAG_MIDI | FLAG_STRETCH])
def test_stretched_items_and_midi_stay_under_every_timebase_flag(tmp_path: Path, version: str, flags: int) -> None:
    project = session_in_beats(flags)
    before = mine(project)
    reaper = reaper_at(tmp_path, project, version, answers=[YES])
    score = make_score(12)
    import_score(reaper, tmp_path, score)
    assert mine(project) == before
    assert_holds(project, score)


@pytest.mark.parametrize("flags", [0, FLAG_MIDI | FLAG_STRETCH])
def test_without_the_guard_the_model_would_move_them(flags: int) -> None:
    project = session_in_beats(flags)
    before = mine(project)
    project.add_tempo_point(Point(2.0, 61.0))
    assert mine(project) != before


def test_a_marker_that_will_not_go_back_ends_the_import_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = session_in_beats(FLAG_MIDI)
    reaper = reaper_at(tmp_path, project, answers=[YES])
    real = FUNCTIONS["SetProjectMarkerByIndex2"]
    calls = []

    def snapping(host: object, tab: object, index: int, is_region: bool, position: float, *rest: object) -> bool:
        calls.append(position)
        return bool(real(host, tab, index, is_region, position + 1e-3, *rest))

    monkeypatch.setitem(FUNCTIONS, "SetProjectMarkerByIndex2", snapping)
    answer = import_score(reaper, tmp_path, make_score(12))
    assert answer["status"] == [["ok"]]
    assert 0 < len(calls) <= 4
    assert any("markers of your own moved" in w[0] for w in answer["warning"])


def test_a_height_or_media_without_its_call_is_refused_by_the_model(tmp_path: Path) -> None:
    film = tmp_path / "a.mov"
    film.write_bytes(b"film")
    for body, why in (
        ('reaper.SetMediaTrackInfo_Value(reaper.GetTrack(0, 0), "I_HEIGHTOVERRIDE", 28)', "TrackList_AdjustWindows"),
        (
            "local take = reaper.AddTakeToMediaItem(reaper.AddMediaItemToTrack(reaper.GetTrack(0, 0)))\n"
            f'reaper.SetMediaItemTake_Source(take, reaper.PCM_Source_CreateFromFile("{film}"))',
            "peaks",
        ),
    ):
        script = tmp_path / "script.lua"
        script.write_text(body, encoding="utf-8")
        reaper = reaper_at(tmp_path)
        reaper.project.add_track("Mine")
        with pytest.raises(ReaperError, match=why):
            reaper.run(script)


def test_imported_picture_has_its_peaks(tmp_path: Path) -> None:
    film = tmp_path / "reel.mov"
    film.write_bytes(b"film")
    reaper = reaper_at(tmp_path)
    import_score(reaper, tmp_path, make_score(4, media=str(film)))
    (clip,) = track_named(reaper.project, "PICTURE").items
    assert clip.take and clip.take.source and clip.take.source.has_peaks


@pytest.mark.parametrize("version", VERSIONS)
def test_the_project_in_the_other_tab_is_not_touched(tmp_path: Path, version: str) -> None:
    other = session_in_beats(FLAG_MIDI)
    reaper = reaper_at(tmp_path, version=version, other_tabs=[other])
    before, score = picture_of(other), make_score(6)
    import_score(reaper, tmp_path, score)
    assert_holds(reaper.project, score)
    assert (picture_of(other), other.undo_stack, other.ext) == (before, [], {})


def test_an_import_that_failed_is_taken_back_in_its_own_tab(tmp_path: Path) -> None:
    """The watcher ends while another tab is in front; the failed import of before was not yet undone."""
    front, other = Project(), session_in_beats(FLAG_MIDI)
    reaper = reaper_at(tmp_path, front, other_tabs=[other])
    import_score(reaper, tmp_path, make_score(4, seed=9, notes=9))
    before, stored, theirs = picture_of(front), dict(front.ext), picture_of(other)
    reaper.run(WATCH)
    post_job(make_score(4, notes=12), tmp_path / "outbox")
    host = reaper.host
    # the import fails in the middle, and so does the first attempt to take it back
    total = host.calls
    fail_from = total + 150

    def count_call() -> None:
        host.calls += 1
        if host.calls > fail_from and host.project is front and not failing_over:
            raise ReaperError("this call failed")

    failing_over: list[bool] = []
    host.count_call = count_call  # type: ignore[method-assign]
    for _ in range(20):
        try:
            reaper.tick()
        except Exception:
            break
    failing_over.append(True)
    host.project = other
    reaper.close()
    assert host.project is other
    assert picture_of(front) == before
    assert dict(front.ext) == stored
    assert picture_of(other) == theirs


@pytest.mark.parametrize("version", VERSIONS)
def test_the_first_tempo_point_that_a_native_delete_keeps_does_no_harm(tmp_path: Path, version: str) -> None:
    project = Project()
    project.add_tempo_point(Point(0.0, 77.0, 3, 4))
    project.add_tempo_point(Point(4.0, 140.0, 6, 8))
    reaper = reaper_at(tmp_path, project, version)
    before = picture_of(project)
    for score in (make_score(8), make_score(5, seed=3)):
        import_score(reaper, tmp_path, score)
        assert_holds(project, score)
        assert len(project.state.tempo.points) == len(score.fit.tempo)
    project.undo()
    project.undo()
    assert picture_of(project) == before


def calls_of_an_import(home: Path) -> int:
    reaper = reaper_at(home, small_session())
    import_score(reaper, home, tiny())
    return reaper.host.calls


def tiny() -> Score:
    return make_score(2, notes=4, parts=("Chords", "Bass"))


def small_session() -> Project:
    project = Project(timebase=TIME)
    project.add_tempo_point(Point(0.0, 100.0, 4, 4))
    project.add_item(project.add_track("Mine"), 1.0, 2.0, Source("WAVE", "/music/take.wav", 2.0))
    project.add_marker(0.5, "my marker")
    return project


@pytest.mark.parametrize("how", ["kill_after", "fail_at"])
def test_a_stop_at_any_call_leaves_the_project_as_it_was(tmp_path: Path, how: str) -> None:
    total = calls_of_an_import(tmp_path / "count")
    stopped = 0
    for call in range(1, total + 1):
        project = small_session()
        reaper = reaper_at(tmp_path, project)
        before = picture_of(project)
        setattr(reaper.host, how, call)
        job = post_job(tiny(), tmp_path / "outbox")
        with contextlib.suppress(ReaperError):  # stopped before or after the import itself
            reaper.run(IMPORT)
        if project.undo_stack:
            assert_holds(project, tiny())  # it came through before the stop
            job.with_suffix(".answer").unlink(missing_ok=True)
            continue
        stopped += 1
        assert picture_of(project) == before, f"stopped after call {call} of {total}"
        assert project.ext == {}
        assert (reaper.errors, reaper.host.refresh_depth) == ([], 0)
    assert stopped > total * 0.8
