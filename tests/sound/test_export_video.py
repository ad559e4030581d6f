"""The film with its music: length, pictures on their frames, sound in time with them, and what is missing said."""

from __future__ import annotations

import json
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt
import pytest
from chromium import chromium, page
from cue_scores import film, make_score
from typer.testing import CliRunner

from v2m_bridge.cli.main import app
from v2m_bridge.score.model import Score
from v2m_bridge.score.write_json import write_score
from v2m_bridge.sound.film.export_video import export_video
from v2m_bridge.sound.film.film_sound import mixed
from v2m_bridge.timeline.document import timeline_document
from v2m_bridge.timeline.model import Shot

RATE = Fraction(25)
FLASH = 60
"""Frame of the source that is white, with a click at the same moment."""
CODE_SIZE = (320, 180)


def flash_film(path: Path, frames: int = 150, rate: Fraction = RATE, flash: int = FLASH) -> Path:
    """Black with a grey ramp that tells the frame, one white frame, and a click with it."""
    with av.open(str(path), "w") as container:
        video: Any = container.add_stream("libx264", rate, options={"qp": "0", "g": "12"})
        video.width, video.height, video.pix_fmt = *CODE_SIZE, "yuv420p"
        audio: Any = container.add_stream("pcm_s16le", rate=48_000, layout="mono")
        for number in range(frames):
            level = 235 if number == flash else 20 + number % 40
            frame = av.VideoFrame.from_ndarray(np.full((*CODE_SIZE[::-1], 3), level, np.uint8), "rgb24")
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
        sound = np.zeros((1, round(frames / rate * 48_000)), np.int16)
        at = round(flash / rate * 48_000)
        sound[0, at : at + 480] = 20_000
        clip = av.AudioFrame.from_ndarray(sound, format="s16", layout="mono")
        clip.sample_rate = 48_000
        for packet in (*audio.encode(clip), *audio.encode(None)):
            container.mux(packet)
    return path


def cue(shots: tuple[Shot, ...], rate: Fraction = RATE, **changes: Any) -> Score:
    """A score without notes over these shots."""
    length = shots[-1].end_frame
    timeline = replace(film(8.0, rate), shots=shots, duration_frames=length, cuts=(), markers=())
    return make_score(film(8.0, rate)).model_copy(
        update={"parts": (), "timeline": timeline_document(timeline), "preview": None, "speech": (), **changes}
    )


def shot(start: int, end: int, media: Path | None, source_s: float, speed: float = 1.0) -> Shot:
    return Shot(start, end, str(media) if media else None, media is not None, source_s, speed, "shot")


def decoded(path: Path) -> tuple[list[float], npt.NDArray[np.float64], npt.NDArray[np.float64], list[float]]:
    """Times and mean levels of the pictures, the sound, and the times of its blocks."""
    with av.open(str(path)) as container:
        pictures = [(float(f.time or 0), float(f.to_ndarray(format="gray").mean())) for f in container.decode(video=0)]
    with av.open(str(path)) as container:
        blocks = [(float(f.time or 0), f.to_ndarray().mean(axis=0)) for f in container.decode(audio=0)]
    sound = np.zeros(round((blocks[-1][0] + 1) * 48_000))
    for at, block in blocks:
        place = round(at * 48_000)
        piece = block[max(0, -place) :]
        sound[max(0, place) : max(0, place) + len(piece)] = piece
    return [p[0] for p in pictures], np.array([p[1] for p in pictures]), sound, [b[0] for b in blocks]


@pytest.mark.parametrize("rate", [Fraction(24_000, 1001), RATE, Fraction(30)])
def test_pictures_and_sound_are_in_time(tmp_path: Path, rate: Fraction) -> None:
    source = flash_film(tmp_path / "source.mov", rate=rate)
    score = cue((shot(0, 40, source, float(20 / rate)), shot(40, 100, source, float(30 / rate))), rate)
    report = export_video(score, tmp_path / "film.mp4")
    times, levels, sound, _ = decoded(tmp_path / "film.mp4")
    assert report.frames == len(times) == 100 and report.warnings == () and report.size == CODE_SIZE
    assert times == pytest.approx([float(n / rate) for n in range(100)], abs=1e-3)
    flash = int(levels.argmax())
    assert flash == 70, "frame 60 of the source, ten frames after the cut's 30"
    click = int(np.flatnonzero(np.abs(sound) > 0.2)[0]) / 48_000
    assert abs(click - times[flash]) < 0.5 / float(rate)
    with av.open(str(tmp_path / "film.mp4")) as container:
        assert (container.duration or 0) / 1e6 == pytest.approx(float(100 / rate), abs=1 / float(rate))


def test_a_clip_that_runs_backwards_or_slowly_shows_the_right_pictures(tmp_path: Path) -> None:
    source = flash_film(tmp_path / "source.mov")
    backwards = shot(0, 60, source, float(89 / RATE), -1.0)
    slowly = shot(60, 100, source, float(50 / RATE), 0.5)
    export_video(cue((backwards, slowly)), tmp_path / "film.mp4")
    _, levels, _, _ = decoded(tmp_path / "film.mp4")
    white = np.flatnonzero(levels > 180).tolist()
    assert white[0] == 29 and white[-2:] == [80, 81]


def test_what_is_not_at_hand_is_black_and_said(tmp_path: Path) -> None:
    source = flash_film(tmp_path / "source.mov")
    score = cue(
        (shot(0, 20, source, 1.0), Shot(20, 40, "/gone/x.mov", False, 0.0, 1.0, "gone"), shot(40, 60, source, 1.0))
    )
    report = export_video(score, tmp_path / "film.mp4")
    _, levels, _, _ = decoded(tmp_path / "film.mp4")
    assert len(levels) == 60 and levels[22:38].max() < 18 < levels[:18].min()
    assert any("gone" in warning for warning in report.warnings)


def test_the_locked_picture_is_shown_instead_of_the_sources(tmp_path: Path) -> None:
    locked = flash_film(tmp_path / "locked.mov", frames=80, flash=33)
    report = export_video(cue((Shot(0, 80, "/gone/x.mov", False, 0.0, 1.0, "x"),)), tmp_path / "f.mp4", picture=locked)
    times, levels, sound, _ = decoded(tmp_path / "f.mp4")
    assert report.warnings == () and int(levels.argmax()) == 33
    assert abs(np.flatnonzero(np.abs(sound) > 0.2)[0] / 48_000 - times[33]) < 0.02
    export_video(
        cue((Shot(0, 80, "/gone/x.mov", False, 0.0, 1.0, "x"),)), tmp_path / "m.mp4", picture=locked, music_only=True
    )
    assert np.abs(decoded(tmp_path / "m.mp4")[2]).max() < 0.01


def test_music_gives_way_to_dialogue_and_nothing_clips() -> None:
    music = np.full((48_000 * 6, 2), 0.5, np.float32)
    heard = mixed(music, np.zeros_like(music), [(2.0, 4.0)])
    assert 20 * np.log10(heard[3 * 48_000, 0] / heard[48_000, 0]) == pytest.approx(-8.0, abs=0.1)
    assert heard[5 * 48_000, 0] == pytest.approx(0.5, abs=1e-3)
    assert np.abs(mixed(music, music, [])).max() <= 10 ** (-1 / 20) + 1e-6


def test_the_command_refuses_in_one_line_and_writes_nothing(tmp_path: Path) -> None:
    source = flash_film(tmp_path / "source.mov", frames=30)
    write_score(cue((shot(0, 25, source, 0.0),)), tmp_path / "score.json")
    runner = CliRunner()
    done = runner.invoke(app, ["export", str(tmp_path), "--video", str(tmp_path / "film.mp4"), "--json"])
    told = json.loads(done.stdout)
    assert told["schema"] == "v2m.export/1" and (told["frames"], told["width"]) == (25, 320)
    for arguments in (
        ["--video", str(tmp_path / "film.avi")],
        ["--video", str(tmp_path / "none" / "film.mp4")],
        ["--video", str(tmp_path / "other.mp4"), "--picture", str(tmp_path / "gone.mov")],
        ["--video", str(tmp_path / "film.mp4"), "--picture", str(tmp_path / "film.mp4")],
    ):
        refused = runner.invoke(app, ["export", str(tmp_path), *arguments])
        assert refused.exit_code != 0
    assert not (tmp_path / "other.mp4").exists() and len(decoded(tmp_path / "film.mp4")[0]) == 25


@pytest.mark.skipif(chromium() is None, reason="no Chromium here")
def test_it_plays_in_a_browser(tmp_path: Path) -> None:
    source = flash_film(tmp_path / "source.mov", frames=60)
    export_video(cue((shot(0, 50, source, 0.0),)), tmp_path / "film.mp4")
    page_file = tmp_path / "page.html"
    page_file.write_text("<video id=v src=film.mp4 muted></video>", encoding="utf-8")
    with page(tmp_path) as shown:
        shown.open(page_file)
        shown.until("const v = document.getElementById('v'); return v.readyState >= 2 || Boolean(v.error)")
        assert shown.value("document.getElementById('v').error") is None
        assert shown.value("document.getElementById('v').videoWidth") == 320
        assert shown.value("document.getElementById('v').duration") == pytest.approx(2.0, abs=0.04)
