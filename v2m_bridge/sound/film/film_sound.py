"""The sound of a film for review: production sound, and the music that gives way to dialogue."""

from __future__ import annotations

import wave
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from v2m_bridge.errors import MediaError
from v2m_bridge.footage.passes.reading import SourceTake
from v2m_bridge.footage.speech.find import audible_takes
from v2m_bridge.footage.speech.sound import read_sound
from v2m_bridge.sound.preview.loudness import SAMPLE_RATE, Audio
from v2m_bridge.timeline.model import Timeline

UNDER_DIALOGUE_DB = -8.0
_RAMP_S = 0.25
_PEAK = 10 ** (-1.0 / 20)
_JOIN_S = 0.004
"""Fade at the ends of a clip's sound, against clicks."""


def read_music(path: Path, samples: int) -> Audio:
    """[samples, 2] of a 48 kHz file of :mod:`v2m_bridge.sound.preview`."""
    with wave.open(str(path)) as file:
        data = np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, 2)
    music = np.zeros((samples, 2), np.float32)
    length = min(samples, len(data))
    music[:length] = data[:length].astype(np.float32) / 32768
    return music


def production_sound(
    timeline: Timeline, samples: int, locked: Path | None, locked_start_s: float
) -> tuple[Audio, list[str]]:
    """[samples, 2] of what was recorded with the picture, and what could not be heard."""
    sound = np.zeros((samples, 2), np.float32)
    warnings: list[str] = []
    whole = SourceTake(0, timeline.duration_frames, str(locked), locked_start_s, 1.0)
    for take in [whole] if locked else audible_takes(timeline):
        start, end = (round(timeline.seconds(frame) * SAMPLE_RATE) for frame in (take.start_frame, take.end_frame))
        source_s, speed = max(0.0, take.source_start_s), take.speed
        try:
            until_s = source_s + (end - start) / SAMPLE_RATE * speed
            heard = read_sound(Path(take.media), source_s, until_s, SAMPLE_RATE)
        except (MediaError, OSError) as error:
            text = str(getattr(error, "message", error))
            warnings += [text] if text not in warnings else []
            continue
        if heard is None or not len(heard):
            continue
        if speed != 1.0:
            heard = np.interp(np.arange(0, len(heard), speed), np.arange(len(heard)), heard).astype(np.float32)
        heard = heard[: end - start].copy()
        fade = min(len(heard) // 2, int(_JOIN_S * SAMPLE_RATE))
        if fade:
            heard[:fade] *= np.linspace(0, 1, fade, dtype=np.float32)
            heard[-fade:] *= np.linspace(1, 0, fade, dtype=np.float32)
        sound[start : start + len(heard)] += heard[: samples - start, None]
    return sound, warnings


def mixed(music: Audio, production: Audio, speech: Sequence[tuple[float, float]]) -> Audio:
    """Both together; the music is 8 dB softer under ``speech`` (start and end in seconds), and nothing clips."""
    together = music * _ducking(len(music), speech)[:, None] + production
    peak = float(np.abs(together).max(initial=0.0))
    return np.asarray(together * min(1.0, _PEAK / max(peak, 1e-9)), np.float32)


def _ducking(samples: int, speech: Sequence[tuple[float, float]]) -> np.ndarray:
    seconds = np.arange(0, samples + 480, 480) / SAMPLE_RATE
    depth = np.zeros(len(seconds))
    for start, end in speech:
        near = 1 - np.maximum(np.maximum(start - seconds, seconds - end), 0) / _RAMP_S
        depth = np.maximum(depth, np.clip(near, 0, 1))
    points = 10 ** (UNDER_DIALOGUE_DB * depth / 20)
    return np.interp(np.arange(samples) / 480, np.arange(len(points)), points).astype(np.float32)
