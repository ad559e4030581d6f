"""What one client may cost the others: connections, floods, bodies, guesses; and where the token goes."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import socket
import stat
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from daemon_world import TOKEN, World, config, free_port, otio, running_daemon
from starlette.exceptions import HTTPException

from v2m_bridge.cli import serve
from v2m_bridge.daemon import logs, server
from v2m_bridge.daemon.client import DaemonClient
from v2m_bridge.daemon.config import RequestLimits
from v2m_bridge.daemon.http import connections, json_body
from v2m_bridge.daemon.tokens import write_token
from v2m_bridge.daemon.whereabouts import LOCK, NOTE, Running, alive
from v2m_bridge.errors import HostError
from v2m_bridge.files.lock import hold


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    limits = RequestLimits(strangers_per_s=0.001, stranger_burst=5)
    with running_daemon(config(tmp_path_factory.mktemp("home"), limits=limits)) as made:
        yield made


@pytest.fixture
def hurried(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """A daemon that keeps four connections and has little patience."""
    for name, value in (("headers_within_s", 0.5), ("body_pause_s", 0.5), ("look_every_s", 0.05)):
        monkeypatch.setattr(connections.BoundedConnection, name, value)
    monkeypatch.setattr(connections, "most_connections", lambda: 4)
    with running_daemon(config(tmp_path)) as made:
        yield made


def until_closed(raw: socket.socket) -> bytes:
    """What the daemon says until it closes the connection."""
    raw.settimeout(60)
    said = b""
    with contextlib.suppress(ConnectionResetError):
        while block := raw.recv(65536):
            said += block
    return said


def test_a_connection_that_says_nothing_or_little_is_closed(hurried: World) -> None:
    for words in (b"", b"GET /v1/health HTTP/1.1\r\nHost: 127"):
        with socket.create_connection(("127.0.0.1", hurried.daemon.port)) as raw:
            raw.sendall(words)
            assert until_closed(raw) == b""
    head = f"POST /v1/uploads?name=a.mp4 HTTP/1.1\r\nHost: 127.0.0.1:{hurried.daemon.port}\r\n"
    head += f"Authorization: Bearer {TOKEN}\r\nContent-Length: 1000\r\n\r\n"
    with socket.create_connection(("127.0.0.1", hurried.daemon.port)) as raw:
        raw.sendall(head.encode() + b"begun")
        until_closed(raw)
    until = time.monotonic() + 30
    while list(hurried.daemon.service.uploads.glob("*")) and time.monotonic() < until:
        time.sleep(0.02)
    assert list(hurried.daemon.service.uploads.glob("*")) == []


def test_silent_connections_make_room_for_those_who_ask(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "most_connections", lambda: 8)
    with running_daemon(config(tmp_path)) as world, contextlib.ExitStack() as open_ones:
        for _ in range(40):
            open_ones.enter_context(socket.create_connection(("127.0.0.1", world.daemon.port)))
        assert httpx.get(f"{world.url}/v1/health", headers={"authorization": f"Bearer {TOKEN}"}).status_code == 200
        job = world.submit("meanwhile")
        assert world.wait(job)["state"] == "done"


@pytest.mark.skipif(os.name != "posix", reason="limits of POSIX")
def test_the_limit_of_connections_is_well_below_that_of_descriptors() -> None:
    import resource

    most = connections.most_connections()
    assert 16 <= most <= resource.getrlimit(resource.RLIMIT_NOFILE)[0] // 2


def test_a_wrong_method_is_told_the_right_ones(world: World) -> None:
    for path, allowed in (
        ("/v1/scores", "GET, POST"),
        ("/v1/scores/0123456789ab", "DELETE, GET"),
        ("/v1/health", "GET"),
        ("/v1/uploads", "POST"),
    ):
        answer = world.http.patch(path)
        assert (answer.status_code, answer.headers["allow"]) == (405, allowed)


def test_who_guesses_keeps_nobody_else_out(world: World) -> None:
    link = world.http.post("/v1/links").json()["url"]
    guesses = [
        httpx.get(f"{world.url}/v1/health", headers={"authorization": "Bearer a-wrong-token"}).status_code
        for _ in range(12)
    ]
    assert guesses[:5] == [401] * 5 and guesses[-1] == 429
    assert httpx.get(f"{world.url}/", headers={"accept": "text/html"}).status_code == 401, "told how to sign in"
    assert world.http.get("/v1/health").status_code == 200
    with httpx.Client() as browser:
        assert browser.get(link).status_code == 200
        assert browser.get(f"{world.url}/v1/scores").status_code == 200


def test_what_a_proxy_says_of_its_client_is_not_believed(world: World) -> None:
    statuses = {
        httpx.get(
            f"{world.url}/v1/choices",
            headers={"authorization": "Bearer another-wrong-token", "x-forwarded-for": f"10.0.0.{n}"},
        ).status_code
        for n in range(12)
    }
    assert 429 in statuses


def test_signing_out_ends_the_event_streams_of_that_browser(world: World) -> None:
    with httpx.Client(timeout=30) as browser:
        browser.get(world.http.post("/v1/links").json()["url"])
        ended = threading.Event()
        begun = threading.Event()

        def listen() -> None:
            with browser.stream("GET", f"{world.url}/v1/events") as stream:
                for _ in stream.iter_raw():
                    begun.set()
            ended.set()

        thread = threading.Thread(target=listen, daemon=True)
        thread.start()
        assert begun.wait(30)
        cookies = dict(browser.cookies)
        out = httpx.delete(f"{world.url}/v1/session", cookies=cookies, headers={"origin": world.url})
        assert out.status_code == 204 and ended.wait(30)


def test_a_body_is_measured_before_it_is_parsed(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    parsed: list[int] = []
    real = json_body.from_json
    monkeypatch.setattr(json_body, "from_json", lambda body, **more: parsed.append(len(body)) or real(body, **more))
    many = b'{"timeline": [' + b"[]," * 2_000_000 + b"[]]}"
    deep = b'{"timeline": ' + b"[" * 129 + b"]" * 129 + b"}"
    for body, words in ((many, "more than 2000000 values"), (deep, "deeper than 128")):
        answer = world.http.post("/v1/scores", content=body, headers={"content-type": "application/json"})
        assert answer.status_code == 400 and words in answer.json()["error"]["message"]
    assert parsed == []
    strings = json.dumps({"a": "[{" * 500 + '"' + "," * 3_000_000, "b\\": ["\\", '\\"[']}).encode()
    assert json_body.parse(strings, 2) == json.loads(strings)
    assert json_body.parse(b"[[1]]", 2) == [[1]]
    with pytest.raises(HTTPException):
        json_body.parse(b"[[[1]]]", 2)


def test_a_flood_leaves_few_lines_in_the_log() -> None:
    gate = logs.FloodGate(per_s=0.001, burst=10)
    records = [logging.LogRecord("v2m_bridge.http", logging.INFO, "", 0, "GET / %d", (n,), None) for n in range(1000)]
    assert sum(gate.filter(record) for record in records) == 10
    other = logging.LogRecord("v2m_bridge.daemon", logging.ERROR, "", 0, "the disk is full", (), None)
    assert gate.filter(other), "one logger's flood hides no other's lines"
    eager = logs.FloodGate(per_s=1e9, burst=1)
    eager._kept_back["v2m_bridge.http"] = 990
    after = logging.LogRecord("v2m_bridge.http", logging.INFO, "", 0, "GET / %d", (200,), None)
    assert eager.filter(after) and after.getMessage() == "GET / 200 (990 more lines were not written)"


# -- the token


def test_the_token_is_not_sent_to_another_program_on_the_port(own_home: Path) -> None:
    """The daemon was killed; something else listens where its note says."""
    heard: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as imposter:
        port = imposter.getsockname()[1]
        own_home.mkdir(parents=True, exist_ok=True)
        write_token(own_home / "token", TOKEN)
        note = Running(pid=os.getpid(), host="127.0.0.1", port=port, osc_port=0)
        (own_home / NOTE).write_text(note.model_dump_json(), encoding="utf-8")
        imposter.settimeout(0.2)
        with pytest.raises(HostError, match="no daemon runs"):
            DaemonClient.of_this_machine().health()
        with contextlib.suppress(TimeoutError):
            heard.append(imposter.accept()[0].recv(1000))
    assert heard == [] and alive(own_home) is None
    with hold(own_home / LOCK):
        assert alive(own_home) == note


def test_a_start_makes_a_new_token_and_forgets_the_note_of_a_killed_daemon(
    own_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dataclasses import replace

    own_home.mkdir(parents=True, exist_ok=True)
    note = Running(pid=1, host="127.0.0.1", port=1, osc_port=0)
    (own_home / NOTE).write_text(note.model_dump_json(), encoding="utf-8")
    write_token(own_home / "token", "the-token-of-the-last-start")
    seen: list[object] = []

    def stopped_early(made: object) -> None:
        seen.append((own_home / NOTE).exists())
        raise KeyboardInterrupt

    monkeypatch.setattr(server, "create_daemon", stopped_early)
    with pytest.raises(KeyboardInterrupt):
        server.run(replace(config(own_home, port=free_port()), token_file=own_home / "token"))
    assert seen == [False]


def test_the_browser_s_command_line_does_not_hold_the_link(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    opened: list[str] = []
    monkeypatch.setattr("webbrowser.open", lambda url: opened.append(url))
    with running_daemon(config(tmp_path)) as world:
        note = Running(pid=os.getpid(), host="127.0.0.1", port=world.daemon.port, osc_port=0)
        (tmp_path / NOTE).write_text(note.model_dump_json(), encoding="utf-8")
        serve._greet(world.daemon, open_browser=True)
        page = tmp_path / "open.html"
        assert opened == [page.as_uri()]
        if os.name == "posix":
            assert stat.S_IMODE(page.stat().st_mode) == 0o600
        assert f"{world.url}/login/" in page.read_text(encoding="utf-8")
    assert "/login/" not in capsys.readouterr().err, "a log is read by others, and later"
    assert otio("x")
