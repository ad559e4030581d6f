"""Films with known contacts in many looks: balls, metronomes and hammers of any size on any ground, at any rate.

Another hand than ``contact_films``: things are drawn by OpenCV, over flat, graded, chequered and textured grounds, with
shadows, squashing, weights and bodies, at eight picture sizes and seven rates, in films of one shot and of several.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from v2m_bridge.demo.synthesis import encode_film

Picture = npt.NDArray[np.uint8]
Colour = tuple[float, float, float]
Point = tuple[float, float]

SIZES = ((320, 180), (320, 240), (480, 270), (640, 360), (854, 480), (960, 540), (1280, 720), (1920, 1080))
SIZE_CHANCES = (0.3, 0.1, 0.15, 0.2, 0.1, 0.05, 0.07, 0.03)
RATES = tuple(Fraction(r) for r in ("24", "24000/1001", "25", "30", "30000/1001", "50", "60"))
GROUNDS = ("flat", "black", "white", "graded", "chequered", "textured")
QUALITIES = (18, 23, 28)
"""Constant rate factors of h264, from fine to coarse."""
SUB = 64
"""OpenCV draws at this fraction of a pixel."""


@dataclass(frozen=True)
class Shot:
    """One shot: ``contacts`` and ``doubtful`` moments (too small or too close to judge) in its own seconds."""

    seconds: float
    contacts: tuple[float, ...]
    paint: Callable[[float], Picture]
    doubtful: tuple[float, ...] = ()


@dataclass(frozen=True)
class SceneFilm:
    """Shots one after the other, hard cuts between them, with sensor noise over all."""

    size: tuple[int, int]
    rate: Fraction
    shots: tuple[Shot, ...]
    noise: float
    seed: int
    starts: list[int] = field(init=False)
    frames: int = field(init=False)

    def __post_init__(self) -> None:
        ends = np.cumsum([round(shot.seconds * self.rate) for shot in self.shots]).tolist()
        object.__setattr__(self, "starts", [0, *ends[:-1]])
        object.__setattr__(self, "frames", ends[-1])

    @property
    def cuts(self) -> list[int]:
        return self.starts[1:]

    def moments(self) -> tuple[list[float], list[float]]:
        """Contacts, and moments that count neither way (doubtful, or beside a cut), in frames."""
        sure: list[float] = []
        unsure: list[float] = []
        for start, end, shot in zip(self.starts, [*self.cuts, self.frames], self.shots, strict=True):
            for seconds in shot.contacts:
                frame = start + seconds * float(self.rate)
                (sure if start + 4 <= frame < end - 5 else unsure).append(frame)
            unsure += [start + seconds * float(self.rate) for seconds in shot.doubtful]
        return sure, unsure

    def pictures(self) -> Iterator[Picture]:
        """Every picture ``[height, width, 3]``."""
        rng, (width, height) = np.random.default_rng([7, self.seed]), self.size
        sheet = rng.normal(0, self.noise, (height + 64, width + 64, 3)).astype(np.float32)
        for shot in self.shots:
            for frame in range(round(shot.seconds * self.rate)):
                top, left = rng.integers(0, 64, 2)
                grain = sheet[top : top + height, left : left + width]
                clean = shot.paint(frame / float(self.rate))
                yield clean if not self.noise else np.clip(clean + grain + 0.5, 0, 255).astype(np.uint8)

    def write(self, path: Path) -> Path:
        """Encode it with h264."""
        options = {"preset": "veryfast", "crf": str(QUALITIES[self.seed % len(QUALITIES)])}
        encode_film(path, self.pictures(), size=self.size, rate=self.rate, options=options)
        return path


def scene_film(kind: str, seed: int, family: int) -> SceneFilm:
    """A film of one of :data:`KINDS`; everything else is up to chance."""
    rng = np.random.default_rng([family, seed, KINDS.index(kind)])
    size = SIZES[int(rng.choice(len(SIZES), p=SIZE_CHANCES))]
    rate = RATES[int(rng.integers(len(RATES)))]
    noise = float(rng.choice([0.0, 0.0, rng.uniform(1, 4), rng.uniform(4, 10)]))
    if kind == "cuts":
        names = rng.choice(["ball_sine", "ball_elastic", "ball_damped", "metronome", "ticker", "still", "hammer"], 4)
        shots = tuple(_MAKERS[str(name)](rng, size, round(rng.uniform(1.5, 3.5) * 24) / 24) for name in names)
    else:
        noise = float(rng.choice([0, 5, 12, 25])) if kind == "still" else noise
        shots = (_MAKERS[kind](rng, size, 6.0),)
    return SceneFilm(size, rate, shots, noise, seed)


def judge(film: SceneFilm, found: list[float]) -> tuple[int, list[float], list[float]]:
    """How many contacts there are, the errors of those found within a frame, and findings that are none (in frames)."""
    sure, unsure = film.moments()
    left, errors = sorted(found), []
    for contact in sure:
        near = [frame for frame in left if abs(frame - contact) <= 1 + 1e-6]
        if near:
            nearest = min(near, key=lambda frame, contact=contact: abs(frame - contact))  # type: ignore[misc]
            left.remove(nearest)
            errors.append(nearest - contact)
    return len(sure), errors, [f for f in left if all(abs(f - moment) > 1 + 1e-6 for moment in sure + unsure)]


# ------------------------------------------------------------------------------------------------------- drawing


def _ground(rng: np.random.Generator, size: tuple[int, int]) -> Picture:
    width, height = size
    base, kind = rng.uniform(0, 255, 3), str(rng.choice(GROUNDS))
    if kind == "black" or kind == "white":
        return np.full((height, width, 3), 0 if kind == "black" else 255, np.uint8)
    image = np.tile(base, (height, width, 1))
    if kind == "graded":
        down = np.linspace(0, 1, height)[:, None, None]
        image = image * (1 - down) + rng.uniform(0, 255, 3) * down
    elif kind == "chequered":
        y, x = np.mgrid[:height, :width] * int(rng.integers(6, 20)) // height
        image = image + ((x + y) % 2)[..., None] * rng.uniform(-60, 60)
    elif kind == "textured":
        cells = rng.uniform(0, 255, (int(rng.integers(6, 30)), int(rng.integers(8, 50)), 3)).astype(np.float32)
        image = cv2.resize(cells, (width, height), interpolation=cv2.INTER_CUBIC) * 0.5 + base * 0.5
    return np.clip(image, 0, 255).astype(np.uint8)


def _colour(rng: np.random.Generator, ground: Picture) -> Colour:
    """A colour whose brightness differs from the ground's."""
    while True:
        red, green, blue = (float(value) for value in rng.uniform(0, 255, 3))
        if abs((red + green + blue) / 3 - ground.mean()) > 50:
            return red, green, blue


def _at(image: Picture, point: Point) -> tuple[int, int]:
    high = len(image)
    return round((point[0] * high - 0.5) * SUB), round((point[1] * high - 0.5) * SUB)


def _oval(image: Picture, centre: Point, wide: float, high: float, colour: Colour) -> None:
    axes = (round(wide * len(image) * SUB), round(high * len(image) * SUB))
    cv2.ellipse(image, _at(image, centre), axes, 0, 0, 360, colour, -1, cv2.LINE_AA, 6)


def _line(image: Picture, start: Point, end: Point, wide: float, colour: Colour) -> None:
    thick = max(1, round(wide * len(image)))
    cv2.line(image, _at(image, start), _at(image, end), colour, thick, cv2.LINE_AA, 6)


# -------------------------------------------------------------------------------------------------------- scenes


def _repeats(period: float, phase: float, seconds: float) -> tuple[float, ...]:
    """Every ``period`` seconds, the first after ``period - phase``."""
    times = (k * period - phase for k in range(1, math.ceil((seconds + phase) / period) + 1))
    return tuple(time for time in times if 0 < time < seconds)


def _ball(rng: np.random.Generator, size: tuple[int, int], seconds: float, law: str) -> Shot:
    """A ball on a floor; ``law``: how it rises and falls."""
    ground, wide = _ground(rng, size), size[0] / size[1]
    colour, radius, floor = _colour(rng, ground), rng.uniform(0.025, 0.15), rng.uniform(0.75, 1.0)
    drift = float(rng.choice([0, 0, rng.uniform(-1, 1)])) * (wide - 2 * radius - 0.1) / seconds
    low, high = radius + 0.05, wide - radius - 0.05
    start_x = rng.uniform(low, high) if drift == 0 else (low if drift > 0 else high)
    shadow, squash = bool(rng.random() < 0.3), 0.3 * bool(rng.random() < 0.2)
    if rng.random() < 0.5:
        _line(ground, (0, floor), (wide, floor), 0.01, _colour(rng, ground))
    bottom = floor - radius
    height_at, contacts, doubtful = _LAWS[law](rng, seconds, bottom - radius - 0.02)

    def paint(t: float) -> Picture:
        image, height, x = ground.copy(), height_at(t), start_x + drift * t
        if shadow:
            near = 1 - min(1.0, height / 0.6)
            dark = image.copy()
            _oval(dark, (x, floor), radius * (1.4 - 0.5 * near), radius * 0.25, (0, 0, 0))
            image = cv2.addWeighted(dark, 0.5 * near, image, 1 - 0.5 * near, 0).astype(np.uint8)
        flat = squash * max(0.0, 1 - height / (0.5 * radius))
        _oval(image, (x, bottom - height + flat * radius), radius * (1 + flat), radius * (1 - flat), colour)
        return image

    return Shot(seconds, contacts, paint, doubtful)


Law = tuple[Callable[[float], float], tuple[float, ...], tuple[float, ...]]
"""Height above the floor at every second, contacts, and bounces too low to count."""


def _steady(rng: np.random.Generator, seconds: float, most: float, sine: bool) -> Law:
    period, top = rng.uniform(0.4, 1.1), rng.uniform(0.2, most)
    phase = rng.uniform(0, period)

    def height(t: float) -> float:
        share = (t + phase) % period / period
        return float(top * (math.sin(math.pi * share) if sine else 4 * share * (1 - share)))

    return height, _repeats(period, phase, seconds), ()


def _damped(rng: np.random.Generator, seconds: float, most: float) -> Law:
    top, back, gravity = rng.uniform(0.35, max(0.36, most)), rng.uniform(0.6, 0.92), rng.uniform(1.2, 5)
    start = float(rng.choice([0.0, rng.uniform(0.2, 0.8)]))
    times, speeds = [start + math.sqrt(2 * top / gravity)], [math.sqrt(2 * gravity * top) * back]
    while times[-1] < seconds and speeds[-1] ** 2 / 2 / gravity > 0.002:
        times.append(times[-1] + 2 * speeds[-1] / gravity)
        speeds.append(speeds[-1] * back)

    def height(t: float) -> float:
        if t < times[0]:
            return float(top - gravity * max(0.0, t - start) ** 2 / 2)
        n = int(np.searchsorted(times, t, side="right")) - 1
        since = t - times[n]
        return float(max(0.0, speeds[n] * since - gravity * since**2 / 2)) if n + 1 < len(times) else 0.0

    rises = [speed**2 / 2 / gravity for speed in speeds]
    sure = tuple(t for t, rise in zip(times, rises, strict=True) if rise >= 0.03 and t < seconds)
    return height, sure, tuple(t for t, rise in zip(times, rises, strict=True) if rise < 0.03)


_LAWS: dict[str, Callable[[np.random.Generator, float, float], Law]] = {
    "sine": lambda rng, seconds, most: _steady(rng, seconds, most, True),
    "elastic": lambda rng, seconds, most: _steady(rng, seconds, most, False),
    "damped": _damped,
}


def _room(rng: np.random.Generator, size: tuple[int, int], seconds: float) -> Shot:
    """A ball at constant speed between four walls."""
    ground, wide = _ground(rng, size), size[0] / size[1]
    colour, radius = _colour(rng, ground), rng.uniform(0.03, 0.12)
    turn, speed = rng.uniform(0.4, 1.1) + rng.integers(4) * math.pi / 2, rng.uniform(0.4, 1.4)
    span = np.array([wide - 2 * radius, 1 - 2 * radius])
    start = rng.uniform(0, 1, 2)
    pace = np.array([math.cos(turn), math.sin(turn)]) * speed / span
    times = sorted((k - start[a]) / pace[a] for a in (0, 1) for k in range(-60, 60))
    times = [t for t in times if 0 < t < seconds]
    corner = {t for t in times for other in times if t != other and abs(t - other) < 0.25}

    def paint(t: float) -> Picture:
        image = ground.copy()
        x, y = radius + np.abs((start + pace * t + 1) % 2 - 1) * span
        _oval(image, (float(x), float(y)), radius, radius, colour)
        return image

    return Shot(seconds, tuple(t for t in times if t not in corner), paint, tuple(corner))


def _metronome(rng: np.random.Generator, size: tuple[int, int], seconds: float, law: str) -> Shot:
    """An arm that swings, with or without a weight and a body; contacts are its turns."""
    ground, wide = _ground(rng, size), size[0] / size[1]
    colour, weight_colour = _colour(rng, ground), _colour(rng, ground)
    period, reach = rng.uniform(0.35, 1.0), rng.uniform(0.2, 0.7)
    phase, upright, arm = rng.uniform(0, period), bool(rng.random() < 0.7), rng.uniform(0.4, 0.75)
    pivot = (float(rng.uniform(0.45, 0.55) * wide), 0.92 if upright else 0.08)
    thick, weight, place = rng.uniform(0.01, 0.03), float(rng.choice([0, rng.uniform(0.03, 0.09)])), rng.uniform(0.5, 1)
    if rng.random() < 0.5:
        corners = [(-0.2, 1.0), (0.2, 1.0), (0.08, 0.3), (-0.08, 0.3)]
        body = np.array([((pivot[0] + x) * size[1], y * size[1]) for x, y in corners], np.int32)
        cv2.fillPoly(ground, [body], _colour(rng, np.full((1, 1, 3), colour, np.uint8)))

    def angle(t: float) -> float:
        share = (t + phase) / period
        if law == "sine":
            return float(reach * math.cos(math.pi * share))
        if law == "sharp":
            return float(reach * (2 * abs(share % 2 - 1) - 1))
        return float(reach * (-1) ** int(share + 1e-9))

    def paint(t: float) -> Picture:
        image, turned = ground.copy(), angle(t)
        x, y = arm * math.sin(turned), arm * math.cos(turned) * (-1 if upright else 1)
        _line(image, pivot, (pivot[0] + x, pivot[1] + y), thick, colour)
        if weight:
            _oval(image, (pivot[0] + place * x, pivot[1] + place * y), weight, weight, weight_colour)
        return image

    return Shot(seconds, _repeats(period, phase, seconds), paint)


def _hammer(rng: np.random.Generator, size: tuple[int, int], seconds: float) -> Shot:
    """A block that is lifted, held, falls and stays down."""
    ground, wide = _ground(rng, size), size[0] / size[1]
    colour, half_wide, half_high = _colour(rng, ground), rng.uniform(0.05, 0.2), rng.uniform(0.05, 0.12)
    x, anvil = rng.uniform(0.3, wide - 0.3), 0.85 - half_high
    times, levels, contacts = [0.0], [0.3], []
    while times[-1] < seconds:
        held, fall = rng.uniform(0.1, 0.4), rng.uniform(0.1, 0.3)
        contacts.append(times[-1] + held + fall)
        times += [times[-1] + held, contacts[-1], contacts[-1] + rng.uniform(0.25, 0.6)]
        levels += [levels[-1], anvil, anvil]
        times.append(times[-1] + rng.uniform(0.4, 0.9))
        levels.append(rng.uniform(0.1, 0.35))

    def paint(t: float) -> Picture:
        n = min(int(np.searchsorted(times, t, side="right")) - 1, len(times) - 2)
        share = (t - times[n]) / (times[n + 1] - times[n])
        eased = share**2 if levels[n + 1] > levels[n] else share**2 * (3 - 2 * share)
        y, image = levels[n] + (levels[n + 1] - levels[n]) * eased, ground.copy()
        corners = _at(image, (x - half_wide, y - half_high)), _at(image, (x + half_wide, y + half_high))
        cv2.rectangle(image, *corners, colour, -1, cv2.LINE_AA, 6)
        return image

    return Shot(seconds, tuple(t for t in contacts if t < seconds), paint)


def _still(rng: np.random.Generator, size: tuple[int, int], seconds: float) -> Shot:
    ground = _ground(rng, size)
    return Shot(seconds, (), lambda _: ground)


def _passing(rng: np.random.Generator, size: tuple[int, int], seconds: float, round_and_round: bool) -> Shot:
    """A ball that crosses the picture, or goes in circles, and touches nothing."""
    ground, wide = _ground(rng, size), size[0] / size[1]
    colour, radius, turn_s = _colour(rng, ground), rng.uniform(0.04, 0.12), rng.uniform(1.2, 4)
    level, slope, reach = rng.uniform(0.3, 0.7), rng.uniform(-0.2, 0.2), rng.uniform(0.2, 0.35)

    def paint(t: float) -> Picture:
        image, turned, share = ground.copy(), 2 * math.pi * t / turn_s, t / seconds
        there = (wide / 2 + reach * math.cos(turned), 0.5 + reach * math.sin(turned))
        across = (-1.2 * radius + (wide + 2.4 * radius) * share, level + slope * share)
        _oval(image, there if round_and_round else across, radius, radius, colour)
        return image

    return Shot(seconds, (), paint)


def _handheld(rng: np.random.Generator, size: tuple[int, int], seconds: float) -> Shot:
    """A camera that shakes."""
    width, height = size
    wide = _ground(rng, (width + width // 4, height + height // 4))
    pace, phase = rng.uniform(2, 9, (2, 3)), rng.uniform(0, 6, (2, 3))

    def paint(t: float) -> Picture:
        across, down = np.sin(pace * t + phase).mean(axis=1) * 0.5 + 1
        shift = np.array([[1, 0, -width / 8 * across], [0, 1, -height / 8 * down]], np.float32)
        return cv2.warpAffine(wide, shift, size).astype(np.uint8)

    return Shot(seconds, (), paint)


_MAKERS: dict[str, Callable[[np.random.Generator, tuple[int, int], float], Shot]] = {
    "ball_sine": lambda rng, size, seconds: _ball(rng, size, seconds, "sine"),
    "ball_elastic": lambda rng, size, seconds: _ball(rng, size, seconds, "elastic"),
    "ball_damped": lambda rng, size, seconds: _ball(rng, size, seconds, "damped"),
    "room": _room,
    "metronome": lambda rng, size, seconds: _metronome(rng, size, seconds, "sine"),
    "sharp_metronome": lambda rng, size, seconds: _metronome(rng, size, seconds, "sharp"),
    "ticker": lambda rng, size, seconds: _metronome(rng, size, seconds, "jump"),
    "hammer": _hammer,
    "still": _still,
    "crossing": lambda rng, size, seconds: _passing(rng, size, seconds, False),
    "circling": lambda rng, size, seconds: _passing(rng, size, seconds, True),
    "handheld": _handheld,
}
KINDS = (*_MAKERS, "cuts")
