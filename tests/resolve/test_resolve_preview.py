"""Where the preview goes: nothing of the editor's is touched, and one preview sounds, or the marker says why not."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from resolve_world import World, film, world

from v2m_bridge.resolve.install import BringBack
from v2m_bridge.testing.resolve.edit import Clip, EditTrack, Media, ResolveEdit
from v2m_bridge.testing.resolve.items import ItemObject
from v2m_bridge.testing.resolve.state import FREE_20, FREE_21_1, STUDIO_20, STUDIO_21_1, Edition
from v2m_bridge.testing.resolve.timeline import TimelineObject

pytest.importorskip("lupa.luajit21")

BOTH = BringBack(markers=True, preview=True)
R24 = Fraction(24)
MUSIC = Media("/music/temp track.wav", R24, 2000, kind="audio")
LOOKS_LIKE_OURS = Media("/music/preview-0123abc.wav", R24, 2000, kind="audio")
THEIRS = EditTrack((Clip(0, 500, MUSIC),), name="v2m preview")
OTHER = ResolveEdit("Reel 2", R24, 90000, unique_id="other", audio=(THEIRS, *[EditTrack()] * 15))
"""Has room on every track number, so that a sound meant for another timeline would land here."""

ROUTES: dict[str, Callable[[World], None]] = {"lua": World.press_lua, "python": World.press_python}
EVERY_ROUTE = pytest.mark.parametrize("route", ROUTES)


def guarded() -> ResolveEdit:
    """A film whose sound tracks have the very names that ours have."""
    mine = EditTrack((Clip(0, 100, MUSIC), Clip(120, 40, LOOKS_LIKE_OURS)), name="v2m preview")
    return film(audio=(EditTrack((Clip(0, 240, MUSIC),), name="Dialogue"), mine))


def desk_of(folder: Path, edition: Edition, edit: ResolveEdit, **model: Any) -> World:
    """Presses go through the inbox by both routes."""
    return world(folder, edition, edit, bring_back=BOTH, others=(OTHER,), **model)


def is_ours(item: ItemObject, desk: World) -> bool:
    media = item.spec.media if isinstance(item.spec, Clip) else None
    return media is not None and media.path.startswith(f"{desk.home}/previews/")


def foreign(desk: World) -> list[Any]:
    """Everything on any timeline that is not ours, with its switches."""
    found: list[Any] = []
    for number, timeline in enumerate(desk.model.project.timelines):
        for kind, tracks in timeline.tracks.items():
            for index, track in enumerate(tracks):
                items = [(id(i), i.start, i.length, i.enabled) for i in track if not is_ours(i, desk)]
                if items:
                    name, on = timeline.names[kind][index], timeline.enabled[kind][index]
                    found.append((number, kind, index, name, on, items))
    return found


def audible(timeline: TimelineObject, desk: World) -> list[ItemObject]:
    """Our previews that sound on a timeline."""
    rows = zip(timeline.tracks["audio"], timeline.enabled["audio"], strict=True)
    return [item for track, on in rows if on for item in track if item.enabled and is_ours(item, desk)]


def sounds_of_the_bin(desk: World) -> list[str]:
    return [clip.GetName() for folder in desk.model.project.pool.root.folders for clip in folder.clips]


def is_explained(desk: World, timeline: TimelineObject, count: int) -> bool:
    """Whether the marker of the scored timeline says why not exactly one preview sounds."""
    (note,) = [m["note"] for m in timeline.GetMarkers().values() if m["customData"] == "v2m:status"]
    return ("still sounds" in note if count > 1 else False) or "was not placed" in note or "switched off there" in note


PAGES = ("edit", "edit", "color", "fairlight", "media")
MOMENTS = ("", "", "", "AppendToTimeline", "AddTrack", "DeleteClips", "GetItemListInTrack")

presses = st.tuples(
    st.sampled_from(sorted(ROUTES)),
    st.sampled_from(PAGES),
    st.sets(st.integers(1, 6), max_size=3),  # locked tracks
    st.sampled_from(MOMENTS),  # when the editor opens the other timeline
    st.booleans(),  # whether he comes back
    st.booleans(),  # whether DeleteClips says that it worked when it did nothing
)


class Editor:
    """Does one press after another while pages, locks and timelines change."""

    def __init__(self, desk: World) -> None:
        self.desk = desk
        self.scored = desk.model.project.timeline
        self.other = desk.model.project.timelines[-1]

    def press(self, route: str, page: str, locks: set[int], moment: str, returns: bool, lies: bool) -> None:
        desk, project = self.desk, self.desk.model.project
        project.timeline = self.scored
        desk.model.page, desk.model.delete_lies = page, lies
        for index in range(len(self.scored.locked["audio"])):
            self.scored.locked["audio"][index] = index + 1 in locks
        left = [moment] if moment else []

        def meanwhile(method: str) -> None:
            if method in left and self.status() == "v2m: bringing the preview":
                left.clear()
                project.timeline = self.other

        def later(now_s: float) -> None:
            desk.tick(now_s)
            if returns and project.timeline is self.other:
                project.timeline = self.scored

        desk.model.before_call, desk.host.on_wait = meanwhile, later
        ROUTES[route](desk)
        desk.model.before_call = None

    def status(self) -> str:
        markers = self.scored.GetMarkers().values()
        return next((str(m["name"]) for m in markers if m["customData"] == "v2m:status"), "")


@settings(
    max_examples=12,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
    phases=(Phase.explicit, Phase.generate),  # a failing plan of twenty presses takes minutes to make smaller
)
@given(plan=st.lists(presses, min_size=20, max_size=20))
def test_twenty_presses_in_any_order_leave_the_editor_s_clips_alone(plan: list[Any]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        desk = desk_of(Path(folder), STUDIO_21_1, guarded())
        before, editor = foreign(desk), Editor(desk)
        markers_of_others = editor.other.GetMarkers()
        for step in plan:
            editor.press(*step)
            assert foreign(desk) == before, step
            heard = audible(editor.scored, desk)
            assert len(heard) == 1 or is_explained(desk, editor.scored, len(heard)), (step, len(heard))
            assert audible(editor.other, desk) == [], step
            assert editor.status() == "v2m: A minor, 92-97 BPM"
            assert editor.other.GetMarkers() == markers_of_others
        assert desk.model.violations == []
        assert desk.model.called("SetCurrentTimeline") == []
        assert desk.model.called("OpenPage") == []
        editor.press("lua", "edit", set(), "", False, False)  # a quiet press puts everything right
        assert (len(audible(editor.scored, desk)), foreign(desk)) == (1, before)
        assert len([i for t in editor.scored.tracks["audio"] for i in t if is_ours(i, desk)]) == 1


@EVERY_ROUTE
def test_presses_on_the_edit_page_leave_one_sound_in_the_bin_and_two_tracks_at_most(tmp_path: Path, route: str) -> None:
    desk = desk_of(tmp_path, STUDIO_20, film())
    for _ in range(5):
        ROUTES[route](desk)
    timeline = desk.model.project.timeline
    assert sorted(len(track) for track in timeline.tracks["audio"]) == [0, 1]
    assert len(sounds_of_the_bin(desk)) == 1
    assert len(audible(timeline, desk)) == 1
    assert desk.model.project.pool.current is desk.model.project.pool.root


@EVERY_ROUTE
@pytest.mark.parametrize("lies", [False, True])
def test_off_the_edit_page_the_earlier_track_is_switched_off_and_on_again_when_it_is_empty(
    tmp_path: Path, route: str, lies: bool
) -> None:
    desk = desk_of(tmp_path, STUDIO_21_1, film(), delete_lies=lies)
    timeline = desk.model.project.timeline
    ROUTES[route](desk)
    desk.model.page = "color"
    ROUTES[route](desk)
    assert timeline.enabled["audio"] == [False, True]
    assert [len(track) for track in timeline.tracks["audio"]] == [1, 1]
    assert len(sounds_of_the_bin(desk)) == 2  # the earlier one still lies on the timeline
    assert desk.status_marker()[1]["note"].endswith("Preview on audio track 2.")
    desk.model.page = "edit"
    ROUTES[route](desk)
    assert timeline.enabled["audio"] == [True, True, True]
    assert [len(track) for track in timeline.tracks["audio"]] == [0, 0, 1]
    assert len(sounds_of_the_bin(desk)) == 1


@EVERY_ROUTE
def test_an_earlier_preview_beside_the_editor_s_clips_is_switched_off_alone(tmp_path: Path, route: str) -> None:
    desk = desk_of(tmp_path, STUDIO_21_1, film())
    timeline = desk.model.project.timeline
    ROUTES[route](desk)
    theirs = ItemObject(desk.model, timeline, "audio", 1, Clip(400, 20, MUSIC))
    timeline.tracks["audio"][0].append(theirs)
    desk.model.page = "fairlight"
    ROUTES[route](desk)
    assert timeline.enabled["audio"] == [True, True]
    assert [item.enabled for item in timeline.tracks["audio"][0]] == [False, True]
    assert len(audible(timeline, desk)) == 1


@EVERY_ROUTE
def test_a_preview_that_the_editor_linked_to_a_clip_is_not_deleted_with_it(tmp_path: Path, route: str) -> None:
    desk = desk_of(tmp_path, STUDIO_21_1, film())
    timeline = desk.model.project.timeline
    ROUTES[route](desk)
    picture, (sound,) = timeline.tracks["video"][0][0], timeline.tracks["audio"][0]
    picture.linked, sound.linked = [sound], [picture]
    ROUTES[route](desk)
    assert picture in timeline.tracks["video"][0]
    assert len(audible(timeline, desk)) == 1


@EVERY_ROUTE
def test_a_locked_track_is_skipped_and_said(tmp_path: Path, route: str) -> None:
    desk = desk_of(tmp_path, STUDIO_21_1, film())
    timeline = desk.model.project.timeline
    ROUTES[route](desk)
    timeline.locked["audio"][0] = True
    ROUTES[route](desk)
    note = desk.status_marker()[1]["note"]
    assert note.endswith("Preview on audio track 2. An older preview still sounds on audio track 1 (locked).")
    assert len(audible(timeline, desk)) == 2


@EVERY_ROUTE
def test_an_empty_track_of_our_name_that_is_locked_or_off_is_not_used(tmp_path: Path, route: str) -> None:
    tracks = (EditTrack(name="v2m preview", locked=True), EditTrack(name="v2m preview", enabled=False))
    desk = desk_of(tmp_path, STUDIO_20, film(audio=tracks))
    ROUTES[route](desk)
    timeline = desk.model.project.timeline
    assert [len(track) for track in timeline.tracks["audio"]] == [0, 0, 1]
    assert (timeline.enabled["audio"], timeline.locked["audio"]) == ([True, False, True], [True, False, False])


@EVERY_ROUTE
def test_the_preview_waits_for_its_timeline_and_otherwise_the_marker_says_so(tmp_path: Path, route: str) -> None:
    for returns, words in ((True, "Preview on audio track 1."), (False, "another timeline is open")):
        desk = desk_of(tmp_path / str(returns), STUDIO_21_1, film())
        project = desk.model.project
        scored, other = project.timeline, project.timelines[-1]

        def later(now_s: float, desk: World = desk, returns: bool = returns) -> None:
            desk.tick(now_s)
            project, scored = desk.model.project, desk.model.project.timelines[0]
            if desk.waits == 1:
                project.timeline = project.timelines[-1]
            elif returns and desk.waits == 40:
                project.timeline = scored

        desk.host.on_wait = later
        ROUTES[route](desk)
        (marker,) = [m for m in scored.GetMarkers().values() if m["customData"] == "v2m:status"]
        assert words in marker["note"]
        assert marker["color"] == "Green"
        assert sum(len(t) for t in other.tracks["audio"]) == 1
        assert len(audible(scored, desk)) == (1 if returns else 0)


@EVERY_ROUTE
def test_what_fails_leaves_the_marker_green_with_the_reason(tmp_path: Path, route: str) -> None:
    reasons = {
        "ImportMedia": "Resolve did not import",
        "AddTrack": "Resolve did not add an audio track",
        "AppendToTimeline": "Resolve did not take it",
    }
    for method, words in reasons.items():
        desk = desk_of(tmp_path / method, STUDIO_21_1, film(), refused={method})
        ROUTES[route](desk)
        marker = desk.status_marker()[1]
        assert (marker["color"], marker["name"]) == ("Green", "v2m: A minor, 92-97 BPM")
        assert f"The preview was not placed: {words}" in marker["note"], method


@EVERY_ROUTE
def test_a_preview_on_another_timeline_keeps_its_sound_in_the_bin(tmp_path: Path, route: str) -> None:
    desk = desk_of(tmp_path, STUDIO_21_1, film())
    project = desk.model.project
    scored, other = project.timeline, project.timelines[-1]
    ROUTES[route](desk)
    (first,) = scored.tracks["audio"][0]
    kept = ItemObject(desk.model, other, "audio", 1, first.spec)
    other.tracks["audio"].append([kept])
    other.names["audio"].append("mine")
    other.enabled["audio"].append(True)
    other.locked["audio"].append(False)
    ROUTES[route](desk)
    assert len(sounds_of_the_bin(desk)) == 2
    assert other.tracks["audio"][-1] == [kept]


@pytest.mark.parametrize("edition", [FREE_20, FREE_21_1, STUDIO_20, STUDIO_21_1], ids=lambda e: e.name)
def test_the_entry_that_removes_takes_only_ours(tmp_path: Path, edition: Edition) -> None:
    desk = desk_of(tmp_path, edition, guarded())
    before, editors = foreign(desk), desk.model.project.timeline.GetMarkers()
    desk.press_lua()
    assert len(desk.markers) > len(editors)
    desk.press_entry("remove")
    assert foreign(desk) == before
    assert desk.markers == editors
    assert audible(desk.model.project.timeline, desk) == []
    assert sounds_of_the_bin(desk) == []
    assert desk.host.undefined == []


def test_what_cannot_be_removed_is_switched_off_and_said(tmp_path: Path) -> None:
    desk = desk_of(tmp_path, FREE_21_1, film())
    desk.press_lua()
    desk.model.page = "color"
    desk.press_entry("remove")
    assert desk.status_marker()[1]["name"] == "v2m: 1 previews remain"
    assert "Edit page" in desk.status_marker()[1]["note"]
    assert audible(desk.model.project.timeline, desk) == []
    desk.model.page = "edit"
    desk.press_entry("remove")
    assert desk.ours() == {}
    assert sounds_of_the_bin(desk) == []
