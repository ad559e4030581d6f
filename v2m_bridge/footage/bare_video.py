"""A bare video file as an edit: its cuts are found in the picture."""

from __future__ import annotations

import itertools
from pathlib import Path

from v2m_bridge.errors import CheckpointError, V2MError
from v2m_bridge.footage.cache import FeatureCache
from v2m_bridge.footage.clip.encoder import find_weights
from v2m_bridge.footage.passes.film import FilmScan, StillKeeper, has_stills, scan_film
from v2m_bridge.progress import Progress, silent
from v2m_bridge.timeline.model import Shot, Timeline
from v2m_bridge.timing.timecode import parse_timecode


def read_video(path: Path, progress: Progress = silent, *, cache: FeatureCache | None = None) -> Timeline:
    """The edit inside a video file: one shot for each cut found in its pictures.

    Args:
        cache: keeps what the pass found, so that :func:`v2m_bridge.footage.measure.measure` need not decode again;
            None: the one in the state folder.

    Raises:
        MediaError: the file cannot be read as video.
        SetupError: the cut detector cannot be loaded.
    """
    cache = cache or FeatureCache()
    if not _has_clip() or not path.is_file() or has_stills(path, cache):
        return timeline_of(path, scan_film(path, progress, cache=cache))
    keeper = StillKeeper(path, cache)  # CLIP will ask for the stills of this film: keep them from this pass
    scan = scan_film(path, progress, cache=cache, stills=keeper.add)
    keeper.finish()
    return timeline_of(path, scan)


def _has_clip() -> bool:
    try:
        return find_weights() is not None
    except CheckpointError:  # reported where the weights are loaded
        return False


def timeline_of(path: Path, scan: FilmScan) -> Timeline:
    """The timeline of a scanned film: one shot from each cut to the next, all from the one file."""
    start_frame, drop_frame, notes = _start(scan)
    edges = [0, *(cut.frame for cut in scan.cuts), scan.duration_frames]
    shots = tuple(
        Shot(start, end, str(path), True, float(start / scan.rate), 1.0, f"{path.stem} {number}", scan.picture_start_s)
        for number, (start, end) in enumerate(itertools.pairwise(edges), 1)
    )
    return Timeline(
        name=path.stem,
        rate=scan.rate,
        start_frame=start_frame,
        duration_frames=scan.duration_frames,
        shots=shots,
        cuts=scan.cuts,
        drop_frame=drop_frame,
        warnings=scan.warnings + notes,
    )


def _start(scan: FilmScan) -> tuple[int, bool, tuple[str, ...]]:
    """Absolute first frame, whether timecode drops frames, and a warning if the start timecode cannot be read."""
    if scan.start_timecode is None:
        return 0, False, ()
    try:
        return parse_timecode(scan.start_timecode, scan.rate), ";" in scan.start_timecode, ()
    except V2MError as error:
        return 0, False, (f"the start timecode was ignored: {error.message}",)
