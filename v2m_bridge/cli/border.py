"""The border to the user: text that any terminal can show, and errors as one line and, with ``--json``, one object."""

from __future__ import annotations

import io
import json
import logging
import sys
from collections.abc import Sequence
from typing import NoReturn

from v2m_bridge.errors import V2MError

ERROR_SCHEMA = "v2m.error/1"


def open_streams() -> None:
    """Let a terminal or a file of any encoding take any text: a character that it lacks becomes ``?``."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def write_json_text(text: str) -> None:
    """Put JSON on stdout as UTF-8, whatever the terminal's encoding; half a surrogate pair (of a file's name that is
    no UTF-8) is written as JSON escapes it."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8", errors="backslashreplace")
    if sys.stdout is not None:
        sys.stdout.write(text + "\n")


def fail(error: V2MError, arguments: Sequence[str], exit_code: int | None = None) -> NoReturn:
    """End with one line on stderr, and with ``--json`` one object on stdout too."""
    if sys.stderr is None:  # started without a console: its log is what a person can read
        logging.getLogger("v2m_bridge").error("%s", error)
    else:
        print(f"v2m-bridge: {error}", file=sys.stderr)
    if "--json" in arguments:
        told = {"code": error.code, "message": error.message, "hint": error.hint}
        write_json_text(json.dumps({"schema": ERROR_SCHEMA, "error": told}, ensure_ascii=False))
    sys.exit(error.exit_code if exit_code is None else exit_code)
