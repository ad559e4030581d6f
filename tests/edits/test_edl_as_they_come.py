"""Edit decision lists as they really come: clocks, columns, code pages, lists of markers."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from v2m_bridge.edits.read_edit import read_edit
from v2m_bridge.errors import InputError
from v2m_bridge.timeline.model import Timeline
from v2m_bridge.timing.timecode import format_timecode

NTSC_24, NTSC_30 = Fraction(24000, 1001), Fraction(30000, 1001)
RATES = (NTSC_24, Fraction(24), Fraction(25), NTSC_30, Fraction(30), Fraction(50))


def read(tmp_path: Path, text: str | bytes, rate: Fraction | None = Fraction(24)) -> Timeline:
    path = tmp_path / "list.edl"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_edit(path, rate=rate)


def cuts(timeline: Timeline) -> list[int]:
    return [cut.frame for cut in timeline.cuts]


def tc(frame: int, rate: Fraction = Fraction(24), drop: bool = False) -> str:
    """Timecode on a clock of 24 hours."""
    per_day = 24 * 3600 * round(rate) - (2592 if drop else 0)
    return format_timecode(frame % per_day, rate, drop)


def event(
    number: int, spans: tuple[int, int, int, int], middle: str = "A001     V     C       ", tail: str = ""
) -> str:
    first, last, start, end = spans
    return f"{number:03d}  {middle} {tc(first)} {tc(last)} {tc(start)} {tc(end)}{tail}\n"


THREE = [(100, 148, 86_400, 86_448), (10, 34, 86_448, 86_472), (500, 548, 86_472, 86_520)]


@pytest.mark.parametrize(
    "middle",
    [
        "A001     V     C       ",
        "         V     C       ",
        "A001           C       ",
        "A001     ASMBL C       ",
        "A001     VA12  C       ",
        "A001     B     C       ",
        "A001     AA/V  C       ",
        "A001     A2/V  C       ",
        "LONG REEL NAME V C     ",
        "A001     V     K B     ",
        "A001     V     K B 000 ",
        "A001     V     C   000 ",
    ],
)
@pytest.mark.parametrize("tail", ["", "  ", " ON LINE", "   THESE ARE TRAILING WORDS 12"])
def test_columns_as_they_come(tmp_path: Path, middle: str, tail: str) -> None:
    timeline = read(tmp_path, "".join(event(i, spans, middle, tail) for i, spans in enumerate(THREE, 1)))
    assert (cuts(timeline), timeline.duration_frames, timeline.start_frame) == ([48, 72], 120, 86_400)
    assert [round(shot.source_start_s * 24) for shot in timeline.shots] == [100, 10, 500]


def test_a_key_shows_its_background(tmp_path: Path) -> None:
    key = event(2, (700, 724, 86_448, 86_472), "TITLE    V     K   000 (F)")
    text = event(1, THREE[0]) + event(2, THREE[1], "BACK     V     K B     ") + key + event(3, THREE[2])
    timeline = read(tmp_path, text)
    assert [(shot.start_frame, shot.name) for shot in timeline.shots] == [(0, "A001"), (48, "BACK"), (72, "A001")]


def test_reversed_footage_and_reversed_records(tmp_path: Path) -> None:
    text = event(1, THREE[0]) + event(2, (34, 10, 86_448, 86_472)) + event(3, THREE[2])
    back = read(tmp_path, text).shots[1]
    assert (back.speed, round(back.source_start_s * 24)) == (-1.0, 33)
    twice = read(tmp_path, text.replace(tc(10), tc(0)).replace(tc(34), tc(48))).shots[1]
    assert (twice.speed, round(twice.source_start_s * 24)) == (-2.0, 47)
    four = "".join(event(i, spans) for i, spans in enumerate([*THREE, (0, 9, 86_600, 86_550)], 1))
    timeline = read(tmp_path, four)
    assert (cuts(timeline), timeline.duration_frames) == ([48, 72], 120)
    assert any("line 4" in warning and "before in" in warning for warning in timeline.warnings)


def test_of_events_recorded_over_each_other_the_later_wins(tmp_path: Path) -> None:
    base = [(0, 240, 86_400, 86_640), (500, 560, 86_460, 86_520), (900, 960, 86_430, 86_490)]
    timeline = read(tmp_path, "".join(event(i, spans) for i, spans in enumerate(base, 1)))
    assert [(s.start_frame, round(s.source_start_s * 24)) for s in timeline.shots] == [
        (0, 0), (30, 900), (90, 530), (120, 120)
    ]  # fmt: skip
    black = event(4, (0, 20, 86_500, 86_520), "BL       V     C       ")
    timeline = read(tmp_path, "".join(event(i, spans) for i, spans in enumerate(base, 1)) + black)
    assert [(s.start_frame, s.name) for s in timeline.shots][-2:] == [(100, ""), (120, "A001")]


@pytest.mark.parametrize("rate", RATES)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(lengths=st.lists(st.integers(1, 500), min_size=2, max_size=6), before=st.integers(1, 600))
def test_record_clocks_pass_midnight(tmp_path: Path, rate: Fraction, lengths: list[int], before: int) -> None:
    """Wherever midnight falls, the edit is as long as its shots."""
    drop = rate == NTSC_30
    day = 24 * 3600 * round(rate) - (2592 if drop else 0)
    start = day - before
    at, lines, edges = start, ["FCM: DROP FRAME" if drop else "FCM: NON-DROP FRAME"], []
    for number, length in enumerate(lengths, 1):
        source = 1000 * number
        spans = [source, source + length, at, at + length]
        lines.append(f"{number:03d}  R{number}  V  C  {'  '.join(tc(f, rate, drop) for f in spans)}")
        at += length
        edges.append(at - start)
    timeline = read(tmp_path, "\n".join(lines), rate)
    assert (cuts(timeline), timeline.duration_frames, timeline.start_frame) == (edges[:-1], edges[-1], start)


def test_a_programme_late_in_the_day_does_not_pass_midnight(tmp_path: Path) -> None:
    late = 23 * 3600 * 24
    timeline = read(tmp_path, event(1, (0, 48, 0, 48)) + event(2, (0, 48, late, late + 48)))
    assert timeline.duration_frames == late + 48


def test_inclusive_outs(tmp_path: Path) -> None:
    spans = [(a, b - 1, c, d - 1) for a, b, c, d in THREE]
    timeline = read(tmp_path, "".join(event(i, s) for i, s in enumerate(spans, 1)))
    assert (cuts(timeline), timeline.duration_frames) == ([48, 72], 120)
    assert any("last frame" in warning for warning in timeline.warnings)


def test_frame_counts_instead_of_timecode(tmp_path: Path) -> None:
    text = "001  A  V  C        100 148 0 48\n002  B  V  D    012 10 34 48 72\n003  C  V  C  500 548 72 120\n"
    timeline = read(tmp_path, text, Fraction(25))
    assert (timeline.rate, cuts(timeline), timeline.duration_frames) == (25, [48, 72], 120)
    assert timeline.cuts[0].span_end_frame == 60


def test_lengths_that_agree_at_48(tmp_path: Path) -> None:
    def high(frame: int) -> str:
        return format_timecode(frame, Fraction(48))

    spans = [(40, 140, 0, 100), (10, 61, 100, 151)]
    text = "".join(f"{i:03d}  A{i}  V  C  {' '.join(map(high, s))}\n" for i, s in enumerate(spans, 1))
    assert read(tmp_path, text, None).rate == 48


def test_commas_are_drop_frame_unless_the_list_says_not(tmp_path: Path) -> None:
    text = "001  A  V  C  00:00:00,00 00:02:00,04 01:00:00,00 01:02:00,04\n"
    dropped = read(tmp_path, text, None)
    assert (dropped.rate, dropped.drop_frame, dropped.duration_frames) == (NTSC_30, True, 3600)
    assert read(tmp_path, "FCM: NON-DROP FRAME\n" + text, NTSC_30).duration_frames == 3604
    assert read(tmp_path, text, Fraction(25)).duration_frames == 3004


@pytest.mark.parametrize(
    ("encoding", "name"),
    [
        ("utf-16", "Été à Nîmes"),
        ("utf-16-le", "Été à Nîmes"),
        ("utf-16-be", "Été à Nîmes"),
        ("utf-8-sig", "Été à Nîmes"),
        ("mac_roman", "Été à Nîmes, Müller"),
        ("cp1252", "Été à Nîmes, Müller"),
        ("latin-1", "Sébastien"),
        ("mac_roman", "Sébastien"),
        ("cp932", "東京の朝 カット"),
        ("euc_jp", "東京の朝 カット"),
        ("cp1252", "Don’t – stop"),
    ],
)
def test_code_pages(tmp_path: Path, encoding: str, name: str) -> None:
    text = f"TITLE: {name}\n" + "".join(event(i, s) for i, s in enumerate(THREE, 1)) + f"* FROM CLIP NAME: {name}\n"
    timeline = read(tmp_path, text.encode(encoding))
    assert (timeline.name, timeline.shots[-1].name, cuts(timeline)) == (name, name, [48, 72])


def marker(number: int, start: int, length: int, said: int) -> str:
    spans = (start, start + length, start, start + length)
    return event(number, spans, "001      V     C       ") + f" |C:ResolveColorRed |M:HIT {number} |D:{said}\n\n"


def test_marker_events_of_any_length(tmp_path: Path) -> None:
    alone = "".join(marker(i, 86_400 + 240 * i, length, 1) for i, length in enumerate((1, 72, 100), 1))
    timeline = read(tmp_path, alone)
    assert [m.frame for m in timeline.markers] == [240, 480, 720] and timeline.is_black
    mixed = "".join(event(i, s) for i, s in enumerate(THREE, 1)) + marker(4, 86_430, 30, 30) + marker(5, 86_500, 1, 1)
    timeline = read(tmp_path, mixed)
    assert cuts(timeline) == [48, 72]
    assert [(m.frame, m.name) for m in timeline.markers] == [(30, "HIT 4"), (100, "HIT 5")]


def test_damage_costs_one_event(tmp_path: Path) -> None:
    lines = [event(i, s) for i, s in enumerate([*THREE, (0, 24, 86_520, 86_544)], 1)]
    for broken, said in (
        (lines[1].replace("01:00:02:00", "01:00:02:77"), "line 2"),
        (lines[1].replace("00:00:00:10", "00:00:00:88"), "line 2"),
        (lines[1] + "M2   A001       99999.0       00:00:00:10\n", "line 2"),
    ):
        timeline = read(tmp_path, lines[0] + broken + "".join(lines[2:]))
        assert cuts(timeline)[:1] == [48] and 72 in cuts(timeline) and timeline.duration_frames == 144
        assert any(said in warning for warning in timeline.warnings), timeline.warnings


def test_one_odd_frame_number_does_not_choose_the_rate(tmp_path: Path) -> None:
    lines = [event(i, s) for i, s in enumerate([*THREE, (0, 24, 86_520, 86_544)], 1)]
    text = "".join(lines).replace("00:00:00:10", "00:00:00:99")
    assert read(tmp_path, text, None).rate == 24


def test_a_wrong_rate_is_still_refused(tmp_path: Path) -> None:
    text = "001  A  V  C  00:00:00:00 00:00:01:24 01:00:00:00 01:00:01:24\n"
    with pytest.raises(InputError, match="frame 24"):
        read(tmp_path, text)
