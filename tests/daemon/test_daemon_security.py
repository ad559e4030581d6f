"""Who is let in, what may be reached, and how refusals look. Requests go through a real socket."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from daemon_world import TOKEN, World, config, otio, running_daemon
from typer.testing import CliRunner

from v2m_bridge.cli.main import app
from v2m_bridge.daemon.config import RequestLimits
from v2m_bridge.daemon.paths import allowed_edit, confine_media, safe_name
from v2m_bridge.daemon.rate_limit import Buckets
from v2m_bridge.daemon.tokens import OneTimeLinks, new_token, read_token, write_token
from v2m_bridge.errors import InputError, V2MError
from v2m_bridge.files.within import AllowedFolders
from v2m_bridge.timeline.model import Shot, Timeline
from v2m_bridge.timing.rates import exact_rate

JOB = "0123456789ab"
ENDPOINTS = [
    ("GET", "/"),
    ("GET", "/static/app.js"),
    ("GET", "/openapi.json"),
    ("GET", "/metrics"),
    ("GET", "/v1/health"),
    ("GET", "/v1/choices"),
    ("GET", "/v1/events"),
    ("POST", "/v1/links"),
    ("DELETE", "/v1/session"),
    ("POST", "/v1/uploads?name=a.otio"),
    ("GET", "/v1/scores"),
    ("POST", "/v1/scores"),
    ("GET", f"/v1/scores/{JOB}"),
    ("DELETE", f"/v1/scores/{JOB}"),
    ("GET", f"/v1/scores/{JOB}/answer"),
    ("POST", f"/v1/scores/{JOB}/push"),
    ("GET", f"/v1/scores/{JOB}/events"),
    ("GET", f"/v1/scores/{JOB}/artifacts/score.mid"),
]
SMALL = RequestLimits(
    document_bytes=20_000, upload_bytes=30_000, plain_bytes=1_000, strangers_per_s=1000, stranger_burst=1000, queue=3
)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    edits = tmp_path_factory.mktemp("edits")
    with running_daemon(config(tmp_path_factory.mktemp("home"), limits=SMALL, edit_roots=(edits,))) as made:
        yield made


def ask(world: World, method: str, path: str, headers: dict[str, str] | None = None, **more: Any) -> httpx.Response:
    """A request of a stranger: nothing is sent but what is given."""
    return httpx.request(method, world.url + path, headers=headers or {}, timeout=60, **more)


def bearer(**more: str) -> dict[str, str]:
    return {"authorization": f"Bearer {TOKEN}", **more}


def error_of(answer: httpx.Response) -> str:
    assert set(answer.json()) == {"error"} and set(answer.json()["error"]) == {"code", "message", "hint"}
    return str(answer.json()["error"]["code"])


def test_the_list_of_endpoints_is_complete(world: World) -> None:
    described = {
        (method.upper(), path.replace("{job_id}", JOB).replace("{name}", "score.mid"))
        for path, methods in world.http.get("/openapi.json").json()["paths"].items()
        for method in methods
    }
    assert described == {(m, p.partition("?")[0]) for m, p in ENDPOINTS if p.startswith(("/v1", "/metrics"))}


@pytest.mark.parametrize(("method", "path"), ENDPOINTS)
def test_nothing_answers_without_the_token(world: World, method: str, path: str) -> None:
    for headers in ({}, {"authorization": "Bearer"}, {"authorization": f"Basic {TOKEN}"}):
        answer = ask(world, method, path, headers)
        assert answer.status_code == 401 and error_of(answer) == "not_signed_in"
    wrong = ask(world, method, path, {"authorization": "Bearer wrong-token-of-some-length"})
    assert wrong.status_code == 401 and error_of(wrong) == "wrong_token"
    stale = ask(world, method, path, {"cookie": f"v2m_session_{world.daemon.config.port}=forged"})
    assert stale.status_code == 401 and error_of(stale) == "not_signed_in"
    assert "session" in stale.json()["error"]["message"]


@pytest.mark.parametrize(("method", "path"), ENDPOINTS)
def test_nothing_answers_to_a_wrong_host(world: World, method: str, path: str) -> None:
    port = world.daemon.port
    for host in ("evil.example", f"evil.example:{port}", f"127.0.0.1.evil.example:{port}", "127.0.0.1:1"):
        answer = ask(world, method, path, bearer(host=host))
        assert answer.status_code == 421 and error_of(answer) == "wrong_host"


@pytest.mark.parametrize(("method", "path"), ENDPOINTS)
def test_nothing_answers_to_another_origin(world: World, method: str, path: str) -> None:
    for origin in ("http://evil.example", "null", f"http://127.0.0.1:{world.daemon.port + 1}", "file://"):
        answer = ask(world, method, path, bearer(origin=origin))
        assert answer.status_code == 403 and error_of(answer) == "wrong_origin"
    for site in ("cross-site", "same-site"):
        answer = ask(world, method, path, bearer(**{"sec-fetch-site": site, "sec-fetch-mode": "no-cors"}))
        assert answer.status_code == 403


@pytest.mark.parametrize(("method", "path"), ENDPOINTS)
def test_nothing_takes_more_than_its_limit(world: World, method: str, path: str) -> None:
    answer = ask(world, method, path, bearer(**{"content-type": "application/json"}), content=b"x" * 40_000)
    assert answer.status_code == 413 and error_of(answer) == "too_large"


@pytest.mark.parametrize("path", ["/v1/scores", "/v1/uploads?name=a.otio"])
def test_a_body_without_a_length_is_counted(world: World, path: str) -> None:
    chunks = (b'{"x": "' + b"x" * 5_000 for _ in range(20))
    answer = ask(world, "POST", path, bearer(**{"content-type": "application/json"}), content=chunks)
    assert answer.status_code == 413
    assert not any(world.daemon.service.uploads.glob("*/*"))


@pytest.mark.parametrize(("method", "path"), ENDPOINTS)
def test_nothing_answers_too_often(tmp_path: Path, method: str, path: str) -> None:
    from starlette.testclient import TestClient

    from v2m_bridge.daemon.http.app import create_daemon

    daemon = create_daemon(config(tmp_path, port=8765, limits=RequestLimits(requests_per_s=0.001, request_burst=1)))
    with TestClient(daemon.asgi, base_url="http://127.0.0.1:8765", headers=bearer()) as client:
        client.get("/v1/choices")
        answer = client.request(method, path)
        assert answer.status_code == 429 and answer.headers["retry-after"]


def test_strangers_are_slowed_down_apart_from_those_who_are_known(tmp_path: Path) -> None:
    with running_daemon(config(tmp_path, limits=RequestLimits(strangers_per_s=0.001, stranger_burst=3))) as world:
        statuses = [ask(world, "GET", "/v1/health").status_code for _ in range(5)]
        assert statuses == [401, 401, 401, 429, 429]
        assert world.http.get("/v1/health").status_code == 200


def test_buckets_refill_with_time() -> None:
    now = [0.0]
    buckets = Buckets(per_s=2.0, burst=2, clock=lambda: now[0])
    assert [buckets.take("a") for _ in range(3)] == [True, True, False]
    assert buckets.take("b")
    now[0] = 0.5
    assert [buckets.take("a") for _ in range(2)] == [True, False]


def test_a_full_queue_says_429(world: World) -> None:
    jobs = [world.submit(f"slow {n}", step_s=0.05) for n in range(3)]
    answer = world.http.post("/v1/scores", json={"timeline": otio()})
    assert answer.status_code == 429 and error_of(answer) == "queue_full" and answer.headers["retry-after"]
    for job in jobs:
        world.wait(job)


def test_depth_type_and_shape_of_a_body(world: World) -> None:
    def post(body: bytes, kind: str = "application/json") -> httpx.Response:
        return ask(world, "POST", "/v1/scores", bearer(**{"content-type": kind}), content=body)

    deep = b'{"timeline": {"OTIO_SCHEMA": "Timeline.1", "a": ' + b"[" * 150 + b"]" * 150 + b"}}"
    assert post(deep).status_code == 400
    assert post(b'{"timeline": ' + b"[" * 9_000).status_code == 400
    assert post(b"{}", "text/plain").status_code == 415  # what a foreign form could send
    assert post(b"not json").status_code == 400
    assert post(b"[1, 2]").status_code == 422
    assert post(b'{"timeline_path": "/a", "timeline": {"OTIO_SCHEMA": "Timeline.1"}}').status_code == 422
    assert post(b'{"timeline": {"tracks": []}}').status_code == 422
    assert post(b'{"timeline_path": "/a.otio", "admin": true}').status_code == 422


@pytest.mark.skipif(os.name != "posix", reason="links need rights on Windows")
def test_timeline_paths_stay_in_their_folders(world: World, tmp_path: Path) -> None:
    root = world.daemon.config.edit_roots[0]
    inside = root / "ok.otio"
    inside.write_text(json.dumps(otio("inside")), encoding="utf-8")
    outside = tmp_path / "outside.otio"
    outside.write_text(json.dumps(otio("outside")), encoding="utf-8")
    (root / "link.otio").symlink_to(outside)

    def post(path: str) -> httpx.Response:
        return world.http.post("/v1/scores", json={"timeline_path": path})

    assert world.wait(post(str(inside)).json()["id"])["state"] == "done"
    bad = [
        str(outside), str(root / "link.otio"), f"{root}/../{tmp_path.name}/outside.otio", "ok.otio", "/etc/passwd",
        f"{root}x/ok.otio", "file://" + str(inside), f"{inside}\0.otio", "\\\\server\\share\\a.otio",
        str(tmp_path / "not there.otio"),
    ]  # fmt: skip
    for path in bad:
        answer = post(path)
        assert answer.status_code == 403 and error_of(answer) == "path_not_allowed", path
    missing = post(str(root / "missing.otio"))
    assert missing.status_code == 422 and str(root) not in missing.text
    (world.daemon.config.home / "inbox").mkdir(exist_ok=True)
    for name in ("token", "jobs.sqlite"):  # inside the state folder, but no edits
        assert post(str(world.daemon.config.home / name)).status_code in (403, 422)


def test_artifact_names_and_ids_lead_nowhere_else(world: World) -> None:
    job = world.submit("art")
    world.wait(job)
    (world.daemon.config.scores / job / "out" / "hidden.txt").write_text("x", encoding="utf-8")
    for name in (
        "..%2f..%2f..%2ftoken",
        "..%5c..%5ctoken",
        "%2e%2e",
        ".outcome.json",
        "hidden.txt",
        "score.mid%00",
        "",
    ):
        assert world.http.get(f"/v1/scores/{job}/artifacts/{name}").status_code == 404, name
    for odd in ("..%2f..", "%2e%2e", "A" * 500, "0123456789AB", ".uploads"):
        assert world.http.get(f"/v1/scores/{odd}").status_code == 404
        assert world.http.get(f"/v1/scores/{odd}/artifacts/token").status_code == 404
    for name in ("..%2fdaemon.py", "gate.html", "%2e%2e%2fapp.py"):
        assert world.http.get(f"/static/{name}").status_code == 404


def test_upload_names_lead_nowhere_else(world: World) -> None:
    for name in (
        "../../../tmp/x.otio",
        "C:\\Windows\\x.otio",
        "..\\..\\x.otio",
        "/etc/x.otio",
        "nul.otio",
        "a\0b.otio",
    ):
        answer = world.http.post("/v1/uploads", params={"name": name}, content=b"{}")
        assert answer.status_code == 201
        [kept] = (world.daemon.service.uploads / answer.json()["upload"]).iterdir()
        assert kept.name == answer.json()["name"]
        assert not set(answer.json()["name"]) & set("/\\\0:")
    for name in ("evil.exe", "noext", ".otio", "x.html"):
        assert world.http.post("/v1/uploads", params={"name": name}, content=b"{}").status_code == 422
    assert safe_name("con.otio") == "_con.otio"
    assert len(safe_name("x" * 500 + ".otio")) <= 120


@pytest.mark.skipif(os.name != "posix", reason="links need rights on Windows")
def test_media_outside_the_roots_is_taken_offline(tmp_path: Path) -> None:
    for folder in ("in", "out"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "a.mov").touch()
    (tmp_path / "in" / "link.mov").symlink_to(tmp_path / "out" / "a.mov")
    names = ["in/a.mov", "out/a.mov", "in/link.mov", "in/../out/a.mov"]
    shots = tuple(
        Shot(n, n + 1, str(tmp_path) + "/" + name, media_online=True, name=name) for n, name in enumerate(names)
    )
    timeline = Timeline("t", exact_rate("24"), 0, 4, shots)
    seen = confine_media(timeline, AllowedFolders([tmp_path / "in"]))
    assert [shot.media_online for shot in seen.shots] == [True, False, False, False]
    assert len(seen.warnings) == 1 and "--media-root" in seen.warnings[0]
    assert confine_media(timeline, AllowedFolders([tmp_path])) is timeline
    assert not any(shot.media_online for shot in confine_media(timeline, AllowedFolders([])).shots)


def test_a_relative_edit_path_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.otio").touch()
    with pytest.raises(V2MError, match="not absolute"):
        allowed_edit("a.otio", [tmp_path])
    assert allowed_edit(str(tmp_path / "a.otio"), [tmp_path]) == tmp_path / "a.otio"
    with pytest.raises(InputError, match="does not exist"):
        allowed_edit(str(tmp_path / "b.otio"), [tmp_path])


def test_a_link_signs_one_browser_in_once(world: World) -> None:
    url = world.http.post("/v1/links").json()["url"]
    with httpx.Client(base_url=world.url) as browser:
        assert browser.get("/", headers={"accept": "text/html"}).status_code == 401
        welcome = browser.get(url)
        cookie = welcome.headers["set-cookie"].lower()
        assert "samesite=strict" in cookie and "httponly" in cookie
        assert browser.get("/").status_code == 200
        assert browser.get("/v1/scores").status_code == 200
        post = {"timeline": otio("from a browser")}
        assert browser.post("/v1/scores", json=post).status_code == 401  # a browser always names its origin
        made = browser.post("/v1/scores", json=post, headers={"origin": world.url})
        assert made.status_code == 202
        assert world.wait(made.json()["id"])["origin"] == "console"
        assert httpx.get(url).status_code == 401
        assert browser.delete("/v1/session", headers={"origin": world.url}).status_code == 204
        assert browser.get("/v1/scores").status_code == 401


def test_links_expire_and_sessions_outlive_a_restart(tmp_path: Path) -> None:
    links = OneTimeLinks(life_s=-1)
    assert not links.redeem(links.issue())
    with running_daemon(config(tmp_path, port=0)) as world, httpx.Client() as browser:
        browser.get(world.http.post("/v1/links").json()["url"])
        cookies = dict(browser.cookies)
        assert len(cookies) == 1
    database = (tmp_path / "jobs.sqlite").read_bytes()
    assert next(iter(cookies.values())).encode() not in database  # only its digest is kept
    with running_daemon(config(tmp_path, port=0)) as world:
        assert httpx.get(world.url + "/v1/scores", cookies=cookies).status_code == 200


def test_answers_carry_headers_that_shut_the_browser_in(world: World) -> None:
    page = world.http.get("/")
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy and "script-src 'self'" in policy and "unsafe" not in policy
    assert page.headers["x-content-type-options"] == "nosniff" and page.headers["referrer-policy"] == "no-referrer"
    job = world.submit("headers")
    world.wait(job)
    sheet = world.http.get(f"/v1/scores/{job}/artifacts/cuesheet.html")
    assert sheet.headers["content-security-policy"].startswith("sandbox allow-scripts; default-src 'none'")
    assert "allow-same-origin" not in sheet.headers["content-security-policy"]
    saved = world.http.get(f"/v1/scores/{job}/artifacts/score.mid", params={"download": True})
    assert saved.headers["content-disposition"] == 'attachment; filename="headers-score.mid"'
    assert world.http.options("/v1/scores").headers.get("access-control-allow-origin") is None


def test_the_console_s_files_are_kept_by_the_browser_and_asked_for_again(world: World) -> None:
    kinds = {"app.js": "text/javascript", "style.css": "text/css", "mark.svg": "image/svg+xml"}
    for name, kind in kinds.items():
        first = world.http.get(f"/static/{name}")
        assert first.status_code == 200 and first.headers["content-type"].startswith(kind)
        assert (
            first.headers["cache-control"] == "no-cache"
            and "script-src 'self'" in (first.headers["content-security-policy"])
        )
        again = world.http.get(f"/static/{name}", headers={"if-none-match": first.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")
    assert world.http.get("/").headers["content-type"].startswith("text/html")
    assert error_of(world.http.get("/static/nothing.js")) == "not_found"


def test_the_token_file_is_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "state" / "token"
    token = new_token()
    assert len(token) >= 40 and new_token() != token
    write_token(path, token)
    assert read_token(path) == token
    if os.name == "posix":
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        path.chmod(0o644)
        write_token(path, new_token())
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [entry.name for entry in path.parent.iterdir()] == ["token"]


def test_another_address_than_loopback_needs_a_token_of_ones_own(
    own_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from v2m_bridge.daemon import server
    from v2m_bridge.daemon.config import DaemonConfig

    seen: list[DaemonConfig] = []
    monkeypatch.setattr(server, "run", lambda made, started: seen.append(made))
    monkeypatch.delenv("V2M_TOKEN", raising=False)
    run = CliRunner().invoke
    assert "token" in str(run(app, ["serve", "--host", "0.0.0.0"]).exception)
    for name, text in (("short", "short\n"), ("long", "t" * 20 + "\n")):
        (own_home / name).parent.mkdir(parents=True, exist_ok=True)
        (own_home / name).write_text(text, encoding="ascii")
    assert "at least 16" in str(
        run(app, ["serve", "--host", "0.0.0.0", "--token-file", str(own_home / "short")]).exception
    )
    assert not seen
    given = ["--token-file", str(own_home / "long")]
    run(app, ["serve", "--host", "0.0.0.0", *given, "--allow-host", "scores.local", "--port", "9000"])
    run(app, ["serve"])
    run(app, ["serve"])
    assert seen[0].token == "t" * 20 and not seen[0].loopback and seen[0].engine.confine_to == ()
    assert "scores.local:9000" in seen[0].hosts(9000) and "evil:9000" not in seen[0].hosts(9000)
    assert seen[0].token_file is None, "a token of one's own is not written anywhere"
    assert seen[1].loopback and seen[1].token_file == own_home / "token"
    assert len({made.token for made in seen}) == 3, "every start has a new token"


def test_raw_nonsense_on_the_socket_leaves_it_serving(world: World) -> None:
    port = world.daemon.port
    for junk in (
        b"\x16\x03\x01\x02\x00\x01\x00", b"GET / HTTP/9.9\r\n\r\n", b"\0" * 2000, b"POST /v1/scores HTTP/1.1\r\n",
        f"GET /v1/health HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nHost: evil\r\n\r\n".encode(),
        f"POST /v1/scores HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Length: -5\r\n\r\n".encode(),
        b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\n\r\n",
    ):  # fmt: skip
        with socket.create_connection(("127.0.0.1", port)) as raw:
            raw.sendall(junk)
            raw.shutdown(socket.SHUT_WR)
            raw.settimeout(60)
            with contextlib.suppress(ConnectionResetError):
                assert b" 200 " not in raw.recv(200)
    assert world.http.get("/v1/health").status_code == 200
