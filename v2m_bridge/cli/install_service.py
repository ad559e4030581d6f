"""``v2m-bridge install service``: the daemon starts with the user."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from v2m_bridge.autostart import AutostartReport


DAEMON_ROOTS = typer.Option(
    [], "--media-root", help="Folder that the daemon may read edits and media from. Repeatable."
)


def absolute(folders: list[Path]) -> list[Path]:
    """Folders as a daemon needs them, which starts somewhere else."""
    return [folder.expanduser().absolute() for folder in folders]


def register(install_app: typer.Typer) -> None:
    """Add the command to the group."""
    install_app.command("service")(service)


def service(
    media_root: list[Path] = DAEMON_ROOTS,
    remove: bool = typer.Option(False, "--remove", help="Stop the daemon and take the autostart out instead."),
    as_json: bool = typer.Option(False, "--json", help="Print what was done as one JSON object and nothing else."),
) -> None:
    """Start the daemon now and at every login: a systemd user unit, a launchd agent or a logon task of Windows."""
    from v2m_bridge.autostart import install, uninstall
    from v2m_bridge.cli.terminal import print_json, print_warnings
    from v2m_bridge.settings import home
    from v2m_bridge.windows import refuse_python_of_the_store

    state = home().expanduser().absolute()
    if remove:
        report = uninstall(state)
    else:
        refuse_python_of_the_store()
        report = install(state, absolute(media_root))
    if as_json:
        print_json(as_document(report))
        return
    for line in told(report):
        typer.echo(line)
    print_warnings(report.warnings)
    for number, step in enumerate(report.steps, 1):
        typer.echo(f"{number}. {step}")


def as_document(report: AutostartReport) -> dict[str, object]:
    """The report as ``--json`` prints it."""
    return {
        "schema": "v2m.install/1",
        "host": "service",
        "written": [str(report.file)] if report.written else [],
        "removed": [str(report.file)] if report.removed else [],
        "started": report.started,
        "steps": report.steps,
        "warnings": report.warnings,
    }


def told(report: AutostartReport) -> list[str]:
    """What was done, a line each."""
    if report.removed:
        return [f"removed: {report.file}", "The daemon does not start by itself any more. Its scores are still there."]
    if not report.written:
        return ["The daemon was not set to start by itself."]
    lines = [f"written: {report.file}"]
    if report.started:
        lines.append("The daemon runs, and starts at every login. Its console: v2m-bridge serve --link")
    return lines
