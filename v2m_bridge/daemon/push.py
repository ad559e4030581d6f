"""Brings a finished score into REAPER."""

from __future__ import annotations

import threading

from pydantic import ValidationError

from v2m_bridge.daemon.jobs.job import Job
from v2m_bridge.daemon.paths import JobFolder
from v2m_bridge.errors import HostAbsent, InputError
from v2m_bridge.reaper.push import PushOptions, PushReport, push_score
from v2m_bridge.score.model import Score

PATIENCE_S = 20.0
"""A request waits for REAPER's script this long; the job stays in the outbox for later."""

_one_at_a_time = threading.Lock()


def push_to_reaper(job: Job, folder: JobFolder) -> str:
    """Have REAPER take the score: by its script where that is installed, else as markers by OSC.

    Returns:
        What happened, in one sentence.

    Raises:
        HostError: REAPER refused or did not answer.
    """
    try:
        score = Score.model_validate_json((folder.out / "score.json").read_bytes())
    except (OSError, ValidationError) as error:
        raise InputError("the score's own file cannot be read any more", "score the edit again") from error
    outbox = folder.path.parents[1] / "outbox"
    outbox.mkdir(exist_ok=True)
    with _one_at_a_time:
        report = push_score(score, outbox, PushOptions(timeout_s=PATIENCE_S))
    return _told(report)


def _told(report: PushReport) -> str:
    if report.way == "script" and report.answer is not None:
        answer = report.answer
        notes = sum(part.notes for part in answer.parts)
        return (
            f"it is in REAPER: {answer.tempo_points} tempo points, {len(answer.markers)} markers, "
            f"{answer.chords} chords and {notes} notes on {len(answer.parts)} tracks"
        )
    if report.confirmed == 0:
        raise HostAbsent(
            "REAPER gave no sign of life",
            "start it and run the action 'v2m: Import score' (v2m-bridge install reaper puts it there)",
        )
    return (
        f"only {report.confirmed} of {report.markers} markers are in REAPER: for the music run "
        "v2m-bridge install reaper and start REAPER again"
    )
