"""``v2m-bridge doctor``: what is wrong, and what to do about it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from v2m_bridge.cli.checks import Check

MARKS = {"ok": "[green]ok[/]", "unused": "[dim]--[/]", "warning": "[yellow]note[/]", "failed": "[bold red]bad[/]"}


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("doctor")(doctor)


def doctor(
    as_json: bool = typer.Option(False, "--json", help="Print the findings as one JSON object and nothing else."),
) -> None:
    """Look at everything between Resolve, the daemon and this machine, and say what to do where something is wrong."""
    from v2m_bridge.cli.checks import all_checks
    from v2m_bridge.cli.terminal import print_json

    checks = all_checks()
    bad = [check for check in checks if check.state == "failed"]
    if as_json:
        rows = [{"name": c.name, "state": c.state, "text": c.text, "remedy": c.remedy} for c in checks]
        print_json({"schema": "v2m.doctor/1", "ok": not bad, "checks": rows})
    else:
        _show(checks)
    if bad:
        raise typer.Exit(2)


def _show(checks: list[Check]) -> None:
    from v2m_bridge.cli.terminal import print_findings

    print_findings(_row(check) for check in checks)
    print(_verdict(checks))


def _row(check: Check) -> tuple[str, str, str]:
    from rich.markup import escape

    style = "dim" if check.state == "unused" else "bold"
    text = escape(check.text) + (f"\n[{style}]-> {escape(check.remedy)}[/]" if check.remedy else "")
    return MARKS[check.state], escape(check.name), text


def _verdict(checks: list[Check]) -> str:
    """The outcome of all checks in one line."""
    states = [check.state for check in checks]
    if "failed" in states:
        count = states.count("failed")
        return f"{count} {'thing is' if count == 1 else 'things are'} wrong: see the lines marked bad."
    unused = "; what is marked -- is not set up, and need not be" if "unused" in states else ""
    return f"Nothing is wrong{unused}."
