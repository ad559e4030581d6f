"""Files that appear in the inbox become jobs."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from v2m_bridge.daemon.service import Service


@asynccontextmanager
async def watching_inbox(service: Service) -> AsyncIterator[None]:
    """Watch ``inbox/`` while the daemon runs."""
    (service.config.home / "inbox").mkdir(parents=True, exist_ok=True)
    yield
