"""Logs: coloured for a person at a terminal, one JSON object a line for everything else."""

from __future__ import annotations

import json
import logging
import sys
import time
from collections import Counter
from logging.handlers import RotatingFileHandler
from pathlib import Path

from v2m_bridge.daemon.rate_limit import Buckets
from v2m_bridge.settings import make_folder

LEVELS = ("debug", "info", "warning", "error")

_PLAIN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class JsonLines(logging.Formatter):
    """One JSON object a record; what was given as ``extra`` becomes fields."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as one line of JSON."""
        at = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        fields: dict[str, object] = {
            "time": f"{at}.{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        fields |= {key: value for key, value in vars(record).items() if key not in _PLAIN}
        if record.exc_info:
            fields["trace"] = self.formatException(record.exc_info)
        return json.dumps(fields, ensure_ascii=False, default=str)


class FloodGate(logging.Filter):
    """Lets so many records of one logger through in a while; the next one after a flood says how many it kept back."""

    def __init__(self, per_s: float = 5.0, burst: int = 200) -> None:
        super().__init__()
        self._buckets = Buckets(per_s, burst)
        self._kept_back: Counter[str] = Counter()

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the record is written."""
        if not self._buckets.take(record.name):
            self._kept_back[record.name] += 1
            return False
        if kept_back := self._kept_back.pop(record.name, 0):
            record.kept_back = kept_back
            record.msg, record.args = f"{record.getMessage()} ({kept_back} more lines were not written)", ()
        return True


LOG_FILE = "daemon.log"
WORKER_LOG = "worker.log"
LARGEST_LOG_BYTES = 4 * 1024 * 1024
OLDER_LOGS = 3


def log_to(folder: Path) -> logging.Handler:
    """A handler that writes :data:`LOG_FILE` in ``folder`` and begins a new one when it has grown large.

    Raises:
        SetupError: the folder cannot be made or written to.
    """
    make_folder(folder)
    return RotatingFileHandler(
        folder / LOG_FILE, maxBytes=LARGEST_LOG_BYTES, backupCount=OLDER_LOGS, encoding="utf-8", errors="replace"
    )


def set_up(level: str = "info", folder: Path | None = None) -> None:
    """Send every log to stderr, in the form that fits; without one (``pythonw``) to a file in ``folder``.

    Raises:
        SetupError: the folder cannot be made or written to.
    """
    handler: logging.Handler
    if sys.stderr is None and folder is not None:
        handler = log_to(folder)
        handler.setFormatter(JsonLines())
    elif sys.stderr is not None and sys.stderr.isatty():
        from rich.console import Console
        from rich.logging import RichHandler

        handler = RichHandler(console=Console(stderr=True), show_path=False, rich_tracebacks=False)
        handler.setFormatter(logging.Formatter("%(message)s", datefmt="%X"))
    else:
        handler = logging.StreamHandler()
        handler.setFormatter(JsonLines())
    handler.addFilter(FloodGate())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    for name in ("asyncio", "uvicorn"):
        logging.getLogger(name).setLevel(logging.WARNING)
