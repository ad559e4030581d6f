"""Files are renamed in one place, which waits for programs that hold them open."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from test_layers import MODULES, PACKAGE

PLACE = "files/rename.py"


def raw_renames(tree: ast.AST) -> list[int]:
    """Lines that call ``os.replace``, ``os.rename``, or ``replace`` / ``rename`` of a path with one positional."""
    found = []
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            continue
        owner = node.func.value
        of_os = isinstance(owner, ast.Name) and owner.id in ("os", "shutil")
        one_target = len(node.args) == 1 and not node.keywords
        if node.func.attr in ("replace", "rename") and (of_os or one_target):
            found.append(node.lineno)
        if node.func.attr == "move" and of_os:
            found.append(node.lineno)
    return found


def test_the_rule_sees_what_it_is_about() -> None:
    source = "a.replace(b)\na.rename(b)\nos.replace(a, b)\nshutil.move(a, b)\ntext.replace('a', 'b')\nreplace(x, y=1)"
    assert raw_renames(ast.parse(source)) == [1, 2, 3, 4]


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_nobody_renames_on_his_own(path: Path) -> None:
    if path.relative_to(PACKAGE).as_posix() != PLACE:
        assert raw_renames(ast.parse(path.read_text(encoding="utf-8"))) == []
