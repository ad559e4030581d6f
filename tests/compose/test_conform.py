"""A new cut keeps the music of the old one: what stays, what moves, what is written anew."""

from __future__ import annotations

import itertools
import json
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import pytest

from v2m_bridge.cli.main import main
from v2m_bridge.compose.conform.bridges import bars_of
from v2m_bridge.compose.conform.conform import Heal
from v2m_bridge.compose.conform.document import ConformDocument
from v2m_bridge.compose.engine import Engine
from v2m_bridge.compose.pipeline import compose
from v2m_bridge.compose.rescore import Rescored, merged_options, rescore, write_rescored
from v2m_bridge.compose.write_files import write_files
from v2m_bridge.options import ScoreOptions
from v2m_bridge.score.model import Score
from v2m_bridge.sync.document import tempo_map_from_document
from v2m_bridge.sync.model import Lands
from v2m_bridge.timing.tempo import Bar
from v2m_bridge.timing.timecode import format_timecode

LENGTHS = (61, 83, 47, 120, 96, 71, 54, 133, 88, 62, 77, 105, 49, 92, 68, 114, 57, 81, 99, 73)
RATE = Fraction(24)
OPTIONS = ScoreOptions(candidates=1)
TABLES = ("cuesheet.csv", "hits.csv", "chords.csv", "seconds.csv")
FILES = ("score.json", "score.mid", "score.rpp", "score.v2m", "cuesheet.html", *TABLES)


@dataclass(frozen=True)
class Event:
    """A shot of an EDL; ``source`` and ``length`` in frames."""

    name: str
    source: int
    length: int


FILM = tuple(Event(f"SH{n:03d}", 100, length) for n, length in enumerate(LENGTHS, start=1))


def write_edl(path: Path, events: tuple[Event, ...], musts: tuple[int, ...] = ()) -> Path:
    """A CMX 3600 list at 24 frames a second, with must-hit markers at frames of the film."""
    lines, frame = [f"TITLE: {path.stem}", "FCM: NON-DROP FRAME"], 86400
    for number, event in enumerate(events, start=1):
        times = (event.source, event.source + event.length, frame, frame + event.length)
        codes = " ".join(format_timecode(t, RATE) for t in times)
        lines += [f"{number:03d}  AX       V     C        {codes}", f"* FROM CLIP NAME: {event.name}"]
        here = [m for m in musts if frame <= 86400 + m < frame + event.length]
        lines += [f"* LOC: {format_timecode(86400 + m, RATE)} RED     HIT" for m in here]
        frame += event.length
    path.write_text("\n".join(lines) + "\n")
    return path


TRIMMED = (*FILM[:9], Event("SH010", 100, 48), *FILM[10:])
LONGER = (*FILM[:9], Event("NEW1", 0, 90), Event("NEW2", 0, 75), *FILM[9:])


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine()


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory, engine: Engine) -> Path:
    """Folder of the score of the first cut."""
    folder = tmp_path_factory.mktemp("first")
    options = ScoreOptions(candidates=1, rate="24")
    write_files(compose(write_edl(folder / "film.edl", FILM), options, engine), folder / "score")
    return folder


def conformed(first: Path, engine: Engine, events: tuple[Event, ...], heal: Heal = Heal.ALL) -> Rescored:
    return rescore(write_edl(first / "new.edl", events), first / "score", ScoreOptions(), engine, heal)


@pytest.fixture(scope="module")
def trimmed(first: Path, engine: Engine) -> Rescored:
    return conformed(first, engine, TRIMMED)


def old_score(first: Path) -> Score:
    return Score.model_validate_json((first / "score" / "score.json").read_bytes())


def bars(score: Score) -> list[Bar]:
    return list(tempo_map_from_document(score.fit).bars(score.fit.end_beat))


def content(score: Score, bar: Bar) -> tuple[object, ...]:
    """What a bar holds, counted from its start: notes, chords, and how long it lasts."""
    a, b = bar.start_beat, bar.start_beat + bar.length_beats
    tempo = tempo_map_from_document(score.fit)
    notes = sorted(
        (part.role, round(n[0] - a, 6), round(n[1], 6), n[2], n[3])
        for part in score.parts
        for n in part.notes
        if a - 1e-6 <= n[0] < b - 1e-6
    )
    chords = [
        (c.label, round(max(c.start_beat, a) - a, 6), round(min(c.end_beat, b) - a, 6))
        for c in score.chords
        if c.start_beat < b - 1e-6 and c.end_beat > a + 1e-6
    ]
    return notes, chords, round(tempo.seconds_at(b) - tempo.seconds_at(a), 6), bar.length_beats


def report(found: Rescored) -> ConformDocument:
    assert found.report is not None
    return found.report


def test_bars_outside_the_change_are_what_they_were(first: Path, trimmed: Rescored) -> None:
    old, new = old_score(first), trimmed.score
    old_bars, new_bars = bars(old), bars(new)
    pairs = [
        (old_bars[k.old_bars[0] - 1 + n], new_bars[k.new_bars[0] - 1 + n])
        for k in report(trimmed).kept
        for n in range(k.old_bars[1] - k.old_bars[0] + 1)
    ]
    same = [content(old, a) == content(new, b) for a, b in pairs]
    assert len(pairs) >= 0.6 * len(old_bars)
    assert sum(same) >= 0.95 * len(same)


def test_what_comes_after_a_trim_moves_by_the_trim(trimmed: Rescored) -> None:
    before, after = report(trimmed).kept
    assert (before.moved_s, before.moved_beats) == (0, 0)
    assert after.moved_s == pytest.approx(-14 / 24, abs=1e-9)
    assert after.moved_beats == round(after.moved_beats)


def test_unmoved_notes_are_the_same_to_the_last_digit(first: Path, trimmed: Rescored) -> None:
    old, new = old_score(first), trimmed.score
    last = bars(old)[report(trimmed).kept[0].old_bars[1] - 1]
    end = last.start_beat + last.length_beats
    for was, now in zip(old.parts, new.parts, strict=True):
        whole = [n for n in was.notes if n[0] + n[1] <= end]
        assert set(whole) <= set(now.notes)
        starts = [(n[0], n[2], n[3]) for n in was.notes if n[0] < end - 1e-6]
        assert [(n[0], n[2], n[3]) for n in now.notes if n[0] < end - 1e-6] == starts
        assert [c for c in was.controls if c[0] < end] == [c for c in now.controls if c[0] < end]


def test_hits_land_no_worse_than_in_a_fresh_fit(first: Path, trimmed: Rescored, engine: Engine) -> None:
    options = ScoreOptions(candidates=1, rate="24")
    fresh = compose(write_edl(first / "fresh.edl", TRIMMED), options, engine)
    assert trimmed.score.fit.summary.landed_share >= fresh.fit.summary.landed_share - 0.02
    assert report(trimmed).hits_landed_now == round(
        trimmed.score.fit.summary.landed_share * trimmed.score.fit.summary.hits
    )


def test_chords_leave_no_hole_and_do_not_overlap(trimmed: Rescored) -> None:
    chords = trimmed.score.chords
    assert chords[0].start_beat == 0
    assert all(a.end_beat == pytest.approx(b.start_beat, abs=1e-9) for a, b in itertools.pairwise(chords))
    assert chords[-1].end_beat == pytest.approx(trimmed.score.fit.end_beat, abs=1e-6)


def test_the_same_cut_gives_the_same_bytes(first: Path, engine: Engine, tmp_path: Path) -> None:
    same = rescore(first / "film.edl", first / "score", ScoreOptions(), engine)
    write_rescored(same, tmp_path / "same")
    for name in FILES:
        assert (tmp_path / "same" / name).read_bytes() == (first / "score" / name).read_bytes(), name
    assert report(same).rewritten == ()


def test_a_cut_that_comes_back_gets_its_music_back(
    first: Path, trimmed: Rescored, engine: Engine, tmp_path: Path
) -> None:
    write_rescored(trimmed, tmp_path / "second")
    again = rescore(first / "film.edl", tmp_path / "second", ScoreOptions(), engine)
    write_rescored(again, tmp_path / "third")
    for name in FILES:
        assert (tmp_path / "third" / name).read_bytes() == (first / "score" / name).read_bytes(), name


def test_new_picture_is_composed_and_the_report_says_so(first: Path, engine: Engine) -> None:
    found = conformed(first, engine, LONGER)
    (written,) = report(found).rewritten
    assert written.new_picture_frames == 165
    a, b = bars(found.score)[written.new_bars[0] - 1], bars(found.score)[written.new_bars[1] - 1]
    inside = [n for p in found.score.parts for n in p.notes if a.start_beat <= n[0] < b.start_beat]
    assert inside
    assert report(found).kept_bars + report(found).moved_bars + report(found).rewritten_bars == report(found).bars


def test_healing_can_leave_what_is_missing_empty(first: Path, engine: Engine) -> None:
    for heal, events, silent in (
        (Heal.NONE, TRIMMED, True),
        (Heal.GAPS, TRIMMED, False),
        (Heal.GAPS, LONGER, True),
    ):
        found = conformed(first, engine, events, heal)
        (written,) = report(found).rewritten
        assert written.silent is silent
        lines = bars(found.score)
        a = lines[written.new_bars[0] - 1].start_beat
        last = lines[written.new_bars[1] - 1]
        inside = [
            n
            for p in found.score.parts
            for n in p.notes
            if a - 1e-6 <= n[0] < last.start_beat + last.length_beats - 1e-6
        ]
        assert (not inside) is silent


def test_must_hits_hold(tmp_path: Path, engine: Engine) -> None:
    starts = list(itertools.accumulate(LENGTHS, initial=0))
    musts = (starts[4], starts[9], starts[15])
    options = ScoreOptions(candidates=1, rate="24")
    write_files(compose(write_edl(tmp_path / "a.edl", FILM, musts), options, engine), tmp_path / "a")
    moved = tuple(m if m <= starts[9] else m - 14 for m in musts)
    found = rescore(write_edl(tmp_path / "b.edl", TRIMMED, moved), tmp_path / "a", ScoreOptions(), engine)
    landings = [h for h in found.score.fit.hits if h.must]
    assert [h.frame for h in landings] == list(moved)
    assert [h.lands for h in landings] == [Lands.DOWNBEAT] * 3


def test_options_that_are_not_given_are_the_old_ones() -> None:
    old = ScoreOptions(key="A minor", seed=3, tempo=96)
    assert merged_options(old, ScoreOptions(seed=7)) == ScoreOptions(key="A minor", seed=7, tempo=96)


@pytest.mark.parametrize(("beats", "bars"), [(8, (4, 4)), (9, (4, 5)), (10, (4, 4, 2)), (7, (4, 3)), (2, (2,))])
def test_time_that_is_lost_becomes_whole_bars_and_at_most_one_odd_one(beats: int, bars: tuple[int, ...]) -> None:
    assert bars_of(beats) == bars


def test_the_command_keeps_and_reports(first: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    edit = write_edl(tmp_path / "new.edl", TRIMMED)
    with pytest.raises(SystemExit) as done:
        main(["score", str(edit), "--keep", str(first / "score"), "--out", str(tmp_path / "out"), "--json"])
    assert done.value.code == 0
    assert json.loads(capsys.readouterr().out)["schema"] == "v2m.score/1"
    found = json.loads((tmp_path / "out" / "conform.json").read_text())
    assert found["schema"] == "v2m.conform/1"
    assert found["changes"]["segments"][1] == {
        "old_start": sum(LENGTHS[:10]),
        "old_end": sum(LENGTHS),
        "new_start": sum(LENGTHS[:10]) - 14,
        "new_end": sum(LENGTHS) - 14,
    }


def test_healing_without_a_score_to_keep_is_refused(
    first: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as done:
        main(["score", str(first / "film.edl"), "--out", str(tmp_path / "out"), "--heal", "none"])
    assert done.value.code == 2
    assert "--keep" in capsys.readouterr().err


def test_phrases_keep_their_letters_and_cover_every_bar(first: Path, trimmed: Rescored) -> None:
    old, new = old_score(first).form, trimmed.score.form
    assert [p.letter for p in new] == [p.letter for p in old]
    starts = [p.start_bar for p in new]
    assert starts == list(itertools.accumulate((p.bars for p in new[:-1]), initial=1))
    assert starts[-1] + new[-1].bars - 1 == report(trimmed).bars
