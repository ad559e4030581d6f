"""What foretells notes without a network: n-grams, and a copy of the letter's last occurrence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from v2m_bridge.amt.player.steps import BEAT_OVER, DURATIONS, PITCHES, PLACES, ROLES, VELOCITIES, Ints
from v2m_bridge.training.player.batches import PieceWindow, beat_hints, chosen_notes
from v2m_bridge.training.player.judging import Nats, mean_nats
from v2m_bridge.training.player.pieces import NotePiece, step_notes

_FLOOR = 0.02
"""Share of the uniform distribution in every mixture, so that nothing is impossible."""

PLACE_COPY, PITCH_COPY = 0.5, 0.6
"""Share that the copy gives to what the last occurrence has."""

_BEGIN = PLACES + 1


@dataclass(frozen=True)
class _Events:
    """Notes and ends of beats of some steps: [E] each."""

    place: Ints
    before: Ints
    earlier: Ints
    is_note: np.ndarray
    pitch: Ints
    pitch_before: Ints
    root: Ints
    duration: Ints
    duration_before: Ints
    velocity: Ints
    velocity_before: Ints
    next_hint: Ints
    hint_pitch: Ints


class NoteStatistics:
    """Counts of what follows what in people's music."""

    def __init__(self, pieces: Sequence[NotePiece]) -> None:
        self.place = np.zeros(((PLACES + 2), (PLACES + 2), PLACES + 1))
        self.pitch_line = np.zeros((ROLES, PITCHES, PITCHES))
        self.pitch_chord = np.zeros((ROLES, 13, PITCHES))
        self.duration = np.zeros((PLACES, len(DURATIONS)))
        self.duration_line = np.zeros((ROLES, len(DURATIONS), len(DURATIONS)))
        self.velocity = np.zeros((VELOCITIES, VELOCITIES))
        for piece in pieces:
            self._count(_events(PieceWindow(piece, 0), piece.beats))

    def _count(self, found: _Events) -> None:
        np.add.at(self.place, (found.earlier, found.before, found.place), 1)
        note = found.is_note
        role, place = found.place[note] % ROLES, found.place[note]
        np.add.at(self.pitch_line, (role, found.pitch_before[note], found.pitch[note]), 1)
        np.add.at(self.pitch_chord, (role, found.root[note], found.pitch[note]), 1)
        np.add.at(self.duration, (place, found.duration[note]), 1)
        np.add.at(self.duration_line, (role, found.duration_before[note], found.duration[note]), 1)
        np.add.at(self.velocity, (found.velocity_before[note], found.velocity[note]), 1)

    def judge(self, windows: Sequence[PieceWindow], length: int, copy: bool = False) -> Nats:
        """Nats of the windows' first ``length`` steps; ``copy`` also knows the letter's last occurrence."""
        sums = np.zeros(5)
        for window in windows:
            sums += self._nats(_events(window, length), copy)
        return mean_nats(sums)

    def _nats(self, found: _Events, copy: bool) -> np.ndarray:
        note = found.is_note
        place = _mixed(
            found.place,
            (self.place[found.earlier, found.before], 0.6),
            (self.place.sum(0)[found.before], 0.4),
        )
        role, at = found.place[note] % ROLES, found.place[note]
        pitch = _mixed(
            found.pitch[note],
            (self.pitch_line[role, found.pitch_before[note]], 0.5),
            (self.pitch_chord[role, found.root[note]], 0.5),
        )
        if copy:
            place = _copied(place, found.place == found.next_hint, found.next_hint >= 0, PLACE_COPY)
            hint = found.hint_pitch[note]
            pitch = _copied(pitch, found.pitch[note] == hint, hint > 0, PITCH_COPY)
        duration = _mixed(
            found.duration[note],
            (self.duration[at], 0.5),
            (self.duration_line[role, found.duration_before[note]], 0.5),
        )
        known = note & (found.velocity > 0)
        velocity = _mixed(found.velocity[known], (self.velocity[found.velocity_before[known]], 1.0))
        fields = (place, pitch, duration, velocity)
        return np.array([*(-np.log(values).sum() for values in fields), note.sum()])


def _mixed(target: Ints, *parts: tuple[np.ndarray, float]) -> np.ndarray:
    """[E] probability of the targets under a mixture of counts [E, classes]."""
    classes = parts[0][0].shape[1]
    found = np.full(len(target), _FLOOR / classes)
    for counts, share in parts:
        smoothed = counts + 0.5 / classes
        chosen = smoothed[np.arange(len(target)), target] / smoothed.sum(1)
        found += (1 - _FLOOR) * share * chosen
    return found


def _copied(plain: np.ndarray, same: np.ndarray, known: np.ndarray, share: float) -> np.ndarray:
    """The mixture with a copy, where there is something to copy."""
    return np.where(known, share * same + (1 - share) * plain, plain)


def _events(window: PieceWindow, length: int) -> _Events:
    """What happens in a window's first ``length`` + 1 steps, or beats when it is a whole piece."""
    piece = window.piece
    steps, of_beat, starts = step_notes(piece, chosen_notes(piece, window.cast))
    first = int(starts[window.start_beat])
    span = slice(first, min(first + length + 1, len(steps))) if length < piece.beats else slice(first, None)
    steps, of_beat = steps[span], of_beat[span]
    is_note = steps[1:, 0] == 1
    place = np.where(is_note, steps[1:, 1], BEAT_OVER)
    before = np.where(steps[:-1, 0] == 1, steps[:-1, 1], _BEGIN)
    hints = beat_hints(window)[of_beat[:-1]]
    pitch, duration, velocity = steps[1:, 2], steps[1:, 3], steps[1:, 4]
    role = np.where(is_note, place % ROLES, ROLES)
    return _Events(
        place=place,
        before=before,
        earlier=np.append(_BEGIN, before[:-1]),
        is_note=is_note,
        pitch=pitch,
        pitch_before=_last_of_role(pitch, role),
        root=piece.harmony[of_beat[1:], 2],
        duration=duration,
        duration_before=_last_of_role(duration, role),
        velocity=velocity,
        velocity_before=_last_of_role(velocity, np.where(is_note, 0, ROLES)),
        next_hint=_next_hint(hints, before, window.piece.prior[of_beat[:-1]]),
        hint_pitch=np.where(is_note, hints[np.arange(len(place)), np.minimum(place, PLACES - 1)], 0),
    )


def _last_of_role(values: Ints, role: Ints) -> Ints:
    """[E] the value of the note before in the same role, 0 at first."""
    found = np.zeros_like(values)
    for one in range(ROLES):
        indices = np.flatnonzero(role == one)
        found[indices[1:]] = values[indices[:-1]]
    return found


def _next_hint(hints: Ints, before: Ints, prior: Ints) -> Ints:
    """[E] the place of the last occurrence's next note, its beat's end after the last one, -1 where it is unknown."""
    later = np.arange(PLACES)[None] > np.where(before == _BEGIN, -1, before)[:, None]
    occupied = (hints > 0) & later
    found = np.where(occupied.any(1), occupied.argmax(1), BEAT_OVER)
    return np.where(prior >= 0, found, -1)
