"""The HTTP application: service, OSC, inbox and console are put together here, behind one guard."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from fastapi import FastAPI, Request
from fastapi.openapi.utils import get_openapi
from fastapi.responses import HTMLResponse, Response
from starlette.concurrency import run_in_threadpool
from starlette.types import ASGIApp

from v2m_bridge import __version__
from v2m_bridge.daemon.config import DaemonConfig
from v2m_bridge.daemon.http import answers, pages
from v2m_bridge.daemon.http.api import routes
from v2m_bridge.daemon.http.guard import Access, Guard
from v2m_bridge.daemon.schemas import PushRequest, ScoreRequest
from v2m_bridge.daemon.service import Pusher, Service
from v2m_bridge.daemon.tokens import OneTimeLinks, Sessions

log = logging.getLogger("v2m_bridge.http")

REF = "#/components/schemas/{model}"


@dataclass
class Daemon:
    """A running daemon's parts; ``asgi`` is what a server serves.

    Attributes:
        port: where HTTP really listens; set by the server when the configured port is 0.
    """

    config: DaemonConfig
    service: Service
    links: OneTimeLinks
    sessions: Sessions
    app: FastAPI
    asgi: ASGIApp
    port: int = field(default=0)


def create_daemon(config: DaemonConfig, pusher: Pusher | None = None) -> Daemon:
    """Put a daemon together; its lifespan starts and stops everything.

    Raises:
        SetupError: the state folder or the database cannot be used.
    """
    from v2m_bridge.daemon.push import push_to_reaper

    service = Service(config, pusher or push_to_reaper)
    links, sessions = OneTimeLinks(), Sessions(service.store)
    app = FastAPI(title="v2m-bridge", version=__version__, docs_url=None, redoc_url=None, lifespan=_lifespan(service))
    app.router.redirect_slashes = False
    answers.install(app)
    app.include_router(routes(service, links, sessions))
    daemon = Daemon(config, service, links, sessions, app, app, config.port)
    _page_routes(daemon)
    app.openapi = lambda: _description(app)  # type: ignore[method-assign]
    access = Access(config.token, sessions.known, lambda: config.hosts(daemon.port), _cookie(config))
    daemon.asgi = Guard(app, access, config.limits, _observer(service))
    return daemon


def _cookie(config: DaemonConfig) -> str:
    return f"v2m_session_{config.port}"  # browsers share cookies between the ports of a host


def _observer(service: Service) -> Callable[[str, str, int, float], None]:
    def seen(method: str, path: str, status: int, seconds: float) -> None:
        known = method if method in ("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH") else "other"
        service.metrics.count("v2m_http_requests_total", method=known, status=str(status))
        level = logging.DEBUG if status < 400 and method == "GET" else logging.INFO
        shown = "/login/…" if path.startswith("/login/") else path[:200]
        log.log(level, "%s %s %d", method, shown, status, extra={"milliseconds": round(seconds * 1000, 1)})

    return seen


def _lifespan(service: Service) -> Callable[[FastAPI], Any]:
    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        from v2m_bridge.daemon.inbox.watch import watching_inbox
        from v2m_bridge.daemon.osc import osc_endpoint

        service.broker.bind(asyncio.get_running_loop())
        async with AsyncExitStack() as stack:
            await run_in_threadpool(service.start)
            stack.push_async_callback(run_in_threadpool, service.stop)
            stack.callback(service.broker.close)
            if service.config.osc_port:
                await stack.enter_async_context(osc_endpoint(service))
            if service.config.watch_inbox:
                await stack.enter_async_context(watching_inbox(service))
            yield

    return lifespan


def _page_routes(daemon: Daemon) -> None:
    app = daemon.app

    console_files = pages.ConsoleFiles()
    app.mount("/static", console_files)

    @app.get("/", include_in_schema=False)
    async def console(request: Request) -> Response:
        return await console_files.get_response("index.html", request.scope)

    @app.get("/login/{code}", include_in_schema=False)
    async def login(request: Request, code: str) -> Response:
        if not daemon.links.redeem(code):
            page = pages.refusal_page("this link was used before, or it is too old")
            return HTMLResponse(page, 401, {"content-security-policy": pages.GATE_POLICY})
        secret = await run_in_threadpool(daemon.sessions.open)
        answer = HTMLResponse(pages.welcome_page(), headers={"content-security-policy": pages.GATE_POLICY})
        answer.set_cookie(
            _cookie(daemon.config),
            secret,
            max_age=int(daemon.sessions.life_s),
            httponly=True,
            samesite="strict",
            secure=request.url.scheme == "https",
        )
        return answer


def _description(app: FastAPI) -> dict[str, Any]:
    """OpenAPI with the bodies that are parsed by hand, and with the token."""
    if app.openapi_schema is None:
        schema = get_openapi(title=app.title, version=app.version, routes=app.routes)
        parts = schema.setdefault("components", {}).setdefault("schemas", {})
        for model in (ScoreRequest, PushRequest):
            body = model.model_json_schema(ref_template=REF)
            parts.update(body.pop("$defs", {}))
            parts[model.__name__] = body
        schema["components"]["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
        schema["security"] = [{"token": []}]
        app.openapi_schema = schema
    return app.openapi_schema
