"""The model of REAPER itself: strict where a slip of the pen would pass unseen, and true to REAPER's own tables."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from v2m_bridge.testing.reaper.host import FUNCTIONS, Host, ReaperError
from v2m_bridge.testing.reaper.lua import Reaper
from v2m_bridge.testing.reaper.project import BEATS, Project, Source
from v2m_bridge.testing.reaper.signatures import TABLE, signatures, table_from_published
from v2m_bridge.testing.reaper.tempo import Point, TempoTrack

VERSIONS = ["6.80/win64", "7.0/macOS-arm64", "7.79/linux-x86_64"]


def run(tmp_path: Path, code: str, host: Host | None = None) -> Reaper:
    script = tmp_path / "script.lua"
    script.write_text(code, encoding="utf-8")
    reaper = Reaper(host or Host())
    reaper.run(script)
    return reaper


def test_the_table_knows_every_published_function(shared_data: Path) -> None:
    published = shared_data.parent / "reference" / "reascript_signatures.json"
    if not published.is_file():
        pytest.skip("no published list of functions")
    document = json.loads(published.read_text(encoding="utf-8"))
    assert TABLE.read_text(encoding="utf-8") == table_from_published(document)
    methods = {name for name in document if "{reaper.array}" in name}  # methods of an object, not functions
    assert set(document) - set(signatures()) == methods


def test_everything_modelled_is_in_the_table() -> None:
    assert set(FUNCTIONS) - set(signatures()) == set()


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("reaper.InsertTrackAtIdx(0, false)", "does not exist"),
        ("reaper.InsertTrackAtIndex(0)", "takes 2 arguments, not 1"),
        ("reaper.InsertTrackAtIndex(0, false, 1)", "takes 2 arguments, not 3"),
        ("reaper.InsertTrackAtIndex('0', false)", "not a integer"),
        ("reaper.InsertTrackAtIndex(0.5, false)", "not a integer"),
        ("reaper.InsertTrackAtIndex(0, 0)", "not a boolean"),
        ("reaper.CountTrackMediaItems(nil)", "not a MediaTrack"),
        ("reaper.GetActiveTake(reaper.GetMasterTrack(0))", "not a MediaItem"),
        ("reaper.CountTracks('project')", "no project"),
        ("reaper.SetMediaTrackInfo_Value(reaper.GetMasterTrack(0), 'I_COLOUR', 1)", "no value is called"),
        ("reaper.GetSetProjectInfo(0, 'PROJECT_TIMEBASE', 0, true)", "cannot be set"),
        ("reaper.SetExtState('v2m', 'x', 'a\\nb', true)", "newlines"),
        ("reaper.BR_GetMediaItemGUID(nil)", "nil value"),
        ("reaper.TrackFX_AddByName(reaper.GetMasterTrack(0), 'ReaEQ', false, 1)", "does not have it"),
        ("reaper.Undo_BeginBlock2(0)", "undo block is still open"),
        ("reaper.PreventUIRefresh(1)", "screen is still locked"),
        ("reaper.ShowMessageBox('?', 'x', 0)", "waits for ever"),
        ("reaper.SetTempoTimeSigMarker(0, -1, 1, 1, 1, 120, 0, 0, false)", "by time or by measure"),
        ("reaper.SetTempoTimeSigMarker(0, -1, 1, -1, -1, 120, 4, 0, false)", "both above 0"),
        ("reaper.mine = 1", "not for scripts to set"),
    ],
)
def test_mistakes_are_errors(tmp_path: Path, version: str, code: str, message: str) -> None:
    with pytest.raises(ReaperError, match=message):
        run(tmp_path, code, Host(version=version))


def test_newer_functions_are_nil_in_older_versions(tmp_path: Path) -> None:
    code = "assert((reaper.AddRegionOrMarker ~= nil) == %s) assert((reaper.InsertTrackInProject ~= nil) == %s)"
    run(tmp_path, code % ("false", "false"), Host(version="7.0/x"))
    run(tmp_path, code % ("false", "true"), Host(version="7.50/x"))
    run(tmp_path, code % ("true", "true"), Host(version="7.79/x"))


def test_pointers_die_with_undo_and_deletion(tmp_path: Path) -> None:
    undone = """
        reaper.Undo_BeginBlock2(0)
        reaper.InsertTrackAtIndex(0, false)
        local track = reaper.GetTrack(0, 0)
        reaper.Undo_EndBlock2(0, "x", -1)
        reaper.Undo_DoUndo2(0)
        reaper.CountTrackMediaItems(track)
    """
    with pytest.raises(ReaperError, match="does not exist any more"):
        run(tmp_path, undone)


def test_unsorted_midi_cannot_be_read(tmp_path: Path) -> None:
    code = """
        reaper.InsertTrackAtIndex(0, false)
        local item = reaper.CreateNewMIDIItemInProj(reaper.GetTrack(0, 0), 0, 4, true)
        local take = reaper.GetActiveTake(item)
        reaper.MIDI_InsertNote(take, false, false, 480, 960, 0, 60, 90, true)
        reaper.MIDI_InsertNote(take, false, false, 0, 480, 0, 64, 90, true)
        %s
        local _, _, _, start, last, _, pitch = reaper.MIDI_GetNote(take, 0)
        assert(start == 0 and last == 480 and pitch == 64)
        local _, notes, controls = reaper.MIDI_CountEvts(take)
        assert(notes == 2 and controls == 0)
    """
    run(tmp_path, code % "reaper.MIDI_Sort(take)")
    with pytest.raises(ReaperError, match="without MIDI_Sort"):
        run(tmp_path, code % "")


def test_a_lane_number_with_a_decimal_point_is_not_understood(tmp_path: Path) -> None:
    code = """
        reaper.GetSetProjectInfo_String(0, "RULER_LANE_NAME:0", "first", true)
        local good, name = reaper.GetSetProjectInfo_String(0, "RULER_LANE_NAME:" .. 0.0, "", false)
        assert(not good and name == "")
        good, name = reaper.GetSetProjectInfo_String(0, "RULER_LANE_NAME:0", "", false)
        assert(good and name == "first")
    """
    run(tmp_path, code)


def test_the_timebase_trap_moves_and_re_rates_video() -> None:
    project = Project(timebase=BEATS)
    item = project.add_item(project.add_track(), 10.0, 20.0, Source("VIDEO", "film.mov", 60.0))
    project.add_marker(10.0, "here")
    project.add_tempo_point(Point(0.0, 60.0))
    assert item.take
    assert (item.position, item.length, item.take.values["D_PLAYRATE"]) == pytest.approx((20.0, 40.0, 0.5))
    assert project.state.markers[0].position == pytest.approx(20.0)


@pytest.mark.parametrize("beats", [False, True])
def test_later_points_keep_their_seconds_or_their_beats(beats: bool) -> None:
    project = Project(tempo_timebase=int(beats))
    for time, bpm in ((0.0, 120.0), (10.0, 100.0), (20.0, 80.0)):
        project.add_tempo_point(Point(time, bpm))
    qns = [project.state.tempo.qn(p.time) for p in project.state.tempo.points]
    project.add_tempo_point(Point(5.0, 60.0))
    times = [p.time for p in project.state.tempo.points]
    if beats:
        assert times == pytest.approx([0.0, 5.0, 15.0, 25.0])
        assert [project.state.tempo.qn(times[i]) for i in (0, 2, 3)] == pytest.approx(qns)
    else:
        assert times == [0.0, 5.0, 10.0, 20.0]


def test_a_signature_off_the_bar_line_is_moved_onto_it() -> None:
    tempo = TempoTrack()
    tempo.set_point(-1, Point(0.0, 120.0, 4, 4), False)
    tempo.set_point(-1, Point(4.4, 120.0, 3, 4), False)
    assert [p.time for p in tempo.points] == pytest.approx([0.0, 4.0])


@pytest.mark.parametrize("name", ["tempo_advanced", "tempo_calibration", "tempo_edge"])
def test_quarter_notes_agree_with_tables_that_reaper_exported(shared_data: Path, name: str) -> None:
    oracle = shared_data / "rpp" / "oracle"
    with (oracle / f"{name}_oracle_full.tsv").open() as file:
        rows = [r for r in csv.DictReader(file, delimiter="\t") if r["TYPE"] == "TEMPO"]
    curved = next((i for i, r in enumerate(rows) if r["PT_SHAPE"] == "5"), len(rows))
    tempo = TempoTrack()
    for row in rows[:curved]:
        numerator, denominator = max(0, int(row["TS_NUM"])), max(0, int(row["TS_DEN"]))
        tempo.set_point(
            -1, Point(float(row["TIME"]), float(row["BPM"]), numerator, denominator, row["LINEAR"] == "true"), False
        )
    assert len(tempo.points) == curved > 3
    for row in rows[:curved]:
        qn = tempo.qn(float(row["TIME"]))
        assert qn == pytest.approx(float(row["QN"]), abs=1e-6)
        measure, quarters = tempo.measure_at(qn)
        start, end, numerator, denominator = tempo.measure_span(int(row["MEASUREPOS"]))
        wanted = start + float(row["BEATPOS"]) * 4 / denominator
        assert wanted == pytest.approx(qn, abs=1e-6)
        assert tempo.measure_span(measure)[0] + quarters == pytest.approx(qn, abs=1e-9)
        assert end > start
        assert numerator > 0
    with (oracle / f"{name}_qn_to_time.tsv").open() as file:
        table = [(float(r["QN"]), float(r["TIME"])) for r in csv.DictReader(file, delimiter="\t")]
    last = tempo.points[-1].time
    checked = [(qn, time) for qn, time in table if time < last]
    assert len(checked) > 20
    for qn, time in checked:
        assert tempo.time(qn) == pytest.approx(time, abs=1e-6)
        assert tempo.qn(time) == pytest.approx(qn, abs=1e-6)
