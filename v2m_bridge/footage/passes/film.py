"""One decode pass over a whole film: cuts, motion, per-frame series and, if wanted, the stills for CLIP."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from v2m_bridge.footage.cache import NO_CACHE, ArrayCache, Arrays, entry_key, media_identity
from v2m_bridge.footage.cuts.gradual import find_all_cuts
from v2m_bridge.footage.cuts.hard import CutFinder
from v2m_bridge.footage.passes.stills import still_of
from v2m_bridge.footage.video.motion import RgbReader, SecondPicture, SecondSampler, pair_motion
from v2m_bridge.footage.video.source import MediaInfo, VideoSource
from v2m_bridge.footage.video.trace import Float32Array, PictureTrace, Reducer, TraceRecorder, UInt8Array
from v2m_bridge.progress import Progress, silent
from v2m_bridge.timeline.model import Cut, CutKind
from v2m_bridge.timing.rates import seconds_to_frame

StillSink = Callable[[int, UInt8Array], None]
"""Called with a whole second and its still ``[336, 336, 3]``, in order."""


@dataclass(frozen=True)
class FilmScan:
    """What one decode pass over a whole film found.

    Attributes:
        rate: nominal frames per second; frames count from the first picture at this rate.
        start_timecode: of the first picture, as the file states it, or None.
        trace: series of every picture.
        motion: [T] published motion, T = ceil(duration).
        cuts: hard cuts, fades and dissolves, in frames.
        picture_start_s: as in :class:`v2m_bridge.footage.video.source.MediaInfo`.
    """

    rate: Fraction
    duration_frames: int
    start_timecode: str | None
    trace: PictureTrace
    motion: Float32Array
    cuts: tuple[Cut, ...]
    warnings: tuple[str, ...] = ()
    picture_start_s: float = 0.0

    def arrays(self) -> Arrays:
        """As plain arrays, for a cache."""
        spans = [
            (c.frame, list(CutKind).index(c.kind), _or_none(c.span_start_frame), _or_none(c.span_end_frame))
            for c in self.cuts
        ]
        return {
            "rate": np.array([self.rate.numerator, self.rate.denominator]),
            "duration_frames": np.array(self.duration_frames),
            "start_timecode": np.array(self.start_timecode or ""),
            "seconds": self.trace.seconds,
            "change": self.trace.change,
            "thumbs": self.trace.thumbs,
            "movement": self.trace.movement,
            "motion": self.motion,
            "cuts": np.array(spans, np.int64).reshape(-1, 4),
            "warnings": np.array(self.warnings, np.str_),
            "picture_start_s": np.array(self.picture_start_s),
        }

    @staticmethod
    def from_arrays(arrays: Arrays) -> FilmScan:
        """Inverse of :meth:`arrays`."""
        cuts = [
            Cut(int(frame), list(CutKind)[kind], None if start < 0 else int(start), None if end < 0 else int(end))
            for frame, kind, start, end in arrays["cuts"].tolist()
        ]
        return FilmScan(
            Fraction(*arrays["rate"].tolist()),
            int(arrays["duration_frames"]),
            str(arrays["start_timecode"]) or None,
            PictureTrace(arrays["seconds"], arrays["change"], arrays["thumbs"], arrays["movement"]),
            arrays["motion"],
            tuple(cuts),
            tuple(str(warning) for warning in arrays["warnings"]),
            float(arrays["picture_start_s"]),
        )


def _or_none(frame: int | None) -> int:
    return -1 if frame is None else frame


def stored_scan(path: Path, cache: ArrayCache) -> FilmScan | None:
    """What an earlier pass over a film of this content left in the cache, or None."""
    if not path.is_file():
        return None
    arrays = cache.get(_film_key(path))
    return None if arrays is None else FilmScan.from_arrays(arrays)


def _film_key(path: Path) -> str:
    return entry_key("film", media_identity(path))


def scan_film(
    path: Path,
    progress: Progress = silent,
    *,
    cache: ArrayCache = NO_CACHE,
    stills: StillSink | None = None,
    threads: int = 0,
) -> FilmScan:
    """Cuts, motion and series of a whole film, from the cache or in one decode pass.

    Args:
        cache: where the result of an earlier pass is looked for, and the result of this one is stored.
        stills: called with the still of every second; it forces a decode pass.
        threads: decoding threads, 0 for as many as there are cores.

    Raises:
        MediaError: the file cannot be read as video.
        SetupError: the cut detector cannot be loaded.
    """
    stored = stored_scan(path, cache) if stills is None else None
    if stored is not None:
        progress("footage", 1.0)
        return stored
    with VideoSource(path, threads) as source:
        key = _film_key(path)
        scan = _FilmPass(source, stills).run(progress)
    cache.put(key, scan.arrays())
    return scan


STILLS_TOGETHER = 64
"""One cache entry holds this many stills: about a minute."""
STILLS_KEPT_S = 1200
"""The stills of films up to this length are kept by the pass that finds the cuts, so that CLIP needs no second pass."""


class StillKeeper:
    """Puts the stills of a film into the cache, 64 to an entry."""

    def __init__(self, path: Path, cache: ArrayCache) -> None:
        self._identity, self._cache = media_identity(path), cache
        self._waiting: list[UInt8Array] = []
        self._entries = self._stills = 0

    def add(self, second: int, still: UInt8Array) -> None:
        """Take the still of the next second."""
        self._stills += 1
        if second >= STILLS_KEPT_S:
            return
        self._waiting.append(still)
        if len(self._waiting) == STILLS_TOGETHER:
            self._flush()

    def finish(self) -> None:
        """Store the rest and the index; without the index :func:`film_stills` finds nothing."""
        if self._stills > STILLS_KEPT_S:
            return
        if self._waiting:
            self._flush()
        self._cache.put(_all_stills_key(self._identity), {"entries": np.array(self._entries)})

    def _flush(self) -> None:
        stills = np.array(self._waiting, np.uint8)
        self._cache.put(entry_key("stills", self._identity, self._entries), {"stills": stills})
        self._waiting.clear()
        self._entries += 1


def _all_stills_key(identity: str) -> str:
    return entry_key("all-stills", identity)


def has_stills(path: Path, cache: ArrayCache) -> bool:
    """Whether the stills of a film were kept."""
    return cache.get(_all_stills_key(media_identity(path))) is not None


def film_stills(path: Path, cache: ArrayCache, sink: StillSink) -> bool:
    """Give every stored still of a film to ``sink``; False when the cache has lost any of them."""
    identity, second = media_identity(path), 0
    index = cache.get(_all_stills_key(identity))
    for number in range(int(index["entries"]) if index is not None else 0):
        entry = cache.get(entry_key("stills", identity, number))
        if entry is None:
            return False
        for still in entry["stills"]:
            sink(second, still)
            second += 1
    return index is not None


class _FilmPass:
    """Decodes a film once and feeds every picture to the trace, the cut finder, the motion and the stills."""

    def __init__(self, source: VideoSource, stills: StillSink | None) -> None:
        self._source, self._info, self._stills = source, source.info, stills
        self._recorder, self._reducer = TraceRecorder(), Reducer()
        self._finder = CutFinder(self._info.rate)
        self._sampler, self._reader = SecondSampler(), RgbReader()
        self._motion: list[float] = []
        self._interlaced = 0

    def run(self, progress: Progress) -> FilmScan:
        """Decode to the end and put the results together."""
        end_s = 0.0
        for picture in self._source.pictures():
            small, thumb = self._reducer.reduce(picture.frame)
            self._recorder.add(picture.seconds, small, thumb)
            self._finder.add(small)
            self._interlaced += picture.frame.interlaced_frame
            for pair in self._sampler.add(picture):
                self._take(pair)
                progress("footage", min(0.99, picture.seconds / (self._info.duration_s or math.inf)))
            end_s = picture.seconds + (picture.length_s or float(1 / self._info.rate))
        for pair in self._sampler.finish(end_s):
            self._take(pair)
        scan = self._finish(end_s)
        progress("footage", 1.0)
        return scan

    def _take(self, pair: SecondPicture) -> None:
        """Motion and still of one second."""
        rgb, value = pair_motion(self._reader, pair, always=self._stills is not None)
        self._motion.append(value)
        if self._stills is not None and rgb is not None:
            self._stills(pair.second, still_of(rgb, self._info.rotation_deg))

    def _fields_note(self, pictures: int) -> list[str]:
        """A warning where the film is stored in fields; they are not taken apart."""
        if not self._interlaced:
            return []
        name = self._source.path.name
        return [
            f"{name} is interlaced: {self._interlaced} of {pictures} pictures hold two fields, measured as one; "
            "a cut between two fields counts at the nearer picture"
        ]

    def _finish(self, end_s: float) -> FilmScan:
        trace, info = self._recorder.finish(), self._info
        frames = np.rint(trace.seconds * float(info.rate)).astype(np.int64)
        duration_frames = max(int(frames[-1]) + 1, seconds_to_frame(end_s, info.rate))
        rows = math.ceil(duration_frames / info.rate)
        motion = (self._motion + [0.0] * rows)[:rows]
        return FilmScan(
            info.rate,
            duration_frames,
            info.start_timecode,
            trace,
            np.array(motion, np.float32),
            _cuts(trace, self._finder.proposals, info, frames),
            (*self._source.notes(), *self._fields_note(trace.length)),
            info.picture_start_s,
        )


def _cuts(trace: PictureTrace, proposals: list[int], info: MediaInfo, frames: npt.NDArray[np.int64]) -> tuple[Cut, ...]:
    """Hard and soft cuts, moved from picture index to frame; in order, at most one a frame."""
    by_index = find_all_cuts(trace, proposals, info.rate)
    last = len(frames) - 1

    def frame_at(index: int | None) -> Any:
        return None if index is None else int(frames[min(index, last)])

    moved = [
        replace(
            cut,
            frame=frame_at(cut.frame),
            span_start_frame=frame_at(cut.span_start_frame),
            span_end_frame=frame_at(cut.span_end_frame),
        )
        for cut in by_index
    ]
    return tuple(sorted({cut.frame: cut for cut in moved if cut.frame > 0}.values(), key=lambda cut: cut.frame))
