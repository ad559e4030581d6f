"""Errors become answers here and nowhere else: one JSON shape, a fitting status, never a trace."""

from __future__ import annotations

import logging
import re
from collections.abc import Awaitable, Callable

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError
from pydantic_core import ErrorDetails
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse

from v2m_bridge.daemon.jobs.job import NoSuchJob, QueueFull, StoreError, WrongState
from v2m_bridge.daemon.paths import PathNotAllowed
from v2m_bridge.daemon.schemas import ErrorAnswer, ErrorBody
from v2m_bridge.errors import DiskFull, HostError, InputError, SetupError, V2MError, cannot_write, is_disk_full

STATUSES: tuple[tuple[type[V2MError], int], ...] = (
    (PathNotAllowed, 403),
    (NoSuchJob, 404),
    (WrongState, 409),
    (HostError, 409),
    (SetupError, 409),
    (QueueFull, 429),
    (StoreError, 503),
    (DiskFull, 507),
    (InputError, 422),
    (V2MError, 422),
)
"""The first that fits counts. A host that does not answer is a conflict of state, not a fault of this server."""

CODES = {
    400: "bad_request",
    404: "not_found",
    405: "wrong_method",
    413: "too_large",
    415: "wrong_type",
    416: "wrong_range",
    429: "too_many_requests",
}

RETRY_AFTER_S = {429: 2, 503: 5, 507: 30}
"""Status -> after how many seconds another try makes sense."""

log = logging.getLogger("v2m_bridge.http")

Handler = Callable[[Request, Exception], Awaitable[JSONResponse]]


def answer(status: int, code: str, message: str, hint: str | None = None) -> JSONResponse:
    """An error as JSON."""
    body = ErrorAnswer(error=ErrorBody(code=code, message=message, hint=hint)).model_dump()
    headers = {"retry-after": str(RETRY_AFTER_S[status])} if status in RETRY_AFTER_S else None
    return JSONResponse(body, status, headers)


def first_complaint(errors: list[ErrorDetails]) -> str:
    """The first thing that is wrong with a body, in one line."""
    first = errors[0]
    place = ".".join(str(part) for part in first["loc"] if part not in ("body", "query", "path"))
    message = first["msg"].removeprefix("Value error, ")
    if first["type"] == "extra_forbidden":
        message = "nothing is known by this name"
    return f"{place}: {message}" if place else message


async def _ours(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, V2MError)
    status = next(status for kind, status in STATUSES if isinstance(error, kind))
    return answer(status, error.code, error.message, error.hint)


async def _invalid(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError | ValidationError)
    errors = error.errors() if isinstance(error, RequestValidationError) else error.errors(include_context=False)
    return answer(422, "bad_request", first_complaint(list(errors)), "see /openapi.json")


async def _http(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    told = answer(error.status_code, CODES.get(error.status_code, "refused"), str(error.detail))
    if error.status_code == 405:
        told.headers["allow"] = ", ".join(_methods_of(request)) or (error.headers or {}).get("allow", "GET")
    return told


def _methods_of(request: Request) -> list[str]:
    """What may be asked of a path: the router itself names the methods of the first route that fits alone."""
    found: set[str] = set()
    for path, methods in request.app.openapi()["paths"].items():
        pattern = re.sub(r"\\{\w+\\}", "[^/]+", re.escape(path))
        if re.fullmatch(pattern, request.url.path):
            found |= {method.upper() for method in methods}
    return sorted(found)


async def _system(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, OSError)
    if is_disk_full(error):
        return await _ours(request, cannot_write("what was sent", error))
    return await _unknown(request, error)


async def _unknown(request: Request, error: Exception) -> JSONResponse:
    log.error("%s %s failed", request.method, request.url.path, exc_info=error)
    return answer(500, "internal_error", "internal error; the daemon's log has the details")


def install(app: FastAPI) -> None:
    """Make every error of ``app`` an answer of this shape."""
    handlers: dict[type[Exception], Handler] = {
        V2MError: _ours,
        RequestValidationError: _invalid,
        ValidationError: _invalid,
        HTTPException: _http,
        OSError: _system,
        Exception: _unknown,
    }
    for kind, handler in handlers.items():
        app.add_exception_handler(kind, handler)
