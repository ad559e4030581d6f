"""What the doctor finds, and that every finding says what to do."""

from __future__ import annotations

import json
import os
import socket
from dataclasses import replace
from pathlib import Path

import pytest
from resolve_world import TOKEN, Jobs, daemon, film

from v2m_bridge.cli import checks
from v2m_bridge.cli.checks import Check, Site, all_checks
from v2m_bridge.cli.main import main
from v2m_bridge.hosts.resolve_install import LUA_NAME, Machine, install


@pytest.fixture
def site(tmp_path: Path) -> Site:
    machine = Machine("linux", tmp_path / "user", {})
    install(tmp_path / "state", free_port(), machine)
    return Site(tmp_path / "state", "127.0.0.1", free_port(), 0, machine)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def finding(site: Site, name: str) -> Check:
    return next(check for check in all_checks(site) if check.name == name)


def test_a_sound_installation_has_nothing_to_say(site: Site) -> None:
    with daemon(Jobs(film()), site.home) as port:
        (site.home / "token").chmod(0o600)
        found = {c.name: c for c in all_checks(replace(site, port=port))}
    resolve = ("state folder", "menu entry", "inbox", "token", "daemon", "ports", "last message")
    assert {name: found[name].state for name in resolve} == dict.fromkeys(resolve, "ok")


@pytest.mark.parametrize(
    ("harm", "name", "words"),
    [
        ("rm -r state", "state folder", "install resolve"),
        ("rm entry", "menu entry", "install resolve"),
        ("edit entry", "stamp", "install resolve"),
        ("rm inbox", "inbox", "install resolve"),
        ("empty token", "token", "serve"),
        ("no daemon", "daemon", "v2m-bridge serve"),
    ],
)
def test_each_harm_is_found_with_its_remedy(site: Site, harm: str, name: str, words: str) -> None:
    entry = site.machine.script_folders[0] / "Utility" / LUA_NAME
    if harm == "rm -r state":
        site = replace(site, home=site.home.with_name("elsewhere"))
    elif harm == "rm entry":
        entry.unlink()
    elif harm == "edit entry":
        entry.write_text(entry.read_text().replace("/state/inbox", "/other/inbox"))
    elif harm == "rm inbox":
        (site.home / "inbox").rmdir()
    elif harm == "empty token":
        (site.home / "token").write_text("\n")
    check = finding(site, name)
    assert check.state == "failed"
    assert words in check.remedy


def test_a_second_entry_in_the_menu_is_noted(site: Site) -> None:
    double = site.machine.script_folders[0] / "Edit" / LUA_NAME
    double.parent.mkdir()
    double.write_text("-- v2m-bridge menu entry\n")
    check = finding(site, "menu entry")
    assert (check.state, str(double) in check.text) == ("warning", True)


@pytest.mark.skipif(os.name != "posix", reason="POSIX rights")
def test_a_token_that_others_can_read(site: Site) -> None:
    (site.home / "token").write_text(TOKEN)
    (site.home / "token").chmod(0o644)
    assert "chmod 600" in finding(site, "token").remedy


def test_a_daemon_with_another_token(site: Site) -> None:
    with daemon(Jobs(film()), site.home) as port:
        (site.home / "token").write_text("not the one")
        check = finding(replace(site, port=port), "daemon")
    assert (check.state, "token" in check.text) == ("failed", True)


@pytest.mark.parametrize(
    ("answer", "state", "words"),
    [
        ({"status": "degraded", "version": "1", "warning": "the checkpoint is damaged"}, "warning", "checkpoint"),
        ({"hello": "world"}, "failed", "V2M_PORT"),
    ],
)
def test_a_daemon_that_is_not_well_or_is_somebody_else(
    site: Site, answer: dict[str, str], state: str, words: str
) -> None:
    jobs = Jobs(film())
    jobs.health = answer
    with daemon(jobs, site.home) as port:
        check = finding(replace(site, port=port), "daemon")
    assert (check.state, words in check.remedy) == (state, True)


def test_a_port_of_another_program(site: Site) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))  # bound, but nobody listens
        check = finding(replace(site, port=other.getsockname()[1]), "ports")
    assert check.state == "failed"
    assert "V2M_PORT" in check.remedy


def test_resolve_s_last_message_is_passed_on(site: Site) -> None:
    import time

    prefs = site.machine.fusion / "Profiles" / "Default" / "Fusion.prefs"
    prefs.parent.mkdir(parents=True)
    prefs.write_text(f'{{ Global = {{ V2MBridge = {{ Notice = "{time.time():.0f} No timeline is open." }} }} }}')
    check = finding(site, "last message")
    assert (check.state, check.remedy) == ("warning", "No timeline is open.")


def test_a_check_that_fails_itself_is_a_finding(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    def check_moon(site: Site) -> Check:
        raise OSError("no moon")

    monkeypatch.setattr(checks, "CHECKS", (check_moon,))
    assert all_checks(site) == [Check("moon", "failed", "OSError: no moon", "please report this")]


def test_without_resolve_nothing_of_it_is_an_error(tmp_path: Path) -> None:
    site = Site(tmp_path, "127.0.0.1", free_port(), 0, Machine("linux", tmp_path / "nobody", {}))
    found = {c.name: c.state for c in all_checks(site)}
    assert (found["menu entry"], found["stamp"]) == ("warning", "warning")


def test_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(Path, "home", lambda: tmp_path / "user")
    monkeypatch.setenv("V2M_PORT", str(free_port()))
    with pytest.raises(SystemExit) as exit_info:
        main(["doctor", "--json"])
    report = json.loads(capsys.readouterr().out)
    assert exit_info.value.code == 2
    assert (report["schema"], report["ok"]) == ("v2m.doctor/1", False)
    names = [
        "state folder",
        "menu entry",
        "stamp",
        "inbox",
        "token",
        "daemon",
        "ports",
        "last message",
        "models",
        "gpu",
    ]
    assert [row["name"] for row in report["checks"]] == names
    assert all(row["remedy"] for row in report["checks"] if row["state"] != "ok")
    with pytest.raises(SystemExit):
        main(["doctor"])
    assert "v2m-bridge serve" in capsys.readouterr().out
