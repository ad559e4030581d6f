"""Clocks that hosts count in without saying so: nested timecode, rounded rates, the grid of in points, subtitles."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import edit_makers as make
import pytest

from v2m_bridge.edits.read_edit import read_edit
from v2m_bridge.timeline.model import Timeline

NTSC_24, NTSC_30 = 24000 / 1001, 30000 / 1001


def read(tmp_path: Path, *tracks: make.Json, rate: float = 24.0) -> Timeline:
    return read_edit(make.write_otio(tmp_path / "made.otio", make.timeline(*tracks, rate=rate)))


def cuts(timeline: Timeline) -> list[int]:
    return [cut.frame for cut in timeline.cuts]


def starts(timeline: Timeline) -> list[Fraction]:
    """Frames of the media at which the shots begin."""
    return [round(shot.source_start_s * timeline.rate, 3) for shot in timeline.shots]


# ---------------------------------------------------------------- nested timelines in their own timecode

HOURS = [(24.0, 86400), (NTSC_24, 86400), (25.0, 90000), (NTSC_30, 108000), (NTSC_30, 107892)]
"""Rate, and the frame at which a nested timeline that begins at 01:00:00:00 (or 01:00:00;00) begins."""


def nest(kind: str, used: make.Json, rate: float, begins: int) -> make.Json:
    """Three shots of 48 frames in a compound clip, of which ``used`` shows."""
    inside = make.track(*(make.clip(name, 10, 48, rate) for name in "ABC"))
    if kind == "stack":
        return make.stack(inside, source_range=used)
    return {**make.timeline(inside, start=begins, rate=rate), "source_range": used}


@pytest.mark.parametrize("kind", ["stack", "timeline"])
@pytest.mark.parametrize(("rate", "begins"), HOURS)
def test_a_nest_counted_in_its_own_timecode_shows_its_content(
    kind: str, rate: float, begins: int, tmp_path: Path
) -> None:
    def edit(base: int) -> Timeline:
        used = make.span(base + 24, 100, rate)
        return read(tmp_path, make.track(make.clip("X", 0, 12, rate), nest(kind, used, rate, base)), rate=rate)

    plain, counted = edit(0), edit(begins)
    assert cuts(counted) == cuts(plain) == [12, 36, 84]
    assert starts(counted) == starts(plain) == [0, 34, 10, 10]
    assert counted.warnings == plain.warnings


def test_a_nest_names_its_start_itself(tmp_path: Path) -> None:
    used = make.span(5000 + 24, 100)
    timeline = read(tmp_path, make.track(nest("timeline", used, 24.0, 5000)))
    assert cuts(timeline) == [24, 72]


def test_a_part_behind_the_end_of_its_nest_is_not_lost_in_silence(tmp_path: Path) -> None:
    timeline = read(tmp_path, make.track(make.clip("X", 0, 12), nest("stack", make.span(5000, 100), 24.0, 0)))
    assert any("begins behind the end of the nested edit" in warning for warning in timeline.warnings)


def test_a_nest_that_counts_from_its_first_frame_stays_as_it_is(tmp_path: Path) -> None:
    long = make.track(make.clip("A", 0, 86_500), make.clip("B", 0, 86_500))
    timeline = read(tmp_path, make.track(make.stack(long, source_range=make.span(86_400, 200))))
    assert cuts(timeline) == [100]  # more than an hour of content: the hour is a place in it


# ---------------------------------------------------------------- rounded rates late in the day


@pytest.mark.parametrize("media_rate", [NTSC_24, 24.0, 25.0, NTSC_30])
@pytest.mark.parametrize("hours", [1, 10, 23])
def test_camera_timecode_late_in_the_day_with_a_rounded_rate(hours: int, media_rate: float, tmp_path: Path) -> None:
    """The media begins at a full hour; the clip eight of its frames later, as a host counts that wrote 23.976."""
    exact = NTSC_24
    begins = hours * 3600 * round(media_rate)
    used = (begins + 8) / media_rate * 23.976
    reference = make.media("/nowhere/A.mov", begins, 20_000, media_rate)
    clip = make.clip("A", 0, 48, 23.976, reference=reference)
    clip["source_range"] = make.span(used, 48, 23.976)
    timeline = read(tmp_path, make.track(clip), rate=exact)
    assert float(timeline.shots[0].source_start_s) * media_rate == pytest.approx(8, abs=0.01)


def test_both_rounded_or_both_exact_count_as_ever(tmp_path: Path) -> None:
    for rate in (23.976, NTSC_24):
        clip = make.clip("A", 23 * 86400 + 8, 48, rate, reference=make.media("/x/A.mov", 23 * 86400, 9000, rate))
        timeline = read(tmp_path, make.track(clip), rate=rate)
        assert float(timeline.shots[0].source_start_s * timeline.rate) == pytest.approx(8, abs=0.01)


# ---------------------------------------------------------------- subtitles


def test_subtitles_longer_than_the_picture_do_not_lengthen_it(tmp_path: Path) -> None:
    picture = make.track(make.clip("A", 0, 48), make.clip("B", 0, 48))
    words = make.track(make.gap(60), make.clip("late words", 0, 200), kind="Subtitle")
    assert read(tmp_path, picture, words).duration_frames == 96
    sound = make.track(make.clip("tail", 0, 120), kind="Audio")
    assert read(tmp_path, picture, sound, words).duration_frames == 120


# ---------------------------------------------------------------- FCP 7 XML: which frames in points count


def clipitem(first: int, frames: int, more: str = "", ends: tuple[int, int] = (0, 48), base: int = 25) -> str:
    rate = f"<rate><timebase>{base}</timebase><ntsc>FALSE</ntsc></rate>"
    return (
        f"<clipitem><name>A</name><duration>9000</duration>{rate}<start>{ends[0]}</start><end>{ends[1]}</end>"
        f"<in>{first}</in><out>{first + frames}</out>"
        f"<file id='f'><name>A.mov</name><pathurl>file:///x/A.mov</pathurl>{rate}</file>{more}</clipitem>"
    )


def in_point_s(tmp_path: Path, item: str, attributes: str = "") -> tuple[float, Timeline]:
    path = tmp_path / "made.xml"
    path.write_text(
        f'<xmeml version="5"><sequence id="s" {attributes}><name>T</name><duration>0</duration><rate><timebase>30'
        f"</timebase></rate><media><video><track>{item}</track></video></media></sequence></xmeml>",
        encoding="utf-8",
    )
    timeline = read_edit(path)
    return timeline.shots[0].source_start_s, timeline


SLOW = (
    "<filter><effect><effectid>timeremap</effectid><parameter><parameterid>speed</parameterid><value>50</value>"
    "</parameter></effect></filter>"
)
"""Half speed: the distance of in and out then tells nothing."""

RESOLVE = "<compositemode>normal</compositemode>"
FINAL_CUT = f"<masterclipid>m</masterclipid>{RESOLVE}"


@pytest.mark.parametrize(
    ("more", "attributes", "seconds"),
    [
        (SLOW + RESOLVE, "", 2.0),  # Resolve: 60 frames of the sequence
        (SLOW, 'TL.SQAudioVisibleBase="0" MZ.WorkInPoint="0"', 2.0),  # Premiere
        (SLOW + "<pproTicksIn>508032000000</pproTicksIn>", "", 2.0),
        (SLOW + "<pproTicksIn>609638400000</pproTicksIn>", 'MZ.WorkInPoint="0"', 2.4),  # ticks say 60 at 25
    ],
)
def test_in_points_lie_on_the_grid_that_the_writer_uses(
    more: str, attributes: str, seconds: float, tmp_path: Path
) -> None:
    found, timeline = in_point_s(tmp_path, clipitem(60, 24, more), attributes)
    assert found == pytest.approx(seconds)
    assert not any("does not tell" in warning for warning in timeline.warnings)


def test_where_nothing_tells_the_grid_a_warning_says_so(tmp_path: Path) -> None:
    found, timeline = in_point_s(tmp_path, clipitem(60, 24, SLOW + FINAL_CUT))
    assert found == pytest.approx(60 / 25)
    assert [w for w in timeline.warnings if "does not tell whether its in point counts frames of the clip" in w]
    _, silent = in_point_s(tmp_path, clipitem(0, 24, SLOW + FINAL_CUT))  # frame 0 is frame 0 on either grid
    assert not any("does not tell" in warning for warning in silent.warnings)


def test_the_lengths_decide_where_the_clip_plays_at_normal_speed(tmp_path: Path) -> None:
    assert in_point_s(tmp_path, clipitem(60, 48, FINAL_CUT))[0] == pytest.approx(60 / 30)
    assert in_point_s(tmp_path, clipitem(60, 40, FINAL_CUT))[0] == pytest.approx(60 / 25)
