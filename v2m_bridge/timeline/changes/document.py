"""The pinned JSON form of two cuts compared, ``v2m.changes/1``."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from v2m_bridge.timeline.changes.model import Change, CutChanges, KeptSegment
from v2m_bridge.timeline.document import Document
from v2m_bridge.timeline.model import Timeline
from v2m_bridge.timing.rates import exact_rate, rate_text


class ComparedCut(Document):
    """One of the two cuts."""

    name: str
    rate: str
    start_timecode: str
    duration_frames: int


class ChangesSummary(Document):
    """Figures; ``kept_frames``, ``unmoved_frames`` and ``new_frames`` count frames of the new cut."""

    identical: bool
    kept_frames: int
    unmoved_frames: int
    moved_frames: int
    new_frames: int
    gone_frames: int
    counts: dict[str, int]


class ChangesDocument(Document):
    """``v2m.changes/1``: frames count from each cut's start."""

    schema_: Literal["v2m.changes/1"] = Field("v2m.changes/1", alias="schema")
    old: ComparedCut
    new: ComparedCut
    segments: tuple[KeptSegment, ...]
    changes: tuple[Change, ...]
    summary: ChangesSummary
    warnings: tuple[str, ...] = ()


def changes_document(changes: CutChanges, old: Timeline, new: Timeline) -> ChangesDocument:
    """The JSON form of a comparison; ``old`` and ``new`` are the cuts that were compared."""
    return ChangesDocument(
        old=_compared(old),
        new=_compared(new),
        segments=changes.segments,
        changes=changes.changes,
        summary=summary_of(changes),
        warnings=changes.warnings,
    )


def changes_from_document(document: ChangesDocument) -> CutChanges:
    """Inverse of :func:`changes_document`."""
    return CutChanges(
        document.old.duration_frames,
        document.new.duration_frames,
        exact_rate(document.new.rate),
        document.segments,
        document.changes,
        document.warnings,
    )


def summary_of(changes: CutChanges) -> ChangesSummary:
    """The figures of a comparison."""
    unmoved = sum(s.new_end - s.new_start for s in changes.segments if s.shift_frames == 0 and not s.retimed)
    return ChangesSummary(
        identical=changes.identical,
        kept_frames=changes.kept_frames,
        unmoved_frames=unmoved,
        moved_frames=changes.kept_frames - unmoved,
        new_frames=changes.new_frames - changes.kept_frames,
        gone_frames=changes.old_frames - _covered(changes),
        counts=changes.count(),
    )


def _covered(changes: CutChanges) -> int:
    """Old frames that the new cut shows, each once."""
    reached, total = 0, 0
    for segment in sorted(changes.segments, key=lambda s: s.old_start):
        total += max(0, segment.old_end - max(reached, segment.old_start))
        reached = max(reached, segment.old_end)
    return total


def _compared(timeline: Timeline) -> ComparedCut:
    return ComparedCut(
        name=timeline.name,
        rate=rate_text(timeline.rate),
        start_timecode=timeline.timecode(0),
        duration_frames=timeline.duration_frames,
    )
