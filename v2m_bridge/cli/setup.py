"""``v2m-bridge setup``: everything that a new machine needs, in one go, and its undo."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import typer

from v2m_bridge.cli.install_service import DAEMON_ROOTS, absolute


@dataclass
class Step:
    """What one part of the setting-up did.

    Attributes:
        name: ``resolve``, ``reaper``, ``service`` or ``doctor``.
        state: ``done``, ``skipped`` or ``failed``.
        text: one line on it.
        notes: warnings, and what is left to do by hand.
    """

    name: str
    state: str
    text: str
    notes: list[str] = field(default_factory=list)


MARKS = {"done": "[green]done[/]", "skipped": "[dim]--[/]", "failed": "[bold red]bad[/]"}


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("setup")(setup)


def setup(
    media_root: list[Path] = DAEMON_ROOTS,
    service: bool = typer.Option(True, "--service/--no-service", help="Start the daemon now and at every login."),
    console: bool = typer.Option(True, "--console/--no-console", help="Open the console in the browser."),
    remove: bool = typer.Option(False, "--remove", help="Take all of it out again; scores and weights stay."),
    as_json: bool = typer.Option(False, "--json", help="Print what was done as one JSON object and nothing else."),
) -> None:
    """Set this machine up: the entry in Resolve's menu, the scripts in REAPER, a daemon that starts by itself.

    What is not on this machine is left out and said. A second call renews everything; --remove takes it out.
    """
    from v2m_bridge.cli.terminal import print_json

    steps = list(_removals() if remove else _installations(media_root, service))
    if not remove:
        steps.append(_look())
        if service and console and not as_json:
            steps.append(_open_console())
    failed = any(step.state == "failed" for step in steps)
    if as_json:
        rows = [{"name": s.name, "state": s.state, "text": s.text, "notes": s.notes} for s in steps]
        print_json({"schema": "v2m.setup/1", "ok": not failed, "steps": rows})
    else:
        _show(steps)
        if not failed:
            home_text = "Scores, weights and settings were left: v2m-bridge cache shows where." if remove else _first()
            typer.echo(home_text)
    if failed:
        raise typer.Exit(2)


def _first() -> str:
    return "Now in Resolve: Workspace > Scripts > Score this timeline. Or: v2m-bridge score EDIT --out FOLDER."


def _installations(media_roots: list[Path], service: bool) -> list[Step]:
    from v2m_bridge.windows import refuse_python_of_the_store

    refuse_python_of_the_store()
    steps = [_tried("resolve", _resolve), _tried("reaper", _reaper)]
    if service:
        steps.append(_tried("service", lambda: _service(media_roots)))
    return steps


def _tried(name: str, work: Callable[[], Step]) -> Step:
    from v2m_bridge.errors import V2MError

    try:
        return work()
    except V2MError as error:
        return Step(name, "failed", str(error))


def _resolve() -> Step:
    from v2m_bridge.resolve.install import System, install
    from v2m_bridge.settings import Settings, home

    machine = System.this()
    there = machine.fusion.is_dir() or any(folder.parent.is_dir() for folder in machine.app_store)
    if not there:
        return Step("resolve", "skipped", "DaVinci Resolve was never started by this user: start it once, then repeat")
    done = install(home(), Settings().port, machine)
    return Step("resolve", "done", "Workspace > Scripts > Score this timeline", list(done.warnings))


def _reaper() -> Step:
    from v2m_bridge.reaper.install import ReaperMachine, install
    from v2m_bridge.resolve.install import exchange
    from v2m_bridge.settings import home

    machine = ReaperMachine.this()
    if not machine.resource.is_dir():
        return Step("reaper", "skipped", "REAPER was never started by this user: start it once, then repeat")
    done = install(home(), machine, inbox=exchange(home()).inbox)
    return Step("reaper", "done", "Actions > v2m: Import score", [*done.warnings, *done.steps])


def _service(media_roots: list[Path]) -> Step:
    from v2m_bridge.autostart import install
    from v2m_bridge.settings import home

    done = install(home().expanduser().absolute(), absolute(media_roots))
    text = "the daemon runs and starts at every login" if done.started else f"{done.file} is written"
    return Step("service", "done" if done.started else "failed", text, [*done.warnings, *done.steps])


def _removals() -> list[Step]:
    return [
        _tried("service", _remove_service),
        _tried("reaper", _remove_reaper),
        _tried("resolve", _remove_resolve),
    ]


def _remove_service() -> Step:
    from v2m_bridge.autostart import uninstall
    from v2m_bridge.settings import home

    done = uninstall(home().expanduser().absolute())
    state, text = ("done", f"{done.file} is gone") if done.removed else ("skipped", "there was no autostart")
    return Step("service", state, text, done.warnings)


def _remove_reaper() -> Step:
    from v2m_bridge.reaper.install import ReaperMachine, uninstall

    done = uninstall(ReaperMachine.this())
    touched = [*done.removed, *done.changed]
    text = f"our files and lines are out ({len(touched)})" if touched else "there was nothing of ours"
    return Step("reaper", "done" if touched else "skipped", text, done.warnings)


def _remove_resolve() -> Step:
    from v2m_bridge.resolve.install import uninstall

    done = uninstall()
    text = f"our menu entries are out ({len(done.removed)})" if done.removed else "there was nothing of ours"
    return Step("resolve", "done" if done.removed else "skipped", text, list(done.warnings))


def _look() -> Step:
    """What ``doctor`` finds; a daemon that was started a moment ago is given time to answer."""
    import time

    from v2m_bridge.cli.checks import all_checks

    for left in reversed(range(LOOKS)):
        bad = [check for check in all_checks() if check.state == "failed"]
        if not bad or not left or {check.name for check in bad} - {"daemon"}:
            break
        time.sleep(LOOK_EVERY_S)
    if not bad:
        return Step("doctor", "done", "nothing is wrong")
    return Step("doctor", "failed", "v2m-bridge doctor says more", [f"{c.name}: {c.text} -> {c.remedy}" for c in bad])


LOOKS, LOOK_EVERY_S = 20, 0.5


def _open_console() -> Step:
    from v2m_bridge.cli.open_console import open_console
    from v2m_bridge.daemon.client import DaemonClient
    from v2m_bridge.errors import V2MError
    from v2m_bridge.settings import home

    try:
        open_console(home().expanduser(), DaemonClient.of_this_machine().link())
    except V2MError as error:
        return Step("console", "skipped", str(error))
    return Step("console", "done", "opens in the browser")


def _show(steps: list[Step]) -> None:
    from rich.markup import escape

    from v2m_bridge.cli.terminal import print_findings

    print_findings(
        (
            MARKS[step.state],
            escape(step.name),
            "\n".join([escape(step.text), *(f"[dim]-> {escape(note)}[/]" for note in step.notes)]),
        )
        for step in steps
    )
