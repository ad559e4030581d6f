"""``v2m-bridge timeline``: the pinned JSON, a table that can be read, and the CSV of hits."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import edit_makers as make
import pytest
from v2m_bridge.hosts.write_hits_csv import COLUMNS, write_hits_csv

from v2m_bridge.edits.read_edit import read_edit
from v2m_bridge.errors import InputError
from v2m_bridge.sync.document import FitDocument, HitDocument, SummaryDocument
from v2m_bridge.sync.model import Lands
from v2m_bridge.timeline.document import timeline_document
from v2m_bridge.timeline.hits import HitKind


def run(*arguments: str, columns: int = 100) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "v2m_bridge", "timeline", *arguments],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent), "COLUMNS": str(columns), "PYTHONUTF8": "1"},
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
    assert (result.returncode, result.stdout) == (2, "")
    assert len(result.stderr.splitlines()) == 1 and result.stderr.startswith("v2m-bridge: ")


def test_a_bare_video_is_read_too(shared_data: Path) -> None:
    document = json.loads(run(str(shared_data / "footage/bikes.mp4"), "--json").stdout)
    assert document["schema"] == "v2m.timeline/1" and document["rate"] == "25"
    assert document["shots"][0]["media_online"] is True


# ---------------------------------------------------------------- hits as CSV


def fit(*labels: str) -> FitDocument:
    hits = tuple(
        HitDocument(
            frame=24 * k,
            seconds=float(k),
            kind=HitKind.MARKER if label else HitKind.CUT,
            weight=1.5,
            must=bool(label),
            label=label,
            beat=2.0 * k,
            error_frames=-0.25,
            lands=Lands.DOWNBEAT,
        )
        for k, label in enumerate(labels)
    )
    summary = SummaryDocument(
        hits=len(hits),
        landed=len(hits),
        landed_share=1.0,
        min_bpm=120,
        max_bpm=120,
        max_step=0,
        constant_bpm=120,
        constant_landed_share=1.0,
    )
    return FitDocument(requested_bpm=120, hits=hits, tempo=(), summary=summary, end_beat=16.0)


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def test_hits_are_written_with_their_timecode(tmp_path: Path, edit: Path) -> None:
    path = tmp_path / "hits.csv"
    write_hits_csv(fit("", 'door, "slam"\n'), path, timeline_document(read_edit(edit)))
    first, second = rows(path)
    assert tuple(first) == COLUMNS
    assert second == {
        "number": "2",
        "timecode": "01:00:01:00",
        "frame": "24",
        "seconds": "1.000000",
        "kind": "marker",
        "must": "yes",
        "weight": "1.5",
        "beat": "2",
        "error_frames": "-0.250",
        "lands": "downbeat",
        "label": 'door, "slam"\n',
    }


def test_hits_without_a_timeline_have_no_timecode(tmp_path: Path) -> None:
    write_hits_csv(fit(""), tmp_path / "hits.csv")
    assert rows(tmp_path / "hits.csv")[0]["timecode"] == ""


@pytest.mark.parametrize("label", ['=HYPERLINK("http://x")', "+1", "-1", "@sum"])
def test_a_label_is_never_a_formula(tmp_path: Path, label: str) -> None:
    write_hits_csv(fit(label), tmp_path / "hits.csv")
    assert rows(tmp_path / "hits.csv")[0]["label"] == f"'{label}"


def test_a_folder_cannot_be_written_to_as_a_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot write"):
        write_hits_csv(fit(""), tmp_path)


def test_drop_frame_timecode_in_the_csv(tmp_path: Path) -> None:
    path = make.write_otio(
        tmp_path / "df.otio", make.timeline(make.track(make.clip("a", 0, 100, 29.97)), start=107_892, rate=29.97)
    )
    timeline = read_edit(path)
    assert timeline.rate == Fraction(30000, 1001)
    write_hits_csv(fit("", ""), tmp_path / "hits.csv", timeline_document(timeline))
    assert rows(tmp_path / "hits.csv")[1]["timecode"] == "01:00:00;24"
