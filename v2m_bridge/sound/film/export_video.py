"""Writes an mp4 of the picture with its music, for review; it plays in browsers and phones."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np

from v2m_bridge.errors import SetupError, cannot_write
from v2m_bridge.files.whole import whole_file
from v2m_bridge.progress import Progress, silent
from v2m_bridge.score.model import PREVIEW, Score
from v2m_bridge.sound.film.film_sound import mixed, production_sound, read_music
from v2m_bridge.sound.film.pictures import FilmPictures
from v2m_bridge.sound.preview.loudness import SAMPLE_RATE, Audio
from v2m_bridge.sound.preview.write_preview import write_preview
from v2m_bridge.timeline.document import timeline_from_document

if TYPE_CHECKING:
    import av.container

_PICTURE_CODECS: tuple[tuple[str, dict[str, str]], ...] = (
    ("libx264", {"preset": "veryfast", "crf": "21"}),
    ("h264_videotoolbox", {}),
    ("libopenh264", {}),
)
_AUDIO_BITS = 192_000
_AUDIO_BLOCK = 1024
STAGES = {"sound": 1.0, "picture": 9.0}


@dataclass(frozen=True)
class FilmReport:
    """What was written.

    Attributes:
        frames: pictures, at ``rate`` of the timeline.
        size: width and height in pixels.
        music: the sound font or synthesiser of the preview.
        warnings: what could not be shown or heard.
    """

    frames: int
    rate: Fraction
    size: tuple[int, int]
    music: str
    warnings: tuple[str, ...]

    @property
    def duration_s(self) -> float:
        """Length of the film, which is the picture's."""
        return float(self.frames / self.rate)


def export_video(
    score: Score,
    target: Path,
    *,
    picture: Path | None = None,
    preview: Path | None = None,
    music_only: bool = False,
    progress: Progress = silent,
) -> FilmReport:
    """Write the film with its music to ``target``; a reader sees the old file or the whole new one.

    Args:
        picture: the locked picture; None cuts a proxy from the edit's sources.
        preview: the score's rendered preview; None renders it.
        music_only: leave the production sound out.

    Raises:
        MediaError: ``picture`` cannot be read.
        InputError: ``target`` cannot be written.
        SetupError: FFmpeg in this installation writes no H.264.
    """
    timeline = timeline_from_document(score.timeline)
    samples = round(Fraction(timeline.duration_frames) / timeline.rate * SAMPLE_RATE)
    pictures = FilmPictures(timeline, picture)
    progress("sound", 0.0)
    music, engine, warnings = _music(score, preview, samples)
    if not music_only:
        production, unheard = production_sound(timeline, samples, picture, pictures.locked_start_s)
        warnings += unheard
        music = mixed(music, production, score.speech)
    progress("sound", 1.0)
    try:
        with whole_file(target) as file:
            _write(file, pictures, music, timeline.rate, timeline.duration_frames, progress)
    except OSError as error:
        raise cannot_write(target, error) from error
    warnings += [warning for warning in pictures.warnings if warning not in warnings]
    return FilmReport(timeline.duration_frames, timeline.rate, pictures.size, engine, tuple(warnings))


def _music(score: Score, preview: Path | None, samples: int) -> tuple[Audio, str, list[str]]:
    if preview is not None and score.preview is not None:
        return read_music(preview, samples), score.preview.engine, []
    with tempfile.TemporaryDirectory(prefix="v2m-film-") as folder:
        path = Path(folder, PREVIEW)
        report = write_preview(score, path)
        return read_music(path, samples), report.engine, list(report.warnings)


def _write(file: object, pictures: FilmPictures, sound: Audio, rate: Fraction, frames: int, progress: Progress) -> None:
    import av

    with av.open(file, "w", format="mp4", options={"movflags": "faststart"}) as container:
        video = _picture_stream(container, pictures.size, rate)
        audio = container.add_stream("aac", rate=SAMPLE_RATE, layout="stereo", bit_rate=_AUDIO_BITS)
        heard = 0
        for number, shown in enumerate(pictures):
            frame = av.VideoFrame.from_ndarray(shown, format="yuv420p")
            frame.pts, frame.time_base = number, 1 / rate
            container.mux(video.encode(frame))
            until = min(len(sound), round((number + 1) / rate * SAMPLE_RATE))
            while heard < until:
                heard = _hear(container, audio, sound, heard)
            if number % 16 == 0:
                progress("picture", number / max(1, frames))
        container.mux(video.encode(None))
        while heard < len(sound):
            heard = _hear(container, audio, sound, heard)
        container.mux(audio.encode(None))
    progress("picture", 1.0)


def _picture_stream(container: av.container.OutputContainer, size: tuple[int, int], rate: Fraction) -> av.VideoStream:
    import av

    for codec, options in _PICTURE_CODECS:
        try:
            stream = cast("av.VideoStream", container.add_stream(codec, rate=rate, options=dict(options)))
        except (av.error.FFmpegError, ValueError):
            continue
        stream.width, stream.height = size
        stream.pix_fmt = "yuv420p"
        stream.codec_context.time_base = 1 / rate
        return stream
    raise SetupError("this installation writes no H.264 video", "install the package av from PyPI again")


def _hear(container: av.container.OutputContainer, stream: av.AudioStream, sound: Audio, at: int) -> int:
    """Write one block of sound from sample ``at``; returns where the next begins."""
    import av

    block = np.ascontiguousarray(sound[at : at + _AUDIO_BLOCK].T, np.float32)
    frame = av.AudioFrame.from_ndarray(block, format="fltp", layout="stereo")
    frame.sample_rate, frame.pts, frame.time_base = SAMPLE_RATE, at, Fraction(1, SAMPLE_RATE)
    container.mux(stream.encode(frame))
    return at + int(block.shape[1])
