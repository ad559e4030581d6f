"""``v2m-bridge serve``: the daemon that every host talks to."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from v2m_bridge.cli.open_console import open_console
from v2m_bridge.cli.read_input import DEVICE

if TYPE_CHECKING:
    from v2m_bridge.daemon.config import DaemonConfig
    from v2m_bridge.daemon.http.app import Daemon

log = logging.getLogger("v2m_bridge")


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("serve")(serve)


def serve(
    host: str | None = typer.Option(
        None, "--host", help="Address, else V2M_HOST, else 127.0.0.1; others need a token."
    ),
    port: int | None = typer.Option(
        None, "--port", min=0, max=65535, help="HTTP port, else V2M_PORT, else 8765; 0: a free one."
    ),
    osc_port: int | None = typer.Option(
        None, "--osc-port", min=0, max=65535, help="OSC port, else V2M_OSC_PORT, else 8766; 0: no OSC."
    ),
    media_root: list[Path] = typer.Option(
        [], "--media-root", help="Folder that edits and the media they name may be read from. Repeatable."
    ),
    edit_root: list[Path] = typer.Option(
        [], "--edit-root", help="Folder that only edits may be read from. Repeatable."
    ),
    allow_host: list[str] = typer.Option([], "--allow-host", help="Further host name to answer to. Repeatable."),
    token_file: Path | None = typer.Option(
        None, "--token-file", help="File with the token that programs must present, else V2M_TOKEN, else a new one."
    ),
    device: str | None = DEVICE,
    lanes: int = typer.Option(2, "--lanes", min=1, max=8, help="Scores that may overlap."),
    queue: int = typer.Option(256, "--queue", min=1, max=10_000, help="Scores that may wait at once."),
    keep: int = typer.Option(500, "--keep", min=1, help="Finished scores that are kept."),
    keep_gb: float = typer.Option(20.0, "--keep-gb", min=0.001, help="Size of all scores, uploads and work together."),
    no_inbox: bool = typer.Option(False, "--no-inbox", help="Do not watch the inbox."),
    open_browser: bool = typer.Option(False, "--open", help="Open the console in a browser."),
    link: bool = typer.Option(False, "--link", help="Print a new link to the console of the running daemon, and end."),
    osc_key: bool = typer.Option(False, "--osc-key", help="Print the OSC address that pushes into REAPER, and end."),
    log_level: str = typer.Option("info", "--log-level", help="debug, info, warning or error."),
) -> None:
    """Keep the networks warm and serve every host: HTTP, OSC, the inbox and a console in the browser."""
    if link:
        _print_link()
        return
    if osc_key:
        _print_osc_key()
        return
    _begin_log(log_level)
    config = _config(
        host=host,
        port=port,
        osc_port=osc_port,
        media_roots=media_root,
        edit_roots=edit_root,
        allow_hosts=tuple(allow_host),
        token=_given_token(token_file),
        lanes=lanes,
        device=device,
        limits=(queue, keep, keep_gb),
        inbox=not no_inbox,
    )
    from v2m_bridge.daemon.server import run

    run(config, lambda daemon: _greet(daemon, open_browser))


def _begin_log(level: str) -> None:
    from v2m_bridge.daemon import logs
    from v2m_bridge.errors import InputError
    from v2m_bridge.settings import LOGS, home
    from v2m_bridge.windows import refuse_python_of_the_store

    if level.lower() not in logs.LEVELS:
        raise InputError(f"--log-level {level!r} is unknown", "choose " + ", ".join(logs.LEVELS))
    refuse_python_of_the_store()
    logs.set_up(level, home().expanduser() / LOGS)


def _config(
    *,
    host: str | None,
    port: int | None,
    osc_port: int | None,
    media_roots: list[Path],
    edit_roots: list[Path],
    allow_hosts: tuple[str, ...],
    token: str | None,
    lanes: int,
    device: str | None,
    limits: tuple[int, int, float],
    inbox: bool,
) -> DaemonConfig:
    from v2m_bridge.daemon.config import DaemonConfig, RequestLimits
    from v2m_bridge.daemon.tokens import new_token
    from v2m_bridge.daemon.worker.engine_setup import engine_setup
    from v2m_bridge.devices import check_device
    from v2m_bridge.settings import Settings

    settings = Settings()
    home = settings.home.expanduser().absolute()
    address = host or settings.host
    media = _folders("--media-root", [*media_roots, *settings.media_roots])
    queue, keep, keep_gb = limits
    return DaemonConfig(
        home=home,
        token=_explicit(token, address) or new_token(),
        token_file=home / "token" if token is None else None,
        host=address,
        port=settings.port if port is None else port,
        osc_port=settings.osc_port if osc_port is None else osc_port,
        allow_hosts=allow_hosts,
        edit_roots=_folders("--edit-root", edit_roots),
        media_roots=media,
        lanes=lanes,
        engine=replace(
            engine_setup(home, media, settings.clip_weights, address),
            device=settings.device if device is None else check_device(device),
        ),
        watch_inbox=inbox,
        limits=RequestLimits(queue=queue, keep_jobs=keep, keep_bytes=int(keep_gb * 1024**3)),
    )


def _given_token(path: Path | None) -> str | None:
    """The token that the user chose: from a file or from the environment, never from the command line, which others on
    the machine can read."""
    import os

    from v2m_bridge.daemon.tokens import read_token
    from v2m_bridge.errors import InputError

    if path is None:
        return os.environ.get("V2M_TOKEN") or None
    token = read_token(path.expanduser())
    if token is None:
        raise InputError(f"--token-file {path} does not exist")
    return token


def _explicit(token: str | None, address: str) -> str | None:
    from v2m_bridge.daemon.config import LOOPBACK
    from v2m_bridge.daemon.tokens import checked_token
    from v2m_bridge.errors import SetupError

    if token is not None:
        return checked_token(token)
    if address not in LOOPBACK:
        raise SetupError(
            f"--host {address} can be reached by others and needs a token of your choice",
            "set V2M_TOKEN, for instance to the output of: openssl rand -hex 32",
        )
    return None


def _folders(option: str, paths: list[Path]) -> tuple[Path, ...]:
    from v2m_bridge.errors import InputError

    found = []
    for path in paths:
        folder = path.expanduser().absolute()
        if folder.is_file():
            raise InputError(f"{option} {path} is not a folder")
        if not folder.is_dir():  # a drive or a share may be mounted later
            log.warning("%s %s is not there now; it counts as soon as it is", option, path)
        found.append(folder)
    return tuple(found)


def _greet(daemon: Daemon, open_browser: bool) -> None:
    import sys

    from v2m_bridge.daemon.whereabouts import running

    about = running(daemon.config.home)
    assert about is not None
    url = f"{about.url}/login/{daemon.links.issue()}"
    print(f"v2m-bridge listens on {about.url}", file=sys.stderr)
    if sys.stderr is not None and sys.stderr.isatty():
        print(f"console: {url}", file=sys.stderr)
        print(
            "         (this link opens one browser, once, within ten minutes; a new one: v2m-bridge serve --link)",
            file=sys.stderr,
        )
    else:  # what goes into a log is read by others, and later
        print("console: v2m-bridge serve --link prints a link that opens it", file=sys.stderr)
    if open_browser:
        open_console(daemon.config.home, url)


def _print_link() -> None:
    from v2m_bridge.daemon.client import DaemonClient

    print(DaemonClient.of_this_machine().link())


def _print_osc_key() -> None:
    from v2m_bridge.daemon.osc import PUSH, osc_key
    from v2m_bridge.settings import home

    print(f"{PUSH}/{osc_key(home().expanduser())}")
