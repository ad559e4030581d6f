"""What is known of a film before its tempo is fitted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from v2m_bridge.compose.direction import Direction
from v2m_bridge.footage.model import FootageFeatures
from v2m_bridge.options import ScoreOptions
from v2m_bridge.timeline.hits import Hit
from v2m_bridge.timeline.model import Timeline


@dataclass(frozen=True)
class NewCut:
    """A film that was read, watched and directed, with the hits that its music should land on."""

    timeline: Timeline
    features: FootageFeatures
    hits: Sequence[Hit]
    direction: Direction
    options: ScoreOptions
