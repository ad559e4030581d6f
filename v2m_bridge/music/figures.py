"""The moving figures: a table of patterns in the notation of a step sequencer, which a musician can extend.

A pattern fills a cell of two or three beats, and cells fill bars of any metre (4 = 2 + 2, 5 = 3 + 2).
``tones`` has one word per step of ``unit`` beats:

    0 1 2 ..  chord tone, counted upwards from the figure's lowest one (for a triad 3 is 0 an octave higher)
    0!        the same, accented
    _         hold the previous note
    .         rest

Every second cell of a bar plays ``answer``, or the same again where that is empty. For the bass families 0 is the bass
note, 1 the chord's fifth above it and 2 the octave.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from v2m_bridge.errors import InputError


@dataclass(frozen=True)
class PatternStep:
    """One note of a pattern: ``position`` and ``length`` in beats inside the cell."""

    position: float
    tone: int
    length: float
    accent: bool


@dataclass(frozen=True)
class FigureRow:
    """One line of the table; ``level`` 1 is the calmest."""

    family: str
    level: int
    beats: int
    unit: float
    tones: str
    answer: str = ""

    @property
    def steps(self) -> tuple[PatternStep, ...]:
        """The notes of the pattern."""
        return read_pattern(self.tones, self.unit, self.beats)

    @property
    def answer_steps(self) -> tuple[PatternStep, ...]:
        """The notes of every second cell."""
        return read_pattern(self.answer, self.unit, self.beats) if self.answer else self.steps


LEVEL_NOTES_PER_BEAT = {1: 0.5, 2: 1.0, 3: 1.5, 4: 2.0, 5: 3.0, 6: 4.0}
"""Level -> nominal notes per beat; level 0 rests. Every row has that number within a third."""

_T = 1 / 3  # a triplet eighth

FIGURES: tuple[FigureRow, ...] = (
    # family, level, beats, unit, tones, answer
    FigureRow("broken", 1, 2, 1.0, "0! _", "2 _"),
    FigureRow("broken", 1, 3, 1.0, "0! _ 2"),
    FigureRow("broken", 2, 2, 1.0, "0! 2", "1 2"),
    FigureRow("broken", 2, 3, 1.0, "0! 2 1", "0! 1 2"),
    FigureRow("broken", 3, 2, 0.5, "0! _ 2 1", "0 _ 1 2"),
    FigureRow("broken", 3, 3, 0.5, "0! _ 2 _ 1 2", "0! _ 1 2 1 _"),
    FigureRow("broken", 4, 2, 0.5, "0! 2 1 2", "0 2 1 2"),
    FigureRow("broken", 4, 3, 0.5, "0! 2 1 2 1 2", "0! 1 2 3 2 1"),
    FigureRow("broken", 5, 2, _T, "0! 2 1 2 1 2", "0 2 1 3 1 2"),
    FigureRow("broken", 5, 3, _T, "0! 2 1 2 1 2 3 2 1", "0! 1 2 1 2 3 2 3 2"),
    FigureRow("broken", 6, 2, 0.25, "0! 2 1 2 0 2 1 2", "0 2 1 2 3 2 1 2"),
    FigureRow("broken", 6, 3, 0.25, "0! 2 1 2 0 2 1 2 3 2 1 2"),
    FigureRow("rising", 1, 2, 1.0, "0! _", "3 _"),
    FigureRow("rising", 1, 3, 1.0, "0! _ 2"),
    FigureRow("rising", 2, 2, 1.0, "0! 1", "2 3"),
    FigureRow("rising", 2, 3, 1.0, "0! 1 2", "1 2 3"),
    FigureRow("rising", 3, 2, 0.5, "0! 1 2 _", "3 2 1 _"),
    FigureRow("rising", 3, 3, 0.5, "0! 1 2 _ 3 _", "0! 1 2 3 2 _"),
    FigureRow("rising", 4, 2, 0.5, "0! 1 2 3", "4 3 2 1"),
    FigureRow("rising", 4, 3, 0.5, "0! 1 2 3 4 5", "0! 1 2 3 4 3"),
    FigureRow("rising", 5, 2, _T, "0! 1 2 3 4 5", "4 3 2 3 2 1"),
    FigureRow("rising", 5, 3, _T, "0! 1 2 1 2 3 2 3 4"),
    FigureRow("rising", 6, 2, 0.25, "0! 1 2 3 1 2 3 4", "2 3 4 5 3 2 1 2"),
    FigureRow("rising", 6, 3, 0.25, "0! 1 2 3 1 2 3 4 2 3 4 5"),
    FigureRow("wave", 1, 2, 1.0, "1! _", "2 _"),
    FigureRow("wave", 1, 3, 1.0, "2! _ 1"),
    FigureRow("wave", 2, 2, 1.0, "0! 2", "3 1"),
    FigureRow("wave", 2, 3, 1.0, "0! 2 3", "2 1 0"),
    FigureRow("wave", 3, 2, 0.5, "0! 2 3 _", "2 _ 1 2"),
    FigureRow("wave", 3, 3, 0.5, "0! 2 3 _ 2 1", "0! _ 2 _ 3 2"),
    FigureRow("wave", 4, 2, 0.5, "0! 2 3 2", "4 3 2 1"),
    FigureRow("wave", 4, 3, 0.5, "0! 1 2 3 2 1", "0! 2 4 3 2 1"),
    FigureRow("wave", 5, 2, _T, "0! 1 2 3 2 1", "0 2 3 4 3 2"),
    FigureRow("wave", 5, 3, _T, "0! 1 2 3 4 3 2 1 2"),
    FigureRow("wave", 6, 2, 0.25, "0! 1 2 3 4 3 2 1", "0 1 2 3 5 4 3 2"),
    FigureRow("wave", 6, 3, 0.25, "0! 1 2 3 4 5 4 3 2 1 2 1"),
    FigureRow("pulse", 1, 2, 0.5, "0! _ . .", "2 _ . ."),
    FigureRow("pulse", 1, 3, 0.5, "0! _ . . 2 ."),
    FigureRow("pulse", 2, 2, 0.5, "0! . 0 .", "0 . 1 ."),
    FigureRow("pulse", 2, 3, 0.5, "0! . 0 . 1 ."),
    FigureRow("pulse", 3, 2, 0.5, "0! . 0 0", "1 . 0 0"),
    FigureRow("pulse", 3, 3, 0.5, "0! 0 . 0 . 0", "0! . 1 . 0 0"),
    FigureRow("pulse", 4, 2, 0.5, "0! 0 1 0", "2 0 1 0"),
    FigureRow("pulse", 4, 3, 0.5, "0! 0 1 0 2 0"),
    FigureRow("pulse", 5, 2, 0.25, "0! . 0 0 1 . 0 0", "2! . 0 0 1 0 0 ."),
    FigureRow("pulse", 5, 3, 0.25, "0! . 0 0 1 . 0 0 2 . 0 0"),
    FigureRow("pulse", 6, 2, 0.25, "0! 0 0 0 1 0 0 0", "2! 0 0 0 1 0 1 0"),
    FigureRow("pulse", 6, 3, 0.25, "0! 0 0 0 1 0 0 0 2 0 1 0"),
    FigureRow("bell", 1, 2, 1.0, "3! _", ". 2"),
    FigureRow("bell", 1, 3, 1.0, "3! _ 2"),
    FigureRow("bell", 2, 2, 0.5, "3! _ . 1", "2 _ 3 _"),
    FigureRow("bell", 2, 3, 0.5, "3! _ . 1 2 _"),
    FigureRow("bell", 3, 2, 0.5, "3! . 2 1", "3 2 . 1"),
    FigureRow("bell", 3, 3, 0.5, "3! . 2 1 . 2"),
    FigureRow("bell", 4, 2, 0.5, "3! 1 2 1", "4 1 2 1"),
    FigureRow("bell", 4, 3, 0.5, "3! 1 2 1 4 1"),
    FigureRow("bell", 5, 2, 0.25, "3! . 1 2 3 . 1 2", "4! . 1 2 3 2 1 ."),
    FigureRow("bell", 5, 3, 0.25, "3! . 1 2 3 . 1 2 4 . 1 2"),
    FigureRow("bell", 6, 2, 0.25, "3! 1 2 1 3 1 2 1", "4! 1 2 1 3 1 2 1"),
    FigureRow("bell", 6, 3, 0.25, "3! 1 2 1 3 1 2 1 4 1 2 1"),
    # The bass: 0 the bass note, 1 the fifth above, 2 the octave.
    FigureRow("bass pulse", 4, 2, 1.0, "0! _", "1 _"),
    FigureRow("bass pulse", 4, 3, 1.0, "0! _ 1"),
    FigureRow("bass pulse", 5, 2, 1.0, "0! 1", "0 1"),
    FigureRow("bass pulse", 5, 3, 1.0, "0! 1 1"),
    FigureRow("bass drive", 2, 2, 1.0, "0! _", "0 _"),
    FigureRow("bass drive", 2, 3, 1.0, "0! _ 0"),
    FigureRow("bass drive", 3, 2, 1.0, "0! 0", "0 1"),
    FigureRow("bass drive", 3, 3, 1.0, "0! 0 1"),
    FigureRow("bass drive", 4, 2, 0.5, "0! . 0 0", "0 . 1 0"),
    FigureRow("bass drive", 4, 3, 0.5, "0! . 0 0 1 0"),
    FigureRow("bass drive", 5, 2, 0.5, "0! 0 0 0", "0 0 1 0"),
    FigureRow("bass drive", 5, 3, 0.5, "0! 0 0 0 1 0"),
)
"""Every figure. Figure families have a row for each level and for cells of 2 and 3 beats. A bass family may skip
levels: below its first level the bass is held, and a level that it skips plays the next lower one."""


def read_pattern(tones: str, unit: float, beats: float) -> tuple[PatternStep, ...]:
    """Steps of a pattern in the table's notation.

    Raises:
        InputError: an unknown word, a hold without a note, or steps that do not fill the cell.
    """
    words = tones.split()
    if abs(len(words) * unit - beats) > 1e-9:
        raise InputError(f"figure {tones!r} fills {len(words) * unit:g} beats, not {beats:g}")
    steps: list[PatternStep] = []
    sounding = False
    for index, word in enumerate(words):
        if word == "_" and sounding:
            last = steps.pop()
            steps.append(PatternStep(last.position, last.tone, last.length + unit, last.accent))
        elif word == ".":
            sounding = False
        elif word.rstrip("!").isdigit():
            steps.append(PatternStep(index * unit, int(word.rstrip("!")), unit, word.endswith("!")))
            sounding = True
        else:
            raise InputError(f"figure {tones!r} has the unknown step {word!r}", "use a number, 0!, _ or .")
    return tuple(steps)


@lru_cache(maxsize=1024)
def pattern(family: str, level: int, beats: int, answer: bool) -> tuple[PatternStep, ...]:
    """Steps of the family's row for ``level`` (or the nearest one below) in a cell of 2 or 3 beats."""
    rows = [r for r in FIGURES if r.family == family and r.beats == beats and r.level <= level]
    if not rows:
        return ()
    row = max(rows, key=lambda r: r.level)
    return row.answer_steps if answer else row.steps


def choose_level(notes_per_second: float, beats_per_second: float, before: int | None = None) -> int:
    """The level whose notes a second are nearest in ratio to the wanted ones; 0 (rest) below half of level 1.

    The level ``before`` is kept unless another one is nearer by more than a tenth, so that the figure changes seldom.
    """
    rates = {level: rate * beats_per_second for level, rate in LEVEL_NOTES_PER_BEAT.items()}
    if notes_per_second < rates[1] / 2:
        return 0

    def distance(level: int) -> float:
        ratio = notes_per_second / rates[level]
        return max(ratio, 1 / ratio)

    best = min(rates, key=lambda level: (distance(level), level))
    if before is not None and before in rates and distance(before) < distance(best) * 1.1:
        return before
    return best


@dataclass(frozen=True)
class Cell:
    """A span that one pattern fills: ``beats`` is 2 or 3; ``length`` is less where the bar or the film ends early."""

    start_beat: float
    beats: int
    length: float
    index_in_bar: int


def cells_of_bar(start_beat: float, length_beats: float, landmarks: Sequence[float], end_beat: float) -> list[Cell]:
    """Fill a bar with cells of two and three beats, so that they start on as many ``landmarks`` as possible.

    Args:
        landmarks: beats of accents and chord changes.
        end_beat: where the film ends; no cell goes beyond it.
    """
    stop = min(start_beat + length_beats, end_beat)
    lengths = min(
        _groupings(length_beats), key=lambda g: (-_count_starts_on(g, start_beat, landmarks), g != sorted(g), g)
    )
    cells: list[Cell] = []
    at = start_beat
    for index, beats in enumerate(lengths):
        if at < stop - 1e-9:
            cells.append(Cell(at, beats, min(float(beats), stop - at), index))
        at += beats
    return cells


def _groupings(length_beats: float) -> list[list[int]]:
    """Every way to fill the bar: all twos, with one three at any place if the number of whole beats is odd."""
    whole = int(length_beats + 1e-9)
    if whole % 2 == 0 or whole == 1:
        twos = [2] * (whole // 2)
        return [twos if abs(whole - length_beats) < 1e-9 and whole > 1 else [*twos, 2]]
    twos = [2] * ((whole - 3) // 2)
    rest = [] if abs(whole - length_beats) < 1e-9 else [2]
    return [[*twos[:i], 3, *twos[i:], *rest] for i in range(len(twos) + 1)]


def _count_starts_on(lengths: Sequence[int], start_beat: float, landmarks: Sequence[float]) -> int:
    starts = {start_beat + sum(lengths[:i]) for i in range(1, len(lengths))}
    return sum(1 for mark in landmarks if any(abs(mark - s) < 1e-6 for s in starts))
