"""Run a ReaScript against the model: the strict ``reaper`` table for Lua 5.3 (REAPER 6) and 5.4 (REAPER 7).

Every function of the table of signatures is known. Unknown names, wrong arity and wrong types are errors, a known
function of a newer version or of a missing extension is nil, and one that is not modelled says so when it is called.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from v2m_bridge.errors import SetupError
from v2m_bridge.testing.reaper import content, midi, system, timeline  # noqa: F401  (they register)
from v2m_bridge.testing.reaper.host import FUNCTIONS, Function, Host, Killed, ReaperError, alive
from v2m_bridge.testing.reaper.project import Item, MediaTake, MediaTrack, Project, ProjectMarker, Source
from v2m_bridge.testing.reaper.signatures import Parameter, Signature, signatures

OBJECTS: dict[str, type] = {
    "MediaTrack": MediaTrack,
    "MediaItem": Item,
    "MediaItem_Take": MediaTake,
    "PCM_source": Source,
    "ProjectMarker": ProjectMarker,
}
BYTES_ARGUMENTS = {("MIDI_SetAllEvts", 1), ("MIDI_InsertTextSysexEvt", 5)}
"""Strings that are data, not text."""

LUA_54_SINCE = (7, 0)

_STRICT = """
local functions, known = ...
local made = {}
reaper = setmetatable({}, {
  __index = function(_, name)
    if made[name] == nil then
      made[name] = functions(name)
      if made[name] == nil and not known(name) then error("reaper." .. tostring(name) .. " does not exist", 2) end
    end
    return made[name]
  end,
  __newindex = function(_, name) error("reaper." .. tostring(name) .. " is not for scripts to set", 2) end,
})
"""


_DECIMAL_COMMA = """
local format = string.format
string.format = function(text, ...)
  local values, at = table.pack(...), 0
  return (text:gsub("%%([-+ #0]*%d*%.?%d*)([%a%%])", function(width, kind)
    if kind == "%" then return "%" end
    at = at + 1
    local shown = format("%" .. width .. kind, values[at])
    return kind:match("[eEfFgG]") and shown:gsub("%.", ",") or shown
  end))
end
"""
"""What ``%f`` and ``%g`` give where the system's decimal separator is a comma."""


class Reaper:
    """A REAPER that can run scripts. ``host`` and ``project`` are open to tests.

    Raises:
        SetupError: lupa is not installed.
    """

    def __init__(self, host: Host | None = None) -> None:
        self.host = host or Host()
        self.errors: list[str] = []

    @property
    def project(self) -> Project:
        return self.host.project

    def run(self, script: Path) -> None:
        """Run ``script`` to its end, as its action does; what it deferred waits for :meth:`tick`.

        Raises:
            ReaperError: the script failed, or left undo or the screen in disorder.
        """
        host = self.host
        host.script = script
        self._lua = self._runtime()
        try:
            self._lua.execute(script.read_bytes())
        except Killed:
            self._finish()
        except Exception as error:
            self._finish()
            raise ReaperError(f"{script.name}: {_message(error)}") from error
        else:
            self._check_order(script)
            if not host.deferred:
                self._finish()

    def tick(self, seconds: float = 0.033) -> None:
        """Run what was deferred once, ``seconds`` later."""
        self.host.now_s += seconds
        waiting, self.host.deferred = self.host.deferred, []
        for callback in waiting:
            callback()
        self._check_order(self.host.script)

    def close(self) -> None:
        """End deferred scripts."""
        self.host.deferred.clear()
        self._finish()

    def _finish(self) -> None:
        """What REAPER does when a script is over, however it ended."""
        host = self.host
        host.kill_after = None
        callbacks, host.at_exit = host.at_exit, []
        for callback in callbacks:
            callback()
        while host.project.open_blocks:
            self.errors.append("an undo block was left open")
            host.project.end_block("ReaScript")

    def _check_order(self, script: Path) -> None:
        if self.host.refresh_depth:
            raise ReaperError(f"{script.name}: the screen is still locked by PreventUIRefresh")
        if self.host.project.open_blocks:
            raise ReaperError(f"{script.name}: an undo block is still open")
        for project in self.host.open_projects:
            if project.heights_pending:
                raise ReaperError(f"{script.name}: a track's height was set without TrackList_AdjustWindows")
            sources = [take.source for item in project.items() for take in item.takes if take.source]
            if any(not source.has_peaks for source in sources):
                raise ReaperError(f"{script.name}: media was added and its peaks were not built")

    def _runtime(self) -> Any:
        try:
            if self.host.version_number >= LUA_54_SINCE:
                from lupa.lua54 import LuaRuntime
            else:
                from lupa.lua53 import LuaRuntime
        except ImportError as error:
            raise SetupError("the model of REAPER needs Lua", "pip install lupa") from error
        lua = LuaRuntime(encoding=None, unpack_returned_tuples=True, register_eval=False, register_builtins=False)
        if self.host.decimal_comma:
            lua.execute(_DECIMAL_COMMA.encode())
        lua.execute(_STRICT.encode(), self._function, lambda name: name.decode() in signatures())
        return lua

    def _function(self, name: bytes) -> Any:
        signature = signatures().get(name.decode())
        if signature is None or signature.since > self.host.version_number:
            return None
        if signature.extension and signature.extension not in self.host.extensions:
            return None
        return _Bound(self.host, signature)


def _message(error: Exception) -> str:
    text = error.args[0] if error.args else error
    return text.decode(errors="replace") if isinstance(text, bytes) else str(text)


class _Bound:
    """One function of the table: checks what it is given, converts strings both ways."""

    def __init__(self, host: Host, signature: Signature) -> None:
        self.host = host
        self.signature = signature

    def __call__(self, *arguments: Any) -> Any:
        self.host.count_call()
        name = self.signature.name
        body = FUNCTIONS.get(name)
        if body is None:
            raise ReaperError(f"reaper.{name} is known, but this model does not have it")
        required = sum(not p.optional for p in self.signature.arguments)
        if not required <= len(arguments) <= len(self.signature.arguments):
            raise ReaperError(f"reaper.{name} takes {len(self.signature.arguments)} arguments, not {len(arguments)}")
        values = [
            self._checked(i, p, v) for i, (p, v) in enumerate(zip(self.signature.arguments, arguments, strict=False))
        ]
        return self._given(self._on_its_project(body, values))

    def _on_its_project(self, body: Function, values: list[Any]) -> Any:
        """A project given as 0 or nil is the one in front; another tab's is worked on where it is."""
        given = next((v for v in values if isinstance(v, Project)), None)
        if given is None or self.signature.name == "SelectProjectInstance":
            return body(self.host, *values)
        front, self.host.project = self.host.project, given
        try:
            return body(self.host, *values)
        finally:
            self.host.project = front

    def _checked(self, index: int, parameter: Parameter, value: Any) -> Any:
        where = f"reaper.{self.signature.name}: argument {index + 1}"
        kind = parameter.type
        if kind == "ReaProject":
            if value not in (0, None) and not isinstance(value, Project):
                raise ReaperError(f"{where} is no project")
            return value
        if value is None and parameter.optional:
            return None
        if kind in OBJECTS:
            if not isinstance(value, OBJECTS[kind]):
                raise ReaperError(f"{where} is {_lua_type(value)}, not a {kind}")
            return alive(self.host, value)
        if kind in ("any", "function"):
            return value
        if not _is(kind, value):
            raise ReaperError(f"{where} is {_lua_type(value)} {value!r}, not a {kind}")
        if kind == "string":
            return value if (self.signature.name, index) in BYTES_ARGUMENTS else value.decode("utf-8")
        return int(value) if kind == "integer" else float(value) if kind == "number" else value

    def _given(self, result: Any) -> Any:
        results = result if isinstance(result, tuple) else () if result is None else (result,)
        if result is None and self.signature.returns:
            return None
        given = []
        for parameter, value in zip(self.signature.returns, results, strict=False):
            if isinstance(value, str):
                value = value.encode()
            elif parameter.type == "number" and isinstance(value, int) and not isinstance(value, bool):
                # a number that REAPER documents as number reaches Lua as a float, whole or not
                value = float(value)
            given.append(value)
        return tuple(given) if len(given) != 1 else given[0]


def _is(kind: str, value: Any) -> bool:
    if kind == "boolean":
        return isinstance(value, bool)
    if kind == "string":
        return isinstance(value, bytes)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    return kind == "number" or float(value).is_integer()


def _lua_type(value: Any) -> str:
    names = {type(None): "nil", bool: "boolean", bytes: "string", int: "number", float: "number"}
    return names.get(type(value), type(value).__name__)
