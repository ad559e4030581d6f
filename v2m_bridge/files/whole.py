"""One file appears whole or not at all: it is written beside its place and renamed into it."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from v2m_bridge.errors import cannot_write
from v2m_bridge.files.rename import rename

PART_SUFFIX = ".part"
"""A killed process may leave a file whose name ends so; it is never read."""


def write_whole(path: Path, content: str | bytes) -> None:
    """Put ``content`` (text as UTF-8, line ends as they are) at ``path``; a reader sees the old file or the new one.

    Raises:
        InputError: the file cannot be written (``DiskFull``: for want of room); what was at ``path`` is still there.
    """
    with whole_file(path) as file:
        file.write(content.encode("utf-8") if isinstance(content, str) else content)


@contextmanager
def whole_file(path: Path) -> Iterator[BinaryIO]:
    """Yield a new binary file that takes the place of ``path`` when the block ends without an error.

    The bytes are on the disk before the name changes hands, so a power cut leaves the old file or the new one.

    Raises:
        InputError: the file cannot be written; what was at ``path`` is still there.
    """
    draft = path.with_name(f".v2m-{uuid.uuid4().hex}{PART_SUFFIX}")
    try:
        try:
            with draft.open("xb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            rename(draft, path)
        finally:
            draft.unlink(missing_ok=True)
    except OSError as error:
        raise cannot_write(path, error) from error
