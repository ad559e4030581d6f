"""Contacts: the moments at which what moves in the picture bounces, turns back, stops dead or starts at once.

Nothing that is left to itself changes its velocity from one picture to the next: a ball in the air obeys gravity, a
pendulum slows down before it turns. So around every picture the path of what moves (``footage.movement``) is explained
twice: by one smooth curve, and by two curves that meet at an angle. Where only the second does, something was touched.
A swing that turns smoothly counts as well, the top of a throw does not: the one is fastest half way to the next turn,
the other when it meets the next thing.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from v2m_bridge.footage.video.movement import AREA, CENTRE, CHANGE, JUMP

Float64Array = npt.NDArray[np.float64]

SIDE_S, LEAST_SIDE = 0.16, 4
"""How far the curves reach on either side of a moment, and in pictures at least."""
STEPS = np.linspace(-0.5, 0.5, 11)
"""Where between two pictures the angle may be."""
LEAST_AREA, MOST_AREA = 0.03, 45.0
"""Per cent of the picture that a thing covers; if most of it moves, it is the camera."""
LINE, TO_AND_FRO = 0.3, 1.5
"""A path goes along a line if it spreads to the side by at most this share, and is longer by this than its reach."""
SHARP = 0.75
"""A contact changes the velocity by this share of the largest speed around it; straight back is 2."""
FAST = 0.5
"""And it is met or left at this share of that speed at least: the top of a throw is not."""
TURN, STILL = 0.75, 0.25
"""Cosine of the old and the new direction, at most; or the slower of the two speeds is at most this share."""
AROUND_S = 0.3
"""How far around a contact the largest speed is looked for."""
LEAST_CHANGE = 0.012
"""The change of velocity moves the thing by so many picture heights within the length of a curve."""
CLEAR = 0.06
"""What two curves leave unexplained, relative to that, at most."""
BETTER = 0.35
"""And relative to what one curve leaves."""
STAYS, DEAD = 3, 0.08
"""A thing that stops dead moves by less than this share of its last step for so many pictures,"""
NOT_SLOWED, SUDDEN = 0.75, 5.0
"""and that step is at least this share of those before, and at most this multiple: it was on its way."""
BY_ONE_STEP = 0.7
"""Share of the way to the turn of a swing that one step makes, at most."""
LEAST_REST = 0.1
"""Just before and after the turn of a swing it has this share of the largest speed around it."""
INNER, OUTER, ARCH = 0.4, 0.8, 1.05
"""A swing moves no more after 4/5 of the way to the next turn than after 2/5; a throw moves ever more."""
BACK = -0.7
"""Cosine of the directions before and after a turn, at most."""
SWING_STRENGTH, JUMP_STRENGTH, STOP_STRENGTH = 0.7, 0.8, 0.7
APART_S = 0.15
"""Two contacts are at least this far apart."""
JUMP_LEVEL, JUMP_RATIO, JUMP_CHANGE = 25.0, 3.0, 0.3
"""A thing that jumps: grey levels, multiple of the pictures around, and per cent of the picture that changes."""
JUMP_AROUND = 3


@dataclass(frozen=True)
class Contact:
    """``index``: picture, in fractions; ``strength`` 0..1: how much of the movement it takes part of."""

    index: float
    strength: float


@dataclass(frozen=True)
class _Angles:
    """The best two curves around every picture k, in heights and pictures; NaN where nothing is seen all the time.

    Attributes:
        at: [N] where they meet.
        before, after: [N, 2] velocities there.
        rough: [N] root mean square that they leave; smooth: the same of one curve.
    """

    at: Float64Array
    before: Float64Array
    after: Float64Array
    rough: Float64Array
    smooth: Float64Array

    @property
    def change(self) -> Float64Array:
        """[N] size of the change of velocity."""
        return np.asarray(np.linalg.norm(self.after - self.before, axis=1))


def find_contacts(movement: npt.NDArray[np.float32], fps: float) -> list[Contact]:
    """Contacts of one shot.

    Args:
        movement: [N, 6] rows of :class:`v2m_bridge.footage.movement.MovementMeter`.
        fps: pictures per second.

    Returns:
        Contacts in order; the thing is touched while picture ``index`` is shown.
    """
    side = max(LEAST_SIDE, round(SIDE_S * fps))
    if len(movement) < 2 * LEAST_SIDE + 1:
        return []
    rows = np.asarray(movement, np.float64)
    seen = (rows[:, AREA] >= LEAST_AREA) & (rows[:, AREA] <= MOST_AREA)
    path = _along(np.where(seen[:, None], rows[:, CENTRE], np.nan))
    speed = _speeds(path)
    top = np.maximum(_running_max(speed, max(side, round(AROUND_S * fps))), 1e-9)
    bounces: list[Contact] = []
    for reach in dict.fromkeys((side, LEAST_SIDE)):
        found = _bounces(_angles(path, reach), top, reach, len(path))
        if reach < side:  # only where there is no room for more: beside a cut, or where the thing comes in
            found = [contact for contact in found if _is_narrow(path, contact.index, side)]
        bounces += [contact for contact in found if all(abs(contact.index - b.index) >= side for b in bounces)]
    stops = _stops(path, top, side)
    bounces = [*stops, *(b for b in bounces if all(abs(b.index - stop.index) >= side for stop in stops))]
    swings = _swings(path, speed, top, bounces, side)
    return _apart([*bounces, *swings, *_jumps(rows)], APART_S * fps)


def _along(path: Float64Array) -> Float64Array:
    """The path without what it wavers to the side, where it goes to and fro along one line."""
    seen = path[~np.isnan(path[:, 0])]
    if len(seen) < LEAST_SIDE:
        return path
    middle = seen.mean(axis=0)
    _, size, axes = np.linalg.svd(seen - middle, full_matrices=False)
    along = (path - middle) @ axes[0]
    way, reach = np.nansum(np.abs(np.diff(along))), np.nanmax(along) - np.nanmin(along)
    return path if size[1] > LINE * size[0] or way < TO_AND_FRO * reach else middle + along[:, None] * axes[0]


def _is_narrow(path: Float64Array, at: float, side: int) -> bool:
    low, high = round(at) - side, round(at) + side + 1
    return low < 0 or high > len(path) or bool(np.isnan(path[low:high]).any())


def _speeds(path: Float64Array) -> Float64Array:
    """[N] heights per picture around each picture, calmed; 0 where nothing is seen."""
    step = np.linalg.norm(np.diff(path, axis=0), axis=1)
    both = np.stack([np.append(step, np.nan), np.insert(step, 0, np.nan)])
    there = ~np.isnan(both)
    return np.asarray(np.where(there, both, 0.0).sum(axis=0) / np.maximum(1, there.sum(axis=0)))


# ------------------------------------------------------------------------------------------------------- two curves


@functools.lru_cache(64)
def _curves(side: int) -> tuple[Float64Array, list[tuple[float, Float64Array, Float64Array]]]:
    """What one cubic curve leaves of 2 side + 1 places, and for every angle its fit and what two parabolas leave."""
    t = np.arange(-side, side + 1) / side
    whole = np.eye(len(t))
    cubic = np.stack([t**k for k in range(4)], axis=1)
    smooth = whole - cubic @ np.linalg.pinv(cubic)
    angles = []
    for step in STEPS:
        late = np.maximum(t - step / side, 0.0)
        basis = np.stack([np.ones_like(t), t, t**2, late, late**2], axis=1)
        fit = np.linalg.pinv(basis)
        angles.append((float(step), fit, whole - basis @ fit))
    return smooth, angles


def _angles(path: Float64Array, side: int) -> _Angles:
    """Fit both to the places around every picture."""
    count, width = len(path), 2 * side + 1
    windows = np.lib.stride_tricks.sliding_window_view(path, width, axis=0)  # [count - 2 side, 2, width]
    smooth, angles = _curves(side)
    inner = slice(side, count - side)
    result = _Angles(
        np.arange(count, dtype=np.float64),
        np.full((count, 2), np.nan),
        np.full((count, 2), np.nan),
        np.full(count, np.inf),
        np.full(count, np.inf),
    )
    result.smooth[inner] = np.sqrt(((windows @ smooth.T) ** 2).sum(axis=(1, 2)) / (width - 4))
    for step, fit, left in angles:
        rough = np.sqrt(((windows @ left.T) ** 2).sum(axis=(1, 2)) / (width - 5))
        better = np.flatnonzero(rough < result.rough[inner]) + side
        terms = windows[better - side] @ fit.T / side  # velocities per picture
        result.at[better] = better + step
        result.before[better] = terms[..., 1] + 2 * terms[..., 2] * step / side
        result.after[better] = result.before[better] + terms[..., 3]
        result.rough[better] = rough[better - side]
    return result


def _bounces(angles: _Angles, top: Float64Array, side: int, count: int) -> list[Contact]:
    """Where the velocity turns from one picture to the next, against the largest speeds around, ``top``."""
    change = np.nan_to_num(angles.change)
    reach = change * side
    before, after = (np.nan_to_num(np.linalg.norm(v, axis=1)) for v in (angles.before, angles.after))
    slower, faster = np.minimum(before, after), np.maximum(before, after)
    turned = (np.nan_to_num(angles.before) * np.nan_to_num(angles.after)).sum(axis=1) <= TURN * before * after
    sharp = (
        (reach >= LEAST_CHANGE)
        & (angles.rough <= CLEAR * reach)
        & (angles.rough <= BETTER * angles.smooth)
        & (change >= SHARP * top)
        & (turned | (slower <= STILL * faster))
        & (faster >= FAST * top)
    )
    gain = np.subtract(angles.smooth, angles.rough, out=np.zeros(count), where=sharp)
    best = sharp & (gain >= _running_max(gain, side // 2))
    return [
        Contact(float(angles.at[k]), float(min(1.0, change[k] / top[k] / 1.5))) for k in np.flatnonzero(best).tolist()
    ]


def _stops(path: Float64Array, top: Float64Array, side: int) -> list[Contact]:
    """Where a thing at its full speed is at rest from one picture to the next, and stays there."""
    step = np.insert(np.linalg.norm(np.diff(path, axis=0), axis=1), 0, np.nan)
    found = []
    for k in range(2, len(path) - STAYS):
        full, after = step[k], step[k + 2 : k + 2 + STAYS]
        moving = full * side >= LEAST_CHANGE and full >= FAST * top[k] and step[k + 1] <= full <= SUDDEN * step[k - 1]
        if moving and full >= NOT_SLOWED * step[max(1, k - 3) : k].max() and after.max() <= DEAD * full:
            found.append(Contact(k + float(step[k + 1] / full), STOP_STRENGTH))
    return found


# ------------------------------------------------------------------------------------------------- swings and jumps


def _swings(
    path: Float64Array, speed: Float64Array, top: Float64Array, bounces: list[Contact], side: int
) -> list[Contact]:
    """Where a swing comes to rest for a moment and goes back the way it came."""
    velocity = _velocities(path, max(1, side // 2))
    sharp = [bounce.index for bounce in bounces]
    rests = [at for at in _rests(path, velocity, top, side) if all(abs(at - s) >= side / 2 for s in sharp)]
    turns = sorted([*rests, *sharp])
    found = []
    for n, here in enumerate(turns):
        ways = [turns[m] - here for m in (n - 1, n + 1) if 0 <= m < len(turns)]
        if here not in sharp and ways and all(_is_arch(speed, here, way) for way in ways):
            found.append(Contact(here, SWING_STRENGTH))
    return found


def _velocities(path: Float64Array, half: int) -> Float64Array:
    """[N, 2] heights per picture: the slope of the places up to ``half`` pictures away; NaN where not all are seen."""
    result = np.full(path.shape, np.nan)
    times = np.arange(-half, half + 1)
    windows = np.lib.stride_tricks.sliding_window_view(path, 2 * half + 1, axis=0)
    result[half : len(path) - half] = windows @ times / (times @ times)
    return result


def _rests(path: Float64Array, velocity: Float64Array, top: Float64Array, side: int) -> list[float]:
    """Moments at which the velocity passes through nothing to its opposite, without a stay."""
    half = max(1, side // 2)
    found: list[float] = []
    for k in range(side, len(path) - side):
        before, after = path[k] - path[k - side], path[k + side] - path[k]
        there, back = float(np.linalg.norm(before)), float(np.linalg.norm(after))
        if not min(there, back) >= LEAST_CHANGE / 4 or before @ after > BACK * there * back:  # NaN: nothing is seen
            continue
        steps = np.linalg.norm(np.diff(path[k - side : k + side + 1], axis=0), axis=1)
        if steps[:side].max() > BY_ONE_STEP * there or steps[side:].max() > BY_ONE_STEP * back:
            continue  # it did not move there, the ground was taken anew
        axis = (after - before) / np.linalg.norm(after - before)
        along = velocity[k - half : k + half + 1] @ axis
        if np.isnan(along).any() or min(-along[0], along[-1]) < LEAST_REST * top[k]:
            continue
        slope, middle = np.polyfit(np.arange(-half, half + 1), along, 1)
        at = k - middle / slope
        if slope > 0 and abs(at - k) <= 0.5 + 1e-9 and not (found and at - found[-1] < half):
            found.append(at)
    return found


def _is_arch(speed: Float64Array, here: float, way: float) -> bool:
    """Whether the movement on the way to the next turn is liveliest about the middle."""
    inner, outer = (speed[round(here + share * way)] for share in (INNER, OUTER))
    return bool(outer <= ARCH * inner)


def _jumps(rows: Float64Array) -> list[Contact]:
    """Where something is elsewhere from one picture to the next, and still before and after."""
    level, change = rows[:, JUMP], rows[:, CHANGE]
    found = []
    clear = max(JUMP_LEVEL, JUMP_RATIO * float(np.median(level)))
    for k in np.flatnonzero((level >= clear) & (change >= JUMP_CHANGE) & (change <= MOST_AREA)).tolist():
        around = [j for j in range(k - JUMP_AROUND, k + JUMP_AROUND + 1) if j != k and 0 < j < len(rows)]
        if len(around) >= JUMP_AROUND and change[k] >= JUMP_RATIO * max(change[j] for j in around):
            found.append(Contact(float(k), JUMP_STRENGTH))
    return found


def _apart(contacts: list[Contact], least: float) -> list[Contact]:
    """Of contacts closer than ``least`` pictures the stronger."""
    kept: list[Contact] = []
    for contact in sorted(contacts, key=lambda contact: -contact.strength):
        if all(abs(contact.index - other.index) >= least for other in kept):
            kept.append(contact)
    return sorted(kept, key=lambda contact: contact.index)


def _running_max(values: Float64Array, reach: int) -> Float64Array:
    """Largest of the values up to ``reach`` pictures away on either side."""
    padded = np.pad(values, reach)
    return np.asarray(np.lib.stride_tricks.sliding_window_view(padded, 2 * reach + 1).max(axis=1))
