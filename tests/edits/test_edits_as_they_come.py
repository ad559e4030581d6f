"""Edits as they really come, one small case for each thing that hosts and people do to them.

EDLs are in ``test_edl_as_they_come.py``.
"""

from __future__ import annotations

import itertools
from fractions import Fraction
from pathlib import Path

import edit_makers as make
import pytest

from v2m_bridge.edits.read_edit import read_edit
from v2m_bridge.errors import InputError
from v2m_bridge.timeline.model import Timeline

NTSC_24, NTSC_30, NTSC_60 = (Fraction(n * 1000, 1001) for n in (24, 30, 60))
CONFORMED = [
    (media, sequence) for media, sequence in itertools.permutations((NTSC_24, Fraction(24), Fraction(25)), 2)
] + [(NTSC_30, Fraction(30)), (Fraction(30), NTSC_30), (NTSC_60, Fraction(60)), (Fraction(60), NTSC_60)]
"""Rates of footage and sequence whose frames are played one for one, in both directions."""

PRINTED = {NTSC_24: "23.98", NTSC_30: "29.97", NTSC_60: "59.94"}


def cuts(timeline: Timeline) -> list[int]:
    return [cut.frame for cut in timeline.cuts]


def markers(timeline: Timeline) -> list[tuple[int, str]]:
    return [(marker.frame, marker.name) for marker in timeline.markers]


def read(tmp_path: Path, text: str, suffix: str = ".fcpxml", rate: Fraction | None = None) -> Timeline:
    path = tmp_path / f"made{suffix}"
    path.write_text(text, encoding="utf-8")
    return read_edit(path, rate=rate)


def s(frames: int | Fraction, rate: Fraction) -> str:
    """FCPXML time of a count of frames."""
    seconds = Fraction(frames) / rate
    return f"{seconds.numerator}/{seconds.denominator}s"


# ---------------------------------------------------------------- FCPXML


def fcpxml(spine: str, resources: str = "", rate: Fraction = Fraction(24), media: Fraction = Fraction(25)) -> str:
    """A project at ``rate`` with assets A, B (its rate) and P (``media``, 10 h of camera timecode)."""
    frame, other = s(1, rate), s(1, media)
    assets = "".join(
        f'<asset id="{n}" name="{n}" start="0s" duration="1000s" hasVideo="1" format="f" src="file:///x/{n}.mov"/>'
        for n in "AB"
    )
    assets += '<asset id="P" name="P" start="36000s" duration="1000s" hasVideo="1" format="g" src="file:///x/P.mov"/>'
    return (
        f'<fcpxml version="1.11"><resources><format id="f" frameDuration="{frame}"/>'
        f'<format id="g" frameDuration="{other}"/>{assets}{resources}</resources><library><event>'
        f'<project name="p"><sequence format="f" tcStart="0s"><spine>{spine}</spine></sequence></project>'
        "</event></library></fcpxml>"
    )


@pytest.mark.parametrize(("media", "rate"), CONFORMED)
def test_the_content_of_a_conformed_clip_counts_in_the_medias_frames(
    tmp_path: Path, media: Fraction, rate: Fraction
) -> None:
    """Frame k of the media is frame k of the clip: start, markers, connected clips; offset and length do not scale."""
    start = 36_000 * media + 50
    conform = f'<conform-rate srcFrameRate="{PRINTED.get(media, media)}"/>'
    inside = f'<marker start="{s(start + 70, media)}" duration="{s(1, media)}" value="m"/>'
    hung = f'<asset-clip ref="A" lane="1" offset="{s(start + 100, media)}" start="0s" duration="{s(20, rate)}"/>'
    spine = (
        f'<asset-clip ref="B" offset="0s" duration="{s(30, rate)}"/><asset-clip ref="P" offset="{s(30, rate)}" '
        f'start="{s(start, media)}" duration="{s(200, rate)}">{conform}{hung}{inside}</asset-clip>'
    )
    timeline = read(tmp_path, fcpxml(spine, rate=rate, media=media))
    assert cuts(timeline) == [30, 130, 150]
    assert markers(timeline) == [(100, "m")]
    shots = [shot for shot in timeline.shots if shot.name == "P"]
    assert [round(shot.source_start_s * media) for shot in shots] == [50, 170]
    assert shots[0].speed == pytest.approx(float(rate / media))


@pytest.mark.parametrize("wrap", ["compound", "sync", "clip"])
@pytest.mark.parametrize(("media", "rate"), CONFORMED)
def test_the_content_of_conformed_containers(tmp_path: Path, wrap: str, media: Fraction, rate: Fraction) -> None:
    """A compound, synchronised or plain clip at the media's rate: its inner cut at media frame 60 is 40 after 20."""
    base = Fraction(0)
    inner = (
        f'<asset-clip ref="P" offset="{s(base, media)}" start="36000s" duration="{s(60, media)}"/>'
        f'<asset-clip ref="A" offset="{s(base + 60, media)}" start="5s" duration="{s(90, media)}"/>'
    )
    conform = f'<conform-rate srcFrameRate="{PRINTED.get(media, media)}"/>'
    times = f'offset="{s(10, rate)}" start="{s(20, media)}" duration="{s(100, rate)}"'
    resources = ""
    if wrap == "compound":
        resources = f'<media id="C"><sequence format="g" tcStart="0s"><spine>{inner}</spine></sequence></media>'
        clip = f'<ref-clip ref="C" {times}>{conform}</ref-clip>'
    else:
        tag = "sync-clip" if wrap == "sync" else "clip"
        clip = f"<{tag} {times}>{conform}<spine>{inner}</spine></{tag}>"
    spine = f'<asset-clip ref="B" offset="0s" duration="{s(10, rate)}"/>{clip}'
    timeline = read(tmp_path, fcpxml(spine, resources, rate, media))
    assert (cuts(timeline), timeline.duration_frames) == ([10, 50], 110)


@pytest.mark.parametrize(
    ("media", "rate", "speed"),
    [
        (Fraction(50), Fraction(24), Fraction(24, 25)),
        (Fraction(25), Fraction(50), Fraction(1)),
        (Fraction(24), NTSC_30, Fraction(1000, 1001)),
        (NTSC_24, Fraction(60), Fraction(1001, 1000)),
        (Fraction(30), Fraction(24), Fraction(1)),
    ],
)
def test_other_rates_conform_by_their_family(tmp_path: Path, media: Fraction, rate: Fraction, speed: Fraction) -> None:
    clip = f'<conform-rate srcFrameRate="{PRINTED.get(media, media)}"/>'
    timeline = read(
        tmp_path,
        fcpxml(f'<asset-clip ref="P" offset="0s" duration="{s(100, rate)}">{clip}</asset-clip>', "", rate, media),
    )
    assert timeline.shots[0].speed == pytest.approx(float(speed))


def test_markers_of_a_shipped_project_lie_where_final_cut_shows_them(shared_data: Path) -> None:
    timeline = read_edit(shared_data / "timelines/DAWFileKit/23.98.fcpxml")
    at = dict((m.name, m.frame) for m in timeline.markers)
    conformed = [f for _, f in sorted((f, f) for f in at.values()) if 760 <= f < 1406]
    assert conformed == [937, 1104, 1310]


@pytest.mark.parametrize("tag", ["asset-clip", "ref-clip", "sync-clip", "clip", "mc-clip"])
def test_an_element_that_is_on_for_sound_alone_shows_nothing(tmp_path: Path, tag: str) -> None:
    resources = (
        '<media id="C"><sequence format="f"><spine><asset-clip ref="A" offset="0s" duration="10s"/></spine></sequence>'
        '</media><media id="M"><multicam format="f"><mc-angle angleID="1"><asset-clip ref="A" offset="0s" '
        'duration="10s"/></mc-angle></multicam></media>'
    )
    ref = {"asset-clip": "A", "ref-clip": "C", "mc-clip": "M"}.get(tag)
    source = f'ref="{ref}"' if ref else ""
    inner = "" if ref else '<asset-clip ref="A" offset="0s" duration="10s"/>'
    inner = '<mc-source angleID="1"/>' if tag == "mc-clip" else inner
    spine = (
        f'<asset-clip ref="B" offset="0s" duration="1s"/><{tag} {source} offset="1s" duration="1s" srcEnable="audio">'
        f'{inner}<marker start="1/2s" value="m"/></{tag}><asset-clip ref="B" offset="2s" start="9s" duration="1s"/>'
    )
    timeline = read(tmp_path, fcpxml(spine, resources))
    assert [(shot.start_frame, shot.name) for shot in timeline.shots] == [(0, "B"), (24, ""), (48, "B")]
    assert markers(timeline) == [(36, "m")]


def test_a_multicam_without_an_angle_for_picture_is_black(tmp_path: Path) -> None:
    resources = (
        '<media id="M"><multicam format="f"><mc-angle angleID="1"><asset-clip ref="A" offset="0s" duration="10s"/>'
        '</mc-angle><mc-angle angleID="2"><asset-clip ref="A" offset="0s" duration="10s"/></mc-angle></multicam>'
        "</media>"
    )
    clips = [("1", "all"), ("1", "audio"), ("2", "video"), ("1", "video"), ("1", "none")]
    spine = "".join(
        f'<mc-clip ref="M" offset="{i}s" start="{i}s" duration="1s"><mc-source angleID="{a}" srcEnable="{e}"/>'
        "</mc-clip>"
        for i, (a, e) in enumerate(clips)
    )
    timeline = read(tmp_path, fcpxml(spine, resources))
    assert [(shot.start_frame // 24, shot.name) for shot in timeline.shots] == [
        (0, "A"), (1, ""), (2, "A"), (3, "A"), (4, "")
    ]  # fmt: skip


COMPOUND = (
    '<media id="C"><sequence format="f" tcStart="0s"><spine><asset-clip ref="A" offset="0s" duration="4s"/>'
    '<asset-clip ref="B" offset="4s" duration="6s"/></spine></sequence></media>'
)


@pytest.mark.parametrize(
    ("points", "length", "found"),
    [
        ("0 0, 10 10", 10, [96]),
        ("0 10, 10 0", 10, [144]),
        ("0 8, 4 0", 4, [48]),
        ("0 0, 1 3, 5 5", 5, [72]),
        ("0 10, 1 6, 5 2", 5, [72]),
        ("0 2, 2 2, 6 10", 6, [72]),
        ("0 0, 3 6, 6 0", 6, [48, 96]),
    ],
)
def test_inner_cuts_of_a_compound_go_through_its_ramp(
    tmp_path: Path, points: str, length: int, found: list[int]
) -> None:
    pairs = (pair.split() for pair in points.split(","))
    table = "".join(f'<timept time="{t}s" value="{v}s" interp="linear"/>' for t, v in pairs)
    clip = f'<ref-clip ref="C" offset="0s" start="0s" duration="{length}s"><timeMap>{table}</timeMap></ref-clip>'
    timeline = read(tmp_path, fcpxml(clip, COMPOUND))
    assert (cuts(timeline), timeline.duration_frames) == (found, 24 * length)


@pytest.mark.parametrize(
    ("event", "name", "found"),
    [
        ('<ref-clip ref="C" name="Reel" duration="10s"/>', "Reel", [96]),
        (
            '<clip name="Cam" format="f" start="0s" duration="9s"><video ref="A" offset="0s" duration="9s"/></clip>',
            "Cam",
            [],
        ),
        ('<asset-clip ref="P" name="Shot" duration="9s"/>', "Shot", []),
        (
            '<sync-clip name="Sync" format="f" duration="9s"><asset-clip ref="A" offset="0s" duration="3s"/>'
            '<asset-clip ref="B" offset="3s" duration="6s"/></sync-clip>',
            "Sync",
            [72],
        ),
        ('<mc-clip ref="M" name="Multi" duration="10s"><mc-source angleID="1"/></mc-clip>', "Multi", [48]),
    ],
)
def test_a_clip_that_was_exported_by_itself_is_the_edit(
    tmp_path: Path, event: str, name: str, found: list[int]
) -> None:
    multicam = (
        '<media id="M"><multicam format="f" tcStart="0s"><mc-angle angleID="1"><asset-clip ref="A" offset="0s" '
        'duration="2s"/><asset-clip ref="B" offset="2s" duration="8s"/></mc-angle></multicam></media>'
    )
    text = fcpxml("", COMPOUND + multicam)
    for outer in ("<library><event>{}</event></library>", "<event>{}</event>", "{}"):
        whole = text[: text.index("<library>")] + outer.format(event) + "</fcpxml>"
        timeline = read(tmp_path, whole)
        assert (timeline.name, cuts(timeline)) == (name, found)


def test_a_bundle_is_read_whatever_its_file_is_called(tmp_path: Path) -> None:
    for number, name in enumerate(("Info.fcpxml", "Reel.fcpxml")):
        folder = tmp_path / f"reel{number}.fcpxmld"
        folder.mkdir()
        (folder / name).write_text(fcpxml('<asset-clip ref="A" offset="0s" duration="2s"/>'))
        assert read_edit(folder).duration_frames == 48


def test_damage_in_fcpxml_costs_one_item(tmp_path: Path) -> None:
    good = [f'<asset-clip ref="A" name="g{i}" offset="{i}s" start="{i * 20}s" duration="1s"/>' for i in (0, 2)]
    for broken, said in (
        ('<asset-clip ref="B" name="bad" offset="1s" duration="-1s"/>', "duration"),
        ('<asset-clip ref="B" name="bad" offset="1s" duration="nan"/>', "not a time"),
        ('<asset-clip ref="B" name="bad" offset="1s" start="1/0s" duration="1s"/>', "not a time"),
        ('<asset-clip ref="gone" name="bad" offset="1s" duration="1s"/>', "not in the file"),
        (
            '<asset-clip ref="B" name="bad" offset="1s" duration="1s"><timeMap><timept time="0s" value="0s"/>'
            '<timept time="1s" value="NaN"/></timeMap></asset-clip>',
            "not a time",
        ),
        (
            '<asset-clip ref="B" name="bad" offset="1s" duration="1s"><conform-rate srcFrameRate="0"/></asset-clip>',
            "rate",
        ),
    ):
        timeline = read(tmp_path, fcpxml(good[0] + broken + good[1]))
        assert [shot.name for shot in timeline.shots if shot.name != "bad" and shot.name] == ["g0", "g2"]
        assert cuts(timeline) == [24, 48]
        assert any(said in warning for warning in timeline.warnings), (broken, timeline.warnings)


# ---------------------------------------------------------------- xmeml


def item(name: str, start: int, end: int, first: int = 0, more: str = "", base: int = 24, file: str = "") -> str:
    rate = f"<rate><timebase>{base}</timebase><ntsc>FALSE</ntsc></rate>"
    file = file or f'<file id="f-{name}"><name>{name}.mov</name><pathurl>file:///x/{name}.mov</pathurl>{rate}</file>'
    return (
        f"<clipitem><name>{name}</name><duration>9000</duration>{rate}<start>{start}</start><end>{end}</end>"
        f"<in>{first}</in><out>{first + end - start}</out>{file}{more}</clipitem>"
    )


def sequence(*items: str, ident: str = "s", name: str = "T", more: str = "") -> str:
    return (
        f'<sequence id="{ident}"><name>{name}</name><duration>0</duration><rate><timebase>24</timebase></rate>{more}'
        f"<media><video><track>{''.join(items)}</track></video></media></sequence>"
    )


def xmeml(tmp_path: Path, body: str) -> Timeline:
    return read(tmp_path, f'<xmeml version="5">{body}</xmeml>', ".xml")


def nest(start: int, end: int, more: str = "", first: int = 0) -> str:
    return item("nest", start, end, first, more, file='<sequence id="n"/>')


NEST = sequence(item("A", 0, 40), item("B", 40, 100, 500), ident="n", name="Nest")


def remap(speed: float, reverse: bool = False, graph: str = "") -> str:
    values = {"speed": speed, "reverse": str(reverse).upper(), "variablespeed": int(bool(graph))}
    found = "".join(
        f"<parameter><parameterid>{k}</parameterid><value>{v}</value></parameter>" for k, v in values.items()
    )
    keys = "".join(
        f"<keyframe><when>{w}</when><value>{v}</value></keyframe>"
        for w, v in (p.split() for p in graph.split(",") if p)
    )
    found += f"<parameter><parameterid>graphdict</parameterid>{keys}</parameter>" if graph else ""
    return f"<filter><effect><effectid>timeremap</effectid>{found}</effect></filter>"


@pytest.mark.parametrize("nest_first", [True, False])
def test_of_several_sequences_the_one_that_no_other_uses_is_the_edit(tmp_path: Path, nest_first: bool) -> None:
    reel = sequence(item("X", 0, 10), nest(10, 110), item("Y", 110, 120), ident="r", name="Reel")
    both = [f"<bin><children>{NEST}</children></bin>", reel]
    timeline = xmeml(tmp_path, f"<project><children>{''.join(both if nest_first else both[::-1])}</children></project>")
    assert (timeline.name, cuts(timeline), timeline.warnings) == ("Reel", [10, 50, 110], ())


@pytest.mark.parametrize(
    ("more", "length", "found"),
    [
        (remap(100), 100, [40]),
        (remap(200), 50, [20]),
        (remap(50), 200, [80]),
        (remap(100, reverse=True), 100, [60]),
        (remap(200, reverse=True), 50, [30]),
        (remap(100, graph="0 0,20 60,100 100"), 100, [13]),
        (remap(100, graph="0 100,100 0"), 100, [40]),
    ],
)
def test_nests_are_reversed_and_retimed(tmp_path: Path, more: str, length: int, found: list[int]) -> None:
    timeline = xmeml(tmp_path, NEST + sequence(nest(0, length, more), ident="r"))
    assert (cuts(timeline), timeline.duration_frames) == (found, length)


def test_a_ramp_is_read_off_its_graph(tmp_path: Path) -> None:
    clip = item("A", 0, 100, 10, remap(100, graph="0 0,60 20,110 220"))
    (shot,) = xmeml(tmp_path, sequence(clip)).shots
    assert shot.source_start_s * 24 == pytest.approx(10 * 20 / 60)
    assert shot.speed == pytest.approx((220 - 10 / 3) / 100)


def multiclip(active: str) -> str:
    angles = "".join(
        f"<angle>{'<activevideoangle>TRUE</activevideoangle>' if n == active else ''}"
        f"<clip id='k{n}'><name>cam{n}</name><rate><timebase>24</timebase></rate><media><video><track>"
        f"<clipitem id='i{n}'><file id='g{n}'><name>{n}.mov</name>"
        f"<pathurl>file:///x/{n if n != '3' else '1'}.mov</pathurl>"
        "</file></clipitem></track></video></media></clip></angle>"
        for n in "123"
    )
    return f"<multiclip id='m{active}'>{angles}</multiclip>"


def test_a_switch_of_the_angle_is_a_cut_even_on_the_same_media(tmp_path: Path) -> None:
    angles = ["1", "1", "2", "1", "3"]
    clips = [item("Concert", 10 * i, 10 * i + 10, 10 * i, file=multiclip(a)) for i, a in enumerate(angles)]
    timeline = xmeml(tmp_path, sequence(*clips))
    assert cuts(timeline) == [20, 30, 40]
    assert [Path(shot.media or "").name for shot in timeline.shots] == ["1.mov", "2.mov", "1.mov", "1.mov"]


def test_subclips_start_later_in_their_file(tmp_path: Path) -> None:
    def sub(start: int) -> str:
        return f"<subclipinfo><startoffset>{start}</startoffset><endoffset>0</endoffset></subclipinfo>"

    clips = [item("A", 0, 10, 5, sub(100)), item("A", 10, 20, 15, sub(100)), item("A", 20, 30, 25, sub(0))]
    timeline = xmeml(tmp_path, sequence(*clips, item("A", 30, 40, 10, sub(25))))
    assert cuts(timeline) == [20, 30]
    assert [round(shot.source_start_s * 24) for shot in timeline.shots] == [105, 25, 35]


def test_mixed_rates_count_as_their_lengths_say(tmp_path: Path) -> None:
    on_grid = [item("A", 0, 24, 60, base=30), item("A", 24, 48, 84, base=30)]
    assert cuts(xmeml(tmp_path, sequence(*on_grid))) == []
    own = item("A", 0, 24, 60, base=30).replace("<out>84</out>", "<out>90</out>")
    more = item("A", 24, 48, 90, base=30).replace("<out>114</out>", "<out>120</out>")
    timeline = xmeml(tmp_path, sequence(own, more))
    assert cuts(timeline) == [] and timeline.shots[0].source_start_s == 2.0


def test_damage_in_xmeml_costs_one_item(tmp_path: Path) -> None:
    for broken, said in (
        (item("bad", 24, 12), "ends before it starts"),
        (item("bad", -1, 48, 0), "start is -1"),
        (item("bad", 24, -1), "end is -1"),
        (item("bad", 24, 48, base=0), ""),
        (item("bad", 24, 48, base=5000), "timebase"),
        (item("bad", 24, 48, more=remap(float("nan"))), "speed"),
        (item("bad", 24, 48, file='<file id="gone"/>'), "not in the edit"),
        (item("bad", 24, 48).replace("<in>0</in>", "<in>zz</in>"), "in 'zz'"),
    ):
        timeline = xmeml(tmp_path, sequence(item("A", 0, 24), broken, item("B", 48, 72)))
        assert cuts(timeline) == [24, 48], (broken, timeline.warnings)
        assert all(shot.name in ("A", "bad", "B", "") for shot in timeline.shots)
        assert not said or any("bad" in w and said in w for w in timeline.warnings), (said, timeline.warnings)


# ---------------------------------------------------------------- OTIO


def otio(tmp_path: Path, document: make.Json, rate: Fraction | None = None) -> Timeline:
    return read_edit(make.write_otio(tmp_path / "made.otio", document), rate=rate)


def test_a_track_with_a_negative_range_starts_at_zero(tmp_path: Path) -> None:
    for start in (-86_400, -5):
        track = {**make.track(make.clip("a", 0, 20), make.clip("b", 50, 30)), "source_range": make.span(start, 50)}
        document = {**make.timeline(track), "global_start_time": None}
        timeline = otio(tmp_path, document)
        assert (cuts(timeline), timeline.duration_frames, timeline.start_frame) == ([20], 50, -start)


def test_old_spellings_and_old_markers(tmp_path: Path) -> None:
    clip = make.clip("a", 10, 48)
    clip["markers"] = [{"OTIO_SCHEMA": "Marker.1", "name": "old", "range": make.span(20, 1)}]
    track = {**make.track(clip), "OTIO_SCHEMA": "Sequence.1"}
    inner = {"OTIO_SCHEMA": "SerializeableCollection.1", "children": [make.timeline(track, start=0)]}
    timeline = otio(tmp_path, {"OTIO_SCHEMA": "SerializableCollection.1", "children": [inner]})
    assert markers(timeline) == [(10, "old")]


def test_collections_of_clips_and_stacks(tmp_path: Path) -> None:
    clips = [make.clip("a", 0, 20), make.clip("b", 50, 30)]
    bin_ = {"OTIO_SCHEMA": "SerializableCollection.1", "name": "bin", "children": clips}
    assert cuts(otio(tmp_path, bin_)) == [20]
    stack = {**make.stack(make.track(*clips)), "name": "reel"}
    for found in (stack, make.track(*clips)):
        outer = {"OTIO_SCHEMA": "SerializableCollection.1", "children": [{**bin_, "children": [found]}, clips[0]]}
        timeline = otio(tmp_path, outer)
        assert cuts(timeline) == [20]


@pytest.mark.parametrize("scale", [600, 24_000, 30_000, 90_000, 120_000])
@pytest.mark.parametrize("rate", [NTSC_24, Fraction(24), Fraction(25), NTSC_30, Fraction(30)])
def test_timescales_as_rates(tmp_path: Path, scale: int, rate: Fraction) -> None:
    frame = scale / rate
    if frame.denominator != 1:
        pytest.skip("no whole ticks in a frame")
    lengths = [97, 31, 53]
    clips = [make.clip(n, 7 * int(frame), k * int(frame), scale) for n, k in zip("abc", lengths, strict=True)]
    document = {**make.timeline(make.track(*clips)), "global_start_time": None}
    timeline = otio(tmp_path, document)
    assert (timeline.rate, cuts(timeline), timeline.duration_frames) == (rate, [97, 128], 181)
    assert any("--rate" in warning for warning in timeline.warnings)


def test_a_timescale_that_names_no_rate_asks_for_it(tmp_path: Path) -> None:
    clips = [make.clip("a", 1, 7919, 90_000), make.clip("b", 3, 104_729, 90_000)]
    document = {**make.timeline(make.track(*clips)), "global_start_time": None}
    with pytest.raises(InputError) as refusal:
        otio(tmp_path, document)
    assert "--rate" in (refusal.value.hint or "")
    assert otio(tmp_path, document, Fraction(25)).rate == 25


def test_absurd_black_at_the_start_is_warned_of(tmp_path: Path) -> None:
    timeline = otio(tmp_path, make.timeline(make.track(make.gap(21 * 86_400), make.clip("a", 0, 24)), start=0))
    assert any("21.0 hours of black" in warning for warning in timeline.warnings)


def test_damage_in_otio_costs_one_item(tmp_path: Path) -> None:
    nan = float("nan")
    for broken, said in (
        (make.gap(-5), "less than nothing"),
        (make.clip("bad", 0, -5), "less than nothing"),
        (make.clip("bad", nan, 24), "finite"),
        ({**make.clip("bad", 0, 24), "effects": [make.speed(nan)]}, "finite"),
        ({**make.clip("bad", 0, 24), "source_range": make.span(0, 24, 0)}, "rate"),
        ({"OTIO_SCHEMA": "Transition.1", "in_offset": make.rt(-3), "out_offset": make.rt(3)}, "negative"),
    ):
        timeline = otio(
            tmp_path, make.timeline(make.track(make.clip("a", 0, 24), broken, make.clip("b", 90, 24)), start=0)
        )
        assert [shot.name for shot in timeline.shots if shot.name not in ("bad", "")] == ["a", "b"]
        assert any(said in w and "item 2" in w for w in timeline.warnings), (said, timeline.warnings)


# ---------------------------------------------------------------- markers alone


def test_edits_of_markers_alone(tmp_path: Path) -> None:
    marked = "<marker><name>HIT</name><in>48</in><out>-1</out></marker>"
    empty = sequence(more=marked)
    bare = empty.replace("<media><video><track></track></video></media>", "")
    gap = '<gap offset="0s" start="0s" duration="9s"><marker start="2s" duration="1/24s" value="HIT"/></gap>'
    stack = {**make.timeline(make.track(), start=86_400)}
    stack["tracks"]["markers"] = [make.marker("HIT", 86_400 + 48, 1)]
    on_gap = make.timeline(make.track({**make.gap(216), "markers": [make.marker("HIT", 48, 1)]}), start=0)
    read_back = [
        xmeml(tmp_path, empty),
        xmeml(tmp_path, bare),
        read(tmp_path, fcpxml(gap)),
        otio(tmp_path, stack),
        otio(tmp_path, on_gap),
    ]
    for timeline in read_back:
        assert markers(timeline) == [(48, "HIT")]
        assert timeline.is_black and timeline.rate == 24
        assert any("markers only" in warning for warning in timeline.warnings)
    assert [t.duration_frames for t in read_back] == [49, 49, 216, 49, 216]


# ---------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    ("suffix", "menu"),
    [
        (".prproj", "Final Cut Pro XML"), (".drp", "Export > Timeline"), (".drt", "Export > Timeline"),
        (".kdenlive", "OpenTimelineIO"), (".mlt", "EDL"), (".sesx", "FCP XML"), (".ptx", "AAF"), (".ale", "AAF"),
    ],
)  # fmt: skip
def test_files_of_other_programs_name_the_way_out(tmp_path: Path, suffix: str, menu: str) -> None:
    path = tmp_path / f"reel{suffix}"
    path.write_text("x")
    with pytest.raises(InputError) as refusal:
        read_edit(path)
    assert menu in (refusal.value.hint or "") and path.name in refusal.value.message


def test_the_files_name_stays(tmp_path: Path) -> None:
    timeline = xmeml(tmp_path, sequence(item("A", 0, 24), name="Timeline 1"))
    assert (timeline.name, timeline.file_name, timeline.title) == ("Timeline 1", "made", "Timeline 1 (made)")
