"""The pipeline as the worker runs it: the same calls as ``v2m-bridge score``, with networks that stay loaded."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from v2m_bridge.compose.engine import Engine
from v2m_bridge.compose.pipeline import compose
from v2m_bridge.compose.write_files import write_files
from v2m_bridge.daemon.config import EngineSetup
from v2m_bridge.daemon.jobs.job import Summary
from v2m_bridge.daemon.paths import confine_media, default_media_roots
from v2m_bridge.edits.find_media import media_within
from v2m_bridge.edits.unpacked_media import unpacked_folder
from v2m_bridge.files.within import AllowedFolders
from v2m_bridge.options import ScoreOptions
from v2m_bridge.progress import Progress
from v2m_bridge.score.model import Score
from v2m_bridge.score.write_json import read_score
from v2m_bridge.timeline.model import Timeline
from v2m_bridge.timing.rates import exact_rate


class PipelineRunner:
    """Scores edits. Media that an edit names is opened only below ``confine_to`` and below the edit's own folder."""

    def __init__(self, setup: EngineSetup) -> None:
        self._engine = Engine(
            media_roots=tuple(Path(root) for root in setup.media_roots),
            cache=Path(setup.cache) if setup.cache else None,
            clip_weights=Path(setup.clip_weights) if setup.clip_weights else None,
            checkpoint=Path(setup.checkpoint) if setup.checkpoint else None,
            device=setup.device,
        )
        self._confine_to = setup.confine_to

    @staticmethod
    def _screen(folders: AllowedFolders) -> Callable[[Timeline], Timeline]:
        return lambda timeline: confine_media(timeline, folders)

    def _allowed(self, source: Path) -> AllowedFolders:
        """Where media of this edit may be opened now; a drive may have come or gone since the start."""
        roots = default_media_roots() if self._confine_to is None else tuple(map(Path, self._confine_to))
        own = source if source.is_dir() else source.parent
        return AllowedFolders((*roots, unpacked_folder(), own))  # a zipped bundle brings media of its own

    def warm(self) -> None:
        """Load the networks, before the first job needs them."""
        self._engine.network()

    def run(self, source: Path, options: ScoreOptions, work: Path, progress: Progress) -> Summary:
        """Score ``source`` and write the files into ``work``."""
        folders = self._allowed(source)
        engine = replace(self._engine, screen=self._screen(folders))
        with media_within(folders):
            write_files(compose(source, options, engine, progress), work, progress)
        return summary_of(read_score(work / "score.json"))


def summary_of(score: Score) -> Summary:
    """The few figures that clients show."""
    fit = score.fit.summary
    return Summary(
        name=score.timeline.title or "Untitled",
        key=score.key,
        seed=score.seed,
        checkpoint=score.checkpoint,
        duration_s=round(float(score.timeline.duration_frames / exact_rate(score.timeline.rate)), 3),
        cuts=len(score.timeline.cuts),
        hits=fit.hits,
        landed=fit.landed,
        landed_share=fit.landed_share,
        min_bpm=fit.min_bpm,
        max_bpm=fit.max_bpm,
        chords=len(score.chords),
        parts=tuple(part.name for part in score.parts),
        warnings=tuple(dict.fromkeys((*score.timeline.warnings, *score.fit.warnings, *score.warnings))),
    )
