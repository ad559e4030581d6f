"""``features``, ``cache`` and ``models`` from the command line."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
from footage_makers import sound_file

from v2m_bridge.cli.main import main
from v2m_bridge.demo.synthesis import synthesise_film


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as stopped:
        main(list(arguments))
    captured = capsys.readouterr()
    return int(stopped.value.code or 0), captured.out, captured.err


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return synthesise_film(tmp_path_factory.mktemp("film") / "film.mp4", size=(320, 180)).path


def test_features_as_json(film: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, "features", str(film), "--json")
    document = json.loads(out)
    assert (code, err, out.count("\n")) == (0, "", 1)
    assert document["schema"] == "v2m.features/1"
    assert document["rate"] == "24" and document["duration_s"] == 18
    assert document["cuts"] == [53, 94, 160, 197, 255, 300]
    assert len(document["motion"]) == math.ceil(document["duration_s"])
    assert document["motion"][0] == 0 and min(document["motion"][1:]) > 0
    without_weights = {"motion": True, "scene_offset": True, "semantic": False, "emotion": False}
    assert document["modalities"] == {**without_weights, "affect": True, "speech": False}


def test_features_as_a_table_and_a_contact_sheet(
    film: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from PIL import Image

    sheet = tmp_path / "made" / "sheet.png"
    code, out, err = run(capsys, "features", str(film), "--sheet", str(sheet))
    assert code == 0 and "hard cuts 6" in out and "00:00:03:22" in out
    assert "models pull clip" in err
    with Image.open(sheet) as picture:
        assert picture.size[0] == 1600
        thumbnails = picture.crop((32, 96, 1568, 300)).resize((64, 8))
        colours = {
            tuple(value // 40 for value in pixel[:3]) for pixel in thumbnails.convert("RGB").get_flattened_data()
        }
    assert len(colours) > 12  # the shots are there, not an empty grid


def test_features_of_an_edit(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from v2m_bridge.demo.edit import make_demo

    demo = make_demo(tmp_path)
    code, out, _ = run(capsys, "features", str(demo.edit), "--json", "--no-clip")
    document = json.loads(out)
    assert code == 0 and len(document["cuts"]) + len(document["transitions"]) == 10
    assert None not in document["motion"] and document["warnings"] == []


@pytest.mark.parametrize("command", ["features", "timeline"])
def test_what_is_no_video_gives_one_line(command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "empty.mp4").touch()
    (tmp_path / "noise.mov").write_bytes(bytes(range(256)) * 40)
    sound_file(tmp_path / "sound.mp4")
    for name in ("empty.mp4", "noise.mov", "sound.mp4", "missing.mp4"):
        code, out, err = run(capsys, command, str(tmp_path / name), "--json")
        told = json.loads(out)
        assert (code, told["schema"], told["error"]["code"] in ("bad_input", "bad_media")) == (
            2,
            "v2m.error/1",
            True,
        ), name
        assert err.count("\n") == 1 and err.startswith("v2m-bridge: ") and name in err


def test_a_contact_sheet_must_be_a_picture(film: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = run(capsys, "features", str(film), "--sheet", str(tmp_path / "sheet.doc"))
    assert code == 2 and "sheet.doc" in err


def test_cache_is_shown_and_cleared(film: Path, capsys: pytest.CaptureFixture[str], own_home: Path) -> None:
    run(capsys, "features", str(film), "--json")
    before = json.loads(run(capsys, "cache", "info", "--json")[1])
    assert before["entries"] >= 1 and before["size_bytes"] > 1000
    assert Path(before["folder"]).is_relative_to(own_home)
    assert json.loads(run(capsys, "cache", "clear", "--json")[1])["removed_entries"] == before["entries"]
    assert json.loads(run(capsys, "cache", "info", "--json")[1])["entries"] == 0
    assert "0 entries" in run(capsys, "cache", "info")[1]


def test_only_known_models_can_be_pulled(capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = run(capsys, "models", "pull", "everything")
    assert code == 2 and "clip" in err
