"""The most probable way from the new cut to the old one: Viterbi (1967) over the pieces of new shots.

A new shot is cut where one of its hypotheses begins or ends. Over each piece stands one state a hypothesis that covers
it, and the state "new picture". Going on in the old cut where the piece before ended costs nothing; jumps cost.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from v2m_bridge.timeline.changes.evidence import ShotMatch

Floats = NDArray[np.float64]

FORWARD = 3.0
"""Cost of skipping old picture."""
BACKWARD = 5.0
"""Cost of going back: a scene that moved, a shot that is used again."""
PER_OCTAVE = 0.35
"""Added for every doubling of the jump, in frames."""
TO_NEW = 2.5
FROM_NEW = 0.5
STAY_NEW = 1.0
INSIDE_SHOT = 6.0
"""Added where the change comes inside a new shot: only an edit in the material itself does that."""
EXTENSION = 1.0
"""To or from new picture inside a shot: the shot was made longer, for which its length has already paid."""


@dataclass
class _Piece:
    """A piece of a new shot; ``new_frames``: length of the new picture that ends here, on the way to state 0."""

    start: int
    end: int
    at_cut: bool
    states: list[ShotMatch | None]
    new_frames: int = 0
    score: Floats = field(default_factory=lambda: np.zeros(0))
    reached: Floats = field(default_factory=lambda: np.zeros(0))
    back: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))


def best_path(hypotheses: Sequence[Sequence[ShotMatch]], bounds: Sequence[tuple[int, int]]) -> list[ShotMatch]:
    """Matches in order of the new cut, each trimmed to what the path uses of it.

    Args:
        hypotheses: per new shot.
        bounds: start and end of each new shot.
    """
    pieces = [p for span, found in zip(bounds, hypotheses, strict=True) for p in _pieces(span, found)]
    for before, piece in zip([None, *pieces[:-1]], pieces, strict=True):
        _advance(before, piece)
    return _trace(pieces)


def _pieces(span: tuple[int, int], found: Sequence[ShotMatch]) -> list[_Piece]:
    edges = sorted({*span, *(m.new_start for m in found), *(m.new_end for m in found)})
    return [
        _Piece(a, b, a == span[0], [None, *(m for m in found if m.new_start <= a and b <= m.new_end)])
        for a, b in pairwise(edges)
    ]


def _advance(before: _Piece | None, piece: _Piece) -> None:
    """Scores of all states of a piece; ``reached`` is the old position after it, kept through new picture."""
    length = piece.end - piece.start
    matches = [m for m in piece.states if m]
    starts = np.array([0.0, *(m.old_at(piece.start) for m in matches)])
    ends = np.array([0.0, *(m.old_at(piece.end) for m in matches)])
    gains = np.array([0.0, *(max(0.0, m.score) * length / (m.new_end - m.new_start) for m in matches)])
    debts = np.array([0.0, *(max(0.0, -m.score) for m in matches)])
    if before is None:
        first = np.array([TO_NEW, *(0.0 if m.old_at(piece.start) < 1 else FORWARD for m in matches)])
        first += debts
        piece.score, piece.reached = gains - first, ends
        piece.back = np.zeros(len(gains), np.int64)
        piece.new_frames = length
        return
    cost = _costs(before, piece, starts, debts)
    total = before.score[:, None] - cost
    piece.back = np.argmax(total, axis=0)
    piece.score = gains + total[piece.back, np.arange(len(gains))]
    piece.reached = ends
    piece.reached[0] = before.reached[piece.back[0]]
    piece.new_frames = length + (before.new_frames if piece.back[0] == 0 else 0)


def _costs(before: _Piece, piece: _Piece, starts: Floats, debts: Floats) -> Floats:
    """[states before, states now]: what each step costs; ``debts``: votes against a match, due when it begins."""
    jump = starts[None, :] - before.reached[:, None]
    cost = np.where(jump > 0, FORWARD, BACKWARD) + PER_OCTAVE * np.log2(1 + np.abs(jump))
    cost = np.where(np.abs(jump) < 0.75, 0.05, cost)
    # new picture may stand where as much old picture was: then the way back is as cheap as going on
    replaced = np.abs(jump[0] - before.new_frames) < 0.75
    cost[0] = np.where(replaced, 0.05, cost[0])
    if piece.at_cut:
        cost[0] += FROM_NEW
        cost[:, 0] = TO_NEW
        cost += debts
    else:
        late = np.array([INSIDE_SHOT if m and m.new_start < piece.start else 0.0 for m in piece.states])
        early = np.array([INSIDE_SHOT if m and m.new_end > piece.start else 0.0 for m in before.states])
        cost += np.where(np.abs(jump) < 0.75, 0.5, INSIDE_SHOT)
        cost[0] += EXTENSION - INSIDE_SHOT * (np.abs(jump[0]) >= 0.75)
        cost[:, 0] = EXTENSION
        cost += late[None, :] + early[:, None] + debts
        same = np.array([[a is b for b in piece.states] for a in before.states])
        cost[same] = 0.0
    cost[0, 0] = STAY_NEW if piece.at_cut else 0.0
    return cost


def _trace(pieces: Sequence[_Piece]) -> list[ShotMatch]:
    if not pieces:
        return []
    state = int(np.argmax(pieces[-1].score))
    used: list[tuple[_Piece, ShotMatch]] = []
    for piece in reversed(pieces):
        match = piece.states[state]
        if match:
            used.append((piece, match))
        state = int(piece.back[state])
    used.reverse()
    found: list[ShotMatch] = []
    for piece, match in used:
        part = replace(
            match,
            old_start=match.old_at(piece.start),
            old_end=match.old_at(piece.end),
            new_start=piece.start,
            new_end=piece.end,
        )
        last = found[-1] if found else None
        if last and last.old is part.old and last.new is part.new and _joins(last, part):
            found[-1] = replace(last, old_end=part.old_end, new_end=part.new_end)
        else:
            found.append(part)
    return found


def _joins(a: ShotMatch, b: ShotMatch) -> bool:
    return (
        a.slip == b.slip
        and a.new_end == b.new_start
        and abs(a.old_end - b.old_start) < 0.01
        and abs(a.slope - b.slope) < 1e-6
    )
