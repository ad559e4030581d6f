"""The inbox: half-written files, edits by hand, restarts, answers."""

from __future__ import annotations

import json
import os
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from held_files import Holders, holders, sharing_violation

from v2m_bridge.daemon.inbox.folder import ANSWER_LIFE_S, SETTLE_S, UNFINISHED_S, Inbox, display_name
from v2m_bridge.daemon.jobs.job import Job, JobError, QueueFull, State, StoreError, Summary
from v2m_bridge.edits.menu_request import request_of
from v2m_bridge.errors import DiskFull, FileHeld, InputError, V2MError
from v2m_bridge.options import ScoreOptions

__all__ = ["holders"]

NAME = "v2m1_6b49d200dee8dc7a_r23-2E976_d0_s86400_t5c1b_nMein-20Film_pF"
TEXT = '{"OTIO_SCHEMA": "Timeline.1"}'


def job_in(state: str, summary: Summary | None = None, error: JobError | None = None) -> Job:
    """A job that has come to ``state``."""
    options, origin = ScoreOptions(), "inbox"
    return Job("", 1, State(state), "edit", "/edit.otio", origin, options, 0.0, summary=summary, error=error)


def summary(**changes: Any) -> Summary:
    """What a finished score says of itself."""
    made = Summary(
        name="edit", key="C major", seed=0, checkpoint="none", duration_s=60.0, cuts=3, hits=4, landed=4,
        landed_share=1.0, min_bpm=95.9, max_bpm=96.2, chords=12,
    )  # fmt: skip
    return made.model_copy(update=changes)


class Desk:
    """An inbox with a clock of its own and a queue that does what it is told."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.inbox, self.outbox = folder / "inbox", folder / "outbox"
        self.inbox.mkdir()
        self.now_s = 1000.0
        self.jobs: dict[str, tuple[Path, ScoreOptions]] = {}
        self.states: dict[str, Job] = {}
        self.refuse: V2MError | None = None
        self.watcher = self.fresh()

    def fresh(self) -> Inbox:
        """As after a restart of the daemon."""
        return Inbox(self.inbox, self.outbox, self._submit, self.states.get, clock=lambda: self.now_s)

    def _submit(self, path: Path, options: ScoreOptions) -> str:
        if self.refuse:
            raise self.refuse
        job = f"job{len(self.jobs)}"
        self.jobs[job] = (path, options)
        self.states[job] = job_in("queued")
        return job

    def later(self, seconds: float = SETTLE_S) -> int:
        self.now_s += seconds
        return self.watcher.poll()

    def drop(self, name: str = "edit.otio", text: str = TEXT) -> Path:
        path = self.inbox / name
        path.write_text(text, encoding="utf-8")
        return path

    def names(self, folder: str = "") -> list[str]:
        place = self.inbox / folder
        return sorted(p.name for p in place.iterdir() if p.is_file() and p.name[0] != ".") if place.is_dir() else []


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def test_an_edit_by_hand_becomes_one_job_and_moves_aside_when_it_is_done(desk: Desk) -> None:
    path = desk.drop()
    assert desk.later() == 0  # seen for the first time
    assert desk.later() == 1
    assert desk.jobs == {"job0": (path, ScoreOptions())}
    assert desk.later(100) == 0
    assert desk.names() == ["edit.otio"]  # relative media paths keep their meaning while the job runs
    desk.states["job0"] = job_in("done", summary())
    desk.later()
    assert (desk.names(), desk.names("done")) == ([], ["edit.otio"])
    assert list(desk.outbox.iterdir()) == []  # nobody asked


def test_a_growing_file_is_waited_for(desk: Desk) -> None:
    path = desk.drop(text=TEXT[:10])
    for count in range(11, len(TEXT)):
        assert desk.later(0.3) == 0
        path.write_text(TEXT[:count])
        os.utime(path, ns=(count, count))
    assert desk.jobs == {}
    path.write_text(TEXT)
    assert desk.later() == 0
    assert desk.later() == 1


def test_a_file_that_stalls_before_its_last_brace_is_given_time_and_then_read(desk: Desk) -> None:
    desk.drop(text=TEXT[:-1])
    desk.later()
    assert desk.later(UNFINISHED_S - 1) == 0
    assert desk.later(1.5) == 1


def test_empty_hidden_and_foreign_files_are_left_alone(desk: Desk) -> None:
    for name in (".edit.otio", "~edit.otio", "edit.otio.tmp", "notes.txt"):
        desk.drop(name)
    (desk.inbox / "bundle.otio").mkdir()
    desk.later()
    assert desk.later(100) == 0
    assert len(desk.names()) == 3


def test_the_request_s_answers_can_be_read_by_both_scripts(desk: Desk) -> None:
    lupa = pytest.importorskip("lupa.luajit21")
    desk.drop(f"{NAME}_i24_o100.otio")
    desk.later()
    desk.later()
    assert desk.jobs["job0"][1] == ScoreOptions(first_frame=24, end_frame=101)
    lua = desk.outbox / "6b49d200dee8dc7a.lua"
    load = lupa.LuaRuntime().eval("function(path) return loadfile(path)() end")
    assert load(str(lua)).state == "queued"
    desk.states["job0"] = job_in("running")
    desk.later()
    assert load(str(lua)).title == "v2m: scoring"
    warning = 'the clip "Ärger\\1" is offline'
    desk.states["job0"] = job_in("done", summary(key="F# minor", hits=9, landed=8, warnings=(warning,)))
    desk.later()
    text = lua.read_text(encoding="ascii")
    answer = load(str(lua))
    assert (answer.state, answer.title, answer.key, answer.tempo) == (
        "done",
        "v2m: F# minor, 96 BPM",
        "F# minor",
        "96 BPM",
    )
    assert answer.text == f"The score is ready: 8 of 9 hits are on the beat. {warning}."
    assert answer.job == "job0"
    assert json.loads((desk.outbox / "6b49d200dee8dc7a.json").read_text()) == dict(answer)
    assert not [p for p in desk.outbox.iterdir() if p.suffix not in (".lua", ".json")]
    assert "\\195\\132rger\\0921" in text


@pytest.mark.parametrize(
    ("job", "words"),
    [
        (
            job_in("failed", error=JobError(code="bad_input", message="no picture", hint="enable a track")),
            "No picture. Enable a track.",
        ),
        (job_in("failed"), "Something went wrong."),
        (job_in("cancelled"), "The score was cancelled."),
        (None, "The score was removed before it was ready."),
    ],
)
def test_what_ends_without_a_score_is_said_and_moved_aside(desk: Desk, job: Job | None, words: str) -> None:
    desk.drop(f"{NAME}.otio")
    desk.later()
    desk.later()
    desk.states.pop("job0")
    if job:
        desk.states["job0"] = job
    desk.later()
    answer = json.loads((desk.outbox / "6b49d200dee8dc7a.json").read_text())
    assert answer["text"] == words
    assert desk.names("failed") == [f"{NAME}.otio", f"{NAME}.txt"]
    assert (desk.inbox / "failed" / f"{NAME}.txt").read_text() == words + "\n"


def test_a_refused_file_is_not_tried_again_but_a_full_queue_is(desk: Desk) -> None:
    desk.drop(f"{NAME}.otio")
    desk.refuse = QueueFull("256 scores wait already")
    desk.later()
    assert desk.later() == 0
    assert desk.names() == [f"{NAME}.otio"]
    desk.refuse = InputError("not an edit")
    assert desk.later() == 0
    assert desk.names("failed")[0] == f"{NAME}.otio"
    assert json.loads((desk.outbox / "6b49d200dee8dc7a.json").read_text())["state"] == "failed"


def test_a_restart_scores_nothing_twice_and_still_answers(desk: Desk) -> None:
    desk.drop(f"{NAME}.otio")
    desk.later()
    desk.later()
    desk.watcher = desk.fresh()
    for _ in range(5):
        assert desk.later() == 0
    desk.states["job0"] = job_in("done", summary())
    desk.later()
    assert json.loads((desk.outbox / "6b49d200dee8dc7a.json").read_text())["title"] == "v2m: C major, 96 BPM"
    assert desk.names("done") == [f"{NAME}.otio"]


def test_exported_again_while_the_first_is_scored(desk: Desk) -> None:
    path = desk.drop()
    desk.later()
    desk.later()
    path.write_text(TEXT + " \n")
    assert desk.later(10) == 0
    desk.states["job0"] = job_in("done", summary())
    desk.later()
    assert desk.names() == ["edit.otio"]
    desk.later()
    assert desk.later() == 1
    desk.states["job1"] = job_in("done", summary())
    desk.later()
    desk.drop()
    desk.later()
    desk.later()
    desk.states["job2"] = job_in("done", summary())
    desk.later()
    assert desk.names("done") == ["edit 2.otio", "edit.otio"]


def test_of_several_presses_on_one_timeline_that_wait_the_last_is_scored(desk: Desk) -> None:
    for number, (request, timeline) in enumerate([("aaaaaa1", "t1"), ("aaaaaa2", "t2"), ("aaaaaa3", "t1")]):
        path = desk.drop(f"v2m1_{request}_r24_d0_s0_nN_{timeline}_pP.otio")
        os.utime(path, ns=(number, number))
    desk.later()
    assert desk.later() == 2
    assert sorted(path.name[5:12] for path, _ in desk.jobs.values()) == ["aaaaaa2", "aaaaaa3"]
    assert json.loads((desk.outbox / "aaaaaa1.json").read_text())["text"] == "Replaced by a later one."
    later = desk.drop("v2m1_aaaaaa4_r24_d0_s0_nN_t1_pP.otio")
    desk.later()
    assert desk.later() == 1  # the one at work is not replaced
    assert desk.jobs["job2"][0] == later


def test_options_beside_the_edit(desk: Desk) -> None:
    (desk.inbox / "edit.json").write_text('{"options": {"tempo": 96, "mood": "tense"}, "request": "abc123"}')
    desk.drop()
    desk.later()
    desk.later()
    assert desk.jobs["job0"][1] == ScoreOptions(tempo=96, mood="tense")
    assert (desk.outbox / "abc123.lua").is_file()


@pytest.mark.parametrize("sidecar", ["{", "[]", '{"options": 3}', '{"request": "../../x"}', '{"request": 7}', "\x00"])
def test_a_damaged_sidecar_is_as_none(desk: Desk, sidecar: str) -> None:
    (desk.inbox / "edit.json").write_text(sidecar)
    desk.drop()
    desk.later()
    assert desk.later() == 1
    assert desk.jobs["job0"][1] == ScoreOptions()
    assert list(desk.outbox.iterdir()) == []


def test_unknown_options_are_passed_over_and_wrong_ones_refused(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    (desk.inbox / "edit.json").write_text('{"options": {"seed": 5, "q": 1, "r": 2}}')
    desk.drop()
    desk.later()
    desk.later()
    assert desk.jobs["job0"][1] == ScoreOptions(seed=5)
    assert "not known here: q, r" in caplog.text
    (desk.inbox / "wrong.json").write_text('{"options": {"q": 1, "tempo": 1}, "request": "abc123"}')
    desk.drop("wrong.otio")
    desk.later()
    desk.later()
    assert list(desk.jobs) == ["job0"]
    assert "tempo" in json.loads((desk.outbox / "abc123.json").read_text())["text"]


def test_a_damaged_record_does_not_stop_the_inbox(desk: Desk) -> None:
    (desk.inbox / ".taken.json").write_text('[{"name": 1')
    desk.watcher = desk.fresh()
    desk.drop()
    desk.later()
    assert desk.later() == 1


def test_answers_go_after_a_day_that_the_daemon_counted_itself(desk: Desk) -> None:
    """Neither a file's date nor the computer's clock decides: both may be days off."""
    desk.later()
    (desk.outbox / "abc.lua").write_text("return {}")
    os.utime(desk.outbox / "abc.lua", (time.time() - 10 * ANSWER_LIFE_S,) * 2)
    desk.later(700)
    assert [p.name for p in desk.outbox.iterdir()] == ["abc.lua"]
    desk.later(ANSWER_LIFE_S / 2)
    (desk.outbox / "new.lua").write_text("return {}")
    desk.later(700)
    desk.later(ANSWER_LIFE_S / 2)
    assert [p.name for p in desk.outbox.iterdir()] == ["new.lua"]


@pytest.mark.parametrize("refusal", [DiskFull("the disk is full"), StoreError("locked"), QueueFull("many wait")])
def test_what_passes_by_itself_is_tried_again(desk: Desk, refusal: V2MError) -> None:
    desk.refuse = refusal
    desk.drop()
    desk.later()
    assert desk.later() == 0 and desk.names() == ["edit.otio"] and desk.names("failed") == []
    desk.refuse = None
    assert desk.later() == 1


def test_watching_takes_up_files_and_survives_a_folder_that_vanishes(tmp_path: Path) -> None:
    taken = threading.Event()
    stop = threading.Event()

    def submit(path: Path, options: ScoreOptions) -> str:
        taken.set()
        return "job"

    inbox = Inbox(tmp_path / "in", tmp_path / "out", submit, lambda job: job_in("running"))
    thread = threading.Thread(target=inbox.watch, args=(stop, 0.02))
    thread.start()
    try:
        while not (tmp_path / "in").is_dir():
            time.sleep(0.01)
        (tmp_path / "in").rmdir()
        while not (tmp_path / "in").is_dir():
            time.sleep(0.01)
        (tmp_path / "in" / "edit.otio").write_text(TEXT)
        assert taken.wait(20)
    finally:
        stop.set()
        thread.join()


def test_a_name_that_was_cut_short_anywhere_is_still_read() -> None:
    for length in range(len(NAME) + 1):
        request = request_of(f"{NAME[:length]}.otio")
        assert (request is not None) == (length >= len("v2m1_6b49d2"))
        assert request is None or NAME.startswith(f"v2m1_{request.request_id}")


def test_names_for_people() -> None:
    assert display_name(f"{NAME}.otio") == "Mein Film"
    assert display_name("Reel 3.v2.otio") == "Reel 3.v2"
    assert display_name("v2m1_.otio") == "v2m1_"


EDITS = ("a.otio", "b.otioz", "c.edl", "d.xml", "e.fcpxml", "f.aaf")


def test_every_kind_of_edit_is_taken(desk: Desk) -> None:
    for name in EDITS:
        desk.drop(name)
    for bundle in ("g.otiod", "h.fcpxmld"):
        (desk.inbox / bundle).mkdir()
        (desk.inbox / bundle / "Info.fcpxml").write_text("<fcpxml/>")
    desk.later()
    assert desk.later() == 8
    assert sorted(path.name for path, _ in desk.jobs.values()) == [*EDITS, "g.otiod", "h.fcpxmld"]
    for job in desk.states:
        desk.states[job] = job_in("done", summary())
    desk.later()
    assert sorted(p.name for p in (desk.inbox / "done").iterdir()) == [*EDITS, "g.otiod", "h.fcpxmld"]


def test_a_project_that_cannot_be_read_moves_aside_with_what_to_export_instead(desk: Desk) -> None:
    for name in ("cut.prproj", "film.drp", "reel.avb"):
        desk.drop(name)
    for name in ("clip.mov", "sound.wav", "notes.txt", "hits.csv", "half.otio.crdownload"):
        desk.drop(name)
    desk.later()
    assert desk.later() == 0
    assert desk.names() == ["clip.mov", "half.otio.crdownload", "hits.csv", "notes.txt", "sound.wav"]
    assert desk.names("failed") == ["cut.prproj", "cut.txt", "film.drp", "film.txt", "reel.avb", "reel.txt"]
    reason = (desk.inbox / "failed" / "cut.txt").read_text()
    assert reason.startswith("Cut.prproj is a Premiere Pro project, which cannot be read.")
    assert "Final Cut Pro XML" in reason


def test_progress_is_told_in_tenths_and_only_when_it_changes(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    from v2m_bridge.daemon.inbox.answer import answer_of
    from v2m_bridge.daemon.jobs.job import Advance

    done = [0.0]
    desk.watcher._answer_of = lambda job_id, job: answer_of(job_id, job, Advance("music", 0.5, done[0]))
    desk.drop(f"{NAME}.otio")
    desk.later()
    desk.later()
    desk.states["job0"] = job_in("running")
    written = []
    answer = desk.outbox / "6b49d200dee8dc7a.json"
    for share in (0.11, 0.19, 0.2, 0.34):
        done[0] = share
        answer.unlink(missing_ok=True)
        desk.later()
        written.append(json.loads(answer.read_text())["title"] if answer.exists() else "")
    assert written == ["v2m: scoring, 10 %", "", "v2m: scoring, 20 %", "v2m: scoring, 30 %"]


def test_a_cancellation_stops_the_job_of_its_request(desk: Desk) -> None:
    stopped: list[str] = []
    desk.watcher._cancel = stopped.append
    desk.drop(f"{NAME}.otio")
    desk.later()
    desk.later()
    desk.drop("v2m1_0000000000_x1.otio", "")
    desk.drop("v2m1_6b49d200dee8dc7a_x1.otio", "")
    desk.later()
    assert stopped == ["job0"]
    assert desk.names() == [f"{NAME}.otio"]


def test_one_file_that_a_program_holds_open_does_not_stop_the_others(desk: Desk, holders: Holders) -> None:
    for name in ("a.otio", "b.otio", "c.otio"):
        desk.drop(name)
    desk.later()
    assert desk.later() == 3
    for job in ("job0", "job1", "job2"):
        desk.states[job] = job_in("done", summary())
    holders.hold(desk.inbox / "a.otio")
    desk.later()
    assert desk.names() == ["a.otio"]
    assert desk.names("done") == ["b.otio", "c.otio"]
    assert desk.later(100) == 0  # it is not scored again while it waits to be moved
    holders.let_go()
    desk.later()
    assert desk.names("done") == ["a.otio", "b.otio", "c.otio"]


def test_who_waits_is_answered_though_his_file_is_held_open(desk: Desk, holders: Holders) -> None:
    path = desk.drop(f"{NAME}.otio")
    desk.later()
    desk.later()
    holders.hold(path)
    desk.states["job0"] = job_in("done", summary())
    desk.later()
    answer = json.loads((desk.outbox / "6b49d200dee8dc7a.json").read_text(encoding="utf-8"))
    assert answer["state"] == "done"


def test_an_edit_or_a_sidecar_that_is_held_open_is_tried_again(
    desk: Desk, holders: Holders, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.drop()
    (desk.inbox / "edit.json").write_text('{"options": {"mood": "sad"}}', encoding="utf-8")
    read = Path.read_bytes
    held = True

    def guarded(path: Path) -> bytes:
        if held and path.name == "edit.json":
            raise sharing_violation(path)
        return read(path)

    monkeypatch.setattr(Path, "read_bytes", guarded)
    desk.refuse = FileHeld("another program has edit.otio open")
    desk.later()
    assert desk.later() == 0
    held = False
    assert desk.later() == 0
    assert desk.names("failed") == []
    desk.refuse = None
    assert desk.later() == 1
    assert desk.jobs["job0"][1].direction.mood == "sad"
