"""The door to every edit: one function that picks the reader by the file's suffix."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

from v2m_bridge.edits.find_media import leads_outside
from v2m_bridge.edits.menu_request import request_of
from v2m_bridge.edits.names import NAMELESS_FILE, clean
from v2m_bridge.edits.other_programs import refuse_other_program
from v2m_bridge.errors import InputError, cannot_write, is_disk_full
from v2m_bridge.timeline.model import Timeline

READERS: dict[str, tuple[str, str]] = {
    ".otio": ("otio.read_otio", "read_otio"),
    ".otioz": ("otio.read_bundle", "read_otioz"),
    ".otiod": ("otio.read_bundle", "read_otiod"),
    ".edl": ("edl.read_edl", "read_edl"),
    ".xml": ("xmeml.read_xmeml", "read_xml"),
    ".fcpxml": ("fcpxml.read_fcpxml", "read_fcpxml"),
    ".fcpxmld": ("fcpxml.read_fcpxml", "read_fcpxml"),
    ".aaf": ("aaf.read_aaf", "read_aaf"),
}
"""Suffix -> module of this package and its function. All have one signature; the module is imported when needed."""

EDIT_SUFFIXES = frozenset(READERS)

BUNDLE_SUFFIXES = (".otiod", ".fcpxmld", ".fcpxml")
"""Edits that may be folders; Resolve gives FCPXML 1.10 as one."""

BUNDLE_CONTENTS = ("content.otio", "Info.fcpxml")
"""The edits inside such folders."""

VIDEO_SUFFIXES = frozenset(".mp4 .mov .m4v .mkv .webm .avi .mxf .ts .mts .m2ts .mpg .mpeg".split())  # noqa: SIM905
"""Bare video files. They are no edits: :func:`v2m_bridge.footage.bare_video.read_video` reads them."""


def read_edit(path: Path, *, rate: Fraction | None = None, media_roots: Sequence[Path] = ()) -> Timeline:
    """Read an edit of any supported kind.

    Args:
        path: ``.otio .otioz .otiod .edl .xml .fcpxml .aaf``.
        rate: frames per second, for edits that do not say (EDLs).
        media_roots: folders to search by file name for media that is not where the edit says.

    Raises:
        InputError: the file is missing, of an unknown kind, damaged, or has no picture; one line that names the place.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if leads_outside(path):
        raise InputError(f"{path.name} leads out of the folders that may be read")
    if not path.exists():
        raise InputError(f"{path} does not exist")
    if not path.is_file() and not path.is_dir():
        raise InputError(f"{path} is a pipe or a device, not an edit")
    if path.is_dir() and any(leads_outside(path / name) for name in BUNDLE_CONTENTS):
        raise InputError(f"{path.name} holds a link that leads out of the folders that may be read")
    refuse_other_program(path)
    if path.is_dir() and suffix not in BUNDLE_SUFFIXES:
        raise InputError(f"{path} is a folder, not an edit")
    if suffix not in READERS:
        raise InputError(f"{path.name} is of an unknown kind", f"known: {' '.join(READERS)} and video files")
    roots = [Path(root) for root in media_roots]
    missing = tuple(f"the media root {root} is not a folder" for root in roots if not root.is_dir())
    module, function = READERS[suffix]
    reader = getattr(importlib.import_module(f"v2m_bridge.edits.{module}"), function)
    try:
        timeline: Timeline = reader(path, rate=rate, media_roots=[r for r in roots if r.is_dir()])
    except InputError as error:
        if path.name in error.message or request_of(path.name):
            raise
        raise InputError(f"{path.name}: {error.message}", error.hint) from error
    except OSError as error:
        if is_disk_full(error):  # bundles are unpacked
            raise cannot_write(f"a copy of {path.name}", error) from error
        raise InputError(f"{path} cannot be read: {error.strerror or error}") from error
    except RecursionError as error:
        raise InputError(f"{path.name} is nested too deeply") from error
    file_name = "" if request_of(path.name) or path.stem == NAMELESS_FILE else clean(path.stem)
    return replace(timeline, warnings=timeline.warnings + missing, file_name=file_name)
