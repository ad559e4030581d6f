"""The running program around a project: version, dialogs, files, scripts' callbacks, and the table of its functions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from v2m_bridge.testing.reaper.project import Item, MediaTake, MediaTrack, Project, ProjectMarker
from v2m_bridge.testing.reaper.signatures import version_of

LANES_SINCE = (7, 62)
FILE_PICK, MESSAGE = "file", "message"


class ReaperError(Exception):
    """What a script did that REAPER would refuse, misread or crash on."""


class Killed(Exception):
    """The script was ended from outside."""


@dataclass
class Host:
    """One running REAPER.

    Attributes:
        version: as GetAppVersion gives it.
        answers: what the user will answer to dialogs, first first; a dialog with nobody to answer is an error.
        kill_after: number of API calls after which the script is ended, or None.
        fail_at: number of the one API call that fails, or None.
        extensions: names of installed extensions (``"SWS"``).
        other_tabs: projects that are open behind the one in front, ``project``.
        decimal_comma: whether the system writes 1,5 for one and a half, which Lua's ``string.format`` follows.
    """

    version: str = "7.79/linux-x86_64"
    project: Project = field(default_factory=Project)
    resource_path: Path = Path("/nowhere")
    answers: list[Any] = field(default_factory=list)
    kill_after: int | None = None
    fail_at: int | None = None
    extensions: frozenset[str] = frozenset()
    other_tabs: list[Project] = field(default_factory=list)
    decimal_comma: bool = False
    now_s: float = 1000.0
    lanes_can_be_made: bool = True
    command_name: str = "RS0123456789abcdef0123456789abcdef01234567"
    dialogs: list[tuple[str, str]] = field(default_factory=list)
    console: list[str] = field(default_factory=list)
    ext_state: dict[tuple[str, str], str] = field(default_factory=dict)
    refresh_depth: int = 0
    calls: int = 0
    deferred: list[Any] = field(default_factory=list)
    at_exit: list[Any] = field(default_factory=list)
    timeline_updates: int = 0
    toggles: dict[int, int] = field(default_factory=dict)
    actions: dict[str, int] = field(default_factory=dict)
    listed: dict[str, list[str]] = field(default_factory=dict)
    script: Path = Path("script.lua")

    @property
    def version_number(self) -> tuple[int, int]:
        return version_of(self.version)

    def __post_init__(self) -> None:
        self.open_projects = (self.project, *self.other_tabs)

    @property
    def has_lanes(self) -> bool:
        return self.version_number >= LANES_SINCE

    def answer(self, kind: str, text: str) -> Any:
        """Show a dialog: modal, so that somebody must be there."""
        self.dialogs.append((kind, text))
        if not self.answers:
            raise ReaperError(f"a dialog waits for ever: {text!r}")
        return self.answers.pop(0)

    def count_call(self) -> None:
        self.calls += 1
        if self.kill_after is not None and self.calls > self.kill_after:
            raise Killed("the script was terminated")
        if self.calls == self.fail_at:
            raise ReaperError("this call failed")


Function = Callable[..., Any]
FUNCTIONS: dict[str, Function] = {}
"""What is modelled, by name; each takes the host and then what the script passed."""


def function(body: Function) -> Function:
    """Register ``body`` under its own name."""
    FUNCTIONS[body.__name__] = body
    return body


def alive(host: Host, thing: Any) -> Any:
    """``thing`` if it is still in the project; pointers die with undo and deletion."""
    state = host.project.state
    if isinstance(thing, MediaTrack):
        found = thing in state.tracks or thing is state.master
    elif isinstance(thing, Item):
        found = thing.track in state.tracks and thing in thing.track.items
    elif isinstance(thing, MediaTake):
        found = thing in thing.item.takes and bool(alive(host, thing.item))
    elif isinstance(thing, ProjectMarker):
        found = thing in state.markers
    else:
        found = True
    if not found:
        raise ReaperError(f"{type(thing).__name__} {getattr(thing, 'guid', '')} does not exist any more")
    return thing


def known(values: dict[str, float], name: str) -> str:
    """``name`` if it is a value of that object; REAPER answers 0 to a slip of the pen, which hides it."""
    if name not in values:
        raise ReaperError(f"no value is called {name!r}")
    return name
