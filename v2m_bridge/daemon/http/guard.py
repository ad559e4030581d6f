"""Checks every request first: its host, its origin, its caller, its size, and how often that caller asks.

Plain ASGI, because streams must be checked too and every request pays for it. The order is fixed: a request for another
host or from another origin learns nothing, not even whether its token is right.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from dataclasses import dataclass

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from v2m_bridge.daemon.config import RequestLimits
from v2m_bridge.daemon.rate_limit import Buckets
from v2m_bridge.daemon.tokens import digest, same_secret

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
LOGIN_PREFIX = "/login/"
UPLOAD_PATH = "/v1/uploads"
SCORES_PATH = "/v1/scores"

CONSOLE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "frame-src 'self'; media-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "content-security-policy": CONSOLE_POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cache-control": "no-store",
}
"""Set on every answer that does not set its own."""


@dataclass(frozen=True)
class Refusal:
    """A request that goes no further."""

    status: int
    code: str
    message: str
    hint: str | None = None
    retry_after_s: int | None = None


WRONG_HOST = Refusal(421, "wrong_host", "this daemon does not answer to that host name", "start it with --allow-host")
WRONG_ORIGIN = Refusal(403, "wrong_origin", "requests from other web pages are refused")
NO_TOKEN = Refusal(
    401,
    "not_signed_in",
    "a token is needed",
    "programs send 'Authorization: Bearer' with the text of the file 'token' in the state folder; "
    "browsers open a link of: v2m-bridge serve --link",
)
WRONG_TOKEN = Refusal(
    401,
    "wrong_token",
    "the token is not this daemon's",
    "send the text of the file 'token' in its state folder, or what V2M_TOKEN or --token-file said when it was started",
)
NO_SESSION = Refusal(
    401, "not_signed_in", "this browser's session is unknown or has ended", "open a link of: v2m-bridge serve --link"
)
TOO_LARGE = Refusal(413, "too_large", "the request is too large")
TOO_OFTEN = Refusal(429, "too_many_requests", "too many requests", "wait a moment", retry_after_s=1)


@dataclass(frozen=True)
class Access:
    """Who may come in.

    Attributes:
        token: of programs.
        has_session: whether the digest of a cookie belongs to an open session.
        hosts: accepted ``Host`` headers, lower case.
        cookie: name of the session cookie.
    """

    token: str
    has_session: Callable[[str], bool]
    hosts: Callable[[], frozenset[str]]
    cookie: str


class Guard:
    """ASGI middleware around the whole application."""

    def __init__(
        self, app: ASGIApp, access: Access, limits: RequestLimits, seen: Callable[[str, str, int, float], None]
    ) -> None:
        """``seen`` is told method, path, status and seconds of every request."""
        self._app = app
        self._access = access
        self._limits = limits
        self._seen = seen
        self._known = Buckets(limits.requests_per_s, limits.request_burst)
        self._strangers = Buckets(limits.strangers_per_s, limits.stranger_burst)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":  # there are no websockets here
            await send({"type": "websocket.close", "code": 1008})
            return
        started = time.monotonic()
        status = 500

        async def tell(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                _add_headers(message)
            await send(message)

        try:
            refusal = self._refusal(scope)
            if refusal is not None:
                await refuse(refusal, scope, tell)
            else:
                await self._app(scope, self._counted(scope, receive), tell)
        finally:
            self._seen(scope["method"], scope["path"], status, time.monotonic() - started)

    def _refusal(self, scope: Scope) -> Refusal | None:
        headers = Headers(scope=scope)
        hosts = headers.getlist("host")
        if len(hosts) != 1 or hosts[0].lower() not in self._access.hosts():
            return WRONG_HOST
        if not _from_here(headers, scope):
            return WRONG_ORIGIN
        caller = self._caller(headers, scope)
        if isinstance(caller, Refusal):
            if scope["method"] in ("GET", "HEAD") and scope["path"].startswith(LOGIN_PREFIX):
                return None  # a code is too long to be guessed, and who has one is not kept out by who guesses
            # Who tries tokens must not use up what others at the same address have for opening the console.
            address = scope["client"][0] if scope.get("client") else "?"
            return caller if self._strangers.take(f"{address} {caller.code} {caller.message}") else TOO_OFTEN
        if not self._known.take(caller):
            return TOO_OFTEN
        length = headers.get("content-length", "0")
        if not length.isdecimal() or int(length) > self._most_bytes(scope):
            return TOO_LARGE
        return None

    def _caller(self, headers: Headers, scope: Scope) -> str | Refusal:
        """``"token"`` or a session's digest, or what to tell a stranger."""
        kind, _, given = headers.get("authorization", "").partition(" ")
        if kind.lower() == "bearer" and given.strip():
            return "token" if same_secret(given.strip(), self._access.token) else WRONG_TOKEN
        session = cookie_value(headers, self._access.cookie)
        if session is None:
            return NO_TOKEN
        if not self._access.has_session(digest(session)):
            return NO_SESSION
        if scope["method"] not in SAFE_METHODS and not headers.get("origin"):
            # A browser sends Origin with everything that changes something; without it nobody vouches for the page.
            return NO_TOKEN
        scope["v2m_session"] = digest(session)
        return digest(session)

    def _most_bytes(self, scope: Scope) -> int:
        path = scope["path"].rstrip("/")
        if scope["method"] == "POST" and path == UPLOAD_PATH:
            return self._limits.upload_bytes
        if scope["method"] == "POST" and path == SCORES_PATH:
            return self._limits.document_bytes
        return self._limits.plain_bytes

    def _counted(self, scope: Scope, receive: Receive) -> Receive:
        left = self._most_bytes(scope)

        async def counted() -> Message:
            nonlocal left
            message = await receive()
            left -= len(message.get("body", b""))
            if left < 0:
                raise HTTPException(TOO_LARGE.status, TOO_LARGE.message)
            return message

        return counted


def cookie_value(headers: Headers, name: str) -> str | None:
    """The value of a cookie; when it is sent twice the first counts."""
    for part in re.split(r";\s*", headers.get("cookie", "")):
        key, _, value = part.partition("=")
        if key == name and value:
            return value
    return None


def _from_here(headers: Headers, scope: Scope) -> bool:
    host = headers["host"].lower()
    origin = headers.get("origin")
    if origin is not None and origin.lower() not in (f"http://{host}", f"https://{host}"):
        return False
    if headers.get("sec-fetch-site", "none") in ("none", "same-origin"):
        return True
    # Another site, or another port of this machine: only a person following a link to a page is let through.
    page = scope["path"] == "/" or scope["path"].startswith(LOGIN_PREFIX)
    return page and scope["method"] == "GET" and headers.get("sec-fetch-mode") == "navigate"


def _add_headers(message: Message) -> None:
    present = {name.lower() for name, _ in message["headers"]}
    extra = [(n.encode(), v.encode()) for n, v in HEADERS.items() if n.encode() not in present]
    message["headers"] = [*message["headers"], *extra]


async def refuse(refusal: Refusal, scope: Scope, send: Send) -> None:
    """Answer with an error and nothing else: JSON, or a small page where a person opened the console."""
    headers = [(b"connection", b"close")] if refusal.status == 413 else []
    if refusal.status == 401:
        headers.append((b"www-authenticate", b"Bearer"))
    if refusal.retry_after_s is not None:
        headers.append((b"retry-after", str(refusal.retry_after_s).encode()))
    if scope["path"] == "/" and "text/html" in Headers(scope=scope).get("accept", ""):
        from v2m_bridge.daemon.http.pages import GATE_POLICY, refusal_page

        headers.append((b"content-security-policy", GATE_POLICY.encode()))
        body, kind = refusal_page(refusal.message).encode(), b"text/html; charset=utf-8"
    else:
        error = {"code": refusal.code, "message": refusal.message, "hint": refusal.hint}
        body, kind = json.dumps({"error": error}).encode(), b"application/json"
    headers += [(b"content-type", kind), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": refusal.status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})
