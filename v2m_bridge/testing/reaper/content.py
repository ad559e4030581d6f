"""Functions on tracks, items and takes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from v2m_bridge.testing.reaper.host import Host, ReaperError, alive, function, known
from v2m_bridge.testing.reaper.project import BEATS, Item, MediaTake, MediaTrack, Source

BUILD_PEAKS = 40047
VIDEO_SUFFIXES = (".mov", ".mp4", ".mkv", ".avi", ".mxf", ".webm")


@function
def CountTracks(host: Host, project: Any) -> int:
    return len(host.project.state.tracks)


@function
def GetTrack(host: Host, project: Any, index: int) -> MediaTrack | None:
    tracks = host.project.state.tracks
    return tracks[index] if 0 <= index < len(tracks) else None


@function
def GetMasterTrack(host: Host, project: Any) -> MediaTrack:
    return host.project.state.master


@function
def InsertTrackAtIndex(host: Host, index: int, defaults: bool) -> None:
    host.project.add_track(index=index)


@function
def InsertTrackInProject(host: Host, project: Any, index: int, flags: int) -> None:
    host.project.add_track(index=index)


@function
def DeleteTrack(host: Host, track: MediaTrack) -> None:
    host.project.state.tracks.remove(track)
    host.project.changes += 1


@function
def GetTrackGUID(host: Host, track: MediaTrack) -> str:
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
def GetSetMediaTrackInfo_String(
    host: Host, track: MediaTrack, parameter: str, value: str, is_set: bool
) -> tuple[bool, str]:
    return _string(host, track, parameter, value, is_set, {"P_NAME": "name"})


@function
def GetSetMediaItemInfo_String(host: Host, item: Item, parameter: str, value: str, is_set: bool) -> tuple[bool, str]:
    return _string(host, item, parameter, value, is_set, {"P_NOTES": "notes"})


@function
def GetSetMediaItemTakeInfo_String(
    host: Host, take: MediaTake, parameter: str, value: str, is_set: bool
) -> tuple[bool, str]:
    return _string(host, take, parameter, value, is_set, {"P_NAME": "name"})


def _get(values: dict[str, float], name: str) -> float:
    return values[known(values, name)]


def _set(host: Host, values: dict[str, float], name: str, value: float) -> bool:
    values[known(values, name)] = float(value)
    host.project.changes += 1
    return True


@function
def GetMediaTrackInfo_Value(host: Host, track: MediaTrack, name: str) -> float:
    return _get(track.values, name)


@function
def SetMediaTrackInfo_Value(host: Host, track: MediaTrack, name: str, value: float) -> bool:
    # a height that a script sets shows only after TrackList_AdjustWindows
    host.project.heights_pending |= name == "I_HEIGHTOVERRIDE"
    return _set(host, track.values, name, value)


@function
def GetMediaItemInfo_Value(host: Host, item: Item, name: str) -> float:
    return _get(item.values, name)


@function
def SetMediaItemInfo_Value(host: Host, item: Item, name: str, value: float) -> bool:
    if name == "C_AUTOSTRETCH" and value and item.values["C_BEATATTACHMODE"] != BEATS:
        raise ReaperError("C_AUTOSTRETCH needs C_BEATATTACHMODE 1")
    done = _set(host, item.values, name, value)
    if name == "C_BEATATTACHMODE" and value != BEATS:
        item.values["C_AUTOSTRETCH"] = 0.0
    if name == "D_POSITION":
        host.project.put_in_order(item)
    return done


@function
def GetMediaItemTakeInfo_Value(host: Host, take: MediaTake, name: str) -> float:
    return _get(take.values, name)


@function
def SetMediaItemTakeInfo_Value(host: Host, take: MediaTake, name: str, value: float) -> bool:
    return _set(host, take.values, name, value)


@function
def TrackList_AdjustWindows(host: Host, is_minor: bool) -> None:
    host.project.heights_pending = False


@function
def TrackFX_GetCount(host: Host, track: MediaTrack) -> int:
    return len(track.effects)


@function
def GetTrackNumSends(host: Host, track: MediaTrack, category: int) -> int:
    return track.sends if category == 0 else 0


@function
def CountMediaItems(host: Host, project: Any) -> int:
    return len(host.project.items())


@function
def GetMediaItem(host: Host, project: Any, index: int) -> Item | None:
    items = host.project.items()
    return items[index] if 0 <= index < len(items) else None


@function
def CountTrackMediaItems(host: Host, track: MediaTrack) -> int:
    return len(track.items)


@function
def GetTrackMediaItem(host: Host, track: MediaTrack, index: int) -> Item | None:
    return track.items[index] if 0 <= index < len(track.items) else None


@function
def GetMediaItem_Track(host: Host, item: Item) -> MediaTrack:
    return item.track


@function
def AddMediaItemToTrack(host: Host, track: MediaTrack) -> Item:
    return host.project.add_item(track, 0.0, 0.0)


@function
def DeleteTrackMediaItem(host: Host, track: MediaTrack, item: Item) -> bool:
    if item not in track.items:
        raise ReaperError("the item is not on that track")
    track.items.remove(item)
    host.project.changes += 1
    return True


@function
def GetActiveTake(host: Host, item: Item) -> MediaTake | None:
    return item.take


@function
def AddTakeToMediaItem(host: Host, item: Item) -> MediaTake:
    take = MediaTake(item, host.project.new_guid())
    item.takes.append(take)
    host.project.changes += 1
    return take


@function
def TakeIsMIDI(host: Host, take: MediaTake) -> bool:
    return take.is_midi


@function
def GetMediaItemTake_Source(host: Host, take: MediaTake) -> Source | None:
    return take.source


@function
def SetMediaItemTake_Source(host: Host, take: MediaTake, source: Source) -> bool:
    take.source = source
    host.project.changes += 1
    return True


@function
def PCM_Source_CreateFromFile(host: Host, path: str) -> Source | None:
    if not Path(path).is_file():
        return None
    return Source("VIDEO" if path.lower().endswith(VIDEO_SUFFIXES) else "WAVE", path, 3600.0, has_peaks=False)


@function
def GetMediaSourceType(host: Host, source: Source) -> str:
    return source.kind


@function
def GetMediaSourceFileName(host: Host, source: Source) -> str:
    return source.path


@function
def GetMediaSourceLength(host: Host, source: Source) -> tuple[float, bool]:
    return source.length_s, source.kind == "MIDI"


@function
def ValidatePtr2(host: Host, project: Any, thing: Any, kind: str) -> bool:
    try:
        return alive(host, thing) is not None
    except ReaperError:
        return False


@function
def Main_OnCommand(host: Host, command: int, flag: int) -> None:
    """Only *Peaks: Build any missing peaks*."""
    if command != BUILD_PEAKS:
        raise ReaperError(f"this model does not have action {command}")
    for item in host.project.items():
        for take in item.takes:
            if take.source:
                take.source.has_peaks = True
