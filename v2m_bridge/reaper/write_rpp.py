"""Write a REAPER project that opens by itself with the whole cue: tempo, markers, region, chords, MIDI, picture.

Field meanings are those of projects REAPER saved (5.9 .. 7.5); everything left out takes REAPER's default.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from v2m_bridge.files.whole import write_whole
from v2m_bridge.reaper.session import (
    CUE_COLOR,
    MIDI_MARKER,
    ChordItem,
    MidiItem,
    Session,
    SessionTrack,
    TrackKind,
    VideoItem,
    plan_session,
    session_tempo_map,
)
from v2m_bridge.score.model import PREVIEW, PreviewDocument, Score
from v2m_bridge.timing.rates import rate_text
from v2m_bridge.timing.tempo import PPQ, TempoMap
from v2m_bridge.timing.timecode import nominal_fps

SQUARE, LINEAR = 1, 0
SETS_METRE = 1
TIMEBASE_TIME, TIMEBASE_BEATS = 0, 1
CUSTOM_COLOR = 0x1000000
CHORD_GROUP = 1
MARKER_LANE, REGION_LANE, OUR_LANE, FORM_LANE = 1, 2, 3, 4
LANES = ((MARKER_LANE, 4, "", -1), (REGION_LANE, 8, "", -1), (OUR_LANE, 0, "v2m", 0), (FORM_LANE, 0, "v2m sections", 0))
"""Ruler lanes (REAPER 7.62 on; older versions pass over the lines): number, flags, name, timebase.

New markers and regions of the user go to the first two (flags 4 and 8); what is ours stands in lanes with the timebase
time, so that it stays on the picture when somebody edits the tempo.
"""
SYNTH = '<VST "VSTi: ReaSynth (Cockos)" reasynth.dll 0 "" 1919251321<5653547265737972656173796E746800> ""'
"""REAPER's own synthesizer with its default sound: every installation has it, on every system."""
SYNTH_VOLUME = 0.25
"""Of a part that sounds through it: several at full volume would clip."""
PREVIEW_COLOR = 0x808080
FORMAT_VERSION = "6.0/v2m-bridge"
"""An old version on purpose: REAPER warns about projects newer than itself."""


def write_rpp(score: Score, path: Path) -> None:
    """Write ``score`` as a project at ``path``; equal scores give equal bytes.

    The parts sound through REAPER's own synthesizer. A score with a preview has it on a muted track, to be found as
    ``preview.wav`` beside the project.

    Raises:
        HostError: the score's tempo map contradicts itself.
        InputError: the file cannot be written.
    """
    write_whole(path, "\n".join(_project(plan_session(score), score.preview)) + "\n")


@dataclass(frozen=True)
class _Writer:
    """What every part of the file needs: the plan, its tempo map, and names turned into GUIDs."""

    session: Session
    tempo: TempoMap

    def guid(self, *names: object) -> str:
        """A GUID that depends on the score's content and on ``names`` alone."""
        text = "\n".join([self.session.identity, *map(str, names)])
        digest = hashlib.sha256(text.encode()).hexdigest().upper()
        return f"{{{digest[:8]}-{digest[8:12]}-{digest[12:16]}-{digest[16:20]}-{digest[20:32]}}}"

    def seconds(self, beat: float) -> float:
        return self.tempo.seconds_at(beat)


def _project(session: Session, preview: PreviewDocument | None) -> Iterator[str]:
    writer = _Writer(session, session_tempo_map(session))
    first = session.tempo[0]
    yield f'<REAPER_PROJECT 0.1 "{FORMAT_VERSION}" 0'
    yield from _notes(session)
    yield "  RIPPLE 0"
    yield f"  PROJOFFS {_number(session.offset_s)} 0 0"
    yield f"  TIMEMODE 5 0 5 {nominal_fps(session.rate)} {_frame_rate_flag(session)} -1 -1"
    yield "  PANMODE 3"
    yield "  CURSOR 0"
    yield f"  ZOOM {_number(1200 / max(session.duration_s, 1.0))} 0 0"
    yield f"  SMPTESYNC 0 {float(session.rate):.6f} 100 40 1000 300 0 0 1 0 0"
    yield "  LOOP 0"
    # a project for picture keeps time: cut markers and video stay when somebody edits the tempo
    yield f"  TIMELOCKMODE {TIMEBASE_TIME}"
    yield f"  TEMPOENVLOCKMODE {TIMEBASE_TIME}"
    yield "  SAMPLERATE 48000 0 0"
    yield f"  TEMPO {_number(first.bpm)} {first.numerator} {first.denominator} 0"
    yield "  PLAYRATE 1 0 0.25 4"
    yield from _tempo_envelope(writer)
    yield from _markers(writer)
    yield "  <PROJBAY"
    yield "  >"
    for track in session.tracks:
        yield from _track(writer, track)
    if preview:
        yield from _preview_track(writer, preview)
    yield ">"


def _notes(session: Session) -> Iterator[str]:
    yield "  <NOTES 0 2"
    yield f"    |{_one_line(session.title)}, {session.start_timecode}, {rate_text(session.rate)} frames a second"
    yield f"    |v2m-bridge {session.writer}, score {session.identity}"
    for warning in session.warnings:
        yield f"    |{_one_line(warning)}"
    yield "  >"


def _frame_rate_flag(session: Session) -> int:
    """REAPER's second frame-rate field: 0 whole rates, 1 drop frame, 2 NTSC without drop frame."""
    if session.rate.denominator == 1:
        return 0
    return 1 if session.drop_frame else 2


def _tempo_envelope(writer: _Writer) -> Iterator[str]:
    yield "  <TEMPOENVEX"
    yield f"    EGUID {writer.guid('tempo')}"
    yield "    ACT 1 -1"
    yield "    VIS 1 0 1"
    yield "    LANEHEIGHT 0 0"
    yield "    ARM 0"
    yield "    DEFSHAPE 1 -1 -1"
    for point in writer.session.tempo:
        line = f"    PT {point.seconds:.12f} {point.bpm:.10f} {LINEAR if point.linear else SQUARE}"
        if point.numerator:
            line += f" {point.denominator * 65536 + point.numerator} 0 {SETS_METRE}"
        yield line
    yield "  >"


def _markers(writer: _Writer) -> Iterator[str]:
    session = writer.session
    for number, flags, name, timebase in LANES:
        yield f"  RULERLANE {number} {flags} {quoted(name)} 0 {timebase} 0"
    for number, marker in enumerate(session.markers, 1):
        color = CUSTOM_COLOR | _native(marker.color)
        guid = writer.guid("marker", number)
        yield f"  MARKER {number} {_number(marker.seconds)} {quoted(marker.name)} 0 {color} 1 B {guid} 0 {OUR_LANE}"
    color, guid = CUSTOM_COLOR | _native(CUE_COLOR), writer.guid("region")
    yield f"  MARKER 1 0 {quoted(session.title)} 1 {color} 1 B {guid} 0 {OUR_LANE}"
    yield f'  MARKER 1 {_number(session.duration_s)} "" 1'
    for number, region in enumerate(session.regions, 2):
        color, guid = CUSTOM_COLOR | _native(region.color), writer.guid("region", number)
        start = _number(region.start_s)
        yield f"  MARKER {number} {start} {quoted(region.name)} 1 {color} 1 B {guid} 0 {FORM_LANE}"
        yield f'  MARKER {number} {_number(region.end_s)} "" 1'


def _track(writer: _Writer, track: SessionTrack) -> Iterator[str]:
    timebase = TIMEBASE_TIME if track.kind == TrackKind.VIDEO else TIMEBASE_BEATS
    yield from _track_head(writer, track.key, track.name, track.color, timebase, sounds=bool(track.midi))
    if track.kind == TrackKind.CHORDS:
        yield "    TRACKHEIGHT 28 0 0 0 0 0"
    for number, video in enumerate(track.videos, 1):
        yield from _video_item(writer, video, number)
    for number, chord in enumerate(track.chords, 1):
        yield from _chord_item(writer, chord, number)
    for number, item in enumerate(track.midi, 1):
        yield from _midi_item(writer, track, item, number)
    yield "  >"


def _track_head(
    writer: _Writer, key: str, name: str, color: int, timebase: int, *, sounds: bool = False, muted: bool = False
) -> Iterator[str]:
    """A track up to its items; one that ``sounds`` has the synthesizer."""
    guid = writer.guid("track", key)
    yield f"  <TRACK {guid}"
    yield f"    NAME {quoted(name)}"
    yield f"    PEAKCOL {CUSTOM_COLOR | _native(color)}"
    yield f"    BEAT {timebase}"
    yield "    AUTOMODE 0"
    yield f"    VOLPAN {_number(SYNTH_VOLUME) if sounds else 1} 0 -1 -1 1"
    yield f"    MUTESOLO {int(muted)} 0 0"
    yield "    IPHASE 0"
    yield "    ISBUS 0 0"
    yield "    SEL 0"
    yield "    REC 0 0 0 0 0 0 0 0"
    yield "    NCHAN 2"
    yield "    FX 1"
    yield f"    TRACKID {guid}"
    yield "    PERF 0"
    yield "    MIDIOUT -1"
    yield "    MAINSEND 1 0"
    if sounds:
        yield "    <FXCHAIN"
        yield "      SHOW 0"
        yield "      LASTSEL 0"
        yield "      DOCKED 0"
        yield "      BYPASS 0 0 0"
        yield f"      {SYNTH}"
        yield "      >"
        yield f"      FXID {writer.guid('synth', key)}"
        yield "      WAK 0 0"
        yield "    >"


def _preview_track(writer: _Writer, preview: PreviewDocument) -> Iterator[str]:
    """The preview as one item: an alternative to the parts, muted."""
    yield from _track_head(writer, "preview", "PREVIEW", PREVIEW_COLOR, TIMEBASE_TIME, muted=True)
    yield from _item_head(writer, 0.0, preview.duration_s, "preview")
    yield f"      NAME {quoted(PREVIEW)}"
    yield "      VOLPAN 1 0 1 -1"
    yield "      SOFFS 0 0"
    yield "      PLAYRATE 1 1 0 -1 0 0.0025"
    yield "      CHANMODE 0"
    yield f"      GUID {writer.guid('take', 'preview')}"
    yield "      <SOURCE WAVE"
    yield f"        FILE {quoted(PREVIEW)}"
    yield "      >"
    yield "    >"
    yield "  >"


def _item_head(writer: _Writer, start_s: float, end_s: float, *names: object) -> Iterator[str]:
    yield "    <ITEM"
    yield f"      POSITION {_number(start_s)}"
    yield "      SNAPOFFS 0"
    yield f"      LENGTH {_number(end_s - start_s)}"
    yield "      LOOP 0"
    yield "      ALLTAKES 0"
    yield "      SEL 0"
    yield f"      IGUID {writer.guid('item', *names)}"


def _chord_item(writer: _Writer, chord: ChordItem, number: int) -> Iterator[str]:
    start_s, end_s = writer.seconds(chord.start_beat), writer.seconds(chord.end_beat)
    yield from _item_head(writer, start_s, end_s, "chord", number)
    yield f"      GROUP {CHORD_GROUP}"
    yield "      <NOTES"
    yield f"        |{_one_line(chord.symbol)}"
    yield "      >"
    yield "      IMGRESOURCEFLAGS 0"
    yield "    >"


def _video_item(writer: _Writer, video: VideoItem, number: int) -> Iterator[str]:
    yield from _item_head(writer, video.start_s, video.start_s + video.length_s, "video", number)
    yield f"      NAME {quoted(video.name)}"
    yield "      VOLPAN 1 0 1 -1"
    yield f"      SOFFS {_number(video.source_start_s)} 0"
    yield f"      PLAYRATE {_number(video.speed)} 0 0 -1 0 0.0025"
    yield "      CHANMODE 0"
    yield f"      GUID {writer.guid('take', 'video', number)}"
    yield "      <SOURCE VIDEO"
    yield f"        FILE {quoted(video.path)}"
    yield "      >"
    yield "    >"


def _midi_item(writer: _Writer, track: SessionTrack, item: MidiItem, number: int) -> Iterator[str]:
    name = (track.key, number)
    yield from _item_head(writer, writer.seconds(item.start_beat), writer.seconds(item.last_beat), *name)
    if item.texts:
        yield f"      GROUP {CHORD_GROUP}"
    yield f"      NAME {quoted(item.name)}"
    yield "      VOLPAN 1 0 1 -1"
    yield "      SOFFS 0 0"
    yield "      PLAYRATE 1 1 0 -1 0 0.0025"
    yield "      CHANMODE 0"
    yield f"      GUID {writer.guid('take', *name)}"
    yield "      <SOURCE MIDI"
    yield f"        HASDATA 1 {PPQ} QN"
    yield "        CCINTERP 32"
    yield f"        POOLEDEVTS {writer.guid('events', *name)}"
    yield from _events(item)
    yield f"        GUID {writer.guid('source', *name)}"
    yield "        IGNTEMPO 0 120 4 4"
    yield "      >"
    yield "    >"


def _events(item: MidiItem) -> Iterator[str]:
    """The item's events by tick; at one tick note ends come first, then text and controllers, then notes.

    All are on channel 1, to which instruments listen, and no program change switches their presets.
    """
    events: list[tuple[int, int, bytes]] = []
    for beat, text in item.texts:
        events.append((_tick(beat - item.start_beat), 1, bytes([0xFF, MIDI_MARKER]) + text.encode()))
    for beat, number, value in item.controls:
        events.append((_tick(beat - item.start_beat), 2, bytes([0xB0, number, value])))
    for start, length, pitch, velocity in item.notes:
        on, off = _tick(start - item.start_beat), _tick(start + length - item.start_beat)
        events.append((on, 3, bytes([0x90, pitch, velocity])))
        events.append((max(on + 1, off), 0, bytes([0x80, pitch, 0])))
    events.sort(key=lambda e: (e[0], e[1]))
    before = 0
    for tick, _, data in events:
        if data[0] == 0xFF:
            yield f"        <X {tick - before} 0 0 0 0 {data[1]} {quoted(data[2:].decode())}"
            yield f"          {base64.b64encode(data).decode()}"
            yield "        >"
        else:
            padded = data + b"\0" * (3 - len(data))
            yield f"        E {tick - before} {padded[0]:02x} {padded[1]:02x} {padded[2]:02x}"
        before = tick
    end = max(before, _tick(item.last_beat - item.start_beat))
    yield f"        E {end - before} b0 7b 00"


def _tick(beats: float) -> int:
    return max(0, round(beats * PPQ))


def _native(rgb: int) -> int:
    """Colours in project files are 0xBBGGRR as on Windows."""
    return (rgb & 0xFF) << 16 | rgb & 0xFF00 | rgb >> 16


def _number(value: float | Fraction) -> str:
    """Twelve decimals without trailing noughts, never an exponent."""
    text = f"{float(value):.12f}".rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text


def _one_line(text: str) -> str:
    return " ".join(text.split())


def quoted(text: str) -> str:
    """``text`` as one REAPER field: in ``"``, else ``'``, else ````` (which then becomes ``'`` inside)."""
    text = _one_line(text)
    for mark in "\"'`":
        if mark not in text:
            return f"{mark}{text}{mark}"
    return "`" + text.replace("`", "'") + "`"
