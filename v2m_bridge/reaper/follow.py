"""Plays a score live in time with REAPER: transport feedback comes in, MIDI goes out, and every note is ended."""

from __future__ import annotations

import threading
import time
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from v2m_bridge.music.arrangement import Part
from v2m_bridge.reaper.clock import TransportClock
from v2m_bridge.reaper.midi_out import MidiOutput
from v2m_bridge.reaper.osc import ADDRESSES, REFRESH_SURFACES, OscLink
from v2m_bridge.reaper.realtime import on_time
from v2m_bridge.reaper.session import plan_session, session_tempo_map
from v2m_bridge.score.model import Score
from v2m_bridge.score.performance import played_parts

GRACE_S = 0.1
"""When playing starts or jumps, notes that began up to this long before are played too: feedback is that late."""

LONGEST_WAIT_S = 0.05
UNHEARD_S = 2.0
"""REAPER answers a refresh request at once; without any message for this long, the connection does not work."""

ALL_NOTES_OFF, SUSTAIN = 123, 64
NOTE_OFF, PROGRAM, CONTROL, NOTE_ON = range(4)
"""Order of events at one moment."""


@dataclass(frozen=True, order=True)
class LiveEvent:
    """One message at ``seconds`` of the cue."""

    seconds: float
    rank: int
    message: bytes


@dataclass
class FollowReport:
    """What was played; ``jumps`` counts starts, stops, seeks and loops, ``heard`` says whether REAPER ever spoke."""

    notes: int = 0
    jumps: int = 0
    heard: bool = False


def live_events(score: Score, parts: Sequence[str] = ()) -> tuple[LiveEvent, ...]:
    """All events of ``score`` (only the named parts, if any) by time, seconds from the timeline's start."""
    tempo = session_tempo_map(plan_session(score))
    wanted = {name.lower() for name in parts}
    found: list[LiveEvent] = []
    for part in played_parts(score):
        if not wanted or part.name.lower() in wanted:
            found += _part_events(part, tempo.seconds_at)
    return tuple(sorted(found))


def _part_events(part: Part, second: Callable[[float], float]) -> Iterator[LiveEvent]:
    channel = part.channel
    yield LiveEvent(0.0, PROGRAM, bytes([0xC0 | channel, part.program]))
    for beat, number, value in part.controls:
        yield LiveEvent(second(beat), CONTROL, bytes([0xB0 | channel, number, value]))
    for start, length, pitch, velocity in part.notes:
        yield LiveEvent(second(start), NOTE_ON, bytes([0x90 | channel, pitch, velocity]))
        yield LiveEvent(second(start + length), NOTE_OFF, bytes([0x80 | channel, pitch, 0]))


class Player:
    """Sends events as the position passes them and keeps track of the sounding notes."""

    def __init__(self, events: Sequence[LiveEvent], output: MidiOutput) -> None:
        self._events = events
        self._seconds = [e.seconds for e in events]
        self._output = output
        self._sounding: Counter[tuple[int, int]] = Counter()
        self._channels = sorted({e.message[0] & 0x0F for e in events})
        self.report = FollowReport()

    def next_after(self, seconds: float) -> float | None:
        """When the next event at or after ``seconds`` is due, or None."""
        index = bisect_left(self._seconds, seconds)
        return self._seconds[index] if index < len(self._seconds) else None

    def play(self, from_s: float, to_s: float) -> None:
        """Send what lies in ``[from_s, to_s)``."""
        for index in range(bisect_left(self._seconds, from_s), bisect_left(self._seconds, to_s)):
            self._send(self._events[index])

    def jump(self, to_s: float) -> None:
        """Silence everything, then send the programs and controllers that are in force at ``to_s``."""
        self.silence()
        self.report.jumps += 1
        holding: dict[bytes, LiveEvent] = {}
        for event in self._events[: bisect_left(self._seconds, to_s)]:
            if event.rank == PROGRAM:
                holding[event.message[:1]] = event
            elif event.rank == CONTROL:
                holding[event.message[:2]] = event
        for event in sorted(holding.values()):
            self._output.send(event.message)

    def silence(self) -> None:
        """End every sounding note, then send all-notes-off on each channel as well."""
        for channel, pitch in sorted(self._sounding):
            self._output.send(bytes([0x80 | channel, pitch, 0]))
        self._sounding.clear()
        for channel in self._channels:
            self._output.send(bytes([0xB0 | channel, SUSTAIN, 0]))
            self._output.send(bytes([0xB0 | channel, ALL_NOTES_OFF, 0]))

    def _send(self, event: LiveEvent) -> None:
        if event.rank in (NOTE_ON, NOTE_OFF):
            key = (event.message[0] & 0x0F, event.message[1])
            if event.rank == NOTE_ON:
                self._sounding[key] += 1
                self.report.notes += 1
            elif self._sounding[key] > 1:
                # the same pitch sounds twice: only the later note end is sent
                self._sounding[key] -= 1
                return
            elif not self._sounding.pop(key, 0):
                return
        self._output.send(event.message)


@dataclass(frozen=True)
class FollowOptions:
    """How a score follows REAPER.

    Attributes:
        base_s: project seconds of the cue's start (an import's answer states them).
        lead_s: how much earlier events are sent, to make up for the latency of the synthesiser.
        unheard: called once when no message came from REAPER for :data:`UNHEARD_S`; following goes on, because REAPER
            may still start.
        clock: the monotonic clock in seconds that stamps the link's messages.
    """

    base_s: float = 0.0
    lead_s: float = 0.0
    unheard: Callable[[], None] = lambda: None
    clock: Callable[[], float] = time.perf_counter


class Follower:
    """Moves a player along with REAPER's transport."""

    def __init__(
        self, events: Sequence[LiveEvent], link: OscLink, output: MidiOutput, options: FollowOptions = FollowOptions()
    ) -> None:
        moved = [LiveEvent(event.seconds + options.base_s, event.rank, event.message) for event in events]
        self.player = Player(moved, output)
        self.transport = TransportClock()
        self._link = link
        self._lead_s = options.lead_s
        self._clock = options.clock
        self._generation = 0
        self._rebased_s = 0.0
        self._played_s = 0.0
        self._silent = True
        self._unheard = options.unheard
        self._patient_until_s: float | None = None

    def run(self, ended: threading.Event) -> FollowReport:
        """Follow until ``ended`` is set or somebody interrupts; whatever happens, nothing is left sounding."""
        try:
            with on_time():
                self._link.send(ADDRESSES["action"], REFRESH_SURFACES)
                self._patient_until_s = self._clock() + UNHEARD_S
                while not ended.is_set():
                    self._step()
        finally:
            self.player.silence()
        return self.player.report

    def _step(self) -> None:
        message = self._link.receive(self._wait_s())
        self._notice(message is not None)
        if message is not None and message.arguments and not isinstance(message.arguments[0], str):
            self.transport.hear(message.address, float(message.arguments[0]), message.arrived_s)
        self._advance(self._clock())

    def _notice(self, heard: bool) -> None:
        """Call ``unheard`` once when no message comes from REAPER; its first message ends the waiting."""
        if heard:
            self.player.report.heard = True
            self._patient_until_s = None
        elif self._patient_until_s is not None and self._clock() > self._patient_until_s:
            self._patient_until_s = None
            self._unheard()

    def _advance(self, now_s: float) -> None:
        transport = self.transport
        if not transport.known(now_s):
            if not self._silent:
                self.player.silence()
                self._silent = True
            return
        travelled = transport.travelled(now_s) + self._lead_s
        if self._silent or transport.generation != self._generation:
            self._generation, self._silent = transport.generation, False
            self._played_s = travelled - self._lead_s - GRACE_S
            self.player.jump(self._played_s)
        else:
            self._played_s += transport.rebased_s - self._rebased_s
        self._rebased_s = transport.rebased_s
        if travelled > self._played_s:
            self._play_through(self._played_s, travelled)
            self._played_s = travelled

    def _play_through(self, from_s: float, to_s: float) -> None:
        """Play a stretch of travelled seconds; each time it reaches the loop's end, go on at the loop's start."""
        loop = self.transport.loop
        while loop:
            position = self.transport.folded(from_s)
            left = loop.end_s - position
            if position >= loop.end_s or to_s - from_s < left:
                break
            self.player.play(position, loop.end_s)
            self.player.jump(loop.start_s)
            # slightly past the loop's end, so that rounding does not put it back before the end
            from_s += left + 1e-9
        position = self.transport.folded(from_s)
        self.player.play(position if not loop else max(position, loop.start_s), position + (to_s - from_s))

    def _wait_s(self) -> float:
        """Seconds until the next event is due, at most :data:`LONGEST_WAIT_S`."""
        now_s = self._clock()
        if not self.transport.known(now_s) or self._silent:
            return LONGEST_WAIT_S
        position = self.transport.folded(self._played_s)
        due = self.player.next_after(position)
        loop = self.transport.loop
        ahead = LONGEST_WAIT_S if due is None else due - position
        if loop and position < loop.end_s:
            ahead = min(ahead, loop.end_s - position)
        wait = self.transport.real_s(self._played_s + ahead - self._lead_s) - now_s
        return min(LONGEST_WAIT_S, max(0.0, wait))
