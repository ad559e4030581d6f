"""One recording played for one note: pitch, loop, filter and envelopes of the SoundFont model, in whole arrays.

What stays the same for all notes of a pitch (the recording at its pitch, looped and filtered) is made once and kept;
a note then takes its length of it and gets its envelope. A filter that moves is a crossfade between a few fixed ones.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from v2m_bridge.sound.preview.loudness import SAMPLE_RATE
from v2m_bridge.sound.samples import generators as gen
from v2m_bridge.sound.samples.generators import Zone, ZoneSettings
from v2m_bridge.sound.samples.sound_font import SoundFont

Mono = npt.NDArray[np.float32]
Exact = npt.NDArray[np.float64]

_SILENT_DB = 96.0
_INAUDIBLE = 1e-4
_HEARD_SHARE = 0.85
"""Of a release: the rest is more than 80 dB down."""
_WHEEL_CENTS = 50.0
"""Vibrato of a modulation wheel that is all the way up (specification, 8.4.4)."""
_CACHE_BYTES = 256 << 20
_OPEN_CENTS = 13_500.0
"""A cutoff from here on is no filter."""
_FILTER_STEP_CENTS = 1200.0
_SHORTEST_LOOP = 8
_FILTER_BLOCK, _RINGING = 16_384, 4096
CONTROL = 64
"""Samples between two values of what moves: envelopes, LFOs, filters, controllers."""
_RAMP = np.arange(CONTROL, dtype=np.float32) / np.float32(CONTROL)


@dataclass(frozen=True)
class Envelope:
    """Delay, attack, hold, decay, sustain 0..1 and release; times in seconds, decay and release for the whole range."""

    delay: float
    attack: float
    hold: float
    decay: float
    sustain: float
    release: float

    @classmethod
    def of(cls, settings: ZoneSettings, first: int) -> Envelope:
        """The envelope whose generators begin at ``first``."""
        delay, attack, hold, decay = (settings.seconds(first + i) for i in range(4))
        release = settings.seconds(first + 5)
        above = 60 - settings.key
        hold *= 2 ** (settings[first + 6] * above / 1200)
        decay *= 2 ** (settings[first + 7] * above / 1200)
        sustain = 1 - min(1000.0, max(0.0, settings[first + 4])) / 1000
        return cls(delay, attack, hold, decay, sustain, release)

    def held(self, seconds: Exact) -> Exact:
        """Value 0..1 while the key is down: a straight rise, then a straight fall to the sustain."""
        peak = self.delay + self.attack
        fall = peak + self.hold
        times = [self.delay, peak, fall, fall + self.decay * (1 - self.sustain)]
        for index in range(1, 4):
            times[index] = max(times[index], times[index - 1] + 1e-9)
        return np.interp(seconds, times, [0.0, 1.0, 1.0, self.sustain])

    def value(self, seconds: Exact, key_up_s: float) -> Exact:
        """Value 0..1 over time, released at ``key_up_s``."""
        held = self.held(np.minimum(seconds, key_up_s))
        after = np.maximum(seconds - key_up_s, 0.0) / max(self.release, 1e-3)
        return np.maximum(held - after, 0.0)


@lru_cache(maxsize=16)  # both sides of a stereo pair have the same one
def amplitude(envelope: Envelope, points: int, key_up_s: float) -> Mono:
    """The volume envelope as a factor 0..1 every 64 samples: straight in amplitude up, in decibels down."""
    seconds = _moments(points)
    peak = envelope.delay + envelope.attack
    held = envelope.held(np.minimum(seconds, key_up_s))
    decibels = _SILENT_DB * (1 - held)
    if key_up_s < peak:  # let go while it still rises: the fall starts where the rise has come to
        up = float(envelope.held(np.array([key_up_s]))[0])
        decibels = np.where(seconds >= key_up_s, min(_SILENT_DB, -20 * np.log10(max(up, 1e-9))), decibels)
    decibels = decibels + np.maximum(seconds - key_up_s, 0.0) * (_SILENT_DB / max(envelope.release, 1e-3))
    factor = np.where(decibels < _SILENT_DB, 10 ** (-decibels / 20), 0.0)
    rising = seconds < min(peak, key_up_s)
    factor[rising] = held[rising]
    return factor.astype(np.float32)


def smoothed(points: npt.NDArray[np.floating], count: int) -> Mono:
    """Values given every 64 samples as ``count`` samples, straight between them."""
    values = points.astype(np.float32)
    steps = np.diff(values)[:, None]
    line: Mono = (values[:-1, None] + steps * _RAMP).reshape(-1)[:count]
    return line


def _moments(points: int) -> Exact:
    """Seconds of every 64th sample."""
    return np.arange(points, dtype=np.float64) * (CONTROL / SAMPLE_RATE)


def points_for(count: int) -> int:
    """How many values :func:`smoothed` needs."""
    return -(-count // CONTROL) + 1


@dataclass(frozen=True)
class _Wave:
    """A wave, and whether it is all there is of it."""

    sound: Mono
    whole: bool


class Voices:
    """Plays zones of one font, and keeps what can be used again."""

    def __init__(self, font: SoundFont) -> None:
        self._font = font
        self._kept: OrderedDict[tuple[float, ...], _Wave] = OrderedDict()
        self._bytes = 0

    def play(self, zone: Zone, settings: ZoneSettings, length_s: float, wheel: Mono | None) -> Mono:
        """The zone's sound [n] for a key held for ``length_s``, to the end of its release; attenuation included.

        Args:
            wheel: CC1 as 0..1 every 64 samples, or None where it is not used.
        """
        volume = Envelope.of(settings, gen.VOLUME_ENV)
        count = int((length_s + min(volume.release * _HEARD_SHARE, 8.0)) * SAMPLE_RATE) + 1
        wave = self._filtered(zone, settings, count, length_s)
        wave = _bent(wave, _cents(settings, len(wave), length_s, wheel))
        points = points_for(len(wave))
        factor = amplitude(volume, points, length_s) * np.float32(10 ** (-max(0.0, settings[gen.ATTENUATION]) / 200))
        if settings[gen.MOD_LFO_TO_VOLUME]:
            swing = _lfo(settings, gen.MOD_LFO_DELAY, gen.MOD_LFO_RATE, points) * settings[gen.MOD_LFO_TO_VOLUME]
            factor = factor * (10 ** (swing / 200)).astype(np.float32)
        heard = min(len(wave), CONTROL * (1 + int(np.flatnonzero(factor > _INAUDIBLE)[-1:].sum())))
        return wave[:heard] * smoothed(factor, len(wave))[:heard]

    def _filtered(self, zone: Zone, settings: ZoneSettings, count: int, length_s: float) -> Mono:
        cutoff, q = settings[gen.FILTER_CUTOFF], settings[gen.FILTER_Q]
        sweep = settings[gen.MOD_ENV_TO_FILTER]
        swing = settings[gen.MOD_LFO_TO_FILTER]
        if not sweep and not swing:
            return self._at_cutoff(zone, settings, cutoff, q, count)
        points = points_for(count)
        moving: Exact = np.full(points, cutoff)
        if sweep:
            envelope = Envelope.of(settings, gen.MOD_ENV)
            moving += sweep * envelope.value(_moments(points), length_s)
        if swing:
            moving += swing * _lfo(settings, gen.MOD_LFO_DELAY, gen.MOD_LFO_RATE, points)
        place = np.minimum(moving, _OPEN_CENTS) / _FILTER_STEP_CENTS
        wave = np.zeros(count, np.float32)
        for bank in range(int(np.floor(place.min())), int(np.ceil(place.max())) + 1):
            share = np.maximum(0.0, 1 - np.abs(place - bank))
            if share.any():
                fixed = self._at_cutoff(zone, settings, bank * _FILTER_STEP_CENTS, q, count)
                wave[: len(fixed)] += smoothed(share, count)[: len(fixed)] * fixed
        return wave

    def _at_cutoff(self, zone: Zone, settings: ZoneSettings, cutoff: float, q: float, count: int) -> Mono:
        """The recording at its pitch through one fixed filter."""
        ratio = self._ratio(zone, settings)

        def plain(length: int) -> _Wave:
            return self._kept_wave((id(zone), ratio), length, lambda n: self._pitched(zone, settings, ratio, n))

        if cutoff >= _OPEN_CENTS and q <= 0:
            return plain(count).sound[:count]
        cutoff, q = round(cutoff / 50) * 50.0, round(q / 5) * 5.0

        def filtered(length: int) -> _Wave:
            source = plain(length)
            return _Wave(_low_pass(source.sound[:length], 8.176 * 2 ** (cutoff / 1200), q), source.whole)

        return self._kept_wave((id(zone), ratio, cutoff, q), count, filtered).sound[:count]

    def _kept_wave(self, key: tuple[float, ...], count: int, make: Callable[[int], _Wave]) -> _Wave:
        """The wave under ``key`` with at least ``count`` samples, unless it ends before."""
        found = self._kept.pop(key, None)
        if found is None or (len(found.sound) < count and not found.whole):
            self._bytes -= found.sound.nbytes if found else 0
            found = make(count + count // 4)
            self._bytes += found.sound.nbytes
        self._kept[key] = found
        while self._bytes > _CACHE_BYTES and len(self._kept) > 1:
            self._bytes -= self._kept.popitem(last=False)[1].sound.nbytes
        return found

    def _pitched(self, zone: Zone, settings: ZoneSettings, ratio: float, count: int) -> _Wave:
        """``count`` samples of the recording at its pitch, looped where it loops; four-point interpolation."""
        sample = self._font.samples[zone.sample]
        recording = self._font.wave(zone.sample)
        moved = [
            int(settings[fine] + 32_768 * settings[coarse])
            for fine, coarse in (
                (gen.START, gen.START_COARSE),
                (gen.END, gen.END_COARSE),
                (gen.LOOP_START, gen.LOOP_START_COARSE),
                (gen.LOOP_END, gen.LOOP_END_COARSE),
            )
        ]
        start = min(max(0, moved[0]), len(recording))
        end = min(max(start, len(recording) + moved[1]), len(recording))
        low, high = sample.loop_start + moved[2], min(sample.loop_end + moved[3], end)
        loops = int(settings[gen.LOOP_MODE]) in (1, 3) and start <= low and high - low >= _SHORTEST_LOOP
        position: Exact = start + np.arange(count, dtype=np.float64) * ratio
        if loops:
            later = position >= high
            position[later] = low + (position[later] - low) % (high - low)
        else:
            position = position[position < end - 1]
        if not len(position):
            return _Wave(np.zeros(0, np.float32), True)
        return _Wave(_interpolated(recording, position, (low, high) if loops else None), not loops)

    def _ratio(self, zone: Zone, settings: ZoneSettings) -> float:
        """Samples of the recording per sample of sound."""
        sample = self._font.samples[zone.sample]
        root = settings[gen.ROOT_KEY] if settings[gen.ROOT_KEY] >= 0 else sample.key
        cents = (settings.key - root) * settings[gen.SCALE_TUNING] + sample.cents
        cents += 100 * settings[gen.COARSE_TUNE] + settings[gen.FINE_TUNE]
        return float(2 ** (cents / 1200) * sample.rate / SAMPLE_RATE)


def _interpolated(recording: Mono, position: Exact, loop: tuple[int, int] | None) -> Mono:
    """The recording between its samples (cubic Hermite over four points)."""
    end = loop[1] if loop else len(recording)
    beyond = np.resize(recording[loop[0] : end], 3) if loop else np.zeros(3, np.float32)
    padded = np.concatenate([np.zeros(1, np.float32), recording[:end], beyond])
    whole = position.astype(np.int64)
    part = (position - whole).astype(np.float32)
    before, here, after, later = (padded[offset:].take(whole) for offset in range(4))
    slope = (after - before) * np.float32(0.5)
    bend = before - np.float32(2.5) * here + 2 * after - np.float32(0.5) * later
    rest = np.float32(0.5) * (later - before) + np.float32(1.5) * (here - after)
    return np.asarray(((rest * part + bend) * part + slope) * part + here, np.float32)


def _low_pass(wave: Mono, hertz: float, q_centibels: float) -> Mono:
    """A resonant two-pole low pass; its gain falls by half the height of the resonance.

    Its answer to an impulse is over within ``_RINGING`` samples, so that blocks are filtered apart and overlap by that.
    """
    step = _FILTER_BLOCK - _RINGING
    blocks = -(-len(wave) // step)
    padded = np.concatenate([np.zeros(_RINGING, np.float32), wave, np.zeros(blocks * step - len(wave), np.float32)])
    windows = np.lib.stride_tricks.sliding_window_view(padded, _FILTER_BLOCK)[::step]
    spectra = np.fft.rfft(windows, axis=1) * _low_pass_response(hertz, q_centibels)
    filtered = np.fft.irfft(spectra, _FILTER_BLOCK, axis=1)[:, _RINGING:].reshape(-1)[: len(wave)]
    return np.asarray(filtered, np.float32)


@lru_cache(maxsize=512)
def _low_pass_response(hertz: float, q_centibels: float) -> npt.NDArray[np.complex64]:
    hertz = min(hertz, 0.45 * SAMPLE_RATE)
    q = 10 ** ((q_centibels / 10 - 3.01) / 20)
    omega = 2 * np.pi * hertz / SAMPLE_RATE
    alpha = np.sin(omega) / (2 * q)
    z = np.exp(-2j * np.pi * np.arange(_FILTER_BLOCK // 2 + 1) / _FILTER_BLOCK)
    upper = (1 - np.cos(omega)) / 2 * (1 + z) ** 2
    response = upper / ((1 + alpha) - 2 * np.cos(omega) * z + (1 - alpha) * z**2) * 10 ** (-q_centibels / 400)
    return np.asarray(response, np.complex64)


def _lfo(settings: ZoneSettings, delay: int, rate: int, points: int) -> Exact:
    """A triangle -1..1 from its delay on, every 64 samples."""
    seconds = _moments(points) - settings.seconds(delay)
    cycles = np.maximum(seconds, 0.0) * settings.hertz(rate)
    return np.asarray(1 - 4 * np.abs((cycles + 0.25) % 1 - 0.5))


def _cents(settings: ZoneSettings, count: int, length_s: float, wheel: Mono | None) -> Exact | None:
    """How far the pitch moves, every 64 samples; None where it stands."""
    points = points_for(count)
    moved = np.zeros(points)
    vibrato = np.full(points, settings[gen.VIB_LFO_TO_PITCH])
    if wheel is not None:
        vibrato += _WHEEL_CENTS * np.interp(np.arange(points), np.arange(len(wheel)), wheel)
    if vibrato.any():
        moved += vibrato * _lfo(settings, gen.VIB_LFO_DELAY, gen.VIB_LFO_RATE, points)
    if settings[gen.MOD_LFO_TO_PITCH]:
        moved += settings[gen.MOD_LFO_TO_PITCH] * _lfo(settings, gen.MOD_LFO_DELAY, gen.MOD_LFO_RATE, points)
    if settings[gen.MOD_ENV_TO_PITCH]:
        envelope = Envelope.of(settings, gen.MOD_ENV)
        moved += settings[gen.MOD_ENV_TO_PITCH] * envelope.value(_moments(points), length_s)
    return moved if np.abs(moved).max(initial=0.0) > 0.5 else None


def _bent(wave: Mono, cents: Exact | None) -> Mono:
    """``wave`` played a little faster and slower."""
    if cents is None or len(wave) < 2:
        return wave
    speed = 2 ** (cents / 1200)
    ahead = np.concatenate([[0.0], np.cumsum((speed[:-1] + speed[1:]) / 2 - 1) * CONTROL])
    position = np.arange(len(wave)) + smoothed(ahead, len(wave)).astype(np.float64)
    whole = np.clip(position.astype(np.int64), 0, len(wave) - 2)
    part = (position - whole).astype(np.float32)
    return np.asarray(wave[whole] * (1 - part) + wave[whole + 1] * part, np.float32) * (position < len(wave) - 1)
