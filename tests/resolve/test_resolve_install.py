"""Menu entries on three systems: where they go, what is stamped, what is taken away."""

from __future__ import annotations

import ast
import json
import re
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from v2m_bridge import __version__
from v2m_bridge.cli.main import main
from v2m_bridge.edits.menu_request import lua_string
from v2m_bridge.errors import SetupError
from v2m_bridge.resolve.install import (
    LUA_ENTRIES,
    LUA_NAME,
    PYTHON_NAME,
    BringBack,
    System,
    entries,
    exchange,
    install,
    last_notice,
    protect,
    stamped_port,
    uninstall,
)

FOLDERS = {
    "linux": ".local/share/DaVinciResolve/Fusion/Scripts/Utility",
    "darwin": "Library/Application Support/Blackmagic Design/DaVinci Resolve/Fusion/Scripts/Utility",
    "win32": "AppData/Roaming/Blackmagic Design/DaVinci Resolve/Support/Fusion/Scripts/Utility",
}
NAMES = {*LUA_ENTRIES.values(), PYTHON_NAME}
EVERY_SYSTEM = pytest.mark.parametrize("system", FOLDERS)


def machine(tmp_path: Path, system: str) -> System:
    user = tmp_path / "user"
    environ = {"APPDATA": str(user / "AppData/Roaming"), "PROGRAMDATA": str(tmp_path / "all")}
    return System(system, user, environ if system == "win32" else {})


def stamp(text: str) -> dict[str, object]:
    """The stamp of the Studio entry."""
    line = next(line for line in text.splitlines() if line.startswith("STAMP = "))
    found = ast.literal_eval(line.removeprefix("STAMP = "))
    assert isinstance(found, dict)
    return found


@EVERY_SYSTEM
def test_all_entries_lie_in_the_user_s_folder(tmp_path: Path, system: str) -> None:
    done = install(tmp_path / "state", 9000, machine(tmp_path, system))
    folder = tmp_path / "user" / FOLDERS[system]
    assert sorted(done.written) == sorted(folder / name for name in NAMES)
    assert {p.name for p in folder.iterdir()} == NAMES
    assert "--> preview.lua" not in (folder / LUA_NAME).read_text()
    modes = {name: re.search(r'mode = "(\w+)"', (folder / name).read_text()) for name in LUA_ENTRIES.values()}
    assert {mode[1]: name for name, mode in modes.items() if mode} == LUA_ENTRIES
    assert (tmp_path / "state" / "inbox").is_dir()
    assert (tmp_path / "state" / "outbox").is_dir()
    separator = "\\" if system == "win32" else "/"
    found = stamp((folder / PYTHON_NAME).read_text())
    assert found["inbox"] == str(tmp_path / "state" / "inbox") + separator
    assert (found["port"], found["version"]) == (9000, __version__)
    assert found["token_file"] == str(tmp_path / "state" / "token")


@EVERY_SYSTEM
def test_doing_it_again_changes_nothing(tmp_path: Path, system: str) -> None:
    here = machine(tmp_path, system)
    install(tmp_path / "state", 8765, here)
    before = {p: (p.read_bytes(), p.stat().st_mtime_ns) for p in (tmp_path / "user").rglob("*") if p.is_file()}
    done = install(tmp_path / "state", 8765, here)
    after = {p: (p.read_bytes(), p.stat().st_mtime_ns) for p in (tmp_path / "user").rglob("*") if p.is_file()}
    assert (done.written, done.removed, done.warnings) == ((), (), ())
    assert after == before


@EVERY_SYSTEM
def test_old_entries_of_ours_go_and_other_scripts_stay(tmp_path: Path, system: str) -> None:
    here = machine(tmp_path, system)
    scripts = tmp_path / "user" / Path(FOLDERS[system]).parent
    old = [scripts / "Utility" / "Score timeline.lua", scripts / "Edit" / "Score this timeline.py"]
    other = scripts / "Utility" / "Score.lua"
    for path in (*old, other):
        path.parent.mkdir(parents=True, exist_ok=True)
    for path in old:
        path.write_text("-- v2m-bridge menu entry. Something older\n")
    other.write_text("-- somebody else's\n")
    done = install(tmp_path / "state", 8765, here)
    assert sorted(done.removed) == sorted(old)
    assert other.read_text() == "-- somebody else's\n"


def test_another_state_folder_or_version_is_stamped_anew(tmp_path: Path) -> None:
    here = machine(tmp_path, "linux")
    install(tmp_path / "one", 8765, here)
    done = install(tmp_path / "two", 8765, here, BringBack(markers=True))
    assert len(done.written) == len(NAMES)
    found = stamp(next(path for path in done.written if path.name == PYTHON_NAME).read_text())
    (lua,) = (path.read_text() for path in done.written if path.name == LUA_NAME)
    assert "markers = true, preview = false" in lua
    assert (found["inbox"], found["markers"], found["preview"]) == (f"{tmp_path}/two/inbox/", True, False)


def test_uninstall_takes_only_ours(tmp_path: Path) -> None:
    here = machine(tmp_path, "linux")
    folder = install(tmp_path / "state", 8765, here).written[0].parent
    (folder / "other.lua").write_text("print(1)")
    assert len(uninstall(here).removed) == len(NAMES)
    assert [p.name for p in folder.iterdir()] == ["other.lua"]


@pytest.mark.parametrize("name", ["Jürgen", "映画", 'it\'s "so" \\ 100%', "a\tb"])
def test_the_lua_entry_is_ascii_whatever_the_folder_is_called(tmp_path: Path, name: str) -> None:
    lupa = pytest.importorskip("lupa.luajit21")
    home = tmp_path / name
    text = entries(home, 8765, machine(tmp_path, "linux"))[LUA_NAME]
    assert text.isascii()
    assert lupa.LuaRuntime().eval(lua_string(str(home))) == str(home)
    assert lua_string(f"{home}/inbox/") in text
    studio = entries(home, 8765, machine(tmp_path, "linux"))[PYTHON_NAME]
    assert studio.isascii()
    assert stamp(studio)["inbox"] == f"{home}/inbox/"


def test_on_windows_the_exchange_folders_are_ascii(tmp_path: Path) -> None:
    """LuaJIT opens files by their ANSI name there."""
    here = machine(tmp_path, "win32")
    plain = exchange(tmp_path / "state", here)
    assert plain.inbox == tmp_path / "state" / "inbox"
    moved = exchange(Path("C:/Users/Jürgen/v2m"), here)
    assert str(moved.inbox.relative_to(tmp_path / "all")).isascii()
    assert moved == exchange(Path("C:/Users/Jürgen/v2m"), here)
    assert moved != exchange(Path("C:/Users/Jörgen/v2m"), here)
    assert exchange(Path("/home/Jürgen/v2m"), machine(tmp_path, "linux")).inbox == Path("/home/Jürgen/v2m/inbox")


def test_the_app_store_s_container_gets_entries_and_a_warning(tmp_path: Path) -> None:
    here = machine(tmp_path, "darwin")
    (here.user / "Library/Containers/com.blackmagic-design.DaVinciResolveLite").mkdir(parents=True)
    done = install(tmp_path / "state", 8765, here)
    assert len(done.written) == 3 * len(NAMES)
    assert any("App Store" in warning for warning in done.warnings)


def test_containers_of_the_maker_s_other_programs_get_nothing(tmp_path: Path) -> None:
    here = machine(tmp_path, "darwin")
    for name in ("DiskSpeedTest", "BlackmagicRAWPlayer", "DaVinciResolveLite"):
        (here.user / f"Library/Containers/com.blackmagic-design.{name}").mkdir(parents=True)
    install(tmp_path / "state", 8765, here)
    containers = here.user / "Library/Containers"
    assert {p.parts[len(containers.parts)] for p in containers.rglob("*.lua")} == {
        "com.blackmagic-design.DaVinciResolveLite"
    }


def test_a_container_that_macos_guards_is_a_warning(tmp_path: Path) -> None:
    here = machine(tmp_path, "darwin")
    guarded = here.user / "Library/Containers/com.blackmagic-design.DaVinciResolveLite"
    guarded.mkdir(parents=True)
    (guarded / "Data").write_bytes(b"nobody may make a folder here")
    done = install(tmp_path / "state", 8765, here)
    assert len(done.written) == len(NAMES)
    assert any("not in the App Store's Resolve" in warning for warning in done.warnings)


def test_folders_outside_of_the_users_own_are_protected(tmp_path: Path) -> None:
    commands: list[str] = []

    def run(command: Sequence[str]) -> bytes:
        commands.append(" ".join(command))
        return b'"a","S-1-5-21-7-7-7-7"'

    shared = exchange(Path("C:/Users/Jürgen/v2m"), machine(tmp_path, "win32"))
    assert protect(Path("C:/Users/Jürgen/v2m"), shared, "win32", run) == ()
    assert commands[1].startswith(f"icacls {shared.inbox.parent} /inheritance:r")
    own = exchange(tmp_path / "state", machine(tmp_path, "win32"))
    assert protect(tmp_path / "state", own, "win32", run) == ()
    assert len(commands) == 2


@pytest.mark.skipif(sys.platform == "win32", reason="rights work differently")
def test_a_folder_that_cannot_be_written_to_is_named(tmp_path: Path) -> None:
    here = machine(tmp_path, "linux")
    blocked = here.fusion / "Scripts"
    blocked.parent.mkdir(parents=True)
    blocked.write_text("a file where a folder should be")
    with pytest.raises(SetupError, match="Scripts"):
        install(tmp_path / "state", 8765, here)


def test_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(Path, "home", lambda: tmp_path / "user")
    monkeypatch.setattr(sys, "platform", "linux")
    for written, removed, arguments in ((len(NAMES), 0, []), (0, 0, []), (len(NAMES), 0, ["--markers"])):
        with pytest.raises(SystemExit) as exit_info:
            main(["install", "resolve", "--json", *arguments])
        assert exit_info.value.code == 0
        report = json.loads(capsys.readouterr().out)
        assert len(report["written"]) == written
        assert len(report["removed"]) == removed
        assert report["inbox"].endswith("inbox")
    with pytest.raises(SystemExit):
        main(["install", "resolve", "--port", "9123"])
    assert "serve --port 9123" in capsys.readouterr().out
    entry = machine(tmp_path, "linux").fusion / "Scripts" / "Utility" / PYTHON_NAME
    assert stamped_port(entry) == 9123
    with pytest.raises(SystemExit):
        main(["install", "resolve", "--remove"])
    assert "no entry" in capsys.readouterr().out


def test_the_last_message_of_several_profiles(tmp_path: Path) -> None:
    here = machine(tmp_path, "linux")
    assert last_notice(here) is None
    for name, text in (("Default", "100 No timeline is open."), ("Other", "200 it's fine")):
        path = here.fusion / "Profiles" / name / "Fusion.prefs"
        path.parent.mkdir(parents=True)
        path.write_text(f'{{\n\tGlobal = {{\n\t\tV2MBridge = {{\n\t\t\tNotice = "{text}",\n\t\t}},\n\t}},\n}}\n')
    notice = last_notice(here)
    assert notice and (notice.unix_s, notice.text) == (200, "it's fine")
