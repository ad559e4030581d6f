"""``v2m-bridge fit``: the pinned JSON, the table, the picture, refusals; third-party films where they are at hand."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from fit_checker import check_fit

from v2m_bridge.cli.main import main

PINNED_HIT = {"frame", "seconds", "kind", "weight", "must", "beat", "error_frames", "lands"}
PINNED_TEMPO = {"seconds", "beat", "bpm", "numerator", "denominator"}
PINNED_SUMMARY = {
    "hits",
    "landed",
    "landed_share",
    "min_bpm",
    "max_bpm",
    "max_step",
    "constant_bpm",
    "constant_landed_share",
}


def write_edit(folder: Path, lengths: list[int], rate: float = 24.0, markers: dict[int, str] | None = None) -> Path:
    """A one-track edit of shots of so many frames, starting at 01:00:00:00."""
    import opentimelineio as otio

    def time(frames: int) -> Any:
        return otio.opentime.RationalTime(frames, rate)

    timeline = otio.schema.Timeline("film", global_start_time=time(86400))
    track = otio.schema.Track("V1", kind=otio.schema.TrackKind.Video)
    timeline.tracks.append(track)
    for number, length in enumerate(lengths):
        reference = otio.schema.ExternalReference(f"/nowhere/take{number}.mov")
        track.append(
            otio.schema.Clip(f"shot {number}", reference, otio.opentime.TimeRange(time(1000 * number), time(length)))
        )
    for frame, name in (markers or {}).items():
        span = otio.opentime.TimeRange(time(frame), time(1))
        timeline.tracks.markers.append(otio.schema.Marker(name, span, color="RED"))
    path = folder / "film.otio"
    otio.adapters.write_to_file(timeline, str(path))
    return path


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as ended:
        main(["fit", *arguments])
    captured = capsys.readouterr()
    return int(ended.value.code or 0), captured.out, captured.err


def test_the_pinned_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    edit = write_edit(tmp_path, [50, 73, 41, 120, 33, 88, 61], markers={284: "HIT"})
    code, out, _ = run(capsys, str(edit), "--tempo", "120", "--json")
    assert code == 0
    document = json.loads(out)
    assert document["schema"] == "v2m.fit/1"
    assert [hit["frame"] for hit in document["hits"]] == [50, 123, 164, 284, 317, 405]
    assert all(hit.keys() >= PINNED_HIT for hit in document["hits"])
    assert all(row.keys() >= PINNED_TEMPO for row in document["tempo"])
    assert document["summary"].keys() >= PINNED_SUMMARY
    assert [hit["lands"] for hit in document["hits"] if hit["must"]] == ["downbeat"]
    check_fit(document, Fraction(24), 120.0)


def test_the_table_speaks_timecode_and_bars(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    edit = write_edit(tmp_path, [48, 48, 5, 100])
    code, out, _ = run(capsys, str(edit), "--tempo", "120")
    assert code == 0
    assert "01:00:02:00" in out
    assert "2|1" in out
    assert "3|1" in out
    assert "downbeat" in out
    assert "The best constant tempo" in out


def test_a_miss_is_explained_under_the_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    edit = write_edit(tmp_path, [48, 48, 2, 100])
    _, out, err = run(capsys, str(edit), "--tempo", "120")
    assert "too close: 2 frames" in out
    assert "warning: 1 of 3 hits is not on the grid: too close to a neighbour\n" in err


def test_the_picture_is_well_formed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    edit = write_edit(tmp_path, [50, 73, 41, 120, 33, 88, 61])
    picture = tmp_path / "tempo.svg"
    code, out, _ = run(capsys, str(edit), "--svg", str(picture), "--json")
    assert code == 0
    root = ET.fromstring(picture.read_text(encoding="utf-8"))
    lines = [x for x in root.iter("{http://www.w3.org/2000/svg}line") if x.get("stroke") != "#cbd5e0"]
    assert len(lines) == len(json.loads(out)["hits"]) == 6


def test_options_reach_the_fit(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    edit = str(write_edit(tmp_path, [50, 73, 41, 120, 33, 88, 61], markers={200: "x"}))

    def fit(*options: str) -> Any:
        code, out, _ = run(capsys, edit, "--json", *options)
        assert code == 0
        return json.loads(out)

    assert fit("--tempo", "100", "--range", "0.02")["summary"]["max_bpm"] <= 102
    assert fit("--tempo", "100", "--max-step", "0")["summary"]["max_step"] == 0
    assert not [hit for hit in fit("--tempo", "100", "--no-eighths")["hits"] if hit["lands"] == "eighth"]
    assert 200 not in [hit["frame"] for hit in fit("--ignore-color", "red")["hits"]]
    assert 200 not in [hit["frame"] for hit in fit("--weight", "marker=0")["hits"]]
    assert [hit["must"] for hit in fit("--must", "x")["hits"] if hit["frame"] == 200] == [True]
    assert len(fit("--max-per-minute", "3")["hits"]) == 3


@pytest.mark.parametrize(
    "options",
    [
        ("--tempo", "fast"),
        ("--tempo", "1000"),
        ("--tempo", "nan"),
        ("--tempo", "inf"),
        ("--tempo", "-5"),
        ("--weight", "sound=1"),
        ("--weight", "cut=x"),
        ("--mood", "angry"),
        ("--range", "2"),
        ("--min-spacing", "-1"),
        ("--rate", "abc"),
    ],
)
def test_wrong_use_is_one_line_and_exit_2(
    options: tuple[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = run(capsys, str(write_edit(tmp_path, [50, 60])), *options)
    assert code == 2
    assert out == ""
    assert len(err.strip().splitlines()) == 1


FILMS = {
    "Meridian_UHD4k5994_HDR_P3PQ.otio": Fraction(60000, 1001),
    "SPARKS_P3_PQ_4000nit.otio": Fraction(60000, 1001),
    "SolLevante_HDR10_r2020_ST2084_UHD_24fps_1000nit.otio": Fraction(24),
}


@pytest.mark.parametrize(("bpm", "each", "mean"), [(120, 0.94, 0.97), (96, 0.88, 0.94), (72, 0.80, 0.87)])
def test_the_films(bpm: int, each: float, mean: float, shared_data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shares = []
    for name, rate in FILMS.items():
        code, out, _ = run(
            capsys, str(shared_data / "timelines/otio-oc-examples" / name), "--tempo", str(bpm), "--json"
        )
        assert code == 0
        document = json.loads(out)
        check_fit(document, rate, float(bpm))
        assert document["summary"]["hits"] >= 38
        assert document["summary"]["landed_share"] > 2 * document["summary"]["constant_landed_share"]
        shares.append(document["summary"]["landed_share"])
    assert min(shares) >= each
    assert sum(shares) / len(shares) >= mean
