"""Films of joined shots with their truth: hard cuts, dissolves, fades, wipes and slides, and what looks like them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from v2m_bridge.footage.cuts.transition_network import KINDS
from v2m_bridge.footage.video.trace import THUMB_SHAPE
from v2m_bridge.training.transitions.shots import HEIGHT, WIDTH, Material, Pictures, draw_shot

SHORTEST, LONGEST = 2, 64
"""Pictures of a transition that are mixed."""
SHORTEST_SHOT, LONGEST_SHOT = 6, 130
GRADUAL_SHARE = 0.6
"""Of the joins; the others are hard cuts."""

_KIND_SHARES = {"dissolve": 0.4, "fade": 0.15, "wipe": 0.3, "slide": 0.15}

Field = npt.NDArray[np.float32]


@dataclass(frozen=True)
class TrainingFilm:
    """Thumbnails ``[N, 9, 16, 3]`` and, for every picture, -1 outside a transition or the index of its kind."""

    thumbs: npt.NDArray[np.uint8]
    kind: npt.NDArray[np.int8]


def draw_film(material: Material, length: int, rng: np.random.Generator) -> TrainingFilm:
    """A film of ``length`` pictures."""
    pictures, kind = np.zeros((0, HEIGHT, WIDTH, 3), np.float32), np.zeros(0, np.int8)
    overlap = 0
    while len(pictures) < length:
        gradual = rng.random() < GRADUAL_SHARE
        following = _log_uniform(SHORTEST, LONGEST, rng) if gradual else 0
        own = _log_uniform(SHORTEST_SHOT, LONGEST_SHOT, rng)
        shot = draw_shot(material, overlap + own + following, rng)
        if overlap:
            name = rng.choice(list(_KIND_SHARES), p=list(_KIND_SHARES.values()))
            pictures[-overlap:] = _mixed(str(name), pictures[-overlap:], shot[:overlap], rng)
            kind[-overlap:] = KINDS.index("wipe" if name == "slide" else str(name))
        pictures = np.concatenate([pictures, shot[overlap:]])
        kind = np.concatenate([kind, np.full(len(shot) - overlap, -1, np.int8)])
        overlap = following
    pictures = _disturbed(pictures[:length].copy(), rng)
    rows, columns, _ = THUMB_SHAPE
    places = pictures.reshape(length, rows, HEIGHT // rows, columns, WIDTH // columns, 3).mean(axis=(2, 4))
    return TrainingFilm(np.clip(places, 0, 255).astype(np.uint8), kind[:length])


def _log_uniform(low: int, high: int, rng: np.random.Generator) -> int:
    return round(float(np.exp(rng.uniform(np.log(low), np.log(high)))))


def _mixed(name: str, a: Pictures, b: Pictures, rng: np.random.Generator) -> Pictures:
    """Pictures in which ``a`` gives way to ``b``; both ``[L, HEIGHT, WIDTH, 3]``."""
    share = ((np.arange(len(a)) + 1) / (len(a) + 1)).astype(np.float32)[:, None, None, None]
    if rng.random() < 0.3:
        share = share * share * (3 - 2 * share)
    if name == "dissolve":
        return _dissolve(a, b, share, rng)
    if name == "fade":
        colour = np.float32(rng.choice([0, 0, 0, 255, rng.uniform(0, 255)]))
        out, back = np.clip(1 - 2 * share, 0, 1), np.clip(2 * share - 1, 0, 1)
        return np.asarray(a * out + b * back + colour * (1 - out - back), np.float32)
    if name == "slide":
        return _slide(a, b, share, rng)
    soft = float(rng.choice([0.01, 0.1, 0.5]))
    mask = np.clip((share * (1 + soft) - _wipe_field(rng)[None, :, :, None]) / soft, 0, 1)
    return np.asarray(a + (b - a) * mask, np.float32)


def _dissolve(a: Pictures, b: Pictures, share: Pictures, rng: np.random.Generator) -> Pictures:
    """Plain, or with noise as its mask, or with coarse blocks, a blur or a zoom on the way."""
    how = rng.choice(["plain", "noise", "blocks", "blur", "zoom"], p=[0.7, 0.1, 0.07, 0.06, 0.07])
    if how == "noise":
        field = rng.random((HEIGHT, WIDTH), np.float32)[None, :, :, None]
        return np.where(field < share, b, a)
    mixed = a + (b - a) * share
    strength = 1 - np.abs(2 * share[:, 0, 0, 0] - 1)
    if how == "zoom":
        return _zoomed(a, share[:, 0, 0, 0]) * (1 - share) + b * share
    if how in ("blocks", "blur"):
        for picture, amount in zip(mixed, strength, strict=True):
            _coarsened(picture, float(amount), vertical=how == "blocks")
    return mixed


def _coarsened(picture: Pictures, amount: float, vertical: bool) -> None:
    import cv2

    columns = max(2, round(WIDTH / (1 + 15 * amount)))
    rows = max(2, round(HEIGHT / (1 + 15 * amount))) if vertical else HEIGHT
    small = cv2.resize(picture, (columns, rows), interpolation=cv2.INTER_AREA)
    how = cv2.INTER_NEAREST if vertical else cv2.INTER_LINEAR
    picture[:] = np.asarray(cv2.resize(small, (WIDTH, HEIGHT), interpolation=how))


def _zoomed(pictures: Pictures, share: Field) -> Pictures:
    import cv2

    result = np.empty_like(pictures)
    for number, (picture, amount) in enumerate(zip(pictures, share, strict=True)):
        part = 1 - 0.8 * float(amount)
        rows, columns = max(2, round(HEIGHT * part)), max(2, round(WIDTH * part))
        top, left = (HEIGHT - rows) // 2, (WIDTH - columns) // 2
        result[number] = cv2.resize(picture[top : top + rows, left : left + columns], (WIDTH, HEIGHT))
    return result


def _wipe_field(rng: np.random.Generator) -> Field:
    """When each place changes, 0..1: lines, diagonals, circles, clocks, doors, blinds, boxes."""
    y, x = np.mgrid[:HEIGHT, :WIDTH] / np.array([HEIGHT - 1, WIDTH - 1])[:, None, None]
    fields = (
        x,
        y,
        (x + y) / 2,
        (x + 1 - y) / 2,
        np.hypot(x - 0.5, y - 0.5) / np.hypot(0.5, 0.5),
        (np.arctan2(y - 0.5, x - 0.5) / np.pi + 1) / 2,
        2 * np.abs(x - 0.5),
        2 * np.abs(y - 0.5),
        (x * rng.integers(3, 9)) % 1.0,
        2 * np.maximum(np.abs(x - 0.5), np.abs(y - 0.5)),
    )
    field = fields[rng.integers(len(fields))]
    return np.asarray(1 - field if rng.random() < 0.5 else field, np.float32)


def _slide(a: Pictures, b: Pictures, share: Pictures, rng: np.random.Generator) -> Pictures:
    """``b`` pushes ``a`` away, moves over it, or ``a`` moves off it; from any side."""
    axis, back = int(rng.integers(1, 3)), rng.random() < 0.5
    size = (HEIGHT, WIDTH)[axis - 1]
    how = rng.choice(["push", "cover", "reveal"], p=[0.6, 0.2, 0.2])
    mixed = np.empty_like(a)
    for number, part in enumerate(share[:, 0, 0, 0]):
        way = round(float(part) * size)
        one, two = (np.flip(p[number], axis - 1) if back else p[number] for p in (a, b))
        one, two = (np.moveaxis(p, axis - 1, 0) for p in (one, two))
        rest = one[: -way or None] if how == "cover" else one[way:]
        come = two[size - way :] if how == "reveal" else two[:way]
        joined = np.concatenate([rest[: size - way], come])
        joined = np.moveaxis(joined, 0, axis - 1)
        mixed[number] = np.flip(joined, axis - 1) if back else joined
    return mixed


# ------------------------------------------------------------------------------- what is no transition, over the film


def _disturbed(pictures: Pictures, rng: np.random.Generator) -> Pictures:
    """Flashes, exposure that changes, titles, repeated pictures, bars and grain; none of it changes the truth."""
    length = len(pictures)
    for _ in range(rng.poisson(0.7)):
        start, count = rng.integers(length), rng.integers(1, 5)
        pictures[start : start + count] += (rng.uniform(80, 255) - pictures[start : start + count]) * 0.7
    if rng.random() < 0.3:
        steps = np.convolve(rng.normal(size=length + 24), np.ones(25) / 25, "valid")
        pictures *= np.exp(np.cumsum(steps) * 0.05).clip(0.6, 1.5)[:, None, None, None].astype(np.float32)
    for _ in range(rng.poisson(0.8)):
        _title(pictures, rng)
    if rng.random() < 0.15:
        every = rng.integers(2, 4)
        pictures = pictures[np.arange(length) // every * every]
    if rng.random() < 0.25:
        high, wide = rng.integers(0, 7), int(rng.integers(0, 12)) * int(rng.integers(0, 2))
        pictures[:, :high] = pictures[:, HEIGHT - high :] = 0
        pictures[:, :, :wide] = pictures[:, :, WIDTH - wide :] = 0
    grain = rng.uniform(0, 8)
    return pictures + rng.standard_normal(pictures.shape, np.float32) * np.float32(grain)


def _title(pictures: Pictures, rng: np.random.Generator) -> None:
    """A caption, small or large, that fades in and out over a part of the picture, in place."""
    start, hold, fade = int(rng.integers(len(pictures))), int(rng.integers(5, 80)), int(rng.integers(1, 20))
    ramp = np.concatenate([np.linspace(0, 1, fade), np.ones(hold), np.linspace(1, 0, fade)])
    count = min(len(ramp), len(pictures) - start)
    top, left = rng.integers(0, HEIGHT - 8), rng.integers(0, WIDTH // 2)
    box = np.zeros((HEIGHT, WIDTH), np.float32)
    high = rng.integers(3, 9) if rng.random() < 0.5 else rng.integers(8, 26)
    box[top : top + high, left : left + rng.integers(8, WIDTH - 4)] = 1
    mask = (box * (rng.random((HEIGHT, WIDTH)) < rng.uniform(0.3, 0.9)))[None, :, :, None] * ramp[
        :count, None, None, None
    ]
    part = pictures[start : start + count]
    part += (np.float32(rng.choice([255, 255, 0])) - part) * mask.astype(np.float32)
