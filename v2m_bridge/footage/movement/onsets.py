"""Sudden movements: contacts on the path of the moving thing, and moments at which the change of the picture doubles.

Every shot is searched by itself.
"""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from v2m_bridge.footage.movement.contacts import MOST_AREA, find_contacts
from v2m_bridge.footage.passes.reading import SourceTake
from v2m_bridge.footage.video.movement import AREA, CHANGE
from v2m_bridge.footage.video.trace import PictureTrace
from v2m_bridge.timeline.hits import MotionOnset

BEFORE_S = 0.3
"""An onset is compared with the largest change during this time before it, in seconds."""

APART_S = 0.25
"""Two onsets are at least this far apart, in seconds; of closer ones the stronger is kept."""

FLOOR, FLOOR_FACTOR = 1.0, 2.0
"""Change per frame below which a shot counts as still, because of film grain and compression: the larger of the first
number (0..255) and the second times the lower quartile of the shot."""

LEAST_RISE = 0.7
"""Least rise, as a natural logarithm: the change doubles."""

ABRUPT_FRAMES = 2
"""The rise takes at most this many frames; a falling thing gathers speed for longer."""

HOLD_FRAMES = 3
"""The change stays high for this many frames; a key frame of the compression raises it for one."""

LATER_RISE = 0.7
"""Afterwards the change rises by no more than this (natural logarithm); that of a falling thing goes on rising."""

LEAST_MOVING = 0.3
"""Least share of the picture that differs from the one before by more than grain does, per cent."""

FULL_RISE = 2.5
"""A rise of this (twelvefold) has strength 1."""

HELD_SHARE = 0.1
"""A single picture whose change is at most this share of the median repeats the picture before."""

CUT_FRAMES = 2
"""This many frames on either side of a cut are left out, because their change is that of the cut."""


def find_onsets(
    change: npt.NDArray[np.float32],
    cuts: Iterable[tuple[int, int]],
    rate: Fraction,
    moving: npt.NDArray[np.bool_] | None = None,
) -> tuple[MotionOnset, ...]:
    """Onsets at frame accuracy.

    Args:
        change: [N] mean absolute difference of each frame to the one before, 0..255; NaN where unknown.
        cuts: ``[start, end)`` of every change of shot, in frames; the two are equal at a hard cut.
        rate: frames per second.
        moving: [N] whether something moves (rather than grain only); None: assume so for every frame.

    Returns:
        Onsets in order; ``seconds`` is the start of the first moving frame.
    """
    onsets: list[MotionOnset] = []
    first = 1  # the first frame has no change of its own
    for start, end in [*sorted(cuts), (len(change) + CUT_FRAMES, len(change))]:
        shot = change[first : max(first, start - CUT_FRAMES + 1)]
        onsets += (
            MotionOnset(float((first + frame) / rate), strength)
            for frame, strength in _of_shot(shot, rate)
            if moving is None or moving[first + frame : first + frame + HOLD_FRAMES].all()
        )
        first = end + CUT_FRAMES
    return tuple(onsets)


def moves(trace: PictureTrace) -> npt.NDArray[np.bool_]:
    """[N] whether something in the picture, or the camera, moves; all True where movement was not measured."""
    if len(trace.movement) != trace.length:
        return np.ones(trace.length, np.bool_)
    return np.asarray((trace.movement[:, CHANGE] >= LEAST_MOVING) | (trace.movement[:, AREA] > MOST_AREA))


def contacts_of_take(
    take: SourceTake, trace: PictureTrace, cuts: Iterable[tuple[int, int]], rate: Fraction
) -> list[MotionOnset]:
    """Contacts in one take, in seconds of the timeline; they are searched in the file's own pictures, at its own speed.

    Args:
        take: where the timeline shows which part of the file.
        trace: series of the file's pictures in that range.
        cuts: as for :func:`find_onsets`.
        rate: frames per second of the timeline.
    """
    if take.speed == 0 or len(trace.movement) != trace.length or trace.length < 3:
        return []
    spans = sorted((start, end) for start, end in cuts if take.start_frame < end and start < take.end_frame)
    edges = [take.start_frame, *(edge for start, end in spans for edge in (start, end)), take.end_frame]
    found: list[MotionOnset] = []
    for first, last in zip(edges[::2], edges[1::2], strict=True):
        low_s, high_s = sorted((take.source_s(first, rate), take.source_s(last, rate)))
        low, high = np.searchsorted(trace.seconds, [low_s - 0.5 / float(rate), high_s - 0.5 / float(rate)])
        for at_s, strength in _contacts_between(trace, int(low), int(high)):
            seconds = float(take.start_frame / rate) + (at_s - take.source_start_s) / take.speed
            if float(first / rate) <= seconds < float(last / rate):
                found.append(MotionOnset(seconds, strength))
    return sorted(found, key=lambda onset: onset.seconds)


def _contacts_between(trace: PictureTrace, low: int, high: int) -> Iterable[tuple[float, float]]:
    """Media time and strength of the contacts in pictures ``[low, high)``; repeated pictures are skipped."""
    change = trace.change[low:high]
    held = np.zeros(len(change), np.bool_)
    if len(change) > 2:
        same = change <= HELD_SHARE * np.median(change)
        held[1:-1] = same[1:-1] & ~same[:-2] & ~same[2:]
    kept = np.flatnonzero(~held) + low
    seconds = trace.seconds[kept]
    if len(kept) < 3 or seconds[-1] <= seconds[0]:
        return
    fps = (len(kept) - 1) / float(seconds[-1] - seconds[0])
    for contact in find_contacts(trace.movement[kept], fps):
        yield float(np.interp(contact.index, np.arange(len(kept)), seconds)), contact.strength


def together(contacts: Iterable[MotionOnset], bursts: Iterable[MotionOnset]) -> tuple[MotionOnset, ...]:
    """Both kinds in order; a burst close to a contact is left out, because the contact is timed more exactly."""
    exact = list(contacts)
    other = [b for b in bursts if all(abs(b.seconds - c.seconds) >= APART_S for c in exact)]
    return tuple(sorted([*exact, *other], key=lambda onset: onset.seconds))


def _of_shot(change: npt.NDArray[np.float32], rate: Fraction) -> list[tuple[int, float]]:
    """Frame within the shot and strength of each onset."""
    back, apart = max(2, round(BEFORE_S * float(rate))), max(1, round(APART_S * float(rate)))
    if len(change) <= back or np.isnan(change).any():
        return []
    level = np.log(np.maximum(change, max(FLOOR, FLOOR_FACTOR * float(np.quantile(change, 0.25)))))
    calm = np.lib.stride_tricks.sliding_window_view(level, back)[:-1].max(axis=1)
    found: list[tuple[int, float]] = []
    abrupt = level[back:] - level[back - ABRUPT_FRAMES : -ABRUPT_FRAMES] >= LEAST_RISE
    for frame in (np.flatnonzero((level[back:] - calm >= LEAST_RISE) & abrupt) + back).tolist():
        held, later = level[frame : frame + HOLD_FRAMES], level[frame : frame + apart].max()
        lasts = len(held) == HOLD_FRAMES and held.min() - calm[frame - back] >= LEAST_RISE / 2
        if lasts and later <= held[:ABRUPT_FRAMES].max() + LATER_RISE and (not found or frame - found[-1][0] >= apart):
            found.append((frame, min(1.0, float(later - calm[frame - back]) / FULL_RISE)))
    return found
