"""How large an edit may be. What lies beyond these limits is damage, or a file made to exhaust the machine."""

from __future__ import annotations

from pathlib import Path

from v2m_bridge.errors import InputError


class TooLargeError(InputError):
    """The edit is beyond a limit: reading it stops, whereas other damage costs the damaged item alone."""


MAX_TEXT_BYTES = 256 * 1024 * 1024
"""Size of an edit that is JSON or XML."""

MAX_DURATION_S = 100 * 3600
"""Length of an edit: timecode has two digits for hours."""

MAX_TIME_S = 10_000_000
"""Position in a source. The largest real ones are timecode of a whole day and frame numbers of image sequences."""

MAX_SPEED = 1000
"""Media seconds per timeline second of one clip."""

MAX_CLIPS = 500_000


def refuse_larger(path: Path, max_bytes: int, name: str = "") -> None:
    """Refuse a file above ``max_bytes``; ``name`` is what the message calls it, by default its own name.

    Raises:
        InputError: the file is larger.
        OSError: the file cannot be looked at.
    """
    if path.stat().st_size > max_bytes:
        raise TooLargeError(f"{name or path.name} is larger than {max_bytes // 2**20} MiB")
