"""Chords, notes and dynamics of the new score: the old ones in kept bars, fresh ones between."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from v2m_bridge.compose.conform.plan import ConformPlan, KeptRun, Rewritten
from v2m_bridge.music.arrangement import Arrangement, Control, DynamicsPoint, Note, Part
from v2m_bridge.music.chords import Chord, ChordEvent, parse_label
from v2m_bridge.score.model import Score
from v2m_bridge.sync.model import Slot

EARLY_BEATS = 1e-6
"""Notes that begin this little before a bar line belong to the bar."""
SHORTEST_BEATS = 1 / 96


def held_chords(old: Score, plan: ConformPlan, slots: Sequence[Slot]) -> dict[int, Chord]:
    """Slot -> the old chord that sounds in its middle, for slots of kept bars."""
    found: dict[int, Chord] = {}
    for index, slot in enumerate(slots):
        middle = (slot.start_beat + slot.end_beat) / 2
        run = plan.run_at(middle)
        if run is None:
            continue
        beat = middle - run.shift_beats
        chord = next((c for c in old.chords if c.start_beat <= beat < c.end_beat), None)
        if chord:
            found[index] = parse_label(chord.label)
    return found


def joined_chords(
    old: Score, plan: ConformPlan, fresh: Sequence[ChordEvent], silent: Sequence[Rewritten]
) -> tuple[ChordEvent, ...]:
    """Old chords of kept bars at their new beats, fresh ones in rewritten bars that are not to stay silent."""
    events: list[ChordEvent] = []
    for run in plan.kept:
        for chord in old.chords:
            a, b = max(chord.start_beat, run.old_start), min(chord.end_beat, run.old_end)
            if b > a + EARLY_BEATS:
                label = parse_label(chord.label)
                events.append(ChordEvent(label, a + run.shift_beats, b + run.shift_beats, chord.probability))
    for window in plan.rewritten:
        if window not in silent:
            events += _inside(fresh, window)
    end = plan.end_beat
    events = [replace(e, end_beat=min(e.end_beat, end)) for e in events if e.start_beat < end - EARLY_BEATS]
    return tuple(sorted(events, key=lambda e: e.start_beat))


def _inside(fresh: Sequence[ChordEvent], window: Rewritten) -> Iterable[ChordEvent]:
    for event in fresh:
        a, b = max(event.start_beat, window.start_beat), min(event.end_beat, window.end_beat)
        if b > a + EARLY_BEATS:
            yield replace(event, start_beat=a, end_beat=b)


def joined_dynamics(old: Score, plan: ConformPlan, fresh: Sequence[DynamicsPoint]) -> tuple[DynamicsPoint, ...]:
    """Old points of kept bars and fresh ones between; a run starts with what held there."""
    points: list[DynamicsPoint] = []
    was = [DynamicsPoint(d.beat, d.note_density, d.loudness) for d in old.dynamics]
    for run in plan.kept:
        before = [d for d in was if d.beat <= run.old_start + EARLY_BEATS]
        if before:
            points.append(replace(before[-1], beat=run.new_start))
        points += [
            replace(d, beat=d.beat + run.shift_beats) for d in was if run.old_start + EARLY_BEATS < d.beat < run.old_end
        ]
    for window in plan.rewritten:
        before = [d for d in fresh if d.beat <= window.start_beat + EARLY_BEATS]
        if before:
            points.append(replace(before[-1], beat=window.start_beat))
        points += [d for d in fresh if window.start_beat + EARLY_BEATS < d.beat < window.end_beat]
    return tuple(sorted(points, key=lambda d: d.beat))


def joined_parts(
    old: Score, plan: ConformPlan, fresh: Arrangement | None, silent: Sequence[Rewritten]
) -> tuple[Part, ...]:
    """Parts by role: old notes and controllers of kept bars, fresh ones in rewritten bars."""
    theirs = {part.role: part for part in fresh.parts} if fresh else {}
    ours = {part.role: part for part in old.parts}
    parts: list[Part] = []
    for role in dict.fromkeys((*ours, *theirs)):
        was, new = ours.get(role), theirs.get(role)
        notes: list[Note] = []
        controls: list[Control] = []
        if was:
            for run in plan.kept:
                notes += _kept_notes(was.notes, run, plan.end_beat)
                controls += _kept_controls(was.controls, run)
        if new:
            for window in plan.rewritten:
                if window not in silent:
                    notes += _fresh_notes(new.notes, window)
                    controls += [c for c in new.controls if window.start_beat <= c.beat < window.end_beat]
        if was:
            named = Part(was.name, was.role, was.channel, was.program, ())
        else:
            assert new is not None
            named = replace(new, channel=_free_channel(new.channel, parts, old))
        parts.append(replace(named, notes=_in_order(notes), controls=tuple(sorted(controls, key=lambda c: c.beat))))
    return tuple(p for p in parts if p.notes or p.role in ours)


def _in_order(notes: Iterable[Note]) -> tuple[Note, ...]:
    """As the arranger orders them."""
    return tuple(sorted(notes, key=lambda n: (n.start_beat, n.pitch, -n.length_beats)))


def _kept_notes(notes: Iterable[Note], run: KeptRun, end_beat: float) -> Iterable[Note]:
    """Notes that begin in the run; what they rang on into picture that is no longer there is cut off."""
    for note in notes:
        if not run.old_start - EARLY_BEATS <= note.start_beat < run.old_end - EARLY_BEATS:
            continue
        last = note.end_beat if run.to_end else run.old_end
        length = note.length_beats if note.end_beat <= last + EARLY_BEATS else last - note.start_beat
        start = note.start_beat + run.shift_beats if run.shift_beats else note.start_beat
        if length > SHORTEST_BEATS and (start < end_beat or run.to_end):
            yield note._replace(start_beat=start, length_beats=length)


def _fresh_notes(notes: Iterable[Note], window: Rewritten) -> Iterable[Note]:
    for note in notes:
        a, b = max(note.start_beat, window.start_beat), min(note.end_beat, window.end_beat)
        if note.start_beat >= window.end_beat - EARLY_BEATS or b - a <= SHORTEST_BEATS:
            continue
        yield note._replace(start_beat=a, length_beats=b - a)


def _kept_controls(controls: Sequence[Control], run: KeptRun) -> Iterable[Control]:
    """Controllers of the run; it starts with the values that held there."""
    inside = [c for c in controls if run.old_start - EARLY_BEATS <= c.beat < run.old_end - EARLY_BEATS]
    for number in sorted({c.number for c in controls}):
        if any(c.number == number and abs(c.beat - run.old_start) < EARLY_BEATS for c in inside):
            continue
        before = [c for c in controls if c.number == number and c.beat < run.old_start]
        if before:
            yield max(before, key=lambda c: c.beat)._replace(beat=run.new_start)
    for control in inside:
        yield control._replace(beat=control.beat + run.shift_beats) if run.shift_beats else control


def _free_channel(wanted: int, parts: Sequence[Part], old: Score) -> int:
    used = {p.channel for p in parts} | {p.channel for p in old.parts}
    return wanted if wanted not in used else next(c for c in range(16) if c not in used and c != 9)
