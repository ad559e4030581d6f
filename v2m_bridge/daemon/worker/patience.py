"""How long a job may go without a sign of life, and how long to wait after the disk or the store failed."""

from __future__ import annotations

import time
from collections.abc import Callable

from v2m_bridge.compose.stages import STAGES
from v2m_bridge.daemon.jobs.job import JobError

MINUTE_S = 60.0

STAGE_PATIENCE_S: dict[str, float] = {
    "": 10 * MINUTE_S,
    "edit": 30 * MINUTE_S,
    "footage": 30 * MINUTE_S,
    "tempo": 30 * MINUTE_S,
    "chords": 30 * MINUTE_S,
    "parts": 15 * MINUTE_S,
    "files": 30 * MINUTE_S,
}
"""Stage (empty: before the first one) -> how long it may report nothing. Generous: a slow network share, a film of
hours, or another job that has the networks first must not end a score."""

START_PATIENCE_S = 15 * MINUTE_S
"""How long a fresh worker may load networks."""

_LABELS = {stage.name: stage.label.lower() for stage in STAGES}


class Watchdog:
    """Notes signs of life, and names the job that has given none for too long.

    Args:
        factor: multiplies every patience (tests wait less).
        clock: monotonic seconds.
    """

    def __init__(self, factor: float = 1.0, clock: Callable[[], float] = time.monotonic) -> None:
        self._factor, self._clock = factor, clock
        self._alive: dict[str, tuple[str, float]] = {}

    def saw(self, job_id: str, stage: str) -> None:
        """The job is in ``stage`` and has just reported."""
        self._alive[job_id] = (stage, self._clock())

    def forget(self, job_id: str) -> None:
        """The job runs no more."""
        self._alive.pop(job_id, None)

    def _deadline(self, job_id: str) -> float:
        stage, at = self._alive[job_id]
        return at + self._factor * STAGE_PATIENCE_S.get(stage, 30 * MINUTE_S)

    def next_deadline(self) -> float | None:
        """When the first job runs out of patience (clock seconds), None without jobs."""
        return min((self._deadline(job_id) for job_id in self._alive), default=None)

    def stuck(self) -> str | None:
        """The job that is past its deadline. Of several only the one that has been silent for longest: the others may
        have waited for it."""
        late = [job_id for job_id in self._alive if self._deadline(job_id) <= self._clock()]
        return min(late, key=lambda job_id: self._alive[job_id][1], default=None)

    def verdict(self, job_id: str) -> JobError:
        """Why the job has failed, with the stage's name."""
        stage, at = self._alive[job_id]
        minutes = max(1, round((self._clock() - at) / MINUTE_S))
        doing = _LABELS.get(stage, "beginning")
        return JobError(
            code="stuck",
            message=f"scoring made no progress for {minutes} min in the stage {stage or 'start'!r} ({doing})",
            hint="media on a drive that does not answer is the usual cause; score it again when it is there",
        )


FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 10.0


class Pause:
    """Waits longer and longer while the disk or the store fails, and says why.

    Attributes:
        reason: what is wrong, empty while all is well.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._length_s = 0.0
        self._until = 0.0
        self.reason = ""

    def begin(self, reason: str) -> None:
        """Something failed: wait, twice as long as the last time."""
        self.reason = reason
        self._length_s = min(LONGEST_PAUSE_S, max(FIRST_PAUSE_S, 2 * self._length_s))
        self._until = self._clock() + self._length_s

    def over(self) -> None:
        """All is well again."""
        self.reason = ""
        self._length_s = 0.0

    @property
    def left_s(self) -> float:
        """How long to wait yet."""
        return max(0.0, self._until - self._clock()) if self.reason else 0.0
