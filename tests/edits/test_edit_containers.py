"""Edits in containers: OTIO bundles with their traps, and AAF."""

from __future__ import annotations

import stat
import struct
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import edit_makers as make
import pytest

from v2m_bridge.edits.aaf import read_aaf as aaf
from v2m_bridge.edits.read_edit import read_edit
from v2m_bridge.errors import InputError

BUNDLED = make.timeline(make.track(make.clip("a", 0, 20, reference=make.media("media/a.mov"))), start=0)


def test_a_zip_bundle_unpacks_its_media_once(tmp_path: Path, own_home: Path) -> None:
    path = make.write_otioz(tmp_path / "e.otioz", BUNDLED, {"media/a.mov": b"film"})
    (shot,) = read_edit(path).shots
    assert shot.media_online and shot.media and Path(shot.media).read_bytes() == b"film"
    assert Path(shot.media).is_relative_to(own_home)
    stamp = Path(shot.media).stat().st_mtime_ns
    assert read_edit(path).shots == (shot,)
    assert Path(shot.media).stat().st_mtime_ns == stamp


def test_a_folder_bundle_reads_its_media_where_they_are(tmp_path: Path) -> None:
    folder = tmp_path / "e.otiod"
    (folder / "media").mkdir(parents=True)
    (folder / "media/a.mov").write_bytes(b"film")
    make.write_otio(folder / "content.otio", BUNDLED)
    assert read_edit(folder).shots[0].media == str(folder / "media/a.mov")
    (folder / "content.otio").unlink()
    with pytest.raises(InputError, match=r"content\.otio"):
        read_edit(folder)


@pytest.mark.parametrize(
    "name", ["../evil.mov", "media/../../evil.mov", "/tmp/evil.mov", "media\\..\\..\\evil.mov", "C:/evil.mov"]
)
def test_entries_that_lead_out_are_refused(tmp_path: Path, name: str) -> None:
    with zipfile.ZipFile(tmp_path / "e.otioz", "w") as bundle:
        bundle.writestr("content.otio", make.json.dumps(BUNDLED))
        entry = zipfile.ZipInfo("x")
        entry.filename = name
        bundle.writestr(entry, b"evil")
    with pytest.raises(InputError, match="leads out"):
        read_edit(tmp_path / "e.otioz")
    assert not list(tmp_path.rglob("evil*"))


def test_links_are_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "e.otioz", "w") as bundle:
        bundle.writestr("content.otio", make.json.dumps(BUNDLED))
        entry = zipfile.ZipInfo("media/a.mov")
        entry.external_attr = (stat.S_IFLNK | 0o777) << 16
        bundle.writestr(entry, "/etc/passwd")
    with pytest.raises(InputError, match="link"):
        read_edit(tmp_path / "e.otioz")


@pytest.mark.parametrize("name", ["content.otio", "media/a.mov"])
def test_zip_bombs_are_refused_quickly(tmp_path: Path, name: str) -> None:
    with zipfile.ZipFile(tmp_path / "e.otioz", "w", zipfile.ZIP_DEFLATED) as bundle:
        if name != "content.otio":
            bundle.writestr("content.otio", make.json.dumps(BUNDLED))
        with bundle.open(name, "w") as file:
            for _ in range(64):
                file.write(bytes(1 << 20))
    assert (tmp_path / "e.otioz").stat().st_size < 100_000
    with pytest.raises(InputError, match="bomb"):
        read_edit(tmp_path / "e.otioz")


def test_a_bomb_that_lies_about_its_size_is_cut_off(tmp_path: Path) -> None:
    """The directory of the zip says ten bytes; reading stops there and the checksum tells."""
    path = tmp_path / "e.otioz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as bundle, bundle.open("content.otio", "w") as file:
        for _ in range(64):
            file.write(bytes(1 << 20))
    data = bytearray(path.read_bytes())
    at = data.index(b"PK\x01\x02")
    struct.pack_into("<L", data, at + 24, 10)
    path.write_bytes(data)
    with pytest.raises(InputError):
        read_edit(path)


@pytest.mark.parametrize("data", [b"", b"PK", b"not a zip at all", b"PK\x05\x06" + bytes(18)])
def test_what_is_no_bundle_is_refused(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "e.otioz").write_bytes(data)
    with pytest.raises(InputError, match=r"e\.otioz"):
        read_edit(tmp_path / "e.otioz")


def test_a_bundled_path_cannot_reach_outside(tmp_path: Path) -> None:
    (tmp_path / "secret.mov").write_bytes(b"x")
    document = make.timeline(make.track(make.clip("a", 0, 20, reference=make.media("../secret.mov"))), start=0)
    folder = tmp_path / "e.otiod"
    folder.mkdir()
    make.write_otio(folder / "content.otio", document)
    assert read_edit(folder).shots[0].media_online is False


# ---------------------------------------------------------------- AAF


@pytest.mark.parametrize(
    ("name", "start", "found"),
    [
        ("2997fps-DFTC.aaf", "05:00:00;00", []),
        (
            "multitrack.aaf",
            "01:00:00:00",
            [(482, "cut"), (962, "cut"), (1198, "cut"), (1838, "cut"), (1957, "cut"), (2677, "cut")],
        ),
        ("transitions.aaf", "01:00:00:00", [(117, "dissolve"), (194, "fade"), (247, "fade"), (391, "cut")]),
    ],
)
def test_real_aafs(shared_data: Path, name: str, start: str, found: list[tuple[int, str]]) -> None:
    timeline = read_edit(shared_data / "timelines/otio-aaf-adapter" / name)
    assert timeline.timecode(0) == start
    assert [(c.frame, c.kind.value) for c in timeline.cuts] == found


def test_markers_of_an_aaf(shared_data: Path) -> None:
    timeline = read_edit(shared_data / "timelines/otio-aaf-adapter/multitrack.aaf")
    assert [(m.frame, m.name, m.color) for m in timeline.markers] == [
        (375, "v1 red tech", "RED"),
        (665, "v2 green hawk", "GREEN"),
        (1100, "v3 cyan filler", "CYAN"),
    ]


@pytest.mark.parametrize("data", [b"", b"hello", aaf.MAGIC, aaf.MAGIC + bytes(5000), aaf.MAGIC + b"\xff" * 5000])
def test_what_is_no_aaf_is_refused(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "e.aaf").write_bytes(data)
    with pytest.raises(InputError, match="AAF"):
        read_edit(tmp_path / "e.aaf")


def test_an_endless_aaf_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aaf, "BASE_SECONDS", 0.01)
    (tmp_path / "e.aaf").write_bytes(aaf.MAGIC)
    began = time.perf_counter()
    with pytest.raises(InputError, match="still not done"):
        read_edit(tmp_path / "e.aaf")
    assert time.perf_counter() - began < 30


def test_a_bundle_of_many_entries_counts_as_a_whole(tmp_path: Path) -> None:
    """Each entry is small enough by itself; together they would fill the disk."""
    edit = make.timeline(make.track(make.clip("a", 0, 10)))
    files = {f"media/{n}.mov": bytes(8 * 1024 * 1024) for n in range(6)}
    path = make.write_otioz(tmp_path / "many.otioz", edit, files)
    assert path.stat().st_size < 100 * 1024
    with pytest.raises(InputError, match="in all"):
        read_edit(path)


def test_what_a_library_prints_does_not_reach_the_data() -> None:
    """The converter's standard output carries our data alone, whether Python or C prints."""
    program = (
        "import os, v2m_bridge.edits.aaf.aaf_to_otio as converter\n"
        "data = converter._own_standard_output()\n"
        "print('printed')\n"
        "os.write(1, b'written')\n"
        "with data:\n"
        "    data.write(b'data')\n"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert run.stdout == b"data"
    assert b"printed" in run.stderr and b"written" in run.stderr
