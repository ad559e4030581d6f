"""OpenTimelineIO files as Resolve and others write them; the bundles are read by :mod:`.read_bundle`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

from v2m_bridge.edits.draft import EditDraft, assemble, guess_drop_frame
from v2m_bridge.edits.find_media import MediaFinder
from v2m_bridge.edits.limits import MAX_TEXT_BYTES, refuse_larger
from v2m_bridge.edits.menu_request import display_name, request_of
from v2m_bridge.edits.names import clean
from v2m_bridge.edits.otio.picture_rate import picture_rate
from v2m_bridge.edits.otio.values import Json, dict_of, list_of, schema, text_of, time_range, time_s
from v2m_bridge.edits.otio.walk import MAX_DEPTH, OtioWalk
from v2m_bridge.errors import InputError
from v2m_bridge.timeline.model import Timeline


def read_otio(path: Path, *, rate: Fraction | None = None, media_roots: Sequence[Path] = ()) -> Timeline:
    """Read an ``.otio`` file.

    Args:
        rate: used only where the file itself has no rate.

    Raises:
        InputError: no timeline, no picture, or damaged; the message names the place.
    """
    refuse_larger(path, MAX_TEXT_BYTES)
    request = request_of(path.name)
    name = f"{display_name(path.name)}.otio" if request else path.name
    drop_frame = request.drop_frame if request else None
    return read_otio_text(path.read_bytes(), name, MediaFinder(path.parent, media_roots), rate, drop_frame=drop_frame)


def read_otio_text(
    data: bytes,
    file_name: str,
    media: MediaFinder,
    rate: Fraction | None = None,
    notes: Sequence[str] = (),
    drop_frame: bool | None = None,
) -> Timeline:
    """Read OTIO JSON.

    Args:
        file_name: what messages call the file.
        media: where its media are looked for.
        rate: used only where the file itself has no rate.
        notes: warnings to begin with.
        drop_frame: whether timecode drops frames, if known. OTIO itself does not say: the metadata of our own menu
            scripts comes first, then this, then a guess from the start timecode.

    Raises:
        InputError: no timeline, no picture, or damaged; the message names the place.
    """
    root = _load(data, file_name)
    timeline, others = _find_timeline(root, file_name)
    stack = dict_of(timeline.get("tracks"))
    name = text_of(timeline.get("name")) or Path(file_name).stem
    draft = EditDraft(name=clean(name), rate=Fraction(1))
    draft.rate = picture_rate(timeline, stack, rate, file_name, draft)
    for note in notes:
        draft.warn(note)
    start_s = _start_s(timeline, stack, draft, file_name)
    draft.start_frame = round(start_s * draft.rate)
    told = dict_of(dict_of(timeline.get("metadata")).get("v2m_bridge")).get("drop_frame", drop_frame)
    draft.drop_frame = told if isinstance(told, bool) else guess_drop_frame(draft.start_frame, draft.rate)
    if others:
        draft.warn(f"the file holds {others + 1} edits; only {name!r} is read")
    OtioWalk(draft, media, file_name).timeline(stack)
    return assemble(draft)


def _start_s(timeline: Json, stack: Json, draft: EditDraft, file_name: str) -> Fraction:
    """Timecode of the start in seconds.

    Without one, the tracks may say it: an EDL that was converted to OTIO has tracks whose range starts at minus the
    record timecode.
    """
    start = timeline.get("global_start_time")
    try:
        if start is not None:
            return time_s(start, f"{file_name}: start of the timeline")[0]
        for track in list_of(stack.get("children")):
            span = time_range(dict_of(track).get("source_range"), file_name)
            if span and span.start_s < 0:
                return -span.start_s
    except InputError as error:
        draft.warn_damage(error, "the timeline is taken to start at 0")
    return Fraction(0)


def _load(data: bytes, file_name: str) -> Json:
    """The object at the top of the file."""
    try:
        value = json.loads(data.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise InputError(f"{file_name} is not an OTIO file: byte {error.start} is not UTF-8") from error
    except json.JSONDecodeError as error:
        raise InputError(
            f"{file_name} is not an OTIO file: {error.msg} at line {error.lineno}, column {error.colno}"
        ) from error
    except RecursionError as error:
        raise InputError(f"{file_name} is nested too deeply") from error
    except ValueError as error:  # an integer of more digits than Python converts
        raise InputError(f"{file_name} is not an OTIO file: {error}") from error
    if not schema(value):
        raise InputError(f"{file_name} is JSON, but not an OTIO file (no OTIO_SCHEMA at its top)")
    return dict_of(value)


def _find_timeline(root: Json, file_name: str) -> tuple[Json, int]:
    """The timeline in the file, and how many others there are. A bare stack, track or clip becomes one.

    In a collection, which may hold others, the first timeline counts, else the first stack or track, else all clips
    one after the other.
    """
    kind = schema(root)
    if kind != "SerializableCollection":
        return _as_timeline(root, file_name), 0
    found: dict[str, list[Json]] = {"Timeline": [], "Stack": [], "Track": [], "Clip": []}
    _collect(root, found, 0)
    for wanted in ("Timeline", "Stack", "Track"):
        if found[wanted]:
            named = {"name": text_of(found[wanted][0].get("name")) or root.get("name")}
            return {**_as_timeline(found[wanted][0], file_name), **named}, len(found[wanted]) - 1
    if not found["Clip"]:
        raise InputError(f"{file_name} holds a collection without a timeline")
    track = {"OTIO_SCHEMA": "Track.1", "kind": "Video", "children": found["Clip"], "name": root.get("name")}
    return _as_timeline(track, file_name), 0


def _collect(collection: Json, found: dict[str, list[Json]], depth: int) -> None:
    for child in list_of(collection.get("children")) if depth < MAX_DEPTH else ():
        kind = schema(child)
        if kind == "SerializableCollection":
            _collect(child, found, depth + 1)
        elif kind in found:
            found[kind].append(child)


def _as_timeline(root: Json, file_name: str) -> Json:
    kind = schema(root)
    if kind == "Timeline":
        return root
    if kind == "Stack":
        return {"name": root.get("name"), "tracks": root}
    if kind == "Track":
        return {"name": root.get("name"), "tracks": {"OTIO_SCHEMA": "Stack.1", "children": [root]}}
    if kind == "Clip":
        track = {"OTIO_SCHEMA": "Track.1", "kind": "Video", "children": [root]}
        return {"name": root.get("name"), "tracks": {"OTIO_SCHEMA": "Stack.1", "children": [track]}}
    raise InputError(f"{file_name} holds a {clean(kind)[:60]}, not a timeline")
