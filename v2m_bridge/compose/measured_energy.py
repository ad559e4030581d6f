"""What the measured picture does to harmony and dynamics: moods for the chords, energy for loudness and density."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from v2m_bridge.compose.sections import Section
from v2m_bridge.footage.model import FloatArray, FootageFeatures
from v2m_bridge.music.emotions import EMOTIONS
from v2m_bridge.sync.model import Slot

if TYPE_CHECKING:
    from v2m_bridge.amt.dynamics import Dynamics

ENERGY_OF_AROUSAL = 1.6
"""Factor on note density and loudness at arousal 1, and divisor at -1; 4 dB each way."""

STEPS_OF_CONFIDENCE = 10
"""The probability of a measured mood is given to the chords in tenths, so that a re-encoded copy gets the same."""

LEAST_MOTION = 0.25
"""Motion below this (of 255) is noise of the codec."""

ARC_DB = 4.0
"""An arc over a film that nobody has seen: this much louder at three fifths than at its ends."""
ARC_TOP = 0.6


def features_for_chords(features: FootageFeatures, sections: Sequence[Section]) -> FootageFeatures:
    """The features as the chords know them, where CLIP has seen nothing: moods and motion by section.

    A section's mood gets its probability, in tenths; the other five share the rest evenly. Its motion is the mean of
    its logarithm, in octaves. What is finer changes with the codec, and would give a copy of the film other chords.
    """
    if features.emotion_present.any():
        return features
    emotion, motion = np.zeros_like(features.emotion), features.motion.copy()
    present = np.zeros_like(features.emotion_present)
    for section in sections:
        rows = slice(round(section.start_s), max(round(section.start_s) + 1, round(section.end_s + 0.499)))
        measured = features.motion[rows][features.motion_present[rows]]
        if len(measured):
            octaves = float(np.log2(np.maximum(measured, LEAST_MOTION)).mean())
            motion[rows] = 2.0 ** round(octaves)
        if section.mood is None:
            continue
        emotion[rows], present[rows] = _probabilities(section), True
    return replace(features, motion=motion, emotion=emotion, emotion_present=present)


def _probabilities(section: Section) -> FloatArray:
    share = round(section.confidence * STEPS_OF_CONFIDENCE) / STEPS_OF_CONFIDENCE
    row = np.full(len(EMOTIONS), (1 - share) / (len(EMOTIONS) - 1), np.float32)
    row[EMOTIONS.index(section.mood or "neutral")] = share
    return row


def mean_arousals(slots: Sequence[Slot], features: FootageFeatures) -> list[float]:
    """[N] mean arousal of each slot, -1..1; 0 where none was measured."""
    if not len(features.affect):
        return [0.0] * len(slots)
    running = np.concatenate([[0.0], np.cumsum(features.affect[:, 0], dtype=np.float64)])
    places = np.arange(len(running))
    ends = np.interp([[slot.start_s, slot.end_s] for slot in slots], places, running)
    lengths = [max(1e-6, slot.end_s - slot.start_s) for slot in slots]
    return [float(value) for value in (ends[:, 1] - ends[:, 0]) / lengths]


def energy_of_arousal(arousal: float, affect: float) -> float:
    """Factor of the picture's arousal on note density and loudness; 1 at affect 0."""
    return float(ENERGY_OF_AROUSAL ** (arousal * min(1.0, affect)))


def neutral_arc(dynamics: Dynamics, starts_s: Sequence[float]) -> Dynamics:
    """The dynamics of a film that nobody has seen: a gentle arc about their mean.

    The network's own course over such a film is nothing but its habit, a rise from the first bar to the last.
    """
    at = np.asarray(starts_s, np.float64)
    place = (at - at[0]) / max(float(at[-1] - at[0]), 1e-6)
    decibels = ARC_DB * _arc(place)
    decibels -= decibels.mean()
    loudness = float(np.exp(np.mean(np.log(np.maximum(dynamics.loudness, 1e-4))))) * 10 ** (decibels / 20)
    density = float(np.mean(dynamics.note_density)) * 10 ** (decibels / 40)
    return replace(dynamics, note_density=density.astype(np.float32), loudness=loudness.astype(np.float32))


def _arc(place: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """[N] 0 at both ends, 1 at ``ARC_TOP``, round in between."""
    rising, falling = place / ARC_TOP, (1 - place) / (1 - ARC_TOP)
    return np.sin(np.pi / 2 * np.clip(np.minimum(rising, falling), 0, 1))
