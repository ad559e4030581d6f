"""Which paths are inside: links are followed one by one, and nothing outside is ever looked at."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from v2m_bridge.files.within import AllowedFolders

pytestmark = pytest.mark.skipif(os.name != "posix", reason="links and pipes of POSIX")


@contextmanager
def watched(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Every path that is looked at by ``lstat``, ``stat`` or ``readlink``."""
    seen: list[str] = []
    with monkeypatch.context() as patch:
        for name in ("lstat", "stat", "readlink"):
            real = getattr(os, name)

            def look(path: object, *more: object, real: object = real, **named: object) -> object:
                seen.append(os.fsdecode(path))  # type: ignore[arg-type]
                return real(path, *more, **named)  # type: ignore[operator]

            patch.setattr(os, name, look)
        yield seen


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """``in/`` with media, ``out/`` with a secret, and links of every kind between them."""
    for folder in ("in/sub", "in/deep/er", "out/sub"):
        (tmp_path / folder).mkdir(parents=True)
    for name in ("in/a.mov", "in/sub/b.mov", "out/secret.mov", "out/sub/c.mov"):
        (tmp_path / name).touch()
    links = {
        "in/to_file": "a.mov",
        "in/to_folder": "sub",
        "in/absolute": str(tmp_path / "in" / "sub"),
        "in/out_file": str(tmp_path / "out" / "secret.mov"),
        "in/out_folder": "../out",
        "in/loop": "loop",
        "in/chain": "to_folder/../out_folder/secret.mov",
        "in/deep/er/sneaky": "../../to_out/../a.mov",
        "in/to_out": str(tmp_path / "out" / "sub"),
        "out/back": str(tmp_path / "in"),
        "alias": str(tmp_path / "in"),
    }
    for name, target in links.items():
        (tmp_path / name).symlink_to(target)
    os.mkfifo(tmp_path / "in" / "pipe.mov")
    return tmp_path


INSIDE = {
    "in/a.mov": "in/a.mov",
    "in/to_file": "in/a.mov",
    "in/to_folder/b.mov": "in/sub/b.mov",
    "in/absolute/b.mov": "in/sub/b.mov",
    "in/sub/../a.mov": "in/a.mov",
}
OUTSIDE = (
    "out/secret.mov", "in/../out/secret.mov", "in/out_file", "in/out_folder/secret.mov", "in/chain", "in/to_out/c.mov",
    "in/deep/er/sneaky", "in/loop", "out/back/a.mov", "inn/a.mov", "missing",
)  # fmt: skip


def test_what_is_inside(place: Path) -> None:
    folders = AllowedFolders([place / "in"])
    for name, target in INSIDE.items():
        assert folders.real(f"{place}/{name}") == place / target
        assert folders.file(f"{place}/{name}")
    assert folders.real(place / "in" / "not there.mov") == place / "in" / "not there.mov"
    assert not folders.file(place / "in" / "not there.mov")


@pytest.mark.parametrize("name", OUTSIDE)
def test_what_is_outside_is_not_looked_at(place: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    folders = AllowedFolders([place / "in"])
    with watched(monkeypatch) as seen:
        assert folders.real(f"{place}/{name}") is None
        assert not folders.file(f"{place}/{name}")
    assert [path for path in seen if not path.startswith(f"{place}/in/")] == []


def test_a_folder_that_is_a_link_is_known_by_both_names(place: Path) -> None:
    folders = AllowedFolders([place / "alias"])
    assert folders.real(place / "alias" / "a.mov") == folders.real(place / "in" / "a.mov") == place / "in" / "a.mov"
    assert AllowedFolders([Path("/")]).file(place / "out" / "secret.mov")


def test_pipes_devices_folders_and_shares_are_no_files(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folders = AllowedFolders([place / "in", Path("/dev")])
    with watched(monkeypatch) as seen:
        for text in ("//server/share/a.mov", f"/{place}/in/a.mov", "\\\\server\\share\\a.mov", "a.mov", "", "/x\0y"):
            assert folders.real(text) is None and not folders.file(text)
    assert seen == []
    for path in (place / "in" / "pipe.mov", Path("/dev/null"), place / "in" / "sub"):
        assert not folders.file(path)
