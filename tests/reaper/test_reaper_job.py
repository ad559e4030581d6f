"""The job file: what is written is read back, and nothing damaged is read at all."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from reaper_scores import make_score, make_tempo

from v2m_bridge.errors import HostError, InputError
from v2m_bridge.reaper.read_job import parse_job, read_job
from v2m_bridge.reaper.session import plan_session
from v2m_bridge.reaper.write_job import job_text, post_job, write_job

RATES = [("24000/1001", 86400, False), ("30000/1001", 107892, True), ("25", 90000, False), ("60", 0, False)]


@pytest.mark.parametrize(("rate", "start_frame", "drop_frame"), RATES)
def test_the_job_holds_the_whole_session(tmp_path: Path, rate: str, start_frame: int, drop_frame: bool) -> None:
    score = make_score(rate=rate, start_frame=start_frame, drop_frame=drop_frame, media="/films/reel 1.mov")
    path = write_job(score, tmp_path / "cue.v2m")
    assert read_job(path) == plan_session(score)
    assert [p.name for p in tmp_path.iterdir()] == ["cue.v2m"]


def test_equal_scores_give_equal_files_and_other_scores_other_names(tmp_path: Path) -> None:
    first = post_job(make_score(), tmp_path)
    text = first.read_bytes()
    assert post_job(make_score(), tmp_path) == first
    assert first.read_bytes() == text
    other = post_job(make_score(seed=1), tmp_path)
    assert other != first
    assert (tmp_path / "newest").read_text() == f"3\t{other.name}\n"


def test_notes_and_tempo_stand_one_a_line_as_numbers(tmp_path: Path) -> None:
    score = make_score()
    lines = write_job(score, tmp_path / "cue.v2m").read_text(encoding="utf-8").splitlines()
    notes = sum(len(p.notes) for p in score.parts)
    assert sum(line.startswith("note\t") for line in lines) == notes == 120
    assert lines[0] == "v2m-job\t1"
    assert lines[-1] == f"end\t{len(lines) - 1}"
    assert next(line for line in lines if "slams" in line).endswith("HIT: door\\tslams")
    first, second = [line.split("\t") for line in lines if line.startswith("tempo")][:2]
    assert first[1:3] == ["0.0", "0.0"]
    assert first[4:] == ["4", "4", "0"]
    assert second[4:] == ["0", "0", "0"]  # the metre goes on


JOB = job_text(plan_session(make_score(bars=4, notes=12)))


@given(st.integers(0, len(JOB) - 1))
def test_a_job_cut_anywhere_is_refused(length: int) -> None:
    with pytest.raises(InputError):
        parse_job(JOB[:length])


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("v2m-job\t1", "v2m-job\t2", "version 2"),
        ("v2m-job", "v3m-job", "not a v2m job"),
        ("\nnote\t", "\nnoet\t", "unknown record"),
        ("\nregion\t0.0", "\nregion\tnan", "not a number"),
        ("\nregion\t0.0", "\nregion\t0.0\t0.0", "fields instead of"),
        ("\nrate\t24", "\nrate\t24.0", "not a whole number"),
        ("tempo\t0.0\t0.0", "tempo\t0x10\t0.0", "not a number"),
        ("\tchords\t6E8BA0", "\tpoems\t6E8BA0", "unknown kind"),
        ("\tCHORDS", "\tCHO\\xRDS", "unknown escape"),
    ],
)
def test_damage_is_named(old: str, new: str, message: str) -> None:
    assert old in JOB
    with pytest.raises(InputError, match=message):
        parse_job(JOB.replace(old, new, 1))


def test_records_out_of_place_are_refused() -> None:
    lines = JOB.splitlines()
    note = next(i for i, line in enumerate(lines) if line.startswith("note\t"))
    tempo = next(i for i, line in enumerate(lines) if line.startswith("tempo\t"))
    moved = [*lines[:tempo], lines[note], *lines[tempo:note], *lines[note + 1 :]]
    with pytest.raises(InputError, match="outside its item"):
        parse_job("\n".join(moved) + "\n")
    late = [*lines[:tempo], *lines[tempo + 1 : -1], lines[tempo], lines[-1]]
    with pytest.raises(InputError, match="wrong place"):
        parse_job("\n".join(late) + "\n")


def test_a_tempo_map_that_contradicts_itself_is_refused() -> None:
    rows = make_tempo(6)
    broken = (*rows[:3], rows[3].model_copy(update={"beat": rows[3].beat + 0.5}), *rows[4:])
    with pytest.raises(HostError, match="lead to"):
        plan_session(make_score().model_copy(update={"fit": make_score().fit.model_copy(update={"tempo": broken})}))


def test_rounded_tempi_do_not_let_the_beats_drift() -> None:
    score = make_score(bars=200)
    rounded = tuple(row.model_copy(update={"bpm": round(row.bpm, 2)}) for row in score.fit.tempo)
    session = plan_session(score.model_copy(update={"fit": score.fit.model_copy(update={"tempo": rounded})}))
    assert session.tempo[50].bpm == pytest.approx(score.fit.tempo[50].bpm, abs=1e-9)


def test_shots_that_run_on_in_one_file_are_one_picture_item() -> None:
    session = plan_session(make_score(media="/films/reel.mov"))
    (track,) = [t for t in session.tracks if t.key == "video"]
    (item,) = track.videos
    assert (item.start_s, item.source_start_s) == (0, 0)
    assert item.length_s == pytest.approx(session.duration_s, abs=1e-9)
