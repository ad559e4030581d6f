"""Fetches a free General MIDI sound font for the preview, and keeps it only when its hash is right."""

from __future__ import annotations

import hashlib
import urllib.error
import urllib.request
from pathlib import Path
from typing import BinaryIO

from v2m_bridge.errors import DownloadError, cannot_write
from v2m_bridge.files.whole import whole_file
from v2m_bridge.progress import Progress, silent
from v2m_bridge.settings import models_folder

NAME = "MuseScore_General.sf3"
URL = f"https://ftp.osuosl.org/pub/musescore/soundfont/MuseScore_General/{NAME}"
SHA256 = "5b85b6c2c61d10b2b91cddd41efcce7b25cd31c8271d511c73afafbef20b6fa3"
"""Of version 0.2.0, 38 MB, MIT licence (Frank Wen, Michael Cowgill, S. Christian Collins)."""
_TIMEOUT_S = 60
_PIECE = 1 << 18
_LARGEST = 256 << 20


def sounds_folder() -> Path:
    """Where fetched sounds lie: ``models/sounds`` in the state folder."""
    return models_folder() / "sounds"


def pull_sounds(progress: Progress = silent) -> Path:
    """Download the sound font into :func:`sounds_folder`, unless it is there.

    Raises:
        DownloadError: the server cannot be reached, or what came is not the file that was expected; nothing is kept.
        InputError: the state folder cannot be written.
    """
    target = sounds_folder() / NAME
    if target.is_file():
        return target
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(target) as file:
            _receive(file, progress)
    except OSError as error:
        raise cannot_write(target, error) from error
    return target


def _receive(file: BinaryIO, progress: Progress) -> None:
    digest = hashlib.sha256()
    try:
        with urllib.request.urlopen(URL, timeout=_TIMEOUT_S) as answer:
            size = int(answer.headers.get("Content-Length") or 0)
            done = 0
            while piece := answer.read(_PIECE):
                file.write(piece)
                digest.update(piece)
                done += len(piece)
                if done > _LARGEST:
                    raise _failed("the file is far too large")
                progress("download", min(1.0, done / size) if size else 0.0)
    except (urllib.error.URLError, TimeoutError, ConnectionError, ValueError) as error:
        raise _failed(str(getattr(error, "reason", error))) from error
    if digest.hexdigest() != SHA256:
        raise _failed("what came is not the expected file")
    progress("download", 1.0)


def _failed(reason: str) -> DownloadError:
    return DownloadError(
        f"the sounds could not be downloaded: {reason}",
        f"check the network, or put any General MIDI .sf2 or .sf3 file into {sounds_folder()}",
    )
