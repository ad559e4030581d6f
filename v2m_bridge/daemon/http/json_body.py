"""JSON bodies, measured before they are parsed: a short text can make very many or very deep values."""

from __future__ import annotations

import re
from itertools import accumulate
from typing import Any

from pydantic_core import from_json
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request

JSON_TYPES = ("application/json", "application/vnd.opentimelineio+json")

MOST_VALUES = 2_000_000
"""Values in one body. An OTIO document has about one for 20 bytes, so that one of 32 MiB stays below."""

_STRING = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)
_NO_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))


async def read_json(request: Request, depth: int) -> Any:
    """The JSON of a request's body, parsed off the loop.

    Raises:
        HTTPException: 415 for another content type; 400 when it is no JSON, is nested deeper than ``depth`` or holds
            more than :data:`MOST_VALUES` values, the last two before anything of it is parsed.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in JSON_TYPES:
        raise HTTPException(415, "send application/json")
    return await run_in_threadpool(parse, await request.body(), depth)


def parse(body: bytes, depth: int) -> Any:
    """The value of a JSON text; see :func:`read_json`."""
    bare = _STRING.sub(b'""', body)
    if bare.count(b",") + bare.count(b"[") + bare.count(b"{") > MOST_VALUES:
        raise HTTPException(400, f"the body holds more than {MOST_VALUES} values")
    brackets = bare.translate(None, _NO_BRACKETS)
    del bare
    if max(accumulate(1 if bracket in b"[{" else -1 for bracket in brackets), default=0) > depth:
        raise HTTPException(400, f"the body is nested deeper than {depth} levels")
    try:
        return from_json(body, allow_inf_nan=False)
    except ValueError as error:
        raise HTTPException(400, f"the body is not JSON that can be read: {str(error)[:120]}") from None
