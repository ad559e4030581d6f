"""The model of Resolve and of its script hosts is as strict as the facts about them."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path

import pytest
from resolve_world import film

from v2m_bridge.testing.resolve.edit import Clip, EditTrack, Media, ResolveEdit, Transition
from v2m_bridge.testing.resolve.model import ResolveModel
from v2m_bridge.testing.resolve.scripts import ScriptHost
from v2m_bridge.testing.resolve.state import EDITIONS, FREE_20, FREE_21_1, STUDIO_20, STUDIO_21_1, Edition
from v2m_bridge.testing.resolve.table import methods


def opened(
    edition: Edition = STUDIO_21_1, edit: ResolveEdit | None = None, **model: object
) -> tuple[ResolveModel, object]:
    resolve = ResolveModel(edition, edit or film(), **model)  # type: ignore[arg-type]
    return resolve, resolve.resolve.GetProjectManager().GetCurrentProject().GetCurrentTimeline()


def test_every_method_of_the_readme_is_there(shared_data: Path) -> None:
    listed = json.loads((shared_data.parent / "reference" / "resolve_methods.json").read_text())
    table = methods((21, 0))
    assert {kind: sorted(names) for kind, names in listed.items()} == {
        kind: sorted(name for name in found if name != "AddMarker") for kind, found in table.items()
    }
    assert sum(len(found) for found in table.values()) == sum(map(len, listed.values())) + 3


def test_releases_differ_by_what_was_added() -> None:
    assert "GetTimeline" not in methods((20, 3))["MediaPoolItem"]
    assert "GetTimeline" in methods((21, 0))["MediaPoolItem"]
    assert "GetSpeed" not in methods((21, 0))["TimelineItem"]
    assert "GetSpeed" in methods((21, 1))["TimelineItem"]


@pytest.mark.parametrize("through_bridge", [False, True])
def test_any_name_seems_to_exist(through_bridge: bool) -> None:
    model, timeline = opened(through_bridge=through_bridge)
    assert hasattr(timeline, "NoSuchThing")
    assert "NoSuchThing" not in dir(timeline)
    nothing = timeline.NoSuchThing  # type: ignore[attr-defined]
    assert (nothing() if through_bridge else nothing) is None
    assert model.unknown_names == ["Timeline.NoSuchThing"] * 2


def test_two_handles_of_one_object_are_equal_and_have_no_length() -> None:
    model, timeline = opened()
    assert timeline == model.resolve.GetProjectManager().GetCurrentProject().GetCurrentTimeline()
    with pytest.raises(TypeError):
        len(timeline)  # type: ignore[arg-type]


def test_wrong_calls_fail_quietly_but_are_remembered() -> None:
    model, timeline = opened()
    assert timeline.AddMarker(0, "Blue", "name") is False  # type: ignore[attr-defined]
    assert timeline.Export("/tmp/x", "EXPORT_OTIO", "EXPORT_NONE") is False  # type: ignore[attr-defined]
    assert timeline.AddMarker(frameId=0) is False  # type: ignore[attr-defined]
    assert len(model.violations) == 3


def test_markers_are_relative_unchecked_and_one_a_frame() -> None:
    _, timeline = opened()
    add = timeline.AddMarker  # type: ignore[attr-defined]
    assert add(86400, "Blue", "lost", "", 1) is True  # absolute: accepted, and shown nowhere
    assert add(5, "Blue", "one", "", 1) is True
    assert add(5, "Red", "two", "", 1) is False
    assert add(6, "Azure", "no such colour", "", 1) is False
    assert sorted(timeline.GetMarkers()) == [5.0, 108.0, 86400.0]  # type: ignore[attr-defined]


def test_items_are_absolute_and_transitions_are_items() -> None:
    media = Media("/a.mov", Fraction(24), 500)
    edit = ResolveEdit(
        "t", Fraction(24), 86400, video=(EditTrack((Clip(0, 32, media), Transition(32, 6, 6), Clip(32, 32, media))),)
    )
    _, timeline = opened(STUDIO_20, edit, language="de")
    items = timeline.GetItemListInTrack("video", 1)  # type: ignore[attr-defined]
    assert [(i.GetName(), i.GetStart(), i.GetDuration(), i.GetEnd()) for i in items] == [
        ("a.mov", 86400, 32, 86432),
        ("Weiche Blende", 86426, 12, 86438),
        ("a.mov", 86432, 32, 86464),
    ]
    assert (items[1].GetMediaPoolItem(), items[1].GetProperty()) == (None, {})
    assert len(items[0].GetProperty()) == 26


def test_source_ends_are_exclusive_at_equal_rates_and_inclusive_else() -> None:
    same, other = Media("/a.mov", Fraction(24), 500), Media("/b.mov", Fraction(25), 500)
    _, timeline = opened(
        STUDIO_20, ResolveEdit("t", Fraction(24), 0, video=(EditTrack((Clip(0, 24, same), Clip(24, 24, other))),))
    )
    ends = [i.GetSourceEndFrame() for i in timeline.GetItemListInTrack("video", 1)]  # type: ignore[attr-defined]
    assert ends == [24, 24]


def test_a_dialog_makes_everything_fail_and_the_free_edition_has_a_trap() -> None:
    model, timeline = opened(FREE_20)
    assert timeline.GetName() == "Schnitt Ä 3"  # type: ignore[attr-defined]
    assert model.fusion.UIManager is None
    assert timeline.GetName() is False  # type: ignore[attr-defined]
    assert model.modal


def test_what_overlaps_on_a_track_vanishes_and_leaves_a_phantom(tmp_path: Path) -> None:
    model, timeline = opened()
    timeline.AddTrack("audio", "stereo")  # type: ignore[attr-defined]
    item = model.wrapped(model.project.pool.item(Media("/s.wav", Fraction(24), 100, kind="audio")))
    pool = model.resolve.GetProjectManager().GetCurrentProject().GetMediaPool()

    def place(frame: int) -> str:
        clip = {
            "mediaPoolItem": item,
            "mediaType": 2,
            "trackIndex": 1,
            "recordFrame": frame,
            "startFrame": 0,
            "endFrame": 50,
        }
        return str(pool.AppendToTimeline([clip])[0].GetUniqueId())

    assert place(86400) != ""
    assert place(86449) == ""
    assert place(86450) != ""
    assert len(timeline.GetItemListInTrack("audio", 1)) == 2  # type: ignore[attr-defined]
    assert pool.AppendToTimeline([{"mediaPoolItem": item, "mediaType": 2, "trackIndex": 7}]) == []


def test_a_folder_asked_for_twice_is_made_twice_and_becomes_current() -> None:
    model, _ = opened()
    pool = model.resolve.GetProjectManager().GetCurrentProject().GetMediaPool()
    root = pool.GetRootFolder()
    pool.AddSubFolder(root, "x")
    pool.AddSubFolder(root, "x")
    assert [f.GetName() for f in root.GetSubFolderList()] == ["x", "x"]
    assert pool.GetCurrentFolder() != root


@pytest.mark.parametrize(
    ("edition", "rate", "drop", "text"),
    [
        (FREE_20, Fraction(24000, 1001), False, "23.976"),
        (STUDIO_20, Fraction(30000, 1001), True, "29.97 DF"),
        (STUDIO_21_1, Fraction(30000, 1001), True, 29.97),
        (FREE_21_1, Fraction(60000, 1001), False, 59.94),
    ],
)
def test_the_rate_is_text_or_number_by_release(edition: Edition, rate: Fraction, drop: bool, text: object) -> None:
    _, timeline = opened(edition, film(rate, 107892, drop_frame=drop))
    assert timeline.GetSetting("timelineFrameRate") == text  # type: ignore[attr-defined]
    assert timeline.GetSetting("timelineDropFrameTimecode") == ("1" if drop else "0")  # type: ignore[attr-defined]
    assert timeline.GetSetting("noSuchSetting") == ""  # type: ignore[attr-defined]


def run(edition: Edition, tmp_path: Path, code: str) -> ScriptHost:
    pytest.importorskip("lupa.luajit21")
    host = ScriptHost(ResolveModel(edition, film()))
    script = tmp_path / "probe.lua"
    script.write_text(code)
    host.run_lua(script)
    return host


GONE = ("io", "require", "package", "ffi", "debug", "UIManager", "arg")


def test_the_sandbox_lacks_exactly_what_it_lacks(tmp_path: Path) -> None:
    for name in GONE:
        run(FREE_21_1, tmp_path, f"assert({name} == nil)")
    left = "loadfile dofile loadstring setfenv pcall bit coroutine string table math print resolve fusion fu app bmd"
    for name in left.split():
        run(FREE_21_1, tmp_path, f"assert({name} ~= nil, {name!r})")
    names = 'local n = {} for k in pairs(os) do n[#n + 1] = k end table.sort(n) assert(table.concat(n, " ") == %s)'
    run(FREE_21_1, tmp_path, names % '"clock date difftime getenv time tmpname"')
    run(FREE_21_1, tmp_path, "assert(bmd.readfile == nil and bmd.writefile == nil and bmd.readdir == nil)")
    run(FREE_20, tmp_path, 'assert(io and require and os.execute and require("ffi"))')


@pytest.mark.parametrize("edition", EDITIONS, ids=lambda e: e.name)
def test_objects_are_opaque_in_lua(edition: Edition, tmp_path: Path) -> None:
    code = """
    local timeline = resolve:GetProjectManager():GetCurrentProject():GetCurrentTimeline()
    assert(type(timeline) == "userdata")
    assert(timeline == resolve:GetProjectManager():GetCurrentProject():GetCurrentTimeline())
    assert(not pcall(pairs, timeline))
    assert(not pcall(function() return #timeline end))
    assert(timeline.NoSuchThing == nil)
    local items = timeline:GetItemListInTrack("video", 1)
    assert(#items == 4 and items.__flags == 4194304 and items[1]:GetName() == "a.mov")
    assert(timeline:GetMarkers()[108].name == "HIT")
    assert(fusion == fu and fu == app and app:GetResolve() == resolve)
    assert(not pcall(timeline.GetName))
    """
    run(edition, tmp_path, code)


def test_print_is_seen_everywhere_but_in_the_sandbox(tmp_path: Path) -> None:
    assert {e.name: run(e, tmp_path, 'print("hello")').printed for e in EDITIONS} == {
        "free 20": ["hello"],
        "free 21.1": [],
        "Studio 20": ["hello"],
        "Studio 21.1": ["hello"],
    }


def test_reading_a_global_that_is_not_there_is_noticed(tmp_path: Path) -> None:
    assert run(FREE_21_1, tmp_path, "local x = io").undefined == ["io"]
    assert run(FREE_20, tmp_path, "local x = io").undefined == []
