"""What is visible on every frame: the sweep against a slow reference that looks at each frame on its own."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import edit_makers as make
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from v2m_bridge.edits.read_edit import read_edit
from v2m_bridge.errors import InputError
from v2m_bridge.timeline.model import CutKind, Shot, Timeline
from v2m_bridge.timeline.sweep import Blend, Piece, sweep

RATES = [Fraction(24000, 1001), Fraction(24), Fraction(25), Fraction(30000, 1001), Fraction(60000, 1001), Fraction(48)]

# ---------------------------------------------------------------- bare pieces


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


# ---------------------------------------------------------------- whole edits through the OTIO reader


@dataclass
class Scene:
    """A drawn edit: its JSON, and the tree that the reference looks at."""

    document: dict[str, Any]
    tracks: list[list[Item]]
    rate: Fraction


@dataclass
class Item:
    """``length`` frames of a clip, of a gap (no name, no inner) or of a nested stack seen through its window."""

    length: int
    name: str = ""
    start: int = 0
    speed: Fraction = Fraction(1)
    enabled: bool = True
    inner: list[list[Item]] | None = None


def as_json(item: Item, rate: float) -> dict[str, Any]:
    if item.inner is not None:
        tracks = [as_track(track, rate) for track in item.inner]
        return make.stack(*tracks, source_range=make.span(item.start, item.length, rate), enabled=item.enabled)
    if not item.name:
        return make.gap(item.length, rate)
    effects = [] if item.speed == 1 else [make.speed(float(item.speed))]
    return make.clip(item.name, item.start, item.length, rate, effects=effects, enabled=item.enabled)


def as_track(items: list[Item], rate: float, blends: dict[int, tuple[int, int]] | None = None) -> dict[str, Any]:
    children = []
    for index, item in enumerate(items):
        if blends and index in blends:
            children.append(make.dissolve(*blends[index], rate))
        children.append(as_json(item, rate))
    return make.track(*children)


@st.composite
def items(draw: st.DrawFn, names: Iterator[int], depth: int) -> Item:
    length = draw(st.integers(1, 24))
    kind = draw(st.sampled_from(["clip", "clip", "clip", "gap", "nest"] if depth < 3 else ["clip", "clip", "gap"]))
    enabled = draw(st.sampled_from([True, True, True, False]))
    if kind == "gap":
        return Item(length)
    if kind == "nest":
        inner = [
            draw(st.lists(items(names, depth + 1), min_size=1, max_size=4)) for _ in range(draw(st.integers(1, 3)))
        ]
        return Item(length, start=draw(st.integers(0, 20)), enabled=enabled, inner=inner)
    speed = draw(st.sampled_from([Fraction(1), Fraction(1), Fraction(2), Fraction(1, 2), Fraction(0)]))
    return Item(length, f"c{next(names)}", draw(st.integers(0, 200)), speed, enabled)


@st.composite
def scenes(draw: st.DrawFn) -> Scene:
    rate = draw(st.sampled_from(RATES))
    names = itertools.count()
    tracks = [draw(st.lists(items(names, 0), min_size=1, max_size=6)) for _ in range(draw(st.integers(1, 4)))]
    documents = []
    for track in tracks:
        blends = {
            i: (draw(st.integers(0, 3)), draw(st.integers(0, 3))) for i in range(1, len(track)) if draw(st.booleans())
        }
        document = as_track(track, float(rate), blends)
        if draw(st.sampled_from([False, False, False, True])):
            document["enabled"] = False
        documents.append(document)
    shown = [t if d.get("enabled", True) else [] for t, d in zip(tracks, documents, strict=True)]
    start = draw(st.sampled_from([None, 0, 86_400]))
    return Scene(make.timeline(*documents, start=start, rate=float(rate)), shown, rate)


def reference(tracks: list[list[Item]], frame: Fraction) -> tuple[Item, Fraction] | None:
    """The clip that is seen at ``frame`` of a stack of tracks, and how far into the clip that is (both in frames)."""
    for track in reversed(tracks):
        at = Fraction(0)
        for item in track:
            if at <= frame < at + item.length:
                if item.enabled and item.inner is not None:
                    found = reference(item.inner, frame - at + item.start)
                    if found:
                        return found
                elif item.enabled and item.name:
                    return item, frame - at
            at += item.length
    return None


@settings(
    max_examples=250, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(scene=scenes())
def test_a_drawn_edit_shows_the_same_clip_on_every_frame(scene: Scene, tmp_path: Path) -> None:
    path = make.write_otio(tmp_path / "drawn.otio", scene.document)
    length = max((sum(i.length for i in t) for t in scene.tracks), default=0)
    expected = [reference(scene.tracks, Fraction(f)) for f in range(length)]
    if not any(expected):
        with pytest.raises(InputError, match="no picture"):
            read_edit(path)
        return
    read = read_edit(path)
    assert read.rate == scene.rate
    for frame, seen in enumerate(expected):
        shot = shot_at(read.shots, frame)
        if seen is None:
            assert shot.media is None, frame
            continue
        item, into = seen
        assert shot.media == f"/nowhere/{item.name}.mov", frame
        assert shot.speed == float(item.speed)
        source_s = float((item.start + into * item.speed) / scene.rate)
        assert shot.source_start_s + (frame - shot.start_frame) / float(scene.rate) * shot.speed == pytest.approx(
            source_s
        )
    check_cuts(read)


def check_cuts(read: Timeline) -> None:
    assert [c.frame for c in read.cuts] == [s.start_frame for s in read.shots[1:]]
    for cut in read.cuts:
        assert cut.span_start_frame is not None and cut.span_end_frame is not None
        assert cut.span_start_frame <= cut.frame <= cut.span_end_frame
        if cut.kind is CutKind.CUT:
            assert cut.span_start_frame == cut.span_end_frame == cut.frame


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
