"""The film as the player sees it: one row of conditions a quarter beat, and where nothing may sound."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from v2m_bridge.amt.player.steps import (
    COLUMN,
    FIELDS,
    LETTERS,
    NO_QUALITY,
    NO_ROOT,
    SOURCES,
    TICKS,
    Ints,
    density_class,
    hit_class,
)
from v2m_bridge.music.dynamics import velocity
from v2m_bridge.music.form import Form, Phrase
from v2m_bridge.music.keys import Key
from v2m_bridge.music.plan import Plan

SOURCE_OF_PRESET = {
    "orchestra": "quartet",
    "action": "quartet",
    "suspense": "quartet",
    "dark": "lied",
    "elegy": "lied",
    "piano": "lied",
    "warm": "pop",
    "synth": "pop",
}
"""Which people's writing a preset sounds like: songs at the piano, art songs, or string quartets."""

TEXTURE_SHARE = 0.58
"""Part of the predicted density, which counts every note that sounds, that begins anew in the texture."""

INVERSION_COSTS = (0.0, 1.1, 1.8)
"""Cost of root, third and fifth in the bass, in the measure of ``_pitch_class_steps``."""

NEVER = 1 << 20


@dataclass(frozen=True)
class FilmBeats:
    """Conditions and limits on the film's quarter beats.

    Attributes:
        table: [beats, 21] in the order of ``steps.FIELDS``.
        energy: [beats] loudness share 0..1.
        room: [beats * 24] ticks to the next moment that nothing may sound through.
        silent: [beats * 24] ticks at which nothing may begin: breaths, no chord, the held ending.
        hits: ticks of strong hits.
        spoken: [beats] whether somebody speaks.
        phrase_of: [beats] index of the phrase.
        edges: beats at which phrases begin, and the end.
    """

    plan: Plan
    form: Form
    key: Key
    table: Ints
    energy: np.ndarray
    room: Ints
    silent: np.ndarray
    hits: tuple[int, ...]
    spoken: np.ndarray
    phrase_of: Ints
    edges: tuple[int, ...]

    @property
    def beats(self) -> int:
        return len(self.table)

    def span(self, index: int) -> tuple[int, int]:
        """First beat and end of the phrase ``index``."""
        return self.edges[index], self.edges[index + 1]

    def phrase_energy(self, index: int) -> float:
        """Mean loudness share of a phrase."""
        start, stop = self.span(index)
        return float(self.energy[start:stop].mean()) if stop > start else 0.0

    def phrase_spoken(self, index: int) -> float:
        """Share of a phrase that is spoken over."""
        start, stop = self.span(index)
        return float(self.spoken[start:stop].mean()) if stop > start else 0.0


def film_beats(plan: Plan, form: Form, key: Key, preset: str, speech: Sequence[tuple[float, float]] = ()) -> FilmBeats:
    """Lay the plan out on quarter beats.

    Args:
        form: phrases over the plan's bars.
        preset: name of the instrumentation, which chooses the style.
        speech: ``(start_s, end_s)`` of dialogue.
    """
    n_beats = max(1, math.ceil(plan.end_beat - 1e-6))
    table = np.zeros((n_beats, len(FIELDS)), dtype=np.int64)
    _write_harmony(table, plan, key, SOURCES.index(SOURCE_OF_PRESET.get(preset, "pop")))
    phrase_of, edges = _write_form(table, plan, form)
    energy = np.array([plan.curve.smooth_share(b + 0.5) for b in range(n_beats)])
    hits = tuple(round(beat * TICKS) for beat in plan.strong)
    spoken = _spoken(plan, speech, n_beats)
    _write_film(table, plan, energy, spoken)
    room, silent = _limits(plan, n_beats)
    return FilmBeats(plan, form, key, table, energy, room, silent, hits, spoken, phrase_of, edges)


def _write_harmony(table: Ints, plan: Plan, key: Key, source: int) -> None:
    bar_starts = [bar.start_beat for bar in plan.bars]
    n_beats = len(table)
    for beat in range(n_beats):
        bar = plan.bars[max(0, bisect_right(bar_starts, beat + 1e-6) - 1)]
        table[beat, COLUMN["place_in_bar"]] = min(7, max(0, int(beat - bar.start_beat + 1e-6)))
        table[beat, COLUMN["bar_length"]] = min(8, int(bar.length_beats))
        span = plan.span_at(beat) or plan.span_at(beat + 0.5)
        root, quality = (span.chord.root, span.chord.quality) if span else (None, None)
        table[beat, COLUMN["root"]] = NO_ROOT if root is None else root
        table[beat, COLUMN["quality"]] = NO_QUALITY if quality is None else quality
        table[beat, COLUMN["bass"]] = NO_ROOT if root is None else root
        seconds = plan.tempo.seconds_at(beat + 1) - plan.tempo.seconds_at(beat)
        wanted = plan.curve.mean_density(beat, beat + 1) * seconds * TEXTURE_SHARE
        table[beat, COLUMN["texture_density"]] = density_class(np.array([max(1, round(wanted))]))[0]
        loud = velocity(plan.curve.loudness_at(beat))
        table[beat, COLUMN["velocity"]] = min(7, loud // 16) + 1
    _write_bass(table, plan)
    for name, of, missing in (("next_root", "root", NO_ROOT), ("next_quality", "quality", NO_QUALITY)):
        table[:, COLUMN[name]] = np.append(table[1:, COLUMN[of]], missing)
    table[:, COLUMN["minor"]], table[:, COLUMN["source"]] = int(key.minor), source


def _write_bass(table: Ints, plan: Plan) -> None:
    """Bass tones that move least: a third or fifth below the chord where it joins its neighbours by step.

    The first and last chord and those on must-hits keep their root.
    """
    spans = [span for span in plan.spans if span.chord.root is not None]
    before: int | None = None
    for index, span in enumerate(spans):
        tones = span.chord.pitch_classes
        firm = index in (0, len(spans) - 1) or any(abs(span.start_beat - hit) < 1e-3 for hit in plan.strong)
        bass = tones[0]
        if not firm and before is not None:
            after = spans[index + 1].chord.pitch_classes[0]
            costs = {
                tone: extra + _pitch_class_steps(before, tone) + _pitch_class_steps(tone, after)
                for tone, extra in zip(tones[:3], INVERSION_COSTS, strict=True)
            }
            bass = min(costs, key=costs.__getitem__)
        rows = slice(math.ceil(span.start_beat - 1e-6), math.ceil(span.end_beat - 1e-6))
        table[rows, COLUMN["bass"]] = bass
        before = bass


def _pitch_class_steps(one: int, other: int) -> float:
    """How far a bass moves: nothing by step, a little to stay, more for every semitone of a leap."""
    distance = min((one - other) % 12, (other - one) % 12)
    return 0.4 if distance == 0 else 0.0 if distance <= 2 else 0.5 + 0.1 * distance


def _write_form(table: Ints, plan: Plan, form: Form) -> tuple[Ints, tuple[int, ...]]:
    bars = {bar.number: bar for bar in plan.bars}
    first = plan.bars[0].number if plan.bars else 1
    phrase_of = np.zeros(len(table), dtype=np.int64)
    edges: list[int] = []
    for index, phrase in enumerate(form.phrases):
        numbers = range(phrase.start_bar, phrase.start_bar + phrase.bars)
        begin = bars[phrase.start_bar - 1 + first].start_beat if phrase.start_bar - 1 + first in bars else plan.end_beat
        edges.append(min(len(table), math.ceil(begin - 1e-6)))
        for position, number in enumerate(numbers):
            bar = bars.get(number - 1 + first)
            if bar is None:
                continue
            rows = slice(math.ceil(bar.start_beat - 1e-6), math.ceil(bar.start_beat + bar.length_beats - 1e-6))
            phrase_of[rows] = index
            table[rows, COLUMN["letter"]] = _letter(phrase)
            table[rows, COLUMN["bar_of_phrase"]] = min(position, 8) + 1
            table[rows, COLUMN["bars_left"]] = min(phrase.bars - 1 - position, 8) + 1
            table[rows, COLUMN["occurrence"]] = 2 if phrase.occurrence else 1
    edges[0] = 0
    return phrase_of, (*edges, len(table))


def _letter(phrase: Phrase) -> int:
    """Value of the column; letters beyond H are taken for the bridge."""
    return LETTERS.get(phrase.letter, LETTERS["x"])


def _spoken(plan: Plan, speech: Sequence[tuple[float, float]], n_beats: int) -> np.ndarray:
    spoken = np.zeros(n_beats, dtype=bool)
    for start_s, end_s in speech:
        first, last = plan.tempo.beat_at(start_s), plan.tempo.beat_at(end_s)
        spoken[max(0, int(first)) : max(0, math.ceil(last))] = True
    return spoken


def _write_film(table: Ints, plan: Plan, energy: np.ndarray, spoken: np.ndarray) -> None:
    edges = np.quantile(energy, (0.2, 0.4, 0.6, 0.8)) if float(np.ptp(energy)) > 0.02 else np.array([2.0, 2, 2, 2])
    table[:, COLUMN["energy"]] = np.searchsorted(edges, energy) + (1 if edges[0] < 2 else 3)
    table[:, COLUMN["speech"]] = np.where(spoken, 2, 1)
    beats = np.arange(len(table))
    to_hit = np.full(len(table), -1)
    for hit in reversed(plan.strong):
        before = beats <= hit + 1e-6
        to_hit[before] = np.floor(hit - beats[before] + 1e-6).astype(np.int64)
    table[:, COLUMN["to_hit"]] = hit_class(to_hit)


def _limits(plan: Plan, n_beats: int) -> tuple[Ints, np.ndarray]:
    """Ticks to the next barrier, and ticks at which nothing begins."""
    count = n_beats * TICKS
    closing = round(plan.closing_beat * TICKS)
    silent = np.zeros(count, dtype=bool)
    silent[closing:] = True
    barriers = [round(plan.end_beat * TICKS)]
    for beat in plan.strong:
        hit, breath = round(beat * TICKS), round(plan.breath_before(beat) * TICKS)
        silent[max(0, hit - breath) : hit] = True
        barriers.append(hit - breath if hit - breath > 0 else hit)
    for tick in range(0, count, TICKS // 2):
        if plan.span_at(tick / TICKS) is None:
            silent[tick : tick + TICKS // 2] = True
    barriers.sort()
    ticks = np.arange(count)
    index = np.searchsorted(np.array(barriers), ticks, side="right")
    following = np.array([*barriers, NEVER])[index]
    return np.maximum(following - ticks, 1), silent
