"""Writes ``requirements.lock``: the packages of ``pip install .`` without torch, for every platform, with hashes."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
LOCK = ROOT / "requirements.lock"
COMPILE = ("pip", "compile", "pyproject.toml", "--universal", "--python-version", "3.11", "--generate-hashes")
FORM = ("--constraint", "constraints.txt", "--no-header", "--no-annotate", "--quiet")
WITH_TORCH = re.compile(r"(torch|triton|nvidia-[\w-]+|cuda-[\w-]+)==")


def main() -> None:
    """Compile, leave torch and its companions out, keep the comment at the top."""
    run = subprocess.run(
        [sys.executable, "-m", "uv", *COMPILE, *FORM], cwd=ROOT, check=True, capture_output=True, text=True
    )
    entries = re.split(r"\n(?=[a-z0-9])", run.stdout.strip())
    kept = [entry for entry in entries if not WITH_TORCH.match(entry)]
    comment = [line for line in LOCK.read_text(encoding="utf-8").splitlines() if line.startswith("#")]
    LOCK.write_text("\n".join([*comment, *kept]) + "\n", encoding="utf-8")


main()
