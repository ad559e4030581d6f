"""The feature cache: content-addressed, whole or absent, shared, limited."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from footage_makers import plain_film

from v2m_bridge.footage import cache as cache_module
from v2m_bridge.footage.bare_video import read_video
from v2m_bridge.footage.cache import FeatureCache, entry_key, media_identity
from v2m_bridge.footage.measure import MeasureOptions, measure
from v2m_bridge.footage.video.source import VideoSource
from v2m_bridge.timeline.model import Shot, Timeline


def test_arrays_come_back_as_they_were(tmp_path: Path) -> None:
    cache = FeatureCache(tmp_path)
    arrays = {
        "a": np.arange(6).reshape(2, 3),
        "words": np.array(["x", "long word"]),
        "none": np.zeros((0, 4), np.uint8),
    }
    cache.put("k-1", arrays)
    back = cache.get("k-1")
    assert back is not None and back.keys() == arrays.keys()
    assert all(np.array_equal(back[name], arrays[name]) and back[name].dtype == arrays[name].dtype for name in arrays)
    assert cache.get("k-2") is None


def test_identity_follows_the_content_not_the_name(tmp_path: Path) -> None:
    film = plain_film(tmp_path / "a.mp4")
    shutil.copyfile(film, tmp_path / "b.mp4")
    assert media_identity(film) == media_identity(tmp_path / "b.mp4")
    data = bytearray(film.read_bytes())
    data[len(data) // 2] ^= 1
    (tmp_path / "c.mp4").write_bytes(data)
    assert media_identity(tmp_path / "c.mp4") != media_identity(film)


def test_identity_of_a_large_file_reads_little_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache_module, "WHOLE_FILE_BYTES", 1000)
    monkeypatch.setattr(cache_module, "SAMPLE_BYTES", 64)
    path = tmp_path / "large.mov"
    path.write_bytes(os.urandom(200_000))
    first = media_identity(path)
    assert media_identity(path) == first
    with path.open("r+b") as file:
        file.seek(199_990)
        file.write(b"different!")
    assert media_identity(path) != first


def test_a_new_version_of_the_analysis_finds_nothing_old(monkeypatch: pytest.MonkeyPatch) -> None:
    before = entry_key("film", "abc")
    monkeypatch.setattr(cache_module, "ANALYSIS_VERSION", 10_000)
    assert entry_key("film", "abc") != before


@pytest.mark.parametrize("damage", [b"", b"PK\x03\x04 half a file", b"not a zip at all"])
def test_a_damaged_entry_is_dropped_and_measured_again(tmp_path: Path, damage: bytes) -> None:
    cache = FeatureCache(tmp_path)
    cache.put("k-1", {"a": np.ones(1000)})
    entry = next(tmp_path.glob("*/*.npz"))
    entry.write_bytes(damage)
    assert cache.get("k-1") is None
    assert not entry.exists()


def test_the_entries_unused_for_longest_go_first(tmp_path: Path) -> None:
    cache = FeatureCache(tmp_path, limit_bytes=10_000_000)
    for number in range(8):
        cache.put(f"k-{number}", {"a": np.zeros(100_000, np.uint8)})
        entry = next(tmp_path.glob(f"*/k-{number}.npz"))
        os.utime(entry, (number, number))
    assert cache.get("k-0") is not None  # used just now
    small = FeatureCache(tmp_path, limit_bytes=500_000)
    small.put("k-8", {"a": np.zeros(100_000, np.uint8)})
    assert small.info().size_bytes <= 500_000
    assert small.get("k-0") is not None and small.get("k-8") is not None
    assert small.get("k-1") is None


def test_a_folder_that_cannot_be_written_only_means_no_cache(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    cache = FeatureCache(tmp_path / "file" / "cache")
    cache.put("k-1", {"a": np.ones(3)})
    assert cache.get("k-1") is None
    assert cache.info().entries == 0


def _hammer(folder: str, worker: int) -> int:
    cache, wrong = FeatureCache(Path(folder), limit_bytes=300_000), 0
    for turn in range(60):
        number = (worker + turn) % 7
        cache.put(f"k-{number}", {"a": np.full(10_000, number)})
        back = cache.get(f"k-{(number + 1) % 7}")
        wrong += back is not None and not (back["a"] == (number + 1) % 7).all()
    return wrong


def test_two_processes_share_a_cache(tmp_path: Path) -> None:
    fresh = multiprocessing.get_context("spawn")  # forking beside the threads of torch can lock up
    with ProcessPoolExecutor(2, mp_context=fresh) as pool:
        assert sum(pool.map(_hammer, [str(tmp_path)] * 2, range(2))) == 0
    assert not list(tmp_path.glob("*/*.part"))


def test_a_killed_process_leaves_a_usable_cache(tmp_path: Path) -> None:
    code = (
        "import numpy as np, sys; from pathlib import Path; from v2m_bridge.footage.cache import FeatureCache\n"
        f"c = FeatureCache(Path({str(tmp_path)!r})); n = 0\n"
        "while True:\n c.put(f'k-{n % 5}', {'a': np.full(3_000_000, n % 5)}); n += 1; print(n, flush=True)"
    )
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    for _ in range(6):
        process.stdout.readline()
    time.sleep(0.005)
    process.send_signal(signal.SIGKILL if hasattr(signal, "SIGKILL") else signal.SIGTERM)
    process.wait()
    process.stdout.close()
    cache = FeatureCache(tmp_path)
    for number in range(5):
        back = cache.get(f"k-{number}")
        assert back is not None and (back["a"] == number).all()
    cache.clear()
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


# -------------------------------------------------------------------------------------------- in the measurement


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Times of every picture that is handed out by a decoder."""
    seen: list[float] = []
    original = VideoSource.pictures

    def watched(self, *arguments):  # type: ignore[no-untyped-def]
        for picture in original(self, *arguments):
            seen.append(picture.seconds)
            yield picture

    monkeypatch.setattr(VideoSource, "pictures", watched)
    return seen


def test_a_film_is_decoded_once_for_cuts_and_motion(tmp_path: Path, decoded: list[float], own_home: Path) -> None:
    film = plain_film(tmp_path / "film.mp4", count=75)
    first = measure(read_video(film), MeasureOptions(clip=False, cache_folder=own_home / "cache"))
    assert len(decoded) == 75
    shutil.move(film, tmp_path / "moved.mp4")
    again = measure(read_video(tmp_path / "moved.mp4"), MeasureOptions(clip=False))
    assert len(decoded) == 75
    assert again.motion.tolist() == first.motion.tolist() and again.onsets == first.onsets


def test_only_the_shots_that_changed_are_read_again(tmp_path: Path, decoded: list[float]) -> None:
    from fractions import Fraction

    film = str(plain_film(tmp_path / "film.mp4", count=250))

    def edit(*starts_s: float) -> Timeline:
        shots = [Shot(50 * n, 50 * n + 50, film, True, start_s) for n, start_s in enumerate(starts_s)]
        return Timeline("edit", Fraction(25), 0, 50 * len(shots), tuple(shots))

    options = MeasureOptions(clip=False)
    whole = measure(edit(0.5, 6.0, 3.0), options)
    decoded.clear()
    assert measure(edit(0.5, 6.0, 3.0), options).motion.tolist() == whole.motion.tolist()
    assert decoded == []
    changed = measure(edit(0.5, 6.4, 3.0), options)
    assert decoded and min(decoded) > 6.0 and max(decoded) < 8.7
    assert changed.motion[:2].tolist() == whole.motion[:2].tolist()
    assert (
        changed.motion.tolist() == measure(edit(0.5, 6.4, 3.0), MeasureOptions(clip=False, cache=False)).motion.tolist()
    )
