"""OTIO: the real samples where they are at hand, and every trap of the format made by hand."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import edit_makers as make
import pytest

from v2m_bridge.edits.read_edit import read_edit
from v2m_bridge.errors import InputError
from v2m_bridge.timeline.document import TimelineDocument, timeline_document, timeline_from_document
from v2m_bridge.timeline.model import Timeline


def read(tmp_path: Path, *tracks: make.Json, **more: Any) -> Timeline:
    return read_edit(make.write_otio(tmp_path / "made.otio", make.timeline(*tracks, **more)))


def frames(timeline: Timeline) -> list[int]:
    return [c.frame for c in timeline.cuts]


def names(timeline: Timeline) -> list[str]:
    return [s.name for s in timeline.shots]


# ---------------------------------------------------------------- the real samples


@pytest.mark.parametrize(
    ("path", "cuts"),
    [
        ("OpenTimelineIO/effects.otio", [500, 816, 1027]),
        ("montage.otio", [30, 126, 270, 330, 418, 462, 552, 684, 759, 812, 933, 991]),
        ("OpenTimelineIO/multitrack.otio", [482, 962, 1198, 1838, 1957, 2677]),
        ("OpenTimelineIO/nested_example.otio", [238, 269, 302, 331, 394, 398]),
        ("OpenTimelineIO/transition_test.otio", [50, 100]),
        ("tlRender/Overlay.otio", []),
        ("toucan/TransitionWipe.otio", [3, 8]),
    ],
)
def test_cuts_of_real_edits(shared_data: Path, path: str, cuts: list[int]) -> None:
    assert frames(read_edit(shared_data / "timelines" / path)) == cuts


@pytest.mark.parametrize(
    ("path", "count", "rate"),
    [
        ("Meridian_UHD4k5994_HDR_P3PQ.otio", 82, "60000/1001"),
        ("SPARKS_P3_PQ_4000nit.otio", 38, "60000/1001"),
        ("SolLevante_HDR10_r2020_ST2084_UHD_24fps_1000nit.otio", 71, "24"),
    ],
)
def test_films_cut_up_at_their_scenes(shared_data: Path, path: str, count: int, rate: str) -> None:
    timeline = read_edit(shared_data / "timelines/otio-oc-examples" / path)
    assert (len(timeline.cuts), str(timeline.rate)) == (count, rate)
    assert any("finished file" in w for w in timeline.warnings)


def test_the_montage_finds_its_footage_and_markers(shared_data: Path) -> None:
    timeline = read_edit(shared_data / "timelines/montage.otio")
    assert all(s.media_online for s in timeline.shots)
    assert [(m.frame, m.name, m.note) for m in timeline.markers] == [
        (0, "mood: relaxing", ""),
        (330, "HIT", "pancake flips here"),
        (627, "mood: tense", ""),
        (927, "HIT", "chase starts"),
        (1100, "note", "maybe lose this shot"),
    ]
    dissolve = timeline.cuts[6]
    assert (dissolve.kind, dissolve.span_start_frame, dissolve.span_end_frame) == ("dissolve", 544, 560)
    fast = timeline.shots[7]
    assert (fast.source_start_s, fast.speed) == (10.0, 2.0)
    assert timeline.timecode(0) == "01:00:00:00"


def test_bare_clips_and_tracks_are_read_too(shared_data: Path, tmp_path: Path) -> None:
    """The files of one pipeline hold a clip, a track or a timeline under a plain JSON name."""
    for path in sorted((shared_data / "timelines/ayon-core").glob("*.json")):
        copied = tmp_path / f"{path.stem}.otio"
        copied.write_bytes(path.read_bytes())
        timeline = read_edit(copied)
        assert timeline.duration_frames > 0 and timeline.shots[0].media


# ---------------------------------------------------------------- sources


def test_source_time_is_subtracted_in_seconds(tmp_path: Path) -> None:
    """Window at 25 in timecode, media at 24: frame 91046.625@25 of media from 87399@24 is 0.24 s in."""
    item = make.clip("a", 91_046.625, 50, 25, reference=make.media("/m/a.mov", 87_399, 500, 24))
    (shot,) = read(tmp_path, make.track(item), start=90_000, rate=25).shots
    assert shot.source_start_s == pytest.approx(0.24)


def test_a_window_before_the_media_starts_at_the_media(tmp_path: Path) -> None:
    item = make.clip("a", 0, 50, reference=make.media("/m/a.mov", 86_400, 500))
    assert read(tmp_path, make.track(item)).shots[0].source_start_s == 0


def test_freeze_and_slow_motion(tmp_path: Path) -> None:
    freeze = {"OTIO_SCHEMA": "FreezeFrame.1", "time_scalar": 0}
    timeline = read(
        tmp_path,
        make.track(make.clip("a", 24, 48, effects=[freeze]), make.clip("b", 48, 48, effects=[make.speed(0.25)])),
    )
    assert [(s.source_start_s, s.speed) for s in timeline.shots] == [(1.0, 0.0), (2.0, 0.25)]


def test_a_ramp_is_taken_at_its_mean_and_said_so(tmp_path: Path) -> None:
    ramp = {"OTIO_SCHEMA": "TimeEffect.1", "metadata": {"lookup": [0, 1, 3, 6, 10]}}
    timeline = read(tmp_path, make.track(make.clip("a", 0, 5, effects=[ramp])))
    assert timeline.shots[0].speed == pytest.approx(1 + 10 / 4)
    assert any("ramp" in w and "'a'" in w for w in timeline.warnings)


def test_a_still_longer_than_its_media_is_one_shot(tmp_path: Path) -> None:
    still = make.clip("a", 0, 400, reference=make.media("/m/a.png", 0, 1))
    assert [(s.start_frame, s.end_frame) for s in read(tmp_path, make.track(still)).shots] == [(0, 400)]


def test_image_sequences_give_a_pattern(tmp_path: Path) -> None:
    folder = tmp_path / "plates"
    folder.mkdir()
    (folder / "sh_1001.exr").write_bytes(b"x")
    reference = {
        "OTIO_SCHEMA": "ImageSequenceReference.1",
        "target_url_base": "plates",
        "name_prefix": "sh_",
        "name_suffix": ".exr",
        "start_frame": 1001,
        "frame_zero_padding": 4,
        "rate": 24,
        "available_range": make.span(1001, 100),
    }
    (shot,) = read(tmp_path, make.track(make.clip("sh", 1011, 20, reference=reference))).shots
    assert (shot.media, shot.media_online) == (str(folder / "sh_%04d.exr"), True)
    assert shot.source_start_s == pytest.approx(10 / 24)


# ---------------------------------------------------------------- what is on screen


def test_disabled_clips_and_tracks_show_what_lies_below(tmp_path: Path) -> None:
    off = make.track(make.clip("c", 0, 100), enabled=False)
    upper = make.track(make.gap(20), make.clip("b", 0, 10, enabled=False))
    timeline = read(tmp_path, make.track(make.clip("a", 0, 100)), upper, off)
    assert (names(timeline), frames(timeline)) == (["a"], [])
    assert "2 disabled clips are left out" in timeline.warnings


def test_a_reversed_nest_plays_its_end_first(tmp_path: Path) -> None:
    nest = make.stack(
        make.track(make.clip("n1", 0, 20), make.clip("n2", 0, 10)),
        source_range=make.span(0, 30),
        effects=[make.speed(-1.0)],
    )
    timeline = read(tmp_path, make.track(nest))
    assert (names(timeline), frames(timeline)) == (["n2", "n1"], [10])


def test_titles_without_media_do_not_cut_the_picture(tmp_path: Path) -> None:
    title = make.clip("Text+", 0, 30, reference=make.media(None, length=None))
    timeline = read(tmp_path, make.track(make.clip("a", 0, 100)), make.track(make.gap(20), title))
    assert (names(timeline), frames(timeline)) == (["a"], [])


def test_an_offline_clip_does_cover(tmp_path: Path) -> None:
    """Resolve writes an offline clip as a missing reference that still has its available range."""
    offline = make.clip("b.mov", 0, 30, reference=make.media(None, 0, 500))
    timeline = read(tmp_path, make.track(make.clip("a", 0, 100)), make.track(make.gap(20), offline))
    assert frames(timeline) == [20, 50]


def test_a_title_card_over_nothing_is_a_shot(tmp_path: Path) -> None:
    card = make.clip("Card", 0, 30, reference=make.media(None, length=None))
    assert names(read(tmp_path, make.track(make.clip("a", 0, 10), make.gap(5), card))) == ["a", "", "Card"]


def test_half_transparent_clips_do_not_cut(tmp_path: Path) -> None:
    block = {"Effect Name": "Composite", "Enabled": True}
    parameter = {"Parameter ID": "opacity", "Parameter Value": 40.0, "maxValue": 100.0, "Key Frames": {}}
    effect = {"OTIO_SCHEMA": "Effect.1", "metadata": {"Resolve_OTIO": {**block, "Parameters": [parameter]}}}
    upper = make.track(make.gap(20), make.clip("b", 0, 30, effects=[effect]))
    assert frames(read(tmp_path, make.track(make.clip("a", 0, 100)), upper)) == []


def test_png_with_alpha_is_an_overlay_and_without_is_a_shot(tmp_path: Path) -> None:
    for color_type, cuts in ((6, []), (2, [20, 50])):
        head = b"\x89PNG\r\n\x1a\n" + b"\x00\x00\x00\rIHDR" + bytes(8) + bytes([8, color_type]) + bytes(10)
        (tmp_path / "logo.png").write_bytes(head)
        logo = make.clip("logo", 0, 30, reference=make.media("logo.png", 0, 1))
        assert frames(read(tmp_path, make.track(make.clip("a", 0, 100)), make.track(make.gap(20), logo))) == cuts


def test_kinds_of_transitions(tmp_path: Path) -> None:
    timeline = read(
        tmp_path,
        make.track(
            make.clip("a", 0, 50),
            make.dissolve(6, 4, name="Cross Fade 0 dB"),
            make.clip("b", 0, 50),
            make.dissolve(5, 5, name="Edge Wipe", kind="Custom_Transition"),
            make.clip("c", 0, 50),
            make.dissolve(5, 5, name="Dip To Color Dissolve"),
            make.clip("d", 0, 50),
            make.dissolve(12, 0),
            make.gap(50),
        ),
    )
    found = [(c.frame, c.kind.value, c.span_start_frame, c.span_end_frame) for c in timeline.cuts]
    assert found == [
        (50, "dissolve", 44, 54),
        (100, "wipe", 95, 105),
        (150, "fade", 145, 155),
        (200, "fade", 188, 200),
    ]


def test_the_rate_is_the_pictures_not_the_sounds(tmp_path: Path) -> None:
    sound = make.track(make.clip("s", 0, 44_100 * 4, 44_100), kind="Audio")
    timeline = read(tmp_path, sound, make.track(make.clip("a", 0, 100, 29.97)))
    assert (timeline.rate, timeline.duration_frames) == (Fraction(30000, 1001), 120)


def test_mixed_rates_add_up_exactly(tmp_path: Path) -> None:
    """One second of 25, one of 30 and one of 24 in an edit of 24 are three seconds."""
    timeline = read(
        tmp_path, make.track(make.clip("a", 0, 25, 25), make.clip("b", 0, 30, 30), make.clip("c", 0, 24)), start=0
    )
    assert (frames(timeline), timeline.duration_frames) == ([24, 48], 72)


@pytest.mark.parametrize(("start", "text", "drop"), [(107_892, "01:00:00;00", True), (108_000, "01:00:00:00", False)])
def test_drop_frame_is_told_by_the_start(tmp_path: Path, start: int, text: str, drop: bool) -> None:
    timeline = read(tmp_path, make.track(make.clip("a", 0, 10, 29.97)), start=start, rate=29.97)
    assert (timeline.timecode(0), timeline.drop_frame) == (text, drop)


# ---------------------------------------------------------------- markers


def test_absolute_and_relative_timeline_markers(tmp_path: Path) -> None:
    item = make.track(make.clip("a", 0, 500))
    for first, second in ((86_410, 86_500), (10, 100)):
        marks = (make.marker("x", first), make.marker("y", second))
        assert [m.frame for m in read(tmp_path, item, start=86_400, markers=marks).markers] == [10, 100]


def test_a_marker_at_frame_zero_makes_all_of_them_relative(tmp_path: Path) -> None:
    marks = (make.marker("x", 0), make.marker("y", 150))
    timeline = read(tmp_path, make.track(make.clip("a", 0, 500)), start=100, markers=marks)
    assert [m.frame for m in timeline.markers] == [0, 150]


def test_clip_markers_in_media_time_and_under_a_retime(tmp_path: Path) -> None:
    plain = make.clip("a", 86_400, 50, reference=make.media("/m/a.mov", 86_400), markers=[make.marker("x", 86_412)])
    fast = make.clip("b", 100, 50, effects=[make.speed(2.0)], markers=[make.marker("y", 140), make.marker("z", 190)])
    back = make.clip("c", 100, 50, effects=[make.speed(-1.0)], markers=[make.marker("w", 110)])
    timeline = read(tmp_path, make.track(plain, fast, back))
    assert [(m.frame, m.name) for m in timeline.markers] == [(12, "x"), (70, "y"), (95, "z"), (140, "w")]


def test_clip_markers_off_the_used_footage_are_reported(tmp_path: Path) -> None:
    item = make.clip("a", 100, 50, markers=[make.marker("early", 90), make.marker("in", 110)])
    timeline = read(tmp_path, make.track(item))
    assert [m.name for m in timeline.markers] == ["in"]
    assert any("1 markers" in w and "'a'" in w for w in timeline.warnings)


def test_names_colours_and_notes_are_kept(tmp_path: Path) -> None:
    marks = (
        make.marker("A", 1, color="GREEN", metadata={"Resolve_OTIO": {"Note": "door slams"}}),
        make.marker("B", 2, 5, comment="second"),
        make.marker("C", 3, OTIO_SCHEMA="Marker.3", color={"OTIO_SCHEMA": "Color.1", "name": "Lavender"}),
    )
    found = read(tmp_path, make.track(make.clip("a", 0, 50)), markers=marks).markers
    assert [(m.name, m.color, m.note, m.duration_frames) for m in found] == [
        ("A", "GREEN", "door slams", 1),
        ("B", "RED", "second", 5),
        ("C", "Lavender", "", 1),
    ]


def test_a_marker_on_linked_picture_and_sound_is_one(tmp_path: Path) -> None:
    linked = make.clip("a", 0, 50, markers=[make.marker("x", 5)])
    assert len(read(tmp_path, make.track(linked), make.track(linked, kind="Audio")).markers) == 1


# ---------------------------------------------------------------- odd and hostile files


def test_unknown_children_keep_their_time(tmp_path: Path) -> None:
    odd = {"OTIO_SCHEMA": "Hologram.3", "name": "h", "source_range": make.span(0, 10)}
    timeline = read(tmp_path, make.track(make.clip("a", 0, 20), odd, make.clip("b", 0, 20)))
    assert frames(timeline) == [20, 30]
    assert any("Hologram" in w for w in timeline.warnings)


def test_an_empty_nest_keeps_its_place(tmp_path: Path) -> None:
    timeline = read(
        tmp_path, make.track(make.clip("a", 0, 20), make.stack(source_range=make.span(0, 30)), make.clip("b", 0, 5))
    )
    assert (frames(timeline), names(timeline)) == ([20, 50], ["a", "nest", "b"])
    assert any("empty" in w for w in timeline.warnings)


def nested(levels: int) -> str:
    inner = json.dumps(make.clip("deep", 0, 10))
    for _ in range(levels):
        inner = f'{{"OTIO_SCHEMA":"Stack.1","children":[{inner}]}}'
    return f'{{"OTIO_SCHEMA":"Timeline.1","tracks":{{"OTIO_SCHEMA":"Stack.1","children":[{inner}]}}}}'


def test_forty_nested_stacks_are_read_and_ten_thousand_refused(tmp_path: Path) -> None:
    path = tmp_path / "deep.otio"
    path.write_text(nested(40))
    assert read_edit(path).shots[0].name == "deep"
    path.write_text(nested(10_000))
    with pytest.raises(InputError, match="nested"):
        read_edit(path)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"source_range": make.span(0, 10**12)}, "beyond any footage"),
        ({"source_range": make.span(0, 10**8)}, "100 hours"),
        ({"source_range": make.span(10**12, 10)}, "beyond any footage"),
        ({"source_range": make.span(0, -3)}, "less than nothing"),
        ({"source_range": make.span(0, 10, 0)}, "rate"),
        ({"source_range": make.span(0, 10, -24)}, "rate"),
        ({"source_range": {"OTIO_SCHEMA": "TimeRange.1", "start_time": make.rt(0)}}, "not a time"),
        ({"effects": [make.speed(1e12)]}, "speed"),
    ],
)
def test_absurd_numbers_cost_one_item_and_a_warning_with_its_place(
    tmp_path: Path, change: make.Json, said: str
) -> None:
    broken = {**make.clip("broken", 0, 10), **change}
    timeline = read(tmp_path, make.track(make.clip("a", 0, 10), broken, make.clip("b", 50, 10), name="V1"), start=0)
    (warning,) = (w for w in timeline.warnings if "item 2 'broken'" in w)
    assert said in warning and "track 1 'V1'" in warning
    assert [n for n in names(timeline) if n != "broken"][-1] == "b" and names(timeline)[0] == "a"


def test_damage_in_all_that_there_is_is_refused_with_its_place(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"item 1 'a': duration is -3 frames"):
        read(tmp_path, make.track(make.clip("a", 0, -3)), start=0)


def test_numbers_that_are_no_numbers(tmp_path: Path) -> None:
    path = tmp_path / "nan.otio"
    path.write_text(json.dumps(make.timeline(make.track(make.clip("a", 0, float("nan"))), start=0)))
    with pytest.raises(InputError, match="finite"):
        read_edit(path)
    path.write_text('{"OTIO_SCHEMA": "Timeline.1", "x": ' + "9" * 10_000 + "}")
    with pytest.raises(InputError):
        read_edit(path)


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"OTIO_SCHEMA": "Marker.2"}', '"x"', "\x00\x01", "[" * 100_000])
def test_what_is_no_edit_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "no.otio"
    path.write_text(text)
    with pytest.raises(InputError, match=r"\bno\b"):
        read_edit(path)


def test_an_edit_without_picture_is_refused(tmp_path: Path) -> None:
    sound = make.track(make.clip("s", 0, 10), kind="Audio")
    off = make.track(make.clip("a", 0, 10, enabled=False))
    for tracks in ([], [sound], [make.track()], [make.track(make.gap(10))], [off]):
        with pytest.raises(InputError, match="no picture"):
            read(tmp_path, *tracks, start=0)


def test_bad_sound_does_not_stop_the_picture(tmp_path: Path) -> None:
    sound = make.track(make.clip("s", 0, -5), kind="Audio")
    timeline = read(tmp_path, make.track(make.clip("a", 0, 10)), sound)
    assert timeline.duration_frames == 10
    assert any("sound" in w for w in timeline.warnings)


def test_paths_that_are_no_edit(tmp_path: Path) -> None:
    (tmp_path / "folder.otio").mkdir()
    (tmp_path / "file.xyz").write_text("x")
    for name, said in (
        ("missing.otio", "does not exist"),
        ("folder.otio", "folder"),
        ("file.xyz", "unknown kind"),
        ("", "folder"),
    ):
        with pytest.raises(InputError, match=said) as refusal:
            read_edit(tmp_path / name)
        assert "\n" not in str(refusal.value)


def test_the_document_reads_back(tmp_path: Path) -> None:
    timeline = read_edit(make.write_otio(tmp_path / "rich.otio", make.rich_otio()))
    text = timeline_document(timeline).model_dump_json(by_alias=True)
    assert timeline_from_document(TimelineDocument.model_validate_json(text)) == timeline
