"""Containers, codecs, rates and time stamps: no picture is lost, and rate, length and start timecode are right.

What is true is known from making the films; where ``ffprobe`` is installed, it is asked as well.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import av
import pytest
from footage_makers import plain_film

from v2m_bridge.footage.bare_video import read_video
from v2m_bridge.footage.cache import FeatureCache
from v2m_bridge.footage.passes.film import scan_film, stored_scan
from v2m_bridge.timing.rates import rate_text

COUNT = 40
P25 = Fraction(25)
RATES = ("24000/1001", "24", "25", "30000/1001", "30", "48", "50", "60000/1001", "60", "120")


@dataclass(frozen=True)
class Case:
    """A film to read: its suffix, codec, rate and what else is special about it."""

    suffix: str
    codec: str
    rate: Fraction = P25
    pixel_format: str = "yuv420p"
    timecode: str | None = None
    size: tuple[int, int] = (96, 64)
    options: dict[str, str] = field(default_factory=dict)
    container: dict[str, str] = field(default_factory=dict)
    note: str = ""

    def __str__(self) -> str:
        words = (self.suffix[1:], self.codec, rate_text(self.rate).replace("/", "_"), self.timecode, self.note)
        return "-".join(word for word in words if word)


CODECS = [
    Case(".mp4", "libx264"),
    Case(".mp4", "libx264", options={"bf": "3"}, note="b-frames"),
    Case(".mp4", "libx264", container={"movflags": "faststart"}, note="index first"),
    Case(".mp4", "libx264", container={"movflags": "frag_keyframe+empty_moov"}, note="fragments"),
    Case(".mp4", "libx264", pixel_format="yuv422p"),
    Case(".mp4", "libx264", pixel_format="yuv420p10le"),
    Case(".mp4", "libx265"),
    Case(".mp4", "mpeg4"),
    Case(".mp4", "libsvtav1"),
    Case(".m4v", "libx264"),
    Case(".mov", "libx264"),
    Case(".mov", "prores_ks", pixel_format="yuv422p10le"),
    Case(".mov", "mjpeg", pixel_format="yuvj420p"),
    Case(".mov", "qtrle", pixel_format="rgb24"),
    Case(".mov", "png", pixel_format="rgb24"),
    Case(".mov", "dnxhd", pixel_format="yuv422p", size=(256, 128), options={"profile": "dnxhr_sq"}),
    Case(".mkv", "libx264"),
    Case(".mkv", "libx264", options={"bf": "3"}, note="b-frames"),
    Case(".mkv", "libx265"),
    Case(".mkv", "ffv1"),
    Case(".mkv", "mpeg2video"),
    Case(".mkv", "libvpx"),
    Case(".webm", "libvpx"),
    Case(".webm", "libvpx-vp9"),
    Case(".webm", "libsvtav1"),
    Case(".avi", "mpeg4"),
    Case(".avi", "mjpeg", pixel_format="yuvj420p"),
    Case(".avi", "rawvideo"),
    Case(".avi", "huffyuv", pixel_format="yuv422p"),
    Case(".ts", "libx264"),
    Case(".ts", "mpeg2video"),
    Case(".ts", "libx265"),
    Case(".m2ts", "libx264"),
    Case(".mpg", "mpeg2video"),
    Case(".mxf", "mpeg2video"),
    Case(".flv", "libx264"),
    Case(".wmv", "wmv2"),
]
AT_RATES = [
    Case(suffix, "libx264", Fraction(rate)) for suffix in (".mp4", ".mkv", ".ts") for rate in RATES if rate != "25"
]
TIMECODES = [
    Case(".mov", "libx264", Fraction(24000, 1001), timecode="01:00:00:00"),
    Case(".mov", "libx264", Fraction(25), timecode="10:00:00:24"),
    Case(".mov", "libx264", Fraction(30000, 1001), timecode="00:59:59;28"),
    Case(".mov", "libx264", Fraction(30000, 1001), timecode="01:00:00:00"),
    Case(".mov", "libx264", Fraction(60000, 1001), timecode="01:00:00;00"),
    Case(".mp4", "libx264", Fraction(24), timecode="23:59:59:00"),
    Case(".mxf", "mpeg2video", Fraction(25), timecode="09:58:30:00"),
]
CASES = CODECS + AT_RATES + TIMECODES


def made(case: Case, folder: Path) -> Path:
    if case.codec not in av.codecs_available:
        pytest.skip(f"this build of FFmpeg cannot write {case.codec}")
    return plain_film(
        folder / f"film{case.suffix}",
        count=COUNT,
        rate=case.rate,
        codec=case.codec,
        pixel_format=case.pixel_format,
        size=case.size,
        options=case.options,
        container_options=case.container,
        metadata={"timecode": case.timecode} if case.timecode else {},
    )


def test_there_are_at_least_seventy_one_cases() -> None:
    assert len({str(case) + case.pixel_format for case in CASES}) == len(CASES) >= 71


@pytest.mark.parametrize("case", CASES, ids=str)
def test_every_picture_is_read(case: Case, tmp_path: Path) -> None:
    path, cache = made(case, tmp_path), FeatureCache(tmp_path / "cache")
    film = read_video(path, cache=cache)
    scan = stored_scan(path, cache)
    assert scan is not None
    assert scan.trace.length == COUNT
    assert film.duration_frames == COUNT
    assert film.rate == case.rate
    assert film.timecode(0) == (case.timecode or film.timecode(0))
    assert bool(film.start_frame) == bool(case.timecode)
    assert film.warnings == ()


@pytest.mark.skipif(shutil.which("ffprobe") is None, reason="ffprobe is not installed")
@pytest.mark.slow
@pytest.mark.parametrize("case", CASES, ids=str)
def test_ffprobe_counts_the_same(case: Case, tmp_path: Path) -> None:
    path = made(case, tmp_path)
    entries = "stream=nb_read_frames,r_frame_rate"
    command = ["ffprobe", "-v", "error", "-count_frames", "-select_streams", "v:0", "-show_entries", entries]
    asked = subprocess.run([*command, "-of", "json", str(path)], capture_output=True, check=True)
    stream = json.loads(asked.stdout)["streams"][0]
    scan = scan_film(path)
    assert scan.trace.length == int(stream["nb_read_frames"])
    assert scan.rate == pytest.approx(Fraction(stream["r_frame_rate"]), rel=1e-3)
