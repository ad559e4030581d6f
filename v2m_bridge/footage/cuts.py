"""Cuts found in the pixels: PySceneDetect's adaptive detector proposes, the pictures around decide."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from v2m_bridge.errors import SetupError
from v2m_bridge.footage.trace import Trace, UInt8Array
from v2m_bridge.timeline.model import Cut

if TYPE_CHECKING:
    from scenedetect import AdaptiveDetector


def load_detector() -> Any:
    """The ``scenedetect`` module.

    Raises:
        SetupError: it, or the OpenCV it stands on, cannot be loaded.
    """
    try:
        import scenedetect
    except ImportError as error:
        raise SetupError(
            f"cuts cannot be found in the picture because OpenCV does not load: {error}",
            "on a bare Linux server: pip uninstall opencv-python; pip install opencv-python-headless",
        ) from error
    return scenedetect


class CutFinder:
    """Feeds every picture to the adaptive detector and remembers the frames it proposes."""

    def __init__(self, rate: Fraction) -> None:
        scenedetect = load_detector()
        self._timecode = scenedetect.FrameTimecode
        self._clock = scenedetect.FrameTimecode(0, fps=rate if rate.denominator != 1 else float(rate))
        self._detector: AdaptiveDetector = scenedetect.AdaptiveDetector(min_scene_len=2)
        self._index = 0
        self.proposals: list[int] = []

    def add(self, small_bgr: UInt8Array) -> None:
        """Take the next picture, ``[h, w, 3]`` BGR."""
        found = self._detector.process_frame(self._timecode(self._index, fps=self._clock), small_bgr)
        self.proposals += [timecode.frame_num for timecode in found]
        self._index += 1


def decide_cuts(proposals: list[int], trace: Trace) -> tuple[Cut, ...]:
    """The proposals that are changes of shot; indices of ``trace`` are frames."""
    thumbs = trace.thumbs.astype(np.int16)
    kept = [index for index in proposals if 0 < index < len(thumbs)]
    return tuple(Cut(index) for index in kept if np.abs(thumbs[index] - thumbs[index - 1]).mean() >= 8)
