"""Key, moods, tempo and ensemble of a score, from the options, the mood markers and the picture, each with a reason."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from v2m_bridge.compose.sections import Section, find_sections
from v2m_bridge.errors import InputError
from v2m_bridge.footage.model import FootageFeatures
from v2m_bridge.music.emotions import EMOTIONS, parse_emotion
from v2m_bridge.music.instruments import parse_preset
from v2m_bridge.music.keys import Key, parse_key
from v2m_bridge.options import ScoreOptions
from v2m_bridge.timeline.hits import find_hits
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
"""Key of a mood that was asked for: a bright string key for energy, F for calm, minor for the rest."""

ENSEMBLES: dict[str, tuple[str, ...]] = {
    "exciting": ("action", "synth"),
    "fearful": ("dark", "suspense"),
    "tense": ("suspense", "dark"),
    "sad": ("elegy", "piano"),
    "relaxing": ("warm", "orchestra"),
    "neutral": ("orchestra", "warm"),
}
"""Mood of the picture -> presets that fit; the seed chooses among them, the first one more often."""
WARM, COOL = 0.05, -0.05
"""Warmth of the picture from which a film without a mood of its own takes its ensemble from its colours."""
OF_WARM, OF_COOL = ("warm", "orchestra"), ("synth", "orchestra")

FIRST_ENSEMBLE = 0.6
"""Share of seeds that take the first."""

FIFTHS_OF_VALENCE, FIFTHS_OF_AROUSAL, FIFTHS_OF_WARMTH = 3.0, 1.5, -5.0
"""Steps on the circle of fifths from C major or A minor: bright and lively pictures lie sharper, warm ones flatter."""
MOST_FIFTHS = 4
"""No key has more sharps or flats than this."""
NEIGHBOUR_SHARE = 0.2
"""Share of seeds that take the key one fifth above, and as many the one below: both fit nearly as well."""

KEY_STRIDE, ENSEMBLE_STRIDE = 0.7548776662, 0.5698402910
"""Strides of an even sequence in two dimensions (Roberts 2018), so that keys and ensembles combine in every way."""

LIVELY, CALM = 0.35, -0.35
"""Arousal from which an edit without a picture gets the ensemble of a lively or a calm film."""


@dataclass(frozen=True)
class Choice:
    """What was chosen and why, in words: ``Choice("key", "G minor", "dark, muted: two fifths to the flat side")``."""

    what: str
    value: str
    reason: str


@dataclass(frozen=True)
class Direction:
    """Key, moods and tempo that a score is written with.

    Attributes:
        key: key and mode of the whole score.
        moods: ``(seconds, mood)`` in order; each holds until the next. Empty when neither option nor marker names one.
        bpm: requested tempo, or None for the one that lands best.
        mood: the mood that holds longest, or None when unknown.
        warnings: mood markers that were not followed.
        sections: of the film, without gaps.
        preset: the ensemble that the picture suggests; None leaves it to the mood.
        arousal: mean over the film, -1..1, for the tempo; None where it shall not count.
        choices: every choice with its reason.
    """

    key: Key
    moods: tuple[tuple[float, str], ...]
    bpm: float | None
    mood: str | None
    warnings: tuple[str, ...] = ()
    sections: tuple[Section, ...] = ()
    preset: str | None = None
    arousal: float | None = None
    choices: tuple[Choice, ...] = ()


def direct(timeline: Timeline, features: FootageFeatures, options: ScoreOptions) -> Direction:
    """Decide: options come first, then mood markers, then the emotions that CLIP found, then affect by measure.

    Raises:
        InputError: an unknown key or mood in the options.
    """
    moods, warnings = _moods(timeline, options)
    must_s = [float(hit.seconds) for hit in find_hits(timeline, options.hits) if hit.must]
    sections = find_sections(timeline, features, moods, must_s)
    asked = _longest(moods, timeline.duration_s)
    mood, reason = (asked, "asked for") if asked else _mood_in_picture(sections)
    film = _FilmAffect.of(sections, features)
    wishes = options.direction
    key = _key(options, asked, mood, film)
    preset = _ensemble(options, asked, mood, film)
    tempo = _tempo(options, asked, film)
    named = [Choice("mood", mood, reason)] if mood else []
    return Direction(
        key=parse_key(key.value),
        moods=moods,
        bpm=options.fit.bpm,
        mood=mood,
        warnings=tuple(warnings),
        sections=sections,
        preset=preset.value,
        arousal=film.arousal if asked is None and wishes.affect else None,
        choices=(*named, key, preset, tempo),
    )


@dataclass(frozen=True)
class _FilmAffect:
    """Affect of the whole film: means over its sections, -1..1, and whether any picture was measured."""

    arousal: float
    valence: float
    warmth: float
    seen: bool

    @staticmethod
    def of(sections: Sequence[Section], features: FootageFeatures) -> _FilmAffect:
        total = sum(section.length_s for section in sections) or 1.0
        present = features.look_present
        return _FilmAffect(
            arousal=sum(section.arousal * section.length_s for section in sections) / total,
            valence=sum(section.valence * section.length_s for section in sections) / total,
            warmth=float(features.look[present, 3].mean()) if present.any() else 0.0,
            seen=bool(present.any()),
        )

    @property
    def words(self) -> str:
        """``"valence -0.42, arousal +0.10"``."""
        return f"valence {self.valence:+.2f}, arousal {self.arousal:+.2f}"


def _key(options: ScoreOptions, asked: str | None, mood: str | None, film: _FilmAffect) -> Choice:
    """The key: asked for, of the mood asked for, or on the circle of fifths by the picture's affect."""
    wishes = options.direction
    if wishes.key:
        return Choice("key", parse_key(wishes.key).name, "asked for")
    if asked:
        return Choice("key", KEY_OF_MOOD[asked], f"the key of the mood {asked}")
    by_valence = film.seen and film.valence < 0
    minor = by_valence if mood in (None, "neutral") else parse_key(KEY_OF_MOOD[mood or "neutral"]).minor
    wanted = FIFTHS_OF_VALENCE * film.valence + FIFTHS_OF_AROUSAL * film.arousal + FIFTHS_OF_WARMTH * film.warmth
    home = round(max(-MOST_FIFTHS, min(MOST_FIFTHS, wanted)))
    fifths = max(-MOST_FIFTHS, min(MOST_FIFTHS, home + _neighbour(wishes.seed)))
    key = Key((7 * fifths + (9 if minor else 0)) % 12, minor)
    where = "at home" if not fifths else f"{abs(fifths)} to the {'sharp' if fifths > 0 else 'flat'} side"
    beside = "" if fifths == home else ", beside the nearest key by the seed"
    return Choice("key", key.name, f"{film.words}, warmth {film.warmth:+.2f}: {where} on the circle of fifths{beside}")


def _neighbour(seed: int) -> int:
    """-1, 0 or 1 fifth."""
    drawn = _spread(seed, KEY_STRIDE)
    return 1 if drawn > 1 - NEIGHBOUR_SHARE else -1 if drawn > 1 - 2 * NEIGHBOUR_SHARE else 0


def _spread(seed: int, stride: float) -> float:
    """0..1, evenly spread over neighbouring seeds; 0 for seed 0, which so takes what fits best."""
    return seed * stride % 1


def _ensemble(options: ScoreOptions, asked: str | None, mood: str | None, film: _FilmAffect) -> Choice:
    """The ensemble: asked for, of the mood asked for, or one that fits the picture's mood, by the seed."""
    if options.arrangement.preset:
        return Choice("ensemble", parse_preset(options.arrangement.preset), "asked for")
    if not options.direction.affect:
        return Choice("ensemble", ENSEMBLES["neutral"][0], "moods are switched off")
    if asked:
        return Choice("ensemble", ENSEMBLES[asked][0], f"of the mood {asked}")
    if mood is None:
        name = "exciting" if film.arousal > LIVELY else "sad" if film.arousal < CALM else "neutral"
        pace = "quick" if film.arousal > LIVELY else "slow" if film.arousal < CALM else "even"
        return Choice("ensemble", ENSEMBLES[name][name == "sad"], f"{pace} cutting, no picture to judge by")
    fitting, colour = ENSEMBLES[mood], ""
    if mood == "neutral" and film.seen and not COOL <= film.warmth <= WARM:
        fitting, colour = (OF_WARM, ", warm colours") if film.warmth > WARM else (OF_COOL, ", cool colours")
    first = _spread(options.direction.seed, ENSEMBLE_STRIDE) < FIRST_ENSEMBLE
    return Choice("ensemble", fitting[0 if first else 1], f"fits {mood}{colour}: {' or '.join(fitting)}, by the seed")


def _tempo(options: ScoreOptions, asked: str | None, film: _FilmAffect) -> Choice:
    if options.fit.bpm is not None:
        return Choice("tempo", f"{options.fit.bpm:g}", "asked for")
    if asked or not options.direction.affect:
        return Choice("tempo", "auto", "what lands most hits, near the pace of the cutting and the mood asked for")
    region = "faster" if film.arousal > 0.1 else "slower" if film.arousal < -0.1 else "neither faster nor slower"
    return Choice(
        "tempo", "auto", f"what lands most hits, {region} than the cutting suggests: arousal {film.arousal:+.2f}"
    )


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


def _mood_in_picture(sections: Sequence[Section]) -> tuple[str | None, str]:
    """The mood that fills most of the film, weighted by its probability, and the reason of its longest section."""
    weight = np.zeros(len(EMOTIONS))
    for section in sections:
        if section.mood is not None:
            weight[EMOTIONS.index(section.mood)] += section.confidence * section.length_s
    if not weight.any():
        return None, ""
    mood = EMOTIONS[int(np.argmax(weight))]
    longest = max((s for s in sections if s.mood == mood), key=lambda section: section.length_s)
    return mood, longest.reason
