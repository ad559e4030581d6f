"""Media is opened as what its content is, if that is a container of picture or sound, and as nothing else."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

import av
import pytest
from footage_makers import plain_film

from v2m_bridge.errors import MediaError
from v2m_bridge.files.open_media import CONTAINERS, open_media
from v2m_bridge.footage.video.source import VideoSource

OTHERS = {
    "concat": "ffconcat version 1.0\nfile {film}\n",
    "dash": '<?xml version="1.0"?>\n<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static"><Period><AdaptationSet>'
    '<Representation id="1"><BaseURL>{film}</BaseURL></Representation></AdaptationSet></Period></MPD>\n',
    "svg": '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><image href="file://{film}"/></svg>',
    "ffmetadata": ";FFMETADATA1\ntitle=x\n",
    "sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 5004 RTP/AVP 96\n",
}


@pytest.mark.parametrize("kind", OTHERS)
@pytest.mark.parametrize("suffix", [".mov", ".mp4", ".png"])
def test_text_that_names_other_files_is_not_opened(tmp_path: Path, kind: str, suffix: str) -> None:
    film = plain_film(tmp_path / "film.mov", count=3)
    path = tmp_path / f"clip{suffix}"
    path.write_text(OTHERS[kind].format(film=film) + "\n" * 300, encoding="utf-8")
    with contextlib.suppress(av.FFmpegError), open_media(path) as container:
        assert container.format.name == "image2", "taken for a single picture by its name, which cannot be decoded"
    with pytest.raises(MediaError), VideoSource(path):
        pass


def test_a_playlist_under_its_own_name_is_not_opened(tmp_path: Path) -> None:
    film = plain_film(tmp_path / "film.ts", count=3)
    path = tmp_path / "list.m3u8"
    path.write_text(f"#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\n{film}\n#EXT-X-ENDLIST\n", encoding="utf-8")
    with pytest.raises(MediaError), VideoSource(path):
        pass


def test_plain_text_is_no_picture(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("private notes\n" * 100, encoding="utf-8")
    (tmp_path / "notes.ans").write_text("private notes\n" * 100, encoding="utf-8")
    for name in ("notes.txt", "notes.ans"):
        with pytest.raises(MediaError), VideoSource(tmp_path / name):
            pass


@pytest.mark.parametrize(
    ("suffix", "codec"), [(".mov", "libx264"), (".mp4", "libx264"), (".mkv", "libx264"), (".avi", "mpeg4"),
    (".mxf", "mpeg2video"), (".ts", "libx264"), (".mpg", "mpeg2video"), (".webm", "libvpx")]
)  # fmt: skip
def test_films_are_opened_whatever_they_are_called(tmp_path: Path, suffix: str, codec: str) -> None:
    film = plain_film(tmp_path / f"a film: 100 % #1{suffix}", count=10, codec=codec)
    with open_media(film) as container:
        assert set(container.format.name.split(",")) & set(CONTAINERS.split(","))
        assert container.streams.video


@pytest.mark.skipif(os.name != "posix", reason="pipes and devices of POSIX")
def test_pipes_and_devices_are_no_media(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.mov")
    for path in (tmp_path / "pipe.mov", Path("/dev/zero")):
        with pytest.raises(OSError, match="not a plain file"):
            open_media(path)
        with pytest.raises(MediaError, match="pipe or a device"), VideoSource(path):
            pass
