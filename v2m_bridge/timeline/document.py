"""The pinned JSON form of a timeline, ``v2m.timeline/1``."""

from __future__ import annotations

from fractions import Fraction
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from v2m_bridge.timeline.model import Cut, CutKind, Marker, Shot, Timeline, titled
from v2m_bridge.timing.rates import exact_rate, rate_text


class Document(BaseModel):
    """A JSON document of ours: frozen; unknown keys are ignored when it is read."""

    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True)


class CutDocument(Document):
    """A cut; the JSON adds its seconds and timecode to what :class:`v2m_bridge.timeline.model.Cut` holds."""

    frame: int
    seconds: float
    kind: CutKind
    timecode: str = ""
    span_start_frame: int | None = None
    span_end_frame: int | None = None


class TimelineDocument(Document):
    """``v2m.timeline/1``: frames count from the start of the timeline.

    Shots and markers are written as they are. The rest differs from :class:`v2m_bridge.timeline.model.Timeline`: the
    rate is text, and cuts and the start have timecodes.
    """

    schema_: Literal["v2m.timeline/1"] = Field("v2m.timeline/1", alias="schema")
    name: str
    rate: str
    start_frame: int
    start_timecode: str
    drop_frame: bool = False
    duration_frames: int
    shots: tuple[Shot, ...]
    cuts: tuple[CutDocument, ...]
    markers: tuple[Marker, ...]
    warnings: tuple[str, ...] = ()
    file_name: str = ""

    @property
    def title(self) -> str:
        """As :attr:`v2m_bridge.timeline.model.Timeline.title`."""
        return titled(self.name, self.file_name)


def timeline_document(timeline: Timeline) -> TimelineDocument:
    """The JSON form of ``timeline``."""
    return TimelineDocument(
        name=timeline.name,
        rate=rate_text(timeline.rate),
        start_frame=timeline.start_frame,
        start_timecode=timeline.timecode(0),
        drop_frame=timeline.drop_frame,
        duration_frames=timeline.duration_frames,
        shots=timeline.shots,
        cuts=tuple(_cut_document(timeline, c) for c in timeline.cuts),
        markers=timeline.markers,
        warnings=timeline.warnings,
        file_name=timeline.file_name,
    )


def _cut_document(timeline: Timeline, cut: Cut) -> CutDocument:
    return CutDocument(
        frame=cut.frame,
        seconds=timeline.seconds(cut.frame),
        kind=cut.kind,
        timecode=timeline.timecode(cut.frame),
        span_start_frame=cut.span_start_frame,
        span_end_frame=cut.span_end_frame,
    )


def timeline_from_document(document: TimelineDocument) -> Timeline:
    """Inverse of :func:`timeline_document`."""
    rate: Fraction = exact_rate(document.rate)
    return Timeline(
        name=document.name,
        rate=rate,
        start_frame=document.start_frame,
        duration_frames=document.duration_frames,
        drop_frame=document.drop_frame,
        shots=document.shots,
        cuts=tuple(Cut(c.frame, c.kind, c.span_start_frame, c.span_end_frame) for c in document.cuts),
        markers=document.markers,
        warnings=document.warnings,
        file_name=document.file_name,
    )
