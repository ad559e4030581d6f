"""Reads a video file in sequence or by range, with exact presentation times.

Times are seconds from the first picture of the file, whatever its container calls its start.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
import math
import stat
import statistics
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from v2m_bridge.errors import MediaError
from v2m_bridge.files.open_media import open_media
from v2m_bridge.footage.video.clock import JUMP_S, RESTART_S, PictureClock
from v2m_bridge.footage.video.streams import picture_stream, stated_length_s
from v2m_bridge.timing.rates import exact_rate

if TYPE_CHECKING:
    import av
    import av.container
    import av.video.stream

FALLBACK_RATE = Fraction(25)
"""Frames per second of a file that states no rate (a single picture)."""

DEFAULT_KEY_SPACING_S = 5.0
"""Assumed distance of key frames, in seconds, where the container has no index."""

MISSING_END_S = 1.0
MISSING_END_SHARE = 0.05
"""A stream may end this much (seconds or share, the larger) before its stated length; more means a truncated file."""

BAD_PACKETS_SHARE = 0.01
BAD_PACKETS_ALLOWED = 3
"""A file with more undecodable packets (share and number, the larger) is refused."""

_STREAM_FORMATS = ("mpegts", "mpeg")
_STILL_FORMATS = ("image2", "_pipe", "gif")


@dataclass(frozen=True)
class MediaInfo:
    """What a video file says about itself.

    Attributes:
        width, height: pixels as stored, before rotation.
        rate: nominal frames per second, exact.
        duration_s: stated length of the picture, or None where the container does not say.
        rotation_deg: counter-clockwise rotation that a player applies.
        start_timecode: ``HH:MM:SS:FF`` of the first picture, or None.
        is_still: whether it is a single picture, which lasts as long as the edit wants.
        key_spacing_s: median distance of key frames, in seconds.
        has_audio: whether the file has sound.
        picture_start_s: how much later than the sound the picture starts, on the container's clock; else 0.
    """

    path: Path
    width: int
    height: int
    rate: Fraction
    duration_s: float | None
    rotation_deg: int
    pixel_format: str
    codec: str
    start_timecode: str | None
    is_still: bool
    key_spacing_s: float
    has_audio: bool
    picture_start_s: float = 0.0


@dataclass(frozen=True)
class Picture:
    """One decoded picture, shown from ``seconds`` on for ``length_s`` seconds (0: unknown)."""

    seconds: float
    length_s: float
    frame: av.VideoFrame


class VideoSource:
    """A video file opened for reading; use it in a ``with`` block.

    Args:
        path: the file.
        threads: decoding threads, 0 for as many as there are cores.

    Raises:
        MediaError: on entering, when the file cannot be opened, has no picture, or its first picture cannot
            be decoded; while reading, when it is damaged, cut off, or shrinks.
    """

    def __init__(self, path: Path | str, threads: int = 0) -> None:
        self.path = Path(path)
        self.damaged_packets = 0
        self._threads = threads
        self._packets = 0
        self._clock = PictureClock(may_jump=False)
        self._container: av.container.InputContainer | None = None

    def __enter__(self) -> Self:
        self._size_bytes = _file_size(self.path)
        self._open()
        try:
            self.info = self._read_info()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Release the file; safe to call twice."""
        if self._container is not None:
            self._container.close()
            self._container = None

    def pictures(self, start_s: float = 0.0, end_s: float = math.inf) -> Iterator[Picture]:
        """Every picture shown in ``[start_s, end_s)``, in order of presentation.

        The first one is the picture on screen at ``start_s``; it may begin before. A start later than the key-frame
        spacing is reached by seeking.

        Raises:
            MediaError: the file is damaged, ends before its stated length, or shrank.
        """
        before: Picture | None = None
        for picture in self._decode_from(start_s):
            if picture.seconds >= end_s:
                break
            if picture.seconds > start_s + self.on_time_s and before is not None:
                yield before
                before = None
            if picture.seconds > start_s + self.on_time_s:
                yield picture
            else:
                before = picture
        if before is not None:
            yield before

    @property
    def seen_end_s(self) -> float:
        """Where the last picture that was read ends; minus infinity before any was."""
        return self._clock.end_s

    def notes(self) -> list[str]:
        """Warnings about what was read last: pictures lost, time stamps that jump."""
        damaged = [f"{self.path.name}: {self.damaged_packets} damaged packets were skipped"]
        return [*(damaged if self.damaged_packets else []), *self._clock.notes(self.path.name, self.info.duration_s)]

    @property
    def on_time_s(self) -> float:
        """A picture this late, in seconds, still counts as on time, because containers round to milliseconds."""
        return min(0.0008, 0.2 / float(self.info.rate))

    # ----------------------------------------------------------------------------------------------- opening

    def _open(self) -> None:
        # FFmpeg's own log stays off, as PyAV starts: passing it on from decoding threads can lock up on closing.
        import av

        try:
            container = open_media(self.path)
        except (av.error.FFmpegError, OSError, ValueError) as error:
            raise MediaError(
                f"{self.path.name} cannot be opened as video: {_reason(error)}",
                "the file is damaged, incomplete or of an unknown format",
            ) from error
        self._container = container
        stream = picture_stream(container)
        if stream is None:
            what = "only sound" if container.streams.audio else "no picture"
            self.close()
            raise MediaError(f"{self.path.name} holds {what}", "give a file with a video track")
        self._stream = stream
        if getattr(self._stream, "codec_context", None) is None:
            self.close()
            raise MediaError(f"{self.path.name} is in a codec that cannot be decoded", "convert it to H.264 or ProRes")
        self._stream.thread_type = "AUTO"
        self._stream.codec_context.thread_count = self._threads
        self._start_pts: int | None = None
        self._fresh = True

    def _read_info(self) -> MediaInfo:
        stream, container = self._stream, self._opened()
        rate = _nominal_rate(stream)
        self.info = MediaInfo(
            self.path, 0, 0, rate, None, 0, "", "", None, _is_still(container), DEFAULT_KEY_SPACING_S, False
        )
        first = next(self._decode(), None)
        if first is None:
            raise MediaError(f"{self.path.name} holds no picture that can be decoded", "the file is empty or damaged")
        first_s = float((self._start_pts or 0) * (stream.time_base or 0))
        info = MediaInfo(
            path=self.path,
            width=first.frame.width,
            height=first.frame.height,
            rate=rate,
            duration_s=_stated_duration(container, stream, first_s),
            rotation_deg=int(first.frame.rotation) % 360,
            pixel_format=first.frame.format.name,
            codec=stream.codec_context.name,
            start_timecode=_start_timecode(container),
            is_still=_is_still(container),
            key_spacing_s=_key_spacing(stream),
            has_audio=bool(container.streams.audio),
            picture_start_s=_picture_delay_s(container, first_s, rate),
        )
        self._rewind()  # at the end, because it closes the container and with it ``stream``
        return info

    def _opened(self) -> av.container.InputContainer:
        if self._container is None:
            raise MediaError(f"{self.path.name} is closed")
        return self._container

    def _rewind(self) -> None:
        start_pts = self._start_pts
        self.close()
        self._open()
        self._start_pts = start_pts

    # ---------------------------------------------------------------------------------------------- decoding

    def _decode_from(self, start_s: float) -> Iterator[Picture]:
        """Pictures from at or before ``start_s`` on."""
        if start_s <= self.info.key_spacing_s or not self._can_seek:
            if not self._fresh:
                self._rewind()
            yield from self._decode()
            return
        pictures = self._seek(start_s)
        first = next(pictures, None)
        if first is None or first.seconds > start_s + self.on_time_s:
            self._rewind()
            pictures = self._decode()
        else:
            yield first
        yield from pictures

    @functools.cached_property
    def _can_seek(self) -> bool:
        """Whether time stamps only grow; to know, a transport stream's packets are read through, not decoded."""
        if not _stamps_may_jump(self._opened()):
            return True
        self._rewind()
        base, last_s = float(self._stream.time_base or 0), math.inf
        for packet in self._opened().demux(self._stream):
            at_s = last_s if packet.dts is None else packet.dts * base
            if (at_s < last_s - RESTART_S and last_s < math.inf) or at_s > last_s + JUMP_S:
                self._fresh = False
                return False
            last_s = at_s
        self._fresh = False
        return True

    def _seek(self, start_s: float) -> Iterator[Picture]:
        import av

        base = self._stream.time_base or Fraction(1, 1000)
        target = (self._start_pts or 0) + math.floor((start_s - 2 * self.on_time_s) / float(base))
        try:
            self._opened().seek(target, stream=self._stream, backward=True)
        except av.error.FFmpegError:
            self._rewind()
        return self._decode()

    def _decode(self) -> Iterator[Picture]:
        import av

        self._fresh = False
        self._packets = self.damaged_packets = 0
        container = self._opened()
        clock = self._clock = PictureClock(may_jump=_stamps_may_jump(container))
        sound = [] if self.info.duration_s is not None else list(container.streams.audio)
        packets = container.demux(self._stream, *sound)
        heard_s = -math.inf
        while True:
            try:
                packet = next(packets, None)
            except (av.error.FFmpegError, OSError) as error:
                raise self._damage(clock.end_s, error) from error
            if packet is None:
                break
            if packet.stream.type == "audio":
                heard_s = max(heard_s, float((packet.pts or 0) * (packet.time_base or 0)))
                continue
            for frame in self._frames_of(packet, clock.end_s):
                length_s = float(frame.duration * (frame.time_base or 0)) if frame.duration else 0.0
                seconds = clock.place(self._stamp_s(frame), length_s or float(1 / self.info.rate))
                if seconds is not None:
                    yield Picture(seconds, length_s, frame)
        self._check_end(max(clock.end_s, clock.end_s - clock.shift_s), heard_s)

    def _frames_of(self, packet: av.Packet[Any], at_s: float) -> list[av.VideoFrame]:
        import av

        self._packets += 1
        try:
            return [frame for frame in packet.decode() if isinstance(frame, av.VideoFrame)]
        except av.error.EOFError:
            return []
        except (av.error.FFmpegError, OSError) as error:
            self.damaged_packets += 1
            if self.damaged_packets > max(BAD_PACKETS_ALLOWED, self._packets * BAD_PACKETS_SHARE):
                raise self._damage(at_s, error) from error
            return []

    def _stamp_s(self, frame: av.VideoFrame) -> float | None:
        """The file's time stamp of a picture, from its first picture; None without one."""
        pts = frame.pts if frame.pts is not None else frame.dts
        if pts is None or frame.time_base is None:
            return None
        if self._start_pts is None:
            self._start_pts = pts
        return float((pts - self._start_pts) * frame.time_base)

    def _check_end(self, end_s: float, heard_s: float) -> None:
        """Refuse a file that ended too early; if only the container states a length, the sound may end last."""
        if _file_size(self.path) < self._size_bytes:
            raise MediaError(f"{self.path.name} became shorter while it was read", "copy it completely, then try again")
        stated, container_s = self.info.duration_s, self._opened().duration
        if stated is None and container_s is not None and heard_s > -math.inf:
            stated, end_s = container_s / 1_000_000, max(end_s, heard_s)
        if stated is None or self.info.is_still:
            return
        if stated - end_s > max(MISSING_END_S, stated * MISSING_END_SHARE):
            seen = max(0.0, end_s)
            raise MediaError(
                f"{self.path.name} ends at {seen:.2f} s but should last {stated:.2f} s",
                "the file is damaged or was not copied completely",
            )

    def _damage(self, at_s: float, error: BaseException) -> MediaError:
        if _file_size(self.path) < self._size_bytes:
            return MediaError(
                f"{self.path.name} became shorter while it was read", "copy it completely, then try again"
            )
        return MediaError(
            f"{self.path.name} cannot be decoded at {max(0.0, at_s):.2f} s: {_reason(error)}", "the file is damaged"
        )


# ------------------------------------------------------------------------------------------------ what a file says


def _file_size(path: Path) -> int:
    try:
        if path.is_dir():
            raise MediaError(f"{path} is a folder, not a video file")
        state = path.stat()
        if not stat.S_ISREG(state.st_mode):
            raise MediaError(f"{path} is a pipe or a device, not a video file")
        size = state.st_size
    except FileNotFoundError as error:
        raise MediaError(f"{path} does not exist") from error
    except OSError as error:
        raise MediaError(f"{path} cannot be read: {error.strerror}") from error
    if size == 0:
        raise MediaError(f"{path.name} is empty (0 bytes)")
    return size


def _reason(error: BaseException) -> str:
    import av

    if isinstance(error, av.error.ArgumentError):  # FFmpeg's answer to what is not among the allowed containers
        return "its content is none of the kinds of video that are read, whatever its name says"
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return str(text).splitlines()[0].lower()


def _is_still(container: av.container.InputContainer) -> bool:
    return any(mark in container.format.name for mark in _STILL_FORMATS)


def _nominal_rate(stream: av.video.stream.VideoStream) -> Fraction:
    """The rate that a host would show; for a variable rate the base rate or the average."""
    for value in (stream.guessed_rate, stream.average_rate, stream.base_rate):
        if value and 1 <= value <= 480:
            return exact_rate(value)
    return exact_rate(stream.average_rate) if stream.average_rate else FALLBACK_RATE


def _stated_duration(
    container: av.container.InputContainer, stream: av.video.stream.VideoStream, first_s: float
) -> float | None:
    """Length of the picture in seconds, None if unknown; Matroska states the end, counted from the container's zero."""
    offset_s = max(0.0, first_s) if "matroska" in container.format.name else 0.0
    length_s = stated_length_s(stream)
    if length_s is not None:
        return length_s - offset_s if stream.duration is None else length_s
    if container.duration is not None and not container.streams.audio:
        return container.duration / 1_000_000 - offset_s
    return None


def _stamps_may_jump(container: av.container.InputContainer) -> bool:
    """Whether the format allows time stamps that restart or jump, as transport streams do."""
    return container.format.name in _STREAM_FORMATS


def _picture_delay_s(container: av.container.InputContainer, first_s: float, rate: Fraction) -> float:
    """How much later than the sound the first picture comes, on the container's clock; 0 below a frame."""
    starts = [float(s.start_time * s.time_base) for s in container.streams.audio if s.start_time and s.time_base]
    if not container.streams.audio:
        return 0.0
    delay_s = first_s - min(starts, default=0.0)
    return delay_s if delay_s >= float(1 / rate) else 0.0


def _start_timecode(container: av.container.InputContainer) -> str | None:
    for metadata in (*(stream.metadata for stream in container.streams), container.metadata):
        with contextlib.suppress(KeyError):
            return str(metadata["timecode"]).strip()
    return None


def _key_spacing(stream: av.video.stream.VideoStream) -> float:
    """Median distance, in seconds, of the key frames in the container's index."""
    base = float(stream.time_base or 0)
    keys = [entry.timestamp * base for entry in stream.index_entries if entry.is_keyframe]
    if len(keys) < 2:
        return DEFAULT_KEY_SPACING_S
    return max(0.04, statistics.median(b - a for a, b in itertools.pairwise(keys)))
