"""``v2m-bridge cache``: what was measured before and is kept."""

from __future__ import annotations

import typer


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(help="What was measured before and is kept.", no_args_is_help=True)
    group.command("info")(info)
    group.command("clear")(clear)
    app.add_typer(group, name="cache")


def info(as_json: bool = typer.Option(False, "--json", help="Print one JSON object and nothing else.")) -> None:
    """Show where the feature cache lies and how much it holds."""
    from v2m_bridge.cli.terminal import print_json
    from v2m_bridge.footage.cache import FeatureCache

    found = FeatureCache().info()
    if as_json:
        print_json(
            {
                "folder": str(found.folder),
                "entries": found.entries,
                "size_bytes": found.size_bytes,
                "limit_bytes": found.limit_bytes,
            }
        )
        return
    print(found.folder)
    print(f"{found.entries} entries, {_megabytes(found.size_bytes)} of at most {_megabytes(found.limit_bytes)}")


def clear(as_json: bool = typer.Option(False, "--json", help="Print one JSON object and nothing else.")) -> None:
    """Remove everything from the feature cache; it is measured again when it is needed."""
    from v2m_bridge.cli.terminal import print_json
    from v2m_bridge.footage.cache import FeatureCache

    removed = FeatureCache().clear()
    if as_json:
        print_json({"removed_entries": removed.entries, "removed_bytes": removed.size_bytes})
        return
    print(f"removed {removed.entries} entries, {_megabytes(removed.size_bytes)}")


def _megabytes(size_bytes: int) -> str:
    return f"{size_bytes / 1e6:,.1f} MB"
