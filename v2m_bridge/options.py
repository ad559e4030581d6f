"""What a user can ask of a score. The command line, the daemon and the score itself share this one model."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Tempo = Annotated[float, Field(ge=30, le=300)]
Kind = Literal["cut", "dissolve", "wipe", "fade", "marker"]
Weight = Annotated[float, Field(ge=0, le=1000)]


class ScoreOptions(BaseModel):
    """Options of one score; the finished score echoes those that were really used.

    Attributes:
        tempo: quarter notes a minute, or ``"auto"`` for the tempo that lands best.
        key: ``"A minor"``; None lets the mood choose the mode.
        mood: one of the six emotions for the whole film; None follows mood markers and the picture.
        seed: every random choice follows from it.
        affect: how strongly the mood bends harmony, 0 (off) to 3.
        temperature, top_p: how adventurous the chords are.
        change_at_cut: how strongly chords change on the cuts; 0 leaves it to the network.
        candidates: scores drawn together, of which the one that follows the film best is kept.
        harmonic_rhythm_s: length of a harmonic slot that the beats are grouped into, in seconds.
        preset, parts: instrumentation and which parts to write; None takes the mood's own.
        primer: chords to begin with; locks: ``"12.5=Dm7"`` holds a chord at a time in seconds.
        must: a marker of this name has to land on a downbeat; empty: none has to.
        ignore_colors: markers of these colours are no hits.
        weights: weight of hits by kind (``timeline.hits.DEFAULT_WEIGHTS``), 0 switches a kind off.
        min_spacing_s: of two hits closer than this only the weightier counts.
        max_per_minute: at most so many hits in any minute; must-hits always stay.
        tempo_range: how far the tempo may leave the one asked for, 0 to 0.3 of it.
        max_step: largest relative change from one tempo to the next; 0 keeps one tempo.
        tolerance_frames: how far from its beat a hit may lie and still count as landed.
        eighths: whether hits may land on eighths.
        odd_bar_cost: hit weight that a bar of 2, 3 or 5 beats must gain.
        steadiness: hit weight given up to avoid one full tempo step.
        motion_hits: how much sudden movements of the picture bend the tempo, 0 (not at all) to 1; never at the cost of
            a cut or a marker.
        tail_s: how long the last chord may ring after the picture.
        preview: also render ``preview.wav``.
        first_frame, end_frame: score only ``[first_frame, end_frame)`` of the edit, counted from its start (in and out
            points); None is the start or the end.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    tempo: Tempo | Literal["auto"] = "auto"
    key: str | None = None
    mood: str | None = None
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0
    affect: Annotated[float, Field(ge=0, le=3)] = 1.0
    temperature: Annotated[float, Field(gt=0, le=3)] = 1.0
    top_p: Annotated[float, Field(gt=0, le=1)] = 0.97
    change_at_cut: Annotated[float, Field(ge=0, le=10)] = 2.0
    candidates: Annotated[int, Field(ge=1, le=64)] = 8
    harmonic_rhythm_s: Annotated[float, Field(ge=0.25, le=16)] = 1.0
    preset: str | None = None
    parts: tuple[str, ...] | None = None
    primer: str | None = None
    locks: tuple[str, ...] = ()
    must: Annotated[str, Field(max_length=100)] = "HIT"
    ignore_colors: tuple[str, ...] = ()
    weights: dict[Kind, Weight] = Field(default_factory=dict)
    min_spacing_s: Annotated[float, Field(ge=0, le=3600)] = 0.0
    max_per_minute: Annotated[float, Field(ge=0, le=10_000)] | None = None
    tempo_range: Annotated[float, Field(ge=0, le=0.3)] = 0.10
    max_step: Annotated[float, Field(ge=0, le=1)] = 0.06
    tolerance_frames: Annotated[float, Field(gt=0, le=10)] = 0.5
    eighths: bool = True
    odd_bar_cost: Annotated[float, Field(ge=0, le=1e6)] = 3.0
    steadiness: Annotated[float, Field(ge=0, le=1e6)] = 0.0
    motion_hits: Annotated[float, Field(ge=0, le=1)] = 0.0
    tail_s: Annotated[float, Field(ge=0, le=30)] = 0.0
    preview: bool = False
    rate: str | None = None
    first_frame: Annotated[int, Field(ge=0)] | None = None
    end_frame: Annotated[int, Field(gt=0)] | None = None
