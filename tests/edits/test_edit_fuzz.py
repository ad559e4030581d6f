"""Whatever a file holds, reading it gives a timeline or one clear refusal, quickly.

``V2M_FUZZ=10000`` tries ten thousand damaged edits instead of the few hundred of every run.
"""

from __future__ import annotations

import io
import json
import os
import random
import time
import zipfile
from pathlib import Path

import edit_makers as make
import edit_mutations as damage
import pytest
from edit_model import check_sound

from v2m_bridge.edits.read_edit import read_edit
from v2m_bridge.errors import V2MError
from v2m_bridge.timeline.document import timeline_document

COUNT = int(os.environ.get("V2M_FUZZ", "700"))
SLOWEST_S = 5.0
"""Processor time; how busy the machine is does not count."""


def zipped(content: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as bundle:
        bundle.writestr("content.otio", content)
        bundle.writestr("media/a.mov", b"not a film")
    return buffer.getvalue()


def samples(shared: Path | None) -> list[tuple[str, bytes]]:
    """Suffix and bytes: our own edits, and the real ones where they are at hand (small ones, to be quick)."""
    rich = json.dumps(make.rich_otio()).encode()
    own = [
        (".otio", rich),
        (".otioz", zipped(rich)),
        (".edl", make.EDL.encode()),
        (".fcpxml", make.FCPXML.encode()),
        (".xml", make.XMEML.encode()),
    ]
    if shared is not None:
        for path in sorted((shared / "timelines").rglob("*")):
            if path.suffix in (".otio", ".edl", ".xml", ".fcpxml") and path.stat().st_size < 70_000:
                own.append((path.suffix, path.read_bytes()))
    return own


def mutated(number: int, pool: list[tuple[str, bytes]]) -> tuple[str, bytes]:
    """The damaged edit with this number."""
    rng = random.Random(number)
    suffix, data = rng.choice(pool)
    if rng.random() < 0.4:
        return suffix, damage.damaged_bytes(data, rng)
    if suffix == ".otio":
        return suffix, damage.damaged_json(json.loads(data), rng)
    if suffix == ".otioz":
        return suffix, zipped(damage.damaged_json(make.rich_otio(), rng))
    if suffix == ".edl":
        return suffix, damage.damaged_lines(data.decode("latin-1"), rng)
    return suffix, damage.damaged_xml(data.decode("utf-8"), rng)


def test_damaged_edits_are_read_or_refused(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    from conftest import SHARED

    pool = samples(SHARED if SHARED.is_dir() else None)
    outcomes = {"read": 0, "refused": 0}
    for number in range(COUNT):
        suffix, data = mutated(number, pool)
        path = tmp_path / f"damaged{suffix}"
        path.write_bytes(data)
        began = time.process_time()
        try:
            read = read_edit(path)
        except V2MError as error:
            assert "\n" not in str(error), number
            assert len(str(error)) < 1500, number
            outcomes["refused"] += 1
        except Exception as error:
            raise AssertionError(f"damaged edit {number} ({suffix}): {type(error).__name__}: {error}") from error
        else:
            check_sound(read)
            json.dumps(timeline_document(read).model_dump(mode="json", by_alias=True))
            outcomes["read"] += 1
        assert time.process_time() - began < SLOWEST_S, f"damaged edit {number} ({suffix}) took too long"
    assert min(outcomes.values()) > COUNT // 20, outcomes


def test_damaged_aafs_are_read_or_refused(tmp_path: Path, shared_data: Path) -> None:
    data = (shared_data / "timelines/otio-aaf-adapter/2997fps-DFTC.aaf").read_bytes()
    for number in range(max(4, COUNT // 100)):
        path = tmp_path / "damaged.aaf"
        rng = random.Random(number)
        path.write_bytes(damage.damaged_bytes(data, rng) if number % 4 == 0 else damage.flipped_bits(data, rng))
        try:
            check_sound(read_edit(path))
        except V2MError as error:
            assert "\n" not in str(error)
