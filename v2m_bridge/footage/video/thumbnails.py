"""One small picture for each shot, for pages that show the edit."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from v2m_bridge.errors import MediaError
from v2m_bridge.footage.video.source import VideoSource
from v2m_bridge.timeline.model import Shot, Timeline

if TYPE_CHECKING:
    import av

HEIGHT = 96
"""Pixels; twice the height on the page, for high-resolution screens."""

JPEG_QUALITY = 6
"""FFmpeg's scale, 2 (best) to 31."""

MOST = 300
"""Most pictures in one page; a film with more shots shows every n-th."""


def shot_thumbnails(timeline: Timeline) -> dict[int, str]:
    """Middle picture of each online shot as a ``data:image/jpeg`` URI, by the shot's index.

    Shots that cannot be read are left out; the page shows their names instead, and the score already warns of them.
    """
    online = [(index, shot) for index, shot in enumerate(timeline.shots) if shot.media and shot.media_online]
    online = online[:: max(1, -(-len(online) // MOST))]
    by_media: dict[str, list[tuple[int, Shot]]] = {}
    for index, shot in online:
        by_media.setdefault(str(shot.media), []).append((index, shot))
    found: dict[int, str] = {}
    for media, shots in by_media.items():
        found.update(_from_one_file(Path(media), shots, timeline))
    return found


def _from_one_file(media: Path, shots: Sequence[tuple[int, Shot]], timeline: Timeline) -> dict[int, str]:
    found: dict[int, str] = {}
    wanted = sorted((_middle_s(shot, timeline), index) for index, shot in shots)
    try:
        with VideoSource(media) as source:
            for seconds, index in wanted:
                picture = next(iter(source.pictures(seconds)), None)
                if picture is not None:
                    found[index] = _data_uri(picture.frame)
    except MediaError:
        return found
    return found


def _middle_s(shot: Shot, timeline: Timeline) -> float:
    return max(0.0, shot.source_start_s + timeline.seconds(shot.length_frames // 2) * shot.speed)


def _data_uri(frame: av.VideoFrame) -> str:
    import av

    width = max(2, round(frame.width * HEIGHT / frame.height / 2) * 2)
    small = frame.reformat(width=width, height=HEIGHT, format="yuvj420p")
    codec = av.CodecContext.create("mjpeg", "w")
    codec.width, codec.height, codec.pix_fmt = width, HEIGHT, "yuvj420p"
    codec.time_base = Fraction(1, 25)
    codec.options = {"qmin": str(JPEG_QUALITY), "qmax": str(JPEG_QUALITY)}
    small.pts = 0
    data = b"".join(bytes(packet) for packet in [*codec.encode(small), *codec.encode(None)])
    return "data:image/jpeg;base64," + base64.b64encode(data).decode("ascii")
