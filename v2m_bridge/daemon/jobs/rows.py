"""Turns rows of the queue into jobs. A row that cannot be read becomes a failed job, so that it stops no other."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import TypeVar

from pydantic import TypeAdapter

from v2m_bridge.daemon.jobs.job import ACTIVE, Artifact, Job, JobError, Push, State, Summary
from v2m_bridge.daemon.paths import JOB_ID
from v2m_bridge.options import ScoreOptions

ARTIFACTS = TypeAdapter(tuple[Artifact, ...])

UNREADABLE = JobError(
    code="unreadable",
    message="what the queue's file says about this score cannot be read",
    hint="ask for the score again; a damaged disk or another version of v2m-bridge is the usual cause",
)

Value = TypeVar("Value")


class _Damage:
    """Reads fields, and remembers whether one of them could not be read."""

    def __init__(self) -> None:
        self.found = False

    def read(self, text: object, reader: Callable[[str], Value], otherwise: Value) -> Value:
        """``reader(text)``; ``otherwise`` for an empty text and for one that it cannot read."""
        if not text:
            return otherwise
        try:
            return reader(str(text))
        except ValueError:  # of an enumeration or of pydantic
            self.found = True
            return otherwise


def job_of(row: sqlite3.Row) -> Job:
    """The job of a row; one with damaged fields is ``failed`` with :data:`UNREADABLE`, unless it had ended before."""
    damage = _Damage()
    state = damage.read(row["state"], State, State.FAILED)
    options = damage.read(row["options"], ScoreOptions.model_validate_json, ScoreOptions())
    none: tuple[Artifact, ...] = ()
    artifacts = damage.read(row["artifacts"], ARTIFACTS.validate_json, none)
    summary = damage.read(row["summary"], Summary.model_validate_json, None)
    push = damage.read(row["push"], Push.model_validate_json, None)
    error = damage.read(row["error"], JobError.model_validate_json, None)
    if damage.found or not JOB_ID.match(row["id"]):
        state = State.FAILED if state in ACTIVE else state
        error = error or UNREADABLE
    return Job(
        id=row["id"],
        seq=row["seq"],
        state=state,
        name=row["name"],
        source=row["source"],
        origin=row["origin"],
        options=options,
        created_s=row["created_s"],
        stage=row["stage"],
        progress=row["progress"],
        started_s=row["started_s"],
        finished_s=row["finished_s"],
        crashes=row["crashes"],
        interruptions=row["interruptions"],
        error=error,
        artifacts=artifacts,
        summary=summary,
        push=push,
    )
