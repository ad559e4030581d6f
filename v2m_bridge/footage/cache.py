"""A cache of what was measured: keyed by the content of the media, the range, and the version of the analysis.

Entries are files that appear whole or not at all, so two processes can share the folder and a killed one harms nothing.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol
from zipfile import BadZipFile

import numpy as np
import numpy.typing as npt

from v2m_bridge.errors import InputError
from v2m_bridge.files.whole import PART_SUFFIX, whole_file
from v2m_bridge.settings import cache_folder

ANALYSIS_VERSION = 4
"""Raise it whenever a measurement changes: older entries are then never found again, and :meth:`FeatureCache.put`
drops them in time."""

FEATURES_FOLDER = "features"
"""Name of this cache among the caches of the state folder."""

DEFAULT_LIMIT_BYTES = 4 * 2**30
TRIM_TO = 0.8
"""A full cache drops its oldest entries until it takes this share of its limit."""

WHOLE_FILE_BYTES = 16 * 2**20
SAMPLE_BYTES = 64 * 2**10
SAMPLES = 64
"""Files up to 16 MiB are hashed whole; of larger ones their size and 64 blocks spread from start to end."""

ORPHAN_AGE_S = 3600.0
"""A half-written file of this age belongs to a process that was killed."""

Arrays = Mapping[str, npt.NDArray[Any]]


@dataclass(frozen=True)
class CacheInfo:
    """How full a cache is: number of entries, their size and the size at which old ones are dropped."""

    folder: Path
    entries: int
    size_bytes: int
    limit_bytes: int


def default_cache_folder() -> Path:
    """``features`` in the ``cache`` of the state folder."""
    return cache_folder() / FEATURES_FOLDER


def media_identity(path: Path) -> str:
    """A digest of a file's content that a renamed or moved copy shares.

    Raises:
        OSError: the file cannot be read.
    """
    state = path.stat()
    return _digest_of(path, state.st_size, state.st_mtime_ns)


@functools.lru_cache(maxsize=256)
def _digest_of(path: Path, size: int, _modified_ns: int) -> str:
    """Digest of the content, computed again only when the file's size or date changes."""
    digest = hashlib.blake2b(str(size).encode(), digest_size=20)
    with path.open("rb") as file:
        if size <= WHOLE_FILE_BYTES:
            while block := file.read(2**20):
                digest.update(block)
        else:
            for number in range(SAMPLES):
                file.seek((size - SAMPLE_BYTES) * number // (SAMPLES - 1))
                digest.update(file.read(SAMPLE_BYTES))
    return digest.hexdigest()


def entry_key(kind: str, *parts: object) -> str:
    """The name of an entry of this ``kind``; ``parts`` are plain values that tell it from others of its kind."""
    text = json.dumps([ANALYSIS_VERSION, kind, *parts], default=str)
    return kind + "-" + hashlib.blake2b(text.encode(), digest_size=20).hexdigest()


class ArrayCache(Protocol):
    """Keeps named arrays under a key; what it loses is measured again."""

    def get(self, key: str) -> dict[str, npt.NDArray[Any]] | None:
        """The arrays stored under ``key``, or None."""

    def put(self, key: str, arrays: Arrays) -> None:
        """Store arrays under ``key``, replacing what was there."""


class NoCache:
    """The cache of a caller who wants none: it keeps nothing and finds nothing."""

    def get(self, key: str) -> None:
        """None: nothing is stored here."""

    def put(self, key: str, arrays: Arrays) -> None:
        """Store nothing."""


NO_CACHE = NoCache()


class FeatureCache:
    """Arrays on disk. It raises no error for a full or damaged disk: what cannot be stored is measured again.

    Args:
        folder: where entries lie; created on the first write. None: the default place.
        limit_bytes: above this size the entries that were unused for longest are dropped.
    """

    def __init__(self, folder: Path | None = None, limit_bytes: int = DEFAULT_LIMIT_BYTES) -> None:
        self.folder = default_cache_folder() if folder is None else folder
        self.limit_bytes = limit_bytes

    def get(self, key: str) -> dict[str, npt.NDArray[Any]] | None:
        """The arrays stored under ``key``; None when there are none or they are damaged."""
        path = self._path(key)
        try:
            with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
                arrays = {name: stored[name] for name in stored.files}
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, EOFError, AttributeError, TypeError, BadZipFile):
            self._drop(path)
            return None
        with contextlib.suppress(OSError):
            os.utime(path)
        return arrays

    def put(self, key: str, arrays: Arrays) -> None:
        """Store arrays under ``key``, replacing what was there in one step."""
        path = self._path(key)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with whole_file(path) as file:
                np.savez(file, **dict(arrays))  # type: ignore[arg-type]
        except (OSError, InputError):
            return
        self._trim()

    def info(self) -> CacheInfo:
        """How many entries there are and how large they are."""
        entries = self._entries()
        return CacheInfo(self.folder, len(entries), sum(size for _, size, _ in entries), self.limit_bytes)

    def clear(self) -> CacheInfo:
        """Remove every entry; returns what there was."""
        before = self.info()
        for path, _, _ in self._entries():
            self._drop(path)
        self._drop_orphans(0.0)
        return before

    def _path(self, key: str) -> Path:
        return self.folder / key[-2:] / f"{key}.npz"

    def _entries(self) -> list[tuple[Path, int, float]]:
        found: list[tuple[Path, int, float]] = []
        for path in self.folder.glob("??/*.npz"):
            with contextlib.suppress(OSError):
                state = path.stat()
                found.append((path, state.st_size, state.st_mtime))
        return found

    def _trim(self) -> None:
        entries = self._entries()
        total = sum(size for _, size, _ in entries)
        if total <= self.limit_bytes:
            return
        self._drop_orphans(ORPHAN_AGE_S)
        for path, size, _ in sorted(entries, key=lambda entry: entry[2]):
            if total <= self.limit_bytes * TRIM_TO:
                break
            self._drop(path)
            total -= size

    def _drop_orphans(self, age_s: float) -> None:
        """Delete half-written files of at least this age; the processes that wrote them were killed."""
        for path in self.folder.glob(f"??/*{PART_SUFFIX}"):
            with contextlib.suppress(OSError):
                if time.time() - path.stat().st_mtime >= age_s:
                    path.unlink()

    @staticmethod
    def _drop(path: Path) -> None:
        with contextlib.suppress(OSError):
            path.unlink()
