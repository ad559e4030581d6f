"""Text files of ours have the same bytes on every platform: whoever writes text says which line end it has."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "v2m_bridge"
MODULES = sorted(PACKAGE.rglob("*.py"))


def text_writes(tree: ast.AST) -> list[ast.Call]:
    """Calls of ``write_text`` and of ``open`` for writing text."""
    found = []
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        modes = [a.value for a in node.args if isinstance(a, ast.Constant) and isinstance(a.value, str)]
        writes = any(set(mode) <= set("wax+t") and set(mode) & set("wax") for mode in modes)
        encoded = any(keyword.arg == "encoding" for keyword in node.keywords)
        if name == "write_text" or (name == "open" and writes and encoded):
            found.append(node)
    return found


def test_the_rule_sees_what_it_is_about() -> None:
    source = 'p.write_text("x")\np.open("w", encoding="utf-8")\np.open("wb")\nopen(p, "a", encoding="ascii")\np.open()'
    assert len(text_writes(ast.parse(source))) == 3


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_every_text_says_its_line_end(path: Path) -> None:
    for call in text_writes(ast.parse(path.read_text(encoding="utf-8"))):
        assert any(keyword.arg == "newline" for keyword in call.keywords), f"{path}:{call.lineno}"
