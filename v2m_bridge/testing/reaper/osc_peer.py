"""REAPER's OSC surface over real UDP: takes what REAPER takes, drops what it drops, and plays a transport.

Times of the transport are real seconds; feedback goes to wherever the last packet came from ("Local port" mode).
"""

from __future__ import annotations

import random
import select
import socket
import struct
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from v2m_bridge.reaper.osc import MAX_MESSAGE_BYTES, encode
from v2m_bridge.reaper.osc_packets import Argument
from v2m_bridge.testing.reaper.project import Project, ProjectMarker

RUN_HZ = 30
"""How often REAPER handles what came in."""

WILDCARDS = "*?@,"
REFRESH = 41743
ACTIONS = {1007: "play", 1016: "stop", 1008: "pause", 40044: "toggle", 40042: "home"}


@dataclass
class Transport:
    """Where the play cursor is. Positions are project seconds, ``clock`` gives real ones."""

    clock: Callable[[], float] = time.perf_counter
    playing: bool = False
    cursor_s: float = 0.0
    rate: float = 1.0
    loop: tuple[float, float] | None = None
    _started: float = 0.0

    def position(self, at: float | None = None) -> float:
        """Project seconds at real time ``at`` (now)."""
        if not self.playing:
            return self.cursor_s
        position = self.cursor_s + ((self.clock() if at is None else at) - self._started) * self.rate
        if self.loop and self.cursor_s < self.loop[1] <= position:
            start, end = self.loop
            position = start + (position - end) % (end - start)
        return position

    def play(self) -> None:
        self._restart(self.cursor_s, True)

    def stop(self) -> None:
        self._restart(self.cursor_s, False)

    def seek(self, seconds: float) -> None:
        self._restart(seconds, self.playing)

    def set_rate(self, rate: float) -> None:
        position = self.position()
        self.rate = rate
        self._restart(position, self.playing)

    def _restart(self, position: float, playing: bool) -> None:
        self.cursor_s, self.playing, self._started = position, playing, self.clock()


@dataclass
class Peer:
    """One OSC device of REAPER. Use as a context manager.

    Attributes:
        feedback_hz: how often the position is sent (REAPER's csurfrate, 15).
        jitter_s: each feedback packet is late by 0..jitter_s, evenly.
        scripts: what named commands do (``_RS...``).
        dropped: why messages were not read, for tests.
    """

    project: Project = field(default_factory=Project)
    transport: Transport = field(default_factory=Transport)
    feedback_hz: float = 15.0
    jitter_s: float = 0.0
    seed: int = 0
    scripts: dict[str, Callable[[], None]] = field(default_factory=dict)
    actions: list[int | str] = field(default_factory=list)
    dropped: list[str] = field(default_factory=list)
    handled: list[tuple[str, tuple[Argument, ...]]] = field(default_factory=list)
    failures: list[Exception] = field(default_factory=list)
    packets_sent: int = 0

    def __enter__(self) -> Peer:
        self._random = random.Random(self.seed)
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self.port = int(self._socket.getsockname()[1])
        self._target: tuple[str, int] | None = None
        self._queue: list[tuple[str, tuple[Argument, ...]]] = []
        self._said: dict[str, Argument] = {}
        self._bank = 0
        self._outgoing: list[tuple[float, bytes]] = []
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *unused: object) -> None:
        self._ending.set()
        self._thread.join()
        self._socket.close()

    def wait_for(self, condition: Callable[[], bool], timeout_s: float = 5.0) -> bool:
        """Whether ``condition`` came true in time."""
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            if condition():
                return True
            time.sleep(0.005)
        return condition()

    def _run(self) -> None:
        next_run = next_feedback = time.perf_counter()
        while not self._ending.is_set():
            now = time.perf_counter()
            waits = [next_run, next_feedback, *(due for due, _ in self._outgoing[:1])]
            if select.select([self._socket], [], [], max(0.0, min(waits) - now))[0]:
                packet, self._target = self._socket.recvfrom(65536)
                self._parse(packet)
            now = time.perf_counter()
            if now >= next_run:
                next_run = now + 1 / RUN_HZ
                self._handle()
                self._tell_state()
            if now >= next_feedback:
                next_feedback += 1 / self.feedback_hz
                self._feedback()
            self._flush(now)

    # in

    def _parse(self, packet: bytes) -> None:
        if packet.startswith(b"#bundle\0"):
            at = 16
            while at + 4 <= len(packet):
                (size,) = struct.unpack_from(">i", packet, at)
                self._parse(packet[at + 4 : at + 4 + size])
                at += 4 + size
            return
        if len(packet) > MAX_MESSAGE_BYTES:
            # the real parse loop breaks here and clears everything that was waiting
            self._drop(f"{len(packet)} bytes: the queue is lost")
            self._queue.clear()
            return
        try:
            address, arguments = _read(packet)
        except ValueError as error:
            self._drop(str(error))
            return
        if any(mark in address for mark in WILDCARDS):
            self._drop(f"{address}: wildcards")
            return
        self._queue.append((address, arguments))

    def _drop(self, why: str) -> None:
        self.dropped.append(why)

    def _handle(self) -> None:
        waiting, self._queue = self._queue, []
        for address, arguments in waiting:
            self.handled.append((address, arguments))
            try:
                self._obey(address, arguments)
            except Exception as error:  # a script that fails must not end the surface
                self.failures.append(error)

    def _obey(self, address: str, arguments: tuple[Argument, ...]) -> None:
        value = arguments[0] if arguments else 1.0
        parts = address.strip("/").split("/")
        if address in ("/play", "/stop", "/pause"):
            if value:
                self.transport.play() if address == "/play" else self.transport.stop()
        elif address == "/time" and not isinstance(value, str):
            self.transport.seek(float(value))
        elif address == "/action/str":
            self._act(str(value))
        elif parts[0] == "action":
            for action in arguments if len(parts) == 1 else (parts[1],):
                self._act(int(action) if str(action).isdigit() else str(action))
        elif address == "/device/marker/count":
            self._bank = int(value)
        elif parts[0] in ("marker_id", "region_id") and len(parts) == 3:
            self._edit_marker(parts[0] == "region_id", int(parts[1]), parts[2], value)

    def _act(self, action: int | str) -> None:
        self.actions.append(action)
        if isinstance(action, str):
            script = self.scripts.get(action)
            if script:
                script()
        elif action == REFRESH:
            self._said.clear()
        elif action in ACTIONS:
            name = ACTIONS[action]
            if name == "home":
                self.transport.seek(0.0)
            elif name == "play" or (name == "toggle" and not self.transport.playing):
                self.transport.play()
            else:
                self.transport.stop()

    def _edit_marker(self, is_region: bool, number: int, what: str, value: Argument) -> None:
        marker = self._marker(is_region, number)
        if what == "name":
            marker.name = str(value)
        elif what == "time":
            length = (marker.end or 0.0) - marker.position
            marker.position = float(value)
            marker.end = marker.position + length if is_region else None
        elif what == "length" and is_region:
            marker.end = marker.position + float(value)
        self.project.changes += 1

    def _marker(self, is_region: bool, number: int) -> ProjectMarker:
        for marker in self.project.state.markers:
            if marker.number == number and (marker.end is not None) == is_region:
                return marker
        return self.project.add_marker(0.0, "", 0.0 if is_region else None, number)

    # out

    def _tell_state(self) -> None:
        """What REAPER tells as it changes, not at the rate of positions."""
        if not self._target:
            return
        self._say("/play", float(self.transport.playing))
        self._say("/stop", float(not self.transport.playing))
        self._say("/repeat", float(self.transport.loop is not None))
        start, end = self.transport.loop or (0.0, 0.0)
        self._say("/loop/start/time", start)
        self._say("/loop/end/time", end)

    def _feedback(self) -> None:
        if not self._target:
            return
        position = self.transport.position()
        self._say("/tempo/raw", self.project.state.tempo.bpm(position) * self.transport.rate)
        self._say("/time", position)
        for index, marker in enumerate(m for m in self.project.ordered_markers() if m.end is None):
            if index < self._bank:
                self._say(f"/marker/{index + 1}/name", marker.name)
                self._say(f"/marker/{index + 1}/number/str", str(marker.number))
                self._say(f"/marker/{index + 1}/time", marker.position)

    def _say(self, address: str, value: Argument) -> None:
        """Send only what changed."""
        if self._said.get(address) == value:
            return
        self._said[address] = value
        due = time.perf_counter() + self._random.uniform(0.0, self.jitter_s)
        if self._outgoing:
            due = max(due, self._outgoing[-1][0])
        self._outgoing.append((due, encode(address, value)))

    def _flush(self, now: float) -> None:
        while self._outgoing and self._outgoing[0][0] <= now and self._target:
            self._socket.sendto(self._outgoing.pop(0)[1], self._target)
            self.packets_sent += 1


def _read(packet: bytes) -> tuple[str, tuple[Argument, ...]]:
    """Address and arguments as REAPER's own reader sees them.

    Raises:
        ValueError: it would not read this message.
    """
    address, at = _text(packet, 0)
    if not address.startswith("/"):
        raise ValueError("no address")
    if at >= len(packet):
        return address, ()
    tags, at = _text(packet, at)
    values: list[Argument] = []
    for tag in tags.removeprefix(","):
        if tag == "s":
            text, at = _text(packet, at)
            values.append(text)
        elif tag in "if":
            values.append(struct.unpack_from(f">{tag}", packet, at)[0])
            at += 4
        else:
            raise ValueError(f"{address}: argument of type {tag}")
    return address, tuple(values)


def _text(packet: bytes, at: int) -> tuple[str, int]:
    end = packet.find(b"\0", at)
    if end < 0:
        raise ValueError("a string without an end")
    return packet[at:end].decode("utf-8", errors="replace"), at + (end - at) // 4 * 4 + 4
