"""Scores one edit of a batch in a process of its own; networks stay loaded from one edit to the next."""

from __future__ import annotations

import time
from pathlib import Path

from v2m_bridge.batch.plan import BatchItem
from v2m_bridge.batch.record import BatchRecord, done_record, failed_record, write_record
from v2m_bridge.compose.engine import Engine
from v2m_bridge.compose.pipeline import compose
from v2m_bridge.compose.write_files import write_score_files
from v2m_bridge.errors import InternalError, V2MError, cannot_write

_of_this_process = Engine()
"""What a process of a batch has loaded."""


def start_process(engine: Engine) -> None:
    """Take ``engine``, which has loaded nothing yet, for all edits of this process."""
    global _of_this_process
    _of_this_process = engine


def work_in_process(item: BatchItem, out: Path) -> BatchRecord:
    """:func:`work` with the engine of this process."""
    return work(item, out, _of_this_process)


def work(item: BatchItem, out: Path, engine: Engine) -> BatchRecord:
    """Score ``item`` into its folder below ``out`` and remember that; a failure is a record as well."""
    folder = out / item.name
    started = time.perf_counter()
    try:
        written = write_score_files(compose(item.edit, item.options, engine), folder)
        record = done_record(item.name, item.edit, item.fingerprint, written.score, time.perf_counter() - started)
        write_record(folder, record)
    except V2MError as error:
        record = _failed(item, folder, error)
    except OSError as error:
        record = _failed(item, folder, cannot_write(folder, error))
    except Exception as error:  # one edit must not stop the others
        record = _failed(item, folder, InternalError(f"internal error: {type(error).__name__}: {error}"))
    return record


def _failed(item: BatchItem, folder: Path, error: V2MError) -> BatchRecord:
    record = failed_record(item.name, item.edit, item.fingerprint, error)
    try:
        write_record(folder, record)
    except (V2MError, OSError):  # the batch's own list has it
        return record
    return record
