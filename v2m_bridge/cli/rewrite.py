"""``v2m-bridge rewrite``: a new take of some bars; everything outside them stays as it is."""

from __future__ import annotations

import re
from pathlib import Path

import typer

from v2m_bridge.errors import InputError


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("rewrite")(rewrite)


def rewrite(
    cue: Path = typer.Argument(..., help="Folder of a score, or its score.json."),
    bars: str = typer.Option(..., "--bars", help="Bars to write anew, such as 9-16; the first bar is 1."),
    parts: str = typer.Option("melody", "--parts", help="Parts to write anew: melody, counter, chords, bass, figure."),
    seed: int | None = typer.Option(None, "--seed", min=0, help="Another seed, another take."),
    checkpoint: Path | None = typer.Option(None, "--checkpoint", help="Folder of networks; without it the shipped."),
    as_json: bool = typer.Option(False, "--json", help="Print one JSON object and nothing else."),
) -> None:
    """Write some bars of some parts anew, so that they join what stands around them."""
    from v2m_bridge.cli.terminal import print_json, print_warnings
    from v2m_bridge.compose.engine import Engine
    from v2m_bridge.compose.rewrite import RewriteRequest, rewrite_bars
    from v2m_bridge.compose.write_files import write_score_files
    from v2m_bridge.music.instruments import parse_parts
    from v2m_bridge.score.write_json import read_score, score_file

    document = score_file(cue)
    score = read_score(document)
    first, last = read_bars(bars)
    request = RewriteRequest(first, last, parse_parts(parts), score.seed + 1 if seed is None else seed)
    written = rewrite_bars(score, request, Engine(checkpoint=checkpoint).player())
    files = write_score_files(written, document.parent)
    rewritten = [role.value for role in request.roles]
    warnings = files.score.warnings[len(written.warnings) :]
    if as_json:
        done = {"bars": [first, last], "parts": rewritten, "seed": request.seed, "files": list(files.names)}
        print_json({"schema": "v2m.rewrite/1", **done, "warnings": list(warnings)})
        return
    print_warnings(warnings)
    print(f"bars {first} to {last}: {', '.join(rewritten)} written anew in {document.parent} (seed {request.seed})")


def read_bars(text: str) -> tuple[int, int]:
    """First and last bar of ``"9-16"`` or ``"9"``.

    Raises:
        InputError: no bars, or the last before the first.
    """
    match = re.fullmatch(r"\s*(\d{1,6})\s*(?:-\s*(\d{1,6})\s*)?", text)
    if not match:
        raise InputError(f"bars {text!r} are unknown", "write them like 9-16")
    first, last = int(match[1]), int(match[2] or match[1])
    if not 1 <= first <= last:
        raise InputError(f"bars {text!r} run backwards or begin before bar 1", "write them like 9-16")
    return first, last
