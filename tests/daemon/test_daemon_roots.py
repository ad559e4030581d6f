"""Folders of media as people name them, and drives that come and go while the daemon runs."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import pytest

from v2m_bridge.cli.serve import _folders
from v2m_bridge.daemon.paths import default_media_roots
from v2m_bridge.daemon.worker.engine_setup import engine_setup
from v2m_bridge.daemon.worker.runner import PipelineRunner
from v2m_bridge.errors import InputError
from v2m_bridge.settings import Settings


@pytest.mark.parametrize(
    ("written", "pathsep", "folders"),
    [
        ("/Volumes/Media", ":", ["/Volumes/Media"]),
        ("/Volumes/Media:/mnt/nas", ":", ["/Volumes/Media", "/mnt/nas"]),
        ("D:\\Media;\\\\nas\\films", ";", ["D:\\Media", "\\\\nas\\films"]),
        ('"D:\\My Media" ; E:\\x;', ";", ["D:\\My Media", "E:\\x"]),
        ('["/a", "/b c"]', ":", ["/a", "/b c"]),
        ("", ":", []),
    ],
)
def test_media_roots_as_people_write_them(
    written: str, pathsep: str, folders: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "pathsep", pathsep)
    monkeypatch.setenv("V2M_MEDIA_ROOTS", written)
    assert Settings().media_roots == tuple(map(Path, folders))


def test_the_tilde_is_the_users_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    monkeypatch.setenv("V2M_MEDIA_ROOTS", "~/Movies")
    assert Settings().media_roots == (tmp_path / "Movies",)


@pytest.mark.parametrize("written", ["[/a]", '{"a": 1}[', "[1]"])
def test_what_is_no_list_is_named(written: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("V2M_MEDIA_ROOTS", written)
    if written.startswith("["):
        with pytest.raises(InputError, match="V2M_MEDIA_ROOTS"):
            Settings()
    else:
        assert len(Settings().media_roots) >= 1


def test_a_volume_that_is_not_mounted_waits(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        found = _folders("--media-root", [tmp_path / "Volumes" / "Card"])
    assert found == (tmp_path / "Volumes" / "Card",)
    assert "is not there now; it counts as soon as it is" in caplog.text
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(InputError, match="not a folder"):
        _folders("--media-root", [tmp_path / "file"])


def test_a_drive_that_is_plugged_in_later_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    there: list[Path] = []
    monkeypatch.setattr("v2m_bridge.daemon.worker.runner.default_media_roots", lambda: tuple(there))
    runner = PipelineRunner(engine_setup(tmp_path / "home", (), None, "127.0.0.1"))
    clip = tmp_path / "drive" / "clip.mov"
    clip.parent.mkdir()
    clip.write_bytes(b"x")
    source = tmp_path / "edits" / "a.otio"
    assert not runner._allowed(source).file(clip)
    there.append(clip.parent)
    assert runner._allowed(source).file(clip)
    there.clear()
    assert not runner._allowed(source).file(clip)


def test_a_chosen_root_counts_when_its_volume_is_mounted(tmp_path: Path) -> None:
    volume = tmp_path / "Volumes" / "Card"
    runner = PipelineRunner(engine_setup(tmp_path / "home", (volume,), None, "127.0.0.1"))
    clip = volume / "clip.mov"
    assert not runner._allowed(tmp_path / "a.otio").file(clip)
    volume.mkdir(parents=True)
    clip.write_bytes(b"x")
    assert runner._allowed(tmp_path / "a.otio").file(clip)


def test_on_the_network_nothing_is_open_without_a_root(tmp_path: Path) -> None:
    assert engine_setup(tmp_path, (), None, "0.0.0.0").confine_to == ()
    assert engine_setup(tmp_path, (), None, "127.0.0.1").confine_to is None


def test_windows_drives_begin_with_c(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def is_dir(path: Path) -> bool:
        asked.append(str(path))
        return str(path)[:2] in ("C:", "X:") or path == Path.home()

    monkeypatch.setattr(type(Path.home()), "is_dir", is_dir)
    found = default_media_roots(windows=True)
    assert [str(path)[:2] for path in found[1:]] == ["C:", "X:"]
    assert not any(text[:2] in ("A:", "B:") for text in asked)  # floppies and card readers ask for a disk
