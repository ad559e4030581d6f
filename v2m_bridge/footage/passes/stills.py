"""The one picture a second that CLIP encodes: upright, cropped and sized as in its own preprocessing."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from v2m_bridge.footage.video.trace import UInt8Array

STILL_SIZE = 336
"""Pixels on a side (CLIP ViT-L/14@336)."""

ALIKE_MEAN, ALIKE_LARGEST = 0.35, 12
"""Two stills count as one picture if their mean and their largest difference (0..255) are at most these."""


def still_of(rgb: UInt8Array, rotation_deg: int = 0) -> UInt8Array:
    """The middle of the picture as ``[336, 336, 3]``, its shorter side scaled to 336 (bicubic, antialiased).

    Args:
        rgb: ``[height, width, 3]`` as stored.
        rotation_deg: counter-clockwise rotation that a player applies.
    """
    from PIL import Image

    upright = np.ascontiguousarray(np.rot90(rgb, rotation_deg // 90 % 4))
    height, width = upright.shape[:2]
    short = min(height, width)
    size = (int(STILL_SIZE * width / short), int(STILL_SIZE * height / short))
    image = Image.fromarray(upright).resize(size, Image.Resampling.BICUBIC)
    left, top = round((size[0] - STILL_SIZE) / 2), round((size[1] - STILL_SIZE) / 2)
    return np.asarray(image.crop((left, top, left + STILL_SIZE, top + STILL_SIZE)))


def alike(a: UInt8Array, b: UInt8Array) -> bool:
    """Whether two stills differ by no more than compression noise."""
    difference = np.maximum(a, b) - np.minimum(a, b)
    return bool(difference.mean() <= ALIKE_MEAN and difference.max() <= ALIKE_LARGEST)


def group_alike(stills: Sequence[UInt8Array]) -> tuple[list[int], list[int]]:
    """Which stills to encode, and for every still which of those stands for it.

    A still is compared with the last one that is encoded, not with the one before it, so that slow changes add up.

    Returns:
        Indices of the stills to encode, and for each still its position in that list.
    """
    kept: list[int] = []
    stands_for: list[int] = []
    for index, still in enumerate(stills):
        if not kept or not alike(still, stills[kept[-1]]):
            kept.append(index)
        stands_for.append(len(kept) - 1)
    return kept, stands_for
