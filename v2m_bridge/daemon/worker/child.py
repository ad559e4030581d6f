"""The worker process as the daemon sees it: its pipes, its start and its end."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from pydantic import BaseModel

from v2m_bridge.daemon.config import DaemonConfig
from v2m_bridge.daemon.logs import LARGEST_LOG_BYTES, WORKER_LOG
from v2m_bridge.daemon.worker.protocol import SetUp, line
from v2m_bridge.files.rename import rename
from v2m_bridge.settings import LOGS, make_folder
from v2m_bridge.windows import console_python, no_window


@contextmanager
def _complaints(folder: Path) -> Iterator[IO[bytes] | None]:
    """Where the process writes what is no answer: our stderr, or a file where we have none (``pythonw``)."""
    if sys.stderr is not None:
        yield None
        return
    path = make_folder(folder) / WORKER_LOG
    if path.is_file() and path.stat().st_size > LARGEST_LOG_BYTES:
        rename(path, path.with_suffix(".old.log"))
    with path.open("ab") as file:
        yield file


class WorkerChild:
    """The worker process from its start to its exit."""

    def __init__(self, config: DaemonConfig) -> None:
        environment = dict(os.environ)
        extra = [*config.runner_path, *([environment["PYTHONPATH"]] if environment.get("PYTHONPATH") else [])]
        if extra:
            environment["PYTHONPATH"] = os.pathsep.join(extra)
        with _complaints(config.home / LOGS) as complaints:
            self.popen = subprocess.Popen(
                [console_python(), "-m", "v2m_bridge.daemon.worker.process"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=complaints,
                env=environment,
                creationflags=no_window(),
            )
        self.ready = False
        self.ended_by_us = False
        self._write_lock = threading.Lock()
        lock = config.scores / ".worker.lock"
        self.send(SetUp(runner=config.runner, lanes=config.lanes, lock=str(lock), engine=config.engine))

    @property
    def output(self) -> IO[bytes]:
        """What it says, line by line, until it ends."""
        assert self.popen.stdout is not None
        return self.popen.stdout

    def send(self, message: BaseModel) -> None:
        """Tell it something; nothing happens when it has died."""
        assert self.popen.stdin is not None
        with self._write_lock, contextlib.suppress(OSError, ValueError):  # the reading thread notices that it died
            self.popen.stdin.write(line(message))  # type: ignore[arg-type]
            self.popen.stdin.flush()

    def kill(self) -> None:
        """End it at once; whatever it was doing starts over without blame."""
        self.ended_by_us = True
        self.popen.kill()

    def close(self) -> int:
        """Close the pipes, wait for the exit and give its code; for when its output has ended."""
        assert self.popen.stdin is not None
        with contextlib.suppress(OSError):
            self.popen.stdin.close()
        self.output.close()
        return self.popen.wait()
