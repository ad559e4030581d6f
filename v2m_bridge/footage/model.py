"""The features of a film: one row a second, as the published networks expect them."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from v2m_bridge.timeline.hits import MotionOnset

FloatArray = npt.NDArray[np.float32]
BoolArray = npt.NDArray[np.bool_]

SEMANTIC_SIZE = 768
"""Length of a CLIP ViT-L/14@336 image feature."""


DENSE_RATE = 8
"""Rows of dense features a second."""
DENSE_SIZE = 4
"""Motion, novelty, brightness, colourfulness."""
LOOK_SIZE = 4
"""Brightness, saturation, contrast, warmth."""
PALETTE_SIZE = 20
"""Eight bins of luma, six of red against green, six of yellow against blue."""


@dataclass(frozen=True)
class FootageFeatures:
    """Features of T = ceil(duration_s) seconds; row t describes ``[t, t + 1)`` of the timeline.

    Attributes:
        motion: [T] mean absolute RGB difference of adjacent frames, 0..255.
        scene_offset: [T] seconds since the last cut, 0 at the cut (from the edit, so always present).
        semantic: [T, 768] CLIP image features, not normalised; zeros where absent.
        emotion: [T, 6] probabilities in the order of ``music.emotions.EMOTIONS``; zeros where absent.
        motion_present, semantic_present, emotion_present: [T] whether the row was measured.
        onsets: sudden movements, for accents and soft hits.
        warnings: what could not be measured, one sentence each.
        dense: [8 T, 4] row s describes ``[s / 8, (s + 1) / 8)`` seconds: change of the pictures summed up (1: from
            black to white once), difference to the second before 0..1, mean luma 0..1, colourfulness (0 grey, 1
            extreme; Hasler and Süsstrunk 2003); zeros where absent. Empty where nothing was decoded.
        dense_present: [8 T] whether the row was measured.
        look: [T, 4] brightness, saturation and contrast 0..1, warmth -1..1; zeros where absent.
        palette: [T, 20] which colours there are, as three histograms.
        look_present: [T] whether ``look`` and ``palette`` were measured.
        affect: [T, 2] arousal and valence, -1..1, by measures of colour, motion and pace (``footage.affect``).
        speech: ``(start_s, end_s)`` of speech in the production sound, in order, apart from each other.
    """

    duration_s: float
    motion: FloatArray
    scene_offset: FloatArray
    semantic: FloatArray
    emotion: FloatArray
    motion_present: BoolArray
    semantic_present: BoolArray
    emotion_present: BoolArray
    onsets: tuple[MotionOnset, ...] = ()
    warnings: tuple[str, ...] = ()
    dense: FloatArray = field(default_factory=lambda: np.zeros((0, DENSE_SIZE), np.float32))
    dense_present: BoolArray = field(default_factory=lambda: np.zeros(0, np.bool_))
    look: FloatArray = field(default_factory=lambda: np.zeros((0, LOOK_SIZE), np.float32))
    palette: FloatArray = field(default_factory=lambda: np.zeros((0, PALETTE_SIZE), np.float32))
    look_present: BoolArray = field(default_factory=lambda: np.zeros(0, np.bool_))
    affect: FloatArray = field(default_factory=lambda: np.zeros((0, 2), np.float32))
    speech: tuple[tuple[float, float], ...] = ()

    @property
    def length(self) -> int:
        """T, the number of rows."""
        return len(self.motion)
