"""A small client of the daemon, with nothing but the standard library below it.

>>> client = DaemonClient.of_this_machine()          # doctest: +SKIP
>>> score = client.submit_file(Path("montage.otio"))  # doctest: +SKIP
>>> client.wait(score).summary.key                    # doctest: +SKIP
'A minor'
"""

from __future__ import annotations

import http.client
import json
import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import quote, urlsplit

from v2m_bridge.daemon.schemas import ScoreStatus
from v2m_bridge.daemon.tokens import read_token
from v2m_bridge.errors import Cancelled, HostAbsent, HostError, InputError, SetupError, V2MError
from v2m_bridge.files.staging import staged
from v2m_bridge.options import ScoreOptions
from v2m_bridge.progress import Progress, silent

TRIES = 20
FINISHED = ("done", "failed", "cancelled")
START_IT = "start it: v2m-bridge serve"


class Refused(V2MError):
    """The daemon answered with an error; ``code`` is the daemon's."""

    def __init__(self, status: int, code: str, message: str, hint: str | None) -> None:
        super().__init__(message, hint)
        self.status = status
        self.code = code


class DaemonClient:
    """Talks to one daemon.

    Args:
        url: ``http://127.0.0.1:8765``.
        token: its bearer token.
        timeout_s: patience for one answer.
    """

    def __init__(self, url: str, token: str, timeout_s: float = 30.0) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise InputError(f"{url!r} is not the address of a daemon", "for instance http://127.0.0.1:8765")
        self._https = parts.scheme == "https"
        self._host, self._port = parts.hostname, parts.port
        self._headers = {"Authorization": f"Bearer {token}"}
        self._timeout_s = timeout_s

    @staticmethod
    def of_this_machine() -> DaemonClient:
        """The daemon of this user's state folder. The token goes nowhere else: the daemon has to hold its lock.

        Raises:
            HostAbsent: it does not run.
            SetupError: there is no token that this user could read.
        """
        import os

        from v2m_bridge.daemon.whereabouts import alive
        from v2m_bridge.settings import home

        folder = home().expanduser()
        about = alive(folder)
        if about is None:
            raise HostAbsent(f"no daemon runs on {folder}", START_IT)
        token = os.environ.get("V2M_TOKEN") or read_token(folder / "token")
        if token is None:
            raise SetupError("the daemon was started with a token of its own", "set V2M_TOKEN to it")
        return DaemonClient(about.url, token)

    # -- scores

    def submit_file(self, path: Path, options: ScoreOptions | None = None, push: bool = False) -> str:
        """Score a file: where it lies if the daemon may read it there, else a copy of it is sent.

        Returns:
            The score's id.

        Raises:
            Refused, HostError, InputError: not accepted, no daemon, no such file.
        """
        path = path.absolute()
        if not path.exists():
            raise InputError(f"{path} does not exist")
        try:
            return self.submit({"timeline_path": str(path)}, options, push)
        except Refused as refusal:
            if refusal.code != "path_not_allowed" or path.is_dir():
                raise
        with path.open("rb") as file:
            answer = self._json(
                "POST", f"/v1/uploads?name={quote(path.name)}", file, {"Content-Length": str(path.stat().st_size)}
            )
        return self.submit({"upload": answer["upload"]}, options, push)

    def submit(self, source: dict[str, Any], options: ScoreOptions | None = None, push: bool = False) -> str:
        """Score ``{"timeline_path"}``, ``{"timeline"}``, ``{"upload"}`` or ``{"again"}``; safe to be repeated.

        A full queue and a lost connection are tried again for a while, with a key that prevents a second score.
        """
        body = json.dumps({**source, "options": (options or ScoreOptions()).model_dump(mode="json"), "push": push})
        headers = {"Content-Type": "application/json", "Idempotency-Key": secrets.token_hex(16)}
        for attempt in range(TRIES):
            try:
                return str(self._json("POST", "/v1/scores", body.encode(), headers)["id"])
            except Refused as refusal:
                if refusal.status != 429 or attempt == TRIES - 1:
                    raise
            except HostError:
                if attempt >= 2:
                    raise
            time.sleep(min(2.0, 0.1 * 2**attempt))
        raise AssertionError("not reached")

    def status(self, score_id: str) -> ScoreStatus:
        """Where a score is."""
        return ScoreStatus.model_validate(self._json("GET", f"/v1/scores/{quote(score_id, safe='')}"))

    def scores(self, limit: int = 50) -> list[ScoreStatus]:
        """The newest scores."""
        return [ScoreStatus.model_validate(row) for row in self._json("GET", f"/v1/scores?limit={limit}")["scores"]]

    def cancel(self, score_id: str) -> None:
        """Stop a score that waits or runs."""
        self._json("DELETE", f"/v1/scores/{quote(score_id, safe='')}")

    def push(self, score_id: str) -> str:
        """Bring a finished score into REAPER; says what happened."""
        return str(self._json("POST", f"/v1/scores/{quote(score_id, safe='')}/push", b"")["message"])

    def events(self, score_id: str) -> Iterator[dict[str, Any]]:
        """What happens to a score, as it happens, until it has finished."""
        path = f"/v1/scores/{quote(score_id, safe='')}/events"
        with self._request("GET", path, timeout_s=60.0) as response:
            for raw in response:
                if raw.startswith(b"data: "):
                    yield json.loads(raw[6:])

    def wait(self, score_id: str, progress: Progress = silent) -> ScoreStatus:
        """Follow a score to its end; a lost connection is taken up again.

        Raises:
            Cancelled: somebody cancelled it, or ``progress`` did (then the daemon is told).
            Refused: it failed, with the pipeline's own message.
        """
        try:
            while (status := self.status(score_id)).state not in FINISHED:
                with _pause_after_lost_connection():
                    for event in self.events(score_id):
                        if event.get("stage"):
                            progress(event["stage"], event["stage_progress"])
        except (Cancelled, KeyboardInterrupt):
            self.cancel(score_id)
            raise
        if status.state == "cancelled":
            raise Cancelled("the score was cancelled")
        if status.error is not None:
            raise Refused(200, status.error.code, status.error.message, status.error.hint)
        return status

    def fetch(self, score_id: str, name: str, path: Path) -> None:
        """Write one file of a finished score to ``path``."""
        url = f"/v1/scores/{quote(score_id, safe='')}/artifacts/{quote(name, safe='')}"
        with self._request("GET", url) as response, path.open("wb") as file:
            shutil.copyfileobj(response, file)

    # -- the daemon

    def health(self) -> dict[str, Any]:
        """How the daemon is."""
        answer: dict[str, Any] = self._json("GET", "/v1/health")
        return answer

    def metrics(self) -> str:
        """Counters in Prometheus' text format."""
        with self._request("GET", "/metrics") as response:
            return response.read().decode()

    def link(self) -> str:
        """A link that opens the console in one browser, once."""
        return str(self._json("POST", "/v1/links", b"")["url"])

    # -- the wire

    def _json(
        self, method: str, path: str, body: bytes | BinaryIO | None = None, headers: dict[str, str] | None = None
    ) -> Any:
        with self._request(method, path, body, headers) as response:
            return json.loads(response.read())

    @contextmanager
    def _request(
        self,
        method: str,
        path: str,
        body: bytes | BinaryIO | None = None,
        headers: dict[str, str] | None = None,
        timeout_s: float | None = None,
    ) -> Iterator[http.client.HTTPResponse]:
        kind = http.client.HTTPSConnection if self._https else http.client.HTTPConnection
        connection = kind(self._host, self._port, timeout=timeout_s or self._timeout_s)
        try:
            connection.request(method, path, body, {**self._headers, **(headers or {})})
            response = connection.getresponse()
            if response.status >= 400:
                raise _refusal(response)
            yield response
        except (OSError, http.client.HTTPException) as error:
            where = f"{self._host}:{self._port}"
            raise HostAbsent(f"the daemon at {where} does not answer ({type(error).__name__})", START_IT) from error
        finally:
            connection.close()


def _refusal(response: http.client.HTTPResponse) -> Refused:
    try:
        error = json.loads(response.read(65536))["error"]
        return Refused(response.status, str(error["code"]), str(error["message"]), error.get("hint"))
    except (ValueError, KeyError, TypeError):
        return Refused(response.status, "refused", f"the daemon answered {response.status}", "is it another program?")


@contextmanager
def _pause_after_lost_connection() -> Iterator[None]:
    try:
        yield
    except HostError:
        time.sleep(0.5)


def score_via_daemon(
    source: Path, out: Path, options: ScoreOptions, progress: Progress = silent, client: DaemonClient | None = None
) -> tuple[str, ...]:
    """What ``v2m-bridge score`` does, done by the daemon of this machine: the same files, all of them or none.

    Returns:
        The names of the files in ``out``.

    Raises:
        V2MError: no daemon, or whatever the pipeline says of the input.
    """
    client = client or DaemonClient.of_this_machine()
    score_id = client.submit_file(source, options)
    status = client.wait(score_id, progress)
    with staged(out) as folder:
        for name in status.artifacts:
            client.fetch(score_id, name, folder / name)
    return tuple(status.artifacts)
