"""What the daemon and its worker process say to each other: one JSON object a line over the worker's pipes."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from v2m_bridge.daemon.config import EngineSetup
from v2m_bridge.daemon.jobs.job import JobError, Outcome
from v2m_bridge.options import ScoreOptions


class _Line(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class SetUp(_Line):
    """First line to the worker."""

    type: Literal["setup"] = "setup"
    runner: str
    lanes: int
    lock: str
    engine: EngineSetup


class Order(_Line):
    """Score ``source``; files go to ``work``, which becomes ``out`` when all are whole."""

    type: Literal["order"] = "order"
    id: str
    source: str
    work: str
    out: str
    options: ScoreOptions


class CancelOrder(_Line):
    """Stop working on a job."""

    type: Literal["cancel"] = "cancel"
    id: str


class Ready(_Line):
    """The worker has its networks; ``warning`` when they could not be loaded (every job will then say so)."""

    type: Literal["ready"] = "ready"
    warning: str = ""


class Progressed(_Line):
    """A job's present stage and the share of that stage done."""

    type: Literal["progress"] = "progress"
    id: str
    stage: str
    fraction: float


class Finished(_Line):
    """All files of a job are in place."""

    type: Literal["finished"] = "finished"
    id: str
    outcome: Outcome
    resident_bytes: int = 0


class Stopped(_Line):
    """A job ended without a score: an error, or None when it was cancelled."""

    type: Literal["stopped"] = "stopped"
    id: str
    error: JobError | None
    resident_bytes: int = 0


ToWorker = TypeAdapter[SetUp | Order | CancelOrder](Annotated[SetUp | Order | CancelOrder, Field(discriminator="type")])
FromWorker = TypeAdapter[Ready | Progressed | Finished | Stopped](
    Annotated[Ready | Progressed | Finished | Stopped, Field(discriminator="type")]
)


def line(message: _Line) -> bytes:
    """One message as it goes over the pipe."""
    return message.model_dump_json().encode() + b"\n"
