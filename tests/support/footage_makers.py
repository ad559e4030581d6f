"""Films whose truth is known, made for the tests of the footage stage."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any, cast

import av
import numpy as np

from v2m_bridge.demo.synthesis import Scene, ShotPlan, encode_film
from v2m_bridge.footage.video.source import VideoSource
from v2m_bridge.timeline.model import CutKind

SIZE = (96, 64)


def grey_of(number: int) -> int:
    """The grey level that stands for picture ``number``; differences of near pictures tell them apart."""
    return 16 + (number * number * 13 + number * 29) % 211


def numbered_pictures(count: int) -> Iterator[np.ndarray]:
    """Pictures that carry their number as one grey level."""
    for number in range(count):
        yield np.full((SIZE[1], SIZE[0], 3), grey_of(number), np.uint8)


def numbered_film(path: Path, count: int, rate: Fraction) -> Path:
    """A lossless film of numbered pictures (``.mkv``: its times are rounded to milliseconds)."""
    encode_film(path, numbered_pictures(count), size=SIZE, rate=rate, codec="ffv1", pixel_format="bgr0", options={})
    return path


def plain_film(
    path: Path,
    *,
    count: int = 50,
    rate: Fraction = Fraction(25),
    codec: str = "libx264",
    pixel_format: str = "yuv420p",
    options: dict[str, str] | None = None,
    size: tuple[int, int] = SIZE,
    metadata: dict[str, str] | None = None,
    rotation: int = 0,
    times: list[int] | None = None,
    container_options: dict[str, str] | None = None,
) -> Path:
    """A film of a moving ramp; ``times`` are presentation times in milliseconds for a variable rate."""
    with av.open(str(path), "w", options=container_options or {}) as container:
        stream = cast("av.VideoStream", container.add_stream(codec, rate, options or {}))
        stream.width, stream.height = size
        stream.pix_fmt = pixel_format
        if rotation:
            stream.set_display_rotation(rotation)
        if times is not None:
            stream.codec_context.time_base = Fraction(1, 1000)
        for key, value in (metadata or {}).items():
            stream.metadata[key] = value
        for number in range(count):
            ramp = (np.arange(size[0])[None, :, None] * 2 + np.arange(size[1])[:, None, None] + number * 5) % 256
            picture = np.broadcast_to(ramp, (size[1], size[0], 3)).astype(np.uint8)
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), "rgb24")
            if times is not None:
                frame.pts, frame.time_base = times[number], Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def sound_file(path: Path) -> Path:
    """A second of silence and no picture."""
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream("aac", rate=48000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 48000), np.float32), "fltp", "mono")
        frame.sample_rate = 48000
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def random_plan(seed: int, shots: int = 16) -> list[ShotPlan]:
    """Shots of 6 to 90 frames with hard cuts, dissolves, fades, flashes and fast pans."""
    rng = np.random.default_rng([2024, seed])
    plans: list[ShotPlan] = []
    for number in range(shots):
        scene = list(Scene)[rng.integers(len(Scene))]
        length = int(rng.choice([rng.integers(6, 14), rng.integers(14, 40), rng.integers(40, 90)]))
        speed = float(rng.choice([0.5, 1, 2, 3]))
        if scene is Scene.LANDSCAPE and rng.random() < 0.4:
            speed = float(rng.uniform(6, 14))
        kind, frames = CutKind.CUT, 0
        draw = rng.random()
        if number and draw < 0.15:
            kind, frames = CutKind.DISSOLVE, int(rng.choice([6, 12, 24]))
        elif number and draw < 0.27:
            kind, frames = CutKind.FADE, int(rng.choice([8, 16, 30]))
        length = max(length, frames + 34 if frames else 6)
        flashes: tuple[int, ...] = ()
        if length > 60 and rng.random() < 0.4:
            first = int(rng.integers(frames + 6, length - 24))
            flashes = tuple(range(first, first + int(rng.integers(1, 4))))
        plans.append(ShotPlan(scene, length, speed, flashes, kind, frames))
    return [
        plan if number + 1 == len(plans) or plan.length_frames >= plans[number + 1].transition_frames + 8
        else ShotPlan(plan.scene, plan.length_frames + plans[number + 1].transition_frames, plan.speed, plan.flashes,
                      plan.transition, plan.transition_frames)
        for number, plan in enumerate(plans)
    ]  # fmt: skip


def published_motion(path: Path) -> list[float]:
    """The released computation, second by second, on the pictures of this decoder."""
    values, before, last = {0: 0.0}, None, 0
    with VideoSource(path) as source:
        for picture in source.pictures():
            rgb = picture.frame.to_ndarray(format="rgb24").astype(np.int16)
            if before is not None and picture.seconds - last >= 1 - 1e-6:
                values[int(picture.seconds + 1e-6)] = float(np.abs(rgb - before).mean())
                last = int(picture.seconds + 1e-6)
            before = rgb
    return [values[second] for second in sorted(values)]
