"""The daemon's folders import each other in one direction only."""

from __future__ import annotations

import ast
from graphlib import TopologicalSorter
from pathlib import Path

DAEMON = Path(__file__).parents[2] / "v2m_bridge" / "daemon"
PREFIX = "v2m_bridge.daemon."


def part_of(name: str) -> str:
    """The sub-folder, or the module at the top, that a name below ``v2m_bridge.daemon`` belongs to."""
    return name.removeprefix(PREFIX).partition(".")[0]


def imports(path: Path) -> set[str]:
    """Parts of the daemon that a file imports."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
            found |= {part_of(name) for name in names if name.startswith(PREFIX)}
    return found


def test_no_two_folders_know_each_other() -> None:
    graph: dict[str, set[str]] = {}
    for path in DAEMON.rglob("*.py"):
        part = path.relative_to(DAEMON).parts[0].removesuffix(".py")
        graph.setdefault(part, set()).update(imports(path) - {part})
    order = list(TopologicalSorter(graph).static_order())  # raises CycleError
    folders = [part for part in order if (DAEMON / part).is_dir() and part in ("jobs", "worker", "inbox", "http")]
    assert folders == ["jobs", "worker", "inbox", "http"]
