"""Who plays when: the energy of a phrase says how many layers sound in it."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from v2m_bridge.music.arrangement import FilmSection
from v2m_bridge.music.form import Phrase
from v2m_bridge.music.instruments import Role
from v2m_bridge.music.plan import Plan

_NEAR = 1e-3

LINES = frozenset((Role.MELODY, Role.COUNTER, Role.HITS))
"""These are planned with the themes and rest by themselves."""

LAYERS: dict[int, frozenset[Role]] = {
    1: LINES | {Role.FIGURE},
    2: LINES | {Role.FIGURE, Role.BASS},
    3: LINES | {Role.FIGURE, Role.BASS, Role.CHORDS},
    4: LINES | {Role.FIGURE, Role.BASS, Role.CHORDS, Role.SWELL},
}
"""Level -> who may play. At level 1, phrases of other letters than A hold chords instead of the figure."""

TUTTI = 4
LEVEL_FROM = ((0.42, TUTTI), (0.28, 3), (0.12, 2), (0.0, 1))
"""Place of a block among all by energy, 0 the calmest and 1 the most energetic bar, and its level from there on."""

HALVED_BARS, ENTRY_BARS = 8, 2
"""Phrases of this many bars are cast by halves. A rise of several levels enters by one more layer every two bars."""

SECTION_WEIGHT = 0.5
"""Weight of a section's energy beside the predicted loudness of the bars, both 0..1."""


@dataclass(frozen=True)
class CastBlock:
    """Bars with the same players, ``[start_beat, end_beat)``; ``held``: at level 1 the chords play, not the figure."""

    start_beat: float
    end_beat: float
    level: int
    held: bool = False

    @property
    def roles(self) -> frozenset[Role]:
        """Who may play."""
        if self.level == 1 and self.held:
            return LINES | {Role.CHORDS}
        return LAYERS[self.level]


class Cast:
    """The blocks of a film in order, without gaps; an empty one lets everybody play."""

    def __init__(self, blocks: Sequence[CastBlock]) -> None:
        self.blocks = tuple(blocks)
        self._starts = [block.start_beat for block in blocks]

    def block_at(self, beat: float) -> CastBlock | None:
        """The block at ``beat``; None without a cast."""
        index = max(0, bisect_right(self._starts, beat + _NEAR) - 1)
        return self.blocks[index] if self.blocks else None

    def plays(self, role: Role, beat: float, written: frozenset[Role]) -> bool:
        """Whether the role may play at ``beat``.

        Args:
            written: roles that the score has: where none of a block's layers is among them, all of these play.
        """
        block = self.block_at(beat)
        return block is None or role in block.roles or not (block.roles - LINES) & written


@dataclass(frozen=True)
class _CastSpan:
    first_bar: int
    bars: int
    letter: str
    energy: float


def cast_film(plan: Plan, phrases: Sequence[Phrase], sections: Sequence[FilmSection] = ()) -> Cast:
    """Cast the phrases of a film: the calmest have one layer under the melody, the most energetic everybody.

    A must-hit brings everybody in at once; elsewhere layers enter one after the other. The intro never has everybody.

    Args:
        phrases: over the plan's bars, numbered from 1.
        sections: of the film; where there are none, the predicted loudness alone counts.
    """
    spans = [span for phrase in phrases for span in _spans(plan, phrase, sections)]
    levels = _levels(spans)
    blocks: list[CastBlock] = []
    before = 1
    for span, wanted in zip(spans, levels, strict=True):
        level = min(wanted, 2) if span.letter == "i" else wanted
        first = plan.bars[span.first_bar].start_beat
        at_once = plan.is_strong(first) or not blocks or level <= before + 1
        steps = [level] if at_once else list(range(before + 1, level + 1))
        edges = [span.first_bar + ENTRY_BARS * n for n in range(len(steps))]
        steps = [step for edge, step in zip(edges, steps, strict=True) if edge < span.first_bar + span.bars]
        for n, step in enumerate(steps):
            stop = edges[n + 1] if n + 1 < len(steps) else span.first_bar + span.bars
            end = plan.bars[stop].start_beat if stop < len(plan.bars) else plan.last_beat
            blocks.append(CastBlock(plan.bars[edges[n]].start_beat, end, step, span.letter not in ("A", "i")))
        before = steps[-1]
    return Cast(blocks)


def _spans(plan: Plan, phrase: Phrase, sections: Sequence[FilmSection]) -> list[_CastSpan]:
    """The phrase, or its halves, with its energy; bars that the film does not have are left out."""
    first, count = phrase.start_bar - 1, min(phrase.bars, len(plan.bars) - phrase.start_bar + 1)
    if count <= 0:
        return []
    halves = [(first, count)]
    if count >= HALVED_BARS:
        halves = [(first, count // 2), (first + count // 2, count - count // 2)]
    return [_CastSpan(at, bars, phrase.letter, _energy(plan, at, bars, sections)) for at, bars in halves]


def _energy(plan: Plan, first_bar: int, bars: int, sections: Sequence[FilmSection]) -> float:
    beats = [
        bar.start_beat + step
        for bar in plan.bars[first_bar : first_bar + bars]
        for step in range(max(1, int(bar.length_beats)))
    ]
    loud = sum(plan.curve.smooth_share(beat) for beat in beats) / len(beats)
    here = [s.energy for s in sections for beat in beats if s.start_beat <= beat < s.end_beat]
    return loud + SECTION_WEIGHT * (sum(here) / len(here) if here else 0.0)


def _levels(spans: Sequence[_CastSpan]) -> list[int]:
    """The level of every span, by the place of its middle bar when the bars are ordered by energy."""
    order = sorted(range(len(spans)), key=lambda i: (spans[i].energy, i))
    total = max(1, sum(span.bars for span in spans))
    levels, below = [1] * len(spans), 0
    for index in order:
        place = (below + spans[index].bars / 2) / total
        levels[index] = next(level for limit, level in LEVEL_FROM if place >= limit)
        below += spans[index].bars
    return levels
