"""What only Windows asks for: no console windows, a folder for one user, and which Python this is.

Every function does nothing, or says no, on other systems; tests pass another ``platform``.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path, PureWindowsPath

from v2m_bridge.errors import SetupError

CREATE_NO_WINDOW = 0x08000000
"""Flag of CreateProcess: a console program gets no window. ``subprocess`` has the name on Windows only."""

SYSTEM, ADMINISTRATORS = "S-1-5-18", "S-1-5-32-544"
WAIT_S = 60

Run = Callable[[Sequence[str]], bytes]
"""Runs a command and gives what it wrote on stdout; raises ``OSError`` or ``subprocess.SubprocessError``."""


def no_window(platform: str = sys.platform) -> int:
    """``creationflags`` for a program that runs beside us, so that nothing flashes up when there is no console."""
    return CREATE_NO_WINDOW if platform == "win32" else 0


def console_python(executable: str | None = None) -> str:
    """The Python that a process of ours is run by: ``python.exe`` where this one is ``pythonw.exe``."""
    path = sys.executable if executable is None else executable
    own = PureWindowsPath(path) if "\\" in path else Path(path)
    return str(own.with_name("python.exe")) if own.name.lower() == "pythonw.exe" else path


def run_command(command: Sequence[str]) -> bytes:
    """Run a program of the system without a window; see :data:`Run`."""
    done = subprocess.run(command, capture_output=True, check=True, timeout=WAIT_S, creationflags=no_window())
    return done.stdout


def keep_private(folder: Path, platform: str = sys.platform, run: Run = run_command) -> str:
    """Let only this user (and the system) into a folder that lies outside of the user's own.

    Folders in ProgramData may be read, and filled, by everybody on the machine. Names of users and the answers of
    programs depend on the language; numbers of accounts (SIDs) do not.

    Returns:
        A warning, or an empty text.
    """
    if platform != "win32":
        return ""
    try:
        found = re.search(rb"S-1-5-21-[\d-]+", run(["whoami", "/user", "/fo", "csv", "/nh"]))
        if found is None:
            return f"others on this machine may write to {folder}: the number of your account is not known"
        whole = ":(OI)(CI)F"
        accounts = (found[0].decode("ascii"), SYSTEM, ADMINISTRATORS)
        run(["icacls", str(folder), "/inheritance:r", "/grant:r", *(f"*{account}{whole}" for account in accounts)])
    except (OSError, subprocess.SubprocessError) as error:
        return f"others on this machine may write to {folder}: its rights cannot be changed ({type(error).__name__})"
    return ""


def python_of_the_store(places: Iterable[str] | None = None) -> bool:
    """Whether this Python is the one of the Microsoft Store, or of an environment made with it.

    Args:
        places: where Python lies; this one's unless given.
    """
    if places is None:
        places = (sys.executable or "", sys.base_prefix, getattr(sys, "_base_executable", "") or "")
    return any("windowsapps" in place.lower().replace("\\", "/").split("/") for place in places)


STORE_REFUSAL = "this Python comes from the Microsoft Store: Windows hides the files it writes from Resolve and REAPER"
STORE_REMEDY = "install Python from python.org, or with: uv python install 3.12; then install v2m-bridge with that one"


def refuse_python_of_the_store() -> None:
    """Say no before files are written that no other program will find.

    Raises:
        SetupError: this Python is the one of the Store.
    """
    if python_of_the_store():
        raise SetupError(STORE_REFUSAL, STORE_REMEDY)
