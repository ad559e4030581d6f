"""FCPXML: rational times, lanes, compounds, retimes, disabled clips, roles of markers."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import edit_makers as make
import pytest

from v2m_bridge.edits.read_edit import read_edit
from v2m_bridge.errors import InputError
from v2m_bridge.timeline.model import Timeline

NTSC_30 = Fraction(30000, 1001)


def read(tmp_path: Path, text: str, name: str = "made.fcpxml") -> Timeline:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return read_edit(path)


def cuts(timeline: Timeline) -> list[tuple[int, str]]:
    return [(c.frame, c.kind.value) for c in timeline.cuts]


def story(spine: str, resources: str = "", rate: str = "100/2400s", start: str = "0s") -> str:
    """A document of one sequence whose assets A, B, C are 1000 s long and start at 0."""
    assets = "".join(
        f'<asset id="{n}" name="{n}" start="0s" duration="1000s" hasVideo="1" format="f" src="file:///nowhere/{n}.mov"/>'
        for n in "ABC"
    )
    return (
        f'<fcpxml version="1.9"><resources><format id="f" frameDuration="{rate}"/>{assets}{resources}</resources>'
        f'<library><event><project name="p"><sequence format="f" tcStart="{start}"><spine>{spine}</spine></sequence>'
        "</project></event></library></fcpxml>"
    )


@pytest.mark.parametrize(
    ("name", "rate", "start", "found"),
    [
        ("23.98.fcpxml", Fraction(24000, 1001), 0, [760, 1406, 2030, 2724, 3004, 3093, 3467, 4172, 4795, 4973]),
        ("29.97d.fcpxml", NTSC_30, 0, [103, 209, 317, 417, 442, 448, 457, 466, 474, 554, 678, 701, 762]),
        ("Complex.fcpxml", 25, 0, [3551, 8696]),
        ("DisabledClips.fcpxml", 24, 0, [241, 482, 10460]),
        ("SyncClip.fcpxml", 25, 90_000, []),
    ],
)
def test_cuts_of_real_projects(shared_data: Path, name: str, rate: Fraction, start: int, found: list[int]) -> None:
    timeline = read_edit(shared_data / "timelines/DAWFileKit" / name)
    assert (timeline.rate, timeline.start_frame, [c.frame for c in timeline.cuts]) == (rate, start, found)


def test_markers_of_real_projects_fall_where_their_names_say(shared_data: Path) -> None:
    """``Sh0t_05`` to ``Shot_08``: a clip on the main storyline, two on one above it under a speed change."""
    timeline = read_edit(shared_data / "timelines/DAWFileKit/23.98.fcpxml")
    at = {m.name: m.frame for m in timeline.markers}
    assert [at[f"Shot_0{k}"] for k in range(4, 10)] == sorted(at[f"Shot_0{k}"] for k in range(4, 10))
    shots = {
        name: next(s for s in timeline.shots if s.start_frame <= frame < s.end_frame) for name, frame in at.items()
    }
    assert shots["Shot_06"].start_frame == 3004 and shots["Shot_07"].start_frame == 3093
    assert len(at) == len(timeline.markers) == 12


def test_a_project_with_everything(tmp_path: Path) -> None:
    timeline = read(tmp_path, make.FCPXML)
    assert (timeline.rate, timeline.timecode(0), timeline.drop_frame) == (NTSC_30, "01:00:00;00", True)
    assert cuts(timeline) == [(30, "cut"), (40, "dissolve"), (55, "cut"), (70, "cut"), (90, "cut")]
    assert [(s.media, round(s.source_start_s, 4), s.speed) for s in timeline.shots] == [
        ("/nowhere/one shot.mov", 1.0, 1.0),
        ("/nowhere/two.mov", 1.0, 1.0),
        ("/nowhere/one shot.mov", 10.5005, 1.0),
        ("/nowhere/two.mov", 5.0, 1.0),
        (None, 0.0, 1.0),
        ("/nowhere/two.mov", 40.0, 2.0),
    ]
    assert [(m.frame, m.name, m.note) for m in timeline.markers] == [(10, "HIT", "door")]
    assert timeline.duration_frames == 200


def test_connected_clips_hang_on_the_clock_of_their_clip(tmp_path: Path) -> None:
    """The parent starts at 10 s of its own clock; what hangs at 12 s lies two seconds in."""
    spine = (
        '<asset-clip ref="A" offset="0s" start="10s" duration="3s">'
        '<asset-clip ref="B" lane="1" offset="12s" start="5s" duration="2s"/></asset-clip>'
        '<asset-clip ref="C" offset="3s" duration="3s"/>'
    )
    timeline = read(tmp_path, story(spine))
    assert [(s.start_frame, s.name) for s in timeline.shots] == [(0, "A"), (48, "B"), (96, "C")]


def test_lanes_stack_in_their_order_and_below_zero_is_below(tmp_path: Path) -> None:
    spine = (
        '<asset-clip ref="A" offset="0s" duration="10s">'
        '<asset-clip ref="B" lane="2" offset="2s" duration="2s"/>'
        '<asset-clip ref="C" lane="1" offset="1s" duration="4s"/>'
        '<asset-clip ref="B" lane="-1" offset="6s" start="50s" duration="2s"/></asset-clip>'
    )
    timeline = read(tmp_path, story(spine))
    assert [(s.start_frame // 24, s.name) for s in timeline.shots] == [(0, "A"), (1, "C"), (2, "B"), (4, "C"), (5, "A")]


def test_titles_do_not_cut_and_gaps_are_black_but_carry_clips(tmp_path: Path) -> None:
    spine = (
        '<asset-clip ref="A" offset="0s" duration="4s">'
        '<title lane="1" offset="1s" name="t" duration="2s"/></asset-clip>'
        '<gap offset="4s" start="3600s" duration="4s"><asset-clip ref="B" lane="1" offset="3601s" duration="2s"/></gap>'
    )
    timeline = read(tmp_path, story(spine))
    assert [(s.start_frame // 24, s.name) for s in timeline.shots] == [(0, "A"), (4, ""), (5, "B"), (7, "")]


def test_disabled_clips_keep_what_hangs_on_them(tmp_path: Path) -> None:
    spine = (
        '<asset-clip ref="A" offset="0s" duration="4s" enabled="0">'
        '<asset-clip ref="B" lane="1" offset="1s" duration="2s"/></asset-clip>'
        '<asset-clip ref="C" offset="4s" duration="1s"/>'
    )
    timeline = read(tmp_path, story(spine))
    assert [(s.start_frame // 24, s.name) for s in timeline.shots] == [(0, ""), (1, "B"), (3, ""), (4, "C")]
    assert "1 disabled clips are left out" in timeline.warnings


def test_an_audition_shows_its_first_choice_only(tmp_path: Path) -> None:
    audition = '<audition offset="0s"><asset-clip ref="B" duration="2s"/><asset-clip ref="A" duration="9s"/></audition>'
    timeline = read(tmp_path, story(audition + '<asset-clip ref="C" offset="2s" duration="2s"/>'))
    assert [(s.start_frame // 24, s.name) for s in timeline.shots] == [(0, "B"), (2, "C")]


def test_reverse_freeze_and_ramp(tmp_path: Path) -> None:
    def clip(offset: int, points: str) -> str:
        return f'<asset-clip ref="A" offset="{offset}s" duration="2s"><timeMap>{points}</timeMap></asset-clip>'

    def point(time: int, value: int) -> str:
        return f'<timept time="{time}s" value="{value}s"/>'

    spine = (
        clip(0, point(0, 10) + point(10, 0))
        + clip(2, point(0, 7) + point(10, 7))
        + clip(4, point(0, 0) + point(1, 1) + point(2, 4))
    )
    timeline = read(tmp_path, story(spine))
    assert [s.speed for s in timeline.shots] == [-1.0, 0.0, 2.0]
    assert [s.source_start_s for s in timeline.shots] == [pytest.approx(10 - 1 / 24), 7.0, 0.0]
    assert [w for w in timeline.warnings if "ramp" in w] == [
        "<asset-clip> 'A': its speed ramp is taken at the mean speed of 2"
    ]


def test_a_multicam_shows_its_active_angle(tmp_path: Path) -> None:
    resources = (
        '<media id="m"><multicam format="f"><mc-angle name="1" angleID="one">'
        '<asset-clip ref="A" offset="0s" duration="60s"/>'
        '</mc-angle><mc-angle name="2" angleID="two"><gap offset="0s" duration="1s"/>'
        '<asset-clip ref="B" offset="1s" start="30s" duration="60s"/></mc-angle></multicam></media>'
    )
    spine = (
        '<mc-clip ref="m" offset="0s" start="5s" duration="4s"><mc-source angleID="two" srcEnable="video"/></mc-clip>'
    )
    (shot,) = read(tmp_path, story(spine, resources)).shots
    assert (shot.name, shot.source_start_s) == ("B", 34.0)


def test_a_compound_without_content_keeps_its_place(tmp_path: Path) -> None:
    spine = (
        '<asset-clip ref="A" offset="0s" duration="1s"/><ref-clip ref="gone" offset="1s" name="lost" duration="2s"/>'
    )
    timeline = read(tmp_path, story(spine))
    assert [s.name for s in timeline.shots] == ["A", "lost"]
    assert any("not in the file" in w for w in timeline.warnings)


def test_a_compound_in_itself_is_refused(tmp_path: Path) -> None:
    resources = (
        '<media id="m"><sequence format="f" duration="10s"><spine><ref-clip ref="m" offset="0s" duration="10s"/>'
        '<ref-clip ref="m" offset="0s" duration="10s"/></spine></sequence></media>'
    )
    with pytest.raises(InputError, match="nested"):
        read(tmp_path, story('<ref-clip ref="m" offset="0s" duration="10s"/>', resources))


def test_a_bundle_folder_and_a_wrong_suffix_are_read(tmp_path: Path) -> None:
    for name in ("export.fcpxmld", "export.fcpxml"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "Info.fcpxml").write_text(make.FCPXML)
        assert len(read_edit(tmp_path / name).cuts) == 5
    assert len(read(tmp_path, make.FCPXML, "export.xml").cuts) == 5


@pytest.mark.parametrize(
    ("spine", "said"),
    [
        ('<asset-clip ref="A" name="x" offset="zz" duration="1s"/>', "<asset-clip> 'x': offset='zz'"),
        ('<asset-clip ref="A" name="x" offset="0s" duration="-1s"/>', "<asset-clip> 'x'"),
        ('<asset-clip ref="A" name="x" offset="0s" duration="1/0s"/>', "<asset-clip> 'x'"),
        ('<asset-clip ref="A" name="x" offset="0s" duration="1000000000000s"/>', "beyond any footage"),
        ("", "no picture"),
        ('<gap offset="0s" duration="10s"/>', "no picture"),
    ],
)
def test_damage_is_refused_with_its_place(tmp_path: Path, spine: str, said: str) -> None:
    with pytest.raises(InputError) as refusal:
        read(tmp_path, story(spine))
    assert said in str(refusal.value)


ENTITIES = (
    """<?xml version="1.0"?><!DOCTYPE fcpxml [<!ENTITY a "aaaaaaaaaa">{more}]><fcpxml version="1.9">&{last};</fcpxml>"""
)


def test_entities_are_refused_before_they_grow_or_read_files(tmp_path: Path) -> None:
    chain = "".join(f'<!ENTITY a{k} "{f"&a{k - 1};" * 10 if k else "a" * 10}">' for k in range(12))
    file = f'<!ENTITY xxe SYSTEM "file://{tmp_path / "secret"}">'
    for text in (ENTITIES.format(more=chain, last="a11"), ENTITIES.format(more=file, last="xxe")):
        for suffix in ("fcpxml", "xml"):
            with pytest.raises(InputError, match="entity"):
                read(tmp_path, text, f"bomb.{suffix}")


def test_deep_xml_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nested more than"):
        read(tmp_path, "<fcpxml>" + "<spine>" * 10_000 + "</spine>" * 10_000 + "</fcpxml>")


def test_clips_that_hold_their_video_inside(tmp_path: Path) -> None:
    """Resolve's form; the video's offset counts on the clip's clock and may be left out."""
    spine = (
        '<clip name="one" offset="0s" start="3600s" duration="2s">'
        '<video ref="A" offset="3600s" start="0s" duration="9s"/>'
        '<audio lane="-1" ref="A" offset="3600s" duration="9s"/></clip>'
        '<clip name="two" offset="2s" start="3600s" duration="2s"><video ref="B" start="3s" duration="9s"/></clip>'
        '<clip name="three" offset="4s" start="0s" duration="2s"><video ref="C" offset="500s" duration="9s"/></clip>'
    )
    timeline = read(tmp_path, story(spine))
    assert [(s.start_frame // 24, s.media, s.source_start_s) for s in timeline.shots] == [
        (0, "/nowhere/A.mov", 0.0),
        (2, "/nowhere/B.mov", 3.0),
        (4, None, 0.0),
    ]
    assert any("'three'" in w for w in timeline.warnings)


def test_a_faded_connected_clip_does_not_cut(tmp_path: Path) -> None:
    spine = (
        '<asset-clip ref="A" offset="0s" duration="9s"><asset-clip ref="B" lane="1" offset="2s" duration="2s">'
        '<adjust-blend amount="0.5"/></asset-clip></asset-clip>'
    )
    assert cuts(read(tmp_path, story(spine))) == []
