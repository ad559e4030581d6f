"""Broadcast WAV: 16-bit PCM with start timecode and loudness in its header (EBU Tech 3285, version 2)."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import numpy.typing as npt

Samples = npt.NDArray[np.int16]
"""[n, 2]"""

_BEXT = struct.Struct("<256s32s32s10s8sIIH64shhhhh180s")
_NOT_SET = 0x7FFF
_BEXT_AT = 20
"""Byte offset of the ``bext`` data: behind ``RIFF size WAVE`` and the chunk's own header."""


def write_samples(path: Path, blocks: Iterable[Samples], rate: int, start_samples: int, description: str) -> None:
    """Write ``blocks`` as stereo; ``start_samples`` since midnight is where hosts place the file ("at timecode").

    The loudness is filled in by :func:`store_loudness` once it is known.
    """
    with path.open("wb") as file:
        file.write(b"RIFF\0\0\0\0WAVEbext" + struct.pack("<I", _BEXT.size) + _bext(start_samples, description))
        file.write(b"fmt " + struct.pack("<IHHIIHH", 16, 1, 2, rate, rate * 4, 4, 16) + b"data\0\0\0\0")
        data_at = file.tell()
        for block in blocks:
            file.write(block.astype("<i2").tobytes())
        end = file.tell()
        file.seek(4)
        file.write(struct.pack("<I", min(end - 8, 0xFFFFFFFF)))
        file.seek(data_at - 4)
        file.write(struct.pack("<I", min(end - data_at, 0xFFFFFFFF)))


def store_loudness(path: Path, integrated_lufs: float | None) -> None:
    """Fill in the integrated loudness of a file of :func:`write_samples`; None leaves it unset."""
    if integrated_lufs is None:
        return
    with path.open("r+b") as file:
        file.seek(_BEXT_AT)
        fields = list(_BEXT.unpack(file.read(_BEXT.size)))
        fields[9] = round(integrated_lufs * 100)
        file.seek(_BEXT_AT)
        file.write(_BEXT.pack(*fields))


def read_timecode_and_loudness(path: Path) -> tuple[int, float | None]:
    """Samples since midnight and integrated LUFS of a file of this module."""
    with path.open("rb") as file:
        file.seek(_BEXT_AT)
        fields = _BEXT.unpack(file.read(_BEXT.size))
    return fields[5] | fields[6] << 32, None if fields[9] == _NOT_SET else fields[9] / 100


def _bext(start_samples: int, description: str) -> bytes:
    return _BEXT.pack(
        description.encode("ascii", "replace")[:256],
        b"v2m-bridge",
        b"",
        b"",
        b"",
        start_samples & 0xFFFFFFFF,
        start_samples >> 32,
        2,
        b"",
        *([_NOT_SET] * 5),
        b"",
    )
