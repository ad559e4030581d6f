"""All files of a score, in one folder: the one table of what ``score`` writes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from v2m_bridge.files.staging import staged
from v2m_bridge.footage.video.thumbnails import shot_thumbnails
from v2m_bridge.progress import Progress, silent
from v2m_bridge.reaper.write_job import write_job
from v2m_bridge.reaper.write_rpp import write_rpp
from v2m_bridge.score.model import PreviewDocument, Score
from v2m_bridge.score.write_csv import write_cuesheet_csv
from v2m_bridge.score.write_cuesheet import write_cuesheet
from v2m_bridge.score.write_json import write_score
from v2m_bridge.score.write_midi import write_midi
from v2m_bridge.timeline.document import timeline_from_document

PREVIEW = "preview.wav"


def _write_illustrated_cuesheet(score: Score, path: Path) -> None:
    write_cuesheet(score, path, shot_thumbnails(timeline_from_document(score.timeline)))


WRITERS: dict[str, Callable[[Score, Path], object]] = {
    "score.json": write_score,
    "score.mid": write_midi,
    "score.rpp": write_rpp,
    "score.v2m": write_job,
    "cuesheet.html": _write_illustrated_cuesheet,
    "cuesheet.csv": write_cuesheet_csv,
}
"""File name -> its writer, in the order they are written; a new file of ``score`` is a line here."""


def write_files(
    score: Score, out: Path, progress: Progress = silent, extra: Mapping[str, str] | None = None
) -> tuple[str, ...]:
    """Write every file of the score into ``out``: all of them or none.

    With a preview, every file holds what was measured on it.

    Args:
        extra: text by file name, written beside them.

    Returns:
        The names of the files.

    Raises:
        InputError: ``out`` cannot be written.
    """
    names = (*WRITERS, *(extra or {}), *((PREVIEW,) if score.options.output.preview else ()))
    with staged(out) as folder:
        if score.options.output.preview:
            progress("files", 0.0)
            score = with_preview(score, folder / PREVIEW)
        for done, (name, write) in enumerate(WRITERS.items(), len(names) - len(WRITERS)):
            progress("files", done / len(names))
            write(score, folder / name)
        for name, text in (extra or {}).items():
            (folder / name).write_text(text, encoding="utf-8")
        progress("files", 1.0)
    return names


def with_preview(score: Score, path: Path) -> Score:
    """Render the preview to ``path``; the score with what was measured on it."""
    from v2m_bridge.sound.preview.write_preview import write_preview

    report = write_preview(score, path)
    heard = PreviewDocument.model_validate(report)
    return score.model_copy(update={"preview": heard, "warnings": (*score.warnings, *report.warnings)})
