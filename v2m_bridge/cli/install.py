"""``v2m-bridge install``: menu entries and scripts for the hosts; each host adds its own sub-command."""

from __future__ import annotations

import importlib
import importlib.util

import typer

HOSTS = ("install_resolve", "install_reaper", "install_service")
"""Modules of this package with ``register(install_app)``; those that are not there are left out."""

install_app = typer.Typer(
    name="install", help="Put v2m-bridge into the menus of your editor and your DAW.", no_args_is_help=True
)


def register(app: typer.Typer) -> None:
    """Add the group."""
    for name in HOSTS:
        if importlib.util.find_spec(f"v2m_bridge.cli.{name}"):
            importlib.import_module(f"v2m_bridge.cli.{name}").register(install_app)
    app.add_typer(install_app)
