"""``v2m-bridge timeline``: what is on screen when, as a table or as JSON."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from v2m_bridge.cli.option_flags import takes_options
from v2m_bridge.cli.read_input import DURATION, LOCKED_PICTURE, MARKERS, companions_of, read_input

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from v2m_bridge.options import ScoreOptions
    from v2m_bridge.timeline.model import Cut, Shot, Timeline


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("timeline")(timeline)


@takes_options("rate", "in_point", "out_point")
def timeline(
    options: ScoreOptions,
    source: Path = typer.Argument(
        ..., metavar="INPUT", help="An edit (.otio .otioz .otiod .edl .xml .fcpxml .aaf) or a video."
    ),
    media_root: list[Path] = typer.Option([], "--media-root", help="Folder to look for media in. Repeatable."),
    markers: list[Path] = MARKERS,
    picture: Path | None = LOCKED_PICTURE,
    duration: str | None = DURATION,
    as_json: bool = typer.Option(False, "--json", help="Print the timeline as one JSON object and nothing else."),
) -> None:
    """Show the shots, cuts and markers of an edit, to the frame."""
    from v2m_bridge.cli.terminal import print_json, print_warnings
    from v2m_bridge.timeline.document import timeline_document
    from v2m_bridge.timeline.excerpt import between

    companions = companions_of(markers, picture, duration)
    read = read_input(source, options.edit.rate, media_root, companions, quiet=as_json)
    read = between(read, options.edit.in_point, options.edit.out_point)
    if as_json:
        print_json(timeline_document(read).model_dump(mode="json", by_alias=True))
        return
    from rich.console import Console

    _show(read, Console())
    sys.stdout.flush()
    print_warnings(read.warnings)


def _show(read: Timeline, console: Console) -> None:
    from rich.markup import escape

    from v2m_bridge.cli.terminal import counted

    offline = sum(1 for s in read.shots if s.media and not s.media_online)
    rate = f"{float(read.rate):.3f}".rstrip("0").rstrip(".") + (" drop frame" if read.drop_frame else "")
    console.print(f"[bold]{escape(read.title)}[/bold]  {rate} fps, starts at {read.timecode(0)}")
    console.print(
        f"{read.duration_s:.2f} s ({counted(read.duration_frames, 'frame')}), {counted(len(read.shots), 'shot')}, "
        f"{counted(len(read.cuts), 'cut')}, {counted(len(read.markers), 'marker')}"
        + (f", {counted(offline, 'shot')} offline: --media-root gives the folder" if offline else "")
    )
    console.print(_shots(read, console.width))
    if read.markers:
        console.print(_markers(read, console.width))


def _shots(read: Timeline, width: int) -> Table:
    columns = ("Shot>", "Timecode", "Frame>", "Seconds>", "Begins", "Clip", "Source>", "Speed>")
    narrow = width < NARROW
    table = _table("Shots", width, *(column for column in columns if not narrow or column not in LEFT_OUT))
    cuts = {cut.frame: cut for cut in read.cuts}
    for number, shot in enumerate(read.shots, start=1):
        cells = (
            str(number),
            read.timecode(shot.start_frame),
            str(shot.start_frame),
            f"{float(shot.length_frames / read.rate):.2f}",
            _kind(cuts.get(shot.start_frame)),
            _clip(shot),
            f"{shot.source_start_s:.2f} s" if shot.media else "",
            "" if shot.speed == 1 else f"{shot.speed * 100:.4g} %",
        )
        shown = zip(columns, cells, strict=True)
        table.add_row(*(cell for column, cell in shown if not narrow or column not in LEFT_OUT))
    return table


TEXT_COLUMNS = ("Clip", "Marker", "Note")
FIXED_WIDTH = 68
"""Characters of all other columns of the shot table."""
NARROW = FIXED_WIDTH + 12
LEFT_OUT = ("Frame>", "Seconds>", "Source>")
"""Columns of the shot table that a terminal of fewer than ``NARROW`` characters has no room for."""


def _table(title: str, width: int, *columns: str) -> Table:
    """A table of one line a row: names and notes are cut to what the terminal leaves. ``>`` means right."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    room = max(16, width - FIXED_WIDTH)
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    for column in columns:
        name = column.rstrip(">")
        table.add_column(
            name,
            justify="right" if column.endswith(">") else "left",
            no_wrap=True,
            overflow="ellipsis",
            min_width=None if name in TEXT_COLUMNS else max(len(name), 11 if name == "Timecode" else 0),
            max_width=room if name in TEXT_COLUMNS else None,
        )
    return table


def _kind(cut: Cut | None) -> str:
    """The cut's kind, and the frames that a transition takes."""
    if cut is None:
        return ""
    span = (cut.span_end_frame or 0) - (cut.span_start_frame or 0)
    return f"{cut.kind.value} {span}" if span else cut.kind.value


def _clip(shot: Shot) -> str:
    from rich.markup import escape

    name = escape(shot.name or Path((shot.media or "").replace("\\", "/")).name)
    if shot.media is None:
        return name or "[dim]black[/dim]"
    return name if shot.media_online else f"[yellow]offline:[/yellow] {name}"


def _markers(read: Timeline, width: int) -> Table:
    from rich.markup import escape

    table = _table("Markers", width, "Timecode", "Frame>", "Colour", "Marker", "Note")
    for m in read.markers:
        table.add_row(read.timecode(m.frame), str(m.frame), escape(m.color), escape(m.name), escape(m.note))
    return table
