"""The tempo map: REAPER's own tables, exact inverses, bars, beats and ticks."""

from __future__ import annotations

import csv
import itertools
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from v2m_bridge.errors import InputError
from v2m_bridge.timing.tempo import Metre, MusicalPosition, TempoMap, TempoPoint

PROJECTS = ("advanced", "calibration", "edge")
SIGNIFICANT = 1e-9
"""Quarter notes; REAPER prints seconds with 13 digits and tempi with 10 decimals."""
BEZIER = "5"


def table(folder: Path, name: str) -> list[dict[str, str]]:
    with (folder / f"{name}.tsv").open(encoding="utf-8") as file:
        return list(csv.DictReader(file, delimiter="\t"))


def reaper_map(folder: Path, project: str) -> tuple[TempoMap, list[dict[str, str]]]:
    """The project's tempo map from the points as REAPER reports them, and those rows."""
    rows = [row for row in table(folder, f"tempo_{project}_oracle_full") if row["TYPE"] == "TEMPO"]
    points = [
        TempoPoint(float(row["TIME"]), float(row["QN"]), float(row["BPM"]), row["LINEAR"] == "true") for row in rows
    ]
    metres = [Metre(0.0, 4, 4)]
    for row in rows[1:]:
        if int(row["TS_NUM"]) > 0:
            metres.append(Metre(round(float(row["QN"]) * 64) / 64, int(row["TS_NUM"]), int(row["TS_DEN"])))
    return TempoMap(points, metres), rows


def has_bezier(rows: list[dict[str, str]], quarter: float) -> bool:
    """Whether the tempo at ``quarter`` or right before it follows a curve that we do not write (and cannot read)."""
    near = (quarter - SIGNIFICANT, quarter + SIGNIFICANT)
    return any([row["PT_SHAPE"] for row in rows if float(row["QN"]) <= max(0.0, at)][-1] == BEZIER for at in near)


@pytest.mark.parametrize("project", PROJECTS)
def test_seconds_agree_with_reaper(shared_data: Path, project: str) -> None:
    folder = shared_data / "rpp" / "oracle"
    tempo_map, rows = reaper_map(folder, project)
    # the table of points carries 12 decimals; inside a segment nothing worse may happen
    compared = 0
    for row in table(folder, f"tempo_{project}_qn_to_time"):
        quarter, seconds = float(row["QN"]), float(row["TIME"])
        if not has_bezier(rows, quarter):
            assert tempo_map.beat_at(seconds) == pytest.approx(quarter, abs=SIGNIFICANT)
            assert tempo_map.seconds_at(quarter) == pytest.approx(seconds, abs=SIGNIFICANT)
            compared += 1
    assert compared > 50


def test_a_map_built_from_seconds_alone_agrees_with_reaper(shared_data: Path) -> None:
    """Beats accumulated over ramps by ourselves, up to the first curve of the project."""
    folder = shared_data / "rpp" / "oracle"
    _, rows = reaper_map(folder, "calibration")
    plain = list(itertools.takewhile(lambda row: row["PT_SHAPE"] != BEZIER, rows))
    tempo_map = TempoMap.from_seconds([(float(r["TIME"]), float(r["BPM"]), r["LINEAR"] == "true") for r in plain])
    last = float(rows[len(plain)]["QN"])
    compared = 0
    for row in table(folder, "tempo_calibration_qn_to_time"):
        if float(row["QN"]) < last:
            assert tempo_map.beat_at(float(row["TIME"])) == pytest.approx(float(row["QN"]), abs=SIGNIFICANT)
            compared += 1
    assert compared > 200


@pytest.mark.parametrize("project", PROJECTS)
def test_bars_and_beats_agree_with_reapers_ruler(shared_data: Path, project: str) -> None:
    folder = shared_data / "rpp" / "oracle"
    tempo_map, _ = reaper_map(folder, project)
    for row in table(folder, f"tempo_{project}_qn_to_time"):
        bar, beat, hundredths = (int(part) for part in row["RULER_MBS"].split("."))
        position = tempo_map.position_at(float(row["QN"]))
        assert (position.bar, position.beat) == (bar, beat)
        beat_ticks = 4 * 960 / [m for m in tempo_map.metres if m.beat <= float(row["QN"]) + 1e-9][-1].denominator
        assert abs(position.tick / beat_ticks * 100 - hundredths) <= 1


bpms = st.floats(20, 400)
spans = st.floats(0.01, 60)


@given(st.lists(st.tuples(spans, bpms, st.booleans()), min_size=1, max_size=12), st.floats(-5, 400))
def test_seconds_and_beats_are_inverse(segments: list[tuple[float, float, bool]], seconds: float) -> None:
    starts = itertools.accumulate((span for span, _, _ in segments[:-1]), initial=0.0)
    tempo_map = TempoMap.from_seconds(
        [(start, bpm, linear) for start, (_, bpm, linear) in zip(starts, segments, strict=True)]
    )
    beat = tempo_map.beat_at(seconds)
    assert tempo_map.seconds_at(beat) == pytest.approx(seconds, abs=1e-9)
    assert tempo_map.beat_at(tempo_map.seconds_at(beat)) == pytest.approx(beat, abs=1e-8)


metre_lists = st.lists(
    st.tuples(st.integers(1, 5), st.integers(1, 15), st.sampled_from([1, 2, 4, 8, 16])), min_size=1, max_size=6
)


@given(metre_lists, st.integers(0, 200_000))
def test_positions_are_inverse_to_the_tick(metres: list[tuple[int, int, int]], tick: int) -> None:
    beat, built = 0.0, []
    for bars, numerator, denominator in metres:
        built.append(Metre(beat, numerator, denominator))
        beat += bars * numerator * 4 / denominator
    tempo_map = TempoMap([TempoPoint(0.0, 0.0, 100.0)], built)
    position = tempo_map.position_at(tick / 960)
    assert tempo_map.beat_of(position) * 960 == pytest.approx(tick, abs=1e-6)
    bars = [bar for bar in tempo_map.bars(tick / 960 + 1) if bar.start_beat <= tick / 960 + 1e-9]
    assert position.bar == bars[-1].number


def test_positions_as_a_musician_reads_them() -> None:
    tempo_map = TempoMap([TempoPoint(0.0, 0.0, 120.0)], [Metre(0.0, 4, 4), Metre(8.0, 7, 8), Metre(15.0, 3, 4)])
    assert str(tempo_map.position_at(0)) == "1|1|000"
    assert str(tempo_map.position_at(7.5)) == "2|4|480"
    assert str(tempo_map.position_at(11.0)) == "3|7|000"
    assert str(tempo_map.position_at(11.5)) == "4|1|000"
    assert str(tempo_map.position_at(16.25)) == "5|2|240"
    assert tempo_map.beat_of(MusicalPosition(4, 7, 240)) == 14.75
    with pytest.raises(InputError):
        tempo_map.beat_of(MusicalPosition(5, 4, 0))


def test_a_metre_inside_a_bar_is_refused() -> None:
    with pytest.raises(InputError, match="bar line"):
        TempoMap([TempoPoint(0.0, 0.0, 120.0)], [Metre(0.0, 4, 4), Metre(6.0, 3, 4)])
