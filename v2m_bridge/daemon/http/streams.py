"""Server-sent events: news of one score or of all of them, for as long as somebody listens.

FastAPI writes the events and the comments that keep an idle connection open. The mailbox of a listener lies in
:mod:`v2m_bridge.daemon.events`: a slow one holds up nobody else.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, HTTPException
from fastapi.sse import EventSourceResponse, ServerSentEvent
from starlette.concurrency import run_in_threadpool

from v2m_bridge.daemon.events import News, Subscription
from v2m_bridge.daemon.jobs.job import FINISHED, NoSuchJob, QueueFull
from v2m_bridge.daemon.service import Service

RETRY_MS = 2000
"""How long a browser waits before it connects again."""

OVER: dict[int | str, dict[str, Any]] = {204: {"description": "Over."}}


def stream_routes(router: APIRouter, service: Service) -> None:
    """Add the endpoints that send events."""

    async def one_score(
        job_id: str, last_event_id: Annotated[str | None, Header(max_length=40)] = None
    ) -> AsyncIterator[Subscription]:
        job = await run_in_threadpool(service.store.get, job_id)
        after = int(last_event_id) if last_event_id and re.fullmatch(r"\d{1,9}", last_event_id) else 0
        if job.state in FINISHED and after and not await run_in_threadpool(service.store.events, job_id, after):
            raise HTTPException(204)  # tells a browser not to connect again
        subscription = _subscribe(service, job_id)
        try:
            yield subscription
        finally:
            service.broker.unsubscribe(subscription)

    async def every_score() -> AsyncIterator[Subscription]:
        subscription = _subscribe(service, None)
        try:
            yield subscription
        finally:
            service.broker.unsubscribe(subscription)

    @router.get("/v1/scores/{job_id}/events", tags=["events"], response_class=EventSourceResponse, responses=OVER)
    async def score_events(
        job_id: str, subscription: Subscription = Depends(one_score)
    ) -> AsyncIterator[ServerSentEvent]:
        """``state`` and ``progress`` events of one score until it has finished."""
        yield ServerSentEvent(retry=RETRY_MS)
        try:  # what happened before the subscription
            now = await run_in_threadpool(service.news_of, job_id)
        except NoSuchJob:
            return
        yield _event(now)
        if now.last:
            return
        async for event in _events(subscription):
            yield event

    @router.get("/v1/events", tags=["events"], response_class=EventSourceResponse)
    async def all_events(subscription: Subscription = Depends(every_score)) -> AsyncIterator[ServerSentEvent]:
        """``state``, ``progress`` and ``removed`` events of all scores, from now on."""
        yield ServerSentEvent(retry=RETRY_MS)
        async for event in _events(subscription):
            yield event


def _subscribe(service: Service, job_id: str | None) -> Subscription:
    if service.broker.listeners >= service.config.limits.streams:
        raise QueueFull("too many event streams are open", "close some windows")
    return service.broker.subscribe(job_id)


async def _events(subscription: Subscription) -> AsyncIterator[ServerSentEvent]:
    """What comes into the mailbox, until it is closed or nothing more can follow."""
    while not subscription.closed:
        for news in await subscription.take():
            yield _event(news)
            if news.last and subscription.topic is not None:
                return


def _event(news: News) -> ServerSentEvent:
    number = None if news.number is None else str(news.number)
    return ServerSentEvent(raw_data=news.body, event=news.kind, id=number)
