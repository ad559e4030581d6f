"""``v2m-bridge cache``: what was measured or unpacked before and is kept."""

from __future__ import annotations

import typer


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(help="What was measured or unpacked before and is kept.", no_args_is_help=True)
    group.command("info")(info)
    group.command("list")(list_unpacked)
    group.command("clear")(clear)
    app.add_typer(group, name="cache")


def info(as_json: bool = typer.Option(False, "--json", help="Print one JSON object and nothing else.")) -> None:
    """Show where the caches lie and how much they hold: measured features, and media unpacked from .otioz bundles."""
    from v2m_bridge.cli.terminal import print_json
    from v2m_bridge.edits.unpacked_media import LIMIT_VARIABLE, limit_bytes, unpacked, unpacked_folder
    from v2m_bridge.footage.cache import FeatureCache

    found = FeatureCache().info()
    bundles, limit = unpacked(), limit_bytes()
    size = sum(bundle.size_bytes for bundle in bundles)
    if as_json:
        print_json(
            {
                "folder": str(found.folder),
                "entries": found.entries,
                "size_bytes": found.size_bytes,
                "limit_bytes": found.limit_bytes,
                "unpacked": {
                    "folder": str(unpacked_folder()),
                    "bundles": len(bundles),
                    "size_bytes": size,
                    "limit_bytes": limit,
                },
            }
        )
        return
    print(f"features         {found.folder}")
    print(f"                 {found.entries} entries, {_of(found.size_bytes, found.limit_bytes)}")
    print(f"unpacked bundles {unpacked_folder()}")
    print(f"                 {len(bundles)} bundles, {_of(size, limit)} ({LIMIT_VARIABLE} changes that)")


def list_unpacked(
    as_json: bool = typer.Option(False, "--json", help="Print one JSON object and nothing else."),
) -> None:
    """List the bundles whose media lie unpacked, the one unused for longest first."""
    import time

    from v2m_bridge.cli.terminal import print_json
    from v2m_bridge.edits.unpacked_media import unpacked

    bundles = unpacked()
    if as_json:
        rows = [
            {"folder": str(b.folder), "source": b.source, "size_bytes": b.size_bytes, "used": round(b.used_s)}
            for b in bundles
        ]
        print_json({"unpacked": rows})
        return
    for bundle in bundles:
        used = time.strftime("%Y-%m-%d %H:%M", time.localtime(bundle.used_s))
        print(f"{_size(bundle.size_bytes):>12}  {used}  {bundle.source or bundle.folder}")
    if not bundles:
        print("no bundle is unpacked")


def clear(
    only_unpacked: bool = typer.Option(False, "--unpacked", help="Only the media unpacked from .otioz bundles."),
    as_json: bool = typer.Option(False, "--json", help="Print one JSON object and nothing else."),
) -> None:
    """Empty the caches; what is needed is measured and unpacked again. Not while a score is being made."""
    from v2m_bridge.cli.terminal import print_json
    from v2m_bridge.edits.unpacked_media import clear_unpacked
    from v2m_bridge.footage.cache import FeatureCache

    removed = None if only_unpacked else FeatureCache().clear()
    entries, size = (removed.entries, removed.size_bytes) if removed else (0, 0)
    bundles = clear_unpacked()
    unpacked_size = sum(bundle.size_bytes for bundle in bundles)
    if as_json:
        print_json(
            {
                "removed_entries": entries,
                "removed_bytes": size,
                "removed_bundles": len(bundles),
                "removed_unpacked_bytes": unpacked_size,
            }
        )
        return
    if not only_unpacked:
        print(f"removed {entries} entries, {_size(size)}")
    print(f"removed {len(bundles)} unpacked bundles, {_size(unpacked_size)}")


def _of(size_bytes: int, limit: int) -> str:
    return f"{_size(size_bytes)} of at most {_size(limit)}"


def _size(size_bytes: int) -> str:
    return f"{size_bytes / 1e9:,.1f} GB" if size_bytes >= 1e9 else f"{size_bytes / 1e6:,.1f} MB"
