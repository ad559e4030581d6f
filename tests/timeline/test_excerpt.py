"""A part of an edit: frames, sources and timecode stay true."""

from __future__ import annotations

from fractions import Fraction

import pytest

from v2m_bridge.errors import InputError
from v2m_bridge.timeline.excerpt import excerpt
from v2m_bridge.timeline.model import Cut, CutKind, Marker, Shot, Timeline

EDIT = Timeline(
    name="edit",
    rate=Fraction(25),
    start_frame=90000,
    duration_frames=200,
    shots=(
        Shot(0, 50, "a", True, 4.0),
        Shot(50, 120, "b", True, 10.0, speed=2.0),
        Shot(120, 200, "c", True, 8.0, speed=-1.0),
    ),
    cuts=(Cut(50, CutKind.CUT, 50, 50), Cut(120, CutKind.DISSOLVE, 110, 130)),
    markers=(Marker(0, "mood: sad"), Marker(20, "HIT"), Marker(30, "mood: tense"), Marker(125, "HIT")),
)


def test_shots_are_trimmed_and_their_sources_follow_the_speed() -> None:
    part = excerpt(EDIT, 75, 145)
    assert [(s.start_frame, s.end_frame, s.media, s.source_start_s) for s in part.shots] == [
        (0, 45, "b", 12.0),
        (45, 70, "c", 8.0),
    ]
    assert excerpt(EDIT, 145, None).shots[0].source_start_s == 7.0
    assert (part.start_frame, part.duration_frames, part.timecode(0)) == (90075, 70, "01:00:03:00")


def test_a_cut_at_the_in_point_is_no_cut_and_a_span_is_clipped() -> None:
    assert excerpt(EDIT, 50, 125).cuts == (Cut(70, CutKind.DISSOLVE, 60, 75),)
    assert excerpt(EDIT, 0, 50).cuts == ()
    assert excerpt(EDIT, 49, 51).cuts == (Cut(1, CutKind.CUT, 1, 1),)


def test_markers_inside_come_along_and_so_does_the_mood_in_force() -> None:
    part = excerpt(EDIT, 100, None)
    assert [(m.frame, m.name) for m in part.markers] == [(0, "mood: tense"), (25, "HIT")]


def test_the_whole_is_the_whole() -> None:
    assert excerpt(EDIT, None, None) is EDIT
    assert excerpt(EDIT, 0, 9999) is EDIT


@pytest.mark.parametrize(("first", "end"), [(200, None), (50, 50), (80, 40)])
def test_nothing_in_between_is_said(first: int, end: int | None) -> None:
    with pytest.raises(InputError, match="nothing lies between"):
        excerpt(EDIT, first, end)
