"""Installs the menu entries for DaVinci Resolve: their folders, the values filled in, and old entries to remove.

The folders are those of the scripting README of 21.1 (an older edition names a wrong Windows folder). Only the user's
own folders are written: a script that also lies in the folder of all users appears twice in the menu.
"""

from __future__ import annotations

import hashlib
import os
import re
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from v2m_bridge import __version__
from v2m_bridge.edits.menu_request import folder_text, lua_string
from v2m_bridge.errors import InputError, SetupError
from v2m_bridge.files.names import as_bytes
from v2m_bridge.files.whole import write_whole
from v2m_bridge.windows import Run, keep_private, run_command

LUA_NAME = "Score this timeline.lua"
PYTHON_NAME = "Score this timeline (Studio).py"
LUA_ENTRIES = {
    "score": LUA_NAME,
    "range": "Score the in and out range.lua",
    "selected": "Score the selected clips.lua",
    "remove": "Remove v2m markers and previews.lua",
}
"""Mode of the Lua script -> the entry that is installed for it; all have one text."""

PREVIEWS = "previews"
"""Folder in the state folder with the sounds that Resolve's projects refer to."""

SIGNATURE = "v2m-bridge menu entry"
"""Stands in the first lines of every entry of ours, so that old entries are recognised whatever their name."""

CONTAINERS = "com.blackmagic-design.DaVinciResolve*"
"""Containers of Resolve from the Mac App Store, free and Studio; other programs of the maker have some too."""

MENU_FOLDERS = ("Utility", "Comp", "Tool", "Edit", "Color", "Deliver")
LUA_STAMP = re.compile(r"^local STAMP = \{.*?\}.*$", re.MULTILINE)
PYTHON_STAMP = re.compile(r"^STAMP = \{.*?\}.*$", re.MULTILINE)
INCLUDE = re.compile(r"^(?:--|# --)> (\w+\.(?:lua|py))$", re.MULTILINE)
"""Stands in a script for another file of its folder."""

_NOTICE = re.compile(r'V2MBridge\s*=\s*\{[^}]*?Notice\s*=\s*"(\d+) ((?:[^"\\]|\\.)*)"', re.DOTALL)

_MAC = "Library/Application Support/Blackmagic Design/DaVinci Resolve/Fusion"
_WINDOWS = "Blackmagic Design/DaVinci Resolve"


@dataclass(frozen=True)
class System:
    """What the folders depend on: platform, user folder and environment. Tests pass systems of their own."""

    platform: str
    user: Path
    environ: Mapping[str, str]

    @staticmethod
    def this() -> System:
        """The system that this runs on; ``platform`` as ``sys.platform``."""
        return System(sys.platform, Path.home(), os.environ)

    @property
    def windows(self) -> bool:
        """Whether this is Windows."""
        return self.platform == "win32"

    @property
    def fusion(self) -> Path:
        """Resolve's Fusion folder of this user."""
        if self.platform == "darwin":
            return self.user / _MAC
        if self.windows:
            roaming = Path(self.environ.get("APPDATA") or self.user / "AppData" / "Roaming")
            return roaming / _WINDOWS / "Support" / "Fusion"
        return self.user / ".local/share/DaVinciResolve/Fusion"

    @property
    def app_store(self) -> tuple[Path, ...]:
        """Script folders of installations from the Mac App Store, each in a container of its own."""
        if self.platform != "darwin":
            return ()
        containers = sorted((self.user / "Library/Containers").glob(CONTAINERS))
        inside = ("Data/" + _MAC + "/Scripts", "Data/Library/Application Support/Fusion/Scripts")
        return tuple(container / path for container in containers for path in inside)

    @property
    def script_folders(self) -> tuple[Path, ...]:
        """Every ``Scripts`` folder of this user that Resolve may read."""
        return (self.fusion / "Scripts", *self.app_store)

    @property
    def shared_folders(self) -> tuple[Path, ...]:
        """``Scripts`` folders of all users."""
        if self.platform == "darwin":
            return (Path("/") / _MAC / "Scripts",)
        if self.windows:
            data = Path(self.environ.get("PROGRAMDATA") or "C:/ProgramData")
            return (data / _WINDOWS / "Fusion" / "Scripts",)
        return (Path("/opt/resolve/Fusion/Scripts"), Path("/home/resolve/Fusion/Scripts"))


@dataclass(frozen=True)
class Exchange:
    """The folders that scripts and daemon share: edits, answers, and sounds that Resolve's projects refer to."""

    inbox: Path
    outbox: Path
    previews: Path


def exchange(home: Path, machine: System | None = None) -> Exchange:
    """Where edits and answers lie for the state folder ``home``.

    On Windows LuaJIT opens files by their ANSI name: a home with other characters cannot be read by the menu script.
    Then the folders lie in the data folder of all users, under a name made of the home's.
    """
    machine = machine or System.this()
    previews = home / PREVIEWS  # Resolve itself opens them, and may by any name
    if machine.windows and not str(home).isascii():
        shared = machine.environ.get("PROGRAMDATA") or "C:/ProgramData"
        name = hashlib.sha256(as_bytes(home)).hexdigest()[:12]
        home = Path(shared) / "v2m-bridge" / name
    return Exchange(home / "inbox", home / "outbox", previews)


@dataclass(frozen=True)
class ResolveInstallation:
    """What an installation did; ``warnings`` are sentences for the user."""

    written: tuple[Path, ...]
    unchanged: tuple[Path, ...]
    removed: tuple[Path, ...]
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class BringBack:
    """What the scripts write into Resolve when a score is done."""

    markers: bool = False
    preview: bool = False


def sources() -> Path:
    """Folder with the menu scripts, of an installed package or of a checkout.

    Raises:
        SetupError: the package is incomplete.
    """
    package = Path(__file__).parent.parent
    for folder in (package / "integrations" / "resolve", package.parent / "integrations" / "resolve"):
        if (folder / LUA_NAME).is_file():
            return folder
    raise SetupError("the menu scripts for Resolve are missing from this installation", "install v2m-bridge again")


def complete(name: str) -> str:
    """The script of this name with the files that it names put in their places.

    Raises:
        SetupError: the package is incomplete.
    """
    folder = sources()
    try:
        text = (folder / name).read_text(encoding="utf-8")
        return INCLUDE.sub(lambda line: (folder / line[1]).read_text(encoding="utf-8").rstrip(), text)
    except OSError as error:
        raise SetupError("a part of the menu scripts is missing from this installation", "install it again") from error


def stamped_lua(
    text: str, folders: Exchange, windows: bool, bring_back: BringBack = BringBack(), mode: str = "score"
) -> str:
    """The Lua entry for one mode of :data:`LUA_ENTRIES` with its folders filled in, in pure ASCII."""
    paths = {"inbox": folders.inbox, "outbox": folders.outbox, "previews": folders.previews}
    values = [f"{name} = {lua_string(folder_text(path, windows))}" for name, path in paths.items()]
    values += [f'mode = "{mode}"', f"markers = {bring_back.markers}".lower(), f"preview = {bring_back.preview}".lower()]
    return _stamp(text, LUA_STAMP, f'local STAMP = {{ version = "{__version__}", {", ".join(values)} }}')


def stamped_python(
    text: str, folders: Exchange, windows: bool, token: Path, port: int, bring_back: BringBack = BringBack()
) -> str:
    """The Studio entry with its folders, the daemon's port and the place of its token filled in."""
    values = {
        "version": __version__,
        "inbox": folder_text(folders.inbox, windows),
        "outbox": folder_text(folders.outbox, windows),
        "previews": folder_text(folders.previews, windows),
        "token_file": str(token),
        "port": port,
        "markers": bring_back.markers,
        "preview": bring_back.preview,
    }
    return _stamp(text, PYTHON_STAMP, "STAMP = {" + ", ".join(f"{k!r}: {v!a}" for k, v in values.items()) + "}")


def _stamp(text: str, pattern: re.Pattern[str], line: str) -> str:
    stamped, count = pattern.subn(lambda _: line, text)
    if count != 1:
        raise SetupError("the menu script has no place for its stamp", "install v2m-bridge again")
    return stamped


def install(
    home: Path, port: int, machine: System | None = None, bring_back: BringBack = BringBack()
) -> ResolveInstallation:
    """Write the entries into the user's menu and remove old ones. A second call changes nothing.

    Raises:
        SetupError: a folder cannot be made or written to.
    """
    machine = machine or System.this()
    folders = exchange(home, machine)
    for folder in (home, folders.inbox, folders.outbox):
        _writable(folder)
    unprotected = protect(home, folders)
    texts = entries(home, port, machine, bring_back)
    written: list[Path] = []
    unchanged: list[Path] = []
    refused: list[str] = []
    for scripts in machine.script_folders:
        try:
            _writable(scripts / "Utility")
            for name, text in texts.items():
                path = scripts / "Utility" / name
                (unchanged if _write(path, text) else written).append(path)
        except SetupError as error:
            if scripts not in machine.app_store:
                raise
            refused.append(f"the entry is not in the App Store's Resolve: {error}")  # macOS guards its containers
    keep = set(written) | set(unchanged)
    removed, stuck = _remove_old(machine, keep)
    warnings = (*unprotected, *refused, *stuck, *_warnings(machine))
    return ResolveInstallation(tuple(written), tuple(unchanged), removed, warnings)


def protect(home: Path, folders: Exchange, platform: str = sys.platform, run: Run = run_command) -> tuple[str, ...]:
    """Let only this user into the exchanged folders where they do not lie in his own state folder; warnings."""
    shared = folders.inbox.parent
    if shared == home:
        return ()
    warning = keep_private(shared, platform, run)
    return (warning,) if warning else ()


def entries(home: Path, port: int, machine: System, bring_back: BringBack = BringBack()) -> dict[str, str]:
    """File name -> text of the entries as they should be installed."""
    folders = exchange(home, machine)
    lua, studio = complete(LUA_NAME), complete(PYTHON_NAME)
    texts = {name: stamped_lua(lua, folders, machine.windows, bring_back, mode) for mode, name in LUA_ENTRIES.items()}
    return texts | {
        PYTHON_NAME: stamped_python(studio, folders, machine.windows, home / "token", port, bring_back),
    }


def stamped_port(path: Path) -> int | None:
    """The daemon's port in an installed Studio entry, or None where there is none."""
    try:
        stamp = PYTHON_STAMP.search(path.read_text(encoding="utf-8", errors="replace"))
    except OSError:
        return None
    port = re.search(r"[\"']port[\"']: (\d+)", stamp[0]) if stamp else None
    return int(port[1]) if port else None


def uninstall(machine: System | None = None) -> ResolveInstallation:
    """Remove every entry of ours from the menu."""
    removed, stuck = _remove_old(machine or System.this(), set())
    return ResolveInstallation((), (), removed, stuck)


def _writable(folder: Path) -> None:
    probe = folder / ".v2m-write-test"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe.write_bytes(b"")
        probe.unlink()
    except OSError as error:
        raise SetupError(
            f"cannot write to {folder}: {error.strerror or error}", "give yourself the right to write there, then retry"
        ) from error


def _write(path: Path, text: str) -> bool:
    """Write ``text``; True when it was there already."""
    data = as_bytes(text)
    if path.is_file() and path.read_bytes() == data:
        return True
    try:
        write_whole(path, data)
    except InputError as error:
        raise SetupError(error.message, "close Resolve and try again") from error
    return False


def our_entries(machine: System) -> list[Path]:
    """Every file of ours in any script folder of this machine, known by its signature."""
    found = []
    for scripts in (*machine.script_folders, *machine.shared_folders):
        for menu in MENU_FOLDERS:
            found += [path for path in _scripts(scripts / menu) if _is_ours(path)]
    return found


def _scripts(folder: Path) -> Iterable[Path]:
    try:
        return sorted(p for p in folder.iterdir() if p.suffix in (".lua", ".py") and p.is_file())
    except OSError:
        return []


def _is_ours(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return SIGNATURE.encode() in file.read(600)
    except OSError:
        return False


def _remove_old(machine: System, keep: set[Path]) -> tuple[tuple[Path, ...], tuple[str, ...]]:
    removed, stuck = [], []
    for path in our_entries(machine):
        if path in keep:
            continue
        try:
            path.unlink()
            removed.append(path)
        except OSError:
            stuck.append(f"an old entry remains at {path}; delete it, or the menu shows the script twice")
    return tuple(removed), tuple(stuck)


def _warnings(machine: System) -> tuple[str, ...]:
    if machine.app_store:
        return (
            "Resolve from the Mac App Store runs in a container and may not reach the inbox; "
            "the download from Blackmagic's site works",
        )
    return ()


@dataclass(frozen=True)
class Notice:
    """The message of a menu script that could not set a marker."""

    unix_s: int
    text: str


def last_notice(machine: System | None = None) -> Notice | None:
    """The newest message that a menu script left in Resolve's preferences, if any."""
    machine = machine or System.this()
    found = []
    for profile in sorted((machine.fusion / "Profiles").glob("*/Fusion.prefs")):
        try:
            match = _NOTICE.search(profile.read_text(encoding="utf-8", errors="replace"))
        except OSError:
            continue
        if match:
            found.append(Notice(int(match[1]), match[2]))
    return max(found, key=lambda notice: notice.unix_s, default=None)
