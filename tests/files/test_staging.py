"""A result's files appear together and whole, or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from v2m_bridge.errors import InputError
from v2m_bridge.files.staging import staged


def test_files_arrive_only_at_the_end(tmp_path: Path) -> None:
    out = tmp_path / "cue"
    with staged(out) as folder:
        (folder / "score.json").write_text("{}")
        assert not out.exists()
    assert [file.name for file in out.iterdir() if not file.name.startswith(".")] == ["score.json"]
    assert [file.name for file in tmp_path.iterdir()] == ["cue"]


def test_a_failure_leaves_what_was_there(tmp_path: Path) -> None:
    out = tmp_path / "cue"
    out.mkdir()
    (out / "score.json").write_text("old")
    (out / "notes.txt").write_text("the composer's own")
    with pytest.raises(RuntimeError), staged(out) as folder:
        (folder / "score.json").write_text("half")
        raise RuntimeError
    assert (out / "score.json").read_text() == "old"
    assert sorted(file.name for file in out.iterdir()) == ["notes.txt", "score.json"]
    assert [file.name for file in tmp_path.iterdir()] == ["cue"]


def test_an_existing_folder_keeps_foreign_files(tmp_path: Path) -> None:
    out = tmp_path / "cue"
    out.mkdir()
    (out / "notes.txt").write_text("mine")
    with staged(out) as folder:
        (folder / "score.mid").write_bytes(b"MThd")
    assert (out / "notes.txt").read_text() == "mine"
    assert (out / "score.mid").read_bytes() == b"MThd"


def test_a_file_in_the_way_is_refused(tmp_path: Path) -> None:
    (tmp_path / "cue").write_text("a file")
    with pytest.raises(InputError, match="is a file"), staged(tmp_path / "cue"):
        pass
    assert (tmp_path / "cue").read_text() == "a file"
