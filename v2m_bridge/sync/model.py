"""A fit of music to picture: options, landings, figures, slots."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from v2m_bridge.timeline.hits import Hit
from v2m_bridge.timing.tempo import TempoMap


class Lands(StrEnum):
    """Where on the grid a hit falls, within the tolerance."""

    DOWNBEAT = "downbeat"
    BEAT = "beat"
    EIGHTH = "eighth"
    MISS = "miss"


@dataclass(frozen=True)
class FitOptions:
    """Hard limits and wishes of the fit.

    Attributes:
        bpm: requested tempo in quarter notes a minute, or None to find the one that lands best.
        tempo_range: largest relative distance from the requested tempo, 0..0.3.
        max_step: largest relative change between neighbouring tempi.
        tolerance_frames: how far from its beat a hit may lie and still count as landed.
        eighths: whether hits may land on eighths.
        min_bpm, max_bpm: search range of ``bpm=None``.
        odd_bar_cost: hit weight that a bar of 2, 3 or 5 beats must bring to downbeats; very large: only for must-hits.
        steadiness: hit weight that may be given up to avoid one tempo step as large as allowed; 0: land all we can.
        mood: one of ``music.emotions.EMOTIONS``, weighed by ``bpm=None``.
    """

    bpm: float | None = None
    tempo_range: float = 0.10
    max_step: float = 0.06
    tolerance_frames: float = 0.5
    eighths: bool = True
    min_bpm: float = 60.0
    max_bpm: float = 160.0
    odd_bar_cost: float = 3.0
    steadiness: float = 0.0
    mood: str | None = None


@dataclass(frozen=True)
class Landing:
    """Where one hit lands.

    Attributes:
        beat: the nearest grid position, in quarter notes.
        error_frames: how late that is against the picture, in frames; negative: before the picture.
        reason: why the hit is missed, or why a must-hit is not on a downbeat; else empty.
    """

    hit: Hit
    beat: float
    error_frames: float
    lands: Lands
    reason: str = ""


@dataclass(frozen=True)
class FitSummary:
    """Figures of a fit; shares are 0..1 of all hits.

    ``max_step`` and ``mean_step`` are relative changes between neighbouring tempi. ``constant_*`` belong to the best
    constant tempo, for comparison. ``motion_*`` count the hits that are movements of the picture.
    """

    hits: int
    landed: int
    landed_share: float
    min_bpm: float
    max_bpm: float
    max_step: float
    constant_bpm: float
    constant_landed_share: float
    mean_step: float = 0.0
    downbeat_share: float = 0.0
    beat_share: float = 0.0
    eighth_share: float = 0.0
    odd_bars: int = 0
    motion_hits: int = 0
    motion_landed: int = 0


@dataclass(frozen=True)
class Fit:
    """A tempo map and how each hit lands on it; ``end_beat`` is the beat at the end of the last frame."""

    requested_bpm: float
    tempo_map: TempoMap
    landings: tuple[Landing, ...]
    summary: FitSummary
    end_beat: float
    options: FitOptions
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Slot:
    """A harmonic slot: the whole beats ``[start_beat, end_beat)`` that share one chord.

    ``on_hit`` says whether it starts on a landed hit.
    """

    start_beat: float
    end_beat: float
    start_s: float
    end_s: float
    on_hit: bool
