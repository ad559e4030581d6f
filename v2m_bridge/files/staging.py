"""All files of a result appear together and whole, or not at all, and what somebody changed since is kept."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from v2m_bridge.errors import DiskFull, InputError, is_disk_full
from v2m_bridge.files.deliver import deliver


@contextmanager
def staged(out: Path) -> Iterator[Path]:
    """Yield a fresh folder beside ``out``; on success its files come into ``out``, else it vanishes.

    Raises:
        InputError: ``out`` is a file or cannot be written.
        DiskFull: there is no room for the files, whichever writer notices it.
    """
    with draft_folder(out) as folder:
        yield folder
        deliver(folder, out)


@contextmanager
def draft_folder(out: Path) -> Iterator[Path]:
    """Yield a fresh folder beside ``out`` that vanishes at the end; :func:`.deliver.deliver` brings its files over.

    Raises:
        InputError: as for :func:`staged`.
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
    except OSError as error:
        if is_disk_full(error):
            raise _unwritable(out, error) from error
        raise
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def refuse_unwritable(out: Path, names: Iterable[str] = ()) -> None:
    """Say no before any long work.

    Args:
        names: files that will be written.

    Raises:
        InputError: ``out`` is a file, or lies where nothing can be made, or holds a folder with one of the names.
    """
    out = out.absolute()
    if out.exists() and not out.is_dir():
        raise InputError(f"{out} is a file", "give a folder for the score")
    there = next(folder for folder in (out, *out.parents) if folder.exists())
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        raise InputError(f"cannot write to {out}: {there} is not a folder one can write to")
    for name in names:
        if (out / name).is_dir():
            raise InputError(f"{out / name} is a folder, and a file of that name has to be written", "rename it")


def _unwritable(out: Path, error: OSError) -> InputError:
    if is_disk_full(error):
        return DiskFull(f"the disk is full: nothing was written to {out}", "make room, then try again")
    return InputError(f"cannot write to {out}: {error.strerror}")
