"""Distributes a batch over processes of this machine. A process that dies costs its edits one more try."""

from __future__ import annotations

import multiprocessing
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

from v2m_bridge.batch.plan import BatchItem
from v2m_bridge.batch.record import BatchRecord, failed_record
from v2m_bridge.batch.work import EngineWishes, work
from v2m_bridge.errors import InternalError

MOST_TRIES = 3
"""An edit in whose company a process died so often counts as failed."""


class LocalDistributor:
    """Processes of this machine, started anew (spawned), as many as ``jobs``."""

    def __init__(self, jobs: int, wishes: EngineWishes) -> None:
        self._jobs, self._wishes = jobs, wishes
        self._pool: ProcessPoolExecutor | None = None

    def run(self, items: Sequence[BatchItem], out: Path) -> Iterator[BatchRecord]:
        """The records of all ``items``, each as it ends; at most two for each process wait in the pool."""
        waiting, tries = deque(items), Counter[str]()
        running: dict[Future[BatchRecord], BatchItem] = {}
        while waiting or running:
            while waiting and len(running) < self._together(tries):
                item = waiting.popleft()
                running[self._submit(item, out)] = item
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                item = running.pop(future)
                try:
                    yield future.result()
                except BrokenProcessPool:
                    for lost in (item, *running.values()):
                        tries[lost.name] += 1
                        if tries[lost.name] >= MOST_TRIES:
                            error = InternalError("its process ended again and again", "score it alone to see why")
                            yield failed_record(lost.name, lost.edit, lost.fingerprint, error)
                        else:
                            waiting.append(lost)
                    running.clear()
                    self.close()
                    break

    def _together(self, tries: Counter[str]) -> int:
        """After a death, one at a time: the edit that kills is then known."""
        return 1 if tries else 2 * self._jobs

    def _submit(self, item: BatchItem, out: Path) -> Future[BatchRecord]:
        if self._pool is None:
            context = multiprocessing.get_context("spawn")
            self._pool = ProcessPoolExecutor(self._jobs, mp_context=context)
        return self._pool.submit(work, item, out, self._wishes)

    def close(self) -> None:
        """End the processes; what they were doing is done anew the next time."""
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)
            self._pool = None
