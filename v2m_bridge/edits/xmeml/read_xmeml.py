"""Final Cut Pro 7 XML (xmeml 4 and 5), which Premiere, Resolve and Hiero write.

We read it ourselves: the OpenTimelineIO adapter takes disabled clips for visible ones, drops speed changes, and leaves
a nested sequence empty where it is used a second time.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from xml.etree.ElementTree import Element

from v2m_bridge.edits.draft import assemble, draft_of_first_sequence
from v2m_bridge.edits.find_media import MediaFinder
from v2m_bridge.edits.limits import MAX_DURATION_S
from v2m_bridge.edits.xmeml.values import frames, rate_of
from v2m_bridge.edits.xmeml.walk import XmemlWalk
from v2m_bridge.edits.xml_text import parse_xml, text_at
from v2m_bridge.errors import InputError
from v2m_bridge.timeline.model import Timeline


def read_xml(path: Path, *, rate: Fraction | None = None, media_roots: Sequence[Path] = ()) -> Timeline:
    """Read an ``.xml`` edit: xmeml, or FCPXML under the wrong suffix.

    Args:
        rate: used only where the sequence has no rate.

    Raises:
        InputError: neither of the two, no sequence, no picture, or damaged; the message names the element.
    """
    root = parse_xml(path)
    if root.tag == "fcpxml":
        from v2m_bridge.edits.fcpxml.read_fcpxml import read_fcpxml_tree

        return read_fcpxml_tree(root, path, rate, media_roots)
    if root.tag != "xmeml":
        raise InputError(f"{path.name} is XML with root <{root.tag[:60]}>, neither xmeml nor FCPXML")
    sequences = list(_sequences(root))
    if not sequences:
        raise InputError(f"{path.name} has no sequence")
    sequence = sequences[0]
    draft = draft_of_first_sequence(path, [text_at(s, "name") for s in sequences], rate_of(sequence), rate)
    timecode = sequence.find("timecode")
    if timecode is not None:
        draft.start_frame = int(frames(timecode, "frame", 0))
        draft.drop_frame = text_at(timecode, "displayformat").upper() == "DF"
    XmemlWalk(draft, MediaFinder(path.parent, media_roots), root).timeline(sequence)
    length = frames(sequence, "duration", 0)
    has_sound = sequence.find("media/audio/track/clipitem") is not None
    if has_sound and 0 < length <= MAX_DURATION_S * draft.rate:
        draft.reach(int(length))
    return assemble(draft)


def _sequences(element: Element) -> Iterator[Element]:
    """Sequences that are not used inside another one, in the order of the file."""
    for child in element:
        if child.tag == "sequence":
            if child.find("media") is not None:
                yield child
        elif child.tag not in ("media", "clipitem"):
            yield from _sequences(child)
