"""What a batch remembers of each edit, beside its score: done or failed, and for which edit and options."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from v2m_bridge.errors import V2MError
from v2m_bridge.files.names import readable
from v2m_bridge.files.whole import write_whole
from v2m_bridge.score.model import Score

NAME = ".v2m-batch.json"


class BatchRecord(BaseModel):
    """The outcome of one edit; figures are of its score, empty where it failed."""

    model_config = ConfigDict(frozen=True)

    name: str
    edit: str
    fingerprint: str
    state: Literal["done", "failed"]
    error: str = ""
    hint: str = ""
    title: str = ""
    key: str = ""
    min_bpm: float | None = None
    max_bpm: float | None = None
    hits: int = 0
    landed: int = 0
    seconds: float = 0.0
    warnings: tuple[str, ...] = ()


def done_record(name: str, edit: Path, fingerprint: str, score: Score, seconds: float) -> BatchRecord:
    """Of a finished score; ``seconds`` is the time that it took."""
    summary = score.fit.summary
    return BatchRecord(
        name=readable(name),
        edit=readable(edit),
        fingerprint=fingerprint,
        state="done",
        title=score.timeline.title,
        key=score.key,
        min_bpm=round(summary.min_bpm, 3),
        max_bpm=round(summary.max_bpm, 3),
        hits=summary.hits,
        landed=summary.landed,
        seconds=round(seconds, 2),
        warnings=tuple(score.warnings),
    )


def failed_record(name: str, edit: Path, fingerprint: str, error: V2MError) -> BatchRecord:
    """Of an edit that could not be scored."""
    return BatchRecord(
        name=readable(name),
        edit=readable(edit),
        fingerprint=fingerprint,
        state="failed",
        error=readable(error.message),
        hint=readable(error.hint or ""),
    )


def read_record(folder: Path) -> BatchRecord | None:
    """What is remembered in ``folder``; None where there is nothing, or nothing that can be read."""
    try:
        return BatchRecord.model_validate_json((folder / NAME).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, ValidationError):
        return None


def write_record(folder: Path, record: BatchRecord) -> None:
    """Remember ``record`` in ``folder``, which is made.

    Raises:
        InputError: it cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(folder / NAME, record.model_dump_json(indent=1) + "\n")
