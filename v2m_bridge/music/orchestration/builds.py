"""Builds into must-hits: where they begin, how the level moves through them, on the hit and after it."""

from __future__ import annotations

import itertools
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from v2m_bridge.music.arrangement import Note
from v2m_bridge.music.dynamics import STRONG_EXTRA, VELOCITY_LOUDEST, VELOCITY_SOFTEST
from v2m_bridge.music.plan import Plan

_NEAR = 1e-3

LONG_BUILD_BARS, SHORT_BUILD_BARS = 4, 2
"""Bars of a build; the short one where the hit before lies less than twice the long one away."""

JUMP = 0.20
"""Loudness share (0..1 is 30 dB) between the end of a build and its hit, apart from the players that come in there."""
HIT_LIFT = 0.16
"""At most this much of the jump is above the predicted loudness; a loud film has less room, and the build is softer."""
LEAST_DROP, CRESCENDO = 0.03, 0.14
"""A build ends at least so far below the predicted loudness, and begins that much lower still."""

FALL_BEATS = 4.0
"""The lift of a hit is gone after this long."""

SPACE_BEATS = 4.0
"""After a hit, nothing but what rings, the bass and the lines: to the end of its bar, at most this long."""

QUIETEST, LOUDEST = 12, 124


@dataclass(frozen=True)
class Build:
    """A stretch ``[start_beat, hit_beat)`` that leads into a must-hit."""

    start_beat: float
    hit_beat: float

    @property
    def length_beats(self) -> float:
        """Length in quarter notes."""
        return self.hit_beat - self.start_beat

    @property
    def middle_beat(self) -> float:
        """From here on, the layers that rested come in."""
        return self.start_beat + self.length_beats / 2


def find_builds(plan: Plan) -> tuple[Build, ...]:
    """A build of four bars before every must-hit that has eight free bars before it, else of two; none within two."""
    starts = [bar.start_beat for bar in plan.bars]
    found: list[Build] = []
    before = 0
    for hit in plan.strong:
        index = bisect_left(starts, hit - _NEAR)
        free = index - before
        if free >= SHORT_BUILD_BARS and hit < plan.closing_beat + _NEAR:
            bars = LONG_BUILD_BARS if free >= 2 * LONG_BUILD_BARS else SHORT_BUILD_BARS
            found.append(Build(starts[index - bars], hit))
        before = index
    return tuple(found)


class HitShape:
    """How far the level leaves the predicted loudness around must-hits.

    Args:
        boost: velocity that the mood adds everywhere; it takes from the room above.
    """

    def __init__(self, plan: Plan, boost: float = 0.0) -> None:
        self.plan = plan
        self._boost_share = (boost + STRONG_EXTRA) / (VELOCITY_LOUDEST - VELOCITY_SOFTEST)
        self.builds = find_builds(plan)
        self._hits = plan.strong
        self._build_starts = [build.start_beat for build in self.builds]

    def build_at(self, beat: float) -> Build | None:
        """The build that ``beat`` lies in."""
        index = bisect_right(self._build_starts, beat + _NEAR) - 1
        if index < 0 or beat >= self.builds[index].hit_beat - _NEAR:
            return None
        return self.builds[index]

    def shift(self, beat: float) -> float:
        """Loudness share that is added at ``beat``: below 0 in a build, above it on a hit and for a while after."""
        build = self.build_at(beat)
        if build:
            end = -max(LEAST_DROP, JUMP - self.lift(build.hit_beat))
            return end - CRESCENDO * (build.hit_beat - beat) / build.length_beats
        since = self.since_hit(beat)
        if since is None or since >= FALL_BEATS:
            return 0.0
        return self.lift(beat - since) * (1 - since / FALL_BEATS)

    def lift(self, hit_beat: float) -> float:
        """Loudness share added on a must-hit, as far as there is room."""
        room = 1.0 - self.plan.curve.smooth_share(hit_beat) - self._boost_share
        return min(HIT_LIFT, max(0.0, room))

    def since_hit(self, beat: float) -> float | None:
        """Beats since the last must-hit."""
        index = bisect_right(self._hits, beat + _NEAR) - 1
        return max(0.0, beat - self._hits[index]) if index >= 0 else None

    def in_space(self, beat: float) -> bool:
        """Whether ``beat`` lies in the space after a must-hit: after it, in the same bar."""
        since = self.since_hit(beat)
        if since is None or since <= _NEAR or since >= SPACE_BEATS - _NEAR:
            return False
        bars = [bar.start_beat for bar in self.plan.bars]
        index = bisect_right(bars, beat + _NEAR) - 1
        return index >= 0 and bars[index] <= beat - since + _NEAR

    def shaped(self, notes: Sequence[Note]) -> list[Note]:
        """The notes with the velocities that the builds and hits ask for; only a hit itself lifts a velocity."""
        return [self._shaped(note) for note in notes]

    def _shaped(self, note: Note) -> Note:
        shift = (
            self.lift(note.start_beat)
            if self.plan.is_strong(note.start_beat)
            else min(0.0, self.shift(note.start_beat))
        )
        if not shift:
            return note
        loud = note.velocity + shift * (VELOCITY_LOUDEST - VELOCITY_SOFTEST)
        return note._replace(velocity=min(LOUDEST, max(QUIETEST, round(loud))))


def pulses(plan: Plan, build: Build) -> list[float]:
    """Where the chord is struck again in the second half of a build: every half bar, in its last bar every beat."""
    last_bar = max((b.start_beat for b in plan.bars if b.start_beat < build.hit_beat - _NEAR), default=build.start_beat)
    beats: list[float] = []
    at = build.middle_beat
    while at < build.hit_beat - _NEAR:
        beats.append(at)
        at += 1.0 if at >= last_bar - _NEAR else 2.0
    return [beat for beat in beats if not plan.in_breath(beat)]


def struck_again(plan: Plan, notes: Sequence[Note], builds: Sequence[Build]) -> list[Note]:
    """Held notes, struck again at every pulse of the builds that they sound in."""
    result = list(notes)
    for build in builds:
        points = pulses(plan, build)
        after: list[Note] = []
        for note in result:
            inner = [p for p in points if note.start_beat + _NEAR < p < note.end_beat - _NEAR]
            edges = [note.start_beat, *inner, note.end_beat]
            after += [note._replace(start_beat=a, length_beats=b - a) for a, b in itertools.pairwise(edges)]
        result = after
    return result
