"""Sampled instruments: pitch, place, loop, layers, envelopes and filters of notes played with a sound font."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from cue_scores import film, make_score
from sound_fonts import FontSample, FontZone, tone, write_font

from v2m_bridge.errors import InputError
from v2m_bridge.score.model import Score
from v2m_bridge.sound.preview.sounding import SoundingNote, sounding_notes
from v2m_bridge.sound.preview.write_preview import write_preview
from v2m_bridge.sound.samples import generators as gen
from v2m_bridge.sound.samples.find_fonts import find_sound_font
from v2m_bridge.sound.samples.player import render_samples
from v2m_bridge.sound.samples.sound_font import SoundFont

Sound = npt.NDArray[np.float64]
LOOPED = FontSample(tone(seconds=0.5), loop=(4400, 8800))
SHORT = FontSample(tone(seconds=0.25))
LEFT, RIGHT = -500, 500
QUICK = {gen.VOLUME_ENV + 5: -4800}
"""A release of a sixteenth of a second."""


def note(
    start_s: float = 0.5, length_s: float = 1.0, pitch: int = 69, velocity: int = 100, **more: Any
) -> SoundingNote:
    """A note of program 0 in the middle."""
    made: SoundingNote = replace(SoundingNote(start_s, length_s, pitch, velocity, 0, 0.0), **more)
    return made


def played(font: Path, *notes: SoundingNote, seconds: float = 3.0) -> Sound:
    """What is heard [n, 2]."""
    with SoundFont(font) as opened:
        return np.concatenate(list(render_samples(notes, round(seconds * 48_000), opened))).astype(np.float64)


def loudest_hertz(sound: Sound) -> float:
    spectrum = np.abs(np.fft.rfft(sound * np.hanning(len(sound))))
    return float(spectrum.argmax() * 48_000 / len(sound))


def level(sound: Sound, start_s: float, end_s: float) -> float:
    """Root of the mean square of both channels."""
    return float(np.sqrt((sound[int(start_s * 48_000) : int(end_s * 48_000)] ** 2).mean()))


@pytest.fixture
def font(tmp_path: Path) -> Path:
    return write_font(tmp_path / "tones.sf2", [LOOPED], {(0, 0): [FontZone(0, {gen.LOOP_MODE: 1, **QUICK})]})


def test_a_note_starts_on_its_sample_and_ends_after_its_release(font: Path) -> None:
    sound = played(font, note(0.5, 1.0))
    first = int(np.flatnonzero(np.abs(sound[:, 0]) > 1e-4)[0])
    assert 0 <= first - 24_000 < 48, "within a thousandth of a second"
    assert level(sound, 1.3, 1.5) == pytest.approx(level(sound, 0.6, 0.8), rel=0.02), "the loop holds it"
    assert level(sound, 1.6, 1.7) < 0.02 * level(sound, 1.3, 1.5) + 0.05


@pytest.mark.parametrize("pitch", [45, 57, 69, 70, 81, 93])
def test_every_key_has_its_pitch(font: Path, pitch: int) -> None:
    heard = loudest_hertz(played(font, note(0.0, 2.0, pitch), seconds=2.0)[4800:, 0])
    assert heard == pytest.approx(441.0 * 2 ** ((pitch - 69) / 12), rel=0.003)


def test_a_recording_without_a_loop_ends_by_itself(tmp_path: Path) -> None:
    font = write_font(tmp_path / "f.sf2", [SHORT], {(0, 0): [FontZone(0)]})
    sound = played(font, note(0.5, 2.0, pan=0.0))
    assert level(sound, 0.5, 0.7) > 10 * level(sound, 1.2, 1.4)


def test_velocity_chooses_the_layer_and_the_loudness(tmp_path: Path) -> None:
    zones = [FontZone(0, QUICK, velocities=(0, 63)), FontZone(1, QUICK, velocities=(64, 127))]
    samples = [SHORT, FontSample(tone(882.0, 0.25))]
    font = write_font(tmp_path / "f.sf2", samples, {(0, 0): zones})
    soft, loud = (played(font, note(0.0, 0.2, velocity=v), seconds=0.2)[:, 0] for v in (40, 100))
    assert loudest_hertz(soft) == pytest.approx(441, abs=6) and loudest_hertz(loud) == pytest.approx(882, abs=6)
    same = [level(played(font, note(0.0, 0.2, velocity=v), seconds=0.2), 0.05, 0.15) for v in (64, 127)]
    assert same[1] / same[0] == pytest.approx((127 / 64) ** 2, rel=0.03)


def test_pairs_are_stereo_and_the_part_is_placed(tmp_path: Path) -> None:
    pair = [FontZone(0, {gen.PAN: LEFT, **QUICK}), FontZone(1, {gen.PAN: RIGHT, **QUICK})]
    font = write_font(tmp_path / "f.sf2", [SHORT, FontSample(tone(882.0, 0.25))], {(0, 0): pair})
    sound = played(font, note(0.0, 0.2), seconds=0.2)
    assert [loudest_hertz(sound[:, side]) for side in (0, 1)] == [pytest.approx(441, abs=6), pytest.approx(882, abs=6)]
    mono = write_font(tmp_path / "m.sf2", [SHORT], {(0, 0): [FontZone(0, QUICK)]})
    left = played(mono, note(0.0, 0.2, pan=-0.8), seconds=0.2)
    assert level(left[:, :1], 0.05, 0.15) > 3 * level(left[:, 1:], 0.05, 0.15)


def test_expression_moves_a_note_while_it_sounds(font: Path) -> None:
    sound = played(font, note(0.0, 2.0, expression=((0.0, 1.0), (1.0, 1.0), (1.001, 0.5), (2.0, 0.5))))
    assert level(sound, 1.3, 1.8) / level(sound, 0.3, 0.8) == pytest.approx(0.25, rel=0.05)


def test_the_wheel_is_vibrato(font: Path) -> None:
    def wobble(**more: Any) -> float:
        sound = played(font, note(0.0, 2.0, **more), seconds=2.0)[9600:86_400, 0]
        crossings = np.flatnonzero((sound[:-1] < 0) & (sound[1:] >= 0))
        exact = crossings + sound[crossings] / (sound[crossings] - sound[crossings + 1])
        return float(np.std(1200 * np.log2(np.diff(exact) / np.diff(exact).mean())))

    assert wobble() < 2 < 15 < wobble(modulation=((0.0, 1.0), (2.0, 1.0)))


def test_a_closed_filter_darkens(tmp_path: Path) -> None:
    bright = FontSample(tone(441, 0.5) + tone(8820, 0.5))
    ways = {
        "open": {},
        "closed": {gen.FILTER_CUTOFF: 7000},
        "swept": {gen.FILTER_CUTOFF: 7000, gen.MOD_ENV_TO_FILTER: 6500, gen.MOD_ENV + 3: -2400, gen.MOD_ENV + 4: 1000},
    }
    highs = {}
    for name, generators in ways.items():
        font = write_font(tmp_path / f"{name}.sf2", [bright], {(0, 0): [FontZone(0, {**generators, **QUICK})]})
        sound = played(font, note(0.0, 0.5), seconds=0.5)[:, 0]
        for part, piece in (("early", sound[1000:5800]), ("late", sound[18_000:22_800])):
            spectrum = np.abs(np.fft.rfft(piece))
            highs[name, part] = spectrum[850:910].max() / spectrum[35:55].max()
    assert highs["open", "late"] > 0.5 and highs["closed", "early"] < 0.02
    assert highs["swept", "early"] > 5 * highs["swept", "late"]


def test_presets_add_to_their_instruments(tmp_path: Path) -> None:
    font = write_font(
        tmp_path / "f.sf2", [LOOPED], {(0, 0): [FontZone(0, QUICK)]}, preset_generators={gen.COARSE_TUNE: 12}
    )
    assert loudest_hertz(played(font, note(0.0, 0.2), seconds=0.2)[:, 0]) == pytest.approx(882, abs=6)


def test_drums_are_of_their_own_bank_and_missing_programs_are_the_piano(tmp_path: Path) -> None:
    presets = {(0, 0): [FontZone(0, QUICK)], (128, 0): [FontZone(1, QUICK)]}
    font = write_font(tmp_path / "f.sf2", [SHORT, FontSample(tone(882.0, 0.25))], presets)
    for program, drums, hertz in ((0, False, 441), (57, False, 441), (0, True, 882), (30, True, 882)):
        heard = played(font, note(0.0, 0.2, program=program, drums=drums), seconds=0.2)[:, 0]
        assert loudest_hertz(heard) == pytest.approx(hertz, abs=6)


def test_compressed_fonts_sound_the_same(tmp_path: Path) -> None:
    fonts = [
        write_font(tmp_path / name, [LOOPED], {(0, 0): [FontZone(0, {gen.LOOP_MODE: 1, **QUICK})]}, name.endswith("3"))
        for name in ("f.sf2", "f.sf3")
    ]
    plain, packed = (played(font, note(0.1, 1.5)) for font in fonts)
    assert loudest_hertz(packed[9600:67_200, 0]) == pytest.approx(441, abs=2)
    assert level(packed, 0.3, 1.5) == pytest.approx(level(plain, 0.3, 1.5), rel=0.1)


def test_blocks_join_without_a_seam(font: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    notes = [note(0.21 * n, 0.9, 57 + n) for n in range(12)]
    whole = played(font, *notes, seconds=4.0)
    monkeypatch.setattr("v2m_bridge.sound.samples.player._BLOCK", 31_013)
    assert np.abs(played(font, *notes, seconds=4.0) - whole).max() < 1e-4


@pytest.mark.parametrize("damage", [b"", b"RIFF", b"not a sound font" * 100])
def test_what_is_no_sound_font_is_refused(tmp_path: Path, damage: bytes) -> None:
    (tmp_path / "f.sf2").write_bytes(damage)
    with pytest.raises(InputError, match=r"f\.sf2"):
        SoundFont(tmp_path / "f.sf2")


def test_a_font_that_is_cut_off_anywhere_is_refused_or_played(font: Path, tmp_path: Path) -> None:
    data = font.read_bytes()
    outcomes = set()
    for part in range(40):
        cut = tmp_path / "cut.sf2"
        cut.write_bytes(data[: len(data) * part // 40])
        try:
            played(cut, note(), seconds=0.6)
            outcomes.add("played")
        except InputError:
            outcomes.add("refused")
    assert "refused" in outcomes


def test_stems_add_up_to_the_preview(font: Path, tmp_path: Path) -> None:
    score = make_score(film(8.0))
    report = write_preview(score, tmp_path / "preview.wav", sound_font=font, stems=True)
    assert len(report.stems) == len(score.parts) and report.engine == font.name
    whole = _wave(tmp_path / "preview.wav")
    stems = [_wave(tmp_path / name) for name in report.stems]
    assert {len(stem) for stem in stems} == {len(whole)}
    assert np.abs(np.sum(stems, axis=0) - whole).max() <= (len(stems) + 1) / 2 / 32768 + 1e-9
    alone = write_preview(score, tmp_path / "alone.wav", sound_font=font)
    assert alone.stems == () and alone.integrated_lufs == pytest.approx(report.integrated_lufs, abs=0.05)


def _wave(path: Path) -> Sound:
    import wave

    with wave.open(str(path)) as file:
        return np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, 2) / 32768


@pytest.mark.skipif(not shutil.which("fluidsynth") or find_sound_font() is None, reason="no FluidSynth or sound font")
def test_it_sounds_as_fluidsynth_does() -> None:
    import sys

    sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))
    import bench_sound

    path = find_sound_font()
    score: Score = make_score(film(20.0))
    assert path is not None
    notes = sounding_notes(score)
    samples = int(max(n.start_s + n.length_s for n in notes) * 48_000)
    theirs = bench_sound.measured(bench_sound.fluidsynth(score, path)[:samples])
    with SoundFont(path) as opened:
        sound = np.concatenate(list(render_samples(notes, samples, opened))).mean(axis=1).astype(np.float64)
    ours = bench_sound.measured(sound)
    assert ours[0] == pytest.approx(theirs[0], rel=0.15) and ours[1] == pytest.approx(theirs[1], rel=0.15)
    length = min(len(ours[2]), len(theirs[2]))
    assert np.corrcoef(ours[2][:length], theirs[2][:length])[0, 1] > 0.95
