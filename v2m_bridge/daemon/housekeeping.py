"""What the daemon's folder of scores takes on the disk, and what of it goes first."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from v2m_bridge.daemon.jobs.store import JobStore
from v2m_bridge.daemon.paths import JOB_ID


@dataclass(frozen=True)
class Surplus:
    """What is beyond the limits.

    Attributes:
        orphans: folders of scores that the queue does not know, to be deleted.
        jobs: ids of finished scores to be removed, the newest first.
    """

    orphans: tuple[Path, ...]
    jobs: tuple[str, ...]


def folder_bytes(folder: Path) -> int:
    """What a folder with all below it takes; a file with several names counts in parts. Links are not followed."""
    total = 0
    waiting = [os.fspath(folder)]
    while waiting:
        try:
            with os.scandir(waiting.pop()) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(entry.path)
                    else:
                        state = entry.stat(follow_symlinks=False)
                        total += state.st_size // max(1, state.st_nlink)
        except OSError:  # it has just been removed
            continue
    return total


def surplus(scores: Path, store: JobStore, keep_jobs: int, keep_bytes: int, in_work: Collection[str]) -> Surplus:
    """What has to go so that no more than ``keep_jobs`` finished scores stay and all together is within ``keep_bytes``.

    Uploads, work folders and unfinished scores count, but stay. Folders that the queue does not know go first: at once
    without a finished score in them (a kill left them), else when there is no room for them.

    Args:
        in_work: ids of scores that are being written and are not yet in the queue, as they are at any moment.
    """
    sizes = {entry.name: folder_bytes(entry) for entry in _folders(scores)}
    # In this order: what was being written when the folders were listed is in the queue by the time it is asked.
    written = frozenset(in_work)
    known, removable = set(store.ids()), set(store.finished_ids())
    orphans = [scores / name for name in sizes if JOB_ID.match(name) and name not in known | written]
    lost = [path for path in orphans if not (path / "out").exists()]
    finished = sorted((path for path in orphans if path not in lost), key=_changed_ns)
    total = sum(sizes.values()) - sum(sizes[path.name] for path in lost)
    while finished and total > keep_bytes:
        lost.append(finished.pop(0))
        total -= sizes[lost[-1].name]
    unmovable = total - sum(size for name, size in sizes.items() if name in removable)
    jobs = store.surplus(keep_jobs, max(0, keep_bytes - unmovable), sizes)
    return Surplus(tuple(lost), tuple(jobs))


def _folders(scores: Path) -> Iterator[Path]:
    for entry in scores.iterdir():
        if entry.is_dir() and not entry.is_symlink():
            yield entry


def _changed_ns(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0
