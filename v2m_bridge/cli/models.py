"""``v2m-bridge models``: networks that are fetched from elsewhere."""

from __future__ import annotations

from enum import StrEnum

import typer


class Pullable(StrEnum):
    """What can be fetched."""

    CLIP = "clip"


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(help="Networks that are fetched from elsewhere.", no_args_is_help=True)
    group.callback()(_group)
    group.command("pull")(pull)
    app.add_typer(group, name="models")


def _group() -> None:
    """Keeps ``pull`` a command of its own while it is the only one."""


def pull(what: Pullable = typer.Argument(..., help="clip: looks at the footage (1.7 GB).")) -> None:
    """Download weights into the state folder; what is there already is kept."""
    from v2m_bridge.cli.terminal import shown_progress
    from v2m_bridge.footage.clip import pull_clip

    with shown_progress({"download": 1.0}) as progress:
        path = pull_clip(progress)
    print(path)
