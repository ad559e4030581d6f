"""The six emotions of the published system, and the chord qualities and character of each."""

from __future__ import annotations

from dataclasses import dataclass

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


@dataclass(frozen=True)
class Character:
    """How an emotion colours the arrangement at full affect.

    ``register`` shifts the parts' centre in semitones, ``boost`` every velocity, ``articulation`` multiplies the
    length of the moving figure's notes.
    """

    register: float
    boost: float
    articulation: float


CHARACTERS: dict[str, Character] = {
    "exciting": Character(register=3.0, boost=6.0, articulation=0.75),
    "fearful": Character(register=-3.0, boost=-2.0, articulation=0.9),
    "tense": Character(register=-2.0, boost=2.0, articulation=0.6),
    "sad": Character(register=-2.0, boost=-6.0, articulation=1.0),
    "relaxing": Character(register=1.0, boost=-6.0, articulation=1.0),
    "neutral": Character(register=0.0, boost=0.0, articulation=0.95),
}
"""Emotion -> character: aroused music is higher and louder, tense music more detached (Juslin & Laukka 2003)."""


def character(mood: str | None, affect: float) -> Character:
    """The character of ``mood`` scaled by ``affect`` 0..1 towards neutral; neutral without a mood."""
    share = min(1.0, max(0.0, affect))
    full, plain = CHARACTERS[mood or "neutral"], CHARACTERS["neutral"]
    return Character(
        register=full.register * share,
        boost=full.boost * share,
        articulation=plain.articulation + (full.articulation - plain.articulation) * share,
    )
