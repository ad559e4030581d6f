"""Two cuts compared, with a look at the pictures where names do not tell."""

from __future__ import annotations

from dataclasses import replace

from v2m_bridge.footage.fingerprints import shot_fingerprints
from v2m_bridge.progress import Progress, silent
from v2m_bridge.timeline.changes.compare import compare_cuts, unnamed_shots
from v2m_bridge.timeline.changes.model import CutChanges
from v2m_bridge.timeline.changes.pictures import picture_hints
from v2m_bridge.timeline.changes.spans import common_scale, spans_of
from v2m_bridge.timeline.model import Timeline


def compare(old: Timeline, new: Timeline, progress: Progress = silent, *, pictures: bool = True) -> CutChanges:
    """What happened between two cuts; see :func:`v2m_bridge.timeline.changes.compare.compare_cuts`.

    Args:
        pictures: look at the pictures of online media wherever no name of media says which shot is which.
    """
    found = compare_cuts(old, new)
    if not pictures:
        return found
    old_shots, new_shots = unnamed_shots(old, new)
    old_online = [n for n in old_shots if old.shots[n].media_online]
    new_online = [n for n in new_shots if new.shots[n].media_online]
    if not old_online or not new_online:
        return found
    old_rows, old_warnings = shot_fingerprints(old, old_online, progress)
    new_rows, new_warnings = shot_fingerprints(new, new_online, progress)
    scale = common_scale(old, new)
    hints = {} if scale != 1 else picture_hints(spans_of(old, scale), spans_of(new), old_rows, new_rows)
    found = compare_cuts(old, new, hints)
    warnings = tuple(dict.fromkeys((*found.warnings, *old_warnings, *new_warnings)))
    return replace(found, warnings=warnings)
