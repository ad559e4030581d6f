"""``v2m-bridge demo``: a synthesised film, an edit of it, and its score."""

from __future__ import annotations

from pathlib import Path

import typer

FILM_SHARE = 0.5
"""How long the film takes to make, next to its score."""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("demo")(demo)


def demo(
    out: Path = typer.Option(Path("v2m-demo"), "--out", "-o", help="Folder for the film, its edit and the score."),
    seed: int = typer.Option(0, "--seed", min=0, help="Another seed, another score."),
    as_json: bool = typer.Option(False, "--json", help="Print where everything is as one JSON object."),
) -> None:
    """Make a short film and an edit of it, score it, and say where everything is."""
    from v2m_bridge.cli.score import print_summary
    from v2m_bridge.cli.terminal import print_json, print_warnings, shown_progress
    from v2m_bridge.compose.engine import Engine
    from v2m_bridge.compose.pipeline import compose
    from v2m_bridge.compose.stages import stage_shares
    from v2m_bridge.compose.write_files import write_score_files
    from v2m_bridge.demo.edit import make_demo
    from v2m_bridge.options import ScoreOptions

    with shown_progress({"film": FILM_SHARE, **stage_shares()}, quiet=as_json) as progress:
        made = make_demo(out, progress)
        options = ScoreOptions(seed=seed, preview=True)
        written = write_score_files(compose(made.edit, options, Engine(), progress), out / "score", progress)
    score, files = written.score, {name: str(out / "score" / name) for name in written.names}
    if as_json:
        print_json({"footage": str(made.footage), "edit": str(made.edit), "files": files})
        return
    print_warnings(score.warnings)
    print_summary(score, {"footage": str(made.footage), "edit": str(made.edit), **files})
