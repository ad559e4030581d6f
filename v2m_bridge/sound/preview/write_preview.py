"""Renders ``preview.wav``: the score as sound, exactly as long as the picture, with its measured loudness."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import wave
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from v2m_bridge.music.arrangement import Part
from v2m_bridge.score.model import Score
from v2m_bridge.sound.preview.broadcast_wave import Samples, store_loudness, write_samples
from v2m_bridge.sound.preview.loudness import SAMPLE_RATE, Audio, LoudnessMeter
from v2m_bridge.sound.preview.synth import SoundingNote, render
from v2m_bridge.sync.document import tempo_map_from_document
from v2m_bridge.timing.rates import exact_rate
from v2m_bridge.timing.tempo import TempoMap

if TYPE_CHECKING:
    import mido

TARGET_LUFS = -18.0
HIGHEST_PEAK_DBFS = -1.5
"""Half a decibel below the promised -1 dBFS, as room for rounding and for the filters of a player."""

SOUND_FONT_PLACES = (
    "/usr/share/sounds/sf2",
    "/usr/share/sounds/sf3",
    "/usr/share/soundfonts",
    "/usr/local/share/soundfonts",
    "/opt/homebrew/share/soundfonts",
    "~/Library/Audio/Sounds/Banks",
    "C:/soundfonts",
)
"""Folders where systems keep General MIDI sound fonts; ``V2M_SOUND_FONT`` names a file directly."""

_FADE_S = 0.02
_PAN = {"chords": -0.25, "bass": 0.0, "figure": 0.3, "swell": 0.1, "hits": 0.0}
_TICKS_PER_SECOND = 10_000


@dataclass(frozen=True)
class PreviewReport:
    """What was written.

    Attributes:
        engine: ``"fluidsynth (NAME.sf2)"`` or ``"built in"``.
        samples: length at ``sample_rate``, the picture's exact length.
        integrated_lufs: gated loudness (BS.1770-4), None for silence.
        peak_dbfs: highest sample, None for silence.
        warnings: what did not work as wished.
    """

    engine: str
    sample_rate: int
    samples: int
    integrated_lufs: float | None
    peak_dbfs: float | None
    warnings: tuple[str, ...] = ()

    @property
    def duration_s(self) -> float:
        """Length of the sound, which is the picture's."""
        return self.samples / self.sample_rate


def write_preview(score: Score, path: Path, *, sound_font: Path | None = None, built_in: bool = False) -> PreviewReport:
    """Render the parts to 16-bit stereo at 48 kHz, a Broadcast WAV with the start timecode and the loudness in it.

    Args:
        sound_font: used with FluidSynth; None looks for one (``V2M_SOUND_FONT``, then the usual folders).
        built_in: use the library's own sound even where FluidSynth could be used.

    Returns:
        The report; peak and loudness are those of the file.
    """
    length = Fraction(score.timeline.duration_frames) / exact_rate(score.timeline.rate)
    samples = round(length * SAMPLE_RATE)
    warnings: list[str] = []
    with tempfile.TemporaryDirectory(prefix="v2m-preview-") as folder:
        font = None if built_in else sound_font or find_sound_font()
        raw: Path | None = None
        if font is not None and shutil.which("fluidsynth"):
            raw = _fluidsynth(score, font, Path(folder), warnings)
        blocks = _read(raw, samples) if raw else render(_notes(score), samples)
        engine = f"fluidsynth ({font.name})" if raw and font else "built in"
        meter = _write(blocks, score, samples, path, Path(folder))
    peak = float(20 * np.log10(meter.peak)) if meter.peak else None
    return PreviewReport(engine, SAMPLE_RATE, samples, meter.integrated(), peak, tuple(warnings))


def find_sound_font() -> Path | None:
    """A General MIDI sound font on this machine, or None."""
    named = os.environ.get("V2M_SOUND_FONT")
    if named:
        return Path(named) if Path(named).is_file() else None
    for place in SOUND_FONT_PLACES:
        fonts = sorted(p for p in Path(place).expanduser().glob("*.sf[23]") if p.is_file())
        if fonts:
            return max(fonts, key=lambda p: p.stat().st_size)  # the largest is the best sampled
    return None


def _notes(score: Score) -> list[SoundingNote]:
    tempo = tempo_map_from_document(score.fit)
    notes: list[SoundingNote] = []
    for part in score.parts:
        curve = tuple((tempo.seconds_at(b), 0.25 + 0.75 * (v / 127) ** 1.5) for b, n, v in part.controls if n == 11)
        pan = _PAN.get(part.role, 0.0)
        for start, length, pitch, velocity in part.notes:
            begin = tempo.seconds_at(start)
            notes.append(
                SoundingNote(begin, tempo.seconds_at(start + length) - begin, pitch, velocity, part.program, pan, curve)
            )
    return notes


def _fluidsynth(score: Score, font: Path, folder: Path, warnings: list[str]) -> Path | None:
    """Render with FluidSynth to ``folder``; None, with a warning, when it fails."""
    midi, sound = folder / "preview.mid", folder / "preview.raw.wav"
    _write_timed_midi(score, midi)
    command = ["fluidsynth", "-ni", "-q", "-r", str(SAMPLE_RATE), "-g", "0.6", "-T", "wav", "-O", "s16"]
    limit = 120 + score.timeline.duration_frames / float(exact_rate(score.timeline.rate))
    try:
        run = subprocess.run(
            [*command, "-F", str(sound), str(font), str(midi)], capture_output=True, text=True, timeout=limit
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        warnings.append(f"FluidSynth could not be used ({type(error).__name__}); the built-in sound was")
        return None
    if run.returncode or not sound.is_file() or sound.stat().st_size < 100:
        said = (run.stderr.strip().splitlines() or ["no reason given"])[-1]
        warnings.append(f"FluidSynth failed ({said}); the built-in sound was used")
        return None
    return sound


def _write_timed_midi(score: Score, path: Path) -> None:
    """The parts in ticks of 0.1 ms, whatever the tempo map."""
    import mido

    tempo = tempo_map_from_document(score.fit)
    file = mido.MidiFile(type=1, ticks_per_beat=_TICKS_PER_SECOND // 2)  # at MIDI's default 120 BPM
    for part in score.parts:
        track = mido.MidiTrack()
        now = 0
        for tick, _, message in sorted(_timed(part, tempo), key=lambda row: row[:2]):
            track.append(message.copy(time=tick - now))
            now = tick
        file.tracks.append(track)
    file.save(str(path))


def _timed(part: Part, tempo: TempoMap) -> Iterator[tuple[int, int, mido.Message]]:
    """(tick, order at one tick, message) of every event of a part."""
    import mido

    def tick(beat: float) -> int:
        return round(tempo.seconds_at(beat) * _TICKS_PER_SECOND)

    channel = part.channel
    yield 0, 0, mido.Message("program_change", channel=channel, program=part.program)
    yield (
        0,
        0,
        mido.Message("control_change", channel=channel, control=10, value=64 + round(50 * _PAN.get(part.role, 0))),
    )
    for beat, number, value in part.controls:
        yield tick(beat), 2, mido.Message("control_change", channel=channel, control=number, value=value)
    for start, length, pitch, velocity in part.notes:
        on, off = tick(start), max(tick(start) + 1, tick(start + length))
        yield on, 3, mido.Message("note_on", channel=channel, note=pitch, velocity=velocity)
        yield off, 1, mido.Message("note_off", channel=channel, note=pitch)


def _read(path: Path, samples: int) -> Iterator[Audio]:
    """Blocks of FluidSynth's file, cut or padded to ``samples``; without libsndfile the file has no header."""
    with path.open("rb") as file:
        if file.read(4) == b"RIFF":
            with wave.open(str(path)) as riff:
                offset = path.stat().st_size - riff.getnframes() * 4
        else:
            offset = 0
        file.seek(offset)
        left = samples
        while left > 0:
            count = min(left, 10 * SAMPLE_RATE)
            data = np.frombuffer(file.read(count * 4), dtype="<i2").astype(np.float32) / 32768
            block = np.zeros((count, 2), dtype=np.float32)
            block[: len(data) // 2] = data[: len(data) // 2 * 2].reshape(-1, 2)
            yield block
            left -= count


def _write(blocks: Iterable[Audio], score: Score, samples: int, path: Path, folder: Path) -> LoudnessMeter:
    """Store the sound as floats, measure it, write it at the target loudness; a meter of what was written."""
    stored = folder / "preview.f32"
    meter = LoudnessMeter()
    with stored.open("wb") as file:
        for block in _faded(blocks, samples):
            meter.add(block)
            file.write(block.astype("<f4").tobytes())
    gain = _gain(meter)
    final = LoudnessMeter()

    def levelled() -> Iterator[Samples]:
        with stored.open("rb") as file:
            while raw := file.read(8 * 10 * SAMPLE_RATE):
                whole = np.round(np.frombuffer(raw, dtype="<f4").reshape(-1, 2) * (gain * 32767)).astype(np.int16)
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
