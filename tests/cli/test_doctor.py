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
from v2m_bridge.reaper import install as reaper_install
from v2m_bridge.reaper.install import ReaperMachine
from v2m_bridge.resolve.install import LUA_NAME, System, install


@pytest.fixture
def site(tmp_path: Path) -> Site:
    machine = System("linux", tmp_path / "user", {})
    port = free_port()
    install(tmp_path / "state", port, machine)
    return Site(tmp_path / "state", "127.0.0.1", port, 0, machine, no_reaper(tmp_path))


def no_reaper(tmp_path: Path) -> ReaperMachine:
    return ReaperMachine(tmp_path / "REAPER", lambda: False)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def finding(site: Site, name: str) -> Check:
    return next(check for check in all_checks(site) if check.name == name)


def test_a_sound_installation_has_nothing_to_say(site: Site) -> None:
    with daemon(Jobs(film(), site.home), site.home) as port:
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
    with daemon(Jobs(film(), site.home), site.home) as port:
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
    jobs = Jobs(film(), site.home)
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


def test_on_a_bare_machine_nothing_is_wrong(tmp_path: Path) -> None:
    machine = System("linux", tmp_path / "nobody", {})
    site = Site(tmp_path / "none", "127.0.0.1", free_port(), 0, machine, no_reaper(tmp_path))
    found = {c.name: c for c in all_checks(site)}
    unused = ("state folder", "menu entry", "stamp", "REAPER", "inbox", "token", "daemon", "last message")
    assert {name: found[name].state for name in unused} == dict.fromkeys(unused, "unused")
    assert {check.state for check in found.values()} <= {"ok", "unused"}
    # what Resolve would need is only proposed where it is about Resolve
    assert [c.name for c in found.values() if "install resolve" in c.remedy] == ["menu entry"]


def test_the_studio_entry_and_the_daemon_on_two_ports(site: Site) -> None:
    check = finding(replace(site, port=site.port + 1), "stamp")
    assert (check.state, f"--port {site.port + 1}" in check.remedy) == ("warning", True)


@pytest.fixture
def reaper(site: Site) -> Site:
    resource = site.reaper.resource
    resource.mkdir()
    (resource / "reaper.ini").write_text("[REAPER]\n")
    reaper_install.install(site.home, site.reaper)
    return site


def test_reaper_without_our_scripts_is_not_an_error(site: Site) -> None:
    site.reaper.resource.mkdir()
    check = finding(site, "REAPER")
    assert (check.state, "install reaper" in check.remedy) == ("unused", True)


def test_reaper_set_up_and_started(reaper: Site) -> None:
    check = finding(reaper, "REAPER")
    assert (check.state, "start it once" in check.text) == ("ok", True)
    rows = "v2m-handshake\t1\ncommand\t_RSabc\nreaper\t7.79/linux-x86_64\nscript\t/x.lua\nscripts\t0.1.0\nend\t5\n"
    (reaper.home / "outbox" / "reaper-import.txt").write_text(rows)
    assert "7.79" in finding(reaper, "REAPER").text


@pytest.mark.parametrize(
    ("file", "text", "state", "words"),
    [
        ("Scripts/v2m/v2m_home.txt", "/elsewhere\n", "failed", "another state folder"),
        ("Scripts/v2m/lib/v2m_job.lua", "-- old\n", "failed", "another version"),
        ("Scripts/__startup.lua", "-- mine\n", "warning", "start-up block"),
        ("reaper.ini", "[REAPER]\n", "warning", "OSC device"),
    ],
)
def test_each_harm_to_reaper_is_found(reaper: Site, file: str, text: str, state: str, words: str) -> None:
    (reaper.reaper.resource / file).write_text(text)
    check = finding(reaper, "REAPER")
    assert (check.state, words in check.text, "install reaper" in check.remedy) == (state, True, True)


def test_the_command(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(System, "this", lambda: site.machine)
    monkeypatch.setattr(ReaperMachine, "this", lambda: site.reaper)
    monkeypatch.setenv("V2M_HOME", str(site.home))
    monkeypatch.setenv("V2M_PORT", str(site.port))
    with pytest.raises(SystemExit) as exit_info:
        main(["doctor", "--json"])
    report = json.loads(capsys.readouterr().out)
    assert exit_info.value.code == 2
    assert (report["schema"], report["ok"]) == ("v2m.doctor/1", False)
    names = [
        "python",
        "state folder",
        "menu entry",
        "stamp",
        "REAPER",
        "inbox",
        "token",
        "daemon",
        "ports",
        "last message",
        "models",
        "gpu",
    ]
    assert [row["name"] for row in report["checks"]] == names
    assert all(row["remedy"] for row in report["checks"] if row["state"] in ("warning", "failed"))
    with pytest.raises(SystemExit):
        main(["doctor"])
    shown = capsys.readouterr().out
    assert "v2m-bridge serve" in shown
    assert "1 thing is wrong" in shown
    monkeypatch.setattr(System, "this", lambda: System("linux", tmp_path / "nobody", {}))
    monkeypatch.setenv("V2M_HOME", str(tmp_path / "none"))
    with pytest.raises(SystemExit) as exit_info:
        main(["doctor"])
    assert exit_info.value.code == 0
    assert "Nothing is wrong" in capsys.readouterr().out
