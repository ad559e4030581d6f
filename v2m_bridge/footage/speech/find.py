"""Speech on the timeline: in a dialogue track, or in the sound of the clips that are on screen."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from v2m_bridge.errors import MediaError, SetupError
from v2m_bridge.footage.cache import ArrayCache, entry_key, media_identity
from v2m_bridge.footage.model import FloatArray
from v2m_bridge.footage.passes.reading import SourceTake, takes_of
from v2m_bridge.footage.speech.sound import read_sound
from v2m_bridge.timeline.model import Timeline

Spans = tuple[tuple[float, float], ...]

SURE, DOUBTFUL = 0.5, 0.35
"""Probability from which speech begins, and below which it ends."""
SHORTEST_S, SHORTEST_PAUSE_S = 0.25, 0.3
"""Shorter speech is a noise; a shorter pause belongs to the sentence."""
PADDING_S = 0.06
"""Consonants at both ends that the detector misses."""
DETECTOR_DELAY_S = 0.032
"""The detector answers for a window when it is over."""

SLOWEST, FASTEST = 0.75, 1.5
"""Clips outside these speeds play without their sound, or it is no speech any more."""
LONGEST_READ_S = 600.0
"""Sound that is read and judged together, to limit the memory."""


def find_speech(timeline: Timeline, dialogue: Path | None, cache: ArrayCache) -> tuple[Spans, tuple[str, ...]]:
    """``(start_s, end_s)`` of speech in seconds of the timeline, in order and apart; and what could not be heard.

    Args:
        dialogue: a file in time with the timeline; None for the sound of the clips on screen. Clips that run
            backwards, stand still or run far from their speed are silent.
        cache: keeps the detector's answers by the content of the file.
    """
    takes = [_dialogue_take(dialogue, timeline)] if dialogue else audible_takes(timeline)
    found: list[tuple[float, float]] = []
    warnings: list[str] = []
    for take in takes:
        try:
            found += _speech_of_take(take, timeline, cache)
        except SetupError as error:
            return (), (error.message,)
        except (MediaError, OSError) as error:
            warnings.append(str(getattr(error, "message", error)))
    return _joined(found), tuple(dict.fromkeys(warnings))


def _dialogue_take(dialogue: Path, timeline: Timeline) -> SourceTake:
    return SourceTake(0, timeline.duration_frames, str(dialogue), 0.0, 1.0)


def audible_takes(timeline: Timeline) -> list[SourceTake]:
    """What is heard of the clips on screen: those that run forwards, near enough to their speed."""
    return [take for take in takes_of(timeline) if SLOWEST <= take.speed <= FASTEST]


def _speech_of_take(take: SourceTake, timeline: Timeline, cache: ArrayCache) -> list[tuple[float, float]]:
    """Speech of one take, moved to the timeline."""
    start_s, end_s = timeline.seconds(take.start_frame), timeline.seconds(take.end_frame)
    source_start_s = max(0.0, take.source_start_s)
    source_end_s = take.source_start_s + (end_s - start_s) * take.speed
    spans: list[tuple[float, float]] = []
    for part_s in np.arange(source_start_s, source_end_s, LONGEST_READ_S).tolist():
        part_end_s = min(source_end_s, part_s + LONGEST_READ_S)
        heard = _probabilities(Path(take.media), part_s, part_end_s, cache)
        spans += [(part_s + begin, part_s + end) for begin, end in spans_of(heard)]
    moved = [
        (start_s + (begin - take.source_start_s) / take.speed, start_s + (end - take.source_start_s) / take.speed)
        for begin, end in spans
    ]
    return [(max(start_s, begin), min(end_s, end)) for begin, end in moved if begin < end_s and end > start_s]


def _probabilities(media: Path, start_s: float, end_s: float, cache: ArrayCache) -> FloatArray:
    """The detector's answers for a stretch of a file, from the cache where it has them; empty without sound."""
    from v2m_bridge.footage.speech.voice_network import SOUND_RATE, speech_probabilities

    key = entry_key("speech", media_identity(media), round(start_s, 3), round(end_s, 3))
    stored = cache.get(key)
    if stored is not None:
        return np.asarray(stored["probabilities"], np.float32)
    samples = read_sound(media, start_s, end_s, SOUND_RATE)
    silent = samples is None or not len(samples) or not samples.any()
    found = np.zeros(0, np.float32) if samples is None or silent else speech_probabilities(samples)
    cache.put(key, {"probabilities": found})
    return found


def spans_of(probabilities: FloatArray, window_s: float = 0.032) -> Spans:
    """``(start_s, end_s)`` of speech from one probability every ``window_s`` seconds."""
    spans: list[tuple[float, float]] = []
    begun: int | None = None
    for index, value in enumerate(probabilities.tolist()):
        if begun is None and value >= SURE:
            begun = index
        elif begun is not None and value < DOUBTFUL:
            spans.append((begun * window_s, index * window_s))
            begun = None
    if begun is not None:
        spans.append((begun * window_s, len(probabilities) * window_s))
    length_s = len(probabilities) * window_s
    kept = [span for span in _joined(spans, SHORTEST_PAUSE_S) if span[1] - span[0] >= SHORTEST_S]
    return tuple((max(0.0, a - DETECTOR_DELAY_S - PADDING_S), min(length_s, b + PADDING_S)) for a, b in kept)


def _joined(spans: Iterable[tuple[float, float]], pause_s: float = 0.0) -> Spans:
    """In order; spans that touch or leave a pause of less than ``pause_s`` become one."""
    joined: list[tuple[float, float]] = []
    for start, end in sorted(spans):
        if joined and start <= joined[-1][1] + pause_s:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((start, end))
    return tuple(joined)


def spoken_share(spans: Sequence[tuple[float, float]], start_s: float, end_s: float) -> float:
    """Share of ``[start_s, end_s)`` in which somebody speaks, 0..1."""
    inside = sum(max(0.0, min(end, end_s) - max(start, start_s)) for start, end in spans)
    return min(1.0, inside / max(end_s - start_s, math.ulp(1.0)))
