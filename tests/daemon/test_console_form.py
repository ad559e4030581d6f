"""The console's form is built from the daemon's options: at rest it asks for what the command asks for."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from chromium import Page, chromium, page
from daemon_world import World, config, running_daemon

from v2m_bridge.option_table import OPTIONS
from v2m_bridge.options import ScoreOptions

WEB = Path(__file__).parents[2] / "v2m_bridge" / "daemon" / "web"
DEFAULTS = ScoreOptions().model_dump(mode="json")
EARLIER: dict[str, Any] = {
    **DEFAULTS, "tempo": 96.5, "key": "G minor", "mood": "sad", "seed": 7, "affect": 0.55, "parts": ["bass"],
    "preset": "piano", "primer": "C Am", "locks": ["12.5=Dm7", "20=G"], "must": "", "weights": {"cut": 0.5, "fade": 0},
    "tempo_range": 0.123, "max_per_minute": 20.0, "eighths": False, "preview": True, "first_frame": 24, "rate": "25",
}  # fmt: skip


def test_neither_script_nor_page_repeats_an_option() -> None:
    text = "".join((WEB / name).read_text(encoding="utf-8") for name in ("form.js", "index.html", "view.js"))
    named = [row.key for row in OPTIONS if f'"{row.key}"' in text]
    assert named == []


def test_the_daemon_describes_every_option(tmp_path: Path) -> None:
    with running_daemon(config(tmp_path)) as world:
        choices = world.http.get("/v1/choices").json()
    assert {field["key"]: field["default"] for field in choices["options"]} == DEFAULTS
    assert choices["keys"][:2] == ["C major", "Db major"] and len(choices["keys"]) == 24
    assert choices["parts"] == ["melody", "counter", "chords", "bass", "figure", "swell", "hits"]
    assert [stage["name"] for stage in choices["stages"]] == ["edit", "footage", "tempo", "chords", "parts", "files"]
    kinds = {field["key"]: field["kind"] for field in choices["options"]}
    assert (kinds["tempo"], kinds["key"], kinds["parts"]) == ("number", "choice", "words")
    assert (kinds["locks"], kinds["weights"], kinds["preview"]) == ("texts", "numbers", "switch")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with running_daemon(config(tmp_path_factory.mktemp("home"))) as made:
        yield made


@pytest.fixture
def console(world: World, tmp_path: Path) -> Iterator[Page]:
    """The console in a browser, signed in and ready."""
    if not chromium():
        pytest.skip("Chromium is not installed")
    with page(tmp_path / "profile") as window:
        window.size(1280, 900)
        window.call("Page.navigate", url=world.http.post("/v1/links").json()["url"])
        deadline = time.monotonic() + 60
        while window.value("document.getElementById('lamp-text')?.textContent") != "Ready":
            assert time.monotonic() < deadline, window.errors
            time.sleep(0.05)
        yield window


def on_form(window: Page, script: str) -> Any:
    """Value of a script that knows the page's form as ``f``."""
    return window.value(f"import('/static/form.js').then((f) => {{ {script} }})")


def test_the_form_at_rest_asks_for_what_the_command_asks_for(console: Page) -> None:
    assert on_form(console, "return f.options()") == DEFAULTS


def test_the_form_shows_an_earlier_score_s_options_whole_and_then_its_own_again(console: Page) -> None:
    script = f"const back = f.snapshot(); f.show({json.dumps(EARLIER)}); const o = f.options(); back(); "
    shown, after = on_form(console, script + "return [o, f.options()]")
    assert shown == EARLIER
    assert after == DEFAULTS


@pytest.mark.parametrize(
    ("key", "text", "words"),
    [
        ("temperature", "", "temperature"),
        ("odd_bar_cost", "-1", "odd bar cost"),
        ("tolerance_frames", "0", "tolerance"),
        ("max_step", "1.5", "0 to 1"),
        ("seed", "0.5", "whole number"),
        ("weights", "jump=1", "dissolve"),
    ],
)
def test_a_wrong_field_is_named_and_shown(console: Page, key: str, text: str, words: str) -> None:
    script = f"""
        const input = document.getElementById("{key}");
        input.type = "text";
        input.value = "{text}";
        try {{ f.options(); return "taken"; }}
        catch (error) {{ return [error.message, document.activeElement.id, input.offsetParent !== null]; }}
    """
    message, focused, visible = on_form(console, script)
    assert words in message
    assert (focused, visible) == (key, True)


def test_every_control_has_a_name(console: Page) -> None:
    unnamed = """[...document.querySelectorAll("#form input, #form select")]
        .filter((e) => !(e.labels?.[0]?.textContent || "").trim()).map((e) => e.outerHTML)"""
    assert console.value(unnamed) == []
    assert [error for error in console.errors if not error.startswith("request to")] == []
