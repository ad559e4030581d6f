"""Headless Chromium driven over its debugging pipe (file descriptors 3 and 4), no driver package needed."""

from __future__ import annotations

import base64
import contextlib
import fcntl
import json
import os
import select
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--autoplay-policy=no-user-gesture-required",
    "--force-prefers-reduced-motion",
    # a sandboxed frame stays in the page's process, so that one session reaches both
    "--disable-features=IsolateSandboxedIframes",
    "--disable-site-isolation-trials",
    "--remote-debugging-pipe",
)

KEYS = {"Tab": ("Tab", 9, ""), "Enter": ("Enter", 13, "\r"), "Space": ("Space", 32, " ")}
"""Name of a key -> its code, its number on Windows, the text it types."""

NO_PLACE = ("file:", "data:", "about:")
"""Addresses that leave the machine alone; a page served over HTTP adds its own."""


def chromium() -> str | None:
    """Path of an installed Chromium or Chrome."""
    names = ("chromium", "chromium-browser", "google-chrome", "chrome")
    return next((found for name in names if (found := shutil.which(name))), None)


def wait_for(question: Callable[[], Any], name: str, within_s: float = 90.0) -> Any:
    """Ask again and again until the answer is true, and return it."""
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        if found := question():
            return found
        time.sleep(0.02)
    raise AssertionError(f"never became true: {name}")


class Page:
    """One page; ``errors`` holds every exception, console error and failed or foreign request.

    Attributes:
        own: beginnings of the addresses that the page may ask for.
    """

    def __init__(self, read: int, write: int, downloads: Path) -> None:
        self._read, self._write, self._rest = read, write, b""
        self._number = 0
        self._session: str | None = None
        self._contexts: dict[str, int] = {}
        self._frame: tuple[str, str] | None = None
        self.errors: list[str] = []
        self.own: tuple[str, ...] = NO_PLACE
        self.call("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(downloads))
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        self._number += 1
        message = {"id": self._number, "method": method, "params": params}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._write, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._receive()
            if answer.get("id") == self._number:
                if "navigated" in answer.get("error", {}).get("message", "") and method == "Runtime.evaluate":
                    return self.call(method, **params)  # asked while the page changed: the new page answers
                assert "error" not in answer, answer
                return answer.get("result", {})

    def _receive(self) -> dict[str, Any]:
        deadline = time.monotonic() + 30
        while b"\0" not in self._rest:
            ready, _, _ = select.select([self._read], [], [], max(0.0, deadline - time.monotonic()))
            assert ready, "the browser does not answer"
            chunk = os.read(self._read, 1 << 20)
            assert chunk, "the browser is gone"
            self._rest += chunk
        raw, self._rest = self._rest.split(b"\0", 1)
        message: dict[str, Any] = json.loads(raw)
        self._note(message)
        return message

    def _note(self, message: dict[str, Any]) -> None:
        method, params = message.get("method"), message.get("params", {})
        if method == "Runtime.exceptionThrown":
            self.errors.append(params["exceptionDetails"]["text"] + str(params["exceptionDetails"].get("exception")))
        elif method == "Runtime.consoleAPICalled" and params["type"] in ("error", "warning"):
            self.errors.append(str(params["args"]))
        elif method == "Log.entryAdded" and params["entry"]["level"] in ("error", "warning"):
            self.errors.append(f"{params['entry']['text']} {params['entry'].get('url', '')}")
        elif method == "Network.requestWillBeSent":
            url = params["request"]["url"]
            if not url.startswith(self.own):
                self.errors.append(f"request to {url}")
        elif method == "Runtime.executionContextCreated":
            about = params["context"].get("auxData", {})
            if about.get("isDefault"):
                self._contexts[about["frameId"]] = params["context"]["id"]

    def size(self, width: int, height: int, dark: bool = False) -> None:
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[scheme])

    def open(self, place: Path | str) -> None:
        """Go to a file or an address and wait until it is loaded."""
        self._frame = None
        self.call("Page.navigate", url=place.as_uri() if isinstance(place, Path) else place)
        self.until("return document.readyState === 'complete'", within_s=30)

    def value(self, expression: str) -> Any:
        """Value of a JavaScript expression in the page, or in the frame gone into; promises are awaited."""
        where = {"contextId": self._contexts[self._frame[1]]} if self._frame else {}
        answer = self.call("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True, **where)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def run(self, script: str, *arguments: Any) -> Any:
        """What the body of a function returns for plain ``arguments``; True for an element that it finds."""
        call = f"(function () {{ {script}\n }}).apply(null, {json.dumps(arguments)})"
        return self.value(f"((found) => found instanceof Node || found)({call})")

    def until(self, script: str, *arguments: Any, within_s: float = 90.0) -> Any:
        """Wait for a script to return something true."""
        return wait_for(lambda: self.run(script, *arguments), script, within_s)

    def frame(self, css: str | None) -> None:
        """Go into a frame of the page, or back to the page."""
        self._frame = None
        if css:
            found = self.call("Runtime.evaluate", expression=f"document.querySelector({json.dumps(css)})")
            node = self.call("DOM.describeNode", objectId=found["result"]["objectId"])["node"]
            wait_for(lambda: self.value("1") and node["frameId"] in self._contexts, f"the frame {css} is there")
            self._frame = (css, node["frameId"])

    def click(self, css: str) -> None:
        """A click of the mouse in the middle of an element that can be seen."""
        x, y = self._middle(css)
        for kind in ("mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    def _middle(self, css: str) -> tuple[float, float]:
        corner = """
            const found = document.querySelector(arguments[0]);
            if (!found) return null;
            found.scrollIntoView({ block: "center", behavior: "instant" });
            const box = found.getBoundingClientRect();
            return box.width && box.height ? [box.x, box.y, box.width, box.height] : null;
        """
        x, y, width, height = self.until(corner, css, within_s=10)
        if not self._frame:
            return x + width / 2, y + height / 2
        inside, self._frame = self._frame, None
        left, top, _, _ = self.until(corner, inside[0], within_s=10)
        self._frame = inside
        x, y, width, height = self.run(corner, css)
        return left + x + width / 2, top + y + height / 2

    def keys(self, *keys: str) -> None:
        """Press keys one after the other, wherever the focus is: names of ``KEYS``, or letters."""
        for key in keys:
            code, number, text = KEYS.get(key, (f"Key{key.upper()}", ord(key[0].upper()), key))
            about = {"key": text if key == "Space" else key, "code": code, "windowsVirtualKeyCode": number}
            self.call("Input.dispatchKeyEvent", type="keyDown" if text else "rawKeyDown", text=text, **about)
            self.call("Input.dispatchKeyEvent", type="keyUp", **about)

    def complaints(self) -> list[str]:
        """The errors up to now, each told once."""
        self.value("1")  # what the browser has to tell comes before its answer
        told, self.errors = self.errors, []
        return told

    def screenshot(self, path: Path) -> None:
        answer = self.call("Page.captureScreenshot", format="png")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(base64.b64decode(answer["data"]))

    def pdf(self) -> bytes:
        return base64.b64decode(self.call("Page.printToPDF", preferCSSPageSize=True)["data"])


@contextlib.contextmanager
def page(folder: Path) -> Iterator[Page]:
    """A fresh browser, ended afterwards; its profile and its ``downloads`` lie in ``folder``."""
    program = chromium()
    assert program
    read_theirs, write_ours = os.pipe()
    read_ours, write_theirs = os.pipe()

    def lay_ends() -> None:
        high = [fcntl.fcntl(end, fcntl.F_DUPFD, 20) for end in (read_theirs, write_theirs)]
        os.dup2(high[0], 3)
        os.dup2(high[1], 4)

    process = subprocess.Popen(
        [program, *FLAGS, f"--user-data-dir={folder / 'profile'}", "about:blank"],
        preexec_fn=lay_ends,
        pass_fds=(3, 4),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    os.close(read_theirs)
    os.close(write_theirs)
    browser = None
    try:
        browser = Page(read_ours, write_ours, folder / "downloads")
        yield browser
    finally:
        if browser is not None:
            browser._session = None
            with contextlib.suppress(AssertionError, OSError):
                browser.call("Browser.close")
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        os.close(write_ours)
        os.close(read_ours)
