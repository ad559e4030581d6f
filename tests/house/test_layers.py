"""The house rules that a machine can check: imports only go down and in no circle, and nothing grows too large."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "v2m_bridge"

LAYERS: dict[str, float] = {
    "__init__": 0,
    "errors": 0,
    "devices": 0,
    "progress": 0,
    "option_fields": 0,
    "settings": 0,
    "windows": 0,
    "files": 0,
    "timing": 0,
    "timeline": 1,
    "music": 1,
    "edits": 2,
    "footage": 2,
    "sync": 2,
    "amt": 3,
    "option_table": 3.5,
    "options": 3.5,
    "score": 4,
    "sound": 4,
    "reaper": 5,
    "resolve": 5,
    "testing": 5.5,
    "compose": 6,
    "training": 6,
    "demo": 6,
    "autostart": 7,
    "batch": 7,
    "daemon": 8,
    "cli": 8,
    "__main__": 8,
}
"""Package or module below ``v2m_bridge`` -> its layer; it may import its own layer and those below."""

STRANGERS = [{"timeline", "music"}, {"edits", "footage"}, {"edits", "sync"}, {"footage", "sync"}, {"reaper", "resolve"}]
"""Packages of one layer that must not know each other."""

MOST_MODULES = 16
MOST_FUNCTION_LINES = 60
MOST_FILE_LINES = 450
LEAST_DOCUMENTED = 0.95

MODULES = sorted(PACKAGE.rglob("*.py"))
FOLDERS = sorted({path.parent for path in MODULES})


def name_of(path: Path) -> str:
    """Dotted name of a module of the package."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


NAMES = {name_of(path): path for path in MODULES}


def imported_names(path: Path) -> set[str]:
    """Dotted names that a file imports, wherever the import stands; ``from a import b`` gives ``a`` and ``a.b``."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            found |= {node.module or ""} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def imported_packages(path: Path) -> set[str]:
    """First component below ``v2m_bridge`` of every import of ours in the file."""
    ours = [name.split(".") for name in imported_names(path) if name.startswith("v2m_bridge.")]
    found = {parts[1] for parts in ours}
    return {name for name in found if (PACKAGE / name).is_dir() or (PACKAGE / f"{name}.py").is_file()}


def imported_modules(path: Path) -> set[str]:
    """Modules of ours that the file imports, without the packages' faces."""
    return {name for name in imported_names(path) & NAMES.keys() if NAMES[name].name != "__init__.py"}


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_imports_only_go_down(path: Path) -> None:
    here = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    assert here in LAYERS, f"{here} has no layer"
    for other in imported_packages(path) - {here}:
        assert LAYERS[other] <= LAYERS[here], f"{here} (layer {LAYERS[here]}) imports {other} (layer {LAYERS[other]})"
        assert {here, other} not in STRANGERS, f"{here} and {other} must not know each other"
        assert other != "testing" or name_of(path) == "v2m_bridge.cli.checks", "doubles are for tests and the self-test"


def test_no_import_goes_round_in_a_circle() -> None:
    graph = {name: imported_modules(path) - {name} for name, path in NAMES.items()}
    circles = list(circles_of(graph))
    assert circles == []


def circles_of(graph: dict[str, set[str]]) -> Iterator[list[str]]:
    """Every group of two or more modules that import each other (strongly connected components, Tarjan 1972)."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []

    def visit(name: str) -> Iterator[list[str]]:
        index[name] = low[name] = len(index)
        stack.append(name)
        for other in sorted(graph[name]):
            if other not in index:
                yield from visit(other)
                low[name] = min(low[name], low[other])
            elif other in stack:
                low[name] = min(low[name], index[other])
        if low[name] == index[name]:
            group = stack[stack.index(name) :]
            del stack[stack.index(name) :]
            if len(group) > 1:
                yield sorted(group)

    for name in sorted(graph):
        if name not in index:
            yield from visit(name)


def test_the_circle_finder_finds_circles() -> None:
    assert list(circles_of({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}})) == [["a", "b", "c"]]


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda p: str(p.relative_to(ROOT)))
def test_a_folder_is_small_and_says_what_it_is_for(folder: Path) -> None:
    face = folder / "__init__.py"
    assert face.is_file() and ast.get_docstring(ast.parse(face.read_text(encoding="utf-8"))), f"{folder} says nothing"
    modules = [path for path in folder.glob("*.py") if path.name not in ("__init__.py", "__main__.py")]
    if folder.name != "cli":  # one module a command
        assert len(modules) <= MOST_MODULES


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_files_and_functions_are_small(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= MOST_FILE_LINES
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or 0) - node.lineno + 1
            assert length <= MOST_FUNCTION_LINES, f"{node.name} has {length} lines"


def public_definitions(tree: ast.Module) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef]:
    """Public functions and classes of a module, and the public methods of its public classes."""
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and not node.name.startswith("_"):
            yield node
            if isinstance(node, ast.ClassDef):
                for member in node.body:
                    if isinstance(member, ast.FunctionDef | ast.AsyncFunctionDef) and not member.name.startswith("_"):
                        yield member


def test_what_is_public_is_documented() -> None:
    bare, count = [], 0
    for path in MODULES:
        if "testing" in path.relative_to(PACKAGE).parts:  # the doubles' functions are named and documented by the host
            continue
        for node in public_definitions(ast.parse(path.read_text(encoding="utf-8"))):
            count += 1
            if not ast.get_docstring(node):
                bare.append(f"{path.relative_to(PACKAGE)}: {node.name}")
    assert len(bare) <= (1 - LEAST_DOCUMENTED) * count, bare


def test_a_class_name_means_one_thing() -> None:
    places: dict[str, list[str]] = {}
    for path in MODULES:
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ClassDef):
                places.setdefault(node.name, []).append(str(path.relative_to(PACKAGE)))
    assert {name: where for name, where in places.items() if len(where) > 1} == {}


@pytest.mark.parametrize("path", sorted((ROOT / "integrations").rglob("*.py")), ids=lambda p: p.name)
def test_integrations_know_nothing_of_ours(path: Path) -> None:
    assert imported_packages(path) == set()


HEAVY = {"torch", "av", "open_clip", "opentimelineio", "rtmidi", "fastapi", "scenedetect", "cv2", "uvicorn"}


def test_the_command_line_starts_without_heavy_packages() -> None:
    import subprocess
    import sys

    code = f"import v2m_bridge.cli.main, sys; print(sorted(set(sys.modules) & {HEAVY!r}))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
