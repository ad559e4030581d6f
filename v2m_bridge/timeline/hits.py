"""Hits: the weighted moments of the picture that the music should land on."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction


class HitKind(StrEnum):
    """What makes this moment a hit."""

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
        must: an editor's wish that has to land on a downbeat.
        label: the marker's note or name, empty for cuts.
    """

    frame: int
    seconds: Fraction
    kind: HitKind
    weight: float = 1.0
    must: bool = False
    label: str = ""
