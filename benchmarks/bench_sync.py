"""How many cuts of real films and of random edits the tempo fit lands, compared with constant tempi.

    python benchmarks/bench_sync.py FOLDER_OF_TIMELINES [--seeds N] [--additions N]

Prints, per film, the share of cuts that land: on beats and on eighths with a fixed 120 bpm and with the best constant
tempo (60 to 160 bpm), and with the fit at 72, 96, 120 bpm and auto; then the fit's tempi, tempo steps, shares on
downbeats, beats and eighths, odd bars and run time. The same fit follows on random edits (log-normal shot lengths, five
rates), with what the smoothing gains at equal hits, and the run time on long inputs. ``--additions N`` adds one hit to
each of N random edits and counts how often less lands than before.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np

from v2m_bridge.edits.read_edit import read_edit
from v2m_bridge.sync.constant import best_constant, landed_at
from v2m_bridge.sync.fit import fit_tempo
from v2m_bridge.sync.model import Fit, FitOptions, Lands
from v2m_bridge.timeline.hits import Hit, HitKind, find_hits

RATES = (Fraction(24000, 1001), Fraction(24), Fraction(25), Fraction(30000, 1001), Fraction(60000, 1001))
ADDED_RATES = (Fraction(24), Fraction(25), Fraction(30), Fraction(50), Fraction(24000, 1001))
TEMPI = (72.0, 96.0, 120.0, None)
HEAD = "".join(
    f"{name:>{width}}"
    for name, width in zip(
        ("", "hits", "landed", "bpm", "max step", "mean", "down", "beat", "8th", "odd", "s"),
        (26, 5, 8, 14, 9, 7, 6, 6, 6, 4, 6),
        strict=True,
    )
)


def row(name: str, fit: Fit, seconds: float) -> str:
    """One line of the table."""
    s = fit.summary
    return (
        f"{name:26}{s.hits:5}{s.landed_share:8.3f}{s.min_bpm:7.1f}-{s.max_bpm:6.1f}{s.max_step:9.2%}{s.mean_step:7.2%}"
        f"{s.downbeat_share:6.2f}{s.beat_share:6.2f}{s.eighth_share:6.2f}{s.odd_bars:4}{seconds:6.2f}"
    )


def timed(hits: Sequence[Hit], frames: int, rate: Fraction, options: FitOptions) -> tuple[Fit, float]:
    """The fit, and the processor seconds that it took."""
    start = time.process_time()
    fit = fit_tempo(hits, frames, rate, options)
    return fit, time.process_time() - start


def constants(hits: Sequence[Hit], rate: Fraction) -> str:
    """The share of hits that constant tempi land, in words."""
    times = [float(hit.seconds) for hit in hits]
    half = float(1 / rate) / 2
    parts = []
    for name, unit in (("beats", 1.0), ("eighths", 0.5)):
        bpm, landed = best_constant(times, half, 60, 160, unit)
        fixed = landed_at(120, times, half, unit) / len(times)
        parts.append(f"on {name}: fixed 120 {fixed:.3f}, best constant {landed / len(times):.3f} at {bpm:.2f}")
    return "; ".join(parts)


def films(folder: Path) -> None:
    """Print a table for every film of the folder."""
    shares: dict[float | None, list[float]] = {bpm: [] for bpm in TEMPI}
    for path in sorted(folder.glob("*.otio")):
        edit = read_edit(path)
        hits = find_hits(edit)
        print(f"\n{path.stem} ({float(edit.rate):.3f} fps)\n  {constants(hits, edit.rate)}\n{HEAD}")
        for bpm in TEMPI:
            fit, seconds = timed(hits, edit.duration_frames, edit.rate, FitOptions(bpm=bpm))
            shares[bpm].append(fit.summary.landed_share)
            print(row(f"  fit at {bpm:g}" if bpm else f"  fit at auto = {fit.requested_bpm:g}", fit, seconds))
    if shares[120.0]:
        means = ", ".join(f"{bpm or 'auto'}: {np.mean(found):.3f}" for bpm, found in shares.items())
        print(f"\nmean of the films  {means}")


def random_edit(seed: int, rate: Fraction, median_s: float, count: int) -> tuple[list[Hit], int]:
    """Hits on the cuts of ``count`` shots of that median length, and the edit's length in frames."""
    rng = np.random.default_rng(seed)
    lengths = np.maximum(1, np.round(rng.lognormal(np.log(median_s), 0.8, count) * float(rate))).astype(int)
    frames = [int(f) for f in np.unique(np.cumsum(lengths))]
    return [Hit(f, Fraction(f) / rate, HitKind.CUT) for f in frames], frames[-1] + round(2 * rate)


def random_edits(seeds: int) -> None:
    """Print the means over random edits."""
    print(f"\nrandom edits, {seeds} seeds x {len(RATES)} rates x 60 shots; means")
    print(" median shot   bpm  landed constant mean step   worst steps^2 exact smoothed")
    for median_s in (1.2, 2.0, 3.0, 4.5, 8.0):
        for bpm in (72.0, 96.0, 120.0):
            found = []
            for seed in range(seeds):
                for rate in RATES:
                    hits, frames = random_edit(seed, rate, median_s, 60)
                    fit = fit_tempo(hits, frames, rate, FitOptions(bpm=bpm))
                    s = fit.summary
                    found.append([s.landed_share, s.constant_landed_share, s.mean_step, s.max_step, *roughness(fit)])
            mean = np.mean(found, axis=0)
            print(
                f"{median_s:10} s{bpm:6.0f}{mean[0]:8.3f}{mean[1]:9.3f}{mean[2]:10.2%}{np.max(found, axis=0)[3]:8.2%}"
                f"{mean[4]:14.5f}{mean[5]:9.5f}"
            )


def roughness(fit: Fit) -> tuple[float, float]:
    """Mean squared logarithm of the tempo step from hit to hit: with every hit exactly on its frame, and as fitted.

    Both have the same hits on the same beats, so the smoothing does not gain by losing hits.
    """
    landed = [x for x in fit.landings if x.lands is not Lands.MISS and x.beat > 0]
    beats = np.array([0.0, *(x.beat for x in landed)])
    picture = np.array([0.0, *(float(x.hit.seconds) for x in landed)])
    keep = np.concatenate(([True], np.diff(beats) > 0))
    beats, picture = beats[keep], picture[keep]
    played = np.array([fit.tempo_map.seconds_at(beat) for beat in beats])

    def steps(times: np.ndarray) -> float:
        return float(np.mean(np.diff(np.log(np.diff(beats) / np.diff(times))) ** 2)) if len(beats) > 2 else 0.0

    return steps(picture), steps(played)


def long_inputs() -> None:
    """Print the run time on long inputs."""
    print(f"\nlong inputs (processor time; ratio: to the input half as long)\n{HEAD}   ratio")
    rate = Fraction(24)
    for musts in (0, 10):
        before = 0.0
        for count in (500, 1000, 2000, 4000):
            hits, frames = random_edit(3, rate, 3.0, count)
            if musts:
                hits = [replace(hit, must=k % musts == 0, weight=4.0) for k, hit in enumerate(hits)]
            fit, seconds = min((timed(hits, frames, rate, FitOptions(bpm=120.0)) for _ in range(3)), key=lambda x: x[1])
            name = f"  {count} cuts" + (f", one in {musts} must" if musts else "")
            print(row(name, fit, seconds) + (f"{seconds / before:8.2f}" if before else ""))
            before = seconds
    rng = np.random.default_rng(3)
    for name, found in (
        ("  3 h, 2000 random frames", np.unique(rng.integers(1, 259_200, 2000))),
        ("  2000 frames in a row", np.arange(1, 2001)),
        ("  3 h, 20 hits", np.unique(rng.integers(1, 259_200, 20))),
    ):
        hits = [Hit(int(f), Fraction(int(f)) / rate, HitKind.CUT) for f in found]
        print(row(name, *timed(hits, int(found[-1]) + 48, rate, FitOptions(bpm=120.0))))


def additions(edits: int) -> None:
    """Print how often less lands after one more hit, and the mean errors."""
    worse, gained, errors = [], 0, {True: [0.0], False: [0.0]}
    for seed in range(edits):
        rng = np.random.default_rng(seed)
        rate = ADDED_RATES[seed % len(ADDED_RATES)]
        median_s, bpm = rng.choice([0.3, 0.6, 1.2, 2.0, 3.0, 5.0]), float(rng.choice([72, 90, 96, 110, 120, 140]))
        hits, frames = random_edit(seed, rate, median_s, int(np.exp(rng.uniform(np.log(3), np.log(120)))))
        kinds = rng.choice([(0.6, 0), (1.0, 0), (1.0, 0), (1.0, 0), (2.0, 0), (4.0, seed % 2)], len(hits))
        hits = [replace(hit, weight=float(w), must=bool(m)) for hit, (w, m) in zip(hits, kinds, strict=True)]
        frame = int(rng.integers(1, frames))
        if frame in {hit.frame for hit in hits}:
            continue
        weight, must = rng.choice([(0.05, 0), (0.4, 0), (1.0, 0), (2.0, 0), (4.0, seed % 2)])
        more = [*hits, Hit(frame, Fraction(frame) / rate, HitKind.MARKER, float(weight), bool(must))]
        before, after = (fit_tempo(some, frames, rate, FitOptions(bpm=bpm)) for some in (hits, more))
        gained += 1
        if landed_weights(after) < landed_weights(before):
            worse.append((seed, landed_weights(before), landed_weights(after)))
        for x in before.landings:
            if x.lands is not Lands.MISS:
                errors[x.hit.must].append(abs(x.error_frames))
    print(f"\none hit more in {gained} random edits: {len(worse)} times less lands than before {worse[:5]}")
    print(f"mean distance from the picture: must-hits {np.mean(errors[True]):.3f} frames, ", end="")
    print(f"other hits {np.mean(errors[False]):.3f} frames")


def landed_weights(fit: Fit) -> tuple[float, float]:
    """Weight of must-hits on downbeats, and of all hits that land."""
    musts = sum(x.hit.weight for x in fit.landings if x.hit.must and x.lands is Lands.DOWNBEAT)
    return round(musts, 6), round(sum(x.hit.weight for x in fit.landings if x.lands is not Lands.MISS), 6)


def main() -> None:
    """Print all tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="folder of .otio films")
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--additions", type=int, default=0)
    arguments = parser.parse_args()
    films(arguments.folder)
    random_edits(arguments.seeds)
    long_inputs()
    if arguments.additions:
        additions(arguments.additions)


if __name__ == "__main__":
    main()
