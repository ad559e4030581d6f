"""What a finished score brings back to the timeline that it was asked for on: markers, the preview, where it lies.

Both routes from the editor's program get the same: the files of the outbox, and ``GET /v1/scores/{id}/answer``.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from v2m_bridge.daemon.jobs.job import Job, State
from v2m_bridge.edits.names import clean
from v2m_bridge.errors import V2MError
from v2m_bridge.files.whole import whole_file
from v2m_bridge.score.model import PREVIEW

SCORE = "score.json"
CHORD_COLOUR, HIT_COLOUR = "Lavender", "Mint"
MISSED = "miss"
"""How a hit lands that gets no marker."""


@dataclass(frozen=True)
class ScoreResults:
    """What a finished score brings back.

    Attributes:
        markers: one a line: absolute frame, colour, title; None where the score cannot be read.
        preview: absolute path of a sound that stays where it is; None where none was rendered.
        preview_frame: absolute frame at which the sound belongs.
        places: sentences on where the score is.
        problems: what could not be brought back.
    """

    markers: str | None = None
    preview: str | None = None
    preview_frame: int | None = None
    places: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()


NOTHING_TO_BRING = ScoreResults()


class _Lenient(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class _ScoredRange(_Lenient):
    rate: str
    start_frame: int


class _ChordStart(_Lenient):
    symbol: str
    start_s: float


class _HitLanding(_Lenient):
    frame: int
    lands: str


class _Landings(_Lenient):
    hits: tuple[_HitLanding, ...] = ()


class _ScoreEvents(_Lenient):
    """The few things of ``score.json`` that a timeline shows."""

    timeline: _ScoredRange
    chords: tuple[_ChordStart, ...] = ()
    fit: _Landings = _Landings()

    def lines(self) -> str:
        """One marker a line; a frame with a chord and a hit gets one marker for both."""
        rate, start = Fraction(self.timeline.rate), self.timeline.start_frame
        chords = {start + round(Fraction(c.start_s) * rate): clean(c.symbol) for c in self.chords}
        landings = {start + hit.frame: clean(hit.lands) for hit in self.fit.hits if hit.lands != MISSED}
        lines = []
        for frame in sorted(chords.keys() | landings.keys()):
            hit = f"hit ({landings[frame]})" if frame in landings else ""
            title = ", ".join(part for part in (chords.get(frame, ""), hit) if part)
            lines.append(f"{frame} {CHORD_COLOUR if frame in chords else HIT_COLOUR} v2m: {title}\n")
        return "".join(lines)


def results_of(job: Job, out: Path, previews: Path, console: str | None) -> ScoreResults:
    """What ``job`` brings back; nothing before it is done.

    Args:
        out: folder of the finished score.
        previews: folder for sounds that editing programs refer to; they outlive the score.
        console: address of the console, or None where it is not known.
    """
    if job.state is not State.DONE:
        return NOTHING_TO_BRING
    places = [f"{job.push.message[:1].upper()}{job.push.message[1:]}."] if job.push and job.push.state == "sent" else []
    places.append(f"Files: {out}")
    if console:
        places.append(f"Console: {console}/#/scores/{job.id}")
    try:
        events = _ScoreEvents.model_validate_json((out / SCORE).read_bytes())
        markers, start_frame = events.lines(), events.timeline.start_frame
    except (OSError, ValidationError, ValueError, ZeroDivisionError):
        return ScoreResults(places=tuple(places), problems=("The score's own file cannot be read, so no markers",))
    if not (out / PREVIEW).is_file():
        return ScoreResults(markers, places=tuple(places))
    kept = previews / f"preview-{job.id}.wav"
    try:
        _keep(out / PREVIEW, kept)
    except (OSError, V2MError) as error:
        problem = f"The preview cannot be kept in {previews}: {getattr(error, 'strerror', None) or error}"
        return ScoreResults(markers, places=tuple(places), problems=(problem,))
    return ScoreResults(markers, str(kept), start_frame, tuple(places))


def _keep(sound: Path, kept: Path) -> None:
    """Copy a sound, whole or not at all; one that is there already is left as it is."""
    if kept.is_file() and kept.stat().st_size == sound.stat().st_size:
        return
    kept.parent.mkdir(parents=True, exist_ok=True)
    with sound.open("rb") as source, whole_file(kept) as copy:
        shutil.copyfileobj(source, copy)
