"""Measures an edit: every source file is decoded once, only where the edit uses it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from v2m_bridge.errors import CheckpointError, MediaError, SetupError
from v2m_bridge.footage.cache import FEATURES_FOLDER, FeatureCache, entry_key, media_identity
from v2m_bridge.footage.clip.encoder import ClipEncoder
from v2m_bridge.footage.clip.seeing import Eye, Seen, Sight
from v2m_bridge.footage.model import FloatArray, FootageFeatures, Onset
from v2m_bridge.footage.movement.onsets import contacts_of_take, find_onsets, moves, together
from v2m_bridge.footage.passes.dense import DenseMeter
from v2m_bridge.footage.passes.film import FilmScan, film_stills, scan_film, stored_scan
from v2m_bridge.footage.passes.reading import Take, TakePlan, plan, seconds_of
from v2m_bridge.footage.passes.take_meter import TakeResult, change_on_timeline, measure_takes, shown_pictures
from v2m_bridge.footage.video.source import VideoSource
from v2m_bridge.footage.video.trace import Trace, UInt8Array, mean_difference
from v2m_bridge.progress import Progress, silent
from v2m_bridge.timeline.model import Cut, Timeline

NO_WEIGHTS = (
    "CLIP weights are not on this machine, so only cuts and motion of the picture count; "
    "v2m-bridge models pull clip fetches them"
)


@dataclass(frozen=True)
class MeasureOptions:
    """How to measure.

    Attributes:
        clip: whether to look at the footage with CLIP where its weights are to be had.
        clip_weights: a file of weights; None: what was pulled or the hub's cache holds.
        encoder: an encoder that is loaded already; overrides ``clip_weights``.
        eye: CLIP that is kept from one call to the next; overrides ``encoder`` and ``clip_weights``.
        device: for CLIP: ``"auto"``, ``"cpu"`` or ``"cuda"``.
        cache: whether to use the feature cache.
        cache_folder: the folder of all caches, of which this one is ``features``; None: that of the state folder.
        threads: decoding threads, 0 for as many as there are cores.
    """

    clip: bool = True
    clip_weights: Path | None = None
    encoder: ClipEncoder | None = None
    eye: Eye | None = None
    device: str = "auto"
    cache: bool = True
    cache_folder: Path | None = None
    threads: int = 0


def measure(
    timeline: Timeline, options: MeasureOptions = MeasureOptions(), progress: Progress = silent
) -> FootageFeatures:
    """Features of every second of an edit; what cannot be read is absent, with a warning.

    Raises:
        Cancelled: when the listener of ``progress`` says so.
    """
    eye = options.eye or Eye.find(options.encoder, options.clip_weights, options.device) if options.clip else None
    notes = [NO_WEIGHTS] if options.clip and eye is None else []
    try:
        return _Measurement(timeline, options, progress, eye, notes).run()
    except (CheckpointError, SetupError) as error:
        if eye is None:
            raise
        notes.append(f"{error.message}; what the footage shows and how it feels is absent")
        return _Measurement(timeline, options, progress, None, notes).run()


def scene_offset(timeline: Timeline) -> FloatArray:
    """[T] whole seconds since the last cut, where a cut belongs to the next whole second (as published)."""
    rows = np.arange(math.ceil(timeline.duration_frames / timeline.rate))
    starts = np.array(sorted({0, *(math.ceil(cut.frame / timeline.rate) for cut in timeline.cuts)}))
    last = starts[np.searchsorted(starts, rows, side="right") - 1]
    return np.asarray(rows - last, np.float32)


def _offline_warnings(timeline: Timeline) -> Iterator[str]:
    offline = {shot.media or shot.name for shot in timeline.shots if shot.media and not shot.media_online}
    for media in sorted(offline):
        name = media.replace("\\", "/").rsplit("/", 1)[-1]
        yield f"{name} is offline; its seconds are not measured"


class _Measurement:
    """One call of :func:`measure`: rows are filled take by take."""

    def __init__(
        self, timeline: Timeline, options: MeasureOptions, progress: Progress, eye: Eye | None, notes: list[str]
    ) -> None:
        self._timeline, self._options, self._progress, self._eye = timeline, options, progress, eye
        folder = None if options.cache_folder is None else options.cache_folder / FEATURES_FOLDER
        self._cache = FeatureCache(folder) if options.cache else None
        self._warnings = [*_offline_warnings(timeline), *notes]
        self._seconds = seconds_of(timeline)
        rows = len(self._seconds)
        self._motion, self._present = np.zeros(rows, np.float32), np.zeros(rows, np.bool_)
        self._change = np.full(timeline.duration_frames, np.nan, np.float32)
        self._moving = np.ones(timeline.duration_frames, np.bool_)
        self._seen = Seen.nothing(rows)
        self._dense = DenseMeter(timeline)
        self._contacts: list[Onset] = []

    def run(self) -> FootageFeatures:
        """Measure everything."""
        self._progress("footage", 0.0)
        plans = plan(self._timeline)
        film = self._whole_film(plans)
        if film is not None:
            self._measure_film(film, plans[0].take)
        else:
            self._measure_edit(plans)
        self._progress("footage", 1.0)
        bursts = find_onsets(self._change, map(_span, self._timeline.cuts), self._timeline.rate, self._moving)
        dense, dense_present = self._dense.finish()
        return FootageFeatures(
            duration_s=self._timeline.duration_s,
            motion=self._motion,
            scene_offset=scene_offset(self._timeline),
            semantic=self._seen.semantic,
            emotion=self._seen.emotion,
            motion_present=self._present,
            semantic_present=self._seen.present,
            emotion_present=self._seen.present.copy(),
            onsets=together(self._contacts, bursts),
            warnings=tuple(dict.fromkeys(self._warnings)),
            dense=dense,
            dense_present=dense_present,
        )

    # ------------------------------------------------------------------------------------------ a film as a whole

    def _whole_film(self, plans: tuple[TakePlan, ...]) -> Path | None:
        """The file, if the timeline is one file from its first picture to its last."""
        if len(plans) != 1 or plans[0].take.speed != 1 or plans[0].take.source_start_s != 0:
            return None
        take, path = plans[0].take, Path(plans[0].take.media)
        if (take.start_frame, take.end_frame) != (0, self._timeline.duration_frames):
            return None
        known = stored_scan(path, self._cache)
        if known is not None and known.rate == self._timeline.rate:
            return path if known.duration_frames == self._timeline.duration_frames else None
        try:
            with VideoSource(path) as source:
                info = source.info
        except MediaError:
            return None
        if info.is_still or info.rate != self._timeline.rate or info.duration_s is None:
            return None
        return path if abs(info.duration_s - self._timeline.duration_s) < 2 / info.rate else None

    def _measure_film(self, path: Path, take: Take) -> None:
        """As published, straight from the film's own pictures; one pass for all of it."""
        key = entry_key("seen", "film", media_identity(path), self._eye.identity if self._eye else "")
        seen = self._stored_seen(key)
        sight = self._sight() if self._eye is not None and seen is None else None
        if sight is not None and self._cache is not None and film_stills(path, self._cache, sight.add):
            scan = self._scan(path, None)
        else:
            scan = self._scan(path, sight)
        if sight is not None:
            seen = sight.finish()
            self._store(key, seen)
        rows = min(len(self._motion), len(scan.motion))
        self._motion[:rows], self._present[:rows] = scan.motion[:rows], True
        if seen is not None:
            self._see(range(rows), Seen(seen.semantic[:rows], seen.emotion[:rows], seen.present[:rows]))
        frames = np.rint(scan.trace.seconds * float(scan.rate)).astype(np.int64)
        inside = frames < len(self._change)
        self._change[:] = 0
        self._change[frames[inside]] = scan.trace.change[inside]
        self._follow(take, scan.trace)
        self._warnings += scan.warnings

    def _scan(self, path: Path, sight: Sight | None) -> FilmScan:
        report = self._progress if sight is None else silent
        stills = None if sight is None else sight.add
        return scan_film(path, report, cache=self._cache, stills=stills, threads=self._options.threads)

    # ---------------------------------------------------------------------------------------------------- an edit

    def _measure_edit(self, plans: tuple[TakePlan, ...]) -> None:
        by_media: dict[str, list[TakePlan]] = {}
        for take_plan in plans:
            by_media.setdefault(take_plan.take.media, []).append(take_plan)
        edges: dict[int, UInt8Array] = {}
        for number, (media, own) in enumerate(by_media.items()):
            share = _share(self._progress, number, len(by_media))
            try:
                results = self._takes(Path(media), own, share)
            except MediaError as error:
                self._warnings.append(f"{error.message}; its seconds are not measured")
                continue
            for take_plan, result in zip(own, results, strict=True):
                self._fill(take_plan, result)
                present = zip(take_plan.edges, result.edges, result.edge_present, strict=True)
                edges |= {frame: picture for frame, picture, there in present if there}
        self._compare_edges(edges)

    def _takes(self, media: Path, plans: list[TakePlan], report: Callable[[float], None]) -> list[TakeResult]:
        """Results of the takes of one file, from the cache where it has them."""
        try:
            identity = media_identity(media)
        except OSError as error:
            raise MediaError(f"{media.name} cannot be read: {error.strerror}") from error
        keys = [_take_key(identity, take_plan, self._timeline) for take_plan in plans]
        stored = [self._stored_take(key) for key in keys]
        seen = [self._stored_seen(entry_key("seen", key, self._eye.identity if self._eye else "")) for key in keys]
        missing = [n for n in range(len(plans)) if stored[n] is None or (self._eye is not None and seen[n] is None)]
        sight = self._sight() if self._eye is not None and missing else None
        fresh = (
            measure_takes(
                media,
                [plans[n] for n in missing],
                self._timeline.rate,
                threads=self._options.threads,
                still_sink=sight.add if sight is not None else None,
                report=report,
            )
            if missing
            else []
        )
        if sight is not None and self._eye is not None:
            found = sight.finish()
            for n in missing:
                seen[n] = _rows_of(found, plans[n])
                self._store(entry_key("seen", keys[n], self._eye.identity), seen[n])
        for n, result in zip(missing, fresh, strict=True):
            stored[n] = result
            if self._cache is not None:
                self._cache.put(keys[n], result.arrays())
        for take_plan, rows in zip(plans, seen, strict=True):
            if rows is not None:
                self._see([second.second for second in take_plan.seconds], rows)
        return [result for result in stored if result is not None]

    def _fill(self, take_plan: TakePlan, result: TakeResult) -> None:
        take = take_plan.take
        rows = [second.second for second in take_plan.seconds]
        self._motion[rows], self._present[rows] = result.motion, result.present
        change = change_on_timeline(take, result.trace, self._timeline.rate)
        self._change[take.start_frame : take.end_frame] = change
        self._follow(take, result.trace)
        if not result.present.all():
            self._warnings.append(f"{Path(take.media).name} is shorter than the edit uses; the rest is absent")

    def _follow(self, take: Take, trace: Trace) -> None:
        self._dense.add(take, trace)
        if trace.length:
            shown = shown_pictures(take, trace, self._timeline.rate)
            self._moving[take.start_frame : take.end_frame] = moves(trace)[shown]
        self._contacts += contacts_of_take(take, trace, map(_span, self._timeline.cuts), self._timeline.rate)

    def _compare_edges(self, edges: dict[int, UInt8Array]) -> None:
        """Seconds that begin with a shot: how much the picture changed from the shot before.

        A transition spreads that change over its frames.
        """
        spans = {cut.frame: end - start for cut in self._timeline.cuts for start, end in [_span(cut)] if end > start}
        for second in self._seconds:
            before = second.before if second.before is not None else -1
            if second.frame in edges and before in edges:
                difference = mean_difference(edges[second.frame], edges[before])
                self._motion[second.second] = difference / spans.get(second.frame, 1)

    # ------------------------------------------------------------------------------------------------------- CLIP

    def _sight(self) -> Sight:
        assert self._eye is not None
        return Sight(len(self._seconds), self._eye, self._cache, _share(self._progress, 0, 1))

    def _see(self, rows: range | list[int], seen: Seen) -> None:
        self._seen.semantic[rows], self._seen.emotion[rows] = seen.semantic, seen.emotion
        self._seen.present[rows] = seen.present

    # ------------------------------------------------------------------------------------------------------ cache

    def _stored_take(self, key: str) -> TakeResult | None:
        arrays = self._cache.get(key) if self._cache is not None else None
        return None if arrays is None else TakeResult.from_arrays(arrays)

    def _stored_seen(self, key: str) -> Seen | None:
        arrays = self._cache.get(key) if self._cache is not None and self._eye is not None else None
        return None if arrays is None else Seen(arrays["semantic"], arrays["emotion"], arrays["present"])

    def _store(self, key: str, seen: Seen | None) -> None:
        if self._cache is not None and seen is not None:
            self._cache.put(key, seen.arrays())


def _span(cut: Cut) -> tuple[int, int]:
    """``[start, end)`` of a transition; empty at a hard cut."""
    if cut.span_start_frame is None or cut.span_end_frame is None:
        return cut.frame, cut.frame
    return cut.span_start_frame, cut.span_end_frame


def _take_key(identity: str, take_plan: TakePlan, timeline: Timeline) -> str:
    """The entry of a take: what it shows and which of its frames are wanted, wherever it stands on the timeline."""
    take = take_plan.take
    seconds = [(second.frame - take.start_frame, second.second in take_plan.inside) for second in take_plan.seconds]
    edges = [frame - take.start_frame for frame in take_plan.edges]
    place = (round(take.source_start_s, 6), take.speed, take.end_frame - take.start_frame, str(timeline.rate))
    return entry_key("take", identity, place, seconds, edges)


def _rows_of(seen: Seen, take_plan: TakePlan) -> Seen:
    rows = [second.second for second in take_plan.seconds]
    return Seen(seen.semantic[rows], seen.emotion[rows], seen.present[rows])


def _share(progress: Progress, number: int, count: int) -> Callable[[float], None]:
    """Reports the progress of part ``number`` of ``count``."""
    return lambda share: progress("footage", min(0.99, (number + share) / count))
