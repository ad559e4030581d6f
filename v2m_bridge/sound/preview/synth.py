"""The built-in synthesiser: wavetable instruments and a small room, for previews without a sound font."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from v2m_bridge.sound.preview.loudness import SAMPLE_RATE, Audio
from v2m_bridge.sound.preview.room import RoomReverb
from v2m_bridge.sound.preview.sounding import SoundingNote

_TABLE = 8192
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
        detune_cents: distance of the two oscillators.
        strike: share of noise in the attack.
        level: relative loudness.
    """

    partials: tuple[float, ...]
    attack_s: float
    release_s: float
    decay_s: float = 0.0
    detune_cents: float = 0.0
    strike: float = 0.0
    level: float = 1.0


_SAW = tuple(1 / n for n in range(1, 13))
_STRINGS = Timbre(tuple(a * 0.93**n for n, a in enumerate(_SAW)), 0.12, 0.3, detune_cents=9, level=0.5)

TIMBRES: tuple[tuple[range, Timbre], ...] = (
    (range(0, 8), Timbre((1, 0.55, 0.32, 0.2, 0.12, 0.08, 0.05), 0.004, 0.15, 1.4, 1.5, 0.03, 0.9)),
    (range(8, 16), Timbre((1, 0.05, 0.02, 0.35, 0, 0.05), 0.002, 0.3, 0.9, 0, 0.02, 0.8)),
    (range(16, 24), Timbre((1, 0.6, 0.4, 0.3), 0.02, 0.1, level=0.4)),
    (range(24, 32), Timbre((1, 0.6, 0.4, 0.25, 0.15, 0.1), 0.003, 0.12, 0.7, 1, 0.04, 0.8)),
    (range(32, 38), Timbre((1, 0.5, 0.25, 0.12), 0.006, 0.1, 1.3, 0, 0.02, 1.1)),
    (range(38, 40), Timbre((1, 0.7, 0.5, 0.35, 0.2), 0.01, 0.1, detune_cents=5, level=0.7)),
    (range(40, 44), Timbre(tuple(a * 0.85**n for n, a in enumerate(_SAW)), 0.09, 0.2, detune_cents=4, level=0.75)),
    (range(44, 45), _STRINGS),
    (range(45, 46), Timbre((1, 0.5, 0.35, 0.2, 0.1), 0.003, 0.1, 0.28, 2, 0.05, 1.0)),
    (range(46, 47), Timbre((1, 0.45, 0.2, 0.1), 0.003, 0.3, 1.0, 1, 0.02, 0.9)),
    (range(47, 48), Timbre((1, 0.55, 0.3, 0.2), 0.003, 0.5, 1.1, 6, 0.25, 0.7)),
    (range(48, 52), _STRINGS),
    (range(52, 56), Timbre((1, 0.35, 0.2, 0.22, 0.12, 0.05), 0.16, 0.35, detune_cents=11, level=0.55)),
    (range(56, 64), Timbre((1, 0.75, 0.55, 0.38, 0.25, 0.15, 0.08), 0.06, 0.18, detune_cents=4, level=0.6)),
    (range(64, 80), Timbre((1, 0.3, 0.2, 0.1), 0.05, 0.15, level=0.6)),
    (range(80, 88), Timbre((1, 0, 0.33, 0, 0.2, 0, 0.14), 0.006, 0.09, detune_cents=6, level=0.45)),
    (range(88, 104), Timbre((1, 0.5, 0.3, 0.2, 0.1), 0.22, 0.5, detune_cents=13, level=0.5)),
    (range(104, 112), Timbre((1, 0.6, 0.4, 0.2), 0.003, 0.1, 0.6, 2, 0.04, 0.8)),
    (range(112, 128), Timbre((1, 0.4, 0.2), 0.002, 0.3, 0.6, 8, 0.5, 0.7)),
)
"""General MIDI programs (from 0) -> timbre."""


def timbre_of(program: int) -> Timbre:
    """The timbre of a General MIDI program 0..127."""
    return next(timbre for programs, timbre in TIMBRES if program in programs)


def render(notes: Sequence[SoundingNote], samples: int) -> Iterator[Audio]:
    """Sound of ``notes`` in blocks [n, 2], exactly ``samples`` long in all; memory does not grow with the length."""
    block = int(_BLOCK_S * SAMPLE_RATE)
    room = RoomReverb()
    queue = sorted(notes, key=lambda n: n.start_s)
    pending = np.zeros((block, 2), dtype=np.float32)
    at = index = 0
    while at < samples:
        while index < len(queue) and queue[index].start_s * SAMPLE_RATE < at + block:
            pending = _mixed(pending, queue[index], round(queue[index].start_s * SAMPLE_RATE) - at)
            index += 1
        dry = pending[:block]
        yield (dry + _ROOM_LEVEL * room.next(dry))[: samples - at]
        rest = pending[block:]
        pending = np.concatenate([rest, np.zeros((max(0, block - len(rest)), 2), dtype=np.float32)])
        at += block


def _mixed(pending: Audio, note: SoundingNote, start: int) -> Audio:
    mono = tone(note)
    start = max(0, start)
    if start + len(mono) > len(pending):
        extra = start + len(mono) - len(pending)
        pending = np.concatenate([pending, np.zeros((extra, 2), dtype=np.float32)])
    angle = (note.pan + 1) * np.pi / 4
    pending[start : start + len(mono), 0] += mono * np.float32(np.cos(angle))
    pending[start : start + len(mono), 1] += mono * np.float32(np.sin(angle))
    return pending


def tone(note: SoundingNote) -> Mono:
    """One note [samples], from its attack to the end of its release."""
    timbre = timbre_of(note.program)
    hertz = 440.0 * 2 ** ((note.pitch - 69) / 12)
    count = int((note.length_s + timbre.release_s) * SAMPLE_RATE)
    seconds = np.arange(count, dtype=np.float32) / np.float32(SAMPLE_RATE)
    table = _wavetable(timbre.partials, min(7, note.velocity // 16), hertz)
    wave = np.zeros(count, dtype=np.float32)
    for cents in (-timbre.detune_cents / 2, timbre.detune_cents / 2) if timbre.detune_cents else (0.0,):
        cycles = np.arange(count, dtype=np.float64) * (hertz * 2 ** (cents / 1200) / SAMPLE_RATE)
        wave += table[((cycles % 1.0) * _TABLE).astype(np.int32)]
    if timbre.strike:
        hit = min(count, int(0.05 * SAMPLE_RATE))
        wave[:hit] += _noise(hit) * np.float32(timbre.strike * 2) * np.linspace(1, 0, hit, dtype=np.float32) ** 2
    wave *= _envelope(timbre, note, hertz, seconds)
    if note.expression:
        moments, values = zip(*note.expression, strict=True)
        share = np.interp(seconds + note.start_s, moments, values).astype(np.float32)
        wave *= np.float32(0.25) + np.float32(0.75) * share ** np.float32(1.5)
    return wave


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
    dark = 0.55 + 0.45 * softness / 7
    phase = np.arange(_TABLE) / _TABLE
    wave = np.zeros(_TABLE)
    for index, amplitude in enumerate(partials):
        if hertz * (index + 1) < 18_000:
            wave += amplitude * dark**index * np.sin(2 * np.pi * (index + 1) * phase + 0.7 * index)
    return (wave / max(1e-9, float(np.sqrt((wave**2).mean()))) * 0.35).astype(np.float32)


@lru_cache(maxsize=4)
def _noise(count: int) -> Mono:
    return np.random.default_rng(11).standard_normal(count).astype(np.float32)
