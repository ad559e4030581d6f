"""Puts the results of all stages into the one document that every writer writes."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from v2m_bridge import __version__
from v2m_bridge.compose.direction import Direction
from v2m_bridge.compose.harmony import Harmony
from v2m_bridge.footage.model import FootageFeatures
from v2m_bridge.music.arrangement import Arrangement, Note
from v2m_bridge.options import ScoreOptions
from v2m_bridge.score.model import (
    CandidateDocument,
    ChordDocument,
    DynamicsDocument,
    MoodDocument,
    PartDocument,
    RankingDocument,
    Score,
    SecondDocument,
)
from v2m_bridge.sync.document import fit_document
from v2m_bridge.sync.model import Fit, Lands
from v2m_bridge.timeline.document import timeline_document
from v2m_bridge.timeline.hits import HitKind
from v2m_bridge.timing.tempo import PPQ

if TYPE_CHECKING:
    from v2m_bridge.timeline.model import Timeline

_ROUND = 6
"""Decimals of predicted and measured figures; more would only be noise of the machine that made them."""


def assemble(
    timeline: Timeline,
    features: FootageFeatures,
    fit: Fit,
    harmony: Harmony,
    arrangement: Arrangement,
    direction: Direction,
    options: ScoreOptions,
) -> Score:
    """The finished score; ``warnings`` gathers those of every stage, each once."""
    warnings = (
        *timeline.warnings,
        *features.warnings,
        *direction.warnings,
        *fit.warnings,
        *harmony.warnings,
        *arrangement.warnings,
    )
    return Score(
        version=__version__,
        timeline=timeline_document(timeline),
        fit=fit_document(fit),
        key=direction.key.name,
        mood=direction.mood,
        moods=tuple(MoodDocument(seconds=seconds, mood=mood) for seconds, mood in direction.moods),
        options=options,
        seed=options.direction.seed,
        checkpoint=harmony.checkpoint,
        chords=_chords(harmony, fit, direction),
        parts=_parts(arrangement),
        dynamics=_dynamics(harmony, fit),
        footage=_seconds(features),
        ranking=_ranking(harmony),
        warnings=tuple(dict.fromkeys(warnings)),
    )


def _chords(harmony: Harmony, fit: Fit, direction: Direction) -> tuple[ChordDocument, ...]:
    landed = {round(x.beat, 6) for x in fit.landings if x.lands is not Lands.MISS and x.hit.kind is not HitKind.MOTION}
    return tuple(
        ChordDocument(
            label=event.chord.label,
            symbol=direction.key.symbol(event.chord),
            start_beat=event.start_beat,
            end_beat=event.end_beat,
            start_s=fit.tempo_map.seconds_at(event.start_beat),
            end_s=fit.tempo_map.seconds_at(event.end_beat),
            probability=None if event.probability is None else round(event.probability, _ROUND),
            on_cut=round(event.start_beat, 6) in landed,
        )
        for event in harmony.chords
    )


def _parts(arrangement: Arrangement) -> tuple[PartDocument, ...]:
    return tuple(
        PartDocument(
            name=part.name,
            role=part.role,
            channel=part.channel,
            program=part.program,
            notes=tuple((n.start_beat, _whole_ticks(n), n.pitch, n.velocity) for n in part.notes),
            controls=tuple((c.beat, c.number, c.value) for c in part.controls),
        )
        for part in arrangement.parts
    )


def _whole_ticks(note: Note) -> float:
    """Length that ends on the grid of MIDI ticks; only the film's end lies off it, and no note passes that."""
    end = math.floor((note.start_beat + note.length_beats) * PPQ + 1e-6) / PPQ
    return max(end - note.start_beat, 1 / PPQ)


def _dynamics(harmony: Harmony, fit: Fit) -> tuple[DynamicsDocument, ...]:
    return tuple(
        DynamicsDocument(
            beat=point.beat,
            seconds=fit.tempo_map.seconds_at(point.beat),
            note_density=round(point.note_density, _ROUND),
            loudness=round(point.loudness, _ROUND),
        )
        for point in harmony.dynamics
    )


def _ranking(harmony: Harmony) -> RankingDocument | None:
    ranking = harmony.ranking
    if ranking is None:
        return None
    return RankingDocument(
        chosen=ranking.chosen,
        alignment_rank=ranking.alignment_rank,
        likelihood_rank=ranking.likelihood_rank,
        aligner=ranking.aligner,
        candidates=tuple(
            CandidateDocument(
                seed=item.seed, alignment=_rounded(item.alignment), log_likelihood=_rounded(item.log_likelihood)
            )
            for item in ranking.candidates
        ),
    )


def _seconds(features: FootageFeatures) -> tuple[SecondDocument, ...]:
    return tuple(
        SecondDocument(
            motion=round(float(features.motion[t]), _ROUND) if features.motion_present[t] else None,
            emotion=tuple(round(float(p), _ROUND) for p in features.emotion[t])
            if features.emotion_present[t]
            else None,
        )
        for t in range(features.length)
    )


def _rounded(value: float) -> float:
    return round(float(value), _ROUND)
