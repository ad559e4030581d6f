"""The finished score: what every writer writes and every host reads (``v2m.score/1``)."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from v2m_bridge.options import ScoreOptions
from v2m_bridge.sync.document import FitDocument
from v2m_bridge.timeline.document import TimelineDocument


class _Document(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True)


class ChordDocument(_Document):
    """One chord; ``label`` is Harte's (``A:min7``), ``symbol`` the musician's (``Am7``)."""

    label: str
    symbol: str
    start_beat: float
    end_beat: float
    start_s: float
    end_s: float
    probability: float | None
    on_cut: bool = False


class PartDocument(_Document):
    """One track; a note is ``[start_beat, length_beats, pitch, velocity]``, a control ``[beat, number, value]``."""

    name: str
    role: str
    channel: int
    program: int
    notes: tuple[tuple[float, float, int, int], ...]
    controls: tuple[tuple[float, int, int], ...] = ()


class DynamicsDocument(_Document):
    """Predicted note density (notes a second) and loudness (linear RMS) from ``beat`` on."""

    beat: float
    seconds: float
    note_density: float
    loudness: float


class SecondDocument(_Document):
    """What was measured in one second of the film; None where it is absent."""

    motion: float | None
    emotion: tuple[float, ...] | None


class MoodDocument(_Document):
    """A mood that was asked for, by option or marker, from ``seconds`` on."""

    seconds: float
    mood: str


class CandidateDocument(_Document):
    """One of the scores compared: how well it follows the film, and its log-likelihood per chord."""

    seed: int
    alignment: float
    log_likelihood: float


class RankingDocument(_Document):
    """How the chosen score ranks against the rest: places by alignment and by likelihood, 1 the best.

    ``chosen`` is its place in ``candidates``, which are in the order they were drawn; ``aligner`` the judging network.
    """

    chosen: int
    alignment_rank: int
    likelihood_rank: int
    aligner: str
    candidates: tuple[CandidateDocument, ...]


class PreviewDocument(_Document):
    """How ``preview.wav`` sounds: loudness after BS.1770-4 and highest sample, None for silence."""

    engine: str
    duration_s: float
    sample_rate: int
    integrated_lufs: float | None
    peak_dbfs: float | None


class Score(_Document):
    """``v2m.score/1``. Frames count from the start of the timeline, beats quarter notes from there."""

    schema_: Literal["v2m.score/1"] = Field("v2m.score/1", alias="schema")
    version: str
    timeline: TimelineDocument
    fit: FitDocument
    key: str
    mood: str | None = None
    moods: tuple[MoodDocument, ...] = ()
    options: ScoreOptions
    seed: int
    checkpoint: str
    chords: tuple[ChordDocument, ...]
    parts: tuple[PartDocument, ...]
    dynamics: tuple[DynamicsDocument, ...] = ()
    footage: tuple[SecondDocument, ...] = ()
    ranking: RankingDocument | None = None
    preview: PreviewDocument | None = None
    warnings: tuple[str, ...] = ()
