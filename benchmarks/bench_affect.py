"""What motion and pace know of the emotions that CLIP sees: area under the curve on the validation songs of MuVi-Sync.

    python benchmarks/bench_affect.py train_val.npz

The six emotion probabilities of a second become arousal and valence by the places in ``footage.affect.moods``; the
question is whether they lie above the median of the training songs. ``learnt`` is a linear fit on the training songs,
``published`` the equal shares of ``footage.affect.measures``; chance and a constant are .500.
"""

from __future__ import annotations

import argparse
import itertools
import math
from pathlib import Path

import numpy as np
import numpy.typing as npt

from v2m_bridge.footage.affect.measures import SMOOTHING_S
from v2m_bridge.footage.affect.moods import PLACES
from v2m_bridge.music.emotions import EMOTIONS

Series = npt.NDArray[np.float64]
INPUTS = {"motion and pace": (0, 1), "motion": (0,), "pace": (1,)}


def smoothed(values: Series) -> Series:
    """Weighted mean around each second."""
    reach = math.ceil(3 * SMOOTHING_S)
    window = np.exp(-0.5 * (np.arange(-reach, reach + 1) / SMOOTHING_S) ** 2)
    return np.convolve(values, window, "same") / np.convolve(np.ones(len(values)), window, "same")


def area(scores: Series, above: npt.NDArray[np.bool_]) -> float:
    """Area under the curve: how often a second above the median has the higher score."""
    ranks = np.empty(len(scores))
    ranks[np.argsort(scores, kind="stable")] = np.arange(len(scores))
    count = int(above.sum())
    return float((ranks[above].sum() - count * (count - 1) / 2) / (count * (len(above) - count)))


def inputs_of(motion: Series, scene_offset: Series) -> Series:
    """[T, 2] smoothed log motion, and minus the log of the shot length."""
    starts = [0, *(place for place in np.flatnonzero(scene_offset == 0).tolist() if place), len(motion)]
    lengths = np.repeat(np.diff(starts), np.diff(starts)).astype(np.float64)
    return np.stack((smoothed(np.log(np.maximum(motion, 0.05))), smoothed(-np.log(lengths))), axis=1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    data = np.load(parser.parse_args().data, allow_pickle=False)
    edges = np.concatenate([[0], np.cumsum(data["n_frames"])])
    emotion = data["emotion"].astype(np.float64)
    feeling = emotion / np.maximum(emotion.sum(axis=1, keepdims=True), 1e-9) @ np.array([PLACES[e] for e in EMOTIONS])
    motion, offset = data["motion"].astype(np.float64), data["scene_offset"].astype(np.float64)
    rows = np.concatenate([inputs_of(motion[a:b], offset[a:b]) for a, b in itertools.pairwise(edges)])
    train = np.repeat(data["split"] == "train", data["n_frames"])
    rows = (rows - rows[train].mean(axis=0)) / rows[train].std(axis=0)
    for column, name in enumerate(("arousal", "valence")):
        above = feeling[~train, column] > np.median(feeling[train, column])
        for inputs, columns in INPUTS.items():
            fitted = np.column_stack((rows[:, columns], np.ones(len(rows))))
            weights = np.linalg.lstsq(fitted[train], feeling[train, column], rcond=None)[0]
            print(f"{name:8s} learnt from {inputs:16s} {area(fitted[~train] @ weights, above):.3f}")
        print(f"{name:8s} published shares {'':11s} {area(rows[~train].sum(axis=1), above):.3f}")


if __name__ == "__main__":
    main()
