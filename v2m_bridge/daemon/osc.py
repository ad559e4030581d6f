"""OSC in and out, on loopback only: ``/v2m/score``, ``/v2m/push`` and ``/v2m/status`` from a surface or a DAW.

Whoever sends is told how the score goes on with ``/v2m/state id state progress`` until it has finished.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import logging
import secrets
import socket
import threading
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from v2m_bridge.daemon.jobs.job import ACTIVE, FINISHED, Advance, Job, State
from v2m_bridge.daemon.paths import PathNotAllowed
from v2m_bridge.daemon.rate_limit import Buckets
from v2m_bridge.daemon.schemas import ScoreStatus
from v2m_bridge.daemon.service import Service, Submission
from v2m_bridge.daemon.tokens import read_token, same_secret, write_private
from v2m_bridge.errors import InputError, V2MError
from v2m_bridge.options import ScoreOptions
from v2m_bridge.reaper.osc_packets import read_packet, write_message

SCORE, PUSH, STATUS = "/v2m/score", "/v2m/push", "/v2m/status"
STATE, ERROR = "/v2m/state", "/v2m/error"
IDLE = "idle"
"""The state that is sent with an empty id when there is no score at all."""

SIGNATURES: dict[str, tuple[int, int]] = {SCORE: (1, 1), PUSH: (0, 2), STATUS: (0, 1)}
"""Address -> least and most string arguments. Without an id the newest score is meant. ``/v2m/push`` needs the
key of :func:`osc_key`, as its last argument or in its address (``/v2m/push/KEY``): it changes a project in REAPER, and
any program of the machine can send OSC."""


class PushKeyMissing(V2MError):
    """A push by OSC without the key, or with another one."""

    code = "wrong_key"


UNREADABLE = PathNotAllowed("the daemon cannot read an edit there", "give it --media-root or --edit-root")
"""The one answer about every path that does not become a score, so that nobody learns which files there are."""

LARGEST_PACKET_BYTES = 8192
MOST_MESSAGES = 16
PER_S, BURST = 50.0, 200
MOST_FOLLOWED = 512
REPORT_EVERY_S = 0.25
READ_S = 0.25
"""The reading thread looks so often whether it is to end."""

Address = tuple[str, int]

log = logging.getLogger("v2m_bridge.osc")


def parse(packet: bytes) -> list[tuple[str, tuple[str, ...]]]:
    """The messages of a packet that are ours, checked.

    Raises:
        InputError: not OSC, too large, an unknown address, or arguments that do not fit.
    """
    if len(packet) > LARGEST_PACKET_BYTES:
        raise InputError(f"an OSC packet of {len(packet)} bytes is too large")
    found = read_packet(packet)
    if not 0 < len(found) <= MOST_MESSAGES:
        raise InputError(f"an OSC packet of {len(found)} messages")
    return [_checked(address, arguments) for address, arguments in found]


def _checked(address: str, arguments: tuple[object, ...]) -> tuple[str, tuple[str, ...]]:
    if address.startswith(f"{PUSH}/"):
        address, _, key = address.rpartition("/")
        arguments = (*arguments, key)
    if address not in SIGNATURES:
        raise InputError(f"unknown OSC address {address[:60]!r}", "known: " + " ".join(SIGNATURES))
    least, most = SIGNATURES[address]
    texts = tuple(argument for argument in arguments if isinstance(argument, str))
    if not least <= len(arguments) <= most or len(texts) != len(arguments):
        raise InputError(f"{address} takes {least} to {most} strings")
    return address, texts


def osc_key(home: Path) -> str:
    """What ``/v2m/push`` has to end with: made once, in a file of the state folder that only its owner can read.

    Raises:
        SetupError: the file cannot be read or written.
    """
    path = home / "osc-key"
    key = read_token(path)
    if key is None:
        key = secrets.token_urlsafe(12)
        write_private(path, key + "\n")
    return key


class OscPeer:
    """Answers OSC and follows the scores that were asked for through it.

    Args:
        send: sends a packet to an address and never raises.
    """

    def __init__(self, service: Service, send: Callable[[bytes, Address], None]) -> None:
        self._service = service
        self._send = send
        self._loop = asyncio.get_running_loop()
        self._buckets = Buckets(PER_S, BURST)
        self._key = osc_key(service.config.home)
        self._followers: OrderedDict[str, Address] = OrderedDict()
        self._told: dict[str, float] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def admits(self, address: Address) -> bool:
        """Whether a packet of this sender is looked at: asked by the reading thread, so that a flood stays there."""
        if not ipaddress.ip_address(address[0]).is_loopback or not self._buckets.take(address[0]):
            self._service.metrics.count("v2m_osc_messages_total", outcome="dropped")
            return False
        return True

    def datagram_received(self, data: bytes, address: Address) -> None:
        """Take a packet up or drop it; never raises, because anybody may have sent it."""
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
                    self._send(write_message(STATE, "", IDLE, 0.0), sender)
                for job in found:
                    if job.state in ACTIVE:
                        self._follow(job.id, sender)
                    advance = self._service.dispatcher.advance(job.id)
                    self._tell(sender, job.id, job.state, advance.progress if advance else job.progress)
            except V2MError as error:
                outcome = "refused"
                self._send(write_message(ERROR, error.code, str(error)), sender)
            except Exception:
                outcome = "failed"
                log.exception("%s failed", address)
            self._service.metrics.count("v2m_osc_messages_total", outcome=outcome)

    def _score(self, path: str) -> list[Job]:
        try:
            return [self._service.submit_path(path, Submission(ScoreOptions(), "osc"))]
        except InputError as error:
            log.info("%s", error)
            raise UNREADABLE from None

    def _push(self, *given: str) -> list[Job]:
        *ids, key = given or ("",)
        if not same_secret(key, self._key):
            raise PushKeyMissing(
                "/v2m/push needs the key of this daemon", "v2m-bridge serve --osc-key prints the address"
            )
        job_id = ids[0] if ids else ""
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
        self._send(write_message(STATE, job_id, state.value, float(progress)), sender)


class UdpPort:
    """A UDP port of loopback, read by a thread of its own.

    On Windows an answer to a program that is gone comes back as an error of the next read, and asyncio then stops
    reading for good. Here it costs nothing.

    Args:
        take: called in the thread with each packet and its sender.

    Raises:
        OSError: the port is not free.
    """

    def __init__(self, port: int, take: Callable[[bytes, Address], None]) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._take = take
        self._open = True
        try:
            self._socket.bind(("127.0.0.1", port))
            self._socket.settimeout(READ_S)
        except OSError:
            self._socket.close()
            raise
        self._reader = threading.Thread(target=self._read, name="osc", daemon=True)

    def start(self) -> None:
        """Begin to read."""
        self._reader.start()

    def send(self, packet: bytes, address: Address) -> None:
        """Send a packet; whoever asked may be gone."""
        try:
            self._socket.sendto(packet, address)
        except OSError as error:
            log.debug("a peer is gone: %s", error)

    def close(self) -> None:
        """Give the port back."""
        self._open = False
        self._reader.join(4 * READ_S)
        self._socket.close()

    def _read(self) -> None:
        while self._open:
            try:
                packet, (host, port) = self._socket.recvfrom(65536)
            except TimeoutError:
                continue
            except OSError as error:  # of an earlier answer; the port is still ours
                log.debug("a peer is gone: %s", error)
                continue
            self._take(packet, (str(host), int(port)))


@asynccontextmanager
async def osc_endpoint(service: Service) -> AsyncIterator[OscPeer | None]:
    """Listen on the configured UDP port of loopback; without it when another program has the port."""
    loop = asyncio.get_running_loop()

    def take(packet: bytes, address: Address) -> None:
        if not peer.admits(address):
            return
        with contextlib.suppress(RuntimeError):  # the loop has ended
            loop.call_soon_threadsafe(peer.datagram_received, packet, address)

    try:
        port = UdpPort(service.config.osc_port, take)
    except OSError as error:
        log.warning("no OSC: port %d is not free (%s)", service.config.osc_port, error.strerror)
        yield None
        return
    peer = OscPeer(service, port.send)
    port.start()
    service.listeners.append(peer.changed)
    service.watchers.append(peer.advanced)
    service.osc_open = True
    try:
        yield peer
    finally:
        service.osc_open = False
        service.listeners.remove(peer.changed)
        service.watchers.remove(peer.advanced)
        await asyncio.to_thread(port.close)
