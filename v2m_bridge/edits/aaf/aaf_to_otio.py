"""Run as a program: reads one AAF with the OpenTimelineIO adapter, writes OTIO JSON to standard output.

Exit code 3 with the reason as the last line of standard error when the adapter cannot read the file.
"""

from __future__ import annotations

import logging
import os
import sys
import warnings
from typing import BinaryIO

MEMORY_BYTES = 4 * 1024**3


def main(path: str) -> int:
    """Convert ``path``; returns the exit code."""
    _limit_memory()
    data = _own_standard_output()
    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)
    import opentimelineio as otio

    try:
        timeline = otio.adapters.read_from_file(path, adapter_name="AAF")
        text: str = otio.adapters.write_to_string(timeline, "otio_json", indent=0)
    except Exception as error:  # a damaged file makes the adapter raise anything
        print(f"{type(error).__name__}: {' '.join(str(error).split())}", file=sys.stderr)
        return 3
    with data:
        data.write(text.encode("utf-8"))
    return 0


def _own_standard_output() -> BinaryIO:
    """Standard output for our data alone: whatever else is printed, by Python or C, goes to standard error."""
    sys.stdout.flush()
    data = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    return data


def _limit_memory() -> None:
    """Limit memory where the system can: a damaged file asks for absurd buffers."""
    try:
        import resource
    except ImportError:
        return
    if sys.platform == "linux":
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
