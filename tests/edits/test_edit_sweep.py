"""What is visible on every frame: the sweep against a slow reference that looks at each frame on its own."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from v2m_bridge.timeline.model import CutKind, Shot
from v2m_bridge.timeline.sweep import Blend, Piece, sweep

RATES = [Fraction(24000, 1001), Fraction(24), Fraction(25), Fraction(30000, 1001), Fraction(60000, 1001), Fraction(48)]


@st.composite
def pieces(draw: st.DrawFn) -> list[Piece]:
    found = []
    for number in range(draw(st.integers(0, 14))):
        start = draw(st.integers(-5, 60))
        found.append(
            Piece(
                start,
                start + draw(st.integers(0, 30)),
                layer=draw(st.integers(0, 4)),
                opaque=draw(st.sampled_from([True, True, True, False])),
                media=f"/m{number}.mov",
                source_start_s=Fraction(draw(st.integers(0, 500)), 24),
            )
        )
    return found


def topmost(found: list[Piece], frame: int) -> Piece | None:
    """The plain definition: topmost opaque piece, else topmost overlay; of one layer the one that starts last."""
    here = [p for p in found if p.start_frame <= frame < p.end_frame]
    for opaque in (True, False):
        kind = [p for p in here if p.opaque is opaque]
        if kind:
            return max(kind, key=lambda p: (p.layer, p.start_frame, found.index(p)))
    return None


def shot_at(shots: tuple[Shot, ...], frame: int) -> Shot:
    (shot,) = [s for s in shots if s.start_frame <= frame < s.end_frame]
    return shot


@settings(max_examples=300, deadline=None)
@given(pieces(), st.integers(1, 90), st.sampled_from(RATES))
def test_every_frame_shows_the_topmost_piece(found: list[Piece], duration: int, rate: Fraction) -> None:
    seen = sweep(found, (), duration, rate)
    for frame in range(duration):
        expected, shot = topmost(found, frame), shot_at(seen.shots, frame)
        assert shot.media == (expected.media if expected else None)
        if expected:
            into = expected.source_start_s + (frame - expected.start_frame) / rate
            assert shot.source_start_s + (frame - shot.start_frame) / rate == pytest.approx(float(into))
    assert [c.frame for c in seen.cuts] == [s.start_frame for s in seen.shots[1:]]


# ---------------------------------------------------------------- single facts


def piece(start: int, end: int, media: str = "/a.mov", source: int = 0, layer: int = 0, **more: Any) -> Piece:
    return Piece(start, end, layer, media=media, source_start_s=Fraction(source, 24), **more)


def cut_frames(*found: Piece, blends: tuple[Blend, ...] = (), length: int = 100) -> list[tuple[int, str]]:
    return [(c.frame, c.kind.value) for c in sweep(found, blends, length, Fraction(24)).cuts]


def test_a_through_edit_is_no_cut() -> None:
    assert cut_frames(piece(0, 50), piece(50, 100, source=50)) == []
    (shot,) = sweep([piece(0, 50), piece(50, 100, source=50)], (), 100, Fraction(24)).shots
    assert (shot.start_frame, shot.end_frame, shot.source_start_s) == (0, 100, 0.0)


def test_a_jump_of_one_frame_and_a_change_of_speed_are_cuts() -> None:
    assert cut_frames(piece(0, 50), piece(50, 100, source=51)) == [(50, "cut")]
    assert cut_frames(piece(0, 50), piece(50, 100, source=50, speed=Fraction(2))) == [(50, "cut")]


def test_the_same_position_of_other_footage_is_a_cut() -> None:
    assert cut_frames(piece(0, 50), piece(50, 100, "/b.mov", 50)) == [(50, "cut")]


def test_footage_without_any_identity_never_joins() -> None:
    nameless = [Piece(0, 50, 0), Piece(50, 100, 0, source_start_s=Fraction(50, 24))]
    assert cut_frames(*nameless) == [(50, "cut")]


def test_a_disabled_overlay_leaves_no_cut_but_a_short_one_leaves_two() -> None:
    assert cut_frames(piece(0, 100), piece(20, 30, "/b.mov", layer=1)) == [(20, "cut"), (30, "cut")]
    assert cut_frames(piece(0, 100), piece(20, 30, "/b.mov", layer=1, opaque=False)) == []


def test_a_title_over_black_is_seen() -> None:
    shots = sweep([piece(0, 50), piece(60, 80, "", opaque=False, name="End")], (), 100, Fraction(24)).shots
    assert [(s.start_frame, s.name) for s in shots] == [(0, ""), (50, ""), (60, "End"), (80, "")]


def test_transitions_name_the_cut_of_their_own_layer_only() -> None:
    blend = Blend(50, 44, 56, layer=0)
    two = (piece(0, 50), piece(50, 100, "/b.mov"))
    assert cut_frames(*two, blends=(blend,)) == [(50, "dissolve")]
    covered = piece(40, 60, "/top.mov", layer=1)
    assert cut_frames(*two, covered, blends=(blend,)) == [(40, "cut"), (60, "cut")]


def test_a_dissolve_from_or_to_black_is_a_fade_and_a_wipe_stays_a_wipe() -> None:
    assert cut_frames(piece(10, 50), blends=(Blend(10, 10, 20, 0), Blend(50, 40, 50, 0))) == [
        (10, "fade"),
        (50, "fade"),
    ]
    assert cut_frames(piece(0, 50), blends=(Blend(50, 40, 50, 0, CutKind.WIPE),)) == [(50, "wipe")]


def test_a_finished_film_cut_up_at_its_scenes_keeps_its_cuts() -> None:
    film = [piece(10 * k, 10 * k + 10, source=10 * k) for k in range(10)]
    seen = sweep(film, (), 100, Fraction(24))
    assert seen.flattened and [c.frame for c in seen.cuts] == list(range(10, 100, 10))


def test_a_few_blade_marks_in_an_edit_of_many_shots_stay_joined() -> None:
    shots = [piece(10 * k, 10 * k + 10, f"/{k}.mov") for k in range(20)]
    bladed = [piece(200 + 5 * k, 205 + 5 * k, "/x.mov", 5 * k) for k in range(7)]
    seen = sweep([*shots, *bladed], (), 235, Fraction(24))
    assert not seen.flattened and len(seen.cuts) == 20
