"""The console in a real browser: headless Chromium against a real daemon. ``V2M_SCREENSHOTS`` keeps the pictures."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("fcntl", reason="the browser is driven over inherited file descriptors")

from chromium import NO_PLACE, Page, chromium, page, wait_for
from daemon_world import World, config, free_port, otio, running_daemon

from v2m_bridge.daemon.config import DaemonConfig, EngineSetup

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(chromium() is None, reason="no Chromium on this machine"),
]

DROP = """
const data = new DataTransfer();
data.items.add(new File([arguments[1]], arguments[0]));
const zone = document.getElementById("drop");
for (const kind of ["dragover", "drop"])
  zone.dispatchEvent(new DragEvent(kind, { bubbles: true, cancelable: true, dataTransfer: data }));
"""
TEXT = "return document.querySelector(arguments[0])?.textContent ?? ''"
FITS = "return document.documentElement.scrollWidth <= innerWidth"
UNNAMED = """
const named = (e) => (e.ariaLabel || e.labels?.[0]?.textContent || e.textContent || e.title || "").trim();
return [...document.querySelectorAll("button, a, input, select, iframe, [role=progressbar]")]
  .filter((e) => e.offsetParent !== null && !named(e)).map((e) => e.outerHTML.slice(0, 120));
"""


def shoot(window: Page, name: str) -> None:
    if folder := os.environ.get("V2M_SCREENSHOTS"):
        window.screenshot(Path(folder) / f"{name}.png")


def sign_in(window: Page, world: World, width: int = 1280) -> None:
    window.size(width, 860)
    link = world.http.post("/v1/links").json()["url"]
    window.own = (*NO_PLACE, "blob:", link[: link.index("/", len("http://")) + 1])
    window.open(link)
    window.until("return location.pathname === '/' && document.getElementById('lamp-text')?.textContent === 'Ready'")


@pytest.fixture
def window(tmp_path: Path) -> Iterator[Page]:
    with page(tmp_path) as made:
        yield made


@pytest.fixture(scope="module")
def cheap(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with running_daemon(config(tmp_path_factory.mktemp("home"))) as made:
        yield made


def test_a_dropped_montage_is_scored_played_and_downloaded(window: Page, shared_data: Path, tmp_path: Path) -> None:
    roots = (str(shared_data),)
    made = config(
        tmp_path / "home",
        runner=DaemonConfig.__dataclass_fields__["runner"].default,
        media_roots=(shared_data,),
        engine=EngineSetup(media_roots=roots, confine_to=roots, cache=str(tmp_path / "cache")),
    )
    edit = (shared_data / "timelines" / "montage.otio").read_text(encoding="utf-8")
    with running_daemon(made) as world:
        sign_in(window, world)
        shoot(window, "console-empty")
        window.run(DROP, "montage.otio", edit)
        seen: set[str] = set()

        def finished() -> bool:
            seen.add(window.run("return document.querySelector('.bar')?.getAttribute('aria-valuetext') ?? ''"))
            return bool(window.run("return Boolean(document.querySelector('.cuepage iframe'))"))

        wait_for(finished, "the cue sheet is shown", 240)
        assert any("picture" in text or "chords" in text or "files" in text for text in seen), seen
        assert window.run(TEXT, ".title") == "Montage v3 (montage)"
        job = world.http.get("/v1/scores").json()["scores"][0]
        assert (job["state"], job["origin"]) == ("done", "console")
        assert job["summary"]["landed"] >= 1 and job["summary"]["cuts"] == 12

        window.frame(".cuepage iframe")
        start = window.until("return document.getElementById('timecode')?.textContent")
        window.click("#play")
        window.until(f"return document.getElementById('timecode').textContent !== '{start}'")
        window.frame(None)
        time.sleep(0.5)
        shoot(window, "console-done")

        window.click(".files a[title='score.mid']")
        wait_for(lambda: bool(list((tmp_path / "downloads").glob("*-score.mid"))), "the MIDI file is on the disk")
        (saved,) = (tmp_path / "downloads").glob("*-score.mid")
        assert saved.name.startswith("Montage v3")
        assert saved.read_bytes() == world.http.get(f"/v1/scores/{job['id']}/artifacts/score.mid").content
        assert saved.read_bytes()[:4] == b"MThd"
        window.size(400, 860)
        assert window.run(FITS)
        shoot(window, "console-400")
        assert window.complaints() == []


def test_everything_works_without_a_mouse(window: Page, cheap: World) -> None:
    sign_in(window, cheap)
    job = cheap.submit("By hand", options={"seed": 4, "tempo": 120, "parts": ["bass"]})
    window.until("return document.querySelector('.item.done .name')?.textContent === 'By hand'")
    window.run("document.querySelector('.item').focus()")
    window.keys("Enter")
    window.until("return document.querySelector('.title')?.textContent === 'By hand'")
    window.run("[...document.querySelectorAll('.main button')].find((b) => b.textContent.startsWith('Change')).focus()")
    window.keys("Enter")
    assert window.run("return document.activeElement.id") == "tempo-auto"
    assert window.run("return document.getElementById('tempo').value") == "120"
    window.keys("Space")  # tempo: find the best
    window.run("document.getElementById('mood').focus()")
    window.keys("s")  # sad
    window.keys(*["Tab"] * 6)
    window.run("document.querySelector('#again-actions .primary').focus()")
    window.keys("Enter")
    window.until("return document.querySelectorAll('.item.done').length === 2")
    again = cheap.http.get("/v1/scores").json()["scores"][0]
    assert again["id"] != job
    wishes = again["options"]
    assert (wishes["tempo"], wishes["mood"], wishes["parts"], wishes["seed"]) == ("auto", "sad", ["bass"], 4)
    assert window.run(UNNAMED) == []
    assert window.complaints() == []


def test_errors_are_readable_and_nothing_in_an_edit_becomes_markup(window: Page, cheap: World) -> None:
    sign_in(window, cheap, 400)
    evil = "<img src=x onerror=alert(1)><script>document.title='owned'</script>"
    window.run(DROP, "bad reel.otio", json.dumps(otio(evil, do="refuse")))
    window.until("return document.querySelector('.trouble:not([hidden])')")
    assert window.run(TEXT, ".what") == "The edit is empty."
    assert window.run(TEXT, ".hint") == "Put a clip on the timeline."
    assert window.run(FITS)
    window.click(".back")
    window.run(DROP, "evil.otio", json.dumps(otio(evil)))
    window.until("return document.querySelector('.title')?.textContent === arguments[0]", evil)
    assert window.run("return document.querySelectorAll('main img, main script').length") == 0
    window.click(".back")
    window.until("return !document.getElementById('desk').classList.contains('open')")
    assert window.run(FITS)
    shoot(window, "console-list-400")
    window.run(DROP, "notes.txt", "hello")
    window.until("return !document.getElementById('form-error').hidden")
    assert "neither an edit nor a video" in window.run(TEXT, "#form-error")
    assert all("notes.txt" in text for text in window.complaints())  # the refused upload, and nothing else


def test_running_scores_can_be_cancelled_and_the_page_survives_a_restart(window: Page, tmp_path: Path) -> None:
    port = free_port()
    with running_daemon(config(tmp_path, port=port)) as world:
        sign_in(window, world)
        world.submit("endless", do="hang")
        window.until("return document.querySelector('.item.running')")
        window.run("document.querySelector('.item').click()")
        window.until("return document.querySelector('.work:not([hidden])')")
        assert window.run("return document.querySelector('.bar').getAttribute('role')") == "progressbar"
        window.click(".cancel")
        window.until("return document.querySelector('.kicker b').textContent === 'Cancelled'")
    window.until("return document.getElementById('lamp').classList.contains('trouble')")
    with running_daemon(config(tmp_path, port=port)) as world:
        window.until("return document.getElementById('lamp-text').textContent === 'Ready'")
        job = world.submit("after the restart")
        window.until("return document.querySelector('.item.done .name')?.textContent === 'after the restart'")
        window.run("window.confirm = () => true; location.hash = '#/scores/' + arguments[0]", job)
        window.until("return document.querySelector('.title')?.textContent === 'after the restart'")
        window.run("[...document.querySelectorAll('.main button')].find((b) => b.textContent === 'Remove').click()")
        window.until("return document.querySelectorAll('.item').length === 1")
        window.click("#sign-out")
        window.until("return document.body?.textContent.includes('not signed in')")
