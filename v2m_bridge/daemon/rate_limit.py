"""How often one caller may ask, over HTTP and over OSC."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable

MOST_BUCKETS = 4096
"""Callers that are remembered; the least recently seen are forgotten."""


class Buckets:
    """Token buckets, one per caller.

    Args:
        per_s: requests a second that a caller may go on with for ever.
        burst: requests that a caller may make at once after a rest.
        clock: monotonic seconds.
    """

    def __init__(self, per_s: float, burst: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._per_s, self._burst, self._clock = per_s, burst, clock
        self._level: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self._lock = threading.Lock()

    def take(self, caller: str) -> bool:
        """Whether ``caller`` may make one more request now; if so it counts."""
        now = self._clock()
        with self._lock:
            level, at = self._level.pop(caller, (float(self._burst), now))
            level = min(float(self._burst), level + (now - at) * self._per_s)
            allowed = level >= 1.0
            self._level[caller] = (level - 1.0 if allowed else level, now)
            while len(self._level) > MOST_BUCKETS:
                self._level.popitem(last=False)
        return allowed
