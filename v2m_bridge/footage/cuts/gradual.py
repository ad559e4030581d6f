"""All cuts of a film: hard cuts, fades and dissolves by measure, and what the network sees besides.

The network's part is gradual transitions on moving pictures: dissolves, fades, wipes and slides.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import numpy as np

from v2m_bridge.footage.cuts.hard import RETURN_SHARE, changed_share, hard_cuts, same_but_brightness
from v2m_bridge.footage.cuts.transition_network import KINDS, Inside, TransitionNetwork, shipped_network
from v2m_bridge.footage.cuts.transitions import DARK, overlap, runs, soft_cuts
from v2m_bridge.footage.video.trace import Float32Array, PictureTrace
from v2m_bridge.timeline.model import Cut, CutKind

SURE, POSSIBLE = 0.97, 0.35
"""A transition is where the probability of being inside one stays above POSSIBLE and reaches SURE."""
SHORTEST = 3
"""Least number of pictures of a transition that the network alone finds; below that it is a hard cut."""
LEAST_CHANGE, CHANGED_SHARE = 12.0, 0.5
"""Least mean thumbnail difference (0..255) of the pictures before and after, and least share of the picture that
changes; less is a title, or something that passes."""
BESIDE = 24
"""So many pictures on either side of a transition are compared, or a second of them where that is more."""
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
        start, end = cut.span_start_frame or 0, cut.span_end_frame or 0
        if any(overlap(cut, other) for other in soft) or not _leads_elsewhere(trace, cut, rate):
            continue
        inside = [index for index in hard if start - 1 <= index <= end + 1]
        if inside and end - start < OVER_HARD:
            continue
        hard = [index for index in hard if index not in inside]
        soft.append(cut)
    return sorted([Cut(index) for index in hard] + soft, key=lambda cut: cut.frame)


def _leads_elsewhere(trace: PictureTrace, cut: Cut, rate: Fraction) -> bool:
    """Whether there are two shots beside a transition: different pictures, of which the first does not come back.

    A film that begins in black, or ends in it, has only one; where something passes, the old picture comes back.
    """
    start, end, beside = cut.span_start_frame or 0, cut.span_end_frame or 0, max(BESIDE, round(rate))
    before = trace.thumbs[max(0, start - beside) : start].astype(np.float32)
    after = trace.thumbs[end : end + beside].astype(np.float32)
    last, first = before[-1], after[0]
    if cut.kind is not CutKind.FADE and same_but_brightness(last, first):
        return False
    change = float(np.abs(first - last).mean())
    if change < LEAST_CHANGE or changed_share(last, first) < CHANGED_SHARE:
        return False
    if trace.brightness[:start].max() < DARK or trace.brightness[end:].max() < DARK:
        return False
    if _nearest_moved(last, first) < RETURN_SHARE * change:
        return False
    return all(float(np.abs(after - picture).mean(axis=(1, 2, 3)).min()) >= RETURN_SHARE * change for picture in before)


def _nearest_moved(a: Float32Array, b: Float32Array) -> float:
    """Least mean difference of two thumbnails when one is moved against the other, as a camera does; 0..255."""
    rows, columns = a.shape[:2]
    least = float(np.abs(a - b).mean())
    for down in range(-2, 3):
        for right in range(-4, 5):
            one = a[max(0, down) : rows + min(0, down), max(0, right) : columns + min(0, right)]
            two = b[max(0, -down) : rows + min(0, -down), max(0, -right) : columns + min(0, -right)]
            least = min(least, float(np.abs(one - two).mean()))
    return least


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
