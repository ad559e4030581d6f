"""A REAPER project as far as scripts can see it: tracks, items, takes, MIDI, markers, lanes, undo.

Modelled in detail is what causes errors in practice: timebases that move items, signatures off the bar line, pointers
that undo invalidates, unsorted MIDI, ruler lanes that only newer versions have.
"""

from __future__ import annotations

import copy
import hashlib
from bisect import insort
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from v2m_bridge.testing.reaper.tempo import Point, TempoTrack

PPQ = 960
TIME, BEATS, BEATS_POSITION = 0, 1, 2
"""Timebases of projects, tracks and items; -1 inherits."""

FLAG_MIDI, FLAG_STRETCH = 1, 2
"""``PROJECT_TIMEBASE_FLAGS``: the timebase holds for MIDI items too; items in beats are stretched, not re-rated."""

ITEM_VALUES = {
    "B_MUTE": 0.0,
    "B_LOOPSRC": 1.0,
    "B_UISEL": 0.0,
    "C_LOCK": 0.0,
    "C_BEATATTACHMODE": -1.0,
    "C_AUTOSTRETCH": 0.0,
    "D_POSITION": 0.0,
    "D_LENGTH": 0.0,
    "D_VOL": 1.0,
    "D_FADEINLEN": 0.0,
    "D_FADEOUTLEN": 0.0,
    "I_GROUPID": 0.0,
    "I_CUSTOMCOLOR": 0.0,
    "IP_ITEMNUMBER": 0.0,
}
TRACK_VALUES = {
    "B_MUTE": 0.0,
    "I_SOLO": 0.0,
    "I_SELECTED": 0.0,
    "I_RECARM": 0.0,
    "I_RECINPUT": -1.0,
    "I_RECMON": 0.0,
    "I_HEIGHTOVERRIDE": 0.0,
    "I_CUSTOMCOLOR": 0.0,
    "I_FOLDERDEPTH": 0.0,
    "I_NCHAN": 2.0,
    "C_BEATATTACHMODE": -1.0,
    "D_VOL": 1.0,
    "IP_TRACKNUMBER": 0.0,
}
TAKE_VALUES = {"D_STARTOFFS": 0.0, "D_VOL": 1.0, "D_PLAYRATE": 1.0, "B_PPITCH": 1.0, "I_CUSTOMCOLOR": 0.0}

Event = tuple[int, int, bytes]
"""Tick, flags (1 selected, 2 muted, shape in the high half), MIDI message or ``FF type text``."""


@dataclass(eq=False)
class Source:
    """Where a take's content comes from; ``kind`` is REAPER's word: MIDI, VIDEO, WAVE."""

    kind: str
    path: str = ""
    length_s: float = 0.0
    has_peaks: bool = True


@dataclass(eq=False)
class MediaTake:
    item: Item
    guid: str
    source: Source | None = None
    name: str = ""
    values: dict[str, float] = field(default_factory=lambda: dict(TAKE_VALUES))
    ext: dict[str, str] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)
    sorted: bool = True

    @property
    def is_midi(self) -> bool:
        return self.source is not None and self.source.kind == "MIDI"

    def __deepcopy__(self, memo: dict[int, Any]) -> MediaTake:
        # events are immutable: copying their list is enough, and 20,000 of them are no rarity
        twin = MediaTake(copy.deepcopy(self.item, memo), self.guid, self.source, self.name)
        memo[id(self)] = twin
        twin.values, twin.ext = dict(self.values), dict(self.ext)
        twin.events, twin.sorted = list(self.events), self.sorted
        return twin


@dataclass(eq=False)
class Item:
    track: MediaTrack
    guid: str
    values: dict[str, float] = field(default_factory=lambda: dict(ITEM_VALUES))
    notes: str = ""
    ext: dict[str, str] = field(default_factory=dict)
    takes: list[MediaTake] = field(default_factory=list)
    stretch_markers: int = 0

    @property
    def position(self) -> float:
        return self.values["D_POSITION"]

    @property
    def length(self) -> float:
        return self.values["D_LENGTH"]

    @property
    def take(self) -> MediaTake | None:
        return self.takes[0] if self.takes else None

    def __deepcopy__(self, memo: dict[int, Any]) -> Item:
        twin = Item(copy.deepcopy(self.track, memo), self.guid, dict(self.values), self.notes, dict(self.ext))
        memo[id(self)] = twin
        twin.takes = copy.deepcopy(self.takes, memo)
        twin.stretch_markers = self.stretch_markers
        return twin


@dataclass(eq=False)
class MediaTrack:
    guid: str
    name: str = ""
    values: dict[str, float] = field(default_factory=lambda: dict(TRACK_VALUES))
    ext: dict[str, str] = field(default_factory=dict)
    items: list[Item] = field(default_factory=list)
    effects: list[str] = field(default_factory=list)
    sends: int = 0

    def __deepcopy__(self, memo: dict[int, Any]) -> MediaTrack:
        twin = MediaTrack(self.guid, self.name, dict(self.values), dict(self.ext), [], list(self.effects), self.sends)
        memo[id(self)] = twin
        twin.items = copy.deepcopy(self.items, memo)
        return twin


@dataclass(eq=False)
class ProjectMarker:
    """A marker, or a region when ``end`` is not None; ``lane`` indexes the project's ruler lanes."""

    guid: str
    number: int
    position: float
    end: float | None
    name: str
    color: int = 0
    lane: int = 0


@dataclass
class Lane:
    guid: str
    name: str = ""
    timebase: float = -1.0
    color: float = 0.0
    hidden: float = 0.0
    default: float = 0.0


@dataclass
class ProjectState:
    """Everything that undo covers."""

    tempo: TempoTrack = field(default_factory=TempoTrack)
    tracks: list[MediaTrack] = field(default_factory=list)
    master: MediaTrack = field(default_factory=lambda: MediaTrack("{MASTER}", "MASTER"))
    markers: list[ProjectMarker] = field(default_factory=list)
    lanes: list[Lane] = field(default_factory=lambda: [Lane("{LANE-0}", default=3.0)])
    selection: tuple[float, float] = (0.0, 0.0)
    ext: dict[tuple[str, str], str] = field(default_factory=dict)


class Project:
    """One open project. ``timebase`` is the project's for items and markers, ``tempo_timebase`` the tempo track's.

    ``timebase_flags`` are :data:`FLAG_MIDI` and :data:`FLAG_STRETCH`.
    """

    def __init__(
        self,
        *,
        timebase: int = TIME,
        tempo_timebase: int = TIME,
        timebase_flags: int = FLAG_MIDI,
        offset_s: float = 0.0,
        frame_rate: float = 30.0,
        drop_frame: bool = False,
        undo_covers_ext: bool = False,
    ) -> None:
        self.state = ProjectState()
        self.undo_covers_ext = undo_covers_ext
        self.timebase = timebase
        self.tempo_timebase = tempo_timebase
        self.timebase_flags = timebase_flags
        self.heights_pending = False
        self.offset_s = offset_s
        self.frame_rate = frame_rate
        self.drop_frame = drop_frame
        self.guid = "{PROJECT}"
        self.path = ""
        self.play_state = 0
        self.cursor_s = 0.0
        self.changes = 0
        self.undo_stack: list[tuple[str, ProjectState]] = []
        self.redo_stack: list[tuple[str, ProjectState]] = []
        self._block: list[tuple[ProjectState, int]] = []
        self._guids = 0
        self._ordered_at = -1

    def new_guid(self) -> str:
        """GUIDs are counted, so that two runs give the same project."""
        self._guids += 1
        digest = hashlib.sha256(str(self._guids).encode()).hexdigest().upper()
        return f"{{{digest[:8]}-{digest[8:12]}-{digest[12:16]}-{digest[16:20]}-{digest[20:32]}}}"

    # undo

    @property
    def open_blocks(self) -> int:
        return len(self._block)

    def begin_block(self) -> None:
        self._block.append((copy.deepcopy(self.state), self.changes))

    def end_block(self, name: str) -> None:
        """Close a block; only the outermost makes an undo point, and only if something changed."""
        before, changes = self._block.pop()
        if not self._block and self.changes != changes:
            self.undo_stack.append((name, before))
            self.redo_stack.clear()

    def undo(self) -> bool:
        if not self.undo_stack:
            return False
        name, before = self.undo_stack.pop()
        self.redo_stack.append((name, self.state))
        self._become(before)
        return True

    def redo(self) -> bool:
        if not self.redo_stack:
            return False
        name, after = self.redo_stack.pop()
        self.undo_stack.append((name, self.state))
        self._become(after)
        return True

    def _become(self, state: ProjectState) -> None:
        # whether undo covers the values that scripts store is not established: both can be tried
        if not self.undo_covers_ext:
            state.ext = self.state.ext
        self.state = state
        self.changes += 1

    @property
    def ext(self) -> dict[tuple[str, str], str]:
        """What scripts stored in the project, by section and key."""
        return self.state.ext

    # tempo

    def edit_tempo(self, edit: Callable[[TempoTrack, bool], None]) -> None:
        """Change the tempo track; whatever keeps its beats is moved (and items re-rated) at once, as REAPER does."""
        tempo = self.state.tempo
        items = [
            (item, tempo.qn(item.position), tempo.qn(item.position + item.length))
            for track in self.state.tracks
            for item in track.items
            if self.item_timebase(item) != TIME
        ]
        markers = [
            (m, tempo.qn(m.position), None if m.end is None else tempo.qn(m.end))
            for m in self.state.markers
            if self.marker_timebase(m) != TIME
        ]
        edit(tempo, self.tempo_timebase != TIME)
        for item, start_qn, end_qn in items:
            self._follow_beats(item, start_qn, end_qn)
        for track in self.state.tracks if items else ():
            track.items.sort(key=lambda i: i.position)
        for marker, start_qn, region_qn in markers:
            marker.position = tempo.time(start_qn)
            marker.end = None if region_qn is None else tempo.time(region_qn)
        self.changes += 1

    def _follow_beats(self, item: Item, start_qn: float, end_qn: float) -> None:
        tempo = self.state.tempo
        item.values["D_POSITION"] = tempo.time(start_qn)
        if self.item_timebase(item) == BEATS:
            length = tempo.time(end_qn) - item.position
            take = item.take
            if take and not take.is_midi and length > 0:
                if self.stretches(item):
                    item.stretch_markers += 1
                else:
                    take.values["D_PLAYRATE"] *= item.length / length
            item.values["D_LENGTH"] = length

    def stretches(self, item: Item) -> bool:
        """Whether an item in beats gets stretch markers when the tempo changes, and not another rate."""
        return bool(item.values["C_AUTOSTRETCH"] or self.timebase_flags & FLAG_STRETCH)

    def item_timebase(self, item: Item) -> int:
        if item.take and item.take.is_midi and not self.timebase_flags & FLAG_MIDI:
            return BEATS
        for value in (item.values["C_BEATATTACHMODE"], item.track.values["C_BEATATTACHMODE"]):
            if value >= 0:
                return int(value)
        return self.timebase

    def marker_timebase(self, marker: ProjectMarker) -> int:
        if 0 <= marker.lane < len(self.state.lanes) and self.state.lanes[marker.lane].timebase >= 0:
            return int(self.state.lanes[marker.lane].timebase)
        return self.timebase

    def add_tempo_point(self, point: Point) -> None:
        """Set up a point before a script runs."""
        self.edit_tempo(lambda tempo, beats: tempo.set_point(-1, point, beats))

    # tracks and items

    def add_track(self, name: str = "", index: int | None = None) -> MediaTrack:
        track = MediaTrack(self.new_guid(), name)
        self.state.tracks.insert(len(self.state.tracks) if index is None else index, track)
        self.changes += 1
        return track

    def add_item(self, track: MediaTrack, position: float, length: float, source: Source | None = None) -> Item:
        item = Item(track, self.new_guid())
        item.values["D_POSITION"], item.values["D_LENGTH"] = position, length
        if source:
            item.takes.append(MediaTake(item, self.new_guid(), source))
        insort(track.items, item, key=lambda i: i.position)
        self.changes += 1
        return item

    def put_in_order(self, item: Item) -> None:
        """Items of a track are enumerated by position: find ``item`` its new place."""
        item.track.items.remove(item)
        insort(item.track.items, item, key=lambda i: i.position)

    def items(self) -> list[Item]:
        return [item for track in self.state.tracks for item in track.items]

    # MIDI: ticks count from the item's start, by quarter notes

    def ppq_at_qn(self, take: MediaTake, qn: float) -> float:
        return (qn - self.state.tempo.qn(take.item.position)) * PPQ

    def qn_at_ppq(self, take: MediaTake, ppq: float) -> float:
        return self.state.tempo.qn(take.item.position) + ppq / PPQ

    def time_at_ppq(self, take: MediaTake, ppq: float) -> float:
        return self.state.tempo.time(self.qn_at_ppq(take, ppq))

    # markers

    def ordered_markers(self) -> list[ProjectMarker]:
        """In the order in which scripts enumerate them."""
        if self._ordered_at != self.changes:
            self.state.markers.sort(key=lambda m: (m.position, m.end is None, m.number))
            self._ordered_at = self.changes
        return self.state.markers

    def add_marker(
        self, position: float, name: str, end: float | None = None, number: int = -1, color: int = 0
    ) -> ProjectMarker:
        """``number`` -1 takes the smallest free one."""
        taken = {m.number for m in self.state.markers if (m.end is None) == (end is None)}
        if number < 0:
            number = next(n for n in range(1, len(taken) + 2) if n not in taken)
        default = 1 if end is not None else 2
        lane = next((i for i, x in enumerate(self.state.lanes) if int(x.default) & default), 0)
        marker = ProjectMarker(self.new_guid(), number, position, end, name, color, lane)
        self.state.markers.append(marker)
        self.changes += 1
        return marker
