"""What the editor's side is told of a score: a state, a title and a sentence for a marker, and what to bring back."""

from __future__ import annotations

import json
from typing import Literal

from pydantic import BaseModel, ConfigDict

from v2m_bridge.daemon.inbox.results import NOTHING_TO_BRING, ScoreResults
from v2m_bridge.daemon.jobs.job import Advance, Job, State, Summary
from v2m_bridge.edits.menu_request import lua_answer

MOST_WARNINGS = 4
"""A marker's note has room for so many; how many more there are is said."""


class InboxAnswer(BaseModel):
    """Content of ``outbox/<request>.json`` and, as a table, of ``outbox/<request>.lua``; also an answer over HTTP.

    Attributes:
        job: id of the score; empty or None where there is none.
        title: for a marker on the timeline.
        text: one or more whole sentences.
        key, tempo: of a finished score, as people write them.
        stage, progress: of a running score; the share of the whole work, 0..1, in steps of a tenth.
        markers: of a finished score, one a line: absolute frame, colour, title, with a space between.
        preview: absolute path of the preview sound, if it was asked for.
        preview_frame: absolute frame at which it belongs.
    """

    model_config = ConfigDict(frozen=True)

    state: Literal["queued", "running", "done", "failed", "cancelled"]
    job: str | None
    title: str
    text: str
    key: str | None = None
    tempo: str | None = None
    stage: str | None = None
    progress: float | None = None
    markers: str | None = None
    preview: str | None = None
    preview_frame: int | None = None

    def texts(self) -> dict[str, str]:
        """The answer in both forms, by the suffix of its file."""
        fields = self.model_dump(exclude_unset=True)
        return {"lua": lua_answer(fields), "json": json.dumps(fields)}


REPLACED = InboxAnswer(state="cancelled", job="", title="v2m: cancelled", text="Replaced by a later one.")
"""For an edit that waited while a later one of the same timeline came."""

CANCELLED = InboxAnswer(state="cancelled", job="", title="v2m: cancelled", text="The score was cancelled.")
"""For an edit that waited when its request was cancelled."""


def answer_of(
    job_id: str, job: Job | None, advance: Advance | None = None, results: ScoreResults = NOTHING_TO_BRING
) -> InboxAnswer:
    """How far a job is; None: it was removed before it was done.

    Args:
        advance: where a running job is.
        results: what a finished one brings back.
    """
    if job is None:
        return refusal_of(job_id, "the score was removed before it was ready", None)
    if job.state is State.QUEUED:
        return InboxAnswer(state="queued", job=job_id, title="v2m: queued", text="Waiting for its turn.")
    if job.state is State.RUNNING:
        return _progress(job_id, advance)
    if job.state is State.CANCELLED:
        return InboxAnswer(state="cancelled", job=job_id, title="v2m: cancelled", text="The score was cancelled.")
    if job.state is State.DONE and job.summary is not None:
        return _success(job_id, job.summary, results)
    if job.error is None:
        return refusal_of(job_id, "something went wrong", None)
    return refusal_of(job_id, job.error.message, job.error.hint)


def refusal_of(job_id: str | None, message: str, hint: str | None) -> InboxAnswer:
    """An edit that was not scored, with the reason and what to do about it."""
    text = message[:1].upper() + message[1:] + "."
    if hint:
        text += f" {hint[:1].upper()}{hint[1:]}."
    return InboxAnswer(state="failed", job=job_id, title="v2m: not scored", text=text)


def _progress(job_id: str, advance: Advance | None) -> InboxAnswer:
    text = "v2m-bridge is at work on this timeline. Delete this marker to cancel."
    if advance is None:
        return InboxAnswer(state="running", job=job_id, title="v2m: scoring", text=text)
    tenths = int(10 * advance.progress)
    title = f"v2m: scoring, {10 * tenths} %"
    return InboxAnswer(
        state="running", job=job_id, title=title, text=text, stage=advance.stage, progress=round(tenths / 10, 1)
    )


def _success(job_id: str, summary: Summary, results: ScoreResults) -> InboxAnswer:
    low, high = summary.min_bpm, summary.max_bpm
    tempo = f"{low:.0f} BPM" if round(low) == round(high) else f"{low:.0f}-{high:.0f} BPM"
    sentences = [f"The score is ready: {summary.landed} of {summary.hits} hits are on the beat.", *results.places]
    warnings = (*results.problems, *summary.warnings)
    sentences += [warning.rstrip(".") + "." for warning in warnings[:MOST_WARNINGS]]
    if len(warnings) > MOST_WARNINGS:
        sentences.append(f"{len(warnings) - MOST_WARNINGS} more warnings are in the console.")
    answer = InboxAnswer(
        state="done",
        job=job_id,
        title=f"v2m: {summary.key}, {tempo}",
        text=" ".join(sentences),
        key=summary.key,
        tempo=tempo,
    )
    brought = {"markers": results.markers, "preview": results.preview, "preview_frame": results.preview_frame}
    return answer.model_copy(update={name: value for name, value in brought.items() if value is not None})
