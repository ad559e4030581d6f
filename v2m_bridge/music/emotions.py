"""The six emotions of the published system and the chord qualities that go with each."""

from __future__ import annotations

from v2m_bridge.errors import InputError

EMOTIONS = ("exciting", "fearful", "tense", "sad", "relaxing", "neutral")
"""In the order of the published features; neutral has no qualities of its own."""

EMOTION_QUALITIES: dict[str, tuple[str, ...]] = {
    "exciting": ("maj", "sus4", "7"),
    "fearful": ("dim", "min7", "dim7", "hdim7"),
    "tense": ("dim", "sus4", "min7", "7"),
    "sad": ("min7", "min", "sus2"),
    "relaxing": ("maj", "maj6", "maj7"),
    "neutral": (),
}
"""Emotion -> Harte qualities (Kang et al. 2023, table of affective chord qualities)."""


def parse_emotion(text: str) -> str:
    """The emotion named by ``text``, case ignored.

    Raises:
        InputError: not one of the six.
    """
    word = text.strip().lower()
    if word not in EMOTIONS:
        raise InputError(f"mood {text!r} is unknown", "choose " + ", ".join(EMOTIONS))
    return word
