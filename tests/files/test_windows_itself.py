"""On Windows itself: a file that is open cannot be replaced, and is when it is closed. Elsewhere: skipped."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from v2m_bridge.errors import FileHeld
from v2m_bridge.files.whole import write_whole

pytestmark = pytest.mark.skipif(sys.platform != "win32", reason="only Windows keeps open files from being replaced")


def test_an_open_file_is_refused_and_then_replaced(tmp_path: Path) -> None:
    path = tmp_path / "preview.wav"
    path.write_bytes(b"old")
    with path.open("rb"), pytest.raises(FileHeld):
        write_whole(path, b"new")
    write_whole(path, b"new")
    assert path.read_bytes() == b"new"
