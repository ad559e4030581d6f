"""Importing again and again: the cue is rebuilt, what the user made of it stays."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
from reaper_runs import (
    VERSIONS,
    assert_holds,
    import_score,
    picture_of,
    reaper_at,
    track_named,
)
from reaper_scores import make_score

from v2m_bridge.testing.reaper.project import Project
from v2m_bridge.testing.reaper.tempo import Point


@pytest.mark.parametrize("version", VERSIONS)
def test_importing_twice_is_importing_once(tmp_path: Path, version: str) -> None:
    score = make_score(24)
    reaper = reaper_at(tmp_path, version=version)
    import_score(reaper, tmp_path, score)
    once = picture_of(reaper.project)
    import_score(reaper, tmp_path, score)
    assert picture_of(reaper.project) == once


@pytest.mark.parametrize("covers", [False, True])
@pytest.mark.parametrize("version", VERSIONS)
def test_undo_restores_and_importing_after_it_is_clean(tmp_path: Path, version: str, covers: bool) -> None:
    project = Project(undo_covers_ext=covers)
    project.add_track("Mine")
    project.add_tempo_point(Point(0.0, 95.0, 3, 4))
    reaper = reaper_at(tmp_path, project, version)
    before = picture_of(project)
    first, second = make_score(24), make_score(20, seed=3)
    import_score(reaper, tmp_path, first)
    held = picture_of(project)
    import_score(reaper, tmp_path, second)
    project.undo()
    assert picture_of(project) == held
    import_score(reaper, tmp_path, second)
    assert_holds(project, second)
    assert len([m for m in project.state.markers if m.end is not None]) == 1
    project.undo()
    project.undo()
    assert picture_of(project) == before


@pytest.mark.parametrize("version", VERSIONS)
def test_what_the_user_locked_renamed_or_edited_stays(tmp_path: Path, version: str) -> None:
    reaper = reaper_at(tmp_path, version=version)
    project = reaper.project
    import_score(reaper, tmp_path, make_score(24))
    (bass,) = track_named(project, "Bass").items
    bass.values["C_LOCK"] = 1.0
    (strings,) = track_named(project, "Strings").items
    strings.take.events[5:5] = [(strings.take.events[5][0], 0, bytes([0x92, 99, 1]))]
    third = track_named(project, "CHORDS").items[2]
    third.notes = "Fmaj9 (mine)"
    track_named(project, "Chords").effects.append("Piano")
    track_named(project, "Bass").name = "Contrabass"
    marker = next(m for m in project.state.markers if m.name == "cut 2")
    marker.name = "here she turns"
    kept = [list(bass.take.events), list(strings.take.events)]
    answer = import_score(reaper, tmp_path, make_score(24, seed=8))
    assert sorted(fields[1] for fields in answer["kept"]) == ["edited", "locked", "renamed", "renamed"]
    assert [list(i.take.events) for i in (bass, strings)] == kept
    assert len(track_named(project, "Contrabass").items) == len(track_named(project, "Strings").items) == 1
    chords = track_named(project, "CHORDS").items
    assert [c.notes for c in chords].count("Fmaj9 (mine)") == 1
    assert all(a.position + a.length <= b.position + 1e-3 for a, b in pairwise(chords))
    assert track_named(project, "Chords").effects == ["Piano"]
    assert [m.name for m in project.state.markers].count("here she turns") == 1
    once = picture_of(project)
    import_score(reaper, tmp_path, make_score(24, seed=8))
    assert picture_of(project) == once


def test_selecting_or_muting_notes_is_not_editing(tmp_path: Path) -> None:
    reaper = reaper_at(tmp_path)
    import_score(reaper, tmp_path, make_score())
    (bass,) = track_named(reaper.project, "Bass").items
    bass.take.events = [(tick, 1, data) for tick, _, data in bass.take.events]
    assert "kept" not in import_score(reaper, tmp_path, make_score(seed=1))


@pytest.mark.parametrize("how", ["reversed within ticks", "note-on 0", "sorted by the editor"])
def test_the_same_notes_written_another_way_are_not_edited(tmp_path: Path, how: str) -> None:
    reaper = reaper_at(tmp_path)
    import_score(reaper, tmp_path, make_score())
    (bass,) = track_named(reaper.project, "Bass").items
    *events, closing = bass.take.events
    if how == "note-on 0":
        events = [(t, f, bytes([0x90 | d[0] & 15, d[1], 0]) if d[0] & 0xF0 == 0x80 else d) for t, f, d in events]
    elif how == "reversed within ticks":
        events = sorted(events[::-1], key=lambda e: e[0])
    else:
        events = sorted(events, key=lambda e: (e[0], -e[2][0], -e[2][1]))
    assert events != bass.take.events[:-1]
    bass.take.events = [*events, closing]
    assert "kept" not in import_score(reaper, tmp_path, make_score(seed=1))


def test_one_moved_note_is_an_edit(tmp_path: Path) -> None:
    reaper = reaper_at(tmp_path)
    import_score(reaper, tmp_path, make_score())
    (bass,) = track_named(reaper.project, "Bass").items
    at = next(i for i, e in enumerate(bass.take.events) if e[2][0] == 0x80)
    tick, flags, data = bass.take.events[at]
    bass.take.events[at] = (tick + 1, flags, data)
    bass.take.events.sort(key=lambda e: e[0])
    assert import_score(reaper, tmp_path, make_score(seed=1))["kept"] == [["part:bass:Bass", "edited"]]


def test_a_part_that_is_gone_takes_only_its_untouched_track(tmp_path: Path) -> None:
    reaper = reaper_at(tmp_path)
    import_score(reaper, tmp_path, make_score(parts=("Chords", "Bass", "Strings", "Horns")))
    track_named(reaper.project, "Horns").effects.append("Brass")
    import_score(reaper, tmp_path, make_score(parts=("Chords",)))
    assert [t.name for t in reaper.project.state.tracks] == ["CHORDS", "Chords", "Horns"]


def test_two_cues_live_in_one_project(tmp_path: Path) -> None:
    project = Project(offset_s=3600.0 - 5.0, frame_rate=24.0)
    reaper = reaper_at(tmp_path, project)
    first, second = make_score(12), make_score(8, seed=2, start_frame=86400 + 24 * 60)
    import_score(reaper, tmp_path, first)
    import_score(reaper, tmp_path, second)
    import_score(reaper, tmp_path, make_score(10, seed=4))
    import_score(reaper, tmp_path, first)
    both = [(i.position, i.length) for i in track_named(project, "CHORDS").items]
    assert len(both) == len(first.chords) + len(second.chords)
    for (position, length), chord in zip(both, (*first.chords, *second.chords), strict=True):
        base = 5.0 if chord in first.chords and position < 60 else 65.0
        assert position == pytest.approx(base + chord.start_s, abs=1e-6)
        assert length == pytest.approx(chord.end_s - chord.start_s, abs=1e-6)
    assert len([m for m in project.state.markers if m.end is not None]) == 2
