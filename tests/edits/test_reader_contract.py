"""What every reader of edits promises, whatever the format.

The same small edits are written in every format that can carry them and read back through the one door.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import pytest
from edit_model import (
    Feature,
    ModelClip,
    ModelDissolve,
    ModelEdit,
    ModelGap,
    ModelItem,
    ModelMarker,
    ModelNest,
    ModelTrack,
    check_shows,
    check_sound,
    expected_cuts,
    features_of,
    flattened,
    placed_markers,
    seen_at,
    track,
)
from edit_writers import QUICK_WRITERS, WRITERS, EditWriter
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from v2m_bridge.edits.read_edit import READERS, read_edit
from v2m_bridge.errors import InputError, V2MError
from v2m_bridge.timeline.model import Timeline

NTSC_24, NTSC_30, NTSC_60 = (Fraction(n * 1000, 1001) for n in (24, 30, 60))
HALF = Fraction(1, 2)
A, B, C = (ModelClip(name, start, length) for name, start, length in (("a", 10, 48), ("b", 100, 24), ("c", 5, 30)))

EDITS: dict[str, ModelEdit] = {
    "cuts": ModelEdit((track(A, B, C),), start_frame=86_400),
    "gaps": ModelEdit((track(ModelGap(7), A, ModelGap(12), B, ModelGap(5)),), start_frame=86_400),
    "upper tracks": ModelEdit(
        (
            track(ModelClip("a", 0, 100)),
            track(ModelGap(20), B, ModelGap(20), C),
            track(ModelGap(30), ModelClip("d", 3, 9)),
        )
    ),
    "disabled": ModelEdit(
        (
            track(A, ModelClip("off", 0, 10, enabled=False), B),
            track(ModelGap(10), ModelClip("hidden", 0, 20, enabled=False)),
            track(ModelClip("muted", 0, 60), enabled=False),
        )
    ),
    "a through edit": ModelEdit((track(A, ModelClip("a", 58, 20), ModelClip("a", 79, 20)),)),
    "speeds": ModelEdit(
        (
            track(
                ModelClip("fast", 24, 20, Fraction(2)),
                ModelClip("slow", 24, 20, HALF),
                ModelClip("still", 24, 20, Fraction(0)),
                ModelClip("back", 24, 20, Fraction(-1)),
                ModelClip("back fast", 24, 20, Fraction(-2)),
            ),
            track(ModelGap(5), ModelClip("over", 0, 5), ModelGap(55), ModelClip("over", 50, 5)),
        )
    ),
    "nested": ModelEdit(
        (
            track(
                A,
                ModelNest("inner", (track(B, C), track(ModelGap(10), ModelClip("d", 0, 8))), 6, 40),
                ModelNest("outer", (track(ModelClip("e", 0, 9), ModelNest("deep", (track(A, B),), 40, 20)),), 2, 25),
                C,
            ),
        )
    ),
    "nested at double speed": ModelEdit((track(A, ModelNest("inner", (track(B, C, A),), 4, 30, Fraction(2)), B),)),
    "nested backwards": ModelEdit(
        (
            track(
                A,
                ModelNest("inner", (track(B, C, ModelClip("r", 40, 20, Fraction(-1))),), 4, 60, Fraction(-1)),
                ModelNest(
                    "outer", (track(ModelNest("deep", (track(A, B),), 3, 50, Fraction(-1))),), 2, 40, Fraction(-1)
                ),
                B,
            ),
        )
    ),
    "conformed": ModelEdit(
        (
            track(
                A,
                ModelClip("p", 30, 100, media_rate=Fraction(25), media_start=90_000, markers=(ModelMarker(70, "m"),)),
                ModelClip("q", 7, 60, media_rate=NTSC_24),
                ModelNest("inner", (track(B, ModelClip("p2", 9, 60, media_rate=Fraction(25))),), 6, 50),
            ),
            track(ModelGap(100), B, ModelGap(30), C),
        ),
        start_frame=86_400,
        markers=(ModelMarker(60, "HIT"), ModelMarker(140, "x")),
    ),
    "dissolves": ModelEdit((track(A, ModelDissolve(0, 12), B, C, ModelDissolve(0, 5), ModelClip("d", 20, 30)),)),
    "centred dissolves": ModelEdit((track(A, ModelDissolve(6, 6), B, ModelDissolve(8, 0), C),)),
    "markers": ModelEdit((track(A, B, C),), start_frame=86_400, markers=(ModelMarker(0, "x"), ModelMarker(50, "HIT"))),
    "markers with notes": ModelEdit(
        (track(A, B),), start_frame=86_400, markers=(ModelMarker(50, "HIT", "door"), ModelMarker(60, "y", length=9))
    ),
    "markers on clips": ModelEdit((track(ModelClip("a", 10, 48, markers=(ModelMarker(5, "in a"),)), B),)),
    "media with timecode": ModelEdit((track(ModelClip("a", 10, 48, media_start=86_400), ModelClip("b", 3, 9)),)),
    "drop frame": ModelEdit((track(A, B, C),), NTSC_30, 107_892, drop_frame=True),
}

CASES = [
    pytest.param(writer, edit, id=f"{writer.name}-{name}")
    for name, edit in EDITS.items()
    for writer in WRITERS
    if features_of(edit) <= writer.carries
]
EVERY_WRITER = pytest.mark.parametrize("writer", WRITERS, ids=lambda w: w.name)


@pytest.fixture(autouse=True)
def silence(capfd: pytest.CaptureFixture[str]) -> Iterator[None]:
    """No reader lets anything be printed, on standard output or standard error."""
    yield
    assert capfd.readouterr() == ("", "")


def read(writer: EditWriter, edit: ModelEdit, folder: Path) -> Timeline:
    """The edit, written and read."""
    return read_edit(writer(folder, edit), rate=writer.rate_for(edit))


def test_every_reader_has_a_writer() -> None:
    assert {writer.suffix for writer in WRITERS} == set(READERS)


def test_every_feature_is_in_some_edit() -> None:
    assert frozenset().union(*(features_of(edit) for edit in EDITS.values())) == frozenset(Feature)


@pytest.mark.parametrize(("writer", "edit"), CASES)
def test_every_format_gives_the_same_timeline(writer: EditWriter, edit: ModelEdit, tmp_path: Path) -> None:
    """Every frame shows what the model shows, and cuts, markers and timecode lie on the model's frames."""
    timeline = read(writer, edit, tmp_path)
    check_sound(timeline)
    check_shows(timeline, edit)
    assert (timeline.name, timeline.start_frame, timeline.drop_frame) == (edit.name, edit.start_frame, edit.drop_frame)
    assert [(m.frame, m.name) for m in timeline.markers] == placed_markers(edit)
    if Feature.MARKER_NOTE in features_of(edit):
        assert [(m.note, m.duration_frames) for m in timeline.markers] == [(m.note, m.length) for m in edit.markers]


FLAT = sorted(set(EDITS) - {"dissolves", "centred dissolves", "markers with notes", "media with timecode"})


@pytest.mark.parametrize("name", FLAT)
@pytest.mark.parametrize("writer", QUICK_WRITERS, ids=lambda w: w.name)
def test_an_edit_flattened_for_simple_events_keeps_its_cuts_and_markers(
    writer: EditWriter, name: str, tmp_path: Path
) -> None:
    """What an EDL cannot hold (nests, media of another rate, clip markers) reaches it taken apart by the program."""
    flat = flattened(EDITS[name])
    timeline = read(writer, flat, tmp_path)
    check_sound(timeline)
    check_shows(timeline, flat)
    seen = [seen_at(EDITS[name].tracks, Fraction(frame)) for frame in range(EDITS[name].length)]
    assert [cut.frame for cut in timeline.cuts] == expected_cuts(seen)
    assert [(m.frame, m.name) for m in timeline.markers] == placed_markers(EDITS[name])


@pytest.mark.parametrize(("writer", "edit"), [case for case in CASES if "dissolves" in str(case.id)])
def test_dissolves_cover_the_same_frames(writer: EditWriter, edit: ModelEdit, tmp_path: Path) -> None:
    expected = {
        at: (at - item.before, at + item.after)
        for at, item in edit.tracks[0].placed()
        if isinstance(item, ModelDissolve)
    }
    found = {
        cut.frame: (cut.span_start_frame, cut.span_end_frame)
        for cut in read(writer, edit, tmp_path).cuts
        if cut.kind == "dissolve"
    }
    assert found == expected


RATES = (Fraction(24), NTSC_24, Fraction(25), Fraction(30), NTSC_30, Fraction(50), NTSC_60, Fraction(120))


@pytest.mark.parametrize(
    ("writer", "rate"),
    [
        pytest.param(writer, rate, id=f"{writer.name}-{rate}")
        for writer in WRITERS
        for rate in ((NTSC_24, NTSC_30) if writer.slow else RATES)
    ],
)
def test_cuts_stay_on_their_frame_far_into_an_edit(writer: EditWriter, rate: Fraction, tmp_path: Path) -> None:
    """An hour of one-second shots of odd lengths would show the smallest error of a rate."""
    lengths = [40_000, 1, 30_007, 2, 50_021, 13]
    clips = tuple(ModelClip(f"c{i}", 7 * i, length) for i, length in enumerate(lengths))
    start = 3600 * round(rate)
    timeline = read(writer, ModelEdit((track(*clips),), rate, start), tmp_path)
    edges = [sum(lengths[: i + 1]) for i in range(len(lengths))]
    assert (timeline.rate, timeline.start_frame, timeline.duration_frames) == (rate, start, edges[-1])
    assert [cut.frame for cut in timeline.cuts] == edges[:-1]


@EVERY_WRITER
def test_missing_media_stay_offline_with_their_name(writer: EditWriter, tmp_path: Path) -> None:
    for shot, clip in zip(read(writer, EDITS["cuts"], tmp_path).shots, (A, B, C), strict=True):
        assert (shot.name, shot.media, shot.media_online) == (clip.name, clip.url, False)


@EVERY_WRITER
def test_media_are_found_in_a_media_root(writer: EditWriter, tmp_path: Path) -> None:
    root = tmp_path / "rushes"
    root.mkdir()
    (root / "b.mov").write_bytes(b"not a film")
    edit = EDITS["cuts"]
    shots = read_edit(writer(tmp_path, edit), rate=writer.rate_for(edit), media_roots=[root]).shots
    assert [shot.media_online for shot in shots] == [False, True, False]
    assert shots[1].media == str(root / "b.mov")
    assert shots[1].source_start_s == pytest.approx(100 / 24)


@EVERY_WRITER
def test_a_wrong_media_root_is_a_warning(writer: EditWriter, tmp_path: Path) -> None:
    edit = EDITS["cuts"]
    timeline = read_edit(writer(tmp_path, edit), rate=writer.rate_for(edit), media_roots=[tmp_path / "gone"])
    assert any("gone" in warning for warning in timeline.warnings)


@pytest.mark.parametrize("writer", [w for w in WRITERS if not w.needs_rate], ids=lambda w: w.name)
def test_a_given_rate_never_replaces_the_edits_own(writer: EditWriter, tmp_path: Path) -> None:
    timeline = read_edit(writer(tmp_path, EDITS["cuts"]), rate=Fraction(25))
    assert timeline.rate == 24
    assert any("the given 25 is not used" in warning for warning in timeline.warnings)


# ---------------------------------------------------------------- damage


def read_or_refuse(path: Path) -> str:
    """Read whatever lies at ``path``: a sound timeline, or one clear line; anything else fails the test."""
    try:
        timeline = read_edit(path)
    except V2MError as error:
        assert str(error) and "\n" not in str(error) and len(str(error)) < 1500
        return "refused"
    check_sound(timeline)
    return "read"


def file_of(path: Path) -> Path:
    """The file with the edit in it, in a bundle that is a folder."""
    return next(p for p in path.iterdir()) if path.is_dir() else path


@EVERY_WRITER
def test_what_is_cut_off_or_overwritten_is_read_or_refused(writer: EditWriter, tmp_path: Path) -> None:
    path = writer(tmp_path, EDITS["cuts"])
    file = file_of(path)
    data = file.read_bytes()
    outcomes = set()
    parts = 2 if writer.slow else 16
    for part in range(parts):
        at = len(data) * part // parts
        for damaged in (data[:at], data[:at] + b"\x00\xff<}9" + data[at + 5 :]):
            file.write_bytes(damaged)
            outcomes.add(read_or_refuse(path))
    assert "refused" in outcomes


ODD_NUMBERS = ("0", "-1", "99", "1.5", "999999999999", "nan", "")


@pytest.mark.parametrize("name", ["speeds", "dissolves"])
@pytest.mark.parametrize("writer", QUICK_WRITERS, ids=lambda w: w.name)
def test_odd_numbers_are_read_or_refused(writer: EditWriter, name: str, tmp_path: Path) -> None:
    """One number of the file after the other becomes something that no host would write."""
    path = writer(tmp_path, EDITS[name])
    text = path.read_text(encoding="utf-8")
    outcomes = set()
    for index, number in enumerate(re.finditer(r"\d+", text)):
        odd = ODD_NUMBERS[index % len(ODD_NUMBERS)]
        path.write_text(text[: number.start()] + odd + text[number.end() :], encoding="utf-8")
        outcomes.add(read_or_refuse(path))
    assert "read" in outcomes


@EVERY_WRITER
@pytest.mark.parametrize("data", [b"", b"\x00" * 4096, b"\xff\xfe" * 50, b"just some words\n" * 20, b"{}", b"<a/>"])
def test_what_is_no_edit_is_refused(writer: EditWriter, data: bytes, tmp_path: Path) -> None:
    path = writer(tmp_path, EDITS["cuts"])
    file_of(path).write_bytes(data)
    with pytest.raises(InputError) as refusal:
        read_edit(path)
    assert "\n" not in str(refusal.value) and path.name in str(refusal.value)


@EVERY_WRITER
def test_an_edit_of_another_format_is_read_or_refused(writer: EditWriter, tmp_path: Path) -> None:
    for other in WRITERS:
        if other.suffix == writer.suffix:
            continue
        folder = tmp_path / other.name
        folder.mkdir()
        path = other(folder, EDITS["cuts"])
        assert read_or_refuse(path.rename(folder / f"renamed{writer.suffix}")) in ("read", "refused")


def test_real_edits_are_read_or_refused(shared_data: Path) -> None:
    """Third-party edits: sound ones are all read and keep shots, those with known trouble may be refused."""
    for path in sorted(shared_data.rglob("*")):
        if path.suffix.lower() in READERS and path.is_file():
            outcome = read_or_refuse(path)
            if path.is_relative_to(shared_data / "timelines"):
                assert outcome == "read", path
                assert any(shot.name or shot.media for shot in read_edit(path).shots), path


# ---------------------------------------------------------------- drawn edits


@st.composite
def items(draw: st.DrawFn, carries: frozenset[Feature], names: Iterator[str], depth: int) -> ModelItem:
    """A clip, a gap or a nested sequence that the format can carry."""
    kinds = ["clip", "clip", "clip", "gap"] + ["nest"] * (Feature.NEST in carries and depth < 3)
    kind = draw(st.sampled_from(kinds))
    length = draw(st.integers(1, 24))
    if kind == "gap":
        return ModelGap(length)
    enabled = draw(st.sampled_from([True, True, True, False])) if Feature.DISABLED in carries else True
    name = next(names)
    if kind == "nest":
        inner = st.lists(items(carries, names, depth + 1), min_size=1, max_size=4)
        tracks = tuple(track(*draw(inner)) for _ in range(draw(st.integers(1, 3))))
        backwards = Feature.REVERSED_NEST in carries and draw(st.integers(0, 3)) == 0
        speed = Fraction(-1 if backwards else 1)
        return ModelNest(name, tracks, draw(st.integers(0, 20)), length, speed, enabled=enabled)
    speeds = [Fraction(1), Fraction(1), Fraction(2), HALF, Fraction(0), Fraction(-1)]
    speed = draw(st.sampled_from(speeds if Feature.RETIME in carries else speeds[:1]))
    media_start = draw(st.sampled_from([0, 86_400])) if Feature.MEDIA_START in carries else 0
    return ModelClip(name, draw(st.integers(0, 200)), length, speed, enabled, media_start)


@st.composite
def with_dissolves(draw: st.DrawFn, found: list[ModelItem], carries: frozenset[Feature]) -> list[ModelItem]:
    """The items with dissolves between some of them, of which the picture's frames know nothing."""
    together = found[:1]
    for item in found[1:]:
        if draw(st.booleans()):
            frames = draw(st.integers(1, 3))
            centred = Feature.CENTRED_DISSOLVE in carries
            before, after = draw(st.sampled_from([(0, 1), (1, 1), (1, 0)])) if centred else (0, 1)
            together.append(ModelDissolve(before * frames, after * frames))
        together.append(item)
    return together


@st.composite
def edits(draw: st.DrawFn, carries: frozenset[Feature]) -> ModelEdit:
    """An edit of up to four tracks in any rate."""
    rate = draw(st.sampled_from((Fraction(24), NTSC_24, Fraction(25), NTSC_30, NTSC_60, Fraction(48))))
    names = (f"c{number}" for number in range(10_000))
    layers: list[ModelTrack] = []
    for _ in range(draw(st.integers(1, 4))):
        enabled = draw(st.sampled_from([True, True, True, False])) if Feature.DISABLED in carries else True
        found = draw(st.lists(items(carries, names, 0), min_size=1, max_size=6))
        if not layers:
            found = draw(with_dissolves(found, carries))
        layers.append(track(*found, enabled=enabled))
    return ModelEdit(tuple(layers), rate, draw(st.sampled_from([0, 3600 * round(rate)])))


@pytest.mark.parametrize("writer", QUICK_WRITERS, ids=lambda w: w.name)
@settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(data=st.data())
def test_drawn_edits_show_the_same_picture_on_every_frame(
    writer: EditWriter, data: st.DataObject, tmp_path: Path
) -> None:
    edit = data.draw(edits(writer.carries))
    path = writer(tmp_path, edit)
    if not any(seen_at(edit.tracks, Fraction(frame)) for frame in range(edit.length)):
        with pytest.raises(InputError, match="no picture"):
            read_edit(path, rate=writer.rate_for(edit))
        return
    check_shows(read_edit(path, rate=writer.rate_for(edit)), edit)
