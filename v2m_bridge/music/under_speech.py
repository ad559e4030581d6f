"""What the music does while somebody speaks: it thins, softens, holds, and leaves the band of the voice free."""

from __future__ import annotations

import itertools
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace

from v2m_bridge.music.arrangement import ArrangeRequest, Control, Note, Part
from v2m_bridge.music.instruments import Role
from v2m_bridge.timing.tempo import TempoMap

SOFTER = 36.0
"""Velocity steps that a note loses at 1; 17.2 are 6 dB (``music.dynamics``: 86 steps over 30 dB)."""
QUIETEST = 10
"""No note becomes softer than this."""
EXPRESSION_SHARE = 0.35
"""Share of expression and modulation that is taken away at 1."""

VOICE_BAND = (63, 102)
"""MIDI pitches whose fundamentals lie between 300 Hz and 3 kHz."""

PAUSE_S = 1.2
"""The music does not come back in a shorter pause: nobody wants to hear it pump."""
BEFORE_S = 0.15
"""It gives way this much before the first word."""

NEAR = 1e-3

BEATS_KEPT, DOWNBEATS_KEPT, CHANGES_KEPT = 0.25, 0.5, 0.85
"""From these amounts on, parts that move keep their notes on beats, on downbeats and chord changes, on changes only."""

MOVING = (Role.FIGURE, Role.COUNTER)
HELD = (Role.CHORDS, Role.BASS, Role.SWELL)


@dataclass(frozen=True)
class _Spans:
    """Dialogue in beats: ascending, apart."""

    starts: tuple[float, ...]
    ends: tuple[float, ...]

    def holds(self, beat: float) -> bool:
        """Whether somebody speaks at ``beat``."""
        index = bisect_right(self.starts, beat + NEAR) - 1
        return index >= 0 and beat < self.ends[index] - NEAR

    def next_start(self, beat: float) -> float | None:
        """Where the next dialogue after ``beat`` begins."""
        index = bisect_right(self.starts, beat + NEAR)
        return self.starts[index] if index < len(self.starts) else None


def under_speech(parts: Sequence[Part], request: ArrangeRequest) -> tuple[Part, ...]:
    """The parts, giving way under ``request.speech`` as far as ``request.under_dialogue`` (0..1) says.

    Hits of the picture stay where they are, softer. Elsewhere no note changes.
    """
    if not request.speech or request.under_dialogue <= 0:
        return tuple(parts)
    spans = spans_in_beats(request.speech, request.tempo)
    kept = _places(request)
    return tuple(_thinned(part, spans, kept, request.under_dialogue) for part in parts)


def spans_in_beats(speech: Sequence[tuple[float, float]], tempo: TempoMap) -> _Spans:
    """Speech with its short pauses closed, from a little before each first word, in beats."""
    joined: list[list[float]] = []
    for start_s, end_s in sorted(speech):
        if joined and start_s - BEFORE_S - joined[-1][1] < PAUSE_S:
            joined[-1][1] = max(joined[-1][1], end_s)
        else:
            joined.append([max(0.0, start_s - BEFORE_S), end_s])
    return _Spans(tuple(tempo.beat_at(a) for a, _ in joined), tuple(tempo.beat_at(b) for _, b in joined))


@dataclass(frozen=True)
class _Kept:
    """Beats on which notes stay: chord changes, downbeats, all beats, each ascending."""

    changes: tuple[float, ...]
    downbeats: tuple[float, ...]
    beats: tuple[float, ...]

    def for_amount(self, amount: float) -> tuple[float, ...] | None:
        """The beats that parts which move keep; None where they keep everything."""
        if amount >= CHANGES_KEPT:
            return self.changes
        if amount >= DOWNBEATS_KEPT:
            return self.downbeats
        return self.beats if amount >= BEATS_KEPT else None


def _places(request: ArrangeRequest) -> _Kept:
    changes = {chord.start_beat for chord in request.chords}
    downbeats = {bar.start_beat for bar in request.bars}
    beats = {bar.start_beat + step for bar in request.bars for step in range(max(1, int(bar.length_beats)))}
    return _Kept(tuple(sorted(changes)), tuple(sorted(changes | downbeats)), tuple(sorted(changes | downbeats | beats)))


def _thinned(part: Part, spans: _Spans, kept: _Kept, amount: float) -> Part:
    if part.role == Role.MELODY:
        notes = _line_outside_voice(part.notes, spans)
    elif part.role in MOVING:
        notes = _only_on(part.notes, spans, kept.for_amount(amount))
    elif part.role in HELD:
        notes = _held(part.notes, spans, kept.for_amount(amount), kept.changes)
    else:
        notes = list(part.notes)
    softened = tuple(_softer(note, amount) if spans.holds(note.start_beat) else note for note in notes)
    return replace(part, notes=softened, controls=_lowered(part.controls, spans, amount))


def _line_outside_voice(notes: Sequence[Note], spans: _Spans) -> list[Note]:
    """The melody without its notes in the voice's band; one that sounds on into the speech ends where that begins."""
    kept = []
    for note in notes:
        in_band = VOICE_BAND[0] <= note.pitch <= VOICE_BAND[1]
        if in_band and spans.holds(note.start_beat):
            continue
        speech = spans.next_start(note.start_beat)
        if in_band and speech is not None and note.end_beat > speech + NEAR:
            note = note._replace(length_beats=max(speech - note.start_beat, 0.05))
        kept.append(note)
    return kept


def _only_on(notes: Sequence[Note], spans: _Spans, places: tuple[float, ...] | None) -> list[Note]:
    """Under speech only the notes on ``places``, and of those struck together only the lowest."""
    if places is None:
        return list(notes)
    taken: set[float] = set()
    kept: list[Note] = []
    for note in sorted(notes, key=lambda n: (n.start_beat, n.pitch)):
        if spans.holds(note.start_beat):
            if not _is_on(note.start_beat, places) or round(note.start_beat, 3) in taken:
                continue
            taken.add(round(note.start_beat, 3))
        kept.append(note)
    return kept


def _held(
    notes: Sequence[Note], spans: _Spans, places: tuple[float, ...] | None, changes: tuple[float, ...]
) -> list[Note]:
    """Under speech only the notes on ``places``, each held until the next one kept or the next chord."""
    if places is None:
        return list(notes)
    struck = sorted({round(note.start_beat, 6) for note in notes})
    spoken = [beat for beat in struck if spans.holds(beat)]
    staying = {beat for beat in spoken if _is_on(beat, places)}
    dropped = sorted(set(spoken) - staying)
    following = {before: after for before, after in itertools.pairwise([b for b in struck if b not in set(dropped)])}
    kept: list[Note] = []
    for note in notes:
        beat = round(note.start_beat, 6)
        if beat in set(dropped):
            continue
        if beat in staying:
            index = bisect_right(changes, beat + NEAR)
            ends = [end for end in (following.get(beat), changes[index] if index < len(changes) else None) if end]
            if ends and min(ends) > note.end_beat:
                note = note._replace(length_beats=min(ends) - note.start_beat)
        kept.append(note)
    return kept


def _softer(note: Note, amount: float) -> Note:
    return note._replace(velocity=max(min(QUIETEST, note.velocity), round(note.velocity - SOFTER * amount)))


def _lowered(controls: Sequence[Control], spans: _Spans, amount: float) -> tuple[Control, ...]:
    """Controllers lower under speech, with a step down where it begins and up where it ends."""
    share = 1 - EXPRESSION_SHARE * amount
    result: list[Control] = []
    for number in sorted({control.number for control in controls}):
        own = sorted(control for control in controls if control.number == number)
        beats = [control.beat for control in own]
        edges = [edge for edge in (*spans.starts, *spans.ends) if edge > own[0].beat]
        added = [Control(edge, number, own[bisect_right(beats, edge) - 1].value) for edge in edges]
        for control in sorted({(c.beat, c.number): c for c in (*added, *own)}.values()):
            lowered = round(control.value * share) if spans.holds(control.beat) else control.value
            result.append(control._replace(value=lowered))
    return tuple(sorted(result))


def _is_on(beat: float, places: Sequence[float]) -> bool:
    index = bisect_left(places, beat - NEAR * 10)
    return index < len(places) and places[index] <= beat + NEAR * 10
