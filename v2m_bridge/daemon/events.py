"""Passes news of jobs to everybody who listens, from any thread, without ever waiting for a slow listener."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass

MOST_WAITING = 256
"""A listener that leaves more lasting news than this unread is let go."""

GATHER_S = 0.2
"""Progress is gathered for so long before it is sent: five times a second is smooth, and many listeners stay cheap."""


@dataclass(frozen=True)
class News:
    """What happened to a job.

    Attributes:
        kind: ``"state"``, ``"progress"`` or ``"removed"``.
        body: JSON object in one line; it is written once, however many listen.
        number: of the job's event, where it is one; a listener who comes back names it.
        last: nothing will follow about this job.
    """

    kind: str
    body: str
    number: int | None = None
    last: bool = False

    @property
    def lasting(self) -> bool:
        """Whether every listener has to hear it; of progress only the latest counts."""
        return self.kind != "progress"


class Subscription:
    """One listener's mailbox. Progress is replaced by later progress, all other news is kept in order.

    Attributes:
        closed: nothing more will come: the daemon stops, or the listener was too slow to follow.
    """

    def __init__(self, topic: str | None, session: str | None = None) -> None:
        self.topic = topic
        self.session = session
        self.closed = False
        self._news: deque[News] = deque()
        self._latest: dict[str, News] = {}
        self._arrived = asyncio.Event()

    def put(self, topic: str, news: News) -> None:
        """Called in the loop's thread only; progress waits for :meth:`flush` or for lasting news."""
        if not news.lasting:
            self._latest[topic] = news
            return
        self._latest.pop(topic, None)
        self._news.append(news)
        if len(self._news) > MOST_WAITING:
            self.close()
        self._arrived.set()

    def flush(self) -> None:
        """Hand out the progress that has been gathered."""
        if self._latest:
            self._arrived.set()

    def close(self) -> None:
        """End it: whoever waits in :meth:`take` is woken."""
        self.closed = True
        self._arrived.set()

    async def take(self) -> list[News]:
        """Wait for news and take all of it, in order; empty when the subscription was closed without any."""
        await self._arrived.wait()
        if not self.closed:
            self._arrived.clear()
        taken = [*self._news, *self._latest.values()]
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
        """How many subscriptions there are."""
        return sum(len(group) for group in self._subscriptions.values())

    def subscribe(self, topic: str | None, session: str | None = None) -> Subscription:
        """Begin to listen (in the loop's thread); end it with :meth:`unsubscribe`.

        Args:
            session: the browser session that listens; see :meth:`end_session`.
        """
        subscription = Subscription(topic, session)
        if self.closed:
            subscription.close()
        self._subscriptions.setdefault(topic, set()).add(subscription)
        return subscription

    def unsubscribe(self, subscription: Subscription) -> None:
        """Stop listening (in the loop's thread)."""
        group = self._subscriptions.get(subscription.topic, set())
        group.discard(subscription)
        if not group:
            self._subscriptions.pop(subscription.topic, None)

    def end_session(self, session: str) -> None:
        """End every subscription of a browser session; from any thread."""
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._close_those_of, session)

    def _close_those_of(self, session: str) -> None:
        for group in self._subscriptions.values():
            for subscription in group:
                if subscription.session == session:
                    subscription.close()

    def publish(self, topic: str, news: News) -> None:
        """Deliver ``news`` to the listeners of ``topic`` and to those of everything; from any thread."""
        if self._loop is None or self._loop.is_closed() or not self._subscriptions:
            return
        self._loop.call_soon_threadsafe(self._deliver, topic, news)

    def _deliver(self, topic: str, news: News) -> None:
        for group in (self._subscriptions.get(topic), self._subscriptions.get(None)):
            for subscription in tuple(group or ()):
                subscription.put(topic, news)
        if not news.lasting and not self._gathering and self._loop is not None:
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
