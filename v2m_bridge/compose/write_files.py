"""All files of a score, in one folder: the one table of what ``score`` writes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from v2m_bridge.files.deliver import deliver
from v2m_bridge.files.staging import draft_folder, refuse_unwritable
from v2m_bridge.footage.video.thumbnails import shot_thumbnails
from v2m_bridge.progress import Progress, silent
from v2m_bridge.reaper.write_job import write_job
from v2m_bridge.reaper.write_rpp import write_rpp
from v2m_bridge.score.model import PREVIEW, PreviewDocument, Score
from v2m_bridge.score.write_csv import write_cuesheet_csv
from v2m_bridge.score.write_cuesheet import write_cuesheet
from v2m_bridge.score.write_json import write_score
from v2m_bridge.score.write_midi import write_midi
from v2m_bridge.score.write_musicxml import write_musicxml
from v2m_bridge.score.write_tables import write_chords_csv, write_hits_csv, write_seconds_csv
from v2m_bridge.timeline.document import timeline_from_document


def _write_illustrated_cuesheet(score: Score, path: Path) -> None:
    write_cuesheet(score, path, shot_thumbnails(timeline_from_document(score.timeline)))


WRITERS: dict[str, Callable[[Score, Path], object]] = {
    "score.json": write_score,
    "score.mid": write_midi,
    "score.rpp": write_rpp,
    "score.v2m": write_job,
    "score.musicxml": write_musicxml,
    "cuesheet.html": _write_illustrated_cuesheet,
    "cuesheet.csv": write_cuesheet_csv,
    "hits.csv": write_hits_csv,
    "chords.csv": write_chords_csv,
    "seconds.csv": write_seconds_csv,
}
"""File name -> its writer, in the order they are written; a new file of ``score`` is a line here."""


REPORT = "conform.json"
EARLIER = "earlier-{:02d}.json"
"""The scores that this one came from, the newest first: a cut that comes back gets its music back."""
EARLIER_FILES = "earlier-*.json"
FORMER = (REPORT, PREVIEW)
"""Files that an older score may have left and a new one need not have; they never stay beside it."""


@dataclass(frozen=True)
class Written:
    """What was written: the names of the files, and the score with what was measured and met while writing.

    The score's ``warnings`` name the files that were moved aside; ``score.json`` does not, so that its bytes depend on
    the score alone.
    """

    names: tuple[str, ...]
    score: Score


def write_files(
    score: Score, out: Path, progress: Progress = silent, extra: Mapping[str, str] | None = None
) -> tuple[str, ...]:
    """The names of what :func:`write_score_files` wrote."""
    return write_score_files(score, out, progress, extra).names


def write_score_files(
    score: Score, out: Path, progress: Progress = silent, extra: Mapping[str, str] | None = None
) -> Written:
    """Write every file of the score into ``out``: all of them or none.

    With a preview, every file holds what was measured on it. Of an older score in ``out`` no file stays but those that
    somebody changed, under other names, and the scores before it.

    Args:
        extra: text by file name, written beside them.

    Raises:
        InputError: ``out`` cannot be written, or has a folder with the name of a file.
    """
    names = (*WRITERS, *(extra or {}), *((PREVIEW,) if score.options.output.preview else ()))
    refuse_unwritable(out, names)
    with draft_folder(out) as folder:
        if score.options.output.preview:
            progress("files", 0.0)
            score, stems = with_preview(score, folder / PREVIEW)
            names += stems
        for done, (name, write) in enumerate(WRITERS.items(), len(names) - len(WRITERS)):
            progress("files", done / len(names))
            write(score, folder / name)
        for name, text in (extra or {}).items():
            (folder / name).write_text(text, encoding="utf-8", newline="\n")
        moved = deliver(folder, out, FORMER, EARLIER_FILES)
        progress("files", 1.0)
    return Written(names, score.model_copy(update={"warnings": (*score.warnings, *moved)}))


def with_preview(score: Score, path: Path) -> tuple[Score, tuple[str, ...]]:
    """Render the preview to ``path``; the score with what was measured on it, and the names of the stems beside it."""
    from v2m_bridge.sound.preview.write_preview import write_preview

    report = write_preview(score, path, stems=score.options.output.stems)
    heard = PreviewDocument.model_validate(report)
    told = score.model_copy(update={"preview": heard, "warnings": (*score.warnings, *report.warnings)})
    return told, report.stems
