"""How ``timeline``, ``fit`` and ``changes`` read their input, and the flags for what comes beside an edit."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from v2m_bridge.compose.companions import Companions
    from v2m_bridge.compose.engine import Engine
    from v2m_bridge.timeline.model import Timeline

MARKERS = typer.Option(
    [],
    "--markers",
    help="Also take the markers of this list: Resolve EDL or CSV, Premiere CSV, Pro Tools session text, REAPER CSV. "
    "Repeatable.",
)
LOCKED_PICTURE = typer.Option(
    None, "--picture", help="Video of the locked picture, measured instead of the edit's own sources."
)
DEVICE = typer.Option(None, "--device", help="auto, cpu, cuda or mps, else V2M_DEVICE, else auto.")
DURATION = typer.Option(None, "--duration", help="Length of an edit that holds markers only: HH:MM:SS:FF, or seconds.")


def companions_of(markers: Sequence[Path], picture: Path | None, duration: str | None) -> Companions:
    """What the flags give."""
    from v2m_bridge.compose.companions import Companions

    return Companions(tuple(markers), picture, duration)


def engine_of(media_roots: Sequence[Path], checkpoint: Path | None, device: str | None = None) -> Engine:
    """The networks and folders of this machine; folders of the command line come before those of the settings."""
    from v2m_bridge.compose.engine import Engine
    from v2m_bridge.devices import check_device
    from v2m_bridge.settings import Settings, state_folder

    settings = Settings()
    return Engine(
        media_roots=(*media_roots, *settings.media_roots),
        cache=state_folder("cache"),
        clip_weights=settings.clip_weights,
        checkpoint=checkpoint,
        device=settings.device if device is None else check_device(device),
    )


def read_input(
    source: Path, rate: str | None, media_roots: Sequence[Path], companions: Companions, *, quiet: bool
) -> Timeline:
    """The timeline of an edit or a video with its companions; progress is shown where a video is decoded.

    Args:
        media_roots: folders to look for media in, before those of the settings.

    Raises:
        V2MError: the input or a companion cannot be used.
    """
    from v2m_bridge.compose.source import read_source
    from v2m_bridge.edits.read_edit import VIDEO_SUFFIXES
    from v2m_bridge.errors import InputError
    from v2m_bridge.settings import Settings

    for root in media_roots:
        if not root.is_dir():
            raise InputError(f"--media-root {root} is not a folder")
    roots = [*media_roots, *Settings().media_roots]
    if source.suffix.lower() in VIDEO_SUFFIXES or companions.picture is not None:
        from v2m_bridge.cli.terminal import shown_progress

        with shown_progress({"cuts": 1.0}, quiet=quiet) as progress:
            return read_source(source, rate=rate, media_roots=roots, companions=companions, progress=progress)
    return read_source(source, rate=rate, media_roots=roots, companions=companions)
