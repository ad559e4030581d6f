"""What every command owes its user: text on any terminal, JSON as UTF-8, an exit code and an object for every error."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from v2m_bridge.cli import main as cli
from v2m_bridge.cli.main import _command
from v2m_bridge.errors import DownloadError, HostAbsent, InputError

EDL = """TITLE: Été ▁▂▃ 長い名
FCM: NON-DROP FRAME
001  AX       V     C        00:00:00:00 00:00:05:00 01:00:00:00 01:00:05:00
* FROM CLIP NAME: Blütenträume ✓.mov
002  AX       V     C        00:00:00:00 00:00:05:00 01:00:05:00 01:00:10:00
* FROM CLIP NAME: 猫.mov
003  AX       V     C        00:00:00:00 00:00:10:00 01:00:10:00 01:00:20:00
* FROM CLIP NAME: c.mov
"""


@pytest.fixture
def edit(tmp_path: Path) -> Path:
    path = tmp_path / "film.edl"
    path.write_text(EDL, encoding="utf-8")
    return path


def run(*arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[bytes]:
    env = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), **environment}
    return subprocess.run([sys.executable, "-m", "v2m_bridge", *arguments], capture_output=True, env=env)


ENCODINGS = {
    "cp1252": {"PYTHONIOENCODING": "cp1252"},
    "cp932": {"PYTHONIOENCODING": "cp932"},
    "C": {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"},
}


@pytest.mark.parametrize("environment", ENCODINGS.values(), ids=ENCODINGS)
def test_no_command_dies_of_a_character(edit: Path, environment: dict[str, str]) -> None:
    for arguments in (("fit", edit), ("timeline", edit), ("changes", edit, edit), ("score", "--help")):
        result = run(*arguments, **environment)
        assert result.returncode == 0, (arguments, result.stderr)
    curve = run("fit", edit, **environment).stdout.splitlines()[-4]
    assert b"??" not in curve, curve
    result = run("timeline", edit.with_name("猫.edl"), **environment)
    assert result.returncode == 2 and result.stderr.startswith(b"v2m-bridge: ")


@pytest.mark.parametrize("environment", ENCODINGS.values(), ids=ENCODINGS)
def test_json_is_utf_8_everywhere(edit: Path, environment: dict[str, str]) -> None:
    result = run("timeline", edit, "--rate", "24", "--json", **environment)
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout.decode("utf-8"))["name"] == "Été ▁▂▃ 長い名"


EVERY_COMMAND = """
import sys
from v2m_bridge.cli.main import main

call = []
for word in sys.argv[1:]:
    if word != "NEXT":
        call.append(word)
        continue
    try:
        main(call)
    except SystemExit as ended:
        print("ended", call[0], ended.code, file=sys.stderr)
    call = []
"""


def commands_over(edit: Path, out: Path) -> list[tuple[list[str], int]]:
    """A call of every command that reads or shows an edit, and how it has to end on a machine without the hosts."""
    score = str(out / "score")
    calls: list[tuple[list[str], int]] = [
        (["score", str(edit), "--out", score], 0),
        (["rewrite", score, "--bars", "2-3"], 0),
        (["export", score, "--video", str(out / "film.mp4")], 0),
        (["batch", str(edit), "--out", str(out / "batch"), "--jobs", "1"], 0),
        (["timeline", str(edit)], 0),
        (["changes", str(edit), str(edit)], 0),
        (["fit", str(edit)], 0),
        (["features", str(edit)], 0),
        (["push", score, "--timeout", "1"], 3),
        (["cache", "info"], 0),
        (["doctor"], 0),
        (["models", "list"], 0),
        (["timeline", str(edit.with_name("никогда 🎬.edl"))], 2),
    ]
    return calls


@pytest.mark.slow
@pytest.mark.parametrize("environment", ENCODINGS.values(), ids=ENCODINGS)
def test_every_command_ends_as_it_should_over_names_of_all_scripts(tmp_path: Path, environment: dict[str, str]) -> None:
    edit = tmp_path / "猫 кошка 🎬.edl"
    edit.write_text(EDL.replace("長い名", "長い名 Кошка 🎬").replace("c.mov", "кот 🎥.mov"), encoding="utf-8")
    calls = commands_over(edit, tmp_path / "出力")
    env = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), "V2M_HOME": str(tmp_path / "дом"), **environment}
    words = [word for call, _ in calls for word in (*call, "NEXT")]
    result = subprocess.run([sys.executable, "-c", EVERY_COMMAND, *words], capture_output=True, env=env)
    ends = re.findall(rb"^ended (\S+) (\S+)", result.stderr, re.MULTILINE)
    assert [(name.decode(), code.decode()) for name, code in ends] == [(call[0], str(code)) for call, code in calls], (
        result.stderr.decode("utf-8", "replace")
    )
    assert b"internal error" not in result.stderr and b"Traceback" not in result.stderr


WITH_OTHER_LINE_ENDS = """
import io, os, sys

os.linesep = "\\r\\n"
real = io.open


def opened(file, mode="r", buffering=-1, encoding=None, errors=None, newline=None, *more, **named):
    if newline is None and "b" not in mode and set(mode) & set("wax"):
        newline = "\\r\\n"  # what Windows makes of a line end that nobody chose
    return real(file, mode, buffering, encoding, errors, newline, *more, **named)


io.open = opened
import builtins, pathlib

builtins.open = opened
from v2m_bridge.cli.main import main

main(sys.argv[1:])
"""


def test_a_score_has_the_same_bytes_where_lines_end_in_another_way(edit: Path, tmp_path: Path) -> None:
    def hashes(program: list[str], out: Path) -> dict[str, str]:
        env = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
        subprocess.run([sys.executable, *program, "score", edit, "--out", out, "--seed", "3"], check=True, env=env)
        return {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in out.iterdir() if p.name[0] != "."}

    plain = hashes(["-m", "v2m_bridge"], tmp_path / "plain")
    other = hashes(["-c", WITH_OTHER_LINE_ENDS], tmp_path / "other")
    assert len(plain) >= 8 and plain == other


def end(arguments: list[str]) -> int:
    with pytest.raises(SystemExit) as ended:
        cli.main(arguments)
    return int(ended.value.code or 0)


def failing(error: Exception) -> Any:
    def read(*_: object, **__: object) -> None:
        raise error

    return read


@pytest.mark.parametrize(
    ("error", "code", "exit_code"),
    [
        (InputError("no picture", "give one"), "bad_input", 2),
        (HostAbsent("REAPER does not answer", "start it"), "host_refused", 3),
        (DownloadError("no network", "try again"), "download_failed", 4),
        (ValueError("a mistake"), "internal", 1),
    ],
)
def test_an_error_is_one_line_and_one_object(
    error: Exception,
    code: str,
    exit_code: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("v2m_bridge.compose.source.read_source", failing(error))
    assert end(["timeline", "x.otio", "--json"]) == exit_code
    said = capsys.readouterr()
    told = json.loads(said.out)
    assert told["schema"] == "v2m.error/1" and told["error"]["code"] == code
    assert told["error"]["message"] in said.err and len(said.err.splitlines()) == 1
    assert end(["timeline", "x.otio"]) == exit_code
    assert capsys.readouterr().out == ""


def test_wrong_usage_is_an_object_too(capsys: pytest.CaptureFixture[str]) -> None:
    assert end(["timeline", "--bogus", "--json"]) == 2
    assert json.loads(capsys.readouterr().out)["error"]["code"] == "wrong_usage"


def test_the_daemon_that_is_not_there_is_exit_3(edit: Path, tmp_path: Path) -> None:
    result = run("score", edit, "--via-daemon", "--out", tmp_path / "out", V2M_HOME=str(tmp_path / "home"))
    assert result.returncode == 3, result.stderr


def commands(at: Any = None, names: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    at = at or _command()
    yield names
    for name, each in getattr(at, "commands", {}).items():
        yield from commands(each, (*names, name))


@pytest.mark.parametrize("names", list(commands()), ids=" ".join)
def test_every_help_is_short_for_and_without_types_of_switches(
    names: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert end([*names, "-h"]) == 0
    short = capsys.readouterr().out
    assert "<bool>" not in short and re.search(r"--help\s+-h\b", short)
    assert end([*names, "--help"]) == 0
    assert capsys.readouterr().out == short


def test_a_score_lies_beside_its_edit_or_where_o_says() -> None:
    from v2m_bridge.cli.score import default_folder

    assert default_folder(Path("/films/reel 1.otio")) == Path("/films/reel 1-score")
    (score,) = (each for name, each in _command().commands.items() if name == "score")
    (out,) = (param for param in score.params if "--out" in param.opts)
    assert "-o" in out.opts and not out.required


@pytest.mark.parametrize("command", ["score", "fit", "features", "timeline"])
def test_every_reading_command_takes_rate_root_and_range(command: str) -> None:
    flags = {flag for param in _command().commands[command].params for flag in param.opts}
    assert {"--rate", "--media-root", "--in", "--out-point"} <= flags
    assert {"--rate", "--media-root"} <= {flag for p in _command().commands["changes"].params for flag in p.opts}


def test_a_range_by_timecode(edit: Path, capsys: pytest.CaptureFixture[str]) -> None:
    given = ["timeline", str(edit), "--rate", "24", "--json"]
    assert end([*given, "--in", "01:00:05:12", "--out-point", "01:00:12:00"]) == 0
    read = json.loads(capsys.readouterr().out)
    assert (read["start_timecode"], read["duration_frames"]) == ("01:00:05:12", 6 * 24 + 12)
    assert [cut["frame"] for cut in read["cuts"]] == [4 * 24 + 12]
    for point in (["--in", "00:59:59:23"], ["--out-point", "01:00:20:01"], ["--in", "noon"]):
        assert end([*given, *point]) == 2
        assert point[1] in capsys.readouterr().err


@pytest.mark.parametrize("command", ["timeline", "fit"])
def test_tables_fit_60_columns(
    command: str, edit: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    assert end([command, str(edit), "--rate", "24"]) == 0
    said = capsys.readouterr().out
    assert "01:00:10:00" in said
    assert max(len(line) for line in said.splitlines()) <= 60


def test_one_is_not_many(edit: Path, capsys: pytest.CaptureFixture[str]) -> None:
    given = [str(edit), "--rate", "24", "--in", "01:00:01:00", "--out-point", "01:00:09:00"]
    assert end(["timeline", *given]) == 0
    assert "2 shots, 1 cut, 0 markers" in " ".join(capsys.readouterr().out.split())
    assert end(["fit", *given]) == 0
    assert "1 of 1 hit lands" in capsys.readouterr().out
