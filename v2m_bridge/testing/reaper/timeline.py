"""Functions on tempo, markers, regions, ruler lanes and project settings."""

from __future__ import annotations

from typing import Any

from v2m_bridge.testing.reaper.host import Host, ReaperError, function
from v2m_bridge.testing.reaper.project import Lane, ProjectMarker
from v2m_bridge.testing.reaper.tempo import Point

CUSTOM_COLOR = 0x1000000
LANE_VALUES = {"TIMEBASE": "timebase", "COLOR": "color", "HIDDEN": "hidden", "DEFAULT": "default"}
MARKER_VALUES = {"B_ISREGION", "D_STARTPOS", "D_ENDPOS", "I_NUMBER", "I_INDEX", "I_LANENUMBER", "I_CUSTOMCOLOR"}
TEMPO_LIMITS = (1.0, 960.0)
PARTIAL = 4


# tempo


@function
def CountTempoTimeSigMarkers(host: Host, project: Any) -> int:
    return len(host.project.state.tempo.points)


@function
def GetTempoTimeSigMarker(host: Host, project: Any, index: int) -> Any:
    """A point that sets no signature reads back -1, -1 (measured on exported tables)."""
    tempo = host.project.state.tempo
    if not 0 <= index < len(tempo.points):
        return False, 0.0, 0, 0.0, 0.0, 0, 0, False
    point = tempo.points[index]
    measure, quarters = tempo.measure_at(tempo.qn(point.time))
    _, denominator = tempo.signature_at(tempo.qn(point.time))
    numbers = (point.numerator, point.denominator) if point.numerator else (-1, -1)
    return True, point.time, measure, quarters * denominator / 4, point.bpm, *numbers, point.linear


@function
def SetTempoTimeSigMarker(
    host: Host,
    project: Any,
    index: int,
    time: float,
    measure: int,
    beat: float,
    bpm: float,
    numerator: int,
    denominator: int,
    linear: bool,
) -> bool:
    tempo = host.project.state.tempo
    if not -1 <= index < len(tempo.points):
        raise ReaperError(f"there is no tempo point {index}")
    if not TEMPO_LIMITS[0] <= bpm <= TEMPO_LIMITS[1]:
        raise ReaperError(f"tempo {bpm} is outside REAPER's limits")
    if (numerator > 0) != (denominator > 0) or min(numerator, denominator) < 0:
        raise ReaperError(f"signature {numerator}/{denominator}: both above 0, or both 0 to keep the one before")
    if (time < 0) == (measure < 0 or beat < 0):
        raise ReaperError("give the position by time or by measure and beat, the other as -1")
    if time < 0:
        start, _, _, lower = tempo.measure_span(measure)
        time = tempo.time(start + beat * 4 / lower)
    point = Point(time, bpm, numerator, denominator, linear)
    host.project.edit_tempo(lambda track, beats: track.set_point(index, point, beats))
    return True


@function
def GetSetTempoTimeSigMarkerFlag(host: Host, project: Any, index: int, flag: int, is_set: bool) -> int:
    """1 sets a signature, 4 lets it cut the bar before it short; the rest is not modelled."""
    points = host.project.state.tempo.points
    if not 0 <= index < len(points):
        raise ReaperError(f"there is no tempo point {index}")
    if is_set:
        points[index].partial = bool(flag & PARTIAL)
        host.project.changes += 1
    return bool(points[index].numerator) | points[index].partial * PARTIAL


@function
def DeleteTempoTimeSigMarker(host: Host, project: Any, index: int) -> bool:
    if not 0 <= index < len(host.project.state.tempo.points):
        return False
    before = len(host.project.state.tempo.points)
    host.project.edit_tempo(lambda track, beats: track.delete_point(index, beats))
    return len(host.project.state.tempo.points) < before


@function
def TimeMap2_timeToQN(host: Host, project: Any, time: float) -> float:
    return host.project.state.tempo.qn(time)


@function
def TimeMap2_QNToTime(host: Host, project: Any, qn: float) -> float:
    return host.project.state.tempo.time(qn)


@function
def TimeMap2_timeToBeats(host: Host, project: Any, time: float) -> Any:
    """Beats in the metre's own unit since the bar line, measure, beats of the measure, quarter notes, denominator."""
    tempo = host.project.state.tempo
    qn = tempo.qn(time)
    measure, quarters = tempo.measure_at(qn)
    numerator, denominator = tempo.signature_at(qn)
    return quarters * denominator / 4, measure, numerator, qn, denominator


@function
def TimeMap_GetMeasureInfo(host: Host, project: Any, measure: int) -> Any:
    tempo = host.project.state.tempo
    start, end, numerator, denominator = tempo.measure_span(measure)
    time = tempo.time(start)
    return time, start, end, numerator, denominator, tempo.bpm(time)


@function
def TimeMap_GetTimeSigAtTime(host: Host, project: Any, time: float) -> Any:
    tempo = host.project.state.tempo
    return *tempo.signature_at(tempo.qn(time)), tempo.bpm(time)


@function
def TimeMap_curFrameRate(host: Host, project: Any) -> tuple[float, bool]:
    return host.project.frame_rate, host.project.drop_frame


@function
def GetProjectTimeOffset(host: Host, project: Any, round_to_frame: bool) -> float:
    return host.project.offset_s


@function
def UpdateTimeline(host: Host) -> None:
    host.timeline_updates += 1


@function
def UpdateArrange(host: Host) -> None:
    pass


# markers and regions


@function
def CountProjectMarkers(host: Host, project: Any) -> tuple[int, int, int]:
    markers = host.project.state.markers
    regions = sum(m.end is not None for m in markers)
    return len(markers), len(markers) - regions, regions


@function
def AddProjectMarker2(
    host: Host, project: Any, is_region: bool, position: float, end: float, name: str, wanted: int, color: int
) -> int:
    return host.project.add_marker(position, name, end if is_region else None, wanted, color).number


@function
def EnumProjectMarkers3(host: Host, project: Any, index: int) -> Any:
    markers = host.project.ordered_markers()
    if not 0 <= index < len(markers):
        return 0, False, 0.0, 0.0, "", 0, 0
    m = markers[index]
    return index + 1, m.end is not None, m.position, m.end or 0.0, m.name, m.number, m.color


@function
def DeleteProjectMarkerByIndex(host: Host, project: Any, index: int) -> bool:
    markers = host.project.ordered_markers()
    if not 0 <= index < len(markers):
        return False
    del markers[index]
    host.project.changes += 1
    return True


@function
def SetProjectMarkerByIndex2(
    host: Host,
    project: Any,
    index: int,
    is_region: bool,
    position: float,
    end: float,
    number: int,
    name: str,
    color: int,
    flags: int,
) -> bool:
    """An empty name changes nothing unless ``flags & 1``; number -1 and colour 0 change nothing either."""
    markers = host.project.ordered_markers()
    if not 0 <= index < len(markers):
        return False
    marker = markers[index]
    if (marker.end is not None) != is_region:
        raise ReaperError("a marker cannot become a region")
    marker.position, marker.end = position, end if is_region else None
    marker.name = name if name or flags & 1 else marker.name
    marker.number = number if number >= 0 else marker.number
    marker.color = color or marker.color
    host.project.changes += 1
    return True


@function
def AddRegionOrMarker(
    host: Host, project: Any, is_region: bool, position: float, end: float, name: str, wanted: int, color: int
) -> ProjectMarker:
    return host.project.add_marker(position, name, end if is_region else None, wanted, color)


@function
def GetNumRegionsOrMarkers(host: Host, project: Any) -> int:
    return len(host.project.state.markers)


@function
def GetRegionOrMarker(host: Host, project: Any, index: int, guid: str) -> ProjectMarker | None:
    markers = host.project.ordered_markers()
    if guid:
        return next((m for m in markers if m.guid == guid), None)
    return markers[index] if 0 <= index < len(markers) else None


def _marker_value(name: str) -> str:
    if name not in MARKER_VALUES:
        raise ReaperError(f"no value of a marker is called {name!r}")
    return name


@function
def GetRegionOrMarkerInfo_Value(host: Host, project: Any, marker: ProjectMarker, name: str) -> float:
    return {
        "B_ISREGION": float(marker.end is not None),
        "D_STARTPOS": marker.position,
        "D_ENDPOS": marker.end or 0.0,
        "I_NUMBER": float(marker.number),
        "I_INDEX": float(host.project.ordered_markers().index(marker)),
        "I_LANENUMBER": float(marker.lane),
        "I_CUSTOMCOLOR": float(marker.color),
    }[_marker_value(name)]


@function
def SetRegionOrMarkerInfo_Value(host: Host, project: Any, marker: ProjectMarker, name: str, value: float) -> float:
    if _marker_value(name) == "D_STARTPOS":
        marker.position = value
    elif name == "D_ENDPOS":
        marker.end = value
    elif name == "I_LANENUMBER":
        if not 0 <= value < len(host.project.state.lanes):
            raise ReaperError(f"there is no ruler lane {value}")
        marker.lane = int(value)
    elif name == "I_CUSTOMCOLOR":
        marker.color = int(value)
    else:
        raise ReaperError(f"{name} of a marker is not for scripts to set")
    host.project.changes += 1
    return 0.0


@function
def GetSetRegionOrMarkerInfo_String(
    host: Host, project: Any, marker: ProjectMarker, name: str, value: str, is_set: bool
) -> tuple[bool, str]:
    if name == "GUID" and not is_set:
        return True, marker.guid
    if name != "P_NAME":
        raise ReaperError(f"no text of a marker is called {name!r}")
    if is_set:
        marker.name = value
        host.project.changes += 1
    return True, marker.name


@function
def ColorToNative(host: Host, red: int, green: int, blue: int) -> int:
    return red | green << 8 | blue << 16


# project settings and ruler lanes


@function
def GetSetProjectInfo(host: Host, project: Any, name: str, value: float, is_set: bool) -> float:
    if name == "PROJECT_TIMEBASE":
        if is_set:
            raise ReaperError("PROJECT_TIMEBASE cannot be set by scripts")
        return float(host.project.timebase)
    if name == "PROJECT_TIMEBASE_FLAGS" and not is_set:
        return float(host.project.timebase_flags)
    if name.startswith("RULER_LANE_"):
        return _lane_value(host, name.removeprefix("RULER_LANE_"), value, is_set) if host.has_lanes else 0.0
    raise ReaperError(f"no project setting is called {name!r}")


def _lane_value(host: Host, name: str, value: float, is_set: bool) -> float:
    lanes = host.project.state.lanes
    if name == "COUNT":
        return float(len(lanes))
    what, _, index = name.partition(":")
    if what == "ORDER" and is_set and index.isdigit():
        if value == -1 and host.lanes_can_be_made and int(index) <= len(lanes):
            lanes.insert(int(index), Lane(host.project.new_guid()))
            host.project.changes += 1
        return 0.0
    if what not in LANE_VALUES:
        raise ReaperError(f"no ruler lane setting is called {what!r}")
    # "TIMEBASE:2.0" is not parsed and answers 0, like any lane that is not there
    if not index.isdigit() or int(index) >= len(lanes):
        return 0.0
    if is_set:
        setattr(lanes[int(index)], LANE_VALUES[what], float(value))
        host.project.changes += 1
    return float(getattr(lanes[int(index)], LANE_VALUES[what]))


@function
def GetSetProjectInfo_String(host: Host, project: Any, name: str, value: str, is_set: bool) -> tuple[bool, str]:
    what, _, index = name.partition(":")
    if what == "MARKER_GUID":
        markers = host.project.ordered_markers()
        there = index.isdigit() and int(index) < len(markers)
        return (True, markers[int(index)].guid) if there else (False, "")
    if what in ("RULER_LANE_NAME", "RULER_LANE_GUID"):
        lanes = host.project.state.lanes
        if not host.has_lanes or not index.isdigit() or int(index) >= len(lanes):
            return False, ""
        lane = lanes[int(index)]
        if what == "RULER_LANE_GUID":
            return not is_set, lane.guid
        if is_set:
            lane.name = value
            host.project.changes += 1
        return True, lane.name
    if what == "PROJECT_NAME":
        return True, host.project.path
    raise ReaperError(f"no project text is called {name!r}")


@function
def GetSet_LoopTimeRange2(
    host: Host, project: Any, is_set: bool, is_loop: bool, start: float, end: float, seek: bool
) -> tuple[float, float]:
    if is_set:
        host.project.state.selection = (start, end)
        host.project.changes += 1
    return host.project.state.selection


@function
def GetPlayStateEx(host: Host, project: Any) -> int:
    return host.project.play_state


@function
def GetPlayState(host: Host) -> int:
    return host.project.play_state


@function
def GetCursorPosition(host: Host) -> float:
    return host.project.cursor_s


@function
def GetProjectLength(host: Host, project: Any) -> float:
    return max((i.position + i.length for i in host.project.items()), default=0.0)


@function
def GetProjectName(host: Host, project: Any) -> str:
    return host.project.path.rpartition("/")[2]


@function
def EnumProjects(host: Host, index: int) -> tuple[Any, str]:
    """The project of tab ``index``; -1 is the one in front."""
    tabs = host.open_projects
    if index >= len(tabs):
        return None, ""
    project = host.project if index == -1 else tabs[index]
    return project, project.path


@function
def SelectProjectInstance(host: Host, project: Any) -> None:
    if not any(project is tab for tab in host.open_projects):
        raise ReaperError("that project is not open")
    host.project = project


@function
def GetProjectStateChangeCount(host: Host, project: Any) -> int:
    return host.project.changes


@function
def MarkProjectDirty(host: Host, project: Any) -> None:
    pass
