"""``evaluate --notes``: the player's figures on held-out music, beside baselines on the same notes."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from v2m_bridge.amt.player.network import PlayerNetwork
from v2m_bridge.amt.player.steps import CAST_ALL
from v2m_bridge.amt.player.weights import load_player
from v2m_bridge.progress import Progress, silent
from v2m_bridge.training.player.judging import VIEWS, Nats, judge, judged_windows
from v2m_bridge.training.player.note_baselines import NoteStatistics
from v2m_bridge.training.player.note_statistics import NAMES, note_figures, vector
from v2m_bridge.training.player.over_pieces import bar_windows, people_excerpt, player_excerpt
from v2m_bridge.training.player.pieces import NotePiece, load_pieces

LENGTH = 384
"""Steps of a window that are judged."""


@dataclass(frozen=True)
class NotesEvaluationOptions:
    """What is judged.

    Attributes:
        notes: the ``.npz``; train pieces feed the n-grams, those of ``split`` are judged.
        checkpoint: file or folder of the player; None for the shipped one. first_training: a file without film
            conditions in the trial's format, judged beside it.
        windows: how many windows the nats are over; sampled: how many windows are played for the statistics.
    """

    notes: Path
    checkpoint: Path | None = None
    first_training: Path | None = None
    split: str = "val"
    windows: int = 48
    sampled: int = 8
    device: str = "cpu"
    seed: int = 1


def evaluate_notes(options: NotesEvaluationOptions, progress: Progress = silent) -> dict[str, Any]:
    """All figures as JSON; ``docs/music.md`` names them.

    Raises:
        InputError: the file holds no such pieces. CheckpointError: the player cannot be read.
    """
    network = load_player(options.checkpoint, options.device)
    judged = load_pieces(options.notes, (options.split,))
    windows = judged_windows(judged, options.windows, options.seed)
    found: dict[str, Any] = {
        "pieces": len(judged),
        "split": options.split,
        "checkpoint": network.identity,
        "nats": {view.name: _nats(judge(network, windows, view, LENGTH, device=options.device)) for view in VIEWS},
        "baselines": _baselines(options, windows),
    }
    progress("nats", 1.0)
    if options.sampled:
        found["sampled"] = _sampled(judged, network, options, progress)
    return found


def _nats(nats: Nats) -> dict[str, float]:
    return asdict(nats) | {"total": nats.total}


def _baselines(options: NotesEvaluationOptions, windows: list[Any]) -> dict[str, Any]:
    statistics = NoteStatistics(load_pieces(options.notes, ("train",)))
    found: dict[str, Any] = {}
    for name, cast in sorted({("all" if v.cast == CAST_ALL else v.name.split(",")[0], v.cast) for v in VIEWS}):
        same = [replace(window, cast=cast) for window in windows]
        found[f"n-gram, {name}"] = _nats(statistics.judge(same, LENGTH))
        found[f"n-gram and copy of the last occurrence, {name}"] = _nats(statistics.judge(same, LENGTH, copy=True))
    if options.first_training is not None:
        earlier = _first_training(options.first_training)
        for view in VIEWS:
            if not view.film:
                found[f"first training, {view.name}"] = _nats(judge(earlier, windows, view, LENGTH))
    return found


def _first_training(path: Path) -> PlayerNetwork:
    """The network as it was before it knew anything of films."""
    from v2m_bridge.training.player.train import start_from

    return start_from(path).eval()


def _sampled(
    pieces: list[NotePiece], network: PlayerNetwork, options: NotesEvaluationOptions, progress: Progress
) -> dict[str, Any]:
    """Statistics of what the player writes over the pieces' chords, beside people's quartiles."""
    windows = bar_windows(pieces, 2)
    people = np.array([vector(f) for w in windows if (f := note_figures(people_excerpt(w)))])
    chosen = np.random.default_rng(options.seed).permutation(len(windows))[: options.sampled]
    ours = []
    for done, index in enumerate(chosen):
        figures = note_figures(player_excerpt(windows[index], network, int(index)))
        if figures:
            ours.append(vector(figures))
        progress("played", (done + 1) / len(chosen))
    table = np.array(ours)
    quartiles = np.percentile(people, (25, 50, 75), axis=0)
    found = {}
    for column, name in enumerate(NAMES):
        median = float(np.median(table[:, column])) if len(table) else float("nan")
        low, middle, high = (float(q[column]) for q in quartiles)
        found[name] = {"people": [low, middle, high], "player": median, "inside": low <= median <= high}
    return {"windows": len(ours), "figures": found}
