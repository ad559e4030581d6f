"""A timeline as Resolve's scripting objects show it, read like the OTIO export of the same edit.

For Studio and external scripting. No English word is relied on: names and types follow the language of the interface.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from v2m_bridge.edits.draft import EditDraft, assemble
from v2m_bridge.edits.find_media import MediaFinder
from v2m_bridge.edits.names import clean
from v2m_bridge.edits.resolve_api.values import ask, frame_rate
from v2m_bridge.edits.resolve_api.walk import ResolveWalk
from v2m_bridge.errors import HostAbsent, HostError, SetupError
from v2m_bridge.timeline.model import Timeline


def connect() -> Any:
    """The ``resolve`` object of a running Studio on this machine, from outside.

    Raises:
        SetupError: Blackmagic's module is not on the import path.
        HostError: Resolve does not run, is the free edition, or does not allow scripts from outside.
    """
    try:
        import DaVinciResolveScript  # type: ignore[import-not-found]
    except ImportError as error:
        raise SetupError(
            "DaVinciResolveScript cannot be imported", "set RESOLVE_SCRIPT_API and PYTHONPATH as Resolve's README says"
        ) from error
    resolve = DaVinciResolveScript.scriptapp("Resolve")
    if resolve is None:
        raise HostAbsent(
            "Resolve does not answer",
            "start DaVinci Resolve Studio and set Preferences > System > General > External scripting to Local",
        )
    return resolve


def current_timeline(resolve: Any) -> Any:
    """The timeline that is open.

    Raises:
        HostError: no project or no timeline is open, or a dialog is.
    """
    project = ask(ask(resolve, "GetProjectManager"), "GetCurrentProject")
    if project is None:
        raise HostError("no project is open in Resolve", "open one, and close any dialog")
    timeline = ask(project, "GetCurrentTimeline")
    if timeline is None:
        raise HostError("no timeline is open in Resolve", "open the timeline you want scored")
    return timeline


def read_timeline(timeline: Any, *, project: Any = None, media_roots: Sequence[Path] = ()) -> Timeline:
    """Read a ``Timeline`` object of Resolve's.

    Args:
        timeline: the object, as ``current_timeline`` gives it.
        project: the project that it lies in; before 21 the only way into a timeline that is used as a clip.
        media_roots: folders to search by name for media that is not where Resolve has it.

    Raises:
        InputError: no picture, or values that no timeline can have.
    """
    rate, drop_frame = frame_rate(timeline)
    draft = EditDraft(
        name=clean(str(ask(timeline, "GetName") or "timeline")),
        rate=rate,
        start_frame=int(ask(timeline, "GetStartFrame") or 0),
        drop_frame=drop_frame,
    )
    ResolveWalk(draft, MediaFinder(Path.cwd(), media_roots), _timelines(project)).timeline(timeline)
    return assemble(draft)


def _timelines(project: Any) -> list[tuple[Any, Any]]:
    """Every timeline of a project, after its media pool item."""
    count = int(ask(project, "GetTimelineCount") or 0)
    found = [ask(project, "GetTimelineByIndex", index) for index in range(1, count + 1)]
    return [(ask(timeline, "GetMediaPoolItem"), timeline) for timeline in found if timeline is not None]
