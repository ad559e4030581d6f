"""The same edit through Resolve's OTIO export and through its objects gives the same timeline."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest
from resolve_world import film

from v2m_bridge.edits.read_edit import read_edit
from v2m_bridge.edits.resolve_api.read_timeline import current_timeline, read_timeline
from v2m_bridge.errors import HostError, InputError
from v2m_bridge.testing.resolve.edit import Clip, EditMarker, EditTrack, Media, ResolveEdit, Transition
from v2m_bridge.testing.resolve.model import ResolveModel
from v2m_bridge.testing.resolve.state import EDITIONS, FREE_20, STUDIO_20, STUDIO_21_1, Edition
from v2m_bridge.timeline.model import CutKind, Timeline

R24, R25, NTSC = Fraction(24), Fraction(25), Fraction(24000, 1001)
A = Media("/footage/a.mov", R24, 9000, start_tc_frame=86400)
B = Media("/footage/b.mxf", R25, 9000, start_tc_frame=360250)
C = Media("/footage/c.mp4", Fraction(30000, 1001), 9000)
OFFLINE = Media("/gone/d.mov", R24, 9000, online=False)
STILL = Media("/footage/still.tif", R24, 1, kind="still")

INNER = ResolveEdit(
    "Inner", R24, 0, video=(EditTrack((Clip(0, 30, A, 10), Clip(30, 50, B, 200), Clip(80, 40, A, 900))),)
)
NEST = Media("Inner", R24, 120, kind="timeline", nested=INNER)


def edit(*tracks: EditTrack, **changes: object) -> ResolveEdit:
    values: dict[str, object] = {"name": "Cut 7", "rate": R24, "start_frame": 86400, "video": tracks}
    return ResolveEdit(**(values | changes))  # type: ignore[arg-type]


EDITS = {
    "plain": film(),
    "mixed rates": edit(EditTrack((Clip(0, 48, A, 100), Clip(48, 50, B, 33), Clip(98, 61, C, 7)))),
    "gaps": edit(EditTrack((Clip(10, 30, A, 5), Clip(60, 30, B, 0)))),
    "covered": edit(EditTrack((Clip(0, 100, A), Clip(100, 100, B))), EditTrack((Clip(50, 100, C, 40),))),
    "disabled": edit(EditTrack((Clip(0, 100, A),)), EditTrack((Clip(20, 30, B, enabled=False), Clip(60, 20, B, 50)))),
    "track off": edit(EditTrack((Clip(0, 100, A),)), EditTrack((Clip(20, 30, B),), enabled=False)),
    "dissolve": edit(EditTrack((Clip(0, 48, A, 100), Transition(48, 6, 6), Clip(48, 60, B, 40)))),
    "wipe": edit(EditTrack((Clip(0, 48, A, 100), Transition(48, 0, 12, "Edge Wipe"), Clip(48, 60, B, 40)))),
    "fades": edit(EditTrack((Transition(0, 0, 12), Clip(0, 48, A, 100), Clip(48, 60, B, 40), Transition(108, 12, 0)))),
    "title": edit(EditTrack((Clip(0, 100, A),)), EditTrack((Clip(20, 40, name="Lower Third", kind="title"),))),
    "half transparent": edit(EditTrack((Clip(0, 100, A),)), EditTrack((Clip(20, 40, B, opacity=50.0),))),
    "invisible": edit(EditTrack((Clip(0, 100, A),)), EditTrack((Clip(20, 40, B, opacity=0.0),))),
    "still": edit(EditTrack((Clip(0, 48, A, 10), Clip(48, 120, STILL), Clip(168, 24, B)))),
    "through edit": edit(EditTrack((Clip(0, 48, A, 10), Clip(48, 30, A, 58), Clip(78, 24, B)))),
    "fast": edit(EditTrack((Clip(0, 48, A, 100, Fraction(2)), Clip(48, 40, B, 75, Fraction(1, 2))))),
    "odd speed": edit(EditTrack((Clip(0, 200, A, 100, Fraction(137, 100)), Clip(200, 40, B)))),
    "backwards": edit(EditTrack((Clip(0, 48, A, 500, Fraction(-1)), Clip(48, 40, B, 75)))),
    "freeze": edit(EditTrack((Clip(0, 48, A, 500), Clip(48, 40, A, 548, Fraction(0)), Clip(88, 24, B)))),
    "one frame": edit(EditTrack((Clip(0, 1, A, 500), Clip(1, 1, B, 20), Clip(2, 30, C)))),
    "nested": edit(EditTrack((Clip(0, 20, B), Clip(20, 70, NEST, 15), Clip(90, 30, B, 400)))),
    "audio is longer": edit(
        EditTrack((Clip(0, 48, A),)), audio=(EditTrack((Clip(0, 100, replace(B, kind="audio")),)),)
    ),
    "clip markers": edit(
        EditTrack(
            (Clip(12, 48, A, 100, markers=(EditMarker(110, "Red", "HIT", "slap"), EditMarker(7, name="unused"))),)
        )
    ),
    "markers": edit(
        EditTrack((Clip(0, 48, A),)),
        markers=(EditMarker(0, "Green", "mood: sad"), EditMarker(20, "Red", "HIT", "bang", 12), EditMarker(47)),
    ),
    "ours": edit(EditTrack((Clip(0, 48, A),)), markers=(EditMarker(4, name="v2m: Am", custom_data="v2m:chord"),)),
    "23.976": film(NTSC),
    "29.97 drop": film(Fraction(30000, 1001), 107892, drop_frame=True),
    "59.94": film(Fraction(60000, 1001), 216000),
    "starts at zero": film(R25, 0),
}

EVERY_EDITION = pytest.mark.parametrize("edition", EDITIONS, ids=lambda e: e.name)


def both(tmp_path: Path, edition: Edition, spec: ResolveEdit, **model: object) -> tuple[Timeline, Timeline]:
    """Through the export, and through the objects."""
    resolve = ResolveModel(edition, spec, **model)  # type: ignore[arg-type]
    timeline = current_timeline(resolve.resolve)
    path = tmp_path / "export.otio"
    assert timeline.Export(str(path), resolve.resolve.EXPORT_OTIO, resolve.resolve.EXPORT_NONE)
    project = resolve.resolve.GetProjectManager().GetCurrentProject()
    seen = read_timeline(timeline, project=project)
    assert resolve.violations == []
    return read_edit(path), seen


def same(exported: Timeline, seen: Timeline, exact_speed: bool = True) -> None:
    assert (seen.name, seen.rate, seen.start_frame) == (exported.name, exported.rate, exported.start_frame)
    assert (seen.duration_frames, seen.drop_frame) == (exported.duration_frames, exported.drop_frame)
    assert seen.cuts == exported.cuts
    assert [replace(m, color=m.color.upper()) for m in seen.markers] == list(exported.markers)
    assert len(seen.shots) == len(exported.shots)
    for ours, theirs in zip(seen.shots, exported.shots, strict=True):
        assert (ours.start_frame, ours.end_frame, ours.name) == (theirs.start_frame, theirs.end_frame, theirs.name)
        assert (ours.media, ours.media_online) == (theirs.media, theirs.media_online)
        assert ours.speed == pytest.approx(theirs.speed, abs=0 if exact_speed else 1e-4)
        assert ours.source_start_s == pytest.approx(theirs.source_start_s, abs=1e-6)


@EVERY_EDITION
@pytest.mark.parametrize("name", EDITS)
def test_both_routes_give_the_same_timeline(tmp_path: Path, edition: Edition, name: str) -> None:
    exported, seen = both(tmp_path, edition, EDITS[name])
    same(exported, seen)


def test_the_routes_were_compared_on_something(tmp_path: Path) -> None:
    """Figures by hand for the edits above that are easiest to get wrong."""
    cuts = {name: both(tmp_path, FREE_20, EDITS[name])[1].cuts for name in EDITS}
    assert [c.frame for c in cuts["covered"]] == [50, 150]
    assert [c.frame for c in cuts["disabled"]] == [60, 80]
    assert [c.frame for c in cuts["title"]] == []
    assert [c.frame for c in cuts["half transparent"]] == []
    assert [c.frame for c in cuts["through edit"]] == [78]
    assert [c.frame for c in cuts["nested"]] == [20, 35, 85, 90]
    assert [(c.frame, c.kind, c.span_start_frame, c.span_end_frame) for c in cuts["dissolve"]] == [
        (48, CutKind.DISSOLVE, 42, 54)
    ]
    assert [c.kind for c in cuts["wipe"]] == [CutKind.WIPE]
    shots = both(tmp_path, FREE_20, EDITS["odd speed"])[1].shots
    assert [shot.speed for shot in shots] == [1.37, 1.0]
    backwards = both(tmp_path, FREE_20, EDITS["backwards"])[1].shots[0]
    assert (backwards.speed, backwards.source_start_s) == (-1.0, pytest.approx(500 / 24))
    markers = both(tmp_path, FREE_20, EDITS["clip markers"])[1].markers
    assert [(m.frame, m.name) for m in markers] == [(22, "HIT")]
    assert both(tmp_path, FREE_20, EDITS["ours"])[1].markers == ()


@pytest.mark.parametrize("name", ["plain", "dissolve", "title", "still", "nested", "clip markers"])
def test_the_interface_s_language_does_not_matter(tmp_path: Path, name: str) -> None:
    english = both(tmp_path, STUDIO_20, EDITS[name])[1]
    german = both(tmp_path, STUDIO_20, EDITS[name], language="de")[1]
    assert german == english


def test_offline_media_keep_their_cuts_and_are_named(tmp_path: Path) -> None:
    exported, seen = both(tmp_path, STUDIO_21_1, edit(EditTrack((Clip(0, 48, OFFLINE, 5), Clip(48, 40, OFFLINE, 500)))))
    same(exported, seen)
    assert [shot.media_online for shot in seen.shots] == [False, False]
    assert seen.shots[1].media == "/gone/d.mov"


def test_media_roots_find_what_moved(tmp_path: Path) -> None:
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / "a.mov").write_bytes(b"")
    model = ResolveModel(STUDIO_21_1, edit(EditTrack((Clip(0, 48, A),))))
    seen = read_timeline(current_timeline(model.resolve), media_roots=[tmp_path / "new"])
    assert seen.shots[0].media == str(tmp_path / "new" / "a.mov")
    assert seen.shots[0].media_online


@pytest.mark.parametrize("off_by", [-1, 1])
def test_a_source_start_that_is_off_by_one_is_set_right(tmp_path: Path, off_by: int) -> None:
    """Known defect of ``GetSourceStartFrame``; the left offset is exact."""
    exported, seen = both(tmp_path, STUDIO_20, EDITS["mixed rates"], source_start_off_by=off_by)
    same(exported, seen)


def test_with_no_way_into_it_a_nested_timeline_is_one_shot_with_a_warning(tmp_path: Path) -> None:
    model = ResolveModel(STUDIO_20, EDITS["nested"])
    model.refused.add("GetTimeline")
    seen = read_timeline(current_timeline(model.resolve))
    assert [cut.frame for cut in seen.cuts] == [20, 90]
    assert any("Inner" in warning for warning in seen.warnings)


@pytest.mark.parametrize("through_bridge", [False, True])
def test_names_that_do_not_exist_do_not_confuse_it(through_bridge: bool) -> None:
    model = ResolveModel(STUDIO_20, film(), through_bridge=through_bridge)
    seen = read_timeline(current_timeline(model.resolve))
    assert [cut.frame for cut in seen.cuts] == [48, 108, 141]
    assert "TimelineItem.GetSpeed" in model.unknown_names


def test_nothing_open_is_said_in_words() -> None:
    with pytest.raises(HostError, match="no project"):
        current_timeline(ResolveModel(STUDIO_20, film(), project_open=False).resolve)
    with pytest.raises(HostError, match="no timeline"):
        current_timeline(ResolveModel(STUDIO_20, None).resolve)
    with pytest.raises(InputError, match="no picture"):
        read_timeline(current_timeline(ResolveModel(STUDIO_20, film(video=(), markers=())).resolve))
