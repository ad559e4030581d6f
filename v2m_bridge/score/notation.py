"""A part as it is written down: notes on a grid of sixteenths, chords, voices, note values and ties.

What is played between the sixteenths is written on the nearest one; triplets are not told apart.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from v2m_bridge.music.arrangement import Note

GRID = 4
"""Steps a quarter note: everything is written on sixteenths."""

MOST_VOICES = 2
"""On one staff; where more notes overlap, the earlier ones are written shorter."""

VALUES: dict[int, tuple[str, int]] = {
    1: ("16th", 0),
    2: ("eighth", 0),
    3: ("eighth", 1),
    4: ("quarter", 0),
    6: ("quarter", 1),
    8: ("half", 0),
    12: ("half", 1),
    16: ("whole", 0),
    24: ("whole", 1),
}
"""Steps -> note value and dots."""


@dataclass(frozen=True)
class WrittenChord:
    """Pitches (MIDI numbers, ascending) that sound in ``[start, end)``, in steps of the grid."""

    start: int
    end: int
    pitches: tuple[int, ...]


@dataclass(frozen=True)
class WrittenPiece:
    """One note value of a chord, or of a rest where there are no pitches.

    Attributes:
        start: first step, counted from the start of the measure.
        steps: a key of :data:`VALUES`.
        tied_from, tied_to: whether a tie comes from the piece before, or goes on to the next.
    """

    start: int
    steps: int
    pitches: tuple[int, ...]
    tied_from: bool = False
    tied_to: bool = False


def step_at(beat: float) -> int:
    """The step of the grid nearest to a beat (quarter note)."""
    return round(beat * GRID)


def written_voices(notes: Sequence[Note], end: int) -> list[list[WrittenChord]]:
    """The notes as chords in at most :data:`MOST_VOICES` voices, none of which overlaps itself.

    The first voice is always there, also without notes.

    Args:
        notes: the part's notes.
        end: step at which the last measure ends; nothing is written behind it.
    """
    voices: list[list[WrittenChord]] = [[] for _ in range(MOST_VOICES)]
    for chord in _chords(notes, end):
        free = [voice for voice in voices if not voice or _gives_way(voice[-1], chord)]
        # where all voices sound on, the one that ends first gives way
        voice = free[0] if free else min(voices, key=lambda v: v[-1].end)
        before = voice.pop() if voice and voice[-1].end > chord.start else None
        if before and before.start == chord.start:
            chord = WrittenChord(chord.start, chord.end, tuple(sorted({*before.pitches, *chord.pitches})))
        elif before:
            voice.append(WrittenChord(before.start, chord.start, before.pitches))
        voice.append(chord)
    return [list(_closed(voice, end)) for voice in (voices[0], *(v for v in voices[1:] if v))]


def _gives_way(before: WrittenChord, chord: WrittenChord) -> bool:
    """Whether the next chord follows in the same voice: a step of overlap is a matter of playing."""
    return before.end <= chord.start + 1 and before.start < chord.start


def _closed(voice: Sequence[WrittenChord], end: int) -> Iterator[WrittenChord]:
    """The voice without rests of one step in front of a beat or of its next chord, which come of how it is played."""
    for index, chord in enumerate(voice):
        follows = voice[index + 1].start if index + 1 < len(voice) else end
        reaches = chord.end + 1 == follows or (chord.end + 1) % GRID == 0
        if reaches and chord.end < follows and chord.end - chord.start > 1:
            chord = WrittenChord(chord.start, chord.end + 1, chord.pitches)
        yield chord


def _chords(notes: Sequence[Note], end: int) -> Iterator[WrittenChord]:
    """Notes that begin and end together, by start; a pitch that sounds twice at once is written once."""
    together: dict[tuple[int, int], set[int]] = {}
    for note in notes:
        start = step_at(note.start_beat)
        last = min(end, max(start + 1, step_at(note.end_beat)))
        if start < last:
            together.setdefault((start, last), set()).add(note.pitch)
    for (start, last), pitches in sorted(together.items()):
        yield WrittenChord(start, last, tuple(sorted(pitches)))


def measure_pieces(voice: Sequence[WrittenChord], first: int, last: int) -> Iterator[WrittenPiece]:
    """What a voice has in the measure ``[first, last)``, rests included, without a gap."""
    at = first
    for chord in voice:
        if chord.end <= first or chord.start >= last:
            continue
        start, end = max(chord.start, first), min(chord.end, last)
        yield from _rests(at - first, start - first)
        values = list(_values(start - first, end - first))
        for index, (step, steps) in enumerate(values):
            comes_on = index > 0 or chord.start < first
            goes_on = index + 1 < len(values) or chord.end > last
            yield WrittenPiece(step, steps, chord.pitches, comes_on, goes_on)
        at = end
    yield from _rests(at - first, last - first)


def _rests(start: int, end: int) -> Iterator[WrittenPiece]:
    for step, steps in _values(start, end):
        yield WrittenPiece(step, steps, ())


def _values(start: int, end: int) -> Iterator[tuple[int, int]]:
    """Steps and note values that fill ``[start, end)``; what begins off the beat ends at the next one."""
    while start < end:
        off_beat = start % GRID
        room = min(end - start, GRID - off_beat) if off_beat else end - start
        steps = max(value for value in VALUES if value <= room)
        yield start, steps
        start += steps
