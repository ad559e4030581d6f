"""Names of files as text that can be written down: a name may hold bytes that are no text in the system's encoding."""

from __future__ import annotations

import os


def readable(name: str | os.PathLike[str]) -> str:
    """A path or a message with paths as proper text: what is no UTF-8 becomes the replacement character."""
    return os.fspath(name).encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def as_bytes(name: str | os.PathLike[str]) -> bytes:
    """A path, or a text with paths in it, as UTF-8; bytes of a name that are no text stay what they are."""
    return os.fspath(name).encode("utf-8", "surrogateescape")
