"""xmeml of Premiere, Hiero and Resolve, and the AAF and bundle readers beside it."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import edit_makers as make
import pytest

from v2m_bridge.edits.read_edit import read_edit
from v2m_bridge.errors import InputError
from v2m_bridge.timeline.model import Timeline


def read(tmp_path: Path, text: str) -> Timeline:
    path = tmp_path / "made.xml"
    path.write_text(text, encoding="utf-8")
    return read_edit(path)


def sequence(items: str, ntsc: str = "FALSE", base: int = 24, more: str = "") -> str:
    rate = f"<rate><timebase>{base}</timebase><ntsc>{ntsc}</ntsc></rate>"
    return (
        f'<xmeml version="5"><project><children><sequence id="s"><name>s</name>{rate}{more}'
        f"<media><video><track>{items}</track></video></media></sequence></children></project></xmeml>"
    )


def item(name: str, start: int, end: int, first: int = 0, more: str = "") -> str:
    return (
        f'<clipitem id="{name}"><name>{name}</name><start>{start}</start><end>{end}</end><in>{first}</in>'
        f'<file id="f{name}"><name>{name}</name><pathurl>file://localhost/nowhere/{name}.mov</pathurl></file>{more}</clipitem>'
    )


def test_a_sequence_with_everything(tmp_path: Path) -> None:
    timeline = read(tmp_path, make.XMEML)
    assert (timeline.rate, timeline.timecode(0), timeline.duration_frames) == (25, "01:00:00:00", 300)
    found = [(c.frame, c.kind.value) for c in timeline.cuts]
    assert found == [(50, "dissolve"), *((f, "cut") for f in (100, 120, 140, 160, 190, 200, 250))]
    assert [(s.name, s.source_start_s, s.speed) for s in timeline.shots] == [
        ("one", 0.4, 1.0),
        ("two", 4.4, 1.0),
        ("", 0.0, 1.0),
        ("deep", 0.4, 1.0),
        ("deeper", 0.28, 1.0),
        ("deep", 0.0, 1.0),
        ("deeper", 0.28, 1.0),
        ("fast", 1.6, 2.0),
        ("", 0.0, 1.0),
    ]
    assert [(m.frame, m.name, m.note, m.duration_frames) for m in timeline.markers] == [
        (10, "in one", "", 5),
        (30, "HIT", "door", 0),
    ]
    assert timeline.shots[1].media == "C:/media/two.mov"


@pytest.mark.parametrize(
    ("name", "rate", "found"),
    [
        ("hiero_xml_export.xml", 24, [14, 1069, 1085]),
        ("premiere_example.xml", 30, [13, 113, 165, 322, 557, 636, 736, 956, 1164, 1246]),
    ],
)
def test_cuts_of_real_sequences(shared_data: Path, name: str, rate: int, found: list[int]) -> None:
    timeline = read_edit(shared_data / "timelines/otio-fcp-adapter" / name)
    assert (timeline.rate, [c.frame for c in timeline.cuts]) == (rate, found)


def test_a_nest_used_again_is_not_lost(shared_data: Path) -> None:
    """Between 636 and 956 lies a nested sequence of two shots, which the adapter gives back empty."""
    timeline = read_edit(shared_data / "timelines/otio-fcp-adapter/premiere_example.xml")
    assert [s.name for s in timeline.shots[6:8]] == ["sc01_sh010_anim.mov", "sc01_sh030_anim.mov"]


def test_disabled_clips_of_a_real_sequence(shared_data: Path) -> None:
    timeline = read_edit(shared_data / "timelines/otio-fcp-adapter/empty_name_tags.xml")
    assert (timeline.rate, timeline.duration_frames) == (Fraction(24000, 1001), 3517)
    assert any("disabled" in w for w in timeline.warnings)


@pytest.mark.parametrize(
    ("alignment", "cut"), [("center", 50), ("start", 40), ("start-black", 40), ("end-black", 60), ("", 50)]
)
def test_where_a_transition_has_its_edit_point(tmp_path: Path, alignment: str, cut: int) -> None:
    blend = f"<transitionitem><start>40</start><end>60</end><alignment>{alignment}</alignment></transitionitem>"
    timeline = read(tmp_path, sequence(item("a", 0, -1) + blend + item("b", -1, 100, 10)))
    (found,) = timeline.cuts
    assert (found.frame, found.span_start_frame, found.span_end_frame) == (cut, 40, 60)
    assert timeline.shots[1].source_start_s == pytest.approx((10 + cut - 40) / 24)


def test_speed_counts_in_media_or_in_retimed_frames(tmp_path: Path) -> None:
    """The in point of a clip whose own length is the file's over the speed counts retimed frames."""
    filters = (
        "<filter><effect><effectid>timeremap</effectid><parameter><parameterid>speed</parameterid><value>200</value>"
        "</parameter></effect></filter>"
    )
    for own, seconds in ((100, 2.0), (200, 1.0)):
        clip = item("a", 0, 24, 24, f"<duration>{own}</duration>{filters}").replace(
            "</pathurl>", "</pathurl><duration>200</duration>"
        )
        (shot,) = read(tmp_path, sequence(clip)).shots
        assert (shot.speed, shot.source_start_s) == (2.0, seconds)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("<other/>", "neither"),
        ('<xmeml version="5"/>', "no sequence"),
        (sequence(""), "no picture"),
        (sequence(item("x", 10, 5)), "'x': ends before it starts"),
        (sequence(item("x", -7, 50)), "'x': starts at frame -7"),
        (sequence(item("x", 0, 10**12)), "'x'"),
        (sequence(item("x", 0, 50)).replace("<end>50</end>", "<end>zz</end>"), "'x': end 'zz'"),
        (sequence(item("a", 0, 50), base=0), "no frame rate"),
        ("<xmeml>", "not well-formed"),
    ],
)
def test_damage_is_refused_with_its_place(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(InputError) as refusal:
        read(tmp_path, text)
    assert said in str(refusal.value)


def test_a_sequence_in_itself_is_refused(tmp_path: Path) -> None:
    nested = '<clipitem id="n"><name>n</name><start>0</start><end>50</end><in>0</in><sequence id="s"/></clipitem>'
    with pytest.raises(InputError, match="nested"):
        read(tmp_path, sequence(nested))
