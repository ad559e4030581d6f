"""OpenTimelineIO files as Resolve and others write them; the bundles are read by :mod:`.read_bundle`."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path

from v2m_bridge.edits.draft import EditDraft, assemble, guess_drop_frame
from v2m_bridge.edits.find_media import MediaFinder
from v2m_bridge.edits.limits import MAX_TEXT_BYTES, refuse_larger
from v2m_bridge.edits.menu_request import display_name, request_of
from v2m_bridge.edits.names import clean
from v2m_bridge.edits.otio.clip import clip_source
from v2m_bridge.edits.otio.values import Json, dict_of, list_of, schema, text_of, time_range, time_s
from v2m_bridge.edits.otio.walk import MAX_DEPTH, OtioWalk, is_video
from v2m_bridge.errors import InputError
from v2m_bridge.timeline.model import Timeline
from v2m_bridge.timing.rates import MAX_RATE


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
    timeline = _find_timeline(root, file_name)
    stack = dict_of(timeline.get("tracks"))
    name = text_of(timeline.get("name")) or Path(file_name).stem
    draft = EditDraft(name=clean(name), rate=_picture_rate(timeline, stack, rate, file_name))
    for note in notes:
        draft.warn(note)
    draft.warn_given_rate(rate)
    start = timeline.get("global_start_time")
    if start is not None:
        start_s, _ = time_s(start, f"{file_name}: start of the timeline")
        draft.start_frame = round(start_s * draft.rate)
    told = dict_of(dict_of(timeline.get("metadata")).get("v2m_bridge")).get("drop_frame", drop_frame)
    draft.drop_frame = told if isinstance(told, bool) else guess_drop_frame(draft.start_frame, draft.rate)
    if root is not timeline and schema(root) == "SerializableCollection" and len(list_of(root.get("children"))) > 1:
        draft.warn(f"the file holds several edits; only {name!r} is read")
    OtioWalk(draft, media, file_name).timeline(stack)
    return assemble(draft)


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


def _find_timeline(root: Json, file_name: str) -> Json:
    """The timeline in the file; a bare stack, track or clip becomes one."""
    kind = schema(root)
    if kind == "Timeline":
        return root
    if kind == "SerializableCollection":
        for child in list_of(root.get("children")):
            if schema(child) == "Timeline":
                return dict_of(child)
        raise InputError(f"{file_name} holds a collection without a timeline")
    if kind == "Stack":
        return {"name": root.get("name"), "tracks": root}
    if kind == "Track":
        return {"name": root.get("name"), "tracks": {"OTIO_SCHEMA": "Stack.1", "children": [root]}}
    if kind == "Clip":
        track = {"OTIO_SCHEMA": "Track.1", "kind": "Video", "children": [root]}
        return {"name": root.get("name"), "tracks": {"OTIO_SCHEMA": "Stack.1", "children": [track]}}
    raise InputError(f"{file_name} holds a {clean(kind)[:60]}, not a timeline")


def _picture_rate(timeline: Json, stack: Json, given: Fraction | None, file_name: str) -> Fraction:
    """The rate of the start timecode, else the commonest one of the picture's clips; sound tracks count samples."""
    start = timeline.get("global_start_time")
    if start is not None:
        _, rate = time_s(start, f"{file_name}: start of the timeline")
        if rate <= MAX_RATE and dict_of(start).get("rate") != 1:
            return rate
    counts: Counter[Fraction] = Counter()
    for clip in _picture_clips(stack, 0):
        try:
            window = time_range(clip.get("source_range"), "clip") or clip_source(clip, "clip").available
        except InputError:
            continue  # the walk names the place
        if window and window.rate <= MAX_RATE:
            counts[window.rate] += 1
    if counts:
        return max(counts, key=lambda r: counts[r])
    if given is None:
        raise InputError(f"{file_name} has no picture: no clip on any video track")
    return given


def _picture_clips(item: Json, depth: int) -> Iterator[Json]:
    """All clips on video tracks below ``item``, nested ones included."""
    if depth > MAX_DEPTH:
        return
    for child in list_of(item.get("children")):
        kind = schema(child)
        if kind == "Clip":
            yield child
        elif kind == "Stack" or (kind == "Track" and is_video(child)):
            yield from _picture_clips(child, depth + 1)
        elif kind == "Timeline":
            yield from _picture_clips(dict_of(child.get("tracks")), depth + 1)
