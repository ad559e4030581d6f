"""``v2m-bridge install resolve``: the menu entries of DaVinci Resolve."""

from __future__ import annotations

import typer


def register(install_app: typer.Typer) -> None:
    """Add the command to the group."""
    install_app.command("resolve")(resolve)


def resolve(
    markers: bool = typer.Option(False, "--markers", help="Write chord and hit markers when a score is done."),
    preview: bool = typer.Option(False, "--preview", help="Put the preview sound on a track of its own."),
    port: int | None = typer.Option(
        None,
        "--port",
        min=1,
        max=65535,
        help="HTTP port of the daemon that the Studio entry asks; without it V2M_PORT, else 8765.",
    ),
    remove: bool = typer.Option(False, "--remove", help="Take our entries out of the menu instead."),
    as_json: bool = typer.Option(False, "--json", help="Print what was done as one JSON object and nothing else."),
) -> None:
    """Put "Score this timeline" into Workspace > Scripts of DaVinci Resolve."""
    from v2m_bridge.cli.terminal import print_json, print_warnings
    from v2m_bridge.resolve.install import BringBack, System, exchange, install, uninstall
    from v2m_bridge.settings import Settings, home
    from v2m_bridge.windows import refuse_python_of_the_store

    if not remove:
        refuse_python_of_the_store()
    machine = System.this()
    folders = exchange(home(), machine)
    wanted = Settings().port if port is None else port
    done = uninstall(machine) if remove else install(home(), wanted, machine, BringBack(markers, preview))
    if as_json:
        print_json(
            {
                "schema": "v2m.install/1",
                "host": "resolve",
                "written": [str(p) for p in done.written],
                "unchanged": [str(p) for p in done.unchanged],
                "removed": [str(p) for p in done.removed],
                "inbox": str(folders.inbox),
                "outbox": str(folders.outbox),
                "port": wanted,
                "warnings": list(done.warnings),
            }
        )
        return
    for word, paths in (("written", done.written), ("up to date", done.unchanged), ("removed", done.removed)):
        for path in paths:
            typer.echo(f"{word}: {path}")
    print_warnings(done.warnings)
    if remove:
        typer.echo("Resolve's menu has no entry of v2m-bridge any more.")
        return
    typer.echo(f"inbox: {folders.inbox}")
    serve = "v2m-bridge serve" if wanted == Settings().port else f"v2m-bridge serve --port {wanted}"
    typer.echo(f'Now start "{serve}", then in Resolve: Workspace > Scripts > Score this timeline.')
