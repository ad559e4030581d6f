"""``v2m-bridge install reaper``: scripts, OSC pattern file and OSC device of REAPER."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from v2m_bridge.reaper.install import ReaperInstallation


def register(install_app: typer.Typer) -> None:
    """Add the command to the group."""
    install_app.command("reaper")(reaper)


def reaper(
    resource: Path | None = typer.Option(None, "--resource", help="REAPER's resource folder, if it is portable."),
    port: int = typer.Option(8000, "--port", min=1, max=65535, help="UDP port on which REAPER is to listen."),
    remove: bool = typer.Option(False, "--remove", help="Take out what this command put in instead."),
    as_json: bool = typer.Option(False, "--json", help="Print what was done as one JSON object and nothing else."),
) -> None:
    """Put "v2m: Import score" and its companions into REAPER. reaper.ini is only changed while REAPER is closed."""
    from v2m_bridge.cli.terminal import print_json, print_warnings
    from v2m_bridge.reaper.install import ReaperMachine, install, uninstall
    from v2m_bridge.resolve.install import exchange
    from v2m_bridge.settings import home
    from v2m_bridge.windows import refuse_python_of_the_store

    if not remove:
        refuse_python_of_the_store()
    machine = ReaperMachine.this(resource)
    done = uninstall(machine) if remove else install(home(), machine, port, exchange(home()).inbox)
    if as_json:
        print_json(
            {
                "schema": "v2m.install/1",
                "host": "reaper",
                "resource": str(machine.resource),
                "written": [str(p) for p in done.written],
                "changed": [str(p) for p in done.changed],
                "unchanged": [str(p) for p in done.unchanged],
                "removed": [str(p) for p in done.removed],
                "steps": done.steps,
                "warnings": done.warnings,
            }
        )
        return
    _show(done, remove)
    print_warnings(done.warnings)
    for number, step in enumerate(done.steps, 1):
        typer.echo(f"{number}. {step}")


def _show(done: ReaperInstallation, remove: bool) -> None:
    what = "our lines taken out, the rest is as it was" if remove else "our lines added, the rest is as it was"
    for word, paths in (("written", done.written), ("up to date", done.unchanged), ("removed", done.removed)):
        for path in paths:
            typer.echo(f"{word}: {path}")
    for path in done.changed:
        typer.echo(f"changed: {path} ({what})")
    if remove and not (done.removed or done.changed or done.warnings):
        typer.echo("There was nothing of v2m-bridge in REAPER.")
    elif remove and not done.warnings:
        typer.echo("REAPER has nothing of v2m-bridge any more. Your projects were not touched.")
