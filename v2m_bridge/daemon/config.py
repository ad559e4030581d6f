"""What one daemon was started with: folders, addresses, limits. Built once by ``serve`` and by tests."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

MIB = 1024 * 1024
GIB = 1024 * MIB

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
"""The only addresses that need no explicit token."""


@dataclass(frozen=True)
class RequestLimits:
    """What one client or one file may use of this machine at most.

    Attributes:
        document_bytes: body of ``POST /v1/scores`` (an OTIO document of a two-hour film is below 30 MiB).
        upload_bytes: a file sent to ``POST /v1/uploads``.
        plain_bytes: body of every other request.
        depth: nesting of a JSON body.
        queue: jobs that may wait or run at once.
        streams: event streams open at once.
        requests_per_s, request_burst: token bucket of each signed-in client.
        strangers_per_s, stranger_burst: token bucket of each address that has not signed in.
        keep_jobs, keep_bytes: finished scores kept; the oldest go first.
        cancel_grace_s: how long a cancelled job may go on before its process is ended.
        patience: factor on how long each stage may report nothing (``worker/patience.py``).
        crashes: how often the process may die under a job before the job has failed.
    """

    document_bytes: int = 32 * MIB
    upload_bytes: int = 16 * GIB
    plain_bytes: int = 64 * 1024
    depth: int = 128
    queue: int = 256
    streams: int = 256
    requests_per_s: float = 100.0
    request_burst: int = 400
    strangers_per_s: float = 10.0
    stranger_burst: int = 60
    keep_jobs: int = 500
    keep_bytes: int = 20 * GIB
    cancel_grace_s: float = 0.7
    patience: float = 1.0
    crashes: int = 2


@dataclass(frozen=True)
class EngineSetup:
    """What the worker loads, sent to its process as JSON.

    Attributes:
        media_roots: folders in which media that an edit names is looked for.
        confine_to: folders in which media may be opened at all; None: the user's folder and the drives that are there
            when a score is made.
        cache: folder of the measured pictures; None: none.
        clip_weights, checkpoint: files of weights; None: what is installed.
        device: ``"auto"``, ``"cpu"``, ``"cuda"`` or ``"mps"``.
    """

    media_roots: tuple[str, ...] = ()
    confine_to: tuple[str, ...] | None = ()
    cache: str | None = None
    clip_weights: str | None = None
    checkpoint: str | None = None
    device: str = "auto"


@dataclass(frozen=True)
class DaemonConfig:
    """One daemon.

    Attributes:
        home: state folder (``scores/``, ``inbox/``, ``outbox/``, ``jobs.sqlite``, ``token``).
        token: bearer token that programs present.
        token_file: where it is left for programs of this user; None: they know it.
        host, port: where HTTP listens; port 0 takes a free one.
        osc_port: UDP port of OSC on loopback, 0 for none.
        allow_hosts: further ``Host`` names to answer to.
        edit_roots, media_roots: folders that edits, and media named by edits, may be read from.
        lanes: jobs that the worker runs at the same time (one decodes pictures while another writes chords).
        runner: ``module:factory`` of what the worker runs.
        runner_path: extra import folders of the worker process.
        watch_inbox: whether files that appear in ``inbox/`` become jobs.
    """

    home: Path
    token: str = field(repr=False)
    token_file: Path | None = None
    host: str = "127.0.0.1"
    port: int = 8765
    osc_port: int = 8766
    allow_hosts: tuple[str, ...] = ()
    edit_roots: tuple[Path, ...] = ()
    media_roots: tuple[Path, ...] = ()
    lanes: int = 2
    runner: str = "v2m_bridge.daemon.worker.runner:PipelineRunner"
    runner_path: tuple[str, ...] = ()
    engine: EngineSetup = field(default_factory=EngineSetup)
    watch_inbox: bool = True
    limits: RequestLimits = field(default_factory=RequestLimits)

    @property
    def loopback(self) -> bool:
        """Whether only this machine can reach HTTP."""
        return self.host in LOOPBACK

    @property
    def scores(self) -> Path:
        """Folder of the jobs' own folders."""
        return self.home / "scores"

    @property
    def may_read(self) -> tuple[Path, ...]:
        """Folders that edits named by a path may lie in, today."""
        return (self.home, *self.edit_roots, *self.media_roots)

    def hosts(self, port: int) -> frozenset[str]:
        """Every ``Host`` header that is answered when HTTP listens on ``port``."""
        names = {"127.0.0.1", "localhost", "[::1]", *self.allow_hosts}
        if not self.loopback and self.host not in ("0.0.0.0", "::"):
            names.add(f"[{self.host}]" if ":" in self.host else self.host)
        plain = {name.lower() for name in names}
        return frozenset({f"{name}:{port}" for name in plain} | (plain if port in (80, 443) else set(self.allow_hosts)))
