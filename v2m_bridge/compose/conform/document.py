"""The report of a conformed score, ``conform.json`` (``v2m.conform/1``)."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from v2m_bridge.timeline.changes.document import ChangesDocument
from v2m_bridge.timeline.document import Document


class KeptBars(Document):
    """A run of old bars that is in the new score as it was; ``old_bars`` and ``new_bars`` count from 1, inclusive."""

    old_bars: tuple[int, int]
    new_bars: tuple[int, int]
    moved_beats: float
    moved_s: float


class RewrittenBars(Document):
    """Bars that were solved and written anew; ``silent`` where healing leaves them empty."""

    new_bars: tuple[int, int]
    start_s: float
    end_s: float
    min_bpm: float
    max_bpm: float
    new_picture_frames: int
    silent: bool


class HitChange(Document):
    """A hit that no longer lands, or lands for the first time; frames of the old and the new cut."""

    old_frame: int | None
    new_frame: int | None
    kind: str
    must: bool
    label: str
    reason: str


class ConformDocument(Document):
    """What was kept, moved and written anew."""

    schema_: Literal["v2m.conform/1"] = Field("v2m.conform/1", alias="schema")
    heal: Literal["none", "gaps", "all"]
    recalled: bool = False
    changes: ChangesDocument
    bars: int
    kept_bars: int
    moved_bars: int
    rewritten_bars: int
    kept: tuple[KeptBars, ...]
    rewritten: tuple[RewrittenBars, ...]
    hits_landed_before: int
    hits_landed_now: int
    lost_hits: tuple[HitChange, ...]
    new_hits: tuple[HitChange, ...]
