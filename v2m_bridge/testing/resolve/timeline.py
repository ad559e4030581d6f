"""The timeline behind :mod:`v2m_bridge.testing.resolve.model`. Names and behaviour are Resolve's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from v2m_bridge.testing.resolve.edit import EditTrack, Media, ResolveEdit
from v2m_bridge.testing.resolve.items import ItemObject
from v2m_bridge.testing.resolve.markers import MarkerHolder
from v2m_bridge.testing.resolve.otio import otio_text
from v2m_bridge.testing.resolve.state import ResolveState
from v2m_bridge.testing.resolve.xmeml import xmeml_text
from v2m_bridge.timing.timecode import format_timecode


class TimelineObject(MarkerHolder):
    KIND = "Timeline"

    def __init__(self, state: ResolveState, edit: ResolveEdit, media: Media | None = None) -> None:
        super().__init__(edit.markers)
        self._state = state
        self.edit = edit
        self._media = media
        self.marks = {"in": edit.mark_in, "out": edit.mark_out}
        self.audio_marks = dict(zip(("in", "out"), edit.audio_marks, strict=True)) if edit.audio_marks else None
        kinds = {"video": edit.video, "audio": edit.audio, "subtitle": edit.subtitles}
        self.tracks: dict[str, list[list[ItemObject]]] = {
            kind: [self._items(kind, i, track) for i, track in enumerate(tracks)] for kind, tracks in kinds.items()
        }
        self.names = {
            kind: [track.name or f"{state.word(kind.title())} {i + 1}" for i, track in enumerate(tracks)]
            for kind, tracks in kinds.items()
        }
        self.enabled = {kind: [track.enabled for track in tracks] for kind, tracks in kinds.items()}
        self.locked = {kind: [track.locked for track in tracks] for kind, tracks in kinds.items()}

    def _items(self, kind: str, index: int, track: EditTrack) -> list[ItemObject]:
        items = [ItemObject(self._state, self, kind, index + 1, item) for item in track.items]
        return sorted(items, key=lambda item: item.start)

    def GetName(self) -> str:
        return self.edit.name

    def GetUniqueId(self) -> str:
        return self.edit.unique_id

    def GetMediaPoolItem(self) -> Any:
        """A timeline lies in the media pool too, also before it is used as a clip."""
        media = self._media or Media(
            self.edit.name, self.edit.rate, self.edit.length, kind="timeline", nested=self.edit
        )
        return self._state.project.pool.item(media)

    def GetStartFrame(self) -> int:
        return self.edit.start_frame

    def GetEndFrame(self) -> int:
        return self.edit.start_frame + self.edit.length

    def GetStartTimecode(self) -> str:
        return format_timecode(self.edit.start_frame, self.edit.rate, self.edit.drop_frame)

    def GetTrackCount(self, kind: str) -> int:
        return len(self.tracks.get(kind, ()))

    def GetTrackName(self, kind: str, index: int) -> str:
        return self.names[kind][int(index) - 1] if self._has(kind, index) else ""

    def SetTrackName(self, kind: str, index: int, name: str) -> bool:
        if self._has(kind, index):
            self.names[kind][int(index) - 1] = name
        return self._has(kind, index)

    def GetTrackSubType(self, kind: str, index: int) -> str:
        return "stereo" if kind == "audio" and self._has(kind, index) else ""

    def GetIsTrackEnabled(self, kind: str, index: int) -> bool:
        return self._has(kind, index) and self.enabled[kind][int(index) - 1]

    def SetTrackEnable(self, kind: str, index: int, on: bool) -> bool:
        if self._has(kind, index):
            self.enabled[kind][int(index) - 1] = bool(on)
        return self._has(kind, index)

    def GetIsTrackLocked(self, kind: str, index: int) -> bool:
        return self._has(kind, index) and self.locked[kind][int(index) - 1]

    def SetTrackLock(self, kind: str, index: int, on: bool) -> bool:
        if self._has(kind, index):
            self.locked[kind][int(index) - 1] = bool(on)
        return self._has(kind, index)

    def _has(self, kind: str, index: float) -> bool:
        return 1 <= index <= len(self.tracks.get(kind, ()))

    def AddTrack(self, kind: str, options: Any = None) -> bool:
        subtype = options.get("audioType") if isinstance(options, dict) else options
        if kind not in self.tracks or (kind == "audio" and subtype not in ("mono", "stereo", "5.1", "7.1", None)):
            return False
        self.tracks[kind].append([])
        self.names[kind].append(f"{self._state.word(kind.title())} {len(self.tracks[kind])}")
        self.enabled[kind].append(True)
        self.locked[kind].append(False)
        return True

    def GetItemListInTrack(self, kind: str, index: int) -> list[ItemObject]:
        return list(self.tracks[kind][int(index) - 1]) if self._has(kind, index) else []

    def DeleteClips(self, items: list[ItemObject], ripple: bool = False) -> bool:
        """On the Edit page only; linked items go too, those on locked tracks stay."""
        if self._state.page != "edit":
            return self._state.delete_lies
        if self._state.refuse_delete > 0:
            self._state.refuse_delete -= 1
            return False
        gone = [*items, *(other for item in items for other in item.linked)]
        for kind, tracks in self.tracks.items():
            for track, locked in zip(tracks, self.locked[kind], strict=True):
                if not locked:
                    track[:] = [item for item in track if item not in gone]
        return True

    def GetSelectedClips(self) -> list[ItemObject]:
        return [item for tracks in self.tracks.values() for track in tracks for item in track if item.selected]

    def GetMarkInOut(self) -> dict[str, dict[str, int]]:
        """A point that is not set is left out, and so is a side without points."""
        sides = {"video": self.marks, "audio": self.audio_marks or self.marks}
        found = {side: {key: f for key, f in marks.items() if f is not None} for side, marks in sides.items()}
        return {side: marks for side, marks in found.items() if marks}

    def SetMarkInOut(self, first: int, last: int, kind: str = "all") -> bool:
        self.marks = {"in": int(first), "out": int(last)}
        return True

    def ClearMarkInOut(self, kind: str = "all") -> bool:
        self.marks = {"in": None, "out": None}
        return True

    def GetSettings(self) -> dict[str, Any]:
        rate = f"{float(self.edit.rate):.3f}".rstrip("0").rstrip(".")
        number: Any = rate + (" DF" if self.edit.drop_frame else "")
        if self._state.edition.release >= (21, 1):
            number = round(float(self.edit.rate), 3)
        found = {"timelineFrameRate": number, "timelineDropFrameTimecode": "1" if self.edit.drop_frame else "0"}
        if self._state.edition is not None and not (self._state.edition.lua_is_sandboxed):
            found["useCustomSettings"] = "0"
        return found

    def GetSetting(self, key: str | None = None) -> Any:
        settings = self.GetSettings()
        return settings if key is None else settings.get(key, "")

    def Export(self, path: str, kind: Any, subtype: Any = None) -> bool:
        constants = self._state.app.constants
        if isinstance(kind, str) or isinstance(subtype, str):
            self._state.violations.append("Timeline.Export wants constants of the resolve object, not text")
            return False
        written = {constants.get("EXPORT_OTIO"): otio_text, constants["EXPORT_FCP_7_XML"]: xmeml_text}
        if kind not in written or self._state.refuse_export or not Path(path).parent.is_dir():
            return False
        text = written[kind](self.edit, self.GetMarkers(), self._state.rounded_rates)
        Path(path).write_text(text, encoding="utf-8", newline="\n")
        return True
