"""The hits of a fit as a table (CSV) for a spotting session: where each falls, and how well the music meets it."""

from __future__ import annotations

import csv
from pathlib import Path

from v2m_bridge.errors import InputError
from v2m_bridge.score import Score
from v2m_bridge.sync.document import FitDocument, HitDocument
from v2m_bridge.timeline.document import TimelineDocument
from v2m_bridge.timing.rates import exact_rate
from v2m_bridge.timing.timecode import format_timecode

COLUMNS = ("number", "timecode", "frame", "seconds", "kind", "must", "weight", "beat", "error_frames", "lands", "label")
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def write_hits_csv(document: Score | FitDocument, path: Path, timeline: TimelineDocument | None = None) -> None:
    """Write one row a hit; a fit without its timeline has an empty ``timecode`` column.

    Raises:
        InputError: ``path`` cannot be written.
    """
    fit = document.fit if isinstance(document, Score) else document
    edit = document.timeline if isinstance(document, Score) else timeline
    try:
        # with a byte order mark, without which spreadsheets take UTF-8 for something else
        with path.open("w", encoding="utf-8-sig", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(COLUMNS)
            for number, hit in enumerate(fit.hits, start=1):
                writer.writerow(_row(number, hit, edit))
    except OSError as error:
        raise InputError(f"cannot write {path}: {error.strerror}") from error


def _row(number: int, hit: HitDocument, edit: TimelineDocument | None) -> tuple[str, ...]:
    timecode = ""
    if edit is not None:
        timecode = format_timecode(edit.start_frame + hit.frame, exact_rate(edit.rate), edit.drop_frame)
    return (
        str(number),
        timecode,
        str(hit.frame),
        f"{hit.seconds:.6f}",
        hit.kind.value,
        "yes" if hit.must else "no",
        f"{hit.weight:g}",
        f"{hit.beat:g}",
        f"{hit.error_frames:.3f}",
        hit.lands.value,
        _plain(hit.label),
    )


def _plain(text: str) -> str:
    """Marker texts come from strangers; a spreadsheet must not take one for a formula."""
    return f"'{text}" if text.startswith(_FORMULA_STARTS) else text
