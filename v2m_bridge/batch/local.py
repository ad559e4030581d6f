"""Distributes a batch over processes of this machine. A process that dies costs its edits one more try."""

from __future__ import annotations

import multiprocessing
from collections import Counter, deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

from v2m_bridge.batch.plan import BatchItem
from v2m_bridge.batch.record import BatchRecord, failed_record
from v2m_bridge.batch.work import start_process, work_in_process
from v2m_bridge.compose.engine import Engine
from v2m_bridge.errors import InternalError

MOST_TRIES = 3
"""An edit in whose company a process died so often counts as failed."""


class LocalDistributor:
    """Processes of this machine, started anew (spawned), as many as ``jobs``."""

    def __init__(self, jobs: int, engine: Engine) -> None:
        """``engine`` says what each process loads; it is sent there before it has loaded anything."""
        self._jobs, self._engine = jobs, engine
        self._pool: ProcessPoolExecutor | None = None

    def run(self, items: Sequence[BatchItem], out: Path) -> Iterator[BatchRecord]:
        """The records of all ``items``, each once, as it ends; at most two for each process wait in the pool.

        When a process dies, all edits that were under way are suspects: they go alone, so that the one that kills is
        known, before the others go on together.
        """
        waiting, tries = deque(items), Counter[str]()
        running: dict[Future[BatchRecord], BatchItem] = {}
        while waiting or running:
            try:
                while waiting and self._may_submit(waiting[0], running, tries):
                    future = self._submit(waiting[0], out)
                    running[future] = waiting.popleft()
                ended = wait(running, return_when=FIRST_COMPLETED).done
                broken = any(isinstance(future.exception(), BrokenProcessPool) for future in ended)
            except BrokenProcessPool:
                ended, broken = set(running), True
            if broken:
                self.close()
                wait(running)
                ended = set(running)
            for future in ended:
                item = running.pop(future)
                if not isinstance(future.exception(), BrokenProcessPool):
                    tries.pop(item.name, None)
                    yield future.result()
                    continue
                tries[item.name] += 1
                if tries[item.name] < MOST_TRIES:
                    waiting.appendleft(item)
                    continue
                del tries[item.name]
                error = InternalError("its process ended again and again", "score it alone to see why")
                yield failed_record(item.name, item.edit, item.fingerprint, error)

    def _may_submit(
        self, item: BatchItem, running: Mapping[Future[BatchRecord], BatchItem], tries: Mapping[str, int]
    ) -> bool:
        """A suspect waits until it is alone, and nothing is sent beside one."""
        if item.name in tries or any(other.name in tries for other in running.values()):
            return not running
        return len(running) < 2 * self._jobs

    def _submit(self, item: BatchItem, out: Path) -> Future[BatchRecord]:
        if self._pool is None:
            context = multiprocessing.get_context("spawn")
            self._pool = ProcessPoolExecutor(
                self._jobs, mp_context=context, initializer=start_process, initargs=(self._engine,)
            )
        return self._pool.submit(work_in_process, item, out)

    def close(self) -> None:
        """End the processes at once; what they were doing is done anew the next time."""
        if self._pool is None:
            return
        for process in list((getattr(self._pool, "_processes", None) or {}).values()):  # shutdown would let them finish
            process.terminate()
        self._pool.shutdown(wait=True, cancel_futures=True)
        self._pool = None
