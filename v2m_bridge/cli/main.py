"""Entry point ``v2m-bridge``: commands, and the border where errors become exit codes."""

from __future__ import annotations

import importlib
import sys
from typing import NoReturn

import typer
from typer.main import get_command

from v2m_bridge import __version__
from v2m_bridge.errors import V2MError, is_disk_full

COMMAND_MODULES: tuple[str, ...] = (
    "score",
    "rewrite",
    "timeline",
    "changes",
    "fit",
    "features",
    "demo",
    "serve",
    "push",
    "follow",
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
    add_completion=False,
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


def _fail(message: str, code: int) -> NoReturn:
    print(f"v2m-bridge: {message}", file=sys.stderr)
    sys.exit(code)


def _fail_usage(error: typer.TyperException) -> NoReturn:
    message = error.format_message()
    if not message.strip():  # a bare command has already printed its help
        sys.exit(2)
    _fail(message, 2)


def main(arguments: list[str] | None = None) -> None:
    """Run the command line; exits 0, 2 on wrong usage or bad input, 1 on an internal error."""
    command = get_command(app)
    try:
        sys.exit(command.main(args=arguments, prog_name="v2m-bridge", standalone_mode=False) or 0)
    except V2MError as error:
        _fail(str(error), error.exit_code)
    except (typer.Abort, KeyboardInterrupt):
        _fail("interrupted, nothing was written", INTERRUPTED)
    except typer.TyperException as error:
        _fail_usage(error)
    except BrokenPipeError:
        sys.exit(0)
    except Exception as error:  # the last border: one line for the user, the trace only on request
        if is_disk_full(error):
            _fail(f"the disk is full: {getattr(error, 'filename', None) or error} (make room, then try again)", 2)
        import os
        import traceback

        if os.environ.get("V2M_DEBUG"):
            traceback.print_exc()
        _fail(f"internal error: {type(error).__name__}: {error} (set V2M_DEBUG=1 for the trace)", 1)
