"""The pinned JSON form of a fit, ``v2m.fit/1``."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import asdict
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from v2m_bridge.sync.model import Fit, Lands
from v2m_bridge.timeline.hits import HitKind
from v2m_bridge.timing.tempo import Metre, TempoMap, TempoPoint


class _Document(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True)


class HitDocument(_Document):
    frame: int
    seconds: float
    kind: HitKind
    weight: float
    must: bool
    label: str = ""
    beat: float
    error_frames: float
    lands: Lands
    reason: str = ""


class TempoDocument(_Document):
    """One change of tempo or metre; ``numerator/denominator`` is the metre in force from there on."""

    seconds: float
    beat: float
    bpm: float
    numerator: int
    denominator: int
    linear: bool = False


class SummaryDocument(_Document):
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


class FitDocument(_Document):
    """``v2m.fit/1``; beats count quarter notes from the start of the timeline."""

    schema_: Literal["v2m.fit/1"] = Field("v2m.fit/1", alias="schema")
    requested_bpm: float
    hits: tuple[HitDocument, ...]
    tempo: tuple[TempoDocument, ...]
    summary: SummaryDocument
    end_beat: float
    warnings: tuple[str, ...] = ()


def fit_document(fit: Fit) -> FitDocument:
    """The JSON form of ``fit``: tempo points and metre changes merged into one list by beat."""
    return FitDocument(
        requested_bpm=fit.requested_bpm,
        hits=tuple(
            HitDocument(
                frame=x.hit.frame,
                seconds=float(x.hit.seconds),
                kind=x.hit.kind,
                weight=x.hit.weight,
                must=x.hit.must,
                label=x.hit.label,
                beat=x.beat,
                error_frames=x.error_frames,
                lands=x.lands,
                reason=x.reason,
            )
            for x in fit.landings
        ),
        tempo=tuple(_tempo_rows(fit)),
        summary=SummaryDocument(**asdict(fit.summary)),
        end_beat=fit.end_beat,
        warnings=fit.warnings,
    )


def _tempo_rows(fit: Fit) -> list[TempoDocument]:
    tempo, metres = fit.tempo_map, fit.tempo_map.metres
    points = {p.beat: p for p in tempo.points}
    # the last point has nothing to glide to
    glides = [p.linear for p in tempo.points[:-1]] + [False]
    starts = [p.beat for p in tempo.points]
    rows = []
    for beat in sorted(set(points) | {m.beat for m in metres}):
        metre = [m for m in metres if m.beat <= beat + 1e-9][-1]
        point = points.get(beat)
        seconds = point.seconds if point else tempo.seconds_at(beat)
        rows.append(
            TempoDocument(
                seconds=seconds,
                beat=beat,
                bpm=point.bpm if point else tempo.bpm_at_seconds(seconds),
                numerator=metre.numerator,
                denominator=metre.denominator,
                # a metre that changes inside a glide does not end it
                linear=glides[bisect_right(starts, beat) - 1],
            )
        )
    return rows


def tempo_map_from_document(document: FitDocument) -> TempoMap:
    """The tempo map that :func:`fit_document` wrote down."""
    points = [TempoPoint(row.seconds, row.beat, row.bpm, row.linear) for row in document.tempo]
    metres: list[Metre] = []
    for row in document.tempo:
        if not metres or (metres[-1].numerator, metres[-1].denominator) != (row.numerator, row.denominator):
            metres.append(Metre(row.beat, row.numerator, row.denominator))
    return TempoMap(points, metres)
