"""What the daemon's worker runs in the tests of the way from Resolve and back: real reading, no networks."""

from __future__ import annotations

import json
import wave
from pathlib import Path

from v2m_bridge.daemon.config import EngineSetup
from v2m_bridge.daemon.jobs.job import Summary
from v2m_bridge.edits.read_edit import read_edit
from v2m_bridge.options import ScoreOptions
from v2m_bridge.progress import Progress
from v2m_bridge.timeline.document import timeline_document
from v2m_bridge.timeline.excerpt import excerpt

SECOND_BPM = 60.0
"""One chord a second, so that every frame is known."""


class ResolveRunner:
    """Reads the edit as the pipeline does and writes a score with a chord a second and a hit on every cut."""

    def __init__(self, setup: EngineSetup) -> None:
        del setup

    def warm(self) -> None:
        """Nothing to load."""

    def run(self, source: Path, options: ScoreOptions, work: Path, progress: Progress) -> Summary:
        progress("edit", 0.0)
        timeline = excerpt(read_edit(source), options.edit.first_frame, options.edit.end_frame)
        progress("footage", 0.5)
        work.mkdir()
        score = {
            "timeline": timeline_document(timeline).model_dump(mode="json", by_alias=True),
            "chords": [
                {"symbol": "Am" if n % 2 else "F", "start_s": float(n)} for n in range(int(timeline.duration_s) + 1)
            ],
            "fit": {"hits": [{"frame": cut.frame, "lands": "downbeat"} for cut in timeline.cuts]},
        }
        (work / "score.json").write_text(json.dumps(score), encoding="utf-8")
        if options.output.preview:
            with wave.open(str(work / "preview.wav"), "wb") as sound:
                sound.setparams((1, 2, 8000, 0, "NONE", ""))
                sound.writeframes(b"\0\0" * int(timeline.duration_s * 8000))
        cuts = len(timeline.cuts)
        return Summary(
            name=timeline.name, key="A minor", seed=options.direction.seed, checkpoint="none",
            duration_s=timeline.duration_s,
            cuts=cuts, hits=cuts, landed=cuts, landed_share=1.0, min_bpm=SECOND_BPM, max_bpm=SECOND_BPM, chords=1,
        )  # fmt: skip
