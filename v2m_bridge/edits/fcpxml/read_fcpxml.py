"""Final Cut Pro and Resolve FCPXML (1.5 to 1.13), as a file or a bundle with ``Info.fcpxml``.

We read it ourselves: the OpenTimelineIO adapter rounds NTSC rates, loses the start timecode and fails on compound
clips. Every time counts on the clock of its parent: an element lies at ``offset`` of its parent, and its own clock
reads ``start`` there.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from xml.etree.ElementTree import Element

from v2m_bridge.edits.draft import EditDraft, assemble, draft_of_first_sequence, to_frame
from v2m_bridge.edits.fcpxml.edits_of_file import edits_of
from v2m_bridge.edits.fcpxml.values import Resources, duration_s, time_s
from v2m_bridge.edits.fcpxml.walk import FcpxmlWalk
from v2m_bridge.edits.find_media import MediaFinder
from v2m_bridge.edits.xml_text import parse_xml
from v2m_bridge.errors import InputError
from v2m_bridge.timeline.model import Timeline

BUNDLE_FILE = "Info.fcpxml"


def read_fcpxml(path: Path, *, rate: Fraction | None = None, media_roots: Sequence[Path] = ()) -> Timeline:
    """Read an FCPXML file or bundle.

    Args:
        rate: used only where the sequence's format has no rate.

    Raises:
        InputError: no sequence, no picture, or damaged; the message names the element.
    """
    if not path.is_dir():
        return read_fcpxml_tree(parse_xml(path), path, rate, media_roots)
    inside = sorted(p for p in path.glob("*.fcpxml") if p.is_file())
    file = next((p for p in inside if p.name == BUNDLE_FILE), inside[0] if inside else None)
    if file is None:
        raise InputError(f"{path} is a folder without {BUNDLE_FILE}, not an edit")
    return read_fcpxml_tree(parse_xml(file), path, rate, media_roots)


def read_fcpxml_tree(
    root: Element, path: Path, rate: Fraction | None = None, media_roots: Sequence[Path] = ()
) -> Timeline:
    """As :func:`read_fcpxml`, for a document that is parsed already; ``path`` is where it came from."""
    if root.tag != "fcpxml":
        raise InputError(f"{path.name} is XML with root <{root.tag[:60]}>, not FCPXML")
    resources = Resources(root)
    edits = edits_of(root, resources)
    if not edits:
        raise InputError(f"{path.name} has no project and no clip")
    sequence, damage = edits[0].sequence, []
    try:
        own_rate = resources.rate_of(sequence)
    except InputError as error:
        if rate is None:
            raise
        own_rate, damage = None, [f"{error.message}; the given rate is used"]
    draft = draft_of_first_sequence(path, [edit.name for edit in edits], own_rate, rate)
    for text in damage:
        draft.warn(text)
    start_s, length_s = (_time_or_zero(draft, sequence, name) for name in ("tcStart", "duration"))
    draft.start_frame = to_frame(start_s, draft.rate)
    draft.drop_frame = sequence.get("tcFormat") == "DF"
    folder = path if path.is_dir() else path.parent
    FcpxmlWalk(draft, resources, MediaFinder(folder, media_roots)).timeline(sequence, start_s)
    draft.reach_s(length_s)
    return assemble(draft)


def _time_or_zero(draft: EditDraft, sequence: Element, name: str) -> Fraction:
    """The start or length of the sequence; a damaged one is taken as 0 with a warning."""
    try:
        return duration_s(sequence, Fraction(0)) if name == "duration" else time_s(sequence, name)
    except InputError as error:
        draft.warn_damage(error, "it is taken as 0")
        return Fraction(0)
