"""Motion, scene offset and stills of films and edits, against pictures that carry their number."""

from __future__ import annotations

import math
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from footage_makers import grey_of, numbered_film, plain_film, published_motion

from v2m_bridge.errors import Cancelled, MediaError
from v2m_bridge.footage.bare_video import read_video
from v2m_bridge.footage.measure import MeasureOptions, measure, scene_offset
from v2m_bridge.footage.movement.onsets import find_onsets
from v2m_bridge.footage.passes.stills import STILL_SIZE
from v2m_bridge.timeline.model import Cut, CutKind, Shot, Timeline

NO_CACHE = MeasureOptions(cache=False, clip=False)


class GreyReader:
    """Stands where CLIP stands and reads the grey level of every still."""

    identity = "grey"

    def encode(self, stills):  # type: ignore[no-untyped-def]
        assert all(still.shape == (STILL_SIZE, STILL_SIZE, 3) for still in stills)
        semantic = np.zeros((len(stills), 768), np.float32)
        semantic[:, 0] = [float(still.mean()) for still in stills]
        return semantic, np.full((len(stills), 6), 1 / 6, np.float32)


GREY = MeasureOptions(cache=False, encoder=GreyReader())  # type: ignore[arg-type]


def edit(rate: Fraction, *shots: Shot) -> Timeline:
    ends = [shot.end_frame for shot in shots]
    cuts = tuple(Cut(shot.start_frame) for shot in shots[1:])
    return Timeline("edit", rate, 0, max(ends), tuple(shots), cuts)


# ------------------------------------------------------------------------------------------------ whole films


@pytest.mark.parametrize("name", ["bikes.mp4", "flipping_a_pancake.mkv", "car-detection.mp4", "chaplin.mp4"])
def test_motion_of_a_real_clip_is_the_published_one(shared_data: Path, name: str) -> None:
    path = shared_data / "footage" / name
    motion = measure(read_video(path), NO_CACHE).motion
    expected = published_motion(path)
    assert motion == pytest.approx(expected, rel=0.01)
    assert max(expected) > 1


def test_motion_is_what_opencv_computes(shared_data: Path) -> None:
    cv2 = pytest.importorskip("cv2")
    path = shared_data / "footage" / "bikes.mp4"
    film, before, last, values = cv2.VideoCapture(str(path)), None, 0, {0: 0.0}
    while True:
        there, picture = film.read()
        if not there:
            break
        now = film.get(cv2.CAP_PROP_POS_MSEC) / 1000
        if before is not None and now - last >= 1:
            values[int(now)], last = float(cv2.absdiff(picture, before).mean()), int(now)
        before = picture
    assert measure(read_video(path), NO_CACHE).motion == pytest.approx(list(values.values()), rel=0.01)


def test_motion_of_a_film_of_variable_rate_is_the_published_one(tmp_path: Path) -> None:
    times = np.cumsum(np.random.default_rng(3).integers(20, 180, 60)).tolist()
    path = plain_film(tmp_path / "variable.mkv", count=60, times=[time - times[0] for time in times])
    timeline = read_video(path)
    motion = measure(timeline, NO_CACHE).motion
    expected = published_motion(path)
    assert len(motion) == math.ceil(timeline.duration_s)
    assert motion[: len(expected)] == pytest.approx(expected, rel=0.01)


def test_scene_offset_counts_from_the_next_whole_second() -> None:
    timeline = replace(edit(Fraction(10), Shot(0, 65)), cuts=(Cut(12), Cut(15), Cut(40)))
    assert scene_offset(timeline).tolist() == [0, 1, 0, 1, 0, 1, 2]


# ------------------------------------------------------------------------------------------------------ edits


def shown(source_s: float, source_rate: Fraction, count: int) -> int:
    """Number of the picture that a file shows at a time."""
    return min(count - 1, max(0, math.floor(source_s * float(source_rate) + 0.015)))


@pytest.mark.parametrize("source_rate", [Fraction(24), Fraction(25), Fraction(25, 2), Fraction(30000, 1001)])
@pytest.mark.parametrize("speed", [1.0, 2.0, 0.5, -1.0, -2.0, 0.0])
def test_each_second_shows_the_right_picture(tmp_path: Path, source_rate: Fraction, speed: float) -> None:
    count, rate = 330, Fraction(24)
    path = numbered_film(tmp_path / "numbers.mkv", count, source_rate)
    start_s = 1.0 if speed >= 0 else 8.5
    features = measure(edit(rate, Shot(0, 80, str(path), True, start_s, speed)), GREY)
    for second in range(4):
        frame = math.ceil(second * rate)
        here = shown(start_s + frame / 24 * speed, source_rate, count)
        assert features.semantic[second, 0] == pytest.approx(grey_of(here), abs=0.6), f"second {second}"
        before = shown(start_s + (frame - 1) / 24 * speed, source_rate, count) if second else here
        if second and before == here and speed:  # shown twice: the picture that it moved from
            before = here - 1 if speed > 0 else here + 1
        assert features.motion[second] == pytest.approx(abs(grey_of(here) - grey_of(before)), abs=0.01)
    assert features.motion_present.all()
    assert features.semantic_present.all()
    assert features.warnings == ()


def test_shots_of_several_files_in_any_order(tmp_path: Path) -> None:
    rate = Fraction(24)
    one = numbered_film(tmp_path / "one.mkv", 200, Fraction(24))
    two = numbered_film(tmp_path / "two.mkv", 200, Fraction(25))
    timeline = edit(
        rate,
        Shot(0, 30, str(one), True, 5.0),
        Shot(30, 60, str(two), True, 2.0),
        Shot(60, 90, str(one), True, 0.5),
        Shot(90, 132, str(one), True, 5.0, 2.0),
    )
    features = measure(timeline, GREY)
    expected = [120, shown(2.0 + (48 - 30) / 24, Fraction(25), 200), 12 + 72 - 60, 120 + 2 * (96 - 90)]
    frames = [0, 48, 72, 96]
    rows = [0, 2, 3, 4]
    for row, frame, number in zip(rows, frames, expected, strict=True):
        assert features.semantic[row, 0] == pytest.approx(grey_of(number), abs=0.6), f"frame {frame}"
    assert features.motion[4] == pytest.approx(abs(grey_of(132) - grey_of(130)), abs=0.01)  # twice the speed


def test_a_second_that_begins_with_a_shot_compares_with_the_shot_before(tmp_path: Path) -> None:
    one = numbered_film(tmp_path / "one.mkv", 100, Fraction(24))
    two = numbered_film(tmp_path / "two.mkv", 100, Fraction(24))
    timeline = edit(Fraction(24), Shot(0, 24, str(one), True, 1.0), Shot(24, 60, str(two), True, 2.0))
    across = abs(grey_of(47) - grey_of(48))
    assert measure(timeline, NO_CACHE).motion[1] == pytest.approx(across, abs=0.01)
    soft = replace(timeline, cuts=(Cut(24, CutKind.DISSOLVE, 20, 28),))
    assert measure(soft, NO_CACHE).motion[1] == pytest.approx(across / 8, abs=0.01)


def test_a_through_edit_changes_nothing(tmp_path: Path) -> None:
    path = numbered_film(tmp_path / "n.mkv", 120, Fraction(24))
    whole = edit(Fraction(24), Shot(0, 100, str(path), True, 0.5))
    split = edit(Fraction(24), Shot(0, 24, str(path), True, 0.5), Shot(24, 100, str(path), True, 1.5))
    assert measure(split, NO_CACHE).motion.tolist() == measure(whole, NO_CACHE).motion.tolist()


def test_offline_and_broken_media_are_absent_and_named(tmp_path: Path) -> None:
    good = numbered_film(tmp_path / "good.mkv", 100, Fraction(24))
    (tmp_path / "bad.mp4").write_bytes(b"nothing" * 100)
    timeline = edit(
        Fraction(24),
        Shot(0, 48, str(good), True, 0.0),
        Shot(48, 96, "D:\\rushes\\gone.mov", False),
        Shot(96, 144, str(tmp_path / "bad.mp4"), True),
        Shot(144, 192),
    )
    features = measure(timeline, NO_CACHE)
    assert features.motion_present.tolist() == [True, True] + [False] * 6
    assert features.motion[2:].tolist() == [0] * 6
    assert len(features.scene_offset) == 8
    assert any(warning.startswith("gone.mov is offline") for warning in features.warnings)
    assert any("bad.mp4" in warning for warning in features.warnings)


def test_an_edit_that_reaches_beyond_its_file(tmp_path: Path) -> None:
    path = numbered_film(tmp_path / "short.mkv", 48, Fraction(24))
    features = measure(edit(Fraction(24), Shot(0, 120, str(path), True, 0.5)), NO_CACHE)
    assert features.motion_present.tolist() == [True, True, False, False, False]
    assert any("short.mkv is shorter" in warning for warning in features.warnings)


def test_a_still_lasts_as_long_as_the_edit_wants(tmp_path: Path) -> None:
    from PIL import Image

    Image.new("RGB", (96, 64), (90, 90, 90)).save(tmp_path / "still.png")
    features = measure(edit(Fraction(24), Shot(0, 120, str(tmp_path / "still.png"), True)), GREY)
    assert features.motion_present.all() and features.motion.tolist() == [0] * 5
    assert features.semantic[:, 0] == pytest.approx([90] * 5, abs=0.6)


def test_stills_of_a_turned_phone_are_upright(tmp_path: Path) -> None:
    path = plain_film(tmp_path / "phone.mp4", rotation=90, size=(128, 64))
    seen: list[np.ndarray] = []

    class Eye(GreyReader):
        def encode(self, stills):  # type: ignore[no-untyped-def]
            seen.extend(stills)
            return super().encode(stills)

    measure(read_video(path), replace(GREY, encoder=Eye()))  # type: ignore[arg-type]
    rows, columns = (seen[0].astype(float).mean(axis=(axis, 2)) for axis in (1, 0))
    # Stored, the ramp climbs twice as fast along the width as along the height; upright it is the other way round.
    assert np.abs(np.diff(rows)).mean() > 1.5 * np.abs(np.diff(columns)).mean()


def test_each_file_is_opened_once_and_only_the_used_range_is_decoded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from v2m_bridge.footage.passes import take_meter
    from v2m_bridge.footage.video.source import VideoSource

    path = plain_film(tmp_path / "long.mp4", count=1500, options={"g": "25"})
    opened: list[str] = []
    decoded: list[float] = []

    class Watched(VideoSource):
        def __enter__(self):  # type: ignore[no-untyped-def]
            opened.append(str(self.path))
            return super().__enter__()

        def _seconds_of(self, frame, expected_s):  # type: ignore[no-untyped-def]
            decoded.append(super()._seconds_of(frame, expected_s))
            return decoded[-1]

    monkeypatch.setattr(take_meter, "VideoSource", Watched)
    shots = [Shot(75 * n, 75 * n + 75, str(path), True, start_s) for n, start_s in enumerate([50.0, 10.0, 30.0])]
    measure(edit(Fraction(25), *shots), NO_CACHE)
    assert len(opened) == 1
    in_ranges = [s for s in decoded if any(start - 1.1 <= s < start + 3.3 for start in (10, 30, 50))]
    assert len(decoded) - len(in_ranges) <= 2  # the first picture is read to see that there is one
    assert decoded[1:] == sorted(decoded[1:])


# ----------------------------------------------------------------------------------------------------- onsets


def test_an_onset_is_found_at_its_frame() -> None:
    rate = Fraction(24)
    change = np.full(200, 2.0, np.float32)
    change[60:75], change[130:150] = 9.0, 20.0
    onsets = find_onsets(change, [(100, 100)], rate)
    assert [round(onset.seconds * 24) for onset in onsets] == [60, 130]
    assert onsets[0].strength < onsets[1].strength <= 1


def test_cuts_and_transitions_are_no_onsets() -> None:
    change = np.full(200, 2.0, np.float32)
    change[50], change[100:116] = 70.0, 9.0
    change[116:] = 12.0  # the shot after the dissolve moves more from its first frame on
    assert find_onsets(change, [(50, 50), (100, 116)], Fraction(24)) == ()


def test_onsets_of_an_edit_stand_on_the_timeline(tmp_path: Path) -> None:
    from v2m_bridge.demo.synthesis import encode_film

    pictures = [np.full((64, 96, 3), 80, np.uint8) for _ in range(150)]
    for step in range(12):
        pictures[90 + step][:, : 8 * step + 8] = 200
    for picture in pictures[102:]:
        picture[:] = 200
    encode_film(tmp_path / "push.mp4", iter(pictures), size=(96, 64), rate=Fraction(25))
    timeline = edit(Fraction(25), Shot(0, 20), Shot(20, 120, str(tmp_path / "push.mp4"), True, 2.0))
    onsets = measure(timeline, NO_CACHE).onsets
    # it begins to move at picture 90 and stops at 102: both are beats of the picture
    began, *stopped = [round(onset.seconds * 25) for onset in onsets]
    assert began == 20 + 90 - 50
    assert all(abs(frame - (20 + 102 - 50)) <= 1 for frame in stopped) and len(stopped) <= 1


# ------------------------------------------------------------------------------------------------ stopping


def test_the_listener_can_stop_the_work(tmp_path: Path) -> None:
    path = numbered_film(tmp_path / "n.mkv", 200, Fraction(24))

    def stop(stage: str, share: float) -> None:
        if share > 0.3:
            raise Cancelled("stopped")

    with pytest.raises(Cancelled):
        measure(edit(Fraction(24), Shot(0, 180, str(path), True)), NO_CACHE, stop)
    with pytest.raises(Cancelled):
        read_video(path, stop)


def test_a_bare_video_that_breaks_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "broken.mp4").write_bytes(b"\0" * 5000)
    with pytest.raises(MediaError, match=r"broken\.mp4"):
        read_video(tmp_path / "broken.mp4")


def test_the_sample_edit_is_measured_throughout(shared_data: Path) -> None:
    from v2m_bridge.edits.read_edit import read_edit

    features = measure(read_edit(shared_data / "timelines" / "montage.otio"), NO_CACHE)
    assert features.length == 49
    assert features.motion_present.all()
    assert features.warnings == ()
