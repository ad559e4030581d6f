"""Two cuts compared: real pairs with their truth, random pairs of edits and damage, and exact small ones."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest
from cut_pairs import STYLES, CutPair, cut_pair, figures

from v2m_bridge.edits.read_edit import read_edit
from v2m_bridge.timeline.changes.compare import compare_cuts
from v2m_bridge.timeline.changes.model import ChangeKind, CutChanges
from v2m_bridge.timeline.changes.spans import key_of
from v2m_bridge.timeline.model import Shot, Timeline


def old_of(changes: CutChanges) -> Callable[[int], int | None]:
    """New frame -> old frame."""

    def place(frame: int) -> int | None:
        segment = changes.segment_at_new(frame)
        return segment.to_old(frame) if segment else None

    return place


def compared(pair: CutPair) -> tuple[float, float]:
    """Shares of the kept frames: found in the right place, and frames in a wrong place."""
    right, wrong, kept = figures(pair, old_of(compare_cuts(pair.old, pair.new)))
    return right / kept, wrong / kept


def cut(*shots: tuple[str, float, int], rate: Fraction = Fraction(24), start: int = 0) -> Timeline:
    """A cut of ``(media, source start in frames, length)``; media "" is black."""
    frame, made = 0, []
    for media, source, length in shots:
        made.append(Shot(frame, frame + length, media or None, False, float(source / rate), 1.0, ""))
        frame += length
    return Timeline("cut", rate, start, frame, tuple(made))


FILM = (("a.mov", 10, 50), ("b.mov", 0, 61), ("c.mov", 5, 72), ("d.mov", 8, 83), ("e.mov", 3, 94))


def kinds(old: Timeline, new: Timeline) -> list[tuple[str, tuple[int, int] | None, tuple[int, int] | None]]:
    """What the comparison calls the changes."""
    return [(c.kind.value, c.old, c.new) for c in compare_cuts(old, new).changes]


def test_the_same_cut_has_no_changes() -> None:
    changes = compare_cuts(cut(*FILM), cut(*FILM))
    assert changes.identical
    assert [(s.old_start, s.old_end, s.new_start, s.new_end) for s in changes.segments] == [(0, 360, 0, 360)]


@pytest.mark.parametrize("style", STYLES)
def test_the_same_random_cut_has_no_changes(style: str) -> None:
    pair = cut_pair(7, edits=0, style=style)
    assert compare_cuts(pair.old, pair.new).changes == ()


def test_a_tail_trim_moves_the_rest_together() -> None:
    new = (*FILM[:2], ("c.mov", 5, 58), *FILM[3:])
    assert kinds(cut(*FILM), cut(*new)) == [
        ("tail trimmed", (111, 169), (111, 169)),
        ("gone", (169, 183), None),
        ("moved", (183, 360), (169, 346)),
    ]


def test_a_head_trim_is_not_a_tail_trim() -> None:
    new = (*FILM[:2], ("c.mov", 19, 58), *FILM[3:])
    found = kinds(cut(*FILM), cut(*new))
    assert ("gone", (111, 125), None) in found
    assert ("head trimmed", (125, 183), (111, 169)) in found


def test_a_slip_stays_in_its_place() -> None:
    new = (*FILM[:2], ("c.mov", 11, 72), *FILM[3:])
    changes = compare_cuts(cut(*FILM), cut(*new))
    assert ChangeKind.SLIPPED in {c.kind for c in changes.changes}
    assert changes.segment_at_new(111) is not None
    assert old_of(changes)(120) == 126
    assert old_of(changes)(200) == 200


def test_a_new_version_of_a_vfx_shot_is_the_same_shot() -> None:
    old = cut(("MER_0010_comp_v003.mov", 8, 50), ("MER_0020_comp_v001.mov", 8, 60))
    new = cut(("MER_0010_comp_v012.exr", 8, 50), ("MER_0020_comp_v001.mov", 8, 60))
    assert kinds(old, new) == [("vfx only", (0, 50), (0, 50))]


def test_a_retimed_shot_maps_in_proportion() -> None:
    old = cut(*FILM)
    shots = list(old.shots)
    shots[2] = replace(shots[2], end_frame=shots[2].start_frame + 36, speed=2.0)
    shots[3:] = [replace(s, start_frame=s.start_frame - 36, end_frame=s.end_frame - 36) for s in shots[3:]]
    changes = compare_cuts(old, replace(old, shots=tuple(shots), duration_frames=old.duration_frames - 36))
    assert [c.kind for c in changes.changes if c.old == (111, 183)] == [ChangeKind.RETIMED]
    place = old_of(changes)
    assert place(111 + 18) == 111 + 36


def test_two_scenes_that_change_places_are_moved_and_nothing_is_lost() -> None:
    new = (FILM[0], FILM[3], FILM[4], FILM[1], FILM[2])
    changes = compare_cuts(cut(*FILM), cut(*new))
    assert changes.kept_frames == 360
    assert {c.kind for c in changes.changes} == {ChangeKind.MOVED}


def test_a_gap_that_a_lift_leaves_moves_nothing() -> None:
    new = (*FILM[:2], ("", 0, 72), *FILM[3:])
    assert kinds(cut(*FILM), cut(*new)) == [("gone", (111, 183), None), ("new", None, (111, 183))]


@pytest.mark.parametrize(
    ("old_start", "new_start", "rate"),
    [
        (0, 86400, Fraction(24)),
        (0, 90000, Fraction(25)),
        (0, 86314, Fraction(24000, 1001)),
        (107892, 0, Fraction(30000, 1001)),
    ],
)
def test_where_a_cut_starts_does_not_matter(old_start: int, new_start: int, rate: Fraction) -> None:
    pair = cut_pair(11, edits=3, rate=rate, style="shot_files")
    moved = replace(pair.new, start_frame=new_start), replace(pair.old, start_frame=old_start)
    assert compare_cuts(moved[1], moved[0]).segments == compare_cuts(pair.old, pair.new).segments


def test_film_speed_and_its_pull_down_count_the_same_frames() -> None:
    pair = cut_pair(5, edits=0, style="shot_files")
    changes = compare_cuts(pair.old, replace(pair.new, rate=Fraction(24000, 1001)))
    assert [(s.old_start, s.new_start) for s in changes.segments] == [(0, 0)]
    assert changes.kept_frames == pair.new.duration_frames


KEYS_KNOWN = ("none", "versions", "folders")
OTHER_DAMAGE = ("names", "media", "handles", "handles_and_media", "names_and_media", "everything", "renumbered")


@pytest.mark.parametrize("damage", KEYS_KNOWN)
@pytest.mark.parametrize("style", STYLES)
def test_random_edits_are_found(style: str, damage: str) -> None:
    shares = [compared(cut_pair(seed, edits=5, damage=damage, style=style)) for seed in (20, 21)]
    assert sum(found for found, _ in shares) / len(shares) >= 0.98
    assert sum(wrong for _, wrong in shares) / len(shares) <= 0.01


@pytest.mark.parametrize("damage", OTHER_DAMAGE)
@pytest.mark.parametrize("style", STYLES)
def test_kept_picture_is_found_whatever_was_renamed(style: str, damage: str) -> None:
    found, wrong = compared(cut_pair(30, edits=1, damage=damage, style=style))
    assert found - wrong >= 0.95


def test_real_pairs(shared_data: Path) -> None:
    for folder in sorted((shared_data / "reconform_pairs").iterdir()):
        old, new = read_edit(folder / "old.otio"), read_edit(folder / "new.otio")
        spans = json.loads((folder / "truth.json").read_text())
        truth = {f: was + f - a for a, b, was in spans for f in range(a, b)}
        place = old_of(compare_cuts(old, new))
        found = {f: p for f in range(new.duration_frames) if (p := place(f)) is not None}
        right = sum(truth.get(f) == p for f, p in found.items())
        assert (right - (len(found) - right)) / len(truth) >= 0.95, folder.name


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("MER_0010_v003.mov", "mer_0010_V12.exr"),
        ("/vfx/a/SH010-comp.v3.mov", "D:\\out\\SH010_comp_v004.mov"),
        ("clip ver_02", "clip ver_3"),
    ],
)
def test_versions_are_no_part_of_a_key(a: str, b: str) -> None:
    assert key_of(a) == key_of(b)


def test_a_name_that_is_only_a_version_stays_a_name() -> None:
    assert key_of("v003.mov") == "v003"
    assert key_of("MV_100.mov") != key_of("MV_200.mov")
