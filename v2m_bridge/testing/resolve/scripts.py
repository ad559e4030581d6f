"""Workspace > Scripts of the four editions: the Lua host (LuaJIT, sandboxed in the free edition of 21.1) and Python.

Time is simulated: ``os.time``, ``bmd.wait``, ``time.time`` and ``time.sleep`` share one clock, and ``on_wait`` acts for
the daemon and the user, so that a script that waits an hour is tested in milliseconds.
"""

from __future__ import annotations

import contextlib
import io
import sys
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest import mock

from v2m_bridge.errors import SetupError
from v2m_bridge.testing.resolve.model import Proxy, ResolveModel

LIST_FLAGS = 4194304
"""Lists arrive in Lua as tables that also carry ``__flags``."""

SANDBOX_REMOVES = ("io", "require", "package", "ffi", "debug", "UIManager", "arg")
SANDBOX_OS = ("clock", "date", "difftime", "getenv", "time", "tmpname")
"""The functions of ``os`` that the sandbox keeps."""

_LUA_HOST = """
local lookup, invoke, undefined, print_line, now, wait, exists, is_dir, uuid = ...
local newproxy, getmetatable, type, select, error = newproxy, getmetatable, type, select, error
python = nil

local known = setmetatable({}, { __mode = "v" })
local handles = setmetatable({}, { __mode = "k" })
local wrap

local function as_object(id, kind)
  if known[id] then return known[id] end
  local object = newproxy(true)
  local meta = getmetatable(object)
  meta.__index = function(_, name)
    local found, value = lookup(id, name)
    if found == "method" then
      return function(self, ...)
        if handles[self] ~= id then error(kind .. "." .. name .. " was called without its object (use a colon)") end
        return wrap(invoke(id, name, select("#", ...), ...))
      end
    end
    return wrap(value)
  end
  meta.__newindex = function() error("objects of Resolve take no fields") end
  meta.__tostring = function() return kind end
  meta.__eq = function(a, b) return handles[a] == handles[b] end
  handles[object] = id
  known[id] = object
  return object
end

wrap = function(value)
  if type(value) ~= "table" then return value end
  if value.__handle then return as_object(value.__handle, value.__kind) end
  for key, item in pairs(value) do value[key] = wrap(item) end
  return value
end

local host = { handles = handles, wrap = wrap }

function host.globals(resolve, fusion)
  local env = _G
  rawset(env, "resolve", wrap(resolve))
  local app = wrap(fusion)
  rawset(env, "fusion", app) rawset(env, "fu", app) rawset(env, "app", app)
  rawset(env, "bmd", {
    wait = wait, gettime = now, fileexists = exists, direxists = is_dir, createuuid = uuid,
    getpid = function() return 4242 end, scriptapp = function() return nil end,
    readstring = function() return nil end, writestring = function() return "" end,
  })
  rawset(env, "print", print_line)
  os.time = function(at) if at then error("dates are not modelled") end return math.floor(now()) end
end

function host.load(path)
  local chunk, problem = loadfile(path)
  if not chunk then return nil, problem end
  return setfenv(chunk, setmetatable({}, { __index = function(_, name)
    local value = rawget(_G, name)
    if value == nil then undefined(name) end
    return value
  end }))
end

return host
"""


@dataclass
class ScriptHost:
    """Runs menu scripts against a model.

    Attributes:
        on_wait: called after every wait with the clock's seconds; raise to stop a script that would never end.
        printed: what ``print`` showed; nothing in the sandbox, where nobody can see it.
        undefined: names of globals that a Lua script read although the host has none.
    """

    model: ResolveModel
    on_wait: Callable[[float], None] = lambda seconds: None
    now_s: float = 1_800_000_000.0
    printed: list[str] = field(default_factory=list)
    undefined: list[str] = field(default_factory=list)

    def listed(self, folder: Path) -> list[str]:
        """Names that Workspace > Scripts shows for ``folder``."""
        suffixes = {".lua", ".py"} if self.model.edition.runs_python else {".lua"}
        return sorted(path.stem for path in folder.iterdir() if path.suffix in suffixes)

    def wait(self, seconds: float) -> None:
        """Let time pass."""
        self.now_s += seconds
        self.on_wait(self.now_s)

    def run_lua(self, script: Path) -> None:
        """Run a Lua script as a click in the menu does.

        Raises:
            Exception: whatever the script raised; Resolve would show nothing.
        """
        _LuaRun(self).run(script)

    def run_python(self, script: Path, arguments: tuple[str, ...] = ()) -> None:
        """Run a Python script as a click in the menu does; no ``__file__``, no ``sys.argv`` of its own.

        Raises:
            SetupError: this edition does not list Python scripts.
            Exception: whatever the script raised.
        """
        if not self.model.edition.runs_python:
            raise SetupError(f"{self.model.edition.name} does not list Python scripts")
        code = compile(script.read_text(encoding="utf-8"), str(script), "exec")
        fusion = self.model.fusion
        scope = {"__name__": "__main__", "resolve": self.model.resolve, "fusion": fusion, "fu": fusion, "app": fusion}
        output = io.StringIO()
        with (
            mock.patch("time.sleep", self.wait),
            mock.patch("time.time", lambda: self.now_s),
            mock.patch.object(sys, "argv", ["", *arguments]),
            contextlib.redirect_stdout(output),
        ):
            try:
                exec(code, scope)
            finally:
                self.printed.extend(output.getvalue().splitlines())


class _LuaRun:
    """One Lua state with the model's objects as userdata."""

    def __init__(self, host: ScriptHost) -> None:
        from lupa import luajit21

        self._host = host
        self._lua = luajit21.LuaRuntime(unpack_returned_tuples=True, register_eval=False)
        self._objects: dict[int, Proxy] = {}
        sandboxed = host.model.edition.lua_is_sandboxed
        start = self._lua.eval("function(source, ...) return assert(loadstring(source))(...) end")
        self._api = start(
            _LUA_HOST,
            self._lookup,
            self._invoke,
            host.undefined.append,
            self._print,
            lambda: host.now_s,
            host.wait,
            lambda path: Path(path).is_file(),
            lambda path: Path(path).is_dir(),
            lambda: str(uuid.uuid4()),
        )
        if sandboxed:
            self._remove()
        self._api["globals"](self._to_lua(host.model.resolve), self._to_lua(host.model.fusion))

    def _remove(self) -> None:
        scope = self._lua.globals()
        for name in SANDBOX_REMOVES:
            scope[name] = None
        for name in list(scope.os.keys()):
            if name not in SANDBOX_OS:
                scope.os[name] = None

    def run(self, script: Path) -> None:
        chunk, problem = _pair(self._api["load"](str(script)))
        if chunk is None:
            raise SyntaxError(problem)
        chunk()

    def _print(self, *values: Any) -> None:
        if not self._host.model.edition.lua_is_sandboxed:
            self._host.printed.append("\t".join(str(value) for value in values))

    def _lookup(self, handle: int, name: str) -> Any:
        value = getattr(self._objects[handle], name)
        return ("method", None) if callable(value) else ("value", self._to_lua(value))

    def _invoke(self, handle: int, name: str, count: int, *arguments: Any) -> Any:
        padded = [*arguments, *[None] * (count - len(arguments))]
        return self._to_lua(getattr(self._objects[handle], name)(*(self._to_python(a) for a in padded)))

    def _to_lua(self, value: Any) -> Any:
        if isinstance(value, Proxy):
            handle = hash(value)
            self._objects[handle] = value
            return self._lua.table(__handle=handle, __kind=repr(value))
        if isinstance(value, list):
            table = self._lua.table(*[self._to_lua(item) for item in value])
            table["__flags"] = LIST_FLAGS
            return table
        if isinstance(value, dict):
            table = self._lua.table()
            for key, item in value.items():
                table[key] = self._to_lua(item)
            return table
        return value

    def _to_python(self, value: Any) -> Any:
        from lupa import luajit21

        kind = luajit21.lua_type(value)
        if kind == "userdata":
            return self._objects[self._api.handles[value]]
        if kind != "table":
            return value
        keys = [key for key in value if key != "__flags"]
        if keys == list(range(1, len(keys) + 1)):
            return [self._to_python(value[key]) for key in keys]
        return {key: self._to_python(value[key]) for key in keys}


def _pair(value: Any) -> tuple[Any, Any]:
    return value if isinstance(value, tuple) else (value, None)
