"""Avid's AAF, converted to OTIO JSON by the OpenTimelineIO adapter in a process of its own.

An AAF is a small file system in a file: a damaged one can make its reader loop for ever or use up all memory. So the
process has limits on both. It also keeps what the adapter prints away from our own output.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

from v2m_bridge.edits.find_media import MediaFinder
from v2m_bridge.edits.limits import refuse_larger
from v2m_bridge.edits.names import clean
from v2m_bridge.edits.otio.read_otio import read_otio_text
from v2m_bridge.errors import InputError
from v2m_bridge.timeline.model import Timeline
from v2m_bridge.windows import console_python, no_window

MAGIC = bytes.fromhex("d0cf11e0a1b11ae1")
"""First bytes of the compound file that every AAF is (MS-CFB 2.2)."""

MAX_BYTES = 16 * 1024**3
BASE_SECONDS = 30
SECONDS_PER_MIB = 4
MOST_SECONDS = 600
"""Time limit of the conversion: a base, more per MiB, and a maximum. Whole files take well under a second per MiB."""


def read_aaf(path: Path, *, rate: Fraction | None = None, media_roots: Sequence[Path] = ()) -> Timeline:
    """Read an AAF.

    Raises:
        InputError: not an AAF, or the adapter cannot read it (its reason is in the message).
    """
    refuse_larger(path, MAX_BYTES)
    with path.open("rb") as file:
        if file.read(len(MAGIC)) != MAGIC:
            raise InputError(f"{path.name} is not an AAF (it does not start as a compound file)")
    text = _converted(path, min(MOST_SECONDS, BASE_SECONDS + SECONDS_PER_MIB * (path.stat().st_size >> 20)))
    return read_otio_text(text, path.name, MediaFinder(path.parent, media_roots), rate)


def _converted(path: Path, limit_s: float) -> bytes:
    """OTIO JSON of the file, made by :mod:`v2m_bridge.edits.aaf.aaf_to_otio`."""
    command = [console_python(), "-m", "v2m_bridge.edits.aaf.aaf_to_otio", str(path.absolute())]
    places = [str(Path(__file__).parents[3]), *(p for p in sys.path if p)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(places), "PYTHONUTF8": "1"}
    try:
        run = subprocess.run(
            command, capture_output=True, timeout=limit_s, env=environment, check=False, creationflags=no_window()
        )
    except subprocess.TimeoutExpired as error:
        raise InputError(f"{path.name} cannot be read as AAF: still not done after {limit_s:.0f} s") from error
    if run.returncode != 0:
        lines = run.stderr.decode("utf-8", "replace").strip().splitlines()
        reason = lines[-1] if lines and run.returncode == 3 else f"its reader ended with code {run.returncode}"
        raise InputError(
            f"{path.name} cannot be read as AAF, it is damaged or of an unknown form: {clean(reason)[:300]}"
        )
    return run.stdout
