"""Imports only go down: every package may know the layers below it and nothing else of ours."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "v2m_bridge"

LAYERS: dict[str, float] = {
    "__init__": 0,
    "errors": 0,
    "progress": 0,
    "timing": 0,
    "timeline": 1,
    "music": 1,
    "sync": 2,
    "footage": 2,
    "options": 2.5,
    "score": 2.5,
    "amt": 3,
    "hosts": 3,
    "direction": 4,
    "harmony": 4,
    "assembly": 4,
    "pipeline": 4,
    "demo": 5,
    "training": 4,
    "settings": 5,
    "daemon": 5,
    "cli": 5,
    "__main__": 5,
}
PEERS_THAT_MUST_NOT_MEET = {("timeline", "music"), ("amt", "hosts")}


def imported_packages(path: Path) -> set[str]:
    """First component below ``v2m_bridge`` of every import in the file, wherever it stands."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            names = [node.module or ""]
            if node.module == "v2m_bridge":
                names = [f"v2m_bridge.{alias.name}" for alias in node.names]
        else:
            continue
        for name in names:
            parts = name.split(".")
            if parts[0] == "v2m_bridge" and len(parts) > 1:
                found.add(parts[1])
    return {name for name in found if (PACKAGE / name).is_dir() or (PACKAGE / f"{name}.py").is_file()}


def package_of(path: Path) -> str:
    first = path.relative_to(PACKAGE).parts[0]
    return first.removesuffix(".py")


MODULES = sorted(PACKAGE.rglob("*.py"))


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_imports_only_go_down(path: Path) -> None:
    here = package_of(path)
    assert here in LAYERS, f"{here} has no layer"
    for other in imported_packages(path) - {here}:
        assert LAYERS[other] <= LAYERS[here], f"{here} (layer {LAYERS[here]}) imports {other} (layer {LAYERS[other]})"
        assert (here, other) not in PEERS_THAT_MUST_NOT_MEET
        assert (other, here) not in PEERS_THAT_MUST_NOT_MEET


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
