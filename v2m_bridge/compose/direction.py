"""Key, moods and tempo of a score, from the options, the mood markers and the picture."""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass

import numpy as np

from v2m_bridge.errors import InputError
from v2m_bridge.footage.model import FootageFeatures
from v2m_bridge.music.emotions import EMOTIONS, parse_emotion
from v2m_bridge.music.keys import Key, parse_key
from v2m_bridge.options import ScoreOptions
from v2m_bridge.timeline.model import Timeline

MOOD_MARKER = re.compile(r"\s*mood\s*[:=]\s*(\S.*?)\s*", re.IGNORECASE)

KEY_OF_MOOD = {
    "exciting": "D major",
    "fearful": "C minor",
    "tense": "D minor",
    "sad": "A minor",
    "relaxing": "F major",
    "neutral": "C major",
}
"""Key of each mood when none was asked for: a bright string key for energy, F for calm, minor for the rest."""


@dataclass(frozen=True)
class Direction:
    """Key, moods and tempo that a score is written with.

    Attributes:
        key: key and mode of the whole score.
        moods: ``(seconds, mood)`` in order; each holds until the next. Empty when neither option nor marker names one.
        bpm: requested tempo, or None for the one that lands best.
        mood: the mood that holds longest, or None when unknown.
        warnings: mood markers that were not followed.
    """

    key: Key
    moods: tuple[tuple[float, str], ...]
    bpm: float | None
    mood: str | None
    warnings: tuple[str, ...] = ()


def direct(timeline: Timeline, features: FootageFeatures, options: ScoreOptions) -> Direction:
    """Decide: options come first, then mood markers, then the emotions that CLIP found.

    Raises:
        InputError: an unknown key or mood in the options.
    """
    moods, warnings = _moods(timeline, options)
    mood = _longest(moods, timeline.duration_s) or _mood_in_picture(features)
    key = parse_key(options.direction.key) if options.direction.key else parse_key(KEY_OF_MOOD[mood or "neutral"])
    return Direction(key, moods, options.fit.bpm, mood, tuple(warnings))


def _moods(timeline: Timeline, options: ScoreOptions) -> tuple[tuple[tuple[float, str], ...], list[str]]:
    marked: list[tuple[float, str]] = []
    warnings: list[str] = []
    for marker in sorted(timeline.markers, key=lambda marker: marker.frame):
        match = MOOD_MARKER.fullmatch(marker.name) or MOOD_MARKER.fullmatch(marker.note)
        if not match:
            continue
        try:
            marked.append((timeline.seconds(marker.frame), parse_emotion(match[1])))
        except InputError as error:
            warnings.append(f"marker at {timeline.timecode(marker.frame)}: {error}")
    if options.direction.mood is None:
        return tuple(marked), warnings
    mood = parse_emotion(options.direction.mood)
    if any(other != mood for _, other in marked):
        warnings.append(f"mood markers give way to the mood asked for, {mood}")
    return ((0.0, mood),), warnings


def _longest(moods: tuple[tuple[float, str], ...], duration_s: float) -> str | None:
    held: dict[str, float] = {}
    for (start, mood), (end, _) in itertools.pairwise([*moods, (duration_s, "")]):
        held[mood] = held.get(mood, 0.0) + max(0.0, end - start)
    return max(held, key=held.__getitem__) if held else None


def _mood_in_picture(features: FootageFeatures) -> str | None:
    if not features.emotion_present.any():
        return None
    mean = features.emotion[features.emotion_present].mean(axis=0)
    return EMOTIONS[int(np.argmax(mean))]
