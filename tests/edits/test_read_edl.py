"""EDLs as hosts write them, and Resolve's marker dialect both ways."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import edit_makers as make
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from v2m_bridge.edits.edl.marker_edl import RESOLVE_COLORS, resolve_color, write_marker_edl, write_timeline_markers
from v2m_bridge.edits.read_edit import read_edit
from v2m_bridge.errors import InputError
from v2m_bridge.timeline.model import Marker, Timeline

NTSC_30 = Fraction(30000, 1001)


def read(tmp_path: Path, text: str, rate: Fraction | None = None) -> Timeline:
    path = tmp_path / "made.edl"
    path.write_bytes(text.encode())
    return read_edit(path, rate=rate)


def cuts(timeline: Timeline) -> list[tuple[int, str]]:
    return [(c.frame, c.kind.value) for c in timeline.cuts]


@pytest.mark.parametrize(
    ("name", "rate", "found"),
    [
        ("25fps.edl", 25, [161, 361, 447]),
        ("gap_test.edl", 24, [24, 40, 64, 102]),
        ("dissolve_test_4.edl", 24, [30, 81, 162, 246, 342]),
        ("transition_duration.edl", 24, [106, 180, 253]),
        ("screening_example.edl", 24, [31, 81, 109, 224, 325, 486, 656, 792]),
    ],
)
def test_cuts_and_guessed_rates_of_real_lists(shared_data: Path, name: str, rate: int, found: list[int]) -> None:
    timeline = read_edit(shared_data / "timelines/otio-cmx3600-adapter" / name)
    assert (timeline.rate, [c.frame for c in timeline.cuts]) == (rate, found)
    assert any("guessed" in w for w in timeline.warnings)


def test_the_adapter_agrees_where_it_can_read(shared_data: Path) -> None:
    """An independent reader of the same lists puts the cuts on the same frames."""
    otio = pytest.importorskip("opentimelineio")
    for name, rate in (("25fps.edl", 25), ("screening_example.edl", 24), ("dissolve_test_4.edl", 24)):
        path = shared_data / "timelines/otio-cmx3600-adapter" / name
        other = otio.adapters.read_from_file(str(path), rate=rate, ignore_timecode_mismatch=True)
        items = [i for i in other.tracks[0] if not isinstance(i, otio.schema.Transition)]
        edges = [round(i.range_in_parent().start_time.value) for i in items[1:]]
        assert [c.frame for c in read_edit(path).cuts] == edges


def test_a_list_with_everything(tmp_path: Path) -> None:
    timeline = read(tmp_path, make.EDL, Fraction(24))
    assert (timeline.start_frame, timeline.duration_frames) == (86_400, 204)
    assert cuts(timeline) == [(48, "cut"), (84, "dissolve"), (156, "cut")]
    assert (timeline.cuts[1].span_start_frame, timeline.cuts[1].span_end_frame) == (84, 108)
    assert [(s.name, s.source_start_s, s.speed) for s in timeline.shots] == [
        ("first.mov", 10.0, 1.0),
        ("second.mov", 20.0, 1.0),
        ("third.mov", 5.0, 1.0),
        ("TAPE8", 0.0, 2.0),
    ]
    assert timeline.markers == (Marker(48, "hit here", "RED"),)


EVENT = "{n:03d}  {reel:8} V     {kind:8} {a} {b} {c} {d}\n"


def event(number: int, reel: str, kind: str, source: tuple[str, str], record: tuple[str, str]) -> str:
    return EVENT.format(n=number, reel=reel, kind=kind, a=source[0], b=source[1], c=record[0], d=record[1])


def test_fades_from_and_to_black(tmp_path: Path) -> None:
    zero = ("00:00:00:00", "00:00:00:00")
    text = (
        event(1, "A", "C", ("00:00:01:00", "00:00:03:00"), ("01:00:00:00", "01:00:02:00"))
        + event(2, "A", "C", zero, ("01:00:02:00", "01:00:02:00"))
        + event(2, "BL", "D    012", ("00:00:00:00", "00:00:01:00"), ("01:00:02:00", "01:00:03:00"))
        + event(3, "BL", "C", zero, ("01:00:03:00", "01:00:03:00"))
        + event(3, "B", "D    012", ("00:00:05:00", "00:00:07:00"), ("01:00:03:00", "01:00:05:00"))
    )
    timeline = read(tmp_path, text, Fraction(24))
    found = [(c.frame, c.kind.value, c.span_start_frame, c.span_end_frame) for c in timeline.cuts]
    assert found == [(48, "fade", 48, 60), (72, "fade", 72, 84)]
    assert [s.name for s in timeline.shots] == ["A", "", "B"]


def test_wipe_speed_backwards_and_freeze(tmp_path: Path) -> None:
    text = (
        event(1, "A", "C", ("00:00:00:00", "00:00:02:00"), ("01:00:00:00", "01:00:02:00"))
        + event(2, "B", "W001 010", ("00:00:10:00", "00:00:12:00"), ("01:00:02:00", "01:00:04:00"))
        + "M2   B              -24.0                00:00:10:00\n"
        + event(3, "C", "C", ("00:00:10:00", "00:00:12:00"), ("01:00:04:00", "01:00:06:00"))
        + "M2   C              000.0                00:00:10:00\n"
    )
    timeline = read(tmp_path, text, Fraction(24))
    assert cuts(timeline) == [(48, "wipe"), (96, "cut")]
    assert [s.speed for s in timeline.shots] == [1.0, -1.0, 0.0]
    assert timeline.shots[1].source_start_s == pytest.approx(12 - 1 / 24)


def test_drop_frame_is_read_from_the_header_and_from_the_separator(tmp_path: Path) -> None:
    plain = event(1, "A", "C", ("00:00:00:00", "00:01:00:02"), ("01:00:00:00", "01:01:00:02"))
    marked = plain.replace(":00 ", ";00 ").replace(":02 ", ";02 ").replace(":02\n", ";02\n")
    for text in ("FCM: DROP FRAME\n" + plain, marked):
        timeline = read(tmp_path, text)
        assert (timeline.rate, timeline.drop_frame, timeline.duration_frames) == (NTSC_30, True, 1800)
        assert (timeline.start_frame, timeline.timecode(0)) == (107_892, "01:00:00;00")
    assert read(tmp_path, "FCM: NON-DROP FRAME\n" + plain, NTSC_30).duration_frames == 1802


def test_the_given_rate_is_taken_and_a_wrong_one_refused(tmp_path: Path) -> None:
    text = event(1, "A", "C", ("00:00:00:00", "00:00:01:24"), ("01:00:00:00", "01:00:01:24"))
    assert read(tmp_path, text, Fraction(24000, 1001) * Fraction(25025, 24000)).rate == 25
    assert read(tmp_path, text, Fraction(50)).duration_frames == 74
    with pytest.raises(InputError, match=r"line 1.*frame 24"):
        read(tmp_path, text, Fraction(24))


def test_lengths_that_only_agree_at_25_make_it_25(tmp_path: Path) -> None:
    """No frame number reaches 24, but source and record are equally long at 25 only."""
    text = event(1, "A", "C", ("00:00:00:20", "00:00:02:05"), ("01:00:00:10", "01:00:01:20"))
    assert read(tmp_path, text).rate == 25


def test_tabs_old_macs_and_other_encodings(tmp_path: Path) -> None:
    text = "TITLE: Été\r001\tAX\tV\tC\t00:00:00:00\t00:00:01:00\t01:00:00:00\t01:00:01:00\r* FROM CLIP NAME: é.mov\r"
    for data in (text.encode("utf-8-sig"), text.encode("latin-1"), text.encode("utf-16")):
        path = tmp_path / "old.edl"
        path.write_bytes(data)
        timeline = read_edit(path, rate=Fraction(24))
        assert (timeline.name, timeline.shots[0].name) == ("Été", "é.mov")


def test_lines_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    text = event(1, "A", "C", ("00:00:00:00", "00:00:01:00"), ("01:00:00:00", "01:00:01:00"))
    timeline = read(tmp_path, text + "002  B  V  Q  00:00:00:00 00:00:01:00 01:00:01:00 01:00:02:00\n")
    assert any("line 2" in w for w in timeline.warnings)


@pytest.mark.parametrize("text", ["", "TITLE: x\n", "hello\n" * 50, "\x00\x01\x02"])
def test_no_list_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(InputError, match="no events"):
        read(tmp_path, text)


def test_sound_only_is_refused(tmp_path: Path) -> None:
    text = event(1, "A", "C", ("00:00:00:00", "00:00:01:00"), ("01:00:00:00", "01:00:01:00")).replace(" V ", " A ")
    with pytest.raises(InputError, match="no picture"):
        read(tmp_path, text)


# ---------------------------------------------------------------- marker lists


def test_resolves_own_form(tmp_path: Path) -> None:
    path = tmp_path / "m.edl"
    write_marker_edl(
        path,
        [Marker(24, "HIT", "Red", "door | slam", 3), Marker(0, "mood: tense", "GREEN")],
        Fraction(24),
        start_frame=86_400,
        title="Reel 1",
    )
    assert path.read_bytes().decode().split("\r\n") == [
        "TITLE: Reel 1",
        "FCM: NON-DROP FRAME",
        "",
        "001  001      V     C        01:00:00:00 01:00:00:01 01:00:00:00 01:00:00:01  ",
        " |C:ResolveColorGreen |M:mood: tense |D:1",
        "",
        "002  001      V     C        01:00:01:00 01:00:01:01 01:00:01:00 01:00:01:01  ",
        "door / slam |C:ResolveColorRed |M:HIT |D:3",
        "",
        "",
    ]


TEXTS = st.text(st.characters(blacklist_categories=("C", "Z"), blacklist_characters="|"), max_size=12)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.builds(
            Marker,
            st.integers(0, 20_000),
            TEXTS,
            st.sampled_from(RESOLVE_COLORS),
            TEXTS.filter(lambda t: not t.startswith(("*", "M2")) and ":" not in t),
            st.integers(1, 500),
        ),
        min_size=1,
        max_size=8,
        unique_by=lambda m: m.frame,
    ),
    st.sampled_from([(Fraction(24), False), (Fraction(25), False), (NTSC_30, True), (Fraction(60000, 1001), False)]),
)
def test_written_markers_read_back(tmp_path: Path, markers: list[Marker], form: tuple[Fraction, bool]) -> None:
    rate, drop = form
    start = {Fraction(24): 86_400, Fraction(25): 90_000, NTSC_30: 107_892}.get(rate, 216_000)
    path = tmp_path / "m.edl"
    write_marker_edl(path, markers, rate, start_frame=start, drop_frame=drop)
    timeline = read_edit(path, rate=rate)
    assert timeline.start_frame == start
    assert timeline.markers == tuple(sorted(markers, key=lambda m: m.frame))


def test_markers_among_shots(tmp_path: Path) -> None:
    text = (
        event(1, "A", "C", ("00:00:00:00", "00:00:04:00"), ("01:00:00:00", "01:00:04:00"))
        + event(2, "001", "C", ("01:00:01:00", "01:00:01:01"), ("01:00:01:00", "01:00:01:01"))
        + " |C:ResolveColorBlue |M:HIT |D:1\n"
    )
    timeline = read(tmp_path, text, Fraction(24))
    assert (len(timeline.shots), timeline.markers) == (1, (Marker(24, "HIT", "Blue", "", 1),))


def test_a_timeline_gives_its_markers_back(tmp_path: Path) -> None:
    timeline = read(tmp_path, make.EDL, Fraction(24))
    write_timeline_markers(tmp_path / "out.edl", timeline)
    back = read_edit(tmp_path / "out.edl", rate=Fraction(24))
    assert [(m.frame, m.name, m.color) for m in back.markers] == [(48, "hit here", "Red")]


@pytest.mark.parametrize(
    ("name", "resolve"), [("RED", "Red"), ("lavender", "Lavender"), ("MAGENTA", "Fuchsia"), ("?", "Blue")]
)
def test_colours_of_other_hosts(name: str, resolve: str) -> None:
    assert resolve_color(name) == resolve
