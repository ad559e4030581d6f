"""Gives the player's lines to the instruments of an ensemble: who plays which note, how loud, in which octave."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from v2m_bridge.music.arrangement import Note
from v2m_bridge.music.dynamics import velocity
from v2m_bridge.music.instruments import Preset, PresetPart, Role
from v2m_bridge.music.parts import hit_extra
from v2m_bridge.music.plan import Plan
from v2m_bridge.music.themes.lines import LineNote, Lines

_SHORTEST_BEATS = 0.1
_TOGETHER_BEATS = 0.02
HELD_TEXTURE_BEATS = 0.75
"""Notes of the upper texture that are struck together and at least this long are chords, others are the figure."""


def line_notes(plan: Plan, line: Sequence[LineNote], preset_part: PresetPart, boost: float) -> list[Note]:
    """A line on an instrument: by octaves into its register, no note through a breath."""
    return [
        _note(plan, note, into_register(note.pitch, preset_part.register), preset_part.boost + boost)
        for note in line
        if note.length_beats >= _SHORTEST_BEATS and note.start_beat < plan.closing_beat - 1e-6
    ]


def _note(plan: Plan, note: LineNote, pitch: int, boost: float) -> Note:
    loud = velocity(plan.curve.loudness_at(note.start_beat), boost + note.touch + hit_extra(plan, note.start_beat))
    stop = plan.breathing_end(note.start_beat, min(note.end_beat, plan.last_beat))
    return Note(note.start_beat, stop - note.start_beat, pitch, loud)


def into_register(pitch: int, register: tuple[int, int]) -> int:
    """The pitch, by octaves, inside a register of at least an octave."""
    low, high = register
    while pitch < low:
        pitch += 12
    while pitch > high:
        pitch -= 12
    return pitch


def texture_notes(
    plan: Plan, lines: Lines, preset: Preset, boost: float, *, held_apart: bool = False
) -> dict[Role, list[Note]]:
    """Chords, bass and figure from the player's texture.

    The lowest note of the lower texture is the bass wherever it begins; what lies above it, and what the upper texture
    strikes together and holds, are chords; the rest of the upper texture is the figure.

    Args:
        held_apart: somebody else holds the chords: the figure's instrument plays those of the texture too.
    """
    found: dict[Role, list[Note]] = {Role.CHORDS: [], Role.BASS: [], Role.FIGURE: []}
    for given, note in _given_out(lines):
        role = Role.FIGURE if held_apart and given is Role.CHORDS else given
        part = preset[role]
        if note.length_beats >= _SHORTEST_BEATS and note.start_beat < plan.closing_beat - 1e-6:
            pitch = into_register(note.pitch, part.register)
            found[role].append(_note(plan, note, pitch, part.boost + boost))
    return found


def _given_out(lines: Lines) -> list[tuple[Role, LineNote]]:
    given: list[tuple[Role, LineNote]] = []
    for onset in _onsets(lines.lower):
        lowest = min(onset, key=lambda note: note.pitch)
        given.append((Role.BASS, lowest))
        given += [(Role.CHORDS, note) for note in onset if note is not lowest]
    for onset in _onsets(lines.upper):
        held = len(onset) > 1 and min(note.length_beats for note in onset) >= HELD_TEXTURE_BEATS
        given += [(Role.CHORDS if held else Role.FIGURE, note) for note in onset]
    return given


def _onsets(notes: Sequence[LineNote]) -> list[list[LineNote]]:
    groups: dict[int, list[LineNote]] = defaultdict(list)
    for note in notes:
        groups[round(note.start_beat / _TOGETHER_BEATS)].append(note)
    return [groups[moment] for moment in sorted(groups)]


def closing_only(plan: Plan, notes: Sequence[Note]) -> list[Note]:
    """Notes of the held ending."""
    return [note for note in notes if note.start_beat >= plan.closing_beat - 1e-6]


def striking_only(plan: Plan, notes: Sequence[Note]) -> list[Note]:
    """Notes that begin on a must-hit, which everybody strikes."""
    return [n for n in notes if plan.is_strong(n.start_beat) and n.start_beat < plan.closing_beat - 1e-6]
