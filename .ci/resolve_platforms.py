"""Which platforms and Pythons can install v2m-bridge: a dry run of the resolution for each, from wheels alone.

    python .ci/resolve_platforms.py            prints the table
    python .ci/resolve_platforms.py --write    puts it into docs/installation.md

It asks the package index for every cell and takes a few minutes. It needs uv (pip install uv); nothing is installed.
Ends with 1 when a supported cell has no solution, or one that is refused has one.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "installation.md"
BEGIN, END = "<!-- platforms: begin -->", "<!-- platforms: end -->"
PYTHONS = ("3.11", "3.12", "3.13", "3.14")
SUPPORTED_PYTHONS = ("3.11", "3.12", "3.13")
OFFLINE = ("error sending request", "Failed to fetch", "timed out", "Could not connect")


@dataclass(frozen=True)
class Platform:
    """A row of the table; ``refusal``: what users are told, for a platform that is not supported."""

    name: str
    triple: str
    macos: str = ""
    refusal: str = ""


PLATFORMS = (
    Platform("Windows, x86-64", "x86_64-pc-windows-msvc"),
    Platform("macOS 14 or newer, Apple silicon", "aarch64-apple-darwin", macos="14.0"),
    Platform("Linux, x86-64 (glibc 2.28)", "x86_64-manylinux_2_28"),
    Platform("Linux, ARM64 (glibc 2.28)", "aarch64-manylinux_2_28"),
    Platform(
        "macOS 13 or older",
        "aarch64-apple-darwin",
        macos="13.0",
        refusal="PyTorch and PyAV have wheels from macOS 14 on",
    ),
    Platform("macOS, Intel", "x86_64-apple-darwin", macos="14.0", refusal="PyTorch has no wheels for Intel Macs"),
    Platform(
        "Windows, ARM64",
        "aarch64-pc-windows-msvc",
        refusal="not all packages have wheels; the x86-64 Python runs there and counts as the first row",
    ),
)


def resolve(platform: Platform, python: str, extra: str = "") -> tuple[bool, str]:
    """Whether the project resolves from wheels, with the number of packages or the first reason against it.

    Raises:
        SystemExit: the index cannot be asked.
    """
    command = [
        sys.executable,
        "-m",
        "uv",
        "pip",
        "compile",
        "pyproject.toml",
        "--quiet",
        "--no-header",
        "--no-annotate",
    ]
    command += ["--python-platform", platform.triple, "--python-version", python, "--only-binary", ":all:"]
    command += ["--constraint", "constraints.txt", *(["--extra", extra] if extra else [])]
    environment = dict(os.environ, MACOSX_DEPLOYMENT_TARGET=platform.macos) if platform.macos else dict(os.environ)
    run = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    if run.returncode == 0:
        return True, f"{len(re.findall(r'^[a-z0-9].*==', run.stdout, re.MULTILINE))} packages"
    if any(words in run.stderr for words in OFFLINE):
        sys.exit(f"the package index cannot be asked: {run.stderr.strip()[:300]}")
    reason = re.search(r"Because (?:the current Python[^.]*\)|([\w.-]+)==\S+ has no)", run.stderr)
    return False, f"no wheel of {reason[1]}" if reason and reason[1] else "outside requires-python"


def cell(platform: Platform, python: str) -> tuple[str, bool]:
    """Text of a cell, and whether it is what is promised."""
    found, words = resolve(platform, python)
    wanted = not platform.refusal and python in SUPPORTED_PYTHONS
    if found and wanted and not resolve(platform, python, "midi")[0]:
        words += ", no `midi`"
    return words, found == wanted


def table() -> tuple[str, list[str]]:
    """The table as Markdown, and a line for every cell that is not what is promised."""
    rows = [f"| platform | {' | '.join(f'Python {python}' for python in PYTHONS)} |", "|---" * (len(PYTHONS) + 1) + "|"]
    wrong = []
    for platform in PLATFORMS:
        cells = []
        for python in PYTHONS:
            words, good = cell(platform, python)
            cells.append(words)
            if not good:
                wrong.append(f"{platform.name}, Python {python}: {words}")
            print(f"{platform.name}, Python {python}: {words}", file=sys.stderr)
        rows.append(f"| {platform.name} | {' | '.join(cells)} |")
        if platform.refusal:
            rows[-1] = f"| {platform.name}: not supported, {platform.refusal} | {' | '.join(cells)} |"
    return "\n".join(rows), wrong


def main() -> None:
    """Print or write the table."""
    text, wrong = table()
    if "--write" in sys.argv[1:]:
        page = PAGE.read_text(encoding="utf-8")
        before, after = page[: page.index(BEGIN) + len(BEGIN)], page[page.index(END) :]
        PAGE.write_text(f"{before}\n{text}\n{after}", encoding="utf-8", newline="\n")
    else:
        print(text)
    if wrong:
        sys.exit("not as promised:\n" + "\n".join(wrong))


if __name__ == "__main__":
    main()
