"""``v2m-bridge changes``: what happened between two cuts, as a table, JSON, change EDL, CSV or picture."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from v2m_bridge.timeline.changes.model import Change, CutChanges
    from v2m_bridge.timeline.model import Timeline

COLORS = {
    "moved": "cyan",
    "head trimmed": "yellow",
    "tail trimmed": "yellow",
    "slipped": "yellow",
    "split": "yellow",
    "new": "green",
    "gone": "red",
    "retimed": "magenta",
    "vfx only": "blue",
}
MOST_ROWS = 400
WIDTHS = {"Change": 12, "Frames": 6, "By": 6}


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("changes")(changes)


def changes(
    old: Path = typer.Argument(..., metavar="OLD", help="The cut before."),
    new: Path = typer.Argument(..., metavar="NEW", help="The cut now."),
    edl: Path | None = typer.Option(None, "--edl", help="Write a change EDL: source is the old time, record the new."),
    csv: Path | None = typer.Option(None, "--csv", help="Write the changes as a table."),
    svg: Path | None = typer.Option(None, "--svg", help="Draw the old cut above the new one."),
    rate: str | None = typer.Option(None, "--rate", help="Frame rate of EDLs, such as 23.976."),
    media_root: list[Path] = typer.Option([], "--media-root", help="Folder to look for media in. Repeatable."),
    pictures: bool = typer.Option(
        True, "--pictures/--no-pictures", help="Compare the pictures where names do not match and media are online."
    ),
    as_json: bool = typer.Option(False, "--json", help="Print the comparison as one JSON object and nothing else."),
) -> None:
    """Compare two cuts of a film: where every stretch of picture went, what is new and what is gone."""
    from v2m_bridge.cli.read_input import read_input
    from v2m_bridge.cli.terminal import print_json, print_warnings
    from v2m_bridge.compose.companions import ALONE
    from v2m_bridge.compose.compare import compare
    from v2m_bridge.timeline.changes.document import changes_document

    before = read_input(old, rate, media_root, ALONE, quiet=as_json)
    after = read_input(new, rate, media_root, ALONE, quiet=as_json)
    found = compare(before, after, pictures=pictures)
    _write(found, before, after, edl, csv, svg)
    if as_json:
        print_json(changes_document(found, before, after).model_dump(mode="json", by_alias=True))
        return
    from rich.console import Console

    _show(found, before, after, Console())
    sys.stdout.flush()
    print_warnings(found.warnings)


def _write(
    found: CutChanges, old: Timeline, new: Timeline, edl: Path | None, csv: Path | None, svg: Path | None
) -> None:
    from v2m_bridge.errors import InputError
    from v2m_bridge.timeline.changes.change_edl import write_change_edl
    from v2m_bridge.timeline.changes.write_csv import write_changes_csv
    from v2m_bridge.timeline.changes.write_svg import write_changes_svg

    for path, write in ((edl, write_change_edl), (csv, write_changes_csv), (svg, write_changes_svg)):
        if path is None:
            continue
        try:
            write(found, old, new, path)
        except OSError as error:
            raise InputError(f"cannot write {path}: {error.strerror}") from error


def _show(found: CutChanges, old: Timeline, new: Timeline, console: Console) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.markup import escape
    from rich.table import Table

    from v2m_bridge.timeline.changes.document import summary_of

    console.print(
        f"[bold]{escape(old.name)}[/bold] ({old.duration_frames} frames) to [bold]{escape(new.name)}[/bold] "
        f"({new.duration_frames} frames)"
    )
    if found.identical:
        console.print("the two cuts show the same picture")
        return
    figures = summary_of(found)
    console.print(
        f"{figures.kept_frames} frames kept ({figures.unmoved_frames} where they were), {figures.new_frames} new, "
        f"{figures.gone_frames} gone"
    )
    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    for column in ("Change", "Old", "New", "Frames>", "By>", "Clip"):
        name = column.rstrip(">")
        wide = name == "Clip"
        table.add_column(
            name,
            justify="right" if name != column else "left",
            no_wrap=True,
            overflow="ellipsis",
            min_width=None if wide else WIDTHS.get(name, 11),
            max_width=max(16, console.width - sum(WIDTHS.values()) - 30) if wide else None,
        )
    for change in found.changes[:MOST_ROWS]:
        table.add_row(*_cells(change, old, new), style=COLORS.get(change.kind.value, ""))
    console.print(table)
    if len(found.changes) > MOST_ROWS:
        console.print(f"and {len(found.changes) - MOST_ROWS} more: --csv or --json give all of them")


def _cells(change: Change, old: Timeline, new: Timeline) -> tuple[str, ...]:
    from rich.markup import escape

    a, b = change.old, change.new
    span = b or a or (0, 0)
    return (
        change.kind.value,
        old.timecode(a[0]) if a else "",
        new.timecode(b[0]) if b else "",
        str(span[1] - span[0]),
        f"{b[0] - a[0]:+d}" if a and b else "",
        escape(change.name),
    )
