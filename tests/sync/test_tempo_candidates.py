"""The best tempi side by side."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path

import pytest

from v2m_bridge.cli import main as cli
from v2m_bridge.sync.candidates import MOST_CANDIDATES, tempo_candidates
from v2m_bridge.sync.fit import fit_tempo
from v2m_bridge.sync.model import FitOptions
from v2m_bridge.timeline.hits import Hit, HitKind

RATE = Fraction(24)
HITS = [Hit(frame, Fraction(frame, 24), HitKind.CUT, 1.0) for frame in (61, 118, 200, 277, 301, 390, 466, 533)]


@pytest.mark.parametrize("bpm", [None, 97.0])
def test_candidates_are_ranked_and_say_what_a_fit_of_theirs_does(bpm: float | None) -> None:
    options = FitOptions(bpm=bpm)
    chosen = fit_tempo(HITS, 600, RATE, options)
    found = tempo_candidates(HITS, 600, RATE, options, chosen)
    assert len({x.bpm for x in found}) == len(found) == MOST_CANDIDATES
    assert [x.bpm for x in found if x.chosen] == [chosen.requested_bpm]
    assert [x.landed for x in found] == sorted((x.landed for x in found), reverse=True)
    for x in found:
        fit = fit_tempo(HITS, 600, RATE, FitOptions(bpm=x.bpm))
        assert x.landed == fit.summary.landed and x.landed + x.near + x.missed == len(HITS)
        assert (x.min_bpm, x.max_bpm, x.max_step) == (fit.summary.min_bpm, fit.summary.max_bpm, fit.summary.max_step)


def test_the_command_lists_them_and_names_the_tempo_that_is_heard(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = ["TITLE: film", "FCM: NON-DROP FRAME"]
    for n in range(8):
        lines.append(f"{n + 1:03d}  AX V C 00:00:00:00 00:00:05:00 01:00:{5 * n:02d}:00 01:00:{5 * n + 5:02d}:00")
    (tmp_path / "film.edl").write_text("\n".join(lines))
    arguments = ["fit", str(tmp_path / "film.edl"), "--rate", "24", "--tempo", "121"]
    for more in ([], ["--json"]):
        with pytest.raises(SystemExit) as ended:
            cli.main([*arguments, *more])
        assert not ended.value.code
    said, _, document = capsys.readouterr().out.rpartition('{"schema"')
    fit = json.loads('{"schema"' + document)
    keys = {"bpm", "downbeats", "beats", "eighths", "near", "missed", "min_bpm", "max_bpm", "max_step"}
    assert all(keys <= row.keys() for row in fit["candidates"]) and len(fit["candidates"]) > 1
    assert said.splitlines()[0].split("  ")[1].startswith(f"{fit['summary']['min_bpm']:.1f} ")
    assert "Tempi to pick with --tempo" in said


def test_a_constant_tempo_that_lands_everything_wins_over_steps() -> None:
    """Cuts on the beats of 114 bpm, rounded to frames, with 120 asked for."""
    beats = (2, 5, 9, 12, 16, 19, 24, 26, 31, 36, 40, 43, 48)
    frames = [round(beat * 60 / 114 * 24) for beat in beats]
    hits = [Hit(frame, Fraction(frame, 24), HitKind.CUT, 1.0) for frame in frames]
    fit = fit_tempo(hits, 700, RATE, FitOptions(bpm=120.0))
    assert fit.summary.landed == len(hits)
    assert fit.summary.min_bpm == fit.summary.max_bpm == pytest.approx(114, abs=0.3)
