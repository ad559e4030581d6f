"""Renders ``preview.wav``: the score as sound, exactly as long as the picture, with its measured loudness."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from pathlib import Path

import numpy as np

from v2m_bridge.errors import InputError
from v2m_bridge.score.model import Score
from v2m_bridge.score.performance import played_parts
from v2m_bridge.sound.preview.broadcast_wave import Samples, store_loudness, write_samples
from v2m_bridge.sound.preview.loudness import SAMPLE_RATE, Audio, LoudnessMeter
from v2m_bridge.sound.preview.sounding import SoundingNote, sounding_notes
from v2m_bridge.sound.preview.synth import render
from v2m_bridge.sound.samples.find_fonts import find_sound_font
from v2m_bridge.sound.samples.player import render_samples
from v2m_bridge.sound.samples.pull_sounds import sounds_folder
from v2m_bridge.sound.samples.sound_font import SoundFont
from v2m_bridge.timing.rates import exact_rate

TARGET_LUFS = -18.0
HIGHEST_PEAK_DBFS = -1.5
"""Half a decibel below the promised -1 dBFS, as room for rounding and for the filters of a player."""
BUILT_IN = "built in"

_FADE_S = 0.02
_READ_BYTES = 8 * 10 * SAMPLE_RATE

Renderer = Callable[[list[SoundingNote], int], Iterator[Audio]]


@dataclass(frozen=True)
class PreviewReport:
    """What was written.

    Attributes:
        engine: the sound font's file name, or ``"built in"``.
        samples: length at ``sample_rate``, the picture's exact length.
        integrated_lufs: gated loudness (BS.1770-4), None for silence.
        peak_dbfs: highest sample, None for silence.
        warnings: what did not work as wished.
        stems: files with one part each, which together are the preview.
    """

    engine: str
    sample_rate: int
    samples: int
    integrated_lufs: float | None
    peak_dbfs: float | None
    warnings: tuple[str, ...] = ()
    stems: tuple[str, ...] = ()

    @property
    def duration_s(self) -> float:
        """Length of the sound, which is the picture's."""
        return self.samples / self.sample_rate


def write_preview(
    score: Score, path: Path, *, sound_font: Path | None = None, built_in: bool = False, stems: bool = False
) -> PreviewReport:
    """Render the parts to 16-bit stereo at 48 kHz, a Broadcast WAV with the start timecode and the loudness in it.

    Args:
        sound_font: plays the instruments; None looks for one (``V2M_SOUNDS``, then the usual folders).
        built_in: use the library's own sound even where there is a sound font.
        stems: also write ``stem-01-NAME.wav`` and so on beside ``path``, one a part.

    Returns:
        The report; peak and loudness are those of the file.
    """
    length = Fraction(score.timeline.duration_frames) / exact_rate(score.timeline.rate)
    samples = round(length * SAMPLE_RATE)
    warnings: list[str] = []
    font = None if built_in else _font(sound_font, warnings)
    with tempfile.TemporaryDirectory(prefix="v2m-preview-") as folder:
        try:
            stored, engine = _rendered(score, samples, font, stems, Path(folder))
        except InputError as error:
            warnings.append(f"{error.message}; the built-in sound was used")
            stored, engine = _rendered(score, samples, None, stems, Path(folder))
        files, meter = _levelled(score, stored, path, samples, stems)
    peak = float(20 * np.log10(meter.peak)) if meter.peak else None
    return PreviewReport(engine, SAMPLE_RATE, samples, meter.integrated(), peak, tuple(warnings), files)


def _font(sound_font: Path | None, warnings: list[str]) -> Path | None:
    try:
        return sound_font or find_sound_font(sounds_folder())
    except InputError as error:
        warnings.append(f"{error.message}; the built-in sound was used")
        return None


def _rendered(score: Score, samples: int, font: Path | None, stems: bool, folder: Path) -> tuple[tuple[Path, ...], str]:
    """The sound as stored floats, one file for all parts or one a part, and what played them."""
    with ExitStack() as open_files:
        play: Renderer = render
        if font:
            play = partial(render_samples, font=open_files.enter_context(SoundFont(font)))
        chosen = [sounding_notes(score, part) for part in played_parts(score)] if stems else [sounding_notes(score)]
        stored = []
        for number, notes in enumerate(chosen):
            stored.append(folder / f"{number}.f32")
            with stored[-1].open("wb") as file:
                for block in _faded(play(notes, samples), samples):
                    file.write(block.astype("<f4").tobytes())
    return tuple(stored), font.name if font else BUILT_IN


def _levelled(
    score: Score, stored: tuple[Path, ...], path: Path, samples: int, stems: bool
) -> tuple[tuple[str, ...], LoudnessMeter]:
    """Write the stored sounds at the target loudness; names of the stems, and a meter of what the preview holds."""
    meter = LoudnessMeter()
    for block in _summed(stored):
        meter.add(block)
    gain = _gain(meter)
    final = _write(stored, gain, score, path)
    names = []
    for number, (sound, part) in enumerate(zip(stored, score.parts, strict=True) if stems else (), 1):
        name = re.sub(r"[^\w]+", "-", part.name.lower(), flags=re.ASCII).strip("-") or part.role
        names.append(f"stem-{number:02d}-{name}.wav")
        _write((sound,), gain, score, path.with_name(names[-1]))
    return tuple(names), final


def _summed(stored: tuple[Path, ...]) -> Iterator[Audio]:
    """Blocks [n, 2] of all files together."""
    with ExitStack() as open_files:
        files = [open_files.enter_context(path.open("rb")) for path in stored]
        while files and (raw := [file.read(_READ_BYTES) for file in files])[0]:
            yield np.sum([np.frombuffer(each, dtype="<f4").reshape(-1, 2) for each in raw], axis=0, dtype=np.float32)


def _write(stored: tuple[Path, ...], gain: float, score: Score, path: Path) -> LoudnessMeter:
    """Write the sum of the stored sounds; a meter of what was written."""
    final = LoudnessMeter()

    def levelled() -> Iterator[Samples]:
        for block in _summed(stored):
            whole = np.round(np.clip(block * (gain * 32767), -32768, 32767)).astype(np.int16)
            final.add((whole / 32768).astype(np.float32))
            yield whole

    start = max(0, round(Fraction(score.timeline.start_frame) / exact_rate(score.timeline.rate) * SAMPLE_RATE))
    write_samples(path, levelled(), SAMPLE_RATE, start, score.timeline.name)
    store_loudness(path, final.integrated())
    return final


def _faded(blocks: Iterable[Audio], samples: int) -> Iterator[Audio]:
    """``blocks`` with the last 20 ms faded out, so that a long note does not click at the end of the picture."""
    fade = min(samples, int(_FADE_S * SAMPLE_RATE))
    done = 0
    for block in blocks:
        end = done + len(block)
        if end > samples - fade:
            shape = np.clip((samples - np.arange(done, end)) / max(fade, 1), 0, 1).astype(np.float32)
            block = block * shape[:, None]
        done = end
        yield block


def _gain(meter: LoudnessMeter) -> float:
    """Factor to the target loudness, as far as the peak allows."""
    if not meter.peak:
        return 1.0
    room_db = HIGHEST_PEAK_DBFS - 20 * float(np.log10(meter.peak))
    lufs = meter.integrated()
    wanted_db = room_db if lufs is None else TARGET_LUFS - lufs
    return float(10 ** (min(room_db, wanted_db) / 20))
