"""The voice detector against the package's own, and speech on a timeline of clips, with a stand-in for a voice."""

from __future__ import annotations

import itertools
import warnings
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import torch

from v2m_bridge.footage.cache import NO_CACHE
from v2m_bridge.footage.speech import voice_network
from v2m_bridge.footage.speech.find import find_speech, spans_of
from v2m_bridge.footage.speech.sound import read_sound
from v2m_bridge.footage.speech.voice_network import VoiceNetwork, speech_probabilities
from v2m_bridge.timeline.model import Shot, Timeline

RATE = 16_000


def write_sound(path: Path, samples: np.ndarray, *, picture: bool = False) -> Path:
    """A file with this sound (mono, 16 kHz), and black pictures where asked for."""
    with av.open(str(path), "w") as out:
        video = out.add_stream("mpeg4", rate=25) if picture else None
        if video is not None:
            video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        sound = out.add_stream("aac" if picture else "pcm_s16le", rate=RATE, layout="mono")
        if video is not None:
            for _ in range(round(len(samples) / RATE * 25)):
                out.mux(video.encode(av.VideoFrame.from_ndarray(np.zeros((48, 64, 3), np.uint8), "rgb24")))
            out.mux(video.encode(None))
        whole = np.clip(samples * 32767, -32768, 32767).astype(np.int16)
        for start in range(0, len(whole), 1024):
            frame = av.AudioFrame.from_ndarray(whole[None, start : start + 1024], "s16", "mono")
            frame.sample_rate, frame.pts, frame.time_base = RATE, start, Fraction(1, RATE)
            out.mux(sound.encode(frame))
        out.mux(sound.encode(None))
    return path


def vowels(seconds: float, seed: int = 0) -> np.ndarray:
    """Sung-spoken syllables: a pulse train through formants that change four times a second, with pauses of breath."""
    rng = np.random.default_rng(seed)
    parts = []
    while sum(map(len, parts)) < seconds * RATE:
        count = int(RATE * rng.uniform(0.16, 0.26))
        pitch = np.linspace(rng.uniform(105, 150), rng.uniform(90, 130), count)
        phase = np.cumsum(pitch) / RATE
        pulses = np.diff(np.floor(phase), prepend=0.0)
        formants = [(700, 1220, 2600), (300, 2300, 3000), (500, 900, 2400), (450, 1900, 2500)][rng.integers(4)]
        wave = pulses
        for frequency in formants:
            radius, angle = np.exp(-np.pi * 90 / RATE), 2 * np.pi * frequency / RATE
            shaped = np.zeros(count)
            for n in range(count):
                shaped[n] = (
                    wave[n] + 2 * radius * np.cos(angle) * shaped[n - 1] - radius**2 * shaped[n - 2]
                    if n > 1
                    else wave[n]
                )
            wave = shaped
        parts.append(0.3 * wave / np.abs(wave).max() * np.sin(np.pi * np.arange(count) / count) ** 0.5)
        noise = rng.standard_normal(int(RATE * 0.05))
        parts.append(0.03 * np.diff(noise, prepend=0.0))
    return np.concatenate(parts)[: int(seconds * RATE)].astype(np.float32)


def quiet(seconds: float) -> np.ndarray:
    return (1e-4 * np.random.default_rng(1).standard_normal(int(seconds * RATE))).astype(np.float32)


def test_all_windows_at_once_give_what_the_packages_own_model_gives_window_by_window() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch.jit is on its way out; only this comparison uses it
        folder = Path(pytest.importorskip("importlib.util").find_spec("silero_vad").origin).parent
        own = torch.jit.load(str(folder / "data" / "silero_vad.jit"))
        own.reset_states()
    names = {"stft.forward_basis_buffer": "stft_conv.weight"}
    names |= {f"decoder.decoder.2.{kind}": f"final_conv.{kind}" for kind in ("weight", "bias")}
    for layer, kind in itertools.product(range(4), ("weight", "bias")):
        names[f"encoder.{layer}.reparam_conv.{kind}"] = f"conv{layer + 1}.{kind}"
    for kind in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"):
        names[f"decoder.rnn.{kind}"] = f"lstm_cell.{kind}_l0"
    stored = own.state_dict()
    network = VoiceNetwork()
    network.load_state_dict({ours: stored["_model." + theirs] for theirs, ours in names.items()})
    samples = torch.from_numpy(np.concatenate([quiet(0.5), vowels(2.0), quiet(0.5)]))
    samples = samples[: len(samples) // 512 * 512]
    with torch.inference_mode():
        expected = [float(own(part, RATE)) for part in samples.split(512)]
        found = network.eval()(samples).numpy()
    assert found == pytest.approx(expected, abs=1e-4)
    assert max(expected) > min(expected) + 0.1


def test_spans_close_short_pauses_and_leave_out_noises() -> None:
    values = np.full(200, 0.1, np.float32)
    values[20:60] = values[64:90] = 0.9  # a pause of 0.13 s
    values[150:154] = 0.9  # 0.13 s: a click
    (span,) = spans_of(values)
    assert span == pytest.approx((20 * 0.032 - 0.092, 90 * 0.032 + 0.06))
    assert spans_of(np.zeros(0, np.float32)) == ()


def stand_in(monkeypatch: pytest.MonkeyPatch) -> None:
    """Loud counts as speech: what is tested is where the sound is taken from and where it goes."""

    def loud(samples: np.ndarray) -> np.ndarray:
        padded = np.pad(samples, (0, -len(samples) % 512)).reshape(-1, 512)
        return (np.abs(padded).max(axis=1) > 0.05).astype(np.float32)

    monkeypatch.setattr(voice_network, "speech_probabilities", loud)


def tone(seconds: float) -> np.ndarray:
    return (0.3 * np.sin(2 * np.pi * 220 * np.arange(int(seconds * RATE)) / RATE)).astype(np.float32)


def test_speech_follows_the_clips_onto_the_timeline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in(monkeypatch)
    media = write_sound(tmp_path / "take.mp4", np.concatenate([quiet(2), tone(2), quiet(2)]), picture=True)
    rate = Fraction(25)
    shots = (
        Shot(0, 50, None, False),
        Shot(50, 125, str(media), True, 1.0, 1.0),  # media 1..4 s at timeline 2..5 s: speech at 3..5 s
        Shot(125, 175, str(media), True, 0.0, 1.25),  # media 0..2.5 s at 5..7 s: speech from 5 + 2/1.25 = 6.6 s
        Shot(175, 225, str(media), True, 2.0, -1.0),  # backwards: silent
    )
    timeline = Timeline("edit", rate, 0, 225, shots)
    spans, notes = find_speech(timeline, None, NO_CACHE)
    assert notes == ()
    assert spans[0] == pytest.approx((3.0, 5.0), abs=0.15)
    assert spans[1] == pytest.approx((6.6, 7.0), abs=0.15)
    assert len(spans) == 2


def test_a_dialogue_file_stands_in_for_the_clips(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in(monkeypatch)
    track = write_sound(tmp_path / "dialogue.wav", np.concatenate([quiet(1), tone(1.5), quiet(2)]))
    timeline = Timeline("edit", Fraction(25), 0, 100, (Shot(0, 100),))
    spans, _ = find_speech(timeline, track, NO_CACHE)
    assert len(spans) == 1 and spans[0] == pytest.approx((1.0, 2.5), abs=0.15)
    assert find_speech(timeline, None, NO_CACHE) == ((), ())


def test_files_without_sound_and_silent_ones_are_no_speech(tmp_path: Path) -> None:
    silent = write_sound(tmp_path / "silent.wav", np.zeros(3 * RATE, np.float32))
    timeline = Timeline("edit", Fraction(25), 0, 75, (Shot(0, 75),))
    assert find_speech(timeline, silent, NO_CACHE) == ((), ())
    missing, notes = find_speech(timeline, tmp_path / "none.wav", NO_CACHE)
    assert missing == () and len(notes) == 1


def test_a_part_of_the_sound_is_the_same_as_that_part_of_the_whole(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    path = write_sound(tmp_path / "noise.wav", (0.2 * rng.standard_normal(4 * RATE)).astype(np.float32))
    whole, part = read_sound(path, 0.0, 4.0, RATE), read_sound(path, 1.5, 2.5, RATE)
    assert whole is not None and part is not None
    assert part == pytest.approx(whole[int(1.5 * RATE) : int(2.5 * RATE)], abs=1e-6)


def test_noise_and_chords_are_no_speech() -> None:
    rng = np.random.default_rng(2)
    noise = (0.2 * rng.standard_normal(6 * RATE)).astype(np.float32)
    assert spans_of(speech_probabilities(noise)) == ()
    at = np.arange(6 * RATE) / RATE
    chord = sum(np.sin(2 * np.pi * f * at) for f in (220, 277.2, 329.6)) / 10
    assert spans_of(speech_probabilities(np.asarray(chord, np.float32))) == ()
