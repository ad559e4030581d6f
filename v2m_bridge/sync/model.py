"""A fit of music to picture: options, landings, figures, slots."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

from v2m_bridge.option_fields import Option
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

    Without a ``bpm`` the tempo that lands best is found; ``mood`` (one of ``music.emotions.EMOTIONS``) or, without a
    mood, ``arousal`` (-1..1) is weighed then, and the map stays within ``min_bpm..max_bpm``. The stage itself takes any
    tempo from 10 to 400.
    """

    bpm: Annotated[
        float | None,
        Option(
            "Beats a minute, or auto for the tempo that lands best.",
            key="tempo",
            unit="bpm",
            ge=30,
            le=300,
            step=0.1,
            word_for_none="auto",
            unset="Find the best",
            example="100",
            first=True,
        ),
    ] = None
    tempo_range: Annotated[
        float,
        Option("How far the tempo may leave the one asked for: 0.1 = 10 %.", flag="--range", ge=0, le=0.3, step=0.01),
    ] = 0.10
    max_step: Annotated[
        float,
        Option(
            "Largest change from one tempo to the next; 0: constant.",
            label="Largest tempo step",
            ge=0,
            le=1,
            step=0.01,
        ),
    ] = 0.06
    tolerance_frames: Annotated[
        float,
        Option(
            "Frames a hit may lie from its beat.",
            flag="--tolerance",
            label="Tolerance",
            unit="frames",
            gt=0,
            le=10,
            step=0.1,
        ),
    ] = 0.5
    eighths: Annotated[
        bool,
        Option("Whether hits may land on eighths.", flag="--eighths/--no-eighths", label="Hits may land on eighths"),
    ] = True
    odd_bar_cost: Annotated[
        float, Option("Hit weight that a bar of 2, 3 or 5 beats must gain.", ge=0, le=1e6, step=0.5)
    ] = 3.0
    steadiness: Annotated[
        float, Option("Hit weight given up to avoid one full tempo step.", ge=0, le=1e6, step=0.5)
    ] = 0.0
    mood: str | None = None
    arousal: float | None = None
    min_bpm: float = 60.0
    max_bpm: float = 160.0


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

    ``on_hit`` says whether it starts on a landed hit, ``on_bar`` whether it begins a bar.
    """

    start_beat: float
    end_beat: float
    start_s: float
    end_s: float
    on_hit: bool
    on_bar: bool = False
