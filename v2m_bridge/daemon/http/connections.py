"""What one connection may cost: time for its headers and each piece of body and answer; and how many there may be.

uvicorn bounds only the pause after an answer. Without more, a few hundred silent connections would use up the
descriptors of the process, and nobody else could be answered.
"""

from __future__ import annotations

import asyncio
import sys
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

HEADERS_WITHIN_S = 10.0
"""From the connection, or from the first byte of a later request, to the end of the headers."""

BODY_PAUSE_S = 60.0
ANSWER_PAUSE_S = 120.0
"""How long a client may send nothing of a body that it announced, or take nothing of an answer."""

LOOK_EVERY_S = 5.0
WANTED_DESCRIPTORS = 4096
MOST_CONNECTIONS = 1024


def most_connections() -> int:
    """How many connections are kept: well below what the process may have open, which is raised where it is low."""
    if sys.platform == "win32":
        return MOST_CONNECTIONS // 2
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = WANTED_DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, WANTED_DESCRIPTORS)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
            soft = wanted
        except (OSError, ValueError):  # macOS refuses what it calls unlimited
            pass
    allowed = WANTED_DESCRIPTORS if soft == resource.RLIM_INFINITY else soft
    return max(16, min(MOST_CONNECTIONS, allowed // 2))


class BoundedConnection(H11Protocol):
    """A connection with the bounds of this module; where there are too many, the one idle for longest makes room."""

    most = MOST_CONNECTIONS
    headers_within_s = HEADERS_WITHIN_S
    body_pause_s = BODY_PAUSE_S
    answer_pause_s = ANSWER_PAUSE_S
    look_every_s = LOOK_EVERY_S

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the connection, or end it at once when all others are busy."""
        self._at = self.loop.time()
        self._paused_at: float | None = None
        self._look: asyncio.TimerHandle | None = None
        super().connection_made(transport)  # type: ignore[arg-type]
        if len(self.connections) > self.most and not self._make_room():
            self.transport.abort()
            return
        self._look_later()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget it."""
        if self._look is not None:
            self._look.cancel()
            self._look = None
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Something came: headers or a piece of a body."""
        was_idle = self._idle
        super().data_received(data)
        if not self._idle or (was_idle and self._between):
            self._at = self.loop.time()
        self._between = False

    def on_response_complete(self) -> None:
        """From now on uvicorn's own limit for the pause counts, until the next byte comes."""
        self._at = self.loop.time()
        self._between = True
        super().on_response_complete()

    _between = False

    @property
    def _idle(self) -> bool:
        """Whether no request is being answered."""
        return self.cycle is None or self.cycle.response_complete

    def _make_room(self) -> bool:
        others: list[Any] = [c for c in self.connections if c is not self and getattr(c, "_idle", False)]
        if not others:
            return False
        oldest = min(others, key=lambda connection: connection._at)
        self.connections.discard(oldest)
        oldest.transport.abort()
        return True

    def _look_later(self) -> None:
        self._look = self.loop.call_later(self.look_every_s, self._look_at_it)

    def _look_at_it(self) -> None:
        now = self.loop.time()
        self._paused_at = (self._paused_at or now) if self.flow.write_paused else None
        if self._idle:
            over = not self._between and now - self._at > self.headers_within_s
        elif self.cycle.more_body and not self.flow.read_paused:
            over = now - self._at > self.body_pause_s
        else:
            over = self._paused_at is not None and now - self._paused_at > self.answer_pause_s
        if over:
            self.transport.abort()
        else:
            self._look_later()


def bounded_connection() -> type[BoundedConnection]:
    """The class to serve with in this process."""
    return type("Connection", (BoundedConnection,), {"most": most_connections()})
