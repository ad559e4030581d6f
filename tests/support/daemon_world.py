"""A real daemon in this process, on free ports, with a cheap runner in a real worker process."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx

from v2m_bridge.daemon.client import DaemonClient
from v2m_bridge.daemon.config import DaemonConfig, EngineSetup, RequestLimits
from v2m_bridge.daemon.http.app import Daemon, create_daemon
from v2m_bridge.daemon.server import Server, http_settings
from v2m_bridge.daemon.service import Pusher

TOKEN = "test-token-of-some-length"
HERE = str(Path(__file__).parent)


def otio(name: str = "cue", **wish: Any) -> dict[str, Any]:
    """An OTIO document that the cheap runner understands."""
    return {"OTIO_SCHEMA": "Timeline.1", "name": name, **wish}


def config(home: Path, **changes: Any) -> DaemonConfig:
    """A daemon with a cheap runner and no neighbours."""
    made = DaemonConfig(
        home=home,
        token=TOKEN,
        port=0,
        osc_port=0,
        watch_inbox=False,
        runner="daemon_runners:CheapRunner",
        runner_path=(HERE,),
        engine=EngineSetup(cache=str(home / "cache")),
        limits=RequestLimits(),
    )
    return replace(made, **changes)


def free_port(kind: socket.SocketKind = socket.SOCK_STREAM) -> int:
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class World:
    """A running daemon and the ways to talk to it."""

    daemon: Daemon
    url: str
    http: httpx.Client
    client: DaemonClient

    def submit(self, name: str = "cue", options: dict[str, Any] | None = None, **wish: Any) -> str:
        answer = self.http.post("/v1/scores", json={"timeline": otio(name, **wish), "options": options or {}})
        assert answer.status_code == 202, answer.text
        return str(answer.json()["id"])

    def status(self, job_id: str) -> dict[str, Any]:
        answer: dict[str, Any] = self.http.get(f"/v1/scores/{job_id}").json()
        return answer

    def wait(self, job_id: str, *states: str, within_s: float = 90.0) -> dict[str, Any]:
        """Poll until the job is in one of ``states`` (finished ones when none is given)."""
        wanted = states or ("done", "failed", "cancelled")
        until = time.monotonic() + within_s
        while time.monotonic() < until:
            status = self.status(job_id)
            if status["state"] in wanted:
                return status
            time.sleep(0.02)
        raise AssertionError(f"{job_id} did not become {wanted}: {status}")


@contextmanager
def running_daemon(made: DaemonConfig, pusher: Pusher | None = None) -> Iterator[World]:
    """Start a daemon, stop it gracefully afterwards."""
    daemon = create_daemon(made, pusher)
    listener = socket.create_server(("127.0.0.1", made.port))
    daemon.port = listener.getsockname()[1]
    up = threading.Event()
    server = Server(http_settings(daemon), daemon, lambda _: up.set())
    thread = threading.Thread(target=server.run, args=([listener],))
    thread.start()
    try:
        assert up.wait(60), "the daemon did not start"
        url = f"http://127.0.0.1:{daemon.port}"
        headers = {"authorization": f"Bearer {TOKEN}"}
        with httpx.Client(base_url=url, headers=headers, timeout=60) as http:
            yield World(daemon, url, http, DaemonClient(url, TOKEN))
    finally:
        server.should_exit = True
        thread.join(60)
        listener.close()
        assert not thread.is_alive()
