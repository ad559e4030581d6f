"""Reading video files: times, ranges, formats, and what is wrong with the broken ones."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from footage_makers import numbered_film, plain_film, sound_file

from v2m_bridge.errors import MediaError
from v2m_bridge.footage.bare_video import read_video
from v2m_bridge.footage.video.motion import RgbReader
from v2m_bridge.footage.video.source import VideoSource

FORMATS = {
    "h264.mp4": {"codec": "libx264"},
    "h264.mkv": {"codec": "libx264", "rate": Fraction(24000, 1001)},
    "mpeg4.avi": {"codec": "mpeg4", "rate": Fraction(30)},
    "vp8.webm": {"codec": "libvpx", "rate": Fraction(24)},
    "hevc10.mp4": {"codec": "libx265", "pixel_format": "yuv420p10le", "options": {"x265-params": "log-level=none"}},
    "prores.mov": {"codec": "prores_ks", "pixel_format": "yuv422p10le", "rate": Fraction(24)},
    "mjpeg.mov": {"codec": "mjpeg", "pixel_format": "yuvj422p"},
}


@pytest.fixture(scope="module", params=sorted(FORMATS))
def film(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Fraction]:
    options = dict(FORMATS[request.param])
    if options["codec"] not in av.codecs_available:
        pytest.skip(f"this build of FFmpeg has no {options['codec']}")
    path = tmp_path_factory.mktemp("formats") / request.param
    return plain_film(path, count=60, **options), options.get("rate", Fraction(25))  # type: ignore[arg-type, return-value]


def test_every_picture_comes_once_at_its_time(film: tuple[Path, Fraction]) -> None:
    path, rate = film
    with VideoSource(path) as source:
        assert source.info.rate == rate
        seconds = [picture.seconds for picture in source.pictures()]
    assert seconds == pytest.approx([number / float(rate) for number in range(60)], abs=0.0011)


@pytest.mark.parametrize("start", [0, 1, 29, 47, 59])
def test_a_range_gives_the_pictures_that_reading_through_gives(film: tuple[Path, Fraction], start: int) -> None:
    path, rate = film
    reader = RgbReader()
    with VideoSource(path) as source:
        through = [(p.seconds, reader.rgb(p.frame)) for p in source.pictures()][start : start + 5]
        source.info = type(source.info)(**{**source.info.__dict__, "key_spacing_s": 0.01})  # always seek
        ranged = [
            (p.seconds, reader.rgb(p.frame)) for p in source.pictures(start / float(rate), (start + 4.6) / float(rate))
        ]
    assert [s for s, _ in ranged] == [s for s, _ in through]
    assert all(np.array_equal(a, b) for (_, a), (_, b) in zip(through, ranged, strict=True))


def test_times_count_from_the_first_picture_whatever_the_container_says(tmp_path: Path) -> None:
    path = plain_film(tmp_path / "late.mkv", count=20, times=[5000 + 40 * n for n in range(20)])
    with VideoSource(path) as source:
        assert [p.seconds for p in source.pictures()][:3] == pytest.approx([0, 0.04, 0.08])


def test_a_variable_rate_keeps_its_times(tmp_path: Path) -> None:
    times = [0, 40, 80, 200, 210, 500, 540, 1700, 1740, 1780]
    path = plain_film(tmp_path / "variable.mkv", count=10, times=times)
    with VideoSource(path) as source:
        assert [round(p.seconds * 1000) for p in source.pictures()] == times
        assert [round(p.seconds * 1000) for p in source.pictures(0.3, 1.71)] == [210, 500, 540, 1700]


def test_start_timecode_becomes_the_first_frame(tmp_path: Path) -> None:
    path = plain_film(tmp_path / "tc.mov", rate=Fraction(24), metadata={"timecode": "01:00:00:12"})
    assert read_video(path).start_frame == 86412
    drop = plain_film(tmp_path / "df.mov", rate=Fraction(30000, 1001), metadata={"timecode": "01:00:00;00"})
    timeline = read_video(drop)
    assert (timeline.start_frame, timeline.drop_frame, timeline.rate) == (107892, True, Fraction(30000, 1001))


def test_rotation_is_known(tmp_path: Path) -> None:
    path = plain_film(tmp_path / "phone.mp4", rotation=90)
    with VideoSource(path) as source:
        assert source.info.rotation_deg in (90, 270)
        assert (source.info.width, source.info.height) == (96, 64)


def test_bits_deeper_than_eight_are_brought_to_eight(tmp_path: Path) -> None:
    if "libx265" not in av.codecs_available:
        pytest.skip("this build of FFmpeg has no libx265")
    deep = plain_film(tmp_path / "deep.mp4", **FORMATS["hevc10.mp4"])  # type: ignore[arg-type]
    with VideoSource(deep) as source:
        rgb = RgbReader().rgb(next(iter(source.pictures())).frame)
    expected = (np.arange(96)[None, :] * 2 + np.arange(64)[:, None]) % 256
    assert rgb.dtype == np.uint8
    assert np.abs(rgb[..., 0].astype(int) - expected).mean() < 6


# ------------------------------------------------------------------------------------------------- broken files


def message_of(path: Path) -> str:
    with pytest.raises(MediaError) as caught:
        read_video(path)
    text = str(caught.value)
    assert "\n" not in text and path.name in text
    return text


def test_files_that_are_no_video(tmp_path: Path) -> None:
    (tmp_path / "empty.mp4").touch()
    assert "empty" in message_of(tmp_path / "empty.mp4")
    (tmp_path / "text.mp4").write_text("not a film\n" * 100)
    assert "cannot be opened" in message_of(tmp_path / "text.mp4")
    (tmp_path / "folder.mp4").mkdir()
    assert "folder" in message_of(tmp_path / "folder.mp4")
    assert "does not exist" in message_of(tmp_path / "missing.mp4")
    assert "only sound" in message_of(sound_file(tmp_path / "sound.mp4"))


def test_noise_behind_a_video_header(tmp_path: Path) -> None:
    path = plain_film(tmp_path / "noise.mkv", count=100)
    data = bytearray(path.read_bytes())
    data[400:] = np.random.default_rng(1).integers(0, 256, len(data) - 400, np.uint8).tobytes()
    path.write_bytes(data)
    message_of(path)


@pytest.mark.parametrize("share", [0.05, 0.3, 0.7])
def test_a_file_that_was_not_copied_completely(tmp_path: Path, share: float) -> None:
    fast = plain_film(tmp_path / "cut.mp4", count=250, container_options={"movflags": "faststart"})
    fast.write_bytes(fast.read_bytes()[: int(fast.stat().st_size * share)])
    message_of(fast)
    plain = plain_film(tmp_path / "moov.mp4", count=250)
    plain.write_bytes(plain.read_bytes()[: int(plain.stat().st_size * share)])
    message_of(plain)


def test_a_file_that_shrinks_while_it_is_read_is_an_error(tmp_path: Path) -> None:
    fast = {"movflags": "faststart"}
    path = plain_film(tmp_path / "shrinks.mp4", count=250, size=(640, 360), container_options=fast)
    with pytest.raises(MediaError, match=r"shorter while it was read"), VideoSource(path) as source:
        for number, _ in enumerate(source.pictures()):
            if number == 3:
                with path.open("r+b") as file:
                    file.truncate(path.stat().st_size // 3)


def test_reading_in_several_threads_gives_the_same(tmp_path: Path) -> None:
    path = numbered_film(tmp_path / "n.mkv", 30, Fraction(25))
    shown = []
    for threads in (1, 2, 0):
        with VideoSource(path, threads) as source:
            reader = RgbReader()
            shown.append([int(reader.rgb(p.frame)[0, 0, 0]) for p in source.pictures()])
    assert shown[0] == shown[1] == shown[2]


def test_a_file_is_closed_and_opened_many_times(tmp_path: Path) -> None:
    path = plain_film(tmp_path / "again.mp4")
    for _ in range(30):
        with VideoSource(path) as source:
            assert next(iter(source.pictures(1.0, 1.2))).seconds == pytest.approx(1.0)
