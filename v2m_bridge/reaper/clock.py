"""Where REAPER's play cursor is between two feedback messages, although each arrives with an unknown delay.

A position message tells where the cursor was when it was sent; it can only be late, never early. The clock therefore
trusts the least delayed message of the last seconds. All ``at_s`` are seconds of one monotonic clock; positions are
project seconds.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass

WINDOW_S = 3.0
JUMP_S = 0.12
"""A message that disagrees by more than this is a seek; 15 Hz feedback through REAPER is late by up to 0.09 s."""

RATE_SPAN_S = 0.4
"""The play rate is measured over at least this many seconds of messages; until then the last known rate is used."""

SAME_RATE = 0.004
"""Rates that differ by less than this count as equal."""

USUAL_JITTER_S = 0.02
"""Assumed jitter of the feedback until it has been measured."""

STRAIGHT_S = 0.04
"""Messages within this distance of one straight line mean a new play rate, not a seek."""

FEWEST_FOR_RATE, ENOUGH_FOR_JITTER = 5, 12
SHORTEST_LOOP_S = 0.05

LOST_S = 1.0
"""If REAPER plays but sends nothing for this long, it is taken for closed."""


@dataclass(frozen=True)
class Loop:
    """REAPER's loop points, in force while repeat is on."""

    start_s: float
    end_s: float

    @property
    def length_s(self) -> float:
        """Length of the loop in project seconds."""
        return self.end_s - self.start_s


class TransportClock:
    """Turns feedback into a continuous position.

    ``travelled`` seconds keep growing through loops; ``position`` maps them back into the loop. ``generation`` changes
    with every start, stop and seek. ``rebased_s`` sums up the shifts of travelled seconds when the loop is edited.
    """

    def __init__(self) -> None:
        self.playing = False
        self.generation = 0
        self.rebased_s = 0.0
        self._cursor_s: float | None = None
        self._entered_s = 0.0
        self._samples: deque[tuple[float, float]] = deque()
        self._rate = 1.0
        self._offset = 0.0
        self._jitter_s = USUAL_JITTER_S
        self._heard_s = 0.0
        self._loop_start = self._loop_end = 0.0
        self._repeat = False

    @property
    def loop(self) -> Loop | None:
        """The loop in force for the cursor as it plays now, or None."""
        usable = self._repeat and self._loop_end > self._loop_start + SHORTEST_LOOP_S
        inside = self._entered_s < self._loop_end
        return Loop(self._loop_start, self._loop_end) if usable and inside else None

    def hear(self, address: str, value: float, at_s: float) -> None:
        """Take one feedback message: ``/time``, ``/play``, ``/stop``, ``/pause``, ``/repeat``, ``/loop/...``."""
        self._heard_s = at_s
        if address == "/time":
            self._hear_time(value, at_s)
        elif address == "/play" and value and not self.playing:
            self.playing = True
            self._begin(at_s, self._cursor_s)
        elif (address == "/play" and not value) or (address in ("/stop", "/pause") and value):
            self._stop()
        elif address in ("/repeat", "/loop/start/time", "/loop/end/time"):
            self._hear_loop(address, value, at_s)

    def _stop(self) -> None:
        if self.playing:
            self.playing = False
            self.generation += 1
        self._samples.clear()

    def _begin(self, at_s: float, position_s: float | None) -> None:
        """Forget the earlier messages and start again at ``position_s``."""
        self.generation += 1
        self._samples.clear()
        if position_s is not None:
            self._entered_s = position_s
            self._samples.append((at_s, position_s))
            self._estimate()

    def _hear_time(self, position_s: float, at_s: float) -> None:
        self._cursor_s = position_s
        if not self.playing:
            return
        if not self._samples:
            self._begin(at_s, position_s)
            return
        expected = self.travelled(at_s)
        error = self._error(position_s, expected)
        self._samples.append((at_s, expected + error))
        if abs(error) > JUMP_S and not self._take_new_rate():
            self._begin(at_s, position_s)
            return
        while self._samples[0][0] < at_s - WINDOW_S:
            self._samples.popleft()
        self._estimate()

    def _take_new_rate(self) -> bool:
        """Whether the last messages lie on one straight line; if so, its slope becomes the play rate."""
        recent = deque(list(self._samples)[-FEWEST_FOR_RATE:])
        if len(recent) < FEWEST_FOR_RATE or recent[-1][0] - recent[0][0] < STRAIGHT_S:
            return False
        rate = _slope(recent)
        offsets = [position - rate * at for at, position in recent]
        if not 0.1 < rate < 8 or max(offsets) - min(offsets) > STRAIGHT_S:
            return False
        self._rate, self._samples = rate, recent
        return True

    def _error(self, position_s: float, expected: float) -> float:
        """How far a position is from the expected one; a late message from before the loop's end is not a seek."""
        error = position_s - self.folded(expected)
        loop = self.loop
        if loop and expected >= loop.end_s - JUMP_S and loop.start_s - JUMP_S <= position_s <= loop.end_s + JUMP_S:
            error = (error + loop.length_s / 2) % loop.length_s - loop.length_s / 2
        return error

    def _estimate(self) -> None:
        count = len(self._samples)
        span_s = self._samples[-1][0] - self._samples[0][0]
        if span_s >= RATE_SPAN_S:
            measured = _slope(self._samples)
            noise = max(SAME_RATE, 2.5 * self._jitter_s / (span_s * math.sqrt(count)))
            if abs(measured - 1) < noise:
                self._rate = 1.0
            elif abs(measured - self._rate) > noise:
                self._rate = measured
        offsets = [position - self._rate * at for at, position in self._samples]
        best = max(offsets)
        if count >= ENOUGH_FOR_JITTER:
            # messages late by 0..jitter are late by half of it on average
            self._jitter_s = min(JUMP_S, 2 * (best - sum(offsets) / count))
        # even the least delayed of `count` messages is late by about this much
        self._offset = best + self._jitter_s / (count + 1)

    def _hear_loop(self, address: str, value: float, at_s: float) -> None:
        before = self.travelled(at_s)
        position = self.folded(before)
        if address == "/repeat":
            self._repeat = bool(value)
        elif address == "/loop/start/time":
            self._loop_start = value
        else:
            self._loop_end = value
        if self.playing and self._samples:
            # travelled seconds were counted with the old loop: go on counting from the cursor's position
            shift = position - before
            self._samples = deque((at, travelled + shift) for at, travelled in self._samples)
            self._offset += shift
            self._entered_s = position
            self.rebased_s += shift

    def known(self, at_s: float) -> bool:
        """Whether REAPER plays, its position is known, and a message came within the last second."""
        return self.playing and bool(self._samples) and at_s - self._heard_s < LOST_S

    def travelled(self, at_s: float) -> float:
        """Project seconds at ``at_s`` as if there were no loop; only while :meth:`known`."""
        return self._rate * at_s + self._offset

    def real_s(self, travelled_s: float) -> float:
        """When :meth:`travelled` reaches ``travelled_s``, on the monotonic clock."""
        return (travelled_s - self._offset) / self._rate

    def position(self, at_s: float) -> float:
        """The play cursor at ``at_s``; only while :meth:`known`."""
        return self.folded(self.travelled(at_s))

    def folded(self, travelled_s: float) -> float:
        """Project position of a point of the travelled axis."""
        loop = self.loop
        if loop is None or travelled_s < loop.end_s:
            return travelled_s
        return loop.start_s + (travelled_s - loop.end_s) % loop.length_s


def _slope(samples: deque[tuple[float, float]]) -> float:
    """Least-squares project seconds per real second."""
    count = len(samples)
    mean_at = sum(at for at, _ in samples) / count
    mean_position = sum(position for _, position in samples) / count
    spread = sum((at - mean_at) ** 2 for at, _ in samples)
    return sum((at - mean_at) * (position - mean_position) for at, position in samples) / spread
