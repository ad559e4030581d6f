"""``v2m-bridge export``: a cue for other eyes and ears."""

from __future__ import annotations

from pathlib import Path

import typer

from v2m_bridge.errors import InputError


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("export")(export)


def export(
    cue: Path = typer.Argument(..., help="Folder of a score, or its score.json."),
    video: Path = typer.Option(..., "--video", help="The mp4 to write: the picture with its music."),
    picture: Path | None = typer.Option(
        None, "--picture", help="The locked picture; without it a proxy is cut from the edit's sources."
    ),
    music_only: bool = typer.Option(False, "--music-only", help="Leave the production sound out."),
    as_json: bool = typer.Option(False, "--json", help="Print one JSON object and nothing else."),
) -> None:
    """Write the picture with its music as an mp4 for review; the music gives way to dialogue."""
    from v2m_bridge.cli.terminal import print_json, print_warnings, shown_progress
    from v2m_bridge.score.model import PREVIEW
    from v2m_bridge.score.write_json import read_score, score_file
    from v2m_bridge.sound.film.export_video import STAGES, export_video

    document = score_file(cue)
    score = read_score(document)
    if video.suffix.lower() not in (".mp4", ".m4v", ".mov"):
        raise InputError(f"{video} is no name for an mp4 file", "end it in .mp4")
    if picture is not None and not picture.is_file():
        raise InputError(f"{picture} is not a file", "give the locked picture")
    if picture is not None and video.exists() and picture.resolve() == video.resolve():
        raise InputError("the film would be written over its own picture", "give --video another name")
    if not video.absolute().parent.is_dir():
        raise InputError(f"{video.absolute().parent} is not a folder", "make it first")
    preview = document.with_name(PREVIEW)
    with shown_progress(STAGES) as progress:
        report = export_video(
            score,
            video,
            picture=picture,
            preview=preview if preview.is_file() else None,
            music_only=music_only,
            progress=progress,
        )
    if as_json:
        size = {"width": report.size[0], "height": report.size[1]}
        told = {"file": str(video), "frames": report.frames, "rate": str(report.rate), "duration_s": report.duration_s}
        print_json({"schema": "v2m.export/1", **told, **size, "music": report.music, "warnings": list(report.warnings)})
        return
    print_warnings(report.warnings)
    print(f"{video}: {report.duration_s:.1f} s, {report.size[0]} x {report.size[1]}, sound: {report.music}")
