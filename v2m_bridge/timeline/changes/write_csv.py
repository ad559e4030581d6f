"""Changes as a table for a spreadsheet, one row a change."""

from __future__ import annotations

import csv
import io
from pathlib import Path

from v2m_bridge.timeline.changes.model import CutChanges
from v2m_bridge.timeline.model import Timeline

COLUMNS = ("change", "old in", "old out", "new in", "new out", "old frames", "new frames", "moved by frames", "name")


def changes_csv(changes: CutChanges, old: Timeline, new: Timeline) -> str:
    """Rows of timecodes and lengths; a name that a spreadsheet would take for a formula gets a leading quote."""
    out = io.StringIO()
    rows = csv.writer(out, lineterminator="\n")
    rows.writerow(COLUMNS)
    for change in changes.changes:
        a, b = change.old, change.new
        rows.writerow(
            (
                change.kind.value,
                *((old.timecode(a[0]), old.timecode(a[1])) if a else ("", "")),
                *((new.timecode(b[0]), new.timecode(b[1])) if b else ("", "")),
                a[1] - a[0] if a else "",
                b[1] - b[0] if b else "",
                b[0] - a[0] if a and b else "",
                f"'{change.name}" if change.name[:1] in ("=", "+", "-", "@") else change.name,
            )
        )
    return out.getvalue()


def write_changes_csv(changes: CutChanges, old: Timeline, new: Timeline, path: Path) -> None:
    """Write the table as UTF-8."""
    path.write_text(changes_csv(changes, old, new), encoding="utf-8", newline="\n")
