"""One file appears whole or not at all; a lock is held once."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from v2m_bridge.errors import InputError, SetupError
from v2m_bridge.files.lock import Timeout, hold
from v2m_bridge.files.whole import whole_file, write_whole


def test_text_is_utf_8_with_its_own_line_ends(tmp_path: Path) -> None:
    write_whole(tmp_path / "a", "é\r\nb\n")
    assert (tmp_path / "a").read_bytes() == b"\xc3\xa9\r\nb\n"
    write_whole(tmp_path / "a", b"\0new")
    assert (tmp_path / "a").read_bytes() == b"\0new"
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_text("old")
    with pytest.raises(RuntimeError), whole_file(path) as file:
        file.write(b"half")
        assert path.read_text() == "old"
        raise RuntimeError
    assert path.read_text() == "old"
    assert [found.name for found in tmp_path.iterdir()] == ["a"]


def test_what_cannot_be_written_is_said_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    for path in (tmp_path / "missing" / "a", tmp_path / "folder"):
        with pytest.raises(InputError, match=r"cannot write .*: .*directory"):
            write_whole(path, "x")
    assert [found.name for found in tmp_path.iterdir()] == ["folder"]


def test_a_long_name_leaves_room_for_the_draft_s(tmp_path: Path) -> None:
    path = tmp_path / ("x" * 255)
    write_whole(path, "x")
    assert path.read_text() == "x"


@pytest.mark.skipif(os.name != "posix", reason="POSIX modes")
def test_the_file_is_as_readable_as_any_other(tmp_path: Path) -> None:
    write_whole(tmp_path / "a", "x")
    (tmp_path / "b").write_text("x")
    assert (tmp_path / "a").stat().st_mode == (tmp_path / "b").stat().st_mode


def test_a_lock_is_held_once_and_can_be_taken_again(tmp_path: Path) -> None:
    path = tmp_path / "state" / "x.lock"
    with hold(path), pytest.raises(Timeout):
        hold(path, wait=False)
    with hold(path, wait=False):
        pass
    assert path.exists()


def test_a_lock_ends_with_its_process(tmp_path: Path) -> None:
    path = tmp_path / "x.lock"
    code = f"""
import sys
from pathlib import Path
from v2m_bridge.files.lock import hold
held = hold(Path({str(path)!r}))
print("held", flush=True)
sys.stdin.read()
"""
    holder = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert holder.stdout is not None and holder.stdin is not None
    assert holder.stdout.readline().strip() == b"held"
    with pytest.raises(Timeout):
        hold(path, wait=False)
    holder.kill()
    holder.wait()
    holder.stdin.close()
    holder.stdout.close()
    with hold(path):
        pass


def test_a_lock_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(SetupError, match="cannot open"):
        hold(tmp_path / "file" / "x.lock")
