"""Cost of the temporal video encoder by length of film, and of ranking candidates of a ten-minute film.

    python benchmarks/bench_alignment.py [--threads 1]

Prints how many times longer four times the frames take, at 8 frames a second, and how many seconds it takes to rank
eight candidates of a ten-minute film.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence

import numpy as np
import torch

from v2m_bridge.amt.alignment import DENSE_COLUMNS, DENSE_RATE, AlignmentNetwork, Dense
from v2m_bridge.amt.by_second import MusicBySecond, seconds_of_film
from v2m_bridge.amt.film import as_film
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


def best_of(actions: Sequence[Callable[[], object]], times: int = 31) -> list[float]:
    """Shortest time of several runs of each action, alternating, after a first run that does not count."""
    taken: list[list[float]] = [[] for _ in actions]
    for _ in range(times + 1):
        for action, mine in zip(actions, taken, strict=True):
            started = time.perf_counter()
            action()
            mine.append(time.perf_counter() - started)
    return [min(mine[1:]) for mine in taken]


def encoding(network: AlignmentNetwork, seconds: int) -> Callable[[], object]:
    """An action that encodes a film of that many seconds."""
    film = made_film(seconds)
    rows, dense = as_film([seconds_of_film(film)]), dense_of(film)
    assert isinstance(dense, Dense)
    return lambda: network.video(rows, dense)


def main() -> None:
    """Print the ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=1)
    torch.set_num_threads(parser.parse_args().threads)
    network = AlignmentNetwork().eval()
    lengths = (150, 600, 2400)
    with torch.inference_mode():
        taken = best_of([encoding(network, seconds) for seconds in lengths])
    for seconds, least in zip(lengths, taken, strict=True):
        print(f"{seconds} s, {seconds * DENSE_RATE} frames: {1000 * least:.1f} ms of the encoder")
    for place in (1, 2):
        ratio = taken[place] / taken[place - 1]
        print(f"four times the frames, {lengths[place - 1]} -> {lengths[place]} s: {ratio:.2f} times the time")
    film = made_film(600)
    piece = MusicBySecond(np.ones(600, np.int64), np.full(600, 10, np.float32), np.full(600, 0.2, np.float32), False)
    (ranking,) = best_of([lambda: film_alignment(network, film, [piece] * 8)], 3)
    print(f"ranking 8 candidates of 10 minutes: {ranking:.2f} s")


if __name__ == "__main__":
    main()
