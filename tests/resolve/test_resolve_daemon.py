"""From a press in Resolve through the real daemon and back, in every edition and at every rate."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from daemon_world import HERE, TOKEN, config, running_daemon
from resolve_world import RATES, World, film, world

from v2m_bridge.resolve.install import BringBack
from v2m_bridge.testing.resolve.state import EDITIONS, FREE_21_1, STUDIO_20, STUDIO_21_1, Edition

pytest.importorskip("lupa.luajit21")


def in_real_time(desk: World) -> None:
    """The script's clock runs fast, the daemon's does not: let the daemon work during each of the script's waits."""
    pause = threading.Event()

    def let_the_daemon_work(now_s: float) -> None:
        desk.waits += 1
        assert desk.waits < 1000, "the daemon never answers"
        pause.wait(0.03)

    desk.host.on_wait = let_the_daemon_work


@pytest.fixture
def home(tmp_path: Path) -> Path:
    folder = tmp_path / "state"
    folder.mkdir()
    (folder / "token").write_text(TOKEN)
    return folder


PAIRS = [(EDITIONS[index % len(EDITIONS)], name) for index, name in enumerate(RATES)]
"""Every edition and every rate; ``test_resolve_lua`` has them all crossed."""


def test_the_lua_entry_in_every_edition_and_at_every_rate(home: Path, tmp_path: Path) -> None:
    made = config(home, watch_inbox=True, runner="resolve_runner:ResolveRunner", runner_path=(HERE,))
    with running_daemon(made) as real:
        seen = {}
        for edition, name in PAIRS:
            rate, start, drop = RATES[name]
            desk = world(tmp_path, edition, film(rate, start, drop_frame=drop, mark_in=30), project_name="Ö")
            in_real_time(desk)
            desk.press_lua()
            frame, marker = desk.status_marker()
            seen[edition.name, name] = (frame, marker["color"], marker["name"], marker["note"][:44])
        expected = (30.0, "Green", "v2m: A minor, 60 BPM", "The score is ready: 3 of 3 hits are on the b")
        assert seen == {(edition.name, name): expected for edition, name in PAIRS}
        scores = real.http.get("/v1/scores").json()["scores"]
        assert len(scores) == len(seen)
        assert {(s["origin"], s["name"], s["options"]["first_frame"]) for s in scores} == {("inbox", "Schnitt Ä 3", 30)}
    assert len(list((home / "inbox" / "done").glob("*.otio"))) == len(seen)


@pytest.mark.parametrize("edition", [STUDIO_20, STUDIO_21_1], ids=lambda e: e.name)
def test_the_studio_entry_brings_markers_and_preview_back(home: Path, tmp_path: Path, edition: Edition) -> None:
    made = config(home, runner="resolve_runner:ResolveRunner", runner_path=(HERE,))
    with running_daemon(made) as real:
        for name, (rate, start, drop) in RATES.items():
            edit = film(rate, start, drop_frame=drop, mark_in=20, mark_out=219)
            desk = world(tmp_path, edition, edit, real.daemon.port, BringBack(markers=True, preview=True))
            in_real_time(desk)
            desk.press_python()
            assert desk.status_marker()[1]["color"] == "Green", (name, desk.status_marker())
            seconds = range(int(200 / rate) + 1)
            wanted = {float(20 + round(n * rate)) for n in seconds} | {48.0, 141.0}
            assert set(desk.ours("v2m:chord")) == wanted, name
            timeline = desk.model.project.timeline
            assert timeline
            (item,) = timeline.tracks["audio"][0]
            assert item.GetStart() == start + 20, name
            assert item.GetDuration() in (199, 200), name
            assert desk.model.violations == []


def test_the_studio_entry_falls_back_to_the_real_inbox(home: Path, tmp_path: Path) -> None:
    made = config(home, watch_inbox=True, runner="resolve_runner:ResolveRunner", runner_path=(HERE,))
    with running_daemon(made):
        desk = world(tmp_path, STUDIO_21_1, film(), port=1)
        in_real_time(desk)
        desk.press_python()
        assert desk.status_marker()[1]["name"] == "v2m: A minor, 60 BPM"


def test_an_edit_without_picture_is_refused_in_the_reader_s_words(home: Path, tmp_path: Path) -> None:
    from dataclasses import replace

    made = config(home, watch_inbox=True, runner="resolve_runner:ResolveRunner", runner_path=(HERE,))
    (track,) = film().video
    off = tuple(replace(clip, enabled=False) for clip in track.clips)
    with running_daemon(made):
        desk = world(tmp_path, FREE_21_1, film(video=(replace(track, items=off),)))
        in_real_time(desk)
        desk.press_lua()
        marker = desk.status_marker()[1]
        assert marker["color"] == "Red"
        assert "all 4 clips are disabled" in marker["note"]
