"""``v2m-bridge models``: what is shipped, published checkpoints, and networks fetched from elsewhere."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Any

import typer

SHIPPED = {
    "chords": "chooses a chord for every harmonic slot",
    "dynamics": "predicts note density and loudness",
    "alignment": "ranks candidate scores by how well they follow the film (score --candidates)",
    "player": "writes theme, counterline and texture note by note",
    "transitions": "finds dissolves, fades, wipes and slides in a video",
    "baselines": "counts over the training songs that evaluate compares with; a score does without",
}
"""Checkpoints that come with the package, and what each is for."""


class Pullable(StrEnum):
    """What can be fetched."""

    CLIP = "clip"
    SOUNDS = "sounds"


def register(app: typer.Typer) -> None:
    """Add the group of commands."""
    models = typer.Typer(no_args_is_help=True, help="List checkpoints, import published ones, fetch CLIP and sounds.")
    models.command("list")(list_models)
    models.command("import")(import_model)
    models.command("pull")(pull)
    app.add_typer(models, name="models")


def list_models(as_json: bool = typer.Option(False, "--json", help="Print one JSON object and nothing else.")) -> None:
    """What each model does, whether it is here, and how to get it."""
    from v2m_bridge.amt.checkpoints import shipped_models
    from v2m_bridge.cli.terminal import print_json
    from v2m_bridge.settings import models_folder

    shipped = shipped_models()
    imported = sorted(models_folder().glob("*.safetensors"))
    rows = [_row(name, "shipped", shipped / f"{name}.safetensors", does) for name, does in SHIPPED.items()]
    rows += [_clip_row(), _sounds_row()]
    rows += [
        _row(path.stem, "imported", path, "a published checkpoint, for evaluate --checkpoint") for path in imported
    ]
    if as_json:
        paths = [str(path) for path in sorted(shipped.glob("*.safetensors"))]
        print_json({"shipped": paths, "imported": [str(path) for path in imported], "models": rows})
        return
    for row in rows:
        size = f"{row['size_bytes'] / 1e6:,.1f} MB" if row["present"] else "not here"
        print(f"{row['name']:<10} {size:>10}  {row['does']}")
        print(f"{'':<10} {'':>10}  {row['path'] if row['present'] else 'to get it: ' + row['get']}")


def _row(name: str, origin: str, path: Path, does: str, get: str = "install v2m-bridge again") -> dict[str, Any]:
    present = path.is_file()
    return {
        "name": name,
        "origin": origin,
        "does": does,
        "present": present,
        "path": str(path),
        "size_bytes": path.stat().st_size if present else 0,
        "get": get,
    }


def _clip_row() -> dict[str, Any]:
    """CLIP: named by the environment, pulled, or in the hub's own cache."""
    from v2m_bridge.errors import CheckpointError
    from v2m_bridge.footage.clip.encoder import clip_folder, find_weights

    does = "sees what the footage shows and how it feels; without it cuts, motion and mood markers count"
    get = "v2m-bridge models pull clip (0.9 GB), or name a file in V2M_CLIP_WEIGHTS"
    try:
        path = find_weights()
    except CheckpointError as error:
        get = str(error)
        path = None
    return _row("clip", "pulled", path or clip_folder() / "open_clip_model.safetensors", does, get)


def _sounds_row() -> dict[str, Any]:
    """The sound font of the preview: named by the environment, pulled, or found on the system."""
    from v2m_bridge.errors import InputError
    from v2m_bridge.sound.samples.find_fonts import find_sound_font
    from v2m_bridge.sound.samples.pull_sounds import NAME, sounds_folder

    does = "plays preview.wav with sampled instruments; without it a built-in synthesiser does"
    get = "v2m-bridge models pull sounds (38 MB, MIT), or name an .sf2 or .sf3 file in V2M_SOUNDS"
    try:
        path = find_sound_font(sounds_folder())
    except InputError as error:
        get, path = str(error), None
    origin = "pulled" if path and path.parent == sounds_folder() else "system" if path else "pulled"
    return _row("sounds", origin, path or sounds_folder() / NAME, does, get)


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


def pull(
    what: Pullable = typer.Argument(
        ..., help="clip: looks at the footage (0.9 GB). sounds: instruments of the preview (38 MB)."
    ),
) -> None:
    """Download weights or sounds into the state folder; what is there already is kept."""
    from v2m_bridge.cli.terminal import shown_progress
    from v2m_bridge.footage.clip.pull_clip import pull_clip
    from v2m_bridge.sound.samples.pull_sounds import pull_sounds

    with shown_progress({"download": 1.0}) as progress:
        path = pull_clip(progress) if what is Pullable.CLIP else pull_sounds(progress)
    print(path)
