"""In training, fitting may use judging and songs, judging may use songs, and songs use neither."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

TRAINING = Path(__file__).parents[2] / "v2m_bridge" / "training"
FORBIDDEN = {
    "songs": {"judging", "fitting", "train", "evaluate"},
    "judging": {"fitting", "train", "evaluate"},
    "fitting": {"train", "evaluate"},
}
"""Folder -> what none of its modules may import."""


@pytest.mark.parametrize("folder", sorted(FORBIDDEN))
def test_training_imports_one_way(folder: str) -> None:
    modules = list((TRAINING / folder).glob("*.py"))
    assert len(modules) > 1
    for path in modules:
        found = {
            (node.module or "").split(".")[2]
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("v2m_bridge.training.")
        }
        assert not found & FORBIDDEN[folder], path.name
