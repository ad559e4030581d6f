"""One bar for the whole way: how much of a score's time each stage of the pipeline takes."""

from __future__ import annotations

STAGE_SHARES: dict[str, float] = {
    "edit": 0.04,
    "footage": 0.50,
    "tempo": 0.06,
    "chords": 0.28,
    "parts": 0.04,
    "files": 0.08,
}
"""Shares of the pipeline's stages, in order; they add up to 1. Footage leads: pictures are decoded."""

_STARTS = {
    stage: sum(list(STAGE_SHARES.values())[:place]) for place, stage in enumerate(STAGE_SHARES)
}  # where each stage begins


def overall(stage: str, fraction: float, before: float = 0.0) -> float:
    """Share of the whole work done, 0..1, never less than ``before``; an unknown stage does not move it."""
    if stage not in STAGE_SHARES:
        return before
    return min(1.0, max(before, _STARTS[stage] + STAGE_SHARES[stage] * fraction))
