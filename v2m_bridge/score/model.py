"""The finished score: what every writer writes and every host reads (``v2m.score/1``)."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from v2m_bridge.music.arrangement import Part
from v2m_bridge.options import ScoreOptions
from v2m_bridge.sync.document import FitDocument
from v2m_bridge.timeline.document import TimelineDocument

PREVIEW = "preview.wav"
"""The sound of a score, beside its other files."""

DECIMALS = 6
"""Of predicted and measured figures; more would only be noise of the machine that made them."""

Figure = Annotated[float, AfterValidator(lambda value: round(value, DECIMALS))]
"""A predicted or measured figure, rounded to what means something."""

Decibels = Annotated[float, AfterValidator(lambda value: round(value, 2))]
"""A level, rounded to what can be heard."""


class _ScoreDocument(BaseModel):
    """Frozen; also made from any object that has the same attributes (``model_validate``)."""

    model_config = ConfigDict(
        frozen=True,
        extra="ignore",
        populate_by_name=True,
        from_attributes=True,
        revalidate_instances="always",  # a whole number of beats becomes a float: equal scores give equal bytes
    )


class ChordDocument(_ScoreDocument):
    """One chord; ``label`` is Harte's (``A:min7``), ``symbol`` the musician's (``Am7``)."""

    label: str
    symbol: str
    start_beat: float
    end_beat: float
    start_s: float
    end_s: float
    probability: Figure | None
    on_cut: bool = False


class DynamicsDocument(_ScoreDocument):
    """Predicted note density (notes a second) and loudness (linear RMS) from ``beat`` on."""

    beat: float
    seconds: float
    note_density: Figure
    loudness: Figure


class SecondDocument(_ScoreDocument):
    """What was measured in one second of the film; None where it is absent."""

    motion: Figure | None
    emotion: tuple[Figure, ...] | None


class MoodDocument(_ScoreDocument):
    """A mood that was asked for, by option or marker, from ``seconds`` on."""

    seconds: float
    mood: str


class SectionDocument(_ScoreDocument):
    """What belongs together in the film: ``[start_s, end_s)``; ``label`` returns when a place returns.

    ``energy`` is 0..1, ``arousal`` and ``valence`` are -1..1, ``confidence`` is the probability of the mood.
    """

    start_beat: float
    end_beat: float
    start_s: float
    end_s: float
    label: str
    mood: str | None
    energy: Figure
    reason: str
    confidence: Figure
    arousal: Figure
    valence: Figure


class ChoiceDocument(_ScoreDocument):
    """What was chosen for the whole score (``key``, ``ensemble``, ...), and why in words."""

    what: str
    value: str
    reason: str


class PhraseDocument(_ScoreDocument):
    """A phrase of the form, from bar ``start_bar`` (the first is 1) on; see :class:`v2m_bridge.music.form.Phrase`.

    ``cadence`` is what its chords make at its end: ``"half"``, ``"full"``, ``"deceptive"`` or None.
    """

    start_bar: int
    bars: int
    letter: str
    occurrence: int
    cadence: str | None = None


class ThemeDocument(_ScoreDocument):
    """Where the theme of a letter sounds: ``how`` it is developed there, first and last bar, and in which part."""

    letter: str
    how: str
    first_bar: int
    last_bar: int
    part: str


class CandidateDocument(_ScoreDocument):
    """One of the scores compared: how well it follows the film, and its log-likelihood per chord."""

    seed: int
    alignment: Figure
    log_likelihood: Figure


class RankingDocument(_ScoreDocument):
    """How the chosen score ranks against the rest: places by alignment and by likelihood, 1 the best.

    ``chosen`` is its place in ``candidates``, which are in the order they were drawn; ``aligner`` the judging network.
    """

    chosen: int
    alignment_rank: int
    likelihood_rank: int
    aligner: str
    candidates: tuple[CandidateDocument, ...]


class PreviewDocument(_ScoreDocument):
    """How ``preview.wav`` sounds: loudness after BS.1770-4 and highest sample, None for silence."""

    engine: str
    duration_s: float
    sample_rate: int
    integrated_lufs: Decibels | None
    peak_dbfs: Decibels | None


class Score(_ScoreDocument):
    """``v2m.score/1``: frames and beats (quarter notes) count from the start of the timeline.

    In JSON a note of a part is ``[start_beat, length_beats, pitch, velocity]``, a control ``[beat, number, value]``.
    """

    schema_: Literal["v2m.score/1"] = Field("v2m.score/1", alias="schema")
    version: str
    timeline: TimelineDocument
    fit: FitDocument
    key: str
    mood: str | None = None
    moods: tuple[MoodDocument, ...] = ()
    ensemble: str | None = None
    choices: tuple[ChoiceDocument, ...] = ()
    sections: tuple[SectionDocument, ...] = ()
    speech: tuple[tuple[Figure, Figure], ...] = ()
    options: ScoreOptions
    seed: int
    checkpoint: str
    chords: tuple[ChordDocument, ...]
    form: tuple[PhraseDocument, ...] = ()
    themes: tuple[ThemeDocument, ...] = ()
    parts: tuple[Part, ...]
    dynamics: tuple[DynamicsDocument, ...] = ()
    footage: tuple[SecondDocument, ...] = ()
    ranking: RankingDocument | None = None
    preview: PreviewDocument | None = None
    warnings: tuple[str, ...] = ()
