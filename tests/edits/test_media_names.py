"""Media whose names other systems spell in another way, and network shares that only an edit names."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest

from v2m_bridge.edits import find_media
from v2m_bridge.edits.find_media import MediaFinder
from v2m_bridge.timeline.changes.spans import key_of

NAME = "Blütenträume é.mov"
NFC, NFD = unicodedata.normalize("NFC", NAME), unicodedata.normalize("NFD", NAME)


@pytest.mark.parametrize(("written", "lies"), [(NFC, NFD), (NFD, NFC)])
def test_accents_as_one_sign_or_as_two_name_the_same_file(written: str, lies: str, tmp_path: Path) -> None:
    folder = tmp_path / "Día"
    folder.mkdir()
    (folder / lies).write_bytes(b"x")
    assert NFC != NFD
    beside = MediaFinder(folder).find(written)
    assert beside.online and Path(beside.path or "").is_file()
    by_root = MediaFinder(tmp_path / "elsewhere", [tmp_path]).find(f"/Volumes/Card/{written}")
    assert by_root.online and Path(by_root.path or "").name == lies
    stem = MediaFinder(tmp_path, [tmp_path]).find_stem(Path(written).stem)
    assert stem.online and Path(stem.path or "").name == lies


def test_two_cuts_of_one_edit_agree_on_a_name_that_each_spells_in_its_way() -> None:
    assert key_of(f"plates/{NFC}") == key_of(f"D:\\plates\\{NFD}")


@pytest.fixture
def looked_at(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every path that was asked for on what passes for Windows; all of them are there."""
    asked: list[str] = []

    def is_file(path: str) -> bool:
        asked.append(path)
        return True

    monkeypatch.setattr(find_media, "SHARES", True)
    monkeypatch.setattr(find_media, "_is_file", is_file)
    return asked


@pytest.mark.parametrize("url", ["file://evil/share/clip.mov", "//evil/share/clip.mov", r"\\evil\share\clip.mov"])
def test_a_share_that_only_the_edit_names_is_not_asked(url: str, looked_at: list[str]) -> None:
    found = MediaFinder(Path("/edits")).find(url)
    assert not found.online
    assert [path for path in looked_at if "evil" in path] == []


@pytest.mark.parametrize(
    ("folder", "roots"), [(Path("//nas/media/edits"), []), (Path("/edits"), [Path("//NAS/Media")])], ids=["own", "root"]
)
def test_a_share_that_the_user_chose_is_read(folder: Path, roots: list[Path], looked_at: list[str]) -> None:
    assert MediaFinder(folder, roots).find("file://nas/media/clip.mov").online
    assert not MediaFinder(folder, roots).find("file://other/media/clip.mov").online


def test_on_other_systems_two_slashes_are_one(looked_at: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(find_media, "SHARES", False)
    assert MediaFinder(Path("/edits")).find("//home/a/clip.mov").online
