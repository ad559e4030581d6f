"""Media paths in every way that hosts write them."""

from __future__ import annotations

from pathlib import Path

import pytest

from v2m_bridge.edits.find_media import FoundMedia, MediaFinder


@pytest.mark.parametrize(
    ("url", "meant"),
    [
        ("/Volumes/Rush/A 1.mov", "/Volumes/Rush/A 1.mov"),
        (r"C:\media\a.mov", r"C:\media\a.mov"),
        ("C:/media/a.mov", "C:/media/a.mov"),
        (r"\\server\share\a.mov", r"\\server\share\a.mov"),
        ("file:///Volumes/Rush/A%201.mov", "/Volumes/Rush/A 1.mov"),
        ("file://localhost/D%3a/media/a.mov", "D:/media/a.mov"),
        ("file:///C:/media/a.mov", "C:/media/a.mov"),
        ("file://C:/media/a.mov", "C:/media/a.mov"),
        ("file://server/share/a%23b.mov", "//server/share/a#b.mov"),
        ("FILE:///x/%C3%A9.mov", "/x/é.mov"),
        ("/a b#1.mov", "/a b#1.mov"),
    ],
)
def test_an_offline_path_is_given_as_the_edit_means_it(tmp_path: Path, url: str, meant: str) -> None:
    assert MediaFinder(tmp_path).find(url) == FoundMedia(meant)


def test_files_are_found_as_written_decoded_and_beside_the_edit(tmp_path: Path) -> None:
    (tmp_path / "edit").mkdir()
    (tmp_path / "100% é #1.mov").write_bytes(b"x")
    finder = MediaFinder(tmp_path / "edit")
    target = str(tmp_path / "100% é #1.mov")
    for url in (target, "../100% é #1.mov", "../100%25%20%C3%A9%20%231.mov", Path(target).as_uri()):
        assert finder.find(url) == FoundMedia(target, online=True), url


def test_a_name_with_a_per_cent_sign_is_not_decoded_when_it_exists(tmp_path: Path) -> None:
    (tmp_path / "a%20b.mov").write_bytes(b"x")
    assert MediaFinder(tmp_path).find("a%20b.mov") == FoundMedia(str(tmp_path / "a%20b.mov"), online=True)


def test_roots_are_searched_by_name_and_the_likeliest_folder_wins(tmp_path: Path) -> None:
    for folder in ("cards/A001", "cards/A002", "other"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "CLIP1.MOV").write_bytes(b"x")
    finder = MediaFinder(tmp_path / "edit", [tmp_path])
    found = finder.find(r"E:\cards\A002\clip1.mov")
    assert found == FoundMedia(str(tmp_path / "cards/A002/CLIP1.MOV"), online=True)
    assert finder.find("/nowhere/other.mov") == FoundMedia("/nowhere/other.mov")


def test_a_reel_is_found_by_its_stem_if_there_is_only_one(tmp_path: Path) -> None:
    (tmp_path / "A001C002.mov").write_bytes(b"x")
    finder = MediaFinder(tmp_path, [tmp_path])
    assert finder.find_stem("a001c002") == FoundMedia(str(tmp_path / "A001C002.mov"), online=True)
    (tmp_path / "A001C002.mxf").write_bytes(b"x")
    assert MediaFinder(tmp_path, [tmp_path]).find_stem("a001c002") == FoundMedia()


@pytest.mark.parametrize("url", ["", "\x00", "file://", "file:", "a" * 5000, "%00", "file:///%zz", "..", ".", "/"])
def test_odd_paths_are_simply_offline(tmp_path: Path, url: str) -> None:
    assert MediaFinder(tmp_path, [tmp_path]).find(url).online is False


def test_a_bundle_keeps_relative_paths_inside(tmp_path: Path) -> None:
    (tmp_path / "secret.mov").write_bytes(b"x")
    (tmp_path / "bundle").mkdir()
    assert MediaFinder(tmp_path / "bundle").find("../secret.mov").online is True
    assert MediaFinder(tmp_path / "bundle", confined=True).find("../secret.mov").online is False
