"""Shots to join: pieces of clips at any speed, and photographs under a moving camera with things that pass."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from v2m_bridge.errors import InputError
from v2m_bridge.footage.video.source import VideoSource

Pictures = npt.NDArray[np.float32]
"""[N, HEIGHT, WIDTH, 3] RGB, 0..255."""

HEIGHT, WIDTH = 36, 64
"""Size of the pictures that are joined; four by four of their pixels make a place of a thumbnail."""
STORED = (54, 96)
PHOTO = (135, 240)
PHOTO_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp")

_STILL_SHARE, _PHOTO_SHARE, _GRADED_SHARE, _CROSSED_SHARE, _WHIP_SHARE = 0.06, 0.5, 0.7, 0.35, 0.3


@dataclass(frozen=True)
class Material:
    """What shots are made of: clips ``[M, 54, 96, 3]`` and photographs ``[135, 240, 3]``, uint8 RGB."""

    clips: tuple[npt.NDArray[np.uint8], ...]
    photos: tuple[npt.NDArray[np.uint8], ...]


def read_material(paths: Sequence[Path]) -> Material:
    """Read clips and photographs, told apart by their suffix.

    Raises:
        InputError: there is no clip or no photograph.
        MediaError: a clip cannot be read.
    """
    import cv2

    clips, photos = [], []
    for path in paths:
        if path.suffix.lower() in PHOTO_SUFFIXES:
            picture: Any = cv2.imread(str(path))
            if picture is None:
                raise InputError(f"{path} is no photograph that can be read")
            small = cv2.resize(picture, PHOTO[::-1], interpolation=cv2.INTER_AREA)
            photos.append(np.ascontiguousarray(small[..., ::-1], np.uint8))
            continue
        with VideoSource(path) as source:
            high, wide = STORED
            frames = [picture.frame.reformat(wide, high, "rgb24").to_ndarray() for picture in source.pictures()]
        clips.append(np.asarray(frames, np.uint8))
    if not clips or not photos:
        raise InputError("training needs at least one clip and one photograph")
    return Material(tuple(clips), tuple(photos))


def draw_shot(material: Material, length: int, rng: np.random.Generator) -> Pictures:
    """A shot of ``length`` pictures."""
    if rng.random() < _PHOTO_SHARE:
        pictures = _photo_shot(material, length, rng)
    else:
        pictures = _clip_shot(material.clips[rng.integers(len(material.clips))], length, rng)
    if rng.random() < _CROSSED_SHARE:
        for _ in range(rng.integers(1, 3)):
            _cross(pictures, material.photos[rng.integers(len(material.photos))], rng)
    if rng.random() < _STILL_SHARE:
        pictures = np.repeat(pictures[:1], length, axis=0)
    return _graded(pictures, rng) if rng.random() < _GRADED_SHARE else pictures


def _clip_shot(clip: npt.NDArray[np.uint8], length: int, rng: np.random.Generator) -> Pictures:
    speed = float(np.exp(rng.uniform(np.log(0.4), np.log(3))))
    index = np.floor(np.arange(length) * speed).astype(np.int64) + rng.integers(len(clip))
    index = np.abs((index + len(clip) - 1) % max(1, 2 * len(clip) - 2) - (len(clip) - 1))  # there and back again
    moving = 0.3 if rng.random() < 0.5 else 0.0
    path = _camera(length, STORED, moving, rng)
    return np.stack([_window(clip[i], at) for i, at in zip(index, path, strict=True)])


def _photo_shot(material: Material, length: int, rng: np.random.Generator) -> Pictures:
    photos = material.photos
    photo = photos[rng.integers(len(photos))]
    path = _camera(length, PHOTO, float(rng.uniform(0, 1.5)), rng)
    pictures = np.stack([_window(photo, at) for at in path])
    for _ in range(rng.integers(0, 4)):
        _pass_by(pictures, photos[rng.integers(len(photos))], rng)
    return pictures


def _smooth(length: int, amount: float, rng: np.random.Generator) -> npt.NDArray[np.float64]:
    """[length] a smooth wandering value of about ``amount``, with a steady part and some shake."""
    time = np.arange(length) / 48
    waves = [rng.normal() * np.sin(2 * np.pi * (f * time + rng.random())) / (1 + f) for f in (0.2, 0.5, 1.3, 3.0)]
    steady = rng.normal() * (time - time[-1] / 2)
    shake = rng.normal(size=length) * 0.01 * (rng.random() < 0.3)
    return np.asarray(amount * (np.sum(waves, axis=0) * rng.uniform(0.1, 1) + steady + shake), np.float64)


def _camera(length: int, size: tuple[int, int], amount: float, rng: np.random.Generator) -> npt.NDArray[np.float64]:
    """[length, 3] left, top and width of the window, within a picture of ``size`` (rows, columns)."""
    rows, columns = size
    width = np.clip(rng.uniform(0.55, 0.95) * np.exp(0.15 * _smooth(length, amount, rng)), 0.4, 1.0) * columns
    width = np.minimum(width, rows * WIDTH / HEIGHT)
    across = rng.random() + 0.35 * _smooth(length, amount, rng)
    if rng.random() < _WHIP_SHARE:  # the camera is thrown to the other side
        when, span = rng.integers(length), rng.uniform(3, 25)
        across += rng.uniform(-1.2, 1.2) / (1 + np.exp(-(np.arange(length) - when) * 6 / span))
    x = np.clip(across, 0, 1) * (columns - width)
    y = np.clip(rng.random() + 0.35 * _smooth(length, amount, rng), 0, 1) * (rows - width * HEIGHT / WIDTH)
    return np.stack([x, y, width], axis=1)


def _window(picture: npt.NDArray[np.uint8], at: npt.NDArray[np.float64]) -> Pictures:
    import cv2

    scale = at[2] / WIDTH
    matrix = np.array([[scale, 0, at[0] + (scale - 1) / 2], [0, scale, at[1] + (scale - 1) / 2]])
    how = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    seen: Any = cv2.warpAffine(picture, matrix, (WIDTH, HEIGHT), flags=how, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(seen, np.float32)


def _pass_by(pictures: Pictures, photo: npt.NDArray[np.uint8], rng: np.random.Generator) -> None:
    """Let a soft-edged piece of a photograph move over the pictures, in place."""
    length = len(pictures)
    skin = _window(photo, np.array([rng.uniform(0, 100), rng.uniform(0, 60), rng.uniform(40, 130)]))
    x = WIDTH * (rng.random() + _smooth(length, float(rng.uniform(0, 1.2)), rng))
    y = HEIGHT * (rng.random() + _smooth(length, float(rng.uniform(0, 0.6)), rng))
    size = np.exp(np.log(rng.uniform(3, 16)) + _smooth(length, 0.3, rng))
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    stretch, power = rng.uniform(0.5, 2), rng.choice([2, 6])
    for picture, px, py, ps in zip(pictures, x, y, np.clip(size, 1.5, 30), strict=True):
        distance = np.abs((columns - px) / ps) ** power + np.abs((rows - py) * stretch / ps) ** power
        mask = np.clip(1.5 - distance, 0, 1)[..., None].astype(np.float32)
        if mask.any():
            moved = np.roll(skin, (int(py), int(px)), axis=(0, 1))
            picture += mask * (moved - picture)


def _cross(pictures: Pictures, photo: npt.NDArray[np.uint8], rng: np.random.Generator) -> None:
    """Let something large cross the picture, or come and stay, in place; half of the time the exposure follows it."""
    length = len(pictures)
    skin = _window(photo, np.array([rng.uniform(0, 100), rng.uniform(0, 60), rng.uniform(20, 130)]))
    if rng.random() < 0.4:
        skin = skin * 0.3 + np.float32(rng.uniform(0, 255)) * 0.7
    when, span = rng.integers(length), rng.uniform(4, 50)
    way = (np.arange(length) - when) / span
    way = np.minimum(way, rng.uniform(0, 0.6)) if rng.random() < 0.3 else way
    angle, reach = rng.uniform(0, 2 * np.pi), rng.uniform(0.8, 1.6)
    x, y = WIDTH * (0.5 + reach * way * np.cos(angle)), HEIGHT * (0.5 + reach * way * np.sin(angle))
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    size, stretch, power = rng.uniform(5, 26), rng.uniform(0.3, 2), rng.choice([2, 6, 12])
    exposure = rng.uniform(0.5, 1.4) if rng.random() < 0.5 else 1.0
    for picture, px, py in zip(pictures, x, y, strict=True):
        distance = np.abs((columns - px) / size) ** power + np.abs((rows - py) * stretch / size) ** power
        mask = np.clip(2 * (1.2 - distance), 0, 1)[..., None].astype(np.float32)
        picture += mask * (skin - picture)
        picture *= np.float32(1 + (exposure - 1) * float(mask.mean()) * 2)


def _graded(pictures: Pictures, rng: np.random.Generator) -> Pictures:
    """Another grade: channels, saturation, gamma and gain; mirrored half of the time."""
    pictures = pictures[:, :, ::-1] if rng.random() < 0.5 else pictures
    pictures = pictures[..., rng.permutation(3)] if rng.random() < 0.3 else pictures
    grey = pictures.mean(axis=3, keepdims=True)
    pictures = grey + (pictures - grey) * rng.choice([0.0, rng.uniform(0.3, 1.4)], p=[0.1, 0.9])
    gain = rng.uniform(0.5, 1.25) * rng.uniform(0.85, 1.15, 3)
    unit = np.clip(pictures / 255, 0, 1) ** rng.uniform(0.7, 1.5)
    return np.asarray(np.clip(unit * gain, 0, 1) * 255, np.float32)
