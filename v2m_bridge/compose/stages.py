"""The stages of a score: their names, what people read, and how much of the time each takes."""

from __future__ import annotations

import itertools
from dataclasses import dataclass


@dataclass(frozen=True)
class ScoreStage:
    """One stage.

    Attributes:
        name: what ``progress`` reports.
        label: what people read while it runs.
        share: its part of the whole time, 0..1.
    """

    name: str
    label: str
    share: float


STAGES: tuple[ScoreStage, ...] = (
    ScoreStage("edit", "Reading the edit", 0.01),
    ScoreStage("footage", "Watching the picture", 0.60),
    ScoreStage("tempo", "Fitting the tempo", 0.04),
    ScoreStage("chords", "Writing chords", 0.15),
    ScoreStage("parts", "Writing the parts", 0.10),
    ScoreStage("files", "Writing files", 0.10),
)
"""In order; the shares add up to 1. Footage leads: pictures are decoded."""

_STARTS = dict(
    zip((stage.name for stage in STAGES), itertools.accumulate((s.share for s in STAGES), initial=0.0), strict=False)
)
_SHARES = {stage.name: stage.share for stage in STAGES}


def stage_shares() -> dict[str, float]:
    """Share of the whole time by the stage's name, in order."""
    return dict(_SHARES)


def overall(stage: str, fraction: float, before: float = 0.0) -> float:
    """Share of the whole work done, 0..1, never less than ``before``; an unknown stage does not move it.

    Args:
        stage: name of the present stage.
        fraction: share of that stage that is done, 0..1.
    """
    if stage not in _SHARES:
        return before
    return min(1.0, max(before, _STARTS[stage] + _SHARES[stage] * fraction))
