"""The built-in synthesiser: wavetable instruments and a small room, for previews without a sound font."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from v2m_bridge.sound.preview.block_mixer import BlockMixer, notes_by_block
from v2m_bridge.sound.preview.loudness import SAMPLE_RATE, Audio
from v2m_bridge.sound.preview.room import RoomReverb
from v2m_bridge.sound.preview.sounding import SoundingNote

_TABLE = 8192
_AIR_SAMPLES = 1 << 19
_BLOCK_S = 10.0
_ROOM_LEVEL = 0.16

Mono = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Timbre:
    """How a family of instruments sounds.

    Attributes:
        partials: amplitude of each harmonic at full velocity; soft notes lose the higher ones.
        attack_s, release_s: rise, and fall after the note's end.
        decay_s: time constant of a struck note at middle C (shorter above), or 0 when it is sustained.
        detune_cents: distance of the outer two of the oscillators; 0 is one oscillator.
        players: oscillators, each with its own slow drift.
        air: share of bow or breath noise while the note sounds.
        strike: share of noise in the attack.
        tremolo_hz: of bows that go back and forth; 0 is none.
        level: relative loudness.
    """

    partials: tuple[float, ...]
    attack_s: float
    release_s: float
    decay_s: float = 0.0
    detune_cents: float = 0.0
    players: int = 2
    air: float = 0.0
    strike: float = 0.0
    tremolo_hz: float = 0.0
    level: float = 1.0


def _falling(slope: float, count: int = 24, even: float = 1.0) -> tuple[float, ...]:
    """Harmonics that fall with their number to the power of ``slope``; ``even`` scales every second one."""
    return tuple((even if n % 2 == 0 else 1.0) / n**slope for n in range(1, count + 1))


_SECTION = Timbre(_falling(0.95), 0.09, 0.35, detune_cents=18, players=4, air=0.10, level=0.5)
_CLARINET = Timbre(_falling(0.6, 16, even=0.4), 0.03, 0.12, detune_cents=3, air=0.008, level=1.0)

TIMBRES: tuple[tuple[range, Timbre], ...] = (
    (range(0, 8), Timbre(_falling(0.7, 20), 0.003, 0.2, 1.4, 1.5, air=0.03, strike=0.06, level=0.55)),
    (range(8, 16), Timbre((1, 0.05, 0.02, 0.35, 0, 0.05), 0.002, 0.3, 0.9, 0, strike=0.03, level=0.8)),
    (range(16, 24), Timbre(_falling(1.0, 16), 0.02, 0.1, air=0.02, level=0.4)),
    (range(24, 32), Timbre(_falling(0.95, 16), 0.003, 0.12, 0.7, 1, air=0.01, strike=0.05, level=0.8)),
    (range(32, 38), Timbre(_falling(1.2, 12), 0.005, 0.1, 1.3, 0, strike=0.04, level=0.7)),
    (range(38, 40), Timbre(_falling(0.9, 16), 0.01, 0.1, detune_cents=5, level=0.7)),
    (range(40, 42), Timbre(_falling(0.95), 0.06, 0.2, detune_cents=6, players=3, air=0.09, level=0.42)),
    (range(42, 43), Timbre(_falling(1.0), 0.06, 0.2, detune_cents=6, players=3, air=0.08, level=0.45)),
    (range(43, 44), Timbre(_falling(1.4, 14), 0.05, 0.2, detune_cents=6, players=3, air=0.02, level=0.45)),
    (range(44, 45), replace(_SECTION, attack_s=0.03, release_s=0.25, tremolo_hz=7.5)),
    (range(45, 46), Timbre(_falling(1.3, 14), 0.003, 0.12, 0.28, 2, air=0.01, strike=0.08, level=1.7)),
    (range(46, 47), Timbre(_falling(1.4, 14), 0.003, 0.3, 1.0, 1, air=0.01, strike=0.05, level=0.9)),
    (range(47, 48), Timbre(_falling(1.0, 10), 0.003, 0.5, 1.1, 6, air=0.02, strike=0.3, level=0.25)),
    (range(48, 52), _SECTION),
    (range(52, 56), Timbre(_falling(1.1, 16), 0.14, 0.4, detune_cents=20, players=4, air=0.08, level=0.45)),
    (range(56, 59), Timbre(_falling(1.25), 0.03, 0.15, detune_cents=3, air=0.05, strike=0.02, level=0.7)),
    (range(59, 60), Timbre(_falling(0.35), 0.03, 0.12, detune_cents=3, air=0.08, level=0.4)),
    (range(60, 61), Timbre(_falling(1.3, 12), 0.05, 0.2, detune_cents=6, players=3, air=0.03, level=1.0)),
    (range(61, 64), Timbre(_falling(1.0), 0.04, 0.18, detune_cents=8, players=4, air=0.05, level=0.85)),
    (range(64, 71), Timbre(_falling(0.7, 18), 0.04, 0.12, detune_cents=3, air=0.06, level=0.55)),
    (range(71, 72), _CLARINET),
    (range(72, 80), Timbre(_falling(1.25, 12), 0.04, 0.15, detune_cents=3, air=0.08, level=0.75)),
    (range(80, 88), Timbre(_falling(0.8, 20, even=0.1), 0.006, 0.09, detune_cents=6, level=0.45)),
    (range(88, 104), Timbre(_falling(2.0, 12), 0.22, 0.5, detune_cents=16, players=4, air=0.02, level=0.5)),
    (range(104, 112), Timbre(_falling(1.0, 16), 0.003, 0.1, 0.6, 2, strike=0.05, level=0.8)),
    (range(112, 128), Timbre((1, 0.4, 0.2), 0.002, 0.3, 0.6, 8, strike=0.3, level=0.7)),
)
"""General MIDI programs (from 0) -> timbre."""
_VIBRATO_HZ, _WHEEL_CENTS = 5.5, 40.0
_DRIFT_CENTS = 4.0


def timbre_of(program: int) -> Timbre:
    """The timbre of a General MIDI program 0..127."""
    return next(timbre for programs, timbre in TIMBRES if program in programs)


def render(notes: Sequence[SoundingNote], samples: int) -> Iterator[Audio]:
    """Sound of ``notes`` in blocks [n, 2], exactly ``samples`` long in all; memory does not grow with the length."""
    block = int(_BLOCK_S * SAMPLE_RATE)
    room, mixer = RoomReverb(), BlockMixer(block, 2)
    for at, starting in notes_by_block(notes, samples, block):
        for start, note in starting:
            angle = (note.pan + 1) * np.pi / 4
            mixer.add(start, tone(note)[:, None] * np.array([np.cos(angle), np.sin(angle)], np.float32))
        dry = mixer.take()
        yield (dry + _ROOM_LEVEL * room.next(dry))[: samples - at]


def tone(note: SoundingNote) -> Mono:
    """One note [samples], from its attack to the end of its release."""
    timbre = timbre_of(note.program)
    hertz = 440.0 * 2 ** ((note.pitch - 69) / 12)
    count = int((note.length_s + timbre.release_s) * SAMPLE_RATE)
    seconds = np.arange(count, dtype=np.float32) / np.float32(SAMPLE_RATE)
    table = _wavetable(timbre.partials, min(7, note.velocity // 16), hertz)
    wave = np.zeros(count, dtype=np.float32)
    vibrato = _vibrato(note, seconds)
    players = timbre.players if timbre.detune_cents else 1
    for player in range(players):
        away = timbre.detune_cents * (player / (players - 1) - 0.5) if players > 1 else 0.0
        if players > 2:
            drift = np.float32(_DRIFT_CENTS) * np.sin(np.float32(2 * np.pi * (0.7 + 0.31 * player)) * seconds + player)
            vibrato_here: Mono | None = drift if vibrato is None else drift + vibrato
        else:
            vibrato_here = vibrato
        cycles = _cycles(count, hertz * 2 ** (away / 1200), vibrato_here) + (0.37 * player if players > 2 else 0.0)
        wave += table[((cycles % 1.0) * _TABLE).astype(np.int32)]
    wave *= np.float32(1 / np.sqrt(players / 2))
    if timbre.air:
        start = (note.pitch * 7919 + int(note.start_s * 1000)) % (_AIR_SAMPLES // 2)
        wave += np.resize(_air()[start:], count) * np.float32(timbre.air * (0.4 + 0.6 * note.velocity / 127))
    if timbre.strike:
        hit = min(count, int(0.05 * SAMPLE_RATE))
        wave[:hit] += _noise(hit) * np.float32(timbre.strike * 2) * np.linspace(1, 0, hit, dtype=np.float32) ** 2
    if timbre.tremolo_hz:
        wave *= np.float32(0.62) + np.float32(0.38) * np.cos(np.float32(2 * np.pi * timbre.tremolo_hz) * seconds)
    wave *= _envelope(timbre, note, hertz, seconds)
    if note.expression:
        moments, values = zip(*note.expression, strict=True)
        share = np.interp(seconds + note.start_s, moments, values).astype(np.float32)
        wave *= np.float32(0.25) + np.float32(0.75) * share ** np.float32(1.5)
    return wave


def _vibrato(note: SoundingNote, seconds: Mono) -> Mono | None:
    """What CC1 does to the pitch, in cents; None where it stays down."""
    if not any(value for _, value in note.modulation):
        return None
    moments, values = zip(*note.modulation, strict=True)
    depth = np.interp(seconds + note.start_s, moments, values).astype(np.float32) * np.float32(_WHEEL_CENTS)
    return np.asarray(depth * np.sin(np.float32(2 * np.pi * _VIBRATO_HZ) * seconds), np.float32)


def _cycles(count: int, hertz: float, cents: Mono | None) -> npt.NDArray[np.float64]:
    """How many periods have gone by at each sample."""
    step = hertz / SAMPLE_RATE
    if cents is None:
        return np.arange(count, dtype=np.float64) * step
    return np.asarray(np.cumsum(step * (1 + cents * np.float32(np.log(2) / 1200)), dtype=np.float64))


def _envelope(timbre: Timbre, note: SoundingNote, hertz: float, seconds: Mono) -> Mono:
    loud = timbre.level * (note.velocity / 127) ** 1.6
    attack = min(timbre.attack_s, max(0.003, note.length_s / 2))
    shape = np.minimum(seconds / attack, 1.0)
    if timbre.decay_s:
        constant = timbre.decay_s * (261.6 / hertz) ** 0.6
        shape = shape * np.exp(-seconds / max(0.05, constant))
    after = np.clip((seconds - note.length_s) / max(timbre.release_s, 1e-3), 0.0, 1.0)
    result: Mono = (loud * shape * (1 - after) ** 2).astype(np.float32)
    return result


@lru_cache(maxsize=2048)
def _wavetable(partials: tuple[float, ...], softness: int, hertz: float) -> Mono:
    """One cycle; partials above 18 kHz are left out, soft notes are darker."""
    dark = 0.8 + 0.2 * softness / 7
    phase = np.arange(_TABLE) / _TABLE
    wave = np.zeros(_TABLE)
    for index, amplitude in enumerate(partials):
        if hertz * (index + 1) < 18_000:
            wave += amplitude * dark**index * np.sin(2 * np.pi * (index + 1) * phase + 0.7 * index)
    return (wave / max(1e-9, float(np.sqrt((wave**2).mean()))) * 0.35).astype(np.float32)


@lru_cache(maxsize=1)
def _air() -> Mono:
    """Noise that falls 3 dB an octave, as bows and breath do."""
    spectrum = np.fft.rfft(np.random.default_rng(7).standard_normal(_AIR_SAMPLES))
    hertz = np.fft.rfftfreq(_AIR_SAMPLES, 1 / SAMPLE_RATE)
    spectrum *= np.sqrt(1000 / np.maximum(hertz, 200)) * (hertz < 12_000)
    noise = np.fft.irfft(spectrum, _AIR_SAMPLES)
    return np.asarray(noise / noise.std() * 0.35, np.float32)


@lru_cache(maxsize=4)
def _noise(count: int) -> Mono:
    return np.random.default_rng(11).standard_normal(count).astype(np.float32)
