"""How the time to read and to sweep an edit grows with its size: 10 tracks of up to 5,000 clips.

    python benchmarks/bench_sweep.py [--clips 5000] [--tracks 10]

Prints seconds of processor time, and the ratio to the run of half the size; 2.0 is linear.
"""

from __future__ import annotations

import argparse
import json
import random
import tempfile
import time
from fractions import Fraction
from pathlib import Path
from typing import Any

from v2m_bridge.edits.read_edit import read_edit
from v2m_bridge.timeline.sweep import Piece, sweep

RATE = Fraction(24000, 1001)


def random_pieces(tracks: int, clips: int) -> list[Piece]:
    """Clips of 1 to 60 frames with gaps between them, so that every track is visible somewhere."""
    rng = random.Random(1)
    found = []
    for layer in range(tracks):
        frame = 0
        for number in range(clips):
            frame += rng.choice((0, 0, rng.randint(1, 60)))
            length = rng.randint(1, 60)
            start_s = Fraction(rng.randint(0, 5000), 24)
            found.append(
                Piece(frame, frame + length, layer, media=f"/m/{layer}/{number % 97}.mov", source_start_s=start_s)
            )
            frame += length
    return found


def as_otio(pieces: list[Piece]) -> dict[str, Any]:
    """The same edit as an OpenTimelineIO document."""
    rate = float(RATE)

    def span(start: float, length: float) -> dict[str, Any]:
        times = {"start_time": start, "duration": length}
        return {"OTIO_SCHEMA": "TimeRange.1"} | {
            k: {"OTIO_SCHEMA": "RationalTime.1", "rate": rate, "value": v} for k, v in times.items()
        }

    tracks: dict[int, list[dict[str, Any]]] = {}
    ends: dict[int, int] = {}
    for p in pieces:
        children = tracks.setdefault(p.layer, [])
        if p.start_frame > ends.get(p.layer, 0):
            children.append({"OTIO_SCHEMA": "Gap.1", "source_range": span(0, p.start_frame - ends.get(p.layer, 0))})
        ends[p.layer] = p.end_frame
        reference = {"OTIO_SCHEMA": "ExternalReference.1", "target_url": p.media, "available_range": span(0, 10**6)}
        children.append(
            {
                "OTIO_SCHEMA": "Clip.2",
                "name": Path(p.media or "").name,
                "source_range": span(float(p.source_start_s * RATE), p.end_frame - p.start_frame),
                "media_references": {"DEFAULT_MEDIA": reference},
                "active_media_reference_key": "DEFAULT_MEDIA",
            }
        )
    children = [{"OTIO_SCHEMA": "Track.1", "kind": "Video", "children": c} for c in tracks.values()]
    return {"OTIO_SCHEMA": "Timeline.1", "name": "bench", "tracks": {"OTIO_SCHEMA": "Stack.1", "children": children}}


def measured(tracks: int, clips: int) -> tuple[float, float, int]:
    """Seconds of the sweep alone, seconds of reading the whole file, and the number of shots."""
    pieces = random_pieces(tracks, clips)
    duration = max(p.end_frame for p in pieces)
    began = time.process_time()
    seen = sweep(pieces, (), duration, RATE)
    sweep_s = time.process_time() - began
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "bench.otio"
        path.write_text(json.dumps(as_otio(pieces)), encoding="utf-8")
        began = time.process_time()
        read = read_edit(path)
        read_s = time.process_time() - began
    assert [c.frame for c in read.cuts] == [c.frame for c in seen.cuts]
    return sweep_s, read_s, len(seen.shots)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=int, default=5000)
    parser.add_argument("--tracks", type=int, default=10)
    options = parser.parse_args()
    print(f"{'tracks x clips':>15} {'shots':>8} {'sweep s':>9} {'ratio':>6} {'read s':>8} {'ratio':>6}")
    before: tuple[float, float] | None = None
    for clips in (options.clips // 8, options.clips // 4, options.clips // 2, options.clips):
        sweep_s, read_s, shots = measured(options.tracks, clips)
        ratios = (sweep_s / before[0], read_s / before[1]) if before else (float("nan"), float("nan"))
        size = f"{options.tracks} x {clips}"
        print(f"{size:>15} {shots:>8} {sweep_s:>9.3f} {ratios[0]:>6.2f} {read_s:>8.3f} {ratios[1]:>6.2f}")
        before = sweep_s, read_s


if __name__ == "__main__":
    main()
