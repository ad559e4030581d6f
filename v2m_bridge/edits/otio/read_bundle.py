"""OTIO bundles: ``.otiod`` (a folder) and ``.otioz`` (a zip) with ``content.otio`` and the media beside it."""

from __future__ import annotations

import hashlib
import shutil
import stat
import tempfile
import zipfile
import zlib
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path, PurePosixPath

from v2m_bridge.edits.find_media import MediaFinder
from v2m_bridge.edits.limits import MAX_TEXT_BYTES, refuse_larger
from v2m_bridge.edits.names import clean
from v2m_bridge.edits.otio.read_otio import read_otio, read_otio_text
from v2m_bridge.edits.unpacked_media import (
    SOURCE_NOTE,
    note_use,
    trim_unpacked,
    unpacked_folder,
)
from v2m_bridge.errors import InputError
from v2m_bridge.files.names import as_bytes
from v2m_bridge.files.rename import rename
from v2m_bridge.timeline.model import Timeline

CONTENT = "content.otio"
MAX_ENTRIES = 100_000
BOMB_BYTES = 16 * 1024 * 1024
BOMB_RATIO = 100
"""An entry, or a whole bundle, that unpacks to more than both, bytes and times its packed size, is a zip bomb. Edits
shrink to a tenth or a thirtieth, media are stored as they are."""

SPARE_BYTES = 2 * 1024**3
"""How much of the disk has to stay free when media are unpacked."""


def read_otiod(path: Path, *, rate: Fraction | None = None, media_roots: Sequence[Path] = ()) -> Timeline:
    """Read a bundle folder; see :func:`v2m_bridge.edits.otio.read_otio.read_otio`."""
    content = path / CONTENT
    if path.is_file():
        return read_otio(path, rate=rate, media_roots=media_roots)
    if not content.is_file():
        raise InputError(f"{path} has no {CONTENT}; it is not an OTIO bundle")
    refuse_larger(content, MAX_TEXT_BYTES, f"{path.name}/{CONTENT}")
    return read_otio_text(content.read_bytes(), path.name, MediaFinder(path, media_roots, confined=True), rate)


def read_otioz(path: Path, *, rate: Fraction | None = None, media_roots: Sequence[Path] = ()) -> Timeline:
    """Read a zipped bundle; its media are unpacked into the cache once, so that they can be decoded.

    Raises:
        InputError: no zip, no edit inside, entries that lead out of the bundle, or a zip bomb.
    """
    try:
        with zipfile.ZipFile(path) as bundle:
            names = _checked(bundle, path.name, path.stat().st_size)
            if CONTENT not in names:
                raise InputError(f"{path.name} has no {CONTENT}; it is not an OTIO bundle")
            text = _read(bundle, names[CONTENT], MAX_TEXT_BYTES, path.name)
            folder, note = _unpack_media(bundle, names, path)
    except (zipfile.BadZipFile, zipfile.LargeZipFile, zlib.error, NotImplementedError, EOFError) as error:
        raise InputError(f"{path.name} is not a readable zip: {clean(str(error))}") from error
    except (RuntimeError, UnicodeDecodeError, ValueError) as error:  # encrypted, or names that are no text
        raise InputError(f"{path.name} cannot be unpacked: {clean(str(error))}") from error
    notes = (note,) if note else ()
    return read_otio_text(text, path.name, MediaFinder(folder, media_roots, confined=True), rate, notes)


def _checked(bundle: zipfile.ZipFile, name: str, packed_bytes: int) -> dict[str, zipfile.ZipInfo]:
    """All files of the zip by name.

    Raises:
        InputError: a path that leads out of the bundle, a link, or a zip bomb.
    """
    entries = bundle.infolist()
    if len(entries) > MAX_ENTRIES:
        raise InputError(f"{name} has more than {MAX_ENTRIES} files")
    for entry in entries:
        parts = PurePosixPath(entry.filename).parts
        if entry.filename.startswith(("/", "\\")) or ".." in parts or "\\" in entry.filename or ":" in entry.filename:
            raise InputError(
                f"{name} holds {clean(entry.filename)[:80]!r}, a path that leads out of the bundle; refused"
            )
        if stat.S_ISLNK(entry.external_attr >> 16):
            raise InputError(f"{name} holds the link {clean(entry.filename)[:80]!r}; refused")
        if entry.file_size > BOMB_BYTES and entry.file_size > BOMB_RATIO * max(1, entry.compress_size):
            raise InputError(
                f"{name}: {clean(entry.filename)[:80]!r} unpacks to {entry.file_size} bytes, "
                f"more than {BOMB_RATIO} times its size; refused as a zip bomb"
            )
    # Entries may share their packed bytes, so the whole is held against the size of the file.
    whole = sum(entry.file_size for entry in entries)
    if whole > BOMB_BYTES and whole > BOMB_RATIO * packed_bytes:
        raise InputError(
            f"{name} unpacks to {whole} bytes in all, more than {BOMB_RATIO} times its size; refused as a zip bomb"
        )
    return {entry.filename: entry for entry in entries if not entry.is_dir()}


def _read(bundle: zipfile.ZipFile, entry: zipfile.ZipInfo, limit: int, name: str) -> bytes:
    """The bytes of one entry, at most ``limit``; the size in the zip's header is not trusted."""
    with bundle.open(entry) as file:
        data = file.read(limit + 1)
    if len(data) > limit or (len(data) > BOMB_BYTES and len(data) > BOMB_RATIO * max(1, entry.compress_size)):
        raise InputError(f"{name}: {entry.filename!r} unpacks to more than it may; refused as a zip bomb")
    return data


def _unpack_media(bundle: zipfile.ZipFile, names: dict[str, zipfile.ZipInfo], path: Path) -> tuple[Path, str]:
    """The folder for the unpacked media, which need not exist, and a warning if they could not be unpacked."""
    info = path.stat()
    identity = f"{path.resolve()}\0{info.st_size}\0{info.st_mtime_ns}"
    folder = unpacked_folder() / hashlib.sha256(as_bytes(identity)).hexdigest()[:24]
    media = [entry for name, entry in names.items() if name.startswith("media/")]
    if not media:
        return folder, ""
    if folder.is_dir():
        note_use(folder)
        return folder, ""
    size = sum(entry.file_size for entry in media)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        if size + SPARE_BYTES > shutil.disk_usage(folder.parent).free:
            return folder, f"no room to unpack the {size // 2**20} MiB of media in {path.name}; they count as offline"
        _unpack(bundle, media, folder, path)
        trim_unpacked()
    except OSError as error:
        return folder, f"the media in {path.name} cannot be unpacked ({error.strerror}); they count as offline"
    return folder, ""


def _unpack(bundle: zipfile.ZipFile, media: Sequence[zipfile.ZipInfo], folder: Path, path: Path) -> None:
    """Unpack into a temporary folder and rename it, so that a half unpacked one is never taken for whole."""
    with tempfile.TemporaryDirectory(dir=folder.parent) as temporary:
        staging = Path(temporary) / "bundle"
        for entry in media:
            target = staging / entry.filename
            target.parent.mkdir(parents=True, exist_ok=True)
            with bundle.open(entry) as source, target.open("wb") as sink:
                left = entry.file_size
                while left > 0 and (block := source.read(min(left, 1 << 20))):
                    sink.write(block)
                    left -= len(block)
        (staging / SOURCE_NOTE).write_text(f"{path.resolve()}\n", encoding="utf-8", errors="replace", newline="\n")
        if not folder.exists():
            rename(staging, folder)
