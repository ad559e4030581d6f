"""Small edits made after public bug reports, each with the right values in ``expected.json`` beside it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from conftest import SHARED

from v2m_bridge.edits.read_edit import READERS, read_edit
from v2m_bridge.timeline.model import Timeline
from v2m_bridge.timing.rates import rate_text

CASES = SHARED / "edit_cases"
NAMES = sorted(p.parent.name for p in CASES.glob("*/expected.json"))


def facts(timeline: Timeline, wanted: dict[str, Any]) -> dict[str, Any]:
    """What the timeline has for every key of ``expected.json``."""
    found: dict[str, Any] = {
        "name": timeline.name,
        "rate": rate_text(timeline.rate),
        "start_timecode": timeline.timecode(0),
        "duration_frames": timeline.duration_frames,
        "cuts": [cut.frame for cut in timeline.cuts],
        "markers": [[marker.frame, marker.name] for marker in timeline.markers],
        "black": [[s.start_frame, s.end_frame] for s in timeline.shots if s.media is None and not s.name],
        "shots": [[s.start_frame, s.end_frame, round(s.source_start_s, 3), round(s.speed, 3)] for s in timeline.shots],
    }
    places = [at for at, _ in wanted.get("shots_at", [])]
    starts = {s.start_frame: s.source_start_s for s in timeline.shots}
    found["shots_at"] = [[at, round(starts[at], 3) if at in starts else None] for at in places]
    return {key: found[key] for key in wanted}


@pytest.mark.skipif(not NAMES, reason=f"no edit cases at {CASES}")
@pytest.mark.parametrize("name", NAMES)
def test_the_case_is_read_as_its_report_says(name: str) -> None:
    folder = CASES / name
    path = next(p for p in sorted(folder.iterdir()) if p.suffix.lower() in READERS)
    wanted = json.loads((folder / "expected.json").read_text(encoding="utf-8"))
    assert facts(read_edit(path), wanted) == wanted
