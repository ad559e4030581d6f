"""Where new pictures stood in the old cut, by how they look: hypotheses for the alignment."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from v2m_bridge.timeline.changes.candidates import shifted
from v2m_bridge.timeline.changes.evidence import ShotMatch
from v2m_bridge.timeline.changes.spans import Span

Rows = npt.NDArray[np.float32]

ALIKE = 0.97
"""Mean correlation of two runs of pictures that are taken for the same; a new encoding keeps above this."""
PROBES = 12
"""Pictures of a new shot that are looked up among all old ones."""
PLACES = 6
"""Places that are compared picture by picture, for each new shot."""
LOOKS_THE_SAME = 14.0
"""Vote of pictures that are the same: more than names and positions together."""


def picture_hints(
    old: Sequence[Span], new: Sequence[Span], old_rows: Mapping[int, Rows], new_rows: Mapping[int, Rows]
) -> dict[int, list[ShotMatch]]:
    """Hypotheses by the index of the new shot.

    Args:
        old_rows, new_rows: by the shot's index, one row a frame of the shot, each of mean 0 and length 1.
    """
    spans = [s for s in old if s.index in old_rows]
    if not spans:
        return {}
    library = np.concatenate([old_rows[s.index] for s in spans])
    frames = np.concatenate([np.arange(s.start, s.start + len(old_rows[s.index])) for s in spans])
    owners = np.concatenate([np.full(len(old_rows[s.index]), n) for n, s in enumerate(spans)])
    found: dict[int, list[ShotMatch]] = {}
    for span in new:
        if span.index in new_rows:
            places = _places(span, new_rows[span.index], library, frames, owners)
            found[span.index] = _checked(span, new_rows[span.index], places, spans, old_rows)
    return found


def _places(
    span: Span, rows: Rows, library: Rows, frames: npt.NDArray[np.int64], owners: npt.NDArray[np.int64]
) -> list[tuple[int, int]]:
    """(place among the old spans, shift from new to old frames) that most of the probes point to."""
    probes = np.unique(np.linspace(0, len(rows) - 1, min(PROBES, len(rows))).round().astype(int))
    likeness = library @ rows[probes].T
    counts: Counter[tuple[int, int]] = Counter()
    for column, probe in enumerate(probes):
        best = np.argsort(-likeness[:, column], kind="stable")[:PLACES]
        for row in best[likeness[best, column] > ALIKE]:
            counts[int(owners[row]), int(frames[row]) - span.start - int(probe)] += 1
    return [place for place, _ in counts.most_common(4 * PLACES)]


def _checked(
    span: Span, rows: Rows, places: Sequence[tuple[int, int]], spans: Sequence[Span], old_rows: Mapping[int, Rows]
) -> list[ShotMatch]:
    found: list[tuple[float, ShotMatch]] = []
    for owner, shift in places:
        match = shifted(spans[owner], span, shift)
        if match is None:
            continue
        theirs = old_rows[match.old.index]
        ours = rows[match.new_start - span.start : match.new_end - span.start]
        a = round(match.old_start) - match.old.start
        likeness = float((ours * theirs[a : a + len(ours)]).sum(axis=1).mean())
        if likeness > ALIKE:
            found.append((likeness, replace(match, score=LOOKS_THE_SAME)))
    found.sort(key=lambda f: -f[0])
    best = found[0][0] if found else 0.0
    # of places in one still picture all look alike; the alignment decides among those that are equally good
    return [match for likeness, match in found[:PLACES] if likeness > best - 0.002]
