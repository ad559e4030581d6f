"""Fetching the sounds: kept only when their hash is right, and nothing is left behind."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from v2m_bridge.errors import DownloadError
from v2m_bridge.sound.samples import pull_sounds as pulling
from v2m_bridge.sound.samples.find_fonts import find_sound_font
from v2m_bridge.sound.samples.pull_sounds import pull_sounds, sounds_folder

SOUNDS = bytes(range(256)) * (4 << 12)
"""Four mebibytes."""


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[list[str]]:
    """A server with the file; the paths that were asked for."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(200)
            self.send_header("Content-Length", str(len(SOUNDS)))
            self.end_headers()
            self.wfile.write(SOUNDS)

        def log_message(self, *_: object) -> None: ...

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("V2M_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(pulling, "URL", f"http://127.0.0.1:{server.server_port}/{pulling.NAME}")
    monkeypatch.setattr(pulling, "SHA256", hashlib.sha256(SOUNDS).hexdigest())
    yield asked
    server.shutdown()
    server.server_close()


def test_the_sounds_are_fetched_once_and_found(served: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    shares: list[float] = []
    path = pull_sounds(lambda _, share: shares.append(share))
    assert path.read_bytes() == SOUNDS and shares[-1] == 1.0 and shares == sorted(shares)
    assert pull_sounds() == path and len(served) == 1
    monkeypatch.delenv("V2M_SOUNDS", raising=False)
    monkeypatch.delenv("V2M_SOUND_FONT", raising=False)
    assert find_sound_font(sounds_folder()) == path


def test_what_has_another_hash_is_thrown_away(served: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pulling, "SHA256", "0" * 64)
    with pytest.raises(DownloadError, match="not the expected file") as refused:
        pull_sounds()
    assert refused.value.exit_code == 4 and str(sounds_folder()) in str(refused.value.hint)
    assert list(sounds_folder().iterdir()) == []


def test_no_network_is_one_clear_line(served: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pulling, "URL", "http://127.0.0.1:9/none.sf3")
    with pytest.raises(DownloadError) as refused:
        pull_sounds()
    assert "\n" not in refused.value.message
    assert list(sounds_folder().iterdir()) == []
