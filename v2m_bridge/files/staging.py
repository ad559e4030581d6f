"""All files of a result appear together and whole, or not at all."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from v2m_bridge.errors import DiskFull, InputError, is_disk_full


@contextmanager
def staged(out: Path) -> Iterator[Path]:
    """Yield a fresh folder beside ``out``; on success its files are renamed into ``out``, else it vanishes.

    Raises:
        InputError: ``out`` is a file or cannot be written.
        DiskFull: there is no room for the files, whichever writer notices it.
    """
    out = out.absolute()
    refuse_unwritable(out)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(prefix=f".{out.name}-", dir=out.parent))
    except OSError as error:
        raise _unwritable(out, error) from error
    try:
        yield folder
        _move_all(folder, out)
    except OSError as error:
        if is_disk_full(error):
            raise _unwritable(out, error) from error
        raise
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def refuse_unwritable(out: Path) -> None:
    """Say no before any long work.

    Raises:
        InputError: ``out`` is a file, or lies where nothing can be made.
    """
    out = out.absolute()
    if out.exists() and not out.is_dir():
        raise InputError(f"{out} is a file", "give a folder for the score")
    there = next(folder for folder in (out, *out.parents) if folder.exists())
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        raise InputError(f"cannot write to {out}: {there} is not a folder one can write to")


def _move_all(folder: Path, out: Path) -> None:
    try:
        out.mkdir(exist_ok=True)
        for file in sorted(folder.iterdir()):
            file.replace(out / file.name)
    except OSError as error:
        raise _unwritable(out, error) from error


def _unwritable(out: Path, error: OSError) -> InputError:
    if is_disk_full(error):
        return DiskFull(f"the disk is full: nothing was written to {out}", "make room, then try again")
    return InputError(f"cannot write to {out}: {error.strerror}")
