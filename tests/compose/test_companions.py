"""What comes beside an edit: the locked picture, the length of an edit of markers, file names in titles."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import footage_makers
import pytest
from typer.testing import CliRunner

from v2m_bridge.cli.main import app
from v2m_bridge.compose.companions import Companions, differences, with_companions
from v2m_bridge.errors import InputError
from v2m_bridge.timeline.model import Cut, CutKind, Marker, Shot, Timeline, titled

MARKER_EDL = (
    "TITLE: hits\n\n001  001      V     C        01:00:10:00 01:00:10:01 01:00:10:00 01:00:10:01\n"
    " |C:ResolveColorRed |M:HIT door |D:1\n"
)


def edit(*cuts: int, length: int = 240, rate: Fraction = Fraction(24)) -> Timeline:
    edges = [0, *cuts, length]
    shots = tuple(Shot(a, b, f"/gone/{a}.mov", name=str(a)) for a, b in itertools.pairwise(edges))
    return Timeline("e", rate, 86_400, length, shots, tuple(Cut(c, CutKind.CUT, c, c) for c in cuts))


def test_a_picture_that_agrees_says_nothing() -> None:
    assert differences(edit(48, 100), edit(48, 101)) == []


def test_a_picture_that_differs_says_by_how_much() -> None:
    longer = edit(48, 100, 200, length=250)
    assert differences(edit(48, 100, 200), longer) == ["the picture is 10 frames longer than the edit (240 frames)"]
    late = edit(58, 110, 210)
    notes = differences(edit(48, 100, 200), late)
    assert notes[0].startswith("0 of the edit's 3 hard cuts")
    assert notes[1].startswith("3 of them are seen 10 frames later")
    assert any("25 frames a second" in note for note in differences(edit(48), edit(50, length=250, rate=Fraction(25))))


def test_the_length_of_an_edit_of_markers_can_be_set() -> None:
    black = Timeline("m", Fraction(24), 86_400, 100, (Shot(0, 100),), (), (Marker(10, "a"), Marker(90, "b")))
    for text, frames in (("00:01:00:00", 1440), ("60", 1440), ("2.5s", 60)):
        longer = with_companions(black, Companions(duration=text))
        assert (longer.duration_frames, longer.shots) == (frames, (Shot(0, frames),))
    assert [m.name for m in with_companions(black, Companions(duration="2.5")).markers] == ["a"]
    unused = with_companions(edit(48), Companions(duration="60"))
    assert unused.duration_frames == 240 and "--duration" in unused.warnings[0]
    for wrong in ("0", "-3", "soon", "999:00:00:00"):
        with pytest.raises(InputError):
            with_companions(black, Companions(duration=wrong))


def test_titles_show_the_file_where_it_says_something_else() -> None:
    assert titled("Reel 1", "Reel 1") == titled("Reel 1", "REEL 1") == titled("Reel 1", "") == "Reel 1"
    assert titled("Timeline 1", "cut_v7") == "Timeline 1 (cut_v7)"
    assert titled("", "cut_v7") == "cut_v7"


def test_the_commands_take_a_list_a_length_and_show_the_files_name(tmp_path: Path) -> None:
    path = tmp_path / "cut_v7.edl"
    path.write_text(MARKER_EDL)
    table = tmp_path / "notes.csv"
    table.write_text("Name,Start\nlater,0:15.000\n")
    flags = [str(path), "--rate", "24", "--markers", str(table), "--duration", "30"]
    run = CliRunner().invoke(app, ["timeline", *flags, "--json"])
    read = json.loads(run.stdout)
    assert (read["name"], read["file_name"], read["duration_frames"]) == ("hits", "cut_v7", 720)
    assert [(m["frame"], m["name"]) for m in read["markers"]] == [(240, "HIT door"), (360, "later")]
    assert "hits (cut_v7)" in CliRunner().invoke(app, ["timeline", *flags]).stdout
    fit = json.loads(CliRunner().invoke(app, ["fit", *flags, "--json"]).stdout)
    assert [hit["frame"] for hit in fit["hits"]] == [240, 360]


def test_a_picture_has_to_be_a_video(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="not a video file"):
        with_companions(edit(48), Companions(picture=tmp_path / "gone.mov"))


def test_the_footage_is_measured_on_the_picture(tmp_path: Path) -> None:
    film = footage_makers.plain_film(tmp_path / "locked.mp4", count=250, rate=Fraction(24))
    seen = with_companions(edit(48), Companions(picture=film))
    assert [(s.media, s.media_online, s.source_start_s) for s in seen.shots] == [
        (str(film), True, 0.0),
        (str(film), True, 2.0),
    ]
    assert replace(seen, shots=(), warnings=()) == replace(edit(48), shots=(), warnings=())
    assert [w.partition(": ")[2] for w in seen.warnings] == [
        "the picture is 10 frames longer than the edit (240 frames)",
        "0 of the edit's 1 hard cuts are seen in the picture within 1 frame",
    ]
