"""A lock on a file, held by one process at a time. The operating system frees it when its holder dies, however it dies.

The locking itself is the library filelock's. The lock file stays behind when the lock is released: removing it would
let two processes lock two different files.
"""

from __future__ import annotations

from pathlib import Path

from filelock import AcquireReturnProxy, FileLock, Timeout

from v2m_bridge.errors import SetupError

__all__ = ["AcquireReturnProxy", "FileLock", "Timeout", "held", "hold"]

POLL_S = 0.02
ONLY_ITS_OWNER = 0o600


def held(path: Path) -> bool:
    """Whether a process holds the lock on ``path`` at this moment."""
    try:
        with FileLock(path, mode=ONLY_ITS_OWNER).acquire(blocking=False):
            return False
    except Timeout:
        return True
    except OSError:
        return False


def hold(path: Path, wait: bool = True) -> AcquireReturnProxy[FileLock]:
    """Take the lock on ``path``; the result is a context manager that gives it back.

    Args:
        wait: wait until it is free, however long that takes.

    Raises:
        Timeout: another process (or another call in this one) holds it, and ``wait`` is off.
        SetupError: the file cannot be made.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return FileLock(path, mode=ONLY_ITS_OWNER).acquire(blocking=wait, poll_interval=POLL_S)
    except Timeout:
        raise
    except OSError as error:
        hint = "set V2M_HOME to a folder of yours"
        raise SetupError(f"cannot open {path}: {error.strerror or error}", hint) from error
