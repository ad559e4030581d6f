"""OSC in and out, on loopback only: ``/v2m/score``, ``/v2m/push`` and ``/v2m/status`` from a surface or a DAW.

Whoever sends is told of the score's way with ``/v2m/state id state progress`` until it has finished.
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from pythonosc.osc_message_builder import OscMessageBuilder
from pythonosc.osc_packet import OscPacket

from v2m_bridge.daemon.http.guard import Buckets
from v2m_bridge.daemon.jobs.job import ACTIVE, FINISHED, Job, State
from v2m_bridge.daemon.schemas import ScoreStatus
from v2m_bridge.daemon.service import Service
from v2m_bridge.daemon.worker.dispatch import Advance
from v2m_bridge.errors import InputError, V2MError
from v2m_bridge.options import ScoreOptions

SCORE, PUSH, STATUS = "/v2m/score", "/v2m/push", "/v2m/status"
STATE, ERROR = "/v2m/state", "/v2m/error"
IDLE = "idle"
"""Said with an empty id when there is no score at all."""

SIGNATURES: dict[str, tuple[int, int]] = {SCORE: (1, 1), PUSH: (0, 1), STATUS: (0, 1)}
"""Address -> least and most string arguments. Without an id the newest score is meant."""

LARGEST_PACKET_BYTES = 8192
BUNDLE = b"#bundle\0"
BUNDLE_HEAD_BYTES = 16
"""The mark and a time tag; then sizes and elements take turns (OSC 1.0 specification)."""

MOST_MESSAGES = 16
PER_S, BURST = 50.0, 200
MOST_FOLLOWED = 512
REPORT_EVERY_S = 0.25

Address = tuple[str, int]

log = logging.getLogger("v2m_bridge.osc")


def parse(packet: bytes) -> list[tuple[str, tuple[str, ...]]]:
    """The messages of a packet that are ours, checked.

    Raises:
        InputError: not OSC, too large, an unknown address, or arguments that do not fit.
    """
    if len(packet) > LARGEST_PACKET_BYTES:
        raise InputError(f"an OSC packet of {len(packet)} bytes is too large")
    if not _plausible(packet):
        raise InputError("not an OSC packet")
    try:
        messages = [timed.message for timed in OscPacket(packet).messages]
        found = [(str(message.address), tuple(message.params)) for message in messages]
    except Exception as error:  # the parser raises whatever a malformed packet makes it stumble over
        raise InputError(f"not an OSC packet ({type(error).__name__})") from None
    if not 0 < len(found) <= MOST_MESSAGES:
        raise InputError(f"an OSC packet of {len(found)} messages")
    for address, arguments in found:
        _check(address, arguments)
    return found


def _plausible(packet: bytes) -> bool:
    """Whether this is a message, or a bundle of nothing but whole messages: the parser is loud about anything else."""
    if not packet.startswith(BUNDLE):
        return packet.startswith(b"/") and len(packet) % 4 == 0
    place = BUNDLE_HEAD_BYTES
    while place < len(packet):
        size = int.from_bytes(packet[place : place + 4])
        place += 4
        if size % 4 or not 0 < size <= len(packet) - place or packet[place : place + 1] != b"/":
            return False
        place += size
    return place == len(packet)


def _check(address: str, arguments: tuple[Any, ...]) -> None:
    if address not in SIGNATURES:
        raise InputError(f"unknown OSC address {address[:60]!r}", "known: " + " ".join(SIGNATURES))
    least, most = SIGNATURES[address]
    if not least <= len(arguments) <= most or not all(isinstance(argument, str) for argument in arguments):
        raise InputError(f"{address} takes {least} to {most} strings")


def message(address: str, *values: str | float) -> bytes:
    """One OSC message; only strings and 32-bit floats, which every host understands."""
    builder = OscMessageBuilder(address)
    for value in values:
        builder.add_arg(value, "f" if isinstance(value, float) else "s")
    return bytes(builder.build().dgram)


class OscPeer(asyncio.DatagramProtocol):
    """Answers OSC and follows the scores that were asked for through it."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._loop = asyncio.get_running_loop()
        self._buckets = Buckets(PER_S, BURST)
        self._followers: OrderedDict[str, Address] = OrderedDict()
        self._told: dict[str, float] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def error_received(self, exc: Exception) -> None:
        log.debug("a peer is gone: %s", exc)

    def datagram_received(self, data: bytes, addr: Any) -> None:
        """Never raises: a packet is a stranger's."""
        address: Address = (str(addr[0]), int(addr[1]))
        if not ipaddress.ip_address(address[0]).is_loopback or not self._buckets.take(address[0]):
            self._service.metrics.count("v2m_osc_messages_total", outcome="dropped")
            return
        try:
            messages = parse(data)
        except InputError as error:
            self._service.metrics.count("v2m_osc_messages_total", outcome="malformed")
            log.debug("dropped: %s", error)
            return
        task = self._loop.create_task(self._handle(messages, address))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _handle(self, messages: list[tuple[str, tuple[str, ...]]], sender: Address) -> None:
        actions: dict[str, Callable[..., list[Job]]] = {SCORE: self._score, PUSH: self._push, STATUS: self._status}
        for address, arguments in messages:
            outcome = "ok"
            try:
                found = await asyncio.to_thread(actions[address], *arguments)
                if not found:
                    self._send(sender, message(STATE, "", IDLE, 0.0))
                for job in found:
                    if job.state in ACTIVE:
                        self._follow(job.id, sender)
                    advance = self._service.dispatcher.advance(job.id)
                    self._tell(sender, job.id, job.state, advance.progress if advance else job.progress)
            except V2MError as error:
                outcome = "refused"
                self._send(sender, message(ERROR, error.code, str(error)))
            except Exception:
                outcome = "failed"
                log.exception("%s failed", address)
            self._service.metrics.count("v2m_osc_messages_total", outcome=outcome)

    def _score(self, path: str) -> list[Job]:
        return [self._service.submit_path(path, ScoreOptions(), "osc")]

    def _push(self, job_id: str = "") -> list[Job]:
        job = self._find(job_id, State.DONE)
        self._service.push(job.id)
        return [self._service.store.get(job.id)]

    def _status(self, job_id: str = "") -> list[Job]:
        if job_id:
            return [self._service.store.get(job_id)]
        newest = self._service.store.newest(MOST_MESSAGES)
        return [job for job in newest if job.state in ACTIVE] or newest[:1]

    def _find(self, job_id: str, state: State) -> Job:
        if job_id:
            return self._service.store.get(job_id)
        newest = self._service.store.newest(1, state=state)
        if not newest:
            raise InputError("no score is done yet")
        return newest[0]

    # -- news

    def _follow(self, job_id: str, sender: Address) -> None:
        self._followers[job_id] = sender
        while len(self._followers) > MOST_FOLLOWED:
            gone, _ = self._followers.popitem(last=False)
            self._told.pop(gone, None)

    def changed(self, status: ScoreStatus) -> None:
        """A score's state changed (any thread)."""
        if status.id in self._followers:
            self._loop.call_soon_threadsafe(self._report, status.id, status.state, status.progress)

    def advanced(self, job_id: str, advance: Advance) -> None:
        """A score moved on (any thread)."""
        if job_id in self._followers and time.monotonic() - self._told.get(job_id, 0.0) >= REPORT_EVERY_S:
            self._loop.call_soon_threadsafe(self._report, job_id, State.RUNNING, advance.progress)

    def _report(self, job_id: str, state: State, progress: float) -> None:
        sender = self._followers.get(job_id)
        if sender is None:
            return
        self._tell(sender, job_id, state, progress)
        self._told[job_id] = time.monotonic()
        if state in FINISHED:
            self._followers.pop(job_id, None)
            self._told.pop(job_id, None)

    def _tell(self, sender: Address, job_id: str, state: State, progress: float) -> None:
        self._send(sender, message(STATE, job_id, state.value, float(progress)))

    def _send(self, sender: Address, packet: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.sendto(packet, sender)


@asynccontextmanager
async def osc_endpoint(service: Service) -> AsyncIterator[OscPeer | None]:
    """Listen on the configured UDP port of loopback; without it when another program has the port."""
    loop = asyncio.get_running_loop()
    try:
        transport, peer = await loop.create_datagram_endpoint(
            lambda: OscPeer(service), local_addr=("127.0.0.1", service.config.osc_port)
        )
    except OSError as error:
        log.warning("no OSC: port %d is not free (%s)", service.config.osc_port, error.strerror)
        yield None
        return
    service.listeners.append(peer.changed)
    service.watchers.append(peer.advanced)
    service.osc_open = True
    try:
        yield peer
    finally:
        service.osc_open = False
        service.listeners.remove(peer.changed)
        service.watchers.remove(peer.advanced)
        transport.close()
