"""What we wrote in a folder, by name and hash, so that a file that somebody changed since is told from one of ours."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

from v2m_bridge.files.whole import write_whole

MANIFEST = ".v2m-manifest.json"
SCHEMA = "v2m.manifest/1"


def read_manifest(folder: Path) -> dict[str, str]:
    """SHA-256 by file name of what we wrote in ``folder``; empty where there is no list, or none that can be read.

    Without a list every file counts as somebody else's, so a damaged one loses nothing.
    """
    try:
        document = json.loads((folder / MANIFEST).read_bytes())
    except (OSError, ValueError):
        return {}
    listed = document.get("files") if isinstance(document, dict) else None
    if not isinstance(listed, dict):
        return {}
    return {name: digest for name, digest in listed.items() if _is_plain(name) and isinstance(digest, str)}


def write_manifest(folder: Path, files: Mapping[str, str]) -> None:
    """Write the list; ``files`` gives the SHA-256 by name.

    Raises:
        InputError: it cannot be written.
    """
    document = {"schema": SCHEMA, "files": dict(sorted(files.items()))}
    write_whole(folder / MANIFEST, json.dumps(document, ensure_ascii=False, indent=1) + "\n")


def digest(path: Path) -> str:
    """SHA-256 of a file, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _is_plain(name: str) -> bool:
    """Whether ``name`` is a file's own name: a list from elsewhere never points out of its folder."""
    return name not in ("", ".", "..") and not set(name) & set("/\\\0")
