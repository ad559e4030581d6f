"""What the beats of the picture cost, in processor time, against bare decoding of the same 1080p film.

python benchmarks/bench_beats.py [--seconds 8]
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from bench_footage import RATE, make_film

from v2m_bridge.footage.dense import DenseMeter
from v2m_bridge.footage.movement import MovementMeter
from v2m_bridge.footage.onsets import contacts_of_take
from v2m_bridge.footage.reading import Take
from v2m_bridge.footage.source import VideoSource
from v2m_bridge.footage.trace import Reducer, Trace, UInt8Array
from v2m_bridge.timeline.model import Timeline

FILM_S = 600


def spent(work: Callable[[], object]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


def small_pictures(path: Path) -> list[UInt8Array]:
    reducer = Reducer()
    with VideoSource(path, 1) as source:
        return [reducer.reduce(picture.frame)[0] for picture in source.pictures()]


def bare(path: Path) -> None:
    with VideoSource(path, 1) as source:
        for _ in source.pictures():
            pass


def ten_minutes() -> None:
    """Dense features and contacts from the series of a film of ten minutes."""
    rng, frames = np.random.default_rng(0), FILM_S * int(RATE)
    trace = Trace(
        np.arange(frames) / float(RATE),
        rng.random(frames, np.float32) * 9,
        rng.integers(0, 255, (frames, 9, 16, 3), np.uint8),
        rng.random((frames, 6), np.float32),
    )
    timeline = Timeline("ten minutes", RATE, 0, frames, (), ())
    take = Take(0, frames, "film", 0.0, 1.0)
    meter = DenseMeter(timeline)
    meter.add(take, trace)
    meter.finish()
    contacts_of_take(take, trace, (), RATE)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=8, help="length of the film that is made and decoded")
    seconds = parser.parse_args().seconds
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "film.mp4"
        make_film(path, seconds)
        decoding = min(spent(lambda: bare(path)) for _ in range(2))
        pictures = small_pictures(path)
    meter = MovementMeter()
    meter.add(pictures[0])
    following = spent(lambda: [meter.add(picture) for picture in pictures])
    after = spent(ten_minutes)
    print(
        f"following the movement: {following / decoding:.2f} of bare decoding, {1000 * following / len(pictures):.2f} ms"
    )
    print(f"a film of {FILM_S} s: {following / seconds * FILM_S:.1f} s in its decode pass and {after:.1f} s after it")


if __name__ == "__main__":
    main()
