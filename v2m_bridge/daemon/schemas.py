"""JSON of the HTTP interface: what comes in, what goes out."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, field_validator, model_validator

from v2m_bridge.daemon.jobs.job import Advance, Job, JobError, Push, State, Summary
from v2m_bridge.options import ScoreOptions

Name = Annotated[str, StringConstraints(max_length=200)]
Id = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{12}$")]


SOURCES = ("timeline_path", "timeline", "upload", "again")
OTIO_SHAPE = {"required": ["OTIO_SCHEMA"], "properties": {"OTIO_SCHEMA": {"type": "string"}}}

OtioDocument = Annotated[dict[str, Any], Field(json_schema_extra=OTIO_SHAPE)]


class ScoreRequest(BaseModel):
    """Body of ``POST /v1/scores``: exactly one of ``timeline_path``, ``timeline``, ``upload`` and ``again``.

    Attributes:
        timeline_path: absolute path of an edit or video on the daemon's machine.
        timeline: an OTIO document.
        upload: id that ``POST /v1/uploads`` gave.
        again: id of an earlier score, to be scored again from the same source.
        name: what to call an OTIO document.
        options: see ``v2m-bridge score --help``; the same names.
        push: also bring the score into REAPER when it is done.
    """

    model_config = ConfigDict(
        frozen=True, extra="forbid", json_schema_extra={"oneOf": [{"required": [name]} for name in SOURCES]}
    )

    timeline_path: Annotated[str, StringConstraints(min_length=1, max_length=4096)] | None = None
    timeline: OtioDocument | None = None
    upload: Id | None = None
    again: Id | None = None
    name: Name | None = None
    options: ScoreOptions = ScoreOptions()
    push: bool = False

    @field_validator("timeline")
    @classmethod
    def _is_otio(cls, value: dict[str, Any] | None) -> dict[str, Any] | None:
        if value is not None and not isinstance(value.get("OTIO_SCHEMA"), str):
            raise ValueError("is not an OTIO document: it has no OTIO_SCHEMA")
        return value

    @model_validator(mode="after")
    def _one_source(self) -> ScoreRequest:
        given = [n for n in SOURCES if getattr(self, n) is not None]
        if len(given) != 1:
            raise ValueError("give exactly one of timeline_path, timeline, upload and again")
        return self


class PushRequest(BaseModel):
    """Body of ``POST /v1/scores/{id}/push``; may be left out."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    host: Literal["reaper"] = "reaper"


class Accepted(BaseModel):
    """Answer to a new score."""

    id: str
    state: State


class ScoreStatus(BaseModel):
    """A score as clients see it.

    Attributes:
        progress: share of the whole work done, 0..1; ``stage_progress`` of the present stage.
        artifacts: names to fetch below ``/v1/scores/{id}/artifacts/``; ``artifact_bytes`` their sizes.
        ahead: queued scores before this one.
        created_s, started_s, finished_s: Unix time.
    """

    id: str
    state: State
    stage: str
    progress: float
    error: JobError | None
    artifacts: list[str]
    summary: Summary | None
    name: str
    origin: str
    options: ScoreOptions
    attempt: int
    stage_progress: float
    ahead: int
    artifact_bytes: dict[str, int]
    push: Push | None
    created_s: float
    started_s: float | None
    finished_s: float | None


class ScoreList(BaseModel):
    """Newest first; ``before`` asks for the next page, None at the end."""

    scores: list[ScoreStatus]
    before: int | None


class Uploaded(BaseModel):
    """A file that was received and waits for a ``POST /v1/scores`` that names it, for an hour."""

    upload: str
    name: str
    bytes: int


class Link(BaseModel):
    """A link that opens one browser session."""

    url: str
    expires_in_s: float


class Health(BaseModel):
    """How the daemon is."""

    status: Literal["ok", "degraded"]
    version: str
    uptime_s: float
    worker: str
    worker_restarts: int
    warning: str
    jobs: dict[State, int]
    osc: bool
    inbox: bool


class ErrorBody(BaseModel):
    """Inside of ``{"error": ...}``."""

    code: str
    message: str
    hint: str | None = None


class ErrorAnswer(BaseModel):
    """Every answer that is not 2xx."""

    error: ErrorBody


def status_of(job: Job, advance: Advance | None, ahead: int) -> ScoreStatus:
    """The public view of a job; ``advance`` is newer than what the store knows while it runs."""
    running = job.state is State.RUNNING and advance is not None
    return ScoreStatus(
        id=job.id,
        state=job.state,
        stage=advance.stage if running and advance else job.stage,
        progress=round(advance.progress if running and advance else job.progress, 4),
        error=job.error,
        artifacts=[artifact.name for artifact in job.artifacts],
        summary=job.summary,
        name=job.name,
        origin=job.origin,
        options=job.options,
        attempt=job.attempt,
        stage_progress=round(advance.fraction, 4) if running and advance else 0.0,
        ahead=ahead,
        artifact_bytes={artifact.name: artifact.bytes for artifact in job.artifacts},
        push=job.push,
        created_s=job.created_s,
        started_s=job.started_s,
        finished_s=job.finished_s,
    )
