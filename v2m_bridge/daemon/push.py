"""Brings a finished score into REAPER."""

from __future__ import annotations

from v2m_bridge.daemon.jobs import Job
from v2m_bridge.daemon.paths import JobFolder
from v2m_bridge.errors import SetupError


def push_to_reaper(job: Job, folder: JobFolder) -> str:
    """Hand ``score.v2m`` to REAPER.

    Returns:
        What happened, in one sentence.

    Raises:
        HostError: REAPER did not answer or refused.
        SetupError: REAPER is not set up for it.
    """
    raise SetupError("pushing to REAPER is not available", "import score.v2m in REAPER")
