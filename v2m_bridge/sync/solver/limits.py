"""The hard constraints of a fit in seconds and ratios, as the search and the smoother use them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

from v2m_bridge.errors import InputError
from v2m_bridge.sync.model import FitOptions

INSIDE = 0.99
"""Share of the tolerance that is used, so that rounding pushes no hit out of it."""
STEP_INSIDE = 1e-6
"""The largest tempo step is reduced by this much, for the same reason."""
HIT_VALUE = 1e5
"""Value of landing weight 1; above all costs of shape together, so that hits come first and smoothness second."""
STEP_LINEAR, STEP_SQUARE = 1.0, 8.0
"""Costs of the largest allowed tempo step; one grows linearly, one as a square, so that two small steps cost less."""
SMALLEST_STEP = 1e-3
"""A ``max_step`` or ``tempo_range`` below this means one constant tempo."""


@dataclass(frozen=True)
class TempoLimits:
    """The hard constraints of a fit.

    Attributes:
        eighth_s: length of an eighth at the requested tempo.
        low_s, high_s: shortest and longest eighth allowed.
        max_ratio: largest ratio of neighbouring tempi, above 1.
        tolerance_s: how far from its hit a beat may lie.
        eighths: whether hits may land on eighths.
        hit_value: what landing a hit of weight 1 is worth against the costs of shape.
    """

    eighth_s: float
    low_s: float
    high_s: float
    max_ratio: float
    tolerance_s: float
    eighths: bool
    hit_value: float = HIT_VALUE

    @property
    def constant(self) -> bool:
        """Whether the tempo may not change at all."""
        return self.max_ratio - 1 < SMALLEST_STEP or self.high_s / self.low_s - 1 < SMALLEST_STEP


def limits_of(bpm: float, rate: Fraction, options: FitOptions) -> TempoLimits:
    """The constraints at a requested tempo."""
    eighth_s = 30 / bpm
    full_step = STEP_LINEAR + STEP_SQUARE
    return TempoLimits(
        eighth_s=eighth_s,
        low_s=eighth_s / (1 + options.tempo_range),
        high_s=eighth_s / (1 - options.tempo_range),
        max_ratio=1 + options.max_step - STEP_INSIDE,
        tolerance_s=INSIDE * float(Fraction(options.tolerance_frames) / rate),
        eighths=options.eighths,
        hit_value=min(HIT_VALUE, full_step / options.steadiness) if options.steadiness > 0 else HIT_VALUE,
    )


def check_options(options: FitOptions) -> None:
    """Refuse options outside their range.

    Raises:
        InputError: an option is outside its range; the message names it, its value and the range.
    """
    if options.bpm is not None and not (math.isfinite(options.bpm) and 10 <= options.bpm <= 400):
        raise InputError(f"a tempo of {options.bpm!r} bpm is outside 10..400")
    if not 10 <= options.min_bpm <= options.max_bpm <= 400:
        raise InputError(f"tempo search range {options.min_bpm!r}..{options.max_bpm!r} is not within 10..400")
    if not 0 <= options.tempo_range <= 0.3:
        raise InputError(f"tempo range {options.tempo_range!r} is outside 0..0.3")
    if not 0 <= options.max_step <= 1:
        raise InputError(f"largest tempo step {options.max_step!r} is outside 0..1")
    if not 0 < options.tolerance_frames <= 10:
        raise InputError(f"tolerance of {options.tolerance_frames!r} frames is outside 0..10")
    if not (options.odd_bar_cost >= 0 and math.isfinite(options.steadiness) and options.steadiness >= 0):
        raise InputError("odd_bar_cost and steadiness cannot be negative")
