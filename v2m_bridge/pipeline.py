"""The whole flow on one page: from an edit to a score, and from a score to its files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from v2m_bridge import __version__
from v2m_bridge.errors import InputError
from v2m_bridge.options import ScoreOptions
from v2m_bridge.progress import Progress, silent
from v2m_bridge.score import Score
from v2m_bridge.timing.rates import exact_rate

if TYPE_CHECKING:
    from v2m_bridge.amt.checkpoints import ChordNetwork
    from v2m_bridge.timeline.model import Timeline

VIDEO_SUFFIXES = frozenset({".mp4", ".mov", ".m4v", ".mkv", ".webm", ".avi", ".mxf", ".mts", ".m2ts", ".mpg", ".mpeg"})
EDIT_SUFFIXES = frozenset({".otio", ".otioz", ".otiod", ".edl", ".xml", ".fcpxml", ".aaf"})

STAGES = ("edit", "footage", "tempo", "chords", "parts", "files")
"""Names that ``progress`` reports, in order."""


@dataclass
class Engine:
    """What stays warm between scores: the networks and where media, weights and caches lie."""

    media_roots: Sequence[Path] = ()
    cache: Path | None = None
    clip_weights: Path | None = None
    checkpoint: Path | None = None
    device: str = "cpu"
    _network: ChordNetwork | None = field(default=None, repr=False)

    def network(self) -> ChordNetwork:
        """The chord network, loaded at the first call."""
        if self._network is None:
            from v2m_bridge.amt.checkpoints import load_chord_network

            self._network = load_chord_network(self.checkpoint, self.device)
        return self._network


def read_source(
    source: Path, *, rate: str | None = None, media_roots: Sequence[Path] = (), progress: Progress = silent
) -> Timeline:
    """The timeline of an edit or of a bare video, by the file's suffix.

    Raises:
        InputError: missing, a plain folder, an unknown kind, empty, or unreadable.
        MediaError: a video that cannot be decoded.
    """
    suffix = source.suffix.lower()
    if not source.exists():
        raise InputError(f"{source} does not exist")
    if source.is_dir() and suffix != ".otiod":
        raise InputError(f"{source} is a folder", "give an edit (.otio, .edl, .xml, .fcpxml, .aaf) or a video file")
    if suffix in EDIT_SUFFIXES:
        from v2m_bridge.hosts.read_edit import read_edit

        return read_edit(source, rate=exact_rate(rate) if rate else None, media_roots=media_roots)
    if suffix in VIDEO_SUFFIXES:
        from v2m_bridge.footage.bare_video import read_video

        return read_video(source, progress)
    known = " ".join(sorted(EDIT_SUFFIXES | VIDEO_SUFFIXES))
    raise InputError(f"{source.name} is of an unknown kind", f"known: {known}")


def compose(source: Path, options: ScoreOptions, engine: Engine, progress: Progress = silent) -> Score:
    """Score an edit or a video.

    Args:
        source: the edit (``EDIT_SUFFIXES``) or video (``VIDEO_SUFFIXES``).
        options: what the user asks for.
        engine: networks and folders, reused between calls.
        progress: told of every stage in ``STAGES``; may raise ``Cancelled``.

    Raises:
        V2MError: the input cannot be used; nothing was written.
    """
    from v2m_bridge.footage.measure import MeasureOptions, measure

    progress("edit", 0.0)
    timeline = read_source(source, rate=options.rate, media_roots=engine.media_roots, progress=progress)
    wishes = Wishes.of(timeline, options)
    progress("footage", 0.0)
    features = measure(timeline, MeasureOptions(cache=engine.cache, clip_weights=engine.clip_weights), progress)
    progress("tempo", 0.0)
    hits = find_hits(timeline)
    fit = fit_tempo(hits, timeline.duration_frames, timeline.rate, FitOptions(bpm=wishes.bpm))
    slots = harmonic_slots(fit, options.harmonic_rhythm_s)
    progress("chords", 0.0)
    harmony = harmonise(slots, features, timeline, wishes, engine, progress)
    progress("parts", 0.0)
    arrangement = arrange_parts(harmony, fit, wishes)
    return assemble(timeline, features, fit, harmony, arrangement, wishes, engine)
