"""What commands share: progress on stderr, JSON on stdout, warnings in plain words."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from v2m_bridge.cli.border import write_json_text
from v2m_bridge.progress import Progress, silent


def print_json(document: Mapping[str, Any]) -> None:
    """One JSON object on stdout and nothing else."""
    write_json_text(json.dumps(document, ensure_ascii=False))


def counted(count: int, what: str) -> str:
    """``1 shot``, ``2 shots``."""
    return f"{count} {what}{'' if count == 1 else 's'}"


def print_findings(rows: Iterable[tuple[str, str, str]]) -> None:
    """A table of mark, name and text, all in rich's markup; a path is never cut short."""
    from rich.console import Console
    from rich.table import Table

    table = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
    for _ in range(3):
        table.add_column(overflow="fold")
    for row in rows:
        table.add_row(*row)
    Console().print(table)


def print_warnings(warnings: Iterable[str]) -> None:
    """One line each on stderr."""
    for warning in warnings:
        print(f"warning: {warning}", file=sys.stderr)


@contextmanager
def shown_progress(weights: Mapping[str, float], *, quiet: bool = False) -> Iterator[Progress]:
    """A progress bar over named stages: stage, per cent, time left. Silent when stderr is no terminal.

    Args:
        weights: stage name -> its share of the whole work, in order; any positive numbers.
        quiet: show nothing whatever stderr is.
    """
    if quiet or not sys.stderr.isatty():
        yield silent
        return
    from rich.console import Console
    from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    columns = (
        TextColumn("[bold]{task.description:<10}"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        TextColumn("elapsed"),
        TimeElapsedColumn(),
    )
    with Bar(*columns, console=Console(stderr=True), transient=True) as bar:
        yield _on_bar(bar, weights)


def _on_bar(bar: Any, weights: Mapping[str, float]) -> Callable[[str, float], None]:
    total = sum(weights.values())
    before: dict[str, float] = {}
    done = 0.0
    for stage, weight in weights.items():
        before[stage] = done / total
        done += weight
    task = bar.add_task("starting", total=1.0)

    def report(stage: str, fraction: float) -> None:
        share = before.get(stage, 0.0) + weights.get(stage, 0.0) / total * min(1.0, max(0.0, fraction))
        bar.update(task, description=stage, completed=share)

    return report
