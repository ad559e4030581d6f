"""The preview: exact length, level, loudness by the standard, and which engine made it."""

from __future__ import annotations

import wave
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from cue_scores import film, make_score

from v2m_bridge.errors import InputError
from v2m_bridge.music.arrange_options import ArrangeOptions
from v2m_bridge.music.arrangement import Note
from v2m_bridge.score.model import Score
from v2m_bridge.sound.preview.broadcast_wave import read_timecode_and_loudness
from v2m_bridge.sound.preview.loudness import LoudnessMeter
from v2m_bridge.sound.preview.sounding import SoundingNote
from v2m_bridge.sound.preview.synth import render, tone
from v2m_bridge.sound.preview.write_preview import HIGHEST_PEAK_DBFS, TARGET_LUFS, write_preview
from v2m_bridge.sound.samples.find_fonts import find_sound_font


@pytest.fixture(scope="module")
def score() -> Score:
    return make_score(film(14.0, Fraction(30000, 1001)))


def samples_of(path: Path) -> npt.NDArray[np.float64]:
    with wave.open(str(path)) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (48000, 2, 2)
        return np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, 2) / 32768


def test_length_peak_and_loudness_are_those_of_the_file(score: Score, tmp_path: Path) -> None:
    report = write_preview(score, tmp_path / "preview.wav", built_in=True)
    sound = samples_of(tmp_path / "preview.wav")
    assert len(sound) == report.samples == round(score.timeline.duration_frames * Fraction(1001, 30000) * 48000)
    assert 20 * np.log10(np.abs(sound).max()) == pytest.approx(report.peak_dbfs, abs=1e-6)
    assert report.peak_dbfs is not None and report.peak_dbfs <= HIGHEST_PEAK_DBFS + 0.01 < -1
    assert report.integrated_lufs is not None and report.integrated_lufs == pytest.approx(TARGET_LUFS, abs=0.1)
    meter = LoudnessMeter()
    for start in range(0, len(sound), 31_013):  # other blocks, same loudness
        meter.add(sound[start : start + 31_013].astype(np.float32))
    assert meter.integrated() == pytest.approx(report.integrated_lufs, abs=1e-3)
    assert np.abs(sound[-3:]).max() < 0.002  # no click at the last frame
    assert report.engine == "built in" and report.warnings == ()


def test_the_file_carries_its_timecode_and_its_loudness(score: Score, tmp_path: Path) -> None:
    report = write_preview(score, tmp_path / "preview.wav", built_in=True)
    start, lufs = read_timecode_and_loudness(tmp_path / "preview.wav")
    assert start == round(86400 * Fraction(1001, 30000) * 48000)
    assert report.integrated_lufs is not None and lufs == pytest.approx(report.integrated_lufs, abs=0.005)
    raw = (tmp_path / "preview.wav").read_bytes()
    assert raw[:4] + raw[8:16] == b"RIFFWAVEbext" and int.from_bytes(raw[4:8], "little") == len(raw) - 8
    assert raw[20 + 346 : 20 + 348] == b"\x02\0"  # version 2 stands behind texts, date and time reference


def test_the_notes_are_where_the_score_has_them(score: Score, tmp_path: Path) -> None:
    """Energy at the pitch of a lone note while it sounds, and not before."""
    part = replace(score.parts[0], notes=(Note(8.0, 4.0, 69, 90),), controls=(), program=0)
    write_preview(score.model_copy(update={"parts": (part,)}), tmp_path / "one.wav", built_in=True)
    sound = samples_of(tmp_path / "one.wav").mean(axis=1)
    from v2m_bridge.sync.document import tempo_map_from_document

    start = round(tempo_map_from_document(score.fit).seconds_at(8.0) * 48000)
    assert np.abs(sound[: start - 10]).max() == 0
    assert np.abs(sound[start : start + 4800]).max() > 0.05
    spectrum = np.abs(np.fft.rfft(sound[start + 4800 : start + 4800 + 48000]))
    assert abs(int(spectrum.argmax()) - 440) <= 1


def test_silence_and_very_short_films(score: Score, tmp_path: Path) -> None:
    silent = score.model_copy(update={"parts": ()})
    report = write_preview(silent, tmp_path / "silent.wav", built_in=True)
    assert (report.integrated_lufs, report.peak_dbfs) == (None, None)
    assert not samples_of(tmp_path / "silent.wav").any()
    blink = score.model_copy(update={"timeline": score.timeline.model_copy(update={"duration_frames": 1})})
    assert write_preview(blink, tmp_path / "blink.wav", built_in=True).samples == round(48000 * Fraction(1001, 30000))


def test_a_tail_does_not_make_it_longer_than_the_picture(tmp_path: Path) -> None:
    score = make_score(film(8.0), ArrangeOptions(tail_s=4.0))
    report = write_preview(score, tmp_path / "tail.wav", built_in=True)
    assert report.samples == round(score.timeline.duration_frames * Fraction(1001, 24000) * 48000)


def test_blocks_give_the_same_sound_as_one_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    notes = [SoundingNote(0.3 * n, 1.7, 50 + n, 80, (0, 48, 45, 60)[n % 4], 0.1) for n in range(20)]
    whole = np.concatenate(list(render(notes, 400_000)))
    monkeypatch.setattr("v2m_bridge.sound.preview.synth._BLOCK_S", 0.9)
    parts = np.concatenate(list(render(notes, 400_000)))
    assert whole.shape == parts.shape == (400_000, 2)
    assert np.abs(whole - parts).max() < 1e-5


def test_loud_notes_are_louder_and_expression_is_followed() -> None:
    def level(velocity: int, expression: tuple[tuple[float, float], ...] = ()) -> float:
        return float(np.sqrt((tone(SoundingNote(0.0, 1.0, 60, velocity, 48, 0.0, expression)) ** 2).mean()))

    assert level(110) > 2.5 * level(50)
    assert level(90, ((0.0, 0.5), (1.0, 0.5))) == pytest.approx(level(90) * (0.25 + 0.75 * 0.5**1.5), rel=1e-3)


@pytest.mark.parametrize(
    ("hertz", "amplitude", "channels", "lufs"),
    [
        (997.0, 1.0, (1, 0), -3.01),  # the standard's calibration tone
        (997.0, 0.1, (1, 1), -20.0),
        (50.0, 0.5, (1, 1), -10.69),  # -6.71 less the high-pass: 20 log10 of 50² / (50² + 38.1²)
    ],
)
def test_the_meter_agrees_with_the_standard(
    hertz: float, amplitude: float, channels: tuple[int, int], lufs: float
) -> None:
    wave_form = amplitude * np.sin(2 * np.pi * hertz * np.arange(48000 * 4) / 48000)
    meter = LoudnessMeter()
    for block in np.split((wave_form[:, None] * channels).astype(np.float32), 8):
        meter.add(block)
    assert meter.integrated() == pytest.approx(lufs, abs=0.15)


def test_the_meter_gates_silence_out() -> None:
    tone_s = 0.1 * np.sin(2 * np.pi * 997 * np.arange(48000 * 4) / 48000)
    meter = LoudnessMeter()
    meter.add(np.stack([tone_s, tone_s], axis=1).astype(np.float32))
    alone = meter.integrated()
    meter.add(np.zeros((48000 * 8, 2), dtype=np.float32))
    assert alone is not None and meter.integrated() == pytest.approx(alone, abs=0.2)


@pytest.mark.skipif(find_sound_font() is None, reason="no sound font here")
def test_a_sound_font_is_used_where_it_is(score: Score, tmp_path: Path) -> None:
    report = write_preview(score, tmp_path / "preview.wav")
    sound = samples_of(tmp_path / "preview.wav")
    assert report.engine.endswith((".sf2", ".sf3")) and report.warnings == ()
    assert len(sound) == report.samples
    assert report.peak_dbfs is not None and report.peak_dbfs < -1
    assert report.integrated_lufs is not None and report.integrated_lufs > -30


def test_a_broken_sound_font_is_reported_and_the_built_in_sound_used(score: Score, tmp_path: Path) -> None:
    broken = tmp_path / "broken.sf2"
    broken.write_bytes(b"not a sound font")
    report = write_preview(score, tmp_path / "preview.wav", sound_font=broken)
    assert report.engine == "built in"
    assert "broken.sf2" in report.warnings[0] and "built-in sound" in report.warnings[0]
    assert np.abs(samples_of(tmp_path / "preview.wav")).max() > 0.05


def test_a_named_sound_font_wins_and_can_be_none(score: Score, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    font = tmp_path / "mine.sf2"
    font.write_bytes(b"x")
    monkeypatch.setenv("V2M_SOUNDS", str(font))
    assert find_sound_font() == font
    monkeypatch.setenv("V2M_SOUNDS", "off")
    assert find_sound_font() is None
    monkeypatch.setenv("V2M_SOUNDS", str(tmp_path / "gone.sf2"))
    with pytest.raises(InputError, match="V2M_SOUNDS"):
        find_sound_font()
    report = write_preview(score, tmp_path / "preview.wav")
    assert report.engine == "built in" and "V2M_SOUNDS" in report.warnings[0]


def test_of_a_folder_the_best_known_set_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, size in (("zz.sf2", 9 << 20), ("FluidR3_GM.sf3", 4 << 20), ("Piano.sf2", 1 << 20)):
        with (tmp_path / name).open("wb") as file:
            file.truncate(size)
    monkeypatch.setenv("V2M_SOUNDS", str(tmp_path))
    assert find_sound_font() == tmp_path / "FluidR3_GM.sf3"
