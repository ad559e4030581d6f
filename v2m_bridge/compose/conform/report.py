"""What was kept, moved and written anew, and which hits were lost and won."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence

from v2m_bridge.compose.conform.document import ConformDocument, HitChange, KeptBars, RewrittenBars
from v2m_bridge.compose.conform.plan import ConformPlan, Rewritten
from v2m_bridge.score.model import Score
from v2m_bridge.sync.document import HitDocument, tempo_map_from_document
from v2m_bridge.sync.model import Lands
from v2m_bridge.timeline.changes.document import changes_document
from v2m_bridge.timeline.changes.model import CutChanges
from v2m_bridge.timeline.document import timeline_from_document


def report_of(
    old: Score, new: Score, changes: CutChanges, plan: ConformPlan, empty: Sequence[Rewritten], heal: str
) -> ConformDocument:
    """The report of a conformed score."""
    old_lines = [b.start_beat for b in tempo_map_from_document(old.fit).bars(old.fit.end_beat)]
    lines = [b.start_beat for b in plan.tempo.bars(plan.end_beat)]
    kept = tuple(
        KeptBars(
            old_bars=_bars(old_lines, run.old_start, run.old_end),
            new_bars=_bars(lines, run.new_start, run.new_end),
            moved_beats=run.shift_beats,
            moved_s=run.moved_s,
        )
        for run in plan.kept
    )
    rewritten = tuple(_rewritten(w, plan, lines, w in empty) for w in plan.rewritten)
    lost, won = _hit_changes(old, new, changes)
    still = sum(run.bars for run in plan.kept if run.moved_s == 0)
    total = sum(run.bars for run in plan.kept)
    return ConformDocument(
        heal=heal,
        changes=changes_document(changes, timeline_from_document(old.timeline), timeline_from_document(new.timeline)),
        bars=len(lines),
        kept_bars=still,
        moved_bars=total - still,
        rewritten_bars=len(lines) - total,
        kept=kept,
        rewritten=rewritten,
        hits_landed_before=_landed(old.fit.hits),
        hits_landed_now=_landed(new.fit.hits),
        lost_hits=lost,
        new_hits=won,
    )


def _bars(lines: Sequence[float], start: float, end: float) -> tuple[int, int]:
    """Numbers of the first and last bar of ``[start, end)``, from 1."""
    first = bisect_right(lines, start + 1e-6)
    return first, max(first, bisect_right(lines, end - 1e-6))


def _rewritten(window: Rewritten, plan: ConformPlan, lines: Sequence[float], silent: bool) -> RewrittenBars:
    start_s, end_s = plan.tempo.seconds_at(window.start_beat), plan.tempo.seconds_at(window.end_beat)
    tempi = [p.bpm for p in plan.tempo.points if window.start_beat <= p.beat < window.end_beat - 1e-6]
    tempi.append(plan.tempo.bpm_at_seconds(start_s + 1e-6))
    return RewrittenBars(
        new_bars=_bars(lines, window.start_beat, window.end_beat),
        start_s=start_s,
        end_s=end_s,
        min_bpm=min(tempi),
        max_bpm=max(tempi),
        new_picture_frames=window.new_picture,
        silent=silent,
    )


def _landed(hits: Iterable[HitDocument]) -> int:
    return sum(1 for h in hits if h.lands is not Lands.MISS)


def _hit_changes(old: Score, new: Score, changes: CutChanges) -> tuple[tuple[HitChange, ...], tuple[HitChange, ...]]:
    """Hits that landed and no longer do, and hits that land for the first time."""
    now = {h.frame: h for h in new.fit.hits}
    lost: list[HitChange] = []
    known: set[int] = set()
    for hit in old.fit.hits:
        segment = changes.segment_at_old(hit.frame)
        frame = segment.to_new(hit.frame) if segment else None
        after = now.get(frame) if frame is not None else None
        if hit.lands is Lands.MISS:
            continue
        if after and after.lands is not Lands.MISS:
            known.add(after.frame)
        else:
            reason = (after.reason or "misses its beat") if after else "its picture or its cut is gone"
            lost.append(_change(hit, hit.frame, frame, reason))
    won = [_change(h, None, h.frame, "") for h in new.fit.hits if h.lands is not Lands.MISS and h.frame not in known]
    return tuple(lost), tuple(won)


def _change(hit: HitDocument, old_frame: int | None, new_frame: int | None, reason: str) -> HitChange:
    return HitChange(
        old_frame=old_frame,
        new_frame=new_frame,
        kind=hit.kind.value,
        must=hit.must,
        label=hit.label,
        reason=reason,
    )
