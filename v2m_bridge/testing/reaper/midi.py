"""Functions on MIDI: a take's events, and what is read off them."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from v2m_bridge.testing.reaper.host import Host, ReaperError, function
from v2m_bridge.testing.reaper.project import PPQ, Event, Item, MediaTake, MediaTrack, Source

CLOSING = bytes([0xB0, 0x7B, 0])
LAST_TEXT_TYPE = 15


@dataclass(frozen=True)
class MidiNote:
    """A note as MIDI_GetNote gives it; ticks from the item's start."""

    start: int
    end: int
    channel: int
    pitch: int
    velocity: int


def notes_of(take: MediaTake) -> list[MidiNote]:
    """Notes by start; an end belongs to the oldest sounding note of its pitch."""
    sounding: dict[tuple[int, int], list[tuple[int, int]]] = {}
    notes = []
    for tick, _, message in take.events:
        kind = message[0] & 0xF0
        if kind == 0x90 and message[2]:
            sounding.setdefault((message[0] & 15, message[1]), []).append((tick, message[2]))
        elif kind == 0x80 or kind == 0x90:
            waiting = sounding.get((message[0] & 15, message[1]))
            if waiting:
                start, velocity = waiting.pop(0)
                notes.append(MidiNote(start, tick, message[0] & 15, message[1], velocity))
    return sorted(notes, key=lambda n: (n.start, n.pitch, n.channel))


def controls_of(take: MediaTake) -> list[Event]:
    """Controllers and programs, without the message that ends the source."""
    return [e for e in take.events[:-1] if e[2][0] & 0xF0 in (0xA0, 0xB0, 0xC0, 0xD0, 0xE0)]


def texts_of(take: MediaTake) -> list[Event]:
    """Meta and system-exclusive events."""
    return [e for e in take.events if e[2][0] in (0xF0, 0xFF)]


def sort_events(take: MediaTake) -> None:
    """By tick; at one tick ends before everything else, starts last; the closing message stays last."""
    *events, closing = take.events

    def rank(event: Event) -> tuple[int, int]:
        kind = event[2][0] & 0xF0
        return event[0], 0 if kind == 0x80 else 2 if kind == 0x90 else 1

    events.sort(key=rank)
    last = max([closing[0], *(e[0] for e in events)])
    take.events = [*events, (last, closing[1], closing[2])]
    take.sorted = True


@function
def CreateNewMIDIItemInProj(host: Host, track: MediaTrack, start: float, end: float, in_qn: bool = False) -> Item:
    tempo = host.project.state.tempo
    start_qn, end_qn = (start, end) if in_qn else (tempo.qn(start), tempo.qn(end))
    start_s = tempo.time(start_qn)
    item = host.project.add_item(track, start_s, tempo.time(end_qn) - start_s, Source("MIDI"))
    assert item.take
    item.take.events = [(round((end_qn - start_qn) * PPQ), 0, CLOSING)]
    return item


@function
def MIDI_GetPPQPosFromProjQN(host: Host, take: MediaTake, qn: float) -> float:
    return host.project.ppq_at_qn(take, qn)


@function
def MIDI_GetPPQPosFromProjTime(host: Host, take: MediaTake, time: float) -> float:
    return host.project.ppq_at_qn(take, host.project.state.tempo.qn(time))


@function
def MIDI_GetProjQNFromPPQPos(host: Host, take: MediaTake, ppq: float) -> float:
    return host.project.qn_at_ppq(take, ppq)


@function
def MIDI_GetProjTimeFromPPQPos(host: Host, take: MediaTake, ppq: float) -> float:
    return host.project.time_at_ppq(take, ppq)


def _insert(host: Host, take: MediaTake, *events: Event) -> None:
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
    take: MediaTake,
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
    host: Host,
    take: MediaTake,
    selected: bool,
    muted: bool,
    ppq: float,
    status: int,
    channel: int,
    first: int,
    second: int,
) -> bool:
    message = bytes([status | channel & 15, _data(first, "number"), _data(second, "value")])
    _insert(host, take, (round(ppq), selected | muted << 1, message))
    return True


@function
def MIDI_InsertTextSysexEvt(
    host: Host, take: MediaTake, selected: bool, muted: bool, ppq: float, kind: int, text: bytes
) -> bool:
    if not -1 <= kind <= LAST_TEXT_TYPE:
        raise ReaperError(f"text type {kind} does not exist")
    message = b"\xf0" + text + b"\xf7" if kind == -1 else bytes([0xFF, kind]) + text
    _insert(host, take, (round(ppq), selected | muted << 1, message))
    return True


@function
def MIDI_DisableSort(host: Host, take: MediaTake) -> None:
    take.sorted = False


@function
def MIDI_Sort(host: Host, take: MediaTake) -> None:
    sort_events(take)


@function
def MIDI_SetAllEvts(host: Host, take: MediaTake, buffer: bytes) -> bool:
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


def _settled(take: MediaTake) -> MediaTake:
    if not take.sorted:
        raise ReaperError("the take's events were inserted without MIDI_Sort")
    return take


@function
def MIDI_GetAllEvts(host: Host, take: MediaTake) -> tuple[bool, bytes]:
    parts, before = [], 0
    for tick, flags, message in _settled(take).events:
        parts.append(struct.pack("<iBi", tick - before, flags, len(message)) + message)
        before = tick
    return True, b"".join(parts)


@function
def MIDI_CountEvts(host: Host, take: MediaTake) -> tuple[int, int, int, int]:
    _settled(take)
    notes, controls, texts = len(notes_of(take)), len(controls_of(take)), len(texts_of(take))
    return notes + controls + texts, notes, controls, texts


def _nth(found: list[Any], index: int, shown: Callable[[Any], tuple[Any, ...]], empty: tuple[Any, ...]) -> Any:
    return (True, *shown(found[index])) if 0 <= index < len(found) else (False, *empty)


@function
def MIDI_GetNote(host: Host, take: MediaTake, index: int) -> Any:
    return _nth(
        notes_of(_settled(take)),
        index,
        lambda n: (False, False, float(n.start), float(n.end), n.channel, n.pitch, n.velocity),
        (False, False, 0.0, 0.0, 0, 0, 0),
    )


@function
def MIDI_GetCC(host: Host, take: MediaTake, index: int) -> Any:
    return _nth(
        controls_of(_settled(take)),
        index,
        lambda e: (False, False, float(e[0]), e[2][0] & 0xF0, e[2][0] & 15, e[2][1], e[2][2] if len(e[2]) > 2 else 0),
        (False, False, 0.0, 0, 0, 0, 0),
    )


@function
def MIDI_GetTextSysexEvt(host: Host, take: MediaTake, index: int, *unused: Any) -> Any:
    return _nth(
        texts_of(_settled(take)),
        index,
        lambda e: (False, False, float(e[0]), e[2][1] if e[2][0] == 0xFF else -1, e[2][2:]),
        (False, False, 0.0, 0, b""),
    )
