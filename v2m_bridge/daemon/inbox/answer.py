"""What the inbox answers to whoever dropped an edit: a state, a title for a marker and a sentence."""

from __future__ import annotations

import json
from typing import Literal

from pydantic import BaseModel, ConfigDict

from v2m_bridge.daemon.jobs.job import Job, State, Summary
from v2m_bridge.edits.menu_request import lua_answer

MOST_WARNINGS = 2
"""A marker's note has room for so many."""


class InboxAnswer(BaseModel):
    """Content of ``outbox/<request>.json`` and, as a table, of ``outbox/<request>.lua``.

    Attributes:
        job: id of the score; empty or None where there is none.
        title: for a marker on the timeline.
        text: one or more whole sentences.
        key, tempo: of a finished score, as people write them.
    """

    model_config = ConfigDict(frozen=True)

    state: Literal["queued", "running", "done", "failed", "cancelled"]
    job: str | None
    title: str
    text: str
    key: str | None = None
    tempo: str | None = None

    def texts(self) -> dict[str, str]:
        """The answer in both forms, by the suffix of its file."""
        fields = self.model_dump(exclude_unset=True)
        return {"lua": lua_answer(fields), "json": json.dumps(fields)}


REPLACED = InboxAnswer(state="cancelled", job="", title="v2m: cancelled", text="Replaced by a later one.")
"""For an edit that waited while a later one of the same timeline came."""


def answer_of(job_id: str, job: Job | None) -> InboxAnswer:
    """How far a job is; None: it was removed before it was done."""
    if job is None:
        return refusal_of(job_id, "the score was removed before it was ready", None)
    if job.state is State.QUEUED:
        return InboxAnswer(state="queued", job=job_id, title="v2m: queued", text="Waiting for its turn.")
    if job.state is State.RUNNING:
        text = "v2m-bridge is at work on this timeline."
        return InboxAnswer(state="running", job=job_id, title="v2m: scoring", text=text)
    if job.state is State.CANCELLED:
        return InboxAnswer(state="cancelled", job=job_id, title="v2m: cancelled", text="The score was cancelled.")
    if job.state is State.DONE and job.summary is not None:
        return _success(job_id, job.summary)
    if job.error is None:
        return refusal_of(job_id, "something went wrong", None)
    return refusal_of(job_id, job.error.message, job.error.hint)


def refusal_of(job_id: str | None, message: str, hint: str | None) -> InboxAnswer:
    """An edit that was not scored, with the reason and what to do about it."""
    text = message[:1].upper() + message[1:] + "."
    if hint:
        text += f" {hint[:1].upper()}{hint[1:]}."
    return InboxAnswer(state="failed", job=job_id, title="v2m: not scored", text=text)


def _success(job_id: str, summary: Summary) -> InboxAnswer:
    low, high = summary.min_bpm, summary.max_bpm
    tempo = f"{low:.0f} BPM" if round(low) == round(high) else f"{low:.0f}-{high:.0f} BPM"
    sentences = [f"The score is ready: {summary.landed} of {summary.hits} hits are on the beat."]
    sentences += [warning.rstrip(".") + "." for warning in summary.warnings[:MOST_WARNINGS]]
    return InboxAnswer(
        state="done",
        job=job_id,
        title=f"v2m: {summary.key}, {tempo}",
        text=" ".join(sentences),
        key=summary.key,
        tempo=tempo,
    )
