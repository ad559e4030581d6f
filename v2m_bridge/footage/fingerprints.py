"""What the shots of a cut look like, picture by picture, small enough to compare thousands of them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import numpy.typing as npt

from v2m_bridge.errors import MediaError
from v2m_bridge.footage.video.source import VideoSource
from v2m_bridge.progress import Progress, silent
from v2m_bridge.timeline.model import Shot, Timeline

SIDE = 12
"""Fingerprints are SIDE x SIDE grey values, freed of brightness and contrast."""

Fingerprints = npt.NDArray[np.float32]


def shot_fingerprints(
    timeline: Timeline, shots: Iterable[int], progress: Progress = silent
) -> tuple[dict[int, Fingerprints], tuple[str, ...]]:
    """Fingerprints of the shots' frames, ``[frames, SIDE * SIDE]`` by the shot's index, and what could not be read.

    Each row has mean 0 and length 1, so that the product of two rows is their correlation; a picture without any
    structure (black) is all zeros. Frames past the end of the media repeat the last one.
    """
    found: dict[int, Fingerprints] = {}
    warnings: list[str] = []
    wanted = [(n, timeline.shots[n]) for n in shots]
    for done, (index, shot) in enumerate(wanted):
        progress("footage", done / len(wanted))
        if not shot.media or not shot.media_online:
            continue
        try:
            found[index] = _of_shot(Path(shot.media), shot, timeline)
        except MediaError as error:
            warnings.append(f"{Path(shot.media).name} cannot be compared by its pictures: {error.message}")
    return found, tuple(dict.fromkeys(warnings))


def _of_shot(media: Path, shot: Shot, timeline: Timeline) -> Fingerprints:
    frames = np.arange(shot.length_frames) / float(timeline.rate)
    times = shot.source_start_s + frames * shot.speed
    first, last = float(times.min()), float(times.max())
    starts: list[float] = []
    rows: list[Fingerprints] = []
    with VideoSource(media) as source:
        for picture in source.pictures(max(0.0, first - 0.001), last + 0.001):
            starts.append(picture.seconds)
            grey = picture.frame.reformat(width=4 * SIDE, height=4 * SIDE, format="gray")
            rows.append(_fingerprint(np.asarray(grey.to_ndarray(), np.uint8)))
    if not rows:
        raise MediaError(f"{media.name} has no picture at {first:.2f} s")
    shown = np.clip(np.searchsorted(np.asarray(starts), times + 0.001, side="right") - 1, 0, len(rows) - 1)
    return np.stack(rows)[shown]


def _fingerprint(grey: npt.NDArray[np.uint8]) -> Fingerprints:
    small = grey.reshape(SIDE, 4, SIDE, 4).mean(axis=(1, 3), dtype=np.float32).ravel()
    small -= small.mean()
    length = float(np.linalg.norm(small))
    return small / length if length > SIDE else np.zeros_like(small)
