"""How a score is played: notes a little off the written beats and velocities a little uneven, as people play.

The document keeps what is written; MIDI, REAPER and the preview get what is played. Deviations follow from the seed,
from what is struck and from its place in the bar: a bar that moves, or that follows a rewritten one, keeps them.
"""

from __future__ import annotations

import itertools
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b

from v2m_bridge.music.arrangement import Note, Part
from v2m_bridge.score.model import Score
from v2m_bridge.sync.document import tempo_map_from_document
from v2m_bridge.sync.model import Lands
from v2m_bridge.timing.tempo import PPQ, TempoMap

FARTHEST_S = 0.012
"""No note is moved farther than this, at the full amount."""

ONSET_SPREAD_S, NOTE_SPREAD_S = 0.0045, 0.002
"""Standard deviations of what is struck together, and of its notes against each other."""

ONSET_VELOCITY, NOTE_VELOCITY = 4.0, 3.5
"""The same of velocities. POP909's pianists: 7 to 11 about the running mean of a part, 4 inside a chord."""

TOP_VELOCITY, INNER_VELOCITY = 3.0, -1.0
"""Added to the highest note of a chord, and to its others. POP909's pianists: 3.9 apart."""

SHORTEST_S = 0.02
_NEAR = 1e-3


def played_parts(score: Score) -> tuple[Part, ...]:
    """The parts as they are played, with ``humanize`` of the score's options (0: as written).

    No note that begins on a landed hit changes, no other one by more than 12 ms; where notes end stays as written.
    """
    amount = score.options.arrangement.humanize
    if amount <= 0:
        return tuple(score.parts)
    tempo = tempo_map_from_document(score.fit)
    hits = sorted(hit.beat for hit in score.fit.hits if hit.lands is not Lands.MISS)
    bars = [bar.start_beat for bar in tempo.bars(max(score.fit.end_beat, 1.0))]
    stage = _Stage(tempo, tuple(hits), tuple(bars), score.seed, amount)
    return tuple(replace(part, notes=stage.played(part)) for part in score.parts)


@dataclass(frozen=True)
class _Stage:
    """What the players share."""

    tempo: TempoMap
    hits: tuple[float, ...]
    bars: tuple[float, ...]
    seed: int
    amount: float

    def played(self, part: Part) -> tuple[Note, ...]:
        """The part's notes in order, none of a pitch before the one of that pitch has ended."""
        notes = [
            note
            for beat, struck in itertools.groupby(sorted(part.notes), key=lambda n: n.start_beat)
            for note in self._struck(part.role, beat, list(struck))
        ]
        kept: list[Note] = []
        last: dict[int, int] = {}
        for note in sorted(notes):
            before = last.get(note.pitch)
            if before is not None and kept[before].end_beat > note.start_beat:
                earlier = kept[before]
                kept[before] = earlier._replace(length_beats=note.start_beat - earlier.start_beat)
            last[note.pitch] = len(kept)
            kept.append(note)
        return tuple(kept)

    def _struck(self, role: str, beat: float, notes: Sequence[Note]) -> list[Note]:
        """Notes that are written for one moment."""
        if self._on_hit(beat):
            return list(notes)
        place = round((beat - self.bars[max(0, bisect_right(self.bars, beat + _NEAR) - 1)]) * PPQ)
        chord = ",".join(f"{note.pitch}:{round(note.length_beats * PPQ)}:{note.velocity}" for note in notes)
        shared_s, shared_velocity = _deviations(f"{self.seed}|{role}|{place}|{chord}")
        top = max(note.pitch for note in notes)
        played = []
        for note in notes:
            own_s, own_velocity = _deviations(f"{self.seed}|{role}|{place}|{chord}|{note.pitch}")
            late_s = self.amount * (ONSET_SPREAD_S * shared_s + NOTE_SPREAD_S * own_s)
            late_s = min(self.amount * FARTHEST_S, max(-self.amount * FARTHEST_S, late_s))
            voice = 0.0 if len(notes) == 1 else TOP_VELOCITY if note.pitch == top else INNER_VELOCITY
            louder = ONSET_VELOCITY * shared_velocity + NOTE_VELOCITY * own_velocity + voice
            played.append(self._moved(note, late_s, self.amount * louder))
        return played

    def _on_hit(self, beat: float) -> bool:
        index = bisect_right(self.hits, beat + _NEAR) - 1
        return index >= 0 and beat - self.hits[index] < _NEAR

    def _moved(self, note: Note, late_s: float, louder: float) -> Note:
        start_s, end_s = self.tempo.seconds_at(note.start_beat), self.tempo.seconds_at(note.end_beat)
        begin_s = min(max(0.0, start_s + late_s), max(start_s, end_s - SHORTEST_S))
        begin = self.tempo.beat_at(begin_s)
        velocity = min(127, max(1, round(note.velocity + louder)))
        return Note(begin, note.end_beat - begin, note.pitch, velocity)


def _deviations(text: str) -> tuple[float, float]:
    """Two numbers of mean 0 and standard deviation 1, nearly normal and within 3.5, that follow from ``text``."""
    words = blake2b(text.encode(), digest_size=16).digest()
    uniform = [int.from_bytes(words[i : i + 2], "big") / 65535 for i in range(0, 16, 2)]
    # The sum of four uniform numbers has variance 1/3.
    return (sum(uniform[:4]) - 2) * 3**0.5, (sum(uniform[4:]) - 2) * 3**0.5
