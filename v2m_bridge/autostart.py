"""The daemon starts with the user: a systemd unit, a launchd agent or a logon task, made for this installation.

Each runs the Python that runs this, so an installation in any environment (pip, uv tool, pipx) is started as it is.
"""

from __future__ import annotations

import os
import plistlib
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PureWindowsPath
from xml.sax.saxutils import escape

from v2m_bridge.errors import SetupError
from v2m_bridge.files.rename import remove
from v2m_bridge.files.whole import write_whole
from v2m_bridge.windows import Run, run_command

UNIT = "v2m-bridge.service"
AGENT = "com.v2m-bridge.daemon"
TASK = "v2m-bridge"
TASK_FILE = "logon-task.xml"
"""In the state folder: what the task was made from."""

STOP_WITHIN_S = 15
"""Systemd and launchd wait so long before they kill; the daemon ends within 12 seconds."""


@dataclass(frozen=True)
class Computer:
    """What an autostart depends on; tests pass their own.

    Attributes:
        platform: as ``sys.platform``.
        user: the user's folder.
        environ: the environment.
        python: the Python that runs v2m-bridge.
        account: number of the user (POSIX), or ``DOMAIN\\\\name`` (Windows).
        run: runs a command of the system.
    """

    platform: str
    user: Path
    environ: Mapping[str, str]
    python: str
    account: str
    run: Run = field(default=run_command, compare=False)

    @staticmethod
    def this() -> Computer:
        """This computer, for this user."""
        return Computer(sys.platform, Path.home(), os.environ, sys.executable, _account())


def _account() -> str:
    if sys.platform != "win32":
        return str(os.getuid())
    domain, name = os.environ.get("USERDOMAIN", ""), os.environ.get("USERNAME", "")
    return f"{domain}\\{name}" if domain else name


@dataclass
class AutostartReport:
    """What was done; ``steps`` is what a person has to do, where the system refused."""

    file: Path
    written: bool = False
    removed: bool = False
    started: bool = False
    warnings: list[str] = field(default_factory=list)
    steps: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class _Entry:
    """A file and the commands that make the system heed it."""

    file: Path
    content: bytes
    before: tuple[tuple[str, ...], ...]
    begin: tuple[tuple[str, ...], ...]
    end: tuple[tuple[str, ...], ...]
    after: tuple[tuple[str, ...], ...] = ()


def install(home: Path, media_roots: Sequence[Path] = (), computer: Computer | None = None) -> AutostartReport:
    """Start the daemon now and whenever this user logs in. A second call renews it.

    Args:
        home: the state folder; named in the entry where it is not the usual one.
        media_roots: folders that the daemon may read edits and media from.

    Raises:
        SetupError: the file cannot be written.
    """
    computer = computer or Computer.this()
    entry = _entry(home, media_roots, computer)
    report = AutostartReport(entry.file)
    try:
        for folder in (home, entry.file.parent):
            folder.mkdir(parents=True, exist_ok=True)
        write_whole(entry.file, entry.content)
    except OSError as error:
        raise SetupError(f"cannot make {entry.file.parent}: {error.strerror}", "give yourself the right") from error
    report.written = True
    for command in entry.before:
        _try(computer, command)
    failed = [command for command in entry.begin if not _try(computer, command)]
    report.started = not failed
    if failed:
        report.warnings.append("the system did not take the autostart up; the daemon starts when the step is done")
        report.steps += [f"run: {' '.join(_quoted(command))}" for command in failed]
    return report


def uninstall(home: Path, computer: Computer | None = None) -> AutostartReport:
    """Stop the daemon that the system started and take its entry out.

    Raises:
        SetupError: the file cannot be removed.
    """
    computer = computer or Computer.this()
    entry = _entry(home, (), computer)
    report = AutostartReport(entry.file)
    if not entry.file.exists():
        return report
    for command in entry.end:
        if not _try(computer, command):
            report.warnings.append(
                f"this did not work, perhaps because it was not set up: {' '.join(_quoted(command))}"
            )
    try:
        remove(entry.file)
    except OSError as error:
        raise SetupError(f"cannot remove {entry.file}: {error.strerror}") from error
    report.removed = True
    for command in entry.after:
        _try(computer, command)
    return report


def _try(computer: Computer, command: Sequence[str]) -> bool:
    try:
        computer.run(command)
    except (OSError, subprocess.SubprocessError):
        return False
    return True


def _quoted(command: Sequence[str]) -> list[str]:
    return [f'"{part}"' if " " in part else part for part in command]


def _entry(home: Path, media_roots: Sequence[Path], computer: Computer) -> _Entry:
    arguments = [part for root in media_roots for part in ("--media-root", str(root))]
    if computer.platform == "win32":
        return _logon_task(home, arguments, computer)
    if computer.platform == "darwin":
        return _launch_agent(home, arguments, computer)
    return _systemd_unit(home, arguments, computer)


def _serve(arguments: Sequence[str]) -> list[str]:
    return ["-m", "v2m_bridge", "serve", *arguments]


def _own_home(home: Path, computer: Computer) -> dict[str, str]:
    return {"V2M_HOME": str(home)} if computer.environ.get("V2M_HOME") else {}


# ---------------------------------------------------------------------------------------------------------- systemd


def _systemd_unit(home: Path, arguments: Sequence[str], computer: Computer) -> _Entry:
    folder = Path(computer.environ.get("XDG_CONFIG_HOME") or computer.user / ".config") / "systemd" / "user"
    command = " ".join(_for_systemd(part) for part in (computer.python, *_serve(arguments)))
    variables = "".join(f"Environment={_for_systemd(f'{k}={v}')}\n" for k, v in _own_home(home, computer).items())
    text = f"""# Written by: v2m-bridge install service (its --remove takes it out)
# Its log, one JSON object a line: journalctl --user -u v2m-bridge -f

[Unit]
Description=v2m-bridge: scores edits
After=network.target

[Service]
ExecStart={command}
{variables}Restart=on-failure
RestartSec=2
TimeoutStopSec={STOP_WITHIN_S}
KillMode=mixed
UMask=0077
NoNewPrivileges=yes
PrivateTmp=yes
ProtectSystem=strict
ReadWritePaths={_for_systemd(str(home))}
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX
LockPersonality=yes
RestrictSUIDSGID=yes

[Install]
WantedBy=default.target
"""
    control = ("systemctl", "--user")
    return _Entry(
        folder / UNIT,
        text.encode("utf-8"),
        before=(),
        begin=((*control, "daemon-reload"), (*control, "enable", UNIT), (*control, "restart", UNIT)),
        end=((*control, "disable", "--now", UNIT),),
        after=((*control, "daemon-reload"),),
    )


def _for_systemd(text: str) -> str:
    """A word of a unit file: ``%`` and ``$`` mean themselves, blanks and quotes stay inside (systemd.service(5))."""
    plain = text.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
    return f'"{plain}"' if set(plain) & set(" \t'\"\\;") else plain


# ---------------------------------------------------------------------------------------------------------- launchd


def _launch_agent(home: Path, arguments: Sequence[str], computer: Computer) -> _Entry:
    agent = {
        "Label": AGENT,
        "ProgramArguments": [computer.python, *_serve(arguments)],
        "RunAtLoad": True,
        "KeepAlive": {"SuccessfulExit": False},
        "ThrottleInterval": 5,
        "ExitTimeOut": STOP_WITHIN_S,
        "ProcessType": "Interactive",
        "Umask": 0o077,
        "StandardErrorPath": str(computer.user / "Library/Logs/v2m-bridge.log"),
    }
    variables = _own_home(home, computer)
    if variables:
        agent["EnvironmentVariables"] = variables
    file = computer.user / "Library/LaunchAgents" / f"{AGENT}.plist"
    domain = f"gui/{computer.account}"
    gone = ("launchctl", "bootout", f"{domain}/{AGENT}")
    return _Entry(
        file,
        plistlib.dumps(agent),
        before=(gone,),
        begin=(("launchctl", "bootstrap", domain, str(file)),),
        end=(gone,),
    )


# ---------------------------------------------------------------------------------------------------------- Windows


def _logon_task(home: Path, arguments: Sequence[str], computer: Computer) -> _Entry:
    """A task of the Task Scheduler. It runs ``pythonw``, which opens no window; its log is a file (``logs/``)."""
    python = PureWindowsPath(computer.python)
    command = str(python.with_name("pythonw.exe"))
    # a task has no environment of its own: another state folder is the user's own variable V2M_HOME
    text = f"""<?xml version="1.0" encoding="UTF-16"?>
<Task version="1.2" xmlns="http://schemas.microsoft.com/windows/2004/02/mit/task">
  <RegistrationInfo><Description>v2m-bridge: scores edits</Description></RegistrationInfo>
  <Triggers>
    <LogonTrigger><Enabled>true</Enabled><UserId>{escape(computer.account)}</UserId></LogonTrigger>
  </Triggers>
  <Principals>
    <Principal id="Author">
      <UserId>{escape(computer.account)}</UserId>
      <LogonType>InteractiveToken</LogonType>
      <RunLevel>LeastPrivilege</RunLevel>
    </Principal>
  </Principals>
  <Settings>
    <MultipleInstancesPolicy>IgnoreNew</MultipleInstancesPolicy>
    <DisallowStartIfOnBatteries>false</DisallowStartIfOnBatteries>
    <StopIfGoingOnBatteries>false</StopIfGoingOnBatteries>
    <ExecutionTimeLimit>PT0S</ExecutionTimeLimit>
    <Priority>5</Priority>
    <RestartOnFailure><Interval>PT1M</Interval><Count>10</Count></RestartOnFailure>
  </Settings>
  <Actions Context="Author">
    <Exec>
      <Command>{escape(command)}</Command>
      <Arguments>{escape(subprocess.list2cmdline(_serve(arguments)))}</Arguments>
    </Exec>
  </Actions>
</Task>
"""
    file = home / TASK_FILE
    return _Entry(
        file,
        text.replace("\n", "\r\n").encode("utf-16"),
        before=(),
        begin=(("schtasks", "/Create", "/TN", TASK, "/XML", str(file), "/F"), ("schtasks", "/Run", "/TN", TASK)),
        end=(("schtasks", "/End", "/TN", TASK), ("schtasks", "/Delete", "/TN", TASK, "/F")),
    )
