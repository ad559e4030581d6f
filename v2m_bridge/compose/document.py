"""Puts the results of all stages into the one document that every writer writes."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, replace

from v2m_bridge import __version__
from v2m_bridge.compose.direction import Direction
from v2m_bridge.compose.harmony import Harmony
from v2m_bridge.compose.playing.score_lines import ScoreLines
from v2m_bridge.footage.model import FootageFeatures
from v2m_bridge.music.arrangement import Arrangement, Note, Part
from v2m_bridge.music.form import heard_cadence
from v2m_bridge.options import ScoreOptions
from v2m_bridge.score.model import (
    ChoiceDocument,
    ChordDocument,
    DynamicsDocument,
    MoodDocument,
    PhraseDocument,
    RankingDocument,
    Score,
    SecondDocument,
    SectionDocument,
    ThemeDocument,
)
from v2m_bridge.sync.document import fit_document
from v2m_bridge.sync.model import Fit, Lands
from v2m_bridge.timeline.document import timeline_document
from v2m_bridge.timeline.hits import HitKind
from v2m_bridge.timeline.model import Timeline
from v2m_bridge.timing.tempo import PPQ

_BEAT_DECIMALS = 6
"""To which the beat of a chord and the beat of a hit are compared."""


@dataclass(frozen=True)
class StageResults:
    """What each stage made of one film, in the order of the stages."""

    timeline: Timeline
    features: FootageFeatures
    direction: Direction
    fit: Fit
    harmony: Harmony
    lines: ScoreLines
    arrangement: Arrangement

    @property
    def warnings(self) -> tuple[str, ...]:
        """The warnings of every stage, each once."""
        stages = (self.timeline, self.features, self.direction, self.fit, self.harmony, self.lines, self.arrangement)
        return tuple(dict.fromkeys(warning for stage in stages for warning in stage.warnings))


def assemble(results: StageResults, options: ScoreOptions) -> Score:
    """The finished score."""
    direction, harmony, fit = results.direction, results.harmony, results.fit
    return Score(
        version=__version__,
        timeline=timeline_document(results.timeline),
        fit=fit_document(fit),
        key=direction.key.name,
        mood=direction.mood,
        moods=tuple(MoodDocument(seconds=seconds, mood=mood) for seconds, mood in direction.moods),
        ensemble=direction.preset,
        choices=tuple(ChoiceDocument.model_validate(choice) for choice in direction.choices),
        sections=_sections(direction, fit),
        speech=results.features.speech,
        options=options,
        seed=options.direction.seed,
        checkpoint=harmony.checkpoint,
        chords=_chords(harmony, fit, direction),
        form=_form(results),
        themes=_themes(results.lines),
        parts=tuple(_in_whole_ticks(part) for part in results.arrangement.parts),
        dynamics=_dynamics(harmony, fit),
        footage=_footage(results.features),
        ranking=RankingDocument.model_validate(harmony.ranking) if harmony.ranking else None,
        warnings=results.warnings,
    )


def _sections(direction: Direction, fit: Fit) -> tuple[SectionDocument, ...]:
    beat_at = fit.tempo_map.beat_at
    last = len(direction.sections) - 1
    return tuple(
        SectionDocument(
            start_beat=beat_at(section.start_s),
            end_beat=fit.end_beat if index == last else beat_at(section.end_s),
            **asdict(section),
        )
        for index, section in enumerate(direction.sections)
    )


def _chords(harmony: Harmony, fit: Fit, direction: Direction) -> tuple[ChordDocument, ...]:
    landed = {
        round(x.beat, _BEAT_DECIMALS)
        for x in fit.landings
        if x.lands is not Lands.MISS and x.hit.kind is not HitKind.MOTION
    }
    return tuple(
        ChordDocument(
            label=event.chord.label,
            symbol=direction.key.symbol(event.chord),
            start_beat=event.start_beat,
            end_beat=event.end_beat,
            start_s=fit.tempo_map.seconds_at(event.start_beat),
            end_s=fit.tempo_map.seconds_at(event.end_beat),
            probability=event.probability,
            on_cut=round(event.start_beat, _BEAT_DECIMALS) in landed,
        )
        for event in harmony.chords
    )


def _form(results: StageResults) -> tuple[PhraseDocument, ...]:
    """The phrases, each with the cadence that its chords make."""
    if results.lines.form is None:
        return ()
    fit = results.fit
    ends = {bar.number: bar.start_beat + bar.length_beats for bar in fit.tempo_map.bars(fit.end_beat)}
    return tuple(
        PhraseDocument.model_validate(phrase).model_copy(
            update={
                "cadence": heard_cadence(
                    results.harmony.chords, ends[phrase.start_bar + phrase.bars - 1], results.direction.key
                )
            }
        )
        for phrase in results.lines.form.phrases
    )


def _themes(lines: ScoreLines) -> tuple[ThemeDocument, ...]:
    return tuple(ThemeDocument.model_validate(item) for item in lines.lines.appearances) if lines.lines else ()


def _in_whole_ticks(part: Part) -> Part:
    return replace(part, notes=tuple(note._replace(length_beats=_whole_ticks(note)) for note in part.notes))


def _whole_ticks(note: Note) -> float:
    """Length of the note, shortened so that it ends on a MIDI tick.

    Only the end of the film lies between two ticks, and no note sounds beyond it.
    """
    end = math.floor(note.end_beat * PPQ + 1e-6) / PPQ
    return max(end - note.start_beat, 1 / PPQ)


def _dynamics(harmony: Harmony, fit: Fit) -> tuple[DynamicsDocument, ...]:
    return tuple(
        DynamicsDocument(
            beat=point.beat,
            seconds=fit.tempo_map.seconds_at(point.beat),
            note_density=point.note_density,
            loudness=point.loudness,
        )
        for point in harmony.dynamics
    )


def _footage(features: FootageFeatures) -> tuple[SecondDocument, ...]:
    return tuple(
        SecondDocument(
            motion=float(features.motion[t]) if features.motion_present[t] else None,
            emotion=tuple(map(float, features.emotion[t])) if features.emotion_present[t] else None,
        )
        for t in range(features.length)
    )
