"""Functions on files, dialogs, stored values, undo and the script itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from v2m_bridge.testing.reaper.host import FILE_PICK, MESSAGE, Host, ReaperError, function
from v2m_bridge.testing.reaper.signatures import signatures


@function
def GetAppVersion(host: Host) -> str:
    return host.version


@function
def GetOS(host: Host) -> str:
    return "Other"


@function
def GetResourcePath(host: Host) -> str:
    return str(host.resource_path)


@function
def APIExists(host: Host, name: str) -> bool:
    return name in signatures() and signatures()[name].since <= host.version_number


@function
def time_precise(host: Host) -> float:
    return host.now_s


@function
def get_action_context(host: Host) -> Any:
    return False, str(host.script), 0, 50001, -1, -1, -1, ""


@function
def ReverseNamedCommandLookup(host: Host, command: int) -> str | None:
    return host.command_name if command == 50001 else None


@function
def AddRemoveReaScript(host: Host, add: bool, section: int, script: str, commit: bool) -> int:
    if not Path(script).is_file():
        return 0
    host.actions[script] = 50001 + len(host.actions) if script not in host.actions else host.actions[script]
    return host.actions[script]


@function
def SetToggleCommandState(host: Host, section: int, command: int, state: int) -> bool:
    host.toggles[command] = state
    return True


@function
def GetToggleCommandStateEx(host: Host, section: int, command: int) -> int:
    return host.toggles.get(command, -1)


@function
def RefreshToolbar2(host: Host, section: int, command: int) -> None:
    pass


@function
def set_action_options(host: Host, flags: int) -> None:
    pass


@function
def defer(host: Host, callback: Any) -> None:
    host.deferred.append(callback)


@function
def atexit(host: Host, callback: Any) -> None:
    host.at_exit.append(callback)


@function
def PreventUIRefresh(host: Host, change: int) -> None:
    host.refresh_depth += change
    if host.refresh_depth < 0:
        raise ReaperError("PreventUIRefresh was lifted more often than set")


@function
def ShowConsoleMsg(host: Host, text: str) -> None:
    host.console.append(text)


@function
def ShowMessageBox(host: Host, text: str, title: str, kind: int) -> int:
    return int(host.answer(MESSAGE, f"{title}: {text}"))


@function
def GetUserFileNameForRead(host: Host, start: str, title: str, suffix: str) -> tuple[bool, str]:
    picked = host.answer(FILE_PICK, title)
    return (True, str(picked)) if picked else (False, start)


@function
def EnumerateFiles(host: Host, path: str, index: int) -> str | None:
    """The listing is kept until somebody asks for index -1."""
    if index == -1:
        host.listed.pop(path, None)
        return None
    if path not in host.listed:
        folder = Path(path)
        files = [p.name for p in folder.iterdir() if p.is_file()] if folder.is_dir() else []
        host.listed[path] = sorted(files)
    names = host.listed[path]
    return names[index] if 0 <= index < len(names) else None


@function
def file_exists(host: Host, path: str) -> bool:
    return Path(path).is_file()


@function
def RecursiveCreateDirectory(host: Host, path: str, ignored: int) -> int:
    Path(path).mkdir(parents=True, exist_ok=True)
    return 1


@function
def GetExtState(host: Host, section: str, key: str) -> str:
    return host.ext_state.get((section, key), "")


@function
def SetExtState(host: Host, section: str, key: str, value: str, persist: bool) -> None:
    if "\n" in value or "\r" in value:
        raise ReaperError("SetExtState values hold no newlines: they end up in an ini file")
    host.ext_state[section, key] = value


@function
def DeleteExtState(host: Host, section: str, key: str, persist: bool) -> None:
    host.ext_state.pop((section, key), None)


@function
def SetProjExtState(host: Host, project: Any, section: str, key: str, value: str) -> int:
    """Stored in the project file line by line; an empty value deletes the key."""
    if "\n" in value or "\r" in value:
        raise ReaperError("SetProjExtState values hold no newlines here: keep them one line")
    if value:
        host.project.ext[section, key] = value
    else:
        host.project.ext.pop((section, key), None)
    return 1


@function
def GetProjExtState(host: Host, project: Any, section: str, key: str) -> tuple[int, str]:
    value = host.project.ext.get((section, key), "")
    return len(value), value


@function
def Undo_BeginBlock2(host: Host, project: Any) -> None:
    host.project.begin_block()


@function
def Undo_EndBlock2(host: Host, project: Any, name: str, flags: int) -> None:
    if not host.project.open_blocks:
        raise ReaperError("Undo_EndBlock2 without Undo_BeginBlock2")
    if flags != -1:
        raise ReaperError("undo flags must be -1 here: tempo, items, markers and tracks all change")
    host.project.end_block(name)


@function
def Undo_CanUndo2(host: Host, project: Any) -> str | None:
    return host.project.undo_stack[-1][0] if host.project.undo_stack else None


@function
def Undo_DoUndo2(host: Host, project: Any) -> int:
    if host.project.open_blocks:
        raise ReaperError("undo inside an undo block")
    return int(host.project.undo())


@function
def Undo_DoRedo2(host: Host, project: Any) -> int:
    return int(host.project.redo())
