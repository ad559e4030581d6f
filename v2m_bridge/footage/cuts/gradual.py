"""All cuts of a film: hard cuts, fades and dissolves by measure, and what the network sees besides.

The network's part is gradual transitions on moving pictures: dissolves, fades, wipes and slides.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import numpy as np

from v2m_bridge.footage.cuts.hard import hard_cuts
from v2m_bridge.footage.cuts.transition_network import KINDS, Inside, TransitionNetwork, shipped_network
from v2m_bridge.footage.cuts.transitions import overlap, runs, soft_cuts
from v2m_bridge.footage.video.trace import Float32Array, PictureTrace
from v2m_bridge.timeline.model import Cut, CutKind

SURE, POSSIBLE = 0.7, 0.35
"""A transition is where the probability of being inside one stays above POSSIBLE and reaches SURE."""
SHORTEST = 3
"""Least number of pictures of a transition that the network alone finds; below that it is a hard cut."""
OVER_HARD = 6
"""From this many pictures on a transition takes the hard cuts inside it; a shorter one gives way to them."""


def find_all_cuts(
    trace: PictureTrace, proposals: Sequence[int], rate: Fraction, network: TransitionNetwork | None = None
) -> list[Cut]:
    """Hard cuts and transitions in indices of ``trace``, in order; no two transitions overlap.

    Args:
        proposals: what :class:`v2m_bridge.footage.cuts.hard.CutFinder` proposes.
        network: None: the one that comes with the package.

    Raises:
        CheckpointError: the network's weights are missing or damaged.
    """
    hard = hard_cuts(proposals, trace, rate)
    soft = soft_cuts(trace, hard, rate)
    seen = (network or shipped_network()).look(trace.thumbs)
    for cut in seen_transitions(seen):
        if any(overlap(cut, other) for other in soft):
            continue
        start, end = cut.span_start_frame or 0, cut.span_end_frame or 0
        inside = [index for index in hard if start - 1 <= index <= end + 1]
        if inside and end - start < OVER_HARD:
            continue
        hard = [index for index in hard if index not in inside]
        soft.append(cut)
    return sorted([Cut(index) for index in hard] + soft, key=lambda cut: cut.frame)


def seen_transitions(seen: Inside) -> list[Cut]:
    """The transitions of a film by the network alone; the cut is the middle of its span."""
    found: list[Cut] = []
    for start, end in runs(seen.probability > POSSIBLE):
        if end - start < SHORTEST or float(seen.probability[start:end].max()) < SURE:
            continue
        if start == 0 or end == len(seen.probability):
            continue  # there is no shot before, or none after
        found.append(Cut((start + end) // 2, _kind(seen.kinds[start:end]), start, end))
    return found


def _kind(shares: Float32Array) -> CutKind:
    return CutKind(KINDS[int(np.argmax(shares.mean(axis=0)))])
