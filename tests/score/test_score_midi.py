"""``score.mid``: what other programs read off it to stand in picture."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import mido
import pytest
from reaper_scores import make_score
from score_facts import read_midi

from v2m_bridge.score.write_midi import write_midi

PPQ = 960


@pytest.mark.parametrize(
    ("rate", "start_frame", "drop_frame", "offset"),
    [
        ("24000/1001", 86400, False, (24, 1, 0, 0, 0, 0)),
        ("25", 90013, False, (25, 1, 0, 0, 13, 0)),
        ("30000/1001", 107892, True, (29.97, 1, 0, 0, 0, 0)),
        ("30000/1001", 108000, False, (30, 1, 0, 0, 0, 0)),
        ("48", 172801, False, (24, 1, 0, 0, 0, 50)),
        ("50", 180007, False, (25, 1, 0, 0, 3, 50)),
        ("60", 0, False, (30, 0, 0, 0, 0, 0)),
    ],
)
def test_the_files_timecode_is_the_edits(
    tmp_path: Path, rate: str, start_frame: int, drop_frame: bool, offset: tuple[float, ...]
) -> None:
    write_midi(make_score(rate=rate, start_frame=start_frame, drop_frame=drop_frame), tmp_path / "score.mid")
    (found,) = [m for m in mido.MidiFile(tmp_path / "score.mid").tracks[0] if m.type == "smpte_offset"]
    assert found.time == 0
    assert (found.frame_rate, found.hours, found.minutes, found.seconds, found.frames, found.sub_frames) == offset


@pytest.mark.parametrize("rate", ["24000/1001", "25", "30000/1001", "48", "60"])
def test_cuts_lie_within_a_tick_of_their_frame_and_have_one_name(tmp_path: Path, rate: str) -> None:
    score = make_score(120, rate, seed=3)
    write_midi(score, tmp_path / "score.mid")
    found = read_midi(tmp_path / "score.mid").cuts or ()
    exact = Fraction(rate)
    tick_s = 60 / min(row.bpm for row in score.fit.tempo) / PPQ
    assert len(found) == len(score.timeline.cuts) > 50
    for seconds, cut in zip(sorted(found), score.timeline.cuts, strict=True):
        assert abs(seconds - float(cut.frame / exact)) <= tick_s
    file = mido.MidiFile(tmp_path / "score.mid", charset="utf-8")
    names = [m.text for m in file.tracks[0] if m.type == "marker"]
    assert {f"{cut.kind} {number}" for number, cut in enumerate(score.timeline.cuts, 1)} <= set(names)
