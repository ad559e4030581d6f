"""Voice leading: the voicing of every chord is chosen together, by dynamic programming over all of them.

The cost of a path is the sum of what a harmony teacher marks: movement, leaps, parallels, overlaps, tendency tones that
do not resolve, and the distance from the wanted register and spread.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from v2m_bridge.errors import InputError
from v2m_bridge.music.chords import QUALITIES, Chord
from v2m_bridge.music.instruments import Spread

Voicing = tuple[int, ...]
_Ints = npt.NDArray[np.int64]
_Floats = npt.NDArray[np.float64]

_SPAN_OF_SPREAD = {Spread.CLOSE: 10, Spread.DROP2: 15, Spread.OPEN: 20}
_SMALLEST_GAP = ((48, 7), (53, 4), (57, 3))
"""If the lower of two neighbours is below the first number, they are at least this many semitones apart."""

COST_PER_SEMITONE = 1.0
COST_LEAP = 0.6
"""Per semitone beyond a major third."""
COST_PARALLEL = 12.0
"""Parallel fifths or octaves between two voices, or with a voice that stands already, such as the bass."""
COST_OVERLAP = 1.5
"""A voice moves past the place of its neighbour."""
COST_UNRESOLVED = 4.0
"""A tendency tone does not resolve."""
COST_NO_THIRD = 12.0
"""A chord without its third: only where the third is a leading tone that sounds already."""
COST_SPARED = 20.0
"""A tone that others have already and that must not be doubled."""
COST_REGISTER = 0.35
"""Per semitone, beyond three, between the mean of the voicing and the wanted mean."""
COST_SPREAD = 0.25
"""Per semitone, beyond two, between the span of the voicing and the wanted span."""


@dataclass(frozen=True)
class VoicingStyle:
    """How many voices, where they lie (MIDI pitches, inclusive) and how wide they are spread."""

    voices: int
    lowest: int
    highest: int
    spread: Spread

    @property
    def centre(self) -> float:
        """Middle of the register."""
        return (self.lowest + self.highest) / 2


@dataclass(frozen=True)
class VoicedMoment:
    """One chord to voice.

    Attributes:
        bass: the lowest tone, which lies below the voicing; None without one.
        centre: the wanted mean pitch.
        others: voices that stand already beside the bass, in the same order in every chord; empty where they rest.
        spared: pitch class that is better left to others, which have it; None without one.
        leaving_bass: the bass right before the next chord, where it has moved on; None where it has not.
    """

    chord: Chord
    bass: int | None
    centre: float
    others: Voicing = ()
    spared: int | None = None
    leaving_bass: int | None = None

    def standing(self, *, leaving: bool = False) -> tuple[int | None, ...]:
        """The bass and the other voices that stand, where the chord begins or where it is left."""
        bass = self.leaving_bass if leaving and self.leaving_bass is not None else self.bass
        return (bass, *self.others)


def voice_chords(moments: Sequence[VoicedMoment], style: VoicingStyle) -> tuple[Voicing, ...]:
    """The voicings with the least cost: ``style.voices`` ascending pitches for each chord, none for N.

    Raises:
        InputError: the register is too narrow for a chord.
    """
    voiced: list[Voicing] = []
    for silent, group in itertools.groupby(moments, key=lambda m: m.chord.root is None):
        run = list(group)
        voiced += [()] * len(run) if silent else _best_path(run, style)
    return tuple(voiced)


def movement(before: Voicing, after: Voicing) -> float:
    """Mean semitones that a voice moves between two voicings of equally many voices."""
    return sum(abs(a - b) for a, b in zip(before, after, strict=True)) / len(before)


def _best_path(moments: Sequence[VoicedMoment], style: VoicingStyle) -> list[Voicing]:
    options = [_candidates(m.chord, style) for m in moments]
    best = _own_cost(options[0], moments[0], style)
    back: list[_Ints] = []
    for index in range(1, len(moments)):
        step = _step_cost(moments[index - 1], moments[index], style)
        total = best[:, None] + step
        choice = total.argmin(axis=0)
        back.append(choice)
        best = total[choice, np.arange(total.shape[1])] + _own_cost(options[index], moments[index], style)
    at = int(best.argmin())
    path = [at]
    for choice in reversed(back):
        at = int(choice[at])
        path.append(at)
    path.reverse()
    return [tuple(int(p) for p in options[i].pitches[k]) for i, k in enumerate(path)]


@dataclass(frozen=True, eq=False)
class _Candidates:
    pitches: _Ints
    """[n, voices]"""
    cost: _Floats
    """[n] cost that depends on neither neighbours nor the wanted register."""


@lru_cache(maxsize=4096)
def _candidates(chord: Chord, style: VoicingStyle) -> _Candidates:
    """Every playable voicing of the chord in the style's register."""
    rows: dict[Voicing, float] = {}
    for classes, doubling_cost in _tone_choices(chord, style.voices):
        places = [[p for p in range(style.lowest, style.highest + 1) if p % 12 == pc] for pc in classes]
        for combination in itertools.product(*places):
            pitches = tuple(sorted(combination))
            if _playable(pitches):
                cost = doubling_cost + _shape_cost(pitches, style)
                rows[pitches] = min(cost, rows.get(pitches, cost))
    if not rows:
        raise InputError(
            f"{chord.label} cannot be voiced in {style.voices} voices between {style.lowest} and {style.highest}",
            "widen the part's register",
        )
    ordered = sorted(rows)
    return _Candidates(np.array(ordered, dtype=np.int64), np.array([rows[p] for p in ordered]))


def _tone_choices(chord: Chord, voices: int) -> list[tuple[tuple[int, ...], float]]:
    """Pitch classes for the voices, each choice with its cost for doubled tones and tones left to the bass."""
    classes = chord.pitch_classes
    count = len(classes)
    if voices == 2:
        return [(pair, 0.0 if classes[1] in pair else 1.0) for pair in itertools.combinations(classes, 2)]
    if count == voices:
        bare = [(classes[:1] + classes[2:3] + (again,), COST_NO_THIRD) for again in (classes[0], classes[2])]
        return [(classes, 0.0), *(bare if count == 3 else [])]
    if count < voices:
        doubled = [(0, 0.0), (2, 0.8), (1, 2.0)]  # root, then fifth; the third or suspension last
        extra = voices - count
        full = [
            (classes + tuple(classes[i] for i, _ in picks), sum(cost for _, cost in picks))
            for picks in itertools.combinations_with_replacement(doubled, extra)
            if max(sum(1 for p in picks if p == pick) for pick in picks) < 2
        ] or [(classes + (classes[0],) * extra, 0.0)]
        bare = [((classes[0], classes[2]) * 2, COST_NO_THIRD)] if (count, voices) == (3, 4) else []
        return [*full, *bare]
    intervals = QUALITIES[chord.quality or 0].intervals
    choices = [(classes[1:], 0.4)]  # the bass has the root
    if intervals[2] == 7:
        choices.append((classes[:2] + classes[3:], 0.0))
    choices.append((classes[:1] + classes[2:], COST_NO_THIRD))
    return [(kept[:voices], cost) for kept, cost in choices]


def _playable(pitches: Voicing) -> bool:
    """Whether neighbouring voices are neither too close nor more than an octave apart."""
    for low, high in itertools.pairwise(pitches):
        gap = high - low
        if gap < 1 or gap > 12:
            return False
        if any(low < limit and gap < least for limit, least in _SMALLEST_GAP):
            return False
    return len(pitches) < 2 or pitches[-1] - pitches[-2] >= 2


def _shape_cost(pitches: Voicing, style: VoicingStyle) -> float:
    """Cost of the spread, of semitone clashes and of uneven gaps."""
    gaps = [b - a for a, b in itertools.pairwise(pitches)]
    span = pitches[-1] - pitches[0]
    off = abs(span - _SPAN_OF_SPREAD[style.spread])
    rough = sum(1.2 for gap in gaps if gap == 1)
    uneven = 0.15 * max(0, max(gaps) - 9)
    upside_down = 0.4 if len(gaps) > 1 and gaps[0] < min(gaps[1:]) else 0.0
    return COST_SPREAD * max(0, off - 2) + rough + uneven + upside_down


def _own_cost(options: _Candidates, moment: VoicedMoment, style: VoicingStyle) -> _Floats:
    mean = options.pitches.mean(axis=1)
    cost: _Floats = options.cost + COST_REGISTER * np.maximum(0.0, np.abs(mean - moment.centre) - 3.0)
    if moment.bass is not None:
        cost = cost + 50.0 * (options.pitches[:, 0] <= moment.bass)
    if moment.spared is not None:
        cost = cost + COST_SPARED * (options.pitches % 12 == moment.spared).sum(axis=1)
    return cost


def _step_cost(before: VoicedMoment, after: VoicedMoment, style: VoicingStyle) -> _Floats:
    cost = _pair_cost(before.chord, after.chord, style)
    for was, now in zip(before.standing(leaving=True), after.standing(), strict=False):
        if was is not None and now is not None and was != now:
            cost = cost + COST_PARALLEL * _parallels_with(before.chord, after.chord, style, was % 12, now - was)
    return cost


@lru_cache(maxsize=8192)
def _pair_cost(before: Chord, after: Chord, style: VoicingStyle) -> _Floats:
    """[n before, n after] cost of moving between every two voicings; cached because songs repeat their changes."""
    a = _candidates(before, style).pitches[:, None, :]
    b = _candidates(after, style).pitches[None, :, :]
    moved = b - a
    cost: _Floats = COST_PER_SEMITONE * np.abs(moved).sum(axis=2).astype(np.float64)
    cost += COST_LEAP * np.maximum(0, np.abs(moved) - 4).sum(axis=2)
    cost += COST_LEAP * np.maximum(0, np.abs(moved[:, :, -1]) - 2)  # the top voice stands out
    overlap = (b[:, :, :-1] > a[:, :, 1:]) | (b[:, :, 1:] < a[:, :, :-1])
    cost += COST_OVERLAP * overlap.sum(axis=2)
    cost += COST_PARALLEL * _parallels(a, b, moved)
    cost += COST_UNRESOLVED * _unresolved_count(before, after, a, moved)
    return cost


def _parallels(a: _Ints, b: _Ints, moved: _Ints) -> _Ints:
    """[n, m] number of pairs of voices that move in parallel fifths or octaves."""
    count: _Ints = np.zeros(moved.shape[:2], dtype=np.int64)
    for low, high in itertools.combinations(range(moved.shape[2]), 2):
        was, now = (a[:, :, high] - a[:, :, low]) % 12, (b[:, :, high] - b[:, :, low]) % 12
        together = (moved[:, :, low] != 0) & ((moved[:, :, low] > 0) == (moved[:, :, high] > 0))
        count += together & (moved[:, :, high] != 0) & (was == now) & ((now == 0) | (now == 7))
    return count


@lru_cache(maxsize=8192)
def _parallels_with(before: Chord, after: Chord, style: VoicingStyle, pitch_class: int, move: int) -> _Ints:
    """[n, m] voices in parallel fifths or octaves above a standing one, from ``pitch_class`` by ``move`` semitones."""
    a = _candidates(before, style).pitches[:, None, :]
    b = _candidates(after, style).pitches[None, :, :]
    was, now = (a - pitch_class) % 12, (b - pitch_class - move) % 12
    same_way = (b > a) if move > 0 else (b < a)
    count: _Ints = (same_way & (was == now) & ((now == 0) | (now == 7))).sum(axis=2)
    return count


def tendencies(before: Chord, after: Chord) -> tuple[tuple[int, tuple[int, ...]], ...]:
    """Tones of ``before`` that should resolve in ``after``: (pitch class, movements in semitones that resolve it).

    On the same root a suspended fourth falls to the third; a seventh falls by a step or stays as a common tone; the
    third of a dominant rises when the root falls by a fifth. Only movements to tones of ``after`` are listed.
    """
    if before.root is None or before.quality is None or after.root is None:
        return ()
    name, target = QUALITIES[before.quality].harte, set(after.pitch_classes)
    rules: list[tuple[int, tuple[int, ...]]] = []
    if name == "sus4" and after.root == before.root:
        rules.append((5, (-1, -2)))
    if name == "sus2" and after.root == before.root:
        rules.append((2, (1, 2)))
    if name in ("7", "min7", "hdim7"):
        rules.append((10, (0, -1, -2)))
    if name == "maj7":
        rules.append((11, (0, 1, -1, -2)))
    if name == "dim7":
        rules.append((9, (0, -1, -2)))
    if name in ("7", "maj") and (after.root - before.root) % 12 == 5:
        rules.append((4, (1, 0, -1)))
    resolved = []
    for interval, moves in rules:
        tone = (before.root + interval) % 12
        open_moves = tuple(m for m in moves if (tone + m) % 12 in target)
        if open_moves:
            resolved.append((tone, open_moves))
    return tuple(resolved)


def _unresolved_count(before: Chord, after: Chord, a: _Ints, moved: _Ints) -> _Ints:
    count: _Ints = np.zeros(moved.shape[:2], dtype=np.int64)
    for tone, moves in tendencies(before, after):
        resolves = np.logical_or.reduce([moved == move for move in moves])
        count += ((a % 12 == tone) & ~resolves).sum(axis=2)
    return count
