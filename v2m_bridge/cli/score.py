"""``v2m-bridge score``: from an edit to the files of a score."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import typer

from v2m_bridge.cli.option_flags import takes_options
from v2m_bridge.cli.read_input import DEVICE, DURATION, LOCKED_PICTURE, MARKERS, companions_of, engine_of

if TYPE_CHECKING:
    from v2m_bridge.compose.companions import Companions
    from v2m_bridge.options import ScoreOptions
    from v2m_bridge.score.model import PreviewDocument, Score

Healing = Literal["none", "gaps", "all"]
INPUT_HELP = "An edit (.otio .otioz .otiod .edl .xml .fcpxml .aaf) or a video."


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("score")(score)


@takes_options()
def score(
    options: ScoreOptions,
    source: Path = typer.Argument(..., metavar="INPUT", help=INPUT_HELP),
    out_folder: Path | None = typer.Option(
        None, "--out", "-o", help="Folder for the score's files; without it INPUT-score, beside the edit."
    ),
    checkpoint: Path | None = typer.Option(
        None, "--checkpoint", help="Other networks: a folder from train, or a chord network, imported ones too."
    ),
    media_root: list[Path] = typer.Option([], "--media-root", help="Folder to look for media in. Repeatable."),
    device: str | None = DEVICE,
    keep: Path | None = typer.Option(
        None, "--keep", help="Folder of an earlier score: its music stays wherever the picture stayed."
    ),
    heal: Healing = typer.Option(
        "all", "--heal", help="With --keep: write nothing, only the joints (gaps), or everything that is missing."
    ),
    change_edl: Path | None = typer.Option(
        None, "--change-edl", help="With --keep: a change EDL that says what changed, instead of a comparison."
    ),
    markers: list[Path] = MARKERS,
    picture: Path | None = LOCKED_PICTURE,
    duration: str | None = DURATION,
    via_daemon: bool = typer.Option(False, "--via-daemon", help="Let the running daemon do it: networks stay warm."),
    as_json: bool = typer.Option(False, "--json", help="Print the score as one JSON object and nothing else."),
) -> None:
    """Score an edit: tempo map on the cuts, chords that fit the footage, parts you can change note by note."""
    from v2m_bridge.cli.terminal import print_json, print_warnings, shown_progress
    from v2m_bridge.compose.conform.conform import Heal
    from v2m_bridge.compose.pipeline import compose
    from v2m_bridge.compose.rescore import rescore, write_rescored
    from v2m_bridge.compose.stages import stage_shares
    from v2m_bridge.compose.write_files import WRITERS, Written, write_score_files
    from v2m_bridge.daemon.client import score_via_daemon
    from v2m_bridge.files.staging import refuse_unwritable
    from v2m_bridge.score.write_json import read_score, score_json

    companions = companions_of(markers, picture, duration)
    if via_daemon:
        _check_daemon(checkpoint, companions)
    out = default_folder(source) if out_folder is None else out_folder
    _check_keep(keep, via_daemon, heal != "all" or change_edl is not None)
    refuse_unwritable(out, WRITERS)
    engine = engine_of(media_root, checkpoint, device)
    with shown_progress(stage_shares(), quiet=as_json) as progress:
        if via_daemon:
            written = Written(score_via_daemon(source, out, options, progress), read_score(out / "score.json"))
        elif keep is not None:
            rescored = rescore(source, keep, options, engine, Heal(heal), progress, change_edl, companions)
            written = write_rescored(rescored, out, progress)
        else:
            written = write_score_files(compose(source, options, engine, progress, companions), out, progress)
    result, files = written.score, {name: str(out / name) for name in written.names}
    if as_json:
        print_json({**score_json(result), "files": files})
        return
    print_warnings(result.warnings)
    print_summary(result, files)


def _check_daemon(checkpoint: Path | None, companions: Companions) -> None:
    """Refuse what the daemon does not get: it has networks of its own, and reads the edit alone."""
    from v2m_bridge.compose.companions import ALONE
    from v2m_bridge.errors import InputError

    if checkpoint is not None:
        raise InputError("the daemon has its own networks", "leave --checkpoint or --via-daemon out")
    if companions != ALONE:
        hint = "leave --via-daemon out, or --markers, --picture and --duration"
        raise InputError("the daemon gets the edit alone", hint)


def default_folder(source: Path) -> Path:
    """``film-score`` beside ``film.otio``."""
    source = source.absolute()
    return source.with_name(f"{source.stem}-score")


def _check_keep(keep: Path | None, via_daemon: bool, how: bool) -> None:
    """Refuse options of an earlier score that cannot be followed; ``how``: whether any says how it is kept."""
    from v2m_bridge.errors import InputError

    if via_daemon and keep is not None:
        raise InputError("--keep works on a folder of this machine", "leave --keep or --via-daemon out")
    if keep is None and how:
        raise InputError("--heal and --change-edl say how an earlier score is kept", "give its folder with --keep")


def print_summary(result: Score, files: Mapping[str, str]) -> None:
    """What was made, in a composer's words, and where it lies."""
    from rich.console import Console
    from rich.table import Table

    from v2m_bridge.cli.terminal import counted

    summary = result.fit.summary
    table = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
    table.add_column(style="bold")
    table.add_column()
    table.add_row(
        "film", f"{result.timeline.title}, {counted(len(result.timeline.shots), 'shot')}, {_duration(result)}"
    )
    table.add_row("key", result.key)
    table.add_row("tempo", _tempo_line(result))
    table.add_row("hits", _hit_line(result))
    if summary.motion_hits:
        table.add_row("movements", f"{summary.motion_landed} of {summary.motion_hits} land")
    table.add_row("chords", _chord_line(result))
    if result.ranking is not None:
        ranking = result.ranking
        table.add_row(
            "chosen from",
            f"{len(ranking.candidates)} scores: no. {ranking.alignment_rank} in following the film, "
            f"no. {ranking.likelihood_rank} in likelihood",
        )
    table.add_row("parts", ", ".join(f"{part.name} ({counted(len(part.notes), 'note')})" for part in result.parts))
    if result.preview is not None:
        table.add_row("preview", _preview_line(result.preview))
    Console().print(table)
    print("files")
    for path in files.values():
        # not through rich: a path stays whole, so that it can be clicked and copied
        print(f"  {path}")


def _hit_line(result: Score) -> str:
    """Cuts and markers; movements of the picture have a line of their own."""
    summary = result.fit.summary
    firm = summary.hits - summary.motion_hits
    if not firm:
        return "no cuts and no markers"
    return (
        f"{summary.landed - summary.motion_landed} of {firm} cuts and markers land (best constant tempo, "
        f"{summary.constant_bpm:.1f} bpm: {summary.constant_landed_share:.0%}"
        f"{', movements counted too' if summary.motion_hits else ''})"
    )


def _tempo_line(result: Score) -> str:
    summary = result.fit.summary
    low, high = f"{summary.min_bpm:.1f}", f"{summary.max_bpm:.1f}"
    return f"{low} bpm" if low == high else f"{low} to {high} bpm around {result.fit.requested_bpm:g}"


def _preview_line(preview: PreviewDocument) -> str:
    if preview.integrated_lufs is None or preview.peak_dbfs is None:
        return f"{preview.duration_s:.1f} s of silence, sound: {preview.engine}"
    return (
        f"{preview.duration_s:.1f} s, {preview.integrated_lufs:.1f} LUFS, peak {preview.peak_dbfs:.1f} dBFS, "
        f"sound: {preview.engine}"
    )


def _duration(result: Score) -> str:
    from v2m_bridge.timing.rates import exact_rate

    seconds = float(result.timeline.duration_frames / exact_rate(result.timeline.rate))
    return f"{int(seconds // 60)}:{seconds % 60:04.1f}"


def _chord_line(result: Score, most: int = 12) -> str:
    symbols = [chord.symbol for chord in result.chords]
    more = f" and {len(symbols) - most} more" if len(symbols) > most else ""
    return " ".join(symbols[:most]) + more
