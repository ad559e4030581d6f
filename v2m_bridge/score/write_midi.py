"""The score as a Standard MIDI File: format 1, 480 ticks a quarter, tempo, metre, markers, chord text, named tracks."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from v2m_bridge.music.arrangement import Part
from v2m_bridge.music.chords import QUALITIES, parse_label
from v2m_bridge.music.keys import Key, parse_key
from v2m_bridge.score.cue_facts import cue_title, cut_name
from v2m_bridge.score.model import ChordDocument, Score
from v2m_bridge.score.performance import played_parts
from v2m_bridge.sync.document import tempo_map_from_document
from v2m_bridge.timing.rates import exact_rate, frame_to_seconds
from v2m_bridge.timing.smf import smf_tempo
from v2m_bridge.timing.timecode import format_timecode, nominal_fps

if TYPE_CHECKING:
    import mido


# Order of events at one tick: set-up first, and notes end before new ones begin.
_ORDER = {
    "track_name": 0,
    "smpte_offset": 0,
    "time_signature": 1,
    "key_signature": 1,
    "set_tempo": 2,
    "program_change": 3,
    "note_off": 4,
    "control_change": 5,
    "marker": 6,
    "text": 6,
    "sequencer_specific": 6,
    "note_on": 7,
}


XF_CHORD = (0x43, 0x7B, 0x01)
FILE_PPQ = 480
"""Ticks per quarter note: MuseScore reads the ticks of chord events as if every file had this many."""

EARLY_TICKS = 16
"""By how much a note may be played before the beat that it is written on: 12 ms at 160 beats a minute."""

XF_NONE, XF_NO_CHORD = 0x7F, 34
XF_TYPES = {
    "maj": 0,
    "maj6": 1,
    "maj7": 2,
    "aug": 7,
    "min": 8,
    "min6": 9,
    "min7": 10,
    "hdim7": 11,
    "dim": 17,
    "dim7": 18,
    "7": 19,
    "sus4": 32,
    "sus2": 33,
}
"""Harte quality -> chord type of Yamaha's XF format, by which arrangers and MuseScore read chords."""


def write_midi(score: Score, path: Path) -> None:
    """Write ``score`` to ``path``; the file's own tempo events reproduce the score's seconds.

    Track 1 is the conductor (SMPTE offset, tempo, metre, key, markers on the frames of cuts and of the edit's markers),
    track 2 carries the chord symbols as text events and as XF chord events, then one track a part.
    """
    import mido

    file = mido.MidiFile(type=1, ticks_per_beat=FILE_PPQ, charset="utf-8")
    end = _end_tick(score)
    file.tracks.append(_track(_conductor(score), end))
    file.tracks.append(_track(_chord_text(score), end))
    for part in played_parts(score):
        file.tracks.append(_track(_part(part), end))
    file.save(str(path))


def tick_at(beat: float) -> int:
    """Nearest tick of a beat (quarter note)."""
    return round(beat * FILE_PPQ)


def _end_tick(score: Score) -> int:
    last_note = max((n[0] + n[1] for p in score.parts for n in p.notes), default=0.0)
    return tick_at(max(score.fit.end_beat, last_note))


def _conductor(score: Score) -> list[tuple[int, mido.MetaMessage]]:
    import mido

    tempo_map = tempo_map_from_document(score.fit)
    events = [
        (0, mido.MetaMessage("track_name", name=cue_title(score))),
        (0, _smpte_offset(score)),
    ]
    events += [
        (tick_at(m.beat), mido.MetaMessage("time_signature", numerator=m.numerator, denominator=m.denominator))
        for m in tempo_map.metres
    ]
    events.append((0, mido.MetaMessage("key_signature", key=parse_key(score.key).midi_name)))
    events += [
        (event.tick, mido.MetaMessage("set_tempo", tempo=event.microseconds_per_quarter))
        for event in smf_tempo(tempo_map, _end_tick(score) / FILE_PPQ, FILE_PPQ)
    ]
    rate = exact_rate(score.timeline.rate)
    for number, cut in enumerate(score.timeline.cuts, 1):
        beat = tempo_map.beat_at(float(frame_to_seconds(cut.frame, rate)))
        events.append((tick_at(beat), mido.MetaMessage("marker", text=cut_name(cut.kind, number))))
    for marker in score.timeline.markers:
        beat = tempo_map.beat_at(float(frame_to_seconds(marker.frame, rate)))
        text = f"{marker.name}: {marker.note}" if marker.note else marker.name or "Marker"
        events.append((tick_at(max(0.0, beat)), mido.MetaMessage("marker", text=text)))
    return events


def _smpte_offset(score: Score) -> mido.MetaMessage:
    """The timecode of the first frame (``FF 54``), by which other programs place the file in picture.

    The format knows 24, 25, 29.97 drop and 30: a rate of twice as many frames counts its odd frames as half ones.
    """
    import mido

    timeline = score.timeline
    rate = exact_rate(timeline.rate)
    fps = nominal_fps(rate)
    hours, minutes, seconds, frames = (
        int(field)
        for field in format_timecode(timeline.start_frame, rate, timeline.drop_frame).replace(";", ":").split(":")
    )
    shown = next(n for n in (24, 25, 30, fps) if fps % n == 0)
    frame, rest = divmod(frames * shown, fps)
    return mido.MetaMessage(
        "smpte_offset",
        frame_rate=29.97 if timeline.drop_frame else min(shown, 30),
        hours=hours % 24,
        minutes=minutes,
        seconds=seconds,
        frames=frame,
        sub_frames=rest * 100 // fps,
    )


def _chord_text(score: Score) -> list[tuple[int, mido.MetaMessage]]:
    import mido

    key = parse_key(score.key)
    events = [(0, mido.MetaMessage("track_name", name="CHORDS"))]
    onsets = sorted({tick_at(note.start_beat) for part in played_parts(score) for note in part.notes})
    for chord in score.chords:
        tick = tick_at(chord.start_beat)
        events.append((_without_onset(onsets, tick), mido.MetaMessage("text", text=chord.symbol)))
        shown = _first_onset(onsets, tick, tick_at(chord.end_beat))
        events.append((shown, mido.MetaMessage("sequencer_specific", data=xf_chord(chord, key))))
    return events


def _without_onset(onsets: Sequence[int], tick: int) -> int:
    """``tick`` or the next one at which no note begins: a text where one does becomes its lyric in MuseScore."""
    index = bisect_left(onsets, tick)
    while index < len(onsets) and onsets[index] == tick:
        index, tick = index + 1, tick + 1
    return tick


def _first_onset(onsets: Sequence[int], tick: int, end: int) -> int:
    """The first tick of a chord at which a note begins: MuseScore shows no chord symbol where none does."""
    index = bisect_left(onsets, max(0, tick - EARLY_TICKS))
    return onsets[index] if index < len(onsets) and onsets[index] < end else tick


def xf_chord(document: ChordDocument, key: Key) -> tuple[int, ...]:
    """Data of a Yamaha XF chord event (``FF 7F``): notation programs show it as a chord symbol.

    Root (accidental in the high half, 3 a natural; letter in the low one, C is 1), type, and no bass of its own.
    """
    chord = parse_label(document.label)
    if chord.root is None or chord.quality is None:
        return (*XF_CHORD, 0x31, XF_NO_CHORD, XF_NONE, XF_NONE)
    quality = QUALITIES[chord.quality].harte
    name = key.spell(chord.root, quality)
    root = (3 + name.count("#") - name.count("b")) << 4 | "CDEFGAB".index(name[0]) + 1
    return (*XF_CHORD, root, XF_TYPES[quality], XF_NONE, XF_NONE)


def _part(part: Part) -> list[tuple[int, mido.Message | mido.MetaMessage]]:
    import mido

    channel = part.channel
    events: list[tuple[int, mido.Message | mido.MetaMessage]] = [
        (0, mido.MetaMessage("track_name", name=part.name)),
        (0, mido.Message("program_change", channel=channel, program=part.program)),
    ]
    for beat, number, value in part.controls:
        events.append((tick_at(beat), mido.Message("control_change", channel=channel, control=number, value=value)))
    for start, length, pitch, velocity in part.notes:
        on = tick_at(start)
        off = max(on + 1, tick_at(start + length))
        events.append((on, mido.Message("note_on", channel=channel, note=pitch, velocity=velocity)))
        events.append((off, mido.Message("note_off", channel=channel, note=pitch, velocity=0)))
    return events


def _track(events: list[tuple[int, mido.Message | mido.MetaMessage]], end_tick: int) -> mido.MidiTrack:
    import mido

    ordered = sorted(events, key=lambda event: (event[0], _ORDER[event[1].type]))
    track = mido.MidiTrack()
    now = 0
    for tick, message in ordered:
        track.append(message.copy(time=tick - now))
        now = tick
    track.append(mido.MetaMessage("end_of_track", time=max(0, end_tick - now)))
    return track
