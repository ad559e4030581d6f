"""What a zone of a sound font sets: generators, modulators and what a note makes of them.

Source: SoundFont Technical Specification 2.04, chapters 8 and 9. Two habits of widely used players are followed,
because fonts are voiced with them: attenuation that a font sets counts 0.4 (E-mu's scale), and velocity does not close
the filter unless a font says so.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

START, END, LOOP_START, LOOP_END, START_COARSE = 0, 1, 2, 3, 4
MOD_LFO_TO_PITCH, VIB_LFO_TO_PITCH, MOD_ENV_TO_PITCH = 5, 6, 7
FILTER_CUTOFF, FILTER_Q, MOD_LFO_TO_FILTER, MOD_ENV_TO_FILTER = 8, 9, 10, 11
END_COARSE, MOD_LFO_TO_VOLUME, REVERB, PAN = 12, 13, 16, 17
MOD_LFO_DELAY, MOD_LFO_RATE, VIB_LFO_DELAY, VIB_LFO_RATE = 21, 22, 23, 24
MOD_ENV, VOLUME_ENV = 25, 33
"""First of eight generators: delay, attack, hold, decay, sustain, release, key to hold, key to decay."""
INSTRUMENT, KEY_RANGE, VELOCITY_RANGE, LOOP_START_COARSE, KEY, VELOCITY, ATTENUATION = 41, 43, 44, 45, 46, 47, 48
LOOP_END_COARSE, COARSE_TUNE, FINE_TUNE, SAMPLE, LOOP_MODE, SCALE_TUNING, EXCLUSIVE, ROOT_KEY = (
    50,
    51,
    52,
    53,
    54,
    56,
    57,
    58,
)

_ALWAYS = -12_000
"""Time cents of "no time"."""
DEFAULTS: Mapping[int, int] = {
    FILTER_CUTOFF: 13_500,
    MOD_LFO_DELAY: _ALWAYS,
    VIB_LFO_DELAY: _ALWAYS,
    **dict.fromkeys((*range(MOD_ENV, MOD_ENV + 4), MOD_ENV + 5), _ALWAYS),
    **dict.fromkeys((*range(VOLUME_ENV, VOLUME_ENV + 4), VOLUME_ENV + 5), _ALWAYS),
    KEY: -1,
    VELOCITY: -1,
    SCALE_TUNING: 100,
    ROOT_KEY: -1,
}
_NOT_IN_PRESETS = frozenset(
    {START, END, LOOP_START, LOOP_END, START_COARSE, END_COARSE, LOOP_START_COARSE, KEY, VELOCITY}
    | {LOOP_END_COARSE, LOOP_MODE, EXCLUSIVE, ROOT_KEY, INSTRUMENT, SAMPLE, KEY_RANGE, VELOCITY_RANGE}
)
FONT_ATTENUATION = 0.4


class Modulator(NamedTuple):
    """``amount`` of ``target``, scaled by two sources, as the file has it."""

    source: int
    target: int
    amount: int
    scale: int
    transform: int


DEFAULT_MODULATORS = (
    Modulator(0x0502, ATTENUATION, 960, 0, 0),  # velocity
    Modulator(0x0587, ATTENUATION, 960, 0, 0),  # CC7
    Modulator(0x028A, PAN, 500, 0, 0),  # CC10
    Modulator(0x00DB, REVERB, 200, 0, 0),  # CC91
)
"""Those of the specification that matter here; CC1 (vibrato) and CC11 (expression) move while a note sounds."""


@dataclass(frozen=True)
class Zone:
    """One recording with its keys and velocities, and how it is played.

    Attributes:
        keys, velocities: lowest and highest, inclusive.
        sample: index in the font.
        generators: amounts in the file's units, instrument and preset added up.
        inner, outer: modulators of the instrument (they replace the defaults) and of the preset (they add).
    """

    keys: tuple[int, int]
    velocities: tuple[int, int]
    sample: int
    generators: Mapping[int, int]
    inner: tuple[Modulator, ...]
    outer: tuple[Modulator, ...]

    def sounds(self, pitch: int, velocity: int) -> bool:
        """Whether a note plays this zone."""
        return self.keys[0] <= pitch <= self.keys[1] and self.velocities[0] <= velocity <= self.velocities[1]

    def settings(self, pitch: int, velocity: int, controllers: Mapping[int, int]) -> ZoneSettings:
        """What the zone plays a note with; ``controllers`` are MIDI's, of number 0..127 -> value 0..127."""
        generators = self.generators
        key = generators[KEY] if generators.get(KEY, -1) >= 0 else pitch
        struck = generators[VELOCITY] if generators.get(VELOCITY, -1) > 0 else velocity
        amounts = {number: float(amount) for number, amount in generators.items()}
        amounts[ATTENUATION] = amounts.get(ATTENUATION, 0.0) * FONT_ATTENUATION
        replaced = {m[:2] + m[3:] for m in self.inner}
        for modulator in (*self.inner, *self.outer, *(m for m in DEFAULT_MODULATORS if m[:2] + m[3:] not in replaced)):
            value = modulator.amount * _source(modulator.source, key, struck, controllers)
            if modulator.scale:
                value *= _source(modulator.scale, key, struck, controllers)
            amounts[modulator.target] = amounts.get(modulator.target, 0.0) + value
        return ZoneSettings(key, amounts)


@dataclass(frozen=True)
class ZoneSettings:
    """Amounts of a note's generators; unset ones have the specification's defaults.

    Attributes:
        key: MIDI note that tunes the zone.
    """

    key: int
    amounts: Mapping[int, float]

    def __getitem__(self, generator: int) -> float:
        return self.amounts.get(generator, float(DEFAULTS.get(generator, 0)))

    def seconds(self, generator: int) -> float:
        """A time; -12000 time cents and less is none."""
        cents = self[generator]
        return 0.0 if cents <= -11_999 else float(2.0 ** (min(cents, 8000.0) / 1200))

    def hertz(self, generator: int) -> float:
        """A frequency given in cents above 8.176 Hz."""
        return float(8.176 * 2 ** (self[generator] / 1200))


def combined(inner: Mapping[int, int], outer: Mapping[int, int]) -> dict[int, int]:
    """An instrument's generators with a preset's added to them, as signed numbers."""
    found = {number: _signed(number, amount) for number, amount in inner.items()}
    for number, amount in outer.items():
        if number not in _NOT_IN_PRESETS:
            found[number] = found.get(number, DEFAULTS.get(number, 0)) + _signed(number, amount)
    return found


def _signed(number: int, amount: int) -> int:
    if number in (KEY_RANGE, VELOCITY_RANGE, INSTRUMENT, SAMPLE, LOOP_MODE):
        return amount
    return amount - 65_536 if amount >= 32_768 else amount


def _source(source: int, key: int, velocity: int, controllers: Mapping[int, int]) -> float:
    """Value of a modulator's source, 0..1 or -1..1 (specification, 8.2)."""
    index, is_controller = source & 0x7F, bool(source & 0x80)
    if is_controller:
        raw = controllers.get(index, 0)
    elif index in (2, 3):
        raw = velocity if index == 2 else key
    else:
        return 1.0 if index == 0 else 0.0
    fraction = raw / 127
    if source & 0x100:
        fraction = 1 - fraction
    kind, bipolar = source >> 10, bool(source & 0x200)
    if bipolar:
        signed = 2 * fraction - 1
        return math.copysign(_curve(kind, abs(signed)), signed)
    return _curve(kind, fraction)


def _curve(kind: int, fraction: float) -> float:
    """Linear, concave, convex or switch over 0..1."""
    if kind == 1:
        return min(1.0, -40 / 96 * math.log10(max(1e-6, 1 - fraction)))
    if kind == 2:
        return max(0.0, 1 + 40 / 96 * math.log10(max(1e-6, fraction)))
    if kind == 3:
        return float(fraction >= 0.5)
    return fraction
