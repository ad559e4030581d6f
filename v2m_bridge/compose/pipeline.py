"""The whole flow on one page: from an edit to a score, and from a score to its files."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from v2m_bridge.compose.direction import Direction, direct
from v2m_bridge.compose.document import assemble
from v2m_bridge.compose.harmony import Harmony, harmonise
from v2m_bridge.edits.read_edit import BUNDLE_SUFFIXES, EDIT_SUFFIXES, VIDEO_SUFFIXES, read_edit
from v2m_bridge.errors import InputError, V2MError
from v2m_bridge.files.staging import staged
from v2m_bridge.footage.bare_video import read_video
from v2m_bridge.footage.clip.batcher import LazyClip
from v2m_bridge.footage.measure import MeasureOptions, measure
from v2m_bridge.footage.video.thumbnails import shot_thumbnails
from v2m_bridge.music.arrange import arrange
from v2m_bridge.music.arrangement import Accent, Arrangement, ArrangeRequest
from v2m_bridge.options import ScoreOptions
from v2m_bridge.progress import Progress, silent
from v2m_bridge.reaper.write_job import write_job
from v2m_bridge.reaper.write_rpp import write_rpp
from v2m_bridge.score.model import PreviewDocument, Score
from v2m_bridge.score.write_csv import write_cuesheet_csv
from v2m_bridge.score.write_cuesheet import write_cuesheet
from v2m_bridge.score.write_json import write_score
from v2m_bridge.score.write_midi import write_midi
from v2m_bridge.sync.model import Fit, Lands
from v2m_bridge.sync.motion import fit_with_motion
from v2m_bridge.sync.slots import harmonic_slots
from v2m_bridge.timeline.document import timeline_from_document
from v2m_bridge.timeline.excerpt import excerpt
from v2m_bridge.timeline.hits import HitKind, find_hits, unmatched_options
from v2m_bridge.timing.rates import exact_rate

if TYPE_CHECKING:
    from v2m_bridge.amt.alignment import AlignmentNetwork
    from v2m_bridge.amt.chord_network import ChordNetwork
    from v2m_bridge.timeline.model import Timeline

PREVIEW = "preview.wav"


def _unchanged(timeline: Timeline) -> Timeline:
    return timeline


@dataclass
class Engine:
    """What stays warm between scores: the networks and where media, weights and caches lie.

    ``checkpoint`` is a chord network or a folder of networks; what a folder lacks is the shipped one.
    ``screen`` sees every edit after it was read and before its media is opened; it may take media offline.
    """

    media_roots: Sequence[Path] = ()
    cache: Path | None = None
    clip_weights: Path | None = None
    checkpoint: Path | None = None
    device: str = "cpu"
    screen: Callable[[Timeline], Timeline] = _unchanged
    _network: ChordNetwork | None = field(default=None, repr=False)
    _aligner: AlignmentNetwork | None = field(default=None, repr=False)
    _clip: LazyClip | None = field(default=None, repr=False)

    def network(self) -> ChordNetwork:
        """The chord network, loaded at the first call."""
        if self._network is None:
            from v2m_bridge.amt.checkpoints import load_chord_network

            self._network = load_chord_network(self.checkpoint, self.device)
        return self._network

    def aligner(self) -> AlignmentNetwork:
        """The network that ranks candidates, loaded at the first call."""
        if self._aligner is None:
            from v2m_bridge.amt.ranking import DEFAULT_ALIGNMENT, load_aligner

            self._aligner = load_aligner(self._own(DEFAULT_ALIGNMENT))
        return self._aligner

    def dynamics(self) -> Path | None:
        """The dynamics network of the checkpoint's folder, None for the shipped one."""
        from v2m_bridge.amt.checkpoints import DEFAULT_DYNAMICS

        return self._own(DEFAULT_DYNAMICS)

    def _own(self, name: str) -> Path | None:
        """A file of the checkpoint's folder, if it is one and holds it."""
        place = self.checkpoint / name if self.checkpoint else None
        return place if place is not None and place.is_file() else None

    def measure_options(self) -> MeasureOptions:
        """How footage is measured; CLIP stays loaded for as long as its weights stay the same.

        Raises:
            CheckpointError: ``clip_weights`` was given but does not exist.
        """
        clip = LazyClip.find(None, self.clip_weights, "auto")
        if clip is None or self._clip is None or clip.identity != self._clip.identity:
            self._clip = clip
        return MeasureOptions(cache_folder=self.cache, clip_weights=self.clip_weights, lazy_clip=self._clip)


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
    if source.is_dir() and suffix not in BUNDLE_SUFFIXES:
        raise InputError(f"{source} is a folder", "give an edit (.otio, .edl, .xml, .fcpxml, .aaf) or a video file")
    if suffix in EDIT_SUFFIXES:
        with naming(source):
            return read_edit(source, rate=exact_rate(rate) if rate else None, media_roots=media_roots)
    if suffix in VIDEO_SUFFIXES:
        with naming(source):
            return read_video(source, progress)
    known = " ".join(sorted(EDIT_SUFFIXES | VIDEO_SUFFIXES))
    raise InputError(f"{source.name} is of an unknown kind", f"known: {known}")


@contextmanager
def naming(source: Path) -> Iterator[None]:
    """Every refusal names the file that it is about."""
    try:
        yield
    except V2MError as error:
        if source.name not in error.message:
            error.message = f"{source.name}: {error.message}"
        raise


def compose(source: Path, options: ScoreOptions, engine: Engine, progress: Progress = silent) -> Score:
    """Score an edit or a video.

    Args:
        source: the edit (``EDIT_SUFFIXES``) or video (``VIDEO_SUFFIXES``).
        options: what the user asks for.
        engine: networks and folders, reused between calls.
        progress: told of every stage in ``compose.stages.STAGES`` but the last; may raise ``Cancelled``.

    Raises:
        V2MError: the input or an option cannot be used; nothing was written.
    """
    progress("edit", 0.0)
    options.check()
    edit = options.edit
    timeline = engine.screen(read_source(source, rate=edit.rate, media_roots=engine.media_roots, progress=progress))
    timeline = excerpt(timeline, edit.first_frame, edit.end_frame)
    progress("footage", 0.0)
    features = measure(timeline, engine.measure_options(), progress)
    progress("tempo", 0.0)
    timeline = replace(timeline, warnings=(*timeline.warnings, *unmatched_options(timeline, options.hits)))
    direction = direct(timeline, features, options)
    hits = find_hits(timeline, options.hits, features.onsets)
    limits = replace(options.fit, mood=direction.mood if options.direction.affect else None)
    fit = fit_with_motion(hits, timeline.duration_frames, timeline.rate, limits)
    slots = harmonic_slots(fit, options.harmony.harmonic_rhythm_s)
    progress("chords", 0.0)
    aligner = engine.aligner() if options.harmony.candidates > 1 else None
    harmony = harmonise(
        slots, features, timeline, direction, options, engine.network(), progress, aligner, engine.dynamics()
    )
    progress("parts", 0.0)
    arrangement = arrange_score(harmony, fit, direction, options)
    return assemble(timeline, features, fit, harmony, arrangement, direction, options)


def arrange_score(harmony: Harmony, fit: Fit, direction: Direction, options: ScoreOptions) -> Arrangement:
    """Voice the harmony over the bars of the fit, with weight on the hits that land."""
    landed = [x for x in fit.landings if x.lands is not Lands.MISS]
    wishes = options.direction
    players = replace(options.arrangement, mood=direction.mood, affect=min(1.0, wishes.affect), seed=wishes.seed)
    accents = [Accent(x.beat, strong=x.hit.must, moving=x.hit.kind is HitKind.MOTION) for x in landed]
    request = ArrangeRequest(
        chords=harmony.chords,
        bars=tuple(fit.tempo_map.bars(fit.end_beat)),
        dynamics=harmony.dynamics,
        accents=accents,
        key=direction.key,
        end_beat=fit.end_beat,
        tempo=fit.tempo_map,
    )
    return arrange(request, players)


def _write_illustrated_cuesheet(score: Score, path: Path) -> None:
    write_cuesheet(score, path, shot_thumbnails(timeline_from_document(score.timeline)))


def write_files(score: Score, out: Path, progress: Progress = silent) -> tuple[str, ...]:
    """Write every file of the score into ``out``: all of them or none.

    With a preview, every file holds what was measured on it.

    Returns:
        The names of the files.

    Raises:
        InputError: ``out`` cannot be written.
    """
    writers: dict[str, Callable[[Score, Path], object]] = {
        "score.json": write_score,
        "score.mid": write_midi,
        "score.rpp": write_rpp,
        "score.v2m": write_job,
        "cuesheet.html": _write_illustrated_cuesheet,
        "cuesheet.csv": write_cuesheet_csv,
    }
    names = (*writers, PREVIEW) if score.options.output.preview else tuple(writers)
    with staged(out) as folder:
        if score.options.output.preview:
            progress("files", 0.0)
            score = with_preview(score, folder / PREVIEW)
        for done, (name, write) in enumerate(writers.items(), len(names) - len(writers)):
            progress("files", done / len(names))
            write(score, folder / name)
        progress("files", 1.0)
    return names


def with_preview(score: Score, path: Path) -> Score:
    """Render the preview to ``path``; the score with what was measured on it."""
    from v2m_bridge.sound.preview.write_preview import write_preview

    report = write_preview(score, path)
    heard = PreviewDocument(
        engine=report.engine,
        duration_s=report.duration_s,
        sample_rate=report.sample_rate,
        integrated_lufs=report.integrated_lufs and round(report.integrated_lufs, 2),
        peak_dbfs=report.peak_dbfs and round(report.peak_dbfs, 2),
    )
    return score.model_copy(update={"preview": heard, "warnings": (*score.warnings, *report.warnings)})
