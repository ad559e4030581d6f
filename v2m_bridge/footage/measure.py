"""Measures an edit: every source file is decoded once, only where the edit uses it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from v2m_bridge.errors import CheckpointError, MediaError, SetupError
from v2m_bridge.footage.affect.look import LookMeter
from v2m_bridge.footage.affect.measures import FilmMeasures, measure_affect
from v2m_bridge.footage.cache import FEATURES_FOLDER, NO_CACHE, ArrayCache, FeatureCache, entry_key, media_identity
from v2m_bridge.footage.clip.batcher import ClipBatcher, ClipRows, LazyClip
from v2m_bridge.footage.clip.encoder import ClipEncoder
from v2m_bridge.footage.model import FloatArray, FootageFeatures
from v2m_bridge.footage.movement.onsets import contacts_of_take, find_onsets, moves, together
from v2m_bridge.footage.passes.dense import DenseMeter
from v2m_bridge.footage.passes.film import FilmScan, film_stills, scan_film, stored_scan
from v2m_bridge.footage.passes.reading import SourceTake, TakePlan, plan, seconds_of
from v2m_bridge.footage.passes.take_meter import TakeResult, change_on_timeline, measure_takes, shown_pictures
from v2m_bridge.footage.speech.find import find_speech
from v2m_bridge.footage.video.source import VideoSource
from v2m_bridge.footage.video.trace import PictureTrace, UInt8Array, mean_difference
from v2m_bridge.progress import Progress, silent
from v2m_bridge.timeline.hits import MotionOnset
from v2m_bridge.timeline.model import Cut, Timeline

NO_WEIGHTS = (
    "CLIP weights are not on this machine, so of the picture only cuts, motion and colour count; "
    "v2m-bridge models pull clip fetches them"
)


@dataclass(frozen=True)
class MeasureOptions:
    """How to measure.

    Attributes:
        clip: whether to use CLIP, where its weights are on this machine.
        clip_weights: a file of weights; None: what ``models pull clip`` fetched or the hub's cache holds.
        encoder: an encoder that is loaded already; overrides ``clip_weights``.
        lazy_clip: CLIP that is kept from one call to the next; overrides ``encoder`` and ``clip_weights``.
        device: for CLIP: ``"auto"``, ``"cpu"`` or ``"cuda"``.
        cache: whether to use the feature cache.
        cache_folder: the folder of all caches, of which this one is ``features``; None: that of the state folder.
        threads: decoding threads, 0 for as many as there are cores.
        speech: whether to listen for speech.
        dialogue: a file with the dialogue, in time with the edit; None: the sound of the clips.
    """

    clip: bool = True
    clip_weights: Path | None = None
    encoder: ClipEncoder | None = None
    lazy_clip: LazyClip | None = None
    device: str = "auto"
    cache: bool = True
    cache_folder: Path | None = None
    threads: int = 0
    speech: bool = True
    dialogue: Path | None = None


def measure(
    timeline: Timeline, options: MeasureOptions = MeasureOptions(), progress: Progress = silent
) -> FootageFeatures:
    """Features of every second of an edit; what cannot be read is absent, with a warning.

    Raises:
        Cancelled: when the listener of ``progress`` says so.
    """
    clip = _clip_of(options)
    notes = [NO_WEIGHTS] if options.clip and clip is None else []
    try:
        return _Measurement(timeline, options, progress, clip, notes).run()
    except (CheckpointError, SetupError) as error:
        if clip is None:
            raise
        notes.append(f"{error.message}; what the footage shows and how it feels is absent")
        return _Measurement(timeline, options, progress, None, notes).run()


def _clip_of(options: MeasureOptions) -> LazyClip | None:
    if not options.clip:
        return None
    return options.lazy_clip or LazyClip.find(options.encoder, options.clip_weights, options.device)


def scene_offset(timeline: Timeline) -> FloatArray:
    """[T] whole seconds since the last cut; a cut counts from the next whole second on (as published)."""
    rows = np.arange(math.ceil(timeline.duration_frames / timeline.rate))
    starts = np.array(sorted({0, *(math.ceil(cut.frame / timeline.rate) for cut in timeline.cuts)}))
    last = starts[np.searchsorted(starts, rows, side="right") - 1]
    return np.asarray(rows - last, np.float32)


def _offline_warnings(timeline: Timeline) -> Iterator[str]:
    offline = {shot.media or shot.name for shot in timeline.shots if shot.media and not shot.media_online}
    for media in sorted(offline):
        name = media.replace("\\", "/").rsplit("/", 1)[-1]
        yield f"{name} is offline; its seconds are not measured (give its folder with --media-root)"


@dataclass(frozen=True)
class _MeasuredTake:
    """A take and what CLIP made of its seconds; ``rows`` is None where CLIP is not used."""

    result: TakeResult
    rows: ClipRows | None


class _TakeStore:
    """Takes in the cache; the rows of CLIP have entries of their own, because they depend on its weights."""

    def __init__(self, cache: ArrayCache, clip: LazyClip | None) -> None:
        self._cache, self._clip = cache, clip

    def find(self, key: str) -> _MeasuredTake | None:
        """The take under ``key``; None unless all that is wanted of it is there."""
        arrays = self._cache.get(key)
        if arrays is None:
            return None
        result = TakeResult.from_arrays(arrays)
        if self._clip is None:
            return _MeasuredTake(result, None)
        rows = self._cache.get(_rows_key(key, self._clip))
        return None if rows is None else _MeasuredTake(result, ClipRows.from_arrays(rows))

    def keep(self, key: str, measured: _MeasuredTake) -> None:
        """Store a take under ``key``."""
        if self._clip is not None and measured.rows is not None:
            self._cache.put(_rows_key(key, self._clip), measured.rows.arrays())
        self._cache.put(key, measured.result.arrays())


class _Measurement:
    """One call of :func:`measure`: the rows of the result are filled in take by take."""

    def __init__(
        self, timeline: Timeline, options: MeasureOptions, progress: Progress, clip: LazyClip | None, notes: list[str]
    ) -> None:
        self._timeline, self._options, self._progress, self._clip = timeline, options, progress, clip
        folder = None if options.cache_folder is None else options.cache_folder / FEATURES_FOLDER
        self._cache: ArrayCache = FeatureCache(folder) if options.cache else NO_CACHE
        self._store = _TakeStore(self._cache, clip)
        self._warnings = [*_offline_warnings(timeline), *notes]
        self._seconds = seconds_of(timeline)
        rows = len(self._seconds)
        self._motion, self._present = np.zeros(rows, np.float32), np.zeros(rows, np.bool_)
        self._change = np.full(timeline.duration_frames, np.nan, np.float32)
        self._moving = np.ones(timeline.duration_frames, np.bool_)
        self._clip_rows = ClipRows.absent(rows)
        self._dense, self._look = DenseMeter(timeline), LookMeter(timeline)
        self._contacts: list[MotionOnset] = []

    def run(self) -> FootageFeatures:
        """Measure everything."""
        self._progress("footage", 0.0)
        plans = plan(self._timeline)
        path = self._whole_film(plans)
        if path is not None:
            self._measure_film(path, plans[0].take)
        else:
            self._measure_edit(plans)
        self._warnings += self._clip.take_notes() if self._clip is not None else []
        speech = self._speech()
        self._progress("footage", 1.0)
        bursts = find_onsets(self._change, map(_span, self._timeline.cuts), self._timeline.rate, self._moving)
        dense, dense_present = self._dense.finish()
        look, palette, look_present = self._look.finish()
        cuts_s = [self._timeline.seconds(cut.frame) for cut in self._timeline.cuts]
        film = FilmMeasures(look, look_present, dense, dense_present, cuts_s, self._timeline.duration_s)
        return FootageFeatures(
            duration_s=self._timeline.duration_s,
            motion=self._motion,
            scene_offset=scene_offset(self._timeline),
            semantic=self._clip_rows.semantic,
            emotion=self._clip_rows.emotion,
            motion_present=self._present,
            semantic_present=self._clip_rows.present,
            emotion_present=self._clip_rows.present.copy(),
            onsets=together(self._contacts, bursts),
            warnings=tuple(dict.fromkeys(self._warnings)),
            dense=dense,
            dense_present=dense_present,
            look=look,
            palette=palette,
            look_present=look_present,
            affect=measure_affect(film),
            speech=speech,
        )

    def _speech(self) -> tuple[tuple[float, float], ...]:
        if not self._options.speech:
            return ()
        found, warnings = find_speech(self._timeline, self._options.dialogue, self._cache)
        self._warnings += warnings
        return found

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

    def _measure_film(self, path: Path, take: SourceTake) -> None:
        """Measure the film's own pictures in one pass, as the published features were."""
        clip_rows, scan = self._scan_with_clip(path)
        rows = min(len(self._motion), len(scan.motion))
        self._motion[:rows], self._present[:rows] = scan.motion[:rows], True
        if clip_rows is not None:
            self._fill_clip(slice(0, rows), clip_rows.select(slice(0, rows)))
        frames = np.rint(scan.trace.seconds * float(scan.rate)).astype(np.int64)
        inside = frames < len(self._change)
        self._change[:] = 0
        self._change[frames[inside]] = scan.trace.change[inside]
        self._add_trace(take, scan.trace)
        self._warnings += scan.warnings

    def _scan_with_clip(self, path: Path) -> tuple[ClipRows | None, FilmScan]:
        """CLIP's rows (None without CLIP) and the scan; both from one decode pass where neither is stored."""
        if self._clip is None:
            return None, self._scan(path)
        key = entry_key("seen", "film", media_identity(path), self._clip.identity)
        stored = self._cache.get(key)
        if stored is not None:
            return ClipRows.from_arrays(stored), self._scan(path)
        batcher = self._batcher(self._clip)
        has_stills = film_stills(path, self._cache, batcher.add)
        scan = self._scan(path, None if has_stills else batcher)
        rows = batcher.finish()
        self._cache.put(key, rows.arrays())
        return rows, scan

    def _scan(self, path: Path, batcher: ClipBatcher | None = None) -> FilmScan:
        """The scan of a film; a ``batcher`` is given its stills and reports the progress in its place."""
        report = self._progress if batcher is None else silent
        stills = None if batcher is None else batcher.add
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
                takes = self._takes(Path(media), own, share)
            except MediaError as error:
                self._warnings.append(f"{error.message}; its seconds are not measured")
                continue
            for take_plan, measured in zip(own, takes, strict=True):
                self._fill(take_plan, measured)
                result = measured.result
                present = zip(take_plan.edges, result.edges, result.edge_present, strict=True)
                edges |= {frame: picture for frame, picture, there in present if there}
        self._compare_edges(edges)

    def _takes(self, media: Path, plans: list[TakePlan], report: Callable[[float], None]) -> list[_MeasuredTake]:
        """The takes of one file: from the cache, the missing ones from one decode pass."""
        try:
            identity = media_identity(media)
        except OSError as error:
            raise MediaError(f"{media.name} cannot be read: {error.strerror}") from error
        keys = [_take_key(identity, take_plan, self._timeline) for take_plan in plans]
        found = [self._store.find(key) for key in keys]
        missing = [index for index, measured in enumerate(found) if measured is None]
        fresh = self._read(media, [plans[index] for index in missing], report)
        for index, measured in zip(missing, fresh, strict=True):
            self._store.keep(keys[index], measured)
            found[index] = measured
        return [measured for measured in found if measured is not None]

    def _read(self, media: Path, plans: list[TakePlan], report: Callable[[float], None]) -> list[_MeasuredTake]:
        """Decode a file once for these takes."""
        if not plans:
            return []
        batcher = self._batcher(self._clip) if self._clip is not None else None
        results = measure_takes(
            media,
            plans,
            self._timeline.rate,
            threads=self._options.threads,
            still_sink=batcher.add if batcher is not None else None,
            report=report,
        )
        if batcher is None:
            return [_MeasuredTake(result, None) for result in results]
        rows = batcher.finish()
        return [_MeasuredTake(result, rows.select(p.rows)) for p, result in zip(plans, results, strict=True)]

    def _fill(self, take_plan: TakePlan, measured: _MeasuredTake) -> None:
        """Write one take into the rows of the result."""
        take, rows, result = take_plan.take, take_plan.rows, measured.result
        self._motion[rows], self._present[rows] = result.motion, result.present
        if measured.rows is not None:
            self._fill_clip(rows, measured.rows)
        change = change_on_timeline(take, result.trace, self._timeline.rate)
        self._change[take.start_frame : take.end_frame] = change
        self._add_trace(take, result.trace)
        self._warnings += result.warnings
        if not result.present.all():
            self._warnings.append(f"{Path(take.media).name} is shorter than the edit uses; the rest is absent")

    def _add_trace(self, take: SourceTake, trace: PictureTrace) -> None:
        """Dense features, contacts, and where anything moves, from the pictures that a take shows."""
        self._dense.add(take, trace)
        self._look.add(take, trace)
        if trace.length:
            shown = shown_pictures(take, trace, self._timeline.rate)
            self._moving[take.start_frame : take.end_frame] = moves(trace)[shown]
        self._contacts += contacts_of_take(take, trace, map(_span, self._timeline.cuts), self._timeline.rate)

    def _compare_edges(self, edges: dict[int, UInt8Array]) -> None:
        """For seconds that begin with a shot: how much the picture changed from the shot before.

        A transition spreads that change over its frames.
        """
        spans = {cut.frame: end - start for cut in self._timeline.cuts for start, end in [_span(cut)] if end > start}
        for second in self._seconds:
            before = second.before if second.before is not None else -1
            if second.frame in edges and before in edges:
                difference = mean_difference(edges[second.frame], edges[before])
                self._motion[second.second] = difference / spans.get(second.frame, 1)

    # ------------------------------------------------------------------------------------------------------- CLIP

    def _batcher(self, clip: LazyClip) -> ClipBatcher:
        return ClipBatcher(len(self._seconds), clip, self._cache, _share(self._progress, 0, 1))

    def _fill_clip(self, rows: slice | list[int], found: ClipRows) -> None:
        self._clip_rows.semantic[rows], self._clip_rows.emotion[rows] = found.semantic, found.emotion
        self._clip_rows.present[rows] = found.present


def _span(cut: Cut) -> tuple[int, int]:
    """``[start, end)`` of a transition; empty at a hard cut."""
    if cut.span_start_frame is None or cut.span_end_frame is None:
        return cut.frame, cut.frame
    return cut.span_start_frame, cut.span_end_frame


def _take_key(identity: str, take_plan: TakePlan, timeline: Timeline) -> str:
    """Cache key of a take: the part of the file and the frames wanted of it, wherever it stands on the timeline."""
    take = take_plan.take
    seconds = [(second.frame - take.start_frame, second.second in take_plan.inside) for second in take_plan.seconds]
    edges = [frame - take.start_frame for frame in take_plan.edges]
    place = (round(take.source_start_s, 6), take.speed, take.end_frame - take.start_frame, str(timeline.rate))
    return entry_key("take", identity, place, seconds, edges)


def _rows_key(take_key: str, clip: LazyClip) -> str:
    return entry_key("seen", take_key, clip.identity)


def _share(progress: Progress, number: int, count: int) -> Callable[[float], None]:
    """Reports the progress of part ``number`` of ``count``."""
    return lambda share: progress("footage", min(0.99, (number + share) / count))
