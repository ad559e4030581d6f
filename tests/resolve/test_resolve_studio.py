"""The real Studio script in the menus of the editions that run Python, over HTTP and through the inbox."""

from __future__ import annotations

import ast
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

import pytest
from resolve_world import CHORD_SYMBOLS, RATES, World, daemon, film, world

from v2m_bridge.edits.read_edit import read_edit
from v2m_bridge.errors import InputError, SetupError
from v2m_bridge.resolve.install import LUA_ENTRIES, LUA_NAME, PYTHON_NAME, BringBack, complete, last_notice
from v2m_bridge.testing.resolve.edit import Clip, EditMarker, EditTrack, Media, ResolveEdit
from v2m_bridge.testing.resolve.state import EDITIONS, FREE_20, FREE_21_1, STUDIO_20, STUDIO_21_1, Edition

PYTHON_EDITIONS = [edition for edition in EDITIONS if edition.runs_python]
EVERY_PYTHON_EDITION = pytest.mark.parametrize("edition", PYTHON_EDITIONS, ids=lambda e: e.name)
FORBIDDEN_CALLS = {"OpenPage", "SetRenderSettings", "SetMarkInOut", "ClearMarkInOut", "SaveProject", "SetSetting"}
BOTH = BringBack(markers=True, preview=True)


@contextmanager
def online(
    tmp_path: Path, edition: Edition, edit: ResolveEdit | None, bring_back: BringBack = BringBack(), **model: object
) -> Iterator[World]:
    """A desk whose daemon answers over HTTP (the inbox is not watched, so that HTTP has to do it)."""
    first = world(tmp_path, edition, edit, **model)  # makes the folders and the queue
    with daemon(first.jobs, first.home) as port:
        desk = world(tmp_path, edition, edit, port, bring_back, **model)
        desk.jobs.__dict__ = first.jobs.__dict__
        desk.daemon_runs = False
        yield desk


def well_behaved(desk: World) -> None:
    assert desk.model.violations == []
    assert not FORBIDDEN_CALLS & {record.method for record in desk.model.calls}


def test_the_editions_list_the_scripts_that_they_can_run(tmp_path: Path) -> None:
    lua, studio = [Path(name).stem for name in LUA_ENTRIES.values()], Path(PYTHON_NAME).stem
    listed = {}
    for edition in EDITIONS:
        desk = world(tmp_path / edition.name, edition, film())
        listed[edition] = desk.host.listed(desk.script(LUA_NAME).parent)
    assert listed == {
        FREE_20: sorted([*lua, studio]),
        FREE_21_1: sorted(lua),
        STUDIO_20: sorted([*lua, studio]),
        STUDIO_21_1: sorted([*lua, studio]),
    }
    with pytest.raises(SetupError):
        world(tmp_path, FREE_21_1, film()).press_python()


@EVERY_PYTHON_EDITION
@pytest.mark.parametrize("rate_name", RATES)
def test_score_markers_and_preview_at_the_right_frames(tmp_path: Path, edition: Edition, rate_name: str) -> None:
    rate, start, drop = RATES[rate_name]
    with online(tmp_path, edition, film(rate, start, drop_frame=drop), BOTH) as desk:
        desk.press_python()
        frame, marker = desk.status_marker()
        assert (frame, marker["color"], marker["name"]) == (1.0, "Green", "v2m: A minor, 92-97 BPM")
        assert desk.jobs.options == {f"{1:012x}": {"preview": True}}

        chords = desk.ours("v2m:chord")
        on_cut = {48.0, 108.0, 141.0}
        expected = {float(round(Fraction(n, 2) * rate)) for n in range(int(240 / rate * 2) + 1)} | on_cut
        assert set(chords) == expected - {108.0}  # the editor's own marker holds that frame
        assert chords[0.0]["name"] == "v2m: Am"
        assert chords[float(round(rate / 2))]["name"].startswith(f"v2m: {CHORD_SYMBOLS[1]}")
        assert "hit (downbeat)" in chords[48.0]["name"]
        assert desk.markers[108.0]["name"] == "HIT"
        assert "1 left out where your own markers are" in marker["note"]

        timeline = desk.model.project.timeline
        assert timeline
        (item,) = timeline.tracks["audio"][0]
        assert (item.GetStart(), item.GetDuration()) == (start, 240)
        assert timeline.names["audio"] == ["v2m preview"]
        assert desk.model.page == "edit"
        well_behaved(desk)


@EVERY_PYTHON_EDITION
def test_marks_narrow_the_score_and_everything_comes_back_inside_them(tmp_path: Path, edition: Edition) -> None:
    with online(tmp_path, edition, film(mark_in=60, mark_out=203), BOTH) as desk:
        desk.press_python()
        assert list(desk.jobs.options.values()) == [{"preview": True, "first_frame": 60, "end_frame": 204}]
        chords = desk.ours("v2m:chord")
        assert set(chords) == {60.0, 72.0, 84.0, 96.0, 120.0, 132.0, 141.0, 144.0, 156.0, 168.0, 180.0, 192.0, 204.0}
        assert desk.model.project.timeline
        assert desk.model.project.timeline.tracks["audio"][0][0].GetStart() == 86400 + 60
        assert desk.model.project.timeline.marks == {"in": 60, "out": 203}


@EVERY_PYTHON_EDITION
@pytest.mark.parametrize("drop", [False, True])
def test_what_the_export_does_not_tell_comes_along(tmp_path: Path, edition: Edition, drop: bool) -> None:
    with online(
        tmp_path, edition, film(Fraction(30000, 1001), 0, drop_frame=drop, mark_in=7), project_name="Ö"
    ) as desk:
        desk.press_python()
        (source,) = desk.jobs.sources.values()
        beside = source["metadata"]["v2m_bridge"]
        assert beside.pop("rate").startswith("29.97")
        assert beside == {
            "project": "Ö",
            "timeline": "Schnitt Ä 3",
            "timeline_id": "5c1b6a6e-52a4-4f5b-9d7e-0c7a4e0f1a2b",
            "drop_frame": drop,
            "mark_in": 7,
            "mark_out": None,
        }
        path = tmp_path / "sent.otio"
        path.write_text(json.dumps(source))
        assert read_edit(path).drop_frame is drop


@EVERY_PYTHON_EDITION
def test_without_being_asked_it_writes_one_marker_and_no_track(tmp_path: Path, edition: Edition) -> None:
    with online(tmp_path, edition, film()) as desk:
        desk.press_python()
        assert desk.status_marker()[0] == 0.0
        assert desk.ours("v2m:chord") == {}
        assert not {"AddTrack", "ImportMedia", "AppendToTimeline"} & {record.method for record in desk.model.calls}
        assert any("footage" in line and "%" in line for line in desk.host.printed)


def test_asked_for_on_the_command_line(tmp_path: Path) -> None:
    with online(tmp_path, STUDIO_21_1, film(), through_bridge=True) as desk:
        desk.press_python("--markers")
        assert len(desk.ours("v2m:chord")) > 10
        assert desk.model.called("AddTrack") == []


def test_a_second_score_replaces_markers_and_preview(tmp_path: Path) -> None:
    with online(tmp_path, STUDIO_21_1, film(), BOTH) as desk:
        desk.press_python()
        first = desk.ours("v2m:chord")
        desk.model.refuse_delete = 1
        desk.press_python()
        assert desk.ours("v2m:chord") == first
        assert desk.status_marker()[1]["color"] == "Green"
        timeline = desk.model.project.timeline
        assert timeline
        assert [len(track) for track in timeline.tracks["audio"]] == [0, 1]
        folders = desk.model.project.pool.root.folders
        assert [folder.name for folder in folders] == ["v2m-bridge"]
        assert desk.model.project.pool.current is desk.model.project.pool.root


def test_on_another_page_a_new_track_is_taken_rather_than_nothing_placed(tmp_path: Path) -> None:
    with online(tmp_path, STUDIO_21_1, film(), BOTH) as desk:
        desk.press_python()
        desk.model.page = "color"  # clips can only be deleted on the edit page
        desk.press_python()
        timeline = desk.model.project.timeline
        assert timeline
        assert [len(track) for track in timeline.tracks["audio"]] == [1, 1]
        assert desk.model.page == "color"


def test_the_user_s_audio_is_left_alone(tmp_path: Path) -> None:
    dialogue = Media("/sound/d.wav", Fraction(24), 900, kind="audio")
    with online(
        tmp_path, STUDIO_20, film(audio=(EditTrack((Clip(0, 240, dialogue),), name="Dialogue"),)), BOTH
    ) as desk:
        desk.press_python()
        timeline = desk.model.project.timeline
        assert timeline
        assert timeline.names["audio"] == ["Dialogue", "v2m preview"]
        assert [item.GetName() for item in timeline.tracks["audio"][0]] == ["d.wav"]


@EVERY_PYTHON_EDITION
def test_without_a_daemon_the_inbox_takes_the_edit(tmp_path: Path, edition: Edition) -> None:
    desk = world(tmp_path, edition, film(mark_in=10, mark_out=100))
    desk.daemon_runs = False
    seen = []

    def later(now_s: float) -> None:
        seen.append(desk.status_marker()[1]["note"])
        if desk.waits == 60:
            desk.daemon_runs = True
        desk.tick(now_s)

    desk.host.on_wait = later
    desk.press_python()
    assert any("v2m-bridge serve" in text for text in seen)
    assert desk.status_marker()[1]["name"] == "v2m: A minor, 92-97 BPM"
    assert list(desk.jobs.options.values()) == [{"first_frame": 10, "end_frame": 101}]
    assert sorted(p.suffix for p in (desk.home / "inbox" / "done").iterdir()) == [".json", ".otio"]
    well_behaved(desk)


@EVERY_PYTHON_EDITION
def test_missing_inbox_and_no_daemon(tmp_path: Path, edition: Edition) -> None:
    desk = world(tmp_path, edition, film())
    (desk.home / "inbox").rmdir()
    desk.press_python()
    assert "v2m-bridge install resolve" in desk.status_marker()[1]["note"]


@EVERY_PYTHON_EDITION
def test_a_wrong_token_leads_to_the_doctor(tmp_path: Path, edition: Edition) -> None:
    with online(tmp_path, edition, film()) as desk:
        (desk.home / "token").write_text("another token of some length")
        desk.press_python()
        assert "v2m-bridge doctor" in desk.status_marker()[1]["note"]


@EVERY_PYTHON_EDITION
def test_the_daemon_s_refusal_is_shown_in_its_words(tmp_path: Path, edition: Edition) -> None:
    with online(tmp_path, edition, film()) as desk:
        desk.jobs.refuse = InputError("the edit has no picture")
        desk.press_python()
        assert desk.status_marker()[1]["note"] == "The edit has no picture"


@EVERY_PYTHON_EDITION
def test_a_failed_score_is_shown_in_its_words(tmp_path: Path, edition: Edition) -> None:
    with online(tmp_path, edition, film(), BOTH) as desk:
        desk.jobs.fail = {"message": "a.mov is damaged", "hint": "copy it again"}
        desk.press_python()
        assert desk.status_marker()[1]["note"] == "A.mov is damaged. Copy it again."
        assert desk.model.called("AddTrack") == []


@EVERY_PYTHON_EDITION
@pytest.mark.parametrize(
    ("edit", "model", "words"),
    [
        (film(), {"refuse_export": True}, "File > Export"),
        (film(video=(), markers=()), {}, "no video clips"),
        (film(markers=(EditMarker(0, name="mine"),)), {"refuse_export": True}, "File > Export"),
    ],
    ids=["export refused", "no clips", "occupied frame"],
)
def test_what_stands_in_the_way_is_said_on_the_timeline(
    tmp_path: Path, edition: Edition, edit: ResolveEdit, model: dict[str, object], words: str
) -> None:
    desk = world(tmp_path, edition, edit, **model)
    desk.press_python()
    frame, marker = desk.status_marker()
    assert words in marker["note"]
    assert frame == (1.0 if any(m.frame == 0 for m in edit.markers) else 0.0)
    assert any(words in line for line in desk.host.printed)


@EVERY_PYTHON_EDITION
@pytest.mark.parametrize(
    ("model", "words"),
    [
        ({"project_open": False}, "No project is open"),
        ({}, "No timeline is open"),
        ({"modal": True}, "a dialog of Resolve"),
    ],
    ids=["no project", "no timeline", "dialog"],
)
def test_without_a_timeline_console_and_doctor_know(
    tmp_path: Path, edition: Edition, model: dict[str, bool], words: str
) -> None:
    desk = world(tmp_path, edition, film() if model else None, **model)
    desk.press_python()
    assert any(words in line for line in desk.host.printed)
    notice = last_notice(desk.machine)
    assert notice and words in notice.text


def test_a_daemon_that_dies_at_work_ends_in_words(tmp_path: Path) -> None:
    first = world(tmp_path, STUDIO_21_1, film())
    with daemon(first.jobs, first.home) as port:
        desk = world(tmp_path, STUDIO_21_1, film(), port)
        desk.daemon_runs = False

        def later(now_s: float) -> None:
            desk.tick(now_s)
            if desk.waits == 1:
                (desk.home / "token").unlink()  # as unreachable as a port where nobody listens

        desk.host.on_wait = later
        desk.press_python()
    assert desk.status_marker()[1]["name"] == "v2m: connection lost"
    assert desk.waits < 200


def test_a_sound_that_resolve_does_not_place_is_not_called_placed(tmp_path: Path) -> None:
    with online(tmp_path, STUDIO_21_1, film(), BOTH) as desk:
        desk.model.refused.add("AppendToTimeline")
        desk.press_python()
        marker = desk.status_marker()[1]
        assert (marker["color"], marker["name"]) == ("Green", "v2m: A minor, 92-97 BPM")
        assert "The preview was not placed: Resolve did not take it." in marker["note"]


def test_it_runs_on_python_3_6_with_the_standard_library_alone() -> None:
    text = complete(PYTHON_NAME).encode("ascii").decode()
    tree = ast.parse(text, feature_version=(3, 6))
    imported = {alias.name.split(".")[0] for n in ast.walk(tree) if isinstance(n, ast.Import) for alias in n.names}
    imported |= {(n.module or "").split(".")[0] for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)}
    since_3_7 = {"dataclasses", "contextvars", "zoneinfo", "graphlib", "tomllib"}
    assert imported - {"DaVinciResolveScript"} <= set(sys.stdlib_module_names) - since_3_7
    assert "__future__" not in imported
    newer = {
        "capture_output",
        "removeprefix",
        "removesuffix",
        "is_relative_to",
        "missing_ok",
        "fromisoformat",
        "isascii",
    }
    names = {n.attr for n in ast.walk(tree) if isinstance(n, ast.Attribute)}
    names |= {k.arg for n in ast.walk(tree) if isinstance(n, ast.Call) for k in n.keywords if k.arg}
    assert not newer & names
