"""Server-sent events: order, resumption, the end, many listeners, and a graceful stop under them."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from daemon_world import TOKEN, World, config, running_daemon

from v2m_bridge.compose.stages import overall, stage_shares
from v2m_bridge.daemon.config import RequestLimits
from v2m_bridge.daemon.events import MOST_WAITING, Broker, News


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with running_daemon(config(tmp_path_factory.mktemp("home"))) as made:
        yield made


def frames(text: Iterator[str]) -> Iterator[tuple[str, str | None, dict[str, Any]]]:
    """(event, id, data) of every event in a stream's lines; an empty line ends an event."""
    fields: dict[str, str] = {}
    for line in text:
        if line:
            name, _, value = line.partition(": ")
            fields[name] = value
        elif "data" in fields:
            yield fields["event"], fields.get("id"), json.loads(fields["data"])
            fields = {}


def test_a_score_tells_its_story_to_the_end(world: World) -> None:
    job = world.submit("story", step_s=0.1)
    with world.http.stream("GET", f"/v1/scores/{job}/events") as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        story = list(frames(stream.iter_lines()))
    states = [data["state"] for kind, _, data in story if kind == "state"]
    assert states[-1] == "done" and states == sorted(states, key=["queued", "running", "done"].index)
    progress = [data["progress"] for kind, _, data in story if kind == "progress"]
    assert progress == sorted(progress) and len(progress) >= 3 and 0 <= progress[0] < progress[-1] <= 1
    last = story[-1][1]
    ended = world.http.get(f"/v1/scores/{job}/events", headers={"last-event-id": str(last)})
    assert ended.status_code == 204  # a browser stops connecting again
    late = list(frames(iter(world.http.get(f"/v1/scores/{job}/events").text.splitlines())))
    assert [data["state"] for _, _, data in late] == ["done"] and late[0][2]["artifacts"]


def test_the_stream_of_everything_covers_all_jobs(world: World) -> None:
    seen: dict[str, set[str]] = {}
    listening = threading.Event()
    ended = threading.Event()

    def listen() -> None:
        with httpx.stream("GET", world.url + "/v1/events", headers={"authorization": f"Bearer {TOKEN}"}) as stream:
            lines = stream.iter_lines()
            next(lines)
            listening.set()
            for kind, _, data in frames(lines):
                seen.setdefault(data["id"], set()).add(data.get("state", kind))
                if sum("done" in states for states in seen.values()) == 3:
                    break
        ended.set()

    threading.Thread(target=listen, daemon=True).start()
    assert listening.wait(60)
    jobs = [world.submit(f"all {n}", step_s=0.02) for n in range(3)]
    assert ended.wait(60)
    assert all({"running", "done"} <= seen[job] for job in jobs)


def test_a_cancelled_score_ends_its_stream(world: World) -> None:
    job = world.submit("gone", do="hang")
    world.wait(job, "running")
    threading.Timer(0.3, lambda: world.client.cancel(job)).start()
    with world.http.stream("GET", f"/v1/scores/{job}/events") as stream:
        assert list(frames(stream.iter_lines()))[-1][2]["state"] == "cancelled"


def test_unknown_scores_have_no_stream(world: World) -> None:
    assert world.http.get("/v1/scores/0123456789ab/events").status_code == 404


def test_too_many_streams_are_refused_and_the_daemon_stops_under_open_ones(tmp_path: Path) -> None:
    with running_daemon(config(tmp_path, limits=RequestLimits(streams=2))) as world:
        job = world.submit("long", do="hang")
        streams = [world.http.stream("GET", f"/v1/scores/{job}/events") for _ in range(2)]
        chunks = [stream.__enter__().iter_raw() for stream in streams]
        assert [next(chunk) for chunk in chunks] == [b"retry: 2000\n\n"] * 2
        assert world.http.get("/v1/events").status_code == 429
    # leaving the block waits for the daemon: it would never come back if it waited for the streams
    with running_daemon(config(tmp_path)) as world:  # what it was at is there again
        assert world.wait(job, "running")["attempt"] == 1


def test_slow_listeners_get_the_latest_progress_or_are_let_go() -> None:
    async def scene() -> None:
        broker = Broker()
        broker.bind(asyncio.get_running_loop())
        subscription = broker.subscribe("a")
        for n in range(1000):
            broker.publish("a", News("progress", str(n)))
        broker.publish("b", News("state", "other"))
        await asyncio.sleep(0)
        assert await subscription.take() == [News("progress", "999")]
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await subscription.take()
        broker.publish("a", News("progress", "half"))
        broker.publish("a", News("state", "done"))
        await asyncio.sleep(0)
        assert await subscription.take() == [News("state", "done")], "later news replaces progress"
        for _ in range(MOST_WAITING + 1):
            broker.publish("a", News("state", "x"))
        await asyncio.sleep(0)
        assert subscription.closed
        broker.unsubscribe(subscription)
        assert broker.listeners == 0

    asyncio.run(scene())


def test_a_listener_that_does_not_read_holds_up_nobody(tmp_path: Path) -> None:
    with running_daemon(config(tmp_path)) as world, socket.create_connection(("127.0.0.1", world.daemon.port)) as stuck:
        broker = world.daemon.service.broker
        head = f"host: 127.0.0.1:{world.daemon.port}\r\nauthorization: Bearer {TOKEN}"
        stuck.sendall(f"GET /v1/events HTTP/1.1\r\n{head}\r\n\r\n".encode())
        assert stuck.recv(12) == b"HTTP/1.1 200"  # and nothing more is read
        with world.http.stream("GET", "/v1/events") as stream:
            heard = frames(stream.iter_lines())
            for n in range(60):  # far more than the buffers of a connection hold
                broker.publish("a", News("state", json.dumps({"n": n, "ballast": "x" * 500_000})))
                assert next(heard)[2]["n"] == n
        assert world.http.get("/v1/health").status_code == 200
        stuck.close()
        until = time.monotonic() + 60
        while broker.listeners and time.monotonic() < until:
            time.sleep(0.02)
        assert broker.listeners == 0, "whoever has gone is forgotten"


def test_one_bar_covers_all_stages_of_the_pipeline() -> None:
    assert sum(stage_shares().values()) == pytest.approx(1.0)
    assert overall("files", 1.0) == 1.0 and overall("edit", 0.0) == 0.0
    assert overall("edit", 0.0, before=0.4) == 0.4 and overall("unheard of", 0.9, before=0.4) == 0.4
