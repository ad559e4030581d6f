"""Where the daemon of a state folder listens, as it notes it for programs on the same machine."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from v2m_bridge.files.lock import held

LOCK = "daemon.lock"
"""File in the state folder that a daemon holds while it runs."""

NOTE = "daemon.json"
"""File in the state folder, there while a daemon runs."""


class Running(BaseModel):
    """``daemon.json``: where the daemon of a state folder listens."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    pid: int
    host: str
    port: int
    osc_port: int

    @property
    def url(self) -> str:
        """Where programs on this machine reach it."""
        host = "127.0.0.1" if self.host in ("0.0.0.0", "::", "localhost") else self.host
        return f"http://[{host}]:{self.port}" if ":" in host else f"http://{host}:{self.port}"


def alive(home: Path) -> Running | None:
    """The daemon of a state folder if it runs now, else None.

    Its lock lies in a folder that only this user can write to and is freed by the system when its holder dies, so while
    it is held the note is true: the port belongs to that daemon and to no other program.
    """
    if not (home / NOTE).is_file() or not held(home / LOCK):
        return None
    return running(home)


def running(home: Path) -> Running | None:
    """What is known of the daemon of a state folder; it may have died since."""
    try:
        return Running.model_validate_json((home / NOTE).read_bytes())
    except (OSError, ValidationError):
        return None
