"""``v2m-bridge changes`` from outside."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from v2m_bridge.cli.main import main

HEAD = "TITLE: {name}\nFCM: NON-DROP FRAME\n"
OLD = """001  AX  V  C  00:00:10:00 00:00:12:00 01:00:00:00 01:00:02:00
* FROM CLIP NAME: A
002  AX  V  C  00:00:20:00 00:00:23:00 01:00:02:00 01:00:05:00
* FROM CLIP NAME: B
"""
NEW = """001  AX  V  C  00:00:10:00 00:00:11:00 01:00:00:00 01:00:01:00
* FROM CLIP NAME: A
002  AX  V  C  00:00:20:00 00:00:23:00 01:00:01:00 01:00:04:00
* FROM CLIP NAME: B
"""


@pytest.fixture
def cuts(tmp_path: Path) -> tuple[str, str]:
    for name, text in (("old", OLD), ("new", NEW)):
        (tmp_path / f"{name}.edl").write_text(HEAD.format(name=name) + text)
    return str(tmp_path / "old.edl"), str(tmp_path / "new.edl")


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as done:
        main(["changes", *arguments, "--rate", "25"])
    return int(done.value.code or 0)


def test_json_is_one_object_of_the_pinned_form(cuts: tuple[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(*cuts, "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert found["schema"] == "v2m.changes/1"
    assert found["segments"] == [
        {"old_start": 0, "old_end": 25, "new_start": 0, "new_end": 25},
        {"old_start": 50, "old_end": 125, "new_start": 25, "new_end": 100},
    ]
    assert [(c["kind"], c["old"], c["new"]) for c in found["changes"]] == [
        ("tail trimmed", [0, 25], [0, 25]),
        ("gone", [25, 50], None),
        ("moved", [50, 125], [25, 100]),
    ]
    assert found["summary"]["gone_frames"] == 25
    assert found["warnings"] == []


def test_the_table_says_what_happened(cuts: tuple[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(*cuts) == 0
    shown = capsys.readouterr().out
    assert "100 frames kept" in shown
    assert "tail trimmed" in shown
    assert "-25" in shown


def test_the_same_cut(cuts: tuple[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(cuts[0], cuts[0]) == 0
    assert "same picture" in capsys.readouterr().out


def test_files_are_written(cuts: tuple[str, str], tmp_path: Path) -> None:
    paths = [tmp_path / name for name in ("c.edl", "c.csv", "c.svg")]
    assert run(*cuts, "--edl", str(paths[0]), "--csv", str(paths[1]), "--svg", str(paths[2])) == 0
    assert [p.read_text(encoding="utf-8")[:5] for p in paths] == ["TITLE", "chang", "<svg "]


def test_a_file_that_cannot_be_written_is_one_line(
    cuts: tuple[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*cuts, "--csv", str(tmp_path / "no" / "c.csv")) == 2
    assert "cannot write" in capsys.readouterr().err


def test_a_missing_cut_is_one_line(cuts: tuple[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(cuts[0], "nowhere.edl") == 2
    assert "nowhere.edl" in capsys.readouterr().err
