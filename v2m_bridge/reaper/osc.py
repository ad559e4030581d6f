"""Talk to REAPER by OSC: what its parser accepts, one socket both ways, no more than it can take.

Facts from REAPER's own surface source: only int32, float32 and string arguments are read, a message above 1024 bytes
takes the whole queue down with it, ``* ? @ ,`` in an address are wildcards, and "Local port" mode answers to wherever
the last packet came from.
"""

from __future__ import annotations

import ipaddress
import math
import re
import select
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass
from types import TracebackType

from v2m_bridge.errors import HostError, InputError
from v2m_bridge.reaper.osc_packets import Argument, read_packet, write_message

MAX_MESSAGE_BYTES = 1024
DEFAULT_RECEIVE_PORT = 8000
DEFAULT_FEEDBACK_PORT = 9000
"""REAPER's own defaults: it listens on 8000 and, in modes with a fixed target, sends to 9000."""

INT32 = range(-(2**31), 2**31)
LARGEST_FLOAT = 3.4e38
"""Just below the largest float32."""

_ADDRESS = re.compile(r"/[A-Za-z0-9_/]+")

ADDRESSES = {
    "play": "/play",
    "stop": "/stop",
    "time": "/time",
    "action": "/action",
    "action_by_name": "/action/str",
    "marker_time": "/marker_id/{number}/time",
    "marker_name": "/marker_id/{number}/name",
    "region_time": "/region_id/{number}/time",
    "region_length": "/region_id/{number}/length",
    "region_name": "/region_id/{number}/name",
    "marker_count": "/device/marker/count",
}
"""Every address we send, as Default.ReaperOSC and v2m-bridge.ReaperOSC name it."""

REFRESH_SURFACES = 41743
"""Action "Control surface: Refresh all surfaces": a late listener hears nothing until something changes."""


@dataclass(frozen=True)
class OscMessage:
    """One message; ``arrived_s`` is ``time.perf_counter()`` when it came in (0 for one to be sent)."""

    address: str
    arguments: tuple[Argument, ...] = ()
    arrived_s: float = 0.0


def encode(address: str, *arguments: Argument) -> bytes:
    """One OSC message that REAPER will read.

    Raises:
        HostError: an argument, address or size that REAPER would drop, naming it.
    """
    if not _ADDRESS.fullmatch(address):
        raise HostError(f"{address!r} is not an address that REAPER takes literally")
    for value in arguments:
        _check(address, value)
    message = _written(address, *arguments)
    if len(message) > MAX_MESSAGE_BYTES:
        raise HostError(f"{address}: {len(message)} bytes, REAPER takes {MAX_MESSAGE_BYTES} at most")
    return message


def _check(address: str, value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise HostError(f"{address}: REAPER reads int, float and text, not {type(value).__name__}")
    if isinstance(value, int) and value not in INT32:
        raise HostError(f"{address}: {value} does not fit 32 bits")
    if isinstance(value, float) and (not math.isfinite(value) or abs(value) > LARGEST_FLOAT):
        raise HostError(f"{address}: {value!r} is not a number REAPER can read")


def _written(address: str, *arguments: Argument) -> bytes:
    try:
        return write_message(address, *arguments)
    except InputError as error:
        raise HostError(error.message) from error


def shortened(text: str, address: str) -> str:
    """``text`` cut so that a message to ``address`` stays within REAPER's limit, never inside a character."""
    room = MAX_MESSAGE_BYTES - len(_written(address, ""))
    return text.encode("utf-8")[:room].decode("utf-8", errors="ignore")


def decode(packet: bytes, arrived_s: float = 0.0) -> Iterator[OscMessage]:
    """The messages of a packet, bundles opened; a damaged packet holds none."""
    try:
        messages = read_packet(packet)
    except InputError:
        return
    for address, values in messages:
        yield OscMessage(address, tuple(v for v in values if isinstance(v, int | float | str)), arrived_s)


class OscLink:
    """One UDP socket to and from REAPER. Use as a context manager.

    Args:
        host, port: where REAPER receives (Preferences > Control/OSC/web).
        listen_port: local port; None takes REAPER's default target 9000 if it is free, else any.

    Raises:
        HostError: the port is taken or the host unknown.
    """

    def __init__(
        self, host: str = "127.0.0.1", port: int = DEFAULT_RECEIVE_PORT, listen_port: int | None = None
    ) -> None:
        try:
            self._name = f"{host}:{port}"
            self._target = socket.getaddrinfo(host, port, socket.AF_INET, socket.SOCK_DGRAM)[0][4]
        except OSError as error:
            raise HostError(f"cannot resolve REAPER's address {host}:{port}: {error}") from error
        self._socket = _bound_socket(listen_port, only_here=ipaddress.ip_address(self._target[0]).is_loopback)
        self._waiting: list[OscMessage] = []

    def __enter__(self) -> OscLink:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give the port back."""
        self._socket.close()

    @property
    def local_port(self) -> int:
        """The UDP port that answers come to."""
        return int(self._socket.getsockname()[1])

    def send(self, address: str, *arguments: Argument) -> None:
        """Send one message; see :func:`encode`."""
        packet = encode(address, *arguments)
        try:
            self._socket.sendto(packet, self._target)
        except OSError as error:
            raise HostError(f"cannot send to REAPER at {self._name}: {error}") from error

    def receive(self, timeout_s: float) -> OscMessage | None:
        """The next message, or None after ``timeout_s`` seconds of silence."""
        if self._waiting:
            return self._waiting.pop(0)
        deadline = time.perf_counter() + timeout_s
        while True:
            left = deadline - time.perf_counter()
            ready, _, _ = select.select([self._socket], [], [], max(0.0, left))
            if not ready:
                return None
            try:
                packet = self._socket.recv(65536)
            except ConnectionError:
                continue  # Windows reports an unreachable port here; REAPER may still start
            self._waiting = list(decode(packet, time.perf_counter()))
            if self._waiting:
                return self._waiting.pop(0)


def _bound_socket(listen_port: int | None, only_here: bool) -> socket.socket:
    """A UDP socket; ``only_here``: what other machines send does not reach it."""
    wanted = [listen_port] if listen_port is not None else [DEFAULT_FEEDBACK_PORT, 0]
    for port in wanted:
        made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            made.bind(("127.0.0.1" if only_here else "", port))
        except OSError as error:
            made.close()
            if port == wanted[-1]:
                raise HostError(f"cannot listen on UDP port {port}: {error.strerror}", "choose another port") from error
        else:
            return made
    raise AssertionError
