"""Time stamps that restart, jump or pause, covers, and pictures later than the sound: no picture is lost."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from footage_makers import plain_film
from odd_films import covered_film, jumping_stream, late_picture, restarting_stream
from PIL import Image

from v2m_bridge.compose.source import read_source
from v2m_bridge.errors import InputError, MediaError
from v2m_bridge.footage.bare_video import read_video
from v2m_bridge.footage.measure import MeasureOptions, measure
from v2m_bridge.footage.passes.film import scan_film
from v2m_bridge.footage.video.source import VideoSource
from v2m_bridge.timeline.model import Timeline

PLAIN = MeasureOptions(clip=False, cache=False, speech=False)


def case(shared_data: Path, name: str) -> Path:
    path = shared_data / "footage_cases" / name
    if not path.is_file():
        pytest.skip(f"no {path}")
    return path


def as_edit(film: Timeline) -> Timeline:
    """The film's shots as an edit that leaves out the last frame, so that it is measured as one."""
    end = film.duration_frames - 1
    shots = tuple(replace(shot, end_frame=min(end, shot.end_frame)) for shot in film.shots)
    return replace(film, shots=shots, duration_frames=end)


def check_restart(path: Path, pictures: int) -> None:
    film = read_video(path)
    assert film.duration_frames == pictures
    assert scan_film(path).trace.length == pictures
    assert any(f"{pictures} pictures" in warning and "restart" in warning for warning in film.warnings)
    edit = measure(as_edit(film), PLAIN)
    assert edit.motion_present.all()
    assert any("restart" in warning for warning in edit.warnings)


@pytest.mark.parametrize("parts", [(100, 100), (60, 25, 90)])
def test_a_stream_whose_stamps_restart_keeps_every_picture(tmp_path: Path, parts: tuple[int, ...]) -> None:
    check_restart(restarting_stream(tmp_path / "again.ts", *parts), sum(parts))


def test_a_range_behind_a_restart_is_found(tmp_path: Path) -> None:
    path = restarting_stream(tmp_path / "again.ts", 300, 300)
    with VideoSource(path) as source:
        assert [round(p.seconds * 25) for p in source.pictures(20.0, 20.1)] == [500, 501, 502]


@pytest.mark.parametrize("by_s", [60, 4000])
def test_a_stream_whose_stamps_jump_ahead_has_no_hole(tmp_path: Path, by_s: int) -> None:
    check_restart(jumping_stream(tmp_path / "jump.ts", 100, 50, by_s), 100)


def test_a_whole_stream_is_left_in_peace(tmp_path: Path) -> None:
    film = read_video(restarting_stream(tmp_path / "one.ts", 80))
    assert (film.duration_frames, film.warnings) == (80, ())


@pytest.mark.parametrize("flagged", [True, False])
def test_a_cover_before_the_film_is_not_the_film(tmp_path: Path, flagged: bool) -> None:
    path = covered_film(tmp_path / "covered.mkv", 60, flagged=flagged)
    with VideoSource(path) as source:
        assert source.info.codec == "h264"
    assert read_video(path).duration_frames == 60


@pytest.mark.parametrize("suffix", ["mkv", "mp4"])
def test_a_held_still_has_no_motion(tmp_path: Path, suffix: str) -> None:
    times = [40 * n for n in range(50)] + [7000 + 40 * n for n in range(51)]
    film = read_video(plain_film(tmp_path / f"held.{suffix}", count=101, times=times))
    assert film.rate == 25
    for timeline in (film, as_edit(film)):
        motion = measure(timeline, PLAIN).motion
        assert motion[2:7].tolist() == [0, 0, 0, 0, 0]
        assert min(motion[1], motion[7], motion[8]) > 1


def test_a_picture_later_than_its_sound_keeps_its_time(tmp_path: Path) -> None:
    film = read_video(late_picture(tmp_path / "late.mkv", 50, 1480))
    assert film.duration_frames == 50
    assert {round(shot.picture_start_s, 3) for shot in film.shots} == {1.48}
    assert film.shots[0].source_start_s == 0
    with_sound = read_video(late_picture(tmp_path / "even.mkv", 50, 0))
    assert {shot.picture_start_s for shot in with_sound.shots} == {0}


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """A folder of 30 numbered pictures from 1001 on, a cut at the 15th."""
    folder = tmp_path / "shots"
    folder.mkdir()
    for number in range(30):
        colour = (200, 40, 30) if number < 15 else (20, 60, 220)
        Image.new("RGB", (64, 36), colour).save(folder / f"shot.{1001 + number}.png")
    return folder


@pytest.mark.parametrize("given", ["", "shot.1001.png", "shot.%04d.png"])
def test_an_image_sequence_is_a_film(pictures: Path, given: str) -> None:
    film = read_source(pictures / given if given else pictures, rate="24")
    assert (film.rate, film.duration_frames, [cut.frame for cut in film.cuts]) == (24, 30, [15])
    assert (film.name, film.warnings) == ("shot", ())
    assert measure(film, PLAIN).motion_present.all()


def test_a_sequence_says_what_is_missing(pictures: Path) -> None:
    (pictures / "shot.1004.png").unlink()
    film = read_source(pictures)
    assert film.duration_frames == 29
    assert any("1 numbers" in warning for warning in film.warnings)
    assert any("--rate" in warning for warning in film.warnings)
    (pictures / "shot.1005.png").write_bytes(b"no picture")
    with pytest.raises(MediaError, match=r"shot\.1005\.png"):
        read_source(pictures)
    (pictures / "other.0001.png").touch()
    with pytest.raises(InputError, match="several sequences"):
        read_source(pictures)


def test_a_raw_camera_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "A001.braw"
    path.write_bytes(b"raw")
    with pytest.raises(InputError, match="Blackmagic RAW"):
        read_source(path)


# ---------------------------------------------------------------------------------------------- third-party cases


def test_the_stream_that_runs_back(shared_data: Path) -> None:
    path = case(shared_data, "disc_back.ts")
    check_restart(path, 200)
    assert [cut.frame for cut in read_source(path).cuts][:3] == [50, 100, 150]


def test_the_plain_cover(shared_data: Path) -> None:
    film = read_video(case(shared_data, "coverplain.mkv"))
    assert (film.duration_frames, [cut.frame for cut in film.cuts][:3]) == (200, [50, 100, 150])


def test_the_picture_held_for_ten_seconds(shared_data: Path) -> None:
    film = read_video(case(shared_data, "hold10s.mp4"))
    assert film.duration_frames == 450
    for timeline in (film, as_edit(film)):
        assert measure(timeline, PLAIN).motion[4:14].tolist() == [0] * 10


def test_the_late_picture(shared_data: Path) -> None:
    film = read_video(case(shared_data, "vdelay.mkv"))
    assert film.duration_frames == 200
    assert film.shots[0].picture_start_s == pytest.approx(1.543)
