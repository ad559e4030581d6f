"""Fetches a free General MIDI sound font for the preview, and keeps it only when its hash is right."""

from __future__ import annotations

from pathlib import Path

from v2m_bridge.files.download import Download
from v2m_bridge.progress import Progress, silent
from v2m_bridge.settings import models_folder

NAME = "MuseScore_General.sf3"
URL = f"https://ftp.osuosl.org/pub/musescore/soundfont/MuseScore_General/{NAME}"
SHA256 = "5b85b6c2c61d10b2b91cddd41efcce7b25cd31c8271d511c73afafbef20b6fa3"
"""Of version 0.2.0, 38 MB, MIT licence (Frank Wen, Michael Cowgill, S. Christian Collins)."""
LARGEST = 256 << 20


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
    return target if target.is_file() else _published().fetch(target, progress)


def _published() -> Download:
    remedy = f"check the network, or put any General MIDI .sf2 or .sf3 file into {sounds_folder()}"
    return Download("the sounds", URL, SHA256, LARGEST, remedy)
