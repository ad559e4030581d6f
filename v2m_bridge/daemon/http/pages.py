"""The few pages that are shown to people who are not signed in, and the files of the console."""

from __future__ import annotations

import hashlib
import html
from functools import lru_cache
from importlib.resources import files

GATE_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'"

STATIC_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".html": "text/html; charset=utf-8",
}


def _asset(name: str) -> bytes:
    return (files("v2m_bridge.daemon") / "web" / name).read_bytes()


@lru_cache(maxsize=1)
def static_names() -> frozenset[str]:
    """Files of the console that may be fetched below ``/static/``."""
    names = (entry.name for entry in (files("v2m_bridge.daemon") / "web").iterdir())
    return frozenset(name for name in names if name.endswith((".css", ".js", ".svg")))


@lru_cache(maxsize=32)
def static_file(name: str) -> tuple[bytes, str, str]:
    """Bytes, content type and entity tag of a file of the console."""
    body = _asset(name)
    return body, STATIC_TYPES["." + name.rpartition(".")[2]], f'"{hashlib.sha256(body).hexdigest()[:20]}"'


def _gate(title: str, text: str, head: str = "") -> str:
    page = _asset("gate.html").decode()
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
