"""What counts as a hit, and how much."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from v2m_bridge.errors import InputError
from v2m_bridge.timeline.hits import HitKind, HitOptions, MotionOnset, find_hits
from v2m_bridge.timeline.model import Cut, CutKind, Marker, Timeline

RATE = Fraction(24000, 1001)


def edit(cuts: tuple[Cut, ...] = (), markers: tuple[Marker, ...] = (), frames: int = 10_000) -> Timeline:
    return Timeline("film", RATE, 86400, frames, cuts=cuts, markers=markers)


def frames_of(
    timeline: Timeline, options: HitOptions = HitOptions(), motion: tuple[MotionOnset, ...] = ()
) -> list[int]:
    return [hit.frame for hit in find_hits(timeline, options, motion)]


def test_cuts_and_markers_become_hits_in_order_with_exact_seconds() -> None:
    hits = find_hits(edit((Cut(100), Cut(30, CutKind.DISSOLVE)), (Marker(60, "door"),)))
    assert [(hit.frame, hit.kind) for hit in hits] == [
        (30, HitKind.DISSOLVE),
        (60, HitKind.MARKER),
        (100, HitKind.CUT),
    ]
    assert hits[2].seconds == Fraction(100 * 1001, 24000)
    assert hits[1].label == "door"
    assert hits[0].weight < hits[2].weight < hits[1].weight


@pytest.mark.parametrize(
    ("name", "must"),
    [
        *((name, True) for name in ("HIT", "hit", " HIT ", "HIT 3", "HIT: the door", "HIT - bang")),
        *((name, False) for name in ("Hit the road", "WHITE", "", "SHIT")),
    ],
)
def test_the_name_of_a_must_hit(name: str, must: bool) -> None:
    (hit,) = find_hits(edit(markers=(Marker(5, name),)))
    assert hit.must is must


def test_the_must_name_can_be_changed_or_switched_off() -> None:
    timeline = edit(markers=(Marker(5, "HIT"), Marker(9, "Sync (A)")))
    assert [hit.must for hit in find_hits(timeline, HitOptions(must_name="sync (a)"))] == [False, True]
    assert not any(hit.must for hit in find_hits(timeline, HitOptions(must_name="")))


def test_a_mood_marker_is_no_hit() -> None:
    assert frames_of(edit(markers=(Marker(5, "mood: tense"), Marker(6, "Marker 1", note="Mood: sad"), Marker(7)))) == [
        7
    ]


def test_ignored_colours() -> None:
    timeline = edit(markers=(Marker(5, color="Red"), Marker(9, color="BLUE")))
    assert frames_of(timeline, HitOptions(ignored_colors=("red",))) == [9]


def test_a_cut_and_a_must_marker_on_one_frame_are_one_must_hit() -> None:
    (hit,) = find_hits(edit((Cut(40),), (Marker(40, "HIT", note="door"),)))
    assert (hit.must, hit.label, hit.weight) == (True, "door", 4.0)


def test_a_kind_without_weight_is_no_hit() -> None:
    timeline = edit((Cut(40), Cut(80, CutKind.FADE)), (Marker(60),))
    assert frames_of(timeline, HitOptions(weights={HitKind.FADE: 0.0, HitKind.MARKER: 0.0})) == [40]


def test_motion_is_off_until_it_has_a_weight() -> None:
    motion = (MotionOnset(2.0, 0.5), MotionOnset(1e9, 1.0), MotionOnset(float("nan"), 1.0))
    assert frames_of(edit(), motion=motion) == []
    (hit,) = find_hits(edit(), HitOptions(motion_hits=0.4), motion)
    assert (hit.frame, hit.kind, hit.weight) == (48, HitKind.MOTION, 0.2)


def test_of_two_close_hits_the_weightier_stays_and_musts_always() -> None:
    timeline = edit((Cut(100), Cut(110), Cut(200)), (Marker(104, "m"), Marker(203, "HIT")))
    assert frames_of(timeline, HitOptions(minimum_spacing_s=0.5)) == [104, 203]
    musts = edit(markers=(Marker(1, "HIT"), Marker(2, "HIT"), Marker(3, "HIT")))
    assert frames_of(musts, HitOptions(minimum_spacing_s=5.0, max_per_minute=1)) == [1, 2, 3]


@given(st.sets(st.integers(0, 9_999), max_size=80), st.integers(0, 12))
def test_never_more_hits_in_a_minute_than_allowed(frames: set[int], cap: int) -> None:
    kept = find_hits(edit(tuple(Cut(f) for f in frames)), HitOptions(max_per_minute=cap))
    for hit in kept:
        assert sum(hit.seconds <= other.seconds < hit.seconds + 60 for other in kept) <= cap
    if cap and frames:
        assert kept


def test_what_lies_outside_the_edit_is_no_hit() -> None:
    assert frames_of(edit((Cut(50), Cut(100)), (Marker(-3), Marker(99)), frames=100)) == [50, 99]


@pytest.mark.parametrize(
    "options",
    [
        HitOptions(weights={HitKind.CUT: -1.0}),
        HitOptions(weights={HitKind.CUT: float("nan")}),
        HitOptions(minimum_spacing_s=-1.0),
        HitOptions(max_per_minute=-1.0),
    ],
)
def test_senseless_options_are_refused(options: HitOptions) -> None:
    with pytest.raises(InputError):
        find_hits(edit(), options)
