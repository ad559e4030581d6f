"""Changes as files: change EDL there and back, table, picture, JSON."""

from __future__ import annotations

import csv
import io
import xml.etree.ElementTree as ET
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest
from cut_pairs import cut_pair

from v2m_bridge.errors import InputError
from v2m_bridge.timeline.changes.change_edl import change_edl, read_change_edl, write_change_edl
from v2m_bridge.timeline.changes.compare import compare_cuts
from v2m_bridge.timeline.changes.document import ChangesDocument, changes_document, changes_from_document
from v2m_bridge.timeline.changes.model import Change, ChangeKind, CutChanges, KeptSegment
from v2m_bridge.timeline.changes.write_csv import COLUMNS, changes_csv
from v2m_bridge.timeline.changes.write_svg import changes_svg
from v2m_bridge.timeline.model import Timeline

NTSC = Fraction(30000, 1001)


def made(rate: Fraction = Fraction(24), start: int = 0, drop: bool = False) -> tuple[CutChanges, Timeline, Timeline]:
    """Two segments with new picture between, the second retimed to half its length."""
    old = Timeline("reel 1", rate, start, 400, drop_frame=drop)
    new = Timeline("reel <2> & more", rate, 0, 330, drop_frame=drop)
    changes = CutChanges(
        400,
        330,
        rate,
        (KeptSegment(0, 150, 0, 150), KeptSegment(200, 400, 230, 330)),
        (
            Change(ChangeKind.NEW, None, (150, 230), "=SUM(A1)"),
            Change(ChangeKind.GONE, (150, 200), None, "SH 2"),
            Change(ChangeKind.RETIMED, (200, 400), (230, 330), "SH 3"),
        ),
    )
    return changes, old, new


@pytest.mark.parametrize(
    ("rate", "start", "drop"),
    [
        (Fraction(24), 0, False),
        (Fraction(25), 90000, False),
        (NTSC, 107892, True),
        (Fraction(60000, 1001), 216000, False),
    ],
)
def test_a_change_edl_comes_back_as_it_was(tmp_path: Path, rate: Fraction, start: int, drop: bool) -> None:
    changes, old, new = made(rate, start, drop)
    write_change_edl(changes, old, new, tmp_path / "c.edl")
    back = read_change_edl(tmp_path / "c.edl")
    assert back.segments == changes.segments
    assert (back.old_frames, back.new_frames, back.rate) == (400, 330, rate)
    assert Change(ChangeKind.NEW, None, (150, 230)) in back.changes


@pytest.mark.parametrize("seed", range(3))
def test_a_real_comparison_comes_back_from_its_edl(tmp_path: Path, seed: int) -> None:
    pair = cut_pair(seed, edits=5, rate=Fraction(25), start_frames=(90000, 0))
    changes = compare_cuts(pair.old, pair.new)
    write_change_edl(changes, pair.old, pair.new, tmp_path / "c.edl")
    assert read_change_edl(tmp_path / "c.edl").segments == changes.segments


def test_events_say_old_time_as_source_and_new_time_as_record() -> None:
    changes, old, new = made(Fraction(24), 86400)
    lines = change_edl(changes, old, new).splitlines()
    events = [line for line in lines if line[:3].isdigit()]
    assert events[0].split()[4:] == ["01:00:00:00", "01:00:06:06", "00:00:00:00", "00:00:06:06"]
    assert events[1].split()[1] == "BL"
    assert "M2   OLD      048.000                01:00:08:08" in lines
    assert "* GONE: 01:00:06:06 01:00:08:08 SH 2" in lines


def test_a_change_edl_of_another_tool_starts_where_its_first_event_does(tmp_path: Path) -> None:
    path = tmp_path / "other.edl"
    path.write_text(
        "TITLE: CHANGES\nFCM: NON-DROP FRAME\n\n"
        "001  REEL1    V     C        01:00:00:00 01:00:10:00 02:00:00:00 02:00:10:00\n"
        "002  REEL1    V     C        01:00:12:00 01:00:20:00 02:00:10:00 02:00:18:00\n"
    )
    changes = read_change_edl(path, Fraction(25))
    assert changes.segments == (KeptSegment(0, 250, 0, 250), KeptSegment(300, 500, 250, 450))
    with pytest.raises(InputError, match="frame rate"):
        read_change_edl(path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("TITLE: X\n* RATE: 24\n", "no events"),
        ("* RATE: 24\n001 A V C 00:00:00:00 00:00:01:00 00:00:02:00 00:00:01:00\n", "ends before"),
        ("* RATE: 24\n001 A V C 00:00:00:30 00:00:01:00 00:00:02:00 00:00:03:00\n", "frame 30"),
    ],
)
def test_a_damaged_change_edl_is_refused_in_one_line(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "bad.edl").write_text(text)
    with pytest.raises(InputError, match=message):
        read_change_edl(tmp_path / "bad.edl")


def test_the_table_has_a_row_a_change_and_no_formulas() -> None:
    rows = list(csv.reader(io.StringIO(changes_csv(*made()))))
    assert tuple(rows[0]) == COLUMNS
    assert [row[0] for row in rows[1:]] == ["new", "gone", "retimed"]
    assert rows[1][-1] == "'=SUM(A1)"
    assert rows[3][1:8] == ["00:00:08:08", "00:00:16:16", "00:00:09:14", "00:00:13:18", "200", "100", "30"]


def test_the_picture_is_valid_and_has_a_band_a_segment() -> None:
    root = ET.fromstring(changes_svg(*made()))
    space = "{http://www.w3.org/2000/svg}"
    assert len(root.findall(f".//{space}path")) == 2
    assert any((t.text or "").startswith("reel <2> & more") for t in root.iter(f"{space}text"))


def test_json_there_and_back() -> None:
    changes, old, new = made()
    text = changes_document(changes, old, new).model_dump_json(by_alias=True)
    document = ChangesDocument.model_validate_json(text)
    assert changes_from_document(document) == changes
    assert (document.summary.kept_frames, document.summary.new_frames, document.summary.gone_frames) == (250, 80, 50)


def test_there_and_back_meet() -> None:
    pair = cut_pair(3, edits=4, kinds=("trim_tail", "delete", "insert", "move_scene"), style="camera_files")
    there, back = compare_cuts(pair.old, pair.new), compare_cuts(pair.new, pair.old)
    for frame in range(0, pair.new.duration_frames, 7):
        segment = there.segment_at_new(frame)
        if segment:
            home = back.segment_at_new(segment.to_old(frame))
            assert home is not None
            assert home.to_old(segment.to_old(frame)) == frame


def test_frames_outside_every_segment_have_no_place() -> None:
    changes = replace(made()[0], segments=(KeptSegment(10, 20, 5, 15),))
    assert changes.segment_at_new(4) is None
    assert changes.segment_at_new(15) is None
    assert changes.segment_at_old(9) is None
    assert changes.segment_at_old(10) == KeptSegment(10, 20, 5, 15)
