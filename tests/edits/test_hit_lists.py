"""Lists of markers beside an edit: every host's form, at the edit's own rate and start timecode."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest

from v2m_bridge.edits.edl.marker_edl import write_marker_edl
from v2m_bridge.edits.hit_lists.read_hit_list import add_hit_lists
from v2m_bridge.errors import InputError
from v2m_bridge.timeline.model import Marker, Shot, Timeline
from v2m_bridge.timing.timecode import format_timecode

NTSC_24, NTSC_30 = Fraction(24000, 1001), Fraction(30000, 1001)
RATES = (Fraction(24), NTSC_24, Fraction(25), Fraction(30), NTSC_30, Fraction(50))
FRAMES = (0, 240, 1799, 1800, 5000)


def edit(rate: Fraction = Fraction(24), *, drop: bool = False, hours: int = 1) -> Timeline:
    start = 107_892 if drop else hours * 3600 * round(rate)
    return Timeline("e", rate, start, 6000, shots=(Shot(0, 6000),), drop_frame=drop)


def read(tmp_path: Path, text: str | bytes, timeline: Timeline, name: str = "list.csv") -> Timeline:
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return add_hit_lists(timeline, [path])


def premiere(timeline: Timeline) -> str:
    rows = ["Marker Name\tDescription\tIn\tOut\tDuration\tMarker Type"]
    for frame in FRAMES:
        at = timeline.timecode(frame)
        end = timeline.timecode(frame + 12)
        rows.append(f"HIT {frame}\tnote {frame}\t{at}\t{end}\t00:00:00:12\tComment")
    return "\r\n".join(rows) + "\r\n"


def resolve_csv(timeline: Timeline) -> str:
    rows = ["#,Reel,Match,V,C,Dur,Source In,Source Out,Record In,Record Out,Name,Comments,Color,Notes"]
    rows.append(f"1,A001,,V1,C,00:00:10:00,0,0,{timeline.timecode(0)},{timeline.timecode(240)},shot.mov,,,")
    for number, frame in enumerate(FRAMES, 2):
        at, end = timeline.timecode(frame), timeline.timecode(frame + 12)
        rows.append(f'{number},,,V1,C,00:00:00:12,,,{at},{end},HIT {frame},,Red,"note {frame}"')
    return "\n".join(rows) + "\n"


def reaper_csv(timeline: Timeline) -> str:
    rows = ["#,Name,Start,End,Length,Color"]
    for number, frame in enumerate(FRAMES, 1):
        seconds = float(frame / timeline.rate)
        end = float((frame + 12) / timeline.rate)
        rows.append(
            f"R{number},HIT {frame},{int(seconds // 60)}:{seconds % 60:06.3f},{int(end // 60)}:{end % 60:06.3f},,FF0000"
        )
    return "\n".join(rows) + "\n"


def pro_tools(timeline: Timeline) -> str:
    rate = f"{float(timeline.rate):.3f}".rstrip("0").rstrip(".")
    lines = [
        "SESSION NAME:\tReel",
        "SAMPLE RATE:\t48000.000000",
        "BIT DEPTH:\t24-bit",
        f"SESSION START TIMECODE:\t{timeline.timecode(0).replace(';', ':')}",
        f"TIMECODE FORMAT:\t{rate} {'Drop ' if timeline.drop_frame else ''}Frame",
        "",
        "M A R K E R S  L I S T I N G",
        "#   \tLOCATION     \tTIME REFERENCE    \tUNITS    \tNAME                             \tCOMMENTS",
    ]
    for number, frame in enumerate(FRAMES, 1):
        at = timeline.timecode(frame).replace(";", ":")
        samples = round(frame / timeline.rate * 48000)
        lines.append(f"{number}   \t{at}  \t{samples}    \tSamples  \tHIT {frame}     \tnote {frame}")
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("write", [premiere, resolve_csv, reaper_csv, pro_tools])
def test_every_list_counts_at_the_edits_rate_and_start(tmp_path: Path, write, rate: Fraction) -> None:  # type: ignore[no-untyped-def]
    timeline = edit(rate)
    found = read(tmp_path, write(timeline), timeline)
    assert [(m.frame, m.name) for m in found.markers] == [(f, f"HIT {f}") for f in FRAMES]
    if write in (premiere, resolve_csv, pro_tools):
        assert [m.note for m in found.markers] == [f"note {f}" for f in FRAMES]
    if write is not pro_tools:
        assert [m.duration_frames for m in found.markers] == [12] * len(FRAMES)
    assert found.warnings == ()


@pytest.mark.parametrize("write", [premiere, resolve_csv, pro_tools])
def test_drop_frame_lists(tmp_path: Path, write) -> None:  # type: ignore[no-untyped-def]
    timeline = edit(NTSC_30, drop=True)
    assert [m.frame for m in read(tmp_path, write(timeline), timeline).markers] == list(FRAMES)


def test_resolves_marker_edl_is_read_back(tmp_path: Path) -> None:
    timeline = edit()
    path = tmp_path / "markers.edl"
    markers = [Marker(f, f"HIT {f}", "Red", "door", 5) for f in FRAMES]
    write_marker_edl(path, markers, timeline.rate, start_frame=timeline.start_frame)
    assert add_hit_lists(timeline, [path]).markers == tuple(markers)


def test_premiere_writes_utf16_and_the_edits_markers_stay(tmp_path: Path) -> None:
    timeline = edit()
    own = Timeline("e", timeline.rate, timeline.start_frame, 6000, timeline.shots, (), (Marker(240, "HIT 240"),))
    for encoding in ("utf-16", "utf-16-le", "utf-8-sig"):
        found = read(tmp_path, premiere(timeline).encode(encoding), own)
        assert [m.frame for m in found.markers] == list(FRAMES)


def test_samples_are_read_where_the_location_is_no_timecode(tmp_path: Path) -> None:
    timeline = edit()
    text = pro_tools(timeline).replace("01:00:10:00", "0:10.000")
    assert 240 in [m.frame for m in read(tmp_path, text, timeline).markers]


def test_timecode_from_zero_is_understood_where_the_edit_starts_at_an_hour(tmp_path: Path) -> None:
    text = f"#,Name,Start,End,Length\nM1,a,{format_timecode(240, Fraction(24))},,\n"
    (marker,) = read(tmp_path, text, edit()).markers
    assert (marker.frame, marker.name) == (240, "a")


def test_a_bad_row_costs_itself(tmp_path: Path) -> None:
    text = "#,Name,Start,End,Length\nM1,a,5.1.00,,\nM2,b,0:10.000,,\nM3,c,zz,,\nM4,d,9:59:59.000,,\n"
    found = read(tmp_path, text, edit())
    assert [(m.frame, m.name) for m in found.markers] == [(240, "b")]
    assert ["line 2" in w for w in found.warnings] == [True, False, False]
    assert "line 4" in found.warnings[1] and "outside" in found.warnings[2]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no list of markers"),
        ("hello\nworld\n", "no list of markers"),
        ("Name,Start\n", "no markers"),
        ("Name,Start\na,5.1.00\n", "bars and beats"),
        ("Name,Start\na,23:00:00:00\n", "outside the edit"),
        (b"\x00\x01\x02" * 50, "no list of markers"),
    ],
)
def test_what_is_no_list_is_refused(tmp_path: Path, text: str | bytes, said: str) -> None:
    with pytest.raises(InputError, match=said) as refusal:
        read(tmp_path, text, edit())
    assert "list.csv" in str(refusal.value)


def test_a_missing_list_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="not a file"):
        add_hit_lists(edit(), [tmp_path / "gone.csv"])
