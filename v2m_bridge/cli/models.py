"""``v2m-bridge models``: what is shipped, published checkpoints, and networks fetched from elsewhere."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path

import typer


class Pullable(StrEnum):
    """What can be fetched."""

    CLIP = "clip"


def register(app: typer.Typer) -> None:
    """Add the group of commands."""
    models = typer.Typer(no_args_is_help=True, help="List checkpoints, import published ones, fetch CLIP.")
    models.command("list")(list_models)
    models.command("import")(import_model)
    models.command("pull")(pull)
    app.add_typer(models, name="models")


def list_models(as_json: bool = typer.Option(False, "--json", help="Print one JSON object and nothing else.")) -> None:
    """What is shipped and what was imported."""
    from v2m_bridge.amt.checkpoints import shipped_models, user_models
    from v2m_bridge.cli.terminal import print_json

    found = {
        "shipped": [str(path) for path in sorted(shipped_models().glob("*.safetensors"))],
        "imported": [str(path) for path in sorted(user_models().glob("*.safetensors"))],
    }
    if as_json:
        print_json(found)
        return
    for origin, paths in found.items():
        for path in paths:
            print(f"{origin:<9} {path}")


def import_model(
    path: Path = typer.Argument(..., help="A checkpoint of the published system (a pickle of weights)."),
    name: str | None = typer.Option(None, "--name", help="Under which name; without it the file's own."),
    as_json: bool = typer.Option(False, "--json", help="Print one JSON object and nothing else."),
) -> None:
    """Read a published checkpoint, weights only, and keep it as safetensors."""
    from v2m_bridge.amt.published import import_published
    from v2m_bridge.cli.terminal import print_json

    imported = import_published(path, name)
    if as_json:
        print_json({"path": str(imported.path), "kind": imported.kind, "parameters": imported.parameters})
        return
    print(f"{imported.kind}, {imported.parameters:,} parameters")
    print(f"  {imported.path}")


def pull(what: Pullable = typer.Argument(..., help="clip: looks at the footage (1.7 GB).")) -> None:
    """Download weights into the state folder; what is there already is kept."""
    from v2m_bridge.cli.terminal import shown_progress
    from v2m_bridge.footage.clip import pull_clip

    with shown_progress({"download": 1.0}) as progress:
        path = pull_clip(progress)
    print(path)
