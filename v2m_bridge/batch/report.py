"""What a batch leaves beside the scores: ``batch.json``, ``batch.csv`` and a page that links all cue sheets."""

from __future__ import annotations

import csv
import html
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from v2m_bridge import __version__
from v2m_bridge.batch.record import BatchRecord
from v2m_bridge.files.whole import write_whole
from v2m_bridge.score.write_tables import plain_text

COLUMNS = ("name", "state", "title", "key", "tempo", "hits", "landed", "seconds", "warnings", "edit", "error")


def batch_document(records: Sequence[BatchRecord], skipped: int, seconds: float) -> dict[str, Any]:
    """``v2m.batch/1``: every edit with its outcome, and how many there are of each."""
    states = [record.state for record in records]
    return {
        "schema": "v2m.batch/1",
        "version": __version__,
        "items": [record.model_dump(mode="json") for record in records],
        "summary": {
            "items": len(records),
            "done": states.count("done"),
            "failed": states.count("failed"),
            "not_repeated": skipped,
            "seconds": round(seconds, 2),
        },
    }


def write_report(out: Path, records: Sequence[BatchRecord], document: dict[str, Any]) -> None:
    """Write the three files into ``out``, each whole.

    Raises:
        InputError: they cannot be written.
    """
    write_whole(out / "batch.json", json.dumps(document, ensure_ascii=False, indent=1) + "\n")
    write_whole(out / "batch.csv", _table(records))
    write_whole(out / "index.html", _page(records))


def _table(records: Sequence[BatchRecord]) -> str:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    for record in records:
        fields = record.model_dump() | {"tempo": tempo_of(record), "warnings": len(record.warnings)}
        writer.writerow([plain_text(str(fields[column])) for column in COLUMNS])
    return text.getvalue()


def tempo_of(record: BatchRecord) -> str:
    """``"96"`` or ``"92-101"``, or nothing."""
    if record.min_bpm is None or record.max_bpm is None:
        return ""
    low, high = f"{record.min_bpm:.0f}", f"{record.max_bpm:.0f}"
    return low if low == high else f"{low}-{high}"


_STYLE = """
:root { color-scheme: light dark; font: 15px/1.5 system-ui, sans-serif; }
body { margin: 2rem auto; max-width: 70rem; padding: 0 1rem; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; padding: .35rem .75rem .35rem 0; border-bottom: 1px solid #8884; vertical-align: top; }
td.n { text-align: right; font-variant-numeric: tabular-nums; }
.failed { color: light-dark(#a11, #f88); }
@media (max-width: 40rem) { th:nth-child(n+5), td:nth-child(n+5) { display: none; } }
"""


def _page(records: Sequence[BatchRecord]) -> str:
    rows = "\n".join(_row(record) for record in records)
    done = sum(record.state == "done" for record in records)
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>Batch</title>\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<style>{_STYLE}</style></head><body>\n<h1>{done} of {len(records)} edits scored</h1>\n"
        "<table><thead><tr><th>Cue</th><th>Key</th><th>Tempo</th><th>Hits</th><th>Seconds</th><th>Notes</th></tr></thead>\n"
        f"<tbody>\n{rows}\n</tbody></table></body></html>\n"
    )


def _row(record: BatchRecord) -> str:
    name = html.escape(record.name)
    if record.state == "failed":
        return f'<tr class="failed"><td>{name}</td><td colspan="5">{html.escape(record.error)}</td></tr>'
    link = f'<a href="{quote(record.name)}/cuesheet.html">{name}</a>'
    notes = html.escape("; ".join(record.warnings))
    return (
        f"<tr><td>{link}</td><td>{html.escape(record.key)}</td><td>{tempo_of(record)}</td>"
        f'<td class="n">{record.landed} of {record.hits}</td><td class="n">{record.seconds:.1f}</td>'
        f"<td>{notes}</td></tr>"
    )
