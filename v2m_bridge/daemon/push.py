"""Brings a finished score into REAPER."""

from __future__ import annotations

from v2m_bridge.daemon.jobs import Job
from v2m_bridge.daemon.paths import JobFolder
from v2m_bridge.errors import SetupError


def push_to_reaper(job: Job, folder: JobFolder) -> str:
    """Post the job's score for REAPER, have its script import it, and wait for what it read back.

    Returns:
        What happened, in one sentence.

    Raises:
        HostError: REAPER did not answer or refused.
        SetupError: REAPER is not set up for it.
    """
    from v2m_bridge.hosts.push_reaper import is_set_up, push_score
    from v2m_bridge.score import Score
    from v2m_bridge.settings import state_folder

    outbox = state_folder("outbox")
    if not is_set_up(outbox):
        raise SetupError("REAPER does not know v2m-bridge yet", "run: v2m-bridge install reaper, and start REAPER once")
    score = Score.model_validate_json((folder.out / "score.json").read_bytes())
    report = push_score(score, outbox)
    answer = report.answer
    if answer is None:
        return f"{report.markers} markers were sent by OSC; for the rest run 'v2m: Import score' in REAPER"
    notes = sum(part.notes for part in answer.parts)
    return f"REAPER has {answer.tempo_points} tempo points, {len(answer.markers)} markers and {notes} notes"
