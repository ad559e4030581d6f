"""What the networks are told about the film: one row of features per harmonic slot; absent ones are marked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from v2m_bridge.errors import InputError
from v2m_bridge.footage.model import SEMANTIC_SIZE, BoolArray, FloatArray, FootageFeatures
from v2m_bridge.music.emotions import EMOTIONS, parse_emotion
from v2m_bridge.sync.model import Slot

IntArray = npt.NDArray[np.int64]

ROUNDING_S = 0.02
"""A cut or a mood up to this much after a slot's start counts as on it; about half a frame at 24 frames a second.

Cuts and moods come from frames, slots from the beats of a fitted tempo map, so the same moment differs by rounding.
"""


@dataclass(frozen=True)
class Conditioning:
    """Features of N slots of about one second each.

    Attributes:
        semantic: [N, 768] CLIP image features, not normalised.
        emotion: [N, 6] probabilities in the order of ``music.emotions.EMOTIONS``.
        motion: [N] mean absolute RGB difference of adjacent frames, 0..255.
        scene_offset: [N] seconds since the last cut, 0 at the cut.
        semantic_present, emotion_present, motion_present: [N] whether the row was measured.
        slots_left: [N] slots that follow this one until the film ends.
        on_cut: [N] whether the slot starts on a hit.
        moods: [N] the mood the user asked for, or None; it overrules the measured emotion.
        minor: the mode; chords are in C major or A minor.
        warnings: what could not be used.
        bars: [N] whether the slot begins a bar, or None where that is not known (songs).
    """

    semantic: FloatArray
    emotion: FloatArray
    motion: FloatArray
    scene_offset: FloatArray
    semantic_present: BoolArray
    emotion_present: BoolArray
    motion_present: BoolArray
    slots_left: IntArray
    on_cut: BoolArray
    moods: tuple[str | None, ...]
    minor: bool = False
    warnings: tuple[str, ...] = field(default=())
    bars: BoolArray | None = None

    @property
    def on_bar(self) -> BoolArray:
        """[N] whether the slot begins a bar; nowhere where bars are not known."""
        return np.zeros(self.length, dtype=np.bool_) if self.bars is None else self.bars

    @property
    def length(self) -> int:
        """N, the number of slots."""
        return len(self.moods)

    def window(self, start: int, stop: int) -> Conditioning:
        """Slots ``[start, stop)``; ``slots_left`` still counts to the end of the film."""
        part = slice(start, stop)
        return Conditioning(
            self.semantic[part],
            self.emotion[part],
            self.motion[part],
            self.scene_offset[part],
            self.semantic_present[part],
            self.emotion_present[part],
            self.motion_present[part],
            self.slots_left[part],
            self.on_cut[part],
            self.moods[part],
            self.minor,
            bars=None if self.bars is None else self.bars[part],
        )

    def surrounded(self, margin: int) -> Conditioning:
        """The film as the middle of a longer one: ``margin`` slots more on either side, mirrored about its ends."""
        places = np.pad(np.arange(self.length), margin, mode="symmetric")
        return Conditioning(
            self.semantic[places],
            self.emotion[places],
            self.motion[places],
            self.scene_offset[places],
            self.semantic_present[places],
            self.emotion_present[places],
            self.motion_present[places],
            np.arange(len(places) - 1, -1, -1, dtype=np.int64),
            self.on_cut[places],
            tuple(self.moods[place] for place in places),
            self.minor,
        )


def empty_conditioning(n_slots: int, minor: bool = False, moods: Sequence[str | None] | None = None) -> Conditioning:
    """``n_slots`` slots without any measured feature; ``moods`` may give a mood for each."""
    absent = np.zeros(n_slots, dtype=np.bool_)
    return Conditioning(
        semantic=np.zeros((n_slots, SEMANTIC_SIZE), np.float32),
        emotion=np.zeros((n_slots, len(EMOTIONS)), np.float32),
        motion=np.zeros(n_slots, np.float32),
        scene_offset=np.zeros(n_slots, np.float32),
        semantic_present=absent,
        emotion_present=absent,
        motion_present=absent,
        slots_left=np.arange(n_slots - 1, -1, -1, dtype=np.int64),
        on_cut=absent,
        moods=tuple(moods) if moods is not None else (None,) * n_slots,
        minor=minor,
    )


def condition(
    slots: Sequence[Slot],
    features: FootageFeatures,
    cuts_s: Sequence[float],
    moods: Sequence[tuple[float, str]],
    minor: bool,
) -> Conditioning:
    """Average the film's features over each slot.

    Args:
        slots: contiguous harmonic slots from the start of the film.
        features: one row a second; row t describes ``[t, t + 1)``.
        cuts_s: seconds of the cuts of the edit; the scene offset counts from them, exactly.
        moods: ``(seconds, mood)``: the mood holds from there until the next entry; ``neutral`` is a mood too.
        minor: the mode of the piece.

    Raises:
        InputError: no slots, or an unknown mood.
    """
    if not slots:
        raise InputError("there is nothing to score: the timeline has no length")
    semantic, semantic_present = _averaged(slots, features.semantic, features.semantic_present)
    emotion, emotion_present = _averaged(slots, features.emotion, features.emotion_present)
    motion, motion_present = _averaged(slots, features.motion[:, None], features.motion_present)
    starts_s = np.array([slot.start_s for slot in slots])
    return Conditioning(
        semantic=semantic,
        emotion=emotion,
        motion=motion[:, 0],
        scene_offset=_scene_offsets(starts_s, cuts_s),
        semantic_present=semantic_present,
        emotion_present=emotion_present,
        motion_present=motion_present,
        slots_left=np.arange(len(slots) - 1, -1, -1, dtype=np.int64),
        on_cut=np.array([slot.on_hit for slot in slots], dtype=np.bool_),
        moods=_moods_of(starts_s, moods),
        minor=minor,
        bars=np.array([slot.on_bar for slot in slots], dtype=np.bool_),
    )


def _averaged(slots: Sequence[Slot], rows: FloatArray, present: BoolArray) -> tuple[FloatArray, BoolArray]:
    """[N, F] time-weighted mean over each slot of the measured rows [T, F], and [N] whether any of it was measured.

    Means are zero where nothing was measured. They are differences of running integrals, so the cost grows with slots
    plus seconds.
    """
    measured = present.astype(np.float64)[:, None]
    totals = _integrals(slots, measured)
    sums = _integrals(slots, rows.astype(np.float64) * measured)
    known = totals[:, 0] > 1e-6
    means = np.where(known[:, None], sums / np.maximum(totals, 1e-6), 0.0)
    return means.astype(np.float32), known


def _integrals(slots: Sequence[Slot], rows: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """[N, F] integral over each slot of a function that is rows[t] on [t, t + 1) and 0 elsewhere."""
    running = np.concatenate((np.zeros((1, rows.shape[1])), np.cumsum(rows, axis=0)))
    padded = np.concatenate((rows, np.zeros((1, rows.shape[1]))))

    def up_to(seconds: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        clipped = np.clip(seconds, 0.0, len(rows))
        whole = clipped.astype(np.int64)
        result: npt.NDArray[np.float64] = running[whole] + (clipped - whole)[:, None] * padded[whole]
        return result

    starts_s = np.array([slot.start_s for slot in slots])
    ends_s = np.array([slot.end_s for slot in slots])
    return up_to(ends_s) - up_to(starts_s)


def _scene_offsets(starts_s: npt.NDArray[np.float64], cuts_s: Sequence[float]) -> FloatArray:
    """[N] seconds from the last cut (or the start of the film) to each slot's start."""
    cuts = np.array([0.0, *sorted(cuts_s)])
    last = np.searchsorted(cuts, starts_s + ROUNDING_S, side="right") - 1
    offsets: FloatArray = np.maximum(starts_s - cuts[np.maximum(last, 0)], 0.0).astype(np.float32)
    return offsets


def _moods_of(starts_s: npt.NDArray[np.float64], moods: Sequence[tuple[float, str]]) -> tuple[str | None, ...]:
    entries = sorted((seconds, parse_emotion(mood)) for seconds, mood in moods)
    found: list[str | None] = []
    for start_s in starts_s:
        before = [mood for seconds, mood in entries if seconds <= start_s + ROUNDING_S]
        found.append(before[-1] if before else None)
    return tuple(found)
