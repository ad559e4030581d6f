"""Passes news of jobs to everybody who listens, from any thread, without ever waiting for a slow listener."""

from __future__ import annotations

import asyncio
from collections import deque

MOST_WAITING = 256
GATHER_S = 0.2
"""Progress is gathered for so long before it is sent: five times a second is smooth, and many listeners stay cheap."""


class Subscription:
    """One listener's mailbox. News that is superseded (progress) is replaced, the rest is kept in order.

    Attributes:
        closed: nothing more will come: the daemon stops, or the listener was too slow to follow.
    """

    def __init__(self, topic: str | None) -> None:
        self.topic = topic
        self.closed = False
        self._news: deque[bytes] = deque()
        self._latest: dict[str, bytes] = {}
        self._arrived = asyncio.Event()

    def put(self, topic: str, news: bytes, lasting: bool) -> None:
        """Called in the loop's thread only; what is not lasting waits for :meth:`flush` or for what is."""
        if not lasting:
            self._latest[topic] = news
            return
        self._latest.pop(topic, None)
        self._news.append(news)
        if len(self._news) > MOST_WAITING:
            self.close()
        self._arrived.set()

    def flush(self) -> None:
        """Hand out what has been gathered."""
        if self._latest:
            self._arrived.set()

    def close(self) -> None:
        self.closed = True
        self._arrived.set()

    async def take(self, patience_s: float) -> bytes:
        """Everything that came since the last call, or nothing when ``patience_s`` passed without any."""
        if not self._arrived.is_set():
            try:
                async with asyncio.timeout(patience_s):
                    await self._arrived.wait()
            except TimeoutError:
                return b""
        self._arrived.clear()
        taken = b"".join(self._news) + b"".join(self._latest.values())
        self._news.clear()
        self._latest.clear()
        return taken


class Broker:
    """Subscriptions to one job (topic: its id) or to all (topic: None)."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._subscriptions: dict[str | None, set[Subscription]] = {}
        self._gathering = False
        self.closed = False

    def bind(self, loop: asyncio.AbstractEventLoop) -> None:
        """Deliver in this loop from now on."""
        self._loop = loop

    @property
    def listeners(self) -> int:
        return sum(len(group) for group in self._subscriptions.values())

    def subscribe(self, topic: str | None) -> Subscription:
        """Begin to listen (in the loop's thread); end it with :meth:`unsubscribe`."""
        subscription = Subscription(topic)
        if self.closed:
            subscription.close()
        self._subscriptions.setdefault(topic, set()).add(subscription)
        return subscription

    def unsubscribe(self, subscription: Subscription) -> None:
        group = self._subscriptions.get(subscription.topic, set())
        group.discard(subscription)
        if not group:
            self._subscriptions.pop(subscription.topic, None)

    def publish(self, topic: str, news: bytes, lasting: bool) -> None:
        """Deliver ``news`` to the listeners of ``topic`` and to those of everything."""
        if self._loop is None or self._loop.is_closed() or not self._subscriptions:
            return
        self._loop.call_soon_threadsafe(self._deliver, topic, news, lasting)

    def _deliver(self, topic: str, news: bytes, lasting: bool) -> None:
        for group in (self._subscriptions.get(topic), self._subscriptions.get(None)):
            for subscription in tuple(group or ()):
                subscription.put(topic, news, lasting)
        if not lasting and not self._gathering and self._loop is not None:
            self._gathering = True
            self._loop.call_later(GATHER_S, self._flush)

    def _flush(self) -> None:
        self._gathering = False
        for group in self._subscriptions.values():
            for subscription in group:
                subscription.flush()

    def close(self) -> None:
        """End every subscription (in the loop's thread)."""
        self.closed = True
        for group in self._subscriptions.values():
            for subscription in group:
                subscription.close()
