"""Write ``index.xml``, the ReaPack catalogue of these scripts, from the headers of the scripts themselves.

    python make_index.py --base-url URL --out index.xml

Made for a release and published with it; it is not kept here, because its links are true only once the files lie where
they point. ``--base-url`` is where this folder lies in the release, pinned to a tag or commit: ReaPack wants links that
never change. ``{version}`` in it becomes the scripts' own version.
"""

from __future__ import annotations

import argparse
import re
import sys
import urllib.parse
import xml.etree.ElementTree as ElementTree
from pathlib import Path

HERE = Path(__file__).parent
CATEGORY = "Score"
MAIN_SCRIPT = "v2m_Import score.lua"


def header(script: Path) -> dict[str, str]:
    """The ``@tag value`` lines at the top of a script; indented lines go on the tag before them."""
    tags: dict[str, str] = {}
    last = ""
    for line in script.read_text(encoding="utf-8").splitlines():
        if not line.startswith("--"):
            break
        tag = re.match(r"-- @(\w+)\s*(.*)", line)
        if tag:
            last = tag[1]
            tags[last] = tag[2].strip()
        elif last and line.startswith("--   "):
            tags[last] = f"{tags[last]}\n{line[5:]}".strip()
    return tags


def sources(tags: dict[str, str]) -> list[tuple[str, str]]:
    """``(path within the category, action section or '')`` of every file that the package provides."""
    found = []
    for line in tags["provides"].splitlines():
        option, pattern = re.fullmatch(r"\[(\w+)\]\s*(.+)", line.strip()).groups()
        names = sorted(p.relative_to(HERE / CATEGORY).as_posix() for p in (HERE / CATEGORY).glob(pattern))
        if not names:
            raise SystemExit(f"@provides names {pattern!r}, which is not there")
        found += [(name, "main" if option == "main" else "") for name in names]
    return found


def index_text(base_url: str) -> str:
    """The catalogue; equal scripts give equal text."""
    tags = header(HERE / CATEGORY / MAIN_SCRIPT)
    base_url = base_url.format(version=tags["version"])
    index = ElementTree.Element("index", version="1", name="v2m-bridge")
    category = ElementTree.SubElement(index, "category", name=CATEGORY)
    package = ElementTree.SubElement(category, "reapack", name=MAIN_SCRIPT, type="script", desc=tags["description"])
    version = ElementTree.SubElement(package, "version", name=tags["version"], author=tags["author"])
    ElementTree.SubElement(version, "changelog").text = tags["changelog"]
    for name, section in sources(tags):
        source = ElementTree.SubElement(version, "source")
        if name != MAIN_SCRIPT:
            source.set("file", name)
        if section:
            source.set("main", section)
        source.text = f"{base_url}/{CATEGORY}/{urllib.parse.quote(name)}"
    ElementTree.indent(index)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ElementTree.tostring(index, encoding="unicode") + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--base-url", required=True, help="where this folder lies in the release")
    parser.add_argument("--out", type=Path, required=True, help="file to write")
    options = parser.parse_args()
    if not options.base_url.startswith("https://"):
        sys.exit("--base-url must begin with https://: ReaPack fetches the scripts from there")
    options.out.write_text(index_text(options.base_url.rstrip("/")), encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
