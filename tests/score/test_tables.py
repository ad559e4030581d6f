"""Tidy tables: a row each, one meaning a column, and nothing that a spreadsheet computes."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from cue_scores import film, make_score

from v2m_bridge.compose.write_files import WRITERS
from v2m_bridge.music.emotions import EMOTIONS
from v2m_bridge.timeline.model import Marker


def table(name: str, score: object, folder: Path) -> list[dict[str, str]]:
    WRITERS[name](score, folder / name)  # type: ignore[arg-type]
    with (folder / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_every_hit_and_chord_and_second_has_a_row(tmp_path: Path) -> None:
    score = make_score(film(9.0))
    hits = table("hits.csv", score, tmp_path)
    assert [int(row["frame"]) for row in hits if row["kind"] != "marker"] == [x.frame for x in score.timeline.cuts]
    assert [row["name"] for row in hits if row["kind"] == "marker"] == [x.name for x in score.timeline.markers]
    chords = table("chords.csv", score, tmp_path)
    assert [(row["symbol"], row["label"]) for row in chords] == [(x.symbol, x.label) for x in score.chords]
    assert all(float(row["end_s"]) > float(row["start_s"]) for row in chords)
    seconds = table("seconds.csv", score, tmp_path)
    assert len(seconds) == len(score.footage) > 0 and set(EMOTIONS) < seconds[0].keys()


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t"])
def test_no_name_is_a_formula(tmp_path: Path, start: str) -> None:
    score = make_score(film(9.0))
    evil = f'{start}HYPERLINK("http://example.org";"x")'
    marker = Marker(frame=24, name=evil, color=evil, note=evil)
    timeline = score.timeline.model_copy(update={"markers": (marker,)})
    rows = table("hits.csv", score.model_copy(update={"timeline": timeline}), tmp_path)
    (row,) = (row for row in rows if row["kind"] == "marker")
    assert (row["name"], row["colour"], row["note"]) == (f"'{evil}",) * 3
    late = [row["frames_late"] for row in rows if row["frames_late"]]
    assert late and all(abs(float(text)) < 100 for text in late)  # a minus before a number stays bare
