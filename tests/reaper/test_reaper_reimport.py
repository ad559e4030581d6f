"""Importing again and again: the cue is rebuilt, what the user made of it stays."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
from reaper_runs import (
    TAKE_NEW,
    VERSIONS,
    assert_holds,
    import_score,
    picture_of,
    reaper_at,
    track_named,
)
from reaper_scores import make_score, make_tempo

from v2m_bridge.reaper.item_sections import section_edges
from v2m_bridge.score.model import Score
from v2m_bridge.sync.document import tempo_map_from_document
from v2m_bridge.testing.reaper.midi import notes_of
from v2m_bridge.testing.reaper.project import Item, Project, Source
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
def test_what_the_user_locked_renamed_moved_or_edited_stays(tmp_path: Path, version: str) -> None:
    reaper = reaper_at(tmp_path, version=version)
    project = reaper.project
    import_score(reaper, tmp_path, make_score(24))
    bass = track_named(project, "Bass").items[0]
    bass.values["C_LOCK"] = 1.0
    strings = track_named(project, "Strings").items[1]
    strings.take.events[5:5] = [(strings.take.events[5][0], 0, bytes([0x92, 99, 1]))]
    third = track_named(project, "CHORDS").items[2]
    third.notes = "Fmaj9 (mine)"
    last = track_named(project, "Bass").items[-1]
    last.values["D_LENGTH"] -= 1.0
    track_named(project, "Chords").effects.append("Piano")
    track_named(project, "Bass").name = "Contrabass"
    marker = next(m for m in project.state.markers if m.name == "cut 2")
    marker.name = "here she turns"
    stay = (bass, last, strings)
    kept = [list(i.take.events) for i in stay]
    counts = [len(track_named(project, name).items) for name in ("Contrabass", "Strings")]
    answer = import_score(reaper, tmp_path, make_score(24, seed=8))
    assert sorted(fields[1] for fields in answer["kept"]) == ["edited", "locked", "moved", "renamed", "renamed"]
    assert [list(i.take.events) for i in stay] == kept
    assert all(item in item.track.items for item in stay)
    assert len(track_named(project, "Strings").items) >= counts[1] - 1
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
    for bass in track_named(reaper.project, "Bass").items:
        bass.take.events = [(tick, 1, data) for tick, _, data in bass.take.events]
    assert "kept" not in import_score(reaper, tmp_path, make_score(seed=1))


@pytest.mark.parametrize("how", ["reversed within ticks", "note-on 0", "sorted by the editor"])
def test_the_same_notes_written_another_way_are_not_edited(tmp_path: Path, how: str) -> None:
    reaper = reaper_at(tmp_path)
    import_score(reaper, tmp_path, make_score())
    for bass in track_named(reaper.project, "Bass").items:
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


def move_a_note(item: Item) -> None:
    """End one note of the item a tick later."""
    at = next(i for i, e in enumerate(item.take.events) if e[2][0] == 0x80)
    tick, flags, data = item.take.events[at]
    item.take.events[at] = (tick + 1, flags, data)
    item.take.events.sort(key=lambda e: e[0])


def sounding(project: Project, name: str) -> list[tuple[float, int, int]]:
    """Start, pitch and velocity of every note on a track, in seconds."""
    items = track_named(project, name).items
    return sorted(
        (round(project.time_at_ppq(i.take, n.start), 6), n.pitch, n.velocity) for i in items for n in notes_of(i.take)
    )


def notes_in(score: Score, name: str) -> list[tuple[float, int, int]]:
    """The same of a score whose cue stands at 0."""
    tempo = tempo_map_from_document(score.fit)
    (part,) = [p for p in score.parts if p.name == name]
    return sorted((round(tempo.seconds_at(n.start_beat), 6), n.pitch, n.velocity) for n in part.notes)


@pytest.mark.parametrize("version", VERSIONS)
def test_one_moved_note_freezes_its_section_only(tmp_path: Path, version: str) -> None:
    reaper = reaper_at(tmp_path, version=version)
    project = reaper.project
    first, second = (make_score(24, seed=n, rows=make_tempo(24), marker_s=20.0) for n in (0, 1))
    import_score(reaper, tmp_path, first)
    edited = track_named(project, "Bass").items[1]
    move_a_note(edited)
    first_s, last_s = (project.state.tempo.time(beat) for beat in (section_edges(first)[1], first.fit.end_beat))
    assert edited.position == pytest.approx(first_s) and 15 < first_s < 25
    mine = sorted(project.time_at_ppq(edited.take, n.start) for n in notes_of(edited.take))
    answer = import_score(reaper, tmp_path, second)
    ((key, reason, first_bar, last_bar),) = answer["kept"]
    assert (key, reason) == ("part:bass:Bass", "edited")
    assert 1 < int(first_bar) < int(last_bar) <= 24
    got = sounding(project, "Bass")
    new = [n for n in notes_in(second, "Bass") if not first_s <= n[0] < last_s]
    assert [n for n in got if not first_s <= n[0] < last_s] == new
    assert [n[0] for n in got if first_s <= n[0] < last_s] == pytest.approx(mine, abs=1e-6)
    for name in ("Chords", "Strings"):
        assert sounding(project, name) == notes_in(second, name)


def test_sections_that_moved_are_laid_around_what_is_kept(tmp_path: Path) -> None:
    reaper = reaper_at(tmp_path)
    project = reaper.project
    import_score(reaper, tmp_path, make_score(24, marker_s=12.0))
    edited = track_named(project, "Bass").items[0]
    move_a_note(edited)
    # another cut: other markers, so other sections; the tempo map is the same up to there
    new = make_score(30, seed=1, rows=make_tempo(30), marker_s=20.0)
    assert section_edges(new) != section_edges(make_score(24))
    import_score(reaper, tmp_path, new)
    ring = float(edited.ext["v2m_ring"])
    first_s, last_s = edited.position, edited.position + edited.length - ring
    got = [n for n in sounding(project, "Bass") if not first_s - 1e-3 <= n[0] < last_s - 1e-3]
    assert got == [n for n in notes_in(new, "Bass") if not first_s - 1e-3 <= n[0] < last_s - 1e-3]
    once = picture_of(project)
    import_score(reaper, tmp_path, new)
    assert picture_of(project) == once


def test_the_new_version_is_taken_where_the_user_selects_it_or_everywhere(tmp_path: Path) -> None:
    reaper = reaper_at(tmp_path)
    project = reaper.project
    score = make_score(24, seed=1)
    import_score(reaper, tmp_path, make_score(24))
    items = track_named(project, "Bass").items
    move_a_note(items[0])
    move_a_note(items[1])
    assert len(import_score(reaper, tmp_path, score)["kept"]) == 2
    kept = [i for i in track_named(project, "Bass").items if i in items]
    kept[0].values["B_UISEL"] = 1.0
    assert len(import_score(reaper, tmp_path, score, TAKE_NEW)["kept"]) == 1
    assert kept[1] in track_named(project, "Bass").items
    assert kept[0] not in track_named(project, "Bass").items
    assert "kept" not in import_score(reaper, tmp_path, score, TAKE_NEW)
    assert_holds(project, score)


def test_a_copy_of_an_item_elsewhere_is_the_users(tmp_path: Path) -> None:
    reaper = reaper_at(tmp_path)
    project = reaper.project
    score = make_score(24)
    import_score(reaper, tmp_path, score)
    track = track_named(project, "Bass")
    copy = project.add_item(track, 500.0, track.items[0].length, Source("MIDI"))
    copy.ext.update(track.items[0].ext)
    copy.take.name, copy.take.events = track.items[0].take.name, list(track.items[0].take.events)
    answer = import_score(reaper, tmp_path, score)
    assert [fields[:2] for fields in answer["kept"]] == [["part:bass:Bass", "moved"]]
    assert copy in track.items and copy.position == pytest.approx(500.0)


def test_a_session_that_was_shifted_as_a_whole_is_not_taken_for_edited(tmp_path: Path) -> None:
    reaper = reaper_at(tmp_path)
    project = reaper.project
    score = make_score(24)
    import_score(reaper, tmp_path, score)
    for item in project.items():
        item.values["D_POSITION"] += 8.0  # time inserted at the project's start
    assert "kept" not in import_score(reaper, tmp_path, score)
    assert_holds(project, score)


def test_an_edited_section_goes_with_its_cue_when_the_project_start_changes(tmp_path: Path) -> None:
    project = Project(offset_s=3600.0, frame_rate=24.0)
    reaper = reaper_at(tmp_path, project)
    score = make_score(24)
    import_score(reaper, tmp_path, score)
    edited = track_named(project, "Bass").items[1]
    move_a_note(edited)
    place = edited.position
    project.offset_s = 3590.0
    answer = import_score(reaper, tmp_path, score)
    assert [fields[1] for fields in answer["kept"]] == ["edited"]
    assert edited.position == pytest.approx(place + 10.0, abs=1e-6)


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
