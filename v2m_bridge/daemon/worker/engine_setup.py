"""Which folders a daemon may open media in, from what it was started with."""

from __future__ import annotations

from pathlib import Path

from v2m_bridge.daemon.config import LOOPBACK, EngineSetup


def engine_setup(home: Path, media_roots: tuple[Path, ...], clip_weights: Path | None, host: str) -> EngineSetup:
    """What the worker loads and may open.

    Media is opened below ``media_roots``. Without any, a daemon on loopback opens media below the user's home folder
    and on the drives that are mounted when it makes a score (whoever can talk to it is that user), and a daemon on the
    network opens none.
    """
    whatever_is_there = not media_roots and host in LOOPBACK
    return EngineSetup(
        media_roots=tuple(str(root) for root in media_roots),
        confine_to=None if whatever_is_there else tuple(str(root) for root in media_roots),
        cache=str(home / "cache"),
        clip_weights=str(clip_weights) if clip_weights else None,
    )
