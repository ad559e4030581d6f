"""Which video stream of a file is its picture."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import av.container
    import av.video.stream

STILL_CODECS = frozenset({"mjpeg", "png", "bmp", "gif", "tiff", "webp", "jpeg2000", "jpegls"})
"""Codecs in which covers are stored."""

COVER_S = 0.5
"""A stream of still pictures that is no longer than this, in a longer file, is a cover."""


def picture_stream(container: av.container.InputContainer) -> av.video.stream.VideoStream | None:
    """The default video stream, else the first; never a cover. None if a file holds no picture."""
    streams = [stream for stream in container.streams.video if not _is_cover(container, stream)]
    return min(streams, key=lambda stream: not _is_default(stream), default=None)


def stated_length_s(stream: av.video.stream.VideoStream) -> float | None:
    """What a stream says of its own length: as a duration, or as the tag that Matroska writes; None: nothing."""
    if stream.duration is not None and stream.time_base is not None:
        return float(stream.duration * stream.time_base)
    match = re.fullmatch(r"(\d+):(\d\d):(\d\d(?:\.\d+)?)", stream.metadata.get("DURATION", "").strip())
    return int(match[1]) * 3600 + int(match[2]) * 60 + float(match[3]) if match else None


def _is_default(stream: av.video.stream.VideoStream) -> bool:
    import av.stream

    return bool(stream.disposition & av.stream.Disposition.default)


def _is_cover(container: av.container.InputContainer, stream: av.video.stream.VideoStream) -> bool:
    """Whether a stream is flagged as a cover, or is one still picture beside a stream of moving ones."""
    import av.stream

    if stream.disposition & (av.stream.Disposition.attached_pic | av.stream.Disposition.still_image):
        return True
    codecs = [_codec(other) for other in container.streams.video]
    if _codec(stream) not in STILL_CODECS or all(codec in STILL_CODECS for codec in codecs):
        return False
    length_s = stated_length_s(stream)
    return stream.frames == 1 or (length_s is not None and length_s <= COVER_S) or not _is_default(stream)


def _codec(stream: av.video.stream.VideoStream) -> str:
    context = getattr(stream, "codec_context", None)
    return "" if context is None else str(context.name)
