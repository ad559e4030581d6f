"""Hard cuts found in the pixels: PySceneDetect's adaptive detector proposes them, the thumbnails around confirm them.

The detector alone takes flashes, flicker in the dark and fades for cuts, and misses cuts between two dark or two fast
shots. So every proposal is checked on the thumbnails, and the thumbnails propose cuts of their own. A cut is a jump
that stands out from its neighbours, is more than a change of brightness, and is not undone soon afterwards.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from v2m_bridge.errors import SetupError
from v2m_bridge.footage.video.trace import Float32Array, PictureTrace, UInt8Array

if TYPE_CHECKING:
    from scenedetect import AdaptiveDetector

NEIGHBOURS = 2
"""A jump must stand out from this many pictures on either side."""

PROPOSED_JUMP, PROPOSED_RATIO = 4.0, 2.2
"""Least mean thumbnail difference (0..255), and its least multiple of the neighbours', to confirm a proposal."""

OWN_JUMP, OWN_RATIO = 4.5, 3.2
STRONG_JUMP, STRONG_RATIO = 14.0, 2.4
"""The same for a jump that the detector did not propose: one pair for small jumps, one for large ones."""

DARK_BELOW, DARKEST = 50.0, 0.35
"""Below this brightness (0..255) the least difference shrinks in proportion, down to this share of it."""

CHANGED_SHARE = 0.3
"""A cut changes at least this share of the picture; a title, or a thing that appears, changes less."""

SAME_PICTURE = 0.95
"""Two thumbnails that correlate by more than this show one picture at two brightnesses."""

RETURN_SHARE = 0.4
"""A picture is the same shot again when its difference is below this share of the jump."""
MIXED_JUMP = 9.0
"""Least difference of the pictures on either side of a single mixed picture (two fields, two blended frames)."""
MIXED_DETOUR = 1.3
"""The way by the mixed picture is at most so much longer than the way past it."""
MIXED_SHARE = 0.12
"""A mixed picture is at least this share of the way from both of its neighbours."""

BLINK_FRAMES, FLASH_S = 3, 0.3
"""It is no cut when the old picture returns within this many frames, or, after a flash that makes everything brighter
or everything darker, within this many seconds."""


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


def _fast_detector(scenedetect: Any) -> Any:
    """The adaptive detector with its frame score computed in one step: three times faster, the same to the bit.

    The score is the mean of the absolute differences in hue, saturation and value (the detector's default weights).
    """
    import cv2

    class OneStepDetector(scenedetect.AdaptiveDetector):  # type: ignore[misc]
        _hsv_before: Any = None

        def _calculate_frame_score(self, timecode: Any, frame_img: UInt8Array) -> float:
            hsv, before = cv2.cvtColor(frame_img, cv2.COLOR_BGR2HSV), self._hsv_before
            self._hsv_before = hsv
            return 0.0 if before is None else cv2.norm(hsv, before, cv2.NORM_L1) / hsv.size

    return OneStepDetector(min_scene_len=NEIGHBOURS)


class CutFinder:
    """Feeds every picture to the adaptive detector and remembers the indices it proposes."""

    def __init__(self, rate: Fraction) -> None:
        scenedetect = load_detector()
        self._timecode = scenedetect.FrameTimecode
        self._clock = scenedetect.FrameTimecode(0, fps=float(rate))
        self._detector: AdaptiveDetector = _fast_detector(scenedetect)
        self._index = 0
        self.proposals: list[int] = []

    def add(self, small_bgr: UInt8Array) -> None:
        """Take the next picture, ``[h, w, 3]`` BGR."""
        found = self._detector.process_frame(self._timecode(self._index, fps=self._clock), small_bgr)
        self.proposals += [timecode.frame_num for timecode in found]
        self._index += 1


def hard_cuts(proposals: Sequence[int], trace: PictureTrace, rate: Fraction) -> list[int]:
    """Indices into ``trace`` of the first pictures of new shots, in order."""
    if trace.length < 2:
        return []
    jumps = thumb_jumps(trace)
    around = _largest_neighbour(jumps)
    least = _dimness(trace)
    proposed = np.zeros(trace.length, np.bool_)
    proposed[[index for index in proposals if 0 < index < trace.length]] = True
    stands_out = (
        (proposed & (jumps >= PROPOSED_JUMP * least) & (jumps >= PROPOSED_RATIO * around))
        | ((jumps >= OWN_JUMP * least) & (jumps >= OWN_RATIO * around))
        | ((jumps >= STRONG_JUMP * least) & (jumps >= STRONG_RATIO * around))
    )
    flash_frames = max(BLINK_FRAMES + 1, round(FLASH_S * float(rate)))
    check = _CutCheck(trace, flash_frames)
    plain = [int(index) for index in np.flatnonzero(stands_out) if check.is_cut(int(index) - 1, int(index))]
    mixed = _mixed_cuts(trace, jumps, least, check)
    return sorted({*plain, *(cut for cut in mixed if not any(abs(cut - other) <= NEIGHBOURS for other in plain))})


def _mixed_cuts(trace: PictureTrace, jumps: Float32Array, least: Float32Array, check: _CutCheck) -> list[int]:
    """Cuts over one picture that shows both shots: the pictures on either side of it are compared.

    The cut is the mixed picture where it shows more of the new shot, else the one after it.
    """
    past = thumb_jumps(trace, 2)[2:]  # past[i]: from picture i to picture i + 2; i + 1 may be mixed
    if len(past) < 2 * NEIGHBOURS + 3:
        return []
    padded = np.pad(past, NEIGHBOURS + 1)
    sides = [padded[NEIGHBOURS + 1 + k : NEIGHBOURS + 1 + k + len(past)] for k in (-3, -2, 2, 3)]
    around, before, after = np.maximum.reduce(sides), jumps[1:-1], jumps[2:]
    mixed = (past >= MIXED_JUMP * least[1:-1]) & (past >= OWN_RATIO * around)
    mixed &= (before + after <= MIXED_DETOUR * past) & (np.minimum(before, after) >= MIXED_SHARE * past)
    found = []
    for index in np.flatnonzero(mixed):
        if check.is_cut(int(index), int(index) + 2):
            found.append(int(index) + (1 if before[index] >= after[index] else 2))
    return found


def thumb_jumps(trace: PictureTrace, step: int = 1) -> Float32Array:
    """[N] mean absolute difference of each thumbnail to the one ``step`` before, 0..255; 0 where there is none."""
    jumps = np.zeros(trace.length, np.float32)
    for start in range(0, trace.length, 4096):  # in pieces, or a feature film would need a gigabyte
        piece = trace.thumbs[max(0, start - step) : start + 4096].astype(np.int16)
        part = np.abs(piece[step:] - piece[:-step]).mean(axis=(1, 2, 3), dtype=np.float32)
        jumps[max(step, start) : max(step, start) + len(part)] = part
    return jumps


def _dimness(trace: PictureTrace) -> Float32Array:
    """[N] factor of the least jump: 1 at usual brightness, less between two dark pictures."""
    bright = trace.brightness
    lighter = np.maximum(bright, np.concatenate([bright[:1], bright[:-1]]))
    return np.asarray(np.clip(lighter / DARK_BELOW, DARKEST, 1.0), np.float32)


def _largest_neighbour(jumps: Float32Array) -> Float32Array:
    """[N] largest jump of the pictures around each picture, itself left out."""
    padded = np.pad(jumps, NEIGHBOURS)
    shifts = [padded[NEIGHBOURS + k : NEIGHBOURS + k + len(jumps)] for k in range(-NEIGHBOURS, NEIGHBOURS + 1) if k]
    return np.asarray(np.maximum.reduce(shifts), np.float32)


class _CutCheck:
    """Checks a jump on the pictures around it."""

    def __init__(self, trace: PictureTrace, flash_frames: int) -> None:
        self._thumbs, self._flash_frames = trace.thumbs, flash_frames

    def is_cut(self, last: int, first: int) -> bool:
        """Whether ``last`` ends a shot and ``first`` begins another one."""
        before, after = self._thumb(last), self._thumb(first)
        if changed_share(before, after) < CHANGED_SHARE or same_but_brightness(before, after):
            return False
        return not (self._comes_back(last, first) or self._came_back(last, first))

    def _thumb(self, index: int) -> Float32Array:
        return np.asarray(self._thumbs[index], np.float32)

    def _comes_back(self, last: int, first: int) -> bool:
        """Whether a flash begins here: the old picture returns soon."""
        until = min(len(self._thumbs), first + self._flash_frames + 1)
        return self._finds(last, first, range(first + 1, until))

    def _came_back(self, last: int, first: int) -> bool:
        """Whether a flash ends here: the picture is that of a moment ago."""
        until = max(-1, last - 1 - self._flash_frames)
        return self._finds(first, last, range(last - 1, until, -1))

    def _finds(self, inside: int, outside: int, others: range) -> bool:
        """Whether one of ``others`` shows the shot of ``inside`` again; ``outside`` is beyond the jump."""
        here, there = self._thumb(inside), self._thumb(outside)
        limit = RETURN_SHARE * float(np.abs(here - there).mean())
        one_sided = is_one_sided(here, there)
        for step, other in enumerate(others, 1):
            if step > BLINK_FRAMES and not one_sided:
                return False
            if float(np.abs(self._thumb(other) - here).mean()) < limit:
                return True
        return False


def changed_share(a: Float32Array, b: Float32Array) -> float:
    """Share of the picture that changed by more than a quarter of the mean change, 0..1."""
    change = np.abs(a - b).mean(axis=-1)
    return float(np.mean(change > 0.25 * change.mean()))


def same_but_brightness(a: Float32Array, b: Float32Array) -> bool:
    """Whether two thumbnails show one picture at two exposures."""
    x, y = a - a.mean(), b - b.mean()
    norm = float(np.sqrt((x * x).sum() * (y * y).sum()))
    return bool(norm > 0 and min(x.std(), y.std()) > 3 and float((x * y).sum()) / norm > SAME_PICTURE)


def is_one_sided(plain: Float32Array, flash: Float32Array) -> bool:
    """Whether nearly every part of ``flash`` is brighter than in ``plain``, or nearly every part darker."""
    rise = flash - plain
    return bool(np.mean(rise > -4) > 0.95 or np.mean(rise < 4) > 0.95)
