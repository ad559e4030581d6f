"""What the cast and the builds make of the notes of each part. Door of this folder."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from v2m_bridge.music.arrangement import Note
from v2m_bridge.music.dynamics import velocity
from v2m_bridge.music.instruments import PresetPart, Role
from v2m_bridge.music.keys import Key
from v2m_bridge.music.orchestration.builds import Build, HitShape, struck_again
from v2m_bridge.music.orchestration.cast import TUTTI, Cast
from v2m_bridge.music.plan import Plan
from v2m_bridge.music.themes.development import scale_of
from v2m_bridge.music.voices.part_writing import moves_at, parallels

_NEAR = 1e-3

STRUCK_BEATS = 2.0
"""How long the chord of a must-hit is held at most: then everybody cuts off."""

RISING_BEATS = 8.0
"""The rising line leads through so much of a build, a scale tone a beat."""

SHORTEST_BEATS = 0.2
"""No note of the rising line is shorter."""

RISING_TOUCH, OCTAVE_TOUCH = 4, -10
"""Velocity added to the rising line, and to the figure's octave in a tutti."""


class Orchestrator:
    """Takes the notes of each part and leaves, adds and lengthens what the plan of players asks for."""

    def __init__(self, plan: Plan, cast: Cast, key: Key, written: frozenset[Role], boost: float = 0.0) -> None:
        self.plan, self.cast, self.key, self.written = plan, cast, key, written
        self.shape = HitShape(plan, boost)

    def plays(self, role: Role, beat: float) -> bool:
        """Whether a role that keeps no line of its own may begin a note at ``beat``."""
        plan = self.plan
        if plan.is_strong(beat) or beat >= plan.closing_beat - _NEAR:
            return True
        if self.shape.in_space(beat):
            return role is Role.BASS
        build = self.shape.build_at(beat)
        if build:
            return role is not Role.SWELL and (role is not Role.CHORDS or beat >= build.middle_beat - _NEAR)
        return self.cast.plays(role, beat, self.written)

    def thinned(self, role: Role, notes: Sequence[Note]) -> list[Note]:
        """The notes that begin where the role plays; one that would sound on into a rest of it ends there."""
        edges = self._edges()
        kept: list[Note] = []
        for note in notes:
            pieces = [e for e in edges if note.start_beat + _NEAR < e < note.end_beat - _NEAR]
            spans = list(itertools.pairwise([note.start_beat, *pieces, note.end_beat]))
            start: float | None = None
            for a, b in spans:
                here = self.plays(role, a)
                if here and start is None:
                    start = a
                if start is not None and not here:
                    kept.append(note._replace(start_beat=start, length_beats=a - start))
                    start = None
                if start is not None and abs(b - note.end_beat) < _NEAR:
                    kept.append(note._replace(start_beat=start, length_beats=b - start))
        return [note for note in kept if note.length_beats > 0.1]

    def _edges(self) -> list[float]:
        """Beats at which somebody's part begins or ends."""
        edges = {block.start_beat for block in self.cast.blocks}
        for build in self.shape.builds:
            edges |= {build.start_beat, build.middle_beat, build.hit_beat}
        bars = sorted(bar.start_beat for bar in self.plan.bars)
        for hit in self.plan.strong:
            edges |= {min(hit + STRUCK_BEATS, next((b for b in bars if b > hit + _NEAR), hit + STRUCK_BEATS))}
            edges |= {b for b in bars if hit + _NEAR < b <= hit + 8.0}
        edges.add(self.plan.closing_beat)
        return sorted(edges)

    def filled(self, role: Role, notes: Sequence[Note], spare: Sequence[Note]) -> list[Note]:
        """The notes, and ``spare`` ones in bars where the role should play and nothing of it sounds."""
        empty = [
            (bar.start_beat, bar.start_beat + bar.length_beats)
            for bar in self.plan.bars
            if bar.start_beat < self.plan.closing_beat - _NEAR
            and self.plays(role, bar.start_beat)
            and not any(_sounds_in(n, bar.start_beat, bar.start_beat + bar.length_beats) for n in notes)
        ]
        added = [_inside(note, a, b) for a, b in empty for note in spare if _sounds_in(note, a, b)]
        return [*notes, *added]

    def struck_chords(self, notes: Sequence[Note]) -> list[Note]:
        """Held chords, struck again through the builds, cut off after a hit."""
        return [self._cut_off(note) for note in struck_again(self.plan, notes, self.shape.builds)]

    def _cut_off(self, note: Note) -> Note:
        if self.plan.is_strong(note.start_beat) and note.start_beat < self.plan.closing_beat - _NEAR:
            return note._replace(length_beats=min(note.length_beats, STRUCK_BEATS))
        return note

    def octaves(self, notes: Sequence[Note], register: tuple[int, int]) -> list[Note]:
        """The figure with its octave where everybody plays, above it or, where the register ends, below."""
        doubled = []
        for note in notes:
            block = self.cast.block_at(note.start_beat)
            if block is None or block.level < TUTTI or self.shape.build_at(note.start_beat):
                continue
            pitch = note.pitch + 12 if note.pitch + 12 <= register[1] else note.pitch - 12
            if pitch >= register[0]:
                doubled.append(note._replace(pitch=pitch, velocity=max(1, note.velocity + OCTAVE_TOUCH)))
        return [*notes, *doubled]

    def hit_chord(self, preset_part: PresetPart, boost: float) -> list[Note]:
        """The whole chord on every must-hit, from the middle of the register upwards."""
        low, high = preset_part.register
        notes: list[Note] = []
        for beat in self.plan.strong:
            span = self.plan.span_at(beat)
            if span is None or beat >= self.plan.closing_beat - _NEAR:
                continue
            stop = self.plan.breathing_end(beat, min(beat + 1.0, span.end_beat))
            loud = velocity(self.plan.curve.loudness_at(beat), preset_part.boost + boost)
            base = (low + high) // 2 - 6
            for tone in span.chord.pitch_classes[:3]:
                pitch = base + (tone - base) % 12
                if low <= pitch <= high:
                    notes.append(Note(beat, stop - beat, pitch, loud))
        return notes

    def rising_line(self, preset_part: PresetPart, boost: float, others: Sequence[Sequence[Note]]) -> list[Note]:
        """A line that climbs the scale beat by beat into each must-hit and arrives on the root of its chord.

        Args:
            others: parts that it should not run parallel with.
        """
        notes: list[Note] = []
        for build in self.shape.builds:
            notes += self._line_into(build, preset_part, boost, others)
        return notes

    def _line_into(
        self, build: Build, preset_part: PresetPart, boost: float, others: Sequence[Sequence[Note]]
    ) -> list[Note]:
        goal = self.plan.span_at(build.hit_beat)
        if goal is None:
            return []
        low, high = preset_part.register
        later = max(p for p in range(low, high + 1) if p % 12 == goal.chord.root)
        scale = set(scale_of(self.key)) | set(goal.chord.pitch_classes)
        notes: list[Note] = []
        for steps in range(1, int(min(RISING_BEATS, build.length_beats)) + 1):
            beat = build.hit_beat - steps
            below = [p for p in range(later - 1, low - 1, -1) if p % 12 in scale][:2]
            moves = [pair for part in others for pair in moves_at(part, beat + 1.0)]
            apart = [p for p in below if not parallels([p, *(m[0] for m in moves)], [later, *(m[1] for m in moves)])]
            stop = self.plan.breathing_end(beat, beat + 1.0)
            if not below or self.plan.span_at(beat) is None:
                break
            later = (apart or below)[0]
            if stop - beat >= SHORTEST_BEATS:
                loud = velocity(self.plan.curve.loudness_at(beat), preset_part.boost + boost + RISING_TOUCH)
                notes.append(Note(beat, stop - beat, later, loud))
        return notes[::-1]

    def with_pedal(self, notes: Sequence[Note], register: tuple[int, int]) -> list[Note]:
        """The bass, which in the last bar of a build holds the dominant where no chord there clashes with it."""
        result = list(notes)
        dominant = (self.key.tonic + 7) % 12
        low, high = register
        pitch = low + (dominant - low) % 12
        for build in self.shape.builds:
            start = max((b.start_beat for b in self.plan.bars if b.start_beat < build.hit_beat - _NEAR), default=0.0)
            spans = [s for s in self.plan.spans if s.start_beat < build.hit_beat - _NEAR and s.end_beat > start + _NEAR]
            clash = any((tone - dominant) % 12 in (1, 11) for s in spans for tone in s.chord.pitch_classes)
            there = [n for n in result if start - _NEAR <= n.start_beat < build.hit_beat - _NEAR]
            if clash or not there or pitch > high or any(s.chord.root is None for s in spans):
                continue
            loud = max(n.velocity for n in there)
            stop = self.plan.breathing_end(start, build.hit_beat)
            result = [n for n in result if n not in there]
            result = [_inside(n, n.start_beat, start) if _sounds_in(n, start, stop) else n for n in result]
            result.append(Note(start, stop - start, pitch, loud))
        return result


def _sounds_in(note: Note, start: float, stop: float) -> bool:
    return note.start_beat < stop - _NEAR and note.end_beat > start + _NEAR


def _inside(note: Note, start: float, stop: float) -> Note:
    begin, end = max(note.start_beat, start), min(note.end_beat, stop)
    return note._replace(start_beat=begin, length_beats=end - begin)
