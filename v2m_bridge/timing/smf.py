"""Tempo events of a standard MIDI file: whole microseconds per quarter note that do not drift."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

from v2m_bridge.errors import InputError
from v2m_bridge.timing.tempo import TempoMap, TempoPoint

MAX_MICROSECONDS = 0xFFFFFF
"""A tempo event has three bytes: 3.58 quarter notes a minute is the slowest."""
LARGEST_ERROR_S = 50e-6
"""A stretch of one tempo is divided when whole microseconds would leave it further off than this."""
PART_BEATS = 400
"""It is divided into parts of at most so many beats; half a microsecond each makes an error of at most 0.2 ms."""
RAMP_STEP_BEATS = 0.25
"""A MIDI file knows only steps: a linear tempo becomes one step per sixteenth."""


@dataclass(frozen=True)
class SmfTempo:
    """From ``tick`` on a quarter note lasts so many microseconds (the ``FF 51 03`` event)."""

    tick: int
    microseconds_per_quarter: int


def smf_tempo(tempo_map: TempoMap, end_beat: float, ppq: int = 960) -> tuple[SmfTempo, ...]:
    """The tempo events that keep a file of whole microseconds in real time.

    Each event is chosen from where the file *really* is, so rounding never accumulates.

    Args:
        tempo_map: the map to write.
        end_beat: how far it has to be kept, in quarter notes.
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
    """Ticks where an event may stand, and where the file is brought back to real time."""
    end = max(1, math.ceil(end_beat * ppq - 1e-6))
    ticks = {0, end}
    following: list[TempoPoint | None] = [*tempo_map.points[1:], None]
    for point, after in zip(tempo_map.points, following, strict=True):
        stop_beat = min(after.beat, end_beat) if after else end_beat
        ticks.update(t for t in (round(beat * ppq) for beat in _stops(point, after, stop_beat)) if 0 < t < end)
    return sorted(ticks)


def _stops(point: TempoPoint, after: TempoPoint | None, stop_beat: float) -> Iterator[float]:
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
