"""Suspensions and anticipations in held chords: a voice that falls comes late, a leading tone resolves early."""

from __future__ import annotations

from collections.abc import Sequence

from v2m_bridge.music.arrangement import Note
from v2m_bridge.music.keys import Key
from v2m_bridge.music.plan import ChordSpan, Plan

_NEAR = 1e-3
_SUSPENDED = {(5, 4), (5, 3), (10, 9), (10, 8), (11, 9), (2, 0)}
"""(suspended tone, its resolution) in semitones above the bass, octaves taken away: 4-3, 7-6 and 9-8."""

DELAY_BEATS, EARLY_BEATS = 1.0, 0.5
SHORTEST_SPAN_BEATS = 2.0
"""A chord is at least this long for a suspension over it, or an anticipation before its end."""


def with_suspensions(plan: Plan, notes: Sequence[Note], bass: Sequence[Note], key: Key) -> list[Note]:
    """The notes with one voice at most delayed or advanced at each change of chord.

    A voice that falls by step to a tone of a chord, from a tone that forms a fourth, seventh or ninth with the bass,
    holds that tone a beat longer; the tone itself is prepared by the chord before. Where there is none, a leading tone
    that rises to the tonic does so half a beat early. Must-hits, other hits and the held ending stay as they are.
    """
    result = list(notes)
    for span, after in zip(plan.spans, plan.spans[1:], strict=False):
        beat = after.start_beat
        if after.chord.root is None or beat > plan.closing_beat - _NEAR or _stressed(plan, beat):
            continue
        moved = _moves(result, beat)
        below = _bass_pitch(bass, after)
        if below is None or not _suspend(result, moved, after, below):
            _anticipate(result, moved, span, key)
    return sorted(result)


def _stressed(plan: Plan, beat: float) -> bool:
    return plan.is_strong(beat) or plan.is_accent(beat)


def _moves(notes: Sequence[Note], beat: float) -> list[tuple[int, int]]:
    """Indices of notes that end at ``beat`` and of those that follow them by step, in the same voice."""
    ending = [i for i, n in enumerate(notes) if abs(n.end_beat - beat) < _NEAR]
    starting = [i for i, n in enumerate(notes) if abs(n.start_beat - beat) < _NEAR]
    found = []
    for old in ending:
        steps = [new for new in starting if 1 <= abs(notes[new].pitch - notes[old].pitch) <= 2]
        if len(steps) == 1:
            found.append((old, steps[0]))
    taken = [new for _, new in found]
    return [(old, new) for old, new in found if taken.count(new) == 1]


def _suspend(notes: list[Note], moved: Sequence[tuple[int, int]], span: ChordSpan, bass: int) -> bool:
    """Delay one voice of the change into ``span``, where one may be."""
    if span.length_beats < SHORTEST_SPAN_BEATS:
        return False
    tones = {(tone - bass) % 12 for tone in span.chord.pitch_classes}
    delay = min(DELAY_BEATS, span.length_beats / 2)
    for old, new in moved:
        held, resolved = notes[old], notes[new]
        steps = ((held.pitch - bass) % 12, (resolved.pitch - bass) % 12)
        if steps not in _SUSPENDED or steps[0] in tones or resolved.length_beats <= delay:
            continue
        if steps[1] and _sounds_elsewhere(notes, new, span.start_beat):
            continue
        notes[old] = held._replace(length_beats=held.length_beats + delay)
        notes[new] = resolved._replace(
            start_beat=resolved.start_beat + delay,
            length_beats=resolved.length_beats - delay,
            velocity=max(1, resolved.velocity - 4),
        )
        return True
    return False


def _sounds_elsewhere(notes: Sequence[Note], index: int, beat: float) -> bool:
    """Whether another voice has the pitch class of the note ``index`` at ``beat``."""
    wanted = notes[index].pitch % 12
    return any(
        n.pitch % 12 == wanted and n.start_beat <= beat + _NEAR < n.end_beat for i, n in enumerate(notes) if i != index
    )


def _anticipate(notes: list[Note], moved: Sequence[tuple[int, int]], span: ChordSpan, key: Key) -> bool:
    """Let a leading tone of ``span`` rise early; the tonic is struck again on the change."""
    if span.length_beats < SHORTEST_SPAN_BEATS:
        return False
    for old, new in moved:
        leading, tonic = notes[old], notes[new]
        rises = tonic.pitch - leading.pitch == 1 and tonic.pitch % 12 == key.tonic
        if rises and leading.length_beats > 2 * EARLY_BEATS:
            notes[old] = leading._replace(length_beats=leading.length_beats - EARLY_BEATS)
            notes.append(Note(tonic.start_beat - EARLY_BEATS, EARLY_BEATS, tonic.pitch, leading.velocity - 6))
            return True
    return False


def _bass_pitch(bass: Sequence[Note], span: ChordSpan) -> int | None:
    """The lowest note of the bass at the start of the span."""
    at = span.start_beat
    return min((n.pitch for n in bass if n.start_beat <= at + _NEAR < n.end_beat), default=None)
