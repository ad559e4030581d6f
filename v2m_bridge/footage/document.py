"""The features of a film as JSON (``v2m.features/1``)."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from v2m_bridge.footage.model import FootageFeatures
from v2m_bridge.music.emotions import EMOTIONS
from v2m_bridge.timeline.document import Document
from v2m_bridge.timeline.hits import MotionOnset
from v2m_bridge.timeline.model import Cut, CutKind, Timeline
from v2m_bridge.timing.rates import rate_text


class ModalitiesDocument(Document):
    """Which kinds of features at least one second has."""

    motion: bool
    scene_offset: bool
    semantic: bool
    emotion: bool
    affect: bool
    speech: bool


class FeaturesDocument(Document):
    """``v2m.features/1``. Frames count from the start of the film; lists hold one value a second.

    ``cuts`` are hard cuts; fades and dissolves are in ``transitions``. The value of a second that could not be measured
    is None. ``affect`` is arousal and valence, -1..1, ``speech`` lists ``[start_s, end_s]``. The arrays of
    :class:`v2m_bridge.footage.model.FootageFeatures` become lists of rounded numbers.
    """

    schema_: Literal["v2m.features/1"] = Field("v2m.features/1", alias="schema")
    name: str
    rate: str
    duration_s: float
    duration_frames: int
    start_timecode: str
    cuts: tuple[int, ...]
    transitions: tuple[Cut, ...]
    motion: tuple[float | None, ...]
    scene_offset: tuple[int, ...]
    emotions: tuple[str, ...] = EMOTIONS
    emotion: tuple[tuple[float, ...] | None, ...]
    affect: tuple[tuple[float, float], ...]
    speech: tuple[tuple[float, float], ...]
    onsets: tuple[MotionOnset, ...]
    modalities: ModalitiesDocument
    warnings: tuple[str, ...]


def features_document(timeline: Timeline, features: FootageFeatures) -> FeaturesDocument:
    """The document of what was measured on a timeline."""
    return FeaturesDocument(
        name=timeline.name,
        rate=rate_text(timeline.rate),
        duration_s=timeline.duration_s,
        duration_frames=timeline.duration_frames,
        start_timecode=timeline.timecode(0),
        cuts=tuple(cut.frame for cut in timeline.cuts if cut.kind is CutKind.CUT),
        transitions=tuple(cut for cut in timeline.cuts if cut.kind is not CutKind.CUT),
        motion=tuple(
            round(float(value), 4) if there else None
            for value, there in zip(features.motion, features.motion_present, strict=True)
        ),
        scene_offset=tuple(int(value) for value in features.scene_offset),
        emotion=tuple(
            tuple(round(float(p), 4) for p in row) if there else None
            for row, there in zip(features.emotion, features.emotion_present, strict=True)
        ),
        affect=tuple((round(float(arousal), 4), round(float(valence), 4)) for arousal, valence in features.affect),
        speech=tuple((round(start, 3), round(end, 3)) for start, end in features.speech),
        onsets=tuple(MotionOnset(round(onset.seconds, 4), round(onset.strength, 3)) for onset in features.onsets),
        modalities=ModalitiesDocument(
            motion=bool(features.motion_present.any()),
            scene_offset=True,
            semantic=bool(features.semantic_present.any()),
            emotion=bool(features.emotion_present.any()),
            affect=bool(features.look_present.any()),
            speech=bool(features.speech),
        ),
        warnings=(*timeline.warnings, *features.warnings),
    )
