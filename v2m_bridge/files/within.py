"""Whether a path lies inside given folders, decided without looking at anything outside of them."""

from __future__ import annotations

import os
import re
import stat
from collections import deque
from collections.abc import Iterable
from pathlib import Path

MOST_LINKS = 40
"""A path through more links than this leads nowhere (Linux follows as many)."""

_MOUNT_POINT = 0xA0000003
"""Reparse tag of a junction on Windows, which leads elsewhere as a link does."""

DEVICE_NAME = re.compile(r"(?i)(con|prn|aux|nul|com\d|lpt\d)(\.|$)")
"""Matches names that Windows keeps for devices."""


class AllowedFolders:
    """Folders whose content may be looked at and opened, and nothing else.

    A path is followed link by link. A link that leads out ends the search before its target is looked at; so does a
    path that is outside as it is written, even if a link outside would lead in. Paths of network shares
    (``\\\\server\\share``) and of devices are inside only where a folder was given in that form.

    Args:
        folders: absolute; where links lead from them is looked up once, now.
    """

    def __init__(self, folders: Iterable[Path]) -> None:
        self._forms: list[tuple[str, str]] = []
        for folder in dict.fromkeys(folders):
            real = os.path.realpath(folder)
            self._forms += [(os.path.normpath(folder), real), (real, real)]

    def real(self, path: str | Path) -> Path | None:
        """Where ``path`` leads, if that is inside; it need not exist. A ``..`` is taken out of the text first."""
        text = os.fspath(path)
        if "\0" in text or not Path(text).is_absolute():
            return None
        start = self._enter(os.path.normpath(text))
        links = 0
        while start is not None:
            current, parts = start
            start = None
            while parts:
                part = parts.popleft()
                if part == "..":  # of a link's target; what lies above is a folder and no link
                    current = os.path.dirname(current)  # noqa: PTH120
                    if self._enter(current) is None:
                        return None
                    continue
                current = os.path.join(current, part)  # noqa: PTH118
                if _is_strange(part):
                    return None
                target = _target(current)
                if target is None:
                    continue
                links += 1
                if links > MOST_LINKS:
                    return None
                if Path(target).is_absolute():
                    start = self._enter(target, [*parts])
                    if start is None:
                        return None
                    break
                current = os.path.dirname(current)  # noqa: PTH120
                parts.extendleft(reversed([p for p in re.split(_SEPARATORS, target) if p not in ("", ".")]))
            else:
                return Path(current)
        return None

    def file(self, path: str | Path) -> bool:
        """Whether ``path`` leads to a plain file inside; devices, pipes and sockets are none."""
        real = self.real(path)
        try:
            return real is not None and stat.S_ISREG(real.lstat().st_mode)
        except (OSError, ValueError):
            return False

    def _enter(self, text: str, more: Iterable[str] = ()) -> tuple[str, deque[str]] | None:
        """The real form of the folder that ``text`` is below as it is written, and the way from there."""
        if ".." in re.split(_SEPARATORS, text):
            return None
        for written, real in self._forms:
            below = _below(text, written)
            if below is not None:
                return real, deque([*below, *more])
        return None


def share_of(path: str) -> str | None:
    """The share of a Windows network path, ``//server/share`` in small letters, from its text alone; None for others.

    >>> share_of(r"\\\\NAS\\Media\\a.mov"), share_of(r"\\\\?\\UNC\\nas\\media\\b.mov"), share_of(r"C:\\a.mov")
    ('//nas/media', '//nas/media', None)
    """
    text = path.replace("\\", "/").lower()
    for prefix in ("//?/unc/", "//./unc/", "//"):
        if text.startswith(prefix):
            server, _, rest = text.removeprefix(prefix).partition("/")
            own_machine = prefix == "//" and server in ("?", ".")
            return None if own_machine or not server else f"//{server}/{rest.partition('/')[0]}"
    return None


_SEPARATORS = r"[\\/]" if os.name == "nt" else r"/"


def _below(text: str, folder: str) -> list[str] | None:
    """The parts of ``text`` below ``folder``, both as they are written; None where it is not below."""
    own, base = os.path.normcase(text), os.path.normcase(folder).rstrip(os.sep)
    if own != base and not own.startswith(base + os.sep):
        return None
    if own.startswith(2 * os.sep) and not base.startswith(2 * os.sep):
        return None
    return [part for part in re.split(_SEPARATORS, text[len(base) :]) if part not in ("", ".")]


def _is_strange(part: str) -> bool:
    """Whether Windows would take a part of a path for a device or for a stream inside a file."""
    return os.name == "nt" and (":" in part or bool(DEVICE_NAME.match(part)))


def _target(path: str) -> str | None:
    """Where the link at ``path`` leads; None when it is no link or cannot be looked at."""
    try:
        state = os.lstat(path)
        if not stat.S_ISLNK(state.st_mode) and getattr(state, "st_reparse_tag", 0) != _MOUNT_POINT:
            return None
        return os.readlink(path).removeprefix("\\\\?\\")  # noqa: PTH115
    except (OSError, ValueError):
        return None
