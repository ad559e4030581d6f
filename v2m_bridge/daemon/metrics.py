"""Counters in Prometheus' text format, version 0.0.4."""

from __future__ import annotations

import threading
import time
from collections import defaultdict

from v2m_bridge.daemon.schemas import ScoreStatus

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

HELP: dict[str, tuple[str, str]] = {
    "v2m_scores_submitted_total": ("counter", "Scores asked for, by where they came from."),
    "v2m_scores_finished_total": ("counter", "Scores that ended, by state."),
    "v2m_score_seconds": ("histogram", "Seconds from the start of work on a score to its end."),
    "v2m_wait_seconds": ("histogram", "Seconds a score waited in the queue."),
    "v2m_pushes_total": ("counter", "Scores brought into a host, by outcome."),
    "v2m_http_requests_total": ("counter", "HTTP requests, by method and status."),
    "v2m_osc_messages_total": ("counter", "OSC messages, by outcome."),
    "v2m_jobs": ("gauge", "Scores known, by state."),
    "v2m_event_streams": ("gauge", "Open event streams."),
    "v2m_worker_up": ("gauge", "1 when the worker has its networks loaded."),
    "v2m_worker_restarts_total": ("counter", "Times the worker process ended and was started again."),
    "v2m_worker_resident_bytes": ("gauge", "Memory of the worker process after its last score."),
    "v2m_uptime_seconds": ("gauge", "Seconds since the daemon started."),
    "process_resident_memory_bytes": ("gauge", "Memory of the daemon's own process."),
}
"""Every metric: its type and what it says."""

BUCKETS_S = (0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1000.0)

Labels = tuple[tuple[str, str], ...]


def _labelled(name: str, labels: Labels) -> str:
    inside = ",".join(f'{key}="{_escaped(value)}"' for key, value in labels)
    return f"{name}{{{inside}}}" if inside else name


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


class Metrics:
    """Thread-safe counters and two histograms."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: dict[str, dict[Labels, float]] = defaultdict(lambda: defaultdict(float))
        self._histograms: dict[str, list[int]] = {
            n: [0] * len(BUCKETS_S) for n, (t, _) in HELP.items() if t == "histogram"
        }
        self._sums: dict[str, float] = defaultdict(float)
        self._totals: dict[str, int] = defaultdict(int)
        self._started = time.monotonic()

    @property
    def uptime_s(self) -> float:
        """Seconds since the daemon started."""
        return time.monotonic() - self._started

    def count(self, name: str, **labels: str) -> None:
        """Add one to a counter of :data:`HELP`."""
        assert name in HELP, name
        with self._lock:
            self._counts[name][tuple(sorted(labels.items()))] += 1

    def observe(self, name: str, seconds: float) -> None:
        """Add one duration to a histogram."""
        with self._lock:
            self._sums[name] += seconds
            self._totals[name] += 1
            for place, bound in enumerate(BUCKETS_S):
                self._histograms[name][place] += seconds <= bound

    def finished(self, status: ScoreStatus) -> None:
        """Note a score that has just ended."""
        self.count("v2m_scores_finished_total", state=status.state)
        if status.started_s is not None and status.finished_s is not None:
            self.observe("v2m_score_seconds", max(0.0, status.finished_s - status.started_s))
            self.observe("v2m_wait_seconds", max(0.0, status.started_s - status.created_s))

    def text(self, gauges: dict[str, dict[Labels, float]]) -> str:
        """The page: counters and histograms of this object, and ``gauges`` as they are now."""
        lines: list[str] = []
        with self._lock:
            for name, (kind, meaning) in HELP.items():
                lines += [f"# HELP {name} {meaning}", f"# TYPE {name} {kind}"]
                if kind == "histogram":
                    lines += self._histogram(name)
                values = gauges.get(name) or self._counts.get(name) or {}
                lines += [f"{_labelled(name, labels)} {value:g}" for labels, value in sorted(values.items())]
        return "\n".join(lines) + "\n"

    def _histogram(self, name: str) -> list[str]:
        lines = [f'{name}_bucket{{le="{b:g}"}} {n}' for b, n in zip(BUCKETS_S, self._histograms[name], strict=True)]
        total = self._totals[name]
        return [
            *lines,
            f'{name}_bucket{{le="+Inf"}} {total}',
            f"{name}_sum {self._sums[name]:g}",
            f"{name}_count {total}",
        ]
