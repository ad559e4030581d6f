"""The real Lua script in the menus of four editions of the model of Resolve."""

from __future__ import annotations

import re
from fractions import Fraction
from pathlib import Path

import pytest
from resolve_world import World, film, world

from v2m_bridge.edits.menu_request import request_of
from v2m_bridge.edits.read_edit import read_edit
from v2m_bridge.errors import InputError
from v2m_bridge.resolve.install import LUA_NAME, complete, last_notice, sources
from v2m_bridge.testing.resolve.edit import EditMarker, EditTrack, ResolveEdit
from v2m_bridge.testing.resolve.state import EDITIONS, FREE_20, FREE_21_1, STUDIO_21_1, Edition

pytest.importorskip("lupa.luajit21")

EVERY_EDITION = pytest.mark.parametrize("edition", EDITIONS, ids=lambda e: e.name)
HOUR = {
    "24": (Fraction(24), 86400, False),
    "23.976": (Fraction(24000, 1001), 86400, False),
    "25": (Fraction(25), 90000, False),
    "29.97 DF": (Fraction(30000, 1001), 107892, True),
    "59.94": (Fraction(60000, 1001), 216000, False),
}
"""One o'clock at each rate: 01:00:00:00, or 01:00:00;00."""

FORBIDDEN_CALLS = {"OpenPage", "SetRenderSettings", "SetMarkInOut", "ClearMarkInOut", "SaveProject", "SetSetting"}


def well_behaved(desk: World) -> None:
    """What no press may do, whatever happens."""
    assert desk.model.violations == []
    assert desk.model.unknown_names == []
    assert desk.host.undefined == []
    assert not FORBIDDEN_CALLS & {record.method for record in desk.model.calls}


def finished_files(desk: World) -> list[Path]:
    return sorted((desk.home / "inbox" / "done").glob("*.otio"))


@EVERY_EDITION
@pytest.mark.parametrize("rate_name", HOUR)
def test_a_press_scores_the_timeline(tmp_path: Path, edition: Edition, rate_name: str) -> None:
    rate, start, drop = HOUR[rate_name]
    desk = world(tmp_path, edition, film(rate, start, drop_frame=drop), project_name="Film: Ä/Ö")
    desk.press_lua()

    frame, marker = desk.status_marker()
    assert frame == 0.0
    assert (marker["color"], marker["name"]) == ("Green", "v2m: A minor, 92-97 BPM")
    assert marker["note"] == "The score is ready: 4 of 4 hits are on the beat."
    assert desk.markers[108.0]["name"] == "HIT"
    assert list(desk.jobs.options.values()) == [{}]
    request = request_of(finished_files(desk)[0].name)
    assert request
    assert (request.project, request.timeline) == ("Film: Ä/Ö", "Schnitt Ä 3")
    assert request.timeline_id == desk.model.edit.unique_id if desk.model.edit else False
    assert (request.start_frame, request.drop_frame) == (start, drop)
    assert abs(float(request.rate.split()[0]) - float(rate)) < 0.001
    well_behaved(desk)


@EVERY_EDITION
@pytest.mark.parametrize("rate_name", HOUR)
def test_the_edit_that_arrives_is_the_edit_on_the_timeline(tmp_path: Path, edition: Edition, rate_name: str) -> None:
    rate, start, drop = HOUR[rate_name]
    desk = world(tmp_path, edition, film(rate, start, drop_frame=drop))
    desk.press_lua()
    arrived = read_edit(finished_files(desk)[0])
    assert (arrived.rate, arrived.start_frame, arrived.duration_frames) == (rate, start, 240)
    assert [cut.frame for cut in arrived.cuts] == [48, 108, 141]
    assert [(m.frame, m.name) for m in arrived.markers] == [(108, "HIT")]
    assert arrived.timecode(0) == ("01:00:00;00" if drop else "01:00:00:00")


@EVERY_EDITION
@pytest.mark.parametrize("drop", [False, True])
def test_drop_frame_is_known_where_the_start_does_not_tell(tmp_path: Path, edition: Edition, drop: bool) -> None:
    desk = world(tmp_path, edition, film(Fraction(30000, 1001), 0, drop_frame=drop))
    desk.press_lua()
    assert read_edit(finished_files(desk)[0]).drop_frame is drop


@EVERY_EDITION
def test_marks_travel_along_and_the_outcome_shows_at_the_in_point(tmp_path: Path, edition: Edition) -> None:
    desk = world(tmp_path, edition, film(mark_in=60, mark_out=140))
    desk.press_lua()
    assert desk.status_marker()[0] == 60.0
    assert list(desk.jobs.options.values()) == [{"first_frame": 60, "end_frame": 141}]
    assert desk.model.project.timeline
    assert desk.model.project.timeline.marks == {"in": 60, "out": 140}
    well_behaved(desk)


@EVERY_EDITION
def test_a_second_press_replaces_the_marker_and_does_not_export_it(tmp_path: Path, edition: Edition) -> None:
    desk = world(tmp_path, edition, film())
    desk.press_lua()
    desk.press_lua()
    assert desk.status_marker()[1]["color"] == "Green"
    assert len(desk.jobs.sources) == 2
    for source in desk.jobs.sources.values():
        assert [m["name"] for m in source["tracks"]["markers"]] == ["HIT"]


@EVERY_EDITION
def test_an_occupied_frame_is_left_alone_and_the_next_free_one_taken(tmp_path: Path, edition: Edition) -> None:
    mine = tuple(EditMarker(frame, "Blue", f"mine {frame}") for frame in (0, 1, 2))
    desk = world(tmp_path, edition, film(markers=mine))
    desk.press_lua()
    assert desk.status_marker()[0] == 3.0
    assert [desk.markers[float(f)]["name"] for f in (0, 1, 2)] == ["mine 0", "mine 1", "mine 2"]


@EVERY_EDITION
def test_without_a_daemon_it_says_how_to_start_it_and_the_edit_waits(tmp_path: Path, edition: Edition) -> None:
    desk = world(tmp_path, edition, film())
    desk.daemon_runs = False
    texts = []

    def later(now_s: float) -> None:
        texts.append(desk.status_marker()[1]["note"])
        if desk.waits == 60:
            desk.daemon_runs = True  # somebody read the marker
        desk.tick(now_s)

    desk.host.on_wait = later
    desk.press_lua()
    assert texts[0] == "Waiting for v2m-bridge. Delete this marker to cancel."
    assert any("v2m-bridge serve" in text for text in texts)
    assert desk.status_marker()[1]["name"] == "v2m: A minor, 92-97 BPM"


@EVERY_EDITION
def test_a_daemon_that_never_comes_ends_in_words(tmp_path: Path, edition: Edition) -> None:
    desk = world(tmp_path, edition, film())
    desk.daemon_runs = False
    desk.press_lua()
    assert desk.status_marker()[1]["name"] == "v2m: still working"
    assert len(list((desk.home / "inbox").glob("*.otio"))) == 1
    well_behaved(desk)


@EVERY_EDITION
def test_a_missing_inbox_names_the_folder_and_the_remedy(tmp_path: Path, edition: Edition) -> None:
    desk = world(tmp_path, edition, film())
    (desk.home / "inbox").rmdir()
    desk.press_lua()
    marker = desk.status_marker()[1]
    assert marker["color"] == "Red"
    assert f"{desk.home}/inbox/" in marker["note"]
    assert "v2m-bridge install resolve" in marker["note"]
    well_behaved(desk)


@EVERY_EDITION
def test_a_refused_export_tells_the_way_by_hand(tmp_path: Path, edition: Edition) -> None:
    desk = world(tmp_path, edition, film(), refuse_export=True)
    desk.press_lua()
    marker = desk.status_marker()[1]
    assert (marker["color"], marker["name"]) == ("Red", "v2m: export refused")
    assert "File > Export" in marker["note"]


@EVERY_EDITION
@pytest.mark.parametrize(
    "video", [(), (EditTrack(),), (EditTrack(), EditTrack())], ids=["no track", "empty", "two empty"]
)
def test_a_timeline_without_clips_is_not_sent(tmp_path: Path, edition: Edition, video: tuple[EditTrack, ...]) -> None:
    desk = world(tmp_path, edition, film(video=video, markers=()))
    desk.press_lua()
    assert desk.status_marker()[1]["name"] == "v2m: nothing to score"
    assert desk.model.called("Export") == []
    well_behaved(desk)


@EVERY_EDITION
@pytest.mark.parametrize(
    ("state", "words"),
    [
        ({"project_open": False}, "No project is open"),
        ({}, "No timeline is open"),
        ({"modal": True}, "a dialog of Resolve"),
    ],
    ids=["no project", "no timeline", "dialog"],
)
def test_without_a_timeline_the_message_reaches_the_doctor(
    tmp_path: Path, edition: Edition, state: dict[str, bool], words: str
) -> None:
    desk = world(tmp_path, edition, None if not state else film(), **state)
    desk.press_lua()
    notice = last_notice(desk.machine)
    assert notice and words in notice.text
    assert notice.unix_s == int(desk.host.now_s)
    assert bool(desk.host.printed) is not edition.lua_is_sandboxed


@EVERY_EDITION
def test_the_daemon_s_refusal_is_shown_in_its_words(tmp_path: Path, edition: Edition) -> None:
    desk = world(tmp_path, edition, film())
    desk.jobs.refuse = InputError("the edit 'Ä' has no picture", "enable a track")
    desk.press_lua()
    marker = desk.status_marker()[1]
    assert (marker["color"], marker["name"]) == ("Red", "v2m: not scored")
    assert marker["note"] == "The edit 'Ä' has no picture. Enable a track."
    failed = desk.home / "inbox" / "failed"
    assert [p.suffix for p in sorted(failed.iterdir())] == [".otio", ".txt"]


@EVERY_EDITION
def test_a_failed_score_is_shown_in_its_words(tmp_path: Path, edition: Edition) -> None:
    desk = world(tmp_path, edition, film())
    desk.jobs.fail = {"code": "bad_media", "message": "a.mov is damaged", "hint": "copy it again"}
    desk.press_lua()
    assert desk.status_marker()[1]["note"] == "A.mov is damaged. Copy it again."


def test_a_dialog_that_is_open_when_the_score_arrives_is_waited_for(tmp_path: Path) -> None:
    desk = world(tmp_path, FREE_21_1, film())

    def later(now_s: float) -> None:
        desk.model.modal = 3 < desk.waits < 60
        desk.tick(now_s)

    desk.host.on_wait = later
    desk.press_lua()
    assert desk.status_marker()[1]["color"] == "Green"


def test_a_project_that_is_closed_meanwhile_ends_the_wait(tmp_path: Path) -> None:
    desk = world(tmp_path, FREE_21_1, film())

    def later(now_s: float) -> None:
        desk.model.modal = desk.waits > 3
        desk.tick(now_s)

    desk.host.on_wait = later
    desk.press_lua()
    notice = last_notice(desk.machine)
    assert notice and "A minor" in notice.text
    assert desk.waits < 1000


def test_without_any_export_resolve_is_too_old(tmp_path: Path) -> None:
    desk = world(tmp_path, FREE_20, film())
    del desk.model.app.constants["EXPORT_OTIO"], desk.model.app.constants["EXPORT_FCP_7_XML"]
    desk.press_lua()
    assert "18.5" in desk.status_marker()[1]["note"]


def test_a_script_that_was_copied_by_hand_asks_for_the_installer(tmp_path: Path) -> None:
    desk = world(tmp_path, FREE_21_1, film())
    desk.host.run_lua(sources() / LUA_NAME)
    assert desk.status_marker()[1]["note"] == "Run: v2m-bridge install resolve"


@pytest.mark.parametrize("edition", [FREE_21_1, STUDIO_21_1], ids=lambda e: e.name)
def test_paths_stay_short_enough_for_windows(tmp_path: Path, edition: Edition) -> None:
    long_name = "Ein sehr langer Name für einen Schnitt " * 8
    desk = world(tmp_path, edition, film(name=long_name, mark_in=100000, mark_out=200000), project_name=long_name)
    desk.press_lua()
    name = desk.model.called("Export")[0].arguments[0]
    assert len(name) <= max(240, len(f"{desk.home}/inbox/") + 130)
    request = request_of(Path(name).name)
    assert request and (request.mark_in, request.mark_out) == (100000, 200000)
    assert not request.timeline or long_name.startswith(request.timeline)


def test_the_script_is_one_file_that_names_nothing_the_sandbox_lacks() -> None:
    text = complete(LUA_NAME).encode("ascii").decode()
    assert len(text.splitlines()) < 600
    code = re.sub(r"--.*", "", text)
    code = re.sub(r'"(?:[^"\\]|\\.)*"', '""', code)
    for name in ("io", "require", "package", "ffi", "debug", "UIManager", "arg", "dofile"):
        assert not re.search(rf"(?<![\w.:]){name}\b", code), name
    assert not re.search(r"os\.(?!time\b)", code)
    assert not re.search(r"bmd\.(?!fileexists|direxists|createuuid|wait)", code)


def test_an_unusual_timeline_start_counts_negative_frames_too(tmp_path: Path) -> None:
    desk = world(tmp_path, FREE_21_1, ResolveEdit("early", Fraction(24), -240, video=film().video))
    desk.press_lua()
    request = request_of(Path(desk.model.called("Export")[0].arguments[0]).name)
    assert request and request.start_frame == -240
