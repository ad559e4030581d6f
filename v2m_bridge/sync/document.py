"""The pinned JSON form of a fit, ``v2m.fit/1``."""

from __future__ import annotations

from bisect import bisect_right
from typing import Literal

from pydantic import Field

from v2m_bridge.sync.candidates import TempoCandidate
from v2m_bridge.sync.model import Fit, FitSummary, Landing, Lands
from v2m_bridge.timeline.document import Document
from v2m_bridge.timeline.hits import HitKind
from v2m_bridge.timing.tempo import Metre, TempoMap, TempoPoint


class HitDocument(Document):
    """A hit and where it lands; the JSON holds both in one flat object, and the seconds as a float."""

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


class TempoDocument(Document):
    """One change of tempo or metre; the JSON merges the two lists of a tempo map.

    ``numerator/denominator`` is the metre in force from there on.
    """

    seconds: float
    beat: float
    bpm: float
    numerator: int
    denominator: int
    linear: bool = False


class FitDocument(Document):
    """``v2m.fit/1``; beats count quarter notes from the start of the timeline."""

    schema_: Literal["v2m.fit/1"] = Field("v2m.fit/1", alias="schema")
    requested_bpm: float
    hits: tuple[HitDocument, ...]
    tempo: tuple[TempoDocument, ...]
    summary: FitSummary
    end_beat: float
    warnings: tuple[str, ...] = ()


class RankedFitDocument(FitDocument):
    """What ``fit --json`` prints: the fit with the tempi that stood beside it, the best first."""

    candidates: tuple[TempoCandidate, ...] = ()


def ranked_fit_document(fit: Fit, candidates: tuple[TempoCandidate, ...]) -> RankedFitDocument:
    """The JSON form of ``fit`` and its candidates."""
    plain = fit_document(fit)
    return RankedFitDocument(**{name: getattr(plain, name) for name in _OWN_FIELDS}, candidates=candidates)


_OWN_FIELDS = tuple(name for name in FitDocument.model_fields if name != "schema_")


def fit_document(fit: Fit) -> FitDocument:
    """The JSON form of ``fit``: tempo points and metre changes merged into one list by beat."""
    return FitDocument(
        requested_bpm=fit.requested_bpm,
        hits=tuple(_hit_document(landing) for landing in fit.landings),
        tempo=tuple(_tempo_rows(fit)),
        summary=fit.summary,
        end_beat=fit.end_beat,
        warnings=fit.warnings,
    )


def _hit_document(landing: Landing) -> HitDocument:
    hit = landing.hit
    return HitDocument(
        frame=hit.frame,
        seconds=float(hit.seconds),
        kind=hit.kind,
        weight=hit.weight,
        must=hit.must,
        label=hit.label,
        beat=landing.beat,
        error_frames=landing.error_frames,
        lands=landing.lands,
        reason=landing.reason,
    )


def _tempo_rows(fit: Fit) -> list[TempoDocument]:
    """Tempo points and metre changes in one list, one row for each beat that has either."""
    tempo, metres = fit.tempo_map, fit.tempo_map.metres
    points = {p.beat: p for p in tempo.points}
    # no point follows the last one, so its tempo cannot glide
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
    """The tempo map of a document; inverse of :func:`fit_document`."""
    points = [TempoPoint(row.seconds, row.beat, row.bpm, row.linear) for row in document.tempo]
    metres: list[Metre] = []
    for row in document.tempo:
        if not metres or (metres[-1].numerator, metres[-1].denominator) != (row.numerator, row.denominator):
            metres.append(Metre(row.beat, row.numerator, row.denominator))
    return TempoMap(points, metres)
