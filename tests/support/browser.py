"""Drives headless Chromium through chromedriver's own protocol (W3C WebDriver over HTTP)."""

from __future__ import annotations

import base64
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
CHROMEDRIVER = shutil.which("chromedriver")
ELEMENT = "element-6066-11e4-a52e-4f735466cecf"
FLAGS = [
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update", "--disable-dev-shm-usage",
    "--autoplay-policy=no-user-gesture-required", "--force-prefers-reduced-motion",
]  # fmt: skip


class Browser:
    """One window."""

    def __init__(self, http: httpx.Client, session: str) -> None:
        self._http, self._base = http, f"/session/{session}"

    def _post(self, path: str, body: dict[str, Any]) -> Any:
        answer = self._http.post(self._base + path, json=body)
        value = answer.json()["value"]
        assert answer.status_code == 200, value
        return value

    def open(self, url: str) -> None:
        self._post("/url", {"url": url})

    def size(self, width: int, height: int) -> None:
        """Size of the page itself (a window cannot be narrower than 500 px)."""
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self._post("/goog/cdp/execute", {"cmd": "Emulation.setDeviceMetricsOverride", "params": metrics})

    def dark(self, wanted: bool) -> None:
        media = {"features": [{"name": "prefers-color-scheme", "value": "dark" if wanted else "light"}]}
        self._post("/goog/cdp/execute", {"cmd": "Emulation.setEmulatedMedia", "params": media})

    def run(self, script: str, *arguments: Any) -> Any:
        return self._post("/execute/sync", {"script": script, "args": list(arguments)})

    def find(self, css: str) -> str:
        return str(self._post("/element", {"using": "css selector", "value": css})[ELEMENT])

    def click(self, css: str) -> None:
        self._post(f"/element/{self.find(css)}/click", {})

    def type(self, css: str, text: str) -> None:
        self._post(f"/element/{self.find(css)}/value", {"text": text})

    def keys(self, *keys: str) -> None:
        """Press keys one after the other, wherever the focus is."""
        actions = [{"type": kind, "value": key} for key in keys for kind in ("keyDown", "keyUp")]
        self._post("/actions", {"actions": [{"type": "key", "id": "keyboard", "actions": actions}]})

    def frame(self, css: str | None) -> None:
        """Go into a frame, or back to the page."""
        self._post("/frame", {"id": {ELEMENT: self.find(css)} if css else None})

    def shoot(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        shot = self._http.get(self._base + "/screenshot").json()["value"]
        path.write_bytes(base64.b64decode(shot))

    def complaints(self) -> list[str]:
        """What the browser's console says: script errors, refused loads, broken policies."""
        entries = self._post("/se/log", {"type": "browser"})
        return [entry["message"] for entry in entries if entry["level"] == "SEVERE"]

    def until(self, script: str, *arguments: Any, within_s: float = 90.0) -> Any:
        """Wait for a script to return something true."""
        return wait_for(lambda: self.run(script, *arguments), script, within_s)


def wait_for(question: Callable[[], Any], name: str, within_s: float = 90.0) -> Any:
    until = time.monotonic() + within_s
    while time.monotonic() < until:
        if found := question():
            return found
        time.sleep(0.05)
    raise AssertionError(f"never became true: {name}")


@contextmanager
def browser(folder: Path, port: int) -> Iterator[Browser]:
    """A fresh window whose profile and downloads lie in ``folder``."""
    driver = subprocess.Popen([str(CHROMEDRIVER), f"--port={port}", "--silent"], stdout=subprocess.DEVNULL)
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=120) as http:
            wait_for(lambda: _ready(http), "chromedriver")
            options = {
                "binary": CHROMIUM,
                "args": [*FLAGS, f"--user-data-dir={folder / 'profile'}"],
                "prefs": {"download.default_directory": str(folder / "downloads")},
            }
            wish = {"browserName": "chrome", "goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL"}}
            made = http.post("/session", json={"capabilities": {"alwaysMatch": wish}}).json()["value"]
            try:
                yield Browser(http, made["sessionId"])
            finally:
                http.delete(f"/session/{made['sessionId']}")
    finally:
        driver.terminate()
        driver.wait(10)


def _ready(http: httpx.Client) -> bool:
    try:
        return bool(http.get("/status").json()["value"]["ready"])
    except httpx.TransportError:
        return False
