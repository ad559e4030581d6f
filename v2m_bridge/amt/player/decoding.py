"""The door of this package: passages become notes, all rows of a batch together, step by step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from v2m_bridge.amt.player.cached import CachedPlayer, Tables
from v2m_bridge.amt.player.network import PlayerNetwork, Steps
from v2m_bridge.amt.player.passages import SHUT, Passage, PlayedNote
from v2m_bridge.amt.player.sampling import draw
from v2m_bridge.amt.player.steps import BEAT_OVER, COLUMN, DURATIONS, NO_PLACE, ROLES, TICKS, duration_class
from v2m_bridge.devices import one_thread
from v2m_bridge.progress import Progress, silent

ROWS_TOGETHER = 32
"""Passages that are played side by side; more would need more memory and gain little."""

_BEAT_STEP = (0, NO_PLACE, 0, 0, 0)
_STEPS_A_BEAT = 10


@dataclass(frozen=True)
class PlayOptions:
    """How adventurous the player is; ``top_p`` and ``temperature`` are those of nucleus sampling."""

    top_p: float = 0.95
    temperature: float = 1.0


@dataclass(frozen=True)
class Played:
    """What came of a passage.

    Attributes:
        notes: given and drawn ones, in order.
        log_likelihood: sum over what was drawn, beats' ends included, in nats.
        drawn: how many notes were drawn.
    """

    notes: tuple[PlayedNote, ...]
    log_likelihood: float
    drawn: int


def play(
    network: PlayerNetwork, passages: Sequence[Passage], options: PlayOptions, progress: Progress = silent
) -> list[Played]:
    """Play every passage. A passage's notes follow from its own seed, whatever else is in the batch."""
    found: list[Played] = []
    with torch.inference_mode(), one_thread():
        tables = Tables(network)
        for first in range(0, len(passages), ROWS_TOGETHER):
            found += _Batch(network, passages[first : first + ROWS_TOGETHER], options, tables).run(
                progress, first, len(passages)
            )
    return found


class _Row:
    """Where one passage stands."""

    def __init__(self, index: int, passage: Passage) -> None:
        self.index, self.passage = index, passage
        self.chance = np.random.default_rng(passage.seed)
        self.beat, self.place, self.pitch = passage.first_beat, -1, -1
        self.in_beat = self.at_place = 0
        self.waiting: list[list[PlayedNote]] = [[] for _ in range(passage.length)]
        for note in sorted(passage.given):
            if 0 <= note.onset < passage.length * TICKS:
                self.waiting[note.onset // TICKS].append(note)
        self.history: list[tuple[tuple[int, ...], int]] = []
        self.notes = [note for beat in self.waiting for note in beat]
        self.log_likelihood, self.drawn = 0.0, 0

    @property
    def over(self) -> bool:
        return self.beat >= self.passage.length

    @property
    def can_add(self) -> bool:
        """Whether another note may begin with the last one: fewer than allowed do, and a pitch above it is free."""
        role = self.place % ROLES
        above = self.passage.pitch_bias[self.beat, role, self.pitch + 1 :]
        return self.at_place < self.passage.together.get(role, 1) and bool((above > SHUT / 2).any())

    def context(self) -> None:
        """Put the beats before the first drawn one, and that one's own step, into the history."""
        for beat in range(self.passage.first_beat):
            self.history.append((_BEAT_STEP, beat))
            self.history += [(step_of(note), beat) for note in self.waiting[beat]]
        self.history.append((_BEAT_STEP, self.beat))

    def next_beat(self) -> tuple[int, ...]:
        self.beat += 1
        self.place = self.pitch = -1
        self.in_beat = self.at_place = 0
        return _BEAT_STEP

    def take(self, note: PlayedNote) -> tuple[int, ...]:
        step = step_of(note)
        self.at_place = self.at_place + 1 if step[1] == self.place else 1
        self.place, self.pitch = step[1], step[2]
        self.in_beat += 1
        return step


def step_of(note: PlayedNote) -> tuple[int, ...]:
    """The step that stands for a note."""
    duration = int(duration_class(np.array([note.length]))[0])
    return (1, note.onset % TICKS * ROLES + note.role, note.pitch, duration, note.velocity)


class _Batch:
    """Passages that are played side by side."""

    def __init__(
        self, network: PlayerNetwork, passages: Sequence[Passage], options: PlayOptions, tables: Tables
    ) -> None:
        self.network, self.options, self.tables = network, options, tables
        self.device = network.position.weight.device
        self.rows = [_Row(index, passage) for index, passage in enumerate(passages)]
        self.all_rows = list(self.rows)
        longest = max(p.length for p in passages)
        self.room = min(network.shape.context, longest * _STEPS_A_BEAT + sum(len(r.notes) > 0 for r in self.rows))
        self.cache = CachedPlayer(network, len(passages), self.room, tables)
        beats = np.zeros((len(passages), longest, passages[0].beats.shape[1]), dtype=np.int64)
        hints = np.zeros((len(passages), longest, passages[0].hints.shape[1]), dtype=np.int64)
        for index, passage in enumerate(passages):
            beats[index, : passage.length], hints[index, : passage.length] = passage.beats, passage.hints
        self.beats, self.hints = self._tensor(beats), self._tensor(hints)
        self.bottom, self.middle, self.quality = tables.beats(self.beats, self.hints)

    def _tensor(self, values: NDArray[np.int64]) -> torch.Tensor:
        return torch.from_numpy(np.ascontiguousarray(values)).to(self.device)

    def run(self, progress: Progress, done: int, total: int) -> list[Played]:
        hidden = self._begin()
        while self.rows:
            before = len(self.rows)
            hidden = self._advance(hidden)
            if len(self.rows) < before:
                progress("parts", (done + len(self.all_rows) - len(self.rows)) / total)
        return [self._played(row) for row in self.all_rows]

    def _begin(self) -> torch.Tensor:
        hidden = []
        for slot, row in enumerate(self.rows):
            row.context()
            hidden.append(self._refill(slot, row))
        return torch.stack(hidden)

    def _refill(self, slot: int, row: _Row) -> torch.Tensor:
        """Read a row's history anew; what is too long for the context loses its first half, up to a beat."""
        limit = self.cache.context
        if len(row.history) >= limit:
            kept = row.history[-(limit // 2) :]
            while len(kept) > 1 and kept[0][0][0] != 0:
                kept = kept[1:]
            row.history = kept
        beats = torch.tensor([beat for _, beat in row.history], device=self.device)
        notes = torch.tensor([step for step, _ in row.history], device=self.device)
        steps = Steps(notes[None], self.beats[row.index][beats][None], self.hints[row.index][beats][None])
        return self.cache.fill(slot, steps)

    def _advance(self, hidden: torch.Tensor) -> torch.Tensor:
        """Draw what comes next in every row, and take it in."""
        steps = self._next_steps(hidden)
        going = [slot for slot, row in enumerate(self.rows) if not row.over]
        if len(going) < len(self.rows):
            if not going:
                self.rows = []
                return hidden
            self.cache.keep(torch.tensor(going, device=self.device))
            self.rows = [self.rows[slot] for slot in going]
            steps = [steps[slot] for slot in going]
        for row, step in zip(self.rows, steps, strict=True):
            row.history.append((step, row.beat))
        full = [slot for slot in range(len(self.rows)) if int(self.cache.at[slot]) >= self.cache.context - 1]
        for slot in full:
            row = self.rows[slot]
            row.history.pop()
            self._refill_half(slot, row)
            row.history.append((steps[slot], row.beat))
        return self._take_in(steps)

    def _refill_half(self, slot: int, row: _Row) -> None:
        kept = row.history[-(self.cache.context // 2) :]
        while len(kept) > 1 and kept[0][0][0] != 0:
            kept = kept[1:]
        row.history = kept
        self._refill(slot, row)

    def _take_in(self, steps: Sequence[tuple[int, ...]]) -> torch.Tensor:
        kind, place, pitch, duration, velocity = torch.tensor(steps, device=self.device).unbind(-1)
        index = torch.tensor([row.index for row in self.rows], device=self.device)
        beat = torch.tensor([row.beat for row in self.rows], device=self.device)
        bottom = self.bottom[index, beat]
        for table, part in zip(self.tables.note, (kind, place, pitch, duration, velocity), strict=True):
            bottom = bottom + table[part]
        root = self.beats[index, beat, COLUMN["root"]]
        bottom = bottom + self.tables.above_root(kind, pitch, root, self.quality[index, beat])
        return self.cache.step(bottom, self.middle[index, beat])

    def _next_steps(self, hidden: torch.Tensor) -> list[tuple[int, ...]]:
        """The next step of every row: a given note, a drawn one, or the next beat."""
        rows = self.rows
        index = torch.tensor([row.index for row in rows], device=self.device)
        beat = torch.tensor([row.beat for row in rows], device=self.device)
        hints = self.hints[index, beat]
        logits, gates = self.cache.place(hidden, hints)
        chances = np.stack([row.chance.random(4) for row in rows])
        drawn = draw(self._place_logits(logits), chances[:, 0], self.options.top_p, self.options.temperature)
        place = drawn.index
        steps: list[tuple[int, ...]] = [()] * len(rows)
        playing: list[int] = []
        for slot, row in enumerate(rows):
            waiting = row.waiting[row.beat]
            if waiting and place[slot] >= step_of(waiting[0])[1]:
                steps[slot] = row.take(waiting.pop(0))
                continue
            row.log_likelihood += float(drawn.log_probability[slot])
            if place[slot] == BEAT_OVER:
                steps[slot] = row.next_beat()
            else:
                playing.append(slot)
        if playing:
            self._draw_notes(playing, place, hidden, gates, hints, chances, steps)
        return steps

    def _place_logits(self, logits: torch.Tensor) -> NDArray[np.float64]:
        scores = logits.double().cpu().numpy()
        order = np.arange(BEAT_OVER + 1)
        for slot, row in enumerate(self.rows):
            passage = row.passage
            scores[slot] += passage.place_bias[row.beat]
            if row.in_beat >= passage.most:
                scores[slot, :BEAT_OVER] = SHUT
            again = row.place >= 0 and row.can_add
            scores[slot, order < row.place + (0 if again else 1)] = SHUT
        return scores

    def _draw_notes(
        self,
        playing: Sequence[int],
        place: NDArray[np.int64],
        hidden: torch.Tensor,
        gates: torch.Tensor,
        hints: torch.Tensor,
        chances: NDArray[np.float64],
        steps: list[tuple[int, ...]],
    ) -> None:
        """Pitch, duration and velocity of the rows ``playing``; puts their steps into ``steps``."""
        options, rows = self.options, [self.rows[slot] for slot in playing]
        slots = torch.tensor(list(playing), device=self.device)
        places = self._tensor(place[list(playing)])
        logits, joined = self.cache.pitch(hidden[slots], places, gates[slots], hints[slots])
        scores = logits.double().cpu().numpy()
        spaces = []
        for at, row in enumerate(rows):
            where = int(place[playing[at]])
            scores[at] += row.passage.pitch_bias[row.beat, where % ROLES]
            if where == row.place:
                scores[at, : row.pitch + 1] = SHUT
            spaces.append(int(row.passage.room[row.beat * TICKS + where // ROLES]))
        pitch = draw(scores, chances[list(playing), 1], options.top_p, options.temperature)
        logits, joined = self.cache.duration(joined, self._tensor(pitch.index))
        too_long = DURATIONS[None] > np.maximum(np.array(spaces), 1)[:, None]
        scores = np.where(too_long, SHUT, logits.double().cpu().numpy())
        duration = draw(scores, chances[list(playing), 2], options.top_p, options.temperature)
        scores = self.cache.velocity(joined, self._tensor(duration.index)).double().cpu().numpy()
        scores[:, 0] = SHUT
        velocity = draw(scores, chances[list(playing), 3], min(options.top_p, 0.8), 1.0)
        for at, row in enumerate(rows):
            where = int(place[playing[at]])
            note = PlayedNote(
                onset=row.beat * TICKS + where // ROLES,
                role=where % ROLES,
                pitch=int(pitch.index[at]),
                length=int(DURATIONS[duration.index[at]]),
                velocity=int(velocity.index[at]),
            )
            row.notes.append(note)
            row.log_likelihood += float(pitch.log_probability[at])
            row.drawn += 1
            steps[playing[at]] = row.take(note)

    def _played(self, row: _Row) -> Played:
        return Played(tuple(_single_lines(row)), row.log_likelihood, row.drawn)


def _single_lines(row: _Row) -> list[PlayedNote]:
    """All notes in order; in roles of one note at a time a note ends where the next one starts."""
    single = {role for role in range(ROLES) if row.passage.together.get(role, 1) == 1}
    kept: list[PlayedNote] = []
    following: dict[int, int] = {}
    for note in sorted(row.notes, reverse=True):
        if note.role in single:
            length = min(note.length, following.get(note.role, note.onset + note.length) - note.onset)
            following[note.role] = note.onset
            if length < 1:
                continue
            note = PlayedNote(note.onset, note.role, note.pitch, length, note.velocity, note.given)
        kept.append(note)
    return kept[::-1]
