"""What shapes hits and tempo is the same for ``score``, ``fit`` and the daemon's options; what is heard is told."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from v2m_bridge.amt.decode_options import DecodeOptions, HarmonyOptions
from v2m_bridge.cli.main import main
from v2m_bridge.music.arrange_options import ArrangeOptions
from v2m_bridge.options import ScoreOptions
from v2m_bridge.sync.model import FitOptions
from v2m_bridge.timeline.hits import HitOptions

SHOTS = (31, 47, 22, 58, 19, 40, 27, 63, 24, 35, 18, 51, 29, 44)
MARKERS = {53: ("HIT", "RED"), 140: ("DOOR", "GREEN"), 231: ("turn", "BLUE"), 236: ("glance", "BLUE")}


@pytest.fixture(scope="module")
def edit(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Fourteen offline shots with markers, at 24 frames a second."""
    import opentimelineio as otio

    def span(start: int, frames: int) -> Any:
        return otio.opentime.TimeRange(otio.opentime.RationalTime(start, 24), otio.opentime.RationalTime(frames, 24))

    timeline = otio.schema.Timeline("wishes", global_start_time=otio.opentime.RationalTime(86400, 24))
    track = otio.schema.Track("V1", kind=otio.schema.TrackKind.Video)
    timeline.tracks.append(track)
    for number, frames in enumerate(SHOTS):
        track.append(otio.schema.Clip(f"shot {number}", otio.schema.MissingReference(), span(0, frames)))
    for frame, (name, color) in MARKERS.items():
        timeline.tracks.markers.append(otio.schema.Marker(name, span(86400 + frame, 1), color))
    path = tmp_path_factory.mktemp("edit") / "wishes.otio"
    otio.adapters.write_to_file(timeline, str(path))
    return path


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as ended:
        main(list(arguments))
    captured = capsys.readouterr()
    return int(ended.value.code or 0), captured.out, captured.err


def fit_of(capsys: pytest.CaptureFixture[str], edit: Path, *wishes: str) -> dict[str, Any]:
    code, out, err = run(capsys, "fit", str(edit), "--json", *wishes)
    assert code == 0, err
    found: dict[str, Any] = json.loads(out)
    return found


@pytest.mark.parametrize(
    "wishes",
    [
        ("--must", "DOOR"),
        ("--ignore-color", "blue", "--ignore-color", "green"),
        ("--weight", "cut=0", "--weight", "marker=3"),
        ("--min-spacing", "1.5"),
        ("--max-per-minute", "8"),
        ("--tempo", "100", "--range", "0.02"),
        ("--tempo", "100", "--max-step", "0"),
        ("--tempo", "100", "--tolerance", "0.1"),
        ("--tempo", "100", "--no-eighths"),
        ("--tempo", "100", "--odd-bar-cost", "0.1"),
        ("--tempo", "100", "--steadiness", "3"),
    ],
    ids=" ".join,
)
def test_score_follows_the_wishes_of_fit(
    edit: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], wishes: tuple[str, ...]
) -> None:
    if "--tempo" not in wishes and "--mood" not in wishes:
        wishes = ("--tempo", "100", *wishes)  # an automatic tempo also follows the picture, which fit does not look at
    plain = fit_of(capsys, edit, *(wishes[:2] if wishes[0] == "--tempo" else ()))
    wanted = fit_of(capsys, edit, *wishes)
    assert (wanted["hits"], wanted["tempo"]) != (plain["hits"], plain["tempo"])
    code, out, err = run(
        capsys, "score", str(edit), "--out", str(tmp_path / "cue"), "--candidates", "1", "--json", *wishes
    )
    assert code == 0, err
    fit = json.loads(out)["fit"]
    assert (fit["hits"], fit["tempo"]) == (wanted["hits"], wanted["tempo"])


def test_without_wishes_every_stage_has_its_own_defaults() -> None:
    options = ScoreOptions()
    assert (options.fit, options.hits) == (FitOptions(), HitOptions())
    assert (options.decoding, options.harmony) == (DecodeOptions(), HarmonyOptions())
    assert options.arrangement == ArrangeOptions()


@pytest.mark.parametrize(
    ("wishes", "words"),
    [
        (("--range", "0.4"), "--range 0.4"),
        (("--max-step", "-0.1"), "--max-step -0.1"),
        (("--tolerance", "0"), "--tolerance 0.0"),
        (("--min-spacing", "-1"), "--min-spacing -1.0"),
        (("--max-per-minute", "nan"), "--max-per-minute nan"),
        (("--odd-bar-cost", "-1"), "--odd-bar-cost -1.0"),
        (("--steadiness", "inf"), "--steadiness inf"),
        (("--weight", "cut=-1"), "--weight -1.0"),
        (("--weight", "jump=1"), "--weight 'jump=1'"),
        (("--weight", "motion=1"), "--motion-hits"),
    ],
    ids=" ".join,
)
def test_a_wish_out_of_range_is_one_clear_line(
    edit: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], wishes: tuple[str, ...], words: str
) -> None:
    code, out, err = run(capsys, "score", str(edit), "--out", str(tmp_path / "cue"), *wishes)
    assert (code, out, len(err.splitlines())) == (2, "", 1)
    assert words in err
    assert not (tmp_path / "cue").exists()


def test_the_daemon_s_options_take_them_by_name() -> None:
    wish = {
        "must": "",
        "ignore_colors": ["BLUE"],
        "weights": {"dissolve": 0.2},
        "min_spacing_s": 0.5,
        "max_per_minute": 20,
        "tempo_range": 0.05,
        "max_step": 0.02,
        "tolerance_frames": 1,
        "eighths": False,
        "odd_bar_cost": 5,
        "steadiness": 0.5,
    }
    read = ScoreOptions.model_validate_json(json.dumps(wish))
    assert {name: read.model_dump(mode="json")[name] for name in wish} == wish
    for wrong in ({"weights": {"jump": 1}}, {"weights": {"cut": -1}}, {"tempo_range": 0.5}, {"spacing": 1}):
        with pytest.raises(ValidationError):
            ScoreOptions.model_validate(wrong)


def test_the_preview_s_loudness_is_told(edit: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "cue"
    code, told, err = run(capsys, "score", str(edit), "--out", str(out), "--candidates", "1", "--preview")
    assert code == 0, err
    heard = json.loads((out / "score.json").read_text(encoding="utf-8"))["preview"]
    assert heard["duration_s"] == pytest.approx(sum(SHOTS) / 24, abs=1e-4)
    assert -40 < heard["integrated_lufs"] < -10 and heard["peak_dbfs"] <= -1
    line = next(line for line in told.splitlines() if line.startswith("preview"))
    assert f"{heard['integrated_lufs']:.1f} LUFS" in line
    # the job that push writes later from score.json is the one that was written now
    from v2m_bridge.reaper.write_job import write_job
    from v2m_bridge.score.write_json import read_score

    again = write_job(read_score(out / "score.json"), tmp_path / "again.v2m")
    assert again.read_bytes() == (out / "score.v2m").read_bytes()


def test_help_names_every_preset(capsys: pytest.CaptureFixture[str]) -> None:
    from v2m_bridge.music.instruments import PRESETS

    _, out, _ = run(capsys, "score", "--help")
    words = out.replace("│", " ").split()
    assert all(f"{name}," in words or f"{name};" in words for name in PRESETS)
