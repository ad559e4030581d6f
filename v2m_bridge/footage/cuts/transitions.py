"""Fades through black or white, and dissolves, found in the thumbnails of a decode pass.

In a fade the brightness falls to black (or rises to white) and comes back to another picture. In a dissolve all
pictures are mixtures of the picture before and the picture after it, with a growing share of the latter, and the
pictures around it change less.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from v2m_bridge.footage.cuts.hard import changed_share, is_one_sided, same_but_brightness, thumb_jumps
from v2m_bridge.footage.video.trace import THUMB_SHAPE, Float32Array, PictureTrace
from v2m_bridge.timeline.model import Cut, CutKind

DARK, SHOULDER = 20.0, 2.5
"""Brightness (0..255) below which a fade has its bottom, and the factor by which both slopes must rise above that."""

STEEPEST = 0.65
"""Largest share of a slope that one step may take; more is a flash."""

LONGEST_FADE_S = 4.0
"""A slope is followed for at most so long, in seconds."""
HELD_FRAMES = 4
"""Black of this many frames is held on purpose, so the cut is where the picture comes back."""

SHORTEST_SLOPE = 2
"""Least number of pictures of a slope; fewer are a hard cut to black."""

DISSOLVE_S = (0.25, 0.375, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0)
"""Lengths of dissolves that are searched for, in seconds."""

DISSOLVE_DIFFERENCE = 16.0
"""Least mean thumbnail difference (0..255) of the two pictures that are mixed."""

DISSOLVE_RESIDUAL = 0.14
"""Largest deviation of the pictures in between from a mixture, as a share of that difference."""

DISSOLVE_BENT = 0.06
"""Largest mean deviation of the mixing ratio from an even ramp, 0..1."""

DISSOLVE_MIDDLE = 0.4
"""Largest deviation of the middle picture from an even mixture, as a share of that difference."""

DISSOLVE_CHANGED = 0.6
"""Least share of the picture that a dissolve changes; less is a title or a thing that passes."""

DISSOLVE_CALM = 0.5
"""Largest change per picture before and after, as a share of the change during the dissolve."""


def soft_cuts(trace: PictureTrace, hard: Sequence[int], rate: Fraction) -> list[Cut]:
    """Fades and dissolves, in indices of ``trace``; none contains a hard cut and none overlaps another.

    The cut of a fade is its darkest (lightest) moment, or where the picture comes back from held black. The cut of a
    dissolve is its middle.
    """
    if trace.length < 8:
        return []
    found = _fades(trace, hard, rate)
    for cut in _dissolves(trace, hard, rate):
        if not any(overlap(cut, other) for other in found):
            found.append(cut)
    return sorted(found, key=lambda cut: cut.frame)


def overlap(a: Cut, b: Cut) -> bool:
    """Whether the spans of two transitions have a picture in common."""
    a_start, a_end, b_start, b_end = a.span_start_frame, a.span_end_frame, b.span_start_frame, b.span_end_frame
    if a_start is None or a_end is None or b_start is None or b_end is None:
        return a.frame == b.frame
    return a_start < b_end and b_start < a_end


# ------------------------------------------------------------------------------------------------------------ fades


def _fades(trace: PictureTrace, hard: Sequence[int], rate: Fraction) -> list[Cut]:
    brightness = trace.brightness
    found: list[Cut] = []
    for level in (brightness, 255 - brightness):
        for start, end in runs(level < DARK):
            cut = _fade_at(trace, level, start, end, hard, rate)
            if cut is not None and not any(overlap(cut, other) for other in found):
                found.append(cut)
    return found


def runs(mask: npt.NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Runs of True, ``[start, end)``."""
    edges = np.flatnonzero(np.diff(np.concatenate(([False], mask, [False])).astype(np.int8)))
    return [(int(start), int(end)) for start, end in edges.reshape(-1, 2)]


def _fade_at(
    trace: PictureTrace, level: Float32Array, start: int, end: int, hard: Sequence[int], rate: Fraction
) -> Cut | None:
    """The fade whose dark run is ``[start, end)``; None where it is none."""
    longest = round(LONGEST_FADE_S * float(rate))
    left = _climb(level, start, -1, longest)
    right = _climb(level, end - 1, +1, longest)
    floor = float(level[start:end].min()) + 4
    down = start - left >= SHORTEST_SLOPE and level[left] > SHOULDER * floor
    up = right - (end - 1) >= SHORTEST_SLOPE and level[right] > SHOULDER * floor
    if start == 0 or end == len(level) or not up or level[left] < SHOULDER * floor:
        return None
    if any(left < cut <= right and not (cut == start and not down) for cut in hard):
        return None
    if _steepest(level, end - 1, right) > STEEPEST or (down and _steepest(level, left, start) > STEEPEST):
        return None
    if same_but_brightness(trace.thumbs[left].astype(np.float32), trace.thumbs[right].astype(np.float32)):
        return None
    bottom = np.flatnonzero(level[start:end] <= level[start:end].min() + 3) + start
    comes_back = int(bottom[-1]) + 1 if len(bottom) >= HELD_FRAMES else int(bottom[len(bottom) // 2])
    return Cut(comes_back, CutKind.FADE, left if down else start, right)


def _steepest(level: Float32Array, first: int, last: int) -> float:
    """The largest single step of a slope, as a share of the whole slope."""
    slope = level[first : last + 1]
    return float(np.abs(np.diff(slope)).max() / max(1e-6, float(np.ptp(slope))))


def _climb(level: Float32Array, index: int, step: int, longest: int) -> int:
    """Index of the end of a slope: where the brightness, followed from the dark, stops rising."""
    for _ in range(longest):
        onward = index + step
        if not 0 <= onward < len(level) or level[onward] < level[index] + 0.5:
            break
        index = onward
    return index


# -------------------------------------------------------------------------------------------------------- dissolves


def _dissolves(trace: PictureTrace, hard: Sequence[int], rate: Fraction) -> list[Cut]:
    jumps = thumb_jumps(trace)
    total = np.concatenate(([0.0], np.cumsum(jumps, dtype=np.float64)))
    candidates: list[tuple[float, int, int]] = []
    for length_s in DISSOLVE_S:
        length = max(3, round(length_s * float(rate)))
        for start in _candidate_starts(trace, total, length):
            deviation = _deviation_from_mixture(trace, start, length)
            if deviation is not None:
                candidates.append((deviation, start, start + length))
    chosen: list[Cut] = []
    for _, start, end in sorted(candidates):
        cut = Cut((start + end) // 2, CutKind.DISSOLVE, start, end)
        if not any(overlap(cut, other) for other in chosen) and not any(start - 2 <= h <= end + 2 for h in hard):
            chosen.append(cut)
    return chosen


def _candidate_starts(trace: PictureTrace, total: npt.NDArray[np.float64], length: int) -> list[int]:
    """Starts of windows that change much more than the pictures beside them (half a window on each side)."""
    beside = max(2, length // 2)
    starts = np.arange(beside + 1, trace.length - length - beside - 1)
    if not len(starts):
        return []
    inside = (total[starts + length + 1] - total[starts]) / (length + 1)
    before = (total[starts] - total[starts - beside]) / beside
    after = (total[starts + length + 1 + beside] - total[starts + length + 1]) / beside
    mask = (inside > 0.6) & (np.maximum(before, after) < DISSOLVE_CALM * inside)
    return [int(start) for start in starts[mask]]


def _deviation_from_mixture(trace: PictureTrace, start: int, length: int) -> float | None:
    """How far the pictures of the window deviate from mixtures of its ends (0: not at all); None for no dissolve."""
    half = (length + 1) // 2
    ends = trace.thumbs[[start - 1, start - 1 + half, start + length]]
    before, middle, after = ends.reshape(3, -1).astype(np.float32)
    way = after - before
    difference = float(np.abs(way).mean())
    if difference < DISSOLVE_DIFFERENCE:
        return None
    if np.abs(middle - before - half / (length + 1) * way).mean() > DISSOLVE_MIDDLE * difference:
        return None  # rejects most windows before the slow look at all their pictures
    if same_but_brightness(before, after):
        return None
    pictures = trace.thumbs[start - 1 : start + length + 1].reshape(length + 2, -1).astype(np.float32)
    if changed_share(before.reshape(THUMB_SHAPE), after.reshape(THUMB_SHAPE)) < DISSOLVE_CHANGED:
        return None
    darker, lighter = sorted((float(before.mean()), float(after.mean())))
    if darker < 0.5 * lighter and is_one_sided(before, after):  # one picture that fades in or out
        return None
    if darker < DARK or lighter > 255 - DARK:
        return None
    between = pictures[1:-1] - before
    share = between @ way / float(way @ way)
    residual = float(np.abs(between - share[:, None] * way).mean()) / difference
    expected = np.arange(1, length + 1, dtype=np.float32) / (length + 1)
    bent = float(np.abs(share - expected).mean())
    if residual > DISSOLVE_RESIDUAL or bent > DISSOLVE_BENT or float(np.diff(share).min(initial=1.0)) < -0.1:
        return None
    return residual + 2 * bent
