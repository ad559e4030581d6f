"""Final Cut Pro and Resolve FCPXML (1.5 to 1.13), as a file or a bundle with ``Info.fcpxml``.

Read by ourselves: the adapter rounds NTSC rates, loses the start timecode and fails on compound clips. Every time is
in the space of its parent: an element at ``offset`` of its parent, whose own clock reads ``start`` there.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from xml.etree.ElementTree import Element

from v2m_bridge.edits.draft import Edit, assemble, clean, to_frame
from v2m_bridge.edits.fcpxml.story import Resources, Story
from v2m_bridge.edits.fcpxml.values import duration_s, time_s
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
    file = path / BUNDLE_FILE if path.is_dir() else path
    if not file.is_file():
        raise InputError(f"{path} is a folder without {BUNDLE_FILE}, not an edit")
    return read_fcpxml_tree(parse_xml(file), path, rate, media_roots)


def read_fcpxml_tree(
    root: Element, path: Path, rate: Fraction | None = None, media_roots: Sequence[Path] = ()
) -> Timeline:
    """Read a parsed document; ``path`` is where it came from."""
    if root.tag != "fcpxml":
        raise InputError(f"{path.name} is XML with root <{root.tag[:60]}>, not FCPXML")
    resources = Resources(root)
    name, sequence, others = _first_sequence(root, path)
    own_rate = resources.rate_of(sequence) or rate
    if own_rate is None:
        raise InputError(f"the sequence of {path.name} has no frame rate", "give it with --rate")
    edit = Edit(name=clean(name or path.stem), rate=own_rate)
    if rate is not None and rate != own_rate:
        edit.warn(f"the edit has its own rate of {own_rate} frames a second; the given {rate} is not used")
    if others:
        edit.warn(f"the file holds {others + 1} sequences; only {edit.name!r} is read")
    start_s = time_s(sequence, "tcStart")
    edit.start_frame = to_frame(start_s, own_rate)
    edit.drop_frame = sequence.get("tcFormat") == "DF"
    story = Story(edit, resources, MediaFinder(path.parent, media_roots))
    story.sequence(sequence, start_s)
    edit.end_frame = max(edit.end_frame, to_frame(duration_s(sequence, Fraction(0)), own_rate))
    return assemble(edit)


def _first_sequence(root: Element, path: Path) -> tuple[str, Element, int]:
    """Name and sequence of the first project, else the first sequence anywhere; and how many others there are."""
    projects = [(p.get("name") or "", p.find("sequence")) for p in root.iter("project")]
    found = [(name, sequence) for name, sequence in projects if sequence is not None]
    if not found:
        for media in root.iter("media"):
            sequence = media.find("sequence")
            if sequence is not None:
                found.append((media.get("name") or "", sequence))
    if not found:
        raise InputError(f"{path.name} has no project with a sequence")
    return *found[0], len(found) - 1
