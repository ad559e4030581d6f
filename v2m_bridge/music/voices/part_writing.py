"""Marks part writing as a harmony teacher does: parallel fifths and octaves, and doubled leading tones."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

from v2m_bridge.music.arrangement import Note
from v2m_bridge.music.chords import Chord
from v2m_bridge.music.keys import Key

Voices = Sequence[int | None]
"""One moment: the pitch of every voice, None where it rests."""

_PERFECT = (0, 7)
_NEAR = 1e-3


@dataclass(frozen=True)
class PartWriting:
    """What was found.

    Attributes:
        changes: moments that were compared with the one before.
        parallels: pairs of voices that move together in fifths or octaves.
        leading_tones: moments at which a leading tone sounds under a chord that holds it.
        doubled: those of them at which it sounds in more than one voice.
    """

    changes: int = 0
    parallels: int = 0
    leading_tones: int = 0
    doubled: int = 0

    @property
    def parallels_per_change(self) -> float:
        """0 or more; 0 without changes."""
        return self.parallels / max(1, self.changes)

    @property
    def doubled_share(self) -> float:
        """Share of leading tones that are doubled, 0..1."""
        return self.doubled / max(1, self.leading_tones)

    def __add__(self, other: PartWriting) -> PartWriting:
        return PartWriting(
            self.changes + other.changes,
            self.parallels + other.parallels,
            self.leading_tones + other.leading_tones,
            self.doubled + other.doubled,
        )


def parallels(before: Voices, after: Voices) -> int:
    """Pairs of voices that both move, the same way, and are a fifth or octave (or unison) apart before and after.

    Args:
        before, after: the same voices in the same order.
    """
    moving = [(a, b) for a, b in zip(before, after, strict=True) if a is not None and b is not None and a != b]
    count = 0
    for (a, b), (c, d) in itertools.combinations(moving, 2):
        together = (b > a) == (d > c)
        count += together and (a - c) % 12 == (b - d) % 12 and _interval(a, c) in _PERFECT
    return count


def _interval(one: int, other: int) -> int:
    return abs(one - other) % 12


def paired(before: Sequence[int], after: Sequence[int]) -> list[tuple[int, int]]:
    """The voices of two chords whose voices nobody has named: ascending, without crossing, with the least movement.

    Where the chords have a different number of tones, those that are left over begin or end there.
    """
    low, high = sorted(before), sorted(after)
    cost = [[0.0] * (len(high) + 1) for _ in range(len(low) + 1)]
    rest = 100.0
    for i, j in itertools.product(range(len(low) + 1), range(len(high) + 1)):
        if i == 0 or j == 0:
            cost[i][j] = rest * (i + j)
            continue
        moved = cost[i - 1][j - 1] + abs(low[i - 1] - high[j - 1])
        cost[i][j] = min(moved, cost[i - 1][j] + rest, cost[i][j - 1] + rest)
    pairs: list[tuple[int, int]] = []
    i, j = len(low), len(high)
    while i and j:
        if cost[i][j] == cost[i - 1][j - 1] + abs(low[i - 1] - high[j - 1]):
            pairs.append((low[i - 1], high[j - 1]))
            i, j = i - 1, j - 1
        elif cost[i][j] == cost[i - 1][j] + rest:
            i -= 1
        else:
            j -= 1
    return pairs[::-1]


def check_voices(moments: Sequence[Voices]) -> PartWriting:
    """Parallels between neighbouring moments of named voices; moments without movement are no changes."""
    changes = [(a, b) for a, b in itertools.pairwise(moments) if tuple(a) != tuple(b)]
    return PartWriting(changes=len(changes), parallels=sum(parallels(a, b) for a, b in changes))


def check_parts(
    parts: Sequence[Sequence[Note]], changes: Sequence[tuple[float, Chord]], key: Key, end_beat: float
) -> PartWriting:
    """Mark parts that sound together at every change of chord.

    Voices are paired inside a part (:func:`paired`), so that a part that doubles another in octaves counts as parallels
    with it, and octaves struck inside one part (a doubled bass) count as one voice.

    Args:
        parts: notes of each part.
        changes: (beat, chord) in order.
        key: whose leading tone is looked for.
        end_beat: where the last chord ends.
    """
    found = PartWriting()
    leading = (key.tonic + 11) % 12
    ordered = [sorted(part, key=lambda note: note.start_beat) for part in parts]
    beats = [beat for beat, _ in changes] + [end_beat]
    for index, (beat, chord) in enumerate(changes):
        now = [_sounding(part, beat) for part in ordered]
        if leading in chord.pitch_classes:
            count = sum(pitch % 12 == leading for tones in now for pitch in tones)
            found += PartWriting(leading_tones=int(count > 0), doubled=int(count > 1))
        if index == 0 or beats[index + 1] - beat < _NEAR:
            continue
        voices = [pair for part in ordered for pair in moves_at(part, beat)]
        if voices:
            before_after = tuple(zip(*voices, strict=True))
            found += PartWriting(changes=1, parallels=parallels(before_after[0], before_after[1]))
    return found


def moves_at(part: Sequence[Note], beat: float) -> list[tuple[int, int]]:
    """(before, after) of every voice of a part that sounds on both sides of ``beat``."""
    return paired(_sounding(part, beat - 0.05), _sounding(part, beat))


def _sounding(part: Sequence[Note], beat: float) -> list[int]:
    """Pitches at ``beat``, ascending, without the upper octaves of a tone that the same part doubles."""
    pitches = sorted({n.pitch for n in part if n.start_beat <= beat + _NEAR and n.end_beat > beat + _NEAR})
    return [pitch for pitch in pitches if len(pitches) > 2 or pitch - 12 not in pitches]
