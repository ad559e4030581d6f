"""How fast chords are decoded, as ratios within one run.

    python benchmarks/bench_decode.py [--threads 1] [--every 10]

The decoder itself runs on one thread, so the default is 1. Times are processor time with one thread, and wall time with
more.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import torch

from v2m_bridge.amt.checkpoints import load_chord_network
from v2m_bridge.amt.chord_network import ChordNetwork
from v2m_bridge.amt.conditioning import empty_conditioning
from v2m_bridge.amt.decode_options import DecodeOptions
from v2m_bridge.amt.decoding import decode_batch
from v2m_bridge.amt.original import OriginalNetwork

STEPS = 300
LONG = 3000
BATCH = 16


def seconds(work: Callable[[], object], repeats: int = 1) -> float:
    """The shortest time of ``repeats`` runs."""
    clock = time.process_time if torch.get_num_threads() == 1 else time.perf_counter
    best = float("inf")
    for _ in range(repeats):
        started = clock()
        work()
        best = min(best, clock() - started)
    return best


def stepped(network: ChordNetwork, chords: torch.Tensor) -> None:
    """Run the network over one film chord by chord, with the cache."""
    cache, _ = network.start([empty_conditioning(STEPS)])
    for index in range(chords.shape[1]):
        network.extend(cache, chords[:, index : index + 1])


def recomputed(network: OriginalNetwork, chords: torch.Tensor, every: int) -> float:
    """Seconds to run every prefix without the cache; each ``every``-th is timed. The film is encoded once."""
    cache, _ = network.start([empty_conditioning(STEPS)])
    total = 0.0
    for length in range(every // 2 + 1, chords.shape[1] + 1, every):
        for layer in cache.layers:
            layer.key, layer.value = layer.key[:, :, :0], layer.value[:, :, :0]
        cache.length = 0
        total += seconds(lambda length=length: network.extend(cache, chords[:, :length])) * every
    return total


def show(name: str, ratio: float, wanted: str, detail: str) -> None:
    """Print one ratio beside the wanted one."""
    print(f"{name:<52} {ratio:7.1f} x   wanted {wanted:<14} {detail}")


def main() -> None:
    """Print the ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--every", type=int, default=10, help="time one of this many prefixes of the run without cache")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    print(f"torch {torch.__version__}, {arguments.threads} threads")

    torch.manual_seed(0)
    original = OriginalNetwork().eval()
    chords = torch.randint(1, 157, (1, STEPS - 1))
    stepped(original, chords[:, :20])
    cached = seconds(lambda: stepped(original, chords), 2)
    uncached = recomputed(original, chords, arguments.every)
    show("published size, cache against recomputed prefixes", uncached / cached, "at least 8", f"{cached:.2f} s cached")
    encoded = seconds(lambda: original.start([empty_conditioning(STEPS)]), 2) * STEPS
    show("the same with the film encoded anew, as published", (uncached + encoded) / cached, "", "")

    network = load_chord_network()
    options = DecodeOptions()
    decode_batch(network, [empty_conditioning(20)], [options])
    single = seconds(lambda: decode_batch(network, [empty_conditioning(STEPS)], [options]), 2)
    print(f"default network, {STEPS} chords: {single:.2f} s, {1000 * single / STEPS:.1f} ms a chord")

    films = [empty_conditioning(STEPS)] * BATCH
    own = [DecodeOptions(seed=seed) for seed in range(BATCH)]
    together = seconds(lambda: decode_batch(network, films, own))
    apart = seconds(lambda: [decode_batch(network, films[:1], [item]) for item in own])
    show(f"{BATCH} singles against a batch of {BATCH}", apart / together, "at least 3", f"{together:.2f} s the batch")

    long = seconds(lambda: decode_batch(network, [empty_conditioning(LONG)], [options]), 2)
    show(f"{LONG} chords against {STEPS}", long / single, "at most 11", f"{long:.2f} s the long one")


if __name__ == "__main__":
    main()
