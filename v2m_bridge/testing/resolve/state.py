"""What a running Resolve knows: its edition, the open timeline, what it refuses, and what scripts did to it.

The objects of :mod:`.objects` and :mod:`.timeline` read and change this; :mod:`.model` shows them to scripts.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from v2m_bridge.testing.resolve.edit import ResolveEdit
from v2m_bridge.testing.resolve.words import WORDS


@dataclass(frozen=True)
class Edition:
    """One product and version, and what its script host allows."""

    name: str
    studio: bool
    version: tuple[int, int, int, int]

    @property
    def release(self) -> tuple[int, int]:
        return self.version[:2]

    @property
    def product(self) -> str:
        return "DaVinci Resolve Studio" if self.studio else "DaVinci Resolve"

    @property
    def lua_is_sandboxed(self) -> bool:
        return not self.studio and self.release >= (21, 1)

    @property
    def runs_python(self) -> bool:
        """Whether ``.py`` files are listed in the Scripts menu."""
        return self.studio or self.release < (21, 1)

    @property
    def float_constants(self) -> bool:
        return self.release >= (21, 1)


FREE_20 = Edition("free 20", False, (20, 3, 2, 9))
FREE_21_1 = Edition("free 21.1", False, (21, 1, 0, 17))
STUDIO_20 = Edition("Studio 20", True, (20, 3, 2, 9))
STUDIO_21_1 = Edition("Studio 21.1", True, (21, 1, 0, 17))
EDITIONS = (FREE_20, FREE_21_1, STUDIO_20, STUDIO_21_1)


@dataclass(frozen=True)
class CallRecord:
    """A method that a script called, with its plain arguments."""

    kind: str
    method: str
    arguments: tuple[Any, ...]


@dataclass
class ResolveState:
    """A running Resolve.

    Attributes:
        edit: the timeline that is open at first; None: no timeline is open.
        others: further timelines of the project.
        project_open: False shows the project manager.
        modal: a dialog is open; every call fails.
        refuse_export, refuse_delete: these calls return False (``refuse_delete``: so many times).
        delete_lies: off the Edit page, deleting clips does nothing and returns True rather than False.
        rounded_rates: rates are written as 23.976 into exports, and times are computed with that number.
        dialog: what a person answers to ``AskUser``; None closes the dialog.
        before_call: runs before every call of a script, with the method's name: whatever a person does meanwhile.
        refused: names of methods that return False or nothing whatever they are given.
        through_bridge: unknown names are callables that return None (external process) instead of None (menu).
        prefs_file: where ``SavePrefs`` writes.
        calls: every call of a script, in order.
        violations: what a script did that the real program would silently ignore.
        asked: title and rows of every dialog that a script opened.
        app, fusion_app, project: the objects of this Resolve, one each; they refer to each other through here.
    """

    edition: Edition
    edit: ResolveEdit | None = None
    others: tuple[ResolveEdit, ...] = ()
    project_open: bool = True
    project_name: str = "Feature"
    language: str = "en"
    page: str = "edit"
    modal: bool = False
    refuse_export: bool = False
    refuse_delete: int = 0
    delete_lies: bool = False
    rounded_rates: bool = False
    dialog: dict[str, Any] | None = None
    before_call: Callable[[str], None] | None = None
    refused: set[str] = field(default_factory=set)
    through_bridge: bool = False
    source_start_off_by: int = 0
    prefs_file: Path | None = None
    prefs: dict[str, Any] = field(default_factory=dict)
    calls: list[CallRecord] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)
    unknown_names: list[str] = field(default_factory=list)
    asked: list[tuple[str, Any]] = field(default_factory=list)
    app: Any = field(init=False, repr=False, compare=False)
    fusion_app: Any = field(init=False, repr=False, compare=False)
    project: Any = field(init=False, repr=False, compare=False)

    def word(self, english: str) -> str:
        """What the user interface shows for an English word, in its language."""
        return WORDS[self.language].get(english, english)

    def called(self, method: str) -> list[CallRecord]:
        """Every call of a method, in order."""
        return [record for record in self.calls if record.method == method]
