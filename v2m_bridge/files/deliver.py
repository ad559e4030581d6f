"""Finished files come into their folder in one go: nobody's changes are lost, nothing of an older result stays.

A file of ours that was changed since (the manifest has its hash) moves aside, ``score.rpp`` to ``score-2.rpp``; so does
a file of which we know nothing. A file that the older result had and the new one has not goes.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from fnmatch import fnmatchcase
from pathlib import Path

from v2m_bridge.errors import InputError, cannot_write
from v2m_bridge.files.lock import hold
from v2m_bridge.files.manifest import digest, read_manifest, write_manifest
from v2m_bridge.files.rename import rename

LOCK = ".v2m.lock"
REPLACED = "replaced"
"""Folder inside the draft that holds the older files until the new ones are in their places."""


def deliver(folder: Path, out: Path, known: Collection[str] = (), lasting: str = "") -> tuple[str, ...]:
    """Move every file of ``folder`` into ``out``, one process at a time; another one waits.

    Args:
        folder: the finished files, on the same file system.
        known: names that an older result without a manifest may have left.
        lasting: pattern of older files of ours that stay although the new result has none.

    Returns:
        One line for each file that was moved aside because somebody else had changed it.

    Raises:
        InputError: a file cannot be moved, or a folder has its name; ``out`` is as it was.
    """
    out = out.absolute()
    new = {path.name: digest(path) for path in sorted(folder.iterdir()) if path.is_file()}
    try:
        out.mkdir(exist_ok=True)
        for name in new:
            if (out / name).is_dir():
                raise InputError(f"{out / name} is a folder, and a file of that name has to be written", "rename it")
        with hold(out / LOCK):
            return _exchange(folder, out, new, known, lasting)
    except OSError as error:
        raise cannot_write(out, error) from error


def _exchange(folder: Path, out: Path, new: Mapping[str, str], known: Collection[str], lasting: str) -> tuple[str, ...]:
    listed = read_manifest(out)
    staying = {name for name in listed if name not in new and fnmatchcase(name, lasting)}
    older = {name for name in {*listed, *known, *new} - staying if (out / name).is_file()}
    aside: dict[str, str] = {}
    for name in sorted(older):
        found = digest(out / name)
        if found not in (listed.get(name), new.get(name)):
            aside[name] = _free_name(out, name, {*new, *aside.values()})
    _move(folder, out, new, older, aside)
    write_manifest(out, {**{name: listed[name] for name in staying}, **new})
    return tuple(
        f"{name} was changed since, or is not of ours: what was there is kept as {kept}" for name, kept in aside.items()
    )


def _move(folder: Path, out: Path, new: Collection[str], older: Collection[str], aside: Mapping[str, str]) -> None:
    """Put the older files away and the new ones in their places; undo all of it when one cannot be moved."""
    replaced = folder / REPLACED
    replaced.mkdir()
    moves = [(out / name, out / aside[name] if name in aside else replaced / name) for name in sorted(older)]
    moves += [(folder / name, out / name) for name in new]
    done: list[tuple[Path, Path]] = []
    try:
        for source, target in moves:
            rename(source, target)
            done.append((source, target))
    except OSError:
        for source, target in reversed(done):
            rename(target, source)
        raise


def _free_name(out: Path, name: str, taken: Collection[str]) -> str:
    """``score-2.rpp`` for ``score.rpp``, or the next number that nothing has."""
    path, number = Path(name), 2
    while (found := f"{path.stem}-{number}{path.suffix}") in taken or (out / found).exists():
        number += 1
    return found
