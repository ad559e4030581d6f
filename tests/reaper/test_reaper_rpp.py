"""The project file, read back by an independent parser; its tempo by the formula REAPER's own tables confirm."""

from __future__ import annotations

import base64
import csv
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
import rpp
from reaper_scores import make_score, make_tempo

from v2m_bridge.reaper.item_sections import section_edges
from v2m_bridge.reaper.write_rpp import quoted, write_rpp
from v2m_bridge.score.model import PreviewDocument, Score
from v2m_bridge.score.performance import played_parts
from v2m_bridge.timing.tempo import TempoMap


def parsed(score: Score, folder: Path) -> Any:
    write_rpp(score, folder / "score.rpp")
    return rpp.loads((folder / "score.rpp").read_text(encoding="utf-8"))


def quarters(points: list[list[str]], seconds: float) -> float:
    """Quarter notes at ``seconds`` of envelope points ``[PT, t, bpm, shape, ...]``: BPM linear in time or held."""
    total = 0.0
    for index, point in enumerate(points):
        start, bpm, shape = float(point[1]), float(point[2]), int(point[3])
        if start >= seconds:
            break
        after = points[index + 1] if index + 1 < len(points) else None
        end = float(after[1]) if after else float("inf")
        last = bpm
        if shape == 0 and after:
            last = bpm + (float(after[2]) - bpm) * (min(seconds, end) - start) / (end - start)
        total += (min(seconds, end) - start) * (bpm + last) / 120
    return total


def points_of(project: Any) -> list[list[str]]:
    return [child for child in project.find("TEMPOENVEX") if isinstance(child, list) and child[0] == "PT"]


@pytest.mark.parametrize("name", ["tempo_advanced", "tempo_calibration"])
def test_the_formula_agrees_with_tables_that_reaper_exported(shared_data: Path, name: str) -> None:
    oracle = shared_data / "rpp" / "oracle"
    with (oracle / f"{name}_pt_raw.tsv").open() as file:
        points = [row["RAW"].split() for row in csv.DictReader(file, delimiter="\t")]
    if any(int(p[3]) == 5 for p in points):
        first = next(i for i, p in enumerate(points) if int(p[3]) == 5)
        points = points[:first]
    last_s = float(points[-1][1])
    with (oracle / f"{name}_qn_to_time.tsv").open() as file:
        rows = [(float(r["QN"]), float(r["TIME"])) for r in csv.DictReader(file, delimiter="\t")]
    rows = [row for row in rows if row[1] < last_s]
    assert len(rows) > 20
    ours = TempoMap.from_seconds([(float(p[1]), float(p[2]), int(p[3]) == 0) for p in points])
    for beat, seconds in rows:
        assert quarters(points, seconds) == pytest.approx(beat, abs=1e-6)
        assert ours.seconds_at(beat) == pytest.approx(seconds, abs=1e-6)


@pytest.mark.parametrize("bars", [12, 400])
@pytest.mark.parametrize(("rate", "start_frame"), [("24000/1001", 86400), ("25", 90000)])
def test_beats_of_the_envelope_are_those_of_the_score(tmp_path: Path, bars: int, rate: str, start_frame: int) -> None:
    score = make_score(bars, rate, start_frame=start_frame)
    points = points_of(parsed(score, tmp_path))
    assert len(points) == len(score.fit.tempo)
    for row in score.fit.tempo:
        slope = row.bpm / 60
        assert abs(quarters(points, row.seconds) - row.beat) / slope < 1e-6
    for chord in score.chords:
        assert quarters(points, chord.start_s) == pytest.approx(chord.start_beat, abs=1e-6)


def test_linear_ramps_keep_their_beats(tmp_path: Path) -> None:
    rows = list(make_tempo(4, metres=[(4, 4)]))
    ramp = TempoMap.from_seconds([(0.0, 90.0, True), (4.0, 120.0, True), (9.0, 80.0, False)])
    rows = [
        rows[0].model_copy(update={"seconds": p.seconds, "beat": p.beat, "bpm": p.bpm, "linear": p.linear})
        for p in ramp.points
    ]
    points = points_of(parsed(make_score(rows=tuple(rows)), tmp_path))
    assert [p[3] for p in points] == ["0", "0", "1"]
    for seconds in (0.5, 3.0, 6.5, 9.0, 11.0):
        assert quarters(points, seconds) == pytest.approx(ramp.beat_at(seconds), abs=1e-9)


def test_metres_are_set_where_they_change_and_only_there(tmp_path: Path) -> None:
    points = points_of(parsed(make_score(9), tmp_path))
    metres = {n: (int(p[4]) & 0xFFFF, int(p[4]) >> 16) for n, p in enumerate(points) if len(p) > 4}
    # one row more than bars from the second bar on, which has two tempi
    assert metres == {0: (4, 4), 3: (3, 4), 4: (5, 4), 5: (4, 4), 6: (2, 4), 7: (7, 8), 8: (4, 4)}


@pytest.mark.parametrize(
    ("rate", "start_frame", "drop_frame", "offset", "timemode"),
    [
        ("24000/1001", 86400, False, Fraction(18018, 5), ["24", "2"]),
        ("30000/1001", 107892, True, Fraction(107892 * 1001, 30000), ["30", "1"]),
        ("30000/1001", 108000, False, Fraction(108000 * 1001, 30000), ["30", "2"]),
        ("25", 90000, False, Fraction(3600), ["25", "0"]),
    ],
)
def test_the_ruler_shows_the_edits_timecode(
    tmp_path: Path, rate: str, start_frame: int, drop_frame: bool, offset: Fraction, timemode: list[str]
) -> None:
    project = parsed(make_score(rate=rate, start_frame=start_frame, drop_frame=drop_frame), tmp_path)
    lines = {child[0]: child[1:] for child in project if isinstance(child, list) and child[0] != "MARKER"}
    assert float(lines["PROJOFFS"][0]) == pytest.approx(float(offset), abs=1e-9)
    assert lines["TIMEMODE"][3:5] == timemode
    assert (lines["TIMELOCKMODE"], lines["TEMPOENVLOCKMODE"]) == (["0"], ["0"])


def test_markers_and_the_cue_region_are_on_their_frames(tmp_path: Path) -> None:
    score = make_score(rate="24000/1001")
    markers = [c for c in parsed(score, tmp_path) if isinstance(c, list) and c[0] == "MARKER"]
    cuts = {m[3]: float(m[2]) for m in markers if m[3].startswith(("cut ", "dissolve "))}
    assert len(cuts) == len(score.timeline.cuts)
    for number, cut in enumerate(score.timeline.cuts, 1):
        assert cuts[f"{cut.kind} {number}"] == pytest.approx(cut.frame * 1001 / 24000, abs=1e-9)
    begin, end = (m for m in markers if m[4] == "1")
    assert begin[3] == score.timeline.name
    assert float(end[2]) == pytest.approx(score.timeline.duration_frames * 1001 / 24000, abs=1e-9)


Events = tuple[list[tuple[float, float, int, int]], list[tuple[float, int, int]], list[tuple[float, str]]]


def midi_of(track: Any, points: list[list[str]]) -> Events:
    """Notes, controllers and texts in beats, off the events of all items."""
    notes, controls, texts = [], [], []
    for item in track.findall("ITEM"):
        if item.find("SOURCE") is None:
            continue
        position = next(float(c[1]) for c in item if isinstance(c, list) and c[0] == "POSITION")
        start = round(quarters(points, position) * 960)
        for target, found in zip((notes, controls, texts), events_of(item.find("SOURCE"), start), strict=True):
            target += found
    return sorted(notes), sorted(controls), sorted(texts)


def events_of(source: Any, tick: int) -> Events:
    """The events of one source, which begins at a tick of the project."""
    open_notes: dict[int, list[tuple[int, int]]] = {}
    notes, controls, texts = [], [], []
    for event in source:
        if isinstance(event, list) and event[0] == "E":
            tick += int(event[1])
            status, a, b = (int(x, 16) for x in event[2:5])
            if status & 0xF0 == 0x90:
                open_notes.setdefault(a, []).append((tick, b))
            elif status & 0xF0 == 0x80:
                start, velocity = open_notes[a].pop(0)
                notes.append((start / 960, (tick - start) / 960, a, velocity))
            elif status & 0xF0 == 0xB0 and a != 0x7B:
                controls.append((tick / 960, a, b))
        elif not isinstance(event, list) and event.tag == "X":
            tick += int(event.attrib[0])
            data = base64.b64decode(event.children[0])
            assert data[:2] == b"\xff\x06"
            texts.append((tick / 960, data[2:].decode()))
    assert not any(open_notes.values())
    return notes, controls, texts


def test_midi_items_hold_every_note_controller_and_chord_name(tmp_path: Path) -> None:
    score = make_score(notes=90)
    project = parsed(score, tmp_path)
    tracks = {next(c[1] for c in t if isinstance(c, list) and c[0] == "NAME"): t for t in project.findall("TRACK")}
    assert list(tracks) == ["CHORDS", "Chords", "Bass", "Strings"]
    for part in played_parts(score):
        notes, controls, texts = midi_of(tracks[part.name], points_of(project))
        # where notes of one pitch overlap, MIDI cannot tell whose end is whose: compare starts and the sum of lengths
        assert sorted((n[0], n[2], n[3]) for n in notes) == sorted((n[0], n[2], n[3]) for n in part.notes)
        assert sum(n[1] for n in notes) == pytest.approx(sum(n[1] for n in part.notes))
        # more of them only where an item begins or ends: what is in force there
        assert set(part.controls) <= set(controls)
        edges = {*section_edges(score), *(n[0] + n[1] for n in notes), score.fit.end_beat}
        assert all(any(abs(c[0] - e) < 1 / 900 for e in edges) for c in controls if c not in part.controls)
        assert len(texts) == (len(score.chords) if part.role == "chords" else 0)
    names = [item.find("NOTES").children[0] for item in tracks["CHORDS"].findall("ITEM")]
    assert names[:5] == ["|Am", "|F", "|Cmaj7", "|G#m7b5", "|A#"]


def test_the_picture_is_at_its_place(tmp_path: Path) -> None:
    project = parsed(make_score(media='/films/"reel" 1.mov'), tmp_path)
    source = project.find(".//SOURCE")
    assert source.attrib[0] == "VIDEO"
    assert source.children[0] == ["FILE", '/films/"reel" 1.mov']


def test_equal_scores_give_equal_bytes(tmp_path: Path) -> None:
    write_rpp(make_score(), tmp_path / "a.rpp")
    write_rpp(make_score(), tmp_path / "b.rpp")
    assert (tmp_path / "a.rpp").read_bytes() == (tmp_path / "b.rpp").read_bytes()


@pytest.mark.parametrize(
    ("text", "field"),
    [("a b", '"a b"'), ('a "b"', "'a \"b\"'"), ("a \"b\" 'c'", "`a \"b\" 'c'`"), ("\"'`\n", "`\"''`"), ("", '""')],
)
def test_quoting_is_reapers(text: str, field: str) -> None:
    assert quoted(text) == field


def test_the_parts_sound_and_the_preview_is_a_muted_alternative(tmp_path: Path) -> None:
    score = make_score()
    heard = PreviewDocument(
        engine="built-in", duration_s=30.5, sample_rate=48000, integrated_lufs=-20.0, peak_dbfs=-3.0
    )
    project = parsed(score.model_copy(update={"preview": heard}), tmp_path)
    tracks = {next(c[1] for c in t if isinstance(c, list) and c[0] == "NAME"): t for t in project.findall("TRACK")}
    synths = {name: t.find(".//VST") for name, t in tracks.items()}
    assert [name for name, synth in synths.items() if synth is not None] == ["Chords", "Bass", "Strings"]
    assert all(s.attrib[:2] == ["VSTi: ReaSynth (Cockos)", "reasynth.dll"] for s in synths.values() if s is not None)
    muted = {name: next(c[1] for c in t if isinstance(c, list) and c[0] == "MUTESOLO") for name, t in tracks.items()}
    assert muted == {"CHORDS": "0", "Chords": "0", "Bass": "0", "Strings": "0", "PREVIEW": "1"}
    source = tracks["PREVIEW"].find(".//SOURCE")
    assert (source.attrib, source.children) == (["WAVE"], [["FILE", "preview.wav"]])


def test_a_score_without_preview_has_no_track_for_it(tmp_path: Path) -> None:
    names = [next(c[1] for c in t if c[0] == "NAME") for t in parsed(make_score(), tmp_path).findall("TRACK")]
    assert names == ["CHORDS", "Chords", "Bass", "Strings"]


def test_what_is_ours_stands_in_ruler_lanes_that_keep_time(tmp_path: Path) -> None:
    lines = [c for c in parsed(make_score(), tmp_path) if isinstance(c, list)]
    lanes = {c[1]: (c[2], c[3], c[5]) for c in lines if c[0] == "RULERLANE"}
    assert {lane: timebase for lane, (_, _, timebase) in lanes.items()} == {"1": "-1", "2": "-1", "3": "0", "4": "0"}
    # what the user makes goes to lanes of his own
    assert (lanes["1"][0], lanes["2"][0]) == ("4", "8")
    markers = [c for c in lines if c[0] == "MARKER" and len(c) > 10]
    assert {c[10] for c in markers} == {"3"}
    assert all(c[0] != "MARKER" for c in lines[: lines.index(next(c for c in lines if c[0] == "RULERLANE"))])
