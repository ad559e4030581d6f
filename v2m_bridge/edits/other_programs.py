"""Files that are handed over although we cannot read them: where their program exports what we read."""

from __future__ import annotations

from pathlib import Path

from v2m_bridge.errors import InputError

EXPORTS: dict[str, tuple[str, str]] = {
    ".prproj": ("a Premiere Pro project", "in Premiere Pro: File > Export > Final Cut Pro XML, or OpenTimelineIO"),
    ".drp": ("a DaVinci Resolve project", "in Resolve, with the timeline open: File > Export > Timeline, as OTIO"),
    ".drt": ("a DaVinci Resolve timeline", "in Resolve, after importing it: File > Export > Timeline, as OTIO"),
    ".kdenlive": ("a Kdenlive project", "in Kdenlive: File > OpenTimelineIO Export"),
    ".mlt": ("a project of Shotcut or another MLT program", "in Shotcut: File > Export > EDL"),
    ".sesx": ("an Audition session", "in Audition: File > Export > FCP XML Interchange Format"),
    ".ptx": (
        "a Pro Tools session",
        "in Pro Tools: File > Export > Selected Tracks as New AAF/OMF; its markers: File > Export > Session Info as "
        "Text, given with --markers",
    ),
    ".ale": (
        "an Avid log of clips, not an edit",
        "in Media Composer: File > Output > Export to File, as AAF, or Tools > List Tool for an EDL",
    ),
    ".avb": ("an Avid bin", "in Media Composer: File > Output > Export to File, as AAF"),
    ".fcpbundle": ("a Final Cut Pro library", "in Final Cut Pro, with the project selected: File > Export XML"),
    ".veg": ("a VEGAS project", "in VEGAS: File > Export > Final Cut Pro 7/DaVinci Resolve"),
    ".aep": ("an After Effects project", "export the edit from the program that it was cut in"),
    ".rpp": (
        "a REAPER project, not an edit",
        "its markers: the Region/Marker Manager's menu > Export regions/markers, given with --markers",
    ),
    ".csv": ("a list of markers, not an edit", "give the edit or video, and this list with --markers"),
    ".txt": ("a text, not an edit", "a list of markers is given with --markers beside the edit or video"),
}
"""Suffix -> what the file is, and the menu item of its program that exports what we read."""

EXPORTS[".ptf"] = EXPORTS[".ptx"]


def refuse_other_program(path: Path) -> None:
    """Refuse a file of another program.

    Raises:
        InputError: its suffix is in :data:`EXPORTS`; the hint names the menu item.
    """
    known = EXPORTS.get(path.suffix.lower())
    if known:
        raise InputError(f"{path.name} is {known[0]}, which cannot be read", known[1])
