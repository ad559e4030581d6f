"""What a user can ask of a score. The command line, the daemon and the score itself share this one model."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Tempo = Annotated[float, Field(ge=30, le=300)]


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
    temperature: Annotated[float, Field(gt=0, le=3)] = 0.9
    top_p: Annotated[float, Field(gt=0, le=1)] = 0.95
    change_at_cut: Annotated[float, Field(ge=0, le=10)] = 2.0
    candidates: Annotated[int, Field(ge=1, le=64)] = 8
    harmonic_rhythm_s: Annotated[float, Field(ge=0.25, le=16)] = 1.0
    preset: str | None = None
    parts: tuple[str, ...] | None = None
    primer: str | None = None
    locks: tuple[str, ...] = ()
    motion_hits: Annotated[float, Field(ge=0, le=1)] = 0.0
    tail_s: Annotated[float, Field(ge=0, le=30)] = 0.0
    preview: bool = False
    rate: str | None = None
    first_frame: Annotated[int, Field(ge=0)] | None = None
    end_frame: Annotated[int, Field(gt=0)] | None = None
