"""The daemon without a console, as ``pythonw`` and a logon task run it: no stdin, stdout or stderr."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from v2m_bridge.daemon import logs
from v2m_bridge.daemon.whereabouts import running
from v2m_bridge.windows import no_window

PROGRAM = """
import sys
sys.stdin = sys.stdout = sys.stderr = None
from v2m_bridge.cli.main import main
main(sys.argv[1:])
"""


def python() -> str:
    """``pythonw`` on Windows; elsewhere the streams are taken away by :data:`PROGRAM`."""
    beside = Path(sys.executable).with_name("pythonw.exe")
    return str(beside) if beside.exists() else sys.executable


def start(home: Path, *arguments: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [python(), "-c", PROGRAM, "serve", "--port", "0", "--osc-port", "0", *arguments],
        env={**os.environ, "V2M_HOME": str(home)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        creationflags=no_window(),
    )


def log_lines(home: Path) -> list[dict[str, object]]:
    try:
        text = (home / "logs" / logs.LOG_FILE).read_text(encoding="utf-8")
    except OSError:
        return []
    return [json.loads(line) for line in text.splitlines()]


def test_it_serves_logs_to_a_file_and_says_there_why_a_second_one_does_not_start(tmp_path: Path) -> None:
    first = start(tmp_path)
    try:
        until = time.monotonic() + 120
        while not any("ready on port" in str(line["message"]) for line in log_lines(tmp_path)):
            assert first.poll() is None, log_lines(tmp_path)
            assert time.monotonic() < until
            time.sleep(0.1)
        assert running(tmp_path) is not None
        assert start(tmp_path).wait(120) == 2
        assert any("a daemon already runs" in str(line["message"]) for line in log_lines(tmp_path))
        assert (tmp_path / "logs" / logs.WORKER_LOG).is_file()
    finally:
        first.terminate()
        first.wait(60)


def test_the_log_begins_anew_before_it_is_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import logging

    monkeypatch.setattr(logs, "LARGEST_LOG_BYTES", 2000)
    handler = logs.log_to(tmp_path)
    handler.setFormatter(logs.JsonLines())
    for number in range(400):
        handler.emit(logging.LogRecord("v2m_bridge", logging.INFO, "", 0, f"scored film {number} \udce9", (), None))
    handler.close()
    sizes = {path.name: path.stat().st_size for path in tmp_path.iterdir()}
    assert set(sizes) == {logs.LOG_FILE, *(f"{logs.LOG_FILE}.{n}" for n in range(1, logs.OLDER_LOGS + 1))}
    assert max(sizes.values()) <= 2000
