"""OSC over real UDP: requests, news, and packets that are none."""

from __future__ import annotations

import json
import os
import random
import socket
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from daemon_world import World, config, free_port, otio, running_daemon
from pythonosc.osc_message_builder import OscMessageBuilder
from pythonosc.osc_packet import OscPacket

from v2m_bridge.daemon.config import RequestLimits
from v2m_bridge.daemon.jobs.job import Job
from v2m_bridge.daemon.osc import UNREADABLE, UdpPort, osc_key, parse
from v2m_bridge.daemon.paths import JobFolder
from v2m_bridge.errors import InputError
from v2m_bridge.reaper.osc_packets import write_message as message

PACKETS = 1000 if os.environ.get("V2M_LONG") else 200


@dataclass
class Surface:
    """A control surface: sends to the daemon and hears what comes back."""

    world: World
    port: int
    udp: socket.socket

    def send(self, packet: bytes) -> None:
        self.udp.sendto(packet, ("127.0.0.1", self.port))

    def ask(self, address: str, *values: str | float) -> None:
        self.send(message(address, *values))

    def hear(self) -> tuple[str, list[object]]:
        said = OscPacket(self.udp.recv(65536)).messages[0].message
        return said.address, list(said.params)


@pytest.fixture(scope="module")
def surface(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Surface]:
    port = free_port(socket.SOCK_DGRAM)
    home = tmp_path_factory.mktemp("home")

    def pusher(job: Job, folder: JobFolder) -> str:
        return "imported"

    with (
        running_daemon(config(home, osc_port=port), pusher) as world,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp,
    ):
        udp.bind(("127.0.0.1", 0))
        udp.settimeout(60)
        yield Surface(world, port, udp)


def edit(surface: Surface, name: str, **wish: object) -> Path:
    path = surface.world.daemon.config.home / "inbox" / f"{name}.otio"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(otio(name, **wish)), encoding="utf-8")
    return path


def test_score_by_osc_is_followed_to_its_end(surface: Surface) -> None:
    surface.ask("/v2m/score", str(edit(surface, "osc", step_s=0.06)))
    heard = []
    while not heard or heard[-1][1][1] not in ("done", "failed"):
        heard.append(surface.hear())
    assert {address for address, _ in heard} == {"/v2m/state"}
    ids, states, progress = zip(*(values for _, values in heard), strict=True)
    assert len(set(ids)) == 1 and states[0] == "queued" and "running" in states and states[-1] == "done"
    assert progress[-1] == 1.0 and list(progress) == sorted(progress)
    assert surface.world.status(ids[0])["origin"] == "osc"
    surface.ask("/v2m/status", ids[0])
    assert surface.hear() == ("/v2m/state", [ids[0], "done", 1.0])
    surface.ask("/v2m/push")
    assert surface.hear()[1][0] == "wrong_key", "any program can send OSC"
    key = osc_key(surface.world.daemon.config.home)
    surface.ask(f"/v2m/push/{key}")
    assert surface.hear() == ("/v2m/state", [ids[0], "done", 1.0])
    assert surface.world.status(ids[0])["push"]["state"] == "sent"


def test_refusals_are_said(surface: Surface, tmp_path: Path) -> None:
    outside = tmp_path / "outside.otio"
    outside.write_text(json.dumps(otio()), encoding="utf-8")
    surface.ask("/v2m/score", str(outside))
    assert surface.hear()[1][0] == "path_not_allowed"
    missing = [surface.world.daemon.config.home / name for name in ("missing.otio", "notes.doc")]
    for path in (*missing, outside, Path("/etc/shadow"), Path("/nowhere.otio"), Path("relative.otio")):
        surface.ask("/v2m/score", str(path))
        assert surface.hear() == ("/v2m/error", [UNREADABLE.code, str(UNREADABLE)]), "whether it exists is not told"
    surface.ask("/v2m/push", "0123456789ab", "some-other-key-of-some-length")
    assert surface.hear()[1][0] == "wrong_key"
    surface.ask("/v2m/push", "0123456789ab", osc_key(surface.world.daemon.config.home))
    address, values = surface.hear()
    assert address == "/v2m/error" and values[0] == "no_such_score"


def test_the_queue_keeps_room_for_http(tmp_path: Path) -> None:
    port = free_port(socket.SOCK_DGRAM)
    limits = RequestLimits(queue=4)
    with (
        running_daemon(config(tmp_path, osc_port=port, limits=limits)) as world,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp,
    ):
        udp.settimeout(60)
        surface = Surface(world, port, udp)
        path = str(edit(surface, "slow", step_s=5.0))
        errors = []
        for _ in range(5):
            surface.ask("/v2m/score", path)
        while len(errors) < 2:
            address, values = surface.hear()
            errors += values[:1] if address == "/v2m/error" else []
        assert errors == ["queue_full"] * 2 and len(world.daemon.service.store.ids()) == 3
        assert world.http.post("/v1/scores", json={"timeline": otio("over HTTP")}).status_code == 202


def malformed(rng: random.Random, path: str) -> bytes:
    """A packet that is not one of ours: cut, bent, of wrong types, unknown, nested or plain noise."""
    good = message("/v2m/score", path)
    kind = rng.randrange(8)
    if kind == 0:
        return rng.randbytes(rng.randrange(0, 300))
    if kind == 1:
        return good[: rng.randrange(1, len(good) - 4)]
    if kind == 2:
        bent = bytearray(message("/v2m/status"))
        for _ in range(rng.randrange(1, 5)):
            bent[rng.randrange(len(bent))] = rng.randrange(128, 256)
        return bytes(bent)
    if kind == 3:
        builder = OscMessageBuilder(rng.choice(["/v2m/score", "/v2m/push", "/v2m/status"]))
        for _ in range(rng.randrange(2, 6)):
            builder.add_arg(rng.choice([1, 1.5, b"blob", True]))
        return bytes(builder.build().dgram)
    if kind == 4:
        return message("/" + "x" * rng.randrange(1, 200), "a")
    if kind == 5:
        inner = good
        for _ in range(rng.randrange(1, 200)):
            inner = b"#bundle\0" + rng.randbytes(8) + rng.choice([len(inner), 2**31 - 4, 0]).to_bytes(4) + inner
        return inner
    if kind == 6:
        return b"/v2m/score\0\0,s\0\0" + b"\xff" * rng.randrange(0, 100)
    return b"#bundle\0" + b"\0" * 8 + (len(good).to_bytes(4) + good) * 40


def test_malformed_packets_leave_it_serving(surface: Surface) -> None:
    rng = random.Random(5)
    before = len(surface.world.daemon.service.store.ids())
    for n in range(PACKETS):
        surface.send(malformed(rng, "/nowhere.otio")[:60_000])
        if n % 40 == 0:
            time.sleep(0.2)
    surface.udp.settimeout(0.3)
    try:
        while True:
            surface.hear()
    except TimeoutError:
        surface.udp.settimeout(60)
    assert len(surface.world.daemon.service.store.ids()) == before
    time.sleep(1.0)
    surface.ask("/v2m/status")
    assert surface.hear()[0] == "/v2m/state"
    text = surface.world.http.get("/metrics").text
    assert 'v2m_osc_messages_total{outcome="malformed"}' in text and 'outcome="failed"' not in text


def test_without_any_score_the_answer_is_idle(tmp_path: Path) -> None:
    port = free_port(socket.SOCK_DGRAM)
    with (
        running_daemon(config(tmp_path, osc_port=port)) as world,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp,
    ):
        udp.settimeout(60)
        quiet = Surface(world, port, udp)
        quiet.ask("/v2m/status")
        assert quiet.hear() == ("/v2m/state", ["", "idle", 0.0])


def test_a_bundle_of_messages_is_taken(surface: Surface) -> None:
    inner = message("/v2m/status")
    surface.send(b"#bundle\0" + (1).to_bytes(8) + (len(inner).to_bytes(4) + inner) * 2)
    assert surface.hear()[0] == surface.hear()[0] == "/v2m/state"


def test_parsing_refuses_or_gives_checked_messages(caplog: pytest.LogCaptureFixture) -> None:
    rng = random.Random(6)
    for _ in range(2000):
        packet = malformed(rng, "/a.otio")
        try:
            found = parse(packet)
        except InputError:
            continue
        assert all(address.startswith("/v2m/") and all(type(v) is str for v in values) for address, values in found)
    assert not caplog.records, "what a stranger sends must not fill the log"
    assert parse(message("/v2m/score", "/a b.otio")) == [("/v2m/score", ("/a b.otio",))]
    with pytest.raises(InputError, match="too large"):
        parse(message("/v2m/score", "x" * 10_000))


def test_a_taken_port_costs_osc_but_not_the_daemon(tmp_path: Path) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", 0))
        with running_daemon(config(tmp_path, osc_port=other.getsockname()[1])) as world:
            health = world.http.get("/v1/health").json()
            assert health["osc"] is False and health["status"] == "ok"


class Resetting:
    """A socket of Windows: after an answer to a program that is gone, the next read is an error."""

    def __init__(self, real: socket.socket) -> None:
        self._real = real
        self.resets = 0

    def recvfrom(self, size: int) -> tuple[bytes, object]:
        packet = self._real.recvfrom(size)
        if packet[0] == b"reset":
            self.resets += 1
            raise ConnectionResetError(10054, "An existing connection was forcibly closed by the remote host")
        return packet

    def __getattr__(self, name: str) -> object:
        return getattr(self._real, name)


def test_the_receiver_survives_a_reset_by_a_program_that_is_gone() -> None:
    heard: list[bytes] = []
    arrived = threading.Event()

    def take(packet: bytes, address: tuple[str, int]) -> None:
        heard.append(packet)
        arrived.set()

    port = UdpPort(0, take)
    here = port._socket.getsockname()
    port._socket = resetting = Resetting(port._socket)  # type: ignore[assignment]
    port.start()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
        for packet in (b"reset", b"reset", b"/v2m/status"):
            peer.sendto(packet, here)
        assert arrived.wait(60)
    port.close()
    assert (resetting.resets, heard) == (2, [b"/v2m/status"])


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has all of 127/8 without setting it up")
def test_osc_listens_on_one_loopback_address_only(surface: Surface) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.settimeout(0.5)
        udp.connect(("127.0.0.2", surface.port))
        udp.send(message("/v2m/status"))
        with pytest.raises((TimeoutError, ConnectionRefusedError)):
            udp.recv(1000)
