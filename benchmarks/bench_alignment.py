"""The cost of the temporal video encoder by length, and what a ten-minute film adds.

    python benchmarks/bench_alignment.py [--threads 2]

Prints the ratio of the times for four times the frames, at 8 frames a second, and the seconds that ranking eight
candidates of a ten-minute film takes.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import numpy as np
import torch

from v2m_bridge.amt.alignment import DENSE_COLUMNS, DENSE_RATE, AlignmentNetwork, Dense
from v2m_bridge.amt.heard import MusicHeard, seconds_of_film
from v2m_bridge.amt.network import as_film
from v2m_bridge.amt.ranking import dense_of, film_alignment
from v2m_bridge.footage.model import SEMANTIC_SIZE, FootageFeatures


def made_film(seconds: int) -> FootageFeatures:
    """Random features, everything present."""
    random = np.random.default_rng(0)
    present = np.ones(seconds, np.bool_)
    return FootageFeatures(
        duration_s=float(seconds),
        motion=random.random(seconds, np.float32) * 20,
        scene_offset=(np.arange(seconds) % 5).astype(np.float32),
        semantic=random.standard_normal((seconds, SEMANTIC_SIZE), np.float32),
        emotion=np.full((seconds, 6), 1 / 6, np.float32),
        motion_present=present,
        semantic_present=present,
        emotion_present=present,
        dense=random.random((DENSE_RATE * seconds, DENSE_COLUMNS), np.float32),
        dense_present=np.ones(DENSE_RATE * seconds, np.bool_),
    )


def best_of(action: Callable[[], object], times: int = 7) -> float:
    """Shortest CPU time of several runs, after one that does not count: others may be using the machine."""
    action()
    taken = []
    for _ in range(times):
        started = time.process_time()
        action()
        taken.append(time.process_time() - started)
    return min(taken)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=2)
    torch.set_num_threads(parser.parse_args().threads)
    network = AlignmentNetwork().eval()
    taken = {}
    for seconds in (150, 600, 2400):
        film = made_film(seconds)
        rows, dense = as_film([seconds_of_film(film)]), dense_of(film)
        assert isinstance(dense, Dense)
        with torch.inference_mode():
            taken[seconds] = best_of(lambda rows=rows, dense=dense: network.video(rows, dense))
        print(f"{seconds} s, {seconds * DENSE_RATE} frames: {1000 * taken[seconds]:.1f} ms of the encoder")
    for short, long in ((150, 600), (600, 2400)):
        print(f"four times the frames, {short} -> {long} s: {taken[long] / taken[short]:.2f} times the time")
    film = made_film(600)
    piece = MusicHeard(np.ones(600, np.int64), np.full(600, 10, np.float32), np.full(600, 0.2, np.float32), False)
    print(f"ranking 8 candidates of 10 minutes: {best_of(lambda: film_alignment(network, film, [piece] * 8), 3):.2f} s")


if __name__ == "__main__":
    main()
