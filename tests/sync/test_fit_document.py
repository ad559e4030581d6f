"""The pinned JSON of a fit carries glides and metres through each other, as far as REAPER's project file."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest
from reaper_scores import make_score

from v2m_bridge.reaper.session import plan_session, session_tempo_map
from v2m_bridge.reaper.write_rpp import write_rpp
from v2m_bridge.sync.document import fit_document, tempo_map_from_document
from v2m_bridge.sync.fit import fit_tempo
from v2m_bridge.sync.model import Fit
from v2m_bridge.timing.tempo import Metre, TempoMap

GLIDE = TempoMap.from_seconds(
    [(0.0, 120.0, False), (4.0, 120.0, True), (12.0, 60.0, False)],
    [Metre(0.0, 4, 4), Metre(12.0, 3, 4), Metre(15.0, 4, 4), Metre(19.0, 5, 4)],
)
"""120 for eight beats, then to 60 within eight seconds (12 beats), with metres that change on the way."""


@pytest.fixture
def fit() -> Fit:
    plain = fit_tempo([], 600, Fraction(24))
    return replace(plain, tempo_map=GLIDE, end_beat=GLIDE.beat_at(25.0))


def test_a_metre_that_changes_inside_a_glide_does_not_end_it(fit: Fit) -> None:
    document = fit_document(fit)
    assert [(row.beat, row.linear) for row in document.tempo] == [
        (0.0, False),
        (8.0, True),
        (12.0, True),
        (15.0, True),
        (19.0, True),
        (20.0, False),
    ]
    back = tempo_map_from_document(document)
    for beat in range(50):
        assert back.seconds_at(beat / 2) == pytest.approx(GLIDE.seconds_at(beat / 2), abs=1e-9)
        assert back.bpm_at_seconds(beat / 2) == pytest.approx(GLIDE.bpm_at_seconds(beat / 2), abs=1e-9)


def test_reaper_gets_the_same_glide(fit: Fit, tmp_path: Path) -> None:
    score = make_score(3)
    score = score.model_copy(update={"fit": fit_document(fit)})
    built = session_tempo_map(plan_session(score))
    for beat in range(0, 48):
        assert built.seconds_at(beat / 2) == pytest.approx(GLIDE.seconds_at(beat / 2), abs=1e-9)
    write_rpp(score, tmp_path / "score.rpp")
    points = [
        line.split() for line in (tmp_path / "score.rpp").read_text().splitlines() if line.strip().startswith("PT ")
    ]
    # shape 0 glides to the next point, 1 holds
    assert [point[3] for point in points] == ["1", "0", "0", "0", "0", "1"]


def test_a_glide_of_the_last_point_leads_nowhere() -> None:
    plain = fit_tempo([], 600, Fraction(24))
    open_end = TempoMap.from_seconds([(0.0, 100.0, True), (6.0, 90.0, True)], [Metre(0.0, 4, 4), Metre(12.0, 3, 4)])
    rows = fit_document(replace(plain, tempo_map=open_end)).tempo
    assert [row.linear for row in rows] == [True, False, False]
