"""What a job is: its states, what it came from, what it gave."""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal

from pydantic import BaseModel, ConfigDict

from v2m_bridge.errors import V2MError
from v2m_bridge.options import ScoreOptions


class State(StrEnum):
    """A job is queued, then running, then in one of the three finished states."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


ACTIVE = (State.QUEUED, State.RUNNING)
FINISHED = (State.DONE, State.FAILED, State.CANCELLED)

Origin = Literal["http", "console", "inbox", "osc"]


class QueueFull(V2MError):
    """Too many jobs wait already."""

    code = "queue_full"


class NoSuchJob(V2MError):
    """The id is unknown or the job was removed."""

    code = "no_such_score"


class NoSuchArtifact(NoSuchJob):
    """The score is there, but has no such file."""

    code = "no_such_artifact"


class StoreError(V2MError):
    """The queue's file cannot be read or written at the moment, for another reason than a full disk."""

    code = "store_unavailable"


class WrongState(V2MError):
    """The job is not in a state that allows this."""

    code = "wrong_state"


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class JobError(_Record):
    """Why a job failed, in words for its user."""

    code: str
    message: str
    hint: str | None = None

    @staticmethod
    def of(error: V2MError) -> JobError:
        """What ``error`` says, kept for later."""
        return JobError(code=error.code, message=error.message, hint=error.hint)


class Artifact(_Record):
    """One file of a finished score."""

    name: str
    bytes: int


class Summary(_Record):
    """The finished score in a few figures."""

    name: str
    key: str
    seed: int
    checkpoint: str
    duration_s: float
    cuts: int
    hits: int
    landed: int
    landed_share: float
    min_bpm: float
    max_bpm: float
    chords: int
    parts: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


class Outcome(_Record):
    """What the worker leaves beside the artifacts, so that a finished score is known as such after a kill."""

    artifacts: tuple[Artifact, ...]
    summary: Summary


class Push(_Record):
    """Bringing a score into a running host: asked for, sent, or refused with a reason."""

    host: Literal["reaper"] = "reaper"
    state: Literal["wanted", "sent", "failed"] = "wanted"
    message: str = ""


@dataclass(frozen=True)
class Job:
    """One row of the queue.

    Attributes:
        seq: order of arrival.
        source: absolute path of the edit or video.
        name: what people call it: the file's stem, later the timeline's name.
        crashes: how often its process died while it ran; interruptions: how often the daemon did.
        created_s, started_s, finished_s: Unix time.
    """

    id: str
    seq: int
    state: State
    name: str
    source: str
    origin: Origin
    options: ScoreOptions
    created_s: float
    stage: str = ""
    progress: float = 0.0
    started_s: float | None = None
    finished_s: float | None = None
    crashes: int = 0
    interruptions: int = 0
    error: JobError | None = None
    artifacts: tuple[Artifact, ...] = ()
    summary: Summary | None = None
    push: Push | None = None

    @property
    def attempt(self) -> int:
        """Which try this is, counted from 1."""
        return self.crashes + self.interruptions + 1

    @property
    def bytes(self) -> int:
        """Size of its artifacts together."""
        return sum(artifact.bytes for artifact in self.artifacts)


@dataclass(frozen=True)
class NewJob:
    """What is needed to queue a job; ``key`` makes a repeated request give the same job."""

    id: str
    name: str
    source: str
    origin: Origin
    options: ScoreOptions
    push: Push | None = None
    key: str | None = None
    created_s: float = field(default_factory=time.time)


@dataclass(frozen=True)
class JobEvent:
    """Something that happened to a job; ``number`` counts from 1 within the job."""

    job_id: str
    number: int
    at_s: float
    kind: str
    detail: str


@dataclass(frozen=True)
class Advance:
    """Where a running job is: its stage, the share of the stage and of the whole, both 0..1."""

    stage: str
    fraction: float
    progress: float


def new_id() -> str:
    """Twelve hex digits: short enough to type into an OSC client, too many to guess."""
    return secrets.token_hex(6)
