"""``v2m-bridge score``: from an edit to the files of a score."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from v2m_bridge.cli.hit_and_tempo_options import (
    Cap,
    Eighths,
    IgnoreColors,
    MaxStep,
    MotionHits,
    Must,
    OddBars,
    Range,
    Spacing,
    Steadiness,
    Tolerance,
    Weights,
    hit_weights,
)
from v2m_bridge.music.instruments import PRESETS

if TYPE_CHECKING:
    from v2m_bridge.options import ScoreOptions
    from v2m_bridge.score.model import PreviewDocument, Score

INPUT_HELP = "An edit (.otio .otioz .otiod .edl .xml .fcpxml .aaf) or a video."
STAGE_WEIGHTS = {"edit": 1, "footage": 60, "tempo": 4, "chords": 20, "parts": 5, "files": 10}

OPTION_OF_FIELD = {
    "ignore_colors": "ignore-color",
    "weights": "weight",
    "tempo_range": "range",
    "tolerance_frames": "tolerance",
    "locks": "lock",
}
"""Fields of ``ScoreOptions`` whose option on the command line is called otherwise."""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("score")(score)


def score(
    source: Path = typer.Argument(..., metavar="INPUT", help=INPUT_HELP),
    out: Path = typer.Option(..., "--out", help="Folder for the score's files."),
    tempo: str = typer.Option("auto", "--tempo", help="Beats a minute, or auto for the tempo that lands best."),
    key: str | None = typer.Option(None, "--key", help='Key, such as "A minor"; without it the mood chooses.'),
    mood: str | None = typer.Option(None, "--mood", help="exciting, fearful, tense, sad, relaxing or neutral."),
    seed: int = typer.Option(0, "--seed", min=0, help="Another seed, another score."),
    affect: float = typer.Option(1.0, "--affect", help="How strongly the mood bends the harmony; 0 is off."),
    preset: str | None = typer.Option(
        None, "--preset", help=f"Instrumentation: {', '.join(PRESETS)}; without it the mood chooses."
    ),
    parts: str | None = typer.Option(
        None, "--parts", help="Which of chords, bass, figure, swell, hits; with commas between."
    ),
    primer: str | None = typer.Option(None, "--primer", help='Chords to begin with: "C Am F G".'),
    lock: list[str] = typer.Option([], "--lock", help="Hold a chord at a time in seconds: 12.5=Dm7. Repeatable."),
    harmonic_rhythm: float = typer.Option(
        1.0, "--harmonic-rhythm", help="About how many seconds a chord lasts at least."
    ),
    change_at_cut: float = typer.Option(2.0, "--change-at-cut", help="How strongly chords change on cuts; 0 is off."),
    temperature: float = typer.Option(1.0, "--temperature", help="How adventurous the chords are."),
    candidates: int = typer.Option(8, "--candidates", help="Scores to choose from, by how they follow the film."),
    checkpoint: Path | None = typer.Option(
        None, "--checkpoint", help="Other networks: a folder from train, or a chord network, imported ones too."
    ),
    tail: float = typer.Option(0.0, "--tail", help="Seconds the last chord may ring after the picture."),
    rate: str | None = typer.Option(None, "--rate", help="Frame rate of an EDL, such as 23.976."),
    media_root: list[Path] = typer.Option([], "--media-root", help="Folder to look for media in. Repeatable."),
    preview: bool = typer.Option(False, "--preview", help="Also render preview.wav."),
    via_daemon: bool = typer.Option(False, "--via-daemon", help="Let the running daemon do it: networks stay warm."),
    must_name: Must = "HIT",
    ignore_color: IgnoreColors = [],  # noqa: B006
    weight: Weights = [],  # noqa: B006
    spacing: Spacing = 0.0,
    cap: Cap = None,
    motion_hits: MotionHits = 0.0,
    tempo_range: Range = 0.10,
    max_step: MaxStep = 0.06,
    tolerance: Tolerance = 0.5,
    eighths: Eighths = True,
    odd_bars: OddBars = 3.0,
    steadiness: Steadiness = 0.0,
    as_json: bool = typer.Option(False, "--json", help="Print the score as one JSON object and nothing else."),
) -> None:
    """Score an edit: tempo map on the cuts, chords that fit the footage, parts you can change note by note."""
    options = _options(
        tempo=tempo if tempo == "auto" else _number("--tempo", tempo),
        key=key,
        mood=mood,
        seed=seed,
        affect=affect,
        preset=preset,
        parts=tuple(part.strip() for part in parts.split(",")) if parts is not None else None,
        primer=primer,
        locks=tuple(lock),
        harmonic_rhythm_s=harmonic_rhythm,
        change_at_cut=change_at_cut,
        temperature=temperature,
        must=must_name,
        ignore_colors=tuple(ignore_color),
        weights=_weights(weight),
        min_spacing_s=spacing,
        max_per_minute=cap,
        motion_hits=motion_hits,
        tempo_range=tempo_range,
        max_step=max_step,
        tolerance_frames=tolerance,
        eighths=eighths,
        odd_bar_cost=odd_bars,
        steadiness=steadiness,
        candidates=candidates,
        tail_s=tail,
        rate=rate,
        preview=preview,
    )
    _run(source, out, options, media_root, checkpoint, via_daemon, as_json)


def _run(
    source: Path,
    out: Path,
    options: ScoreOptions,
    media_root: list[Path],
    checkpoint: Path | None,
    via_daemon: bool,
    as_json: bool,
) -> None:
    from v2m_bridge.cli.terminal import print_json, print_warnings, shown_progress
    from v2m_bridge.compose.pipeline import Engine, compose, write_files
    from v2m_bridge.daemon.client import score_via_daemon
    from v2m_bridge.errors import InputError
    from v2m_bridge.files.staging import refuse_unwritable
    from v2m_bridge.score.write_json import read_score, score_json
    from v2m_bridge.settings import Settings, state_folder

    if via_daemon and checkpoint is not None:
        raise InputError("the daemon has its own networks", "leave --checkpoint or --via-daemon out")
    refuse_unwritable(out)
    settings = Settings()
    engine = Engine(
        media_roots=(*media_root, *settings.media_roots),
        cache=state_folder("cache"),
        clip_weights=settings.clip_weights,
        checkpoint=checkpoint,
    )
    with shown_progress(STAGE_WEIGHTS, quiet=as_json) as progress:
        if via_daemon:
            names = score_via_daemon(source, out, options, progress)
        else:
            names = write_files(compose(source, options, engine, progress), out, progress)
    result = read_score(out / "score.json")  # with what was measured while the files were written
    if as_json:
        print_json({**score_json(result), "files": {name: str(out / name) for name in names}})
        return
    print_warnings(result.warnings)
    print_summary(result, {name: str(out / name) for name in names})


def _weights(texts: list[str]) -> dict[str, float]:
    from v2m_bridge.errors import InputError

    weights = {kind.value: number for kind, number in hit_weights(texts).items()}
    if "motion" in weights:
        raise InputError("movements of the picture are weighed by --motion-hits, from 0 to 1")
    return weights


def _number(option: str, text: str) -> float:
    from v2m_bridge.errors import InputError

    try:
        return float(text)
    except ValueError:
        raise InputError(f"{option} {text!r} is neither a number nor auto") from None


def _options(**values: Any) -> ScoreOptions:
    """Validated options; the first thing wrong becomes one clear line."""
    from pydantic import ValidationError

    from v2m_bridge.errors import InputError
    from v2m_bridge.options import ScoreOptions

    try:
        return ScoreOptions(**values)
    except ValidationError as error:
        first = error.errors()[0]
        field = str(first["loc"][0])
        name = OPTION_OF_FIELD.get(field) or field.removesuffix("_s").replace("_", "-")
        raise InputError(f"--{name} {first['input']!r}: {first['msg'].lower()}") from None


def print_summary(result: Score, files: Mapping[str, str]) -> None:
    """What was made, in a composer's words, and where it lies."""
    from rich.console import Console
    from rich.table import Table

    summary = result.fit.summary
    table = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
    table.add_column(style="bold")
    table.add_column()
    table.add_row("film", f"{result.timeline.name}, {len(result.timeline.shots)} shots, {_duration(result)}")
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
    table.add_row("parts", ", ".join(f"{part.name} ({len(part.notes)} notes)" for part in result.parts))
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
