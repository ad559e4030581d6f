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

from v2m_bridge.edits.draft import assemble, draft_of_first_sequence, to_frame
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
    file = path / BUNDLE_FILE if path.is_dir() else path
    if not file.is_file():
        raise InputError(f"{path} is a folder without {BUNDLE_FILE}, not an edit")
    return read_fcpxml_tree(parse_xml(file), path, rate, media_roots)


def read_fcpxml_tree(
    root: Element, path: Path, rate: Fraction | None = None, media_roots: Sequence[Path] = ()
) -> Timeline:
    """As :func:`read_fcpxml`, for a document that is parsed already; ``path`` is where it came from."""
    if root.tag != "fcpxml":
        raise InputError(f"{path.name} is XML with root <{root.tag[:60]}>, not FCPXML")
    resources = Resources(root)
    sequences = _sequences(root)
    if not sequences:
        raise InputError(f"{path.name} has no project with a sequence")
    sequence = sequences[0][1]
    draft = draft_of_first_sequence(path, [name for name, _ in sequences], resources.rate_of(sequence), rate)
    start_s = time_s(sequence, "tcStart")
    draft.start_frame = to_frame(start_s, draft.rate)
    draft.drop_frame = sequence.get("tcFormat") == "DF"
    FcpxmlWalk(draft, resources, MediaFinder(path.parent, media_roots)).timeline(sequence, start_s)
    draft.reach_s(duration_s(sequence, Fraction(0)))
    return assemble(draft)


def _sequences(root: Element) -> list[tuple[str, Element]]:
    """Names and sequences of the projects; in a file without projects, of the compound media."""
    for tag in ("project", "media"):
        holders = [(holder.get("name") or "", holder.find("sequence")) for holder in root.iter(tag)]
        found = [(name, sequence) for name, sequence in holders if sequence is not None]
        if found:
            return found
    return []
