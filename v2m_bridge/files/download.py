"""Fetches one published file and keeps it only when its hash is right."""

from __future__ import annotations

import hashlib
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from v2m_bridge.errors import DownloadError, cannot_write
from v2m_bridge.files.whole import whole_file
from v2m_bridge.progress import Progress, silent

_TIMEOUT_S = 60
_PIECE = 1 << 18


@dataclass(frozen=True)
class Download:
    """A file of the network, pinned by its content.

    Attributes:
        what: what the user is told could not be fetched.
        url: where it lies.
        sha256: of the whole file, in hex.
        largest: bytes after which nothing more is read.
        remedy: what to do when it cannot be fetched.
    """

    what: str
    url: str
    sha256: str
    largest: int
    remedy: str

    def failed(self, reason: str) -> DownloadError:
        """The error to raise."""
        return DownloadError(f"{self.what} could not be downloaded: {reason}", self.remedy)

    def fetch(self, target: Path, progress: Progress = silent) -> Path:
        """Put the file at ``target``, whole or not at all; its folder is made.

        Raises:
            DownloadError: as of :meth:`receive`; nothing is kept.
            InputError: it cannot be written.
        """
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            with whole_file(target) as file:
                self.receive(file, progress)
        except OSError as error:
            raise cannot_write(target, error) from error
        return target

    def receive(self, file: BinaryIO, progress: Progress = silent) -> None:
        """Write the content to ``file`` and check it.

        Args:
            progress: told of the stage ``download``.

        Raises:
            DownloadError: the server cannot be reached, or what came is not the file that was expected.
        """
        digest = hashlib.sha256()
        progress("download", 0.0)
        try:
            with urllib.request.urlopen(self.url, timeout=_TIMEOUT_S) as answer:
                size = int(answer.headers.get("Content-Length") or 0)
                done = 0
                while piece := answer.read(_PIECE):
                    file.write(piece)
                    digest.update(piece)
                    done += len(piece)
                    if done > self.largest:
                        raise self.failed("the file is far too large")
                    progress("download", min(0.99, done / size) if size else 0.0)
        except (urllib.error.URLError, TimeoutError, ConnectionError, ValueError) as error:
            raise self.failed(" ".join(str(getattr(error, "reason", error)).split())) from error
        if digest.hexdigest() != self.sha256:
            raise self.failed("what came is not the expected file")
        progress("download", 1.0)
