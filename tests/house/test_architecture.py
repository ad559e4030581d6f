"""``docs/architecture.md`` is true: the files it names exist; signatures and layers are those of the code."""

from __future__ import annotations

import re

import pytest
from test_layers import LAYERS, PACKAGE, ROOT

PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
PLACEHOLDERS = ("FORMAT", "COMMAND", "NETWORK")
NAMES = {
    name for code in re.findall(r"`([^`]+)`", re.sub(r"```.*?```", "", PAGE, flags=re.DOTALL)) for name in code.split()
}
FILES = sorted(name for name in NAMES if re.fullmatch(r"[\w./-]+\.(?:py|md|js|css|html|lua)", name))
EVERY_FILE = [
    path.relative_to(ROOT).as_posix()
    for folder in ("v2m_bridge", "integrations", "docs", "tests", "benchmarks", "models")
    for path in (ROOT / folder).rglob("*")
    if path.is_file()
] + ["README.md"]
SIGNATURES = re.findall(r"\| `([\w/]+\.py)` \| `((\w+)\(.*?\) -> .*?)`", PAGE)


def test_the_page_names_files_and_signatures() -> None:
    assert len(FILES) > 120 and len(SIGNATURES) > 20


@pytest.mark.parametrize("name", [name for name in FILES if not any(word in name for word in PLACEHOLDERS)])
def test_a_named_file_exists(name: str) -> None:
    assert any(f"/{path}".endswith(f"/{name.lstrip('/')}") for path in EVERY_FILE)


@pytest.mark.parametrize(("module", "signature", "function"), SIGNATURES, ids=[row[2] for row in SIGNATURES])
def test_a_signature_is_that_of_the_code(module: str, signature: str, function: str) -> None:
    text = (PACKAGE / module).read_text(encoding="utf-8")
    start = text.index(f"def {function}(") + len("def ")
    assert plain(text[start : text.index(":\n", start)]) == plain(signature.replace("\\|", "|"))


def plain(signature: str) -> str:
    """A signature without line breaks, blanks and the comma that a formatter adds."""
    return re.sub(r"\s+", "", signature).replace(",)", ")")


def test_the_layers_are_those_that_are_checked() -> None:
    table = PAGE[PAGE.index("| layer |") : PAGE.index("## Folders")]
    rows = [line.split("|")[1:3] for line in table.splitlines() if re.match(r"\| [\d.]+ \|", line)]
    named = {name: float(number) for number, cell in rows for name in re.findall(r"`(\w+)/?`", cell)}
    built = {name for name in LAYERS if (PACKAGE / name).is_dir() or (PACKAGE / f"{name}.py").is_file()}
    assert named == {name: LAYERS[name] for name in built - {"__init__", "__main__"}}
