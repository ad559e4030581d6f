"""``requirements.lock`` holds what the package needs, at the versions that are tested, each with its hashes."""

from __future__ import annotations

import re
import tomllib

from test_layers import ROOT

ENTRIES = {
    found[1]: (found[2], block)
    for block in re.split(r"\n(?=[a-z0-9])", (ROOT / "requirements.lock").read_text(encoding="utf-8"))
    if (found := re.match(r"([\w.-]+)==(\S+)", block))
}


def plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def test_every_dependency_is_locked_with_hashes() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    needed = {plain(re.match(r"[\w.-]+", line)[0]) for line in project["dependencies"]}  # type: ignore[index]
    assert needed - {"torch"} <= {plain(name) for name in ENTRIES} and len(ENTRIES) > 40
    for name, (_, block) in ENTRIES.items():
        assert re.search(r"--hash=sha256:[0-9a-f]{64}", block), name
        assert not re.match(r"(torch|triton|nvidia-|cuda-)(?!vision)", name), "torch comes from the machine's own build"
        assert "http" not in block.replace(name, ""), name


def test_the_locked_versions_are_those_that_are_tested() -> None:
    text = (ROOT / "constraints.txt").read_text(encoding="utf-8")
    tested = {plain(n): v for n, v in re.findall(r"^([\w.-]+)==(\S+)", text, re.MULTILINE)}
    differing = {
        name: (version, tested[plain(name)])
        for name, (version, _) in ENTRIES.items()
        if plain(name) in tested and tested[plain(name)] != version
    }
    assert differing == {}
