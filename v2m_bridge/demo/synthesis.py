"""Draws short films: shots that look different, with motion, to try the product with and to test it on.

Everything is computed from a seed: the same call draws the same pictures.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np
import numpy.typing as npt

from v2m_bridge.timeline.model import Cut, CutKind

if TYPE_CHECKING:
    import av

Image = npt.NDArray[np.float32]
"""``[height, width, 3]`` RGB, 0..1."""

DEFAULT_SIZE = (480, 270)
DEFAULT_RATE = Fraction(24)


class Scene(StrEnum):
    """What a shot shows."""

    LANDSCAPE = "landscape"
    SHAPES = "shapes"
    WAVES = "waves"
    TUNNEL = "tunnel"
    SPARKS = "sparks"
    SKYLINE = "skyline"


@dataclass(frozen=True)
class ShotPlan:
    """One shot of a film to draw.

    Attributes:
        scene: what it shows.
        length_frames: frames until the next shot takes over (half of a transition on either side included).
        speed: 1 for calm motion; a fast pan is a landscape at 10.
        flashes: frames of the shot that are white.
        transition: how the shot *before* gives way to this one.
        transition_frames: length of that transition, centred on the cut; 0 for a hard cut.
    """

    scene: Scene
    length_frames: int
    speed: float = 1.0
    flashes: tuple[int, ...] = ()
    transition: CutKind = CutKind.CUT
    transition_frames: int = 0


DEFAULT_SHOTS: tuple[ShotPlan, ...] = (
    ShotPlan(Scene.LANDSCAPE, 53),
    ShotPlan(Scene.SHAPES, 41, 1.5),
    ShotPlan(Scene.WAVES, 66, 0.5),
    ShotPlan(Scene.SKYLINE, 37, 2.0),
    ShotPlan(Scene.SPARKS, 58, 2.0, flashes=(20,)),
    ShotPlan(Scene.TUNNEL, 45, 1.5),
    ShotPlan(Scene.LANDSCAPE, 72, 3.0),
    ShotPlan(Scene.WAVES, 60, 0.4, transition=CutKind.DISSOLVE, transition_frames=16),
)
"""Eight shots, eighteen seconds: seven changes, one of them a dissolve, and a white flash."""


@dataclass(frozen=True)
class SynthesisedFilm:
    """The film that was drawn and what is true of it."""

    path: Path
    rate: Fraction
    duration_frames: int
    cuts: tuple[Cut, ...] = field(default=())


def synthesise_film(
    path: Path,
    *,
    shots: Sequence[ShotPlan] = DEFAULT_SHOTS,
    size: tuple[int, int] = DEFAULT_SIZE,
    rate: Fraction = DEFAULT_RATE,
    seed: int = 7,
    codec: str = "libx264",
) -> SynthesisedFilm:
    """Draw a film and encode it.

    Args:
        path: the file to write; its suffix chooses the container.
        size: width and height in pixels, both even.
        rate: frames per second, constant.
        codec: an FFmpeg encoder; one that is missing is replaced by ``mpeg4``.

    Returns:
        The film with its true cuts, in frames.
    """
    pictures = draw_film(shots, size, seed)
    encode_film(path, pictures, size=size, rate=rate, codec=codec)
    return SynthesisedFilm(path, rate, sum(shot.length_frames for shot in shots), cuts_of(shots))


def cuts_of(shots: Sequence[ShotPlan]) -> tuple[Cut, ...]:
    """The true cuts of a plan; a transition is centred on its cut."""
    cuts, frame = [], 0
    for before, shot in itertools.pairwise(shots):
        frame += before.length_frames
        half = shot.transition_frames // 2
        if half:
            cuts.append(Cut(frame, shot.transition, frame - half, frame + half))
        else:
            cuts.append(Cut(frame))
    return tuple(cuts)


def draw_film(
    shots: Sequence[ShotPlan], size: tuple[int, int] = DEFAULT_SIZE, seed: int = 7
) -> Iterator[npt.NDArray[np.uint8]]:
    """Every picture of the film, ``[height, width, 3]`` RGB."""
    painters = [_PAINTERS[shot.scene](np.random.default_rng([seed, n]), size) for n, shot in enumerate(shots)]
    for number, shot in enumerate(shots):
        half_in = shot.transition_frames // 2 if number else 0
        after = shots[number + 1] if number + 1 < len(shots) else None
        half_out = after.transition_frames // 2 if after else 0
        for frame in range(shot.length_frames):
            image = painters[number](frame * shot.speed)
            left = shot.length_frames - frame
            if frame < half_in:
                before = painters[number - 1]((shots[number - 1].length_frames + frame) * shots[number - 1].speed)
                image = _mix(before, image, 0.5 + (frame + 0.5) / (2 * half_in), shot.transition)
            elif after and left <= half_out:
                image = _mix(
                    image,
                    painters[number + 1](-left * after.speed),
                    0.5 - (left - 0.5) / (2 * half_out),
                    after.transition,
                )
            if frame in shot.flashes:
                image = 0.1 * image + 0.9
            yield (np.clip(image, 0, 1) * 255 + 0.5).astype(np.uint8)


def _mix(before: Image, after: Image, share: float, kind: CutKind) -> Image:
    """``share`` of ``after``; a fade goes through black."""
    if kind is CutKind.FADE:
        return before * np.float32(1 - 2 * share) if share < 0.5 else after * np.float32(2 * share - 1)
    return before * np.float32(1 - share) + after * np.float32(share)


def encode_film(
    path: Path,
    pictures: Iterator[npt.NDArray[np.uint8]],
    *,
    size: tuple[int, int],
    rate: Fraction,
    codec: str = "libx264",
    pixel_format: str = "yuv420p",
    options: dict[str, str] | None = None,
) -> None:
    """Encode RGB pictures at a constant rate."""
    import av

    if codec not in av.codecs_available:
        codec = "mpeg4"
    fast = {"preset": "veryfast", "crf": "20"} if codec == "libx264" else {}
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = cast("av.VideoStream", container.add_stream(codec, rate, fast if options is None else options))
        stream.width, stream.height = size
        stream.pix_fmt = pixel_format
        for picture in pictures:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, "rgb24")))
        container.mux(stream.encode())


# ---------------------------------------------------------------------------------------------------- the painters

Painter = Callable[[float], Image]
"""Draws the picture at one moment of a shot, counted in frames of calm motion; any moment may be asked for."""


def _palette(rng: np.random.Generator) -> Image:
    """Dark, middle and light colour of a shot."""
    hue = rng.random() + np.array([0.0, rng.uniform(0.1, 0.5), rng.uniform(-0.15, 0.15)])
    wheel = 0.5 + 0.5 * np.cos(2 * np.pi * (hue[:, None] + np.array([0, 1 / 3, 2 / 3])))
    level = np.array([rng.uniform(0.1, 0.3), rng.uniform(0.4, 0.65), rng.uniform(0.75, 1.0)])[:, None]
    return np.asarray((0.25 + 0.75 * wheel) * level, np.float32)


def _coloured(value: Image, palette: Image) -> Image:
    """Map 0..1 to dark..middle..light."""
    value = np.clip(value, 0, 1)[..., None]
    low = palette[0] + (palette[1] - palette[0]) * np.minimum(value * 2, 1)
    return np.asarray(low + (palette[2] - palette[1]) * np.maximum(value * 2 - 1, 0), np.float32)


def _noise(rng: np.random.Generator, height: int, width: int) -> Image:
    """Smooth noise 0..1 that repeats horizontally, of several sizes of detail."""
    total = np.zeros((height, width), np.float32)
    for cells, weight in ((3, 1.0), (7, 0.5), (19, 0.25), (53, 0.12)):
        columns = cells * 3
        grid = rng.random((cells + 2, columns)).astype(np.float32)
        y = np.linspace(0, cells, height, dtype=np.float32)
        x = np.linspace(0, columns, width, endpoint=False, dtype=np.float32)
        top, left = y.astype(int), x.astype(int)
        dy, dx = (y - top)[:, None], (x - left)[None, :]
        dy, dx = dy * dy * (3 - 2 * dy), dx * dx * (3 - 2 * dx)
        right = (left + 1) % columns
        upper = grid[top][:, left] * (1 - dx) + grid[top][:, right] * dx
        lower = grid[top + 1][:, left] * (1 - dx) + grid[top + 1][:, right] * dx
        total += np.float32(weight) * (upper * (1 - dy) + lower * dy)
    low, high = float(total.min()), float(total.max())
    return (total - low) / (high - low)


def _axes(size: tuple[int, int]) -> tuple[Image, Image]:
    """Column and row coordinates, in picture heights from the centre."""
    width, height = size
    x = np.asarray((np.arange(width) - width / 2) / height, np.float32)
    y = np.asarray((np.arange(height) - height / 2) / height, np.float32)
    return x[None, :], y[:, None]


def _landscape(rng: np.random.Generator, size: tuple[int, int]) -> Painter:
    """A camera that pans over a wide picture."""
    width, height = size
    wide = _coloured(_noise(rng, height, 4 * width), _palette(rng))
    step, start = rng.choice([-1, 1]) * width / 200, int(rng.integers(4 * width))

    def paint(moment: float) -> Image:
        columns = (start + round(moment * step) + np.arange(width)) % (4 * width)
        return np.asarray(wide[:, columns], np.float32)

    return paint


def _shapes(rng: np.random.Generator, size: tuple[int, int]) -> Painter:
    """Discs that cross a coloured ground."""
    x, y = _axes(size)
    palette, count = _palette(rng), 7
    ground = _coloured(0.25 + 0.2 * (x + y), palette)
    place, drift = rng.uniform(-0.8, 0.8, (count, 2)), rng.uniform(-0.012, 0.012, (count, 2))
    radius, colour = rng.uniform(0.08, 0.25, count), rng.random((count, 3)).astype(np.float32)

    def paint(moment: float) -> Image:
        image = ground.copy()
        for n in range(count):
            cx, cy = (place[n] + drift[n] * moment + 1.3) % 2.6 - 1.3  # comes and goes beyond the edge
            image[(x - cx) ** 2 + (y - cy) ** 2 < radius[n] ** 2] = colour[n]
        return image

    return paint


def _waves(rng: np.random.Generator, size: tuple[int, int]) -> Painter:
    """Slow crossing waves, like water."""
    x, y = _axes(size)
    palette, turn = _palette(rng), rng.uniform(0, np.pi, 3)
    pitch, drift = rng.uniform(4, 14, 3), rng.uniform(0.05, 0.2, 3)

    def paint(moment: float) -> Image:
        total = sum(
            np.sin(pitch[n] * (x * np.cos(turn[n]) + y * np.sin(turn[n])) + drift[n] * moment) for n in range(3)
        )
        return _coloured(np.asarray(0.5 + total / 6, np.float32), palette)

    return paint


def _tunnel(rng: np.random.Generator, size: tuple[int, int]) -> Painter:
    """Rings that come towards the camera."""
    x, y = _axes(size)
    palette, spokes, drift = _palette(rng), int(rng.integers(3, 9)), rng.uniform(0.08, 0.2)
    distance = np.sqrt(x * x + y * y) + np.float32(0.02)
    angle = np.arctan2(y, x)

    def paint(moment: float) -> Image:
        rings = np.sin(6 * np.log(distance) - drift * moment) * 0.3 + np.sin(spokes * angle + 0.02 * moment) * 0.2
        return _coloured(np.asarray(0.5 + rings, np.float32), palette)

    return paint


def _sparks(rng: np.random.Generator, size: tuple[int, int]) -> Painter:
    """Many small lights that rise in the dark."""
    width, height = size
    palette, count = _palette(rng), 160
    place = rng.random((count, 2)) * (width, height)
    rise = rng.uniform(0.2, 1.2, count) * height / 120
    ground = np.broadcast_to(palette[0] * np.float32(0.6), (height, width, 3))

    def paint(moment: float) -> Image:
        image = ground.copy()
        rows = ((place[:, 1] - rise * moment) % height).astype(int)
        columns = ((place[:, 0] + 4 * np.sin(moment / 9 + place[:, 1])) % width).astype(int)
        for offset_y, offset_x in ((0, 0), (0, 1), (1, 0), (1, 1), (0, 2), (2, 0), (1, 2), (2, 1)):
            image[(rows + offset_y) % height, (columns + offset_x) % width] = palette[2]
        return image

    return paint


def _skyline(rng: np.random.Generator, size: tuple[int, int]) -> Painter:
    """Three rows of towers that pass at different speeds."""
    width, height = size
    palette = _palette(rng)
    sky = _coloured(
        np.linspace(1.0, 0.55, height, dtype=np.float32)[:, None] * np.ones((1, width), np.float32), palette
    )
    rows = []
    for depth in range(3):
        towers = np.repeat(rng.uniform(0.25, 0.75, 24), rng.integers(width // 14, width // 6, 24))
        rows.append(
            (towers * (1 - 0.18 * depth), (depth + 1) * width / 300, palette[1] * np.float32(0.9 - 0.3 * depth))
        )
    level = np.arange(height, dtype=np.float32)[:, None] / height

    def paint(moment: float) -> Image:
        image = sky.copy()
        for towers, step, colour in rows:
            visible = towers[(np.arange(width) + round(moment * step)) % len(towers)]
            image[level > 1 - visible[None, :]] = colour
        return image

    return paint


_PAINTERS: dict[Scene, Callable[[np.random.Generator, tuple[int, int]], Painter]] = {
    Scene.LANDSCAPE: _landscape,
    Scene.SHAPES: _shapes,
    Scene.WAVES: _waves,
    Scene.TUNNEL: _tunnel,
    Scene.SPARKS: _sparks,
    Scene.SKYLINE: _skyline,
}
