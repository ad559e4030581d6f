"""Hits: the weighted moments of the picture that the music should land on.

They are taken from an edit that was read, so that options can change without a new analysis of the picture.
"""

from __future__ import annotations

import math
import re
from bisect import bisect_left, insort
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from fractions import Fraction
from types import MappingProxyType
from typing import Annotated

from v2m_bridge.errors import InputError
from v2m_bridge.option_fields import Option
from v2m_bridge.timeline.model import Cut, Marker, Timeline
from v2m_bridge.timing.rates import frame_to_seconds, seconds_to_frame


class HitKind(StrEnum):
    """What kind of moment a hit is."""

    CUT = "cut"
    DISSOLVE = "dissolve"
    WIPE = "wipe"
    FADE = "fade"
    MARKER = "marker"
    MOTION = "motion"


@dataclass(frozen=True)
class Hit:
    """A moment that music should land on.

    Attributes:
        frame: frame on the timeline (0 = its first frame); the beat should fall on its start.
        seconds: exact time of that frame.
        weight: importance, above 0; a plain cut is 1.
        must: whether the hit must land on a downbeat.
        label: the marker's note or name, empty for cuts.
    """

    frame: int
    seconds: Fraction
    kind: HitKind
    weight: float = 1.0
    must: bool = False
    label: str = ""


@dataclass(frozen=True)
class MotionOnset:
    """A sudden movement in the picture: ``seconds`` from the start of the timeline, ``strength`` 0..1."""

    seconds: float
    strength: float = 1.0


DEFAULT_WEIGHTS: Mapping[HitKind, float] = MappingProxyType(
    {
        HitKind.CUT: 1.0,
        HitKind.DISSOLVE: 0.6,
        HitKind.WIPE: 0.8,
        HitKind.FADE: 0.6,
        HitKind.MARKER: 2.0,
    }
)
"""Kind -> weight. A transition is felt less exactly than a cut, an editor's marker more."""

DEFAULT_MUST_NAME = "HIT"

MUST_FACTOR = 2.0
"""A must-hit weighs this many times as much as another marker; it counts when two must-hits exclude each other."""

_MOOD_MARKER = re.compile(r"\s*mood\s*:", re.I)


@dataclass(frozen=True)
class HitOptions:
    """What counts as a hit.

    A must-name ignores case and takes a number or words after it: ``HIT``, ``HIT 3``, ``HIT: door``. Colours are the
    host's own names, case ignored. Kinds left out of ``weights`` keep their default.
    """

    must_name: Annotated[
        str,
        Option(
            "Markers of this name have to land on a downbeat.", key="must", label="Must-hit markers", max_length=100
        ),
    ] = DEFAULT_MUST_NAME
    ignored_colors: Annotated[
        tuple[str, ...],
        Option(
            "Markers of this colour are no hits.",
            key="ignore_colors",
            flag="--ignore-color",
            label="Ignored marker colours",
            example="Blue",
        ),
    ] = ()
    weights: Annotated[
        Mapping[HitKind, float],
        Option(
            f"Weight of a kind of hit, such as dissolve=0.3; 0 switches it off. Kinds: {', '.join(DEFAULT_WEIGHTS)}; "
            "movements have --motion-hits.",
            flag="--weight",
            ge=0,
            le=1000,
            choices=tuple(DEFAULT_WEIGHTS),
            example="dissolve=0.3",
            unset=", ".join(f"{kind}={weight:g}" for kind, weight in DEFAULT_WEIGHTS.items()),
        ),
    ] = field(default_factory=dict)
    minimum_spacing_s: Annotated[
        float,
        Option(
            "Of two hits closer than this the weightier stays; must-hits always stay.",
            key="min_spacing_s",
            label="Least spacing",
            unit="s",
            ge=0,
            le=3600,
            step=0.1,
        ),
    ] = 0.0
    max_per_minute: Annotated[
        float | None,
        Option(
            "At most so many hits in any minute, the weightiest first; must-hits always stay.",
            label="Most hits a minute",
            ge=0,
            le=10_000,
            step=1,
            unset="No cap",
        ),
    ] = None
    motion_hits: Annotated[
        float,
        Option(
            "How much sudden movements bend the tempo; never at the cost of a cut.",
            label="Movements bend the tempo",
            ge=0,
            le=1,
            step=0.05,
        ),
    ] = 0.0

    def weight(self, kind: HitKind) -> float:
        """Weight of hits of this kind."""
        return self.motion_hits if kind is HitKind.MOTION else self.weights.get(kind, DEFAULT_WEIGHTS[kind])


def find_hits(
    timeline: Timeline, options: HitOptions = HitOptions(), motion: Sequence[MotionOnset] = ()
) -> tuple[Hit, ...]:
    """The hits of an edit in order of time, at most one a frame.

    A cut and a marker on one frame become one hit with the larger weight; it is a must-hit if either is. Markers that
    set a mood (``mood: tense``) are no hits.

    Args:
        timeline: the edit; cuts and markers count from its first frame.
        options: what counts as a hit, and its weight.
        motion: sudden movements of the picture; they become hits only when motion has a weight.

    Raises:
        InputError: a weight, spacing or cap that is negative or not finite.
    """
    _check_options(options)
    found: dict[int, Hit] = {}
    for hit in (
        *(_cut_hit(cut, timeline, options) for cut in timeline.cuts),
        *(_marker_hit(marker, timeline, options) for marker in timeline.markers),
        *(_motion_hit(onset, timeline, options) for onset in motion),
    ):
        if hit is None or not 0 <= hit.frame < timeline.duration_frames:
            continue
        other = found.get(hit.frame)
        found[hit.frame] = hit if other is None else _merged(other, hit)
    hits = [found[frame] for frame in sorted(found)]
    return tuple(_thinned(hits, options))


def unmatched_options(timeline: Timeline, options: HitOptions) -> tuple[str, ...]:
    """Warnings about marker names and colours in the options that no marker has."""
    warnings = []
    name = options.must_name.strip()
    if name.casefold() not in ("", DEFAULT_MUST_NAME.casefold()) and not any(
        _is_must(marker.name, name) for marker in timeline.markers
    ):
        warnings.append(f"no marker is named {name!r}: there are no must-hits")
    colors = {marker.color.casefold() for marker in timeline.markers}
    missing = [color for color in options.ignored_colors if color.casefold() not in colors]
    if missing:
        have = ", ".join(sorted(color for color in colors if color)) or "no colour"
        warnings.append(f"no marker is {' or '.join(missing)} (--ignore-color); the markers have {have}")
    return tuple(warnings)


def _check_options(options: HitOptions) -> None:
    for kind, weight in {**options.weights, HitKind.MOTION: options.motion_hits}.items():
        if not (math.isfinite(weight) and weight >= 0):
            raise InputError(f"weight {weight!r} of {kind} hits is not 0 or above")
    if not (math.isfinite(options.minimum_spacing_s) and options.minimum_spacing_s >= 0):
        raise InputError(f"minimum spacing {options.minimum_spacing_s!r} s is not 0 or above")
    cap = options.max_per_minute
    if cap is not None and not (math.isfinite(cap) and cap >= 0):
        raise InputError(f"cap of {cap!r} hits a minute is not 0 or above")


def _cut_hit(cut: Cut, timeline: Timeline, options: HitOptions) -> Hit | None:
    kind = HitKind(cut.kind.value)
    weight = options.weight(kind)
    return Hit(cut.frame, frame_to_seconds(cut.frame, timeline.rate), kind, weight) if weight > 0 else None


def _marker_hit(marker: Marker, timeline: Timeline, options: HitOptions) -> Hit | None:
    if marker.color.casefold() in {color.casefold() for color in options.ignored_colors}:
        return None
    if _MOOD_MARKER.match(marker.name) or _MOOD_MARKER.match(marker.note):
        return None
    weight = options.weight(HitKind.MARKER)
    must = _is_must(marker.name, options.must_name)
    if must:
        weight = MUST_FACTOR * (weight or DEFAULT_WEIGHTS[HitKind.MARKER])
    if weight <= 0:
        return None
    seconds = frame_to_seconds(marker.frame, timeline.rate)
    return Hit(marker.frame, seconds, HitKind.MARKER, weight, must, marker.note or marker.name)


def _is_must(name: str, must_name: str) -> bool:
    """Whether a marker is a must-hit: ``HIT``, ``hit 12``, ``HIT: the door`` are, ``Hit the road`` is not."""
    wanted = must_name.strip()
    return (
        bool(wanted) and re.fullmatch(rf"\s*{re.escape(wanted)}\s*(?:#?\d+\s*)?(?:[:\-–].*)?", name, re.I) is not None
    )


def _motion_hit(onset: MotionOnset, timeline: Timeline, options: HitOptions) -> Hit | None:
    weight = options.weight(HitKind.MOTION) * min(1.0, max(0.0, onset.strength))
    if weight <= 0 or not math.isfinite(onset.seconds):
        return None
    frame = seconds_to_frame(onset.seconds, timeline.rate)
    return Hit(frame, frame_to_seconds(frame, timeline.rate), HitKind.MOTION, weight)


def _merged(first: Hit, second: Hit) -> Hit:
    """One hit of two on a frame, of the kind of the stronger one."""
    strong, weak = sorted((first, second), key=lambda hit: (hit.must, hit.weight), reverse=True)
    return replace(strong, must=first.must or second.must, label=strong.label or weak.label)


def _thinned(hits: list[Hit], options: HitOptions) -> list[Hit]:
    """The hits that the spacing and the cap leave, the weightiest first kept; must-hits always stay."""
    spacing_s = Fraction(options.minimum_spacing_s)
    cap = options.max_per_minute
    if spacing_s == 0 and cap is None:
        return hits
    kept: list[Fraction] = []
    chosen: list[Hit] = []
    for hit in sorted(hits, key=lambda hit: (not hit.must, -hit.weight, hit.frame)):
        at = bisect_left(kept, hit.seconds)
        near = kept[max(0, at - 1) : at + 1]
        if not hit.must:
            if any(abs(other - hit.seconds) < spacing_s for other in near):
                continue
            if cap is not None and _busiest_minute(kept, hit.seconds) + 1 > cap:
                continue
        insort(kept, hit.seconds)
        chosen.append(hit)
    return sorted(chosen, key=lambda hit: hit.frame)


def _busiest_minute(kept: list[Fraction], seconds: Fraction) -> int:
    """Largest number of hits already kept in any half-open minute that contains ``seconds``."""
    first = bisect_left(kept, seconds - 60 + Fraction(1, 10**9))
    last = bisect_left(kept, seconds + 60)
    around = [s for s in kept[first:last] if abs(s - seconds) < 60]
    starts = [s for s in around if s <= seconds] + [seconds]
    return max(bisect_left(around, start + 60) - bisect_left(around, start) for start in starts)
