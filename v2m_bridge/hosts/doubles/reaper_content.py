"""Functions on tracks, items, takes and MIDI."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

from v2m_bridge.hosts.doubles.reaper_host import Host, ReaperError, alive, function, known
from v2m_bridge.hosts.doubles.reaper_project import (
    PPQ,
    Event,
    Item,
    Source,
    Take,
    Track,
    controls_of,
    notes_of,
    sort_events,
    texts_of,
)

VIDEO_SUFFIXES = (".mov", ".mp4", ".mkv", ".avi", ".mxf", ".webm")
CLOSING = bytes([0xB0, 0x7B, 0])
FIRST_RESERVED_TEXT = 15


@function
def CountTracks(host: Host, project: Any) -> int:
    return len(host.project.state.tracks)


@function
def GetTrack(host: Host, project: Any, index: int) -> Track | None:
    tracks = host.project.state.tracks
    return tracks[index] if 0 <= index < len(tracks) else None


@function
def GetMasterTrack(host: Host, project: Any) -> Track:
    return host.project.state.master


@function
def InsertTrackAtIndex(host: Host, index: int, defaults: bool) -> None:
    host.project.add_track(index=index)


@function
def InsertTrackInProject(host: Host, project: Any, index: int, flags: int) -> None:
    host.project.add_track(index=index)


@function
def DeleteTrack(host: Host, track: Track) -> None:
    host.project.state.tracks.remove(track)
    host.project.changes += 1


@function
def GetTrackGUID(host: Host, track: Track) -> str:
    return track.guid


def _string(
    host: Host, owner: Any, parameter: str, value: str, is_set: bool, plain: dict[str, str]
) -> tuple[bool, str]:
    """``P_NAME``-like attributes, ``GUID`` and ``P_EXT:key``."""
    if parameter.startswith("P_EXT:") and len(parameter) > 6:
        if is_set:
            if "\n" in value:
                raise ReaperError("P_EXT values hold no newlines")
            owner.ext[parameter[6:]] = value
            host.project.changes += 1
        found = owner.ext.get(parameter[6:], "")
        return bool(found) or is_set, found
    if parameter == "GUID" and not is_set:
        return True, owner.guid
    if parameter not in plain:
        raise ReaperError(f"no text is called {parameter!r}")
    if is_set:
        setattr(owner, plain[parameter], value)
        host.project.changes += 1
    return True, getattr(owner, plain[parameter])


@function
def GetSetMediaTrackInfo_String(host: Host, track: Track, parameter: str, value: str, is_set: bool) -> tuple[bool, str]:
    return _string(host, track, parameter, value, is_set, {"P_NAME": "name"})


@function
def GetSetMediaItemInfo_String(host: Host, item: Item, parameter: str, value: str, is_set: bool) -> tuple[bool, str]:
    return _string(host, item, parameter, value, is_set, {"P_NOTES": "notes"})


@function
def GetSetMediaItemTakeInfo_String(
    host: Host, take: Take, parameter: str, value: str, is_set: bool
) -> tuple[bool, str]:
    return _string(host, take, parameter, value, is_set, {"P_NAME": "name"})


def _get(values: dict[str, float], name: str) -> float:
    return values[known(values, name)]


def _set(host: Host, values: dict[str, float], name: str, value: float) -> bool:
    values[known(values, name)] = float(value)
    host.project.changes += 1
    return True


@function
def GetMediaTrackInfo_Value(host: Host, track: Track, name: str) -> float:
    return _get(track.values, name)


@function
def SetMediaTrackInfo_Value(host: Host, track: Track, name: str, value: float) -> bool:
    return _set(host, track.values, name, value)


@function
def GetMediaItemInfo_Value(host: Host, item: Item, name: str) -> float:
    return _get(item.values, name)


@function
def SetMediaItemInfo_Value(host: Host, item: Item, name: str, value: float) -> bool:
    done = _set(host, item.values, name, value)
    if name == "D_POSITION":
        host.project.put_in_order(item)
    return done


@function
def GetMediaItemTakeInfo_Value(host: Host, take: Take, name: str) -> float:
    return _get(take.values, name)


@function
def SetMediaItemTakeInfo_Value(host: Host, take: Take, name: str, value: float) -> bool:
    return _set(host, take.values, name, value)


@function
def TrackFX_GetCount(host: Host, track: Track) -> int:
    return len(track.effects)


@function
def GetTrackNumSends(host: Host, track: Track, category: int) -> int:
    return track.sends if category == 0 else 0


@function
def CountMediaItems(host: Host, project: Any) -> int:
    return len(host.project.items())


@function
def GetMediaItem(host: Host, project: Any, index: int) -> Item | None:
    items = host.project.items()
    return items[index] if 0 <= index < len(items) else None


@function
def CountTrackMediaItems(host: Host, track: Track) -> int:
    return len(track.items)


@function
def GetTrackMediaItem(host: Host, track: Track, index: int) -> Item | None:
    return track.items[index] if 0 <= index < len(track.items) else None


@function
def GetMediaItem_Track(host: Host, item: Item) -> Track:
    return item.track


@function
def AddMediaItemToTrack(host: Host, track: Track) -> Item:
    return host.project.add_item(track, 0.0, 0.0)


@function
def DeleteTrackMediaItem(host: Host, track: Track, item: Item) -> bool:
    if item not in track.items:
        raise ReaperError("the item is not on that track")
    track.items.remove(item)
    host.project.changes += 1
    return True


@function
def GetActiveTake(host: Host, item: Item) -> Take | None:
    return item.take


@function
def AddTakeToMediaItem(host: Host, item: Item) -> Take:
    take = Take(item, host.project.new_guid())
    item.takes.append(take)
    host.project.changes += 1
    return take


@function
def TakeIsMIDI(host: Host, take: Take) -> bool:
    return take.is_midi


@function
def GetMediaItemTake_Source(host: Host, take: Take) -> Source | None:
    return take.source


@function
def SetMediaItemTake_Source(host: Host, take: Take, source: Source) -> bool:
    take.source = source
    host.project.changes += 1
    return True


@function
def PCM_Source_CreateFromFile(host: Host, path: str) -> Source | None:
    from pathlib import Path

    if not Path(path).is_file():
        return None
    return Source("VIDEO" if path.lower().endswith(VIDEO_SUFFIXES) else "WAVE", path, 3600.0)


@function
def GetMediaSourceType(host: Host, source: Source) -> str:
    return source.kind


@function
def GetMediaSourceFileName(host: Host, source: Source) -> str:
    return source.path


@function
def GetMediaSourceLength(host: Host, source: Source) -> tuple[float, bool]:
    return source.length_s, source.kind == "MIDI"


# MIDI


@function
def CreateNewMIDIItemInProj(host: Host, track: Track, start: float, end: float, in_qn: bool = False) -> Item:
    tempo = host.project.state.tempo
    start_qn, end_qn = (start, end) if in_qn else (tempo.qn(start), tempo.qn(end))
    start_s = tempo.time(start_qn)
    item = host.project.add_item(track, start_s, tempo.time(end_qn) - start_s, Source("MIDI"))
    assert item.take
    item.take.events = [(round((end_qn - start_qn) * PPQ), 0, CLOSING)]
    return item


@function
def MIDI_GetPPQPosFromProjQN(host: Host, take: Take, qn: float) -> float:
    return host.project.ppq_at_qn(take, qn)


@function
def MIDI_GetPPQPosFromProjTime(host: Host, take: Take, time: float) -> float:
    return host.project.ppq_at_qn(take, host.project.state.tempo.qn(time))


@function
def MIDI_GetProjQNFromPPQPos(host: Host, take: Take, ppq: float) -> float:
    return host.project.qn_at_ppq(take, ppq)


@function
def MIDI_GetProjTimeFromPPQPos(host: Host, take: Take, ppq: float) -> float:
    return host.project.time_at_ppq(take, ppq)


def _insert(host: Host, take: Take, *events: Event) -> None:
    take.events[-1:-1] = events
    take.sorted = False
    host.project.changes += 1


def _data(value: int, name: str) -> int:
    if not 0 <= value < 128:
        raise ReaperError(f"MIDI {name} {value} is outside 0..127")
    return value


@function
def MIDI_InsertNote(
    host: Host,
    take: Take,
    selected: bool,
    muted: bool,
    start: float,
    end: float,
    channel: int,
    pitch: int,
    velocity: int,
    no_sort: bool = False,
) -> bool:
    flags = selected | muted << 1
    head = (round(start), flags, bytes([0x90 | channel & 15, _data(pitch, "pitch"), _data(velocity, "velocity")]))
    _insert(host, take, head, (round(end), flags, bytes([0x80 | channel & 15, pitch, 0])))
    if not no_sort:
        sort_events(take)
    return True


@function
def MIDI_InsertCC(
    host: Host, take: Take, selected: bool, muted: bool, ppq: float, status: int, channel: int, first: int, second: int
) -> bool:
    message = bytes([status | channel & 15, _data(first, "number"), _data(second, "value")])
    _insert(host, take, (round(ppq), selected | muted << 1, message))
    return True


@function
def MIDI_InsertTextSysexEvt(
    host: Host, take: Take, selected: bool, muted: bool, ppq: float, kind: int, text: bytes
) -> bool:
    if not -1 <= kind <= FIRST_RESERVED_TEXT:
        raise ReaperError(f"text type {kind} does not exist")
    message = b"\xf0" + text + b"\xf7" if kind == -1 else bytes([0xFF, kind]) + text
    _insert(host, take, (round(ppq), selected | muted << 1, message))
    return True


@function
def MIDI_DisableSort(host: Host, take: Take) -> None:
    take.sorted = False


@function
def MIDI_Sort(host: Host, take: Take) -> None:
    sort_events(take)


@function
def MIDI_SetAllEvts(host: Host, take: Take, buffer: bytes) -> bool:
    """Packed ``int32 delta, uint8 flags, int32 length, message``; the last one must be all-notes-off."""
    events: list[Event] = []
    tick = at = 0
    while at < len(buffer):
        try:
            delta, flags, length = struct.unpack_from("<iBi", buffer, at)
        except struct.error as error:
            raise ReaperError("MIDI_SetAllEvts: the buffer ends inside an event") from error
        message = buffer[at + 9 : at + 9 + length]
        if length < 0 or len(message) != length:
            raise ReaperError("MIDI_SetAllEvts: the buffer ends inside a message")
        tick, at = tick + delta, at + 9 + length
        if delta < 0:
            raise ReaperError("MIDI_SetAllEvts: an event goes back in time")
        if message:
            events.append((tick, flags, message))
    if not events or events[-1][2][:2] != CLOSING[:2]:
        raise ReaperError("MIDI_SetAllEvts: no all-notes-off at the end, the source would lose its length")
    take.events = events
    take.sorted = True
    host.project.changes += 1
    return True


def _settled(take: Take) -> Take:
    if not take.sorted:
        raise ReaperError("the take's events were inserted without MIDI_Sort")
    return take


@function
def MIDI_GetAllEvts(host: Host, take: Take) -> tuple[bool, bytes]:
    parts, before = [], 0
    for tick, flags, message in _settled(take).events:
        parts.append(struct.pack("<iBi", tick - before, flags, len(message)) + message)
        before = tick
    return True, b"".join(parts)


@function
def MIDI_CountEvts(host: Host, take: Take) -> tuple[int, int, int, int]:
    _settled(take)
    notes, controls, texts = len(notes_of(take)), len(controls_of(take)), len(texts_of(take))
    return notes + controls + texts, notes, controls, texts


def _nth(found: list[Any], index: int, shown: Callable[[Any], tuple[Any, ...]], empty: tuple[Any, ...]) -> Any:
    return (True, *shown(found[index])) if 0 <= index < len(found) else (False, *empty)


@function
def MIDI_GetNote(host: Host, take: Take, index: int) -> Any:
    return _nth(
        notes_of(_settled(take)),
        index,
        lambda n: (False, False, float(n.start), float(n.end), n.channel, n.pitch, n.velocity),
        (False, False, 0.0, 0.0, 0, 0, 0),
    )


@function
def MIDI_GetCC(host: Host, take: Take, index: int) -> Any:
    return _nth(
        controls_of(_settled(take)),
        index,
        lambda e: (False, False, float(e[0]), e[2][0] & 0xF0, e[2][0] & 15, e[2][1], e[2][2] if len(e[2]) > 2 else 0),
        (False, False, 0.0, 0, 0, 0, 0),
    )


@function
def MIDI_GetTextSysexEvt(host: Host, take: Take, index: int, *unused: Any) -> Any:
    return _nth(
        texts_of(_settled(take)),
        index,
        lambda e: (False, False, float(e[0]), e[2][1] if e[2][0] == 0xFF else -1, e[2][2:]),
        (False, False, 0.0, 0, b""),
    )


@function
def ValidatePtr2(host: Host, project: Any, thing: Any, kind: str) -> bool:
    try:
        return alive(host, thing) is not None
    except ReaperError:
        return False
