"""``v2m-bridge evaluate``: the figures of the chord and dynamics networks, beside baselines and published ones."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from v2m_bridge.training.evaluate import Evaluation, Figures
    from v2m_bridge.training.judging.affect import AffectTable
    from v2m_bridge.training.judging.alignment_metrics import AlignmentEvaluation
    from v2m_bridge.training.player.evaluate import NotesEvaluationOptions

STAGE_WEIGHTS = {"data": 5, "likelihood": 15, "video ablations": 30, "baselines": 25, "affect table": 25}


COLUMNS = ("H@1", "H@3", "H@5", "H@1 on\nchange", "NLL", "affect\nloss", "density\nRMSE", "loudn.\nRMSE")
"""Headings that fit beside each other on 80 columns: a figure is never cut."""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("evaluate")(evaluate)


def evaluate(
    data: Path | None = typer.Option(None, "--data", help="MuVi-Sync features, one .npz (layout: docs/models.md)."),
    notes: Path | None = typer.Option(None, "--notes", help="Judge the player on this .npz instead (docs/music.md)."),
    beside: Path | None = typer.Option(None, "--beside", help="With --notes: weights of the first training."),
    windows: int = typer.Option(48, "--windows", min=1, help="With --notes: passages that are foretold."),
    sampled: int = typer.Option(8, "--sampled", min=0, help="With --notes: passages that are played; 0 leaves it out."),
    checkpoint: Path | None = typer.Option(None, "--checkpoint", help="Folder or file; without it the shipped one."),
    split: str | None = typer.Option(None, "--split", help="Songs to judge; val where there are several, else all."),
    seeds: int = typer.Option(20, "--seeds", min=0, help="Decodings per mood in the affect table; 0 leaves it out."),
    alignment: bool = typer.Option(False, "--alignment", help="Also how often the right music is found for a film."),
    as_json: bool = typer.Option(False, "--json", help="Print one JSON object and nothing else."),
) -> None:
    """Judge a checkpoint: Hits@k as published, likelihood, dynamics, what a mood does, and every baseline."""
    from v2m_bridge.cli.terminal import print_json, shown_progress
    from v2m_bridge.errors import InputError
    from v2m_bridge.training.evaluate import evaluate as run
    from v2m_bridge.training.judging.alignment_metrics import evaluate_alignment
    from v2m_bridge.training.player.evaluate import NotesEvaluationOptions

    if (data is None) == (notes is None):
        raise InputError("evaluate needs either --data or --notes")
    if data is None:
        assert notes is not None
        judged = NotesEvaluationOptions(notes, checkpoint, beside, split or "val", windows, sampled)
        _evaluate_notes(judged, as_json)
        return
    with shown_progress(STAGE_WEIGHTS, quiet=as_json) as progress:
        aligned = evaluate_alignment(data, checkpoint, split) if alignment else None
        found = run(data, checkpoint, split, seeds, progress)
    if as_json:
        print_json(as_document(found) | ({"alignment": aligned.as_document()} if aligned else {}))
        return
    _print_tables(found)
    if aligned is not None:
        _print_alignment(aligned)


def _evaluate_notes(options: NotesEvaluationOptions, as_json: bool) -> None:
    from v2m_bridge.cli.terminal import print_json, shown_progress
    from v2m_bridge.training.player.evaluate import evaluate_notes

    with shown_progress({"nats": 60, "played": 40}, quiet=as_json) as progress:
        found = evaluate_notes(options, progress)
    if as_json:
        print_json(found)
        return
    print(f"{'nats a note':56} place  pitch  length velocity total")
    for name, nats in {**found["nats"], **found["baselines"]}.items():
        row = " ".join(f"{nats[field]:6.3f}" for field in ("place", "pitch", "duration", "velocity", "total"))
        print(f"{name:56}{row}")
    for name, row in found.get("sampled", {}).get("figures", {}).items():
        low, middle, high = row["people"]
        mark = "" if row["inside"] else "  outside"
        print(f"{name:16} people {low:.3f} {middle:.3f} {high:.3f}  player {row['player']:.3f}{mark}")


def as_document(found: Evaluation) -> dict[str, Any]:
    """The JSON of ``evaluate``; keys are pinned in docs/models.md."""
    from v2m_bridge.training.evaluate import PUBLISHED

    own = _figures(found.figures)
    affect: dict[str, Any] = {
        "loss": found.figures.affective_loss,
        "loss_steered": found.steered_affective_loss,
        "correspondence": found.figures.correspondence,
        "correspondence_of_ground_truth": found.ground_truth_correspondence,
    }
    if found.affect is not None:
        affect |= _affect(found.affect)
    return {
        "hits": own["hits"],
        "hits_on_change": own["hits_on_change"],
        "hits_without_end": own["hits_without_end"],
        "chord_nll": own["chord_nll"],
        "affect": affect,
        "rmse": own["rmse"],
        "video": {name: _figures(figures) for name, figures in found.video.items()},
        "baselines": {name: _figures(figures) for name, figures in found.baselines.items()},
        "published": PUBLISHED,
        "songs": found.songs,
        "split": found.split,
        "checkpoint": found.checkpoint,
    }


def _affect(table: AffectTable) -> dict[str, Any]:
    return {
        "table": table.shares,
        "log_likelihood": table.log_likelihood,
        "cost": table.cost,
        "in_key": table.in_key,
        "seeds": table.seeds,
        "strength": table.affect,
    }


def _figures(figures: Figures) -> dict[str, Any]:
    """The figures that exist for this predictor; a baseline may have no likelihood."""
    found: dict[str, Any] = {}
    for name in ("hits", "hits_on_change", "hits_without_end"):
        values = getattr(figures, name)
        if values is not None:
            found[name] = dict(zip(("1", "3", "5"), values, strict=False))
    for name in ("chord_nll", "affective_loss", "correspondence"):
        value = getattr(figures, name)
        if value is not None:
            found[name] = value
    if figures.rmse is not None:
        found["rmse"] = {"note_density": figures.rmse[0], "loudness": figures.rmse[1]}
    return found


def _print_tables(found: Evaluation) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table

    from v2m_bridge.training.evaluate import PUBLISHED

    table = Table(
        title=f"{found.checkpoint} on {found.split}, {found.songs} songs", box=SIMPLE_HEAD, padding=(0, 1, 0, 0)
    )
    table.add_column("predictor", overflow="fold")
    for column in COLUMNS:
        table.add_column(column, justify="right", no_wrap=True)
    rows = {"this checkpoint": _figures(found.figures)}
    rows |= {f"video {name}": _figures(figures) for name, figures in found.video.items()}
    rows |= {name: _figures(figures) for name, figures in found.baselines.items()} | PUBLISHED
    for name, figures in rows.items():
        table.add_row(name, *_cells(figures))
    console = Console()
    console.print(table)
    console.print(
        f"affective loss with the affect filter at 1: {found.steered_affective_loss:.4f}; an answer that never changes "
        "has the least: compare with constant"
    )
    if found.affect is not None:
        console.print(_affect_table(found.affect))


def _cells(figures: dict[str, Any]) -> list[str]:
    hits, changes, rmse = (figures.get(name, {}) for name in ("hits", "hits_on_change", "rmse"))
    values = [
        *(hits.get(k) for k in ("1", "3", "5")),
        changes.get("1"),
        figures.get("chord_nll"),
        figures.get("affective_loss"),
        rmse.get("note_density"),
        rmse.get("loudness"),
    ]
    return ["" if value is None else f"{value:.3f}" for value in values]


def _affect_table(affect: AffectTable) -> Any:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    moods = list(next(iter(affect.shares.values())))
    title = f"share of chords in each emotion's set, {affect.seeds} seeds, affect {affect.affect:g}"
    table = Table(title=title, box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.add_column("mood")
    for name in (*moods, "nats\nlost", "in\nkey"):
        table.add_column(name, justify="right", no_wrap=True)
    for mood, shares in affect.shares.items():
        cells = [f"[bold]{share:.3f}[/bold]" if name == mood else f"{share:.3f}" for name, share in shares.items()]
        table.add_row(mood, *cells, f"{affect.cost[mood]:.3f}", f"{affect.in_key[mood]:.3f}")
    return table


def _print_alignment(found: AlignmentEvaluation) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table

    songs = found.figures.songs
    title = f"{found.aligner} on {found.split}: the film's own music among {songs} songs"
    table = Table(title=title, box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.add_column("what is known")
    for name in ("R@1", "R@5", "R@10", "median rank"):
        table.add_column(name, justify="right")
    for what, figures in {"everything": found.figures, **found.ablations}.items():
        table.add_row(what, *(f"{share:.3f}" for share in figures.recall), f"{figures.median_rank:g}")
    table.add_row("chance", *(f"{min(1.0, k / songs):.3f}" for k in (1, 5, 10)), f"{(songs + 1) / 2:g}")
    Console().print(table)
