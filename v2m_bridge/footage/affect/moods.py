"""From arousal and valence to the six emotions, with a confidence that colours and pace deserve, and words for it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from v2m_bridge.footage.affect.measures import Impression
from v2m_bridge.footage.model import FloatArray
from v2m_bridge.music.emotions import EMOTIONS

PLACES: dict[str, tuple[float, float]] = {
    "exciting": (0.65, 0.5),
    "fearful": (0.5, -0.7),
    "tense": (0.5, -0.3),
    "sad": (-0.45, -0.6),
    "relaxing": (-0.5, 0.5),
    "neutral": (0.0, 0.1),
}
"""Emotion -> arousal and valence, after the circumplex (Russell 1980)."""

SPREAD = 0.45
"""Deviation of an emotion about its place."""

CONFIDENCE, CONFIDENCE_UNSEEN = 0.75, 0.35
"""Share of the judgement that is the picture's; the rest is spread evenly. Without a picture only the cuts speak."""

PLAIN = 0.5
"""Standard scores within this are nothing to speak of."""

WORDS: tuple[tuple[str, str, str], ...] = (
    ("brightness", "dark", "bright"),
    ("saturation", "muted", "vivid"),
    ("motion", "still", "restless"),
    ("pace", "long shots", "quick cuts"),
)
"""Measure, and its word when low and when high."""


def emotions_of(affect: FloatArray, seen: npt.NDArray[np.bool_]) -> FloatArray:
    """[T, 6] probabilities in the order of ``EMOTIONS``.

    Args:
        affect: [T, 2] arousal and valence.
        seen: [T] whether the picture was measured.
    """
    places = np.array([PLACES[name] for name in EMOTIONS])
    distance = ((affect[:, None, :] - places[None]) ** 2).sum(axis=2)
    likely = np.exp(-distance / (2 * SPREAD**2))
    likely /= likely.sum(axis=1, keepdims=True)
    share = np.where(seen, CONFIDENCE, CONFIDENCE_UNSEEN)[:, None]
    return np.asarray(share * likely + (1 - share) / len(EMOTIONS), np.float32)


def in_words(found: Impression, start: int = 0, stop: int | None = None) -> str:
    """What stands out in seconds ``[start, stop)``: ``"dark, muted, long shots"``; ``"plain"`` where nothing does."""
    words = []
    for name, low, high in WORDS:
        part = getattr(found, name)[start:stop]
        score = float(part.mean()) if len(part) else 0.0
        if abs(score) > PLAIN:
            words.append(low if score < 0 else high)
    return ", ".join(words) or "plain"
