"""Reads SoundFont files, version 2 and 3: presets, their zones, and samples when they are asked for.

Source: SoundFont Technical Specification 2.04. Version 3 is the same with Ogg Vorbis samples (flag 0x10 of a sample's
type, loop points counted from the sample's start).
"""

from __future__ import annotations

import io
import itertools
import mmap
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from v2m_bridge.errors import InputError
from v2m_bridge.sound.samples.generators import (
    INSTRUMENT,
    KEY_RANGE,
    SAMPLE,
    VELOCITY_RANGE,
    Modulator,
    Zone,
    combined,
)

_COMPRESSED = 0x10
_ROM = 0x8000
_RECORDS = {
    b"phdr": 38,
    b"pbag": 4,
    b"pmod": 10,
    b"pgen": 4,
    b"inst": 22,
    b"ibag": 4,
    b"imod": 10,
    b"igen": 4,
    b"shdr": 46,
}
DRUM_BANK = 128


class Sample(NamedTuple):
    """Header of a recording.

    Attributes:
        start, end: in ``smpl``: samples, or bytes where it is compressed.
        loop_start, loop_end: in samples from ``start``.
        rate: in Hz.
        key, cents: MIDI note at which it was recorded, and its correction.
    """

    name: str
    start: int
    end: int
    loop_start: int
    loop_end: int
    rate: int
    key: int
    cents: int
    compressed: bool


@dataclass(frozen=True)
class _RawZone:
    """Generators and modulators as stored, of one level."""

    generators: dict[int, int]
    modulators: tuple[Modulator, ...]


class SoundFont:
    """An open sound font; use as a context manager, or :meth:`close` it."""

    def __init__(self, path: Path) -> None:
        """Read the tables of ``path``.

        Raises:
            InputError: the file cannot be read, is no sound font, or is damaged.
        """
        self.path = path
        try:
            self._file = path.open("rb")
        except OSError as error:
            raise InputError(f"{path} cannot be read: {error.strerror or error}") from error
        try:
            self._data = mmap.mmap(self._file.fileno(), 0, access=mmap.ACCESS_READ)
            self._chunks = self._find_chunks()
            self.samples = tuple(self._sample(row) for row in self._records(b"shdr")[:-1])
            self._presets = self._read_presets()
        except (struct.error, ValueError, IndexError, KeyError) as error:
            self._file.close()
            raise InputError(f"{path.name} is no sound font that can be read", "give an .sf2 or .sf3 file") from error
        self._decoded: dict[int, npt.NDArray[np.float32]] = {}

    def __enter__(self) -> SoundFont:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let the file go."""
        self._data.close()
        self._file.close()

    def zones(self, program: int, drums: bool = False) -> tuple[Zone, ...]:
        """All zones of a General MIDI program 0..127; a missing one is the piano, or the standard kit for drums."""
        wanted = ((DRUM_BANK, program), (DRUM_BANK, 0)) if drums else ((0, program), (0, 0))
        for key in wanted:
            if key in self._presets:
                return self._presets[key]
        return next(iter(self._presets.values()), ())

    def wave(self, index: int) -> npt.NDArray[np.float32]:
        """The recording of sample ``index`` [n], 1.0 is full scale.

        Raises:
            InputError: it cannot be decoded.
        """
        if index not in self._decoded:
            self._decoded[index] = self._decode(self.samples[index])
        return self._decoded[index]

    def _decode(self, sample: Sample) -> npt.NDArray[np.float32]:
        at, size = self._chunks[b"smpl"]
        if not sample.compressed:
            end = min(sample.end, size // 2)
            words = np.frombuffer(self._data, "<i2", max(0, end - sample.start), at + 2 * sample.start)
            return words.astype(np.float32) / np.float32(32768)
        return _vorbis(self._data[at + sample.start : at + min(sample.end, size)], sample.name)

    def _find_chunks(self) -> dict[bytes, tuple[int, int]]:
        """Offset and size of every chunk's data."""
        if self._data[:4] != b"RIFF" or self._data[8:12] != b"sfbk":
            raise ValueError("no sound font")
        found: dict[bytes, tuple[int, int]] = {}
        for name, at, size in self._walk(12, len(self._data)):
            if name == b"LIST":
                found |= {inner: (start, length) for inner, start, length in self._walk(at + 4, at + size)}
        return found

    def _walk(self, at: int, end: int) -> Iterator[tuple[bytes, int, int]]:
        while at + 8 <= end:
            size = int.from_bytes(self._data[at + 4 : at + 8], "little")
            yield self._data[at : at + 4], at + 8, size
            at += 8 + size
            if size & 1 and self._data[at : at + 1] == b"\0":  # some writers leave out the byte that makes it even
                at += 1

    def _records(self, name: bytes) -> list[bytes]:
        at, size = self._chunks[name]
        length = _RECORDS[name]
        if at + size > len(self._data) or size < length:
            raise ValueError(f"{name!r} is cut off")
        return [self._data[at + i : at + i + length] for i in range(0, size - length + 1, length)]

    @staticmethod
    def _sample(row: bytes) -> Sample:
        name, start, end, loop_start, loop_end, rate, key, cents, _link, kind = struct.unpack("<20sIIIIIBbHH", row)
        compressed = bool(kind & _COMPRESSED)
        if not compressed:
            loop_start, loop_end = loop_start - start, loop_end - start
        if kind & _ROM or end < start:
            start = end = 0
        title = name.split(b"\0")[0].decode("latin-1")
        return Sample(
            title, start, end, loop_start, loop_end, rate or 44_100, key if key < 128 else 60, cents, compressed
        )

    def _read_presets(self) -> dict[tuple[int, int], tuple[Zone, ...]]:
        instruments = self._levels(b"inst", "<20sH", b"ibag", b"igen", b"imod", 1)
        headers = [struct.unpack("<20sHHHIII", row) for row in self._records(b"phdr")]
        levels = self._levels(b"phdr", "<20sHHHIII", b"pbag", b"pgen", b"pmod", 3)
        found: dict[tuple[int, int], tuple[Zone, ...]] = {}
        for header, zones in zip(headers[:-1], levels, strict=True):
            found[header[2], header[1]] = tuple(_preset_zones(zones, instruments, len(self.samples)))
        return dict(sorted(found.items()))

    def _levels(
        self, header: bytes, layout: str, bags: bytes, generators: bytes, modulators: bytes, bag_field: int
    ) -> list[list[_RawZone]]:
        """The zones of every instrument or preset."""
        bag_rows = [struct.unpack("<HH", row) for row in self._records(bags)]
        gens = [struct.unpack("<HH", row) for row in self._records(generators)]
        mods = [Modulator(*struct.unpack("<HHhHH", row)) for row in self._records(modulators)]
        starts = [struct.unpack(layout, row)[bag_field] for row in self._records(header)]
        found = []
        for first, end in itertools.pairwise(starts):
            zones = []
            for (gen, mod), (gen_end, mod_end) in zip(bag_rows[first:end], bag_rows[first + 1 : end + 1], strict=True):
                zones.append(_RawZone(dict(gens[gen:gen_end]), tuple(mods[mod:mod_end])))
            found.append(zones)
        return found


def _preset_zones(zones: list[_RawZone], instruments: list[list[_RawZone]], samples: int) -> Iterator[Zone]:
    """Every pair of a preset's zone and a zone of its instrument that can sound together."""
    for outer in _with_global(zones, INSTRUMENT):
        for inner in _with_global(instruments[outer.generators[INSTRUMENT]], SAMPLE):
            keys = _overlap(outer, inner, KEY_RANGE)
            velocities = _overlap(outer, inner, VELOCITY_RANGE)
            index = inner.generators[SAMPLE]
            if keys and velocities and index < samples:
                generators = combined(inner.generators, outer.generators)
                yield Zone(keys, velocities, index, generators, inner.modulators, outer.modulators)


def _with_global(zones: list[_RawZone], link: int) -> Iterator[_RawZone]:
    """The zones that lead on, each laid over the global one, which is the first without ``link``."""
    common = zones[0] if zones and link not in zones[0].generators else _RawZone({}, ())
    for zone in zones:
        if link in zone.generators:
            own = {modulator[:2] + modulator[3:] for modulator in zone.modulators}
            more = tuple(m for m in common.modulators if m[:2] + m[3:] not in own)
            yield _RawZone(common.generators | zone.generators, more + zone.modulators)


def _overlap(outer: _RawZone, inner: _RawZone, generator: int) -> tuple[int, int] | None:
    low, high = 0, 127
    for zone in (outer, inner):
        amount = zone.generators.get(generator, 127 << 8)
        low, high = max(low, amount & 0xFF), min(high, amount >> 8)
    return (low, high) if low <= high else None


def _vorbis(data: bytes, name: str) -> npt.NDArray[np.float32]:
    import av

    try:
        with av.open(io.BytesIO(data), "r", format="ogg") as container:
            parts = [frame.to_ndarray()[0] for frame in container.decode(audio=0)]
    except (av.FFmpegError, IndexError, ValueError) as error:
        raise InputError(f"the sample {name} of the sound font cannot be decoded") from error
    return np.concatenate(parts).astype(np.float32) if parts else np.zeros(0, np.float32)
