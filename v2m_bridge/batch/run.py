"""Runs a batch: what is done already stays, the rest is distributed, and every edit ends as a record."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from v2m_bridge.batch.plan import BatchItem
from v2m_bridge.batch.record import BatchRecord, read_record
from v2m_bridge.batch.report import batch_document, write_report
from v2m_bridge.errors import InputError, cannot_write
from v2m_bridge.files.lock import Timeout, hold

LOCK = ".v2m-batch.lock"


class Distributor(Protocol):
    """Where the edits of a batch are scored."""

    def run(self, items: Sequence[BatchItem], out: Path) -> Iterator[BatchRecord]:
        """The records of all ``items``, each as it ends."""

    def close(self) -> None:
        """Let go of processes or of a cluster."""


@dataclass(frozen=True)
class BatchReport:
    """The records of all edits in the order of the batch, and ``batch.json`` as a document."""

    records: tuple[BatchRecord, ...]
    document: dict[str, Any]

    @property
    def failed(self) -> tuple[BatchRecord, ...]:
        """Edits that could not be scored."""
        return tuple(record for record in self.records if record.state == "failed")


def run_batch(
    items: Sequence[BatchItem],
    out: Path,
    distributor: Distributor,
    *,
    resume: bool = True,
    retry_failed: bool = False,
    told: Callable[[BatchRecord, int, int], None] = lambda record, done, total: None,
) -> BatchReport:
    """Score what is not yet done, and write the report.

    Args:
        out: one folder an edit below it; the truth about what is done lies there.
        resume: keep what is done for the same edit, options and version, and what failed for them.
        retry_failed: score failed ones again.
        told: hears of every edit that ends, with how many have and how many there are.

    Raises:
        InputError: ``out`` cannot be written, or another batch is at work in it.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise cannot_write(out, error) from error
    try:
        lock = hold(out / LOCK, wait=False)
    except Timeout as error:
        raise InputError(f"another batch is at work in {out}", "wait for it, or give another --out") from error
    started = time.monotonic()
    with lock:
        kept = {item.name: _known(item, out, resume, retry_failed) for item in items}
        known = {name: record for name, record in kept.items() if record is not None}
        left = [item for item in items if item.name not in known]
        found = dict(known)
        try:
            for record in distributor.run(left, out):
                found[record.name] = record
                told(record, len(found) - len(known), len(left))
        finally:
            distributor.close()
            records = tuple(found[item.name] for item in items if item.name in found)
            document = batch_document(records, len(known), time.monotonic() - started)
            write_report(out, records, document)
    return BatchReport(records, document)


def _known(item: BatchItem, out: Path, resume: bool, retry_failed: bool) -> BatchRecord | None:
    record = read_record(out / item.name) if resume else None
    if record is None or record.fingerprint != item.fingerprint:
        return None
    if record.state == "done":
        return record if (out / item.name / "score.json").is_file() else None
    return None if retry_failed else record
