"""``v2m-bridge fit``: the tempo map of an edit, and how every hit lands on it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from v2m_bridge.cli.option_flags import takes_options
from v2m_bridge.cli.read_input import DURATION, LOCKED_PICTURE, MARKERS, companions_of, read_input

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from v2m_bridge.options import ScoreOptions
    from v2m_bridge.sync.candidates import TempoCandidate
    from v2m_bridge.sync.model import Fit
    from v2m_bridge.timeline.hits import MotionOnset
    from v2m_bridge.timeline.model import Timeline


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("fit")(fit)


@takes_options("edit", "mood", "hits", "fit")
def fit(
    options: ScoreOptions,
    source: Path = typer.Argument(
        ..., metavar="INPUT", help="An edit (.otio .otioz .otiod .edl .xml .fcpxml .aaf) or a video."
    ),
    media_root: list[Path] = typer.Option([], "--media-root", help="Folder to look for media in. Repeatable."),
    markers: list[Path] = MARKERS,
    picture: Path | None = LOCKED_PICTURE,
    duration: str | None = DURATION,
    svg: Path | None = typer.Option(None, "--svg", help="Also draw the tempo curve into this file."),
    as_json: bool = typer.Option(False, "--json", help="Print the fit as one JSON object and nothing else."),
) -> None:
    """Fit a tempo map to the cuts and markers of an edit: beats on the hits, bars on the strong ones."""
    from v2m_bridge.cli.terminal import print_json, print_warnings
    from v2m_bridge.music.emotions import parse_emotion
    from v2m_bridge.sync.candidates import tempo_candidates
    from v2m_bridge.sync.document import ranked_fit_document
    from v2m_bridge.sync.motion import fit_with_motion
    from v2m_bridge.timeline.excerpt import between, excerpt
    from v2m_bridge.timeline.hits import find_hits, unmatched_options

    mood = options.direction.mood
    limits = replace(options.fit, mood=None if mood is None else parse_emotion(mood))
    _refuse_other_drawings(svg)
    edit = options.edit
    companions = companions_of(markers, picture, duration)
    timeline = read_input(source, edit.rate, media_root, companions, quiet=as_json)
    timeline = excerpt(between(timeline, edit.in_point, edit.out_point), edit.first_frame, edit.end_frame)
    motion = _movements(timeline, options.hits.motion_hits, quiet=as_json)
    hits = find_hits(timeline, options.hits, motion)
    result = fit_with_motion(hits, timeline.duration_frames, timeline.rate, limits)
    if svg is not None:
        _draw(result, timeline, svg)
    candidates = tempo_candidates(hits, timeline.duration_frames, timeline.rate, limits, result)
    if as_json:
        print_json(ranked_fit_document(result, candidates).model_dump(mode="json", by_alias=True))
        return
    from rich.console import Console

    console = Console()
    _show(timeline, result, console, chosen=limits.bpm is None)
    if len(candidates) > 1:
        console.print(_candidates(candidates))
    unmet = unmatched_options(timeline, options.hits)
    print_warnings([*timeline.warnings, *unmet, *(_in_timecode(warning, timeline) for warning in result.warnings)])


def _movements(timeline: Timeline, weight: float, quiet: bool) -> tuple[MotionOnset, ...]:
    """Sudden movements of the footage, looked for only where they are asked for."""
    if not weight > 0:
        return ()
    from v2m_bridge.cli.terminal import print_warnings, shown_progress
    from v2m_bridge.footage.measure import MeasureOptions, measure

    with shown_progress({"footage": 1.0}, quiet=quiet) as progress:
        features = measure(timeline, MeasureOptions(clip=False), progress)
    if not quiet:
        print_warnings(features.warnings)
    return features.onsets


def _refuse_other_drawings(path: Path | None) -> None:
    """Refuse a file name that is not SVG before the fit, which takes a while."""
    from v2m_bridge.errors import InputError

    if path is not None and path.suffix.lower() not in ("", ".svg"):
        raise InputError(f"the tempo curve is drawn as SVG, not as {path.suffix}", f"name it {path.stem}.svg")


def _draw(result: Fit, timeline: Timeline, path: Path) -> None:
    from v2m_bridge.errors import InputError
    from v2m_bridge.sync.curve import curve_svg

    try:
        path.write_text(curve_svg(result, timeline.duration_s, timeline.title), encoding="utf-8", newline="\n")
    except OSError as error:
        raise InputError(f"cannot write {path}: {error.strerror}") from error


def _show(timeline: Timeline, result: Fit, console: Console, chosen: bool) -> None:
    from rich.markup import escape

    from v2m_bridge.sync.curve import curve_line

    summary = result.summary
    low, high = (result.requested_bpm * (1 + side * result.options.tempo_range) for side in (-1, 1))
    origin = "chosen" if chosen else "asked for"
    console.print(
        f"[bold]{escape(timeline.title)}[/bold]  {_tempo_of_map(result)} ({result.requested_bpm:g} {origin}, "
        f"{low:.0f} to {high:.0f} allowed)",
        highlight=False,
    )
    if result.landings:
        console.print(_hits(timeline, result, narrow=console.width < NARROW))
    for x in result.landings:
        if x.reason:
            reason = _in_timecode(x.reason, timeline)
            console.print(f"{timeline.timecode(x.hit.frame)}  {reason}", highlight=False, markup=False)
    line = curve_line(result, timeline.duration_s, max(20, min(100, console.width - 24)))
    if not console.encoding.startswith("utf"):
        line = line.translate(PLAIN_LEVELS)
    least, most = f"{summary.min_bpm:.1f}", f"{summary.max_bpm:.1f}"
    console.print(f"{line} {least} bpm" if least == most else f"{line} {least} to {most} bpm", highlight=False)
    for text in _figures(result):
        console.print(text, highlight=False)


def _tempo_of_map(result: Fit) -> str:
    """The tempo that is heard, not the one that was asked for."""
    least, most = f"{result.summary.min_bpm:.1f}", f"{result.summary.max_bpm:.1f}"
    return f"{least} bpm" if least == most else f"{least} to {most} bpm"


def _candidates(candidates: Sequence[TempoCandidate]) -> Table:
    """The best tempi, one a line; ``--tempo`` picks one."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    table = Table(title="Tempi to pick with --tempo", title_justify="left", box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for name in ("Tempo", "Bar", "Beat", "8th", "Near", "Miss", "Map", "Step", "Constant"):
        table.add_column(name, justify="right", no_wrap=True)
    for x in candidates:
        least, most = f"{x.min_bpm:.0f}", f"{x.max_bpm:.0f}"
        places = (str(count) for count in (x.downbeats, x.beats, x.eighths, x.near, x.missed))
        constant = f"{x.constant_bpm:.1f} {x.constant_landed_share:.0%}"
        heard = least if least == most else f"{least}-{most}"
        table.add_row(f"{'*' if x.chosen else ''}{x.bpm:g}", *places, heard, f"{x.max_step:.1%}", constant)
    return table


def _in_timecode(text: str, timeline: Timeline) -> str:
    """``at frame 240`` as the composer reads it on screen: ``at 01:00:10:00``."""
    return re.sub(r"\bat frame (\d+)", lambda found: f"at {timeline.timecode(int(found[1]))}", text)


def _figures(result: Fit) -> list[str]:
    summary = result.summary
    if not summary.hits:
        return [f"No cuts and no markers to land on: one tempo, {summary.min_bpm:g} bpm"]
    return [
        f"{summary.landed} of {_hits_land(summary.hits)} ({summary.landed_share:.0%}): {summary.downbeat_share:.0%} on "
        f"downbeats, {summary.beat_share:.0%} on other beats, {summary.eighth_share:.0%} on eighths",
        f"The best constant tempo of those allowed, {summary.constant_bpm:.2f} bpm, lands "
        f"{summary.constant_landed_share:.0%}",
        *(
            [f"{summary.motion_landed} of {summary.motion_hits} movements of the picture land"]
            * (summary.motion_hits > 0)
        ),
        f"Tempo steps: {summary.mean_step:.1%} on average, {summary.max_step:.1%} at most; {_odd_bars(result)}",
    ]


def _hits_land(count: int) -> str:
    return "1 hit lands" if count == 1 else f"{count} hits land"


def _odd_bars(result: Fit, most: int = 12) -> str:
    """Which bars are not 4/4."""
    count = result.summary.odd_bars
    if not count:
        return "every bar is 4/4"
    odd = [bar for bar in result.tempo_map.bars(result.end_beat) if (bar.numerator, bar.denominator) != (4, 4)]
    shown = ", ".join(f"{bar.number} ({bar.numerator}/{bar.denominator})" for bar in odd[:most])
    more = f" and {len(odd) - most} more" if len(odd) > most else ""
    return f"{count} bar{'' if count == 1 else 's'} other than 4/4: {shown}{more}"


PLAIN_LEVELS = str.maketrans("▁▂▃▄▅▆▇█", "12345678")
"""The curve where a terminal has no block characters."""
NARROW = 72
"""A narrower terminal has no room for the tempo at every hit."""


def _hits(timeline: Timeline, result: Fit, narrow: bool) -> Table:
    from rich.box import SIMPLE_HEAD
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    widths = {"Timecode": 11, "Hit": 6, "Bar|Beat": 8, "Frames late": 11, "Lands on": 8, "Tempo": 5, "Note": 0}
    if narrow:
        del widths["Tempo"]
    for name, width in widths.items():
        right = name in ("Bar|Beat", "Frames late", "Tempo")
        table.add_column(name, justify="right" if right else "left", no_wrap=name != "Note", min_width=width)
    styles = {"downbeat": "bold green", "beat": "green", "eighth": "yellow", "miss": "red"}
    for x in result.landings:
        position = result.tempo_map.position_at(x.beat)
        place = f"{position.bar}|{position.beat}" + ("+" if position.tick else "")
        bpm = result.tempo_map.bpm_at_seconds(result.tempo_map.seconds_at(x.beat) + 1e-6)
        kind = x.hit.kind.value + (" (must)" if x.hit.must else "")
        note = ", ".join(filter(None, (x.hit.label, "see below" if x.reason else "")))
        lands = f"[{styles[x.lands.value]}]{x.lands.value}[/]"
        late = f"{x.error_frames:+.2f}"
        tempo = () if narrow else (f"{bpm:.1f}",)
        table.add_row(timeline.timecode(x.hit.frame), kind, place, late, lands, *tempo, escape(note))
    return table
