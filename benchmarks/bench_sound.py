"""How close the sampled and the built-in preview come to FluidSynth with the same sound font.

    python benchmarks/bench_sound.py SCORE.json... [--font FILE.sf2]

Per score: 95 % rolloff, spectral flux and loudness curve against FluidSynth's rendering of the same notes (medians of
frames; the curve's mean distance after levelling), and processor time per minute of music. FluidSynth has to be
installed for this, not for the program.
"""

from __future__ import annotations

import argparse
import subprocess
import tempfile
import time
import wave
from collections.abc import Iterator
from pathlib import Path

import mido
import numpy as np
import numpy.typing as npt

from v2m_bridge.score.model import Score
from v2m_bridge.sound.preview.loudness import SAMPLE_RATE
from v2m_bridge.sound.preview.sounding import SoundingNote, sounding_notes
from v2m_bridge.sound.preview.synth import render
from v2m_bridge.sound.samples.find_fonts import find_sound_font
from v2m_bridge.sound.samples.player import render_samples
from v2m_bridge.sound.samples.sound_font import SoundFont

TICKS_PER_SECOND = 10_000
Sound = npt.NDArray[np.float64]


def write_timed_midi(score: Score, path: Path) -> None:
    """The parts in ticks of 0.1 ms, whatever the tempo map."""
    file = mido.MidiFile(type=1, ticks_per_beat=TICKS_PER_SECOND // 2)  # at MIDI's default 120 BPM
    for index, part in enumerate(score.parts):
        track = mido.MidiTrack()
        now = 0
        notes = sounding_notes(score, part)
        for tick, _, message in sorted(_events(notes, 9 if part.channel == 9 else index % 9), key=lambda row: row[:2]):
            track.append(message.copy(time=tick - now))
            now = tick
        file.tracks.append(track)
    file.save(str(path))


def _events(notes: list[SoundingNote], channel: int) -> Iterator[tuple[int, int, mido.Message]]:
    if not notes:
        return
    first = notes[0]
    yield 0, 0, mido.Message("program_change", channel=channel, program=first.program)
    yield 0, 0, mido.Message("control_change", channel=channel, control=10, value=round(64 + 50 * first.pan))
    for number, curve in ((11, first.expression), (1, first.modulation)):
        if curve:
            moments, values = zip(*curve, strict=True)
            for at in np.arange(0, moments[-1] + 0.02, 0.02):
                value = round(127 * float(np.interp(at, moments, values)))
                message = mido.Message("control_change", channel=channel, control=number, value=value)
                yield round(at * TICKS_PER_SECOND), 2, message
    for note in notes:
        on, off = (round(s * TICKS_PER_SECOND) for s in (note.start_s, note.start_s + note.length_s))
        yield on, 3, mido.Message("note_on", channel=channel, note=note.pitch, velocity=note.velocity)
        yield max(on + 1, off), 1, mido.Message("note_off", channel=channel, note=note.pitch)


def fluidsynth(score: Score, font: Path) -> Sound:
    """FluidSynth's rendering [n], both channels summed."""
    with tempfile.TemporaryDirectory() as folder:
        midi, sound = Path(folder, "x.mid"), Path(folder, "x.wav")
        write_timed_midi(score, midi)
        command = [
            "fluidsynth",
            "-ni",
            "-q",
            "-r",
            str(SAMPLE_RATE),
            "-g",
            "0.3",
            "-F",
            str(sound),
            str(font),
            str(midi),
        ]
        subprocess.run(command, check=True, capture_output=True)
        with wave.open(str(sound)) as file:
            data = np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, 2)
    return np.asarray(data.mean(axis=1) / 32768)


def measured(sound: Sound) -> tuple[float, float, Sound]:
    """Median 95 % rolloff in Hz, median spectral flux 0..1, and loudness in dB every tenth of a second."""
    size, hop = 4096, 2048
    frames = np.lib.stride_tricks.sliding_window_view(sound, size)[::hop] * np.hanning(size)
    spectra = np.abs(np.fft.rfft(frames, axis=1))
    energy = spectra.sum(axis=1)
    spectra = spectra[energy > energy.max() * 0.02]
    power = np.cumsum(spectra**2, axis=1)
    rolloff = (power < 0.95 * power[:, -1:]).sum(axis=1) * SAMPLE_RATE / size
    shape = spectra / spectra.sum(axis=1, keepdims=True)
    flux = np.abs(np.diff(shape, axis=0)).sum(axis=1) / 2
    step = SAMPLE_RATE // 10
    steps = (sound[: len(sound) // step * step].reshape(-1, step) ** 2).mean(axis=1)
    return float(np.median(rolloff)), float(np.median(flux)), 10 * np.log10(steps + 1e-9)


def main() -> None:
    """Print a table, a row for each score and player."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scores", nargs="+", type=Path)
    parser.add_argument("--font", type=Path)
    chosen = parser.parse_args()
    font_path = chosen.font or find_sound_font()
    if font_path is None:
        parser.error("no sound font found; give one with --font")
    print(f"{'score':28} {'player':10} {'rolloff':>8} {'flux':>6} {'curve dB':>9} {'r':>6} {'s/min':>6}")
    for path in chosen.scores:
        score = Score.model_validate_json(path.read_text(encoding="utf-8"))
        notes = sounding_notes(score)
        samples = int(max(n.start_s + n.length_s for n in notes) * SAMPLE_RATE)
        reference = measured(fluidsynth(score, font_path)[:samples])
        row(path, "fluidsynth", reference, reference, None)
        with SoundFont(font_path) as font:
            for name, blocks in (
                ("sampled", render_samples(notes, samples, font)),
                ("built in", render(notes, samples)),
            ):
                before = time.process_time()
                sound = np.concatenate(list(blocks)).mean(axis=1).astype(np.float64)
                cost = (time.process_time() - before) / (samples / SAMPLE_RATE / 60)
                row(path, name, measured(sound), reference, cost)


def row(
    path: Path, name: str, found: tuple[float, float, Sound], reference: tuple[float, float, Sound], cost: float | None
) -> None:
    """One line; the shares are of FluidSynth's figures."""
    length = min(len(found[2]), len(reference[2]))
    ours, theirs = found[2][:length], reference[2][:length]
    heard = theirs > theirs.max() - 40
    offset = np.median(ours[heard] - theirs[heard])
    distance = np.abs(ours - offset - theirs)[heard].mean()
    together = np.corrcoef(ours[heard], theirs[heard])[0, 1]
    spent = "" if cost is None else f"{cost:6.2f}"
    print(
        f"{path.parent.name[:28]:28} {name:10} {found[0]:8.0f} {found[1]:6.3f} {distance:9.2f} {together:6.3f} {spent}"
        f"   rolloff x{found[0] / reference[0]:.2f} flux x{found[1] / reference[1]:.2f}"
    )


if __name__ == "__main__":
    main()
