"""What only Windows asks for, by simulation: accounts, windows, the Store's Python, shares judged by their text."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from v2m_bridge import windows
from v2m_bridge.errors import SetupError
from v2m_bridge.files.within import share_of
from v2m_bridge.windows import CREATE_NO_WINDOW, console_python, keep_private, no_window, python_of_the_store

WHOAMI = '"büro\\jürgen","S-1-5-21-1004336348-1177238915-682003330-512"\r\n'.encode("cp850")
"""As whoami writes it into a pipe: in the console's code page, with a name that is no UTF-8."""


def test_a_folder_outside_of_the_users_own_is_his_alone() -> None:
    commands: list[Sequence[str]] = []

    def run(command: Sequence[str]) -> bytes:
        commands.append(command)
        return WHOAMI if command[0] == "whoami" else b""

    folder = Path("C:/ProgramData/v2m-bridge/1a2b")
    assert keep_private(folder, "win32", run) == ""
    account = "*S-1-5-21-1004336348-1177238915-682003330-512:(OI)(CI)F"
    assert commands[-1][:4] == ["icacls", str(folder), "/inheritance:r", "/grant:r"]
    assert commands[-1][4] == account
    assert len(commands[-1]) == 7  # the system and the administrators, nobody else
    assert keep_private(folder, "linux", run) == ""
    assert len(commands) == 2


@pytest.mark.parametrize("answer", [OSError(2, "no such program"), subprocess.TimeoutExpired("whoami", 20), b"?"])
def test_rights_that_cannot_be_set_are_a_warning(answer: bytes | Exception) -> None:
    def run(command: Sequence[str]) -> bytes:
        if isinstance(answer, Exception):
            raise answer
        return answer

    assert "others on this machine may write" in keep_private(Path("C:/ProgramData/x"), "win32", run)


def test_no_window_opens_on_windows_and_nothing_changes_elsewhere() -> None:
    assert (no_window("win32"), no_window("linux"), no_window("darwin")) == (CREATE_NO_WINDOW, 0, 0)
    assert console_python(r"C:\Users\a b\v2m\Scripts\pythonw.exe") == r"C:\Users\a b\v2m\Scripts\python.exe"
    assert console_python("/usr/bin/python3") == "/usr/bin/python3"


STORE = r"C:\Program Files\WindowsApps\PythonSoftwareFoundation.Python.3.11_3.11.2544.0_x64__qbz5n2kfra8p0"
ALIAS = r"C:\Users\a\AppData\Local\Microsoft\WindowsApps\python.exe"


@pytest.mark.parametrize(
    ("places", "store"),
    [
        ((ALIAS,), True),
        ((r"C:\work\.venv\Scripts\python.exe", STORE), True),
        ((r"C:\Users\a\AppData\Local\Programs\Python\Python312\python.exe",), False),
        ((r"C:\Users\a\AppData\Roaming\uv\python\cpython-3.12\python.exe",), False),
        (("/usr/bin/python3", "/usr"), False),
    ],
)
def test_the_stores_python_is_recognised(places: tuple[str, ...], store: bool) -> None:
    assert python_of_the_store(places) is store


@pytest.mark.parametrize("command", ["install resolve", "install reaper", "install service", "serve", "setup"])
def test_the_stores_python_is_refused_with_the_remedy(
    command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    from v2m_bridge.cli.main import main

    monkeypatch.setenv("V2M_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(windows.sys, "base_prefix", STORE)
    with pytest.raises(SystemExit) as ended:
        main(command.split())
    assert ended.value.code == 2
    assert "Microsoft Store" in (told := capsys.readouterr().err)
    assert "python.org" in told
    assert not (tmp_path / "home").exists()


def test_the_refusal_is_an_error_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(windows.sys, "base_prefix", STORE)
    with pytest.raises(SetupError, match="hides the files"):
        windows.refuse_python_of_the_store()


@pytest.mark.parametrize(
    ("path", "share"),
    [
        (r"\\NAS\Media\day 1\a.mov", "//nas/media"),
        ("//nas/media/a.mov", "//nas/media"),
        (r"\\?\UNC\nas\media\a.mov", "//nas/media"),
        (r"\\.\UNC\nas\media\a.mov", "//nas/media"),
        (r"\\nas", "//nas/"),
        (r"C:\media\a.mov", None),
        (r"\\?\C:\media\a.mov", None),
        (r"\\.\pipe\x", None),
        ("/home/a.mov", None),
        ("relative/a.mov", None),
    ],
)
def test_a_share_is_known_by_its_text(path: str, share: str | None) -> None:
    assert share_of(path) == share
