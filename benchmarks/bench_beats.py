"""Beats of the picture: how many contacts are found in films whose contacts are known, and what finding them costs.

    python benchmarks/bench_beats.py [--films 6] [--family 2000] [--kinds metronome,room] [--seconds 8]

Every film is drawn, encoded with h264, decoded and measured like any other. The detector was developed with families 0
and 1000, so figures need another one. ``found`` is the share of contacts that have an onset within a frame of them.
``false`` is the number of onsets without a contact; the last line relates it to the number of contacts, films without
contacts included. Cost is processor time relative to bare decoding of a 1080p film.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from bench_footage import RATE, make_film

from v2m_bridge.footage.bare_video import read_video
from v2m_bridge.footage.measure import MeasureOptions, measure
from v2m_bridge.footage.movement.onsets import contacts_of_take
from v2m_bridge.footage.passes.dense import DenseMeter
from v2m_bridge.footage.passes.reading import SourceTake
from v2m_bridge.footage.video.movement import MovementMeter
from v2m_bridge.footage.video.source import VideoSource
from v2m_bridge.footage.video.trace import PictureTrace, Reducer, UInt8Array
from v2m_bridge.timeline.model import Timeline

sys.path.insert(0, str(Path(__file__).parent.parent / "tests" / "support"))
from contact_scenes import KINDS, judge, scene_film

FILM_S = 600


def find_contacts(kind: str, films: int, family: int, folder: Path) -> tuple[int, list[float], int, int]:
    """Films of one kind: number of contacts, errors in frames of those found, false onsets, wrong or missing cuts."""
    total, errors, false, cuts = 0, [], 0, 0
    for seed in range(films):
        film = scene_film(kind, seed, family)
        timeline = read_video(film.write(folder / f"{kind}{seed}.mp4"))
        features = measure(timeline, MeasureOptions(clip=False))
        count, near, spare = judge(film, [onset.seconds * float(timeline.rate) for onset in features.onsets])
        total, errors, false = total + count, errors + near, false + len(spare)
        cuts += len(set(film.cuts) ^ {cut.frame for cut in timeline.cuts})
    return total, errors, false, cuts


def show_contacts(kinds: list[str], films: int, family: int, folder: Path) -> None:
    """Print a line for each kind of film, and the sums."""
    os.environ["V2M_HOME"] = str(folder)
    print(f"{'kind':<16} contacts    found    false   error in frames (mean, 95 %)   cuts wrong")
    sums = np.zeros(3)
    for kind in kinds:
        total, errors, false, cuts = find_contacts(kind, films, family, folder)
        sums += total, len(errors), false
        share = f"{len(errors) / total:8.1%}" if total else "       -"
        error = np.array(errors or [0.0])
        spread = f"{error.mean():+.2f}  {np.quantile(np.abs(error), 0.95):.2f}"
        print(f"{kind:<16} {total:8d} {share} {false:8d}   {spread:<28}   {cuts}", flush=True)
    print(f"all: {sums[1] / sums[0]:.1%} found (at least 95 %), {sums[2] / sums[0]:.1%} false (at most 5 %)")


# ---------------------------------------------------------------------------------------------------------- cost


def spent(work: Callable[[], object]) -> float:
    """Processor seconds of ``work``."""
    start = time.process_time()
    work()
    return time.process_time() - start


def small_pictures(path: Path) -> list[UInt8Array]:
    """All pictures of a film, reduced as the decode pass reduces them."""
    reducer = Reducer()
    with VideoSource(path, 1) as source:
        return [reducer.reduce(picture.frame)[0] for picture in source.pictures()]


def bare(path: Path) -> None:
    """Decode a film on one thread and do nothing with it."""
    with VideoSource(path, 1) as source:
        for _ in source.pictures():
            pass


def follow(pictures: list[UInt8Array]) -> None:
    """Measure the movement in pictures."""
    meter = MovementMeter()
    for picture in pictures:
        meter.add(picture)
    meter.finish()


def ten_minutes() -> None:
    """Compute dense features and contacts from the per-frame measurements of a film of ten minutes."""
    rng, frames = np.random.default_rng(0), FILM_S * int(RATE)
    trace = PictureTrace(
        np.arange(frames) / float(RATE),
        rng.random(frames, np.float32) * 9,
        rng.integers(0, 255, (frames, 9, 16, 3), np.uint8),
        rng.random((frames, 6), np.float32),
    )
    timeline = Timeline("ten minutes", RATE, 0, frames, (), ())
    take = SourceTake(0, frames, "film", 0.0, 1.0)
    meter = DenseMeter(timeline)
    meter.add(take, trace)
    meter.finish()
    contacts_of_take(take, trace, (), RATE)


def show_cost(seconds: int, folder: Path) -> None:
    """Print the cost per picture and for a film of ten minutes."""
    path = folder / "film.mp4"
    make_film(path, seconds)
    decoding = min(spent(lambda: bare(path)) for _ in range(2))
    pictures = small_pictures(path)
    following = min(spent(lambda: follow(pictures)) for _ in range(2))
    after, whole = spent(ten_minutes), following / seconds * FILM_S
    milliseconds = 1000 * following / len(pictures)
    print(f"following the movement: {following / decoding:.3f} of bare decoding, {milliseconds:.2f} ms a picture")
    print(f"a film of {FILM_S} s: {whole:.1f} s in its decode pass and {after:.1f} s after it")


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--films", type=int, default=6, help="films of each kind; 0: cost only")
    parser.add_argument("--family", type=int, default=2000, help="first seed of the films")
    parser.add_argument("--kinds", default=",".join(KINDS), help="comma-separated")
    parser.add_argument("--seconds", type=int, default=8, help="length of the 1080p film that is decoded; 0: no cost")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        if options.films:
            show_contacts(options.kinds.split(","), options.films, options.family, Path(name))
        if options.seconds:
            show_cost(options.seconds, Path(name))


if __name__ == "__main__":
    main()
