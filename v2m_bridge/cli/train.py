"""``v2m-bridge train``: the shipped checkpoints come from this command."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from v2m_bridge.progress import Progress
    from v2m_bridge.training.fitting.loop import Epoch
    from v2m_bridge.training.player.train import PlayerTrainOptions


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("train")(train)


def train(
    data: Path | None = typer.Option(None, "--data", help="MuVi-Sync features, one .npz (layout: docs/models.md)."),
    notes: Path | None = typer.Option(None, "--notes", help="Train the player on these .npz files (docs/music.md)."),
    out: Path = typer.Option(..., "--out", "-o", help="Folder for checkpoints, training.json and curves.svg."),
    seed: int = typer.Option(0, "--seed", min=0, help="Of everything random."),
    epochs: int | None = typer.Option(None, "--epochs", min=1, help="Of the chord network."),
    device: str = typer.Option("auto", "--device", help="auto, cpu, cuda or mps."),
    precision: str = typer.Option("auto", "--precision", help="auto, bf16 or fp32."),
    threads: int | None = typer.Option(None, "--threads", min=1, help="CPU threads."),
    hold_out: bool = typer.Option(False, "--hold-out", help="Watch 75 songs split off from train instead of val."),
    joint: bool = typer.Option(False, "--joint", help="Train the video encoder for chords and for ranking together."),
    start: Path | None = typer.Option(None, "--start", help="With --joint or --notes: weights to begin with."),
    steps: int | None = typer.Option(None, "--steps", min=1, help="With --notes: steps of the optimiser."),
    resume: bool = typer.Option(False, "--resume", help="Go on after an interruption."),
    as_json: bool = typer.Option(False, "--json", help="Print one JSON object and nothing else."),
) -> None:
    """Train the chord, dynamics and alignment networks on a MuVi-Sync file, or with --notes the player."""
    from v2m_bridge.cli.terminal import print_json
    from v2m_bridge.errors import InputError
    from v2m_bridge.training.player.train import PlayerTrainOptions
    from v2m_bridge.training.train import TrainOptions, train_all

    if (data is None) == (notes is None):
        raise InputError("train needs either --data or --notes")
    if data is None:
        assert notes is not None
        _train_player(PlayerTrainOptions(notes, out, start, steps, seed, device, resume), as_json)
        return
    if precision not in ("auto", "bf16", "fp32"):
        raise InputError(f"precision {precision!r} is unknown", "choose auto, bf16 or fp32")
    options = TrainOptions(
        data=data,
        out=out,
        seed=seed,
        epochs=epochs,
        device=device,
        bfloat16=None if precision == "auto" else precision == "bf16",
        threads=threads,
        hold_out=hold_out,
        resume=resume,
        joint=joint,
        start=start,
    )
    with _shown(quiet=as_json) as (progress, report):
        trained = train_all(options, progress, report)
    curves = {name: getattr(trained, name) for name in ("chords", "joint", "dynamics", "alignment")}
    figures = {part: curve[-1].validation for part, curve in curves.items() if curve}
    if as_json:
        print_json({"out": str(out), "seconds": trained.seconds, "parameters": trained.parameters, **figures})
        return
    sizes = " + ".join(f"{size:,}" for size in trained.parameters.values())
    print(f"{out}: {sizes} parameters")
    for part, values in figures.items():
        print(f"{part}: " + ", ".join(f"{name} {value:.4f}" for name, value in values.items()))


def _train_player(options: PlayerTrainOptions, as_json: bool) -> None:
    from v2m_bridge.cli.terminal import print_json, shown_progress
    from v2m_bridge.training.player.train import train_player

    with shown_progress({"player": 1}, quiet=as_json) as progress:
        path = train_player(options, progress)
    if as_json:
        print_json({"checkpoint": str(path)})
        return
    print(path)


@contextmanager
def _shown(*, quiet: bool) -> Iterator[tuple[Progress, Callable[[str, Epoch], None]]]:
    """Progress of the running epoch on a terminal, and one line on stderr for every epoch that is done."""
    from v2m_bridge.progress import silent

    def line(part: str, epoch: Epoch) -> None:
        figures = ", ".join(f"{name} {value:.4f}" for name, value in epoch.validation.items())
        print(f"{part} epoch {epoch.number}: loss {epoch.loss:.4f}, {figures}, {epoch.seconds:.0f} s", file=sys.stderr)

    if quiet or not sys.stderr.isatty():
        yield silent, (lambda part, epoch: None) if quiet else line
        return
    from rich.console import Console
    from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    columns: tuple[Any, ...] = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeRemainingColumn(),
    )
    with Bar(*columns, TimeRemainingColumn(), console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("reading", total=1.0)

        def progress(stage: str, fraction: float) -> None:
            bar.update(task, description=stage, completed=fraction)

        yield progress, line
