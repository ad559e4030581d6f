"""Small sound fonts made on the spot: tones with known pitch, loop and loudness."""

from __future__ import annotations

import io
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

RATE = 44_100


@dataclass(frozen=True)
class FontSample:
    """A recording; its loop is given in samples from its start."""

    wave: npt.NDArray[np.float64]
    key: int = 69
    loop: tuple[int, int] = (0, 0)
    rate: int = RATE


@dataclass(frozen=True)
class FontZone:
    """A sample with generators, in the order of their numbers in the file."""

    sample: int
    generators: dict[int, int] = field(default_factory=dict)
    keys: tuple[int, int] = (0, 127)
    velocities: tuple[int, int] = (0, 127)


def tone(hertz: float = 441.0, seconds: float = 1.0, level: float = 0.5) -> npt.NDArray[np.float64]:
    """A sine whose period is a whole number of samples at 441 Hz."""
    return level * np.sin(2 * np.pi * hertz * np.arange(int(seconds * RATE)) / RATE)


def ogg(wave: npt.NDArray[np.float64]) -> bytes:
    """The recording as Ogg Vorbis, on both channels: FFmpeg's own encoder knows no other."""
    import av

    target = io.BytesIO()
    with av.open(target, "w", format="ogg") as container:
        stream = container.add_stream("vorbis", rate=RATE, layout="stereo", options={"strict": "experimental"})
        frame = av.AudioFrame.from_ndarray(np.repeat(wave.astype(np.float32)[None], 2, axis=0), "fltp", "stereo")
        frame.rate = RATE
        for packet in (*stream.encode(frame), *stream.encode(None)):
            container.mux(packet)
    return target.getvalue()


def write_font(
    path: Path,
    samples: Sequence[FontSample],
    presets: Mapping[tuple[int, int], Sequence[FontZone]],
    compressed: bool = False,
    preset_generators: dict[int, int] | None = None,
) -> Path:
    """Write a font with one instrument per preset of (bank, program)."""
    body, headers = _sample_chunks(samples, compressed)
    names = {"phdr": b"", "pbag": b"", "pgen": b"", "inst": b"", "ibag": b"", "igen": b""}
    counts = {"pbag": 0, "pgen": 0, "ibag": 0, "igen": 0}

    def add(table: str, row: bytes) -> None:
        names[table] += row
        counts[table] = counts.get(table, 0) + 1

    for index, ((bank, program), zones) in enumerate(presets.items()):
        names["phdr"] += struct.pack("<20sHHHIII", b"preset", program, bank, counts["pbag"], 0, 0, 0)
        add("pbag", struct.pack("<HH", counts["pgen"], 0))
        for number, amount in (preset_generators or {}).items():
            add("pgen", struct.pack("<Hh", number, amount))
        add("pgen", struct.pack("<HH", 41, index))
        names["inst"] += struct.pack("<20sH", b"instrument", counts["ibag"])
        for zone in zones:
            add("ibag", struct.pack("<HH", counts["igen"], 0))
            add("igen", struct.pack("<HBB", 43, *zone.keys))
            add("igen", struct.pack("<HBB", 44, *zone.velocities))
            for number, amount in sorted(zone.generators.items()):
                add("igen", struct.pack("<Hh", number, amount))
            add("igen", struct.pack("<HH", 53, zone.sample))
    names["phdr"] += struct.pack("<20sHHHIII", b"EOP", 0, 0, counts["pbag"], 0, 0, 0)
    names["pbag"] += struct.pack("<HH", counts["pgen"], 0)
    names["pgen"] += bytes(4)
    names["inst"] += struct.pack("<20sH", b"EOI", counts["ibag"])
    names["ibag"] += struct.pack("<HH", counts["igen"], 0)
    names["igen"] += bytes(4)
    tables = (
        ("phdr", names["phdr"]), ("pbag", names["pbag"]), ("pmod", bytes(10)), ("pgen", names["pgen"]),
        ("inst", names["inst"]), ("ibag", names["ibag"]), ("imod", bytes(10)), ("igen", names["igen"]),
        ("shdr", headers),
    )  # fmt: skip
    hydra = b"pdta" + b"".join(_chunk(name.encode(), data) for name, data in tables)
    info = b"INFO" + _chunk(b"ifil", struct.pack("<HH", 3 if compressed else 2, 4))
    parts = (info, b"sdta" + _chunk(b"smpl", body), hydra)
    whole = b"sfbk" + b"".join(_chunk(b"LIST", part) for part in parts)
    path.write_bytes(_chunk(b"RIFF", whole))
    return path


def _sample_chunks(samples: Sequence[FontSample], compressed: bool) -> tuple[bytes, bytes]:
    body, headers = b"", b""
    for sample in samples:
        data = ogg(sample.wave) if compressed else (sample.wave * 32767).astype("<i2").tobytes()
        start = len(body) if compressed else len(body) // 2
        end = start + (len(data) if compressed else len(data) // 2)
        shift = 0 if compressed else start
        headers += struct.pack(
            "<20sIIIIIBbHH", b"tone", start, end, sample.loop[0] + shift, sample.loop[1] + shift, sample.rate,
            sample.key, 0, 0, 0x11 if compressed else 1,
        )  # fmt: skip
        body += data + (b"" if compressed else bytes(92))
    return body, headers + struct.pack("<20sIIIIIBbHH", b"EOS", *([0] * 9))


def _chunk(name: bytes, data: bytes) -> bytes:
    return name + struct.pack("<I", len(data)) + data + b"\0" * (len(data) & 1)
