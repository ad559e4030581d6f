"""The daemon with the real pipeline: the same bytes as the command line, whatever runs beside."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

import pytest
from daemon_world import World, config, running_daemon

from v2m_bridge.daemon.client import score_via_daemon
from v2m_bridge.daemon.config import DaemonConfig, EngineSetup
from v2m_bridge.demo.edit import make_demo
from v2m_bridge.options import ScoreOptions

REAL = DaemonConfig.__dataclass_fields__["runner"].default


@pytest.fixture(scope="module")
def demo_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("demo")
    make_demo(folder)
    return folder


@pytest.fixture(scope="module")
def world(demo_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    home = tmp_path_factory.mktemp("home")
    engine = EngineSetup(confine_to=(str(demo_folder),), cache=str(home / "cache"))
    with running_daemon(config(home, runner=REAL, media_roots=(demo_folder,), engine=engine)) as made:
        yield made


def by_command_line(edit: Path, out: Path, *options: str) -> dict[str, bytes]:
    subprocess.run(
        [sys.executable, "-m", "v2m_bridge", "score", str(edit), "--out", str(out), *options, "--json"],
        check=True,
        capture_output=True,
    )
    return {path.name: path.read_bytes() for path in out.glob("[!.]*")}


def in_this_process(edit: Path, out: Path, *options: str) -> dict[str, bytes]:
    from typer.testing import CliRunner

    from v2m_bridge.cli.main import app

    result = CliRunner().invoke(app, ["score", str(edit), "--out", str(out), *options, "--json"])
    assert result.exit_code == 0, result.exception
    return {path.name: path.read_bytes() for path in out.glob("[!.]*")}


def fetched(world: World, job: str) -> dict[str, bytes]:
    status = world.wait(job, within_s=120)
    assert status["state"] == "done", status["error"]
    return {n: world.http.get(f"/v1/scores/{job}/artifacts/{n}").content for n in status["artifacts"]}


@pytest.mark.slow
def test_scores_equal_those_of_the_command_line_byte_for_byte(world: World, demo_folder: Path, tmp_path: Path) -> None:
    edit = demo_folder / "demo_edit.otio"
    wishes = [{"seed": 0}, {"seed": 3, "tempo": 120.0}, {"seed": 0}, {"seed": 5, "mood": "sad", "affect": 2.0}]
    jobs = [
        world.http.post("/v1/scores", json={"timeline_path": str(edit), "options": wish}).json()["id"]
        for wish in wishes
    ]  # all at once: they overlap in the worker
    got = [fetched(world, job) for job in jobs]
    assert got[0] == by_command_line(edit, tmp_path / "a", "--seed", "0")
    assert json.loads(got[1]["score.json"])["fit"]["requested_bpm"] == 120.0
    assert got[2] == got[0]
    assert got[3] == in_this_process(edit, tmp_path / "c", "--seed", "5", "--mood", "sad", "--affect", "2")
    assert json.loads(got[0]["score.json"])["chords"] != json.loads(got[3]["score.json"])["chords"]
    names = score_via_daemon(edit, tmp_path / "d", ScoreOptions(), client=world.client)
    assert {name: (tmp_path / "d" / name).read_bytes() for name in names} == got[0]


def test_media_outside_the_roots_is_not_opened(world: World, demo_folder: Path, tmp_path: Path) -> None:
    text = (demo_folder / "demo_edit.otio").read_text(encoding="utf-8")
    outside = tmp_path / "demo_footage.mp4"
    outside.write_bytes((demo_folder / "demo_footage.mp4").read_bytes())
    document = json.loads(text.replace('"demo_footage.mp4"', json.dumps(str(outside))))
    job = world.http.post("/v1/scores", json={"timeline": document}).json()["id"]
    score = json.loads(fetched(world, job)["score.json"])
    assert not any(shot["media_online"] for shot in score["timeline"]["shots"])
    assert len(score["timeline"]["cuts"]) == 10
    assert any("--media-root" in warning for warning in world.status(job)["summary"]["warnings"])


def test_media_inside_a_zipped_bundle_is_opened(world: World, demo_folder: Path, tmp_path: Path) -> None:
    bundle = tmp_path / "reel.otioz"
    document = (demo_folder / "demo_edit.otio").read_text(encoding="utf-8")
    with zipfile.ZipFile(bundle, "w") as archive:
        archive.writestr("content.otio", document.replace('"demo_footage.mp4"', '"media/demo_footage.mp4"'))
        archive.writestr("version.txt", "1.0.0")
        archive.write(demo_folder / "demo_footage.mp4", "media/demo_footage.mp4")
    job = world.client.submit_file(bundle)
    assert world.status(job)["options"]["seed"] == 0
    score = json.loads(fetched(world, job)["score.json"])
    assert all(shot["media_online"] for shot in score["timeline"]["shots"])


def test_a_push_without_reaper_says_so_and_leaves_the_job_for_later(world: World, demo_folder: Path) -> None:
    job = world.client.submit_file(demo_folder / "demo_edit.otio")
    world.wait(job, within_s=60)
    answer = world.http.post(f"/v1/scores/{job}/push")
    assert answer.status_code == 409 and "no sign of life" in answer.json()["error"]["message"]
    assert world.status(job)["push"]["state"] == "failed"
    assert list((world.daemon.config.home / "outbox").glob("*.v2m"))


def test_the_summary_tells_what_the_score_says(world: World, demo_folder: Path) -> None:
    edit = demo_folder / "demo_edit.otio"
    job = world.http.post("/v1/scores", json={"timeline_path": str(edit)}).json()["id"]
    score = json.loads(fetched(world, job)["score.json"])
    summary = world.status(job)["summary"]
    assert (summary["key"], summary["checkpoint"]) == (score["key"], score["checkpoint"])
    assert (summary["hits"], summary["landed"]) == (score["fit"]["summary"]["hits"], score["fit"]["summary"]["landed"])
    assert summary["chords"] == len(score["chords"]) and summary["cuts"] == len(score["timeline"]["cuts"])


def test_every_file_of_the_console_is_packaged() -> None:
    import tomllib

    root = Path(__file__).parents[2]
    pyproject = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    assert pyproject["tool"]["setuptools"]["package-data"]["v2m_bridge.daemon"] == ["web/*", "http/gate.html"]
    there = {entry.name for entry in (files("v2m_bridge.daemon") / "web").iterdir()}
    page = (files("v2m_bridge.daemon") / "web" / "index.html").read_text(encoding="utf-8")
    for name in ("style.css", "app.js", "mark.svg"):
        assert name in there and f"/static/{name}" in page
    for script in (name for name in there if name.endswith((".js", ".css", ".html"))):
        text = (files("v2m_bridge.daemon") / "web" / script).read_text(encoding="utf-8")
        assert "http://" not in text and "https://" not in text, f"{script} asks elsewhere"
