"""The border: exit codes, one clear line, nothing half-written."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest


def run(*arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "v2m_bridge", *arguments],
        capture_output=True,
        text=True,
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )


def assert_refused(result: subprocess.CompletedProcess[str], *words: str) -> None:
    assert result.returncode == 2, result.stderr
    assert result.stdout == ""
    lines = result.stderr.strip().splitlines()
    assert len(lines) == 1, result.stderr
    assert lines[0].startswith("v2m-bridge: ")
    for word in words:
        assert word in lines[0]


EMPTY_OTIO = """{"OTIO_SCHEMA": "Timeline.1", "name": "nothing", "global_start_time": null, "metadata": {},
"tracks": {"OTIO_SCHEMA": "Stack.1", "name": "tracks", "children": [], "effects": [], "markers": [],
"metadata": {}, "source_range": null}}"""


@pytest.fixture
def bad_inputs(tmp_path: Path) -> dict[str, Path]:
    (tmp_path / "folder").mkdir()
    (tmp_path / "film.mp4").write_bytes(b"\x00\x00\x00\x18ftypmp42" + bytes(range(256)) * 40)
    (tmp_path / "empty.mp4").write_bytes(b"")
    (tmp_path / "empty.otio").write_text(EMPTY_OTIO)
    (tmp_path / "cut.otio").write_text(EMPTY_OTIO[:100])
    (tmp_path / "page.docx").write_bytes(b"PK\x03\x04")
    names = {"missing": "missing.otio", "a folder": "folder", "corrupt video": "film.mp4", "empty video": "empty.mp4"}
    names |= {"empty timeline": "empty.otio", "cut-off edit": "cut.otio", "unknown kind": "page.docx"}
    return {kind: tmp_path / name for kind, name in names.items()}


KINDS = ("missing", "a folder", "corrupt video", "empty video", "empty timeline", "cut-off edit", "unknown kind")


@pytest.mark.parametrize("kind", KINDS)
def test_bad_input_is_one_line_and_exit_2(kind: str, bad_inputs: dict[str, Path], tmp_path: Path) -> None:
    source = bad_inputs[kind]
    before = sorted(tmp_path.iterdir())
    assert_refused(run("score", str(source), "--out", str(tmp_path / "out")), source.name)
    assert [path for path in sorted(tmp_path.iterdir()) if path.name != "v2m-home"] == before


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--tempo", "fast"], ["--tempo", "fast"]),
        (["--tempo", "1000"], ["--tempo"]),
        (["--key", "H minor"], ["H minor"]),
        (["--mood", "hungry"], ["hungry", "relaxing"]),
        (["--affect", "nan"], ["--affect"]),
    ],
)
def test_wrong_options_name_the_option(arguments: list[str], words: list[str], tmp_path: Path) -> None:
    (tmp_path / "edit.otio").write_text(EMPTY_OTIO)
    result = run("score", str(tmp_path / "edit.otio"), "--out", str(tmp_path / "out"), *arguments)
    assert_refused(result, *words)
    assert not (tmp_path / "out").exists()


def test_unknown_command_and_missing_out() -> None:
    assert run("compose").returncode == 2
    assert run("score", "edit.otio").returncode == 2


def test_help_names_the_commands() -> None:
    result = run("--help")
    assert result.returncode == 0
    assert "score" in result.stdout and "timeline" in result.stdout
