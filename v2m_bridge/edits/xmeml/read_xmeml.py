"""Final Cut Pro 7 XML (xmeml 4 and 5), which Premiere, Resolve and Hiero write.

We read it ourselves: the OpenTimelineIO adapter takes disabled clips for visible ones, drops speed changes, and leaves
a nested sequence empty where it is used a second time.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from xml.etree.ElementTree import Element

from v2m_bridge.edits.draft import EditDraft, assemble, draft_of_first_sequence
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
    sequences = _edits(root)
    if not sequences:
        raise InputError(f"{path.name} has no sequence")
    sequence, own_rate, damage = sequences[0], None, ""
    try:
        own_rate = rate_of(sequence)
    except InputError as error:
        if rate is None:
            raise
        damage = f"{error.message}; the given rate is used"
    draft = draft_of_first_sequence(path, [text_at(s, "name") for s in sequences], own_rate, rate)
    if damage:
        draft.warn(damage)
    timecode = sequence.find("timecode")
    if timecode is not None:
        draft.start_frame = int(_frames_or_zero(draft, timecode, "frame"))
        draft.drop_frame = text_at(timecode, "displayformat").upper() == "DF"
    XmemlWalk(draft, MediaFinder(path.parent, media_roots), root).timeline(sequence)
    length = _frames_or_zero(draft, sequence, "duration")
    has_sound = sequence.find("media/audio/track/clipitem") is not None
    if (has_sound or not draft.pieces) and 0 < length <= MAX_DURATION_S * draft.rate:
        draft.reach(int(length))
    return assemble(draft)


def _frames_or_zero(draft: EditDraft, element: Element, path: str) -> Fraction:
    try:
        return frames(element, path, 0)
    except InputError as error:
        draft.warn_damage(error, "it is taken as 0")
        return Fraction(0)


def _edits(root: Element) -> list[Element]:
    """The sequences that no other one uses, in the order of the file; those with picture come first."""
    sequences = list(_sequences(root))
    used = {inner.get("id") for outer in sequences for inner in outer.iter("sequence") if inner is not outer}
    free = [s for s in sequences if s.get("id") not in used or not s.get("id")] or sequences
    return sorted(free, key=lambda s: next(s.iterfind("media/video/track/clipitem"), None) is None)


def _sequences(element: Element) -> Iterator[Element]:
    """Sequences with content, wherever projects and bins hold them; not those that lie inside another sequence."""
    for child in element:
        if child.tag == "sequence":
            if child.find("media") is not None or child.find("marker") is not None:
                yield child
        elif child.tag not in ("media", "clipitem"):
            yield from _sequences(child)
