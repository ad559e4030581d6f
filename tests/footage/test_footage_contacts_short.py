"""Shots of any length at any rate are searched for contacts; those too short for a curve have none by it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from v2m_bridge.edits.read_edit import read_edit
from v2m_bridge.footage.bare_video import read_video
from v2m_bridge.footage.measure import MeasureOptions, measure
from v2m_bridge.footage.movement.contacts import find_contacts
from v2m_bridge.footage.video.movement import AREA, CENTRE, CHANGE, ROW_SIZE

RATES = (23.976, 24.0, 25.0, 29.97, 30.0, 48.0, 50.0, 59.94, 60.0, 100.0, 119.88, 120.0, 240.0, 300.0, 480.0, 600.0)


def bouncing(pictures: int, fps: float, bounce_s: float, hidden: frozenset[int] = frozenset()) -> np.ndarray:
    """A thing that crosses the picture and turns sharply after ``bounce_s``."""
    rows = np.zeros((pictures, ROW_SIZE), np.float32)
    t = np.arange(pictures) / fps
    rows[:, CENTRE] = np.stack([0.3 + 0.8 * t, 0.9 - 1.5 * np.abs(t - bounce_s)], axis=1)
    rows[:, AREA], rows[:, CHANGE] = 2.0, 3.0
    rows[list(hidden & set(range(pictures))), AREA] = 0.0
    return rows


@given(
    fps=st.one_of(st.sampled_from(RATES), st.floats(24.0, 600.0)),
    pictures=st.integers(0, 220),
    bounce_s=st.floats(0.0, 1.0),
    hidden=st.frozensets(st.integers(0, 219), max_size=6),
)
@settings(max_examples=200, deadline=None)
def test_any_shot_length_at_any_rate_is_searched(
    fps: float, pictures: int, bounce_s: float, hidden: frozenset[int]
) -> None:
    contacts = find_contacts(bouncing(pictures, fps, bounce_s, hidden), fps)
    assert all(0 <= contact.index <= pictures - 1 and 0 < contact.strength <= 1 for contact in contacts)
    assert [contact.index for contact in contacts] == sorted(contact.index for contact in contacts)


@pytest.mark.parametrize("fps", RATES)
def test_a_bounce_in_the_middle_of_a_third_of_a_second_is_found(fps: float) -> None:
    pictures = max(9, round(fps / 3))
    middle = (pictures - 1) / 2
    found = [contact.index for contact in find_contacts(bouncing(pictures, fps, middle / fps), fps)]
    assert len(found) == 1
    assert abs(found[0] - middle) <= 1


FRAMES = {"crash_edit.edl": 85, "crash_edit.otio": 75, "crash_shot10_30fps.mkv": 90}


@pytest.mark.parametrize("name", sorted(FRAMES))
def test_films_with_a_shot_of_a_third_of_a_second_are_measured(shared_data: Path, name: str) -> None:
    path = shared_data / "footage_cases" / name
    if not path.is_file():
        pytest.skip(f"no {path}")
    timeline = read_video(path) if path.suffix == ".mkv" else read_edit(path, media_roots=[path.parent])
    features = measure(timeline, MeasureOptions(clip=False, cache=False))
    assert timeline.duration_frames == FRAMES[name]
    assert features.motion_present.all()
