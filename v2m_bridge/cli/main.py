"""Entry point ``v2m-bridge``: commands, and the border where errors become exit codes."""

from __future__ import annotations

import importlib
import sys
from typing import Any

import typer
from typer.main import get_command

from v2m_bridge import __version__
from v2m_bridge.cli.border import fail, open_streams
from v2m_bridge.errors import Cancelled, DiskFull, InternalError, UsageError, V2MError, is_disk_full

COMMAND_MODULES: tuple[str, ...] = (
    "score",
    "batch",
    "rewrite",
    "export",
    "timeline",
    "changes",
    "fit",
    "features",
    "demo",
    "serve",
    "push",
    "follow",
    "setup",
    "install",
    "doctor",
    "train",
    "evaluate",
    "models",
    "cache",
)
"""Modules of this package in the order of ``--help``; each has ``register(app)`` and imports nothing heavy."""

INTERRUPTED = 130

app = typer.Typer(
    name="v2m-bridge",
    help="Score an edit: beats on the cuts, chords that fit the footage, MIDI parts in your DAW.",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"v2m-bridge {__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: bool = typer.Option(False, "--version", callback=_print_version, is_eager=True, help="Print the version."),
) -> None:
    """Options that stand before the command."""


for _name in COMMAND_MODULES:
    importlib.import_module(f"v2m_bridge.cli.{_name}").register(app)


def main(arguments: list[str] | None = None) -> None:
    """Run the command line; ``errors`` says which error gives which exit code."""
    open_streams()
    given = sys.argv[1:] if arguments is None else arguments
    try:
        sys.exit(_command().main(args=arguments, prog_name="v2m-bridge", standalone_mode=False) or 0)
    except V2MError as error:
        fail(error, given)
    except (typer.Abort, KeyboardInterrupt):
        fail(Cancelled("interrupted, nothing was written"), given, INTERRUPTED)
    except typer.TyperException as error:
        message = error.format_message()
        if not message.strip():  # a bare command has already printed its help
            sys.exit(2)
        fail(UsageError(message), given)
    except BrokenPipeError:
        sys.exit(0)
    except Exception as error:  # the last border: one line for the user, the trace only on request
        fail(_unforeseen(error), given)


def _command() -> Any:
    """The commands; ``-h`` is ``--help``, and a switch has no type in its help."""
    command = get_command(app)
    waiting: list[Any] = [command]
    while waiting:
        each = waiting.pop()
        each.context_settings.setdefault("help_option_names", ["-h", "--help"])
        waiting += getattr(each, "commands", {}).values()
        shown = each.get_help_option(each.context_class(each, **each.context_settings))
        for param in (*each.params, shown):
            if getattr(param, "is_flag", False):
                param.metavar = ""
    return command


def _unforeseen(error: Exception) -> V2MError:
    if is_disk_full(error):
        return DiskFull(f"the disk is full: {getattr(error, 'filename', None) or error}", "make room, then try again")
    import os
    import traceback

    if os.environ.get("V2M_DEBUG"):
        traceback.print_exc()
    return InternalError(f"internal error: {type(error).__name__}: {error}", "set V2M_DEBUG=1 for the trace")
