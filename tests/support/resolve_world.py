"""A desk with Resolve, the installed menu scripts, a state folder and a daemon that scores in no time."""

from __future__ import annotations

import dataclasses
import json
import threading
import wave
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from fractions import Fraction
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from v2m_bridge.daemon.inbox.answer import InboxAnswer, answer_of
from v2m_bridge.daemon.inbox.folder import Inbox
from v2m_bridge.daemon.inbox.results import results_of
from v2m_bridge.daemon.jobs.job import Advance, Job, JobError, State, Summary
from v2m_bridge.errors import V2MError
from v2m_bridge.options import ScoreOptions
from v2m_bridge.resolve.install import LUA_ENTRIES, LUA_NAME, PYTHON_NAME, BringBack, System, exchange, install
from v2m_bridge.testing.resolve.edit import Clip, EditMarker, EditTrack, Media, ResolveEdit
from v2m_bridge.testing.resolve.model import ResolveModel
from v2m_bridge.testing.resolve.scripts import ScriptHost
from v2m_bridge.testing.resolve.state import Edition

CHORD_SYMBOLS = ("Am", "F", "C", "G7")
RATES = {
    "24": (Fraction(24), 86400, False),
    "23.976": (Fraction(24000, 1001), 86400, False),
    "25": (Fraction(25), 90000, False),
    "29.97 DF": (Fraction(30000, 1001), 107892, True),
    "59.94": (Fraction(60000, 1001), 216000, False),
}
"""Rate by name, its start frame at one hour, and whether it drops frames."""


def film(rate: Fraction = Fraction(24), start_frame: int = 86400, **changes: Any) -> ResolveEdit:
    """Four shots of two files, a marker, a name that is not ASCII."""
    a = Media("/footage/a.mov", rate, 5000, start_tc_frame=86400)
    b = Media("/footage/b.mov", Fraction(25), 5000)
    track = EditTrack((Clip(0, 48, a, 100), Clip(48, 60, b, 10), Clip(108, 33, a, 700), Clip(141, 99, b, 400)))
    values: dict[str, Any] = {
        "name": "Schnitt Ä 3",
        "rate": rate,
        "start_frame": start_frame,
        "video": (track,),
        "markers": (EditMarker(108, "Red", "HIT", "door slams"),),
    }
    return ResolveEdit(**(values | changes))


@dataclass
class Jobs:
    """A daemon's queue: each look moves a job on, queued -> running -> done."""

    edit: ResolveEdit
    home: Path
    preview_rate_hz: int = 8000
    warnings: tuple[str, ...] = ()
    cancelled: set[str] = field(default_factory=set)
    health: dict[str, str] = field(default_factory=lambda: {"status": "ok", "version": "0.1.0"})
    refuse: V2MError | None = None
    fail: dict[str, str] | None = None
    sources: dict[str, dict[str, Any]] = field(default_factory=dict)
    options: dict[str, dict[str, Any]] = field(default_factory=dict)
    looks: dict[str, int] = field(default_factory=dict)

    def add(self, source: dict[str, Any], options: dict[str, Any]) -> str:
        if self.refuse:
            raise self.refuse
        job = f"{len(self.sources) + 1:012x}"
        self.sources[job], self.options[job], self.looks[job] = source, options, 0
        return job

    def submit(self, path: Path, options: ScoreOptions) -> str:
        default, asked = ScoreOptions().model_dump(), options.model_dump()
        changed = {key: value for key, value in asked.items() if value != default[key]}
        return self.add(json.loads(path.read_text(encoding="utf-8")), changed)

    def find(self, job: str) -> Job | None:
        """As the daemon's store keeps it."""
        document = self.status(job)
        if document is None:
            return None
        error = JobError.model_validate({"code": "bad_media"} | document["error"]) if "error" in document else None
        rest = {"name": "", "seed": 0, "checkpoint": "", "duration_s": 10, "cuts": 3, "landed_share": 1, "chords": 4}
        summary = Summary.model_validate(document["summary"] | rest) if "summary" in document else None
        state, options = State(document["state"]), ScoreOptions()
        return Job(job, 1, state, "", "", "inbox", options, 0.0, error=error, summary=summary)

    def status(self, job: str) -> dict[str, Any] | None:
        if job not in self.looks:
            return None
        self.looks[job] += 1
        state = "queued" if self.looks[job] < 2 else "running" if self.looks[job] < 4 else "done"
        if job in self.cancelled:
            return {"id": job, "state": "cancelled", "stage": "", "progress": 0.0}
        document: dict[str, Any] = {"id": job, "state": state, "stage": "footage", "progress": 0.25 * self.looks[job]}
        if state == "done" and self.fail:
            return document | {"state": "failed", "error": self.fail}
        if state == "done":
            document["summary"] = {"key": "A minor", "min_bpm": 92.4, "max_bpm": 97.2, "hits": 4, "landed": 4}
            document["summary"]["warnings"] = self.warnings
        return document

    def answer(self, job_id: str, job: Job | None) -> InboxAnswer:
        """As the daemon words it, with what the score brings back; the score's files are written when it is done."""
        if job is None or job.state is not State.DONE:
            advance = Advance("footage", 0.5, 0.25 * self.looks.get(job_id, 0))
            return answer_of(job_id, job, advance)
        out = self.home / "scores" / job_id
        out.mkdir(parents=True, exist_ok=True)
        (out / "score.json").write_text(json.dumps(self.score(job_id)), encoding="utf-8")
        if self.options[job_id].get("preview"):
            self.preview(out / "preview.wav")
        results = results_of(dataclasses.replace(job, id=job_id), out, self.home / "previews", None)
        return answer_of(job_id, job, results=dataclasses.replace(results, places=()))

    def score(self, job: str) -> dict[str, Any]:
        """A chord every half second and a hit on every cut, counted from the start of what was scored."""
        rate, first = self.edit.rate, self.options[job].get("first_frame", 0)
        length = self.options[job].get("end_frame", self.edit.length) - first
        times = [Fraction(n, 2) for n in range(int(length / rate * 2) + 1)]
        cuts = [c.start - first for t in self.edit.video for c in t.clips if 0 < c.start - first < length]
        return {
            "timeline": {"rate": str(rate), "start_frame": self.edit.start_frame + first},
            "chords": [
                {"symbol": CHORD_SYMBOLS[n % 4], "start_s": float(round(t * rate) / rate)} for n, t in enumerate(times)
            ],
            "fit": {
                "hits": [{"frame": frame, "lands": "downbeat"} for frame in cuts] + [{"frame": 5, "lands": "miss"}]
            },
        }

    def preview(self, path: Path) -> None:
        """A silent sound as long as the edit."""
        with wave.open(str(path), "wb") as sound:
            sound.setparams((1, 2, self.preview_rate_hz, 0, "NONE", ""))
            sound.writeframes(b"\0\0" * int(self.edit.length / self.edit.rate * self.preview_rate_hz))


@dataclass
class World:
    """Everything that one press of the menu entry touches."""

    home: Path
    machine: System
    model: ResolveModel
    host: ScriptHost
    jobs: Jobs
    inbox: Inbox
    daemon_runs: bool = True
    waits: int = 0

    def script(self, name: str) -> Path:
        return self.machine.script_folders[0] / "Utility" / name

    def press_lua(self) -> None:
        self.host.run_lua(self.script(LUA_NAME))

    def press_entry(self, mode: str) -> None:
        self.host.run_lua(self.script(LUA_ENTRIES[mode]))

    def press_python(self, *arguments: str) -> None:
        self.host.run_python(self.script(PYTHON_NAME), arguments)

    def tick(self, now_s: float) -> None:
        self.waits += 1
        assert self.waits < 20_000, "the script never ends"
        if self.daemon_runs:
            self.inbox.poll()

    @property
    def markers(self) -> dict[float, dict[str, Any]]:
        assert self.model.project.timeline
        return self.model.project.timeline.GetMarkers()

    def ours(self, data: str = "v2m:status") -> dict[float, dict[str, Any]]:
        return {frame: marker for frame, marker in self.markers.items() if marker["customData"] == data}

    def status_marker(self) -> tuple[float, dict[str, Any]]:
        """The one marker that shows how it went."""
        found = self.ours()
        assert len(found) == 1, f"one status marker, not {found}"
        return next(iter(found.items()))


def world(
    tmp_path: Path,
    edition: Edition,
    edit: ResolveEdit | None,
    port: int = 1,
    bring_back: BringBack = BringBack(),
    **model: Any,
) -> World:
    """A fresh desk; nothing listens on ``port`` unless :func:`daemon` is entered."""
    home, user = tmp_path / "state", tmp_path / "user"
    machine = System("linux", user, {})
    install(home, port, machine, bring_back)
    prefs = machine.fusion / "Profiles" / "Default" / "Fusion.prefs"
    resolve = ResolveModel(edition, edit, prefs_file=prefs, **model)
    host = ScriptHost(resolve)
    jobs = Jobs(edit or film(), home)
    folders = exchange(home, machine)
    inbox = Inbox(
        folders.inbox, folders.outbox, jobs.submit, jobs.find, lambda: host.now_s, jobs.answer, jobs.cancelled.add
    )
    desk = World(home, machine, resolve, host, jobs, inbox)
    host.on_wait = desk.tick
    return desk


TOKEN = "0123456789abcdef" * 4


@contextmanager
def daemon(jobs: Jobs, home: Path, token: str = TOKEN) -> Iterator[int]:
    """The pinned HTTP interface over ``jobs`` on a free port of this machine; the token lies in ``home``."""
    home.mkdir(parents=True, exist_ok=True)
    (home / "token").write_text(token + "\n")

    class Handler(BaseHTTPRequestHandler):
        def reply(self, code: int, body: bytes | dict[str, Any]) -> None:
            data = body if isinstance(body, bytes) else json.dumps(body).encode()
            self.send_response(code)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def refuse(self, code: int, message: str) -> None:
            self.reply(code, {"error": {"code": "no", "message": message, "hint": None}})

        def allowed(self) -> bool:
            if self.headers["Authorization"] == f"Bearer {TOKEN}":
                return True
            self.refuse(401, "wrong token")
            return False

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if not self.allowed():
                return
            try:
                job = jobs.add(body["timeline"], body["options"])
            except V2MError as error:
                self.refuse(422, error.message)
                return
            self.reply(202, {"id": job, "state": "queued"})

        def do_GET(self) -> None:
            if not self.allowed():
                return
            parts = self.path.split("/")
            if parts[2] == "health":
                self.reply(200, jobs.health)
            elif len(parts) == 4:
                self.reply(200, jobs.status(parts[3]) or {})
            else:
                self.reply(200, jobs.answer(parts[3], jobs.find(parts[3])).model_dump())

        def do_DELETE(self) -> None:
            if self.allowed():
                jobs.cancelled.add(self.path.split("/")[3])
                self.reply(200, {})

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
