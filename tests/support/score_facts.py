"""What each file of a score says, read back without the code that wrote it, in one common form."""

from __future__ import annotations

import csv
import itertools
import json
import re
import wave
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import mido
import rpp

from v2m_bridge.reaper.read_job import read_job
from v2m_bridge.reaper.session import TrackKind
from v2m_bridge.reaper.write_job import write_job
from v2m_bridge.reaper.write_rpp import write_rpp
from v2m_bridge.score.model import Score
from v2m_bridge.score.write_csv import write_cuesheet_csv
from v2m_bridge.score.write_cuesheet import write_cuesheet
from v2m_bridge.score.write_json import write_score
from v2m_bridge.score.write_midi import write_midi
from v2m_bridge.score.write_musicxml import write_musicxml
from v2m_bridge.sound.preview.write_preview import write_preview
from v2m_bridge.timing.tempo import TempoMap

CUT_KINDS = ("cut", "dissolve", "wipe", "fade")


@dataclass(frozen=True)
class FileFacts:
    """What a file says; times in seconds from the start of the film, in order. None: the format has no place for it."""

    title: str | None = None
    cuts: tuple[float, ...] | None = None
    markers: tuple[tuple[float, str], ...] | None = None
    chords: tuple[tuple[float, str], ...] | None = None
    tempo: tuple[tuple[float, float], ...] | None = None
    parts: tuple[str, ...] | None = None
    duration_s: float | None = None


@dataclass(frozen=True)
class ScoreWriter:
    """A writer, how its file is read back, and how exact the format is.

    Attributes:
        seconds: to which times agree.
        tempo: relative error of a tempo.
        frames: by how many frames more a cut or marker may lie beside its place, because it is put on the beat.
        shown: a name as the format can hold it.
    """

    name: str
    write: Callable[[Score, Path], object]
    read: Callable[[Path], FileFacts]
    seconds: float
    tempo: float = 1e-9
    frames: float = 0.0
    shown: Callable[[str], str] = str


def read_json(path: Path) -> FileFacts:
    """``score.json``, as any JSON reader sees it."""
    data = json.loads(path.read_text(encoding="utf-8"))
    timeline = data["timeline"]
    rate = Fraction(timeline["rate"])
    return FileFacts(
        title=timeline["name"],
        cuts=tuple(cut["seconds"] for cut in timeline["cuts"]),
        markers=tuple((float(marker["frame"] / rate), marker["name"]) for marker in timeline["markers"]),
        chords=tuple((chord["start_s"], chord["symbol"]) for chord in data["chords"]),
        tempo=tuple((row["seconds"], row["bpm"]) for row in data["fit"]["tempo"]),
        parts=tuple(part["name"] for part in data["parts"]),
        duration_s=float(timeline["duration_frames"] / rate),
    )


def read_midi(path: Path) -> FileFacts:
    """``score.mid``: every event at the seconds that the file's own tempo events give."""
    file = mido.MidiFile(str(path), charset="utf-8")
    tempi = [(tick, message.tempo) for tick, message in _ticked(file.tracks[0]) if message.type == "set_tempo"]

    def seconds(tick: int) -> float:
        total, before, tempo = 0, 0, tempi[0][1]
        for at, following in tempi:
            if at > tick:
                break
            total, before, tempo = total + (at - before) * tempo, at, following
        return (total + (tick - before) * tempo) / (file.ticks_per_beat * 1e6)

    marks = [(seconds(tick), message.text) for tick, message in _ticked(file.tracks[0]) if message.type == "marker"]
    texts = [(seconds(tick), message.text) for tick, message in _ticked(file.tracks[1]) if message.type == "text"]
    cut_name = re.compile(rf"({'|'.join(CUT_KINDS)}) \d+")
    return FileFacts(
        title=file.tracks[0].name,
        cuts=tuple(at for at, text in marks if cut_name.fullmatch(text)),
        markers=tuple((at, text) for at, text in marks if not cut_name.fullmatch(text)),
        chords=tuple(texts),
        tempo=tuple((seconds(tick), 60e6 / tempo) for tick, tempo in tempi),
        parts=tuple(track.name for track in file.tracks[2:]),
    )


def _ticked(track: Any) -> Iterator[tuple[int, Any]]:
    tick = 0
    for message in track:
        tick += message.time
        yield tick, message


def read_musicxml(path: Path) -> FileFacts:
    """``score.musicxml``: what stands above the first part, at the seconds of the sheet's own tempo marks."""
    root = ElementTree.parse(path).getroot()
    part = root.find("part")
    assert part is not None
    marks = sorted(_placed(part), key=lambda mark: mark[0])
    tempi = [(beat, float(sound.attrib["tempo"])) for beat, e in marks if (sound := e.find("sound")) is not None]
    tempo = TempoMap.from_seconds(_seconds_of(tempi))

    def texts(kind: str) -> list[tuple[float, str]]:
        found = [(beat, e.find(f"direction-type/{kind}")) for beat, e in marks if e.tag == "direction"]
        return [(tempo.seconds_at(beat), e.text or "") for beat, e in found if e is not None]

    return FileFacts(
        title=root.findtext("work/work-title"),
        cuts=tuple(at for at, _ in texts("rehearsal")),
        markers=tuple(texts("words")),
        chords=tuple((tempo.seconds_at(beat), _symbol(e)) for beat, e in marks if e.tag == "harmony"),
        tempo=tuple((point.seconds, point.bpm) for point in tempo.points),
        parts=tuple(e.text or "" for e in root.findall("part-list/score-part/part-name")),
    )


def _placed(part: ElementTree.Element) -> Iterator[tuple[float, ElementTree.Element]]:
    """Directions and chord symbols with their beats."""
    divisions, start = 1, 0
    for measure in part.findall("measure"):
        at = last = start
        for child in measure:
            divisions = int(child.findtext("divisions") or divisions)
            steps = int(child.findtext("duration") or 0)
            if child.tag in ("direction", "harmony"):
                yield at / divisions, child
            elif child.find("chord") is None:
                at += -steps if child.tag == "backup" else steps
            last = max(last, at)
        start = last


def _seconds_of(tempi: list[tuple[float, float]]) -> list[tuple[float, float, bool]]:
    """Tempo marks by beat as points by second; of two on one step of the grid the later counts."""
    kept = [row for row, after in itertools.zip_longest(tempi, tempi[1:]) if after is None or after[0] > row[0]]
    points, seconds = [], 0.0
    for index, (beat, bpm) in enumerate(kept):
        if index:
            seconds += (beat - kept[index - 1][0]) * 60 / kept[index - 1][1]
        points.append((seconds, bpm, False))
    return points


def _symbol(harmony: ElementTree.Element) -> str:
    kind = harmony.find("kind")
    assert kind is not None
    if kind.text == "none":
        return kind.attrib["text"]
    alter = {"1": "#", "-1": "b", None: ""}[harmony.findtext("root/root-alter")]
    return f"{harmony.findtext('root/root-step')}{alter}{kind.attrib['text']}"


def read_csv(path: Path) -> FileFacts:
    """``cuesheet.csv``."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))

    def of(*kinds: str) -> list[dict[str, str]]:
        return [row for row in rows if row["kind"] in kinds]

    return FileFacts(
        cuts=tuple(float(row["seconds"]) for row in of(*CUT_KINDS)),
        markers=tuple((float(row["seconds"]), row["name"]) for row in of("marker")),
        chords=tuple((float(row["seconds"]), row["name"]) for row in of("chord")),
        tempo=tuple((float(row["seconds"]), float(row["value"])) for row in of("tempo")),
        parts=tuple(dict.fromkeys(row["name"] for row in of("note"))),
    )


def read_cuesheet(path: Path) -> FileFacts:
    """``cuesheet.html``: the data that the page draws and plays."""
    page = path.read_text(encoding="utf-8")
    found = re.search(r'<script type="application/json" id="score">(.*?)</script>', page, re.DOTALL)
    title = re.search(r"<h1[^>]*>(.*?)</h1>", page, re.DOTALL)
    assert found and title
    data = json.loads(found[1])
    return FileFacts(
        title=_unescaped(title[1]),
        cuts=tuple(event[0] for event in data["events"] if event[1] in CUT_KINDS),
        markers=tuple((event[0], event[4]) for event in data["events"] if event[1] == "marker"),
        chords=tuple((chord[0], chord[2]) for chord in data["chords"]),
        tempo=tuple((row[0], row[1]) for row in data["tempo"]),
        parts=tuple(part["name"] for part in data["parts"]),
        duration_s=data["duration"],
    )


def _unescaped(text: str) -> str:
    import html

    return html.unescape(text)


def read_v2m(path: Path) -> FileFacts:
    """``score.v2m``: chords stand on beats, which the job's own tempo points turn into seconds."""
    session = read_job(path)
    tempo = TempoMap.from_seconds([(row.seconds, row.bpm, row.linear) for row in session.tempo])
    return FileFacts(
        title=session.title,
        cuts=tuple(marker.seconds for marker in session.markers if marker.kind == "cut"),
        markers=tuple((marker.seconds, marker.name) for marker in session.markers if marker.kind == "marker"),
        chords=tuple(
            (tempo.seconds_at(chord.start_beat), chord.symbol) for track in session.tracks for chord in track.chords
        ),
        tempo=tuple((row.seconds, row.bpm) for row in session.tempo),
        parts=tuple(track.name for track in session.tracks if track.kind is TrackKind.PART),
        duration_s=session.duration_s,
    )


def read_rpp(path: Path) -> FileFacts:
    """``score.rpp``, by an independent parser."""
    project = rpp.loads(path.read_text(encoding="utf-8"))
    lines = [child for child in project if isinstance(child, list)]
    marks = [line for line in lines if line[0] == "MARKER" and line[4] == "0"]
    region, end = (line for line in lines if line[0] == "MARKER" and line[4] == "1")
    cut_name = re.compile(rf"({'|'.join(CUT_KINDS)}) \d+")
    points = [point for point in project.find("TEMPOENVEX") if isinstance(point, list) and point[0] == "PT"]
    tracks = [(next(line[1] for line in track if line[0] == "NAME"), track) for track in project.findall("TRACK")]
    items = [item for name, track in tracks if name == "CHORDS" for item in track.findall("ITEM")]
    return FileFacts(
        title=region[3],
        cuts=tuple(float(mark[2]) for mark in marks if cut_name.fullmatch(mark[3])),
        markers=tuple((float(mark[2]), mark[3]) for mark in marks if not cut_name.fullmatch(mark[3])),
        chords=tuple(
            (next(float(line[1]) for line in item if line[0] == "POSITION"), item.find("NOTES").children[0][1:])
            for item in items
        ),
        tempo=tuple((float(point[1]), float(point[2])) for point in points),
        parts=tuple(name for name, track in tracks if name not in ("CHORDS", "PICTURE")),
        duration_s=float(end[2]),
    )


def read_preview(path: Path) -> FileFacts:
    """``preview.wav`` is sound: only its length can be told from it."""
    with wave.open(str(path)) as file:
        return FileFacts(duration_s=file.getnframes() / file.getframerate())


def rpp_name(name: str) -> str:
    """A name in REAPER's project file: one line, and an accent becomes an apostrophe where all three quotes occur."""
    line = " ".join(name.split())
    return line.replace("`", "'") if all(mark in line for mark in "\"'`") else line


WRITERS = (
    ScoreWriter("score.json", write_score, read_json, 1e-9),
    # Landed cuts stand on the beat, half a frame off at most. Tempo events are whole microseconds on whole ticks, and
    # each makes up for what the ones before it lost.
    # A chord's name stands a tick behind it.
    ScoreWriter("score.mid", write_midi, read_midi, 4e-3, tempo=2e-4),
    # Written on sixteenths, to the nearest of them.
    ScoreWriter("score.musicxml", write_musicxml, read_musicxml, 0.3, tempo=1e-6),
    ScoreWriter("cuesheet.csv", write_cuesheet_csv, read_csv, 1e-6, tempo=1e-7),
    ScoreWriter("cuesheet.html", write_cuesheet, read_cuesheet, 1e-5, tempo=2e-5),
    ScoreWriter("score.v2m", write_job, read_v2m, 1e-6, tempo=1e-6),
    ScoreWriter("score.rpp", write_rpp, read_rpp, 1e-6, tempo=1e-6, shown=rpp_name),
    ScoreWriter("preview.wav", lambda s, path: write_preview(s, path, built_in=True), read_preview, 1 / 48000),
)
