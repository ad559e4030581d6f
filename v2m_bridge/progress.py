"""How long work reports itself, without knowing who listens."""

from __future__ import annotations

from collections.abc import Callable

Progress = Callable[[str, float], None]
"""Called as ``progress(stage, fraction)``: a short stage name and the share of that stage done, 0..1.

A listener may raise :class:`v2m_bridge.errors.Cancelled` to stop the work at the next report.
"""


def silent(stage: str, fraction: float) -> None:
    """The listener that ignores everything."""
