"""``v2m-bridge features``: what can be measured in the picture, as a table, JSON or a contact sheet."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from v2m_bridge.cli.option_flags import takes_options

if TYPE_CHECKING:
    from v2m_bridge.footage.document import FeaturesDocument
    from v2m_bridge.footage.model import FootageFeatures
    from v2m_bridge.options import ScoreOptions
    from v2m_bridge.progress import Progress
    from v2m_bridge.timeline.model import Timeline


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("features")(features)


@takes_options("rate", "in_point", "out_point")
def features(
    options: ScoreOptions,
    source: Path = typer.Argument(..., metavar="VIDEO", help="A video, or an edit whose media are online."),
    sheet: Path | None = typer.Option(None, "--sheet", help="Write a contact sheet here (.png or .jpg)."),
    clip: bool = typer.Option(True, help="Look at the footage with CLIP, where its weights are installed."),
    media_root: list[Path] = typer.Option([], "--media-root", help="Folder to look for media in. Repeatable."),
    as_json: bool = typer.Option(False, "--json", help="Print the features as one JSON object and nothing else."),
) -> None:
    """Show what the picture says: cuts, motion, emotions and sudden movements."""
    from v2m_bridge.cli.terminal import print_json, print_warnings, shown_progress
    from v2m_bridge.footage.document import features_document

    _check_sheet(sheet)
    with shown_progress({"cuts": 1.0, "footage": 1.0}, quiet=as_json) as progress:
        timeline, measured = _measure(source, options, media_root, clip, progress)
    if sheet is not None:
        _write_sheet(sheet, timeline, measured)
    document = features_document(timeline, measured)
    if as_json:
        print_json(document.model_dump(mode="json", by_alias=True))
        return
    _show(timeline, document)
    if sheet is not None:
        print(f"contact sheet: {sheet}")
    print_warnings(document.warnings)


def _measure(
    source: Path, asked: ScoreOptions, media_roots: list[Path], clip: bool, progress: Progress
) -> tuple[Timeline, FootageFeatures]:
    from v2m_bridge.edits.read_edit import READERS, read_edit
    from v2m_bridge.footage.bare_video import read_video
    from v2m_bridge.footage.measure import MeasureOptions, measure
    from v2m_bridge.footage.video.sequence import film_of_sequence, is_sequence
    from v2m_bridge.footage.video.source import FALLBACK_RATE
    from v2m_bridge.settings import Settings
    from v2m_bridge.timeline.excerpt import between
    from v2m_bridge.timing.rates import exact_rate

    settings = Settings()
    rate = asked.edit.rate
    notes: tuple[str, ...] = ()
    if source.suffix.lower() in READERS:
        roots = [*media_roots, *settings.media_roots]
        timeline = read_edit(source, rate=exact_rate(rate) if rate else None, media_roots=roots)
    else:
        if is_sequence(source):
            source, notes = film_of_sequence(source, exact_rate(rate) if rate else FALLBACK_RATE)
        timeline = read_video(source, lambda _, share: progress("cuts", share))
    timeline = between(timeline, asked.edit.in_point, asked.edit.out_point)
    options = MeasureOptions(clip=clip, clip_weights=settings.clip_weights)
    return timeline, measure(replace(timeline, warnings=(*notes, *timeline.warnings)), options, progress)


FEELS = 3
"""Column of the emotion, left out where CLIP did not look."""


def _check_sheet(sheet: Path | None) -> None:
    from v2m_bridge.errors import InputError

    if sheet is not None and sheet.suffix.lower() not in (".png", ".jpg", ".jpeg"):
        raise InputError(f"--sheet {sheet} is no picture", "end it in .png or .jpg")


def _write_sheet(sheet: Path, timeline: Timeline, measured: FootageFeatures) -> None:
    from v2m_bridge.errors import InputError
    from v2m_bridge.footage.contact_sheet import draw_contact_sheet

    try:
        sheet.parent.mkdir(parents=True, exist_ok=True)
        draw_contact_sheet(timeline, measured).save(sheet)
    except OSError as error:
        raise InputError(f"--sheet {sheet} cannot be written: {error.strerror or error}") from error


def _show(timeline: Timeline, document: FeaturesDocument) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    console = Console()
    console.print(
        f"[bold]{escape(document.name)}[/bold]  {document.duration_s:.2f} s ({document.duration_frames} frames at "
        f"{float(timeline.rate):.6g}), hard cuts {len(document.cuts)}, transitions {len(document.transitions)}, "
        f"sudden movements {len(document.onsets)}",
        soft_wrap=True,
    )
    table = Table(title="Second by second", title_justify="left", box=SIMPLE_HEAD, pad_edge=False)
    for name in ("Second", "Motion", "Since cut"):
        table.add_column(name, justify="right")
    seen = any(document.emotion)
    for name in ("Feels",) * seen + ("Cuts at", "Moves at"):
        table.add_column(name)
    for row in _rows(timeline, document):
        table.add_row(*(cell for place, cell in enumerate(row) if seen or place != FEELS))
    console.print(table)


def _rows(timeline: Timeline, document: FeaturesDocument) -> list[tuple[str, ...]]:
    cuts: dict[int, list[str]] = {}
    for cut in timeline.cuts:
        kind = "" if cut.kind.value == "cut" else f" ({cut.kind.value})"
        cuts.setdefault(int(timeline.seconds(cut.frame)), []).append(timeline.timecode(cut.frame) + kind)
    moves: dict[int, list[str]] = {}
    for onset in document.onsets:
        moves.setdefault(int(onset.seconds), []).append(f"{onset.seconds:.2f} s")
    rows: list[tuple[str, ...]] = []
    for second, (motion, offset, emotion) in enumerate(
        zip(document.motion, document.scene_offset, document.emotion, strict=True)
    ):
        strongest = max(zip(emotion, document.emotions, strict=True)) if emotion else None
        feels = f"{strongest[1]} {strongest[0]:.0%}" if strongest else ""
        moved = "absent" if motion is None else f"{motion:.2f}"
        rows.append(
            (
                str(second),
                moved,
                f"{offset} s",
                feels,
                ", ".join(cuts.get(second, [])),
                ", ".join(moves.get(second, [])),
            )
        )
    return rows
