"""Media of ``.otioz`` bundles that lie unpacked in the cache folder: list them, clear them, keep within a limit."""

from __future__ import annotations

import contextlib
import os
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from v2m_bridge.errors import InputError
from v2m_bridge.settings import cache_folder

FOLDER = "otioz"
SOURCE_NOTE = "bundle.txt"
"""File in every unpacked folder that names the bundle it came from."""

DEFAULT_LIMIT_GB = 20.0
LIMIT_VARIABLE = "V2M_UNPACKED_GB"
SAFE_AGE_S = 3600.0
"""What was used within the last hour is never dropped automatically: it may be being decoded."""


@dataclass(frozen=True)
class Unpacked:
    """One unpacked bundle; ``used_s`` is the Unix time of its last use, ``source`` empty where it is not known."""

    folder: Path
    source: str
    size_bytes: int
    used_s: float


def unpacked_folder() -> Path:
    """Where bundles are unpacked."""
    return cache_folder() / FOLDER


def limit_bytes() -> int:
    """How much may lie there: ``V2M_UNPACKED_GB``, else 20 GB.

    Raises:
        InputError: the variable is no number of 0 or above.
    """
    text = os.environ.get(LIMIT_VARIABLE, "")
    try:
        gigabytes = float(text) if text else DEFAULT_LIMIT_GB
        if not 0 <= gigabytes < 1e9:
            raise ValueError
    except ValueError:
        raise InputError(
            f"{LIMIT_VARIABLE} is {text!r}, which is no number of gigabytes", "correct or unset it"
        ) from None
    return int(gigabytes * 1e9)


def unpacked() -> tuple[Unpacked, ...]:
    """Every unpacked bundle, the one that was unused for longest first."""
    return tuple(sorted(_found(), key=lambda bundle: bundle.used_s))


def _found() -> Iterator[Unpacked]:
    folder = unpacked_folder()
    for path in folder.iterdir() if folder.is_dir() else ():
        with contextlib.suppress(OSError):
            if path.is_dir():
                yield Unpacked(path, _source(path), _size(path), path.stat().st_mtime)


def _source(folder: Path) -> str:
    try:
        return (folder / SOURCE_NOTE).read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""


def _size(folder: Path) -> int:
    total = 0
    for path in folder.rglob("*"):
        with contextlib.suppress(OSError):
            total += path.lstat().st_size if path.is_file() else 0
    return total


def note_use(folder: Path) -> None:
    """Remember that the bundle was used now."""
    with contextlib.suppress(OSError):
        os.utime(folder)


def clear_unpacked() -> tuple[Unpacked, ...]:
    """Remove every unpacked bundle; returns what was removed. They are unpacked again when they are needed."""
    return tuple(bundle for bundle in unpacked() if _remove(bundle.folder))


def trim_unpacked() -> None:
    """Drop what was unused for longest until the rest is within the limit."""
    bundles = unpacked()
    limit, total = limit_bytes(), sum(bundle.size_bytes for bundle in bundles)
    for bundle in bundles:
        if total <= limit or time.time() - bundle.used_s < SAFE_AGE_S:
            return
        if _remove(bundle.folder):
            total -= bundle.size_bytes


def _remove(folder: Path) -> bool:
    shutil.rmtree(folder, ignore_errors=True)
    return not folder.exists()
