"""Contacts: moments at which the moving thing bounces, turns back, stops dead or starts at once.

A thing that is left to itself changes its velocity gradually: gravity pulls at a ball, a pendulum slows down before it
turns. So the path around every picture (from :mod:`v2m_bridge.footage.video.movement`) is fitted twice: with one smooth
curve, and with two curves that meet at an angle. Where only the second fits, something was touched.

The smooth turn of a swing counts as a contact too, the top of a throw does not. They differ in where the thing is
fastest: a swing half way to its next turn, a throw when it meets the next thing.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from v2m_bridge.footage.video.movement import AREA, CENTRE, CHANGE, JUMP

Float64Array = npt.NDArray[np.float64]

SIDE_S, LEAST_SIDE = 0.16, 4
"""The curves reach this far to either side of a moment, in seconds, but at least this many pictures."""
STEPS = np.linspace(-0.5, 0.5, 11)
"""Places of the angle that are tried, in pictures from the middle one."""
LEAST_AREA, MOST_AREA = 0.03, 45.0
"""Per cent of the picture that a thing covers. If more moves, the camera moves."""
AROUND_S = 0.3
"""Speeds are compared with the largest one within this time, in seconds."""
LEAST_CHANGE = 0.012
"""A movement smaller than this, in picture heights over the length of one curve, is noise."""
APART_S = 0.15
"""Two contacts are at least this far apart, in seconds; of closer ones the stronger is kept."""


@dataclass(frozen=True)
class LineRule:
    """When a path counts as going to and fro along one line, so that its sideways wavering is left out.

    Attributes:
        width: largest spread to the side, as a share of the spread along the line.
        way: least length of the path, as a multiple of its reach; a path that never turns has 1.
    """

    width: float = 0.3
    way: float = 1.5


@dataclass(frozen=True)
class BounceRule:
    """When an angle in the path is a bounce.

    Speeds are relative to the largest speed around; residuals are what a fit leaves (root mean square), relative to
    the change of velocity times the length of one curve.

    Attributes:
        least_change: least change of velocity; a full reversal scores 2.
        fast: least speed before or after, whichever is larger; at the top of a throw both are small.
        turn_cosine: largest cosine of the angle between the old and the new direction.
        still: largest share that the slower of the two speeds is of the faster one; a thing that starts or stops by
            this rule need not turn.
        residual: largest residual of the two curves.
        better: largest residual of the two curves, as a share of that of the one smooth curve.
        full_strength: change of velocity that has strength 1.
    """

    least_change: float = 0.75
    fast: float = 0.5
    turn_cosine: float = 0.75
    still: float = 0.25
    residual: float = 0.06
    better: float = 0.35
    full_strength: float = 1.5


@dataclass(frozen=True)
class StopRule:
    """When a thing that moved is at rest from one picture to the next.

    The last step is the last full way from one picture to the next before the rest.

    Attributes:
        rest_pictures: this many pictures after the last step, the thing must be at rest.
        rest_step: largest step at rest, as a share of the last step.
        fast: least length of the last step, as a share of the largest speed around.
        not_slowed: least length of the last step, as a share of the three steps before it; less is braking.
        sudden: largest length of the last step, as a multiple of the step before it; more is a jump of the measurement.
        strength: strength of such a contact.
    """

    rest_pictures: int = 3
    rest_step: float = 0.08
    fast: float = 0.5
    not_slowed: float = 0.75
    sudden: float = 5.0
    strength: float = 0.7


@dataclass(frozen=True)
class SwingRule:
    """When a smooth turn is that of a swing.

    Attributes:
        back_cosine: largest cosine of the angle between the directions before and after the turn.
        one_step: largest share of the way to the turn that one step makes; more is a jump of the measurement.
        least_speed: least speed shortly before and after the turn, as a share of the largest speed around.
        inner, outer: places on the way to the next turn at which speeds are compared, as shares of that way.
        arch: largest speed at ``outer``, as a multiple of that at ``inner``; a throw gets ever faster and exceeds it.
        strength: strength of such a contact.
    """

    back_cosine: float = -0.7
    one_step: float = 0.7
    least_speed: float = 0.1
    inner: float = 0.4
    outer: float = 0.8
    arch: float = 1.05
    strength: float = 0.7


@dataclass(frozen=True)
class JumpRule:
    """When a thing is elsewhere from one picture to the next.

    Attributes:
        level: least change in one place, in grey levels 0..255.
        ratio: the change must be this many times the median of the shot, and that of the pictures around.
        change: least share of the picture that changes, per cent.
        around: pictures on either side that are compared.
        strength: strength of such a contact.
    """

    level: float = 25.0
    ratio: float = 3.0
    change: float = 0.3
    around: int = 3
    strength: float = 0.8


LINE_RULE, BOUNCE_RULE, STOP_RULE, SWING_RULE, JUMP_RULE = LineRule(), BounceRule(), StopRule(), SwingRule(), JumpRule()


@dataclass(frozen=True)
class Contact:
    """A contact of the thing.

    Attributes:
        index: the picture, in fractions of a picture.
        strength: 0..1, how much of the movement the contact changes.
    """

    index: float
    strength: float


@dataclass(frozen=True)
class _Angles:
    """The two curves that fit best around each of N pictures, in picture heights and pictures.

    Velocities are NaN where the thing is not seen in every picture that the curves need.

    Attributes:
        at: [N] where the two curves meet.
        before, after: [N, 2] velocities where they meet.
        rough: [N] residual of the two curves (root mean square).
        smooth: [N] residual of one smooth curve.
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
        movement: [N, 6] rows of :class:`v2m_bridge.footage.video.movement.MovementMeter`.
        fps: pictures per second.

    Returns:
        Contacts in order of time.
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
        if reach < side:  # short curves only where long ones have no room: beside a cut, or where the thing comes in
            found = [contact for contact in found if _is_narrow(path, contact.index, side)]
        bounces += [contact for contact in found if all(abs(contact.index - b.index) >= side for b in bounces)]
    stops = _stops(path, top, side)
    bounces = [*stops, *(b for b in bounces if all(abs(b.index - stop.index) >= side for stop in stops))]
    swings = _swings(path, speed, top, bounces, side)
    return _apart([*bounces, *swings, *_jumps(rows)], APART_S * fps)


def _along(path: Float64Array) -> Float64Array:
    """The path, projected on a line where it goes to and fro along one."""
    seen = path[~np.isnan(path[:, 0])]
    if len(seen) < LEAST_SIDE:
        return path
    middle = seen.mean(axis=0)
    _, size, axes = np.linalg.svd(seen - middle, full_matrices=False)
    along = (path - middle) @ axes[0]
    way, reach = np.nansum(np.abs(np.diff(along))), np.nanmax(along) - np.nanmin(along)
    if size[1] > LINE_RULE.width * size[0] or way < LINE_RULE.way * reach:
        return path
    return np.asarray(middle + along[:, None] * axes[0])


def _is_narrow(path: Float64Array, at: float, side: int) -> bool:
    """Whether the thing is not seen in all pictures up to ``side`` away from ``at``."""
    low, high = round(at) - side, round(at) + side + 1
    return low < 0 or high > len(path) or bool(np.isnan(path[low:high]).any())


def _speeds(path: Float64Array) -> Float64Array:
    """[N] speed at each picture in heights a picture: the mean of the steps before and after it; 0 if unknown."""
    step = np.linalg.norm(np.diff(path, axis=0), axis=1)
    both = np.stack([np.append(step, np.nan), np.insert(step, 0, np.nan)])
    there = ~np.isnan(both)
    return np.asarray(np.where(there, both, 0.0).sum(axis=0) / np.maximum(1, there.sum(axis=0)))


# ------------------------------------------------------------------------------------------------------- two curves


@functools.lru_cache(64)
def _curves(side: int) -> tuple[Float64Array, list[tuple[float, Float64Array, Float64Array]]]:
    """Matrices that fit 2 side + 1 places.

    Returns:
        The matrix that gives the residuals of one cubic curve; and for every place of the angle that place, the matrix
        that gives the terms of two parabolas meeting there, and the matrix that gives their residuals.
    """
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
    """Fit one smooth curve and two curves to the places around every picture; a path too short for them has none."""
    count, width = len(path), 2 * side + 1
    result = _Angles(
        np.arange(count, dtype=np.float64),
        np.full((count, 2), np.nan),
        np.full((count, 2), np.nan),
        np.full(count, np.inf),
        np.full(count, np.inf),
    )
    if count < width:
        return result
    windows = np.lib.stride_tricks.sliding_window_view(path, width, axis=0)  # [count - 2 side, 2, width]
    smooth, angles = _curves(side)
    inner = slice(side, count - side)
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
    """Bounces by :class:`BounceRule`; ``top`` [N] is the largest speed around each picture."""
    change = np.nan_to_num(angles.change)
    reach = change * side
    before, after = (np.nan_to_num(np.linalg.norm(v, axis=1)) for v in (angles.before, angles.after))
    slower, faster = np.minimum(before, after), np.maximum(before, after)
    turned = (np.nan_to_num(angles.before) * np.nan_to_num(angles.after)).sum(
        axis=1
    ) <= BOUNCE_RULE.turn_cosine * before * after
    sharp = (
        (reach >= LEAST_CHANGE)
        & (angles.rough <= BOUNCE_RULE.residual * reach)
        & (angles.rough <= BOUNCE_RULE.better * angles.smooth)
        & (change >= BOUNCE_RULE.least_change * top)
        & (turned | (slower <= BOUNCE_RULE.still * faster))
        & (faster >= BOUNCE_RULE.fast * top)
    )
    gain = np.subtract(angles.smooth, angles.rough, out=np.zeros(count), where=sharp)
    best = sharp & (gain >= _running_max(gain, side // 2))
    return [
        Contact(float(angles.at[k]), float(min(1.0, change[k] / top[k] / BOUNCE_RULE.full_strength)))
        for k in np.flatnonzero(best).tolist()
    ]


def _stops(path: Float64Array, top: Float64Array, side: int) -> list[Contact]:
    """Stops by :class:`StopRule`; ``top`` [N] is the largest speed around each picture."""
    step = np.insert(np.linalg.norm(np.diff(path, axis=0), axis=1), 0, np.nan)
    found = []
    for k in range(2, len(path) - STOP_RULE.rest_pictures):
        last, after = step[k], step[k + 2 : k + 2 + STOP_RULE.rest_pictures]
        is_fast = last * side >= LEAST_CHANGE and last >= STOP_RULE.fast * top[k]
        is_moving = is_fast and step[k + 1] <= last <= STOP_RULE.sudden * step[k - 1]
        has_full_speed = last >= STOP_RULE.not_slowed * step[max(1, k - 3) : k].max()  # False for NaN: nothing is seen
        if is_moving and has_full_speed and after.max() <= STOP_RULE.rest_step * last:
            found.append(Contact(k + float(step[k + 1] / last), STOP_RULE.strength))
    return found


# ------------------------------------------------------------------------------------------------- swings and jumps


def _swings(
    path: Float64Array, speed: Float64Array, top: Float64Array, bounces: list[Contact], side: int
) -> list[Contact]:
    """Turns of a swing by :class:`SwingRule`: it rests for a moment and goes back the way it came."""
    velocity = _velocities(path, max(1, side // 2))
    sharp = [bounce.index for bounce in bounces]
    rests = [at for at in _rests(path, velocity, top, side) if all(abs(at - s) >= side / 2 for s in sharp)]
    turns = sorted([*rests, *sharp])
    found = []
    for n, here in enumerate(turns):
        ways = [turns[m] - here for m in (n - 1, n + 1) if 0 <= m < len(turns)]
        if here not in sharp and ways and all(_is_arch(speed, here, way) for way in ways):
            found.append(Contact(here, SWING_RULE.strength))
    return found


def _velocities(path: Float64Array, half: int) -> Float64Array:
    """[N, 2] velocity in heights a picture: the slope of the places up to ``half`` pictures away; NaN if unknown."""
    result = np.full(path.shape, np.nan)
    times = np.arange(-half, half + 1)
    if len(path) < len(times):
        return result
    windows = np.lib.stride_tricks.sliding_window_view(path, 2 * half + 1, axis=0)
    result[half : len(path) - half] = windows @ times / (times @ times)
    return result


def _rests(path: Float64Array, velocity: Float64Array, top: Float64Array, side: int) -> list[float]:
    """Moments, in pictures, at which the velocity reverses without pausing."""
    half = max(1, side // 2)
    found: list[float] = []
    for k in range(side, len(path) - side):
        before, after = path[k] - path[k - side], path[k + side] - path[k]
        there, back = float(np.linalg.norm(before)), float(np.linalg.norm(after))
        if not min(there, back) >= LEAST_CHANGE / 4 or before @ after > SWING_RULE.back_cosine * there * back:  # or NaN
            continue
        steps = np.linalg.norm(np.diff(path[k - side : k + side + 1], axis=0), axis=1)
        if steps[:side].max() > SWING_RULE.one_step * there or steps[side:].max() > SWING_RULE.one_step * back:
            continue  # the thing did not move: a new stretch began and its background was measured anew
        axis = (after - before) / np.linalg.norm(after - before)
        along = velocity[k - half : k + half + 1] @ axis
        if np.isnan(along).any() or min(-along[0], along[-1]) < SWING_RULE.least_speed * top[k]:
            continue
        slope, middle = np.polyfit(np.arange(-half, half + 1), along, 1)
        at = k - middle / slope
        if slope > 0 and abs(at - k) <= 0.5 + 1e-9 and not (found and at - found[-1] < half):
            found.append(at)
    return found


def _is_arch(speed: Float64Array, here: float, way: float) -> bool:
    """Whether the thing is fastest about half way to the next turn, which lies ``way`` pictures from ``here``."""
    inner, outer = (speed[round(here + share * way)] for share in (SWING_RULE.inner, SWING_RULE.outer))
    return bool(outer <= SWING_RULE.arch * inner)


def _jumps(rows: Float64Array) -> list[Contact]:
    """Jumps by :class:`JumpRule`: the thing is elsewhere from one picture to the next, at rest before and after."""
    level, change = rows[:, JUMP], rows[:, CHANGE]
    found = []
    least = max(JUMP_RULE.level, JUMP_RULE.ratio * float(np.median(level)))
    for k in np.flatnonzero((level >= least) & (change >= JUMP_RULE.change) & (change <= MOST_AREA)).tolist():
        around = [j for j in range(k - JUMP_RULE.around, k + JUMP_RULE.around + 1) if j != k and 0 < j < len(rows)]
        if len(around) >= JUMP_RULE.around and change[k] >= JUMP_RULE.ratio * max(change[j] for j in around):
            found.append(Contact(float(k), JUMP_RULE.strength))
    return found


def _apart(contacts: list[Contact], least: float) -> list[Contact]:
    """The contacts in order; of two closer than ``least`` pictures only the stronger."""
    kept: list[Contact] = []
    for contact in sorted(contacts, key=lambda contact: -contact.strength):
        if all(abs(contact.index - other.index) >= least for other in kept):
            kept.append(contact)
    return sorted(kept, key=lambda contact: contact.index)


def _running_max(values: Float64Array, reach: int) -> Float64Array:
    """[N] largest of the values up to ``reach`` pictures away on either side."""
    padded = np.pad(values, reach)
    return np.asarray(np.lib.stride_tricks.sliding_window_view(padded, 2 * reach + 1).max(axis=1))
