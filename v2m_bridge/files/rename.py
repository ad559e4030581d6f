"""Renaming files that another program holds open, as every writer here does it.

Windows refuses to rename or delete a file while a player, a virus scanner or a search index has it open; most let go of
it within a moment. Other systems rename at once, and their refusals are final.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from v2m_bridge.errors import is_held

WAIT_S = 0.05
TRIES = 40
"""Two seconds in all: longer than a scanner takes, shorter than a person waits for a reason."""


def rename(source: Path, target: Path, tries: int = TRIES) -> None:
    """Put ``source``, a file or a folder, in the place of ``target``, waiting while another program holds one of them.

    A folder only takes a place that is free. Both lie on one file system.

    Args:
        tries: at most so many, :data:`WAIT_S` apart.

    Raises:
        OSError: as of :meth:`pathlib.Path.replace`; nothing was moved.
    """
    _patiently(lambda: source.replace(target), tries)


def remove(path: Path, tries: int = TRIES) -> None:
    """Delete a file, waiting while another program holds it; nothing happens when it is not there.

    Raises:
        OSError: as of :meth:`pathlib.Path.unlink`.
    """
    _patiently(lambda: path.unlink(missing_ok=True), tries)


def _patiently(act: Callable[[], object], tries: int) -> None:
    for left in reversed(range(tries)):
        try:
            act()
            return
        except OSError as error:
            if not left or not is_held(error):
                raise
            time.sleep(WAIT_S)
