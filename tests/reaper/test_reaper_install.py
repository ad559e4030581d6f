"""Installing into REAPER's resource folder, and leaving it as it was."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import urllib.parse
from pathlib import Path

import pytest
from reaper_runs import SCRIPTS, reaper_at

from v2m_bridge import __version__
from v2m_bridge.errors import SetupError
from v2m_bridge.reaper.ini import foreign_device, with_device, without_device
from v2m_bridge.reaper.install import ReaperMachine, default_resource, install, presence, reaper_runs, uninstall
from v2m_bridge.reaper.osc import ADDRESSES
from v2m_bridge.reaper.read_answer import read_handshake
from v2m_bridge.testing.reaper.project import Project, Source

INTEGRATION = SCRIPTS.parent
INI = (
    b"[REAPER]\r\nlastproject=C:\\films\\\xe9.rpp\r\ncsurf_0=HTTP 0 8080 '' 'index.html' 0 ''\r\n"
    b'csurf_1=OSC "ipad" 3 8010 "10.0.0.2" 9010 1024 10 ""\r\ncsurf_cnt=2\r\n[recent]\r\nrecent01=x\r\n'
)


@pytest.fixture
def resource(tmp_path: Path) -> Path:
    folder = tmp_path / "REAPER"
    (folder / "Scripts").mkdir(parents=True)
    (folder / "reaper.ini").write_bytes(INI)
    (folder / "Scripts" / "__startup.lua").write_bytes(b"-- mine \xe9\nreaper.ShowConsoleMsg('hello\\n')")
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_install_and_remove_leave_everything_else_alone(resource: Path, tmp_path: Path) -> None:
    before = contents(resource)
    machine = ReaperMachine(resource, lambda: False)
    done = install(tmp_path / "home", machine)
    assert done.warnings == []
    assert (resource / "Scripts" / "v2m" / "v2m_Import score.lua").is_file()
    assert (resource / "OSC" / "v2m-bridge.ReaperOSC").is_file()
    assert b'csurf_2=OSC "v2m-bridge" 3 8000' in (resource / "reaper.ini").read_bytes()
    once = contents(resource)
    assert install(tmp_path / "home", machine).written == []
    assert contents(resource) == once
    gone = uninstall(machine)
    after = contents(resource)
    ini, startup_script = resource / "reaper.ini", resource / "Scripts" / "__startup.lua"
    assert gone.changed == [startup_script, ini]
    assert not any(path.exists() for path in gone.removed)
    startup = after.pop("Scripts/__startup.lua").decode("latin-1")
    assert startup.rstrip("\n") == before.pop("Scripts/__startup.lua").decode("latin-1")
    assert after == before


def test_a_start_up_script_of_ours_alone_goes(resource: Path, tmp_path: Path) -> None:
    startup = resource / "Scripts" / "__startup.lua"
    startup.unlink()
    machine = ReaperMachine(resource, lambda: False)
    assert startup in install(tmp_path / "home", machine).written
    assert startup in uninstall(machine).removed
    assert not startup.exists()


def test_a_backup_that_is_not_ours_stays(resource: Path, tmp_path: Path) -> None:
    theirs = resource / "reaper.ini.before-v2m"
    theirs.write_bytes(b"kept by hand")
    machine = ReaperMachine(resource, lambda: False)
    install(tmp_path / "home", machine)
    uninstall(machine)
    assert theirs.read_bytes() == b"kept by hand"
    theirs.unlink()
    install(tmp_path / "home", machine)
    assert theirs.read_bytes() == INI
    theirs.write_bytes(INI + b"edited since\n")
    uninstall(machine)
    assert theirs.exists()


def test_the_backup_stays_as_long_as_the_device(resource: Path, tmp_path: Path) -> None:
    backup = resource / "reaper.ini.before-v2m"
    install(tmp_path / "home", ReaperMachine(resource, lambda: False))
    uninstall(ReaperMachine(resource, lambda: True))
    assert backup.is_file()
    uninstall(ReaperMachine(resource, lambda: False))
    assert not backup.exists()
    assert not (resource / "Scripts" / "v2m").exists()


@pytest.mark.parametrize("running", [True, None])
def test_reaper_ini_is_not_touched_while_reaper_may_run(resource: Path, tmp_path: Path, running: bool | None) -> None:
    machine = ReaperMachine(resource, lambda: running)
    done = install(tmp_path / "home", machine)
    assert (resource / "reaper.ini").read_bytes() == INI
    assert any("reaper.ini was not touched" in w for w in done.warnings)
    assert any("local listen port 8000" in step for step in done.steps)
    install(tmp_path / "home", ReaperMachine(resource, lambda: False))
    with_ours = (resource / "reaper.ini").read_bytes()
    assert "was not touched" in uninstall(machine).warnings[0]
    assert (resource / "reaper.ini").read_bytes() == with_ours


def test_the_start_up_block_makes_actions_and_shakes_hands(resource: Path, tmp_path: Path) -> None:
    home = tmp_path / "hömé"
    install(home, ReaperMachine(resource, lambda: False))
    reaper = reaper_at(tmp_path, Project(), resource_path=resource)
    reaper.host.ext_state.clear()
    reaper.run(resource / "Scripts" / "__startup.lua")
    assert reaper.host.console == ["hello\n"]
    assert {Path(p).name for p in reaper.host.actions} == {p.name for p in SCRIPTS.glob("*.lua")}
    handshake = read_handshake(home / "outbox")
    assert handshake is not None
    assert handshake.command.startswith("_RS")


def test_cuts_go_into_the_inbox_that_the_daemon_watches(resource: Path, tmp_path: Path) -> None:
    home, inbox = tmp_path / "Jürgen", tmp_path / "ProgramData" / "inbox"
    install(home, ReaperMachine(resource, lambda: False), inbox=inbox)
    assert inbox.is_dir() and not (home / "inbox").exists()
    project = Project(frame_rate=24.0)
    project.add_item(project.add_track("picture"), 0.0, 10.0, Source("VIDEO", "/films/a.mov", 20.0)).take.name = "a"
    reaper = reaper_at(tmp_path, project, resource_path=resource)
    reaper.host.ext_state.clear()
    reaper.run(resource / "Scripts" / "v2m" / "v2m_Send this project's cuts.lua")
    assert [path.suffix for path in inbox.iterdir()] == [".otio"], reaper.host.console
    assert presence(home, resource, inbox).current
    assert not presence(home, resource).current


def test_the_list_of_processes_is_read_in_any_code_page(monkeypatch: pytest.MonkeyPatch) -> None:
    """tasklist writes what the console's code page makes of names, which need not be text for Python at all."""
    listed = "Name                 PID\r\nREAPER.exe   4711 Büro\r\n".encode("cp850") + b"\x81\x8d\xff"

    def run(command: list[str], **options: object) -> subprocess.CompletedProcess[bytes]:
        assert command[0] == "tasklist" and "text" not in options and options["creationflags"]
        return subprocess.CompletedProcess(command, 0, listed)

    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setattr("v2m_bridge.reaper.install.no_window", lambda: 1)
    monkeypatch.setattr(subprocess, "run", run)
    assert reaper_runs() is True


def test_a_missing_resource_folder_is_said(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="no REAPER resource folder"):
        install(tmp_path / "home", ReaperMachine(tmp_path / "nowhere", lambda: False))


@pytest.mark.parametrize(
    "ini", [b"", b"[REAPER]\n", b"[reaper]", b"[Other]\nx=1\n", b"[REAPER]\ncsurf_cnt=0\n[b]\n", INI]
)
def test_the_device_goes_in_and_out_of_any_ini(ini: bytes) -> None:
    added = with_device(ini)
    assert added.count(b'OSC "v2m-bridge"') == 1
    assert with_device(added) == added
    count = int(re.search(rb"csurf_cnt=(\d+)", added)[1])
    assert sorted(int(n) for n in re.findall(rb"csurf_(\d+)=", added)) == list(range(count))
    gone = without_device(added)
    assert b"v2m" not in gone
    for line in ini.splitlines():
        assert line in gone.splitlines()


def test_devices_behind_ours_move_up() -> None:
    both = with_device(INI).replace(b"csurf_cnt=3", b"csurf_cnt=4") + b'csurf_3=OSC "late" 3 8020 "" 0 1024 10 ""\r\n'
    gone = without_device(both)
    assert b'csurf_2=OSC "late" 3 8020' in gone
    assert b"csurf_cnt=3" in gone


def test_a_port_that_another_device_hears_is_left_to_it() -> None:
    assert with_device(INI, receive=8010) == INI


@pytest.mark.parametrize(
    ("line", "answers_to", "told"),
    [
        (b'OSC "iPad" 3 8000 "192.168.1.7" 9000 1024 10 ""', None, "answers nowhere on this machine"),
        (b'OSC "iPad" 1 8000 "127.0.0.1" 9000 1024 10 ""', None, "answers nowhere on this machine"),
        (b'OSC "DAW control" 3 8000 "127.0.0.1" 9010 1024 10 ""', 9010, "answers to port 9010"),
        (b'OSC "mine" 3 8000 "127.0.0.1" 9000 1024 10 "Default"', 9000, "it will do"),
    ],
)
@pytest.mark.parametrize("running", [False, True])
def test_a_foreign_device_on_our_port_is_named_with_what_it_can_do(
    resource: Path, tmp_path: Path, line: bytes, answers_to: int | None, told: str, running: bool
) -> None:
    ini = resource / "reaper.ini"
    ini.write_bytes(b"[REAPER]\ncsurf_0=" + line + b"\ncsurf_cnt=1\n")
    before = ini.read_bytes()
    found = foreign_device(before, 8000)
    assert found is not None and found.answers_to == answers_to
    assert foreign_device(before, 8001) is None
    done = install(tmp_path / "home", ReaperMachine(resource, lambda: running))
    assert ini.read_bytes() == before
    assert any(f"{found.name!r}" in w and told in w for w in done.warnings)
    assert any("--port 8001" in step for step in done.steps) == (answers_to != 9000)


def test_resource_folders_of_every_system() -> None:
    assert default_resource("win32", {"APPDATA": "C:/x"}).as_posix() == "C:/x/REAPER"
    assert default_resource("darwin", {"HOME": "/h"}).as_posix() == "/h/Library/Application Support/REAPER"
    assert default_resource("linux", {"HOME": "/h"}).as_posix() == "/h/.config/REAPER"
    assert default_resource("linux", {"HOME": "/h", "XDG_CONFIG_HOME": "/c"}).as_posix() == "/c/REAPER"
    assert reaper_runs() is False


def test_the_command_installs_and_removes(resource: Path, own_home: Path) -> None:
    command = [sys.executable, "-m", "v2m_bridge", "install", "reaper", "--resource", str(resource), "--json"]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    document = json.loads(run.stdout)
    assert document["schema"] == "v2m.install/1"
    assert (resource / "Scripts" / "v2m" / "v2m_home.txt").read_text() == f"{own_home}\n"
    assert (own_home / "outbox").is_dir()
    subprocess.run([*command, "--remove"], capture_output=True, check=True)
    assert not (resource / "Scripts" / "v2m").exists()


def test_the_reapack_index_of_a_release_is_that_of_the_scripts(tmp_path: Path) -> None:
    out = tmp_path / "index.xml"
    make = [sys.executable, str(INTEGRATION / "make_index.py"), "--out", str(out)]
    assert subprocess.run([*make, "--base-url", "ftp://x"], capture_output=True, check=False).returncode != 0
    subprocess.run([*make, "--base-url", "https://example.org/v{version}/reaper/"], check=True)
    index = out.read_text(encoding="utf-8")
    links = re.findall(r">(https://[^<]+)</source>", index)
    base = f"https://example.org/v{__version__}/reaper/Score/"
    assert {link.removeprefix(base) for link in links} == {
        urllib.parse.quote(p.relative_to(SCRIPTS).as_posix()) for p in SCRIPTS.rglob("*.lua")
    }
    listed = re.findall(r'(?:file|reapack name)="([^"]+\.lua)"', index)
    there = sorted(p.relative_to(SCRIPTS).as_posix() for p in SCRIPTS.rglob("*.lua"))
    assert sorted(listed) == there
    versions = set(re.findall(r"@version (\S+)", "".join(p.read_text() for p in SCRIPTS.glob("*.lua"))))
    assert versions == {__version__}
    assert f'SCRIPTS_VERSION = "{__version__}"' in (SCRIPTS / "lib" / "v2m_files.lua").read_text()


def test_the_osc_file_has_every_address_that_we_send_and_hear() -> None:
    text = (INTEGRATION / "v2m-bridge.ReaperOSC").read_text(encoding="ascii")
    patterns = {p[1:] for line in text.splitlines() if not line.startswith("#") for p in line.split()[1:] if "/" in p}
    wanted = {re.sub(r"\{number\}", "@", a) for a in ADDRESSES.values()}
    heard = {"/time", "/play", "/stop", "/pause", "/repeat", "/loop/start/time", "/loop/end/time"}
    heard |= {"/marker/@/name", "/marker/@/number/str"}
    assert wanted | heard <= patterns
