"""Leads a browser to the console without showing the link to other users of the machine."""

from __future__ import annotations

import webbrowser
from pathlib import Path

OPENING = (
    '<!doctype html><meta charset="utf-8"><meta name="referrer" content="no-referrer">'
    '<meta http-equiv="refresh" content="0; url={url}"><title>v2m-bridge</title><p><a href="{url}">Open the console</a>'
)
"""Page that leads a browser to the console: others can read its command line, which names the file and not the link."""


def open_console(home: Path, url: str) -> None:
    """Open ``url``, a link that signs one browser in, through a file that only its owner can read.

    Raises:
        SetupError: the file cannot be written.
    """
    from v2m_bridge.daemon.tokens import write_private

    page = home / "open.html"
    write_private(page, OPENING.format(url=url))
    webbrowser.open(page.as_uri())
