"""Imports of one thing only, from the actions and from a job, and cues that have a number."""

from __future__ import annotations

from pathlib import Path

import pytest
from reaper_runs import SCRIPTS, VERSIONS, answer_of, assert_holds, import_score, picture_of, reaper_at, track_named
from reaper_scores import make_score, make_tempo

from v2m_bridge.options import ScoreOptions
from v2m_bridge.reaper.read_answer import read_answer
from v2m_bridge.reaper.read_job import read_job
from v2m_bridge.reaper.session import ImportWish, Thing, plan_session
from v2m_bridge.reaper.write_job import post_job
from v2m_bridge.score.model import Score
from v2m_bridge.sync.document import tempo_map_from_document
from v2m_bridge.testing.reaper.midi import notes_of
from v2m_bridge.testing.reaper.project import Project
from v2m_bridge.testing.reaper.tempo import Point

ACTIONS = {
    Thing.TEMPO: SCRIPTS / "v2m_Import tempo map only.lua",
    Thing.MARKERS: SCRIPTS / "v2m_Import markers only.lua",
    Thing.CHORDS: SCRIPTS / "v2m_Import chords only.lua",
    Thing.PARTS: SCRIPTS / "v2m_Import parts only.lua",
}


def contents(project: Project) -> dict[Thing, object]:
    """What a project holds of each thing, the seconds rounded."""
    tracks = {t.name: [(i.notes, t.name, round(i.position, 6)) for i in t.items] for t in project.state.tracks}
    notes = {}
    for track in project.state.tracks:
        found = [(i.take, n) for i in track.items if i.take for n in notes_of(i.take)]
        if track.name != "CHORDS":
            notes[track.name] = sorted((round(project.time_at_ppq(t, n.start), 5), n.pitch) for t, n in found)
    return {
        Thing.TEMPO: [(round(p.time, 6), round(p.bpm, 6)) for p in project.state.tempo.points],
        Thing.MARKERS: sorted((round(m.position, 6), m.name) for m in project.state.markers),
        Thing.CHORDS: tracks.get("CHORDS", []),
        Thing.PARTS: notes,
    }


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("thing", list(Thing))
def test_one_thing_alone_leaves_the_others(tmp_path: Path, version: str, thing: Thing) -> None:
    reaper = reaper_at(tmp_path, version=version)
    project = reaper.project
    first = make_score(16, rows=make_tempo(16))
    second = make_score(16, seed=4, rows=make_tempo(16, seed=2) if thing is Thing.TEMPO else make_tempo(16))
    import_score(reaper, tmp_path, first)
    before = contents(project)
    answer = import_score(reaper, tmp_path, second, ACTIONS[thing])
    assert answer["status"] == [["ok"]]
    assert answer["imported"] == [[thing.value]]
    after = contents(project)
    whole = reaper_at(tmp_path / "whole", version=version)
    import_score(whole, tmp_path / "whole", second)
    assert after[thing] == contents(whole.project)[thing]
    untouched = set(Thing) - {thing}
    if thing is Thing.TEMPO:
        # items of ours go with the beats: their notes are where the new map has them
        untouched -= {Thing.CHORDS, Thing.PARTS}
        tempo = tempo_map_from_document(second.fit)
        for part in first.parts:
            wanted = sorted((round(tempo.seconds_at(n.start_beat), 5), n.pitch) for n in part.notes)
            assert after[Thing.PARTS][part.name] == wanted
    assert {t: after[t] for t in untouched} == {t: before[t] for t in untouched}
    again = picture_of(project)
    import_score(reaper, tmp_path, second, ACTIONS[thing])
    assert picture_of(project) == again
    import_score(reaper, tmp_path, second)
    assert_holds(project, second)


@pytest.mark.parametrize("thing", list(Thing))
def test_one_thing_alone_comes_into_a_new_project_and_undo_takes_it_back(tmp_path: Path, thing: Thing) -> None:
    reaper = reaper_at(tmp_path)
    empty = contents(reaper.project)
    before = picture_of(reaper.project)
    import_score(reaper, tmp_path, make_score(16, rows=make_tempo(16)), ACTIONS[thing])
    after = contents(reaper.project)
    assert [t for t in Thing if after[t] != empty[t]] == [thing]
    assert [name for name, _ in reaper.project.undo_stack] == [f"v2m: Import {thing} Reel 1 “Ünïcode”"]
    reaper.project.undo()
    # undo does not bring back a ruler lane that was not there
    assert picture_of(reaper.project) == before


def test_in_a_tempo_map_of_the_users_everything_stands_at_its_second(tmp_path: Path) -> None:
    project = Project()
    project.add_tempo_point(Point(0.0, 71.3, 3, 4))
    project.add_tempo_point(Point(9.0, 133.0))
    reaper = reaper_at(tmp_path, project)
    score = make_score(16)
    points = list(project.state.tempo.points)
    for thing in (Thing.PARTS, Thing.CHORDS):
        answer = import_score(reaper, tmp_path, score, ACTIONS[thing])
        assert any("the project's tempo map is not the score's" in w[0] for w in answer["warning"])
    assert project.state.tempo.points == points
    tempo = tempo_map_from_document(score.fit)
    for item, chord in zip(track_named(project, "CHORDS").items, score.chords, strict=True):
        assert item.position == pytest.approx(chord.start_s, abs=1e-6)
    for part in score.parts:
        takes = [i.take for i in track_named(project, part.name).items]
        got = sorted(project.time_at_ppq(t, n.start) for t in takes for n in notes_of(t))
        # ticks of another tempo: half of one is 0.4 ms
        assert got == pytest.approx(sorted(tempo.seconds_at(n.start_beat) for n in part.notes), abs=5e-4)


def test_a_job_says_what_is_imported_and_the_answer_repeats_it(tmp_path: Path) -> None:
    wish = ImportWish((Thing.MARKERS, Thing.CHORDS), take_new=True)
    score = make_score(8)
    reaper = reaper_at(tmp_path)
    job = post_job(score, tmp_path / "outbox", wish)
    assert read_job(job).wish == wish
    reaper.run(SCRIPTS / "v2m_Import score.lua")
    assert answer_of(job)["imported"] == [["markers chords"]]
    answer = read_answer(job.with_suffix(".answer"))
    assert answer is not None and answer.imported == ("markers", "chords")
    assert [t.name for t in reaper.project.state.tracks] == ["CHORDS"]
    assert reaper.project.state.tempo.points == []


def named(score: Score, **cue: str) -> Score:
    return score.model_copy(update={"options": ScoreOptions(**cue)})


def test_a_number_stands_on_tracks_and_region_and_keeps_cues_apart(tmp_path: Path) -> None:
    project = Project(offset_s=3600.0, frame_rate=24.0)
    reaper = reaper_at(tmp_path, project)
    first = named(make_score(8), cue="1m1", composer="A. B.", cue_version="3")
    second = named(make_score(8, seed=2, start_frame=86400 + 24 * 60), cue="1m2")
    import_score(reaper, tmp_path, first)
    import_score(reaper, tmp_path, second)
    names = [t.name for t in project.state.tracks]
    assert names == ["CHORDS", "1m1 Chords", "1m1 Bass", "1m1 Strings", "1m2 Chords", "1m2 Bass", "1m2 Strings"]
    regions = [m.name for m in project.state.markers if m.end is not None]
    assert regions == ["1m1 Reel 1 “Ünïcode” v3", "1m2 Reel 1 “Ünïcode”"]
    assert plan_session(first).title == regions[0]
