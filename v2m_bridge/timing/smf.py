"""Tempo events of a standard MIDI file: whole microseconds per quarter note, without drift."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

from v2m_bridge.errors import InputError
from v2m_bridge.timing.tempo import PPQ, TempoMap, TempoPoint

MAX_MICROSECONDS = 0xFFFFFF
"""Largest value of a tempo event, which has three bytes: 3.58 quarter notes a minute."""
LARGEST_ERROR_S = 50e-6
"""A stretch of one tempo is divided if rounding to whole microseconds would shift its end by more than this."""
PART_BEATS = 400
"""It is divided into parts of at most this many beats; half a microsecond a beat is then at most 0.2 ms."""
RAMP_STEP_BEATS = 0.25
"""A MIDI file has no glides, so a glide becomes one step per sixteenth."""


@dataclass(frozen=True)
class SmfTempo:
    """A tempo event (``FF 51 03``): the length of a quarter note from ``tick`` on."""

    tick: int
    microseconds_per_quarter: int


def smf_tempo(tempo_map: TempoMap, end_beat: float, ppq: int = PPQ) -> tuple[SmfTempo, ...]:
    """The tempo events that keep a MIDI file in time with the tempo map.

    Each event starts from the time that the rounded events before it add up to, so rounding errors never accumulate.

    Args:
        tempo_map: the map to write.
        end_beat: end of the file, in quarter notes.
        ppq: ticks per quarter note of the file, 1..32767.

    Returns:
        Events in order of tick, the first at tick 0; two neighbours always differ.

    Raises:
        InputError: a resolution outside 1..32767, or a tempo that three bytes cannot hold.
    """
    if not 1 <= ppq <= 32767:
        raise InputError(f"{ppq} ticks per quarter note is outside 1..32767")
    events: list[SmfTempo] = []
    now_s = Fraction(0)
    for start, end in itertools.pairwise(_anchor_ticks(tempo_map, end_beat, ppq)):
        wanted_s = Fraction(tempo_map.seconds_at(end / ppq)) - now_s
        quarters = Fraction(end - start, ppq)
        microseconds = _checked(round(wanted_s * 1_000_000 / quarters))
        now_s += microseconds * quarters / 1_000_000
        if not events or events[-1].microseconds_per_quarter != microseconds:
            events.append(SmfTempo(start, microseconds))
    return tuple(events)


def _checked(microseconds: int) -> int:
    if not 1 <= microseconds <= MAX_MICROSECONDS:
        raise InputError(f"a quarter note of {microseconds} microseconds does not fit a MIDI file")
    return microseconds


def _anchor_ticks(tempo_map: TempoMap, end_beat: float, ppq: int) -> list[int]:
    """Ticks at which events may stand, from 0 to the end; each event corrects the rounding of those before."""
    end = max(1, math.ceil(end_beat * ppq - 1e-6))
    ticks = {0, end}
    following: list[TempoPoint | None] = [*tempo_map.points[1:], None]
    for point, after in zip(tempo_map.points, following, strict=True):
        stop_beat = min(after.beat, end_beat) if after else end_beat
        ticks.update(t for t in (round(beat * ppq) for beat in _stops(point, after, stop_beat)) if 0 < t < end)
    return sorted(ticks)


def _stops(point: TempoPoint, after: TempoPoint | None, stop_beat: float) -> Iterator[float]:
    """Beats at which the stretch from ``point`` to ``stop_beat`` is divided, its start included."""
    length_beats = stop_beat - point.beat
    if length_beats <= 0:
        return
    if point.linear and after is not None:
        parts = math.ceil(length_beats / RAMP_STEP_BEATS)
    else:
        exact = 60e6 / point.bpm
        drifts = abs(exact - round(exact)) * 1e-6 * length_beats > LARGEST_ERROR_S
        parts = math.ceil(length_beats / PART_BEATS) if drifts else 1
    for k in range(parts):
        yield point.beat + length_beats * k / parts
