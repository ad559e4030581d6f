"""The sections of a film: what belongs together by colour, pace, affect and place, with a label that comes back.

A boundary is a cut, a marker or a must-hit (inside long takes also any whole second) at which the picture before
differs from the picture after. Both sides are means over several seconds, so that shot and reverse shot, which take
turns, stay one section.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from v2m_bridge.footage.affect.measures import FilmMeasures, Impression, impression
from v2m_bridge.footage.affect.moods import emotions_of, in_words
from v2m_bridge.footage.model import FootageFeatures
from v2m_bridge.music.emotions import EMOTIONS
from v2m_bridge.timeline.model import Timeline

SHORTEST_S = 8.0
"""No section is shorter: music needs a phrase to say anything."""
WINDOW_S = 10.0
"""So much picture on either side of a place is compared."""
NOVEL = 0.30
"""Difference from which a place may begin a section; a change of palette to another one differs by about .4."""
MUST_BONUS, MARKER_BONUS = 0.12, 0.06
"""Added to the difference where a must-hit or another marker stands: the editor thinks that something begins there."""
AFFECT_SHARE, MEANING_SHARE = 0.45, 0.8
"""Shares of arousal and valence, and of what CLIP sees, in a difference; the palette counts in full."""
SAME_PLACE = 0.22
"""Palettes (and what CLIP sees) that differ by less are one place, and get one label."""
LONG_TAKE_S = 20.0
"""In a take longer than this a section may begin without a cut."""


@dataclass(frozen=True)
class Section:
    """``[start_s, end_s)`` of the film.

    Attributes:
        label: ``A``, ``B``, ...; a place that returns has the label of its first time.
        mood: one of the six emotions, or None where neither the picture nor anybody says.
        confidence: probability of the mood, 0..1; 1 when it was asked for.
        energy: 0..1.
        arousal, valence: -1..1.
        reason: in words, what the mood is taken from.
    """

    start_s: float
    end_s: float
    label: str
    mood: str | None
    confidence: float
    energy: float
    arousal: float
    valence: float
    reason: str

    @property
    def length_s(self) -> float:
        """Length in seconds."""
        return self.end_s - self.start_s


def find_sections(
    timeline: Timeline,
    features: FootageFeatures,
    moods: Sequence[tuple[float, str]] = (),
    must_s: Sequence[float] = (),
) -> tuple[Section, ...]:
    """Divide the film; the sections cover it without gaps.

    Args:
        moods: ``(seconds, mood)`` asked for by option or marker; each begins a section.
        must_s: times of the must-hits.
    """
    film = _Film(timeline, features)
    edges = _edges(film, moods, must_s)
    spans = list(itertools.pairwise(edges))
    labels = _labels(film, spans)
    return tuple(_section(film, span, label, moods) for span, label in zip(spans, labels, strict=True))


class _Side(NamedTuple):
    """What a stretch of film looks like; parts are None where nothing was measured."""

    palette: npt.NDArray[np.float64] | None
    meaning: npt.NDArray[np.float64] | None
    affect: npt.NDArray[np.float64]


class _Film:
    """The measures of a film, asked by stretches of seconds."""

    def __init__(self, timeline: Timeline, features: FootageFeatures) -> None:
        self.timeline, self.features = timeline, features
        self.duration_s = timeline.duration_s
        self.cuts_s = [timeline.seconds(cut.frame) for cut in timeline.cuts]
        rows = features.length
        self.seen = features.look_present if len(features.look_present) == rows else np.zeros(rows, np.bool_)
        look = features.look if len(features.look) == rows else np.zeros((rows, 4), np.float32)
        measures = FilmMeasures(
            look, self.seen, features.dense, features.dense_present, self.cuts_s, timeline.duration_s
        )
        self.impression: Impression = impression(measures)
        self.affect = np.stack((self.impression.arousal, self.impression.valence), axis=1)
        self.emotions = emotions_of(self.affect.astype(np.float32), self.seen)

    def rows(self, start_s: float, end_s: float) -> slice:
        """The seconds whose middle lies in the stretch, at least one."""
        last = max(0, self.features.length - 1)
        first = min(last, max(0, math.ceil(start_s - 0.5)))
        return slice(first, min(last + 1, max(first + 1, math.ceil(end_s - 0.5))))

    def side(self, start_s: float, end_s: float) -> _Side:
        """Means over a stretch."""
        rows = self.rows(start_s, end_s)
        seen, clip = self.seen[rows], self.features.semantic_present[rows]
        palette = self.features.palette[rows][seen].mean(axis=0, dtype=np.float64) if seen.any() else None
        meaning = None
        if clip.any():
            vectors = self.features.semantic[rows][clip].astype(np.float64)
            vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)
            meaning = vectors.mean(axis=0)
        return _Side(palette, meaning, self.affect[rows].mean(axis=0))


def place_distance(one: _Side, other: _Side) -> float | None:
    """How much two stretches differ as places, 0..1 and a little more; None where nothing of both was seen."""
    if one.palette is None or other.palette is None:
        return None
    # Hellinger distance, mean over the three histograms
    overlap = float(np.sqrt(one.palette * other.palette).sum()) / 3
    distance = math.sqrt(max(0.0, 1 - overlap))
    if one.meaning is None or other.meaning is None:
        return distance
    norms = float(np.linalg.norm(one.meaning) * np.linalg.norm(other.meaning))
    unlike = 1 - float(one.meaning @ other.meaning) / max(norms, 1e-9)
    return (1 - MEANING_SHARE / 2) * distance + MEANING_SHARE * unlike


def _novelty(film: _Film, at_s: float, before_s: float, after_s: float) -> float:
    """Difference of the picture before and after a place, between the boundaries that stand."""
    before = film.side(max(before_s, at_s - WINDOW_S), at_s)
    after = film.side(at_s, min(after_s, at_s + WINDOW_S))
    affect = float(np.linalg.norm(before.affect - after.affect))
    return (place_distance(before, after) or 0.0) + AFFECT_SHARE * affect


def _edges(film: _Film, moods: Sequence[tuple[float, str]], must_s: Sequence[float]) -> list[float]:
    """Boundaries from 0 to the end: those asked for, then the most novel places that leave room."""
    end_s = film.duration_s
    edges = [0.0, end_s]
    for at_s, _ in moods:
        if 1.0 <= at_s <= end_s - 1.0 and min(abs(at_s - edge) for edge in edges) > 1.0:
            edges.append(at_s)
    edges.sort()
    bonus = _bonuses(film, must_s)
    scored = []
    for at_s in _candidates(film, must_s):
        before = max((edge for edge in edges if edge <= at_s), default=0.0)
        after = min((edge for edge in edges if edge > at_s), default=end_s)
        novelty = _novelty(film, at_s, before, after) + bonus.get(round(at_s, 3), 0.0)
        scored.append((novelty, at_s))
    for novelty, at_s in sorted(scored, key=lambda item: (-round(item[0], 6), item[1])):
        if novelty < NOVEL:
            break
        if min(abs(at_s - edge) for edge in edges) >= SHORTEST_S:
            edges.append(at_s)
    return sorted(edges)


def _candidates(film: _Film, must_s: Sequence[float]) -> list[float]:
    """Cuts, must-hits, and the whole seconds of long takes."""
    found = {*film.cuts_s, *must_s}
    shots = sorted({0.0, *film.cuts_s, film.duration_s})
    for start, end in itertools.pairwise(shots):
        if end - start > LONG_TAKE_S:
            found.update(float(second) for second in range(math.ceil(start + 1), math.floor(end)))
    return sorted(at_s for at_s in found if 0 < at_s < film.duration_s)


def _bonuses(film: _Film, must_s: Sequence[float]) -> dict[float, float]:
    bonus = {round(film.timeline.seconds(marker.frame), 3): MARKER_BONUS for marker in film.timeline.markers}
    return bonus | {round(at_s, 3): MUST_BONUS for at_s in must_s}


def _labels(film: _Film, spans: Sequence[tuple[float, float]]) -> list[str]:
    """A letter for each section; the letter of the nearest earlier place where one is near enough."""
    places: list[tuple[_Side, frozenset[str]]] = []
    labels: list[str] = []
    for start, end in spans:
        here = film.side(start, end), _media(film.timeline, start, end)
        likeness = [(_unlike(here, place), number) for number, place in enumerate(places)]
        nearest = min(likeness, default=(1.0, 0))
        if nearest[0] < SAME_PLACE:
            labels.append(_letter(nearest[1]))
            continue
        labels.append(_letter(len(places)))
        places.append(here)
    return labels


def _unlike(one: tuple[_Side, frozenset[str]], other: tuple[_Side, frozenset[str]]) -> float:
    """Difference of two places; where no picture is there, two stretches of the same files are one place."""
    distance = place_distance(one[0], other[0])
    if distance is not None:
        return distance
    shared = len(one[1] & other[1]) / max(1, min(len(one[1]), len(other[1])))
    return 1.0 - shared


def _media(timeline: Timeline, start_s: float, end_s: float) -> frozenset[str]:
    """The files, or names where there are none, on screen in a stretch."""
    inside = (
        shot
        for shot in timeline.shots
        if timeline.seconds(shot.start_frame) < end_s and timeline.seconds(shot.end_frame) > start_s
    )
    return frozenset(name for shot in inside if (name := shot.media or shot.name))


def _letter(number: int) -> str:
    letter = chr(ord("A") + number % 26)
    return letter if number < 26 else letter + str(number // 26 + 1)


def _section(film: _Film, span: tuple[float, float], label: str, moods: Sequence[tuple[float, str]]) -> Section:
    rows = film.rows(*span)
    arousal, valence = (round(float(value), 4) for value in film.affect[rows].mean(axis=0))
    mood, confidence, reason = _mood(film, span, rows, moods)
    return Section(
        start_s=span[0],
        end_s=span[1],
        label=label,
        mood=mood,
        confidence=confidence,
        energy=round((arousal + 1) / 2, 4),
        arousal=arousal,
        valence=valence,
        reason=reason,
    )


def _mood(
    film: _Film, span: tuple[float, float], rows: slice, moods: Sequence[tuple[float, str]]
) -> tuple[str | None, float, str]:
    """Mood, its probability, and why: what was asked for, else what CLIP sees, else the measures."""
    asked = [mood for at_s, mood in moods if at_s <= span[0] + 1.0]
    if asked:
        return asked[-1], 1.0, f"asked for: {asked[-1]}"
    clip = film.features.emotion_present[rows]
    if clip.any():
        mood, share = _likeliest(film.features.emotion[rows][clip])
        return mood, share, f"by what CLIP sees: {mood} {share:.2f}"
    words = in_words(film.impression, rows.start, rows.stop)
    if not film.seen[rows].any():
        return None, 0.0, f"{words}: no picture to judge by"
    mood, share = _likeliest(film.emotions[rows])
    return mood, share, f"{words}: {mood} {share:.2f}"


def _likeliest(rows: npt.NDArray[np.float32]) -> tuple[str, float]:
    mean = rows.mean(axis=0)
    best = int(np.argmax(mean))
    return EMOTIONS[best], round(float(mean[best]), 4)
