"""Score a new cut and keep the music of an earlier score: what ``score --keep`` does."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from v2m_bridge.compose.companions import ALONE, Companions
from v2m_bridge.compose.compare import compare
from v2m_bridge.compose.conform.conform import Heal, conform
from v2m_bridge.compose.conform.document import ConformDocument
from v2m_bridge.compose.engine import Engine
from v2m_bridge.compose.pipeline import compose, read_new_cut
from v2m_bridge.compose.write_files import EARLIER, EARLIER_FILES, REPORT, Written, write_score_files
from v2m_bridge.errors import InputError
from v2m_bridge.option_table import OPTIONS
from v2m_bridge.options import ScoreOptions
from v2m_bridge.progress import Progress, silent
from v2m_bridge.score.model import Score
from v2m_bridge.score.write_json import read_score, score_file, score_text
from v2m_bridge.timeline.changes.change_edl import read_change_edl
from v2m_bridge.timeline.changes.model import CutChanges
from v2m_bridge.timeline.document import TimelineDocument, timeline_document, timeline_from_document
from v2m_bridge.timeline.model import Timeline

MOST_EARLIER = 20


@dataclass(frozen=True)
class Rescored:
    """A conformed score; ``report`` is None where nothing could be kept and all was composed anew."""

    score: Score
    report: ConformDocument | None
    earlier: tuple[Score, ...]


def rescore(
    source: Path,
    keep: Path,
    options: ScoreOptions,
    engine: Engine,
    heal: Heal = Heal.ALL,
    progress: Progress = silent,
    change_edl: Path | None = None,
    companions: Companions = ALONE,
) -> Rescored:
    """Score the cut ``source`` with the music of the score in folder ``keep``.

    Args:
        options: those that differ from the defaults take the place of the old score's.
        heal: what is written where old music ends.
        change_edl: says what changed, instead of a comparison of the two cuts.
        companions: what comes beside the new cut.

    Raises:
        InputError: ``keep`` holds no score, or as :func:`v2m_bridge.compose.pipeline.compose`.
    """
    place = score_file(keep)
    old = read_score(place)
    before = tuple(read_score(p) for p in sorted(place.parent.glob(EARLIER_FILES)))
    used = merged_options(old.options, options)
    cut = read_new_cut(source, used, engine, progress, companions)
    timeline = timeline_document(cut.timeline)
    for past in before:
        if used == past.options and same_picture(past.timeline, timeline):
            recalled = past.model_copy(update={"timeline": timeline})
            return Rescored(recalled, None, (old, *before)[:MOST_EARLIER])
    changes = _changes(old, cut.timeline, change_edl, progress)
    found = conform(old, changes, cut, engine, heal, progress)
    if found is None:
        return Rescored(compose(source, used, engine, progress, companions), None, (old, *before)[:MOST_EARLIER])
    score, report = found
    return Rescored(score, report, (old, *before)[:MOST_EARLIER])


def write_rescored(found: Rescored, out: Path, progress: Progress = silent) -> Written:
    """The score's files, the report and the scores that it came from; see ``write_score_files``."""
    extra = {EARLIER.format(n): score_text(s) for n, s in enumerate(found.earlier, start=1)}
    if found.report:
        extra[REPORT] = found.report.model_dump_json(by_alias=True, indent=1) + "\n"
    return write_score_files(found.score, out, progress, extra)


def merged_options(old: ScoreOptions, given: ScoreOptions) -> ScoreOptions:
    """The old score's options, with those of ``given`` that are not the defaults."""
    values = old.model_dump()
    for row in OPTIONS:
        value = row.to_json(given.value(row))
        if value != row.json_default:
            values[row.key] = value
    return ScoreOptions(**values)


def same_picture(a: TimelineDocument, b: TimelineDocument) -> bool:
    """Whether two cuts show the same, frame by frame, with the same markers."""
    keys = {"name", "start_frame", "start_timecode", "warnings", "drop_frame"}
    return a.model_dump(exclude=keys) == b.model_dump(exclude=keys)


def _changes(old: Score, new: Timeline, change_edl: Path | None, progress: Progress) -> CutChanges:
    if change_edl is None:
        return compare(timeline_from_document(old.timeline), new, progress)
    found = read_change_edl(change_edl, new.rate)
    if found.new_frames > new.duration_frames or found.old_frames > old.timeline.duration_frames:
        raise InputError(f"{change_edl.name} is longer than the cuts that it should compare")
    return found
