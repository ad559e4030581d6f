"""Contacts: the moments at which what moves in the picture bounces, turns back or stops dead.

Nothing that is left to itself changes its velocity from one picture to the next: a ball in the air obeys gravity, a
pendulum slows down before it turns. So the path of the movement (``footage.movement``) is followed by straight lines
over a few pictures on either side of every picture; where the two disagree about the velocity, something was touched.
A swing that turns smoothly counts as well, the top of a throw does not: the one is fastest half way to the next turn,
the other when it meets the next thing.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from v2m_bridge.footage.movement import CENTRE, ENERGY, RADIUS

Float64Array = npt.NDArray[np.float64]

SIDE_S, LEAST_SIDE = 0.1, 3
"""Length of the lines on either side, and in pictures at least."""
AROUND_S = 0.35
"""How far around a contact the largest speed is looked for."""
NOISE_S = 1.0
"""How far around it the scatter about the lines is taken from."""
SHARP = 0.75
"""A bounce changes the velocity by this share of the largest speed around it; straight back is 2."""
TURN = 0.35
"""Cosine of the old and the new direction, at most."""
RADIUS_SHARE = 0.35
"""The change of velocity shows within the length of a line by this share of the radius of what moves."""
LEAST_SPEED = 0.2
"""Picture heights a second: slower changes of velocity are not seen as a contact."""
NOISE_FACTOR = 5.0
"""A change of velocity stands out from the scatter by this factor,"""
USUAL_FACTOR = 2.5
"""and from the usual change of velocity in the film around it by this one."""
LEAST_ENERGY, ENERGY_SHARE = 0.15, 0.2
"""Movement of less of the picture (per cent), or less than this share of the most around it, has no contacts."""
STOP_FULL, STILL, STOP_STRENGTH = 0.5, 0.08, 0.67
"""A thing stops when at least half of the movement of the pictures before it is left, and then less than this."""
STOP_SPEED = 0.75
"""And it has not slowed down before by more than to this share."""
REST_DEPTH, REST_RISE = 0.75, 0.1
"""At the turn of a swing the movement falls below this share of the liveliest, and is soon above that again."""
INNER, OUTER, ARCH = 0.4, 0.75, 1.05
"""A swing moves no more after 3/4 of the way to the next turn than after 2/5; a throw moves ever more."""
BACK = 0.6
"""Going back, it passes its old places within this share of the way."""
APART_S = 0.15
"""Two contacts are at least this far apart."""


@dataclass(frozen=True)
class Contact:
    """``index``: picture, in fractions; ``strength`` 0..1: how much of the movement it takes part of."""

    index: float
    strength: float


@dataclass(frozen=True)
class _Kinks:
    """For every picture k of a path: the velocities by the lines before and after, in heights per picture.

    Attributes:
        before, after: [N, 2]; 0 where nothing moves.
        scatter: [N] of the centres about the lines.
        energy: [N] mean of the calmer side.
        meet: [N] where the two lines meet, in pictures from k, along the change of velocity.
    """

    before: Float64Array
    after: Float64Array
    scatter: Float64Array
    energy: Float64Array
    meet: Float64Array

    @property
    def change(self) -> Float64Array:
        """[N] size of the change of velocity."""
        return np.asarray(np.linalg.norm(self.after - self.before, axis=1))


def find_contacts(movement: npt.NDArray[np.float32], fps: float) -> list[Contact]:
    """Contacts of one shot.

    Args:
        movement: [N, 6] rows of :class:`v2m_bridge.footage.movement.MovementMeter`; the first one is not looked at.
        fps: pictures per second.

    Returns:
        Contacts in order; the thing is touched while picture ``index`` is shown.
    """
    side = max(LEAST_SIDE, round(SIDE_S * fps))
    if len(movement) < 2 * side + 2:
        return []
    rows = np.asarray(movement, np.float64)
    energy = rows[:, ENERGY].copy()
    energy[0] = 0.0
    lively = _running(np.max, energy, round(2 * NOISE_S * fps))
    kinks = _kinks(rows[:, CENTRE], energy, side)
    bounces = _bounces(rows, lively, kinks, side, fps)
    stops = _stops(energy, lively, np.linalg.norm(kinks.before, axis=1), side)
    found = [*bounces, *_swings(rows, energy, lively, bounces, side), *stops]
    return _apart(found, APART_S * fps)


def _bounces(rows: Float64Array, lively: Float64Array, kinks: _Kinks, side: int, fps: float) -> list[Contact]:
    """Where the velocity turns from one picture to the next."""
    change = kinks.change
    before, after = np.linalg.norm(kinks.before, axis=1), np.linalg.norm(kinks.after, axis=1)
    clear = kinks.energy >= np.maximum(LEAST_ENERGY, ENERGY_SHARE * lively)
    top = _running(np.max, np.where(clear, np.maximum(before, after), 0.0), round(AROUND_S * fps))
    noise = _running(np.median, kinks.scatter, round(NOISE_S * fps)) * np.sqrt(12 / (side * (side**2 - 1)))
    usual = _running(np.median, change, round(NOISE_S * fps))
    share = change / np.maximum(top, 1e-9)
    sharp = (
        (change * fps >= LEAST_SPEED)
        & (change >= NOISE_FACTOR * noise)
        & (change >= USUAL_FACTOR * usual)
        & (change * side >= RADIUS_SHARE * rows[:, RADIUS])
        & (share >= SHARP)
        & (np.minimum(before, after) > 0)
        & ((kinks.before * kinks.after).sum(axis=1) <= TURN * before * after)
        & clear
        & (change >= _running(np.max, change, max(1, side // 2)))
    )
    sharp[:LEAST_SIDE] = sharp[-LEAST_SIDE:] = False  # too little to judge by
    strength = np.minimum(1.0, kinks.energy / np.maximum(lively, 1e-9)) * np.minimum(1.0, share / 1.5)
    return [Contact(k + float(kinks.meet[k]), float(strength[k])) for k in np.flatnonzero(sharp)]


def _kinks(path: Float64Array, energy: Float64Array, side: int) -> _Kinks:
    """Lines through the ``side`` centres up to every picture, and through those after it, weighted by energy.

    Centre k lies half a picture before picture k: half way between two pictures.
    """
    count = len(path)
    weight = np.concatenate([np.zeros(side), energy, np.zeros(side)])
    points = np.concatenate([np.zeros((side, 2)), path, np.zeros((side, 2))])
    windows = np.lib.stride_tricks.sliding_window_view
    w, p = windows(weight, side), windows(points, side, axis=0)  # [count + side + 1, side], [.., 2, side]
    times = np.arange(side) + 0.5 - side
    sums = np.maximum(w.sum(axis=1), 1e-12)
    middle = w @ times / sums
    offset = times - middle[:, None]
    mean = (w[:, None, :] * p).sum(axis=2) / sums[:, None]
    spread = (w * offset**2).sum(axis=1)
    there = spread > 1e-9 * side
    slope = np.where(there[:, None], (w[:, None, :] * offset[:, None, :] * p).sum(axis=2), 0.0)
    slope /= np.where(there, spread, 1.0)[:, None]
    residual = p - mean[..., None] - slope[..., None] * offset[:, None, :]
    scatter = np.sqrt((w[:, None, :] * residual**2).sum(axis=(1, 2)) / sums)
    left, right = slice(1, count + 1), slice(side + 1, count + side + 1)
    jump = slope[right] - slope[left]
    size = np.maximum((jump**2).sum(axis=1), 1e-18)
    at_left = mean[left] - slope[left] * middle[left, None]
    at_right = mean[right] - slope[right] * (middle[right] + side)[:, None]
    both = there[left] & there[right]
    meet = np.where(both, ((at_left - at_right) * jump).sum(axis=1) / size, 0.0)
    return _Kinks(
        slope[left],
        slope[right],
        np.maximum(scatter[left], scatter[right]),
        np.minimum(w[left].mean(axis=1), w[right].mean(axis=1)),
        np.clip(meet, -1.0, 1.0),
    )


def _stops(energy: Float64Array, lively: Float64Array, speed: Float64Array, side: int) -> list[Contact]:
    """Movement at its full that is over from one picture to the next, and stays so."""
    found = []
    for k in range(side, len(energy) - LEAST_SIDE):
        before, after = energy[k - side + 1 : k + 1], energy[k + 2 : k + 2 + side].max()
        full = before.max()
        if (
            energy[k] >= STOP_FULL * full
            and (before > STILL * full).sum() >= 2
            and after <= STILL * full
            and full >= max(LEAST_ENERGY, ENERGY_SHARE * lively[k])
            and energy[k + 1] < energy[k]
            and speed[k] >= STOP_SPEED * speed[max(0, k - 3 * side) : k + 1].max()
        ):
            share = min(1.0, energy[k + 1] / energy[k])
            found.append(Contact(k + share, float(STOP_STRENGTH * full / lively[k])))
    return found


def _swings(
    rows: Float64Array, energy: Float64Array, lively: Float64Array, bounces: list[Contact], side: int
) -> list[Contact]:
    """Where a swing comes to rest for a moment and goes back the way it came."""
    calm = np.convolve(np.pad(energy, 1, mode="edge"), [0.25, 0.5, 0.25], mode="valid")
    sharp = [bounce.index + 0.5 for bounce in bounces]
    rests = [k for k in _rests(calm, lively, side) if all(abs(k - s) >= side for s in sharp)]
    turns = sorted([*rests, *sharp])
    found = []
    for at, here in enumerate(turns):
        if here in sharp:
            continue
        before = turns[at - 1] if at else None
        after = turns[at + 1] if at + 1 < len(turns) else None
        ways = [end - here for end in (before, after) if end is not None]
        if ways and all(_is_arch(calm, here, way) for way in ways) and _comes_back(rows, energy, here, ways):
            peak = calm[round(here) - side : round(here) + side + 1].max()
            found.append(Contact(here - 0.5, float(0.5 * min(1.0, 2 * peak / lively[round(here)]))))
    return found


def _rests(calm: Float64Array, lively: Float64Array, side: int) -> list[float]:
    """Deep minima of the energy between two times of movement; the middle of each, in centres."""
    lowest = -_running(np.max, -calm, side)
    found: list[float] = []
    for k in np.flatnonzero(calm <= lowest)[1:].tolist():
        left, right = calm[max(1, k - side) : k], calm[k + 1 : k + 1 + side]
        if len(left) < side or len(right) < side or min(left.max(), right.max()) < REST_RISE * lively[k]:
            continue
        if calm[k] <= REST_DEPTH * lively[k] and not (found and k - found[-1] < side):
            bend = calm[k - 1] - 2 * calm[k] + calm[k + 1]
            found.append(k + (0.5 * (calm[k - 1] - calm[k + 1]) / bend if bend > 0 else 0.0))
    return found


def _is_arch(calm: Float64Array, here: float, way: float) -> bool:
    """Whether the movement on the way to the next turn is liveliest about the middle."""
    inner, outer = (calm[round(here + share * way)] for share in (INNER, OUTER))
    return bool(outer <= ARCH * inner)


def _comes_back(rows: Float64Array, energy: Float64Array, here: float, ways: list[float]) -> bool:
    """Whether the movement passes the same places before and after the turn."""
    mirror = round(2 * here) - round(here)
    room = min(round(here) - 1, len(energy) - 1 - mirror)
    reach = min(room, max(2, round(INNER * min(abs(way) for way in ways))))
    before, after = round(here) - reach, mirror + reach
    if reach < 2 or min(energy[before], energy[after]) <= 0:
        return False
    there, again = rows[before, CENTRE], rows[after, CENTRE]
    middle = (there + again) / 2
    turn = rows[round(here), CENTRE] if energy[round(here)] > 0 else None
    if turn is None:
        near = [k for k in (round(here) - 1, round(here) + 1) if energy[k] > 0]
        turn = rows[near, CENTRE].mean(axis=0) if near else middle
    return bool(np.linalg.norm(there - again) <= BACK * max(np.linalg.norm(middle - turn), rows[before, RADIUS]))


def _apart(contacts: list[Contact], least: float) -> list[Contact]:
    """Of contacts closer than ``least`` pictures the stronger."""
    kept: list[Contact] = []
    for contact in sorted(contacts, key=lambda contact: -contact.strength):
        if all(abs(contact.index - other.index) >= least for other in kept):
            kept.append(contact)
    return sorted(kept, key=lambda contact: contact.index)


def _running(function: object, values: Float64Array, reach: int) -> Float64Array:
    """``function`` (median or maximum) of the values up to ``reach`` pictures away on either side."""
    padded = np.pad(values, reach, mode="reflect")
    windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * reach + 1)
    return np.asarray(function(windows, axis=1))  # type: ignore[operator]
