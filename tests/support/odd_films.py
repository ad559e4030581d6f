"""Films with time stamps and streams as they come from recorders, phones and screen captures."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import av.stream
import numpy as np
from footage_makers import plain_film

RATE = Fraction(25)


def restarting_stream(path: Path, *parts: int) -> Path:
    """A transport stream of several recordings put behind one another: its stamps restart with each."""
    data = b""
    for number, count in enumerate(parts):
        part = plain_film(path.with_name(f"{path.stem}{number}.ts"), count=count)
        data += part.read_bytes()
    path.write_bytes(data)
    return path


def jumping_stream(path: Path, count: int, at: int, by_s: int) -> Path:
    """A transport stream whose stamps leap ahead before picture ``at``."""

    def shift(packet: Any) -> None:
        if packet.pts is not None and packet.pts * packet.time_base >= at / RATE:
            ticks = int(by_s / packet.time_base)
            packet.pts, packet.dts = packet.pts + ticks, packet.dts + ticks

    return _film(path, count, shift)


def late_picture(path: Path, count: int, delay_ms: int) -> Path:
    """A film whose sound starts at 0 and whose picture starts later."""

    def shift(packet: Any) -> None:
        ticks = int(Fraction(delay_ms, 1000) / packet.time_base)
        packet.pts, packet.dts = packet.pts + ticks, packet.dts + ticks

    return _film(path, count, shift, sound_s=count / 25 + delay_ms / 1000)


def covered_film(path: Path, count: int, *, flagged: bool) -> Path:
    """A film whose first video stream is a cover, flagged as one or not."""
    with av.open(str(path), "w") as container:
        cover: Any = container.add_stream("mjpeg", RATE)
        cover.width, cover.height, cover.pix_fmt = 96, 64, "yuvj420p"
        cover.disposition = av.stream.Disposition.attached_pic if flagged else av.stream.Disposition(0)
        film: Any = container.add_stream("libx264", RATE, {"bf": "0"})
        film.width, film.height, film.pix_fmt = 96, 64, "yuv420p"
        film.disposition = av.stream.Disposition.default
        container.mux(cover.encode(_picture(0)))
        container.mux(cover.encode())
        for number in range(count):
            container.mux(film.encode(_picture(number)))
        container.mux(film.encode())
    return path


def _picture(number: int) -> av.VideoFrame:
    ramp = (np.arange(96)[None, :, None] * 2 + np.arange(64)[:, None, None] + number * 5) % 256
    picture = np.ascontiguousarray(np.broadcast_to(ramp, (64, 96, 3)).astype(np.uint8))
    return av.VideoFrame.from_ndarray(picture, "rgb24")


def _film(path: Path, count: int, shift: Callable[[Any], None], sound_s: float = 0.0) -> Path:
    with av.open(str(path), "w") as container:
        film: Any = container.add_stream("libx264", RATE, {"bf": "0", "g": "10"})
        film.width, film.height, film.pix_fmt = 96, 64, "yuv420p"
        sound: Any = container.add_stream("pcm_s16le", rate=8000) if sound_s else None
        if sound is not None:
            frame = av.AudioFrame.from_ndarray(np.zeros((1, int(sound_s * 8000)), np.int16), "s16", "mono")
            frame.sample_rate, frame.pts = 8000, 0
            container.mux(sound.encode(frame))
            container.mux(sound.encode(None))
        for number in range(count + 1):
            for packet in film.encode(_picture(number) if number < count else None):
                shift(packet)
                container.mux(packet)
    return path
