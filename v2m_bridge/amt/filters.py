"""Rules on the next chord: each filter adds to the scores [B, 159] of one slot, or forbids with minus infinity."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from v2m_bridge.amt.conditioning import Conditioning
from v2m_bridge.amt.vocabulary import END_ID, N_TOKENS, PAD_ID
from v2m_bridge.errors import InputError
from v2m_bridge.footage.model import FloatArray
from v2m_bridge.music.chords import N_CHORDS, QUALITIES, Chord
from v2m_bridge.music.emotions import EMOTION_QUALITIES, EMOTIONS
from v2m_bridge.music.mood_degrees import degree_weights

_C_MAJOR = frozenset({0, 2, 4, 5, 7, 9, 11})
_LEADING_TONE_OF_A = 8
_MAJOR_TONIC, _MINOR_TONIC = 0, 9

AFFECT_TILT = 3.0
"""Log odds that a quality of the wanted emotion gains at affect 1 in the published rule, times its lean."""

QUALITY_TILT = 0.9
DEGREE_TILT = 2.2
"""Log odds that a chord gains at affect 1 by its quality, and by its degree in the key, times its lean.

The published rule knows qualities alone: at its strength every chord outside of a mood's set is gone, and three chords
are left.
"""

BAR_CHANGE = 2.0
"""Log odds that keeping the chord gains where no bar and no cut begins, and half of which it loses where a bar does."""

SEESAW_COST = 2.4
"""Log odds that going back to the chord before the last one costs."""

QUALITY_LEANS: dict[str, float] = {"maj": 0.6, "min": 0.8, "min7": 0.7}
"""Share of ``AFFECT_TILT`` that a quality gains; 1 if not listed.

Qualities that are common anyway or belong to several emotions gain less, so that the others stand out.
"""

EMOTION_SMOOTHING = 8
"""Slots to either side over which a measured emotion is averaged before it weights the chords."""

CUT_PENALTY = 2.0
"""Log odds that keeping the chord loses on a cut at strength 1; changing it one slot before a cut loses half."""

ALTERNATION_SLOTS = 12
"""Chords in alternation are looked for this many slots back per change; slower alternation is allowed."""

ENDING_BONUS = 6.0
"""Log odds that the tonic gains in the last slot."""


@dataclass(frozen=True)
class DecodeStep:
    """The state before a chord is chosen.

    Attributes:
        index: slot to be chosen.
        chords: [B, index] chord ids of all slots before it.
        run: [B] how many slots the last of these chords has lasted.
    """

    index: int
    chords: Tensor
    run: Tensor


class Filter(Protocol):
    """One rule; it returns new scores and does not change the given ones."""

    def __call__(self, scores: Tensor, step: DecodeStep) -> Tensor:
        """Scores [B, 159] of the chord of slot ``step.index`` after this rule."""


class OnlyChords:
    """Forbids END and PAD, because the music lasts as long as the film, and N (silence) unless it is allowed."""

    def __init__(self, allow_no_chord: bool = False) -> None:
        self._banned = [END_ID, PAD_ID] + ([] if allow_no_chord else [0])

    def __call__(self, scores: Tensor, step: DecodeStep) -> Tensor:
        scores = scores.clone()
        scores[:, self._banned] = -math.inf
        return scores


class LongestRun:
    """A chord may last at most ``slots`` slots; where bars are known it may wait for one, up to twice as long.

    Else the limit, and not the bar, would say where chords change in slow music.
    """

    def __init__(self, slots: int, films: Sequence[Conditioning] = ()) -> None:
        if slots < 1:
            raise InputError(f"longest repetition is {slots} slots", "it must be at least 1")
        self._slots = slots
        places = [np.ones(film.length, np.bool_) if film.bars is None else film.bars | film.on_cut for film in films]
        self._place = torch.from_numpy(np.stack(places)) if places else None

    def __call__(self, scores: Tensor, step: DecodeStep) -> Tensor:
        if step.index < self._slots:
            return scores
        over = step.run >= self._slots
        if self._place is not None:
            over &= self._place[:, step.index] | (step.run >= 2 * self._slots)
        scores = scores.clone()
        rows = torch.nonzero(over)[:, 0]
        scores[rows, step.chords[rows, -1]] = -math.inf
        return scores


class LongestAlternation:
    """Two chords may alternate for at most ``changes`` chords in a row; then a third one has to come."""

    def __init__(self, changes: int) -> None:
        if changes < 2:
            raise InputError(f"longest alternation is {changes} chords", "it must be at least 2")
        self._changes = changes

    def __call__(self, scores: Tensor, step: DecodeStep) -> Tensor:
        if step.index < self._changes:
            return scores
        scores = scores.clone()
        for row, chords in enumerate(step.chords[:, -ALTERNATION_SLOTS * self._changes :]):
            turns = torch.unique_consecutive(chords)[-self._changes :]
            if len(turns) == self._changes and bool((turns[2:] == turns[:-2]).all()):
                scores[row, turns[-2]] = -math.inf
        return scores


class InKey:
    """Every tone of a chord that is foreign to C major costs ``strength`` (the leading tone in A minor half of it)."""

    def __init__(self, minor: Sequence[bool], strength: float) -> None:
        self._cost = strength * torch.stack([foreign_tones(mode) for mode in minor])

    def __call__(self, scores: Tensor, step: DecodeStep) -> Tensor:
        return scores - self._cost.to(scores.device)


class ChangeAtCut:
    """Penalises keeping the chord on a cut, and changing it in the slot just before a cut."""

    def __init__(self, on_cut: Sequence[np.ndarray[tuple[int], np.dtype[np.bool_]]], strength: float) -> None:
        self._on_cut = torch.from_numpy(np.stack(on_cut))
        self._penalty = CUT_PENALTY * strength

    def __call__(self, scores: Tensor, step: DecodeStep) -> Tensor:
        if step.index == 0:
            return scores
        here = self._on_cut[:, step.index].to(scores.device)
        following = self._on_cut[:, min(step.index + 1, self._on_cut.shape[1] - 1)].to(scores.device) & ~here
        change = here.to(scores.dtype) * -self._penalty + following.to(scores.dtype) * (self._penalty / 2)
        return scores.scatter_add(1, step.chords[:, -1:], change[:, None])


class Affect:
    """Favours the degrees and chord qualities of the wanted emotion; ``strength`` 0 changes nothing."""

    def __init__(self, conditionings: Sequence[Conditioning], strength: float) -> None:
        self._tilt = mood_tilt(conditionings, strength)

    def __call__(self, scores: Tensor, step: DecodeStep) -> Tensor:
        return scores + self._tilt[:, step.index].to(scores.device)


class ChangeOnBars:
    """Chords change where a bar or a cut begins rather than inside of bars."""

    def __init__(self, films: Sequence[Conditioning]) -> None:
        self._keep = torch.from_numpy(
            BAR_CHANGE * np.stack([np.where(film.on_cut, 0.0, np.where(film.on_bar, -0.5, 1.0)) for film in films])
        ).float()

    def __call__(self, scores: Tensor, step: DecodeStep) -> Tensor:
        if step.index == 0:
            return scores
        keep = self._keep[:, step.index, None].to(scores)
        return scores.scatter_add(1, step.chords[:, -1:], keep)


class FewSeesaws:
    """Going back to the chord before the last one costs: A-B-A is the smallest of all progressions."""

    def __call__(self, scores: Tensor, step: DecodeStep) -> Tensor:
        before = step.index - 1 - step.run
        rows = torch.nonzero(before >= 0)[:, 0]
        if not len(rows):
            return scores
        scores = scores.clone()
        scores[rows, step.chords[rows, before[rows]]] -= SEESAW_COST
        return scores


class Ending:
    """Favours the tonic in the last slot."""

    def __init__(self, minor: Sequence[bool], last_index: int) -> None:
        roots = torch.tensor([-1 if (root := Chord.from_id(i).root) is None else root for i in range(N_CHORDS)])
        roots = torch.cat((roots, torch.tensor([-1, -1])))
        tonic = torch.tensor([_MINOR_TONIC if mode else _MAJOR_TONIC for mode in minor])
        self._bonus = ENDING_BONUS * (roots[None] == tonic[:, None]).float()
        self._last_index = last_index

    def __call__(self, scores: Tensor, step: DecodeStep) -> Tensor:
        return scores + self._bonus.to(scores.device) if step.index == self._last_index else scores


class Locked:
    """Allows nothing but the user's chord in a slot that the user has set; it comes last of all filters."""

    def __init__(self, locked: Mapping[int, int]) -> None:
        for index, chord_id in locked.items():
            if not 0 <= chord_id < N_CHORDS:
                raise InputError(f"locked chord {chord_id} of slot {index} is outside 0..{N_CHORDS - 1}")
        self._locked = dict(locked)

    def __call__(self, scores: Tensor, step: DecodeStep) -> Tensor:
        wanted = self._locked.get(step.index)
        if wanted is None:
            return scores
        only = torch.full_like(scores, -math.inf)
        only[:, wanted] = 0.0
        return only


def foreign_tones(minor: bool) -> Tensor:
    """[159] how many tones of each chord lie outside C major; the leading tone counts half in A minor."""
    counts = torch.zeros(N_TOKENS)
    for chord_id in range(N_CHORDS):
        foreign = [tone for tone in Chord.from_id(chord_id).pitch_classes if tone not in _C_MAJOR]
        counts[chord_id] = sum(0.5 if minor and tone == _LEADING_TONE_OF_A else 1.0 for tone in foreign)
    return counts


def emotion_weights(conditioning: Conditioning) -> FloatArray:
    """[N, 6] how much each emotion is wanted per slot: 1 for the mood, else the smoothed measured probabilities."""
    weights = _smoothed(conditioning)
    for index, mood in enumerate(conditioning.moods):
        if mood is not None:
            weights[index] = 0.0
            weights[index, EMOTIONS.index(mood)] = 1.0
    return weights


def mood_tilt(conditionings: Sequence[Conditioning], strength: float) -> Tensor:
    """[B, N, 159] log odds that each chord gains from the emotions wanted in each slot, by quality and by degree."""
    weights = torch.from_numpy(np.stack([emotion_weights(item) for item in conditionings]))
    degrees = torch.stack([degree_leans(item.minor) for item in conditionings])
    return strength * (QUALITY_TILT * (weights @ emotion_leans()) + DEGREE_TILT * torch.bmm(weights, degrees))


@lru_cache(maxsize=2)
def degree_leans(minor: bool) -> Tensor:
    """[6, 159] weight of each chord for each mood in the order of ``EMOTIONS``; 0 for what the tables lack."""
    leans = torch.zeros(len(EMOTIONS), N_TOKENS)
    for row, mood in enumerate(EMOTIONS):
        for chord_id, weight in degree_weights(mood, minor).items():
            leans[row, chord_id] = weight
    return leans


def affect_tilt(conditionings: Sequence[Conditioning], strength: float) -> Tensor:
    """[B, N, 159] log odds that each chord gains by the published rule, of qualities alone (training and figures)."""
    weights = np.stack([emotion_weights(item) for item in conditionings])
    return AFFECT_TILT * strength * (torch.from_numpy(weights) @ emotion_leans())


def _smoothed(conditioning: Conditioning) -> FloatArray:
    window = np.ones(2 * EMOTION_SMOOTHING + 1)
    present = conditioning.emotion_present.astype(np.float64)
    counts = _convolved(present[:, None], window)
    sums = _convolved(conditioning.emotion * present[:, None], window)
    means: FloatArray = (sums / np.maximum(counts, 1.0) * present[:, None]).astype(np.float32)
    return means


def _convolved(rows: np.ndarray[tuple[int, int], np.dtype[np.float64]], window: np.ndarray) -> np.ndarray:
    padded = np.pad(rows, ((EMOTION_SMOOTHING, EMOTION_SMOOTHING), (0, 0)))
    return np.stack([np.convolve(column, window, mode="valid") for column in padded.T], axis=1)


def emotion_sets() -> Tensor:
    """[6, 159] 1 where a chord's quality is in the emotion's set."""
    sets = torch.zeros(len(EMOTIONS), N_TOKENS)
    for row, emotion in enumerate(EMOTIONS):
        for chord_id in range(1, N_CHORDS):
            quality = Chord.from_id(chord_id).quality
            assert quality is not None
            sets[row, chord_id] = float(QUALITIES[quality].harte in EMOTION_QUALITIES[emotion])
    return sets


def emotion_leans() -> Tensor:
    """[6, 159] share of ``AFFECT_TILT`` by emotion and chord: 0 outside the emotion's set, else ``QUALITY_LEANS``."""
    leans = torch.zeros(N_TOKENS)
    for chord_id in range(1, N_CHORDS):
        quality = Chord.from_id(chord_id).quality
        assert quality is not None
        leans[chord_id] = QUALITY_LEANS.get(QUALITIES[quality].harte, 1.0)
    return emotion_sets() * leans
