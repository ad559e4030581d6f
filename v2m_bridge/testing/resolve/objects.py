"""The objects behind :mod:`v2m_bridge.testing.resolve.model`: application, project, media pool.

Method names and behaviour are Resolve's. A method that is in the table but not here refuses.
"""

from __future__ import annotations

import re
import uuid
import wave
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

from v2m_bridge.testing.resolve.edit import Media, ResolveEdit
from v2m_bridge.testing.resolve.placing import place_clips
from v2m_bridge.testing.resolve.state import ResolveState
from v2m_bridge.testing.resolve.timeline import TimelineObject
from v2m_bridge.timing.timecode import format_timecode

EXPORT_CONSTANTS = (
    "EXPORT_AAF",
    "EXPORT_DRT",
    "EXPORT_EDL",
    "EXPORT_FCP_7_XML",
    "EXPORT_FCPXML_1_8",
    "EXPORT_FCPXML_1_9",
    "EXPORT_FCPXML_1_10",
    "EXPORT_TEXT_CSV",
    "EXPORT_TEXT_TAB",
    "EXPORT_OTIO",
    "EXPORT_ALE",
    "EXPORT_NONE",
)


class Resolve:
    """The application."""

    KIND = "Resolve"

    def __init__(self, state: ResolveState) -> None:
        self._state = state
        number = float if state.edition.float_constants else int
        self.constants = {name: number(index) for index, name in enumerate(EXPORT_CONSTANTS)}
        self._manager = ProjectManager(state)

    def GetProjectManager(self) -> ProjectManager:
        return self._manager

    def GetProductName(self) -> str:
        return self._state.edition.product

    def GetVersion(self) -> list[Any]:
        return [*self._state.edition.version, ""]

    def GetVersionString(self) -> str:
        return ".".join(str(part) for part in self._state.edition.version)

    def GetCurrentPage(self) -> str | None:
        return self._state.page if self._state.project_open else None

    def OpenPage(self, name: str) -> bool:
        if name not in ("media", "cut", "edit", "fusion", "color", "fairlight", "deliver"):
            return False
        self._state.page = name
        return True

    def Fusion(self) -> Fusion:
        fusion: Fusion = self._state.fusion_app
        return fusion

    def IsStudio(self) -> bool:
        return self._state.edition.studio

    def GetCurrentProject(self) -> ProjectObject | None:
        return self._manager.GetCurrentProject()

    def GetCurrentTimeline(self) -> TimelineObject | None:
        return self._state.project.GetCurrentTimeline() if self._state.project_open else None


class Fusion:
    """``fusion``, ``fu`` and ``app`` of a menu script; its preferences reach the disk with ``SavePrefs``."""

    KIND = "Fusion"

    def __init__(self, state: ResolveState) -> None:
        self._state = state
        self.special: dict[str, Callable[[], Any]] = {"UIManager": self._ui_manager}

    def _ui_manager(self) -> None:
        """None in the free edition, where asking for it pops up the advertisement for Studio."""
        if not self._state.edition.studio and not self._state.edition.lua_is_sandboxed:
            self._state.modal = True

    def GetResolve(self) -> Resolve:
        app: Resolve = self._state.app
        return app

    def GetCurrentComp(self) -> Comp | None:
        """A composition is open on the Fusion page only."""
        return Comp(self._state) if self._state.page == "fusion" else None

    def GetPrefs(self, key: str | None = None) -> Any:
        return dict(self._state.prefs) if key is None else self._state.prefs.get(key)

    def SetPrefs(self, key: str, value: Any = None) -> None:
        self._state.prefs[key] = value

    def SavePrefs(self) -> bool:
        if self._state.prefs_file is None:
            return False
        self._state.prefs_file.parent.mkdir(parents=True, exist_ok=True)
        self._state.prefs_file.write_text(_prefs_text(self._state.prefs), encoding="utf-8", newline="\n")
        return True

    def MapPath(self, path: str) -> str:
        return path


class Comp:
    """A composition of the Fusion page; all that scripts use of it is its dialog."""

    KIND = "Composition"

    def __init__(self, state: ResolveState) -> None:
        self._state = state

    def AskUser(self, title: str, rows: Any) -> dict[str, Any] | None:
        self._state.asked.append((title, rows))
        return None if self._state.dialog is None else dict(self._state.dialog)


def _prefs_text(prefs: dict[str, Any]) -> str:
    """Nested Lua tables, one entry a line, as ``Fusion.prefs`` is written."""
    tree: dict[str, Any] = {}
    for key, value in prefs.items():
        *groups, leaf = key.split(".")
        node = tree
        for group in groups:
            node = node.setdefault(group, {})
        node[leaf] = value
    return _lua_table(tree, "") + "\n"


def _lua_table(node: dict[str, Any], indent: str) -> str:
    lines = ["{"]
    for key, value in node.items():
        if isinstance(value, dict):
            text = _lua_table(value, indent + "\t")
        elif isinstance(value, str):
            escaped = value.replace("\\", "\\\\").replace('"', '\\"')
            text = f'"{escaped}"'
        else:
            text = str(value).lower()
        lines.append(f"{indent}\t{key} = {text},")
    return "\n".join([*lines, f"{indent}}}"])


class ProjectManager:
    KIND = "ProjectManager"

    def __init__(self, state: ResolveState) -> None:
        self._state = state

    def GetCurrentProject(self) -> ProjectObject | None:
        return self._state.project if self._state.project_open else None

    def GetCurrentDatabase(self) -> dict[str, str]:
        return {"DbType": "Disk", "DbName": "Local Database"}


class ProjectObject:
    KIND = "Project"

    def __init__(self, state: ResolveState) -> None:
        self._state = state
        self.pool = MediaPool(state)
        self.timeline = TimelineObject(state, state.edit) if state.edit else None
        nests = _nested(state.edit) if state.edit else []
        inner = [TimelineObject(state, media.nested, media) for media in nests if media.nested]
        further = [TimelineObject(state, edit) for edit in state.others]
        self.timelines = [*inner, *([self.timeline] if self.timeline else []), *further]

    def GetName(self) -> str:
        return self._state.project_name

    def GetUniqueId(self) -> str:
        return "a5f7f5c2-2f0e-4a1f-8a55-1d9f5d6f3c11"

    def GetTimelineCount(self) -> int:
        return len(self.timelines)

    def GetTimelineByIndex(self, index: int) -> TimelineObject | None:
        return self.timelines[int(index) - 1] if 1 <= index <= len(self.timelines) else None

    def GetCurrentTimeline(self) -> TimelineObject | None:
        return self.timeline

    def SetCurrentTimeline(self, timeline: TimelineObject) -> bool:
        self.timeline = timeline
        return True

    def GetMediaPool(self) -> MediaPool:
        return self.pool

    def GetSetting(self, key: str | None = None) -> Any:
        return self.timeline.GetSetting(key) if self.timeline else ("" if key else {})

    def GetSettings(self) -> dict[str, Any]:
        return self.timeline.GetSettings() if self.timeline else {}

    @property
    def rate(self) -> Fraction:
        return self._state.edit.rate if self._state.edit else Fraction(24)


def _nested(edit: ResolveEdit) -> list[Media]:
    """Every timeline that is used as a clip, each once."""
    found: list[Media] = []
    for track in edit.video:
        for clip in track.clips:
            if clip.media and clip.media.nested and clip.media not in found:
                found += [clip.media, *_nested(clip.media.nested)]
    return list(dict.fromkeys(found))


class Folder:
    KIND = "Folder"

    def __init__(self, name: str) -> None:
        self.name = name
        self.folders: list[Folder] = []
        self.clips: list[MediaPoolItem] = []

    def GetName(self) -> str:
        return self.name

    def GetClipList(self) -> list[MediaPoolItem]:
        return list(self.clips)

    def GetSubFolderList(self) -> list[Folder]:
        return list(self.folders)


class MediaPool:
    KIND = "MediaPool"

    def __init__(self, state: ResolveState) -> None:
        self._state = state
        self.root = Folder("Master")
        self.current = self.root
        self._items: dict[Media, MediaPoolItem] = {}

    def item(self, media: Media) -> MediaPoolItem:
        """The one item of ``media``."""
        if media not in self._items:
            self._items[media] = MediaPoolItem(self._state, media)
        return self._items[media]

    def GetRootFolder(self) -> Folder:
        return self.root

    def GetCurrentFolder(self) -> Folder:
        return self.current

    def SetCurrentFolder(self, folder: Folder) -> bool:
        self.current = folder
        return True

    def AddSubFolder(self, parent: Folder, name: str) -> Folder:
        """Makes the new folder current, and makes a second one of the same name without a word."""
        folder = Folder(name)
        parent.folders.append(folder)
        self.current = folder
        return folder

    def ImportMedia(self, files: list[Any]) -> list[MediaPoolItem]:
        """Into the current folder; what is no file is left out."""
        if not isinstance(files, list):
            self._state.violations.append("MediaPool.ImportMedia wants a list")
            return []
        found = []
        for entry in files:
            path = Path(entry["FilePath"] if isinstance(entry, dict) else entry)
            if path.is_file():
                found.append(self.item(_sound(path, self._state.project.rate)))
        self.current.clips.extend(found)
        return found

    def DeleteClips(self, items: list[MediaPoolItem]) -> bool:
        """Out of every bin, and out of every timeline that uses them."""
        for folder in [self.root, *self.root.folders]:
            folder.clips = [item for item in folder.clips if item not in items]
        for timeline in self._state.project.timelines:
            for track in (t for tracks in timeline.tracks.values() for t in tracks):
                track[:] = [item for item in track if item.GetMediaPoolItem() not in items]
        return True

    def AppendToTimeline(self, *clips: Any) -> list[Any]:
        timeline = self._state.project.timeline
        wanted = clips[0] if len(clips) == 1 and isinstance(clips[0], list) else list(clips)
        return place_clips(self._state, timeline, wanted) if timeline else []


def _sound(path: Path, project_rate: Fraction) -> Media:
    """A WAV takes the frame rate of the project that it is imported into."""
    with wave.open(str(path), "rb") as sound:
        seconds = Fraction(sound.getnframes(), sound.getframerate())
    return Media(str(path), project_rate, int(seconds * project_rate), kind="audio")


class MediaPoolItem:
    KIND = "MediaPoolItem"

    def __init__(self, state: ResolveState, media: Media) -> None:
        self._state = state
        self.media = media
        self.unique_id = str(uuid.uuid5(uuid.NAMESPACE_URL, media.path))

    def GetName(self) -> str:
        return self.media.name

    def GetUniqueId(self) -> str:
        return self.unique_id

    GetMediaId = GetUniqueId

    def GetTimeline(self) -> TimelineObject | None:
        return TimelineObject(self._state, self.media.nested, self.media) if self.media.nested else None

    def GetClipProperty(self, key: str | None = None) -> Any:
        properties = self._properties()
        return properties if key is None else properties.get(key, "")

    def _usage(self) -> int:
        timelines = self._state.project.timelines
        tracks = (track for t in timelines for kind in t.tracks.values() for track in kind)
        return sum(item.spec.media == self.media for track in tracks for item in track if hasattr(item.spec, "media"))

    def _properties(self) -> dict[str, Any]:
        media, word = self.media, self._state.word
        kinds = {"video": "Video + Audio", "audio": "Audio", "still": "Still", "timeline": "Timeline"}
        kinds |= {"sequence": "Video", "multicam": "Multicam"}
        end = media.start_tc_frame + media.frames
        return {
            "File Path": "" if media.nested or media.kind == "multicam" else media.path,
            "File Name": media.name,
            "Clip Name": media.name,
            "Clip Directory": re.sub(r"[/\\][^/\\]*$", "", media.path),
            "FPS": round(float(media.rate), 3),
            "Frames": str(media.frames),
            "Start": "0",
            "Start TC": format_timecode(media.start_tc_frame, media.rate, media.drop_frame),
            "End TC": format_timecode(end, media.rate, media.drop_frame),
            "Duration": format_timecode(media.frames, media.rate, media.drop_frame),
            "Drop frame": "1" if media.drop_frame else "0",
            "Type": word(kinds[media.kind]),
            "Resolution": "" if media.kind == "audio" else "1920x1080",
            "Usage": str(self._usage()),
            "Online Status": word("Online" if media.online else "Offline"),
        }
