"""The plan of a REAPER session for a score: tempo points, markers, cue region, tracks, items.

The job file and the project file are both written from this plan, so that they cannot differ.
Seconds and beats (quarter notes) count from the start of the timeline; the host adds where the cue stands.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction

from v2m_bridge.errors import HostError
from v2m_bridge.music.arrangement import Part
from v2m_bridge.reaper.item_sections import divide_part, section_edges
from v2m_bridge.score.cue_facts import cue_title, cut_name
from v2m_bridge.score.model import ChordDocument, Score
from v2m_bridge.score.performance import played_parts
from v2m_bridge.sync.document import TempoDocument
from v2m_bridge.timeline.model import Shot
from v2m_bridge.timing.rates import exact_rate, frame_to_seconds
from v2m_bridge.timing.tempo import TempoMap

CUT_COLOR = 0x4C9AFF
TRANSITION_COLOR = 0x8C7BFF
MARKER_COLOR = 0xFFB020
CUE_COLOR = 0x3FA36B
SECTION_COLOR = 0x7C8F5A
SPEECH_COLOR = 0xB07A3C
CHORD_COLOR = 0x6E8BA0
PART_COLORS = (0xC0573E, 0xD08A2E, 0x7A9E3F, 0x3E8E9E, 0x5B6FC0, 0x9A5FB0)

BEAT_TOLERANCE = 1e-6
"""Beats by which a tempo row may differ from the integral of the rows before it."""

CHORD_ROLE = "chords"
MIDI_MARKER = 6
"""Meta event type *marker*: REAPER shows it in the MIDI editor and chord tools read it."""


class Thing(StrEnum):
    """What an import can be limited to."""

    TEMPO = "tempo"
    MARKERS = "markers"
    CHORDS = "chords"
    PARTS = "parts"


@dataclass(frozen=True)
class ImportWish:
    """What REAPER's script is to do with a job.

    Attributes:
        only: what to import; empty: everything.
        take_new: replace also what the user locked, renamed, moved or edited.
    """

    only: tuple[Thing, ...] = ()
    take_new: bool = False


EVERYTHING = ImportWish()


class TrackKind(StrEnum):
    """What a track of ours holds."""

    VIDEO = "video"
    CHORDS = "chords"
    PART = "part"


@dataclass(frozen=True)
class SessionTempo:
    """One tempo point; numerator and denominator are 0 where the metre before it goes on."""

    seconds: float
    beat: float
    bpm: float
    numerator: int
    denominator: int
    linear: bool


@dataclass(frozen=True)
class SessionMarker:
    """A marker at ``seconds``; ``kind`` is ``cut`` or ``marker``, ``color`` 0xRRGGBB."""

    seconds: float
    kind: str
    color: int
    name: str


@dataclass(frozen=True)
class SessionRegion:
    """A stretch of the film with a name: a section, or speech; ``color`` 0xRRGGBB."""

    start_s: float
    end_s: float
    color: int
    name: str


@dataclass(frozen=True)
class VideoItem:
    """A piece of picture: ``speed`` media seconds a timeline second, always above 0."""

    start_s: float
    length_s: float
    source_start_s: float
    speed: float
    path: str
    name: str


@dataclass(frozen=True)
class ChordItem:
    """An empty item that shows a chord symbol over ``[start_beat, end_beat)``."""

    start_beat: float
    end_beat: float
    symbol: str


@dataclass(frozen=True)
class MidiItem:
    """One MIDI item: notes (start, length, pitch, velocity), controls (beat, number, value), texts (beat, text).

    It plays what begins in ``[start_beat, end_beat)``; its last notes may ring on behind that (:attr:`last_beat`).
    """

    start_beat: float
    end_beat: float
    name: str
    channel: int
    program: int
    notes: tuple[tuple[float, float, int, int], ...]
    controls: tuple[tuple[float, int, int], ...]
    texts: tuple[tuple[float, str], ...]

    @property
    def last_beat(self) -> float:
        """End of the item or of its last note, whichever is later."""
        return max([self.end_beat, *(start + length for start, length, _, _ in self.notes)])


@dataclass(frozen=True)
class SessionTrack:
    """``key`` names the track across imports; exactly the items of its kind are filled."""

    key: str
    kind: TrackKind
    name: str
    color: int
    videos: tuple[VideoItem, ...] = ()
    chords: tuple[ChordItem, ...] = ()
    midi: tuple[MidiItem, ...] = ()


@dataclass(frozen=True)
class Session:
    """A whole cue. ``identity`` is a digest of the content, so equal scores give equal files.

    Attributes:
        regions: sections and speech; the project file has them, the job file does not.
        wish: what an import is to do with the job.
        offset_s: real seconds of the timeline's first frame as the ruler should show it (start frame / rate).
    """

    identity: str
    title: str
    writer: str
    rate: Fraction
    drop_frame: bool
    start_frame: int
    start_timecode: str
    offset_s: float
    duration_s: float
    end_beat: float
    tempo: tuple[SessionTempo, ...]
    markers: tuple[SessionMarker, ...]
    tracks: tuple[SessionTrack, ...]
    warnings: tuple[str, ...]
    regions: tuple[SessionRegion, ...] = ()
    wish: ImportWish = EVERYTHING


def plan_session(score: Score) -> Session:
    """Lay ``score`` out for REAPER.

    Raises:
        HostError: its tempo rows contradict each other, so that no host could follow them.
    """
    timeline = score.timeline
    rate = exact_rate(timeline.rate)
    tempo = _tempo(score.fit.tempo)
    duration_s = float(frame_to_seconds(timeline.duration_frames, rate))
    videos, warnings = _videos(timeline.shots, rate)
    tracks = [SessionTrack("video", TrackKind.VIDEO, "PICTURE", CUE_COLOR, videos=videos)] if videos else []
    if score.chords:
        chords = tuple(ChordItem(c.start_beat, c.end_beat, _ascii(c.symbol)) for c in score.chords)
        tracks.append(SessionTrack("chords", TrackKind.CHORDS, "CHORDS", CHORD_COLOR, chords=chords))
    tracks += _part_tracks(score)
    return Session(
        identity=hashlib.sha256(score.model_dump_json(by_alias=True).encode()).hexdigest()[:16],
        title=cue_title(score),
        writer=score.version,
        rate=rate,
        drop_frame=timeline.drop_frame,
        start_frame=timeline.start_frame,
        start_timecode=timeline.start_timecode,
        offset_s=float(frame_to_seconds(timeline.start_frame, rate)),
        duration_s=duration_s,
        end_beat=score.fit.end_beat,
        tempo=tempo,
        markers=tuple(_markers(score, rate)),
        tracks=tuple(tracks),
        warnings=(*score.warnings, *warnings),
        regions=tuple(_regions(score)),
    )


def session_tempo_map(session: Session) -> TempoMap:
    """The tempo map that REAPER builds from the session's points (seconds and BPM only)."""
    return TempoMap.from_seconds([(t.seconds, t.bpm, t.linear) for t in session.tempo])


def _tempo(rows: Sequence[TempoDocument]) -> tuple[SessionTempo, ...]:
    """Points whose tempo is exactly what the rows' beats ask for, metre only where it changes."""
    if not rows:
        raise HostError("the score has no tempo map")
    points = []
    metre = (0, 0)
    for row, after in itertools.zip_longest(rows, rows[1:]):
        bpm = row.bpm
        if after is not None and not row.linear and after.seconds > row.seconds:
            exact = 60 * (after.beat - row.beat) / (after.seconds - row.seconds)
            # a rounded tempo would let the beats drift; one that is plainly another is caught below
            bpm = exact if abs(exact - bpm) < 1e-3 * bpm else bpm
        here = (row.numerator, row.denominator)
        numerator, denominator = here if here != metre else (0, 0)
        metre = here
        points.append(SessionTempo(row.seconds, row.beat, bpm, numerator, denominator, row.linear))
    built = TempoMap.from_seconds([(p.seconds, p.bpm, p.linear) for p in points])
    for planned, got in zip(points, built.points, strict=True):
        if abs(planned.beat - got.beat) > BEAT_TOLERANCE:
            raise HostError(
                f"the score's tempo row at {planned.seconds:.3f} s says beat {planned.beat:.6f}, "
                f"but the tempi before it lead to {got.beat:.6f}",
                "score the timeline again",
            )
    return tuple(points)


def _markers(score: Score, rate: Fraction) -> Iterator[SessionMarker]:
    found: list[SessionMarker] = []
    for number, cut in enumerate(score.timeline.cuts, 1):
        color = CUT_COLOR if cut.kind == "cut" else TRANSITION_COLOR
        found.append(SessionMarker(float(frame_to_seconds(cut.frame, rate)), "cut", color, cut_name(cut.kind, number)))
    for marker in score.timeline.markers:
        name = marker.name if not marker.note or marker.note == marker.name else f"{marker.name}: {marker.note}"
        name = name.strip(": ") or "marker"
        found.append(SessionMarker(float(frame_to_seconds(marker.frame, rate)), "marker", MARKER_COLOR, name))
    return iter(sorted(found, key=lambda m: m.seconds))


def _regions(score: Score) -> Iterator[SessionRegion]:
    """The sections, named by label and mood, then speech."""
    for section in score.sections:
        name = f"{section.label} {section.mood}" if section.mood else section.label
        yield SessionRegion(section.start_s, section.end_s, SECTION_COLOR, name)
    for start_s, end_s in score.speech:
        yield SessionRegion(start_s, end_s, SPEECH_COLOR, "speech")


def _videos(shots: Sequence[Shot], rate: Fraction) -> tuple[tuple[VideoItem, ...], list[str]]:
    """Shots with media, neighbours that run on in the same file joined to one item."""
    items: list[VideoItem] = []
    skipped = {"offline": 0, "backwards or frozen": 0}
    for shot in shots:
        if shot.media is None:
            continue
        if not shot.media_online or shot.speed <= 0:
            skipped["backwards or frozen" if shot.media_online else "offline"] += 1
            continue
        start_s = float(frame_to_seconds(shot.start_frame, rate))
        length_s = float(frame_to_seconds(shot.end_frame - shot.start_frame, rate))
        source_s = shot.source_start_s + shot.picture_start_s
        item = VideoItem(start_s, length_s, source_s, shot.speed, shot.media, shot.name or "picture")
        if items and _runs_on(items[-1], item, float(1 / rate)):
            item = _joined(items.pop(), item)
        items.append(item)
    warnings = [f"{n} shots left out of the picture track: media {why}" for why, n in skipped.items() if n]
    return tuple(items), warnings


def _runs_on(before: VideoItem, after: VideoItem, frame_s: float) -> bool:
    same = (before.path, before.speed) == (after.path, after.speed)
    gap_s = after.start_s - (before.start_s + before.length_s)
    source_gap_s = after.source_start_s - (before.source_start_s + before.length_s * before.speed)
    return same and abs(gap_s) < frame_s / 10 and abs(source_gap_s) < frame_s / 2


def _joined(before: VideoItem, after: VideoItem) -> VideoItem:
    length_s = after.start_s + after.length_s - before.start_s
    return VideoItem(before.start_s, length_s, before.source_start_s, before.speed, before.path, before.name)


def _part_tracks(score: Score) -> Iterator[SessionTrack]:
    """The parts; those of a cue with a number have tracks of their own, which carry it."""
    taken: set[str] = set()
    edges = section_edges(score)
    number = f"{score.options.cue.cue} " if score.options.cue.cue else ""
    for index, part in enumerate(played_parts(score)):
        key = base = f"{number}part:{part.role}:{part.name}"
        for again in itertools.count(2):
            if key not in taken:
                break
            key = f"{base}#{again}"
        taken.add(key)
        chords = score.chords if part.role == CHORD_ROLE else ()
        midi = tuple(_midi_items(part, chords, edges, score.fit.end_beat))
        yield SessionTrack(key, TrackKind.PART, number + part.name, PART_COLORS[index % len(PART_COLORS)], midi=midi)


def _midi_items(
    part: Part, chords: Sequence[ChordDocument], edges: Sequence[float], end_beat: float
) -> Iterator[MidiItem]:
    """The part's items by section; a chord part's items carry the chord names as well."""
    for section in divide_part(part, edges, end_beat, [chord.start_beat for chord in chords]):
        yield MidiItem(
            start_beat=section.start_beat,
            end_beat=section.end_beat,
            name=part.name,
            channel=part.channel,
            program=part.program,
            notes=section.notes,
            controls=section.controls,
            texts=tuple(
                (c.start_beat, _ascii(c.symbol))
                for c in chords
                if section.start_beat <= c.start_beat < section.end_beat
            ),
        )


def _ascii(symbol: str) -> str:
    """Chord names as every chord tool reads them: sharps and flats in ASCII."""
    return symbol.replace("♯", "#").replace("♭", "b").replace("♮", "").replace("°", "dim").replace("ø", "m7b5")
