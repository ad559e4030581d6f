"""The console's files, and the few pages that are shown to people who are not signed in."""

from __future__ import annotations

import html
import mimetypes
import os
from importlib.resources import files

from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

GATE_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'"

STATIC_TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml", ".html": "text/html"}
"""Set for the whole process: on Windows the registry may call a script text, which no browser would then run."""


class ConsoleFiles(StaticFiles):
    """The files of ``daemon/web``. A browser keeps them, but asks each time whether they have changed."""

    def __init__(self) -> None:
        super().__init__(packages=[("v2m_bridge.daemon", "web")])
        for suffix, kind in STATIC_TYPES.items():
            mimetypes.add_type(kind, suffix)

    def file_response(
        self, full_path: str | os.PathLike[str], stat_result: os.stat_result, scope: Scope, status_code: int = 200
    ) -> Response:
        """The file, or 304 for a browser that has it."""
        response = super().file_response(full_path, stat_result, scope, status_code)
        response.headers["cache-control"] = "no-cache"
        return response


def _gate(title: str, text: str, head: str = "") -> str:
    page = (files("v2m_bridge.daemon") / "http" / "gate.html").read_text(encoding="utf-8")
    return page.replace("{{title}}", html.escape(title)).replace("{{text}}", text).replace("{{head}}", head)


def refusal_page(message: str) -> str:
    """What a browser shows that has no session."""
    how = (
        f"<p>{html.escape(message[:1].upper() + message[1:])}.</p><p>Run <code>v2m-bridge serve --link</code> on the"
        " machine where the daemon runs and open the link it prints. A link works once.</p>"
    )
    return _gate("This window is not signed in", how)


def welcome_page() -> str:
    """Answer to a valid link. It goes on by itself: the cookie is only sent to navigation that starts here."""
    head = '<meta http-equiv="refresh" content="0; url=/">'
    return _gate("Signed in", '<p><a href="/">Open v2m-bridge</a></p>', head)
