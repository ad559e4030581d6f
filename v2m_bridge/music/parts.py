"""Writes each part into the common plan: held chords, bass, moving figure, swell, hits."""

from __future__ import annotations

import itertools
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random

from v2m_bridge.music.arrangement import Control, Note
from v2m_bridge.music.chords import Chord
from v2m_bridge.music.dynamics import DENSITY_PER_FIGURE_NOTE, STRONG_EXTRA, expression, modulation, velocity
from v2m_bridge.music.emotions import Character
from v2m_bridge.music.figures import Cell, choose_level, pattern
from v2m_bridge.music.instruments import PresetPart
from v2m_bridge.music.orchestration.builds import HitShape
from v2m_bridge.music.plan import ChordSpan, Plan
from v2m_bridge.music.voices.voicing import Voicing

ACCENT_EXTRA, STEP_EXTRA = 4.0, 3.0
"""Velocity added on a landed hit that is not strong, and on an accented step of a pattern."""

LONGEST_TIE_BEATS = 16.0
"""Common tones are tied into notes of at most this many beats."""
_CONTROL_STEP_BEATS = 0.5
_EXPRESSION, _MODULATION = 11, 1
_SHORTEST_BEATS = 0.1
BOOM_BEATS = 4.0
"""How long the low boom of a must-hit rings."""


@dataclass(frozen=True)
class Segment:
    """Part of a chord span; ``struck`` says whether the chord must be struck again at its start."""

    span_index: int
    start_beat: float
    end_beat: float
    struck: bool


def segments(plan: Plan, every_bar: bool) -> Iterator[Segment]:
    """The chord spans, divided at strong hits and (with ``every_bar``) at bar lines; the last rings to the end."""
    bar_starts = {bar.start_beat for bar in plan.bars} if every_bar else set()
    inner = sorted({*plan.strong, *bar_starts})
    for index, span in enumerate(plan.spans):
        if span.chord.root is None:
            continue
        first, stop = bisect_right(inner, span.start_beat + 1e-3), bisect_left(inner, span.end_beat - 1e-3)
        cuts = [b for b in inner[first:stop] if b <= plan.closing_beat + 1e-3]
        points = [span.start_beat, *cuts, span.end_beat]
        for start, end in itertools.pairwise(points):
            at_end = abs(end - plan.end_beat) < 1e-6
            yield Segment(index, start, plan.last_beat if at_end else end, every_bar or plan.is_strong(start))


def held_voices(plan: Plan, voicings: Sequence[Voicing], preset_part: PresetPart, boost: float) -> list[Note]:
    """Held chords: every voice holds its tone, and common tones are tied unless a hit strikes the chord again."""
    notes: list[Note] = []
    sounding: dict[int, _Held] = {}

    def finish(voice: int) -> None:
        held = sounding.pop(voice)
        extra = preset_part.boost + boost + hit_extra(plan, held.start_beat)
        stop = plan.breathing_end(held.chord_beat, held.end_beat)
        loud = velocity(plan.curve.loudness_at(held.start_beat), extra)
        notes.append(Note(held.start_beat, stop - held.start_beat, held.pitch, loud))

    for segment in segments(plan, preset_part.sound.decays):
        for voice, pitch in enumerate(voicings[segment.span_index]):
            held = sounding.get(voice)
            if held and _ties(held, pitch, segment):
                sounding[voice] = _Held(pitch, held.start_beat, segment.start_beat, segment.end_beat)
                continue
            if held:
                finish(voice)
            sounding[voice] = _Held(pitch, segment.start_beat, segment.start_beat, segment.end_beat)
    for voice in list(sounding):
        finish(voice)
    return notes


@dataclass(frozen=True)
class _Held:
    """A voice's note so far; ``chord_beat`` is where the last chord it belongs to began."""

    pitch: int
    start_beat: float
    chord_beat: float
    end_beat: float


def _ties(held: _Held, pitch: int, segment: Segment) -> bool:
    adjoining = abs(held.end_beat - segment.start_beat) < 1e-6
    long_chord = segment.end_beat - segment.start_beat > LONGEST_TIE_BEATS
    short = segment.end_beat - held.start_beat <= LONGEST_TIE_BEATS or long_chord
    return held.pitch == pitch and adjoining and short and not segment.struck


@dataclass(frozen=True)
class UnpitchedNote:
    """A note of a line before its pitch is chosen; ``tone`` is the step of the pattern that plays it."""

    beat: float
    tone: int
    length: float
    accent: bool


def bass_notes(
    plan: Plan, line: Sequence[int | None], preset_part: PresetPart, boost: float, levels: Sequence[Sequence[int]]
) -> list[Note]:
    """The bass line, held or in the preset's pattern; strong hits add the octave where the register allows it."""
    onsets = _bass_onsets(plan, preset_part, levels)
    notes: list[Note] = []
    bass_of = {span.start_beat: pitch for span, pitch in zip(plan.spans, line, strict=True)}
    for index, onset in enumerate(onsets):
        span = plan.span_at(onset.beat)
        pitch = bass_of[span.start_beat] if span else None
        if span is None or pitch is None:
            continue
        limit = onsets[index + 1].beat if index + 1 < len(onsets) else plan.last_beat
        stop = plan.breathing_end(onset.beat, min(onset.beat + onset.length, limit, _span_end(plan, span)))
        extra = preset_part.boost + boost + hit_extra(plan, onset.beat) - (0 if onset.accent else STEP_EXTRA)
        loud = velocity(plan.curve.loudness_at(onset.beat), extra)
        sounding = _bass_tone(span.chord, pitch, onset.tone, preset_part.register)
        notes.append(Note(onset.beat, stop - onset.beat, sounding, loud))
        octave = pitch - 12 if pitch - 12 >= preset_part.sound.lowest else pitch + 12
        if plan.is_strong(onset.beat) and octave <= preset_part.register[1]:
            notes.append(Note(onset.beat, stop - onset.beat, octave, loud))
    return notes


def _bass_onsets(plan: Plan, preset_part: PresetPart, levels: Sequence[Sequence[int]]) -> list[UnpitchedNote]:
    """Held notes at every chord and strong hit; where the level of the family is reached, its pattern instead.

    A held note follows where the pattern stops.
    """
    held = [
        UnpitchedNote(s.start_beat, 0, s.end_beat - s.start_beat, True)
        for s in segments(plan, preset_part.sound.decays)
    ]
    family = preset_part.families[0] if preset_part.families else ""
    moving: list[UnpitchedNote] = []
    moved = False
    for cell, row in zip(plan.cells, levels, strict=True):
        steps = _cell_onsets(cell, family, tuple(row[:1]) * cell.beats)
        if moved and not steps:
            moving.append(UnpitchedNote(cell.start_beat, 0, plan.last_beat - cell.start_beat, False))
        moving += steps
        moved = bool(steps)
    firm = [o for o in moving if o.beat < plan.closing_beat - 1e-6 and not plan.in_breath(o.beat)]
    return _merged(held, firm)


def _bass_tone(chord: Chord, pitch: int, tone: int, register: tuple[int, int]) -> int:
    """Pitch of a tone of a bass pattern: 0 the bass note, 1 the chord's fifth above it, 2 the octave.

    A tone above the register becomes the bass note.
    """
    if tone == 0:
        return pitch
    wanted = (
        pitch + 12
        if tone == 2
        else _next_above(pitch, chord.pitch_classes[2] if pitch % 12 != chord.pitch_classes[2] else pitch)
    )
    return wanted if wanted <= register[1] else pitch


def _next_above(pitch: int, pitch_class: int) -> int:
    return pitch + ((pitch_class - pitch) % 12 or 12)


def figure_levels(plan: Plan) -> tuple[tuple[int, ...], ...]:
    """Level 0..6 of every beat of every cell, from the predicted density and the tempo at that beat."""
    levels: list[tuple[int, ...]] = []
    before: int | None = None
    for cell in plan.cells:
        row: list[int] = []
        for beat in range(cell.beats):
            start, end = cell.start_beat + beat, cell.start_beat + min(beat + 1.0, cell.length)
            if end > start:
                seconds = plan.tempo.seconds_at(end) - plan.tempo.seconds_at(start)
                wanted = plan.curve.mean_density(start, end) / DENSITY_PER_FIGURE_NOTE
                before = choose_level(wanted, (end - start) / seconds, before)
            row.append(before or 0)
        levels.append(tuple(row))
    return tuple(levels)


def figure_notes(
    plan: Plan, preset_part: PresetPart, character: Character, levels: Sequence[Sequence[int]], families: Sequence[str]
) -> list[Note]:
    """The moving figure: patterns of each beat's level, on chord tones that move smoothly from chord to chord."""
    tones_of_span = _chord_tones(plan.spans, preset_part.register, character.register)
    onsets: list[UnpitchedNote] = []
    for cell, level, family in zip(plan.cells, levels, families, strict=True):
        onsets += _cell_onsets(cell, family, level)
    moving = [o for o in onsets if o.beat < plan.closing_beat - 1e-6 and not plan.in_breath(o.beat)]
    struck = [UnpitchedNote(beat, 2, 0.5, True) for beat in plan.strong if beat < plan.closing_beat - 1e-6]
    touched = [UnpitchedNote(beat, 2, 0.5, True) for beat in plan.moving if beat < plan.closing_beat - 1e-6]
    touched = [onset for onset in touched if not plan.in_breath(onset.beat)]
    line = [*_merged(struck, _merged(moving, touched)), *_closing_onsets(plan)]
    notes: list[Note] = []
    for index, onset in enumerate(line):
        span = plan.span_at(onset.beat)
        if span is None:
            continue
        limit = line[index + 1].beat if index + 1 < len(line) else plan.last_beat
        length = onset.length * (character.articulation if onset.beat < plan.closing_beat - 1e-6 else 1.0)
        stop = plan.breathing_end(onset.beat, min(onset.beat + length, limit, _span_end(plan, span)))
        extra = preset_part.boost + character.boost + hit_extra(plan, onset.beat) + (STEP_EXTRA if onset.accent else 0)
        extra += ACCENT_EXTRA if plan.is_moving(onset.beat) else 0.0
        pitch = _pitch_of_tone(tones_of_span[span.start_beat], onset.tone, len(span.chord.pitch_classes))
        notes.append(Note(onset.beat, stop - onset.beat, pitch, velocity(plan.curve.loudness_at(onset.beat), extra)))
    return [n for n in notes if n.length_beats >= _SHORTEST_BEATS / 2]


def _cell_onsets(cell: Cell, family: str, levels: Sequence[int]) -> list[UnpitchedNote]:
    """Notes of a cell; every beat takes its own from the family's row for that beat's level, at the same place."""
    answer = cell.index_in_bar % 2 == 1
    return [
        UnpitchedNote(
            cell.start_beat + step.position, step.tone, min(step.length, cell.length - step.position), step.accent
        )
        for beat, level in enumerate(levels)
        for step in pattern(family, level, cell.beats, answer)
        if beat <= step.position + 1e-6 < beat + 1 and step.position < cell.length - _SHORTEST_BEATS
    ]


def figure_families(
    plan: Plan, preset_part: PresetPart, rng: Random, labels: Sequence[tuple[float, str]] = ()
) -> list[str]:
    """Family of every cell: one for each label, so that the figure stays a motif that returns with its section.

    Args:
        labels: (beat, label) of the film's sections, in order; without them one family plays throughout.
    """
    order = list(preset_part.families)
    rng.shuffle(order)
    seen = list(dict.fromkeys(label for _, label in labels))
    starts = [beat for beat, _ in labels]
    chosen: list[str] = []
    for cell in plan.cells:
        index = max(0, bisect_right(starts, cell.start_beat + 1e-3) - 1)
        chosen.append(order[seen.index(labels[index][1]) % len(order)] if labels else order[0])
    return chosen


def _closing_onsets(plan: Plan) -> list[UnpitchedNote]:
    """The end of the figure: the chord is rolled upwards in eighths and held."""
    room = plan.end_beat - plan.closing_beat
    if room <= _SHORTEST_BEATS:
        return []
    rolled = (0, 2, 3) if room >= 2 else (3,)
    starts = [plan.closing_beat + 0.5 * i for i in range(len(rolled))]
    lengths = [*([0.5] * (len(rolled) - 1)), plan.last_beat - starts[-1]]
    return [UnpitchedNote(b, t, n, i == 0) for i, (b, t, n) in enumerate(zip(starts, rolled, lengths, strict=True))]


def _chord_tones(spans: Sequence[ChordSpan], register: tuple[int, int], shift: float) -> dict[float, tuple[int, ...]]:
    """Start of every span -> its chord tones upwards, from one near the lowest tone of the span before."""
    lowest, highest = register
    home = min(max(lowest + 4 + shift, lowest + 1), highest - 14)
    at = home
    tones_of_span: dict[float, tuple[int, ...]] = {}
    for span in spans:
        if span.chord.root is None:
            continue
        tones = [p for p in range(lowest, highest + 1) if p % 12 in span.chord.pitch_classes]
        low_tones = [p for p in tones if p <= lowest + 14] or tones
        start = min(low_tones, key=lambda p: (abs(p - at) + 0.4 * abs(p - home), p))
        tones_of_span[span.start_beat] = tuple(p for p in tones if p >= start)
        at = start
    return tones_of_span


def _pitch_of_tone(tones: Sequence[int], tone: int, tones_per_octave: int) -> int:
    """Pitch of a tone of a pattern, an octave lower where the register ends."""
    while tone >= len(tones):
        tone -= tones_per_octave
    return tones[max(0, tone)]


def hit_notes(plan: Plan, line: Sequence[int | None], preset_part: PresetPart, boost: float) -> list[Note]:
    """A low boom on every strong hit: the root, low, and its octave where the register allows it."""
    notes: list[Note] = []
    lowest, highest = preset_part.register
    for beat in plan.strong:
        span = plan.span_at(beat)
        if span is None or span.chord.root is None:
            continue
        pitch = lowest + (span.chord.root - lowest) % 12
        stop = plan.breathing_end(beat, min(beat + BOOM_BEATS, plan.last_beat))
        extra = preset_part.boost + boost + STRONG_EXTRA
        loud = velocity(plan.curve.loudness_at(beat), extra)
        notes += [Note(beat, stop - beat, p, loud) for p in (pitch, pitch + 12) if p <= highest]
    return notes


def expression_controls(plan: Plan, shape: HitShape, *, with_modulation: bool) -> list[Control]:
    """CC11 (and CC1) from the loudness, with a build into every strong hit, a fall after it and a fade in the tail."""
    controls: list[Control] = []
    last: dict[int, int] = {}
    steps = int(plan.last_beat / _CONTROL_STEP_BEATS) + 1
    for index in range(steps):
        beat = index * _CONTROL_STEP_BEATS
        if beat >= plan.last_beat:
            break
        share = plan.curve.smooth_share(min(beat, plan.end_beat)) + shape.shift(beat)
        values = {_EXPRESSION: round(expression(share) * _tail_fade(plan, beat))}
        if with_modulation:
            values[_MODULATION] = modulation(share)
        for number, value in sorted(values.items()):
            if number not in last or abs(value - last[number]) >= 2:
                controls.append(Control(beat, number, value))
                last[number] = value
    return controls


def _tail_fade(plan: Plan, beat: float) -> float:
    if beat <= plan.end_beat:
        return 1.0
    return max(0.0, 1 - (beat - plan.end_beat) / (plan.last_beat - plan.end_beat))


def _merged(firm: Sequence[UnpitchedNote], loose: Sequence[UnpitchedNote]) -> list[UnpitchedNote]:
    """All notes of ``firm``, and those of ``loose`` that start at other beats, in order."""
    taken = {round(o.beat, 3) for o in firm}
    return sorted([*firm, *(o for o in loose if round(o.beat, 3) not in taken)], key=lambda o: o.beat)


def _span_end(plan: Plan, span: ChordSpan) -> float:
    return plan.last_beat if abs(span.end_beat - plan.end_beat) < 1e-6 else span.end_beat


def hit_extra(plan: Plan, beat: float) -> float:
    """Velocity added at a beat: on a must-hit, on any other landed hit, 0 elsewhere."""
    if plan.is_strong(beat):
        return STRONG_EXTRA
    return ACCENT_EXTRA if plan.is_accent(beat) else 0.0
