"""Both routes from Resolve, the Lua entry and the Studio entry, bring the same back and take the same orders."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from resolve_world import RATES, World, daemon, film, world

from v2m_bridge.edits.menu_request import display_name, request_of
from v2m_bridge.edits.read_edit import read_edit
from v2m_bridge.resolve.install import LUA_ENTRIES, BringBack
from v2m_bridge.testing.resolve.edit import ResolveEdit
from v2m_bridge.testing.resolve.state import EDITIONS, FREE_20, FREE_21_1, STUDIO_20, STUDIO_21_1, Edition

pytest.importorskip("lupa.luajit21")

BOTH = BringBack(markers=True, preview=True)
WARNINGS = tuple(f"the clip {n} is offline" for n in range(6))
EVERY_EDITION = pytest.mark.parametrize("edition", EDITIONS, ids=lambda e: e.name)


@contextmanager
def by_lua(folder: Path, edition: Edition, edit: ResolveEdit, **model: Any) -> Iterator[World]:
    """A desk whose entry is in Lua."""
    yield world(folder, edition, edit, bring_back=BOTH, **model)


@contextmanager
def by_http(folder: Path, edition: Edition, edit: ResolveEdit, **model: Any) -> Iterator[World]:
    """A desk whose entry asks over HTTP; the inbox is not watched."""
    first = world(folder, edition, edit, bring_back=BOTH, **model)
    with daemon(first.jobs, first.home) as port:
        desk = world(folder, edition, edit, port, BOTH, **model)
        desk.jobs.__dict__ = first.jobs.__dict__
        desk.daemon_runs = False
        yield desk


@contextmanager
def by_inbox(folder: Path, edition: Edition, edit: ResolveEdit, **model: Any) -> Iterator[World]:
    """A desk whose Studio entry finds no daemon on its port, but one that watches the inbox."""
    yield world(folder, edition, edit, bring_back=BOTH, **model)


ROUTES: dict[str, tuple[Any, Callable[[World], None]]] = {
    "lua": (by_lua, World.press_lua),
    "studio, http": (by_http, World.press_python),
    "studio, inbox": (by_inbox, World.press_python),
}
EVERY_ROUTE = pytest.mark.parametrize("route", ROUTES)


def outcome(desk: World) -> dict[str, Any]:
    """Everything that a press left on the timeline."""
    timeline = desk.model.project.timeline
    assert timeline
    items = [(i.GetStart(), i.GetDuration()) for track in timeline.tracks["audio"] for i in track]
    return {"markers": desk.markers, "preview": items, "names": timeline.names["audio"]}


@pytest.mark.parametrize("rate_name", RATES)
def test_markers_preview_and_warnings_are_the_same_by_every_route_in_every_edition(
    tmp_path: Path, rate_name: str
) -> None:
    rate, start, drop = RATES[rate_name]
    edit = film(rate, start, drop_frame=drop, mark_in=20, mark_out=219)
    found = {}
    for edition in EDITIONS:
        for route, (opened, press) in ROUTES.items():
            if route != "lua" and not edition.runs_python:
                continue
            with opened(tmp_path / edition.name / route, edition, edit) as desk:
                desk.jobs.warnings = WARNINGS
                press(desk)
                found[edition.name, route] = outcome(desk)
                assert desk.model.violations == []
                assert desk.host.undefined == []
    assert len(found) == 10
    expected = found["free 21.1", "lua"]
    assert all(seen == expected for seen in found.values()), {key: s for key, s in found.items() if s != expected}
    chords = {frame for frame, marker in expected["markers"].items() if marker["customData"] == "v2m:chord"}
    on_beats = {20 + round(Fraction(n, 2) * rate) for n in range(int(200 / rate * 2) + 1)}
    assert chords == (on_beats | {48, 108, 141}) - {108}  # the editor's own marker holds that frame
    (status,) = [marker for marker in expected["markers"].values() if marker["customData"] == "v2m:status"]
    assert (status["color"], status["name"]) == ("Green", "v2m: A minor, 92-97 BPM")
    for words in ("4 of 4 hits", "The clip 0 is offline", "the clip 3 is offline", "2 more warnings", "audio track 1."):
        assert words.lower() in status["note"].lower()
    assert [start_frame for start_frame, _ in expected["preview"]] == [start + 20]
    assert expected["names"] == ["v2m preview"]


MARKS = {
    "out alone": (film(mark_out=139), {"end_frame": 140}),
    "in alone": (film(mark_in=60), {"first_frame": 60}),
    "picture and sound split": (
        film(mark_in=24, mark_out=150, audio_marks=(50, 200)),
        {"first_frame": 24, "end_frame": 151},
    ),
    "in of the picture, out of the sound": (
        film(mark_in=24, audio_marks=(10, 200)),
        {"first_frame": 24, "end_frame": 201},
    ),
    "of the sound alone": (film(audio_marks=(30, 99)), {"first_frame": 30, "end_frame": 100}),
    "no range together": (film(mark_in=150, audio_marks=(None, 20)), {"first_frame": 150}),
    "in at the first frame": (film(mark_in=0, mark_out=9), {"end_frame": 10}),
}


@EVERY_ROUTE
@pytest.mark.parametrize("case", MARKS)
def test_marks_of_every_kind_become_the_same_range(tmp_path: Path, route: str, case: str) -> None:
    edit, expected = MARKS[case]
    opened, press = ROUTES[route]
    with opened(tmp_path, STUDIO_21_1, edit) as desk:
        press(desk)
        assert list(desk.jobs.options.values()) == [{"preview": True} | expected]


@EVERY_EDITION
def test_an_old_resolve_sends_final_cut_xml(tmp_path: Path, edition: Edition) -> None:
    for route, (_, press) in ROUTES.items():
        if route == "studio, http" or (route != "lua" and not edition.runs_python):
            continue
        desk = world(tmp_path / route, edition, film())
        del desk.model.app.constants["EXPORT_OTIO"]
        desk.jobs.submit = lambda path, options, desk=desk: desk.jobs.add({"path": str(path)}, {})  # type: ignore
        desk.inbox._submit = desk.jobs.submit
        press(desk)
        assert desk.status_marker()[1]["color"] == "Green"
        (sent,) = (desk.home / "inbox" / "done").glob("*.xml")
        arrived = read_edit(sent)
        assert (arrived.rate, arrived.start_frame, arrived.duration_frames) == (24, 86400, 240)
        assert [cut.frame for cut in arrived.cuts] == [48, 108, 141]
        # b.mov runs at 25: its frame 10 is 0.4 s in, whatever grid the file counts on
        assert float(arrived.shots[1].source_start_s) == pytest.approx(10 / 25, abs=0.5 / 24)
        assert [(m.frame, m.name) for m in arrived.markers] == [(108, "HIT")]


@EVERY_ROUTE
def test_deleting_the_marker_cancels_the_score(tmp_path: Path, route: str) -> None:
    opened, press = ROUTES[route]
    with opened(tmp_path, STUDIO_21_1, film()) as desk:

        def later(now_s: float) -> None:
            desk.tick(now_s)
            for job in desk.jobs.looks:
                desk.jobs.looks[job] = min(desk.jobs.looks[job], 2)  # it never gets done
            if desk.waits == 8:
                timeline = desk.model.project.timeline
                assert timeline and timeline.DeleteMarkerByCustomData("v2m:status")

        desk.host.on_wait = later
        press(desk)
        desk.inbox.poll()
        assert desk.jobs.cancelled == set(desk.jobs.sources)
        assert len(desk.jobs.cancelled) == 1
        assert desk.status_marker()[1]["name"] == "v2m: cancelled"
        desk.host.now_s += 5
        desk.inbox.poll()
        assert list((desk.home / "inbox").glob("*_x1*")) == []
        assert desk.model.called("ImportMedia") == []


@pytest.mark.parametrize("route", ["lua", "studio, inbox"])
def test_a_score_that_waits_for_the_daemon_can_be_cancelled_too(tmp_path: Path, route: str) -> None:
    opened, press = ROUTES[route]
    with opened(tmp_path, STUDIO_20, film()) as desk:
        desk.daemon_runs = False

        def later(now_s: float) -> None:
            desk.tick(now_s)
            timeline = desk.model.project.timeline
            if desk.waits == 30 and timeline:
                timeline.DeleteMarkerByCustomData("v2m:status")

        desk.host.on_wait = later
        press(desk)
        desk.inbox.poll()
        assert desk.jobs.sources == {}
        assert [p for p in (desk.home / "inbox").iterdir() if p.is_file() and p.name[0] != "."] == []
        assert desk.waits < 40


def test_a_dialog_does_not_look_like_a_deleted_marker(tmp_path: Path) -> None:
    desk = world(tmp_path, FREE_21_1, film())

    def later(now_s: float) -> None:
        desk.model.modal = 1 < desk.waits < 8
        desk.tick(now_s)

    desk.host.on_wait = later
    desk.press_lua()
    assert (desk.jobs.cancelled, desk.status_marker()[1]["color"]) == (set(), "Green")


@EVERY_ROUTE
def test_progress_is_shown_in_the_marker(tmp_path: Path, route: str) -> None:
    opened, press = ROUTES[route]
    with opened(tmp_path, STUDIO_21_1, film()) as desk:
        titles: list[str] = []

        def later(now_s: float) -> None:
            desk.tick(now_s)
            titles.extend(marker["name"] for marker in desk.ours().values())

        desk.host.on_wait = later
        press(desk)
        assert any(title.startswith("v2m: scoring, ") and title.endswith(" %") for title in titles), titles


@EVERY_ROUTE
def test_mood_tempo_and_cue_are_asked_for_on_the_fusion_page_of_studio_and_then_kept(
    tmp_path: Path, route: str
) -> None:
    opened, press = ROUTES[route]
    with opened(tmp_path, STUDIO_21_1, film(), page="fusion", dialog={"Mood": 3, "Tempo": "96", "Cue": "1M3"}) as desk:
        press(desk)
        assert [title for title, _ in desk.model.asked] == ["Score this timeline"]
        desk.model.page = "edit"
        press(desk)  # no dialog there: those used last
        assert len(desk.model.asked) == 1
        chosen = {"preview": True, "mood": "tense", "tempo": 96.0}
        assert list(desk.jobs.options.values()) == [chosen, chosen]
        desk.model.page, desk.model.dialog = "fusion", None
        sent = len(desk.jobs.sources)
        press(desk)  # the dialog is closed: nothing is sent
        assert len(desk.jobs.sources) == sent


def test_the_cue_number_leads_the_score_s_name(tmp_path: Path) -> None:
    dialog = {"Mood": 0, "Tempo": "", "Cue": "1M3"}
    desk = world(tmp_path, STUDIO_20, film(), page="fusion", dialog=dialog)
    desk.press_lua()
    (path,) = (desk.home / "inbox" / "done").glob("*.otio")
    assert display_name(path.name) == "1M3 Schnitt Ä 3"
    assert list(desk.jobs.options.values()) == [{}]


@pytest.mark.parametrize("edition", [FREE_20, FREE_21_1], ids=lambda e: e.name)
def test_the_free_edition_opens_no_dialog(tmp_path: Path, edition: Edition) -> None:
    desk = world(tmp_path, edition, film(), page="fusion", dialog={"Mood": 1})
    desk.press_lua()
    assert desk.model.asked == []
    assert desk.model.called("GetCurrentComp") == []
    assert desk.status_marker()[1]["color"] == "Green"


@EVERY_EDITION
def test_the_entry_for_a_range_wants_one(tmp_path: Path, edition: Edition) -> None:
    desk = world(tmp_path / "none", edition, film())
    desk.press_entry("range")
    assert desk.status_marker()[1]["name"] == "v2m: no range"
    assert desk.jobs.sources == {}
    desk = world(tmp_path / "set", edition, film(mark_in=10, mark_out=99))
    desk.press_entry("range")
    assert list(desk.jobs.options.values()) == [{"first_frame": 10, "end_frame": 100}]
    assert desk.host.undefined == []


@EVERY_EDITION
def test_the_entry_for_selected_clips_scores_from_the_first_to_the_last(tmp_path: Path, edition: Edition) -> None:
    desk = world(tmp_path, edition, film(mark_in=3))
    timeline = desk.model.project.timeline
    assert timeline
    for item in timeline.tracks["video"][0][1:3]:
        item.selected = True
    desk.press_entry("selected")
    if edition.release >= (21, 0):
        assert list(desk.jobs.options.values()) == [{"first_frame": 48, "end_frame": 141}]
    else:
        assert desk.status_marker()[1]["name"] == "v2m: no clip is selected"
        assert "in and out points" in desk.status_marker()[1]["note"]
    assert desk.host.undefined == []
    assert set(desk.model.unknown_names) <= {"Timeline.GetSelectedClips"}


def test_nothing_selected_scores_nothing(tmp_path: Path) -> None:
    desk = world(tmp_path, STUDIO_21_1, film())
    desk.press_entry("selected")
    assert desk.status_marker()[1]["name"] == "v2m: no clip is selected"
    assert desk.jobs.sources == {}


def test_every_mode_has_an_entry_and_a_request_says_what_was_chosen() -> None:
    assert set(LUA_ENTRIES) == {"score", "range", "selected", "remove"}
    request = request_of("v2m1_6b49d200dee8dc7a_r24_d0_s0_w1_mtense_b96-2E5_c1M3_nReel.otio")
    assert request and request.options == {"preview": True, "mood": "tense", "tempo": 96.5}
    cancels = request_of("v2m1_6b49d200dee8dc7a_x1.xml")
    assert cancels and cancels.cancels and cancels.request_id == "6b49d200dee8dc7a"
