"""Which sequences of an FCPXML file are edits: its projects, else a clip that was exported by itself."""

from __future__ import annotations

from dataclasses import dataclass
from xml.etree.ElementTree import Element

from v2m_bridge.edits.fcpxml.values import Resources

_ALONE = ("ref-clip", "mc-clip", "sync-clip", "clip", "asset-clip", "video")
"""Clips that may stand in an event without a project; the kind that comes first here is likelier the edit."""


@dataclass(frozen=True)
class FileEdit:
    """One edit of the file."""

    name: str
    sequence: Element


def edits_of(root: Element, resources: Resources) -> list[FileEdit]:
    """The edits of a file, the best first: projects, else clips of an event, else compounds that nothing uses."""
    projects = [
        FileEdit(holder.get("name") or "", sequence)
        for holder in root.iter("project")
        if (sequence := holder.find("sequence")) is not None
    ]
    if projects:
        return projects
    alone = [edit for clip in _clips_alone(root) if (edit := _edit_of_clip(clip, resources)) is not None]
    bare = [FileEdit(s.get("name") or "", s) for h in _holders(root) for s in h.findall("sequence")]
    return bare or alone or _unused_compounds(root)


def _holders(root: Element) -> list[Element]:
    """The document, its libraries and its events: what may hold projects and clips."""
    return [root, *root.iter("library"), *root.iter("event")]


def _clips_alone(root: Element) -> list[Element]:
    found = [child for holder in _holders(root) for child in holder if child.tag in (*_ALONE, "audition")]
    clips = [next((c for c in x if c.tag in _ALONE), None) if x.tag == "audition" else x for x in found]
    return sorted((c for c in clips if c is not None), key=lambda c: _ALONE.index(c.tag))


def _edit_of_clip(clip: Element, resources: Resources) -> FileEdit | None:
    """A compound clip is its sequence; any other clip becomes the only one of a sequence at its own rate."""
    target = resources.of(clip)
    name = clip.get("name") or (target.get("name") if target is not None else "") or ""
    content = target.find("sequence") if target is not None and target.tag == "media" else None
    if content is not None:
        return FileEdit(name, content)
    multicam = target.find("multicam") if target is not None and target.tag == "media" else None
    told = next((e for e in (clip, multicam, target, *clip) if e is not None and e.get("format")), None)
    if told is None:
        shown = (resources.of(e) for e in clip.iter() if e.get("ref"))
        told = next((e for e in shown if e is not None and e.get("format")), None)
    if told is None:
        return None
    start = clip.get("start")
    if start is None:
        seconds = resources.default_start_s(clip)
        start = f"{seconds.numerator}/{seconds.denominator}s"
    sequence = Element("sequence", {"format": told.get("format", ""), "tcStart": start})
    form = clip.get("tcFormat") or (multicam.get("tcFormat") if multicam is not None else None)
    if form:
        sequence.set("tcFormat", form)
    spine = Element("spine")
    alone = Element(clip.tag, {**clip.attrib, "offset": start})
    alone.extend(list(clip))
    spine.append(alone)
    sequence.append(spine)
    return FileEdit(name, sequence)


def _unused_compounds(root: Element) -> list[FileEdit]:
    """Compounds of the resources, those that no other one uses first."""
    media = [m for m in root.iter("media") if m.find("sequence") is not None]
    used = {clip.get("ref") for m in media for clip in m.iter("ref-clip")}
    free = [m for m in media if m.get("id") not in used] or media
    return [FileEdit(m.get("name") or "", s) for m in free for s in m.findall("sequence")]
