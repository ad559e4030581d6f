"""Life of a job through the real service and a real worker process."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from daemon_world import World, config, running_daemon

from v2m_bridge.daemon.config import RequestLimits
from v2m_bridge.errors import HostError


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with running_daemon(config(tmp_path_factory.mktemp("home"))) as made:
        yield made


def test_a_score_goes_from_queued_to_done_with_its_files(world: World) -> None:
    job = world.submit("First reel", options={"seed": 7})
    status = world.wait(job)
    assert status["state"] == "done" and status["progress"] == 1.0 and status["error"] is None
    assert status["artifacts"] == ["cuesheet.html", "score.json", "score.mid"]
    assert status["summary"]["key"] == "A minor" and status["name"] == "First reel"
    assert status["options"]["seed"] == 7
    answer = world.http.get(f"/v1/scores/{job}/artifacts/score.json")
    assert answer.json() == {"name": "First reel", "seed": 7}
    folder = world.daemon.config.scores / job
    assert sorted(path.name for path in folder.iterdir()) == ["out", "source"]


def test_a_file_that_a_score_does_not_have(world: World) -> None:
    job = world.submit("without preview")
    world.wait(job)
    for name, hint in (
        ("preview.wav", '"preview": true'),
        ("score.doc", "it has cuesheet.html, score.json, score.mid"),
    ):
        answer = world.http.get(f"/v1/scores/{job}/artifacts/{name}")
        error = answer.json()["error"]
        assert (answer.status_code, error["code"]) == (404, "no_such_artifact")
        assert hint in error["hint"]
    unknown = world.http.get("/v1/scores/000000000000/artifacts/score.mid")
    assert (unknown.status_code, unknown.json()["error"]["code"]) == (404, "no_such_score")


def test_an_error_of_the_pipeline_reaches_the_user_as_it_is(world: World) -> None:
    status = world.wait(world.submit("bad", do="refuse"))
    assert status["state"] == "failed"
    hint = "put a clip on the timeline"
    assert status["error"] == {"code": "bad_input", "message": "the edit is empty", "hint": hint}


def test_a_bug_tells_no_details(world: World) -> None:
    status = world.wait(world.submit("bug", do="bug"))
    assert status["error"]["code"] == "internal_error"
    assert "inside.py" not in str(status) and "secret" not in str(status)


def test_a_crash_takes_only_its_own_job_down(world: World) -> None:
    crashing = world.submit("boom", do="crash")
    good = [world.submit(f"good {n}", step_s=0.01) for n in range(3)]
    status = world.wait(crashing)
    assert (status["state"], status["error"]["code"]) == ("failed", "crashed")
    assert [world.wait(job)["state"] for job in good] == ["done"] * 3


def test_a_job_that_was_unlucky_once_is_tried_again(world: World) -> None:
    status = world.wait(world.submit("unlucky", do="crash once"))
    assert (status["state"], status["attempt"]) == ("done", 2)


@pytest.mark.parametrize("do", ["score", "hang"])
def test_cancel_takes_effect_within_a_second_and_the_queue_goes_on(world: World, do: str) -> None:
    job = world.submit("long", do=do, step_s=2.0 if do == "score" else 0.0)
    world.wait(job, "running")
    time.sleep(0.3)
    answer = world.http.delete(f"/v1/scores/{job}")
    assert answer.json() == {"id": job, "state": "cancelled"}
    until = time.monotonic() + 30
    while job in world.daemon.service.dispatcher.in_flight and time.monotonic() < until:
        time.sleep(0.01)
    assert job not in world.daemon.service.dispatcher.in_flight
    assert world.daemon.config.limits.cancel_grace_s < 1.0
    assert not (world.daemon.config.scores / job / "out").exists()
    assert world.wait(world.submit("next"))["state"] == "done"
    assert world.status(job)["state"] == "cancelled"


def test_cancelling_one_of_two_that_hang_gives_the_other_back_its_turn(world: World) -> None:
    hanging = world.submit("hanging", do="hang")
    other = world.submit("other", step_s=0.15)
    world.wait(other, "running")
    world.http.delete(f"/v1/scores/{hanging}")
    status = world.wait(other)
    assert (status["state"], status["attempt"]) == ("done", 1)


def test_a_queued_job_is_cancelled_at_once_and_never_runs(world: World) -> None:
    busy = [world.submit(f"busy {n}", step_s=0.1) for n in range(2)]
    waiting = world.submit("never")
    assert world.status(waiting)["state"] == "queued"
    assert world.http.delete(f"/v1/scores/{waiting}").json()["state"] == "cancelled"
    for job in busy:
        world.wait(job)
    log = (world.daemon.config.home / "cache" / "runs.log").read_text(encoding="utf-8")
    assert "begin never" not in log


def test_deleting_a_finished_score_keeps_it_unless_purged(world: World) -> None:
    job = world.submit("kept")
    world.wait(job)
    assert world.http.delete(f"/v1/scores/{job}").json()["state"] == "done"
    assert world.http.get(f"/v1/scores/{job}/artifacts/score.mid").status_code == 200
    assert world.http.delete(f"/v1/scores/{job}", params={"purge": True}).status_code == 200
    assert world.http.get(f"/v1/scores/{job}").status_code == 404
    assert not (world.daemon.config.scores / job).exists()


def test_a_repeated_request_with_the_same_key_gives_the_same_score(world: World) -> None:
    body = {"timeline": {"OTIO_SCHEMA": "Timeline.1", "name": "once"}}
    answers = [world.http.post("/v1/scores", json=body, headers={"idempotency-key": "k-1"}) for _ in range(3)]
    assert len({answer.json()["id"] for answer in answers}) == 1
    world.wait(answers[0].json()["id"])
    known = {path.name for path in world.daemon.config.scores.iterdir() if not path.name.startswith(".")}
    assert known == set(world.daemon.service.store.ids())  # no folder of the repeated requests is left


def test_again_scores_the_same_source_with_other_options(world: World) -> None:
    first = world.submit("again", options={"seed": 1})
    world.wait(first)
    world.http.delete(f"/v1/scores/{first}", params={"purge": False})
    second = world.http.post("/v1/scores", json={"again": first, "options": {"seed": 2}}).json()["id"]
    world.wait(second)
    world.http.delete(f"/v1/scores/{first}", params={"purge": True})
    third = world.http.post("/v1/scores", json={"again": second, "options": {"seed": 3}}).json()["id"]
    assert world.wait(third)["state"] == "done"
    assert world.http.get(f"/v1/scores/{third}/artifacts/score.json").json() == {"name": "again", "seed": 3}


def test_an_uploaded_edit_is_scored_once(world: World) -> None:
    edit = b'{"OTIO_SCHEMA": "Timeline.1", "name": "sent"}'
    sent = world.http.post("/v1/uploads", params={"name": "../../my reel.otio"}, content=edit)
    assert sent.status_code == 201 and sent.json()["name"] == "my reel.otio" and sent.json()["bytes"] == len(edit)
    job = world.http.post("/v1/scores", json={"upload": sent.json()["upload"]}).json()["id"]
    assert world.wait(job)["state"] == "done"
    assert (world.daemon.config.scores / job / "source" / "my reel.otio").read_bytes() == edit
    gone = world.http.post("/v1/scores", json={"upload": sent.json()["upload"]})
    assert gone.status_code == 422 and "upload" in gone.json()["error"]["message"]


def test_wrong_options_are_refused_at_the_door(world: World) -> None:
    for options, place in (
        ({"tempo": 5}, "options.tempo"),
        ({"key": "H dur"}, "H dur"),
        ({"mood": "hungry"}, "hungry"),
        ({"sneed": 1}, "options.sneed"),
    ):
        answer = world.http.post("/v1/scores", json={"timeline": {"OTIO_SCHEMA": "Timeline.1"}, "options": options})
        assert answer.status_code == 422
        assert place in answer.json()["error"]["message"]


def test_the_list_pages_from_newest_to_oldest(world: World) -> None:
    jobs = [world.submit(f"page {n}") for n in range(3)]
    page = world.http.get("/v1/scores", params={"limit": 2}).json()
    assert [score["id"] for score in page["scores"]] == jobs[:0:-1]
    rest = world.http.get("/v1/scores", params={"limit": 1, "before": page["before"]}).json()
    assert rest["scores"][0]["id"] == jobs[0]


def test_metrics_count_what_happened(world: World) -> None:
    text = world.http.get("/metrics").text
    assert "# TYPE v2m_score_seconds histogram" in text
    done = [line for line in text.splitlines() if line.startswith('v2m_scores_finished_total{state="done"}')]
    assert int(done[0].split()[1]) >= 1
    assert 'v2m_jobs{state="queued"}' in text


def test_the_small_client_does_the_whole_round(world: World, tmp_path: Path) -> None:
    from v2m_bridge.daemon.client import score_via_daemon
    from v2m_bridge.options import ScoreOptions

    edit = tmp_path / "outside.otio"
    edit.write_text('{"OTIO_SCHEMA": "Timeline.1", "name": "via"}', encoding="utf-8")
    seen: list[str] = []
    names = score_via_daemon(
        edit, tmp_path / "out", ScoreOptions(seed=9), lambda stage, _: seen.append(stage), world.client
    )
    assert sorted(path.name for path in (tmp_path / "out").glob("[!.]*")) == sorted(names)
    assert '"seed": 9' in (tmp_path / "out" / "score.json").read_text(encoding="utf-8")
    with pytest.raises(Exception, match="the edit is empty"):
        edit.write_text('{"OTIO_SCHEMA": "Timeline.1", "name": "via", "do": "refuse"}', encoding="utf-8")
        score_via_daemon(edit, tmp_path / "none", ScoreOptions(), client=world.client)
    assert not (tmp_path / "none").exists()


def test_push_on_completion_and_on_request(tmp_path: Path) -> None:
    pushed: list[str] = []

    def pusher(job: object, folder: object) -> str:
        pushed.append(str((folder.out / "score.mid").is_file()))  # type: ignore[attr-defined]
        if len(pushed) > 1:
            raise HostError("REAPER does not answer", "start it")
        return "imported"

    with running_daemon(config(tmp_path), pusher) as world:
        body = {"timeline": {"OTIO_SCHEMA": "Timeline.1", "name": "p"}, "push": True}
        job = world.http.post("/v1/scores", json=body).json()["id"]
        world.wait(job)
        until = time.monotonic() + 60
        while world.status(job)["push"]["state"] == "wanted" and time.monotonic() < until:
            time.sleep(0.02)
        assert world.status(job)["push"] == {"host": "reaper", "state": "sent", "message": "imported"}
        again = world.http.post(f"/v1/scores/{job}/push")
        assert again.status_code == 409 and again.json()["error"]["message"] == "REAPER does not answer"
        assert world.status(job)["push"]["state"] == "failed"
        assert pushed == ["True", "True"]


def test_the_oldest_finished_scores_go_beyond_the_limit(tmp_path: Path) -> None:
    with running_daemon(config(tmp_path, limits=RequestLimits(keep_jobs=3))) as world:
        jobs = []
        for n in range(6):
            jobs.append(world.submit(f"n{n}"))
            world.wait(jobs[-1])  # one after the other, so that the order of finishing is that of asking
        until = time.monotonic() + 60
        while len(world.daemon.service.store.ids()) > 3 and time.monotonic() < until:
            time.sleep(0.05)
        assert world.daemon.service.store.ids() == jobs[3:]
        scores = world.daemon.config.scores  # a folder goes after its row
        while (left := {p.name for p in scores.iterdir() if p.name[0] != "."}) != set(jobs[3:]):
            assert time.monotonic() < until, left
            time.sleep(0.05)


def test_a_damaged_checkpoint_degrades_the_daemon_and_says_so(tmp_path: Path) -> None:
    with running_daemon(config(tmp_path, runner="daemon_runners:NetworkMissing")) as world:
        until = time.monotonic() + 60
        while not (health := world.http.get("/v1/health").json())["warning"] and time.monotonic() < until:
            time.sleep(0.05)
        assert health["status"] == "degraded" and "checkpoint is damaged" in health["warning"]
