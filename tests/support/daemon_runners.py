"""Cheap stand-ins for the pipeline, run by the real worker process.

What they do is told by the text of the edit: ``{"name": "...", "do": "..."}`` inside an OTIO document.
"""

from __future__ import annotations

import errno
import json
import os
import signal
import time
from pathlib import Path
from typing import Any

from v2m_bridge.daemon.config import EngineSetup
from v2m_bridge.daemon.jobs.job import Summary
from v2m_bridge.errors import CheckpointError, InputError
from v2m_bridge.options import ScoreOptions
from v2m_bridge.progress import Progress

STEPS = 10


class CheapRunner:
    """Takes ``step_s`` ten times, writes two files, and notes every run in ``cache/runs.log``."""

    def __init__(self, setup: EngineSetup) -> None:
        self._log = Path(setup.cache or ".") / "runs.log"
        self._log.parent.mkdir(parents=True, exist_ok=True)

    def warm(self) -> None:
        """Nothing to load."""

    def run(self, source: Path, options: ScoreOptions, work: Path, progress: Progress) -> Summary:
        wish: dict[str, Any] = json.loads(source.read_text(encoding="utf-8"))
        do, step_s = wish.get("do", "score"), float(wish.get("step_s", 0.0))
        self._note("begin", wish)
        progress("edit", 0.0)
        for step in range(STEPS):
            progress("footage", step / STEPS)
            time.sleep(step_s)
        self._misbehave(do, wish)
        progress("files", 0.0)
        work.mkdir()
        (work / "score.mid").write_bytes(b"MThd" + json.dumps(wish, sort_keys=True).encode() * 50)
        time.sleep(step_s)
        seed = options.direction.seed
        (work / "score.json").write_text(json.dumps({"name": wish.get("name"), "seed": seed}), encoding="utf-8")
        (work / "cuesheet.html").write_text("<!doctype html><title>cue</title><p>cue sheet", encoding="utf-8")
        self._note("end", wish)
        return Summary(
            name=str(wish.get("name")), key="A minor", seed=seed, checkpoint="none", duration_s=60.0, cuts=3,
            hits=4, landed=4, landed_share=1.0, min_bpm=96.0, max_bpm=99.0, chords=12, parts=("Piano",),
        )  # fmt: skip

    def _misbehave(self, do: str, wish: dict[str, Any]) -> None:
        if do == "refuse":
            raise InputError("the edit is empty", "put a clip on the timeline")
        if do == "bug":
            raise ZeroDivisionError("secret detail of /somewhere/inside.py")
        if do == "crash" or (do == "crash once" and self._runs(wish) == 1):
            os.kill(os.getpid(), getattr(signal, "SIGKILL", signal.SIGTERM))
        if do == "disk full" or (do == "disk full once" and self._runs(wish) == 1):
            raise OSError(errno.ENOSPC, "No space left on device", "score.mid")
        if do == "hang":
            time.sleep(600)

    def _note(self, what: str, wish: dict[str, Any]) -> None:
        with self._log.open("a", encoding="utf-8") as file:
            file.write(f"{what} {wish.get('name')}\n")

    def _runs(self, wish: dict[str, Any]) -> int:
        return self._log.read_text(encoding="utf-8").splitlines().count(f"begin {wish.get('name')}")


class NetworkMissing(CheapRunner):
    """As it is when the checkpoint is damaged."""

    def warm(self) -> None:
        raise CheckpointError("the checkpoint is damaged", "install v2m-bridge again")
