"""Installs our scripts and OSC file into REAPER's resource folder, and removes them."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from v2m_bridge.errors import InputError, SetupError
from v2m_bridge.files.names import as_bytes
from v2m_bridge.files.whole import write_whole
from v2m_bridge.reaper.ini import SEND_PORT, OscDevice, foreign_device, has_device, with_device, without_device
from v2m_bridge.windows import no_window

SCRIPT_FOLDER = "v2m"
MAIN_SCRIPT = "v2m_Import score.lua"
OSC_FILE = "v2m-bridge.ReaperOSC"
HOME_NOTE = "v2m_home.txt"
STARTUP = "__startup.lua"
BACKUP = "reaper.ini.before-v2m"
BACKUP_NOTE = "v2m_backup.txt"
"""Beside the scripts: the SHA-256 of the backup that was made here. A file of the same name that is not it is kept."""

BLOCK_BEGIN, BLOCK_END = "-- v2m-bridge begin", "-- v2m-bridge end"
_BLOCK = re.compile(rf"\n?{re.escape(BLOCK_BEGIN)}\n.*?{re.escape(BLOCK_END)}\n", re.DOTALL)


@dataclass(frozen=True)
class ReaperMachine:
    """What the installation has to know of this computer; tests pass their own.

    Attributes:
        resource: REAPER's resource folder (Options > Show REAPER resource path).
        running: whether a REAPER runs now, or None if that cannot be found out.
    """

    resource: Path
    running: Callable[[], bool | None]

    @staticmethod
    def this(resource: Path | None = None) -> ReaperMachine:
        """This machine."""
        return ReaperMachine(resource or default_resource(), reaper_runs)


@dataclass
class ReaperInstallation:
    """What was done, and what remains to be done by hand.

    ``written`` are files of ours, ``changed`` files of the user of which only our lines were put in or taken out,
    ``removed`` files that are gone.
    """

    written: list[Path] = field(default_factory=list)
    changed: list[Path] = field(default_factory=list)
    unchanged: list[Path] = field(default_factory=list)
    removed: list[Path] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    steps: list[str] = field(default_factory=list)


def default_resource(platform: str = sys.platform, environment: Mapping[str, str] = os.environ) -> Path:
    """Where REAPER keeps its settings unless it is a portable installation."""
    if platform == "win32":
        return Path(environment.get("APPDATA", ".")) / "REAPER"
    home = Path(environment.get("HOME", "."))
    if platform == "darwin":
        return home / "Library" / "Application Support" / "REAPER"
    return Path(environment.get("XDG_CONFIG_HOME") or home / ".config") / "REAPER"


def reaper_runs() -> bool | None:
    """Whether REAPER runs; None where the system does not say."""
    if sys.platform.startswith("linux"):
        return any(_comm(p) == "reaper" for p in Path("/proc").iterdir() if p.name.isdecimal())
    windows = sys.platform == "win32"
    command = ["tasklist", "/FI", "IMAGENAME eq reaper.exe"] if windows else ["pgrep", "-xi", "reaper"]
    try:  # tasklist writes in the console's code page, whatever Python takes it for
        found = subprocess.run(command, capture_output=True, timeout=10, check=False, creationflags=no_window())
    except (OSError, subprocess.SubprocessError):
        return None
    return b"reaper.exe" in found.stdout.lower() if windows else found.returncode == 0


def _comm(process: Path) -> str:
    try:
        return (process / "comm").read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""


def sources() -> Path:
    """Folder with the scripts and the OSC file, of an installed package or of a checkout.

    Raises:
        SetupError: the package is incomplete.
    """
    package = Path(__file__).parent.parent
    for folder in (package / "integrations" / "reaper", package.parent / "integrations" / "reaper"):
        if (folder / "Score" / MAIN_SCRIPT).is_file():
            return folder
    raise SetupError("the scripts for REAPER are missing from this installation", "install v2m-bridge again")


def install(home: Path, machine: ReaperMachine, port: int = 8000, inbox: Path | None = None) -> ReaperInstallation:
    """Write scripts, OSC file, start-up block and (only if REAPER is closed) the OSC device.

    Args:
        home: v2m-bridge's state folder, which the scripts are told.
        port: UDP port on which REAPER is to listen.
        inbox: the folder that the daemon watches, where it is not ``inbox`` in the state folder.

    Raises:
        SetupError: there is no resource folder, or it cannot be written.
    """
    if not machine.resource.is_dir():
        raise SetupError(
            f"there is no REAPER resource folder at {machine.resource}",
            "start REAPER once, or give the folder of a portable installation with --resource",
        )
    done = ReaperInstallation()
    try:
        for path, data in _files(home, machine.resource, inbox).items():
            _write(path, data, done)
        _write_startup(machine.resource, done)
        _add_device(machine, port, done)
        for folder in (inbox or home / "inbox", home / "outbox"):
            folder.mkdir(parents=True, exist_ok=True)
    except (OSError, InputError) as error:
        raise SetupError(f"cannot write into {machine.resource}: {error}", "check its rights") from error
    done.steps.append(
        "start REAPER (again): 'v2m: Import score' and the other actions are then in the Actions list; if they are "
        f"not, load them once: Actions > New action > Load ReaScript > {machine.resource / 'Scripts' / SCRIPT_FOLDER}"
    )
    return done


def uninstall(machine: ReaperMachine) -> ReaperInstallation:
    """Remove what :func:`install` wrote; files and lines of the user stay."""
    done = ReaperInstallation()
    folder = machine.resource / "Scripts" / SCRIPT_FOLDER
    ours = [p for p in _files(Path(), machine.resource) if p.is_file()]
    for path in ours:
        path.unlink()
        done.removed.append(path)
    _remove_block(machine.resource / "Scripts" / STARTUP, done)
    _remove_device(machine, done)
    for empty in (folder / "lib", folder, machine.resource / "OSC"):
        if empty.is_dir() and not any(empty.iterdir()):
            empty.rmdir()
    return done


def _remove_block(startup: Path, done: ReaperInstallation) -> None:
    """Remove our lines, and the file too if it holds nothing else."""
    if not startup.is_file():
        return
    text = startup.read_bytes().decode("utf-8", errors="surrogateescape")
    rest = _BLOCK.sub("", text)
    if rest == text:
        return
    if rest.strip():
        _write_lua(startup, rest)
        done.changed.append(startup)
    else:
        startup.unlink()
        done.removed.append(startup)


@dataclass(frozen=True)
class Presence:
    """What of ours lies in a resource folder.

    Attributes:
        scripts: whether the import script is there.
        current: whether every file is the one of this version, leading to the state folder asked about.
        started: whether REAPER's start-up script loads ours.
        device: whether ``reaper.ini`` has our OSC device.
    """

    scripts: bool
    current: bool
    started: bool
    device: bool


def presence(home: Path, resource: Path, inbox: Path | None = None) -> Presence:
    """What of ours lies in ``resource``, compared with what ``install`` would put there for the state folder."""
    files = _files(home, resource, inbox)
    startup, ini = resource / "Scripts" / STARTUP, resource / "reaper.ini"
    return Presence(
        scripts=(resource / "Scripts" / SCRIPT_FOLDER / MAIN_SCRIPT).is_file(),
        current=all(path.is_file() and path.read_bytes() == data for path, data in files.items()),
        started=startup.is_file() and BLOCK_BEGIN.encode() in startup.read_bytes(),
        device=ini.is_file() and has_device(ini.read_bytes()),
    )


def _files(home: Path, resource: Path, inbox: Path | None = None) -> dict[Path, bytes]:
    source = sources()
    target = resource / "Scripts" / SCRIPT_FOLDER
    scripts = sorted((source / "Score").rglob("*.lua"))
    files = {target / p.relative_to(source / "Score"): p.read_bytes() for p in scripts}
    elsewhere = f"{inbox}\n" if inbox not in (None, home / "inbox") else ""
    files[target / HOME_NOTE] = as_bytes(f"{home}\n{elsewhere}")
    files[resource / "OSC" / OSC_FILE] = (source / OSC_FILE).read_bytes()
    return files


def _write(path: Path, data: bytes, done: ReaperInstallation) -> None:
    if path.is_file() and path.read_bytes() == data:
        done.unchanged.append(path)
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, data)
    done.written.append(path)


def _write_startup(resource: Path, done: ReaperInstallation) -> None:
    """Append our marked block to the user's start-up script, or renew it in its place."""
    path = resource / "Scripts" / STARTUP
    before = path.read_bytes().decode("utf-8", errors="surrogateescape") if path.is_file() else ""
    block = (
        f"{BLOCK_BEGIN}\n"
        "do\n"
        f'  local folder = reaper.GetResourcePath() .. "/Scripts/{SCRIPT_FOLDER}/"\n'
        '  local good, start = pcall(dofile, folder .. "lib/v2m_startup.lua")\n'
        "  if good then pcall(start, folder) end\n"
        "end\n"
        f"{BLOCK_END}\n"
    )
    if block in before:
        done.unchanged.append(path)
        return
    rest = _BLOCK.sub("", before)
    gap = "" if not rest or rest.endswith("\n") else "\n"
    _write_lua(path, rest + gap + block)
    (done.changed if rest.strip() else done.written).append(path)


def _write_lua(path: Path, text: str) -> None:
    write_whole(path, text.encode("utf-8", errors="surrogateescape"))


def _add_device(machine: ReaperMachine, port: int, done: ReaperInstallation) -> None:
    ini = machine.resource / "reaper.ini"
    before = ini.read_bytes() if ini.is_file() else None
    if before is not None and has_device(before):
        done.unchanged.append(ini)
        return
    by_hand = (
        "Preferences > Control/OSC/web > Add > OSC: device name v2m-bridge, pattern config v2m-bridge, mode "
        f"'Configure device IP+local port', device port 9000, device IP 127.0.0.1, local listen port {port}"
    )
    foreign = foreign_device(before, port) if before is not None else None
    if foreign:
        _name_foreign(foreign, port, done)
        return
    if before is None or machine.running() is not False:
        done.warnings.append("reaper.ini was not touched: REAPER runs, or never ran; it would overwrite the change")
        done.steps.append(f"{by_hand} (or close REAPER and run this command again)")
        return
    after = with_device(before, port)
    backup = ini.with_name(BACKUP)
    if not backup.exists():
        backup.write_bytes(before)
        done.written.append(backup)
        _backup_note(machine.resource).write_text(
            hashlib.sha256(before).hexdigest() + "\n", encoding="ascii", newline="\n"
        )
    write_whole(ini, after)
    done.changed.append(ini)


def _name_foreign(foreign: OscDevice, port: int, done: ReaperInstallation) -> None:
    """Say that a device of the user has the port: two cannot share it, and his does if it answers where we listen."""
    if foreign.answers_to == SEND_PORT:
        done.warnings.append(f"the OSC device {foreign.name!r} of REAPER already listens on port {port}; it will do")
        return
    where = "nowhere on this machine" if foreign.answers_to is None else f"to port {foreign.answers_to}"
    done.warnings.append(
        f"the OSC device {foreign.name!r} of REAPER already listens on port {port} and answers {where}: "
        "push works with it, but follow does not hear REAPER"
    )
    instead = f", or follow with --listen {foreign.answers_to}" if foreign.answers_to else ""
    done.steps.append(
        f"for a device of our own run v2m-bridge install reaper --port {port + 1}, and give push and follow that "
        f"--port{instead}"
    )


def _backup_note(resource: Path) -> Path:
    return resource / "Scripts" / SCRIPT_FOLDER / BACKUP_NOTE


def _remove_device(machine: ReaperMachine, done: ReaperInstallation) -> None:
    ini = machine.resource / "reaper.ini"
    before = ini.read_bytes() if ini.is_file() else b""
    if has_device(before):
        if machine.running() is not False:
            text = "reaper.ini was not touched because REAPER runs: remove the OSC device v2m-bridge there"
            done.warnings.append(f"{text}, or close it and run this command again")
            return
        write_whole(ini, without_device(before))
        done.changed.append(ini)
    _remove_backup(machine.resource, done)


def _remove_backup(resource: Path, done: ReaperInstallation) -> None:
    """Delete the backup of ``reaper.ini`` that :func:`install` made, once the file holds nothing of ours."""
    backup, note = resource / BACKUP, _backup_note(resource)
    made_here = note.read_text(encoding="ascii", errors="replace").strip() if note.is_file() else ""
    if backup.is_file() and hashlib.sha256(backup.read_bytes()).hexdigest() == made_here:
        backup.unlink()
        done.removed.append(backup)
    note.unlink(missing_ok=True)
