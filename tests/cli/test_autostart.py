"""The daemon that starts with the user, on the three systems, and the setting-up and its undo."""

from __future__ import annotations

import plistlib
import subprocess
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from pathlib import Path, PureWindowsPath

import pytest

from v2m_bridge.autostart import STOP_WITHIN_S, Computer, install, uninstall

TASK_NS = "{http://schemas.microsoft.com/windows/2004/02/mit/task}"


class Host:
    """Remembers the commands of the system; refuses those that begin with ``refuses``."""

    def __init__(self, refuses: str = "") -> None:
        self.commands: list[str] = []
        self._refuses = refuses

    def run(self, command: Sequence[str]) -> bytes:
        self.commands.append(" ".join(command))
        if self._refuses and self.commands[-1].startswith(self._refuses):
            raise subprocess.CalledProcessError(1, command)
        return b""


def computer(tmp_path: Path, platform: str, host: Host, **environ: str) -> Computer:
    python = r"C:\Users\A B\uv\Scripts\python.exe" if platform == "win32" else "/Users/a b/.local/share/uv/bin/python"
    account = "STUDIO\\Jürgen & Co" if platform == "win32" else "501"
    return Computer(platform, tmp_path / "user", environ, python, account, host.run)


ROOTS = (Path("/Volumes/Media & 100% of it"),)


def test_a_systemd_unit(tmp_path: Path) -> None:
    host = Host()
    here = computer(tmp_path, "linux", host)
    report = install(tmp_path / "state", ROOTS, here)
    text = report.file.read_text(encoding="utf-8")
    assert report.file == tmp_path / "user/.config/systemd/user/v2m-bridge.service"
    assert (
        'ExecStart="/Users/a b/.local/share/uv/bin/python" -m v2m_bridge serve --media-root '
        '"/Volumes/Media & 100%% of it"' in text
    )
    assert f"ReadWritePaths={tmp_path / 'state'}" in text
    assert f"TimeoutStopSec={STOP_WITHIN_S}" in text
    assert "Environment=" not in text
    assert host.commands == [
        "systemctl --user daemon-reload",
        "systemctl --user enable v2m-bridge.service",
        "systemctl --user restart v2m-bridge.service",
    ]
    assert (report.started, report.steps) == (True, [])
    assert uninstall(tmp_path / "state", here).removed
    assert not report.file.exists()
    assert host.commands[3:] == ["systemctl --user disable --now v2m-bridge.service", "systemctl --user daemon-reload"]
    assert not uninstall(tmp_path / "state", here).removed


def test_a_launchd_agent(tmp_path: Path) -> None:
    host = Host()
    here = computer(tmp_path, "darwin", host, V2M_HOME=str(tmp_path / "state"))
    report = install(tmp_path / "state", ROOTS, here)
    agent = plistlib.loads(report.file.read_bytes())
    assert report.file == tmp_path / "user/Library/LaunchAgents/com.v2m-bridge.daemon.plist"
    assert agent["ProgramArguments"] == [here.python, "-m", "v2m_bridge", "serve", "--media-root", str(ROOTS[0])]
    assert agent["KeepAlive"] == {"SuccessfulExit": False}
    assert agent["EnvironmentVariables"] == {"V2M_HOME": str(tmp_path / "state")}
    assert agent["Umask"] == 0o077
    assert host.commands == [
        "launchctl bootout gui/501/com.v2m-bridge.daemon",
        f"launchctl bootstrap gui/501 {report.file}",
    ]
    assert uninstall(tmp_path / "state", here).removed


def test_a_logon_task(tmp_path: Path) -> None:
    host = Host()
    here = computer(tmp_path, "win32", host)
    report = install(tmp_path / "state", (Path(r"D:\My Footage"),), here)
    task = ET.fromstring(report.file.read_bytes())

    def value(path: str) -> str | None:
        return task.findtext("/".join(TASK_NS + part for part in path.split("/")))

    assert value("Actions/Exec/Command") == str(PureWindowsPath(here.python).with_name("pythonw.exe"))
    assert value("Actions/Exec/Arguments") == r'-m v2m_bridge serve --media-root "D:\My Footage"'
    assert value("Triggers/LogonTrigger/UserId") == here.account
    assert value("Principals/Principal/RunLevel") == "LeastPrivilege"
    assert value("Settings/ExecutionTimeLimit") == "PT0S"
    assert report.file.read_bytes()[:2] in (b"\xff\xfe", b"\xfe\xff")  # schtasks reads UTF-16
    assert [command.split()[:2] for command in host.commands] == [["schtasks", "/Create"], ["schtasks", "/Run"]]
    assert uninstall(tmp_path / "state", here).removed


@pytest.mark.parametrize(
    ("platform", "refuses"), [("linux", "systemctl"), ("darwin", "launchctl bootstrap"), ("win32", "schtasks /Create")]
)
def test_a_system_that_refuses_leaves_the_step_to_the_user(platform: str, refuses: str, tmp_path: Path) -> None:
    report = install(tmp_path / "state", (), computer(tmp_path, platform, Host(refuses)))
    assert report.written and not report.started
    assert report.steps[0].startswith(f"run: {refuses}")


def test_setup_leaves_out_what_is_not_there_and_removes_what_it_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import json

    from v2m_bridge import autostart
    from v2m_bridge.cli.main import main

    host = Host()
    here = computer(tmp_path, "linux", host)
    monkeypatch.setattr(autostart.Computer, "this", staticmethod(lambda: here))
    monkeypatch.setattr("v2m_bridge.cli.setup.LOOKS", 1)
    for name, value in {"V2M_HOME": tmp_path / "state", "HOME": tmp_path / "user", "V2M_PORT": 1}.items():
        monkeypatch.setenv(name, str(value))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)

    def run(*arguments: str) -> dict[str, str]:
        with pytest.raises(SystemExit):
            main(["setup", "--json", *arguments])
        return {step["name"]: step["state"] for step in json.loads(capsys.readouterr().out)["steps"]}

    assert run() == {"resolve": "skipped", "reaper": "skipped", "service": "done", "doctor": "done"}
    (tmp_path / "user/.config/REAPER").mkdir(parents=True)
    fusion = tmp_path / "user/.local/share/DaVinciResolve/Fusion"
    fusion.mkdir(parents=True)
    found = run()
    assert (found["resolve"], found["reaper"], found["service"]) == ("done", "done", "done")
    assert found["doctor"] == "failed"  # no daemon answers: the system here only pretends to have started one
    assert (fusion / "Scripts/Utility/Score this timeline.lua").is_file()
    assert run("--remove") == {"service": "done", "reaper": "done", "resolve": "done"}
    left = [path for path in (tmp_path / "user").rglob("*") if path.is_file()]
    assert left == []
    assert run("--remove") == {"service": "skipped", "reaper": "skipped", "resolve": "skipped"}
