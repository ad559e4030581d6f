"""Runs a daemon: one per state folder, on its address, until it is asked to stop."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import socket
import threading
import time
from collections.abc import Callable
from types import FrameType

import uvicorn

from v2m_bridge.daemon.config import DaemonConfig
from v2m_bridge.daemon.http.app import Daemon, create_daemon
from v2m_bridge.daemon.http.connections import bounded_connection
from v2m_bridge.daemon.tokens import write_token
from v2m_bridge.daemon.whereabouts import LOCK, NOTE, Running, running
from v2m_bridge.errors import SetupError
from v2m_bridge.files.lock import AcquireReturnProxy, FileLock, Timeout, hold
from v2m_bridge.files.whole import write_whole

STOP_WITHIN_S = 5
STOP_AT_LATEST_S = 12
"""Below the 15 s that systemd and launchd wait (``autostart``) before they kill."""

LOCK_TRIES = 20
KEEP_ALIVE_S = 15
BACKLOG = 512

CAUSES = {
    "SIGINT": "Ctrl-C (SIGINT)",
    "SIGTERM": "a request to end (SIGTERM)",
    "SIGHUP": "the end of its terminal (SIGHUP)",
    "SIGBREAK": "Ctrl-Break (SIGBREAK)",
}
"""Signal -> what the log calls it."""

log = logging.getLogger("v2m_bridge.daemon")


class Server(uvicorn.Server):
    """uvicorn that ends the event streams before it stops (it would wait for them) and says why it stops."""

    def __init__(self, config: uvicorn.Config, daemon: Daemon, started: Callable[[Daemon], None]) -> None:
        super().__init__(config)
        self._daemon = daemon
        self._started = started
        self.cause = "an error at the start"

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """A signal asks for the end."""
        name = signal.Signals(sig).name
        self.cause = CAUSES.get(name, name)
        last = threading.Timer(STOP_AT_LATEST_S, self._give_up)
        last.daemon = True
        last.start()
        super().handle_exit(sig, frame)

    def _give_up(self) -> None:
        """End the process although something still holds it up; what was in work is taken up at the next start."""
        log.error("something did not end within %d s, the process ends without it", STOP_AT_LATEST_S)
        (self._daemon.config.home / NOTE).unlink(missing_ok=True)
        os._exit(0)  # the worker ends when its pipe closes

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, and tell who waits for it."""
        await super().startup(sockets)
        if self.started:
            self.cause = "its own end"
            log.info("ready on port %d", self._daemon.port)
            self._started(self._daemon)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End the event streams, then everything else."""
        log.info("stopping because of %s", self.cause)
        self._daemon.service.broker.close()
        await super().shutdown(sockets)


def _listen(config: DaemonConfig) -> socket.socket:
    family = socket.AF_INET6 if ":" in config.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    if os.name == "posix":
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((config.host, config.port))
    except OSError as error:
        listener.close()
        hint = "another program uses it: give --port or set V2M_PORT"
        raise SetupError(f"cannot listen on {config.host}:{config.port}: {error.strerror}", hint) from error
    return listener


def _write_note(config: DaemonConfig, port: int) -> None:
    about = Running(pid=os.getpid(), host=config.host, port=port, osc_port=config.osc_port)
    write_whole(config.home / NOTE, about.model_dump_json())


def _end_with_the_terminal(server: Server) -> None:
    """A closed terminal stops the daemon in good order; one started with ``nohup`` goes on."""
    hang_up = getattr(signal, "SIGHUP", None)
    if hang_up is not None and signal.getsignal(hang_up) is not signal.SIG_IGN:
        signal.signal(hang_up, server.handle_exit)


def run(config: DaemonConfig, started: Callable[[Daemon], None] = lambda daemon: None) -> None:
    """Serve until SIGTERM or Ctrl-C.

    Args:
        started: called when requests are answered.

    Raises:
        SetupError: another daemon runs on this state folder, the port is taken, or the folder cannot be used.
    """
    try:
        held = _hold(config)
    except Timeout:
        other = running(config.home)
        where = f" ({other.url}, process {other.pid})" if other else ""
        raise SetupError(
            f"a daemon already runs on {config.home}{where}", "stop it, or set V2M_HOME for a second one"
        ) from None
    with held:
        _serve(config, started)


def _hold(config: DaemonConfig) -> AcquireReturnProxy[FileLock]:
    """Take the lock; a client that asks whether it is held has it for a moment."""
    for left in reversed(range(LOCK_TRIES)):
        try:
            return hold(config.home / LOCK, wait=False)
        except Timeout:
            if not left:
                raise
            time.sleep(0.02)
    raise AssertionError("not reached")


def http_settings(daemon: Daemon) -> uvicorn.Config:
    """How HTTP is served: bounded connections, no trust in what a proxy says of its client."""
    return uvicorn.Config(
        daemon.asgi,
        http=bounded_connection(),
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        ws="none",
        lifespan="on",
        backlog=BACKLOG,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=STOP_WITHIN_S,
    )


def _serve(config: DaemonConfig, started: Callable[[Daemon], None]) -> None:
    (config.home / NOTE).unlink(missing_ok=True)  # of a daemon that was killed: nobody is to believe it any more
    try:
        daemon = create_daemon(config)
        if config.token_file is not None:
            write_token(config.token_file, config.token)
        listener = _listen(config)
        daemon.port = listener.getsockname()[1]
        _write_note(config, daemon.port)
        signal.signal(signal.SIGTERM, lambda *_: None)  # uvicorn repeats the signal when it has stopped
        server = Server(http_settings(daemon), daemon, started)
        _end_with_the_terminal(server)
        with contextlib.suppress(KeyboardInterrupt):
            server.run([listener])
        if not server.started:
            raise SetupError("the daemon could not start", "its log says why")
        log.info("stopped because of %s", server.cause)
    finally:
        (config.home / NOTE).unlink(missing_ok=True)
