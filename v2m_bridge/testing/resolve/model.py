"""A strict model of DaVinci Resolve's scripting objects, for four editions.

It answers as the program was measured to answer: failed calls return False or None and never raise, ``hasattr`` is
always true, items count frames absolutely and markers relatively, transitions are items, an occupied marker frame is
refused, enum constants must come from the live object, an open dialog makes every call fail. Whatever a script does
that the real program would silently ignore (a method that does not exist, a wrong number of arguments, a constant
given as text) is kept in ``violations``, and every call in ``calls``.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from v2m_bridge.testing.resolve.objects import Fusion, ProjectObject, Resolve
from v2m_bridge.testing.resolve.state import CallRecord, ResolveState
from v2m_bridge.testing.resolve.table import NEUTRAL, Method, methods

FUSION_METHODS = {
    "GetPrefs": Method(0, 1, "o"),
    "SetPrefs": Method(1, 2, "-"),
    "SavePrefs": Method(0, 1, "b"),
    "GetResolve": Method(0, 0, "o"),
    "MapPath": Method(1, 1, "s"),
    "GetCurrentComp": Method(0, 0, "o"),
}
COMP_METHODS = {"AskUser": Method(2, 2, "d")}


@dataclass
class ResolveModel(ResolveState):
    """A running Resolve as scripts see it; takes the fields of :class:`ResolveState`."""

    def __post_init__(self) -> None:
        self._table = {**methods(self.edition.release), "Fusion": FUSION_METHODS, "Composition": COMP_METHODS}
        self.project = ProjectObject(self)
        self.app = Resolve(self)
        self.fusion_app = Fusion(self)

    @property
    def resolve(self) -> Any:
        """The ``resolve`` object as a script receives it."""
        return Proxy(self, self.app)

    @property
    def fusion(self) -> Any:
        """The ``fusion`` object as a script receives it."""
        return Proxy(self, self.fusion_app)

    def method_names(self, kind: str) -> list[str]:
        return sorted(self._table.get(kind, {}))

    def attribute(self, target: Any, name: str) -> Any:
        """What ``object.name`` gives a script."""
        if name in self._table.get(target.KIND, {}):
            return partial(self.call, target, name)
        constants = getattr(target, "constants", {})
        if name in constants:
            return constants[name]
        special = getattr(target, "special", None)
        if special and name in special:
            return special[name]()
        self.unknown_names.append(f"{target.KIND}.{name}")
        return (lambda *_: None) if self.through_bridge else None

    def call(self, target: Any, name: str, /, *arguments: Any, **named: Any) -> Any:
        """Call a method as the real object would take it; never raises."""
        method = self._table[target.KIND][name]
        if named:
            self.violations.append(f"{target.KIND}.{name} called with names {sorted(named)}")
            return copy.copy(NEUTRAL[method.returns])
        if not method.least <= len(arguments) <= method.most:
            self.violations.append(f"{target.KIND}.{name} called with {len(arguments)} arguments")
            return copy.copy(NEUTRAL[method.returns])
        plain = [_unwrapped(argument) for argument in arguments]
        self.calls.append(CallRecord(target.KIND, name, tuple(plain)))
        if self.before_call is not None:
            self.before_call(name)
        if self.modal and target.KIND != "Fusion":
            return False
        implementation: Callable[..., Any] | None = getattr(target, name, None)
        if implementation is None or name in self.refused:
            return copy.copy(NEUTRAL[method.returns])
        return self.wrapped(implementation(*plain))

    def wrapped(self, value: Any) -> Any:
        """``value`` with every object of ours behind a proxy."""
        if isinstance(value, list):
            return [self.wrapped(item) for item in value]
        if isinstance(value, dict):
            return {key: self.wrapped(item) for key, item in value.items()}
        return Proxy(self, value) if hasattr(type(value), "KIND") else value


class Proxy:
    """The handle that a script holds. Every name exists; handles of one object are equal; there are no items."""

    __slots__ = ("_model", "_target")

    def __init__(self, model: ResolveModel, target: Any) -> None:
        self._model = model
        self._target = target

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return self._model.attribute(self._target, name)

    def __dir__(self) -> list[str]:
        return self._model.method_names(self._target.KIND)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Proxy) and other._target is self._target

    def __hash__(self) -> int:
        return id(self._target)

    def __repr__(self) -> str:
        return f"<{self._target.KIND} (0x{id(self._target):x})>"


def _unwrapped(value: Any) -> Any:
    if isinstance(value, Proxy):
        return value._target
    if isinstance(value, list | tuple):
        return [_unwrapped(item) for item in value]
    if isinstance(value, dict):
        return {key: _unwrapped(item) for key, item in value.items()}
    return value
