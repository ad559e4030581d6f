"""Server-sent events: news of one score or of all of them, for as long as somebody listens.

The wire format is FastAPI's. Its generator endpoints would write every event anew for each listener and pass it through
two more queues (four times the processor time with 200 listeners), so an event is written here, once for everybody.
The mailbox of a listener lies in :mod:`v2m_bridge.daemon.events`: a slow one holds up nobody else.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from functools import lru_cache
from typing import Annotated, Any

from fastapi import APIRouter, Header, Request
from fastapi.responses import Response
from fastapi.sse import KEEPALIVE_COMMENT, EventSourceResponse, format_sse_event
from starlette.concurrency import run_in_threadpool

from v2m_bridge.daemon.events import News, Subscription
from v2m_bridge.daemon.jobs.job import FINISHED, NoSuchJob, QueueFull
from v2m_bridge.daemon.service import Service

RETRY_MS = 2000
"""How long a browser waits before it connects again."""

KEEPALIVE_S = 15.0
"""After so long without news a comment keeps proxies from closing the connection."""

STREAM: dict[str, Any] = {"content": {"text/event-stream": {"schema": {"type": "string"}}}}


def stream_routes(router: APIRouter, service: Service) -> None:
    """Add the endpoints that send events."""

    answers: dict[int | str, dict[str, Any]] = {200: STREAM, 204: {"description": "Over."}}

    @router.get("/v1/scores/{job_id}/events", tags=["events"], response_class=Response, responses=answers)
    async def score_events(
        request: Request, job_id: str, last_event_id: Annotated[str | None, Header(max_length=40)] = None
    ) -> Response:
        """``state`` and ``progress`` events of one score until it has finished."""
        job = await run_in_threadpool(service.store.get, job_id)
        after = int(last_event_id) if last_event_id and re.fullmatch(r"\d{1,9}", last_event_id) else 0
        if job.state in FINISHED and after and not await run_in_threadpool(service.store.events, job_id, after):
            return Response(status_code=204)  # tells a browser not to connect again
        return _stream(service, request, job_id)

    @router.get("/v1/events", tags=["events"], response_class=Response, responses={200: STREAM})
    async def all_events(request: Request) -> Response:
        """``state``, ``progress`` and ``removed`` events of all scores, from now on."""
        return _stream(service, request, None)


def _stream(service: Service, request: Request, job_id: str | None) -> EventSourceResponse:
    if service.broker.listeners >= service.config.limits.streams:
        raise QueueFull("too many event streams are open", "close some windows")
    events = _events(service, job_id, request.scope.get("v2m_session"))
    return EventSourceResponse(events, headers={"x-accel-buffering": "no"})


async def _events(service: Service, job_id: str | None, session: str | None) -> AsyncIterator[bytes]:
    subscription = service.broker.subscribe(job_id, session)
    try:
        yield format_sse_event(retry=RETRY_MS)
        if job_id is not None:  # what happened before the subscription
            try:
                now = await run_in_threadpool(service.news_of, job_id)
            except NoSuchJob:
                return
            yield _written(now)
            if now.last:
                return
        while not subscription.closed:
            news = await _next(subscription)
            yield b"".join(_written(item) for item in news) or KEEPALIVE_COMMENT
            if job_id is not None and any(item.last for item in news):
                return
    finally:
        service.broker.unsubscribe(subscription)


async def _next(subscription: Subscription) -> list[News]:
    """What comes next; empty when nothing came for :data:`KEEPALIVE_S`."""
    try:
        async with asyncio.timeout(KEEPALIVE_S):
            return await subscription.take()
    except TimeoutError:
        return []


@lru_cache(maxsize=256)
def _written(news: News) -> bytes:
    number = None if news.number is None else str(news.number)
    return format_sse_event(data_str=news.body, event=news.kind, id=number)
