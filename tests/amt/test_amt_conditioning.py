"""From seconds to slots."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from v2m_bridge.amt.conditioning import condition, empty_conditioning
from v2m_bridge.errors import InputError
from v2m_bridge.footage.model import FootageFeatures
from v2m_bridge.sync.model import Slot


def features(seconds: int) -> FootageFeatures:
    present = np.ones(seconds, dtype=np.bool_)
    rows = np.arange(seconds, dtype=np.float32)
    return FootageFeatures(
        duration_s=float(seconds),
        motion=rows * 10,
        scene_offset=rows,
        semantic=np.tile(rows[:, None], (1, 768)),
        emotion=np.tile(np.eye(6, dtype=np.float32)[3], (seconds, 1)),
        motion_present=present,
        semantic_present=present.copy(),
        emotion_present=np.zeros(seconds, dtype=np.bool_),
    )


def slots(*edges_s: float, on_hit: tuple[int, ...] = ()) -> list[Slot]:
    return [
        Slot(index * 2.0, index * 2.0 + 2.0, start, end, index in on_hit)
        for index, (start, end) in enumerate(pairwise(edges_s))
    ]


def test_rows_are_averaged_by_how_long_they_last_in_the_slot() -> None:
    found = condition(slots(0.0, 1.5, 2.0, 4.0), features(4), [], [], minor=True)
    assert found.motion == pytest.approx([(0 + 0.5 * 10) / 1.5, 10.0, 25.0])
    assert found.semantic[:, 5] == pytest.approx([0.5 / 1.5, 1.0, 2.5])
    assert found.minor
    assert found.length == 3


def test_what_was_not_measured_is_absent_and_does_not_dilute_the_mean() -> None:
    given = features(4)
    given.semantic_present[:] = [True, False, False, False]
    found = condition(slots(0.0, 2.0, 4.0), given, [], [], minor=False)
    assert found.semantic_present.tolist() == [True, False]
    assert found.semantic[0, 0] == pytest.approx(0.0)
    assert not found.semantic[1].any()
    assert not found.emotion_present.any()


def test_slots_beyond_the_measured_seconds_are_absent() -> None:
    found = condition(slots(0.0, 4.0, 5.0), features(4), [], [], minor=False)
    assert found.motion_present.tolist() == [True, False]


def test_the_scene_offset_counts_from_the_real_cut() -> None:
    found = condition(slots(0.0, 1.0, 2.5, 3.2, 5.0), features(5), [2.5005, 3.0], [], minor=False)
    assert found.scene_offset == pytest.approx([0.0, 1.0, 0.0, 0.2], abs=1e-3)


def test_a_mood_holds_until_the_next() -> None:
    found = condition(slots(0, 1, 2, 3, 4), features(4), [], [(3.0, "sad"), (1.0, " Tense ")], minor=False)
    assert found.moods == (None, "tense", "tense", "sad")
    with pytest.raises(InputError, match="hungry"):
        condition(slots(0, 1), features(1), [], [(0.0, "hungry")], minor=False)


def test_slots_know_their_hits_and_how_far_the_end_is() -> None:
    found = condition(slots(0, 1, 2, 3, on_hit=(0, 2)), features(3), [], [], minor=False)
    assert found.on_cut.tolist() == [True, False, True]
    assert found.slots_left.tolist() == [2, 1, 0]
    assert found.window(1, 3).slots_left.tolist() == [1, 0]


def test_nothing_to_score_is_said() -> None:
    with pytest.raises(InputError, match="no length"):
        condition([], features(1), [], [], minor=False)


def test_a_long_film_is_quick_to_condition() -> None:
    """Three hours at two slots a second: the cost must not grow with slots times seconds in memory."""
    edges = np.arange(0, 10_800.5, 0.5)
    given = features(10_800)
    found = condition(slots(*edges.tolist()), given, [], [], minor=False)
    assert found.length == 21_600
    assert found.motion[7] == pytest.approx(30.0)


def test_the_empty_conditioning_says_that_nothing_is_known() -> None:
    found = empty_conditioning(3, minor=True, moods=("sad", None, None))
    assert not (found.semantic_present | found.emotion_present | found.motion_present).any()
    assert found.moods[0] == "sad"
