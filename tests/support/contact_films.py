"""Films with known contacts: things that bounce, swing and strike, drawn frame by frame with sensor noise."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
import numpy.typing as npt

from v2m_bridge.demo.synthesis import encode_film

Picture = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float64]
RATES = (Fraction(24), Fraction(25), Fraction(30000, 1001), Fraction(60))


@dataclass(frozen=True)
class Motion:
    """Where a thing is at every moment of time, and when it touches something.

    ``path`` maps seconds [N] to x and y [N, 2] in picture heights from the top left; contacts are seconds.
    """

    path: Callable[[Floats], Floats]
    contacts: tuple[float, ...]
    foot_x: float = 0.0


@dataclass(frozen=True)
class ContactFilm:
    """A film to draw: one scene, at an exact rate; ``contacts`` in seconds are its truth."""

    rate: Fraction
    seconds: float
    contacts: tuple[float, ...]
    paint: Callable[[float], npt.NDArray[np.float32]]
    noise: float
    seed: int
    size: tuple[int, int] = (320, 180)

    @property
    def frames(self) -> int:
        return math.floor(self.seconds * self.rate)

    @property
    def known(self) -> list[float]:
        """Contacts that are far enough from the ends to be seen from both sides."""
        return [c for c in self.contacts if 3 / self.rate < c < self.seconds - float(4 / self.rate)]

    def pictures(self) -> Iterator[Picture]:
        """Every picture ``[height, width, 3]``, each with noise of its own."""
        rng = np.random.default_rng([9, self.seed])
        height, width = self.size[1], self.size[0]
        sheet = rng.normal(0, self.noise, (height + 64, width + 64, 3)).astype(np.float32)
        for frame in range(self.frames):
            clean = self.paint(float(frame / self.rate))
            top, left = rng.integers(0, 64, 2)  # a window that jumps: cheaper than new noise, and as unrelated
            grain = sheet[top : top + height, left : left + width]
            noisy = clean + grain
            yield np.clip(noisy, 0, 255, out=noisy).astype(np.uint8)

    def write(self, path: Path) -> Path:
        """Encode it."""
        encode_film(path, self.pictures(), size=self.size, rate=self.rate)
        return path


# ------------------------------------------------------------------------------------------------------- the paths


def bouncing(rng: np.random.Generator, seconds: float, restitution: float | None = None) -> Motion:
    """A ball under gravity; each bounce as high as chance wills, or damped and thrown again."""
    floor, gravity = rng.uniform(0.75, 0.9), rng.uniform(1.6, 4.0)
    left, right, drift = 0.25, 1.45, rng.uniform(0.0, 0.25)
    starts, speeds = [0.0], []
    height = rng.uniform(0.3, 0.6)
    while starts[-1] < seconds:
        speeds.append(math.sqrt(2 * gravity * height))
        starts.append(starts[-1] + 2 * speeds[-1] / gravity)
        height = rng.uniform(0.15, 0.6) if restitution is None else height * restitution**2
        height = rng.uniform(0.4, 0.6) if height < 0.08 else height
    starts_at, launch = np.array(starts[:-1]), np.array(speeds)

    def path(t: Floats) -> Floats:
        index = np.clip(np.searchsorted(starts_at, t, side="right") - 1, 0, len(launch) - 1)
        since = t - starts_at[index]
        y = floor - (launch[index] * since - gravity * since**2 / 2)
        x = left + (right - left) * (0.5 - 0.5 * np.cos(drift * t + 1.0))
        return np.stack([x, y], axis=-1)

    return Motion(path, tuple(s for s in starts[1:] if s < seconds))


def ticking(rng: np.random.Generator, seconds: float, sharp: bool) -> Motion:
    """The weight of a metronome: turns at either end of its swing, smoothly or ``sharp``."""
    period, phase = rng.uniform(0.4, 1.0), rng.uniform(0.2, 0.9)
    reach, arm, pivot_x = rng.uniform(0.35, 0.7), rng.uniform(0.5, 0.7), rng.uniform(0.7, 1.1)

    def path(t: Floats) -> Floats:
        swing = np.cos(np.pi * (t / period + phase))
        if sharp:
            swing = 2 / np.pi * np.arcsin(swing)
        angle = reach * swing
        return np.stack([pivot_x + arm * np.sin(angle), 0.88 - arm * np.cos(angle)], axis=-1)

    first = math.ceil(phase)
    times = ((k - phase) * period for k in range(first, first + 99))
    return Motion(path, tuple(t for t in times if t < seconds), pivot_x)


def striking(rng: np.random.Generator, seconds: float) -> Motion:
    """A hammer: lifted slowly, held, falls and stays down; contact when it stops on the anvil."""
    times, heights, contacts = [0.0], [0.45], []
    while times[-1] < seconds:
        fall = rng.uniform(0.12, 0.2)
        at = times[-1] + rng.uniform(0.25, 0.7)
        times += [at, at + fall, at + fall + rng.uniform(0.2, 0.3)]
        contacts.append(at + fall)
        heights += [heights[-1], 0.75, 0.75]
        times.append(times[-1] + rng.uniform(0.5, 0.9))
        heights.append(rng.uniform(0.3, 0.5))
    x = rng.uniform(0.4, 1.3)
    knots, levels = np.array(times), np.array(heights)

    def path(t: Floats) -> Floats:
        index = np.clip(np.searchsorted(knots, t, side="right") - 1, 0, len(knots) - 2)
        share = (t - knots[index]) / (knots[index + 1] - knots[index])
        falls = levels[index + 1] > levels[index]
        eased = np.where(falls, share**2, 0.5 - 0.5 * np.cos(np.pi * share))
        y = levels[index] + (levels[index + 1] - levels[index]) * eased
        return np.stack([np.full_like(t, x), y], axis=-1)

    return Motion(path, tuple(c for c in contacts if c < seconds))


# ----------------------------------------------------------------------------------------------------- the pictures


def ground_of(rng: np.random.Generator, size: tuple[int, int], pad: int = 0) -> npt.NDArray[np.float32]:
    """A still, softly structured background, wider than the picture by ``pad``."""
    width, height = size
    x, y = np.meshgrid(np.arange(width + pad) / height, np.arange(height) / height)
    total = np.zeros_like(x)
    for _ in range(6):
        angle, pitch = rng.uniform(0, math.pi), rng.uniform(3, 30)
        total += np.sin(pitch * (x * math.cos(angle) + y * math.sin(angle)) + rng.uniform(0, 6)) / 6
    base, tint = rng.uniform(70, 150), rng.uniform(0.8, 1.2, 3)
    return np.asarray((base + rng.uniform(5, 40) * total)[..., None] * tint, np.float32)


def thing_painter(
    rng: np.random.Generator, size: tuple[int, int], motion: Motion, rod: bool, shutter_s: float = 0.0
) -> Callable[[float], npt.NDArray[np.float32]]:
    """A disc that follows the path over a still ground; ``rod`` draws a stick from the bottom to it."""
    width, height = size
    ground = ground_of(rng, size)
    radius, colour = rng.uniform(0.05, 0.14), rng.uniform(0, 255, 3)
    colour += (-1 if ground.mean() > 110 else 1) * 80 + ground.mean() - colour.mean()
    x, y = (np.arange(width) + 0.5) / height, (np.arange(height)[:, None] + 0.5) / height
    foot = np.array([motion.foot_x, 0.88])

    def around(places: Floats) -> tuple[slice, slice]:
        """Rows and columns that a thing at these places can cover."""
        corners = np.concatenate([places, foot[None]]) if rod else places
        low = np.maximum((corners.min(axis=0) - radius) * height - 2, 0).astype(int)
        high = np.maximum((corners.max(axis=0) + radius) * height + 2, 0).astype(int)
        return slice(low[1], high[1]), slice(low[0], high[0])

    def cover(at: Floats, rows: slice, columns: slice) -> Floats:
        across, down = x[columns], y[rows]
        mask = np.clip((radius - np.hypot(across - at[0], down - at[1])) * height + 0.5, 0, 1)
        if rod:
            along = at - foot
            share = np.clip(((across - foot[0]) * along[0] + (down - foot[1]) * along[1]) / (along @ along), 0, 1)
            away = np.hypot(across - foot[0] - share * along[0], down - foot[1] - share * along[1])
            mask = np.maximum(mask, np.clip((0.012 - away) * height + 0.5, 0, 1))
        return np.asarray(mask)

    def paint(seconds: float) -> npt.NDArray[np.float32]:
        moments = seconds + shutter_s * np.linspace(0, 1, 4 if shutter_s else 1, endpoint=False)
        places = motion.path(moments)
        rows, columns = around(places)
        mask = np.mean([cover(at, rows, columns) for at in places], axis=0)[..., None]
        picture = ground.copy()
        picture[rows, columns] += ((colour - ground[rows, columns]) * mask).astype(np.float32)
        return picture

    return paint


def ball_film(seed: int, rate: Fraction, *, seconds: float = 8.0, damped: bool = False) -> ContactFilm:
    """A bouncing ball."""
    rng = np.random.default_rng([1, seed])
    motion = bouncing(rng, seconds, 0.85 if damped else None)
    size = (320, 180)
    return ContactFilm(
        rate, seconds, motion.contacts, thing_painter(rng, size, motion, False), rng.uniform(2, 6), seed, size
    )


def metronome_film(seed: int, rate: Fraction, *, seconds: float = 8.0, sharp: bool = False) -> ContactFilm:
    """A metronome."""
    rng = np.random.default_rng([2, seed])
    motion = ticking(rng, seconds, sharp)
    size = (320, 180)
    return ContactFilm(
        rate, seconds, motion.contacts, thing_painter(rng, size, motion, True), rng.uniform(2, 6), seed, size
    )


def hammer_film(seed: int, rate: Fraction, *, seconds: float = 8.0) -> ContactFilm:
    """A hammer on an anvil, with a shutter that smears."""
    rng = np.random.default_rng([3, seed])
    motion = striking(rng, seconds)
    size = (320, 180)
    paint = thing_painter(rng, size, motion, False, shutter_s=float(0.5 / rate))
    return ContactFilm(rate, seconds, motion.contacts, paint, rng.uniform(2, 6), seed, size)


def noise_film(seed: int, rate: Fraction, *, seconds: float = 8.0) -> ContactFilm:
    """A still picture with sensor noise."""
    rng = np.random.default_rng([4, seed])
    ground = ground_of(rng, (320, 180))
    return ContactFilm(rate, seconds, (), lambda _: ground, rng.uniform(2, 12), seed)


def pan_film(seed: int, rate: Fraction, *, seconds: float = 8.0) -> ContactFilm:
    """A camera that pans steadily, and one thing that crosses: nothing touches anything."""
    rng = np.random.default_rng([5, seed])
    ground, speed, across = ground_of(rng, (320, 180), 1600), rng.uniform(5, 120), rng.uniform(0.05, 0.4)
    colour, level, radius = rng.uniform(0, 255, 3), rng.uniform(0.3, 0.7), rng.uniform(0.05, 0.15)
    x, y = np.meshgrid((np.arange(320) + 0.5) / 180, (np.arange(180) + 0.5) / 180)

    def paint(t: float) -> npt.NDArray[np.float32]:
        shift = speed * t
        left, share = int(shift), shift - int(shift)
        view = ground[:, left : left + 320] * (1 - share) + ground[:, left + 1 : left + 321] * share
        mask = np.clip((radius - np.hypot(x + 0.1 - across * t, y - level)) * 180 + 0.5, 0, 1)[..., None]
        return np.asarray(view * (1 - mask) + colour * mask, np.float32)

    return ContactFilm(rate, seconds, (), paint, rng.uniform(2, 6), seed)


def hits_and_misses(film: ContactFilm, found_s: list[float], frames: float = 1.0) -> tuple[int, int]:
    """Contacts found within ``frames``, and findings that belong to no contact; each finding serves one contact."""
    truth = film.known
    left, found = sorted(found_s), 0
    for contact in truth:
        near = [s for s in left if abs(s - contact) * float(film.rate) <= frames + 1e-6]
        if near:
            left.remove(min(near, key=lambda s: abs(s - contact)))
            found += 1
    spare = [s for s in left if all(abs(s - c) * float(film.rate) > frames + 1e-6 for c in film.contacts)]
    return found, len(spare)
