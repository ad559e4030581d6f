"""``v2m-bridge timeline``: the pinned JSON, a table that can be read, and the CSV of hits."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import edit_makers as make
import pytest


def run(*arguments: str, columns: int = 100) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "v2m_bridge", "timeline", *arguments],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), "COLUMNS": str(columns), "PYTHONUTF8": "1"},
    )


@pytest.fixture
def edit(tmp_path: Path) -> Path:
    return make.write_otio(tmp_path / "rich.otio", make.rich_otio())


PINNED = {
    "": "schema name rate start_frame start_timecode duration_frames shots cuts markers warnings",
    "shots": "start_frame end_frame media media_online source_start_s speed",
    "cuts": "frame seconds kind",
    "markers": "frame name color note",
}


def test_the_json_has_every_pinned_key(edit: Path) -> None:
    result = run(str(edit), "--json")
    assert (result.returncode, result.stderr) == (0, "")
    document = json.loads(result.stdout)
    for part, keys in PINNED.items():
        rows = document[part] if part else [document]
        assert rows and all(set(keys.split()) <= set(row) for row in rows), part
    assert document["schema"] == "v2m.timeline/1"
    assert (document["rate"], document["start_frame"], document["start_timecode"]) == ("24", 86_400, "01:00:00:00")
    assert document["cuts"][0] | {"timecode": ""} == {
        "frame": 40,
        "seconds": pytest.approx(40 / 24),
        "kind": "dissolve",
        "timecode": "",
        "span_start_frame": 36,
        "span_end_frame": 44,
    }


def test_the_table_shows_shots_markers_and_warnings(edit: Path) -> None:
    result = run(str(edit))
    assert result.returncode == 0
    assert "01:00:01:16" in result.stdout and "dissolve 8" in result.stdout and "mood: tense" in result.stdout
    assert "200 %" in result.stdout and "black" in result.stdout
    assert result.stderr.splitlines() == ["warning: 1 disabled clips are left out"]
    assert max(map(len, result.stdout.splitlines())) <= 100


def test_names_cannot_colour_the_terminal(tmp_path: Path) -> None:
    hostile = make.clip("[red]\x1b[31mx[/red]", 0, 10)
    result = run(str(make.write_otio(tmp_path / "e.otio", make.timeline(make.track(hostile), start=0))))
    assert "\x1b" not in result.stdout and "[red]" in result.stdout


def test_the_rate_is_given_as_hosts_print_it(tmp_path: Path) -> None:
    path = tmp_path / "e.edl"
    path.write_text(make.EDL)
    for text, rate in (("23.976", "24000/1001"), ("24000/1001", "24000/1001"), ("25", "25")):
        assert json.loads(run(str(path), "--rate", text, "--json").stdout)["rate"] == rate


def test_media_roots_bring_media_online(tmp_path: Path, edit: Path) -> None:
    (tmp_path / "rushes").mkdir()
    (tmp_path / "rushes/a.mov").write_bytes(b"x")
    shots = json.loads(run(str(edit), "--media-root", str(tmp_path / "rushes"), "--json").stdout)["shots"]
    assert [s["media"] for s in shots if s["media_online"]] == [str(tmp_path / "rushes/a.mov")]


@pytest.mark.parametrize(
    "arguments", [["missing.otio"], ["."], ["x.edl", "--rate", "abc"], ["x.edl", "--media-root", "nowhere"], ["x.docx"]]
)
def test_refusals_are_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str]) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "x.edl").write_text(make.EDL)
    (tmp_path / "x.docx").write_text("x")
    result = run(*arguments, "--json")
    assert result.returncode == 2 and json.loads(result.stdout)["error"]["message"] in result.stderr
    assert len(result.stderr.splitlines()) == 1 and result.stderr.startswith("v2m-bridge: ")


def test_a_bare_video_is_read_too(shared_data: Path) -> None:
    document = json.loads(run(str(shared_data / "footage/bikes.mp4"), "--json").stdout)
    assert document["schema"] == "v2m.timeline/1" and document["rate"] == "25"
    assert document["shots"][0]["media_online"] is True
